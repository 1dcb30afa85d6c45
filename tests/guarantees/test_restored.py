"""A site whose database was put back to a backup gets back what it lost, and what is edited there afterwards is not lost."""
from __future__ import annotations

from typing import Any, Dict, List, Tuple

import local_sites
import pytest
from clocked_site import ClockedSite
from faults import TroubledPeer, Wire
from local_sites import register, same
from practice import Field, conflicts, moved, sql

from s3sync.engine import pact
from s3sync.engine.pact import BOTH, ME, YOU, Pact, judge
from s3sync.engine.repository import by_uuid
from s3sync.engine.run import Runner

TABLE = "org_organisation"


def run(field: Field, me: ClockedSite | None = None, other: ClockedSite | None = None) -> str:
    """One run that begins with the handshake, as between real sites."""
    me, other = me or field.a, other or field.b
    field.clock.advance(60)
    peer: Any = TroubledPeer(me, other, wire=Wire(), old=[]).greet()
    return Runner(me.open(), lambda repository, site: lambda: peer).synchronize(field.links[me.name, other.name])


Backup = Dict[str, Tuple[List[str], List[Any]]]


def backup(site: ClockedSite) -> Backup:
    """All rows of all tables, with their columns."""
    found = {}
    for name in site.db.tables:
        columns = [field._rname for field in site.db[name]]
        found[name] = (columns, site.sql(f'SELECT {", ".join(columns)} FROM "{name}"'))
    return found


def restore(site: ClockedSite, kept: Backup) -> None:
    site.forget_foreign_keys()
    for name, (columns, rows) in kept.items():
        site.sql(f'DELETE FROM "{name}"')
        for row in rows:
            site.sql(f'INSERT INTO "{name}" ({", ".join(columns)}) VALUES ({", ".join("?" * len(row))})', *row)


@pytest.fixture(autouse=True, params=["greeted with a page", "greeted first"])
def greeting(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways in which a run begins; a first contact is always by the second."""
    if request.param == "greeted first":
        monkeypatch.setattr(local_sites, "opening", lambda site, repository: None)


@pytest.fixture(params=["active", "passive"])
def scene(request: pytest.FixtureRequest, field: Field) -> tuple[ClockedSite, ClockedSite]:
    """The site that will be put back, and the other one; either may be the one that does the work."""
    field.link(field.a, field.b, TABLE)
    return (field.a, field.b) if request.param == "active" else (field.b, field.a)


def names(site: ClockedSite, table: str = TABLE) -> list[str]:
    return sorted(record["name"] for record in site.records(table).values())


def test_its_own_newer_records_come_back(field: Field, scene: tuple[ClockedSite, ClockedSite]) -> None:
    lost, other = scene
    old = lost.insert(TABLE, name="old")
    run(field)
    kept = backup(lost)
    lost.update(TABLE, old, name="edited")
    lost.insert(TABLE, name="made after the backup")
    other.insert(TABLE, name="from the other")
    for _ in range(2):
        run(field)
    restore(lost, kept)
    assert names(lost) == ["old"]
    for _ in range(2):
        run(field)
    assert names(lost) == names(other) == ["edited", "from the other", "made after the backup"]
    assert any("put back to an earlier state" in entry.message for entry in field.a.log())
    for _ in range(2):
        assert run(field) == "success"
        assert moved(field.a) == {}


@pytest.mark.parametrize("edits", [1, 30])
def test_what_is_edited_there_meanwhile_is_neither_lost_nor_ignored(
        field: Field, scene: tuple[ClockedSite, ClockedSite], edits: int) -> None:
    """Numbers are given a second time, to other edits, as many as the others know of or more: nobody may take them for those."""
    lost, other = scene
    records = [lost.insert(TABLE, name=f"{number}") for number in range(3)]
    run(field)
    kept = backup(lost)
    lost.update(TABLE, records[0], name="before the crash")
    lost.insert(TABLE, name="lost")
    run(field)
    restore(lost, kept)
    field.clock.advance(3600)
    lost.update(TABLE, records[0], name="after the crash")
    lost.update(TABLE, records[1], name="after the crash, elsewhere")
    new = [lost.insert(TABLE, name=f"new {number}") for number in range(edits)]
    for _ in range(3):
        run(field)
    assert list(same(lost, other)) == [] and set(new) <= set(other.records(TABLE))
    assert "lost" in names(lost) and other.get(TABLE, records[0]).name == "after the crash"
    assert other.get(TABLE, records[1]).name == "after the crash, elsewhere"
    assert [entry.record_uuid for entry in conflicts(field.a)] == [records[0]]        # with both versions
    run(field)
    assert moved(field.a) == {}


def test_every_peer_gives_back_what_it_has(field: Field) -> None:
    c = field.site("c")
    field.link(field.a, field.b, TABLE)
    field.link(field.a, c, "gis_location")
    run(field)
    run(field, field.a, c)
    kept = backup(field.a)
    one, two = field.a.insert(TABLE, name="at b"), field.a.insert("gis_location", name="at c")
    run(field)
    run(field, field.a, c)
    restore(field.a, kept)
    for other in (field.b, c):
        run(field, field.a, other)
    assert field.a.get(TABLE, one) and field.a.get("gis_location", two)
    for other in (field.b, c):
        run(field, field.a, other)
        assert moved(field.a) == {}


def test_a_backup_from_before_the_first_contact(field: Field) -> None:
    number = register(field.a, field.b, [dict(resource_name=TABLE, mode=3)])
    field.links["a", "b"] = number
    kept = backup(field.a)
    uuid = field.a.insert(TABLE, name="one")
    run(field)
    restore(field.a, kept)
    for _ in range(2):
        run(field)
    assert field.a.get(TABLE, uuid) and field.b.get(TABLE, uuid)


@pytest.mark.parametrize("late", [False, True])
def test_a_backup_taken_during_the_last_run(field: Field, scene: tuple[ClockedSite, ClockedSite], late: bool) -> None:
    """After its first contact; what the rest of the run has noted and moved is missing in it."""
    lost, other = scene
    second = "gis_location"             # of the first task a page may have come with the greeting
    field.link(field.a, field.b, second)
    old = lost.insert(second, name="old")
    run(field)
    field.clock.advance(60)
    peer: Any = TroubledPeer(field.a, field.b, wire=Wire(), old=[]).greet()
    kept = backup(lost)
    lost.update(second, old, name="edited")
    lost.insert(second, name="of the last run")
    assert Runner(field.a.open(), lambda repository, site: lambda: peer).synchronize(field.links["a", "b"]) == "success"
    restore(lost, kept)
    assert names(lost, second) == ["old"]
    if late:
        field.clock.advance(3600)
        lost.insert(second, name="after the crash")
    for _ in range(3):
        run(field)
    assert names(lost, second) == names(other, second) == [*["after the crash"] * late, "edited", "of the last run"]
    assert any("put back to an earlier state" in entry.message for entry in field.a.log())
    run(field)
    assert moved(field.a) == {}


def test_a_run_that_moves_nothing_needs_no_second_contact(field: Field) -> None:
    field.link(field.a, field.b, TABLE)
    field.a.insert(TABLE, name="one")
    run(field)
    before = field.a.db(field.a.db.sync_pact).select().first().number
    run(field)
    assert field.a.db(field.a.db.sync_pact).select().first().number == before + 1
    field.a.insert(TABLE, name="two")
    run(field)
    assert field.a.db(field.a.db.sync_pact).select().first().number == before + 3


def test_the_end_of_a_run_is_noted_also_where_a_part_of_it_was_refused(field: Field) -> None:
    field.link(field.a, field.b, TABLE)
    run(field)
    before = field.a.db(field.a.db.sync_pact).select().first().number
    field.b.db(field.b.db.sync_repository.uuid == field.a.uuid).update(accept_push=False)
    field.b.insert(TABLE, name="pulled")
    field.a.insert(TABLE, name="refused")
    assert run(field) == "fatal" and names(field.a) == ["pulled", "refused"]
    assert field.a.db(field.a.db.sync_pact).select().first().number == before + 2


def test_a_lost_answer_is_no_restoration(field: Field) -> None:
    field.link(field.a, field.b, TABLE)
    for _ in range(3):
        run(field)
        TroubledPeer(field.a, field.b, wire=Wire(), old=[]).greet()          # noted there, never heard here
    run(field)
    assert not any("put back" in entry.message for site in (field.a, field.b) for entry in site.log())
    assert sql(field.a, "SELECT COUNT(*) FROM sync_clock WHERE epoch LIKE 'r%'") == [(0,)]


def test_two_sites_that_call_each_other(field: Field) -> None:
    field.link(field.a, field.b, TABLE)
    field.link(field.b, field.a, TABLE)
    for _ in range(3):
        run(field)
        run(field, field.b, field.a)
    assert not any("put back" in entry.message for site in (field.a, field.b) for entry in site.log())


def test_greetings_that_cross(field: Field) -> None:
    """Each has told the other of a contact before it hears of the other's."""
    a, b = field.a, field.b
    field.link(a, b, TABLE)
    field.link(b, a, TABLE)
    run(field)
    here, there = TroubledPeer(a, b, wire=Wire(), old=[]), TroubledPeer(b, a, wire=Wire(), old=[])
    repository = {site.name: by_uuid(site.db, other.uuid) for site, other in ((a, b), (b, a))}
    said = {site.name: pact.remembered(site.open(), repository[site.name]) for site in (a, b)}
    at_b = pact.greeting(b.open(), a.uuid, said["a"])
    at_a = pact.greeting(a.open(), b.uuid, said["b"])
    pact.heard(a.open(), repository["a"], *at_b)
    pact.heard(b.open(), repository["b"], *at_a)
    assert at_a[1] == at_b[1] == ""
    for peer in (here, there, here):
        assert peer.greet().restored == ""


def test_who_does_not_know_the_last_contact_was_put_back() -> None:
    mine = Pact(5, "e", "", "d")
    assert [judge(mine, *theirs) for theirs in ((5, "e", "f"), (5, "d", "f"), (4, "c", "e"))] == ["", "", ""]
    assert [judge(mine, *theirs) for theirs in ((6, "a", "b"), (4, "c", "b"), (0, "", "b"), (5, "a", "b"))] == [
        ME, YOU, YOU, BOTH]
    assert judge(Pact(), 0, "", "a") == "" and judge(Pact(), 3, "c", "a") == ME
    assert pact.SWAPPED[ME] == YOU
