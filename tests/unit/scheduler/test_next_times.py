"""When a job will run next, and what becomes of it after a run."""
from __future__ import annotations

import os
import time
from datetime import datetime, timedelta
from typing import Any, Iterator

import pytest

from s3sync.hours import Hours, parse
from s3sync.scheduler import plan
from s3sync.scheduler.schedule import next_times

NOON = datetime(2026, 11, 23, 12)


@pytest.fixture
def london() -> Iterator[None]:
    """Clocks go forward on 29 March 2026 at 01:00, back on 25 October at 02:00."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Europe/London"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


def short(times: list[datetime]) -> list[str]:
    return [found.strftime("%a %H:%M") for found in times]


@pytest.mark.parametrize("changes, expected", [
    ({}, ["Mon 12:00", "Mon 12:10", "Mon 12:20", "Mon 12:30", "Mon 12:40"]),
    ({"next_run_time": NOON - timedelta(days=3)}, ["Mon 12:00", "Mon 12:10", "Mon 12:20", "Mon 12:30", "Mon 12:40"]),
    ({"start_time": NOON - timedelta(minutes=3), "next_run_time": NOON - timedelta(minutes=3), "prevent_drift": True},
     ["Mon 12:00", "Mon 12:07", "Mon 12:17", "Mon 12:27", "Mon 12:37"]),
    ({"cronline": "0 6,22 * * *", "next_run_time": datetime(2026, 11, 23, 22)},
     ["Mon 22:00", "Tue 06:00", "Tue 22:00", "Wed 06:00", "Wed 22:00"]),
    ({"repeats": 3, "times_run": 1}, ["Mon 12:00", "Mon 12:10"]),
    ({"repeats": 1}, ["Mon 12:00"]),
    ({"stop_time": NOON + timedelta(minutes=15)}, ["Mon 12:00", "Mon 12:10"]),
    ({"status": "RUNNING", "last_run_time": NOON - timedelta(minutes=4)},
     ["Mon 12:06", "Mon 12:16", "Mon 12:26", "Mon 12:36", "Mon 12:46"]),
    ({"status": "RUNNING", "repeats": 2, "times_run": 1, "last_run_time": NOON}, []),
    ({"enabled": False}, []), ({"status": "FAILED"}, []), ({"status": "COMPLETED"}, []), ({"status": "TIMEOUT"}, []),
    ({"period": 0}, ["Mon 12:00"]),
])
def test_next_times(make_job: Any, changes: dict[str, Any], expected: list[str]) -> None:
    assert short(next_times(make_job(**changes), 5, NOON)) == expected


@pytest.mark.parametrize("changes, hours, expected", [
    ({}, "mon-fri 20:00-06:00", ["Mon 20:00", "Mon 20:10", "Mon 20:20"]),
    ({"period": 5 * 3600}, "20:00-06:00", ["Mon 22:00", "Tue 03:00", "Tue 23:00"]),
    ({"cronline": "0 5,13 * * *", "next_run_time": NOON + timedelta(hours=1)}, "mon-fri 20:00-06:00",
     ["Tue 05:00", "Wed 05:00", "Thu 05:00"]),
    ({"cronline": "0 13 * * *", "next_run_time": NOON + timedelta(hours=1), "repeats": 4}, "sat 00:00-24:00", []),
    ({"period": 10}, "sun 03:00-04:00", ["Sun 03:00", "Sun 03:00", "Sun 03:00"]),       # 53,000 starts that do nothing
    ({"cronline": "0 12 * * *"}, "mon 01:00-02:00", []),                               # never
])
def test_next_times_in_allowed_hours(make_job: Any, changes: dict[str, Any], hours: str, expected: list[str]) -> None:
    assert short(next_times(make_job(**changes), 3, NOON, parse(hours))) == expected


def test_clocks_put_forward(make_job: Any, london: None) -> None:
    """What is due in the hour that is left out starts at its end."""
    night = datetime(2026, 3, 28, 20)
    job = make_job(cronline="30 1 * * *", start_time=night, next_run_time=datetime(2026, 3, 29, 1, 30))
    assert short(next_times(job, 2, night)) == ["Sun 02:00", "Mon 01:30"]
    job = make_job(period=1800, next_run_time=datetime(2026, 3, 29, 0, 30))
    assert short(next_times(job, 3, night)) == ["Sun 00:30", "Sun 02:00", "Sun 02:30"]


def test_clocks_put_back(make_job: Any, london: None) -> None:
    """Times are the clock's: what is due in the hour that comes twice runs once."""
    job = make_job(cronline="30 1 * * *", next_run_time=datetime(2026, 10, 25, 1, 30))
    assert short(next_times(job, 2, datetime(2026, 10, 24, 20))) == ["Sun 01:30", "Mon 01:30"]


@pytest.mark.parametrize("changes, now, expected", [
    ({}, NOON + timedelta(seconds=7), NOON + timedelta(seconds=607)),
    ({"prevent_drift": True}, NOON + timedelta(seconds=7), NOON + timedelta(seconds=600)),
    ({"prevent_drift": True}, NOON + timedelta(seconds=1800), NOON + timedelta(seconds=2400)),     # exactly on a slot
    ({"prevent_drift": True}, NOON - timedelta(seconds=5), NOON),                                  # run before its start
    ({"prevent_drift": True, "period": 0}, NOON, NOON),
    ({"cronline": "0 0 * * *"}, NOON + timedelta(hours=11, minutes=59, seconds=58), datetime(2026, 11, 24)),
    ({"cronline": "0 0 * * *"}, datetime(2026, 11, 24, 0, 0, 3), datetime(2026, 11, 25)),          # across a day change
])
def test_next_time(make_job: Any, changes: dict[str, Any], now: datetime, expected: datetime) -> None:
    assert plan.next_time(make_job(**changes), now) == expected


@pytest.mark.parametrize("changes, times_run, status", [
    ({"repeats": 1}, 1, "COMPLETED"), ({"repeats": 3}, 2, "QUEUED"), ({"repeats": 3}, 3, "COMPLETED"), ({}, 1000, "QUEUED"),
    ({"stop_time": NOON + timedelta(minutes=5)}, 1, "EXPIRED"), ({"stop_time": NOON + timedelta(minutes=10)}, 1, "QUEUED"),
    ({"repeats": 2, "stop_time": NOON}, 2, "COMPLETED")])
def test_after_success(make_job: Any, changes: dict[str, Any], times_run: int, status: str) -> None:
    assert plan.after_success(make_job(**changes), times_run, NOON + timedelta(minutes=10)) == status


@pytest.mark.parametrize("changes, how, status", [
    ({}, "FAILED", "FAILED"), ({}, "TIMEOUT", "TIMEOUT"), ({}, "STOPPED", "FAILED"), ({"retry_failed": 2}, "FAILED", "QUEUED"),
    ({"retry_failed": 2, "times_failed": 2}, "TIMEOUT", "TIMEOUT"),
    ({"retry_failed": -1, "times_failed": 99}, "FAILED", "QUEUED")])
def test_after_failure(make_job: Any, changes: dict[str, Any], how: str, status: str) -> None:
    assert plan.after_failure(make_job(**changes), how) == status


def test_without_hours_nothing_is_left_out(make_job: Any) -> None:
    assert next_times(make_job(), 5, NOON, Hours()) == next_times(make_job(), 5, NOON)
