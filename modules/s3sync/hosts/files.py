"""Files of upload fields: known everywhere by a digest of their content, stored by pyDAL under a name of its own at each site."""
from __future__ import annotations

from hashlib import blake2b
from typing import Any, BinaryIO, Iterable, NamedTuple, Sequence

from ..database import Database
from ..s3xml.record import Upload
from .table import StoredRow, TableMap

CHUNK = 1 << 16

#: stands in the place of a table's name where a file is waited for
MARK = "file:"

#: what a file is called that came without a name
NAMELESS = "file"

#: before what a file is waited for under whose digest is not known
UNNAMED = "name:"


class Stored(NamedTuple):
    """A file here: its name in the database, and the one it had when somebody uploaded it."""

    name: str
    filename: str


def content_digest(source: BinaryIO) -> str:
    """Digest of a file from its present position to its end, 32 hex digits."""
    found = blake2b(digest_size=16)
    for chunk in iter(lambda: source.read(CHUNK), b""):
        found.update(chunk)
    return found.hexdigest()


def name_digest(name: str) -> str:
    """What stands for a file of which only the name is known, 32 hex digits."""
    return blake2b(name.encode("utf-8"), digest_size=16).hexdigest()


class Files:
    """The files of one application, with what is remembered of them in sync_file."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def known(self, table: str, field: str, names: Iterable[str]) -> dict[str, str]:
        """Digest by name, for names of files here or at peers (pyDAL makes them unique)."""
        return dict(self.db.rows_by('"name", "digest"', "sync_file", '"tablename" = ? AND "fieldname" = ?', "name",  # type: ignore[arg-type]
                                    names, [table, field]))

    def local(self, table: str, field: str, digests: Iterable[str]) -> dict[str, str]:
        """Name of a file here by digest."""
        return dict(self.db.rows_by('"digest", "name"', "sync_file", '"tablename" = ? AND "fieldname" = ? AND "is_local" = ?',  # type: ignore[arg-type]
                                    "digest", digests, [table, field, "T"]))

    def remember(self, table: str, field: str, name: str, digest: str, local: bool) -> None:
        """Note which content stands behind a name."""
        self.db.upsert("sync_file", ("tablename", "fieldname", "name"), ("digest", "is_local"),
                       [(table, field, name, digest, "T" if local else "F")])

    def canonical(self, table: TableMap, rows: Sequence[StoredRow]) -> None:
        """Put digests in the place of names of files. A file is read once, when it is first met."""
        for field in table.uploads:
            names = {row.values[field].stored for row in rows if row.values.get(field)}
            if not names:
                continue
            found = self.known(table.name, field, names)
            for name in names - set(found):
                digest = self._digest(table, field, name)
                found[name] = digest or name_digest(name)
                self.remember(table.name, field, name, found[name], digest is not None)
            for row in rows:
                if row.values.get(field):
                    name = row.values[field].stored
                    row.files = {**getattr(row, "files", {}), field: name}
                    row.values[field] = Upload("", "", found[name])

    def _digest(self, table: TableMap, field: str, name: str) -> str | None:
        """Digest of a file; None if it is not there."""
        try:
            _, stream = table.dal_table[field].retrieve(name)
        except (OSError, TypeError):
            return None
        with stream:
            return content_digest(stream)

    def returned(self, table: TableMap, field: str, digest: str) -> list[str]:
        """Names of files that were not there when they were first looked for, but are now. `digest` is what stood for them."""
        found = []
        for (name,) in self.db.rows('SELECT "name" FROM "sync_file" WHERE "tablename" = ? AND "fieldname" = ? AND "digest" = ? '
                                    'AND "is_local" = ?', [table.name, field, digest, "F"]):
            if name_digest(name) == digest and (content := self._digest(table, field, name)) is not None:
                self.remember(table.name, field, name, content, True)
                found.append(name)
        return found

    def store(self, table: TableMap, field: str, source: BinaryIO, filename: str) -> str:
        """Store a file as pyDAL does; returns its digest. The file is there even if the transaction is rolled back."""
        digest = content_digest(source)
        source.seek(0)
        if digest not in self.local(table.name, field, [digest]):
            self._store(table, field, source, filename, digest)
        return digest

    def _store(self, table: TableMap, field: str, source: BinaryIO, filename: str, digest: str) -> str:
        name = str(table.dal_table[field].store(source, filename or NAMELESS))
        self.remember(table.name, field, name, digest, True)
        return name

    def own(self, table: TableMap, field: str, digest: str) -> str | None:
        """Name of a file for one more record. pyDAL deletes files of autodelete fields with their record: then a copy."""
        name = self.local(table.name, field, [digest]).get(digest)
        column = table.dal_table[field]
        taken = f'SELECT 1 FROM "{table.name}" WHERE "{field}" = ? LIMIT 1'
        if name is None or not column.autodelete or self.db.value(taken, [name]) is None:
            return name
        filename, stream = column.retrieve(name)
        with stream:
            return self._store(table, field, stream, filename, digest)

    def find(self, table: TableMap, field: str, digests: Iterable[str]) -> dict[str, Stored]:
        """Files here by digest."""
        found = {}
        for digest, name in self.local(table.name, field, digests).items():
            try:
                filename = table.dal_table[field].retrieve_file_properties(name)["filename"]
            except (OSError, TypeError, ValueError, KeyError):
                filename = name
            found[digest] = Stored(name, filename)
        return found

    def open(self, table: TableMap, field: str, digest: str) -> tuple[str, Any] | None:
        """Original name and content of a file that a live record here refers to; None if there is none."""
        name = self.local(table.name, field, [digest]).get(digest)
        live = f""" AND "{table.name}"."deleted" <> 'T'""" if table.soft_delete else ""
        if name is None or self.db.value(f'SELECT 1 FROM "{table.name}" WHERE "{field}" = ?{live} LIMIT 1', [name]) is None:
            return None
        try:
            filename, stream = table.dal_table[field].retrieve(name)
        except (OSError, TypeError):
            return None
        return str(filename), stream
