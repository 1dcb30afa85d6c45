"""What a run has done so far, for whoever is watching: written with each batch, in the batch's own transaction."""
from __future__ import annotations

import time
from typing import Sequence

from .lease import Lease
from .outcome import Counts, Outcome
from .site import Site
from .stop import Stop

INTERRUPTED = "Its process ended before it did; the next run went on from where it was"


class Run:
    """A row of sync_run."""

    def __init__(self, site: Site, repository_id: int, lease: Lease, manual: bool, user_id: int | None,
                 stop: Stop | None = None) -> None:
        self.site = site
        self.lease = lease
        self.stop = stop or Stop()
        now = site.now()
        end_left_over(site, repository_id)
        self.id = int(site.db.dal.sync_run.insert(
            repository_id=repository_id, trigger="manual" if manual else "scheduled", user_id=user_id, worker=lease.owner,
            status="running", phase="connecting", started_on=now, heartbeat_on=now))
        site.db.commit()
        self._beaten = time.monotonic()

    def phase(self, name: str) -> None:
        """Enter a phase, committed."""
        self._write(phase=name)
        self.site.db.commit()

    def commit(self) -> None:
        """A batch is done for good. Raises Interrupted if it is to be the last one."""
        self.site.db.commit()
        self.stop.look()
        self.stop.check()

    def beat(self) -> None:
        """A sign of life while waiting, committed; does something every few seconds at most. Raises Interrupted."""
        self.stop.check()
        if time.monotonic() - self._beaten > 5:
            self.touch()
            self.site.db.commit()
            self.stop.look()

    def touch(self) -> None:
        """A sign of life, in the caller's transaction. Raises LeaseLost."""
        self._beaten = time.monotonic()
        self.lease.renew()
        self._write()

    def finish(self, status: str, message: str, code: str = "") -> None:
        """The end of it, committed."""
        self._write(status=status, phase="finished", message=message, error_code=code or None, finished_on=self._now())
        self.site.db.commit()

    def confirm(self) -> None:
        """A step ends, in the caller's transaction: is it still ours? Raises LeaseLost."""

    def _write(self, **columns: object) -> None:
        columns["heartbeat_on"] = self._now()
        self.site.db.update("sync_run", list(columns), [(*columns.values(), self.id)])

    def _now(self) -> str:
        return self.site.now().isoformat(" ")[:19]


def end_left_over(site: Site, repository_id: int) -> None:
    """Runs of a repository whose process is gone are over, in the caller's transaction, who holds its lease."""
    for row in site.db.rows('SELECT "id" FROM "sync_run" WHERE "repository_id" = ? AND "status" = ?',
                            [repository_id, "running"]):
        site.db.execute('UPDATE "sync_run" SET "status" = ?, "phase" = ?, "finished_on" = "heartbeat_on", '
                        '"message" = ? WHERE "id" = ?', ["interrupted", "finished", INTERRUPTED, row[0]])
        site.db.execute('UPDATE "sync_run_task" SET "status" = ? WHERE "run_id" = ? AND "status" = ?',
                        ["interrupted", row[0], "running"])


class Part(Run):
    """A run that another worker has begun, as one who helps with it sees it: its row is left to who began it.

    `lease` is that of the task that is being worked on.
    """

    def __init__(self, site: Site, number: int, lease: Lease, stop: Stop) -> None:
        self.site = site
        self.id = number
        self.lease = lease
        self.stop = stop
        self._beaten = time.monotonic()

    def confirm(self) -> None:
        self.lease.renew()

    def _write(self, **columns: object) -> None:
        """Nothing."""


class Step:
    """A row of sync_run_task: one task in one direction.

    Parameters
    ----------
    number : the row, if there is one: what was done so far counts

    Attributes
    ----------
    others : tables that other tasks of the run cover, if they may be worked on at the same time: what their records lack is
        theirs to ask for
    """

    others: frozenset[str] = frozenset()

    def __init__(self, run: Run, task_id: int, resource: str, direction: str, number: int = 0) -> None:
        self.run = run
        self.counts = Counts()
        self._before = Counts()                  # without the last batch
        self.bytes = 0
        self.total: int | None = None
        self.direction = direction
        self._spent = 0.0                        # seconds, by who worked on it before
        self._began = time.monotonic()
        self.id = number
        if number:
            self._load()
        else:
            self.id = int(run.site.db.dal.sync_run_task.insert(
                run_id=run.id, task_id=task_id, resource_name=resource, direction=direction))
        run.site.db.commit()

    def _load(self) -> None:
        names = list(self.counts.columns())
        row = self.run.site.db.rows(f'SELECT "bytes", "seconds", {", ".join(names)} FROM "sync_run_task" WHERE "id" = ?',
                                    [self.id])[0]
        self.bytes, self._spent = int(row[0] or 0), float(row[1] or 0.0)
        for name, number in zip(names, row[2:]):
            setattr(self.counts, name, number or 0)
        self._before = self.counts.copy()

    def start(self) -> None:
        """It begins, committed."""
        self._began = time.monotonic() - self._spent
        self._write(status="running", **({} if self._spent else {"started_on": self.run._now()}))
        self.run.phase("pulling" if self.direction == "pull" else "pushing")

    def expect(self, total: int) -> None:
        """So many records are still to come."""
        self.total = self.counts.records + total

    def batch(self, outcomes: Sequence[Outcome]) -> None:
        """A batch is done, in the caller's transaction. Raises LeaseLost."""
        self._before = self.counts.copy()
        self.counts.add(outcomes)
        self._write()
        self.run.touch()

    def undone(self) -> None:
        """The transaction was rolled back: a batch that was in it does not count."""
        names = list(self.counts.columns())
        stored = self.run.site.db.rows(f'SELECT {", ".join(names)} FROM "sync_run_task" WHERE "id" = ?', [self.id])
        if stored and [n or 0 for n in stored[0]] != list(self.counts.columns().values()):
            self.counts = self._before.copy()

    def finish(self, status: str, message: str, code: str = "") -> None:
        """The end of it, in the caller's transaction; `code` is that of the error that ended it early."""
        if status in ("success", "warning"):
            self.total = self.counts.records
        self._write(status=status, message=message, finished_on=self.run._now(), **({"error_code": code} if code else {}))

    def _write(self, **columns: object) -> None:
        columns.update(self.counts.columns(), bytes=self.bytes, total=self.total,
                       seconds=round(time.monotonic() - self._began, 3))
        self.run.site.db.update("sync_run_task", list(columns), [(*columns.values(), self.id)])
