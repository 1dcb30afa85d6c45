"""The scheduler's four tables, as web2py has them: a row written by one kind of worker is understood by the other."""
from __future__ import annotations

import json
import uuid
from datetime import datetime
from typing import Any, Callable, Collection, Mapping, Sequence

from pydal.objects import Field
from pydal.validators import IS_DATETIME, IS_EMPTY_OR, IS_IN_DB, IS_IN_SET, IS_INT_IN_RANGE, IS_NOT_EMPTY, IS_NOT_IN_DB, Validator

from ..execution.task import COMPLETED, FAILED, STOPPED, TIMEOUT
from .cron import CronParser

QUEUED, ASSIGNED, RUNNING, EXPIRED = "QUEUED", "ASSIGNED", "RUNNING", "EXPIRED"
ACTIVE, PICK, DISABLED, TERMINATE, KILL, STOP_TASK = "ACTIVE", "PICK", "DISABLED", "TERMINATE", "KILL", "STOP_TASK"

#: of a task; ASSIGNED is set by web2py's workers only
TASK_STATUS = (QUEUED, RUNNING, COMPLETED, FAILED, TIMEOUT, STOPPED, EXPIRED)
#: of one execution of a task
RUN_STATUS = (RUNNING, COMPLETED, FAILED, TIMEOUT, STOPPED)
#: of a worker
WORKER_STATUS = (ACTIVE, PICK, DISABLED, TERMINATE, KILL, STOP_TASK)

TABLES = ("scheduler_task", "scheduler_run", "scheduler_worker", "scheduler_task_deps")


class IsJson(Validator):        # type: ignore[misc]  # pyDAL has no types
    """Accepts the text of a JSON value of one kind (list or dict)."""

    def __init__(self, kind: type) -> None:
        self.kind = kind

    def __call__(self, value: Any, record_id: Any = None) -> tuple[Any, Any]:
        try:
            found = json.loads(value)
        except (TypeError, ValueError):
            return value, self.translator("invalid json")
        if isinstance(found, self.kind):
            return value, None
        return value, self.translator("Not of type: %s") % self.kind.__name__


class IsCronLine(Validator):    # type: ignore[misc]
    """Accepts a cron expression that has a next time."""

    def __call__(self, value: Any, record_id: Any = None) -> tuple[Any, Any]:
        try:
            CronParser(value, datetime.now()).next()
        except ValueError as error:
            return value, str(error)
        return value, None


def new_uuid() -> str:
    """As web2py makes them: no URN."""
    return str(uuid.uuid4())


def define(db: Any, now: Callable[[], datetime] = datetime.now, *, tasks: Mapping[str, Any] | Collection[str] | None = None,
           application: Callable[[], str | None] | str | None = None, worker_name: str = "",
           group_names: Sequence[str] = ("main",), migrate: bool | str = True) -> None:
    """Define the tables on `db`, those that are not yet there; commits if they may have been created.

    Parameters
    ----------
    now : the scheduler's clock (local time of the server, or UTC)
    tasks : names that may be queued; None or empty = any
    application : default of ``application_name``, which a web2py worker needs: ``app/controller``
    migrate : as in pyDAL; a text is the beginning of the migration files' names
    """
    def table(name: str, *fields: Field, **more: Any) -> None:
        if name not in db.tables:
            db.define_table(name, *fields, migrate=f"{migrate}{name}.table" if isinstance(migrate, str) else migrate, **more)

    known = {"requires": IS_IN_SET(sorted(tasks))} if tasks else {}
    table("scheduler_task",
          Field("application_name", default=application, requires=IS_NOT_EMPTY(), writable=False),
          Field("task_name", default=None),
          Field("group_name", default="main"),
          Field("status", default=QUEUED, requires=IS_IN_SET(TASK_STATUS), writable=False),
          Field("broadcast", "boolean", default=False),
          Field("function_name", **known),
          Field("uuid", length=255, unique=True, default=new_uuid, requires=IS_NOT_IN_DB(db, "scheduler_task.uuid")),
          Field("args", "text", default="[]", requires=IsJson(list)),
          Field("vars", "text", default="{}", requires=IsJson(dict)),
          Field("enabled", "boolean", default=True),
          Field("start_time", "datetime", default=now, requires=IS_DATETIME()),
          Field("next_run_time", "datetime", default=now),
          Field("stop_time", "datetime"),
          Field("repeats", "integer", default=1, comment="0=unlimited", requires=IS_INT_IN_RANGE(0, None)),
          Field("retry_failed", "integer", default=0, comment="-1=unlimited", requires=IS_INT_IN_RANGE(-1, None)),
          Field("period", "integer", default=60, comment="seconds", requires=IS_INT_IN_RANGE(0, None)),
          Field("prevent_drift", "boolean", default=False),
          Field("cronline", default=None, requires=IS_EMPTY_OR(IsCronLine())),
          Field("timeout", "integer", default=60, comment="seconds", requires=IS_INT_IN_RANGE(1, None)),
          Field("sync_output", "integer", default=0, requires=IS_INT_IN_RANGE(0, None)),
          Field("times_run", "integer", default=0, writable=False),
          Field("times_failed", "integer", default=0, writable=False),
          Field("last_run_time", "datetime", writable=False, readable=False),
          Field("assigned_worker_name", default="", writable=False),
          format="(%(id)s) %(task_name)s")
    table("scheduler_run",
          Field("task_id", "reference scheduler_task"),
          Field("status", requires=IS_IN_SET(RUN_STATUS)),
          Field("start_time", "datetime"),
          Field("stop_time", "datetime"),
          Field("run_output", "text"),
          Field("run_result", "text"),
          Field("traceback", "text"),
          Field("worker_name", default=worker_name))
    table("scheduler_worker",
          Field("worker_name", length=255, unique=True),
          Field("first_heartbeat", "datetime"),
          Field("last_heartbeat", "datetime"),
          Field("status", requires=IS_IN_SET(WORKER_STATUS)),
          Field("is_ticker", "boolean", default=False, writable=False),
          Field("group_names", "list:string", default=list(group_names)),
          Field("worker_stats", "json"))
    table("scheduler_task_deps",
          Field("job_name", default="job_0"),
          Field("task_parent", "integer", requires=IS_IN_DB(db, "scheduler_task.id", "%(task_name)s")),
          Field("task_child", "reference scheduler_task"),
          Field("can_visit", "boolean", default=False))
    if migrate is not False:
        db.commit()
