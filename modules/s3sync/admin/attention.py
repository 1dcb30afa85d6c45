"""What waits for somebody, or for something: counts that stand on every page, with links."""
from __future__ import annotations

from typing import Any, NamedTuple

from .page import Page


class Kind(NamedTuple):
    """One kind of trouble: its page (a function of the controller), its table, how many there are."""

    function: str
    table: str
    single: str
    several: str


KINDS = (Kind("conflict", "sync_conflict", "1 conflict to decide", "%(n)s conflicts to decide"),
         Kind("quarantine", "sync_quarantine", "1 rejected record", "%(n)s rejected records"),
         Kind("waiting", "sync_waiting", "1 reference waiting", "%(n)s references waiting"))


def counts(this: Page) -> list[tuple[str, str]]:
    """(text, address) of each kind of which there is something, of all repositories."""
    return [_text(this, kind, number) for kind in KINDS for number in [this.db(_open(this.db, kind)).count()] if number]


def by_repository(this: Page) -> dict[int, list[tuple[str, str]]]:
    """The same, of each repository that has something, by its id."""
    found: dict[int, list[tuple[str, str]]] = {}
    for kind in KINDS:
        table = this.db[kind.table]
        number = table.id.count()
        for row in this.db(_open(this.db, kind)).select(table.repository_id, number, groupby=table.repository_id):
            repository_id = row[table].repository_id
            found.setdefault(repository_id, []).append(_text(this, kind, row[number], repository=repository_id))
    return found


def _open(db: Any, kind: Kind) -> Any:
    table = db[kind.table]
    return table.status == "open" if "status" in table.fields else table.id > 0


def _text(this: Page, kind: Kind, number: int, **variables: Any) -> tuple[str, str]:
    text = this.T(kind.single) if number == 1 else this.T(kind.several, {"n": number})
    return str(text), this.url(kind.function, **variables)
