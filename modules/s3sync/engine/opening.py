"""The first page of a run, as far as it is known before the peer has been asked who it is.

A peer that took part in a run before is greeted and asked for that page in one request: each request costs a site as much as a
page of its application. Should the greeting change what is wanted (a database was put back), the page is asked for again.
"""
from __future__ import annotations

from typing import NamedTuple

from . import cursors, pact
from .pace import Pace
from .peer import Task
from .repository import Repository, tasks
from .scope import covered, scope_digest
from .site import Site
from .together import plan


class Opening(NamedTuple):
    """What to ask for: the arguments of `Peer.pull`."""

    task: Task
    cursors: dict[str, str]
    limit: int


def opening(site: Site, repository: Repository) -> Opening | None:
    """The first page of a run; None where the run begins otherwise, or where the peer is not known to be of our kind."""
    if not repository.known or site.settings.workers > 1:        # of several workers another one may take the first step
        return None
    if not pact.load(site, repository.uuid).number:
        return None
    steps = plan(tasks(site.db, repository.id))
    if not steps or steps[0][1] != "pull" or not site.host.carries(steps[0][0].resource):
        return None
    task = steps[0][0]
    covered(site, task)                 # defines the tables: what reads the answer is another thread
    positions = cursors.load(site, repository.uuid, task.id, "pull", scope_digest(task))
    return Opening(task, positions, Pace(site.settings.batch_size).limit)
