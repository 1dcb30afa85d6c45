"""How long the present task may go on before its worker ends it."""
from __future__ import annotations

from datetime import datetime
from typing import Any

from ..execution.present import Present

#: part of a timeout, and most seconds, that are kept for coming to an end: a batch, the log
RESERVE, MOST = 0.2, 60.0


def deadline(db: Any, task: Present, now: datetime | None = None) -> tuple[float, int] | None:
    """(seconds until the task should come to its end, its timeout in seconds); None if it may go on for ever.

    Parameters
    ----------
    db : where the scheduler's tables are
    now : server's local time, as in the scheduler's rows
    """
    table = db.scheduler_task
    row = db(table.id == task.id).select(table.timeout, table.last_run_time).first()
    if row is None or not row.timeout:
        return None
    run = db(db.scheduler_run.id == task.run_id).select(db.scheduler_run.start_time).first() if task.run_id else None
    began = run.start_time if run is not None else row.last_run_time
    gone = ((now or datetime.now()) - began).total_seconds() if began else 0.0
    if not 0 <= gone <= row.timeout:
        gone = 0.0                          # the scheduler's rows are in UTC: this process has only just begun
    return row.timeout - gone - min(row.timeout * RESERVE, MOST), int(row.timeout)
