"""G1 with filters that look at other tables: what comes into one without having been edited itself arrives all the same."""
from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from clocked_site import ClockedSite
from faults import TroubledPeer, Wire
from local_sites import register
from practice import Field, moved, sql

from s3sync.engine.repository import by_uuid
from s3sync.engine.run import Runner
from s3sync.index.moment import utcnow
from s3sync.server import pull
from s3sync.server.request import Request


class Filtered:
    """Site `sender` lets site `receiver` have what passes a filter; b pulls it (mode 1), or a pushes it (2)."""

    def __init__(self, field: Field, mode: int, resource: str, text: str, table: str = "") -> None:
        self.field = field
        self.sender, self.receiver = field.a, field.b
        self.me, self.other = (field.b, field.a) if mode == 1 else (field.a, field.b)
        number = field.link(self.me, self.other, resource, mode=mode)
        db = self.me.db
        task = db(db.sync_task.repository_id == number).select().first()
        db.sync_resource_filter.insert(task_id=task.id, tablename=table or resource, filter_string=text)
        db.commit()

    def run(self) -> dict[str, int]:
        assert self.field.run(self.me, self.other) == "success"
        return moved(self.me)

    def organisation(self, **values: Any) -> str:
        return self.sender.insert("org_organisation", name="O", **values)

    def office(self, organisation: str, **values: Any) -> str:
        return self.sender.insert("org_office", organisation_id=self.sender.id_of("org_organisation", organisation), **values)

    def has(self, uuid: str, table: str = "org_office") -> bool:
        return self.receiver.get(table, uuid) is not None


MODES = pytest.mark.parametrize("mode", [1, 2], ids=["pull", "push"])
YEAR = "~.organisation_id$year=2000"


@MODES
def test_by_a_column_of_the_record_it_refers_to(field: Field, mode: int) -> None:
    f = Filtered(field, mode, "org_office", YEAR)
    organisation = f.organisation(year=1990)
    office, other = f.office(organisation, name="F"), f.office(f.organisation(year=1990), name="G")
    f.run()
    assert not f.has(office)
    f.sender.update("org_organisation", organisation, year=2000)
    f.run()
    assert f.has(office) and not f.has(other)
    assert f.run() == {}


@MODES
def test_over_several_tables_and_the_same_one_twice(field: Field, mode: int) -> None:
    f = Filtered(field, mode, "org_office", "~.location_id$parent$parent$level=L0")
    ids: list[int | None] = [None]
    for _ in range(3):
        ids.append(f.sender.id_of("gis_location", f.sender.insert("gis_location", name="L", parent=ids[-1])))
    office = f.office(f.organisation(), name="F", location_id=ids[-1])
    f.run()
    assert not f.has(office)
    top = f.sender.db.gis_location[ids[1]].uuid
    f.sender.update("gis_location", top, level="L0")
    f.run()
    assert f.has(office)
    away = f.sender.insert("gis_location", name="M", level="L5")       # and the one between is led elsewhere and back
    second = f.office(f.organisation(), name="G", location_id=ids[-1])
    middle = f.sender.db.gis_location[ids[2]].uuid
    f.sender.update("gis_location", middle, parent=f.sender.id_of("gis_location", away))
    f.run()
    assert not f.has(second)
    f.sender.update("gis_location", middle, parent=ids[1])
    f.run()
    assert f.has(second)


@MODES
def test_by_a_component(field: Field, mode: int) -> None:
    f = Filtered(field, mode, "org_organisation", "office.name=Main")
    organisation = f.organisation()
    office = f.office(organisation, name="Side")
    f.run()
    assert not f.has(organisation, "org_organisation")
    f.sender.update("org_office", office, name="Main")
    f.run()
    assert f.has(organisation, "org_organisation") and f.has(office)


@MODES
def test_a_component_by_what_it_refers_to(field: Field, mode: int) -> None:
    f = Filtered(field, mode, "org_organisation", "~.location_id$level=L1", "org_office")
    place = f.sender.insert("gis_location", name="L", level="L0")
    office = f.office(f.organisation(), name="F", location_id=f.sender.id_of("gis_location", place))
    f.run()
    assert not f.has(office)
    f.sender.update("gis_location", place, level="L1")
    f.run()
    assert f.has(office)


@MODES
def test_what_came_from_a_third_site(field: Field, mode: int) -> None:
    """Neither the record nor what decides about it was edited here."""
    f = Filtered(field, mode, "org_office", YEAR)
    c = field.site("c")
    field.link(c, f.sender, "org_organisation")
    organisation = c.insert("org_organisation", name="O", year=1990)
    office = c.insert("org_office", name="F", organisation_id=c.id_of("org_organisation", organisation))
    field.run(c, f.sender)
    f.run()
    assert f.sender.get("org_office", office) and not f.has(office)
    c.update("org_organisation", organisation, year=2000)
    field.run(c, f.sender)
    f.run()
    assert f.has(office)


@MODES
def test_what_led_to_it_and_is_not_there_any_more_is_found_within_a_week(field: Field, mode: int) -> None:
    f = Filtered(field, mode, "org_organisation", "office.id=NONE")
    organisation = f.organisation()
    f.office(organisation, name="F")
    f.run()
    assert not f.has(organisation, "org_organisation")
    sql(f.sender, "DELETE FROM org_office")
    field.later(8)
    f.run()
    assert f.has(organisation, "org_organisation")


@MODES
def test_with_a_record_come_only_components_that_pass_themselves(field: Field, mode: int) -> None:
    f = Filtered(field, mode, "org_organisation", "~.year=2000")
    db = f.me.db
    db.sync_resource_filter.insert(task_id=db(db.sync_task).select().first().id, tablename="org_office", filter_string="~.name=F")
    db.commit()
    organisation = f.organisation(year=1990)
    wanted, other = f.office(organisation, name="F"), f.office(organisation, name="G")
    f.run()
    f.sender.update("org_organisation", organisation, year=2000)
    f.run()
    assert f.has(organisation, "org_organisation") and f.has(wanted) and not f.has(other)
    assert f.run() == {}


@MODES
def test_what_comes_into_a_filter_with_time_is_found_within_a_week(field: Field, mode: int) -> None:
    """What NOW means is told by the computer's own clock."""
    f = Filtered(field, mode, "org_office", "~.opened_on__lt=NOW")
    for seconds in (5, 120):                              # the second time if a run takes longer here
        opening = utcnow() + timedelta(seconds=seconds)
        office = f.office(f.organisation(), name="F", opened_on=opening)
        f.run()
        if utcnow() <= opening:
            break
    assert not f.has(office)
    while utcnow() <= opening:
        time.sleep(.2)
    field.later(8)
    f.run()
    assert f.has(office)


@MODES
def test_what_leaves_the_filter_stays_and_is_not_updated(field: Field, mode: int) -> None:
    f = Filtered(field, mode, "org_office", YEAR)
    organisation = f.organisation(year=2000)
    office = f.office(organisation, name="F")
    f.run()
    f.sender.update("org_organisation", organisation, year=1990)
    f.run()
    f.sender.update("org_office", office, name="G")
    f.run()
    assert f.receiver.get("org_office", office).name == "F" and not f.receiver.get("org_office", office).deleted
    f.sender.update("org_organisation", organisation, year=2000)
    f.run()
    assert f.receiver.get("org_office", office).name == "G"


@MODES
def test_a_site_that_is_killed_meanwhile(field: Field, mode: int) -> None:
    f = Filtered(field, mode, "org_office", YEAR)
    f.sender.settings = f.sender.settings.__class__(batch_size=2, retry_longest=0)
    organisation = f.organisation(year=1990)
    offices = [f.office(organisation, name=f"F{n}") for n in range(7)]
    f.run()
    f.sender.update("org_organisation", organisation, year=2000)
    for number in range(1, 60, 5):
        f.sender.trouble.plan("kill", number)
        try:
            field.run(f.me, f.other)
        except f.me.db._adapter.driver.Error:
            f.me.restart()
        field.clock.advance(100)
    f.run()
    assert all(f.has(office) for office in offices)


def test_a_plain_eden_that_pulls(field: Field) -> None:
    """It asks for what is younger than what it has; it gets what has come into its filter all the same."""
    eden = field.site("eden")
    register(field.a, eden, [])
    organisation = field.a.insert("org_organisation", name="O", year=1990)
    office = field.a.insert("org_office", name="F", organisation_id=field.a.id_of("org_organisation", organisation))
    place = field.a.insert("gis_location", name="L")
    field.a.update("org_office", office, location_id=field.a.id_of("gis_location", place))
    filters = {"[~]~.organisation_id$year": "2000"}
    first = answered(field.a, eden, filters, None)
    assert office not in first
    field.clock.advance(3600)
    later = field.clock.time.isoformat()[:19]
    assert office not in answered(field.a, eden, filters, later)
    field.a.update("org_organisation", organisation, year=2000)
    field.clock.advance(60)
    assert office in answered(field.a, eden, filters, field.clock.time.isoformat()[:19])


def answered(site: ClockedSite, caller: ClockedSite, filters: dict[str, str], msince: str | None) -> str:
    params = {"resource": "org_office", "repository": caller.uuid, **filters, **({"msince": msince} if msince else {})}
    body = pull.answer(site.open(), Request("GET", params), by_uuid(site.db, caller.uuid)).body
    return (body if isinstance(body, bytes) else body.read()).decode()


def statements(f: Filtered) -> int:
    """Of a push without news."""
    site = f.me.open()
    before = site.db.statements
    peer = TroubledPeer(f.me, f.other, wire=Wire(), old=[])
    Runner(site, lambda repository, site: lambda: peer).synchronize(f.field.links[f.me.name, f.other.name])
    return site.db.statements - before


def test_the_cost(field: Field) -> None:
    """Without news a few statements for each other table, whatever its size; otherwise what is connected, and nothing else."""
    f = Filtered(field, 2, "org_office", YEAR)
    organisations = [f.organisation(year=2000) for _ in range(20)]
    for organisation in organisations:
        for _ in range(5):
            f.office(organisation, name="F")
    f.run()
    field.clock.advance(3600)
    f.run()
    few = statements(f)
    for organisation in [f.organisation(year=1990) for _ in range(100)]:
        f.office(organisation, name="G")
    f.run()
    field.clock.advance(3600)
    f.run()
    assert abs(statements(f) - few) <= 2
    db = f.sender.db
    last = db.sync_clock(tablename="org_office").seq
    f.sender.update("org_organisation", organisations[3], name="P")
    f.run()
    assert db.sync_clock(tablename="org_office").seq == last + 5          # its five offices, which passed already
    f.sender.update("org_organisation", f.organisation(year=1990), name="Q")
    f.run()
    assert db.sync_clock(tablename="org_office").seq == last + 5
