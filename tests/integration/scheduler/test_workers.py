"""Real workers: a hundred short tasks among three of them, together with every kind of trouble."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, Callable, Iterator

import pytest
from workshop import Workshop, living

from s3sync.process import machine, place

SHORT = 100


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def day(request: pytest.FixtureRequest, make_workshop: Callable[[str], Workshop]) -> Iterator[SimpleNamespace]:
    """What became of everything."""
    shop = make_workshop(request.param)
    now = datetime.now().replace(microsecond=0)
    begun = time.monotonic()
    ids = SimpleNamespace(
        chatter=shop.queue("chatter", 60, timeout=2),
        stopped=shop.queue("note", str(shop.folder / "stopped"), "x", 60, timeout=100),
        child=shop.queue("note", str(shop.folder / "child"), "x", 4, timeout=100, retry_failed=1, period=0),
        short=[shop.queue("note", str(shop.notes), number) for number in range(SHORT)],
        retry=shop.queue("fail_twice", str(shop.folder / "retry"), retry_failed=2, period=1),
        talk=shop.queue("talk"),
        unknown=shop.queue("nosuch"),
        steady=shop.queue("note", str(shop.folder / "steady"), "x", repeats=3, period=4, prevent_drift=True,
                          start_time=now - timedelta(seconds=9), next_run_time=now),
        expired=shop.queue("note", str(shop.folder / "expired"), "x", stop_time=now - timedelta(seconds=1)),
        expires=shop.queue("note", str(shop.folder / "expires"), "x", repeats=0, period=3600,
                           stop_time=now + timedelta(seconds=1800)),
        alone=[shop.queue("note", str(shop.folder / "order"), name) for name in ("first", "second")])
    shop.db.scheduler_task_deps.insert(task_parent=ids.alone[0], task_child=ids.alone[1])     # queued first, runs second
    shop.db.commit()
    shop.start(3)
    ids.killed = int(shop.until(lambda: shop.noted(shop.folder / "child"))[0][1])
    os.kill(ids.killed, signal.SIGKILL)
    shop.until(lambda: shop.noted(shop.folder / "stopped"))
    shop.scheduler.stop_task(ids.stopped)
    shop.db.commit()
    shop.until(lambda: not shop.count("QUEUED", "RUNNING"), 100)
    ids.seconds = time.monotonic() - begun
    ids.shop = shop
    yield ids
    shop.close()


def test_exactly_once(day: Any) -> None:
    shop = day.shop
    assert sorted(int(text) for text, _ in shop.noted()) == list(range(SHORT))
    rows = [shop.task(number) for number in day.short]
    assert {(row.status, row.times_run) for row in rows} == {("COMPLETED", 1)}
    runs = [run for number in day.short for run in shop.runs(number)]
    assert [run.status for run in runs] == ["COMPLETED"] * SHORT
    assert len({run.worker_name for run in runs}) == 3
    assert len({process for _, process in shop.noted()}) == SHORT, "each in a process of its own"


def test_a_timeout_is_kept_although_the_task_prints(day: Any) -> None:
    run, = day.shop.runs(day.chatter)
    assert (day.shop.task(day.chatter).status, run.status) == ("TIMEOUT", "TIMEOUT")
    assert timedelta(seconds=2) <= run.stop_time - run.start_time <= timedelta(seconds=30)
    assert run.run_output.startswith("still here\nstill here\n") and "timeout of 2 seconds" in run.traceback


def test_a_killed_task_is_tried_again(day: Any) -> None:
    first, second = day.shop.runs(day.child)
    assert first.status == "STOPPED" and "SIGKILL" in first.traceback
    assert (second.status, day.shop.task(day.child).status) == ("COMPLETED", "COMPLETED")


def test_a_stopped_task(day: Any) -> None:
    run, = day.shop.runs(day.stopped)
    assert (day.shop.task(day.stopped).status, run.status) == ("FAILED", "STOPPED")
    assert not living(int(day.shop.noted(day.shop.folder / "stopped")[0][1]))


def test_retries(day: Any) -> None:
    runs = day.shop.runs(day.retry)
    assert [run.status for run in runs] == ["FAILED", "FAILED", "COMPLETED"]
    assert "RuntimeError: attempt 1 failed" in runs[0].traceback and runs[2].run_result == '"attempt 3"'
    assert day.shop.task(day.retry).times_failed == 0


def test_output_and_result(day: Any) -> None:
    run, = day.shop.runs(day.talk)
    assert run.run_output == "kept\nfrom a program\n"
    assert day.shop.scheduler.task_status(day.talk, output=True).result == {"long": "ä" * 100_000}


def test_an_unknown_function(day: Any) -> None:
    run, = day.shop.runs(day.unknown)
    assert run.status == "FAILED" and "'nosuch' not found" in run.traceback


def test_repeats_without_drift(day: Any) -> None:
    row = day.shop.task(day.steady)
    runs = day.shop.runs(day.steady)
    assert (row.status, row.times_run, [run.status for run in runs]) == ("COMPLETED", 3, ["COMPLETED"] * 3)
    late = [(run.start_time - row.start_time).total_seconds() % 4 for run in runs[1:]]
    assert all(seconds < 3.5 for seconds in late), late
    assert (row.next_run_time - row.start_time).total_seconds() % 4 == 0


def test_expiry(day: Any) -> None:
    assert (day.shop.task(day.expired).status, day.shop.runs(day.expired)) == ("EXPIRED", [])
    assert (day.shop.task(day.expires).status, len(day.shop.runs(day.expires))) == ("EXPIRED", 1)


def test_dependencies(day: Any) -> None:
    assert [text for text, _ in day.shop.noted(day.shop.folder / "order")] == ["second", "first"]


def test_killed_worker(workshop: Workshop) -> None:
    """Its task ends with it, and is done by another worker: never twice at the same time."""
    number = workshop.queue("note", str(workshop.notes), "x", 60, timeout=100)
    first = workshop.start()
    child = int(workshop.until(workshop.noted)[0][1])
    workshop.start()
    first.kill()
    first.wait()
    workshop.until(lambda: not living(child), 20)
    # the second worker finds out that the first one is no more
    again = int(workshop.until(lambda: workshop.noted()[1:])[0][1])
    assert living(again) and not living(child)
    states = [run.status for run in workshop.runs(number)]
    assert states == ["STOPPED", "RUNNING"] and "without a word" in workshop.runs(number)[0].traceback
    assert len(workshop.scheduler.get_workers()) == 1
    workshop.scheduler.kill()
    workshop.db.commit()
    assert workshop.workers[1].wait(20) == 0 and not living(again)


def test_whose_death_can_be_seen_from_here(make_workshop: Callable[[str], Workshop]) -> None:
    """A worker whose process is gone counts as dead at once; of one on another machine of the same name nothing is known."""
    workshop = make_workshop("sqlite")
    tell = "from s3sync.process import own_name; print(own_name('#'))"
    gone = subprocess.run([sys.executable, "-c", tell], capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    far = gone.replace(place(), "00000000").replace(machine(), "00000000")
    db, then = workshop.db, datetime.now() - timedelta(seconds=30)
    numbers = {}
    for name in (gone, far):
        numbers[name] = workshop.queue("note", str(workshop.notes), "x", 0, timeout=100)
        db.scheduler_worker.insert(worker_name=name, status="RUNNING", group_names=["main"], last_heartbeat=then,
                                   first_heartbeat=then, worker_stats={"sleep": 3})
        db(db.scheduler_task.id == numbers[name]).update(status="RUNNING", assigned_worker_name=name)
    db.commit()
    workshop.start()
    workshop.until(lambda: workshop.task(numbers[gone]).status == "COMPLETED", 30)
    assert workshop.task(numbers[far]).assigned_worker_name == far and far in workshop.scheduler.get_workers()
    workshop.close()


def test_sigterm(workshop: Workshop) -> None:
    """The task may come to a good end; one that does not goes back to the queue, not counted as failed."""
    polite = workshop.queue("polite", str(workshop.notes), timeout=100)
    worker = workshop.start()
    workshop.until(workshop.noted)
    rude = workshop.queue("note", str(workshop.folder / "rude"), "x", 60, timeout=100)
    other = workshop.start()
    workshop.until(lambda: workshop.noted(workshop.folder / "rude"))
    for process in (worker, other):
        process.send_signal(signal.SIGTERM)
    assert (worker.wait(20), other.wait(20)) == (0, 0)
    assert [text for text, _ in workshop.noted()] == ["begun", "ended"]
    assert (workshop.task(polite).status, workshop.runs(polite)[0].run_result) == ("COMPLETED", '"stopped in good order"')
    row = workshop.task(rude)
    assert (row.status, row.times_failed, workshop.runs(rude)[0].status) == ("QUEUED", 0, "STOPPED")
    assert workshop.scheduler.get_workers() == {}


def test_a_worker_that_was_taken_for_dead(make_workshop: Callable[[str], Workshop]) -> None:
    """Suspended for long, it finds its task with another worker, and ends its own process of it."""
    workshop = make_workshop("sqlite")
    workshop.queue("note", str(workshop.notes), "x", 60, timeout=100)
    first = workshop.start()
    child = int(workshop.until(workshop.noted)[0][1])
    first.send_signal(signal.SIGSTOP)
    # what another worker would do after 45 heartbeats
    db = workshop.db
    db(db.scheduler_worker).delete()
    db(db.scheduler_task).update(status="RUNNING", assigned_worker_name="another")
    db.scheduler_worker.insert(worker_name="another", status="ACTIVE", group_names=["main"], last_heartbeat=datetime.now(),
                               worker_stats={"sleep": 60})
    db.commit()
    first.send_signal(signal.SIGCONT)
    workshop.until(lambda: not living(child), 30)
    workshop.until(lambda: len(workshop.scheduler.get_workers()) == 2, 30)
    assert workshop.task(1).assigned_worker_name == "another"
    workshop.close()


def test_a_cron_line_across_a_day_change(make_workshop: Callable[[str], Workshop]) -> None:
    workshop = make_workshop("sqlite")
    now = datetime.now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    shift = (midnight - now).total_seconds() - 3            # three seconds to twelve
    number = workshop.queue("note", str(workshop.notes), "x", cronline="0 0 * * *", repeats=0,
                            start_time=now + timedelta(seconds=shift))
    assert workshop.task(number).next_run_time == midnight
    workshop.start(CLOCK_SHIFT=str(shift))
    workshop.until(lambda: workshop.task(number).times_run == 1, 60)
    run, = workshop.runs(number)
    assert midnight <= run.start_time < midnight + timedelta(minutes=5)
    assert workshop.task(number).next_run_time == midnight + timedelta(days=1)
    workshop.close()
