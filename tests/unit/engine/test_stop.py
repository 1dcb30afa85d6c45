"""Runs that have to end before they are done."""
from __future__ import annotations

import os
import signal
import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from local_sites import LocalPeer, LocalSite, same

from s3sync.engine import pause
from s3sync.engine.run import Runner
from s3sync.engine.stop import Stop
from s3sync.errors import Interrupted

NOON = datetime(2026, 11, 23, 12)


@pytest.fixture
def filled(pair: Any) -> Any:
    """Far more records at headquarters than fit into one batch."""
    for number in range(120):
        pair.b.insert("gis_location", name=f"City {number}")
    return pair


def run(pair: Any, stop: Stop, on_wire: Any = None, manual: bool = False, now: datetime = NOON) -> str:
    peer = LocalPeer(pair.a, pair.b, on_wire) if on_wire else LocalPeer(pair.a, pair.b)
    runner = Runner(pair.a.open(), lambda repository, site: lambda: peer, stop, lambda: now)
    return runner.synchronize(pair.repository, None, manual)


def test_reasons() -> None:
    time = [0.0]
    stop = Stop(lambda: time[0])
    stop.after(10, "too late")
    stop.check()
    time[0] = 10
    with pytest.raises(Interrupted, match="too late"):
        stop.check()
    stop.ask("asked")
    assert stop.reason == "asked"


def test_waiting_is_broken_off_once() -> None:
    broken: list[int] = []
    stop = Stop()
    stop.breaks(lambda: broken.append(1))
    stop.ask("now")
    for _ in range(2):
        with pytest.raises(Interrupted):
            stop.check()
    assert broken == [1]


def test_a_run_ends_after_a_batch_and_the_next_goes_on(filled: Any) -> None:
    """Nothing that was done is done again, and the lease is free at once."""
    stop = Stop()
    pages = []

    def on_wire(method: str, body: bytes) -> bytes:
        pages.append(method)
        if len(pages) == 2:
            stop.ask("the timeout of its job, 600 seconds, is near")
        return body

    assert run(filled, stop, on_wire) == "warning"
    entry = filled.a.log()[0]
    assert entry.result == "warning" and "interrupted" in entry.message and "600 seconds" in entry.message
    assert (filled.a.run().status, filled.a.run().error_code) == ("interrupted", "interrupted")
    assert filled.a.db(filled.a.db.sync_lease.owner != None).isempty()  # noqa: E711 - SQL
    before = len(filled.a.records("gis_location"))
    assert 0 < before < 120
    assert run(filled, Stop()) == "success"
    assert list(same(filled.a, filled.b)) == []
    assert filled.a.steps()["gis_location", "pull"].created == 120 - before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals(filled: Any, number: int) -> None:
    stop = Stop()
    sent = []

    def on_wire(method: str, body: bytes) -> bytes:
        if not sent:
            sent.append(number)
            os.kill(os.getpid(), number)
        return body

    before = signal.getsignal(number)
    with stop.heeding_signals():
        assert run(filled, stop, on_wire) == "warning"
    assert signal.getsignal(number) is before
    assert signal.Signals(number).name in filled.a.log()[0].message


def test_in_other_threads_signals_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[Any] = []

    def work() -> None:
        with Stop().heeding_signals():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


class TestAllowedHours:
    """mon-fri 20:00-06:00, and it is Monday noon."""

    @pytest.fixture(autouse=True)
    def hours(self, pair: Any) -> None:
        pair.a.db(pair.a.db.sync_repository.id == pair.repository).update(allowed_hours="mon-fri 20:00-06:00")
        pair.a.db.commit()

    def test_jobs_wait_and_the_log_says_until_when_once(self, filled: Any) -> None:
        assert [run(filled, Stop()) for _ in range(3)] == ["warning"] * 3
        assert [entry.message for entry in filled.a.log()] == [
            "Not synchronized outside of the allowed hours (Monday to Friday 20:00 to 06:00); the next time is 2026-11-23 20:00"]
        assert filled.a.run() is None

    def test_somebody_may_synchronize_at_any_time(self, filled: Any) -> None:
        assert run(filled, Stop(), manual=True) == "success"

    def test_jobs_run_in_them_and_end_with_them(self, filled: Any) -> None:
        time = [0.0]
        stop = Stop(lambda: time[0])

        def on_wire(method: str, body: bytes) -> bytes:
            time[0] += 61
            return body

        assert run(filled, stop, on_wire, now=NOON + timedelta(hours=17, minutes=59)) == "warning"
        assert "the allowed hours end at 06:00" in filled.a.log()[0].message
        assert run(filled, Stop(), now=NOON + timedelta(hours=8)) == "success"

    def test_a_mistake_in_them_stops_nothing_but_is_told(self, filled: Any) -> None:
        filled.a.db(filled.a.db.sync_repository.id == filled.repository).update(allowed_hours="at night")
        filled.a.db.commit()
        assert run(filled, Stop()) == "success"
        assert any("'at night'" in entry.message for entry in filled.a.log())


class TestPaused:
    """Everything is paused."""

    def test_jobs_wait_and_the_log_says_so_once(self, filled: Any) -> None:
        pause.pause(filled.a.db, filled.a.now())
        assert [run(filled, Stop()) for _ in range(3)] == ["warning"] * 3
        entry, = filled.a.log()
        assert (entry.result, entry.message) == ("warning", pause.MESSAGE)
        assert filled.a.run() is None
        assert run(filled, Stop(), manual=True) == "success"
        pause.resume(filled.a.db)
        filled.b.insert("gis_location", name="Another")
        assert run(filled, Stop()) == "success" and list(same(filled.a, filled.b)) == []

    def test_pausing_twice_is_pausing_once(self, filled: Any) -> None:
        began = filled.a.now()
        pause.pause(filled.a.db, began)
        pause.pause(filled.a.db, began + timedelta(hours=1))
        assert pause.since(filled.a.db) == began
        pause.resume(filled.a.db)
        assert pause.since(filled.a.db) is None

    @pytest.mark.parametrize("manual", [False, True])
    def test_a_job_that_runs_comes_to_its_end(self, filled: Any, manual: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        """After its batch; what somebody started by hand goes on."""
        monkeypatch.setattr(pause, "LOOK", 0.0)
        somebody = LocalSite(filled.a.folder.parent, "a")          # with a connection of his own
        pages = []

        def on_wire(method: str, body: bytes) -> bytes:
            pages.append(method)
            if len(pages) == 2:
                pause.pause(somebody.db, somebody.now())
                somebody.db.commit()
            return body

        assert run(filled, Stop(), on_wire, manual) == ("success" if manual else "warning")
        assert (len(filled.a.records("gis_location")) == 120) == manual
        if not manual:
            assert "were paused" in filled.a.log()[0].message and filled.a.run().status == "interrupted"
