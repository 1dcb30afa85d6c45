"""Our tasks in web2py's own scheduler."""
from __future__ import annotations

from typing import Any, Callable, Mapping

from gluon import current
from gluon.scheduler import Scheduler


def attach(db: Any, tasks: Mapping[str, Callable[..., Any]], migrate: Any = True) -> Any:
    """Put our tasks into the application's scheduler; make one if the application has none.

    A model that builds a scheduler of its own after ours must take them along (``tasks=dict(…, **s3sync_app.tasks)``).
    The child processes are spawned: forked ones may hang on locks of the worker's threads.
    """
    scheduler = getattr(current, "_scheduler", None)
    if scheduler is None or scheduler.db is not db:
        scheduler = Scheduler(db, tasks=dict(tasks), migrate=migrate, use_spawn=True, heartbeat=3)
    elif scheduler.tasks is not None:
        scheduler.tasks.update(tasks)
    return scheduler
