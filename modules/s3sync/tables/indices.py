"""The indices s3sync's own tables need, on SQLite, PostgreSQL and MySQL."""
from __future__ import annotations

import logging
import threading
from typing import Any

from . import own

logger = logging.getLogger(__name__)

#: databases whose indices this process has seen, so that a request costs nothing
_seen: set[tuple[str, str]] = set()
_lock = threading.Lock()

#: characters of an indexed text column. MySQL takes 3072 bytes for all columns of a key, four for each character.
_PREFIX = 191


def index_name(tablename: str, columns: tuple[str, ...]) -> str:
    """The name of an index; unique in a schema and short enough for PostgreSQL (63) and MySQL (64)."""
    return "_".join((tablename, *columns))[:56] + "__ix"


def _existing(db: Any) -> set[str] | None:
    """Names of all indices of this database, or None where its catalogue is unknown to us."""
    queries = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'index'",
        "postgres": "SELECT indexname FROM pg_indexes WHERE schemaname = ANY (current_schemas(false))",
        "mysql": "SELECT DISTINCT index_name FROM information_schema.statistics WHERE table_schema = DATABASE()",
    }
    query = queries.get(db._adapter.dbengine)
    return {str(row[0]) for row in db.executesql(query)} if query else None


def ensure_indices(db: Any) -> list[str]:
    """Create the indices of `own.INDICES` that are missing; returns the names of the new ones.

    Looks once per process and database (in-memory databases: every time). The tables must be defined. Commits before
    it creates anything: MySQL would do so in any case, and a failing CREATE INDEX must not take other work with it.
    """
    uri = str(db._uri)
    key = (uri, str(getattr(db._adapter, "folder", "")))
    if key in _seen:
        return []
    with _lock:
        created = _create(db)
        if "memory" not in uri:
            _seen.add(key)
    return created


def _create(db: Any) -> list[str]:
    wanted = {index_name(table, columns): (table, columns, unique) for table, columns, unique in own.INDICES}
    existing = _existing(db)
    missing = [name for name in wanted if existing is None or name not in existing]
    if not missing:
        return []
    db.commit()
    created = []
    quote = db._adapter.dialect.quote
    for name in missing:
        tablename, columns, unique = wanted[name]
        table = db[tablename]
        parts = [table[column]._rname + _key_length(db, table[column]) for column in columns]
        try:
            db.executesql(f"CREATE {'UNIQUE ' if unique else ''}INDEX {quote(name)} "
                          f"ON {table._rname} ({', '.join(parts)})")
            db.commit()
        except db._adapter.driver.DatabaseError as error:
            db.rollback()
            # another process may have been faster; where the catalogue is unknown it may have been there all the time
            if existing is not None and name not in (_existing(db) or ()):
                raise
            logger.debug("index %s was not created: %s", name, error)
        else:
            created.append(name)
    return created


def _key_length(db: Any, field: Any) -> str:
    """The length of a column within a key, where the database wants one."""
    long = field.type == "text" or (field.type == "string" and field.length > _PREFIX)
    if long and db._adapter.dbengine == "mysql":
        return f"({_PREFIX})"
    return ""
