"""Which record here is meant by one with a uuid that is not known."""
from __future__ import annotations

from typing import Any

from shaped_site import PEER, ShapedSite, record, results

from s3sync.hosts.web2py import declare

PERSON, ORGANISATION = "pr_person", "org_organisation"


def test_one_row_with_the_same_unique_value_is_the_record(here: ShapedSite) -> None:
    own = here.insert(PERSON, first_name="Ann", badge="B1")
    outcome = here.one(record(PERSON, "there", {"first_name": "Anna", "badge": "B1"}))
    assert (outcome.result, outcome.uuid, outcome.sent_as) == ("updated", own, "there")
    assert outcome.to_json()["uuid"] == "there"                    # the sender knows it by that
    assert here.get(PERSON, own).first_name == "Anna" and here.get(PERSON, "there") is None
    # recognised from now on, also without the unique value, and when it is deleted
    version = here.versions(PERSON)[own]
    from s3sync.index.vector import increment
    assert here.one(record(PERSON, "there", {"first_name": "Anne"}, increment(version, "a" * 12))).result == "updated"
    assert here.get(PERSON, own).first_name == "Anne"
    version = here.versions(PERSON)[own]
    assert here.one(record(PERSON, "there", {}, increment(version, "a" * 12), deleted=True)).result == "deleted"
    assert here.get(PERSON, own).deleted


def test_values_of_two_rows_are_a_clash(here: ShapedSite) -> None:
    here.insert(PERSON, badge="B1", number=1)
    here.insert(PERSON, badge="B2", number=2)
    before = here.records(PERSON)
    outcome = here.one(record(PERSON, "there", {"badge": "B1", "number": 2}))
    assert (outcome.result, outcome.code) == ("rejected", "unique") and "belongs to another record" in outcome.reason
    assert here.records(PERSON) == before


def test_a_known_record_does_not_take_another_ones_value(here: ShapedSite) -> None:
    here.one(record(PERSON, "p1", {"badge": "B1"}))
    other = here.insert(PERSON, badge="B2")
    outcome = here.one(record(PERSON, "p1", {"badge": "B2"}, "aaaaaaaaaaaa:2"))
    assert (outcome.result, outcome.code) == ("rejected", "unique")
    assert other in outcome.reason and "badge: 'B2'" in outcome.reason
    assert here.get(PERSON, "p1").badge == "B1"


def test_two_of_a_batch_with_the_same_value(here: ShapedSite) -> None:
    outcomes = here.apply(*(record(PERSON, uuid, {"badge": badge}) for uuid, badge in (("p1", "B"), ("p2", "B"), ("p3", "C"))))
    assert results(outcomes) == {"p1": "created", "p2": "rejected", "p3": "created"}


def test_null_and_empty_are_no_values(here: ShapedSite) -> None:
    here.insert(PERSON, badge=None, number=7)
    assert results(here.apply(record(PERSON, "p1", {"badge": None, "number": None}), record(PERSON, "p2", {"badge": None}))) == {
        "p1": "created", "p2": "created"}


def test_a_record_the_peer_has_as_another_one_is_not_the_one(here: ShapedSite) -> None:
    from s3sync.index.vector import site_key
    known = f"{site_key(PEER)}:1"
    here.one(record(PERSON, "p1", {"badge": "B1"}, known))
    # at the peer p1 has got another badge (not arrived yet), and a new person has this one
    outcome = here.one(record(PERSON, "p2", {"badge": "B1"}, known))
    assert (outcome.result, outcome.code) == ("rejected", "unique")
    assert here.one(record(PERSON, "p1", {"badge": "B9"}, f"{site_key(PEER)}:2")).result == "updated"
    assert here.one(record(PERSON, "p2", {"badge": "B1"}, known)).result == "created"


def test_references_to_a_matched_record_find_it(here: ShapedSite) -> None:
    here.db.define_table("pr_skill", field(), *here.meta())
    own = here.insert(PERSON, badge="B1")
    waiting = here.one(record("pr_skill", "s0", {"person_id": "there"}))
    assert waiting.missing == ((PERSON, "there"),)
    here.one(record(PERSON, "there", {"badge": "B1"}))
    number = here.id_of(PERSON, own)
    assert here.get("pr_skill", "s0").person_id == number            # it was waiting
    assert here.one(record("pr_skill", "s1", {"person_id": "there"})).missing == ()
    assert here.get("pr_skill", "s1").person_id == number
    assert here.one(record("pr_skill", "s1", {"person_id": "there"}, "aaaaaaaaaaaa:1")).result == "unchanged"
    assert here.edits("pr_skill") == 0 and here.edits(PERSON) == 0


def field() -> Any:
    from pydal import Field
    return Field("person_id", "reference pr_person")


def test_synchronised_uuids_are_taken_over_with_all_that_is_known(here: ShapedSite) -> None:
    repository = here.peer(synchronise_uuids=True)
    own = here.insert(PERSON, badge="B1", first_name="Ann")
    here.db.define_table("pr_skill", field(), *here.meta())
    skill = here.insert("pr_skill", person_id=here.id_of(PERSON, own))
    site = here.open()
    for name in (PERSON, "pr_skill"):
        while not site.index.scan(name, 100)[0]:
            pass
    site.db.commit()
    before = here.versions("pr_skill")
    outcome = here.one(record(PERSON, "there", {"badge": "B1", "first_name": "Anna"}), repository=repository)
    assert (outcome.result, outcome.uuid) == ("updated", "there")
    assert here.get(PERSON, own) is None and here.get(PERSON, "there").first_name == "Anna"
    assert set(here.versions(PERSON)) == {"there"}
    assert here.versions("pr_skill") == before                     # who refers to it was not edited
    assert here.edits("pr_skill") == 0 and here.edits(PERSON) == 0
    assert here.db.pr_skill(uuid=skill).person_id == here.id_of(PERSON, "there")
    # a third site may still know it by its old uuid
    assert here.one(record(PERSON, own, {"badge": "B1", "first_name": "Anna"}), repository=repository).uuid == "there"


def test_a_component_of_which_there_is_one_is_that_one(here: ShapedSite) -> None:
    here.one(record(ORGANISATION, "o1", {"name": "A"}))
    own = here.insert("org_profile", organisation_id=here.id_of(ORGANISATION, "o1"), motto="ours")
    outcome = here.one(record("org_profile", "there", {"organisation_id": "o1", "motto": "theirs"}))
    assert (outcome.result, outcome.uuid, outcome.sent_as) == ("updated", own, "there")
    assert [r.motto for r in here.db(here.db.org_profile.id > 0).select()] == ["theirs"]
    # another parent's is another one
    here.one(record(ORGANISATION, "o2", {"name": "B"}))
    assert here.one(record("org_profile", "there 2", {"organisation_id": "o2", "motto": "second"})).result == "created"


def test_a_deleted_component_is_not_the_one(here: ShapedSite) -> None:
    here.one(record(ORGANISATION, "o1", {"name": "A"}))
    own = here.insert("org_profile", organisation_id=here.id_of(ORGANISATION, "o1"), motto="ours")
    here.delete("org_profile", own)
    assert here.one(record("org_profile", "there", {"organisation_id": "o1", "motto": "theirs"})).result == "created"


def test_records_without_uuid_come_twice_and_are_there_once(here: ShapedSite) -> None:
    from s3sync.engine.flatten import flatten
    declare(here.db, ORGANISATION, deduplicate=by_name)

    def arrive(**values: Any) -> str:
        flat = list(flatten(here.open(), [record(ORGANISATION, None, values, vector="")]))
        return here.one(flat[0]).result

    assert arrive(name="New") == "created"
    assert arrive(name="New") == "unchanged"
    own = here.insert(ORGANISATION, name="Known here")
    assert arrive(name="Known here", year=3) == "updated"
    assert here.get(ORGANISATION, own).year == 3
    assert here.db(here.db[ORGANISATION].id > 0).count() == 2


def by_name(item: Any) -> None:
    """As Eden's S3Duplicate does."""
    row = item.table._db(item.table.name == item.data.get("name")).select(item.table.id, limitby=(0, 1)).first()
    if row:
        item.id = row[item.table._id]
        if not item.data.deleted:
            item.method = item.METHOD.UPDATE


def test_records_described_in_references(here: ShapedSite) -> None:
    from s3sync.engine.flatten import flatten
    declare(here.db, ORGANISATION, deduplicate=by_name)
    own = here.insert(ORGANISATION, name="Known here")
    known, new = (record(ORGANISATION, None, {"name": name}) for name in ("Known here", "New"))
    office = record("org_office", "f1", {"name": "F"}, inline=[("organisation_id", known)])
    other = record("org_office", "f2", {"name": "G"}, inline=[("organisation_id", new)])
    for each in flatten(here.open(), [office, other]):
        here.one(each)
    assert here.get("org_office", "f1").organisation_id == here.id_of(ORGANISATION, own)
    new = here.db(here.db[ORGANISATION].name == "New").select().first()
    assert here.get("org_office", "f2").organisation_id == new.id and new.uuid.startswith("urn:uuid:")


def test_references_by_tuid(here: ShapedSite) -> None:
    from s3sync.engine.flatten import flatten
    from s3sync.s3xml.record import Tuid
    office = record("org_office", "f1", {"name": "F", "organisation_id": Tuid("#1")})
    lost = record("org_office", "f2", {"name": "G", "organisation_id": Tuid("#9")})
    for each in flatten(here.open(), [office, record(ORGANISATION, None, {"name": "New"}, tuid="#1"), lost]):
        here.one(each)
    assert here.get("org_office", "f1").organisation_id == here.db(here.db[ORGANISATION].name == "New").select().first().id
    assert here.get("org_office", "f2") is None                        # mandatory, and nobody has it


# --- what both sites made, each for itself ------------------------------------------------------------------------------


def _unique_among_the_living(here: ShapedSite, asked: list[str]) -> None:
    """As Eden's catalogues: no second one of the name is accepted, and deduplicate knows the first."""
    table = here.db[ORGANISATION]

    def first(form_or_item: Any, name: str) -> Any:
        return here.db((table.name == name) & (table.deleted == False)).select().first()      # noqa: E712

    def onvalidation(form: Any) -> None:
        row = first(form, form.vars.name)
        if row and row.id != form.vars.id:
            form.errors.name = "exists"

    def deduplicate(item: Any) -> None:
        asked.append(item.data.name)
        row = first(item, item.data.name)
        if row:
            item.id, item.method = row.id, item.METHOD.UPDATE

    declare(here.db, ORGANISATION, onvalidation=onvalidation, deduplicate=deduplicate)


def test_a_new_record_that_is_refused_may_be_one_that_is_here(here: ShapedSite) -> None:
    asked: list[str] = []
    _unique_among_the_living(here, asked)
    own = here.insert(ORGANISATION, name="Default")
    fates = {o.sent_as or o.uuid: o for o in here.apply(record(ORGANISATION, "there", {"name": "Default", "comments": "theirs"}),
                                                        record(ORGANISATION, "other", {"name": "Other"}))}
    assert (fates["there"].result, fates["there"].uuid, fates["other"].result) == ("updated", own, "created")
    assert here.get(ORGANISATION, own).comments == "theirs" and here.get(ORGANISATION, "there") is None
    assert asked == ["Default"]                                    # nobody is asked about what is accepted
    version = here.versions(ORGANISATION)[own]
    from s3sync.index.vector import increment
    renamed = record(ORGANISATION, "there", {"name": "Renamed"}, increment(version, "a" * 12))
    assert here.one(renamed).result == "updated"                   # it is known from now on
    assert here.get(ORGANISATION, own).name == "Renamed"


def test_a_refused_record_is_no_record_the_peer_has_as_another_one(here: ShapedSite) -> None:
    asked: list[str] = []
    _unique_among_the_living(here, asked)
    from s3sync.index.vector import site_key
    here.one(record(ORGANISATION, "known", {"name": "Default"}, f"{site_key(PEER)}:1"))
    outcome = here.one(record(ORGANISATION, "there", {"name": "Default"}))
    assert (outcome.result, outcome.code, outcome.reason) == ("rejected", "callback", "name: exists")
    assert asked == ["Default"] and here.get(ORGANISATION, "there") is None


def test_a_refused_record_that_nobody_knows_stays_refused(here: ShapedSite) -> None:
    calls: list[str] = []

    def onvalidation(form: Any) -> None:
        calls.append(form.vars.name)
        form.errors.name = "no"

    declare(here.db, ORGANISATION, onvalidation=onvalidation, deduplicate=lambda item: None)
    assert here.one(record(ORGANISATION, "there", {"name": "A"})).reason == "name: no"
    assert calls == ["A"]                                          # once
