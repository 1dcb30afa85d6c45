"""Taking tasks from scheduler_task and giving them back: each step one transaction, each decision a conditional UPDATE.

Whoever's UPDATE finds the row as it expected it has the task; every database decides that for one of several workers.
"""
from __future__ import annotations

from datetime import datetime
from typing import Any, Callable, Iterable, Sequence

from ..execution.task import COMPLETED, STOPPED, Report, Task
from . import plan
from .tables import ASSIGNED, EXPIRED, QUEUED, RUNNING

#: tasks looked at in one go; if all were taken by others meanwhile, the next look finds more
CANDIDATES = 20

GONE = "The worker {} ended without a word; the task was queued again"
SHUT_DOWN = "The worker was stopped while it executed the task; the task was queued again"


class Queue:
    """The tasks, as one worker sees them.

    Parameters
    ----------
    discard_results : keep no rows in scheduler_run
    """

    def __init__(self, db: Any, worker_name: str, now: Callable[[], datetime], discard_results: bool = False) -> None:
        self.db = db
        self.worker_name = worker_name
        self.now = now
        self.discard_results = discard_results

    # --- taking -----------------------------------------------------------------------------------------------

    def take(self, groups: Sequence[str], due_by: datetime | None = None) -> tuple[Any, Task] | None:
        """The next task that is due (or was at `due_by`), now RUNNING and ours: (its row, what to execute); committed."""
        db = self.db
        now = self.now().replace(microsecond=0)
        task = db.scheduler_task
        db(task.status.belongs((QUEUED, ASSIGNED)) & (task.stop_time < now)).update(status=EXPIRED)
        db.commit()
        rows = self._due(groups, min(now, due_by or now))
        db.commit()
        for row in rows:
            if row.broadcast:
                self._broadcast(row, now)
                continue
            if not db(self._unchanged(row, now)).update(status=RUNNING, last_run_time=now, assigned_worker_name=self.worker_name):
                db.commit()
                continue
            row = db(task.id == row.id).select(task.ALL).first()      # it may have run since we looked
            run_id = 0 if self.discard_results else int(db.scheduler_run.insert(
                task_id=row.id, status=RUNNING, start_time=now, worker_name=self.worker_name))
            db.commit()
            return row, Task.of(row, run_id)
        return None

    def _free(self) -> Any:
        """Tasks that we may take: waiting ones, and those that a web2py worker has assigned to us."""
        task = self.db.scheduler_task
        return (task.status == QUEUED) | ((task.status == ASSIGNED) & (task.assigned_worker_name == self.worker_name))

    def _unchanged(self, row: Any, now: datetime) -> Any:
        task = self.db.scheduler_task
        return (task.id == row.id) & self._free() & (task.enabled == True) & (task.next_run_time <= now)  # noqa: E712 - SQL

    def _due(self, groups: Sequence[str], now: datetime) -> list[Any]:
        db = self.db
        task, deps = db.scheduler_task, db.scheduler_task_deps
        waiting = db((deps.can_visit == False) & (deps.task_parent != None))._select(deps.task_parent)  # noqa: E711,E712 - SQL
        query = (self._free() & (task.enabled == True) & (task.next_run_time <= now)  # noqa: E712 - SQL
                 & task.group_name.belongs(list(groups)) & ~task.id.belongs(waiting))
        return list(db(query).select(task.ALL, orderby=task.next_run_time | task.id, limitby=(0, CANDIDATES)))

    def _broadcast(self, row: Any, now: datetime) -> None:
        """A copy of the task for each worker of its group; the task itself waits for its next time."""
        db = self.db
        task, worker = db.scheduler_task, db.scheduler_worker
        if db(self._unchanged(row, now) & (task.times_run == row.times_run)).update(
                times_run=(row.times_run or 0) + 1, last_run_time=now, next_run_time=plan.next_time(row, now)):
            same = {name: row[name] for name in ("application_name", "task_name", "group_name", "function_name", "args", "vars",
                                                 "timeout", "retry_failed", "sync_output")}
            for found in db((worker.status == "ACTIVE") & worker.group_names.contains(row.group_name)).select(worker.worker_name):
                task.insert(status=ASSIGNED, assigned_worker_name=found.worker_name, start_time=now, next_run_time=now, repeats=1,
                            broadcast=False, **same)
        db.commit()

    # --- giving back ------------------------------------------------------------------------------------------

    def is_ours(self, task: Task) -> bool:
        """Has nobody else taken the task from us?"""
        found = not self.db(self._held(task.id)).isempty()
        self.db.commit()
        return found

    def _held(self, task_id: int) -> Any:
        task = self.db.scheduler_task
        return (task.id == task_id) & (task.status == RUNNING) & (task.assigned_worker_name == self.worker_name)

    def finish(self, row: Any, task: Task, report: Report, started: datetime) -> str:
        """Store how an execution ended; returns the task's status, "" if it is ours no more. Committed."""
        db = self.db
        self._store(task, report)
        due = plan.next_time(row, started)
        if report.status == COMPLETED:
            times_run = (row.times_run or 0) + 1
            status = plan.after_success(row, times_run, due)
            held = db(self._held(row.id)).update(status=status, next_run_time=due, times_run=times_run, times_failed=0)
            if held and status == COMPLETED:
                db(db.scheduler_task_deps.task_child == row.id).update(can_visit=True)
        else:
            status = plan.after_failure(row, report.status)
            held = db(self._held(row.id)).update(status=status, next_run_time=due, times_failed=(row.times_failed or 0) + 1)
        db.commit()
        return status if held else ""

    def give_back(self, row: Any, task: Task, report: Report) -> None:
        """The task's process was ended because the worker ends: that is not the task's failure. Committed."""
        report.traceback = SHUT_DOWN
        report.status = STOPPED
        self._store(task, report)
        self.db(self._held(row.id)).update(status=QUEUED, next_run_time=self.now(), assigned_worker_name="")
        self.db.commit()

    def abandon(self, task: Task) -> None:
        """Somebody else has our task: only our own run is closed. Committed."""
        self._store(task, Report(STOPPED, traceback="Another worker has taken the task over"))
        self.db.commit()

    def _store(self, task: Task, report: Report) -> None:
        if not task.run_id:
            return
        run = self.db(self.db.scheduler_run.id == task.run_id)
        if report.status == COMPLETED and report.result in (None, "null"):
            run.delete()                    # as web2py does: no result, nothing to keep
        else:
            run.update(status=report.status, stop_time=self.now(), run_result=report.result, run_output=report.output,
                       traceback=report.traceback)

    def progress(self, task: Task, output: str) -> None:
        """Store the output so far; committed."""
        self.db(self.db.scheduler_run.id == task.run_id).update(run_output=output)
        self.db.commit()

    # --- what dead workers left -------------------------------------------------------------------------------

    def release(self, dead: Iterable[str]) -> int:
        """Queue again what these workers were executing; returns how many tasks. Committed."""
        db = self.db
        task, run = db.scheduler_task, db.scheduler_run
        count = 0
        for name in dead:
            ids = [row.id for row in db((task.status == RUNNING) & (task.assigned_worker_name == name)).select(task.id)]
            for task_id in ids:
                count += db((task.id == task_id) & (task.status == RUNNING) & (task.assigned_worker_name == name)).update(
                    status=QUEUED, assigned_worker_name="")
                db((run.task_id == task_id) & (run.status == RUNNING) & (run.worker_name == name)).update(
                    status=STOPPED, stop_time=self.now(), traceback=GONE.format(name))
            db((task.status == ASSIGNED) & (task.assigned_worker_name == name)).update(status=QUEUED, assigned_worker_name="")
        db.commit()
        return count


def orphans(db: Any) -> list[str]:
    """Names that tasks are assigned to, of workers that are not registered."""
    task, worker = db.scheduler_task, db.scheduler_worker
    held = db(task.status.belongs((RUNNING, ASSIGNED))).select(task.assigned_worker_name, distinct=True)
    known = {row.worker_name for row in db(worker.id > 0).select(worker.worker_name)}
    return [row.assigned_worker_name for row in held if row.assigned_worker_name and row.assigned_worker_name not in known]
