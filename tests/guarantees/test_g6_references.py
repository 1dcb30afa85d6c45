"""G6: a reference whose target is not there yet waits, and is repaired when it arrives, in whatever order."""
from __future__ import annotations

import random

import pytest
from faults import Wire
from local_sites import same
from practice import Field, moved, quarantined, sql

from s3sync.errors import NotPermitted


def office_in(field: Field) -> tuple[str, str]:
    """An office at `a` in a location that no task covers yet."""
    location = field.a.insert("gis_location", name="L")
    organisation = field.a.insert("org_organisation", name="O")
    return location, field.a.insert("org_office", name="F", organisation_id=field.a.id_of("org_organisation", organisation),
                                    location_id=field.a.id_of("gis_location", location))


@pytest.mark.parametrize("mode", [1, 2])
def test_what_is_referred_to_and_in_no_task_is_fetched_or_sent(field: Field, mode: int) -> None:
    me, other = (field.b, field.a) if mode == 1 else (field.a, field.b)
    field.link(me, other, "org_organisation", mode=mode)
    location, office = office_in(field)
    assert field.run(me, other) == "success"
    assert field.b.get("org_office", office).location_id == field.b.id_of("gis_location", location)


@pytest.mark.parametrize("seed", range(4))
def test_a_tree_and_a_circle_arrive_in_any_order(field: Field, seed: int) -> None:
    rnd = random.Random(seed)
    object.__setattr__(field.a.settings, "batch_size", 4)
    object.__setattr__(field.b.settings, "batch_size", 4)
    field.link(field.b, field.a, "gis_location", mode=1)
    uuids = [field.a.insert("gis_location", name=f"{number}") for number in range(20)]
    ids = [field.a.id_of("gis_location", uuid) for uuid in uuids]
    for position, uuid in enumerate(rnd.sample(uuids, len(uuids))):
        target = ids[(uuids.index(uuid) + 1) % 5] if uuids.index(uuid) < 5 else rnd.choice(ids)     # the first five: a circle
        field.a.update("gis_location", uuid, parent=target, modified_on=field.clock.time.replace(second=position))
    field.run(field.b, field.a)
    assert list(same(field.a, field.b)) == []
    assert sql(field.b, "SELECT COUNT(*) FROM sync_waiting") == [(0,)]
    field.run(field.b, field.a)
    assert moved(field.b) == {}


def test_a_reference_that_waits_is_not_taken_for_an_edit(field: Field) -> None:
    """Neither while it waits nor when it is put in: nothing goes back to where it came from."""
    field.link(field.a, field.b, "org_organisation", mode=2)
    field.link(field.b, field.a, "org_organisation", mode=2)
    location, office = office_in(field)
    assert field.run(wire=Wire("unreachable", 3)) == "error"              # the location does not get through
    row = field.b.get("org_office", office)
    assert row.location_id is None
    row.update_record(opened_on=field.clock.time)                         # an edit of another field, while it waits
    field.b.db.commit()
    field.run(field.b, field.a)
    assert field.a.get("org_office", office).location_id == field.a.id_of("gis_location", location)
    field.run()
    assert field.b.get("org_office", office).location_id == field.b.id_of("gis_location", location)
    field.run(field.b, field.a)
    assert moved(field.b) == {}


def test_a_target_that_somebody_creates_here_is_put_in(field: Field) -> None:
    """It did not come through us."""
    field.link(field.b, field.a, "org_organisation", mode=1)
    location, office = office_in(field)
    field.b.db.sync_waiting.truncate()
    field.run(field.b, field.a)
    row = field.b.get("org_office", office)
    row.update_record(location_id=None, modified_on=row.modified_on)
    sql(field.b, "DELETE FROM gis_location")
    field.b.db.sync_waiting.insert(tablename="org_office", record_uuid=office, fieldname="location_id", repository_id=1,
                                   target_table="gis_location", target_uuid=location)
    field.b.insert("gis_location", uuid=location, name="by hand")
    field.run(field.b, field.a)
    assert field.b.get("org_office", office).location_id == field.b.id_of("gis_location", location)


@pytest.mark.parametrize("mode", [1, 2])
def test_a_record_that_cannot_be_without_its_reference_follows_it_in_the_same_run(field: Field, mode: int) -> None:
    me, other = (field.b, field.a) if mode == 1 else (field.a, field.b)
    field.link(me, other, "org_office", mode=mode)
    _, office = office_in(field)
    assert field.run(me, other) == "success"
    assert field.b.get("org_office", office) and quarantined(me) == []


def test_a_reference_to_a_record_that_is_deleted_keeps_nobody_waiting(field: Field) -> None:
    field.link(field.b, field.a, mode=1)
    location, office = office_in(field)
    field.a.delete("gis_location", location)
    field.run(field.b, field.a)
    assert field.b.get("org_office", office).location_id is None
    field.run(field.b, field.a)
    assert field.run(field.b, field.a) == "success" and moved(field.b) == {}
    field.a.update("gis_location", location, deleted=False)
    field.run(field.b, field.a)
    assert field.b.get("org_office", office).location_id == field.b.id_of("gis_location", location)


def test_what_the_peer_does_not_let_us_read_is_waited_for_and_the_log_says_so(field: Field) -> None:
    field.link(field.b, field.a, "org_organisation", mode=1)
    location, office = office_in(field)

    class Forbidding(Wire):
        def answer(self, body: bytes) -> bytes:
            if b'<resource name="gis_location"' in body:
                raise NotPermitted("read gis_location", remote=True)
            return body

    assert field.run(field.b, field.a, wire=Forbidding()) == "warning"
    assert field.b.get("org_office", office).location_id is None
    assert "gis_location: Not permitted: read gis_location" in field.b.log()[0].message
    assert field.run(field.b, field.a) == "success"                       # now it may be read
    assert field.b.get("org_office", office).location_id == field.b.id_of("gis_location", location)
