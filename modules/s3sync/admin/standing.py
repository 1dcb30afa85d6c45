"""How things stand with each repository: its last run, its next one, what is to be looked at."""
from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Iterable

from ..engine import backoff, pause
from ..scheduler import schedule
from . import attention, jobs, run
from .page import Page

#: how long after its time a job may begin before it counts as late
LATE = timedelta(minutes=2)


@dataclass
class Standing:
    """What the lists of repositories show of one."""

    run: Any = None                 #: row of sync_run, None if there was none
    status: Any = ""                #: of the run, for people
    kind: str = "none"              #: of its badge
    next: str = ""                  #: when a job runs next; empty if none will
    late: str = ""                  #: since when a job should have begun
    broken: bool = False            #: a job has stopped because it failed too often
    retry: str = ""                 #: before when no job tries again, because it keeps failing
    trouble: list[tuple[str, str]] = field(default_factory=list)      #: (text, address)


def of(this: Page, repositories: Iterable[Any]) -> dict[int, Standing]:
    """How things stand with these repositories, by id."""
    rows = list(repositories)
    last = run.last_runs(this.db, [row.id for row in rows])
    trouble = attention.by_repository(this)
    paused = pause.since(this.db) is not None
    names = run.states(this)
    found = {}
    for row in rows:
        here = found[row.id] = Standing(last.get(row.id), trouble=trouble.get(row.id, []))
        if here.run:
            status = run.status(this, here.run)
            here.status, here.kind = names.get(status, status), run.KINDS.get(status, status)
        resting = backoff.state(this.site, row.id)
        if resting and resting.waiting:
            here.retry = this.when(resting.next_on)
        planned = jobs.of_repository(this.db, row.id)
        here.broken = any(job.status in jobs.BROKEN and job.enabled for job in planned)
        if not paused:
            here.next, here.late = _next(this, row, planned)
    return found


def _next(this: Page, repository: Any, planned: list[Any]) -> tuple[str, str]:
    """(when its next job runs, since when one is late)."""
    hours, _ = jobs.allowed_hours(repository)
    now = datetime.now().replace(microsecond=0)
    times, late = [], []
    for job in planned:
        following = schedule.next_times(job, 1, now, hours)
        times += following
        if following == [now] and job.status != "RUNNING" and job.next_run_time and job.next_run_time < now - LATE:
            late.append(job.next_run_time)
    return this.local(min(times)) if times else "", this.local(min(late)) if late else ""
