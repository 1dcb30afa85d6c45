"""How it stands with each repository: for whoever wants to know what is wrong."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Iterator, NamedTuple

from ..index.moment import to_datetime
from ..process import lives
from . import backoff, conflicts, quarantine, queue, waiting
from .repository import Repository, load
from .site import Site

#: seconds after which a run should have given another sign of life
QUIET = 30


@dataclass(frozen=True)
class Standing:
    """The last run of a repository, what it and those before have left behind, and the next attempt if it rests.

    `status` is that of sync_run, "" if there was none; `late` tells that a run is dead, or so long without a sign of life that
    the next one takes over; `quiet_since` when it gave the last one, if it should have given another since.
    """

    repository: Repository
    status: str
    started_on: datetime | None
    finished_on: datetime | None
    message: str
    late: bool
    quiet_since: datetime | None
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
            found.append("that run is dead or gives no sign of life: the next one takes over")
        elif self.quiet_since:
            found.append(f"no sign of life since {self.quiet_since:%Y-%m-%d %H:%M:%S} UTC")
        if self.backoff:
            runs = f"{self.backoff.failures} runs in a row have" if self.backoff.failures > 1 else "the last run has"
            found.append(f"{runs} failed ({self.backoff.code}); scheduled runs try again from "
                         f"{self.backoff.next_on:%Y-%m-%d %H:%M} UTC")
        for number, text in ((self.quarantined, "rejected records in quarantine"), (self.conflicts, "conflicts to be decided"),
                             (self.waiting, "records waiting for a reference or file"), (self.queued, "records queued")):
            if number:
                found.append(f"{number} {text}")
        return found


class Vigour(NamedTuple):
    """Whether a run lives: `late` and `quiet_since` as in `Standing`."""

    late: bool = False
    quiet_since: datetime | None = None


def vigour(status: str, heard: datetime | None, worker: str, now: datetime, patience: float) -> Vigour:
    """How a run of this status does that was last `heard` of then; after `patience` seconds of silence others take over."""
    if status != "running":
        return Vigour()
    silent = (now - heard).total_seconds() if heard is not None else float("inf")
    return Vigour(silent > patience or lives(worker) is False, heard if silent > QUIET else None)


def standing(site: Site) -> Iterator[Standing]:
    """All repositories, in the order of their ids."""
    for (number,) in site.db.rows("""SELECT "id" FROM "sync_repository" WHERE "deleted" IS NULL OR "deleted" <> 'T' """
                                  'ORDER BY "id"'):
        rows = site.db.rows('SELECT "status", "started_on", "finished_on", "message", "heartbeat_on", "worker" FROM "sync_run" '
                            'WHERE "repository_id" = ? ORDER BY "id" DESC LIMIT 1', [number])
        status, started, finished, message, beat, worker = rows[0] if rows else ("", None, None, "", None, "")
        late, quiet = vigour(status, to_datetime(beat or started), worker or "", site.now(), site.settings.lease_time)
        yield Standing(load(site.db.dal, number), status or "", to_datetime(started), to_datetime(finished), message or "", late,
                       quiet,
                       quarantine.count(site, number), conflicts.count(site, number), waiting.count(site, number),
                       queue.count(site, number), backoff.state(site, number))
