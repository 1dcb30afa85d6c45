"""G1: every change a task covers arrives, whatever the clocks say."""
from __future__ import annotations

import pytest
from faults import TroubledPeer, Wire
from local_sites import same
from plain_eden import ActiveEden
from practice import Field, moved, set_clock, sql


def test_two_writes_in_the_same_second_both_arrive(field: Field) -> None:
    field.link(field.b, field.a, mode=1)
    first = field.a.insert("gis_location", name="first")
    field.run(field.b, field.a)
    stamp = field.a.get("gis_location", first).modified_on
    second = field.a.insert("gis_location", name="second", modified_on=stamp)
    field.a.update("gis_location", first, name="again", modified_on=stamp)
    assert field.run(field.b, field.a) == "success"
    assert field.b.get("gis_location", second) and field.b.get("gis_location", first).name == "again"


@pytest.mark.parametrize("late", [30, 3600])
def test_a_transaction_committed_late_arrives(field: Field, late: int) -> None:
    """Within the overlap at once, beyond it with the next sweep."""
    field.link(field.b, field.a, mode=1)
    began = field.a.now()
    field.a.insert("gis_location", name="meanwhile")
    field.clock.advance(late)
    field.a.insert("gis_location", name="last")
    field.run(field.b, field.a)
    long_one = field.a.insert("gis_location", name="of a long transaction", modified_on=began, created_on=began)
    field.run(field.b, field.a)
    if late > 600:
        assert field.b.get("gis_location", long_one) is None
        field.later()
        field.run(field.b, field.a)
    assert field.b.get("gis_location", long_one)


@pytest.mark.parametrize("skew", [-7200, 7200])
@pytest.mark.parametrize("whose", ["a", "b"])
def test_edits_under_a_wrong_clock_arrive_and_are_not_undone(field: Field, skew: int, whose: str) -> None:
    field.link(field.a, field.b)
    uuid = field.a.insert("gis_location", name="one")
    field.run()
    set_clock(getattr(field, whose), skew)
    field.b.update("gis_location", uuid, name="two")
    field.run()
    assert field.a.get("gis_location", uuid).name == "two"
    field.a.update("gis_location", uuid, name="three")
    field.run()
    assert field.b.get("gis_location", uuid).name == "three"
    assert "conflicts" not in moved(field.a)


def test_edits_arrive_after_the_clock_was_ahead_and_set_back(field: Field) -> None:
    field.link(field.b, field.a, mode=1)
    uuid = field.a.insert("gis_location", name="one")
    set_clock(field.a, 30 * 86400)
    field.a.insert("gis_location", name="from the future")
    field.run(field.b, field.a)
    set_clock(field.a, 0)
    field.a.update("gis_location", uuid, name="two")
    field.run(field.b, field.a)
    assert field.b.get("gis_location", uuid).name == "two"


def test_a_clock_that_was_a_year_ahead_does_not_put_off_the_next_sweep_by_a_year(field: Field) -> None:
    field.link(field.b, field.a, mode=1)
    uuid = field.a.insert("gis_location", name="one")
    set_clock(field.a, 365 * 86400)
    field.run(field.b, field.a)
    set_clock(field.a, 0)
    sql(field.a, "UPDATE gis_location SET name = 'two', modified_on = '2020-01-01 00:00:00' WHERE uuid = ?", uuid)
    field.run(field.b, field.a)
    assert field.b.get("gis_location", uuid).name == "two"


def test_records_from_a_third_site_travel_on(field: Field) -> None:
    """C pulled from B before B got A's old record."""
    c = field.site("c")
    field.link(field.b, field.a, mode=1)
    field.link(c, field.b, mode=1)
    old = field.a.insert("gis_location", name="old", modified_on=field.clock.time.replace(year=2020))
    field.b.insert("gis_location", name="young")
    field.run(c, field.b)
    field.run(field.b, field.a)
    field.run(c, field.b)
    assert c.get("gis_location", old).name == "old"


def test_an_edit_of_a_component_alone_arrives(field: Field) -> None:
    field.link(field.a, field.b, "org_organisation", mode=2)
    organisation = field.a.insert("org_organisation", name="O")
    office = field.a.insert("org_office", name="one", organisation_id=field.a.id_of("org_organisation", organisation))
    field.run()
    field.a.update("org_office", office, name="two")
    field.run()
    assert field.b.get("org_office", office).name == "two"


def test_a_cleared_field_arrives(field: Field) -> None:
    field.link(field.a, field.b)
    organisation = field.a.insert("org_organisation", name="O", year=1971, comments="x", tags=["a"])
    field.run()
    field.a.update("org_organisation", organisation, year=None, comments=None, tags=None)
    field.run()
    row = field.b.get("org_organisation", organisation)
    assert (row.year, row.comments, row.tags or None) == (None, None, None)


@pytest.mark.parametrize("for_good", [False, True])
def test_a_deletion_arrives(field: Field, for_good: bool) -> None:
    field.link(field.a, field.b)
    uuid = field.a.insert("gis_location", name="one")
    field.run()
    if for_good:
        sql(field.a, "DELETE FROM gis_location WHERE uuid = ?", uuid)
        field.later()
    else:
        field.a.delete("gis_location", uuid)
    field.run()
    assert field.b.get("gis_location", uuid).deleted


def test_a_row_deleted_for_good_does_not_come_back_before_a_sweep_has_noticed(field: Field) -> None:
    field.link(field.a, field.b, mode=2)
    field.link(field.b, field.a, mode=2)
    uuid = field.a.insert("gis_location", name="one")
    field.run()
    sql(field.b, "DELETE FROM gis_location WHERE uuid = ?", uuid)
    _, _, params, body = field.old[0]
    TroubledPeer(field.a, field.b, wire=Wire(), old=[]).deliver("POST", params, body)
    assert field.b.get("gis_location", uuid) is None
    field.run(field.b, field.a)
    assert field.a.get("gis_location", uuid).deleted


def test_a_row_changed_by_sql_arrives_with_the_next_deep_sweep(field: Field) -> None:
    field.link(field.b, field.a, mode=1)
    uuid = field.a.insert("gis_location", name="one")
    field.run(field.b, field.a)
    field.clock.advance(3600)
    field.run(field.b, field.a)
    sql(field.a, "UPDATE gis_location SET name = 'two' WHERE uuid = ?", uuid)
    field.later(8)
    field.run(field.b, field.a)
    assert field.b.get("gis_location", uuid).name == "two"


def filtered(site: object, number: int, table: str, text: str) -> int:
    """Give the first task of a repository a filter; returns its id."""
    db = site.db  # type: ignore[attr-defined]
    task = db(db.sync_task.repository_id == number).select().first()
    found = int(db.sync_resource_filter.insert(task_id=task.id, tablename=table, filter_string=text))
    db.commit()
    return found


def test_a_filter_that_is_widened_fetches_older_records(field: Field) -> None:
    number = field.link(field.b, field.a, "gis_location", mode=1)
    wanted = filtered(field.b, number, "gis_location", "location.level=L0")
    country = field.a.insert("gis_location", name="country", level="L0")
    city = field.a.insert("gis_location", name="city", level="L3")
    field.run(field.b, field.a)
    assert field.b.get("gis_location", country) and field.b.get("gis_location", city) is None
    sql(field.b, "DELETE FROM sync_resource_filter WHERE id = ?", wanted)
    field.run(field.b, field.a)
    assert field.b.get("gis_location", city)


@pytest.mark.parametrize("mode", [1, 2])
def test_a_record_that_comes_into_the_filter_brings_its_components(field: Field, mode: int) -> None:
    """They did not change themselves."""
    me, other = (field.b, field.a) if mode == 1 else (field.a, field.b)
    number = field.link(me, other, "org_organisation", mode=mode)
    filtered(me, number, "org_organisation", "organisation.year=2000")
    organisation = field.a.insert("org_organisation", name="O", year=1999)
    office = field.a.insert("org_office", name="F", organisation_id=field.a.id_of("org_organisation", organisation))
    field.a.insert("org_organisation", name="P", year=2000)
    field.run(me, other)
    assert field.b.get("org_organisation", organisation) is None
    field.a.update("org_organisation", organisation, year=2000)
    field.run(me, other)
    assert field.b.get("org_organisation", organisation) and field.b.get("org_office", office)


def test_an_index_that_was_lost_loses_nothing(field: Field) -> None:
    field.link(field.a, field.b)
    first = field.a.insert("gis_location", name="one")
    field.run()
    for table in ("sync_version", "sync_clock"):
        sql(field.a, f"DELETE FROM {table}")
    field.a.update("gis_location", first, name="two")
    second = field.b.insert("gis_location", name="three")
    field.run()
    field.run()
    assert field.a.get("gis_location", second) and field.b.get("gis_location", first).name == "two"
    assert list(same(field.a, field.b)) == []


def test_a_plain_eden_that_pulls_gets_what_came_from_a_third_site(field: Field) -> None:
    """It only says a time; the record that came in later is older than that. One answer is lost."""
    eden = field.site("eden")
    field.link(field.b, field.a, mode=1)
    field.link(field.b, eden, mode=4)
    active = ActiveEden(eden)
    field.b.insert("gis_location", name="young")
    active.pull(field.b, ["gis_location"])
    old = field.a.insert("gis_location", name="old", modified_on=field.clock.time.replace(year=2020))
    field.run(field.b, field.a)
    active.pull(field.b, ["gis_location"], arrives=False)
    assert eden.get("gis_location", old) is None
    active.pull(field.b, ["gis_location"])
    assert eden.get("gis_location", old)


def test_a_plain_eden_gets_our_edit_though_its_clock_is_ahead(field: Field) -> None:
    eden = field.site("eden", skew=7200)
    field.link(field.a, eden)
    uuid = eden.insert("gis_location", name="one")
    field.run(field.a, eden, plain=True)
    field.a.update("gis_location", uuid, name="two")
    field.run(field.a, eden, plain=True)
    assert eden.get("gis_location", uuid).name == "two"


def test_what_a_plain_eden_has_is_not_sent_along_unread(field: Field) -> None:
    """A location was edited there under its old date; here an office is opened that refers to it."""
    eden = field.site("eden")
    field.link(field.a, eden)
    place = field.a.insert("gis_location", name="one")
    organisation = field.a.insert("org_organisation", name="O")
    for _ in range(2):
        field.run(field.a, eden, plain=True)
    field.clock.advance(3600)
    eden.insert("gis_location", name="younger")
    field.run(field.a, eden, plain=True)
    sql(eden, "UPDATE gis_location SET name = 'two' WHERE uuid = ?", place)
    new = field.a.insert("gis_location", name="new")
    for location in (place, new):
        field.a.insert("org_office", name="F", organisation_id=field.a.id_of("org_organisation", organisation),
                       location_id=field.a.id_of("gis_location", location))
    field.run(field.a, eden, plain=True)
    assert eden.get("gis_location", place).name == "two" and eden.get("gis_location", new)
    field.later()
    field.run(field.a, eden, plain=True)
    assert field.a.get("gis_location", place).name == "two"


def test_a_component_edited_alone_at_a_plain_eden_arrives_with_the_next_sweep(field: Field) -> None:
    eden = field.site("eden")
    field.link(field.a, eden)
    organisation = eden.insert("org_organisation", name="O")
    office = eden.insert("org_office", name="one", organisation_id=eden.id_of("org_organisation", organisation))
    field.run(field.a, eden, plain=True)
    field.clock.advance(3600)
    field.run(field.a, eden, plain=True)
    eden.update("org_office", office, name="two")
    field.later()
    field.run(field.a, eden, plain=True)
    assert field.a.get("org_office", office).name == "two"
