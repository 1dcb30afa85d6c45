"""What a dry run has foretold so far, kept in a file of its own that nobody else sees: memory stays flat (G9)."""
from __future__ import annotations

import json
import sqlite3
from types import TracebackType
from typing import Iterable, Iterator

from .outcome import Outcome

Key = tuple[str, str]     #: table, uuid

NOBODY: Key = ("", "")    #: comes before all of them


class Ledger:
    """Outcomes that depend on others, and what would come in. A context manager that forgets everything."""

    def __init__(self) -> None:
        # an empty name means a private file that SQLite deletes itself; small ones never reach the disk
        self._db = sqlite3.connect("", check_same_thread=False)
        self._db.execute('CREATE TABLE arriving (name TEXT, uuid TEXT, PRIMARY KEY (name, uuid)) WITHOUT ROWID')
        self._db.execute('CREATE TABLE pending (id INTEGER PRIMARY KEY, outcome TEXT, blocked INTEGER)')
        self._db.execute('CREATE TABLE missing (name TEXT, uuid TEXT, asked INTEGER, PRIMARY KEY (name, uuid)) WITHOUT ROWID')
        self._asked = NOBODY

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._db.close()

    def begin(self) -> None:
        """Another step: what came in before is there."""
        self._db.execute("DELETE FROM pending")
        self._db.execute("DELETE FROM missing")
        self._asked = NOBODY

    def note(self, outcomes: Iterable[Outcome], blocking: str) -> None:
        """Note which records would be there, and which still miss something; `blocking` is the code of those that cannot
        be stored without it."""
        for outcome in outcomes:
            if outcome.result in ("created", "updated"):
                self._db.execute("INSERT OR IGNORE INTO arriving VALUES (?, ?)", [outcome.table, outcome.sent_as or outcome.uuid])
                self._db.execute("INSERT OR IGNORE INTO arriving VALUES (?, ?)", [outcome.table, outcome.uuid])
            if outcome.missing:
                self._db.execute("INSERT INTO pending (outcome, blocked) VALUES (?, ?)",
                                 [json.dumps(outcome.to_json()), outcome.code == blocking])
                self._db.executemany("INSERT OR IGNORE INTO missing VALUES (?, ?, 0)", outcome.missing)

    def arrives(self, key: Key) -> bool:
        """Would this record be there?"""
        return self._db.execute("SELECT 1 FROM arriving WHERE name = ? AND uuid = ?", key).fetchone() is not None

    def wanted(self, limit: int) -> list[Key]:
        """Some records that others miss and that would not be there; each is named once."""
        for after in (self._asked, NOBODY):      # from the last one on, then what was noted before it meanwhile
            found = self._db.execute("SELECT m.name, m.uuid FROM missing m LEFT JOIN arriving a ON a.name = m.name "
                                     "AND a.uuid = m.uuid WHERE a.uuid IS NULL AND m.asked = 0 AND (m.name, m.uuid) > (?, ?) "
                                     "ORDER BY m.name, m.uuid LIMIT ?", [*after, limit]).fetchall()
            if found:
                self._db.executemany("UPDATE missing SET asked = 1 WHERE name = ? AND uuid = ?", found)
                self._asked = found[-1]
                break
        return [(name, uuid) for name, uuid in found]

    def settle(self) -> Iterator[tuple[Outcome, bool]]:
        """The outcomes that depended on others, and whether each would still wait in the end.

        Until nothing changes: who cannot be stored without somebody who cannot be stored cannot be stored.
        """
        going = True
        while going:
            going = False
            for number, text in self._db.execute("SELECT id, outcome FROM pending WHERE blocked = 1").fetchall():
                outcome = _outcome(text)
                if not all(self.arrives(key) for key in outcome.missing):
                    self._db.execute("UPDATE pending SET blocked = 2 WHERE id = ?", [number])
                    self._db.executemany("DELETE FROM arriving WHERE name = ? AND uuid = ?",
                                         [(outcome.table, outcome.uuid)])
                    going = True
        for text, blocked in self._db.execute("SELECT outcome, blocked FROM pending ORDER BY id"):
            outcome = _outcome(text)
            yield outcome, blocked == 2 or not all(self.arrives(key) for key in outcome.missing)


def _outcome(text: str) -> Outcome:
    found = Outcome.from_json(json.loads(text))
    assert found is not None                     # it is one of ours
    return found
