"""Our jobs among the scheduler's tasks, whichever kind of worker performs them."""
from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

#: Name of the task, as in existing Eden deployments' jobs
TASK = "sync_synchronize"

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


def worker_alive(db: Any) -> bool:
    """Has a worker given a sign of life in the last minute?"""
    table = db.scheduler_worker
    since = datetime.now() - timedelta(seconds=ALIVE)
    return not db((table.last_heartbeat > since) & (table.status.belongs(("ACTIVE", "PICK")))).isempty()
