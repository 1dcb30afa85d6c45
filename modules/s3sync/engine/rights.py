"""Cursors that count only for the rights they were reached with.

Where it depends on the record what a user may read (realms and owners in Eden), a user may be let see more: records that have
long been there, and that no reading on from a cursor finds. So a cursor says with it which rights it was reached with; with
others, everything is looked through once more. What the peer has already, it finds unchanged.
"""
from __future__ import annotations

import re
from hashlib import blake2s

from ..index.index import ECHO
from .peer import Task
from .site import Site

SEAL = "~"

#: the numbers of an SQL list
LISTED = re.compile(r"\(([0-9]+(?:, ?[0-9]+)*)\)")


def rights(site: Site, task: Task) -> str:
    """Changes with what the present user may read of a task's tables; "" where that does not depend on the record."""
    said = [(name, _ordered(sql)) for name in site.scope(task.resource, task.components) if (sql := site.host.readable(name))]
    return blake2s(repr(said).encode("utf-8"), digest_size=4).hexdigest() if said else ""


def _ordered(sql: str) -> list[str]:
    """The alternatives of a condition: realms and roles come from sets, in any order."""
    def ascending(found: re.Match[str]) -> str:
        return f"({','.join(sorted(re.split(', ?', found[1]), key=int))})"
    return sorted(" ".join(re.sub("[()]", " ", part).split()) for part in LISTED.sub(ascending, sql).split(" OR "))


def sealed(cursor: str, held: str) -> str:
    """A cursor for whoever reads with these rights."""
    return f"{cursor}{SEAL}{held}" if held else cursor


def opened(cursor: str, held: str | None) -> str:
    """A cursor that `sealed` has given: from the beginning if it was reached with other rights. None: whatever they were."""
    place, _, before = cursor.partition(SEAL)
    if held is None or before == held or place == ECHO:
        return place
    epoch, *numbers = place.split(".")
    return f"{epoch}.0.{numbers[1]}" if len(numbers) == 2 else ""
