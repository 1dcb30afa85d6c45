"""Which task of the scheduler this process is executing, whichever worker started it."""
from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Present:
    """Ids in scheduler_task and scheduler_run (0 if the worker keeps no results), and the task's uuid."""

    id: int
    uuid: str
    run_id: int


_present: Present | None = None


def enter(task: Present) -> None:
    """This process executes a task from now on (workers of our kind)."""
    global _present
    _present = task


def present() -> Present | None:
    """The task, None outside of a worker's task."""
    if _present is not None:
        return _present
    gluon = sys.modules.get("gluon")
    found: Any = getattr(gluon.current, "W2P_TASK", None) if gluon is not None else None
    return Present(int(found.id), found.uuid or "", int(found.run_id or 0)) if found else None
