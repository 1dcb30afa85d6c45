"""With which account a peer comes: its UUID alone proves nothing.

Any user with the role for synchronization may send requests, and names a repository's UUID in them. Whoever could name another's
would be given what is meant for that one and could make this site believe that it has got it. So the first account that uses a
UUID keeps it. Several repositories may share an account; administrators, who may do everything, are let through and keep nothing.
"""
from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from ..engine import log
from ..engine.repository import Repository, by_uuid
from ..engine.site import Site
from ..errors import OtherAccount
from ..index.moment import to_datetime

COLUMNS = ("user_id", "first_on", "refused_id", "refused_on")

#: between two log entries about the same
QUIET = timedelta(days=1)

#: auth_user.registration_key of users who cannot log in
SHUT = ("blocked", "disabled", "pending")


class Account(NamedTuple):
    """Who uses a repository's UUID, by e-mail address; who tried besides, and when ("" and None: nobody)."""

    user: str
    first_on: datetime | None
    refused: str = ""
    refused_on: datetime | None = None


def check(site: Site, uuid: str, keep: bool = True) -> None:
    """Is it the account that has always used this UUID that uses it now? Raises OtherAccount, commits.

    `keep` is False where a first use shall not count.
    """
    if not site.settings.bind_accounts or not uuid:
        return
    user_id = site.host.user_id
    row = _row(site, uuid)
    if (row is not None and row[0] == user_id) or site.host.member():
        return
    if row is not None and _usable(site, row[0]):
        _refuse(site, uuid, row, user_id)
    repository = by_uuid(site.db.dal, uuid) if keep and user_id else None
    if repository is None:
        return
    site.db.upsert("sync_account", ("peer_uuid",), COLUMNS, [(uuid, user_id, _now(site), None, None)])
    site.db.commit()


def account(site: Site, repository: Repository) -> Account | None:
    """Who uses a repository's UUID; None as long as nobody has."""
    row = _row(site, repository.uuid)
    if row is None:
        return None
    return Account(_name(site, row[0]), to_datetime(row[1]), _name(site, row[2]) if row[2] else "", to_datetime(row[3]))


def forget(site: Site, repository: Repository) -> bool:
    """Let the account that comes next keep the UUID; False if nobody had it. The caller commits."""
    return site.db.execute('DELETE FROM "sync_account" WHERE "peer_uuid" = ?', [repository.uuid]) > 0


def _row(site: Site, uuid: str) -> tuple[int | None, object, int | None, object] | None:
    rows = site.db.rows(f'SELECT {", ".join(COLUMNS)} FROM "sync_account" WHERE "peer_uuid" = ?', [uuid])
    return (rows[0][0], rows[0][1], rows[0][2], rows[0][3]) if rows else None


def _usable(site: Site, user_id: int | None) -> bool:
    """Can the user still log in?"""
    column = '"registration_key"' if "registration_key" in site.db.dal.auth_user.fields else "''"
    rows = site.db.rows(f'SELECT {column} FROM "auth_user" WHERE "id" = ?', [user_id])
    return bool(rows) and (rows[0][0] or "") not in SHUT


def _refuse(site: Site, uuid: str, row: tuple[int | None, object, int | None, object], user_id: int | None) -> None:
    repository = by_uuid(site.db.dal, uuid)
    if repository is None:                        # was deleted: what prevents the caller is said elsewhere
        return
    before = to_datetime(row[3])
    if row[2] != user_id or before is None or before + QUIET <= site.now():
        site.db.execute('UPDATE "sync_account" SET "refused_id" = ?, "refused_on" = ? WHERE "peer_uuid" = ?',
                        [user_id, _now(site), uuid])
        log.write(site, repository.id, None, "login", "incoming", "check", "warning",
                  f"Refused: {_name(site, user_id)} has used the UUID of {repository.name}, which so far came as "
                  f"{_name(site, row[0])}. If the account was changed on purpose, check 'Let another account use it' in the "
                  "repository's configuration")
        site.db.commit()
    raise OtherAccount(hint="If the account was changed on purpose, the administrator of this site has to allow it, in the "
                       f"configuration of {repository.name}")


def _name(site: Site, user_id: int | None) -> str:
    return site.host.people([user_id]).get(user_id, f"user {user_id}") if user_id else "nobody"


def _now(site: Site) -> str:
    return site.now().isoformat(" ")[:19]
