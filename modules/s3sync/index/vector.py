"""Version vectors: which edits of which sites a version of a record contains.

In text, as stored and sent: ``"3f2a…:4,91bc…:1"``, sites in order. A site is named by twelve hex digits of its uuid's
hash; that keeps a vector short and is unique for any number of sites that will ever meet.
"""
from __future__ import annotations

import enum
import re
from functools import lru_cache
from hashlib import blake2s
from typing import Mapping

VECTOR = re.compile(r"\A[0-9a-f]{12}:[1-9][0-9]{0,17}(,[0-9a-f]{12}:[1-9][0-9]{0,17})*\Z")


class Order(enum.Enum):
    """How my version stands to theirs."""

    EQUAL = "equal"
    AFTER = "after"             #: mine contains all of theirs, and more
    BEFORE = "before"           #: theirs contains all of mine, and more
    CONCURRENT = "concurrent"   #: each has edits the other has not seen


@lru_cache(maxsize=4096)
def site_key(uuid: str) -> str:
    """Short name of a site (or of anything else that edits) in vectors."""
    return blake2s(uuid.encode("utf-8"), digest_size=6).hexdigest()


@lru_cache(maxsize=65536)
def _parse(text: str) -> tuple[tuple[str, int], ...]:
    return tuple((site, int(count)) for site, count in (part.split(":") for part in text.split(","))) if text else ()


@lru_cache(maxsize=65536)
def valid(text: str) -> bool:
    """Is this text, from a peer, a vector?"""
    return len(text) < 20000 and VECTOR.match(text) is not None


def parse(text: str) -> dict[str, int]:
    """Vector from its text."""
    return dict(_parse(text))


def dump(vector: Mapping[str, int]) -> str:
    """Text of a vector."""
    return ",".join(f"{site}:{vector[site]}" for site in sorted(vector))


def increment(text: str, site: str) -> str:
    """The vector after one more edit at `site` (a site_key)."""
    vector = parse(text)
    vector[site] = vector.get(site, 0) + 1
    return dump(vector)


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
