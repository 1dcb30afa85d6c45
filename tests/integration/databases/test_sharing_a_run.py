"""Several workers on one run: who gets which step, who may not begin, what is given back, and who shares nothing."""
from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any, Iterator

import pytest
from local_sites import LocalPeer
from sharing import STOCKS, Depot, Gate, Here

from s3sync.engine import pause
from s3sync.engine.board import Board, lease_name
from s3sync.engine.helper import Helper
from s3sync.engine.lease import Lease
from s3sync.engine.progress import Part, Run, Step
from s3sync.engine.repository import tasks
from s3sync.engine.stop import Stop
from s3sync.engine.together import plan
from s3sync.errors import LeaseLost
from s3sync.process import own_name

COUNT = 40


@pytest.fixture(params=["postgres", "mysql"])
def depot(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Depot]:
    made = Depot(tmp_path, request.param)
    yield made
    made.close()


def begin(depot: Depot) -> tuple[Any, Run, list[Any]]:
    """A run by a process that died right after it had begun, as far as its row tells: (site, run, its steps)."""
    site = depot.a.open()
    lease = Lease(site, f"repository/{depot.repository}", f"{own_name()}/abc")
    lease.take()
    run = Run(site, depot.repository, lease, True, None)
    steps = plan(tasks(site.db, depot.repository))
    for task, direction in steps:
        Step(run, task.id, task.resource, direction)
    return site, run, steps


def board(depot: Depot, site: Any, run: Run, steps: list[Any], owner: str) -> Board:
    return Board(site, depot.repository, run.id, owner, steps)


def test_shared_by_three(depot: Depot) -> None:
    """Everything arrives once, in one step and one entry of the log for each task and direction."""
    depot.fill(COUNT)
    assert depot.run() == "success"
    assert depot.crew.called == [(depot.a.run().id, 2), (depot.a.run().id, 0)]
    assert sum(depot.helped()) == len({step.id for step in depot.steps() if step.worker != depot.a.run().worker})
    assert [(step.resource_name, step.direction, step.status, step.created) for step in depot.steps()] == [
        (name, direction, "success", count) for name in STOCKS for direction, count in (("pull", COUNT), ("push", 0))]
    for name in STOCKS:
        assert depot.a.records(name) == depot.b.records(name)
    entries = sorted((entry.resource_name, entry.mode) for entry in depot.a.log() if entry.mode.endswith("outgoing"))
    assert entries == [(name, f"{direction}/outgoing") for name in STOCKS for direction in ("pull", "push")]
    assert depot.a.run().status == "success"
    assert depot.a.sql("SELECT COUNT(*) FROM sync_lease WHERE owner IS NOT NULL") == [(0,)]


def test_no_step_is_taken_twice(depot: Depot) -> None:
    site, run, steps = begin(depot)
    one, two = (board(depot, site, run, steps, f"elsewhere:{n}/x") for n in range(2))
    first, second, third = one.claim(True), two.claim(True), one.claim(True)
    taken = [(claim.task.resource, claim.direction) for claim in (first, second, third) if claim]
    assert taken == [(name, "pull") for name in STOCKS]
    assert two.claim(True) is None                # the pushes wait for the pulls
    assert first is not None and second is not None
    assert not one.give_back(second.number, one.owner)
    assert one.give_back(first.number, one.owner)
    again = two.claim()
    assert again is not None and again.number == first.number
    run.finish("error", "")
    assert one.give_back(again.number, two.owner) and two.claim() is None       # the run is over


class Late(Board):
    """Has looked before others have decided."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.seen = super().states()

    def states(self) -> Any:
        return self.seen


def test_who_has_looked_too_early_gets_another_step(depot: Depot) -> None:
    site, run, steps = begin(depot)
    late = Late(site, depot.repository, run.id, run.lease.owner, steps)
    first = board(depot, site, run, steps, "elsewhere:1/x").claim(True)
    second = late.claim()
    assert first is not None and second is not None and second.number != first.number
    assert board(depot, site, run, steps, "elsewhere:1/x").helped() == [
        ((second.task.id, "pull"), late.seen[second.task.id, "pull"]._replace(status="running", worker=run.lease.owner))]


def test_processes_race_for_steps(depot: Depot) -> None:
    """Each step has one winner, however many threads want it."""
    _, run, _ = begin(depot)
    won: list[tuple[int, str]] = []
    start = threading.Barrier(4)

    def race(owner: str) -> None:
        me = depot.open("a")
        site = me.open()
        mine = Board(site, depot.repository, run.id, owner, plan(tasks(me.open().db, depot.repository)))
        start.wait()
        while True:
            claim = mine.claim(True)
            if claim is None:
                break
            won.append((claim.number, owner))
        me.db.close()

    threads = [threading.Thread(target=race, args=[f"elsewhere:{n}/x"]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(won) == len({number for number, _ in won}) == len(STOCKS)


def test_a_step_of_one_that_died_is_free_again(depot: Depot) -> None:
    site, run, steps = begin(depot)
    ours = board(depot, site, run, steps, run.lease.owner)
    theirs = board(depot, site, run, steps, "elsewhere:1/x").claim(True)
    assert theirs is not None and theirs.lease is not None
    assert ours.free() == 0                       # it lives
    depot.a.sql("UPDATE sync_lease SET expires_on = '2000-01-01 00:00:00' WHERE name = ?", theirs.lease.name)
    assert ours.free() == 1
    # it was only asleep: before its next batch is committed it learns that the step is not its any more
    part = Part(site, run.id, theirs.lease, Stop())
    with pytest.raises(LeaseLost):
        Step(part, theirs.task.id, theirs.task.resource, theirs.direction, theirs.number).batch(())
    site.rollback()
    with pytest.raises(LeaseLost):
        part.confirm()
    site.rollback()
    assert ours.states()[theirs.task.id, theirs.direction].status == "waiting"


def test_no_second_run_while_parts_of_the_first_are_worked_on(depot: Depot) -> None:
    """The one who has begun the first is gone, one who helps is still at work: the second does not begin."""
    depot.fill(COUNT)
    site, run, steps = begin(depot)
    helping = board(depot, site, run, steps, "elsewhere:1/x")
    claim = helping.claim(True)
    assert claim is not None and claim.lease is not None
    run.lease.release()
    assert depot.run() == "error"
    assert "already active" in depot.a.log()[0].message and "elsewhere:1" in depot.a.log()[0].message
    assert depot.a.run().id == run.id and depot.a.run().status == "interrupted"
    assert helping.claim(True) is None            # nobody begins another part of it either
    assert depot.a.records(STOCKS[0]) == {}
    claim.lease.release()
    assert depot.run() == "success"
    assert len(depot.a.records(STOCKS[0])) == COUNT


def test_a_lease_left_behind_by_a_dead_process_holds_nobody_up(depot: Depot) -> None:
    """A run whose predecessor left the lease of a task behind, by a process of this machine that is gone, begins at once."""
    site = depot.a.open()
    lease = Lease(site, lease_name(depot.repository, 1), f"{own_name().split(':')[0]}:4194304/1.0000abcd/x")
    lease.take()
    assert depot.run() == "success"
    with pytest.raises(LeaseLost):
        lease.renew()


def test_who_has_to_leave_gives_its_step_back(depot: Depot) -> None:
    """In the middle of a pull: another goes on from its last batch, what it has counted counts."""
    depot.fill(10 * COUNT)
    gate = Gate(at=4)                             # the third page of who is first, or thereabouts
    depot.on_helpers_wire = gate
    seen: list[Any] = []

    def stop_those_who_help() -> None:
        assert gate.reached.wait(60)
        me = depot.open("a")
        seen.extend(me.db((me.db.sync_run_task.status == "running") & (me.db.sync_run_task.records > 0)).select())
        me.db.close()
        for stop in depot.crew.stops:
            stop.ask("its host shuts down")
        gate.open.set()

    other = threading.Thread(target=stop_those_who_help)
    other.start()
    assert depot.run() == "success"
    other.join(60)
    depot.helped()
    worker = depot.a.run().worker
    assert [row for row in seen if row.worker != worker], "nobody who helps was in the middle of a step"
    assert {step.worker for step in depot.steps()} == {worker}
    assert [step.created for step in depot.steps()] == [10 * COUNT, 0] * len(STOCKS)
    assert {entry.result for entry in depot.a.log()} == {"success"}
    for name in STOCKS:
        assert depot.a.records(name) == depot.b.records(name)


def test_nobody_helps_with_what_is_paused(depot: Depot) -> None:
    """Those who are called look at the pause themselves; what was started by hand goes on."""
    site, run, steps = begin(depot)
    pause.pause(depot.a.db, depot.a.now())
    depot.a.db.commit()
    peers = []

    def connect(repository: Any, here: Any) -> Any:
        peers.append(repository.id)
        return lambda: LocalPeer(depot.a, depot.b)

    depot.a.sql("UPDATE sync_run SET run_trigger = 'scheduled' WHERE id = ?", run.id)
    assert Helper(depot.a.open(), connect).help(run.id) == 0 and peers == []
    depot.a.sql("UPDATE sync_run SET run_trigger = 'manual' WHERE id = ?", run.id)
    assert Helper(depot.a.open(), connect).help(run.id) == len(steps) and peers == [depot.repository]


def test_the_end_of_a_run_is_the_end_for_all(depot: Depot) -> None:
    """Who has begun it has to stop: the others stop as well, and every step that was begun says so."""
    depot.fill(10 * COUNT)

    def stop_soon() -> None:
        for _ in range(600):
            if threading.active_count() and depot.crew.futures:
                break
            time.sleep(0.05)
        time.sleep(0.5)
        depot.stop.ask("it received SIGTERM")

    other = threading.Thread(target=stop_soon)
    other.start()
    slow = depot.on_wire

    def slowly(method: str, body: bytes) -> bytes:
        time.sleep(0.1)
        return slow(method, body)

    depot.on_wire = slowly
    assert depot.run() == "warning"
    other.join(60)
    depot.helped()
    assert depot.a.run().status == "interrupted" and "SIGTERM" in depot.a.run().message
    begun = [step for step in depot.steps() if step.status != "waiting"]
    assert begun and {step.status for step in begun} <= {"interrupted", "success"}
    assert len([entry for entry in depot.a.log() if entry.mode.endswith("outgoing")]) == len(begun)
    depot.stop, depot.on_wire = Stop(), slow
    assert depot.run() == "success"
    for name in STOCKS:
        assert depot.a.records(name) == depot.b.records(name)


def test_a_late_helper_finds_nothing_to_do(depot: Depot) -> None:
    assert depot.run() == "success"
    number = depot.a.run().id
    assert Helper(depot.a.open(), lambda repository, site: pytest.fail("it must not ask the peer")).help(number) == 0
    assert Helper(depot.a.open(), lambda repository, site: pytest.fail("it must not ask the peer")).help(number + 1) == 0


# --- who shares nothing --------------------------------------------------------------------------------------------------


def untouched(depot: Depot) -> None:
    """Nobody was called, and nothing tells of sharing."""
    assert depot.crew.called == []
    assert {step.worker for step in depot.steps()} == {None}
    assert depot.a.sql("SELECT COUNT(*) FROM sync_lease") == [(1,)]


@pytest.mark.parametrize("kind, workers", [("sqlite", 3), ("postgres", 1)])
def test_one_after_the_other(tmp_path: Path, kind: str, workers: int) -> None:
    """On SQLite, and by default."""
    depot = Depot(tmp_path, kind, workers)
    try:
        depot.fill(COUNT)
        assert depot.run() == "success"
        untouched(depot)
    finally:
        depot.close()


def test_not_over_a_link_with_a_limit(depot: Depot) -> None:
    depot.a.db(depot.a.db.sync_repository.id == depot.repository).update(bandwidth=1000)
    depot.a.db.commit()
    assert depot.run() == "success"
    untouched(depot)


def test_not_with_a_single_task_or_with_none_that_could_begin(depot: Depot) -> None:
    depot.crew = Here(None)
    table = depot.a.db.sync_task
    depot.a.db(table.resource_name != STOCKS[0]).delete()
    table.insert(repository_id=depot.repository, resource_name="gis_location", mode=1)
    depot.a.db(table.resource_name == STOCKS[0]).update(resource_name="org_office")
    depot.a.db.commit()
    assert depot.run() == "success"
    untouched(depot)
