"""G3: killed at any statement or commit, the next run goes on from there; nothing stays stuck."""
from __future__ import annotations

import socket
import subprocess
import sys
from typing import Any

import pytest
from clocked_site import ClockedSite
from faults import Wire
from local_sites import same
from practice import DAY, Field, moved, set_clock, sql

from s3sync.engine.lease import Lease
from s3sync.errors import AlreadyRunning
from s3sync.process import UNKNOWN, machine, own_name, place


def fill(field: Field) -> None:
    country = field.a.insert("gis_location", name="country")
    for number in range(7):
        field.a.insert("gis_location", name=f"{number}", parent=field.a.id_of("gis_location", country))
        field.b.insert("org_organisation", name=f"{number}")
    organisation = field.a.insert("org_organisation", name="O")
    field.a.insert("org_office", name="F", organisation_id=field.a.id_of("org_organisation", organisation))


def test_killed_at_every_statement_in_turn(field: Field) -> None:
    """A new kill each run, a few statements further on each time, until a run comes through."""
    for site in (field.a, field.b):
        object.__setattr__(site.settings, "batch_size", 3)
    field.link(field.a, field.b)
    fill(field)
    at, kills = 1, 0
    while True:
        field.a.trouble.plan("kill", at)
        result = field.run()
        field.a.trouble.kind = ""
        if result != "killed":
            break
        kills += 1
        at += 7
        field.clock.advance(1000)
    assert kills > 20 and result == "success"
    assert list(same(field.a, field.b)) == []
    field.run()
    assert moved(field.a) == {}


@pytest.mark.parametrize("at", range(5, 90, 12))
def test_the_peers_process_killed_at_any_statement(field: Field, at: int) -> None:
    field.link(field.a, field.b)
    fill(field)
    field.b.trouble.plan("kill", at)
    assert field.run() in ("error", "success")
    field.b.restart()
    assert field.run() == "success"
    assert list(same(field.a, field.b)) == []


@pytest.mark.parametrize("kind", ["cut", "lost", "unreachable", "cut request"])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_the_line_cut_at_any_exchange(field: Field, kind: str, at: int) -> None:
    field.link(field.a, field.b)
    fill(field)
    wire = Wire(kind, at, .7)
    result = field.run(wire=wire)
    assert result in ("error", "fatal") or not wire.happened
    assert field.run() == "success"
    assert list(same(field.a, field.b)) == []


def test_work_done_in_committed_batches_is_not_done_again(field: Field) -> None:
    object.__setattr__(field.a.settings, "batch_size", 10)
    field.link(field.a, field.b, "gis_location", mode=1)
    for number in range(45):
        field.b.insert("gis_location", name=f"{number}")
    field.run(wire=Wire("cut", 3, .5))
    done = field.a.steps()["gis_location", "pull"].records
    assert 0 < done < 45
    field.run()
    assert field.a.steps()["gis_location", "pull"].records == 45 - done


def lease(site: ClockedSite) -> Any:
    return site.db(site.db.sync_lease.id > 0).select().first()


def test_a_dead_workers_lease_ends_by_itself(field: Field) -> None:
    field.link(field.a, field.b)
    field.a.trouble.plan("kill", 60)
    assert field.run() == "killed"
    assert lease(field.a).owner
    field.clock.advance(-50)
    assert field.run() == "error" and "already active" in field.a.log()[0].message
    field.clock.advance(field.a.settings.lease_time)
    assert field.run() == "success"
    assert lease(field.a).owner is None
    states = sql(field.a, "SELECT status FROM sync_run ORDER BY id")
    assert states == [("interrupted",), ("success",)]


def test_another_machine_of_the_same_name_is_another_machine(field: Field) -> None:
    """Cloned machines and containers may share a host's name; which processes live there is not known here."""
    site = field.a.open()
    tell = "from s3sync.process import own_name; print(own_name(), own_name())"
    process = subprocess.Popen([sys.executable, "-c", tell], stdout=subprocess.PIPE, text=True)
    first, second = process.communicate(timeout=30)[0].split()
    assert first == second != own_name()                           # of a process that is gone now
    where, number = first.rsplit(":", 1)
    Lease(site, "near", f"{first}/x").take()
    Lease(site, "far", f"{where[:-8]}00000000:{number}/x".replace(f"@{machine()}", f"@{UNKNOWN}")).take()
    Lease(site, "old", f"{socket.gethostname()}@{place()}:{number}/x").take()       # as names were before
    own = own_name()
    assert Lease(site, "near", own).take() is True
    for name in ("far", "old"):
        with pytest.raises(AlreadyRunning):
            Lease(site, name, own).take()


def test_a_lease_from_before_this_machine_was_started_anew(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for its end: its owner is not among the living, although there is a process of its number."""
    site = field.a.open()
    for known in (UNKNOWN, "11112222"):
        monkeypatch.setattr("s3sync.process.machine", lambda known=known: known)
        own = own_name()
        before = own.replace(place(), "00000000")
        Lease(site, f"of {known}", before).take()
        if known == UNKNOWN:
            with pytest.raises(AlreadyRunning):
                Lease(site, f"of {known}", own).take()
        else:
            assert Lease(site, f"of {known}", own).take() is True
            assert not Lease(site, f"of {known}", before).lives()


def test_a_lease_taken_over_stops_the_slow_owner(field: Field) -> None:
    """It commits nothing any more: the batch in hand goes with its transaction."""
    field.link(field.a, field.b, "gis_location", mode=1)
    field.b.insert("gis_location", name="one")

    class Thief(Wire):
        def answer(self, body: bytes) -> bytes:
            field.a.elsewhere("UPDATE sync_lease SET owner = 'elsewhere:1/x', expires_on = '2099-01-01 00:00:00'")
            return body

    assert field.run(wire=Thief()) == "error"
    assert "taken this run over" in "".join(entry.message for entry in field.a.log())
    assert sql(field.a, "SELECT COUNT(*) FROM gis_location") == [(0,)]
    assert lease(field.a).owner == "elsewhere:1/x"


def test_dependencies_are_sent_after_a_kill_before_they_were(field: Field) -> None:
    """The peer has said what it lacks; whoever pushed died before sending it."""
    field.link(field.a, field.b, "org_organisation", mode=2)
    location = field.a.insert("gis_location", name="in no task")
    organisation = field.a.insert("org_organisation", name="O")
    office = field.a.insert("org_office", name="F", organisation_id=field.a.id_of("org_organisation", organisation),
                            location_id=field.a.id_of("gis_location", location))
    assert field.run(wire=Wire("unreachable", 3)) == "error"
    assert field.b.get("org_office", office).location_id is None
    assert field.run() == "success"
    assert field.b.get("org_office", office).location_id == field.b.id_of("gis_location", location)


@pytest.mark.parametrize("jump", [5 * 3600, -5 * 3600, 7000 * DAY, -7000 * DAY])
def test_the_clock_jumps_in_the_middle_of_a_run_and_back_in_another(field: Field, jump: int) -> None:
    """By hours and by years: no run, lease or scan is stuck, and what is edited before, between and after arrives."""
    field.link(field.a, field.b)
    for number in range(60):
        field.b.insert("gis_location", name=f"there {number}")
    uuid = field.a.insert("gis_location", name="here")

    class Jump(Wire):
        to = jump

        def answer(self, body: bytes) -> bytes:
            set_clock(field.a, self.to)
            return super().answer(body)

    back = Jump()
    back.to = 0
    assert field.run(wire=Jump()) == "success"
    field.a.update("gis_location", uuid, name="edited between")
    field.b.insert("org_organisation", name="new between")
    assert field.run() == "success"
    assert list(same(field.a, field.b)) == []
    field.a.trouble.plan("kill", 60)
    assert field.run(wire=back) == "killed"
    set_clock(field.a, 0)
    field.a.update("gis_location", uuid, name="edited after")
    field.clock.advance(field.a.settings.lease_time + 60)
    assert field.run() == "success"
    field.later()
    assert field.run() == "success"
    assert list(same(field.a, field.b)) == [] and field.b.get("gis_location", uuid).name == "edited after"
