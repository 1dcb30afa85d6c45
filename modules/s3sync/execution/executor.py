"""Executing a task in a process of its own, which ends when its time is over, whatever it does."""
from __future__ import annotations

import codecs
import logging
import multiprocessing
import os
import signal
import time
from multiprocessing.connection import Connection, wait

from . import child
from .environment import Environment
from .task import COMPLETED, STOPPED, TIMEOUT, Report, Task

logger = logging.getLogger("s3sync.scheduler")

#: a task prints this to have what it printed before forgotten
CLEAR = "!clear!"

#: seconds between SIGTERM and SIGKILL
PATIENCE = 10.0

#: characters of output that are kept, the last ones
LONGEST = 1 << 20


class Execution:
    """A task that is running.

    Spawned, not forked: a forked process may wait for ever for a lock that another thread of the worker held.
    """

    def __init__(self, environment: Environment, task: Task) -> None:
        self.task = task
        self.output = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._said: tuple[str, str | None, str | None] | None = None
        self._ended_as: str | None = None                 # TIMEOUT or STOPPED, once it was told to end
        self._kill_at: float | None = None
        spawn = multiprocessing.get_context("spawn")
        self._output, output = spawn.Pipe(duplex=False)
        self._answer, answer = spawn.Pipe(duplex=False)
        life, self._life = spawn.Pipe(duplex=False)
        self._process = spawn.Process(target=child.main, args=(environment, task, output, answer, life),
                                      name=f"task {task.id}")
        self._began = time.monotonic()
        self._process.start()
        for end in (output, answer, life):
            end.close()
        os.set_blocking(self._output.fileno(), False)
        self._open: list[Connection] = [self._output, self._answer]

    @property
    def pid(self) -> int:
        """Process id."""
        return int(self._process.pid or 0)

    @property
    def stopping(self) -> bool:
        """Was it told to end?"""
        return self._ended_as is not None

    def wait(self, seconds: float) -> bool:
        """Let it run for so long at most; True when it has ended. Ends it when its time is over."""
        until = time.monotonic() + seconds
        while True:
            self._enforce()
            for ready in wait([*self._open, self._process.sentinel], max(0.0, min(until - time.monotonic(), 0.25))):
                if ready is self._output:
                    self._read()
                elif ready is self._answer:
                    self._hear()
            if not self._process.is_alive():
                self._finish()
                return True
            if time.monotonic() >= until:
                return False

    def stop(self, patience: float = PATIENCE) -> None:
        """Tell it to end: SIGTERM, and SIGKILL after so many seconds."""
        self._end(STOPPED, patience)

    def _enforce(self) -> None:
        now = time.monotonic()
        if self._ended_as is None and self.task.timeout and now - self._began > self.task.timeout:
            self._end(TIMEOUT, PATIENCE)
        if self._kill_at is not None and now >= self._kill_at:
            self._signal(signal.SIGKILL)

    def _end(self, how: str, patience: float) -> None:
        if self._ended_as is None:
            self._ended_as = how
            self._signal(signal.SIGTERM)
        self._kill_at = min(self._kill_at or float("inf"), time.monotonic() + patience)

    def _signal(self, number: int) -> None:
        """To the task and all it has started."""
        for send in (os.killpg, os.kill):                 # it has no group yet while it starts
            try:
                send(self.pid, number)
                return
            except (ProcessLookupError, PermissionError):
                continue

    def _read(self) -> None:
        try:
            data = os.read(self._output.fileno(), 1 << 16)
        except BlockingIOError:
            return
        text = self.output + self._decoder.decode(data)
        self.output = text[text.rfind(CLEAR) + len(CLEAR):] if CLEAR in text else text
        self.output = self.output[-LONGEST:]
        if not data:
            self._open.remove(self._output)

    def _hear(self) -> None:
        self._open.remove(self._answer)
        try:
            self._said = self._answer.recv()
        except (EOFError, OSError):                       # it was ended before it could say anything
            logger.debug("task %s ended without a word", self.task.id)

    def _finish(self) -> None:
        while self._output in self._open and wait([self._output], 0):
            before = len(self.output)
            self._read()
            if len(self.output) == before:                # something it started still holds its output
                break
        if self._answer in self._open and wait([self._answer], 0):
            self._hear()
        self._process.join()
        for end in (self._output, self._answer, self._life):
            end.close()

    def report(self) -> Report:
        """How it ended, after `wait` has returned True."""
        code = self._process.exitcode or 0
        status, result, trace = self._said or (STOPPED, None, None)
        if self._said is None:
            trace = f"The task's process was ended by {_name(-code)}" if code < 0 else f"The task's process ended: status {code}"
        if self._ended_as == TIMEOUT:
            status = TIMEOUT
            trace = f"The task was ended after its timeout of {self.task.timeout} seconds" + (f"\n{trace}" if trace else "")
        elif self._ended_as == STOPPED and status != COMPLETED:
            status = STOPPED
        return Report(status, result, trace, self.output, self._said is not None)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
