"""Records from a plain Eden: one document by date, spooled, applied in batches; overlap and memory make it lose nothing."""
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Iterable, Iterator, Mapping

from ..s3xml.record import Record
from . import cursors, quarantine
from .agree import Agreement
from .flatten import flatten
from .outcome import Outcome
from .peer import Batch, Peer, Task
from .progress import Step
from .pull import Puller, wait
from .scope import without_dependencies
from .site import Site

STAMP = "%Y-%m-%dT%H:%M:%S"


class PlainPuller(Puller):
    """Pulls one task from a plain Eden.

    It is asked for what was modified since a little before the last time, and for everything once a day: what it gives again
    is recognised and costs little.
    """

    def __init__(self, site: Site, peer: Peer, repository_id: int, repository_uuid: str, task: Task, step: Step) -> None:
        super().__init__(site, peer, repository_id, repository_uuid, task, step)
        self.agreement = Agreement(site, repository_id, repository_uuid)
        self.agreement.source = self._file

    def _pages(self) -> None:
        site, task = self.site, self.task
        kept = cursors.load(site, self.repository_uuid, task.id, "pull", self.scope)
        site.db.commit()
        reached, now = kept.get(task.resource), site.now()
        since, sweep = asked(site, task, kept)
        with ThreadPoolExecutor(1) as pool:
            batch = wait(pool.submit(self.peer.pull, task, since, 0, None), self.step.run.beat)
        try:
            self.step.bytes += batch.bytes
            if batch.total is not None:
                self.step.expect(batch.total)
            newest = self._apply_all(batch)
        finally:
            batch.close()
        # A record from the future must not drag the cursor beyond the peer's clock: what came before it would be lost.
        clock = (batch.date.astimezone(timezone.utc).replace(tzinfo=None) if batch.date else now).strftime(STAMP)
        positions = {task.resource: max(reached or "", min(newest or clock, clock))}
        if sweep:
            positions[""] = now.strftime(STAMP)
        cursors.save(site, self.repository_uuid, task.id, "pull", self.scope, positions)
        site.db.commit()

    def _apply_all(self, batch: Batch) -> str | None:
        """Apply a document; returns the youngest modified_on in it."""
        newest = None
        for group in windows(flatten(self.site, batch.records), self.site.settings.batch_size):
            for record in group:
                if record.modified_on and (newest is None or record.modified_on > newest):
                    newest = record.modified_on
            self.apply(group)
            self.step.run.commit()
        return newest

    def apply(self, records: list[Record]) -> list[Outcome]:
        """Apply what is news among records of one table."""
        name = records[0].table
        wanted = without_dependencies(self.site, self.covered, records)
        if len(wanted) < len(records):                # nothing is asked of what is here and was not chosen
            quarantine.release(self.site, self.repository_id, "pull", name,
                               {str(r.uuid) for r in records} - {str(r.uuid) for r in wanted})
        news, known = self.agreement.news(name, wanted)
        outcomes = self.applier.apply(name, news)
        self.agreement.settle(name, news, outcomes)
        by_uuid = {r.uuid: r for r in news}
        quarantine.keep(self.site, self.repository_id, self.task.id, "pull",
                        [(by_uuid.get(o.uuid), o) for o in outcomes if o.result == "rejected"])
        quarantine.release(self.site, self.repository_id, "pull", name, [o.uuid for o in outcomes if o.result != "rejected"])
        self.step.batch(outcomes)
        return outcomes


def asked(site: Site, task: Task, kept: Mapping[str, str]) -> tuple[dict[str, str], bool]:
    """What a plain Eden is asked for, from the positions that were kept: since when, and whether that is for everything."""
    reached, swept = kept.get(task.resource), kept.get("")
    interval, overlap = timedelta(seconds=site.settings.sweep_interval), timedelta(seconds=site.settings.overlap)
    if not reached or not swept or datetime.strptime(swept, STAMP) + interval <= site.now():
        return {}, True
    return {task.resource: (datetime.strptime(reached, STAMP) - overlap).strftime(STAMP)}, False


def windows(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    """Records of a window of the document by table, in the order in which the tables first appear.

    Components stand between their masters: taken in document order, each would be a batch of its own.
    """
    window: dict[str, list[Record]] = {}
    count = 0
    for record in records:
        window.setdefault(record.table, []).append(record)
        count += 1
        if count >= size:
            yield from window.values()
            window, count = {}, 0
    yield from window.values()
