"""What a peer has, in a file of its own that nobody else sees: memory stays flat (G9), no order is asked of anybody."""
from __future__ import annotations

import sqlite3
from typing import Iterable, Iterator, Sequence

#: values in one IN (…)
CHUNK = 500


class Roll:
    """uuids and digests of a peer's records; those that were found here are taken off."""

    def __init__(self) -> None:
        # an empty name means a private file that SQLite deletes itself; small ones never reach the disk
        self._db = sqlite3.connect("", check_same_thread=False)
        self._db.execute("CREATE TABLE roll (name TEXT, uuid TEXT, digest TEXT, taken INTEGER DEFAULT 0, "
                         "PRIMARY KEY (name, uuid)) WITHOUT ROWID")

    def close(self) -> None:
        """Forget everything."""
        self._db.close()

    def add(self, name: str, rows: Iterable[tuple[str, str, str]]) -> None:
        """Note records of a table: (uuid, digest, vector)."""
        self._db.executemany("INSERT OR REPLACE INTO roll (name, uuid, digest) VALUES (?, ?, ?)",
                             ((name, uuid, digest) for uuid, digest, _ in rows))

    def count(self) -> int:
        """Live records."""
        return int(self._db.execute("SELECT COUNT(*) FROM roll WHERE digest NOT LIKE 'deleted%'").fetchone()[0])

    def take(self, name: str, uuids: Sequence[str]) -> dict[str, str]:
        """Digests of these records, which are taken off."""
        found: dict[str, str] = {}
        for start in range(0, len(uuids), CHUNK):
            part = uuids[start:start + CHUNK]
            marks = ",".join("?" * len(part))
            found.update(self._db.execute(f"SELECT uuid, digest FROM roll WHERE name = ? AND uuid IN ({marks})", [name, *part]))
            self._db.execute(f"UPDATE roll SET taken = 1 WHERE name = ? AND uuid IN ({marks})", [name, *part])
        return found

    def rest(self) -> Iterator[tuple[str, list[str]]]:
        """Live records that are left, a page of one table at a time."""
        name, uuid = "", ""
        while True:
            rows = self._db.execute("SELECT name, uuid FROM roll WHERE (name, uuid) > (?, ?) AND taken = 0 "
                                    "AND digest NOT LIKE 'deleted%' ORDER BY name, uuid LIMIT ?", [name, uuid, CHUNK]).fetchall()
            if not rows:
                return
            tables: dict[str, list[str]] = {}
            for table, key in rows:
                tables.setdefault(table, []).append(key)
            yield from tables.items()
            name, uuid = rows[-1]
