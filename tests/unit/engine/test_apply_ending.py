"""Deletions, restored records and merges: as the application itself does them."""
from __future__ import annotations

import json

import pytest
from shaped_site import ShapedSite, record

from s3sync.hosts.web2py import declare
from s3sync.index.vector import increment

ORGANISATION = "org_organisation"
DELETION = dict(deleted=True)


def gone(uuid: str, table: str = ORGANISATION, version: int = 2, **more: str):  # type: ignore[no-untyped-def]
    return record(table, uuid, {}, f"aaaaaaaaaaaa:{version}", deleted=True, modified_on="2026-05-05T05:05:05", **more)


@pytest.fixture
def organisation(here: ShapedSite) -> int:
    here.apply(record("gis_location", "l1", {"name": "L"}))
    here.apply(record(ORGANISATION, "o1", {"name": "A"}), record(ORGANISATION, "o2", {"name": "B"}))
    return here.id_of(ORGANISATION, "o1")


def test_a_deleted_record_keeps_its_foreign_keys_aside(here: ShapedSite, organisation: int) -> None:
    here.one(record("org_office", "f1", {"name": "F", "organisation_id": "o1", "location_id": "l1"}))
    assert here.one(gone("f1", "org_office")).result == "deleted"
    row = here.get("org_office", "f1")
    assert row.deleted and row.modified_on.isoformat() == "2026-05-05T05:05:05"
    assert row.organisation_id == organisation and row.location_id is None          # the one must not be NULL, the other may
    assert json.loads(row.deleted_fk) == {"organisation_id": organisation, "location_id": here.id_of("gis_location", "l1")}
    assert here.edits("org_office") == 0


def test_deleted_twice_and_deleted_without_having_been_here(here: ShapedSite, organisation: int) -> None:
    assert here.one(gone("o1")).result == "deleted"
    before = here.get(ORGANISATION, "o1").as_dict()
    assert here.one(gone("o1")).result == "unchanged"
    assert here.get(ORGANISATION, "o1").as_dict() == before
    assert here.one(gone("never")).result == "unchanged" and here.get(ORGANISATION, "never") is None


def test_restrict_forbids_and_says_why(here: ShapedSite, organisation: int) -> None:
    contract = here.insert("org_contract", organisation_id=organisation, title="T")
    note = here.insert("org_note", organisation_id=organisation, text="N")
    before = here.get(ORGANISATION, "o1").as_dict()
    outcome = here.one(gone("o1"))
    assert (outcome.result, outcome.code) == ("rejected", "restricted")
    assert outcome.reason == "restricted by org_contract.organisation_id (1 records)"
    assert here.get(ORGANISATION, "o1").as_dict() == before
    assert here.get("org_note", note).organisation_id == organisation               # nothing was done by halves
    here.delete("org_contract", contract)
    assert here.one(gone("o1")).result == "deleted"                                # what is deleted itself does not count


def test_cascade_and_set_null(here: ShapedSite, organisation: int) -> None:
    office = here.insert("org_office", organisation_id=organisation, name="F")
    note = here.insert("org_note", organisation_id=organisation, text="N")
    other = here.insert("org_note", organisation_id=here.id_of(ORGANISATION, "o2"), text="M")
    called = []
    declare(here.db, "org_office", ondelete=lambda row: called.append(row.uuid),
            ondelete_cascade=lambda row: called.append(row.organisation_id))
    assert here.one(gone("o1")).result == "deleted"
    assert here.get("org_office", office).deleted and called == [organisation, office]
    assert here.get("org_note", note).organisation_id is None and not here.get("org_note", note).deleted
    assert here.get("org_note", other).organisation_id is not None
    # these are edits of this site's own, and are noted as such
    assert set(here.versions("org_note")) == {note} and here.edits("org_office") == 0
    assert len(here.versions("org_office")) == 1


def test_a_cascade_stops_at_what_is_restricted_below(here: ShapedSite, organisation: int) -> None:
    here.db.define_table("org_room", field("reference org_office", "RESTRICT"), *here.meta())
    office = here.insert("org_office", organisation_id=organisation, name="F")
    here.insert("org_room", ref=here.id_of("org_office", office))
    outcome = here.one(gone("o1"))
    assert outcome.result == "rejected" and "restricted by org_room.ref" in outcome.reason
    assert not here.get("org_office", office).deleted and not here.get(ORGANISATION, "o1").deleted


def field(kind: str, rule: str):  # type: ignore[no-untyped-def]
    from pydal import Field
    return Field("ref", kind, ondelete=rule)


def test_records_that_refer_to_each_other(here: ShapedSite) -> None:
    here.apply(record("gis_location", "a", {"name": "A"}), record("gis_location", "b", {"name": "B", "parent": "a"}))
    here.update("gis_location", "a", parent=here.id_of("gis_location", "b"))
    here.one(record("gis_location", "a", {"name": "A", "parent": "b"}, "aaaaaaaaaaaa:2"))
    assert here.one(gone("a", "gis_location", 9)).result == "deleted"
    assert here.get("gis_location", "a").deleted and here.get("gis_location", "b").deleted


def test_many_are_deleted_in_bulk(here: ShapedSite) -> None:
    here.apply(*(record("gis_location", f"l{i}", {"name": str(i)}) for i in range(300)))
    site = here.open()
    from s3sync.engine.apply import Applier
    from s3sync.engine.decide import Policies
    before = site.db.statements
    outcomes = Applier(site, None, "peer", Policies()).apply("gis_location", [gone(f"l{i}", "gis_location") for i in range(300)])
    assert {o.result for o in outcomes} == {"deleted"} and site.db.statements - before < 60
    site.db.commit()


def test_a_restored_record(here: ShapedSite, organisation: int) -> None:
    here.one(record("org_office", "f1", {"name": "F", "organisation_id": "o1", "location_id": "l1"}))
    here.one(gone("f1", "org_office"))
    values = {"name": "F 2", "organisation_id": "o2", "location_id": "l1"}
    outcome = here.one(record("org_office", "f1", values, "aaaaaaaaaaaa:3"))
    row = here.get("org_office", "f1")
    assert outcome.result == "updated" and not row.deleted and row.deleted_fk is None and row.name == "F 2"
    assert row.location_id == here.id_of("gis_location", "l1") and row.organisation_id == here.id_of(ORGANISATION, "o2")


# --- merges ---------------------------------------------------------------------------------------------------------


def test_a_merge_leads_references_to_the_replacement(here: ShapedSite, organisation: int) -> None:
    kept = here.id_of(ORGANISATION, "o2")
    here.apply(record("org_office", "f1", {"name": "F", "organisation_id": "o1"}))
    contract = here.insert("org_contract", organisation_id=organisation, title="T")       # RESTRICT is no obstacle
    here.one(record("org_note", "n1", {"text": "N", "also": ["o1", "o2"], "organisation_id": "o1"}))
    site = here.open()
    while not site.index.scan("org_contract", 100)[0]:
        pass
    site.db.commit()
    before = {t: here.versions(t) for t in ("org_office", "org_contract", "org_note")}
    outcome = here.one(gone("o1", replaced_by="o2"))
    assert outcome.result == "merged"
    row = here.get(ORGANISATION, "o1")
    assert row.deleted and row.deleted_rb == kept
    assert here.get("org_office", "f1").organisation_id == here.get("org_contract", contract).organisation_id == kept
    assert here.get("org_note", "n1").organisation_id == kept and set(here.get("org_note", "n1").also) == {kept}
    assert {t: here.versions(t) for t in before} == before                               # every site does the same: no edits
    assert [here.edits(t) for t in before] == [0, 0, 0] and here.edits(ORGANISATION) == 0
    assert here.one(gone("o1", replaced_by="o2")).result == "unchanged"


def test_a_merge_waits_for_the_replacement(here: ShapedSite, organisation: int) -> None:
    here.one(record("org_office", "f1", {"name": "F", "organisation_id": "o1"}))
    outcome = here.one(gone("o1", replaced_by="o9"))
    assert (outcome.result, outcome.code, outcome.missing) == ("rejected", "reference", ((ORGANISATION, "o9"),))
    assert not here.get(ORGANISATION, "o1").deleted
    here.one(record(ORGANISATION, "o9", {"name": "C"}))
    assert here.db(here.db.sync_waiting.id > 0).isempty()
    assert here.one(gone("o1", replaced_by="o9")).result == "merged"
    assert here.get("org_office", "f1").organisation_id == here.id_of(ORGANISATION, "o9")


def test_both_of_a_merge_in_one_batch(here: ShapedSite, organisation: int) -> None:
    found = {o.uuid: o.result for o in here.apply(gone("o1", replaced_by="o9"), record(ORGANISATION, "o9", {"name": "C"}))}
    assert found == {"o1": "merged", "o9": "created"}
    assert here.get(ORGANISATION, "o1").deleted_rb == here.id_of(ORGANISATION, "o9")


def test_a_merge_into_what_was_merged_or_deleted_since(here: ShapedSite, organisation: int) -> None:
    here.one(record(ORGANISATION, "o3", {"name": "C"}))
    here.one(gone("o2", replaced_by="o3"))
    here.one(record("org_office", "f1", {"name": "F", "organisation_id": "o1"}))
    assert here.one(gone("o1", replaced_by="o2")).result == "merged"
    assert here.get("org_office", "f1").organisation_id == here.id_of(ORGANISATION, "o3")
    here.apply(record(ORGANISATION, "o4", {"name": "D"}), record(ORGANISATION, "o5", {"name": "E"}))
    here.one(gone("o5"))
    assert here.one(gone("o4", replaced_by="o5")).result == "merged"              # nothing is left of either
    assert here.get(ORGANISATION, "o4").deleted and here.get(ORGANISATION, "o4").deleted_rb is None
    assert here.edits(ORGANISATION) == 0


def test_a_merge_here_and_an_edit_there(here: ShapedSite, organisation: int) -> None:
    here.one(gone("o1", replaced_by="o2"))
    vector = here.versions(ORGANISATION)["o1"]
    outcome = here.one(record(ORGANISATION, "o1", {"name": "restored"}, increment(vector, "b" * 12)))
    row = here.get(ORGANISATION, "o1")
    assert outcome.result == "updated" and not row.deleted and row.deleted_rb is None and row.name == "restored"
