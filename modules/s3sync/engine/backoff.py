"""A repository that keeps failing is tried less often, and says when it will be tried next.

The wait doubles with each failed run, up to a limit; a random part of it keeps sites from returning all at once when the
one they all wait for is back. What only a person at this site can mend (a URL that is none, say) is tried as seldom as that
limit allows, until somebody has changed the repository's configuration. A person's own attempt never waits.
"""
from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2s
from typing import Callable

from ..errors import SyncError
from ..index.moment import to_datetime
from .repository import Repository
from .site import Site

COLUMNS = ("failures", "first_on", "failed_on", "next_on", "code", "message", "final", "config")


@dataclass(frozen=True)
class State:
    """How it stands with a repository whose last run failed.

    Attributes
    ----------
    failures : failed runs in a row
    first_on, failed_on : when the first and the last of them failed
    next_on : scheduled runs before this do nothing
    code, message : of the last error
    final : trying again does not help; somebody has to do what the message says
    waiting : `next_on` lies in the future
    config : digest of the configuration it failed with
    """

    failures: int
    first_on: datetime | None
    failed_on: datetime | None
    next_on: datetime | None
    code: str
    message: str
    final: bool
    waiting: bool
    config: str


def state(site: Site, repository_id: int) -> State | None:
    """None if the last run has reached the peer."""
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    rows = site.db.rows(f'SELECT {names} FROM "sync_backoff" WHERE "repository_id" = ? AND "failures" > 0', [repository_id])
    if not rows:
        return None
    row = rows[0]
    next_on = to_datetime(row[3])
    return State(int(row[0]), to_datetime(row[1]), to_datetime(row[2]), next_on, row[4] or "", row[5] or "",
                 row[6] in ("T", True, 1), next_on is not None and next_on > site.now(), row[7] or "")


def wait(failures: int, error: SyncError, first: int, longest: int,
         uniform: Callable[[float, float], float] = random.uniform) -> float:
    """Seconds until the next attempt after so many failures in a row (pure).

    Parameters
    ----------
    first : seconds, limit of the wait after the first failure
    longest : seconds, limit of any wait; what the peer asks for (Retry-After) counts beyond it
    """
    hopeless = not error.transient and not error.remote
    limit = longest if hopeless else min(longest, first * 2 ** min(failures - 1, 30))
    return max(uniform(limit / 2, limit), error.retry_after or 0.0)


def config(repository: Repository) -> str:
    """Changes with all that decides whether and how the peer is reached."""
    text = repr((repository.uuid, repository.url, repository.username, repository.password, repository.proxy, repository.apitype))
    return blake2s(text.encode("utf-8"), digest_size=8).hexdigest()


def failed(site: Site, repository: Repository, error: SyncError) -> datetime | None:
    """A run has failed, in the caller's transaction. Returns when the next scheduled one will try; None: as scheduled."""
    longest = site.settings.retry_longest
    if longest <= 0:
        return None
    before = state(site, repository.id)
    now = site.now()
    failures = before.failures + 1 if before else 1
    next_on = now + timedelta(seconds=int(wait(failures, error, site.settings.retry_first, longest)))
    stamp = now.isoformat(" ")[:19]
    first_on = before.first_on.isoformat(" ")[:19] if before and before.first_on else stamp
    site.db.upsert("sync_backoff", ("repository_id",), COLUMNS, [(
        repository.id, failures, first_on, stamp, next_on.isoformat(" ")[:19], error.code, error.message,
        "F" if error.transient else "T", config(repository))])
    return next_on


def forget(site: Site, repository_id: int) -> None:
    """The peer was reached, or somebody wants it tried again at the next scheduled time. Commits."""
    if site.db.execute('DELETE FROM "sync_backoff" WHERE "repository_id" = ?', [repository_id]):
        site.db.commit()


def waiting(site: Site, repository: Repository) -> State | None:
    """The state of a repository that a scheduled run must leave alone for now; None if it may be tried.

    A clock that was set back does not make it wait longer; a change of its configuration ends the wait.
    """
    found = state(site, repository.id)
    if found is None or not found.waiting or found.failed_on is None or site.settings.retry_longest <= 0:
        return None
    return None if found.config != config(repository) or found.failed_on > site.now() else found


def words(found: State) -> str:
    """For the log."""
    times = f"the last {found.failures} runs have" if found.failures > 1 else "the last run has"
    return (f"Not tried before {found.next_on:%Y-%m-%d %H:%M} UTC, because {times} failed ({found.message}). "
            "A manual synchronization tries at once")
