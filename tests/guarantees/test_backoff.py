"""A repository that keeps failing is tried less often, says when it will be tried next, and is back at once when it can be."""
from __future__ import annotations

import pytest
from faults import TroubledPeer, Wire
from practice import Field

from s3sync.engine import backoff
from s3sync.engine.repository import load
from s3sync.engine.run import Runner
from s3sync.errors import AuthenticationFailed, ConfigurationError, ConnectError, PeerBusy, SyncError

MINUTE = 60


@pytest.fixture
def pair(field: Field) -> Field:
    for name, value in (("retry_first", 300), ("retry_longest", 3600)):
        object.__setattr__(field.a.settings, name, value)
    field.link(field.a, field.b, "gis_location")
    return field


def attempts(field: Field, minutes: int, kind: str = "unreachable") -> list[int]:
    """Minutes at which a job that is due every minute really tried."""
    tried = []
    for minute in range(minutes):
        wire = Wire(kind, 1)
        field.run(wire=wire)                      # a minute later each
        if wire.seen:
            tried.append(minute)
    return tried


def test_the_wait_grows_up_to_its_limit(pair: Field) -> None:
    tried = attempts(pair, 300)
    gaps = [b - a for a, b in zip(tried, tried[1:])]
    for gap, limit in zip(gaps, [5, 10, 20, 40, 60, 60, 60]):
        assert limit // 2 <= gap <= limit + 1
    assert len(tried) < 15
    state = backoff.state(pair.a.open(), 1)
    assert state and state.failures == len(tried) and state.code == "unreachable" and not state.final and state.waiting


def test_the_log_says_when_it_will_be_tried_next_and_says_it_once(pair: Field) -> None:
    attempts(pair, 3)
    said = [entry.message for entry in reversed(pair.a.log())]
    assert len(said) == 3 and "line is dead" in said[0]
    next_on = f"{backoff.state(pair.a.open(), 1).next_on:%Y-%m-%d %H:%M} UTC"
    assert f"next scheduled attempt is at {next_on}" in said[1] and said[1][:-9] in pair.a.run().message
    assert said[2].startswith(f"Not tried before {next_on}") and "line is dead" in said[2]


def test_a_person_need_not_wait_and_success_ends_it(pair: Field) -> None:
    uuid = pair.b.insert("gis_location", name="one")
    pair.run(wire=Wire("unreachable", 1))
    assert pair.run() == "warning" and not pair.a.get("gis_location", uuid)
    peer = TroubledPeer(pair.a, pair.b, wire=Wire(), old=[])
    assert Runner(pair.a.open(), lambda repo, site: lambda: peer).synchronize(1, manual=True) == "success"
    assert pair.a.get("gis_location", uuid) and backoff.state(pair.a.open(), 1) is None
    assert pair.run() == "success"


def test_a_run_that_gets_on_is_not_slowed_down(pair: Field) -> None:
    """On a bad line each run gets a little further: that is no failing repository."""
    object.__setattr__(pair.a.settings, "batch_size", 2)
    for number in range(12):
        pair.b.insert("gis_location", name=f"{number}")
    for _ in range(4):
        assert pair.run(wire=Wire("unreachable", 3)) in ("error", "success")
        assert backoff.state(pair.a.open(), 1) is None
    assert len(pair.a.records("gis_location")) == 12


def opening(error: SyncError) -> Runner:
    def opener() -> None:
        raise error
    return lambda repository, site: opener


def test_what_the_peer_asks_for_counts(pair: Field) -> None:
    assert Runner(pair.a.open(), opening(PeerBusy(retry_after=9000))).synchronize(1) == "error"
    assert (backoff.state(pair.a.open(), 1).next_on - pair.a.now()).total_seconds() == 9000


def test_what_only_a_person_can_mend_waits_for_one(pair: Field) -> None:
    assert Runner(pair.a.open(), opening(ConfigurationError("no such host name"))).synchronize(1) == "fatal"
    state = backoff.state(pair.a.open(), 1)
    assert state.final and (state.next_on - pair.a.now()).total_seconds() >= 1800
    assert pair.run() == "warning"
    pair.a.db(pair.a.db.sync_repository.id == 1).update(url="http://elsewhere.example")
    pair.a.db.commit()
    assert pair.run() == "success"


def test_a_clock_that_was_set_back_does_not_stop_it(pair: Field) -> None:
    pair.run(wire=Wire("unreachable", 1))
    pair.clock.advance(-86400)
    assert pair.run() == "success"


def test_classes_tell_final_errors_from_transient_ones() -> None:
    def middle(low: float, high: float) -> float:
        return (low + high) / 2
    assert [backoff.wait(n, ConnectError(), 100, 1000, middle) for n in (1, 2, 3, 9, 999)] == [75, 150, 300, 750, 750]
    assert backoff.wait(1, ConfigurationError(), 100, 1000, middle) == 750
    assert backoff.wait(1, AuthenticationFailed(), 100, 1000, middle) == 75      # may be mended at the peer
    assert backoff.wait(1, PeerBusy(retry_after=5000), 100, 1000, middle) == 5000


def test_others_are_not_held_up(pair: Field) -> None:
    c = pair.site("c")
    other = pair.link(pair.a, c, "gis_location")
    pair.run(wire=Wire("unreachable", 1))
    assert backoff.waiting(pair.a.open(), load(pair.a.db, 1)) and not backoff.waiting(pair.a.open(), load(pair.a.db, other))
    assert pair.run(pair.a, c) == "success"
