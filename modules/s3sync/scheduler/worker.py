"""A worker: registers, gives signs of life, executes one task after the other, clears up after workers that died."""
from __future__ import annotations

import logging
import signal
import threading
import time
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Callable, Iterator, Sequence

from ..execution.environment import Environment
from ..execution.executor import PATIENCE, Execution
from ..process import lives
from .queue import Queue, orphans
from .tables import ACTIVE, DISABLED, KILL, PICK, RUNNING, STOP_TASK, TERMINATE

logger = logging.getLogger("s3sync.scheduler")

#: seconds that a task has to come to an end when the worker is stopped
FAREWELL = 60.0

#: seconds between two looks for a task
LOOK = 1.0

#: heartbeats without a sign of life after which a worker counts as dead
DEAD = 3
#: the same for one that may be executing a long task, or whose process can be seen to live
LONG_DEAD = 45


class Worker:
    """One thread that does everything: a sign of life cannot outlive the work, nor a lock be held by another thread.

    Parameters
    ----------
    heartbeat : seconds between two signs of life
    max_empty_runs : ends after so many heartbeats without a task; 0 = never
    once : ends when everything is done that was due when it began: a job that is due again meanwhile waits
    """

    def __init__(self, db: Any, queue: Queue, environment: Environment, group_names: Sequence[str], heartbeat: float = 3,
                 max_empty_runs: int = 0, once: bool = False) -> None:
        self.db = db
        self.queue = queue
        self.name = queue.worker_name
        self.environment = environment
        self.group_names = list(group_names)
        self.heartbeat = heartbeat
        self.max_empty_runs = max_empty_runs
        self.once = once
        self.alive = False
        self.stats: dict[str, Any] = dict(status=ACTIVE, sleep=heartbeat, total=0, errors=0, empty_runs=0, queue=0,
                                          distribution=None, workers=0)
        self._execution: Execution | None = None
        self._row: Any = None
        self._started = datetime.min
        self._due_by = queue.now() if once else None
        self._signals = 0           # SIGTERM or SIGINT so far
        self._ending = False        # no further task
        self._releasing = False     # the present task goes back to the queue
        self._disabled = False
        self._hurry = False
        self._beats = 0
        self._beaten = 0.0
        self._looked = 0.0
        self._stored = 0.0
        self._idle_since = time.monotonic()

    # --- the loop ---------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Work until told to end."""
        self.alive = True
        with self._signals_heard():
            try:
                self._safely(self._register)
                while not (self._ending and self._execution is None):
                    self._turn()
            finally:
                self.alive = False
                if self._execution is not None:
                    self._execution.stop(0)
                self._safely(self._unregister)

    def _turn(self) -> None:
        """A quarter of a second, or less if there is something to do."""
        self._obey_signals()
        if time.monotonic() - self._beaten >= self.heartbeat:
            self._beaten = time.monotonic()
            self._safely(self._beat)
        if self._execution is not None:
            self._watch(self._execution)
        elif self._ending:
            return
        elif self._disabled or (time.monotonic() - self._looked < LOOK and not self._hurry):
            time.sleep(0.1)
        else:
            self._hurry = False
            self._looked = time.monotonic()
            self._safely(self._begin)
            if self._execution is None:
                self._count_idle()

    def _begin(self) -> None:
        found = self.queue.take(self.group_names, self._due_by)
        if found is None:
            return
        self._row, task = found
        self._started = self.queue.now().replace(microsecond=0)
        logger.info("task %s %s begins", task.id, task.function)
        self.stats.update(status=RUNNING, empty_runs=0, total=self.stats["total"] + 1)
        self._execution = Execution(self.environment, task)
        self._stored = time.monotonic()
        self._safely(self._beat)        # web2py's workers assign nothing to one that is busy

    def _watch(self, execution: Execution) -> None:
        if execution.wait(min(0.25, self.heartbeat)):
            report = execution.report()
            self._execution = None
            if self._releasing and not report.finished:
                self._safely(self.queue.give_back, self._row, execution.task, report, insist=True)
                status = "given back"
            else:
                status = self._safely(self.queue.finish, self._row, execution.task, report, self._started, insist=True)
            logger.info("task %s: %s, now %s", execution.task.id, report.status, status or "another worker's")
            self.stats["status"] = ACTIVE
            self._idle_since = time.monotonic()
            self._hurry = True
        elif execution.task.sync_output and time.monotonic() - self._stored >= execution.task.sync_output:
            self._stored = time.monotonic()
            self._safely(self.queue.progress, execution.task, execution.output)

    def _count_idle(self) -> None:
        if self.once:
            self._ending = True
        self.stats["empty_runs"] = int((time.monotonic() - self._idle_since) / self.heartbeat)
        if self.max_empty_runs and self.stats["empty_runs"] >= self.max_empty_runs:
            logger.info("no task for %s heartbeats: the worker ends", self.max_empty_runs)
            self._ending = True

    # --- signals ----------------------------------------------------------------------------------------------

    @contextmanager
    def _signals_heard(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: object) -> None:
        self._signals += 1

    def _obey_signals(self) -> None:
        """The first ends the worker when the task has come to a good end, the second at once."""
        if not self._signals or (self._ending and self._releasing and self._signals < 2):
            return
        self._ending = self._releasing = True
        if self._execution is not None:
            self._execution.stop(FAREWELL if self._signals < 2 else 0)

    # --- signs of life ----------------------------------------------------------------------------------------

    def _register(self) -> None:
        """Take our place in scheduler_worker, free what an earlier worker of this name left."""
        worker = self.db.scheduler_worker
        now = self.queue.now()
        self.db(worker.worker_name == self.name).delete()
        worker.insert(worker_name=self.name, status=ACTIVE, first_heartbeat=now, last_heartbeat=now,
                      group_names=self.group_names, is_ticker=False, worker_stats=self.stats)
        self.db.commit()
        self._clear_up()
        self._beaten = time.monotonic()

    def _unregister(self) -> None:
        self.db(self.db.scheduler_worker.worker_name == self.name).delete()
        self.db.commit()

    def _beat(self) -> None:
        """A sign of life; learn what the administrator, or another worker, wants of us."""
        worker = self.db.scheduler_worker
        row = self.db(worker.worker_name == self.name).select(worker.status).first()
        self.db.commit()
        execution = self._execution
        if row is None or (execution is not None and not self.queue.is_ours(execution.task)):
            self._lost(execution)
        if row is None:
            self._register()
            return
        status = row.status
        self._obey_status(status)
        resumed = ACTIVE if status in (ACTIVE, PICK, STOP_TASK) else status
        self.db((worker.worker_name == self.name) & (worker.status == status)).update(
            last_heartbeat=self.queue.now(), status=resumed, worker_stats=self.stats)
        self.db.commit()
        self._beats += 1
        if self._beats % 5 == 0:
            self._clear_up()

    def _obey_status(self, status: str) -> None:
        """What the column `status` of our row asks for."""
        self._disabled = status == DISABLED
        if status == PICK:
            self._hurry = True
        elif status == TERMINATE:
            self._ending = True
        elif status == STOP_TASK and self._execution is not None:
            self._execution.stop()
        elif status == KILL:
            self._ending = True
            if self._execution is not None:
                self._execution.stop(min(PATIENCE, 2.0))

    def _lost(self, execution: Execution | None) -> None:
        """Others took us for dead, and our task may be running elsewhere: end it here."""
        if execution is not None:
            logger.warning("task %s was taken over by another worker: it is ended here", execution.task.id)
            execution.stop(0)
            while not execution.wait(1):
                pass
            self._execution = None
            self.stats["status"] = ACTIVE
            self.queue.abandon(execution.task)

    def _clear_up(self) -> None:
        """Remove workers that died, queue their tasks again."""
        worker = self.db.scheduler_worker
        now = self.queue.now()
        for row in self.db(worker.worker_name != self.name).select(worker.ALL):
            if row.last_heartbeat is None or row.last_heartbeat < now - self._patience(row):
                if self.db((worker.id == row.id) & (worker.last_heartbeat == row.last_heartbeat)).delete():
                    logger.warning("worker %s gives no sign of life, or its process is gone", row.worker_name)
                    count = self.queue.release([row.worker_name])
                    logger.warning("%s of its tasks were queued again", count)
        # also ours, if the database failed us while we took one
        self.queue.release([*orphans(self.db), *([self.name] if self._execution is None else [])])
        self.stats["workers"] = self.db(worker.id > 0).count()
        self.db.commit()

    def _patience(self, row: Any) -> timedelta:
        """How long a worker may be silent."""
        stats = row.worker_stats if isinstance(row.worker_stats, dict) else {}
        heartbeat = max(float(stats.get("sleep") or 0), self.heartbeat)
        living = lives(row.worker_name)
        if living is False:
            return timedelta(seconds=heartbeat)           # for the process of its task to end
        long = living or row.status not in (ACTIVE, PICK, STOP_TASK)
        return timedelta(seconds=heartbeat * (LONG_DEAD if long else DEAD))

    # --- the database -----------------------------------------------------------------------------------------

    def _safely(self, work: Callable[..., Any], *args: Any, insist: bool = False) -> Any:
        """Do something with the database; if it refuses, say so and go on (or, with `insist`, try again)."""
        error: type[Exception] = self.db._adapter.driver.Error
        while True:
            try:
                return work(*args)
            except error as problem:
                self.stats["errors"] += 1
                logger.warning("database: %s: %s", type(problem).__name__, problem)
                self._reconnect(error)
            if not insist or self._signals > 1:
                return None
            time.sleep(0.5)

    def _reconnect(self, error: type[Exception]) -> None:
        try:
            self.db.rollback()
        except error:
            try:
                self.db._adapter.reconnect()
            except error as problem:
                logger.warning("no connection to the database: %s", problem)
                time.sleep(1)
