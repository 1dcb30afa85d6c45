"""Version vectors: which edits of which sites a version of a record contains.

In text, as stored and sent: ``"3f2a…:4,91bc…:1"``, sites in order. A site is named by twelve hex digits of its uuid's
hash; that keeps a vector short and is unique for any number of sites that will ever meet.
"""
from __future__ import annotations

import enum
import re
from functools import lru_cache, wraps
from hashlib import blake2s
from typing import Callable, Mapping, TypeVar

T = TypeVar("T")

#: results that are kept, and characters of the vectors they are kept of: those of some sites. A peer may send others, but not
#: fill the memory
KEPT, SHORT = 4096, 200

VECTOR = re.compile(r"\A[0-9a-f]{12}:[1-9][0-9]{0,17}(,[0-9a-f]{12}:[1-9][0-9]{0,17})*\Z")


class Order(enum.Enum):
    """How my version stands to theirs."""

    EQUAL = "equal"
    AFTER = "after"             #: mine contains all of theirs, and more
    BEFORE = "before"           #: theirs contains all of mine, and more
    CONCURRENT = "concurrent"   #: each has edits the other has not seen


@lru_cache(maxsize=KEPT)
def site_key(uuid: str) -> str:
    """Short name of a site (or of anything else that edits) in vectors."""
    return blake2s(uuid.encode("utf-8"), digest_size=6).hexdigest()


def _kept(work_out: Callable[[str, str], T]) -> Callable[[str, str], T]:
    """Keep the results for short texts: most records of a table have the same few vectors."""
    known = lru_cache(maxsize=KEPT)(work_out)

    @wraps(work_out)
    def find(a: str, b: str) -> T:
        return known(a, b) if len(a) + len(b) < SHORT else work_out(a, b)
    return find


def _parts(text: str) -> tuple[tuple[str, int], ...]:
    return tuple((site, int(count)) for site, count in (part.split(":") for part in text.split(","))) if text else ()


_known_parts = lru_cache(maxsize=KEPT)(_parts)
_known_valid = lru_cache(maxsize=KEPT)(lambda text: VECTOR.match(text) is not None)


def valid(text: str) -> bool:
    """Is this text, from a peer, a vector?"""
    return _known_valid(text) if len(text) < SHORT else len(text) < 20000 and VECTOR.match(text) is not None


def parse(text: str) -> dict[str, int]:
    """Vector from its text."""
    return dict(_known_parts(text) if len(text) < SHORT else _parts(text))


def dump(vector: Mapping[str, int]) -> str:
    """Text of a vector."""
    return ",".join(f"{site}:{vector[site]}" for site in sorted(vector))


@_kept
def increment(text: str, site: str) -> str:
    """The vector after one more edit at `site` (a site_key)."""
    vector = parse(text)
    vector[site] = vector.get(site, 0) + 1
    return dump(vector)


@_kept
def merge(a: str, b: str) -> str:
    """The vector of a version that contains both."""
    if a == b or not b:
        return a
    if not a:
        return b
    mine, theirs = parse(a), parse(b)
    for site, count in theirs.items():
        if mine.get(site, 0) < count:
            mine[site] = count
    return dump(mine)


@_kept
def compare(mine: str, theirs: str) -> Order:
    """How `mine` stands to `theirs`."""
    if mine == theirs:
        return Order.EQUAL
    a, b = parse(mine), parse(theirs)
    ahead = any(count > b.get(site, 0) for site, count in a.items())
    behind = any(count > a.get(site, 0) for site, count in b.items())
    if ahead and behind:
        return Order.CONCURRENT
    return Order.AFTER if ahead else Order.BEFORE if behind else Order.EQUAL
