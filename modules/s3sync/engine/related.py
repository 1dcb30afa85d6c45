"""Filters that look at other tables: a record may come into one although it has not changed itself.

Before a filtered table is read for a peer, the tables that its filters look at are scanned for changes. Records that are
connected with a changed one, and that the filter lets pass now, get a new sequence number, as they are: so they are found by
whoever reads on from a cursor, and whoever has them already finds the same version. How far that was done is remembered by
table and filter, not by peer.

What no index tells of (`s3sync.hosts.base.Related.vague`) is made good from time to time: all records the filter lets pass get
a new sequence number.
"""
from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import blake2s
from typing import Sequence

from ..hosts.base import Related
from . import cursors
from .export import Exporter
from .peer import Task
from .site import Site

DIRECTION = "related"


def follow(site: Site, task: Task, patience: int = 1000) -> None:
    """Notice the records of a task that have come into its filters. Commits, a batch at a time.

    At most `patience` batches of rows of each other table are looked at; the rest is left for the next time.
    """
    for name in site.scope(task.resource, task.components) if task.filters else ():
        filters = [text for text in task.conditions(name) if text.strip()]
        if not filters:
            continue
        site.table(name)                          # some applications define it only now
        found = site.host.related(name, filters)
        if found.changed or found.vague:
            _Follower(site, name, filters, found, patience).follow()


class _Follower:
    """One filtered table."""

    def __init__(self, site: Site, name: str, filters: Sequence[str], found: Related, patience: int) -> None:
        self.site = site
        self.name = name
        self.filters = sorted(filters)
        self.patience = patience
        self.condition = found.condition
        self.changed = [(other, sql) for other, sql in found.changed if site.host.carries(other)]
        self.vague = found.vague or len(self.changed) < len(found.changed)
        self.exporter = Exporter(site)

    def follow(self) -> None:
        """See `follow`."""
        site, index = self.site, self.site.index
        known = cursors.load(site, site.host.site_uuid, 0, DIRECTION, DIRECTION)
        reached: dict[str, str] = {}
        seen: dict[str, int] = {}
        for other, connected in self.changed:
            if other not in seen:
                seen[other] = self._scanned(other)
            key = self._key(connected)
            if key in known:
                since = index.position(other, known[key])
                if since == seen[other]:
                    continue
                self._renumber(connected, [other, since])
            reached[key] = index.cursor(other, seen[other])
        if self.vague:
            key, now = self._key("vague"), site.now()
            due = key in known and not now - timedelta(seconds=site.settings.deep_interval) < _when(known[key]) <= now
            if due:
                self._renumber("1=1", [])
            if due or key not in known:
                reached[key] = now.isoformat()[:19]
        if reached:
            cursors.save(site, site.host.site_uuid, 0, DIRECTION, DIRECTION, reached)
            site.db.commit()

    def _scanned(self, other: str) -> int:
        """Bring the index of a table up to date; its last number."""
        left = self.patience
        while not self.exporter.refresh(other, self.site.settings.batch_size) and left > 1:
            left -= 1
        return self.site.index.last(other)

    def _renumber(self, connected: str, args: list[object]) -> None:
        site, name, after, limit = self.site, self.name, 0, self.site.settings.batch_size
        live = f""" AND ("{name}"."deleted" IS NULL OR "{name}"."deleted" <> 'T')""" if site.table(name).soft_delete else ""
        while True:
            site.index.lock(name)
            rows = site.db.rows(
                f'SELECT "{name}"."id", "{name}"."uuid" FROM "{name}" WHERE ({self.condition}) AND ({connected}) '
                f'AND "{name}"."id" > ?{live} ORDER BY "{name}"."id" LIMIT {int(limit)}', [*args, after])
            site.index.renumber(name, [row[1] for row in rows if row[1]])
            site.db.commit()
            if len(rows) < limit:
                return
            after = rows[-1][0]

    def _key(self, what: str) -> str:
        return blake2s(repr((self.name, self.filters, what)).encode("utf-8"), digest_size=16).hexdigest()


def _when(text: str) -> datetime:
    return datetime.fromisoformat(text)
