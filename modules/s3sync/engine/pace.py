"""How many records make a page."""
from __future__ import annotations

#: a page grows to so many batches: each request costs the peer as much as some hundred records before it does anything
BATCHES = 4

#: how many times as large as a page the next may be: while one is written at one site the other reads the next, in half the time
GROWTH = 3

#: bytes of a page as it travels, about
TARGET = 2 << 20


class Pace:
    """Pages begin with half a batch, so that the other side soon has something to do, and grow; large records make small pages.

    Attributes
    ----------
    limit : records of the next page
    """

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size
        self.limit = max(1, batch_size // 2)

    def took(self, records: int, size: int) -> None:
        """A page had so many records and bytes."""
        limit = min(GROWTH * self.limit, BATCHES * self.batch_size)
        if records and size:
            limit = min(limit, max(1, TARGET * records // size))
        self.limit = limit
