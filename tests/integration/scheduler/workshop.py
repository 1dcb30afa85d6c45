"""A scheduler's database with workers in processes of their own."""
from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

import shifted

PROGRAM = Path(__file__).with_name("program.py")


@dataclass
class Workshop:
    """A database with the scheduler's tables, and workers on it."""

    uri: str
    folder: Path
    scheduler: shifted.Shifted = field(init=False)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.scheduler = shifted.Shifted(shifted.connect(self.uri, str(self.folder)))
        self.db = self.scheduler.db
        self.notes = self.folder / "notes"

    def queue(self, function: str, *args: Any, **columns: Any) -> int:
        """Queue a task, committed; its id."""
        done = self.scheduler.queue_task(function, list(args), **columns)
        assert not done.errors, done.errors
        self.db.commit()
        return int(done.id)

    def start(self, count: int = 1, heartbeat: float = 1, **environment: str) -> subprocess.Popen[bytes]:
        """Start workers; the last one."""
        for _ in range(count):
            self.workers.append(subprocess.Popen([sys.executable, str(PROGRAM), self.uri, str(self.folder), str(heartbeat)],
                                                 env={**os.environ, **environment}))
        return self.workers[-1]

    def task(self, number: int) -> Any:
        """Its row as it is now."""
        self.db.commit()
        return self.db.scheduler_task(number)

    def runs(self, number: int) -> list[Any]:
        """Its rows of scheduler_run as they are now."""
        self.db.commit()
        return list(self.db(self.db.scheduler_run.task_id == number).select(orderby=self.db.scheduler_run.id))

    def count(self, *status: str) -> int:
        """How many tasks have one of these states."""
        self.db.commit()
        return int(self.db(self.db.scheduler_task.status.belongs(status)).count())

    def noted(self, path: Path | None = None) -> list[list[str]]:
        """(text, process) of each line noted."""
        path = path or self.notes
        return [line.rsplit(" ", 1) for line in path.read_text().splitlines()] if path.exists() else []

    def until(self, ready: Callable[[], Any], seconds: float = 30) -> Any:
        """Wait for something; what it is."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = ready()
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(f"not within {seconds} seconds; tasks are: " + ", ".join(
            f"{row.id} {row.function_name} {row.status}" for row in self.db(self.db.scheduler_task).select()
            if row.status != "COMPLETED"))

    def close(self) -> None:
        """End the workers."""
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait()
        self.db.close()


def living(number: int) -> bool:
    """Does a process of this number run (a zombie does not)?"""
    try:
        return Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
