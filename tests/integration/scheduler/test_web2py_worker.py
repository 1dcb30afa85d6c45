"""web2py's worker on rows that ours has queued: alone through every kind of trouble, and in a team with ours."""
from __future__ import annotations

import os
import signal
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import gluon  # noqa: F401  # without web2py these tests are left out
import pytest

#: a third of them is web2py's, which takes some four seconds for each (a hundred among workers of ours: test_workers.py)
MANY = 45


def start(place: Any, **environment: str) -> Any:
    """As the administrator's guide starts it."""
    place.workers.append(place.application.start("web2py.py", "-K", "small", "-Q", **environment))
    return place.workers[-1]


def test_a_team_of_both_kinds(place: Any) -> None:
    """Three workers: each task exactly once, whoever takes it."""
    numbers = [place.queue("note", str(place.notes), number) for number in range(MANY)]
    start(place)
    place.start(2)
    place.until(lambda: not place.count("QUEUED", "ASSIGNED", "RUNNING"), 280)
    assert sorted(int(text) for text, _ in place.noted()) == list(range(MANY))
    rows = [place.task(number) for number in numbers]
    assert {(row.status, row.times_run) for row in rows} == {("COMPLETED", 1)}
    runs = [run for number in numbers for run in place.runs(number)]
    assert [run.status for run in runs] == ["COMPLETED"] * MANY
    assert len({run.worker_name for run in runs}) >= 2         # the slowest to start may find nothing left


def test_a_day_of_web2pys_worker(place: Any) -> None:
    """Retry, repeat without drift, stop, timeout, expiry, a task that is killed: its rows are as those of ours."""
    now = datetime.now().replace(microsecond=0)
    ids = SimpleNamespace(
        retry=place.queue("fail_twice", str(place.folder / "retry"), retry_failed=2, period=1),
        steady=place.queue("note", str(place.folder / "steady"), "x", repeats=2, period=6, prevent_drift=True,
                           start_time=now - timedelta(seconds=9), next_run_time=now),
        expired=place.queue("note", str(place.folder / "expired"), "x", stop_time=now - timedelta(seconds=1)),
        late=place.queue("note", str(place.folder / "late"), "x", 60, timeout=2),
        killed=place.queue("note", str(place.folder / "killed"), "x", 5, timeout=100, retry_failed=1, period=1),
        stopped=place.queue("note", str(place.folder / "stopped"), "x", 60, timeout=100))
    start(place)
    child = int(place.until(lambda: place.noted(place.folder / "killed"), 90)[0][1])
    os.kill(child, signal.SIGKILL)
    place.until(lambda: place.noted(place.folder / "stopped"), 120)
    place.scheduler.stop_task(ids.stopped)
    place.db.commit()
    place.until(lambda: not place.count("QUEUED", "ASSIGNED", "RUNNING"), 120)
    assert [run.status for run in place.runs(ids.retry)] == ["FAILED", "FAILED", "COMPLETED"]
    steady = place.task(ids.steady)
    assert (steady.status, steady.times_run) == ("COMPLETED", 2)
    assert (steady.next_run_time - steady.start_time).total_seconds() % 6 == 0
    assert (place.task(ids.expired).status, place.runs(ids.expired)) == ("EXPIRED", [])
    assert (place.task(ids.late).status, [run.status for run in place.runs(ids.late)]) == ("TIMEOUT", ["TIMEOUT"])
    assert place.task(ids.stopped).status in ("FAILED", "STOPPED") and place.runs(ids.stopped)[-1].status == "STOPPED"
    # what was killed was tried again
    assert place.task(ids.killed).status == "COMPLETED" and len(place.noted(place.folder / "killed")) == 2


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_cron_line_across_a_day_change(place: Any) -> None:
    now = datetime.now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    shift = (midnight - now).total_seconds() - 15           # it takes some seconds to start
    number = place.queue("note", str(place.notes), "x", cronline="0 0 * * *", repeats=0,
                         start_time=now + timedelta(seconds=shift))
    assert place.task(number).next_run_time == midnight
    start(place, CLOCK_SHIFT=str(shift))
    place.until(lambda: place.task(number).times_run == 1, 60)
    run, = place.runs(number)
    assert midnight <= run.start_time < midnight + timedelta(minutes=5)
    assert place.task(number).next_run_time == midnight + timedelta(days=1)
