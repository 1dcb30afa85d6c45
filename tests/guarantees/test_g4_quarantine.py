"""G4: one bad record stops nobody; it is kept, shown, and tried again."""
from __future__ import annotations

import pytest
from practice import Field, quarantined, sql

BAD = "UPDATE org_organisation SET acronym = 'longer than eight' WHERE uuid = ?"


def widen(field: Field) -> None:
    """The column at `b` takes more from now on."""
    column = field.b.db.org_organisation.acronym
    column.length, column.requires = 64, None


def spoilt(field: Field, mode: int) -> tuple[str, str]:
    """A bad record and a good one at `a`, and a run that brings them to `b`."""
    me, other = (field.b, field.a) if mode == 1 else (field.a, field.b)
    field.link(me, other, "org_organisation", mode=mode)
    bad = field.a.insert("org_organisation", name="bad")
    sql(field.a, BAD, bad)
    good = field.a.insert("org_organisation", name="good")
    assert field.run(me, other) == "warning"
    return bad, good


@pytest.mark.parametrize("mode", [1, 2])
def test_the_others_go_on_and_the_bad_one_is_kept_with_its_reason(field: Field, mode: int) -> None:
    bad, good = spoilt(field, mode)
    assert field.b.get("org_organisation", good) and field.b.get("org_organisation", bad) is None
    entry, = quarantined(field.b if mode == 1 else field.a)
    assert (entry.record_uuid, entry.status, entry.attempts) == (bad, "open", 1)
    assert "longer than 8" in entry.error and "longer than eight" in entry.xml and entry.next_on


@pytest.mark.parametrize("mode", [1, 2])
def test_it_is_tried_again_when_its_time_has_come_and_not_before(field: Field, mode: int) -> None:
    bad, _ = spoilt(field, mode)
    me, other = (field.b, field.a) if mode == 1 else (field.a, field.b)
    field.run(me, other)
    assert quarantined(me)[0].attempts == 1
    field.later()
    field.run(me, other)
    assert quarantined(me)[0].attempts == 2
    widen(field)
    field.later()
    assert field.run(me, other) == "success"
    assert quarantined(me) == [] and field.b.get("org_organisation", bad).acronym == "longer than eight"


@pytest.mark.parametrize("mode", [1, 2])
def test_a_new_version_gets_through_at_once(field: Field, mode: int) -> None:
    bad, _ = spoilt(field, mode)
    me, other = (field.b, field.a) if mode == 1 else (field.a, field.b)
    field.a.update("org_organisation", bad, acronym="good")
    assert field.run(me, other) == "success"
    assert quarantined(me) == [] and field.b.get("org_organisation", bad).acronym == "good"


def test_an_old_version_that_is_tried_again_does_not_undo_a_newer_one(field: Field) -> None:
    bad, _ = spoilt(field, 1)
    field.a.update("org_organisation", bad, acronym="good")
    entry = quarantined(field.b)[0].as_dict()
    field.run(field.b, field.a)
    widen(field)
    entry.pop("id")
    field.b.db.sync_quarantine.insert(**entry)
    field.b.db.commit()
    field.later()
    field.run(field.b, field.a)
    assert field.b.get("org_organisation", bad).acronym == "good" and quarantined(field.b) == []


def test_a_record_that_a_plain_eden_pushed_is_kept_here(field: Field) -> None:
    """It will not send it again."""
    from plain_eden import ActiveEden
    eden = field.site("eden")
    field.link(field.a, eden, mode=4)
    bad = eden.insert("org_organisation", name="bad")
    sql(eden, BAD, bad)
    ActiveEden(eden).push(field.a, ["org_organisation"])
    entry, = quarantined(field.a)
    assert entry.record_uuid == bad and "longer than eight" in entry.xml


def test_an_edit_of_a_plain_eden_that_is_refused_here_is_not_overwritten_there(field: Field) -> None:
    eden = field.site("eden")
    field.link(field.a, eden, "org_organisation")
    uuid = field.a.insert("org_organisation", name="one")
    for _ in range(2):
        field.run(field.a, eden, plain=True)
    eden.update("org_organisation", uuid, name="two", acronym="short")
    sql(eden, BAD, uuid)
    for _ in range(2):
        assert field.run(field.a, eden, plain=True) == "warning"
        assert eden.get("org_organisation", uuid).name == "two"
    entry, = quarantined(field.a)
    assert "two" in entry.xml
    eden.update("org_organisation", uuid, acronym="good")
    assert field.run(field.a, eden, plain=True) == "success"
    assert field.a.get("org_organisation", uuid).name == "two" and quarantined(field.a) == []
