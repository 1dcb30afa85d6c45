"""Everything paused: no job runs, of no repository, until somebody resumes. What is started by hand runs all the same."""
from __future__ import annotations

import time
from datetime import datetime
from typing import Any, Callable

from . import log
from .repository import Repository
from .site import Site

MESSAGE = "Not synchronized: the schedules of all repositories are paused. Resume them on the pages of the module"

#: seconds between two looks of a run that is going on
LOOK = 5.0


def since(dal: Any) -> datetime | None:
    """When everything was paused (UTC), None if it is not."""
    row = dal(dal.sync_pause.id > 0).select(dal.sync_pause.since, orderby=dal.sync_pause.id, limitby=(0, 1)).first()
    return row.since if row else None


def pause(dal: Any, moment: datetime, user_id: int | None = None) -> None:
    """Pause everything, in the caller's transaction; runs of jobs that are going on end after their present batch."""
    if since(dal) is None:
        dal.sync_pause.insert(since=moment, user_id=user_id)


def resume(dal: Any) -> None:
    """Jobs run again, in the caller's transaction."""
    dal(dal.sync_pause.id > 0).delete()


def holds(site: Site, repository: Repository) -> bool:
    """May no job run? Then the log says so, once for each pause."""
    began = since(site.db.dal)
    if began is not None:
        table = site.db.dal.sync_log
        if site.db.dal((table.repository_id == repository.id) & (table.message == MESSAGE) & (table.timestmp >= began)).isempty():
            log.write(site, repository.id, None, "none", "none", "check", "warning", MESSAGE)
    site.db.commit()
    return began is not None


def watch(site: Site, clock: Callable[[], float] = time.monotonic) -> Callable[[], str]:
    """For a run of a job, to be asked after each commit: why it has to end, or an empty text. Looks every few seconds."""
    looked = clock()

    def reason() -> str:
        nonlocal looked
        if clock() - looked < LOOK:
            return ""
        looked = clock()
        found = since(site.db.dal)
        site.db.commit()
        return "the schedules of all repositories were paused" if found is not None else ""

    return reason
