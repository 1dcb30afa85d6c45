"""Several real workers on one PostgreSQL share the tasks of one run; each of them may be killed in the middle."""
from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Iterator

import pytest
from databases import chosen
from shared_runs import STOCKS, Depot

COUNT = 4000

#: enough that a run is not over before the others, who have only just started and look for work every few seconds, join it
MANY = 10_000
NAMES = ("worker", "worker2", "worker3")


@pytest.fixture(scope="module")
def depot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Depot]:
    made = Depot(Path(tmp_path_factory.mktemp("depot")))
    yield made
    made.close()
    chosen.server("postgres").drop(chosen.name_of(made.local.uri))


@pytest.fixture(autouse=True)
def stopped(depot: Depot) -> Iterator[None]:
    yield
    for name in NAMES:
        depot.local.stop_worker(name=name)


def process(worker: str) -> int:
    """The process id in the name of who holds a lease."""
    return int(worker.split(":")[1].split("/")[0])


def assert_told_once(depot: Depot, count: int = COUNT) -> None:
    """Each task and direction has one step, which counts everything, and one entry in the log."""
    steps = depot.steps()
    assert [(step["resource_name"], step["direction"]) for step in steps] == [
        (name, direction) for name in STOCKS for direction in ("pull", "push")]
    assert {step["status"] for step in steps} == {"success"}
    assert [step["created"] for step in steps] == [count, 0] * len(STOCKS)
    assert sum(step["updated"] + step["rejected"] for step in steps) == 0
    entries = sorted((entry["resource_name"], entry["mode"], entry["result"]) for entry in depot.log())
    assert entries == [(name, f"{direction}/outgoing", "success") for name in STOCKS for direction in ("pull", "push")]
    for pull, push in zip(steps[::2], steps[1::2]):
        assert pull["finished_on"] <= push["started_on"]


def test_three_workers_share_a_run_started_by_hand(depot: Depot) -> None:
    depot.fill(MANY)
    depot.workers(*NAMES)
    depot.by_hand()
    depot.until(depot.ended)
    run, = depot.runs()
    assert run["status"] == "success" and run["run_trigger"] == "manual"
    assert len({step["worker"] for step in depot.steps()}) >= 2, depot.steps()      # all three, unless one comes too late
    assert_told_once(depot, MANY)
    depot.assert_equal_and_done_once()
    depot.until(lambda: depot.local.number("SELECT COUNT(*) FROM scheduler_task WHERE task_name = 'sync_share' "
                                           "AND status IN ('QUEUED', 'ASSIGNED', 'RUNNING')") == 0)


def test_one_who_helps_is_killed(depot: Depot) -> None:
    """With kill -9, in the middle of a task: the others go on from its last batch, in the same run."""
    depot.fill(MANY)
    depot.workers(*NAMES)
    depot.job()
    run = depot.until(depot.runs)[0]
    victim = depot.until(lambda: next((step for step in depot.steps() if step["status"] == "running"
                                       and 0 < step["records"] < MANY // 2 and step["worker"] != run["worker"]), None))
    os.kill(process(victim["worker"]), signal.SIGKILL)
    depot.until(depot.ended)
    assert [run["status"] for run in depot.runs()] == ["success"]
    after = next(step for step in depot.steps() if (step["resource_name"], step["direction"]) == (
        victim["resource_name"], victim["direction"]))
    assert after["worker"] != victim["worker"]
    assert_told_once(depot, MANY)
    depot.assert_equal_and_done_once()


def test_the_one_who_began_is_killed(depot: Depot) -> None:
    """With kill -9: those who help end with their present batch, and say so; the next run goes on from there."""
    depot.fill(MANY)
    depot.workers(*NAMES)
    depot.job()
    run = depot.until(depot.runs)[0]
    # in the middle of a pull, which lasts longer than it takes them to notice
    depot.until(lambda: [step for step in depot.steps() if step["status"] == "running" and step["worker"] != run["worker"]
                         and step["direction"] == "pull" and step["records"] < MANY // 10])
    os.kill(process(run["worker"]), signal.SIGKILL)
    held = "SELECT name FROM sync_lease WHERE owner IS NOT NULL AND name LIKE ?"
    depot.until(lambda: not depot.local.sql(held, ["repository/%/task/%"]))
    ended = [step["status"] for step in depot.steps() if step["status"] not in ("waiting", "running")]
    assert "interrupted" in ended and len(ended) == len(depot.log())
    depot.by_hand()
    depot.until(lambda: depot.ended(2))
    assert [each["status"] for each in depot.runs()] == ["interrupted", "success"]
    steps = depot.steps()
    assert sum(step["created"] for step in steps) == MANY * len(STOCKS), steps
    assert sum(step["updated"] + step["rejected"] for step in steps) == 0
    for name in STOCKS:
        times = [(step["started_on"], step["finished_on"]) for step in steps
                 if (step["resource_name"], step["direction"]) == (name, "pull") and step["finished_on"]]
        assert all(ended <= began for (_, ended), (began, _) in zip(times, times[1:])), times
    depot.assert_equal_and_done_once()


def test_sigterm_ends_the_run_of_all(depot: Depot) -> None:
    """A run that is told to end takes those who help with it along; the next one goes on."""
    depot.fill(COUNT)
    depot.workers(*NAMES)
    depot.job()
    run = depot.until(depot.runs)[0]
    depot.until(lambda: [step for step in depot.steps() if step["status"] == "running" and step["worker"] != run["worker"]])
    depot.until(depot.created)
    os.kill(process(run["worker"]), signal.SIGTERM)
    depot.until(depot.ended)
    run, = depot.runs()
    assert run["status"] == "interrupted" and "SIGTERM" in run["message"]
    assert not [step for step in depot.steps() if step["status"] == "running"]
    begun = [step for step in depot.steps() if step["status"] != "waiting"]
    assert len(depot.log()) == len(begun) and "interrupted" in {step["status"] for step in begun}
    assert depot.created() > 0
    depot.by_hand()
    depot.until(lambda: depot.ended(2))
    assert [each["status"] for each in depot.runs()] == ["interrupted", "success"], depot.runs()
    assert depot.created() == COUNT * len(STOCKS)
    depot.assert_equal_and_done_once()
