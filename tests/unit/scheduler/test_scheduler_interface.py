"""The interface of web2py's scheduler."""
from __future__ import annotations

import importlib.util
from datetime import timedelta
from typing import Any

import pytest

from s3sync.scheduler import Scheduler as AtHand
from s3sync.scheduler import tables
from s3sync.scheduler.shim import Scheduler


def named() -> None:
    """A function that is queued as itself."""


def test_web2pys_own_class_where_it_is_at_hand() -> None:
    if importlib.util.find_spec("gluon"):
        assert AtHand.__module__ == "gluon.scheduler"
    else:
        assert AtHand is Scheduler


@pytest.mark.parametrize("arguments, columns, wrong", [
    (([1],), {}, ""), ((["a"], {"b": 1}), {"repeats": 0, "period": 600, "retry_failed": -1, "timeout": 600}, ""),
    ((), {"cronline": "0 3 * * *"}, ""), ((), {"args": "[1, 2]", "vars": '{"x": null}'}, ""),
    (({"a": 1},), {}, "args"), (([], ["a"]), {}, "vars"), ((), {"args": "[1"}, "args"), ((), {"cronline": "0 3 * *"}, "cronline"),
    ((), {"timeout": 0}, "timeout"), ((), {"repeats": -1}, "repeats"), ((), {"retry_failed": -2}, "retry_failed"),
    ((), {"status": "LOST"}, "status"), ((), {"application_name": ""}, "application_name")])
def test_queue_task(scheduler: Any, arguments: tuple[Any, ...], columns: dict[str, Any], wrong: str) -> None:
    done = scheduler.queue_task("f", *arguments, **columns)
    assert set(done.keys()) == {"id", "uuid", "errors"}
    assert list(done.errors) == ([wrong] if wrong else [])
    assert (done.id is None, done.uuid is None) == (bool(wrong), bool(wrong))


def test_names_of_functions(scheduler: Any, db: Any) -> None:
    assert scheduler.task_status(scheduler.queue_task(named).id).function_name == "named"


def test_only_known_functions(clock: Any) -> None:
    from pydal import DAL
    known = Scheduler(DAL("sqlite:memory"), {"named": named})
    assert known.queue_task("named").id and "function_name" in known.queue_task("other").errors
    known.db.close()


def test_a_uuid_is_used_once(scheduler: Any) -> None:
    assert scheduler.queue_task("f", uuid="a").uuid == "a"
    assert "uuid" in scheduler.queue_task("f", uuid="a").errors


def test_when_it_runs(scheduler: Any, clock: Any) -> None:
    start = clock() + timedelta(hours=1)
    assert scheduler.task_status(scheduler.queue_task("f", start_time=start).id).next_run_time == start
    row = scheduler.task_status(scheduler.queue_task("f", cronline="30 12 * * *").id)
    assert (row.start_time, row.next_run_time) == (clock(), clock() + timedelta(minutes=30))


def test_task_status(scheduler: Any, db: Any) -> None:
    done = scheduler.queue_task("f", task_name="watch")
    db.scheduler_run.insert(task_id=done.id, status="COMPLETED", run_result='{"a": [1]}')
    by_id = scheduler.task_status(done.id)
    assert by_id == scheduler.task_status(done.uuid) == scheduler.task_status(db.scheduler_task.task_name == "watch")
    assert scheduler.task_status("nobody") is None
    row = scheduler.task_status(done.id, output=True)
    assert (row.scheduler_task.id, row.scheduler_run.status, row.result) == (done.id, "COMPLETED", {"a": [1]})
    with pytest.raises(SyntaxError):
        scheduler.task_status([1])


def test_stop_task(scheduler: Any, db: Any) -> None:
    waiting, running, done = (scheduler.queue_task("f").id for _ in range(3))
    db.scheduler_worker.insert(worker_name="w", status="ACTIVE", group_names=["main"])
    db(db.scheduler_task.id == running).update(status="RUNNING", assigned_worker_name="w")
    db(db.scheduler_task.id == done).update(status="COMPLETED")
    assert [scheduler.stop_task(number) for number in (waiting, running, done, 99)] == [1, 1, None, None]
    row = scheduler.task_status(waiting)
    assert (row.status, row.enabled) == ("STOPPED", False) and row.stop_time is not None
    assert scheduler.get_workers()["w"].status == "STOP_TASK"


def test_workers(scheduler: Any, db: Any) -> None:
    for name, groups in (("a", ["main"]), ("b", ["main", "slow"]), ("c", ["slow"])):
        db.scheduler_worker.insert(worker_name=name, status="ACTIVE", group_names=groups, is_ticker=name == "b")
    assert list(scheduler.get_workers(only_ticker=True)) == ["b"]

    def now() -> str:
        return " ".join(row.status for row in scheduler.get_workers().values())

    scheduler.disable()
    assert now() == "DISABLED DISABLED ACTIVE"
    scheduler.resume("main", limit=1)
    assert now() == "ACTIVE DISABLED ACTIVE"
    scheduler.terminate("slow")
    assert now() == "ACTIVE TERMINATE TERMINATE"
    scheduler.resume(["main", "slow"])
    assert now() == "ACTIVE TERMINATE TERMINATE"            # what ends, ends
    scheduler.kill(worker_name="c")
    assert now() == "ACTIVE TERMINATE KILL"
    db(db.scheduler_worker.worker_name == "b").update(status="ACTIVE")
    scheduler.queue_task("f", immediate=True)
    assert now() == "ACTIVE PICK KILL"


def test_tables_are_defined_once(db: Any, scheduler: Any) -> None:
    before = {name: id(db[name]) for name in tables.TABLES}
    Scheduler(db)
    assert {name: id(db[name]) for name in tables.TABLES} == before


COLUMNS = {
    "scheduler_task": "application_name task_name group_name status broadcast function_name uuid args vars enabled start_time "
                      "next_run_time stop_time repeats retry_failed period prevent_drift cronline timeout sync_output times_run "
                      "times_failed last_run_time assigned_worker_name",
    "scheduler_run": "task_id status start_time stop_time run_output run_result traceback worker_name",
    "scheduler_worker": "worker_name first_heartbeat last_heartbeat status is_ticker group_names worker_stats",
    "scheduler_task_deps": "job_name task_parent task_child can_visit"}


@pytest.mark.parametrize("name", tables.TABLES)
def test_columns(db: Any, scheduler: Any, name: str) -> None:
    assert db[name].fields == ["id", *COLUMNS[name].split()]


@pytest.mark.parametrize("name", tables.TABLES)
def test_columns_are_web2pys(tmp_path: Any, name: str) -> None:
    """pyDAL sees no difference between the two definitions: it would rewrite columns else."""
    if not importlib.util.find_spec("gluon"):
        return
    from pydal import DAL
    made = []
    for kind, folder in ((AtHand, tmp_path / "theirs"), (Scheduler, tmp_path / "ours")):
        folder.mkdir()
        database = DAL("sqlite://s.db", folder=str(folder))
        kind(database)
        made.append([(f.name, f.type, f.length, f.unique, f.notnull) for f in database[name]])
        database.close()
    assert made[0] == made[1]
