"""How it stands with each repository: for whoever wants to know what is wrong."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Iterator

from . import backoff, conflicts, quarantine, queue, waiting
from .listing import moment
from .repository import Repository, load
from .site import Site


@dataclass(frozen=True)
class Standing:
    """The last run of a repository, what it and those before have left behind, and the next attempt if it rests.

    `status` is that of sync_run, "" if there was none; `late` tells that a run gives no sign of life any more.
    """

    repository: Repository
    status: str
    started_on: datetime | None
    finished_on: datetime | None
    message: str
    late: bool
    quarantined: int
    conflicts: int
    waiting: int
    queued: int
    backoff: backoff.State | None

    @property
    def trouble(self) -> bool:
        """Does it need somebody?"""
        return bool(self.late or self.quarantined or self.conflicts or self.backoff or self.status in ("error", "fatal"))

    def words(self) -> list[str]:
        """For a terminal, a line each."""
        found = ["never synchronized from here"]
        if self.status:
            end = f", ended {self.finished_on:%Y-%m-%d %H:%M} UTC" if self.finished_on else ""
            found = [f"last run: {self.status}, began {self.started_on:%Y-%m-%d %H:%M} UTC{end}"]
            found += [f"  {self.message}"] if self.message else []
        if self.late:
            found.append("that run gives no sign of life: the next one takes over")
        if self.backoff:
            found.append(f"{self.backoff.failures} failed runs in a row ({self.backoff.code}); scheduled runs try again from "
                         f"{self.backoff.next_on:%Y-%m-%d %H:%M} UTC")
        for number, text in ((self.quarantined, "rejected records in quarantine"), (self.conflicts, "conflicts to be decided"),
                             (self.waiting, "records waiting for a reference or file"), (self.queued, "records queued")):
            if number:
                found.append(f"{number} {text}")
        return found


def standing(site: Site) -> Iterator[Standing]:
    """All repositories, in the order of their ids."""
    for (number,) in site.db.rows("""SELECT "id" FROM "sync_repository" WHERE "deleted" IS NULL OR "deleted" <> 'T' """
                                  'ORDER BY "id"'):
        rows = site.db.rows('SELECT "status", "started_on", "finished_on", "message", "heartbeat_on" FROM "sync_run" '
                            'WHERE "repository_id" = ? ORDER BY "id" DESC LIMIT 1', [number])
        status, started, finished, message, beat = rows[0] if rows else ("", None, None, "", None)
        heard = moment(beat)
        late = status == "running" and heard is not None and (site.now() - heard).total_seconds() > site.settings.lease_time
        yield Standing(load(site.db.dal, number), status or "", moment(started), moment(finished), message or "", late,
                       quarantine.count(site, number), conflicts.count(site, number), waiting.count(site, number),
                       queue.count(site, number), backoff.state(site, number))
