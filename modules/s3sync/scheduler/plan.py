"""When a task runs again, and what becomes of it after a run: pure functions over rows of scheduler_task."""
from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ..execution.task import COMPLETED, FAILED, TIMEOUT
from .cron import CronParser
from .tables import EXPIRED, QUEUED


def next_time(task: Any, now: datetime) -> datetime:
    """When a task that starts `now` is due again.

    A cron line goes before the period. With ``prevent_drift`` the times are ``start_time`` and whole periods after it, else
    one period after each start.
    """
    if task.cronline:
        return CronParser(task.cronline, now.replace(second=0, microsecond=0)).next()
    period = task.period or 0
    if task.prevent_drift and period and task.start_time:
        slots = (now - task.start_time).total_seconds() // period + 1
        return task.start_time + timedelta(seconds=period * slots)
    return now + timedelta(seconds=period)


def runs_again(task: Any, times_run: int) -> bool:
    """Is a task to be repeated that has been run so often?"""
    return not task.repeats or times_run < task.repeats


def after_success(task: Any, times_run: int, due: datetime) -> str:
    """Status of a task that succeeded for the `times_run`-th time and would be due next at `due`."""
    if not runs_again(task, times_run):
        return COMPLETED
    if task.stop_time and due > task.stop_time:
        return EXPIRED
    return QUEUED


def after_failure(task: Any, how: str) -> str:
    """Status of a task whose run ended as `how` (FAILED, TIMEOUT, STOPPED), `times_failed` not yet counting it."""
    if task.retry_failed == -1 or (task.times_failed or 0) < (task.retry_failed or 0):
        return QUEUED
    return TIMEOUT if how == TIMEOUT else FAILED
