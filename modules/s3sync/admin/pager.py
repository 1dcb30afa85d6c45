"""Long lists, page by page."""
from __future__ import annotations

from typing import Any, Callable, NamedTuple, Sequence

from ..engine.listing import Listing

#: rows of one page
SIZE = 50


class Pager(NamedTuple):
    """One page of a list."""

    rows: Any
    number: int         #: of this page, from 1
    pages: int
    total: int          #: rows of all pages
    previous: str       #: address of the page before, or ""
    next: str

    @property
    def first(self) -> int:
        """The number of the first row shown, from 1."""
        return (self.number - 1) * SIZE + 1 if self.total else 0

    @property
    def last(self) -> int:
        """The number of the last row shown."""
        return min(self.number * SIZE, self.total)


def listing(fetch: Callable[[int, int], Any], number: int, address: Callable[[int], str]) -> Pager:
    """The page `number` (from 1) of what `fetch` gives for a limit and an offset: an `s3sync.engine.listing.Listing`."""
    found = fetch(SIZE, (number - 1) * SIZE)
    pages = max(1, -(-found.total // SIZE))
    if number > pages:
        number = pages
        found = fetch(SIZE, (number - 1) * SIZE)
    return Pager(found.rows, number, pages, found.total, address(number - 1) if number > 1 else "",
                 address(number + 1) if number < pages else "")


def cut(rows: Sequence[Any], number: int, address: Callable[[int], str]) -> Pager:
    """The page `number` (from 1) of a list that is there as a whole."""
    return listing(lambda limit, offset: Listing(len(rows), list(rows[offset:offset + limit])), number, address)


def paginate(db: Any, query: Any, number: int, address: Callable[[int], str], **select: Any) -> Pager:
    """The page `number` (from 1) of the rows that fulfil `query`; `address` gives the URL of a page."""
    total = db(query).count()
    pages = max(1, -(-total // SIZE))
    number = min(number, pages)
    rows = db(query).select(limitby=((number - 1) * SIZE, number * SIZE), **select)
    return Pager(rows, number, pages, total, address(number - 1) if number > 1 else "",
                 address(number + 1) if number < pages else "")
