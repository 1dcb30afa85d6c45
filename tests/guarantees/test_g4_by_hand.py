"""G4: what a person can do with a rejected record."""
from __future__ import annotations

import pytest
from practice import Field, moved, quarantined
from test_g4_quarantine import spoilt, widen

from s3sync.engine import quarantine
from s3sync.errors import ConfigurationError


@pytest.mark.parametrize("mode", [1, 2])
def test_try_it_again_now(field: Field, mode: int) -> None:
    bad, _ = spoilt(field, mode)
    me, other = (field.b, field.a) if mode == 1 else (field.a, field.b)
    widen(field)
    assert quarantine.retry(me.open(), [quarantined(me)[0].id]) == 1
    assert field.run(me, other) == "success"
    assert field.b.get("org_organisation", bad) and quarantined(me) == []


def test_correct_it_and_try_again(field: Field) -> None:
    """The correction goes back to where the record came from."""
    bad, _ = spoilt(field, 1)
    site = field.b.open()
    quarantine.edit(site, quarantined(field.b)[0].id, {"acronym": "short"})
    field.b.db(field.b.db.sync_task.id > 0).update(mode=3)
    field.b.db.commit()
    assert field.run(field.b, field.a) == "success"
    assert [one.get("org_organisation", bad).acronym for one in (field.a, field.b)] == ["short", "short"]
    field.run(field.b, field.a)
    assert moved(field.b) == {} and quarantined(field.b) == []


def test_let_it_be(field: Field) -> None:
    bad, _ = spoilt(field, 1)
    quarantine.dismiss(field.b.open(), [quarantined(field.b)[0].id])
    field.later()
    assert field.run(field.b, field.a) == "success"
    assert quarantined(field.b)[0].status == "dismissed" and quarantine.counts(field.b.open(), 1) == 0
    field.a.update("org_organisation", bad, name="edited")
    assert field.run(field.b, field.a) == "warning" and quarantined(field.b)[0].status == "open"


def test_what_cannot_be_corrected_here_is_said(field: Field) -> None:
    spoilt(field, 2)
    number = quarantined(field.a)[0].id
    with pytest.raises(ConfigurationError, match="Correct the record itself"):
        quarantine.edit(field.a.open(), number, {"acronym": "x"})
    with pytest.raises(ConfigurationError):
        quarantine.edit(field.a.open(), 999, {})


def test_what_is_listed_tells_which_record_and_why(field: Field) -> None:
    bad, _ = spoilt(field, 1)
    site = field.b.open()
    listed = quarantine.listed(site)
    entry, = listed.rows
    assert (listed.total, entry.uuid, entry.table, entry.direction, entry.attempts) == (1, bad, "org_organisation", "pull", 1)
    assert entry.label == "bad" and "longer than 8" in entry.error and entry.next_on > entry.last_on
    assert quarantine.count(site, entry.repository_id, entry.task_id) == 1 and quarantine.count(site, 999) == 0
    details = quarantine.details(site, entry.id)
    assert details.editable and dict(details.fields)["acronym"] == "longer than eight" and "<resource" in details.xml


def test_correct_its_xml_and_try_again(field: Field) -> None:
    bad, _ = spoilt(field, 1)
    site = field.b.open()
    number = quarantined(field.b)[0].id
    xml = quarantine.details(site, number).xml
    quarantine.edit_xml(site, number, xml.replace("longer than eight", "short"))
    field.b.db(field.b.db.sync_task.id > 0).update(mode=3)
    field.b.db.commit()
    assert field.run(field.b, field.a) == "success"
    assert [one.get("org_organisation", bad).acronym for one in (field.a, field.b)] == ["short", "short"]


@pytest.mark.parametrize("spoil", [lambda xml: xml[:-20], lambda xml: xml.replace("uuid", "uuid2"), lambda xml: "<s3xml/>",
                                   lambda xml: xml.replace("org_organisation", "gis_location")])
def test_xml_that_is_not_that_record_changes_nothing(field: Field, spoil) -> None:
    spoilt(field, 1)
    number = quarantined(field.b)[0].id
    xml = quarantine.details(field.b.open(), number).xml
    with pytest.raises(ConfigurationError):
        quarantine.edit_xml(field.b.open(), number, spoil(xml))
    assert quarantine.details(field.b.open(), number).xml == xml
