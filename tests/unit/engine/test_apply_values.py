"""Values on their way in: validators, defaults, what is mandatory, people, super-entities, fields with a policy of their own."""
from __future__ import annotations

from typing import Any

import pytest
from pydal import Field
from shaped_site import ShapedSite, record

from s3sync.engine.decide import Policies
from s3sync.engine.flatten import flatten
from s3sync.hosts.web2py import declare
from s3sync.index.vector import dump, parse

TABLE = "org_thing"


class Validator:
    """Normalises, refuses or raises."""

    def __call__(self, value: Any, record_id: Any = None) -> tuple[Any, Any]:
        if value == "raise":
            raise RuntimeError("never thought of that")
        if value == "no":
            return value, "Not this one"
        return (value.strip().upper() if isinstance(value, str) else value), None


class Positive:
    def __call__(self, value: Any, record_id: Any = None) -> tuple[Any, Any]:
        return (abs(value) if value not in (None, "") else value), None


def thing(here: ShapedSite, *fields: Field) -> None:
    here.db.define_table(TABLE, *fields, *here.meta())
    here.db.commit()


def test_validators_normalise_refuse_and_may_raise(here: ShapedSite) -> None:
    thing(here, Field("code", requires=Validator()), Field("amount", "decimal(8,2)", requires=Positive()),
          Field("day", "date", requires=Validator()))
    found = {o.uuid: o for o in here.apply(
        record(TABLE, "t1", {"code": " abc ", "amount": "-1.50", "day": "2026-01-02"}), record(TABLE, "t2", {"code": "no"}),
        record(TABLE, "t3", {"code": "raise"}), record(TABLE, "t4", {"code": None}))}
    assert {u: o.result for u, o in found.items()} == {"t1": "created", "t2": "rejected", "t3": "rejected", "t4": "created"}
    row = here.get(TABLE, "t1")
    assert (row.code, str(row.amount), row.day.isoformat()) == ("ABC", "1.50", "2026-01-02")
    assert found["t2"].reason == "code: Not this one ('no')"
    assert "RuntimeError: never thought of that" in found["t3"].reason and "'raise'" in found["t3"].reason
    assert here.get(TABLE, "t3") is None and here.get(TABLE, "t4").code is None
    assert here.edits(TABLE) == 0


def test_a_value_that_is_here_already_is_not_asked_about(here: ShapedSite) -> None:
    thing(here, Field("code", requires=Validator()), Field("other"))
    uuid = here.insert(TABLE, code="no")
    assert here.one(record(TABLE, uuid, {"code": "no", "other": "new"})).result == "updated"


def test_what_pydal_s_own_validators_say_of_a_text_is_known_without_asking_them(here: ShapedSite,
                                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    from pydal.validators import IS_EMPTY_OR, IS_LENGTH, IS_NOT_EMPTY, Validator
    thing(here, Field("name", requires=[IS_NOT_EMPTY(), IS_LENGTH(9)]),
          Field("note", "text", requires=IS_EMPTY_OR(IS_LENGTH(5, 2))),
          Field("other", "text", requires=IS_EMPTY_OR([Validator(), IS_LENGTH(5)])),
          Field("strict", "text", requires=IS_EMPTY_OR(IS_LENGTH(5), empty_regex="-+")))
    asked: list[str] = []
    length = IS_LENGTH.validate
    monkeypatch.setattr(IS_LENGTH, "validate", lambda self, value, record_id=None: (
        asked.append(value), length(self, value, record_id))[1])
    good = {"name": "name", "note": "abc", "other": "abcde"}
    assert here.one(record(TABLE, "good", good)).result == "created" and asked == []
    found = {o.uuid: o for o in here.apply(
        record(TABLE, "long", {**good, "note": "abcdef"}), record(TABLE, "short", {**good, "note": "a"}),
        record(TABLE, "blank", {**good, "note": "  "}), record(TABLE, "other", {**good, "other": "abcdef"}),
        record(TABLE, "none", {**good, "name": " "}), record(TABLE, "regex", {**good, "strict": "---"}))}
    assert {u: o.result for u, o in found.items()} == {
        "long": "rejected", "short": "rejected", "blank": "created", "other": "rejected", "none": "rejected", "regex": "created"}
    assert set(asked) == {"a", "abcdef"}         # those that might be refused


def test_rules_beyond_what_the_type_says(here: ShapedSite) -> None:
    from datetime import date, datetime

    from pydal.validators import IS_DATE_IN_RANGE, IS_DATETIME_IN_RANGE, IS_EMPTY_OR, IS_IN_DB, IS_INT_IN_RANGE, IS_LIST_OF
    thing(here, Field("day", "date", requires=IS_EMPTY_OR(IS_DATE_IN_RANGE(minimum=date(2020, 1, 1), error_message="too early"))),
          Field("moment", "datetime", requires=IS_EMPTY_OR(IS_DATETIME_IN_RANGE(maximum=datetime(2030, 1, 1)))),
          Field("numbers", "list:integer", requires=IS_EMPTY_OR(IS_LIST_OF(IS_INT_IN_RANGE(0, 10)))),
          Field("place", requires=IS_EMPTY_OR(IS_IN_DB(here.db, "gis_location.name"))))
    here.insert("gis_location", name="Nairobi")
    fine = {"day": "2020-01-01", "moment": "2029-12-31T00:00:00", "numbers": [1, 9], "place": "Nairobi"}
    bad = {"day": "2019-12-31", "moment": "2031-01-01T00:00:00", "numbers": [1, 10], "place": "Nowhere"}
    found = {o.uuid: o for o in here.apply(record(TABLE, "fine", fine), record(TABLE, "none", {}), *(
        record(TABLE, name, {**fine, name: value}) for name, value in bad.items()))}
    assert {u: o.result for u, o in found.items()} == {"fine": "created", "none": "created", **dict.fromkeys(bad, "rejected")}
    assert all(found[name].reason.startswith(f"{name}: ") for name in bad) and "too early" in found["day"].reason
    row = here.get(TABLE, "fine")
    assert (row.day, row.moment, row.numbers, row.place) == (date(2020, 1, 1), datetime(2029, 12, 31), [1, 9], "Nairobi")


def test_unique_by_validator_does_not_compare_a_record_with_itself(here: ShapedSite) -> None:
    thing(here, Field("code"), Field("other"))
    from pydal.validators import IS_NOT_IN_DB
    here.db[TABLE].code.requires = IS_NOT_IN_DB(here.db, here.db[TABLE].code)
    here.one(record(TABLE, "t1", {"code": "a", "other": "x"}))
    here.one(record(TABLE, "t2", {"code": "b"}))
    assert here.one(record(TABLE, "t1", {"code": "c"}, "aaaaaaaaaaaa:2")).result == "updated"
    assert here.one(record(TABLE, "t1", {"code": "b"}, "aaaaaaaaaaaa:3")).result == "rejected"
    assert here.one(record(TABLE, "t3", {"code": "b"})).result == "rejected"


def test_what_is_mandatory(here: ShapedSite) -> None:
    from pydal.validators import IS_EMPTY_OR, IS_IN_SET, IS_NOT_EMPTY
    thing(here, Field("name", notnull=True), Field("kind", requires=IS_IN_SET(["a", "b"])),
          Field("title", requires=IS_NOT_EMPTY()),
          Field("note", requires=IS_EMPTY_OR(IS_IN_SET(["x"]))), Field("given", requires=IS_NOT_EMPTY(), default="d"))
    whole = {"name": "N", "kind": "a", "title": "T"}
    assert here.one(record(TABLE, "t0", whole)).result == "created"
    assert here.get(TABLE, "t0").given == "d"
    for number, name in enumerate(whole):
        lacking = {k: v for k, v in whole.items() if k != name}
        outcome = here.one(record(TABLE, f"u{number}", lacking))
        assert (outcome.result, outcome.reason) == ("rejected", f"{name}: a value is required")
        assert here.one(record(TABLE, f"v{number}", {**whole, name: None})).result == "rejected"
    assert here.one(record(TABLE, "t0", {"note": "x"}, "aaaaaaaaaaaa:2")).result == "updated"    # an update need not say all
    assert here.one(record(TABLE, "t0", {"note": "y"}, "aaaaaaaaaaaa:3")).result == "rejected"


def test_defaults_are_for_what_is_not_mentioned(here: ShapedSite) -> None:
    numbers = iter(range(1, 100))
    thing(here, Field("name", default="unknown"), Field("serial", "integer", default=lambda: next(numbers)),
          Field("hidden", "password", default="secret"))
    here.apply(record(TABLE, "t1", {}), record(TABLE, "t2", {"name": None}), record(TABLE, "t3", {"name": "N", "serial": 50}))
    rows = [here.get(TABLE, u) for u in ("t1", "t2", "t3")]
    assert [r.name for r in rows] == ["unknown", None, "N"]
    assert rows[2].serial == 50 and rows[0].serial != rows[1].serial          # worked out for each record
    assert all(r.hidden == "secret" for r in rows)


def test_authors_and_owners_by_email_and_role(here: ShapedSite) -> None:
    db = here.db
    db.define_table("auth_user", Field("email"))
    db.define_table("auth_group", Field("role"))
    thing(here, Field("name"), *(Field(n, "integer") for n in ("created_by", "modified_by", "owned_by_user", "owned_by_group")))
    known, group = db.auth_user.insert(email="ann@example.org"), db.auth_group.insert(role="STAFF")
    here.one(record(TABLE, "t1", {"name": "A"}, created_by="ann@example.org", modified_by="nobody@example.org",
                    owned_by_user="ann@example.org", owned_by_group="STAFF"))
    row = here.get(TABLE, "t1")
    assert (row.created_by, row.modified_by, row.owned_by_user, row.owned_by_group) == (known, None, known, group)
    here.update(TABLE, "t1", modified_by=known)
    nobody = "nobody@example.org"
    here.one(record(TABLE, "t1", {"name": "B"}, "aaaaaaaaaaaa:2", created_by=nobody, modified_by=nobody, owned_by_user=nobody))
    row = here.get(TABLE, "t1")
    assert (row.name, row.created_by, row.modified_by, row.owned_by_user, row.owned_by_group) == ("B", known, known, known, group)


# --- fields with an update policy of their own --------------------------------------------------------------------------


@pytest.mark.parametrize("onaccept", [None, lambda form: None])
def test_fields_that_are_kept_here(here: ShapedSite, onaccept: Any) -> None:
    declare(here.db, "org_organisation", update_policy={"__default__": "OTHER", "comments": "THIS"}, onaccept=onaccept)
    here.one(record("org_organisation", "o1", {"name": "A", "comments": "theirs"}))           # a new record is taken whole
    here.update("org_organisation", "o1", comments="ours")
    own = here.open().index.site
    outcome = here.one(record("org_organisation", "o1", {"name": "B", "comments": "theirs 2"}, dump({"a" * 12: 5, own: 9})))
    row = here.get("org_organisation", "o1")
    assert outcome.result == "updated" and "comments kept" in outcome.reason
    assert (row.name, row.comments) == ("B", "ours")
    assert parse(here.versions("org_organisation")["o1"]) == {"a" * 12: 5, own: 10}          # a mixture: it has to travel
    before = here.versions("org_organisation")
    outcome = here.one(record("org_organisation", "o1", {"name": "B", "comments": "theirs 3"}, dump({"a" * 12: 6, own: 10})))
    assert outcome.result == "kept" and here.versions("org_organisation") == before          # nothing but what is kept: nothing


def test_the_policy_of_a_table(here: ShapedSite) -> None:
    declare(here.db, "org_organisation", update_policy="THIS")
    here.one(record("org_organisation", "o1", {"name": "A"}))
    other = Policies(update="OTHER")
    assert here.one(record("org_organisation", "o1", {"name": "B"}, "aaaaaaaaaaaa:2"), policies=other).result == "kept"


def test_a_master_may_delete_though_a_plain_eden_does_not_say_it_is(here: ShapedSite) -> None:
    from shaped_site import PEER

    from s3sync.index.vector import site_key
    proxy = site_key(f"{here.uuid}/{PEER}")
    master = Policies(update="MASTER", conflict="MASTER")
    for uuid, mci, allowed in (("o1", 1, "deleted"), ("o2", 2, "kept")):
        here.one(record("org_organisation", uuid, {"name": "A"}, f"{proxy}:1", mci=mci))
        deletion = record("org_organisation", uuid, {}, f"{proxy}:2", deleted=True)
        del deletion.mci                                        # as a plain Eden sends it
        assert here.one(deletion, policies=master).result == allowed


# --- super-entities -----------------------------------------------------------------------------------------------------


def test_instances_get_their_super_record(here: ShapedSite) -> None:
    here.one(record("pr_group", "g1", {"name": "G"}))
    here.one(record("pr_person", "p1", {"first_name": "Ann", "pe_label": "L1"}))
    entity, person, group = here.db.pr_pentity, here.get("pr_person", "p1"), here.get("pr_group", "g1")
    row = entity[person.pe_id]
    assert (row.instance_type, row.uuid, row.deleted, row.pe_label) == ("pr_person", "p1", False, "L1")
    assert entity[group.pe_id].instance_type == "pr_group"
    here.one(record("pr_person", "p1", {"pe_label": "L2"}, "aaaaaaaaaaaa:2"))
    assert entity[person.pe_id].pe_label == "L2" and here.get("pr_person", "p1").pe_id == person.pe_id
    here.one(record("pr_person", "p1", {}, "aaaaaaaaaaaa:3", deleted=True))
    assert entity[person.pe_id].deleted and not entity[group.pe_id].deleted


def test_references_through_a_super_entity(here: ShapedSite) -> None:
    here.one(record("pr_person", "p1", {"first_name": "Ann"}))
    key = here.get("pr_person", "p1").pe_id
    here.one(record("pr_address", "a1", {"pe_id": "p1", "street": "S"}, instances={"pe_id": "pr_person"}))
    assert here.get("pr_address", "a1").pe_id == key
    outcome = here.one(record("pr_address", "a2", {"pe_id": "g1", "street": "T"}, instances={"pe_id": "pr_group"}))
    assert outcome.missing == (("pr_group", "g1"),) and here.get("pr_address", "a2").pe_id is None
    here.one(record("pr_group", "g1", {"name": "G"}))
    assert here.get("pr_address", "a2").pe_id == here.get("pr_group", "g1").pe_id
    assert here.db(here.db.sync_waiting.id > 0).isempty() and here.edits("pr_address") == 0


def test_components_joined_by_a_super_key(here: ShapedSite) -> None:
    address = record("pr_address", "a1", {"street": "S"}, alias="address")
    for each in flatten(here.open(), [record("pr_person", "p1", {"first_name": "Ann"}, children=[address])]):
        here.one(each)
    assert here.get("pr_address", "a1").pe_id == here.get("pr_person", "p1").pe_id


def test_instances_are_named_in_documents(here: ShapedSite) -> None:
    from io import BytesIO

    from s3sync.engine.export import Exporter
    from s3sync.engine.peer import Task
    from s3sync.engine.plain import write_document
    here.one(record("pr_person", "p1", {"first_name": "Ann"}))
    here.one(record("pr_address", "a1", {"pe_id": "p1", "street": "S"}, instances={"pe_id": "pr_person"}))

    def document(resource: str) -> str:
        target, site = BytesIO(), here.open()
        write_document(site, Task(0, resource), None, target, Exporter(site))
        return target.getvalue().decode()

    text = document("pr_address")
    assert '<reference field="pe_id" resource="pr_person" uuid="p1"' in text
    assert '<resource name="pr_person"' in text and "pr_pentity" not in text
    text = document("pr_person")
    assert 'alias="address"' in text and text.count('field="pe_id"') == 0            # own keys and parents' are not sent
