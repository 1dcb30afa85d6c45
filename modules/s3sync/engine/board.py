"""The steps of a run that several workers share: who works on what. Each decision is one conditional update.

The worker that has begun the run holds the lease of the repository, and ends the run. Those who help hold a lease for each task
they work on, so that one who died is noticed, and so that no other run begins while they are at work.
"""
from __future__ import annotations

from typing import NamedTuple, Sequence

from ..errors import AlreadyRunning, lasting
from ..process import own_name
from .lease import Lease
from .peer import Task
from .progress import end_left_over
from .site import Site
from .together import ready, units
from .work import Done

Key = tuple[int, str]        #: task, direction

#: phase of a run whose workers shall end
STOPPING = "stopping"


class Claim(NamedTuple):
    """A step that is ours: its row, and the lease of its task if we help with another's run."""

    number: int
    task: Task
    direction: str
    lease: Lease | None


class State(NamedTuple):
    """A row of sync_run_task."""

    number: int
    status: str
    worker: str
    records: int
    message: str
    code: str


class Board:
    """One run's steps.

    Parameters
    ----------
    owner : who we are, as in leases
    plan : the steps in order, as `together.plan` gives them
    """

    def __init__(self, site: Site, repository_id: int, run_id: int, owner: str, plan: Sequence[tuple[Task, str]]) -> None:
        self.site = site
        self.repository_id = repository_id
        self.run_id = run_id
        self.owner = owner
        self.tasks = {(task.id, direction): task for task, direction in plan}
        self.units = units(site, plan)

    def others(self, task_id: int) -> frozenset[str]:
        """Tables that other tasks than this cover."""
        return frozenset(name for unit in self.units if unit.task_id != task_id for name in unit.covers)

    def states(self) -> dict[Key, State]:
        """All steps as they are now. Commits: what is looked at next must not be older."""
        found = {(int(row[0]), row[1]): State(int(row[2]), row[3], row[4] or "", int(row[5] or 0), row[6] or "", row[7] or "")
                 for row in self.site.db.rows(
                     'SELECT "task_id", "direction", "id", "status", "worker", "records", "message", "error_code" '
                     'FROM "sync_run_task" WHERE "run_id" = ?', [self.run_id])}
        self.site.db.commit()
        return found

    def claim(self, helping: bool = False) -> Claim | None:
        """Take a step that can begin now, committed; None if there is none. `helping`: with a lease for its task."""
        states = self.states()
        waiting = {key for key, state in states.items() if state.status == "waiting"}
        done = {key for key, state in states.items() if state.status not in ("waiting", "running")}
        for unit in ready(self.units, waiting, done):
            lease = Lease(self.site, lease_name(self.repository_id, unit.task_id), self.owner) if helping else None
            if lease is not None:
                try:
                    lease.take()
                except AlreadyRunning:
                    continue
            number = states[unit.key].number
            taken = self.site.db.execute(
                'UPDATE "sync_run_task" SET "status" = ?, "worker" = ? WHERE "id" = ? AND "status" = ? AND EXISTS '
                '(SELECT 1 FROM "sync_run" WHERE "sync_run"."id" = ? AND "sync_run"."status" = ?)',
                ["running", self.owner, number, "waiting", self.run_id, "running"])
            self.site.db.commit()
            if taken:
                return Claim(number, self.tasks[unit.key], unit.direction, lease)
            if lease is not None:
                lease.release()
        return None

    def give_back(self, number: int, worker: str) -> bool:
        """A step that this worker does not go on with is for whoever is next; was it still this worker's? Commits."""
        back = self.site.db.execute('UPDATE "sync_run_task" SET "status" = ?, "worker" = NULL WHERE "id" = ? AND "status" = ? '
                                    'AND "worker" = ?', ["waiting", number, "running", worker])
        self.site.db.commit()
        return bool(back)

    def helped(self) -> list[tuple[Key, State]]:
        """Steps that others are working on."""
        return [(key, state) for key, state in self.states().items()
                if state.status == "running" and state.worker not in ("", self.owner)]

    def free(self) -> int:
        """Take from workers that died what they were working on; returns how many steps. Commits."""
        count = 0
        for (task_id, _), state in self.helped():
            lease = Lease(self.site, lease_name(self.repository_id, task_id), self.owner)
            try:
                lease.take()
            except AlreadyRunning:
                continue
            count += self.give_back(state.number, state.worker)
            lease.release()
        return count

    def results(self, own: dict[Key, Done]) -> list[Done]:
        """What became of the steps, in order: `own` tells of those that ended in this process. Not of those never begun."""
        states = self.states()
        found = []
        for unit in self.units:
            state = states.get(unit.key)
            if unit.key in own:
                found.append(own[unit.key])
            elif state is not None and state.status not in ("waiting", "running"):
                found.append(_done(state))
        return found


def _done(state: State) -> Done:
    if state.status in ("success", "warning"):
        return Done(state.status, records=state.records)
    result = "warning" if state.status == "interrupted" else "fatal" if lasting(state.code) else "error"
    return Done(result, None, state.message, state.code, state.records)


def lease_name(repository_id: int, task_id: int) -> str:
    """The lease of who helps with a task."""
    return f"repository/{repository_id}/task/{task_id}"


def check_nobody_helps(site: Site, repository_id: int) -> None:
    """Before a run begins, its repository's lease being held: parts of an earlier one may still be worked on.

    That run counts as ended from now on, so that nobody begins another part of it. Raises AlreadyRunning. Commits.
    """
    if site.db.dialect == "sqlite":
        return
    end_left_over(site, repository_id)
    site.db.commit()                             # before we look: who takes a part looks first if the run goes on
    held = site.db.rows('SELECT "name" FROM "sync_lease" WHERE "name" LIKE ? AND "owner" IS NOT NULL',
                        [f"repository/{repository_id}/task/%"])
    site.db.commit()
    for (name,) in held:
        lease = Lease(site, name, own_name())
        lease.take()
        lease.release()
