"""A dry run says what a run would then do, and writes nothing: not here, not at the peer, not by the application's own code."""
from __future__ import annotations

from typing import Any, Callable

import pytest
from clocked_site import ClockedSite
from faults import TroubledEden, TroubledPeer, Wire
from practice import Field, sql

from s3sync.engine.plan import Plan, plan
from s3sync.engine.repository import load
from s3sync.hosts.web2py import declare

COUNTS = ("records", "created", "updated", "deleted", "merged", "unchanged", "kept", "rejected", "conflicts")


def dump(*sites: ClockedSite) -> list[str]:
    """Everything in the databases."""
    return ["\n".join(f"{name} {row}" for name in sorted(site.db.tables)
                      for row in site.sql(f'SELECT * FROM "{name}" ORDER BY "{site.db[name]._id.name}"')) for site in sites]


def planned(field: Field, me: ClockedSite | None = None, other: ClockedSite | None = None, plain: bool = False,
            **more: Any) -> Plan:
    """A dry run between two sites, which must leave no trace at either."""
    me, other = me or field.a, other or field.b
    before = dump(me, other)
    peer: Any = TroubledEden(me, other, wire=Wire()) if plain else TroubledPeer(me, other, wire=Wire(), old=[])
    found = plan(me.open(), peer, load(me.db, field.links[me.name, other.name]), **more)
    for site in (me, other):
        site.db.commit()                         # as web2py does at the end of a request
    assert dump(me, other) == before
    assert [step.error for step in found.steps] == [""] * len(found.steps)
    return found


def counted(found: Plan) -> dict[tuple[str, str], dict[str, int]]:
    return {(s.resource, s.direction): {n: getattr(s.counts, n) for n in COUNTS if getattr(s.counts, n)} for s in found.steps}


def done(site: ClockedSite) -> dict[tuple[str, str], dict[str, int]]:
    return {key: {n: step[n] for n in COUNTS if step[n]} for key, step in site.steps().items()}


def both(field: Field, **more: Any) -> dict[tuple[str, str], dict[str, int]]:
    """Plan, then run: the same."""
    foretold = counted(planned(field, **more))
    field.run(**more)
    assert done(field.a) == foretold
    return foretold


def everything(field: Field) -> None:
    """Records of all kinds at both sites, then changes of all kinds."""
    a, b = field.a, field.b
    for site in (a, b):
        for number in range(4):
            place = site.insert("gis_location", name=f"{site.name} place {number}")
            organisation = site.insert("org_organisation", name=f"{site.name} {number}", year=number)
            site.insert("org_office", name=f"{site.name} office {number}", location_id=site.id_of("gis_location", place),
                        organisation_id=site.id_of("org_organisation", organisation))


def changes(field: Field) -> None:
    a, b = field.a, field.b
    names = sorted(a.records("org_organisation"), key=lambda uuid: a.records("org_organisation")[uuid]["name"])
    a.update("org_organisation", names[0], name="edited here")
    b.update("org_organisation", names[1], name="edited there")
    a.update("org_organisation", names[2], name="both, here")
    b.update("org_organisation", names[2], name="both, there")
    b.update("org_organisation", names[3], name="both, there")
    a.update("org_organisation", names[3], name="both, here")
    b.delete("org_office", next(u for u, r in b.records("org_office").items() if r["organisation_id"] == names[4]))
    a.delete("org_office", next(u for u, r in a.records("org_office").items() if r["organisation_id"] == names[5]))
    a.insert("org_organisation", name="new here")
    b.insert("org_organisation", name="new there")
    for site in (a, b):
        bad = site.insert("org_organisation", name=f"bad {site.name}")
        sql(site, "UPDATE org_organisation SET acronym = 'longer than eight' WHERE uuid = ?", bad)


@pytest.mark.parametrize("policy", ["NEWER", "OTHER", "THIS", "MASTER", "ASK"])
@pytest.mark.parametrize("size", [2, 50])
def test_what_the_plan_says_is_what_the_run_does(field: Field, policy: str, size: int) -> None:
    for site in (field.a, field.b):
        object.__setattr__(site.settings, "batch_size", size)
    field.link(field.a, field.b, conflict_policy=policy)
    everything(field)
    first = both(field)
    assert first["org_organisation", "pull"]["created"] >= 8 and first["org_organisation", "push"]["created"] >= 8
    field.run()
    both(field)                                  # nothing to do
    changes(field)
    foretold = both(field)
    assert foretold["org_organisation", "pull"]["conflicts"] == 2 and foretold["org_organisation", "pull"]["rejected"] == 1
    assert foretold["org_organisation", "push"]["rejected"] == 1


@pytest.mark.parametrize("strategy, update", [(["create"], "NEWER"), (["update", "delete"], "NEWER"), (None, "THIS")])
def test_what_strategy_and_policy_forbid_is_foretold(field: Field, strategy: list[str] | None, update: str) -> None:
    field.link(field.a, field.b)
    everything(field)
    field.run()
    values: dict[str, Any] = {"update_policy": update, **({"strategy": strategy} if strategy else {})}
    field.a.db(field.a.db.sync_task.id > 0).update(**values)
    field.a.db.commit()
    changes(field)
    assert both(field)["org_organisation", "pull"]["kept"]


def test_records_are_told_with_what_would_change_in_them(field: Field) -> None:
    field.link(field.a, field.b, "org_organisation", mode=1)
    uuid = field.b.insert("org_organisation", name="before", year=1)
    field.run()
    field.b.update("org_organisation", uuid, name="after")
    record, = planned(field).steps[0].records
    assert (record.uuid, record.label, record.result) == (uuid, "before", "updated")
    assert record.changes == [("name", "before", "after")]
    field.a.db(field.a.db.sync_task.id > 0).update(mode=2)
    field.a.db.commit()
    field.a.update("org_organisation", uuid, name="mine", year=2)
    record, = planned(field).steps[0].records
    assert record.result == "updated" and record.conflict
    assert [tuple(change) for change in record.changes] == [("name", "after", "mine"), ("year", "1", "2")]


def test_the_list_is_limited_and_says_so(field: Field) -> None:
    field.link(field.a, field.b, "gis_location")
    for number in range(9):
        field.b.insert("gis_location", name=f"{number}")
    step = planned(field, limit=4).steps[0]
    assert (len(step.records), step.complete, step.counts.created) == (4, False, 9)
    assert planned(field, limit=9).steps[0].complete


def test_one_task_alone(field: Field) -> None:
    field.link(field.a, field.b)
    assert {step.resource for step in planned(field, task_id=2).steps} == {"org_organisation"}


@pytest.mark.parametrize("mode", [1, 2])
def test_references_of_every_order(field: Field, mode: int) -> None:
    """Children before their parents, circles, a mandatory parent that no task brings, one that is nowhere."""
    object.__setattr__(field.a.settings, "batch_size", 2)
    field.link(field.a, field.b, "org_office", "gis_location", mode=mode)
    source = field.b if mode == 1 else field.a
    places = [source.insert("gis_location", name=f"{n}") for n in range(6)]
    for child, parent in zip(places, [*places[1:], places[0]]):
        source.update("gis_location", child, parent=source.id_of("gis_location", parent))
    organisation = source.insert("org_organisation", name="O")
    for place in places:
        source.insert("org_office", name="office", organisation_id=source.id_of("org_organisation", organisation),
                      location_id=source.id_of("gis_location", place))
    foretold = counted(planned(field))
    field.run()
    for key, counts in done(field.a).items():    # the order in which records get in decides in which step they are counted
        assert foretold[key].get("rejected", 0) == counts.get("rejected", 0) == 0
    created = sum(counts.get("created", 0) for counts in done(field.a).values())
    assert created == 13 and foretold["org_office", "pull" if mode == 1 else "push"]["created"] == 13


def test_a_required_parent_that_nobody_has_is_foretold(field: Field) -> None:
    field.link(field.a, field.b, "org_office", mode=1)
    organisation = field.b.insert("org_organisation", name="O")
    field.b.insert("org_office", name="office", organisation_id=field.b.id_of("org_organisation", organisation))
    field.b.forget_foreign_keys()
    sql(field.b, "UPDATE org_office SET organisation_id = 77")
    assert sql(field.b, "SELECT COUNT(*) FROM org_office") == [(1,)]
    found = both(field)
    assert found["org_office", "pull"] == {"records": 1, "rejected": 1}


HOOKS: dict[str, Callable[[Any, list[str]], Callable[..., Any]]] = {
    "onvalidation": lambda db, seen: lambda form: (seen.append("asked"), db.gis_location.insert(name="trace"), db.commit()),
    "onaccept": lambda db, seen: lambda form: seen.append("accepted"),
    "ondelete": lambda db, seen: lambda row: seen.append("deleted"),
    "onconflict": lambda db, seen: lambda item, repository, resource: (db.gis_location.insert(name="trace"), db.commit()),
    "deduplicate": lambda db, seen: lambda item: (db.gis_location.insert(name="trace"), db.commit()),
}


def test_code_of_the_application_leaves_no_trace(field: Field) -> None:
    """Even if it commits; and what comes after a write is not called at all."""
    field.link(field.a, field.b, "org_organisation")
    everything(field)
    field.run()
    field.a.db(field.a.db.sync_repository.id > 0).update(synchronise_uuids=True)
    field.a.db.commit()
    changes(field)
    seen: list[str] = []
    for site in (field.a, field.b):
        declare(site.db, "org_organisation", components=[dict(alias="office", table="org_office", fkey="organisation_id")],
                **{name: make(site.db, seen) for name, make in HOOKS.items()})
    planned(field)
    assert set(seen) == {"asked"}


def test_what_the_application_refuses_is_foretold(field: Field) -> None:
    def refuse(form: Any) -> None:
        if "new" in form.vars.name:
            form.errors.name = "not here"
    field.link(field.a, field.b, "org_organisation")
    for site in (field.a, field.b):
        declare(site.db, "org_organisation", onvalidation=refuse,
                components=[dict(alias="office", table="org_office", fkey="organisation_id")])
    everything(field)
    field.run()
    changes(field)
    assert both(field)["org_organisation", "push"]["rejected"] == 2


def test_with_a_plain_eden(field: Field) -> None:
    eden = field.site("eden")
    field.link(field.a, eden, "gis_location", "org_organisation")
    for site in (field.a, eden):
        for number in range(5):
            site.insert("org_organisation", name=f"{site.name} {number}")

    def agree() -> dict[tuple[str, str], dict[str, int]]:
        foretold = counted(planned(field, other=eden, plain=True))
        field.run(field.a, eden, plain=True)
        made = done(field.a)
        assert {key: {n: v for n, v in counts.items() if n != "unchanged"} for key, counts in made.items()} == {
            key: {n: v for n, v in counts.items() if n != "unchanged"} for key, counts in foretold.items()}
        return foretold

    assert agree()["org_organisation", "push"]["created"] == 5
    field.run(field.a, eden, plain=True)
    agree()
    mine, theirs, other, *_ = sorted(field.a.records("org_organisation"))
    field.clock.advance(60)
    field.a.update("org_organisation", mine, name="here")
    eden.update("org_organisation", theirs, name="there")
    field.a.delete("org_organisation", other)
    found = agree()
    assert found["org_organisation", "pull"]["updated"] == 1 and found["org_organisation", "push"] == {
        "records": 2, "updated": 1, "deleted": 1}
