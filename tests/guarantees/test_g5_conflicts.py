"""G5: what was changed on both sides is a conflict: settled by policy, both versions kept, the same at every site."""
from __future__ import annotations

import json

import pytest
from local_sites import same
from practice import Field, conflicts, moved, set_clock


def agreed(field: Field, conflict: str = "NEWER") -> str:
    """A record that both sites have."""
    field.link(field.a, field.b, conflict_policy=conflict)
    uuid = field.a.insert("org_organisation", name="one")
    field.run()
    return uuid


@pytest.mark.parametrize("policy, winner", [("NEWER", "theirs"), ("OTHER", "theirs"), ("THIS", "mine"), ("MASTER", "mine")])
def test_the_policy_settles_and_both_versions_are_kept(field: Field, policy: str, winner: str) -> None:
    uuid = agreed(field, policy)
    field.a.update("org_organisation", uuid, name="mine", year=1)
    field.clock.advance(5)
    field.b.update("org_organisation", uuid, name="theirs")
    assert field.run() == "warning"
    assert field.a.get("org_organisation", uuid).name == field.b.get("org_organisation", uuid).name == winner
    entry, = conflicts(field.a)
    assert (json.loads(entry.mine)["name"], json.loads(entry.theirs)["name"], entry.winner) == ("mine", "theirs", winner)
    assert json.loads(entry.mine)["year"] == 1
    field.run()
    assert moved(field.a) == {} and list(same(field.a, field.b)) == [] and len(conflicts(field.a)) == 1


@pytest.mark.parametrize("deleting", ["a", "b"])
@pytest.mark.parametrize("for_good", [False, True])
def test_an_edit_against_a_deletion_is_a_conflict(field: Field, deleting: str, for_good: bool) -> None:
    uuid = agreed(field)
    here, there = (field.a, field.b) if deleting == "a" else (field.b, field.a)
    there.update("org_organisation", uuid, name="edited")
    if for_good:
        here.db(here.db.org_organisation.uuid == uuid).delete()
        here.db.commit()
        field.later()
    else:
        field.clock.advance(5)
        here.delete("org_organisation", uuid)
    field.run()
    field.run()
    kept = [entry for site in (field.a, field.b) for entry in conflicts(site)]
    assert kept and any("edited" in f"{entry.mine} {entry.theirs}" for entry in kept)
    assert any("null" in (entry.mine, entry.theirs) for entry in kept)
    assert list(same(field.a, field.b)) == []


def test_the_first_contact_is_a_conflict_where_records_differ(field: Field) -> None:
    """Both sites got the record from elsewhere and have edited it."""
    field.link(field.a, field.b)
    field.a.insert("org_organisation", uuid="urn:uuid:shared", name="here")
    field.clock.advance(5)
    field.b.insert("org_organisation", uuid="urn:uuid:shared", name="there")
    field.a.insert("org_organisation", uuid="urn:uuid:equal", name="equal")
    field.b.insert("org_organisation", uuid="urn:uuid:equal", name="equal")
    assert field.run() == "warning"
    assert [entry.record_uuid for entry in conflicts(field.a)] == ["urn:uuid:shared"]
    assert list(same(field.a, field.b)) == []


def test_a_wrong_clock_makes_no_conflict_of_an_edit_that_has_seen_the_other(field: Field) -> None:
    uuid = agreed(field)
    set_clock(field.a, -86400)
    for number in range(4):
        site = (field.a, field.b)[number % 2]
        site.update("org_organisation", uuid, name=f"{number}")
        assert field.run() == "success"
    assert field.a.get("org_organisation", uuid).name == field.b.get("org_organisation", uuid).name == "3"
    assert conflicts(field.a) == conflicts(field.b) == []


def test_what_a_deletion_takes_along_unseen_is_kept(field: Field) -> None:
    """The office was opened here while its organisation was deleted there."""
    organisation = agreed(field)
    office = field.a.insert("org_office", name="opened here", organisation_id=field.a.id_of("org_organisation", organisation))
    field.b.delete("org_organisation", organisation)
    field.run()
    assert field.a.get("org_office", office).deleted
    assert any("opened here" in entry.mine for entry in conflicts(field.a))


def family(field: Field) -> tuple[str, str]:
    """A location and one within it that both sites have; the child was written at b."""
    if not field.links:
        field.link(field.a, field.b)
    parent = field.b.insert("gis_location", name="parent")
    child = field.b.insert("gis_location", name="child", parent=field.b.id_of("gis_location", parent))
    field.run()
    assert field.a.get("gis_location", child).name == "child"
    return parent, child


def test_a_child_edited_where_its_parent_was_deleted_before_is_kept(field: Field) -> None:
    """The edit and the deletion come from the same peer, which did not take the child along. The edit comes first."""
    parent, child = family(field)
    field.b.update("gis_location", child, name="edited")
    field.run()
    field.b.delete("gis_location", parent)                     # by SQL, say: the child stays, and is no news
    field.run()
    field.run()
    assert field.a.get("gis_location", child).deleted
    assert [json.loads(entry.mine)["name"] for entry in conflicts(field.a)] == ["edited"]
    assert [entry.theirs for entry in conflicts(field.a)] == ["null"]
    assert list(same(field.a, field.b)) == []


def test_a_child_edited_after_its_parent_was_deleted_is_kept(field: Field) -> None:
    parent, child = family(field)
    field.b.delete("gis_location", parent)
    field.clock.advance(5)
    field.b.update("gis_location", child, name="edited")
    for _ in range(3):
        field.run()
    assert "edited" in " ".join(f"{e.mine} {e.theirs}" for site in (field.a, field.b) for e in conflicts(site))
    assert list(same(field.a, field.b)) == []


@pytest.mark.parametrize("origin", ["a", "b", "c"])
def test_a_childs_edit_is_kept_whoever_made_it(field: Field, origin: str) -> None:
    """The deletion came from b, which relays that of another site."""
    parent, child = family(field)
    c = field.site("c")
    field.link(c, field.b)
    field.run(c, field.b)
    editor = {"a": field.a, "b": field.b, "c": c}[origin]
    c.delete("gis_location", parent)
    editor.update("gis_location", child, name="edited")
    for _ in range(3):
        field.run(c, field.b)
        field.run()
    sites = (field.a, field.b, c)
    assert "edited" in " ".join(f"{e.mine} {e.theirs}" for site in sites for e in conflicts(site))
    assert list(same(field.a, field.b)) == list(same(c, field.b)) == []


def test_what_its_author_deleted_together_is_no_conflict(field: Field) -> None:
    """As an application deletes: the office with its organisation, which arrives first. No conflict to be looked at."""
    organisation = agreed(field)
    office = field.b.insert("org_office", name="O", organisation_id=field.b.id_of("org_organisation", organisation))
    parent, child = family(field)
    for table, uuid in (("org_organisation", organisation), ("org_office", office), ("gis_location", parent),
                        ("gis_location", child)):
        field.b.delete(table, uuid)
    field.run()
    field.run()
    assert field.a.get("org_office", office).deleted and field.a.get("gis_location", child).deleted
    assert conflicts(field.a) == conflicts(field.b) == []


def test_an_edit_of_the_author_is_no_deletion(field: Field) -> None:
    """b deletes the parent and edits the child; a's own edit of the child, which goes with the parent, stays as well."""
    parent, child = family(field)
    c = field.site("c")
    field.link(c, field.a)
    field.link(c, field.b)
    field.run(c, field.a)
    field.a.update("gis_location", child, name="edited here")
    field.b.delete("gis_location", parent)
    field.b.update("gis_location", child, name="edited there")
    field.clock.advance(5)
    for _ in range(3):
        field.run()
        field.run(c, field.a)
        field.run(c, field.b)
    kept = " ".join(f"{e.mine} {e.theirs}" for site in (field.a, field.b, c) for e in conflicts(site))
    alive = field.a.get("gis_location", child)
    for name in ("edited here", "edited there"):
        assert name in kept or (alive.name == name and not alive.deleted)


def test_what_arrives_together_with_the_deletion_is_kept(field: Field) -> None:
    """The child is new, and comes in one batch with the deletion of the parent; word of the cascade returns by another way."""
    field.link(field.a, field.b)
    c = field.site("c")
    field.link(c, field.a)
    field.link(c, field.b)
    parent = field.b.insert("gis_location", name="parent")
    field.run()
    field.run(c, field.a)
    child = field.b.insert("gis_location", name="child", parent=field.b.id_of("gis_location", parent))
    field.b.delete("gis_location", parent)
    for _ in range(3):
        field.run()
        field.run(c, field.b)
        field.run(c, field.a)
    kept = [e for site in (field.a, field.b, c) for e in conflicts(site) if e.record_uuid == child]
    alive = field.b.get("gis_location", child)
    assert any('"child"' in f"{e.mine} {e.theirs}" for e in kept) or not alive.deleted


def test_a_relayed_cascade_does_not_take_the_copy_away(field: Field) -> None:
    """b keeps the child it deletes with its parent; word of that deletion returns to b by another way, and changes nothing."""
    parent, child = family(field)
    c = field.site("c")
    field.link(c, field.b)
    field.link(c, field.a)
    field.run(c, field.b)
    field.a.delete("gis_location", parent)
    field.b.update("gis_location", child, name="edited")
    for _ in range(3):
        field.run()
        field.run(c, field.a)
        field.run(c, field.b)
    kept = [e for site in (field.a, field.b, c) for e in conflicts(site)]
    assert any("edited" in f"{e.mine} {e.theirs}" for e in kept)
    assert list(same(field.a, field.b)) == list(same(c, field.b)) == []


def test_a_conflict_with_a_plain_eden_keeps_both(field: Field) -> None:
    eden = field.site("eden")
    field.link(field.a, eden)
    uuid = field.a.insert("org_organisation", name="one")
    field.run(field.a, eden, plain=True)
    field.run(field.a, eden, plain=True)
    field.a.update("org_organisation", uuid, name="mine")
    field.clock.advance(5)
    eden.update("org_organisation", uuid, name="theirs")
    field.run(field.a, eden, plain=True)
    entry, = conflicts(field.a)
    assert "mine" in entry.mine and "theirs" in entry.theirs
    assert field.a.get("org_organisation", uuid).name == eden.get("org_organisation", uuid).name == "theirs"
