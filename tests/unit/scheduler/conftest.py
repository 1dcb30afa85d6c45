"""Scheduler on a database in memory, at a time that tests choose."""
from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, Iterator

import pytest
from pydal import DAL

from s3sync.scheduler.queue import Queue
from s3sync.scheduler.shim import Scheduler

#: a Monday
NOON = datetime(2026, 11, 23, 12)


class Clock:
    """Stands still until told otherwise."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time

    def go(self, **amount: float) -> None:
        self.time += timedelta(**amount)


class TestScheduler(Scheduler):
    """On a clock of the test's."""

    __test__ = False
    clock: Clock

    def now(self) -> datetime:
        return self.clock()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def db() -> Iterator[Any]:
    database = DAL("sqlite:memory")
    yield database
    database.close()


@pytest.fixture
def scheduler(db: Any, clock: Clock) -> TestScheduler:
    TestScheduler.clock = clock
    return TestScheduler(db, application="eden/default")


@pytest.fixture
def queue(scheduler: TestScheduler, clock: Clock) -> Queue:
    """The tasks as worker "w1" sees them."""
    return Queue(scheduler.db, "w1", clock)


def job(**values: Any) -> SimpleNamespace:
    """A row of scheduler_task: every ten minutes from NOON on, for ever."""
    row = dict(enabled=True, status="QUEUED", start_time=NOON, next_run_time=NOON, stop_time=None, repeats=0, times_run=0,
               times_failed=0, retry_failed=0, period=600, prevent_drift=False, cronline=None, last_run_time=None)
    return SimpleNamespace(**{**row, **values})



@pytest.fixture
def make_job() -> Any:
    return job
