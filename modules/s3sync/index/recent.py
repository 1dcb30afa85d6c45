"""Rows of a table that were written since the last scan, a page at a time.

By date, as long as an index leads to them and dates tell them apart: one statement, or one import of Eden's, gives all its rows
the same. Where dates do not, by id; each row is read once then, however many there are.
"""
from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple, Optional, Sequence

from ..catalogue import leading
from ..database import Database
from ..hosts.table import StoredRow, TableMap
from .moment import sql, to_datetime


class Place(NamedTuple):
    """What the present scan has reached.

    By date: all rows written before `reached`, and of those written at that time the ones up to the id `position`.
    By id, where `reached` is None: the rows up to the id `position`.
    """

    position: int | None = None
    reached: datetime | None = None


class Recent:
    """The rows that the present scan, or the next, has yet to look at.

    Parameters
    ----------
    earliest : what was written before was looked at by the last scan; None: all rows count
    """

    def __init__(self, db: Database, table: TableMap, earliest: datetime | None, place: Place) -> None:
        self.db = db
        self.table = table
        self.earliest = earliest
        self.place = place
        self._id, self._stamp = f'"{table.name}"."id"', f'"{table.name}"."modified_on"'

    def condition(self) -> tuple[str, list[Any]]:
        """SQL condition on these rows, and its arguments."""
        position, reached = self.place
        if self.earliest is None:
            return f"{self._id} > ?", [position or 0]
        if reached is None:
            return f"{self._stamp} >= ? AND {self._id} > ?", [sql(self.earliest), position or 0]
        return f"{self._stamp} >= ? AND ({self._stamp} > ? OR {self._id} > ?)", [sql(reached), sql(reached), position or 0]

    def page(self, limit: int) -> tuple[list[StoredRow], Optional[Place]]:
        """The next rows, `limit` at most, and the place after them; None after the last."""
        position, reached = self.place
        if self.earliest is None or position is not None and reached is None:
            rows = self._rows(*self.condition(), self._id, limit)
            return rows, Place(rows[-1].id) if len(rows) == limit else None
        by_date = f"{self._stamp}, {self._id}"
        if reached is None:
            rows = self._rows(f"{self._stamp} >= ?", [sql(self.earliest)], by_date, limit)
        elif self.db.dialect == "postgres":      # whose indices know no ids
            rows = self._rows(*self.condition(), by_date, limit)
        else:                                    # straight to the first of them
            rows = self._rows(f"{self._stamp} = ? AND {self._id} > ?", [sql(reached), position or 0], self._id, limit)
            if len(rows) < limit:
                rows += self._rows(f"{self._stamp} > ?", [sql(reached)], by_date, limit - len(rows))
        if len(rows) < limit:
            return rows, None
        last = _second(rows[-1])
        if last is not None and self._goes_on(rows, last):
            return rows, Place(rows[-1].id, last)
        return rows, Place(0)                    # from the first: some have ids below those that were seen

    def _goes_on(self, rows: Sequence[StoredRow], last: datetime) -> bool:
        """Does it get on by date after a full page of rows, the last of which was written at that time?"""
        reached, name = self.place.reached, self.table.name
        if rows[0].modified_on != rows[-1].modified_on:
            # not so if dates stand in a form that is sorted otherwise, or alone, before all times of their day
            gets_on = last > (reached or self.earliest or last) and bool(self.db.dialect != "sqlite" or self.db.value(
                f'SELECT {self._stamp} >= ? FROM "{name}" WHERE {self._id} = ?', [sql(last), rows[-1].id]))
        elif self.db.dialect == "postgres":      # it would read all that was written in this second for each page
            gets_on = False
        else:                                    # not with different fractions of a second, of which a place knows nothing
            gets_on = 2 == self.db.value(f'SELECT COUNT(*) FROM "{name}" WHERE {self._id} IN (?, ?) AND {self._stamp} = ?',
                                         [rows[0].id, rows[-1].id, sql(last)])
        return gets_on and (reached is not None or (name, "modified_on") in leading(self.db))

    def _rows(self, where: str, args: Sequence[Any], order: str, limit: int) -> list[StoredRow]:
        return self.table.decode(self.db.rows(
            f'SELECT {self.table.columns} FROM "{self.table.name}" WHERE {where} ORDER BY {order} LIMIT {int(limit)}', args,
            by_index=True))


def _second(row: StoredRow) -> datetime | None:
    """When a row was written; None if its date is none."""
    try:
        return to_datetime(row.modified_on)
    except ValueError:
        return None
