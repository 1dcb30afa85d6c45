"""A comparison lists what differs between two sites, exactly; a repair moves exactly that, in the right direction."""
from __future__ import annotations

from typing import Any

import pytest
from clocked_site import ClockedSite
from faults import TroubledEden, TroubledPeer, Wire
from local_sites import same
from practice import Field, moved, sql
from test_dry_run import dump

from s3sync.engine import queue
from s3sync.engine.compare import Comparison, compare, repair
from s3sync.engine.repository import load


def compared(field: Field, me: ClockedSite | None = None, other: ClockedSite | None = None, plain: bool = False,
             **more: Any) -> Comparison:
    """A comparison, which must leave no trace at either site."""
    me, other = me or field.a, other or field.b
    before = dump(me, other)
    peer: Any = TroubledEden(me, other, wire=Wire()) if plain else TroubledPeer(me, other, wire=Wire(), old=[])
    found = compare(me.open(), peer, load(me.db, field.links[me.name, other.name]), **more)
    for site in (me, other):
        site.db.commit()
    assert dump(me, other) == before and [task.error for task in found.tasks] == [""] * len(found.tasks)
    return found


def told(found: Comparison) -> dict[str, tuple[Any, ...]]:
    return {d.uuid: (d.kind, d.fields, d.direction) for task in found.tasks for d in task.differences}


def repaired(field: Field, **more: Any) -> dict[str, int]:
    """Queue what differs; what the next run moves."""
    found = compared(field, **more)
    plain = {"plain": True} if more.get("plain") else {}
    wanted = sum(bool(d.direction) for task in found.tasks for d in task.differences)
    other = more.get("other")
    assert repair(field.a.open(), found) == wanted
    field.run(field.a, other, **plain)
    assert queue.count(field.a.open(), 1) == 0
    return moved(field.a)


def silently(site: ClockedSite, statement: str, *args: Any) -> None:
    """Change a database so that no run notices: as if it had been noted and sent long ago, or lost."""
    sql(site, statement, *args)
    open_site = site.open()
    for name in ("gis_location", "org_organisation", "org_office"):
        for row in open_site.index.canonical(open_site.table(name), open_site.table(name).select("1=1")):
            sql(site, "UPDATE sync_version SET digest = ? WHERE record_uuid = ?", open_site.index.digest_of(row), row.uuid)
    sql(site, "DELETE FROM sync_version WHERE record_uuid NOT IN (SELECT uuid FROM gis_location UNION SELECT uuid FROM "
              "org_organisation UNION SELECT uuid FROM org_office)")


def filled(field: Field, count: int = 8, **task: Any) -> list[str]:
    field.link(field.a, field.b, "org_organisation", **task)
    found = [field.a.insert("org_organisation", name=f"{n}", year=n) for n in range(count)]
    field.run()
    return found


def test_equal_sites_are_equal(field: Field) -> None:
    filled(field)
    found = compared(field)
    assert found.equal and (found.tasks[0].here, found.tasks[0].there, found.tasks[0].same) == (8, 8, 8)


def test_each_kind_of_difference_with_its_fields_and_direction(field: Field) -> None:
    u = filled(field)
    field.a.update("org_organisation", u[0], name="edited here", year=77)
    field.b.update("org_organisation", u[1], name="edited there")
    field.a.delete("org_organisation", u[2])
    field.b.delete("org_organisation", u[3])
    here = field.a.insert("org_organisation", name="new here")
    there = field.b.insert("org_organisation", name="new there")
    for site in (field.a, field.b):
        site.update("org_organisation", u[4], comments=f"both {site.name}")
        site.update("org_organisation", u[5], comments="both alike")
    found = compared(field)
    assert told(found) == {
        u[0]: ("different", ("name", "year"), "push"), u[1]: ("different", ("name",), "pull"), u[2]: ("deleted here", (), "push"),
        u[3]: ("deleted there", (), "pull"), here: ("missing there", (), "push"), there: ("missing here", (), "pull"),
        u[4]: ("different", ("comments",), "both")}
    assert found.tasks[0].counts == {"different": 3, "deleted here": 1, "deleted there": 1, "missing there": 1, "missing here": 1}
    assert found.tasks[0].same == 3 and not found.equal


def test_what_no_run_would_ever_move_is_repaired(field: Field) -> None:
    """Rows lost or changed behind everybody's back, with an index that says all is well."""
    u = filled(field)
    silently(field.a, "DELETE FROM org_organisation WHERE uuid = ?", u[0])
    silently(field.b, "DELETE FROM org_organisation WHERE uuid = ?", u[1])
    silently(field.b, "UPDATE org_organisation SET name = 'spoilt' WHERE uuid = ?", u[2])
    for _ in range(2):
        field.run()
    assert len(list(same(field.a, field.b))) == 3
    assert repaired(field)
    field.run()
    assert list(same(field.a, field.b)) == [] and compared(field).equal
    field.run()
    assert moved(field.a) == {}


def test_only_what_differs_is_moved(field: Field) -> None:
    u = filled(field)
    silently(field.b, "DELETE FROM org_organisation WHERE uuid IN (?, ?)", u[1], u[2])
    assert repaired(field) == {"created": 2}


@pytest.mark.parametrize("mode, kept", [(1, "push"), (2, "pull")])
def test_a_direction_the_task_does_not_have_is_said(field: Field, mode: int, kept: str) -> None:
    field.link(field.a, field.b, "org_organisation", mode=mode)
    field.a.insert("org_organisation", name="here")
    field.b.insert("org_organisation", name="there")
    found = compared(field)
    assert sorted(d.direction for d in found.tasks[0].differences) == sorted(["", "pull" if mode == 1 else "push"])
    assert [d.reason for d in found.tasks[0].differences if not d.direction] == [f"the task does not {kept}"]


def test_the_list_is_limited_the_counts_are_not(field: Field) -> None:
    field.link(field.a, field.b, "org_organisation")
    for number in range(9):
        field.b.insert("org_organisation", name=f"{number}")
    result = compared(field, limit=4).tasks[0]
    assert (len(result.differences), result.complete, result.counts) == (4, False, {"missing here": 9})


def test_components_and_filters_count(field: Field) -> None:
    field.link(field.a, field.b, "org_organisation")
    field.a.db.sync_resource_filter.insert(task_id=1, tablename="org_organisation", filter_string="~.year__lt=5")
    field.a.db.commit()
    in_filter = field.b.insert("org_organisation", name="in", year=1)
    out = field.b.insert("org_organisation", name="out", year=9)
    for parent in (in_filter, out):
        field.b.insert("org_office", name=f"of {parent}", organisation_id=field.b.id_of("org_organisation", parent))
    found = compared(field)
    assert {(d.table, d.kind) for d in found.tasks[0].differences} == {("org_organisation", "missing here"),
                                                                      ("org_office", "missing here")}
    assert found.tasks[0].counts == {"missing here": 2} and in_filter in told(found)
    field.run()
    assert compared(field).equal
    field.b.update("org_organisation", in_filter, year=8)          # it leaves the filter there
    assert told(compared(field))[in_filter][:2] == ("different", ("year",))


def test_pages_and_batches(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s3sync.engine.compare.PAGE", 3)
    u = filled(field, 100)
    for uuid in u[:90:2]:
        field.b.update("org_organisation", uuid, name="other")
    silently(field.b, "DELETE FROM org_organisation WHERE year >= 95")
    found = compared(field)
    assert found.tasks[0].counts == {"different": 45, "missing there": 5} and found.tasks[0].same == 50


def test_with_a_plain_eden(field: Field) -> None:
    eden = field.site("eden")
    field.link(field.a, eden, "org_organisation")
    u = [field.a.insert("org_organisation", name=f"{n}", year=n) for n in range(6)]
    for _ in range(3):
        field.run(field.a, eden, plain=True)
    assert compared(field, other=eden, plain=True).equal
    sql(eden, "DELETE FROM org_organisation WHERE uuid = ?", u[0])                    # Eden was put back to a backup, say
    silently(field.a, "DELETE FROM org_organisation WHERE uuid = ?", u[1])
    sql(field.a, "DELETE FROM sync_agreed WHERE record_uuid = ?", u[1])
    field.a.update("org_organisation", u[2], name="edited here")
    eden.update("org_organisation", u[3], name="edited there")
    kinds = told(compared(field, other=eden, plain=True))
    assert kinds == {u[0]: ("missing there", (), "push"), u[1]: ("missing here", (), "pull"),
                     u[2]: ("different", ("name",), "push"), u[3]: ("different", ("name",), "pull")}
    repaired(field, other=eden, plain=True)
    field.run(field.a, eden, plain=True)
    assert compared(field, other=eden, plain=True).equal
    assert [eden.get("org_organisation", uuid).name for uuid in u[:4]] == ["0", "1", "edited here", "edited there"]
