"""Our tables and columns in a deployment that has switched migration off, as those in production do."""
from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import Any, Iterator

from pydal import DAL

from ..database import Database
from ..tables import define_tables
from ..tables.eden import TABLES

#: databases in which this process has found everything
_seen: set[str] = set()
_lock = threading.Lock()

#: tables of the deployment's that ours refer to
OTHERS = ("auth_user", "scheduler_task")


def lacking(db: Any) -> list[str]:
    """Names of our tables, and of Eden's that have columns of ours, that the database does not have as we define them."""
    scratch = DAL(None)
    define_tables(scratch, auth_user=False)
    database, found = Database(db), []
    for name in scratch.tables:
        if not name.startswith("sync_"):
            continue
        # with the table's name before it: SQLite takes a quoted name that is no column for a text
        columns = ", ".join(f'"{name}"."{field._rname.strip(chr(34))}"' for field in scratch[name])
        try:
            with database.savepoint():
                database.rows(f'SELECT {columns} FROM "{name}" WHERE 1 = 0')
        except database.driver_error:
            found.append(name)
    return found


@contextmanager
def provided(db: Any) -> Iterator[None]:
    """Tables defined within are created or extended in the database where something of ours is missing there.

    That happens at the first start after an installation or upgrade; otherwise it is as the deployment wants it.
    """
    key = f"{db._uri} {getattr(db._adapter, 'folder', '')}"
    with _lock:
        if db._migrate_enabled or key in _seen or not _worth_it(db):
            _seen.add(key)
            yield
            return
        for name in OTHERS:                   # whatever ours refer to is defined as the deployment wants it
            _ = db[name]
        db._migrate_enabled = True
        try:
            yield
            for name in [name for name in db.tables if name.startswith("sync_")]:
                _ = db[name]                  # pyDAL may have put it off until now
            db.commit()
        finally:
            db._migrate_enabled = False
        _seen.add(key)


def _worth_it(db: Any) -> bool:
    """Is something missing that is not defined yet in this request? What is defined cannot be changed any more."""
    return bool([name for name in lacking(db) if name not in db.tables or name not in TABLES])
