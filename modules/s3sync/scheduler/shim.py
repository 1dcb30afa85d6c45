"""The interface of web2py's scheduler, on pyDAL alone."""
from __future__ import annotations

import json
import pickle
from datetime import datetime, timezone
from typing import Any, Callable, Mapping, Sequence

from pydal.objects import Query, Row

from ..execution.environment import Environment, Given
from ..execution.task import STOPPED
from ..process import own_name
from . import tables
from .cron import CronParser
from .graph import JobGraph
from .queue import Queue
from .tables import ACTIVE, DISABLED, KILL, PICK, QUEUED, RUNNING, STOP_TASK, TERMINATE
from .worker import Worker

__all__ = ["CronParser", "JobGraph", "Scheduler"]


class Scheduler:
    """Queues tasks, looks after them, and works on them.

    Parameters
    ----------
    db : pyDAL connection
    tasks : functions by name; None = any name may be queued, `environment` finds the function
    migrate : as for pyDAL's define_table
    worker_name : by default host and process, in words by which other workers can tell whether it lives
    group_names : groups whose tasks this worker takes, by default ``["main"]``
    heartbeat : seconds between two signs of life of a worker
    max_empty_runs : a worker ends after so many heartbeats without a task; 0 = never
    discard_results : keep no rows in scheduler_run
    utc_time : the rows' times are UTC instead of the server's local time
    use_spawn : accepted for compatibility; tasks are always executed in a spawned process
    environment : where the functions come from; by default from `tasks`
    application : default of ``application_name`` of new tasks
    """

    def __init__(self, db: Any, tasks: Mapping[str, Callable[..., Any]] | None = None, migrate: bool | str = True,
                 worker_name: str | None = None, group_names: Sequence[str] | None = None, heartbeat: float = 3,
                 max_empty_runs: int = 0, discard_results: bool = False, utc_time: bool = False, use_spawn: bool = True, *,
                 environment: Environment | None = None, application: Callable[[], str | None] | str = "s3sync/default") -> None:
        self.db = db
        self.tasks = tasks
        self._given_name = worker_name
        self.worker_name = worker_name or own_name("#")
        self.group_names = list(group_names or ["main"])
        self.heartbeat = heartbeat
        self.max_empty_runs = max_empty_runs
        self.discard_results = discard_results
        self.utc_time = utc_time
        self.environment = environment or Given(dict(tasks or {}))
        self.application = application
        self._worker: Worker | None = None
        self.define_tables(db, migrate)

    def now(self) -> datetime:
        """The clock of the rows' times."""
        return datetime.now(timezone.utc).replace(tzinfo=None) if self.utc_time else datetime.now()

    def define_tables(self, db: Any, migrate: bool | str) -> None:
        """Define the four tables, those that are not there yet."""
        tables.define(db, self.now, tasks=self.tasks, application=self.application, worker_name=self.worker_name,
                      group_names=self.group_names, migrate=migrate)

    # --- tasks ------------------------------------------------------------------------------------------------

    def queue_task(self, function: str | Callable[..., Any], pargs: Sequence[Any] = (), pvars: Mapping[str, Any] | None = None,
                   **columns: Any) -> Any:
        """Queue a task, in the caller's transaction.

        Parameters
        ----------
        function : its name, or itself
        pargs, pvars : its arguments, as JSON can carry them
        columns : of scheduler_task; ``args`` and ``vars`` are JSON already. ``immediate=True``: workers shall look at once

        Returns
        -------
        a row with ``id``, ``uuid``, ``errors``; if the values were refused, the first two are None and the last tells why
        """
        name = function if isinstance(function, str) else function.__name__
        immediate = columns.pop("immediate", False)
        values = {**columns, "function_name": name, "task_name": columns.get("task_name") or name,
                  "args": columns.get("args") or json.dumps(list(pargs) if isinstance(pargs, tuple) else pargs),
                  "vars": columns.get("vars") or json.dumps({} if pvars is None else pvars),
                  "uuid": columns.get("uuid") or tables.new_uuid()}
        start = values.get("start_time")
        if values.get("cronline") and "next_run_time" not in values:
            start = values["start_time"] = start or self.now()
            try:
                values["next_run_time"] = CronParser(values["cronline"], start).next()
            except ValueError:
                values["next_run_time"] = start           # the table's own check says what is wrong
        elif start is not None:
            values.setdefault("next_run_time", start)
        done = self.db.scheduler_task.validate_and_insert(**values)
        if done["errors"]:
            return Row({"id": None, "uuid": None, "errors": done["errors"]})
        if immediate:
            worker = self.db.scheduler_worker
            self.db((worker.status == ACTIVE) & (worker.is_ticker == True)).update(status=PICK)  # noqa: E712 - SQL
        return Row({"id": done["id"], "uuid": values["uuid"], "errors": {}})

    def task_status(self, ref: int | str | Query, output: bool = False) -> Any:
        """The row of a task, None if there is none; of several that match a query, the one queued last.

        Parameters
        ----------
        ref : id, uuid, or a query on scheduler_task
        output : with the last row of scheduler_run (``scheduler_task``, ``scheduler_run``, ``result``)
        """
        task, run = self.db.scheduler_task, self.db.scheduler_run
        query = ref if isinstance(ref, Query) else self._task(ref)
        if not output:
            return self.db(query).select(task.ALL, orderby=~task.id, limitby=(0, 1)).first()
        row = self.db(query).select(task.ALL, run.ALL, left=run.on(run.task_id == task.id), orderby=~task.id | ~run.id,
                                    limitby=(0, 1)).first()
        if row is not None:
            result = row.scheduler_run.run_result
            row.result = json.loads(result) if result else None
        return row

    def stop_task(self, ref: int | str) -> int | None:
        """Stop a task by id or uuid, in the caller's transaction: a running one is ended, a waiting one is not begun.

        Returns 1 if that could be asked for, None if the task is unknown or neither running nor waiting.
        """
        task, worker = self.db.scheduler_task, self.db.scheduler_worker
        row = self.db(self._task(ref)).select(task.id, task.status, task.assigned_worker_name).first()
        if row is None:
            return None
        if row.status == RUNNING:
            return int(self.db(worker.worker_name == row.assigned_worker_name).update(status=STOP_TASK))
        if row.status == QUEUED:
            return int(self.db((task.id == row.id) & (task.status == QUEUED)).update(
                stop_time=self.now(), enabled=False, status=STOPPED))
        return None

    def _task(self, ref: int | str) -> Any:
        task = self.db.scheduler_task
        if isinstance(ref, int):
            return task.id == ref
        if isinstance(ref, str):
            return task.uuid == ref
        raise SyntaxError("A task is named by its id, its uuid or a query")     # the error web2py raises

    # --- workers ----------------------------------------------------------------------------------------------

    def set_worker_status(self, group_names: str | Sequence[str] | None = None, action: str = ACTIVE,
                          exclude: Sequence[str] = (), limit: int | None = None, worker_name: str | None = None) -> None:
        """Ask workers for something, in the caller's transaction; those whose status is in `exclude` are left alone."""
        worker = self.db.scheduler_worker
        untouched = sorted({*exclude, action})
        if worker_name:
            self.db((worker.worker_name == worker_name) & ~worker.status.belongs(untouched)).update(status=action)
            return
        groups = [group_names] if isinstance(group_names, str) else list(group_names or self.group_names)
        for group in groups:
            query = worker.group_names.contains(group) & ~worker.status.belongs(untouched)
            found = self.db(query).select(worker.id, orderby=worker.id, limitby=(0, limit) if limit else None)
            self.db(worker.id.belongs([row.id for row in found])).update(status=action)

    def disable(self, group_names: str | Sequence[str] | None = None, limit: int | None = None,
                worker_name: str | None = None) -> None:
        """Workers shall finish what they do and take nothing more until `resume`."""
        self.set_worker_status(group_names, DISABLED, (KILL, TERMINATE), limit, worker_name)

    def resume(self, group_names: str | Sequence[str] | None = None, limit: int | None = None,
               worker_name: str | None = None) -> None:
        """Disabled workers shall take tasks again."""
        self.set_worker_status(group_names, ACTIVE, (KILL, TERMINATE), limit, worker_name)

    def terminate(self, group_names: str | Sequence[str] | None = None, limit: int | None = None,
                  worker_name: str | None = None) -> None:
        """Workers shall finish what they do and end."""
        self.set_worker_status(group_names, TERMINATE, (KILL,), limit, worker_name)

    def kill(self, group_names: str | Sequence[str] | None = None, limit: int | None = None,
             worker_name: str | None = None) -> None:
        """Workers shall end, with the task they execute."""
        self.set_worker_status(group_names, KILL, (), limit, worker_name)

    def get_workers(self, only_ticker: bool = False) -> dict[str, Any]:
        """The registered workers by name; `only_ticker`: only a web2py worker that assigns tasks to the others."""
        worker = self.db.scheduler_worker
        query = worker.is_ticker == True if only_ticker else worker.id > 0  # noqa: E712 - SQL
        names = ("status", "first_heartbeat", "last_heartbeat", "group_names", "is_ticker", "worker_stats")
        return {row.worker_name: Row({name: row[name] for name in names}) for row in self.db(query).select(worker.ALL)}

    # --- being a worker ---------------------------------------------------------------------------------------

    def loop(self, worker_name: str | None = None, once: bool = False) -> None:
        """Be a worker until told to end (SIGTERM, SIGINT, `terminate`, `kill`, `max_empty_runs`).

        Parameters
        ----------
        once : end when everything is done that is due now

        Raises
        ------
        PicklingError, AttributeError
            A task is no function of an importable module: a spawned process could not find it.
        """
        pickle.dumps(self.environment)
        self.worker_name = worker_name or self._given_name or own_name("#")     # this may be a child of who made this object
        queue = Queue(self.db, self.worker_name, self.now, self.discard_results)
        self._worker = Worker(self.db, queue, self.environment, self.group_names, self.heartbeat, self.max_empty_runs, once)
        self._worker.run()

    def is_alive(self) -> bool:
        """Is this process a worker now?"""
        return self._worker is not None and self._worker.alive
