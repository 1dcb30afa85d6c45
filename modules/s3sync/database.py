"""Statements in bulk over the connection that pyDAL holds.

pyDAL writes and reads row by row; everything here goes through the driver's own cursor, in the transaction pyDAL is in.
SQL is written once, with ``?`` marks, and adapted to the three databases Eden runs on.
"""
from __future__ import annotations

import re
import threading
import time
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, Callable, Iterable, Iterator, Sequence

from . import postgres
from .errors import ConfigurationError, DatabaseFailed
from .hosts.callback import HookError
from .tables import own

Row = Sequence[Any]

_TOKENS = re.compile(r"""'(?:[^']|'')*'|[?%"]""")

#: SQLite's codes for a lock, no memory, read-only, interrupted, I/O error, damaged, disk full, cannot open
_SQLITE_STATES = frozenset((5, 6, 7, 8, 9, 10, 11, 13, 14, 15))

#: MySQL's for locks, a full disk or memory, a shutdown, a lost connection, a savepoint that went with its transaction
_MYSQL_STATES = frozenset((1020, 1021, 1030, 1036, 1037, 1038, 1040, 1041, 1053, 1077, 1080, 1114, 1158, 1159, 1160, 1161, 1205,
                           1213, 1290, 1305, 1317, 1836, 1927, 1969, 2002, 2003, 2006, 2013, 2014, 2055))

#: values in one IN (…): SQLite of 2019 and older takes 999 placeholders in a statement
CHUNK = 500


@lru_cache(maxsize=1024)
def _adapted(sql: str, backticks: bool) -> str:
    """The statement with %s marks; what stands in string literals keeps its question marks and quotes."""
    def change(match: re.Match[str]) -> str:
        token = match.group()
        if token == "?":
            return "%s"
        if token == "%":
            return "%%"
        if token == '"':
            return "`" if backticks else token
        return token.replace("%", "%%")
    return _TOKENS.sub(change, sql)


class Database:
    """A pyDAL connection, used in bulk.

    Attributes
    ----------
    dal : the pyDAL DAL, for whatever needs callbacks, validators or table definitions
    dialect : "sqlite", "postgres" or "mysql"
    """

    def __init__(self, dal: Any) -> None:
        self.dal = dal
        engine = dal._adapter.dbengine
        if engine not in ("sqlite", "postgres", "mysql"):
            raise ConfigurationError(f"database {engine}", hint="s3sync works on SQLite, PostgreSQL and MySQL/MariaDB")
        self.dialect: str = engine
        self.statements = 0     #: statements sent so far, for tests and benchmarks
        self._savepoints = 0
        self._held = False

    # --- statements -------------------------------------------------------------------------------------------

    @property
    def _cursor(self) -> Any:
        return self.dal._adapter.cursor

    def _adapt(self, sql: str) -> str:
        return sql if self.dialect == "sqlite" else _adapted(sql, self.dialect == "mysql")

    def execute(self, sql: str, args: Sequence[Any] = (), by_index: bool = False) -> int:
        """Run one statement with ``?`` marks and ``"quoted"`` names; returns the number of rows it touched.

        `by_index` tells that it reads few rows of a large table, which an index leads to in the order they are wanted.
        """
        return int(self._run(sql, args, by_index, lambda cursor: cursor.rowcount))

    def rows(self, sql: str, args: Sequence[Any] = (), by_index: bool = False) -> list[Row]:
        """All rows of a query; `by_index` as in `execute`."""
        found: list[Row] = self._run(sql, args, by_index, lambda cursor: list(cursor.fetchall()))
        return found

    def _run(self, sql: str, args: Sequence[Any], by_index: bool, result: Callable[[Any], Any]) -> Any:
        self.statements += 1
        cursor = self._cursor
        if not by_index or self.dialect != "postgres":
            cursor.execute(self._adapt(sql), tuple(args))
            return result(cursor)
        before, after = postgres.by_index(cursor)
        cursor.execute(before + self._adapt(sql), tuple(args))      # if it fails, so has the transaction
        found = result(cursor)
        cursor.execute(after)
        return found

    def value(self, sql: str, args: Sequence[Any] = ()) -> Any:
        """First column of the first row, or None."""
        rows = self.rows(sql, args)
        return rows[0][0] if rows else None

    def rows_in(self, sql: str, values: Iterable[Any], args: Sequence[Any] = ()) -> Iterator[Row]:
        """Rows of a query with ``IN ({})``, the first of its kind, for any number of values; `args` come before them."""
        for statement, wanted in self._in(sql, values):
            yield from self.rows(statement, [*args, *wanted], by_index=True)

    def rows_by(self, columns: str, table: str, where: str, key: str, keys: Iterable[str], args: Sequence[Any] = (),
                tail: str = "") -> Iterator[Row]:
        """Rows of a table whose column `key`, a text, has one of these values; of a table with several indices that begin alike.

        `where` (SQL) says with ``?`` marks, and those alone in it, which values (`args`) its other columns have.
        """
        if self.dialect != "postgres":
            yield from self.rows_in(f'SELECT {columns} FROM "{table}" WHERE {where} AND "{key}" IN ({{}}){tail}', keys, args)
            return
        # one by one: without statistics the planner would take another index, if it begins with the same columns
        other = where.replace("?", self.hidden)
        unique = [value for value in dict.fromkeys(keys) if value is not None]
        for start in range(0, len(unique), postgres.ARRAY):
            yield from self.rows(
                f'SELECT "found".* FROM unnest(CAST(? AS text[])) AS "wanted" ("key"), LATERAL (SELECT {columns} FROM "{table}" '
                f'WHERE {other} AND "{key}" = "wanted"."key" OFFSET 0{tail}) AS "found"',
                [postgres.texts(unique[start:start + postgres.ARRAY]), *args])

    @property
    def hidden(self) -> str:
        """The mark of a value that the planner is not to know, in a condition that comes with that of a key.

        PostgreSQL may have looked at a table when it held nothing with this value. It expects no rows then, takes any index
        that begins with the column for as good as the one that leads on to the key, and reads all there is, for each key.
        """
        return "(SELECT ?)" if self.dialect == "postgres" else "?"

    def execute_in(self, sql: str, values: Iterable[Any], args: Sequence[Any] = ()) -> int:
        """Run a statement with ``IN ({})`` for any number of values; returns the number of rows it touched."""
        return sum(self.execute(statement, [*args, *wanted], by_index=True) for statement, wanted in self._in(sql, values))

    def _in(self, sql: str, values: Iterable[Any]) -> Iterator[tuple[str, Sequence[Any]]]:
        """A statement with ``IN ({})`` as some that the database takes, and the values of each."""
        unique = list(dict.fromkeys(values))
        array = postgres.array(unique) if self.dialect == "postgres" else None
        if array is not None:
            mark, items = array
            statement = sql.replace("IN ({})", f"= ANY({mark})", 1)
            for start in range(0, len(items), postgres.ARRAY):
                yield statement, ["{" + ",".join(items[start:start + postgres.ARRAY]) + "}"]
            return
        for start in range(0, len(unique), CHUNK):
            part = unique[start:start + CHUNK]
            yield sql.replace("{}", ",".join("?" * len(part)), 1), part

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Insert many rows with the driver's fastest way."""
        if not rows:
            return
        self.statements += 1
        names = ", ".join(f'"{c}"' for c in columns)
        head = f'INSERT INTO "{table}" ({names}) VALUES '
        marks = "(" + ", ".join(["?" if self.dialect == "sqlite" else "%s"] * len(columns)) + ")"
        if self.dialect != "postgres":
            self._cursor.executemany(self._adapt(head) + marks, rows)
        elif not postgres.copy(self._cursor, table, columns, rows):
            postgres.values(self._cursor, head, rows)

    def insert_one(self, table: str, columns: Sequence[str], row: Row, key: str = "id") -> int:
        """Insert a row; the number the database gave it, in its column `key`."""
        self.statements += 1
        names, marks = ", ".join(f'"{c}"' for c in columns), ", ".join("?" * len(columns))
        returning = f' RETURNING "{key}"' if self.dialect == "postgres" else ""
        cursor = self._cursor
        cursor.execute(self._adapt(f'INSERT INTO "{table}" ({names}) VALUES ({marks}){returning}'), tuple(row))
        return int(cursor.fetchone()[0] if returning else cursor.lastrowid)

    def update(self, table: str, columns: Sequence[str], rows: Sequence[Row], key: str = "id") -> None:
        """Update many rows: each row holds the new values in order of `columns`, then the key's value."""
        if not rows:
            return
        self.statements += 1
        sets = ", ".join(f'"{c}" = ?' for c in columns)
        sql = self._adapt(f'UPDATE "{table}" SET {sets} WHERE "{key}" = ?')
        if self.dialect == "postgres":
            postgres.batch(self._cursor, sql, rows)
        else:
            self._cursor.executemany(sql, rows)

    def upsert(self, table: str, keys: Sequence[str], columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Insert rows, or update `columns` where a row with the same (uniquely indexed) `keys` exists."""
        if not rows:
            return
        self.statements += 1
        names = [*keys, *columns]
        sql = f'INSERT INTO "{table}" ({", ".join(chr(34) + n + chr(34) for n in names)}) VALUES '
        if self.dialect == "mysql":
            tail = " ON DUPLICATE KEY UPDATE " + ", ".join(f'"{c}" = VALUES("{c}")' for c in columns)
        else:
            tail = (f' ON CONFLICT ({", ".join(chr(34) + k + chr(34) for k in keys)}) DO UPDATE SET '
                    + ", ".join(f'"{c}" = excluded."{c}"' for c in columns))
        marks = "(" + ", ".join(["?" if self.dialect == "sqlite" else "%s"] * len(names)) + ")"
        if self.dialect == "postgres":
            # it refuses to touch a row twice in one statement: the last one counts, as where they come one by one
            rows = list({tuple(row[:len(keys)]): row for row in rows}.values())
            types = own.types(table)
            kinds = [types.get(name, "") for name in names]
            if not postgres.arrays(self._cursor, sql[:-len("VALUES ")], kinds, rows, tail):
                postgres.values(self._cursor, sql, rows, tail)
        else:                                    # in the order of the index: each of its pages is met once
            ordered = sorted(rows, key=itemgetter(*range(len(keys))))
            self._cursor.executemany(self._adapt(sql) + marks + self._adapt(tail), ordered)

    # --- transactions -----------------------------------------------------------------------------------------

    def commit(self) -> None:
        """Make everything since the last commit last."""
        if not self._held:
            self.dal.commit()

    def rollback(self) -> None:
        """Forget everything since the last commit."""
        type(self.dal).rollback(self.dal)        # also while the application's own code may not: see `holding`

    @contextmanager
    def holding(self) -> Iterator[None]:
        """The transaction stays as it is, whatever is called within: nobody commits.

        The application's own code around a write may call ``db.commit()`` or ``db.rollback()``. In the middle of a batch that
        would break what belongs together: rows without their versions, records that count as written and are not. Within, a
        commit is left to whoever ends the batch, and a rollback is the failure of the record whose code calls it. (The DAL
        hands out no other way to intervene: its two methods are covered on this one object, for this thread, for this time.)
        """
        if self._held:
            yield
            return
        owner, dal = threading.get_ident(), self.dal

        def commit() -> None:
            if threading.get_ident() != owner:
                type(dal).commit(dal)

        def rollback() -> None:
            if threading.get_ident() == owner:
                raise HookError("the application's own code called db.rollback(), which would undo other records as well")
            type(dal).rollback(dal)

        self._held = True
        dal.__dict__.update(commit=commit, rollback=rollback)
        try:
            yield
        finally:
            del dal.__dict__["commit"], dal.__dict__["rollback"]
            self._held = False

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What fails inside is undone without losing what the transaction did before."""
        self._savepoints += 1
        name = f"s3sync_{self._savepoints}"
        self.execute(f"SAVEPOINT {name}")
        try:
            yield
        except BaseException as problem:
            if isinstance(problem, self.driver_error) and self.transient(problem):
                raise                             # there may be no transaction any more to go back in
            self.execute(f"ROLLBACK TO SAVEPOINT {name}")
            self.execute(f"RELEASE SAVEPOINT {name}")
            raise
        self.execute(f"RELEASE SAVEPOINT {name}")

    @property
    def driver_error(self) -> type[Exception]:
        """Base class of everything the driver raises."""
        error: type[Exception] = self.dal._adapter.driver.Error
        return error

    def narrow(self, table: str) -> frozenset[str]:
        """Text columns that take no characters beyond U+FFFF: those in MySQL's older utf8, in which pyDAL makes tables."""
        if self.dialect != "mysql":
            return frozenset()
        wide = self.value("SELECT @@character_set_client") == "utf8mb4"
        return frozenset(row[0] for row in self.rows(
            "SELECT column_name, character_set_name FROM information_schema.columns WHERE table_schema = DATABASE() "
            "AND table_name = ? AND character_set_name IS NOT NULL", [table]) if not wide or row[1] != "utf8mb4")

    def transient(self, error: Exception) -> bool:
        """Is one of the driver's errors about the state of the database, not about the values of a statement?

        A lock, a deadlock, a lost connection, a full disk: the transaction may be gone with all its savepoints, and only as a
        whole can it be tried again.
        """
        name = type(error).__name__
        if self.dialect == "sqlite":
            code = getattr(error, "sqlite_errorcode", None)      # Python 3.11 and later
            return name == "OperationalError" and (code is None or code & 0xFF in _SQLITE_STATES)
        if name == "InterfaceError":                             # the connection is closed
            return True
        if self.dialect == "mysql":
            return name in ("OperationalError", "InternalError") and bool(error.args) and error.args[0] in _MYSQL_STATES
        operational = self.dal._adapter.driver.OperationalError
        code = getattr(error, "pgcode", None) or ""
        return isinstance(error, operational) and not code.startswith("54")     # a limit that one value exceeds

    def recover(self, attempts: int = 1, pause: float = 1.0) -> None:
        """Roll back after an error of the driver's; over a new connection if the old one is lost.

        Parameters
        ----------
        attempts : to get a new connection: a server that is restarted needs a while
        pause : seconds between the first two, doubled each time

        Raises
        ------
        DatabaseFailed
            There is no connection to be had.
        """
        try:
            self.rollback()
            return
        except self.driver_error:
            pass
        adapter = self.dal._adapter
        for attempt in range(attempts):
            if attempt:
                time.sleep(pause * 2 ** (attempt - 1))
            try:
                adapter.close(None)
                adapter.get_connection(False)
                self.execute("SELECT 1")
                return
            except self.driver_error as error:
                problem = error
        raise DatabaseFailed(f"{type(problem).__name__}: {problem}", hint="Once it works again, the next run goes on from where "
                             "this one was")

    @contextmanager
    def strict(self) -> Iterator[None]:
        """Values that a column cannot hold are errors, also on MySQL, which would cut them as pyDAL sets it up."""
        if self.dialect != "mysql":
            yield
            return
        self.execute("SET @s3sync_mode = @@sql_mode, sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')")
        try:
            yield
        finally:
            self.execute("SET sql_mode = @s3sync_mode")

    def now(self) -> datetime:
        """The server's clock, naive UTC to the second."""
        if self.dialect == "sqlite":
            return datetime.fromisoformat(self.value("SELECT datetime('now')"))
        clock = "UTC_TIMESTAMP()" if self.dialect == "mysql" else "date_trunc('second', clock_timestamp() AT TIME ZONE 'UTC')"
        found: datetime = self.value(f"SELECT {clock}")
        return found

    def see_committed(self) -> None:
        """From the next transaction on, read what others have committed meanwhile, as on the other databases (MySQL)."""
        if self.dialect == "mysql":
            self.dal._adapter.get_connection()    # this thread's own
            self.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")

    @property
    def for_update(self) -> str:
        """Clause that keeps the rows just read from being changed by others; SQLite has one writer anyway."""
        return "" if self.dialect == "sqlite" else " FOR UPDATE"

    def wait_for_locks(self, seconds: int) -> None:
        """Wait this long for another writer before giving up (SQLite; the others wait anyway)."""
        if self.dialect == "sqlite":
            self.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
