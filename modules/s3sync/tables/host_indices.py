"""Indices that synchronising needs on the application's own tables: which are missing, and how to create them."""
from __future__ import annotations

from typing import Iterable, NamedTuple

from ..catalogue import leading
from ..database import Database
from ..hosts.base import Host

#: records are looked up by these at every run: who it is, and what was written lately
WANTED = ("uuid", "modified_on")


class MissingIndex(NamedTuple):
    """An index that should be there."""

    table: str
    column: str

    @property
    def statement(self) -> str:
        """SQL that creates it."""
        return f'CREATE INDEX "{self.table[:40]}_{self.column}__sync" ON "{self.table}" ("{self.column}")'


def synchronised(host: Host, resources: Iterable[str]) -> list[str]:
    """Tables of these resources and all their components."""
    found: dict[str, None] = {}
    waiting = [name for name in resources if host.carries(name)]
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found[name] = None
            waiting += [part.table for part in host.components(name) if host.carries(part.table)]
    return sorted(found)


def missing(db: Database, host: Host, tables: Iterable[str]) -> list[MissingIndex]:
    """Of the indices these tables should have, those that no existing one can stand for."""
    first = leading(db)
    return [MissingIndex(table, column) for table in tables for column in WANTED
            if column in host.table(table).schema.meta and (table, column) not in first]


def create(db: Database, index: MissingIndex) -> None:
    """Create one, committed. On a large table that takes a while, in which nobody can write to it."""
    db.execute(index.statement)
    db.commit()
