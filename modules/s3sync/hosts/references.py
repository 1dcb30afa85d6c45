"""Local ids to uuids and back, in batches, with a bounded memory of what was looked up."""
from __future__ import annotations

from typing import Callable, Iterable

from ..database import Database

#: identities remembered per table; beyond that the oldest half is forgotten
REMEMBERED = 100_000


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
        missing = {i for i in ids if i not in known}
        if missing:
            _trim(known)
            key = self.key(table)
            for number, uuid in self.db.rows_in(
                    f'SELECT "{key}", "uuid" FROM "{table}" WHERE "{key}" IN ({{}})', missing):
                known[number] = uuid
        return known

    def ids(self, table: str, uuids: Iterable[str]) -> dict[str, int]:
        """id by uuid, for those that exist. The result may hold more than was asked for."""
        known = self._ids.setdefault(table, {})
        missing = {u for u in uuids if u not in known}
        if missing:
            _trim(known)
            key = self.key(table)
            for number, uuid in self.db.rows_in(
                    f'SELECT "{key}", "uuid" FROM "{table}" WHERE "uuid" IN ({{}})', missing):
                known[uuid] = number
        return known

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
