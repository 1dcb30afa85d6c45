"""The database of one site: filled, changed, saved under a label and put back, without any of s3sync's code."""
from __future__ import annotations

import abc
import shutil
import sqlite3
from itertools import islice
from pathlib import Path
from typing import Any, Iterable

from postgres import PostgresServer
from subject import BATCH, META, Part, Row, Subject


class Storage(abc.ABC):
    """What both kinds of databases have in common.

    Attributes
    ----------
    kind : "sqlite" or "postgres"
    uri : for pyDAL
    dsn : for the floor program: the file, or psycopg2's connection string
    """

    kind: str
    uri: str
    dsn: str

    @abc.abstractmethod
    def save(self, label: str) -> None:
        """Keep the present state; nobody may be connected."""

    @abc.abstractmethod
    def restore(self, label: str) -> None:
        """Put a kept state back; nobody may be connected."""

    @abc.abstractmethod
    def spare(self, label: str) -> str:
        """A copy of a kept state for the floor program; returns its dsn."""

    @abc.abstractmethod
    def drop(self, label: str) -> None:
        """Forget a kept state."""

    def count(self, table: str) -> int:
        """Number of rows."""
        connection = connect(self.kind, self.dsn)
        try:
            cursor = connection.cursor()
            cursor.execute(f"SELECT count(*) FROM {table}")
            return int(cursor.fetchone()[0])
        finally:
            connection.close()

    def fill(self, subject: Subject, total: int) -> None:
        """Put `total` records in."""
        connection = connect(self.kind, self.dsn)
        try:
            for part, count in subject.sizes(total):
                rows = part.rows(count, total)
                while batch := list(islice(rows, 10 * BATCH)):
                    insert(self.kind, connection, part, batch)
                if self.kind == "postgres":
                    connection.cursor().execute(f"SELECT setval('{part.table}_id_seq', {count})")
            connection.commit()
        finally:
            connection.close()
        self.tidy()

    def change(self, subject: Subject, every: int) -> int:
        """Edit every so-manieth record as a person would; returns how many. Their number is taken from the id."""
        connection = connect(self.kind, self.dsn)
        now = "datetime('now')" if self.kind == "sqlite" else "date_trunc('second', now() AT TIME ZONE 'UTC')"
        try:
            cursor, touched = connection.cursor(), 0
            for part, _ in subject.parts:
                cursor.execute(f"UPDATE {part.table} SET comments = 'Seen again, 1 of ' || {every} || ', no. ' || id, "
                               f"modified_on = {now} WHERE id % {every} = 0")
                touched += cursor.rowcount
            connection.commit()
            return touched
        finally:
            connection.close()

    @abc.abstractmethod
    def tidy(self) -> None:
        """What a database does by itself in quiet hours."""


class SqliteStorage(Storage):
    """One file."""

    kind = "sqlite"
    uri = "sqlite://storage.db"

    def __init__(self, path: Path, folder: Path, name: str) -> None:
        self.path = path
        self.dsn = str(path)
        self._folder = folder
        self._name = name
        self._spares = 0
        folder.mkdir(parents=True, exist_ok=True)

    def _kept(self, label: str) -> Path:
        return self._folder / f"{self._name}-{label}.db"

    def save(self, label: str) -> None:
        self.tidy()
        shutil.copyfile(self.path, self._kept(label))

    def restore(self, label: str) -> None:
        self._copy(label, self.path)

    def spare(self, label: str) -> str:
        # another file each time: whoever works on the last one may not have left it yet
        for old in self._folder.glob(f"floor-{self._spares}.db*"):
            old.unlink()
        self._spares += 1
        target = self._folder / f"floor-{self._spares}.db"
        self._copy(label, target)
        return str(target)

    def drop(self, label: str) -> None:
        self._kept(label).unlink(missing_ok=True)

    def _copy(self, label: str, target: Path) -> None:
        for suffix in ("-wal", "-shm"):
            Path(f"{target}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(self._kept(label), target)

    def tidy(self) -> None:
        connection = sqlite3.connect(self.path)
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()


class PostgresStorage(Storage):
    """One database of the benchmark's server; kept states are databases to copy from."""

    kind = "postgres"

    def __init__(self, server: PostgresServer, name: str) -> None:
        self._server = server
        self._name = name
        self.uri = server.uri(name)
        self.dsn = server.dsn(name)
        self._admin("CREATE DATABASE {}", name)

    def _kept(self, label: str) -> str:
        return f"{self._name}_{label}".replace("-", "_")

    def save(self, label: str) -> None:
        self._copy(self._name, self._kept(label))

    def restore(self, label: str) -> None:
        self._copy(self._kept(label), self._name)

    def spare(self, label: str) -> str:
        self._copy(self._kept(label), "floor")
        return self._server.dsn("floor")

    def drop(self, label: str) -> None:
        self._admin("DROP DATABASE IF EXISTS {} WITH (FORCE)", self._kept(label))

    def tidy(self) -> None:
        connection = connect(self.kind, self.dsn)
        connection.autocommit = True
        try:
            connection.cursor().execute("VACUUM ANALYZE")
        finally:
            connection.close()

    def _copy(self, source: str, target: str) -> None:
        self._admin("DROP DATABASE IF EXISTS {} WITH (FORCE)", target)
        self._admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'", source)
        self._admin(f"CREATE DATABASE {{}} TEMPLATE {source}", target)
        self._admin("CHECKPOINT")

    def _admin(self, statement: str, *names: str) -> None:
        connection = connect(self.kind, self._server.dsn("postgres"))
        connection.autocommit = True
        try:
            connection.cursor().execute(statement.format(*names))
        finally:
            connection.close()


def connect(kind: str, dsn: str) -> Any:
    """A plain driver connection, with the settings the application has."""
    if kind == "postgres":
        import psycopg2
        return psycopg2.connect(dsn)
    connection = sqlite3.connect(dsn, timeout=60)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    return connection


def insert(kind: str, connection: Any, part: Part, rows: Iterable[Row]) -> None:
    """Insert rows of `META` and the part's columns with the driver's fastest way, not committed."""
    names = (*META, *part.columns)
    head = f"INSERT INTO {part.table} ({', '.join(names)}) VALUES "
    if kind == "postgres":
        from psycopg2.extras import execute_values
        execute_values(connection.cursor(), head + "%s", rows, page_size=BATCH)
    else:
        connection.executemany(f"{head}({', '.join('?' * len(names))})", rows)


def update(kind: str, connection: Any, part: Part, rows: Iterable[Row]) -> None:
    """Update rows by uuid, not committed: each row holds modified_on, the part's columns and the uuid."""
    mark = "%s" if kind == "postgres" else "?"
    sets = ", ".join(f"{name} = {mark}" for name in ("modified_on", *part.columns))
    statement = f"UPDATE {part.table} SET {sets} WHERE uuid = {mark}"
    if kind == "postgres":
        from psycopg2.extras import execute_batch
        execute_batch(connection.cursor(), statement, list(rows), page_size=BATCH)
    else:
        connection.executemany(statement, rows)
