"""The hours in which a repository's jobs may run."""
from __future__ import annotations

from datetime import datetime

from ..hours import Hours, clock, parse
from . import log
from .repository import Repository
from .site import Site
from .stop import Stop


def now(site: Site, repository: Repository, moment: datetime, stop: Stop) -> bool:
    """May a job of this repository run at `moment` (local time)? If so it has to end when its hours do; else the log says so.

    The log says it once for each time that is closed, however often jobs come by.
    """
    try:
        hours = parse(repository.allowed_hours)
    except ValueError as error:
        log.once(site, repository.id, f"The allowed hours are not understood: {error}. They are ignored until they are corrected")
        return True
    if hours.allow(moment):
        end = hours.end(moment)
        if end is not None:
            # aware times: the clock may be changed meanwhile
            seconds = (end.astimezone() - moment.astimezone()).total_seconds()
            stop.after(seconds, f"the allowed hours end at {clock(end.hour * 60 + end.minute)}")
        return True
    log.once(site, repository.id, message(hours, moment))
    return False


def message(hours: Hours, moment: datetime) -> str:
    """Why nothing is done, and when something will be."""
    return (f"Not synchronized outside of the allowed hours ({hours.words()}); "
            f"the next time is {hours.next(moment).strftime('%Y-%m-%d %H:%M')}")
