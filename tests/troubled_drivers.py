"""Connections of each driver on which every statement and every commit is a step at which something may happen."""
from __future__ import annotations

import sqlite3
from typing import Any, Callable


def _text(sql: Any) -> str:
    """The beginning of a statement, which drivers put together from bytes as well."""
    return bytes(sql[:20]).decode("utf-8", "replace") if isinstance(sql, (bytes, bytearray)) else str(sql)


def sqlite(adapter: Any, trouble: Any) -> Callable[[], Any]:
    """Makes connections to SQLite. Durability is not what is tested: no fsync."""
    class Cursor(sqlite3.Cursor):
        def execute(self, sql: str, *args: Any) -> Any:
            trouble.statement(sql, self)
            return super().execute(sql, *args)

        def executemany(self, sql: str, *args: Any) -> Any:
            trouble.statement(sql, self)
            return super().executemany(sql, *args)

    class Connection(sqlite3.Connection):
        def cursor(self, factory: Any = Cursor) -> Any:
            return super().cursor(factory)

        def commit(self) -> None:
            trouble.step(None)
            super().commit()

    def connect() -> Any:
        found = sqlite3.connect(adapter.dbpath, detect_types=sqlite3.PARSE_DECLTYPES, check_same_thread=False, timeout=10,
                                factory=Connection)
        found.executescript("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY;")
        return found

    return connect


def postgres(adapter: Any, trouble: Any) -> Callable[[], Any]:
    """Makes connections to PostgreSQL."""
    import psycopg2
    from psycopg2.extensions import connection as plain_connection
    from psycopg2.extensions import cursor as plain_cursor

    class Cursor(plain_cursor):  # type: ignore[misc,valid-type]
        def execute(self, sql: Any, args: Any = None) -> Any:
            trouble.statement(_text(sql), self)
            return super().execute(sql, args)

    class Connection(plain_connection):  # type: ignore[misc,valid-type]
        def cursor(self, *args: Any, **more: Any) -> Any:
            more.setdefault("cursor_factory", Cursor)
            return super().cursor(*args, **more)

        def commit(self) -> None:
            trouble.step(None)
            super().commit()

    return lambda: psycopg2.connect(**{**adapter.driver_args, "connection_factory": Connection})


def mysql(adapter: Any, trouble: Any) -> Callable[[], Any]:
    """Makes connections to MariaDB."""
    import pymysql

    class Cursor(pymysql.cursors.Cursor):
        def execute(self, sql: Any, args: Any = None) -> Any:
            trouble.statement(_text(sql), self)
            return super().execute(sql, args)

    class Connection(pymysql.connections.Connection):  # type: ignore[type-arg]
        def commit(self) -> None:
            trouble.step(None)
            super().commit()

    return lambda: Connection(**{**adapter.driver_args, "cursorclass": Cursor})


CONNECTORS = {"sqlite": sqlite, "postgres": postgres, "mysql": mysql}


def refuse(kind: str, cursor: Any) -> None:
    """What the driver says when another transaction holds the lock: each database undoes as much as it then really does."""
    if kind == "sqlite":
        raise sqlite3.OperationalError("database is locked")
    if kind == "postgres":
        import psycopg2
        if cursor is not None:                # the transaction is over, as after a deadlock
            try:
                type(cursor).__mro__[1].execute(cursor, "SELECT 1 / 0")
            except psycopg2.Error:
                pass
        raise psycopg2.errors.DeadlockDetected("deadlock detected")
    import pymysql
    if cursor is not None:                    # the transaction is over, with all its savepoints
        type(cursor).__mro__[1].execute(cursor, "ROLLBACK")
    raise pymysql.err.OperationalError(1213, "Deadlock found when trying to get lock; try restarting transaction")
