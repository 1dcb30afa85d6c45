"""How much is written between two commits.

A commit costs the same for one record as for thousands: SQLite writes each page of an index that it touched, and random
uuids touch nearly all of them in every batch.
"""
from __future__ import annotations

from time import monotonic
from typing import Callable, Iterable, Iterator

from ..errors import SyncError
from ..s3xml.record import Record

#: seconds after which the next batch waits for a commit: so long others may have to wait for their own writes
SPAN = 1.0


def spans(groups: Iterable[list[Record]], commit: Callable[[], None], clock: Callable[[], float] = monotonic,
          ) -> Iterator[list[Record]]:
    """Groups of records, each of one table, for a caller who writes them; `commit` is called between them and at the end.

    Groups of the same table share a transaction until it is `SPAN` seconds old. Those of different tables never do: two
    writers who take the tables in another order would wait for each other. What was written before a document turned out to
    be broken is committed.
    """
    table, began = "", 0.0
    try:
        for group in groups:
            if table and (group[0].table != table or clock() - began >= SPAN):
                commit()
                table = ""
            if not table:
                table, began = group[0].table, clock()
            yield group
    except SyncError:
        commit()
        raise
    if table:
        commit()
