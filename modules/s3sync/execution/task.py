"""What a worker hands to the process that executes a task, and what it gets back."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .present import Present

#: how an execution ends
COMPLETED, FAILED, TIMEOUT, STOPPED = "COMPLETED", "FAILED", "TIMEOUT", "STOPPED"


@dataclass(frozen=True)
class Task:
    """One execution of a row of scheduler_task.

    Attributes
    ----------
    application : ``app`` or ``app/controller``
    args, vars : JSON, as in the row
    timeout : seconds
    sync_output : seconds between two times that the output so far is stored; 0 = only at the end
    """

    id: int
    uuid: str
    run_id: int
    application: str
    function: str
    args: str = "[]"
    vars: str = "{}"
    timeout: int = 60
    sync_output: int = 0

    @classmethod
    def of(cls, row: Any, run_id: int) -> Task:
        """From a row of scheduler_task."""
        return cls(int(row.id), row.uuid or "", run_id, row.application_name or "", row.function_name or "", row.args or "[]",
                   row.vars or "{}", row.timeout or 0, row.sync_output or 0)

    @property
    def present(self) -> Present:
        """What the task may know of itself."""
        return Present(self.id, self.uuid, self.run_id)


@dataclass
class Report:
    """How an execution ended.

    Attributes
    ----------
    status : COMPLETED, FAILED, TIMEOUT or STOPPED
    result : JSON, None if there is none
    finished : False if its process was ended before it could say anything
    """

    status: str
    result: str | None = None
    traceback: str | None = None
    output: str = ""
    finished: bool = True
