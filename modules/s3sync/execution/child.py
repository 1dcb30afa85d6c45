"""In the process that executes one task."""
from __future__ import annotations

import io
import json
import os
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from . import present
from .environment import Environment
from .task import COMPLETED, FAILED, Task


def main(environment: Environment, task: Task, output: Connection, answer: Connection, life: Connection) -> None:
    """Execute the task; its result, or its traceback, goes through `answer`.

    Parameters
    ----------
    output : takes the place of standard output
    life : closed by the system when the worker is no more; then this process ends too, and what it has started
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)        # Ctrl-C is for the worker, who then sends SIGTERM
    os.setpgid(0, 0)                                    # so that it can be ended with all it has started
    threading.Thread(target=_die_with_worker, args=(life,), daemon=True).start()
    os.dup2(output.fileno(), 1)
    output.close()
    sys.stdout = io.TextIOWrapper(os.fdopen(1, "wb", buffering=0), encoding="utf-8", errors="replace", write_through=True)
    present.enter(task.present)
    with _Answer(answer) as found:
        with environment.functions(task) as functions:
            if task.function not in functions:
                raise NameError(f"name {task.function!r} not found in scheduler's environment")
            found.result = json.dumps(functions[task.function](*json.loads(task.args), **json.loads(task.vars)))
    sys.stdout.flush()


def _die_with_worker(life: Connection) -> None:
    """A task whose worker was killed will be given to another worker: it must not run twice at the same time."""
    try:
        life.recv_bytes()
    except (EOFError, OSError):
        os.killpg(0, signal.SIGKILL)


class _Answer:
    """Sends what became of the task, whatever ended it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.result = "null"

    def __enter__(self) -> _Answer:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> bool:
        said: tuple[Any, ...] = (COMPLETED, self.result, None)
        if kind is not None:
            said = (FAILED, None, "".join(traceback.format_exception(kind, value, trace)))
        self._connection.send(said)
        self._connection.close()
        return True
