"""Passwords that Eden kept in clear text: encrypted when the module takes over, in clear text again when it leaves."""
from __future__ import annotations

import logging
import threading
from typing import Any, Mapping

from ..database import Database
from ..errors import SecretError
from ..secrets import HASHED, TYPE_AGAIN, Vault
from ..tables.eden import utcnow

logger = logging.getLogger("s3sync")

#: columns of `sync_repository` that hold a secret
COLUMNS = ("password", "client_secret")

_seen: set[str] = set()
_lock = threading.Lock()


def encrypt_all(db: Any, vault: Vault) -> int:
    """Encrypt what is still in clear text, log what was hashed, and commit; the number of values changed.

    Looks once in each process and database.
    """
    key = f"{db._uri} {vault.path}"
    with _lock:
        if key in _seen:
            return 0
        count = _encrypt(db, vault)
        _seen.add(key)
    return count


def _encrypt(db: Any, vault: Vault) -> int:
    table, count = db.sync_repository, 0
    for row in db(table.id > 0).select(table.id, table.name, table.deleted, *[table[name] for name in COLUMNS]):
        if not row.deleted and any(str(row[name] or "").startswith(HASHED) for name in COLUMNS):
            count += _tell(db, row)
        values = {name: vault.encrypt(row[name]) for name in COLUMNS if _in_clear(row[name])}
        if values:
            _store(db, row.id, values)
            count += len(values)
    if count:
        db.commit()
        logger.info("%d stored passwords of repositories looked after, with the key %s", count, vault.path)
    return count


def _store(db: Any, number: int, values: Mapping[str, str | None]) -> None:
    """This is no edit of the repository: its times and authors stay, which pyDAL would bring up to date."""
    Database(db).update("sync_repository", list(values), [(*values.values(), number)])


def _tell(db: Any, row: Any) -> int:
    """Write into the log, once, that a password is worth nothing: Eden on a newer pyDAL has stored a hash of it."""
    log, message = db.sync_log, f"The password of {row.name} was stored as a hash, which cannot be sent. {TYPE_AGAIN}"
    if not db((log.repository_id == row.id) & (log.message == message)).isempty():
        return 0
    log.insert(timestmp=utcnow(), repository_id=row.id, mode="none/none", action="check", result="error", remote=False,
               message=message)
    return 1


def _in_clear(stored: str | None) -> bool:
    return bool(stored) and not Vault.is_encrypted(stored) and not str(stored).startswith(HASHED)


def decrypt_all(db: Any, vault: Vault) -> tuple[int, list[str]]:
    """Turn encrypted values back, for Eden's own module, and commit.

    Returns their number, and the names of repositories whose passwords could not be: they stay as they are.
    """
    table, count, lost = db.sync_repository, 0, []
    for row in db(table.id > 0).select(table.id, table.name, *[table[name] for name in COLUMNS]):
        for name in COLUMNS:
            if Vault.is_encrypted(row[name]):
                try:
                    _store(db, row.id, {name: vault.decrypt(row[name])})
                    count += 1
                except SecretError:
                    lost.append(str(row.name))
    db.commit()
    return count, sorted(set(lost))
