"""Local ids to uuids and back, in batches, with a bounded memory of what was looked up."""
from __future__ import annotations

from typing import Any, Callable, Iterable

from ..database import Database

#: identities remembered per table; beyond that the oldest half is forgotten
REMEMBERED = 20_000


class References:
    """Identities of records in this site's tables. uuids of existing records hardly ever change, so they are remembered.

    Parameters
    ----------
    key : gives the column by which records of a table are referred to
    """

    def __init__(self, db: Database, key: Callable[[str], str] = lambda table: "id") -> None:
        self.db = db
        self.key = key
        self._uuids: dict[str, dict[int, str]] = {}
        self._ids: dict[str, dict[str, int]] = {}

    def uuids(self, table: str, ids: Iterable[int]) -> dict[int, str]:
        """uuid by id, for those that exist. The result may hold more than was asked for."""
        known = self._uuids.setdefault(table, {})
        known.update(self._look_up(table, self.key(table), known, ids))
        return known

    def ids(self, table: str, uuids: Iterable[str]) -> dict[str, int]:
        """id by uuid, for those that exist. The result may hold more than was asked for."""
        known = self._ids.setdefault(table, {})
        known.update((uuid, number) for number, uuid in self._look_up(table, "uuid", known, uuids))
        return known

    def _look_up(self, table: str, column: str, known: dict[Any, Any], wanted: Iterable[Any]) -> Iterable[Any]:
        """(id, uuid) of records by one of these, as far as they are not known."""
        missing = {each for each in wanted if each not in known}
        if not missing:
            return ()
        _trim(known)
        return self.db.rows_in(f'SELECT "{self.key(table)}", "uuid" FROM "{table}" WHERE "{column}" IN ({{}})', missing)

    def instances(self, table: str, uuids: Iterable[str]) -> dict[str, str]:
        """Instance table by uuid, for records of a super-entity."""
        return {uuid: name for uuid, name in self.db.rows_in(
            f'SELECT "uuid", "instance_type" FROM "{table}" WHERE "uuid" IN ({{}})', uuids) if name}

    def renamed(self, table: str, number: int, uuid: str) -> None:
        """A record has not this uuid any more."""
        self._ids.get(table, {}).pop(uuid, None)
        self._uuids.get(table, {}).pop(number, None)

    def forget(self) -> None:
        """After a rollback: what was looked up may not be there any more."""
        self._uuids.clear()
        self._ids.clear()


def _trim(known: dict) -> None:  # type: ignore[type-arg]
    if len(known) > REMEMBERED:
        for key in list(known)[:REMEMBERED // 2]:
            del known[key]
