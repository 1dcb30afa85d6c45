"""Our jobs among the scheduler's tasks, whichever kind of worker performs them."""
from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, Sequence

from ..engine.crew import Crew
from ..execution.present import present

#: Name of the task, as in existing Eden deployments' jobs
TASK = "sync_synchronize"

#: name of the task that helps with a run which another worker has begun
SHARE = "sync_share"

#: seconds after its last heartbeat that a worker still counts as alive
ALIVE = 60


def queue(db: Any, application: str, repository_id: int, user_id: int | None, timeout: int) -> int:
    """Queue a manual run; returns the id of its scheduler_task. One that is queued already is not queued twice."""
    table = db.scheduler_task
    args = json.dumps([repository_id])
    waiting = db((table.function_name == TASK) & (table.args == args) & (table.repeats == 1) &
                 table.status.belongs(("QUEUED", "ASSIGNED"))).select(table.id, limitby=(0, 1)).first()
    if waiting:
        return int(waiting.id)
    now = datetime.now()                      # the scheduler's own times are local (SYNC_PROTOCOL §10)
    number = table.insert(application_name=f"{application}/default", task_name=TASK, function_name=TASK, args=args,
                          vars=json.dumps({"user_id": user_id, "manual": True}), enabled=True, start_time=now, next_run_time=now,
                          repeats=1, period=60, timeout=timeout, retry_failed=0)
    # else the worker that hands out tasks looks for new ones only at every fifth heartbeat
    worker = db.scheduler_worker
    db((worker.is_ticker == True) & (worker.status == "ACTIVE")).update(status="PICK")  # noqa: E712 - SQL
    return int(number)


class Workers(Crew):
    """The scheduler's workers: each helps by a task of its own, in the group of the task that has begun the run.

    Parameters
    ----------
    timeout : seconds that a worker may help
    function, args : what the scheduler calls; it is told the `run_id` by name
    """

    def __init__(self, db: Any, application: str, timeout: int, function: str = SHARE, args: Sequence[Any] = ()) -> None:
        self.db = db
        self.application = application
        self.timeout = timeout
        self.function = function
        self.args = list(args)

    def call(self, run_id: int, number: int) -> None:
        db, task = self.db, self.db.scheduler_task
        mine = present()
        row = db(task.id == mine.id).select(task.group_name, task.application_name, task.assigned_worker_name).first() \
            if mine is not None else None
        group = row.group_name if row is not None else "main"
        application = row.application_name if row is not None else f"{self.application}/default"
        self._forget()
        now = datetime.now()
        idle = self._idle(group, row.assigned_worker_name if row is not None else "")
        for place in range(number):
            # as web2py's own worker that hands out tasks does it, which may itself be busy, and looks seldom
            given = {"status": "ASSIGNED", "assigned_worker_name": idle[place]} if place < len(idle) else {}
            task.insert(application_name=application, task_name=SHARE, function_name=self.function, args=json.dumps(self.args),
                        vars=json.dumps({"run_id": run_id}), enabled=True, start_time=now, next_run_time=now, repeats=1,
                        period=60, timeout=self.timeout, retry_failed=0, group_name=group, **given)

    def dismiss(self, run_id: int) -> None:
        task = self.db.scheduler_task
        self.db((task.task_name == SHARE) & (task.vars == json.dumps({"run_id": run_id})) &
                task.status.belongs(("QUEUED", "ASSIGNED"))).delete()
        self._forget()

    def _forget(self) -> None:
        """Tasks of this kind are worth nothing once they have ended."""
        task = self.db.scheduler_task
        self.db((task.task_name == SHARE) & ~task.status.belongs(("QUEUED", "ASSIGNED", "RUNNING"))).delete()

    def _idle(self, group: str, own: str) -> list[str]:
        """Names of workers of a group that live and have nothing to do."""
        worker, task = self.db.scheduler_worker, self.db.scheduler_task
        busy = {row.assigned_worker_name for row in self.db(task.status.belongs(("RUNNING", "ASSIGNED"))).select(
            task.assigned_worker_name, distinct=True)}
        return [row.worker_name for row in self.db(worker.group_names.contains(group) & _living(self.db)).select(
            worker.worker_name, orderby=worker.id) if row.worker_name not in busy and row.worker_name != own]


def workers_alive(db: Any) -> dict[str, int]:
    """How many workers have given a sign of life in the last minute, by group."""
    found: dict[str, int] = {}
    for row in db(_living(db)).select(db.scheduler_worker.group_names):
        for name in row.group_names or ("main",):
            found[name] = found.get(name, 0) + 1
    return found


def groups_needed(db: Any) -> dict[str, int]:
    """How many tasks wait for a worker, or will, by group."""
    task = db.scheduler_task
    number = task.id.count()
    return {row.scheduler_task.group_name or "main": int(row[number]) for row in db(
        task.status.belongs(("QUEUED", "ASSIGNED", "RUNNING")) & (task.enabled == True)).select(  # noqa: E712 - SQL
            task.group_name, number, groupby=task.group_name)}


def _living(db: Any) -> Any:
    table = db.scheduler_worker
    return ((table.last_heartbeat > datetime.now() - timedelta(seconds=ALIVE)) & table.status.belongs(("ACTIVE", "PICK")))


def worker_alive(db: Any) -> bool:
    """Has a worker given a sign of life in the last minute?"""
    return not db(_living(db)).isempty()
