"""How many records make a page."""
from __future__ import annotations

#: a page grows to so many batches: each request costs the peer as much as some hundred records before it does anything
BATCHES = 5

#: bytes of a page as it travels, about
TARGET = 2 << 20


class Pace:
    """Pages begin with half a batch, so that the other side soon has something to do, and grow; large records make small pages.

    Parameters
    ----------
    growth : how many times as large as a page the next one may be. While a page is worked on the next is put together: reading
        records takes half the time of writing them, so one that is written far away may be followed by more

    Attributes
    ----------
    limit : records of the next page
    """

    def __init__(self, batch_size: int, growth: int = 2) -> None:
        self.batch_size = batch_size
        self.growth = growth
        self.limit = max(1, batch_size // 2)

    def took(self, records: int, size: int) -> None:
        """A page had so many records and bytes."""
        limit = min(self.growth * self.limit, BATCHES * self.batch_size)
        if records and size:
            limit = min(limit, max(1, TARGET * records // size))
        self.limit = limit
