"""gluon's scheduler: our task in it, and jobs queued through its tables."""
from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, Callable

from gluon import current
from gluon.scheduler import Scheduler

#: Name of the task, as in existing Eden deployments' jobs
TASK = "sync_synchronize"

#: seconds after its last heartbeat that a worker still counts as alive
ALIVE = 60


def attach(db: Any, task: Callable[..., Any], migrate: Any = True) -> Any:
    """Put the task into the application's scheduler; make one if the application has none.

    A model that builds a scheduler of its own after ours must take our task along (``tasks=dict(…, **s3sync_app.tasks)``).
    The child processes are spawned: forked ones may hang on locks of the worker's threads.
    """
    scheduler = getattr(current, "_scheduler", None)
    if scheduler is None or scheduler.db is not db:
        scheduler = Scheduler(db, tasks={TASK: task}, migrate=migrate, use_spawn=True, heartbeat=3)
    elif scheduler.tasks is not None:
        scheduler.tasks[TASK] = task
    return scheduler


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
    return int(number)


def worker_alive(db: Any) -> bool:
    """Has a worker given a sign of life in the last minute?"""
    table = db.scheduler_worker
    since = datetime.now() - timedelta(seconds=ALIVE)
    return not db((table.last_heartbeat > since) & (table.status.belongs(("ACTIVE", "PICK")))).isempty()
