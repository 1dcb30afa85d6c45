"""G2: whatever is delivered twice, or again years later, changes nothing."""
from __future__ import annotations

import pytest
from faults import TroubledPeer, Wire
from local_sites import same
from practice import Field, conflicts, moved, sql


def test_every_request_delivered_twice_changes_nothing(field: Field) -> None:
    field.link(field.a, field.b)
    parent = field.a.insert("gis_location", name="country")
    for number in range(120):
        field.a.insert("gis_location", name=f"{number}", parent=field.a.id_of("gis_location", parent))
    for at in (1, 2, 3):
        assert field.run(wire=Wire("twice", at)) in ("success", "warning")
    assert list(same(field.a, field.b)) == [] and conflicts(field.b) == []


def test_a_push_delivered_again_years_later_changes_nothing(field: Field) -> None:
    field.link(field.a, field.b)
    uuid = field.a.insert("org_organisation", name="one")
    other = field.a.insert("org_organisation", name="to be deleted")
    field.run()
    field.a.update("org_organisation", uuid, name="two")
    field.run()
    field.b.update("org_organisation", uuid, name="three")
    field.b.delete("org_organisation", other)
    field.run()
    field.later(1000)
    for me, there, params, body in list(field.old):
        TroubledPeer(me, there, wire=Wire(), old=[]).deliver("POST", params, body)
    assert field.b.get("org_organisation", uuid).name == "three" and field.b.get("org_organisation", other).deleted
    assert conflicts(field.b) == []
    field.run()
    assert moved(field.a) == {}


@pytest.mark.parametrize("direction", [1, 2])
def test_cursors_that_were_lost_cost_time_and_nothing_else(field: Field, direction: int) -> None:
    field.link(field.a, field.b, mode=direction)
    for number in range(3):
        (field.b if direction == 1 else field.a).insert("gis_location", name=f"{number}")
    field.run()
    sql(field.a, "DELETE FROM sync_cursor")
    field.run()
    assert moved(field.a) == {} and sum(s.unchanged for s in field.a.steps().values()) == 3
