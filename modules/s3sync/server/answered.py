"""What a plain Eden that pulls from us has got of our changes.

It only tells a time: that of the youngest record it received last, plus one second. That is not enough to know what it lacks
(a record that came here from a third site may be old), so each answer holds all that is new for this caller by our index,
and counts as received when the next request names a time that only this answer can have led to.
"""
from __future__ import annotations

import re

from ..engine import cursors, related
from ..engine.export import Exporter
from ..engine.peer import Task
from ..engine.repository import Repository
from ..engine.rights import rights
from ..engine.scope import scope, scope_digest
from ..engine.site import Site

DIRECTION = "answer"


class Answered:
    """The answers to one caller and task: up to which sequence number of each table it has our changes.

    A position is ``received|sent|youngest|msince``: a cursor of our own, the sequence number that the last answer reached, the
    youngest time in it, and the time it was asked for with.
    """

    def __init__(self, site: Site, repository: Repository, task: Task) -> None:
        self.site = site
        self.repository = repository
        self.scope = f"{scope_digest(task)}{rights(site, task)}"
        self.task = task
        self.tables = [name for name, _ in scope(site, task)]

    def news(self, msince: str | None) -> dict[str, int]:
        """By table, the sequence number above which records are new to the caller; the index is brought up to date."""
        site, since, exporter = self.site, {}, Exporter(self.site)
        related.follow(site, self.task)
        for name in self.tables:
            while not exporter.refresh(name, site.settings.batch_size):
                pass
        kept = cursors.load(site, self.repository.uuid, 0, DIRECTION, self.scope)
        for name in self.tables:
            received, sent, youngest, asked = (kept.get(self._key(name), "") + "|||").split("|")[:4]
            if sent and _short(msince) != asked and _short(msince) > youngest:
                received = f"{received.partition('.')[0]}.{sent}"
            since[name] = site.index.position(name, received)
        return since

    def sent(self, since: dict[str, int], last: dict[str, int], youngest: str | None, msince: str | None) -> None:
        """An answer is on its way: with all up to `last`, asked for with `msince`."""
        when = f"{_short(youngest) or '9'}|{_short(msince)}"
        cursors.save(self.site, self.repository.uuid, 0, DIRECTION, self.scope, {
            self._key(name): f"{self.site.index.cursor(name, since[name])}|{last[name]}|{when}" for name in self.tables})

    def _key(self, table: str) -> str:
        return f"{self.task.resource}/{table}"[:64]


def _short(stamp: str | None) -> str:
    """A time in fewer characters, in the same order."""
    return re.sub("[^0-9]", "", stamp or "")
