"""Taking tasks and giving them back."""
from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from s3sync.execution.task import Report
from s3sync.scheduler.graph import JobGraph
from s3sync.scheduler.queue import Queue, orphans


def task(db: Any, number: int) -> Any:
    return db.scheduler_task(number)


def run(db: Any) -> Any:
    return db(db.scheduler_run.id > 0).select(orderby=~db.scheduler_run.id).first()


def take(queue: Queue) -> Any:
    return queue.take(["main"])


def test_a_task_is_taken_once(scheduler: Any, queue: Queue, clock: Any) -> None:
    number = scheduler.queue_task("f", [1, "ä"], {"b": 2}, timeout=7).id
    row, found = take(queue)
    assert (found.id, found.function, found.args, found.vars, found.timeout) == (number, "f", '[1, "\\u00e4"]', '{"b": 2}', 7)
    assert take(queue) is None and take(Queue(scheduler.db, "w2", clock)) is None
    assert (task(scheduler.db, number).status, run(scheduler.db).status) == ("RUNNING", "RUNNING")


def test_in_the_order_they_are_due(scheduler: Any, queue: Queue, clock: Any) -> None:
    later = scheduler.queue_task("f").id
    earlier = scheduler.queue_task("f", next_run_time=clock() - timedelta(minutes=1)).id
    scheduler.queue_task("f", next_run_time=clock() + timedelta(seconds=1))
    scheduler.queue_task("f", enabled=False)
    scheduler.queue_task("f", group_name="slow")
    assert [take(queue)[1].id, take(queue)[1].id] == [earlier, later]
    assert take(queue) is None


def test_what_was_due_at_a_time(scheduler: Any, queue: Queue, clock: Any) -> None:
    """A worker that is to end when it has done what is due does not go round with a job of a short period."""
    scheduler.queue_task("f", repeats=0, period=5)
    began = clock()
    row, found = queue.take(["main"], began)                # type: ignore[misc]
    queue.finish(row, found, Report("COMPLETED"), clock())
    clock.go(seconds=60)
    assert queue.take(["main"], began) is None and queue.take(["main"]) is not None


def test_what_another_worker_took_meanwhile_is_left_to_it(scheduler: Any, queue: Queue, clock: Any) -> None:
    """Both have seen the task waiting; the second one's update does not find it as it was."""
    scheduler.queue_task("f", repeats=0)
    rows = queue._due(["main"], clock())
    _, taken = take(Queue(scheduler.db, "w2", clock))
    assert not scheduler.db(queue._unchanged(rows[0], clock())).update(status="RUNNING")
    # nor after it has run: it is not due yet
    Queue(scheduler.db, "w2", clock).finish(task(scheduler.db, taken.id), taken, Report("COMPLETED", "1"), clock())
    assert not scheduler.db(queue._unchanged(rows[0], clock())).update(status="RUNNING")


def test_repeats(scheduler: Any, queue: Queue, clock: Any) -> None:
    number = scheduler.queue_task("f", repeats=2, period=60).id
    row, found = take(queue)
    began = clock()
    clock.go(seconds=20)
    assert queue.finish(row, found, Report("COMPLETED", '"x"'), began) == "QUEUED"
    assert task(scheduler.db, number).next_run_time == began + timedelta(seconds=60)
    assert take(queue) is None
    clock.go(seconds=40)
    row, found = take(queue)
    assert queue.finish(row, found, Report("COMPLETED", '"x"'), clock()) == "COMPLETED"
    assert task(scheduler.db, number).times_run == 2


def test_what_has_no_result_leaves_no_run(scheduler: Any, queue: Queue, clock: Any) -> None:
    scheduler.queue_task("f")
    row, found = take(queue)
    queue.finish(row, found, Report("COMPLETED", "null", output="printed"), clock())
    assert run(scheduler.db) is None


def test_a_failure_keeps_output_and_traceback(scheduler: Any, queue: Queue, clock: Any) -> None:
    number = scheduler.queue_task("f", retry_failed=1, period=5).id
    for status in ("QUEUED", "FAILED"):
        row, found = take(queue)
        assert queue.finish(row, found, Report("FAILED", None, "Traceback …", "printed"), clock()) == status
        assert (run(scheduler.db).run_output, run(scheduler.db).traceback) == ("printed", "Traceback …")
        clock.go(seconds=5)
    assert (task(scheduler.db, number).times_run, task(scheduler.db, number).times_failed) == (0, 2)


@pytest.mark.parametrize("status", ["QUEUED", "ASSIGNED"])
def test_expiry(scheduler: Any, queue: Queue, clock: Any, status: str) -> None:
    number = scheduler.queue_task("f", stop_time=clock() - timedelta(seconds=1), status=status).id \
        or scheduler.db.scheduler_task.insert(function_name="f", stop_time=clock() - timedelta(seconds=1), status=status)
    assert take(queue) is None and task(scheduler.db, number).status == "EXPIRED"


def test_dependencies(scheduler: Any, queue: Queue, clock: Any) -> None:
    """A task waits until those it depends on are completed; a failure does not let it go on."""
    shirt, tie, jacket = (scheduler.queue_task("f", task_name=name).id for name in ("shirt", "tie", "jacket"))
    graph = JobGraph(scheduler.db, "dress")
    graph.add_deps(tie, shirt)
    graph.add_deps(jacket, tie)
    assert graph.validate("dress") == [{shirt}, {tie}, {jacket}]
    order = []
    for status in ("FAILED", "COMPLETED", "COMPLETED", "COMPLETED"):
        row, found = take(queue)
        assert take(queue) is None
        order.append(row.task_name)
        queue.finish(row, found, Report(status, "1"), clock())
        if status == "FAILED":
            assert take(queue) is None
            scheduler.db(scheduler.db.scheduler_task.id == row.id).update(status="QUEUED", next_run_time=clock())
    assert order == ["shirt", "shirt", "tie", "jacket"]


def test_a_circle_is_refused(scheduler: Any) -> None:
    one, other = scheduler.queue_task("f").id, scheduler.queue_task("f").id
    scheduler.db.commit()
    graph = JobGraph(scheduler.db, None)
    graph.add_deps(one, other)
    graph.add_deps(other, one)
    assert graph.validate() is None and scheduler.db(scheduler.db.scheduler_task_deps).isempty()


def test_broadcast(scheduler: Any, queue: Queue, clock: Any) -> None:
    """Each worker of the group gets a copy, whichever worker looks first."""
    db = scheduler.db
    for name, groups in (("w1", ["main"]), ("w2", ["slow", "main"]), ("w3", ["slow"])):
        db.scheduler_worker.insert(worker_name=name, status="ACTIVE", group_names=groups, last_heartbeat=clock())
    number = scheduler.queue_task("f", [5], broadcast=True, period=60, timeout=9).id
    assert take(queue) is None                      # the copies are seen at the next look
    found = [take(Queue(db, name, clock)) for name in ("w1", "w2", "w3")]
    assert [bool(f) for f in found] == [True, True, False]
    assert {(f[1].args, f[1].timeout) for f in found if f} == {("[5]", 9)}
    assert (task(db, number).status, task(db, number).times_run) == ("QUEUED", 1)
    assert task(db, number).next_run_time == clock() + timedelta(seconds=60)


def test_what_a_web2py_worker_assigned(scheduler: Any, queue: Queue, clock: Any) -> None:
    """To us: ours; to another worker: not ours."""
    for name in ("w1", "w2"):
        scheduler.db.scheduler_task.insert(application_name="eden", function_name="f", task_name=name, status="ASSIGNED",
                                           assigned_worker_name=name, next_run_time=clock())
    assert take(queue)[0].task_name == "w1" and take(queue) is None


def test_what_a_dead_worker_left(scheduler: Any, queue: Queue, clock: Any) -> None:
    db = scheduler.db
    number = scheduler.queue_task("f").id
    other = Queue(db, "dead", clock)
    row, found = take(other)
    assert orphans(db) == ["dead"]
    assert queue.release(orphans(db)) == 1
    assert (run(db).status, "dead" in run(db).traceback) == ("STOPPED", True)
    row_now, found_now = take(queue)
    # it was not dead after all, and comes back with its result
    assert other.is_ours(found) is False
    assert other.finish(row, found, Report("COMPLETED", '"late"'), clock()) == ""
    assert task(db, number).status == "RUNNING"
    assert queue.finish(row_now, found_now, Report("COMPLETED", '"right"'), clock()) == "COMPLETED"
    assert db(db.scheduler_run.task_id == number).count() == 2


def test_a_worker_that_ends_gives_its_task_back(scheduler: Any, queue: Queue, clock: Any) -> None:
    """Not as a failure: a job without retries goes on after a restart of the service."""
    number = scheduler.queue_task("f", repeats=0).id
    row, found = take(queue)
    queue.give_back(row, found, Report("STOPPED"))
    row = task(scheduler.db, number)
    assert (row.status, row.times_failed, row.assigned_worker_name) == ("QUEUED", 0, "")
    assert take(queue)[1].id == number


def test_discarded_results(scheduler: Any, clock: Any) -> None:
    queue = Queue(scheduler.db, "w1", clock, discard_results=True)
    scheduler.queue_task("f")
    row, found = take(queue)
    assert found.run_id == 0 and queue.finish(row, found, Report("FAILED", traceback="…"), clock()) == "FAILED"
    assert run(scheduler.db) is None
