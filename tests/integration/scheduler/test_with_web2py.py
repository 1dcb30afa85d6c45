"""Rows of the two kinds of workers are the same: each performs what the other has queued, also side by side."""
from __future__ import annotations

import signal
from datetime import datetime
from pathlib import Path
from typing import Any

import gluon  # noqa: F401  # without web2py these tests are left out
import pytest


def start(place: Any, *command: str) -> Any:
    place.workers.append(place.application.start(*command))
    return place.workers[-1]


def test_web2pys_worker_performs_what_ours_would(place: Any) -> None:
    """As the administrator's guide starts it, and by our command."""
    good = place.queue("whoami", 1, "ä")
    bad = place.queue("fail_twice", str(place.notes))
    worker = start(place, "-m", "s3sync", "worker", str(place.application.appdir))
    place.until(lambda: place.count("COMPLETED", "FAILED") == 2, 60)
    assert place.scheduler.task_status(good, output=True).result == ["small", good, [1, "ä"]]
    run, = place.runs(bad)
    assert (run.status, "attempt 1 failed" in run.traceback) == ("FAILED", True)
    assert b"web2py.py" in Path(f"/proc/{worker.pid}/cmdline").read_bytes()
    # one task for each kind of worker at a time, until there is none left: none is done twice
    place.start()
    numbers = [place.queue("note", str(place.folder / "many"), number) for number in range(6)]
    place.until(lambda: not place.count("QUEUED", "ASSIGNED", "RUNNING"), 60)
    assert sorted(int(text) for text, _ in place.noted(place.folder / "many")) == list(range(6))
    assert {place.task(number).status for number in numbers} == {"COMPLETED"}
    assert {run.worker_name for number in numbers for run in place.runs(number)} <= set(place.scheduler.get_workers())


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_our_worker_performs_what_web2py_queued(place: Any) -> None:
    """With the application's models, and what the task wrote is committed."""
    place.application.shell("""
assert scheduler.queue_task("whoami", [1, "x"]).id
assert scheduler.queue_task("leave", ["here"], repeats=2, period=1).id
assert scheduler.queue_task("note", ["never"], enabled=False).id
db.commit()
""")
    worker = start(place, "-m", "s3sync", "worker", str(place.application.appdir), "--own")
    place.until(lambda: place.count("COMPLETED") == 2, 60)
    place.scheduler.terminate()
    place.db.commit()
    assert worker.wait(20) == 0
    assert place.scheduler.task_status(1, output=True).result == ["small", 1, [1, "x"]]
    assert place.db.executesql("SELECT name FROM thing") == [("here",), ("here",)]
    assert place.task(3).status == "QUEUED"


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_once(place: Any) -> None:
    """For sites that start the worker by cron: it ends when nothing is due."""
    number = place.queue("whoami")
    later = place.queue("whoami", start_time=datetime(2099, 1, 1))
    assert start(place, "-m", "s3sync", "worker", str(place.application.appdir), "--once").wait(60) == 0
    assert (place.task(number).status, place.task(later).status) == ("COMPLETED", "QUEUED")
    worker = start(place, "-m", "s3sync", "worker", str(place.application.appdir), "--own")
    place.until(lambda: place.scheduler.get_workers(), 30)
    place.db.commit()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0
