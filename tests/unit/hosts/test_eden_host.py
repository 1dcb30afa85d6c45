"""Sahana Eden as the host, by a stand-in: what is called of it, when, and with what."""
from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from eden_site import ADMIN, EdenSite, components, order
from gluon import current
from shaped_site import record

from s3sync.errors import UnknownResource
from s3sync.hosts.base import Component
from s3sync.server import handshake
from s3sync.server.request import Request

ORGANISATION, PERSON = "org_organisation", "pr_person"


@pytest.fixture
def eden(tmp_path: Path) -> EdenSite:
    return EdenSite(tmp_path, "eden")


def _form(form: Any) -> tuple[Any, ...]:
    return form.method, dict(form.vars), "vars" in form


# --- tables ---------------------------------------------------------------------------------------------------------


def test_tables_come_from_the_loader_and_are_prepared_once(eden: EdenSite) -> None:
    host = eden.host()
    for _ in range(2):
        assert host.carries(ORGANISATION)
        host.table(ORGANISATION)
    assert [c for c in eden.calls if c[0] == "resource"] == [("resource", ORGANISATION)]
    assert not host.carries("org_nothing")
    with pytest.raises(UnknownResource):
        host.table("org_nothing")


def test_users_secrets_and_our_own_tables_never_travel(eden: EdenSite) -> None:
    host = eden.host()
    for name in ("auth_user", "sync_repository", "scheduler_task", "s3_import_job", "admin_setting", "nonsense"):
        assert not host.carries(name)
    assert not host.carries("pr_pentity") and host.refers("pr_pentity")      # as the instance's record


def test_all_tables_are_loaded_only_where_all_are_wanted(eden: EdenSite) -> None:
    host = eden.host()
    host.table(ORGANISATION)
    assert "load_all_models" not in eden.names()
    assert ORGANISATION in host.tables() and "pr_pentity" not in host.tables()
    host.tables()
    host.complete()
    assert eden.names().count("load_all_models") == 1


def test_paths_of_locations_stay_at_home(eden: EdenSite) -> None:
    from pydal import Field
    eden.db.define_table("gis_marker", Field("path"), *eden.meta())
    assert "path" in eden.host().table("gis_marker").schema.by_name
    assert "path" not in eden.host().table("gis_location").schema.by_name
    assert "name" in eden.host().table("gis_location").schema.by_name


# --- components -----------------------------------------------------------------------------------------------------


def test_components(eden: EdenSite) -> None:
    db = eden.db
    eden.configure(PERSON, super_entity="pr_pentity")
    eden.components[ORGANISATION] = components(
        office={"tablename": "org_office", "fkey": "organisation_id"},
        profile={"tablename": "org_profile", "fkey": "organisation_id", "multiple": False},
        # several names for the same records, told apart by a filter: once, by the plain one
        motto={"tablename": "org_profile", "fkey": "organisation_id", "filterby": {"motto": "x"}},
        # linked records: their links are the parts
        location={"tablename": "gis_location", "linktable": db.org_note, "lkey": "organisation_id", "rkey": "location_id"},
        user={"tablename": "auth_user", "linktable": db.org_contract, "lkey": "organisation_id", "rkey": "user_id"},
        other={"tablename": "org_office", "fkey": "organisation_id", "pkey": "acronym"},
        child={"tablename": ORGANISATION, "fkey": "parent"})
    assert set(eden.host().components(ORGANISATION)) == {
        Component("office", "org_office", "organisation_id"), Component("profile", "org_profile", "organisation_id", "id", False),
        Component("location", "org_note", "organisation_id")}
    assert eden.host().single_keys("org_profile") == ("organisation_id",)
    assert eden.host().single_keys("org_office") == ()
    eden.components[PERSON] = components(address={"tablename": "pr_address", "fkey": "pe_id", "pkey": "pe_id"})
    assert eden.host().components(PERSON) == (Component("address", "pr_address", "pe_id", "pe_id"),)


def test_components_of_components_are_no_parts(eden: EdenSite) -> None:
    eden.components[ORGANISATION] = components(office={"tablename": "org_office", "fkey": "organisation_id"})
    eden.components["org_office"] = components(profile={"tablename": "org_profile", "fkey": "organisation_id"})
    assert eden.open().scope(ORGANISATION) == [ORGANISATION, "org_office"]


# --- the order of an import -----------------------------------------------------------------------------------------


def test_order_and_arguments_of_a_new_record(eden: EdenSite) -> None:
    eden.audits = True
    eden.configure(PERSON, super_entity="pr_pentity", onvalidation=eden.hook("onvalidation", _form),
                   create_onaccept=eden.hook("create_onaccept", _form), onaccept=eden.hook("onaccept"))
    assert eden.one(record(PERSON, "p1", {"first_name": "Ada"})).result == "created"
    assert eden.names() == ["onvalidation", "audit", "s3_set_record_owner", "create_onaccept"]
    number = eden.id_of(PERSON, "p1")
    calls = {call[0]: call[1:] for call in eden.calls}
    assert calls["onvalidation"][0] == "create" and "id" not in calls["onvalidation"][1] and calls["onvalidation"][2]
    assert calls["audit"] == ("create", "pr", "person", number, "xml")
    assert calls["s3_set_record_owner"] == (PERSON, number)
    assert calls["create_onaccept"][1]["id"] == number and calls["create_onaccept"][1]["first_name"] == "Ada"
    assert eden.db[PERSON][number].pe_id


def test_an_update_leaves_the_owner_and_moves_the_realm_where_that_is_configured(eden: EdenSite) -> None:
    eden.one(record(PERSON, "p1", {"first_name": "Ada"}))
    number = eden.id_of(PERSON, "p1")
    eden.calls.clear()
    assert eden.one(record(PERSON, "p1", {"first_name": "Bea"}, vector="aaaaaaaaaaaa:2")).result == "updated"
    assert order(eden.calls, "s3_set_record_owner", "set_realm_entity") == []
    eden.configure(PERSON, update_realm=True)
    eden.one(record(PERSON, "p1", {"first_name": "Cai"}, vector="aaaaaaaaaaaa:3"))
    assert [c for c in eden.calls if c[0] == "set_realm_entity"] == [("set_realm_entity", PERSON, number, True)]


def test_owners_are_asked_for_only_where_they_depend_on_the_record(eden: EdenSite) -> None:
    eden.one(record("gis_location", "l1", {"name": "Nairobi"}))
    assert eden.names() == []
    eden.realm = lambda table, row: 0
    eden.one(record("gis_location", "l2", {"name": "Mombasa"}))
    assert eden.names() == ["get_realm_entity"]


def test_a_deletion(eden: EdenSite) -> None:
    eden.audits = True
    eden.configure(PERSON, super_entity="pr_pentity", ondelete_cascade=eden.hook("ondelete_cascade"),
                   ondelete=eden.hook("ondelete", lambda row: (row.id, row.first_name)))
    eden.one(record(PERSON, "p1", {"first_name": "Ada"}))
    number = eden.id_of(PERSON, "p1")
    eden.calls.clear()
    assert eden.one(record(PERSON, "p1", deleted=True, vector="aaaaaaaaaaaa:2")).result == "deleted"
    assert order(eden.calls, "ondelete_cascade", "ondelete", "audit", "delete_super") == \
        ["ondelete_cascade", "ondelete", "audit", "delete_super"]
    assert ("ondelete", number, "Ada") in eden.calls and ("delete_super", PERSON, number) in eden.calls
    assert "load_all_models" in eden.names()         # else a table that refers to it might not be known yet


def test_deduplicate_gets_an_item(eden: EdenSite) -> None:
    def find(item: Any) -> None:
        eden.note("deduplicate", item.tablename, item.data.get("first_name"))
        item.id, item.method = number, item.METHOD.UPDATE

    eden.configure(PERSON, deduplicate=find)
    eden.one(record(PERSON, "p1", {"first_name": "Ada"}))
    number = eden.id_of(PERSON, "p1")
    repository = eden.peer(synchronise_uuids=True)
    eden.one(record(PERSON, "p2", {"first_name": "Ada"}), repository=repository)
    assert ("deduplicate", PERSON, "Ada") in eden.calls
    assert eden.id_of(PERSON, "p2") == number


def test_eden_knows_that_records_come_in_bulk_and_gets_no_task_per_location(eden: EdenSite) -> None:
    def accept(form: Any) -> None:
        eden.note("bulk", current.response.s3.bulk)
        current.s3task.run_async("gis_update_location_tree", args=[json.dumps({"id": form.vars.id})])
        current.s3task.run_async("org_site_check", args=[1])

    eden.configure("gis_location", onaccept=accept)
    eden.one(record("gis_location", "l1", {"name": "Nairobi"}))
    assert eden.names() == ["bulk", "update_location_tree", "run_async"]
    assert ("bulk", True) in eden.calls and ("update_location_tree", {"id": eden.id_of("gis_location", "l1")}) in eden.calls
    assert ("run_async", "org_site_check", [1]) in eden.calls
    assert current.response.s3.bulk is False
    eden.calls.clear()
    current.s3task.run_async("gis_update_location_tree", args=["{}"])
    assert eden.names() == ["run_async"]             # afterwards Eden's own again


def test_what_a_check_raises_is_ignored_as_eden_does(eden: EdenSite, caplog: pytest.LogCaptureFixture) -> None:
    def check(form: Any) -> None:
        import shapely_that_is_not_there  # type: ignore[import-not-found]  # noqa: F401

    def refuse(form: Any) -> None:
        form.errors.name = "no such place"

    eden.configure("gis_location", onvalidation=check)
    assert eden.one(record("gis_location", "l1", {"name": "Nairobi"})).result == "created"
    assert "shapely_that_is_not_there" in caplog.text
    eden.configure("gis_location", onvalidation=[check, refuse])
    assert eden.one(record("gis_location", "l2", {"name": "Nowhere"})).result == "created"      # it got no further
    eden.configure("gis_location", onvalidation=refuse)
    assert "no such place" in eden.one(record("gis_location", "l3", {"name": "Nowhere"})).reason


# --- permissions ----------------------------------------------------------------------------------------------------


def test_tables_without_permission_are_refused(eden: EdenSite) -> None:
    eden.auth.denied.add(("create", PERSON))
    outcome = eden.one(record(PERSON, "p1", {"first_name": "Ada"}))
    assert (outcome.result, outcome.code) == ("rejected", "not-permitted")
    assert eden.db(eden.db[PERSON].id > 0).isempty()


def test_records_without_permission_are_refused_each_by_itself(eden: EdenSite) -> None:
    eden.apply(record(PERSON, "p1", {"first_name": "Ada"}), record(PERSON, "p2", {"first_name": "Bea"}))
    eden.auth.user.id = 7
    eden.auth.denied.add(("update", PERSON, eden.id_of(PERSON, "p1")))
    found = eden.apply(record(PERSON, "p1", {"first_name": "X"}, vector="aaaaaaaaaaaa:2"),
                       record(PERSON, "p2", {"first_name": "Y"}, vector="aaaaaaaaaaaa:2"))
    assert {o.uuid: o.result for o in found} == {"p1": "rejected", "p2": "updated"}
    assert [row.first_name for row in eden.db(eden.db[PERSON].id > 0).select(orderby=eden.db[PERSON].id)] == ["Ada", "Y"]


def test_what_may_not_be_read_is_not_exported(eden: EdenSite) -> None:
    assert eden.host().condition(ORGANISATION, []) == ""           # an administrator
    eden.approving.add(ORGANISATION)
    assert "secret" in eden.host().condition(ORGANISATION, [])     # approval holds for administrators too
    eden.approving.clear()
    eden.auth.user.id = 7
    both = eden.host().condition(ORGANISATION, ["~.year=1971"])
    assert "secret" in both and "1971" in both
    assert ("s3_accessible_query", "read", ORGANISATION) in eden.calls
    assert eden.host(everything=True).condition(ORGANISATION, []) == ""


def test_whose_permissions_count(eden: EdenSite) -> None:
    host = eden.host()
    host.impersonate(ADMIN)
    assert eden.names() == [] and host.user_id == ADMIN and host.member()
    host.impersonate(7)
    assert eden.names() == ["s3_impersonate"] and host.user_id == 7 and not host.member()
    host.impersonate(None)
    assert host.user_id is None and not host.member()


# --- validators of Eden's own ---------------------------------------------------------------------------------------


def _validator(name: str, **attributes: Any) -> Any:
    def refuses(self: Any, value: Any) -> tuple[Any, str]:
        return value, "would be read in the user's language and time zone"
    return type(name, (), {"__call__": refuses, "minimum": None, "maximum": None, **attributes})()


def test_of_edens_own_validators_the_limits_count(eden: EdenSite) -> None:
    table = eden.db[ORGANISATION]
    table.start_date.requires = _validator("IS_EMPTY_OR", other=_validator("IS_UTC_DATE", minimum=date(2000, 1, 1)))
    table.year.requires = _validator("IS_EMPTY_OR", other=_validator("IS_INT_AMOUNT", maximum=2100, error_message="too late"))

    def fate(uuid: str, **values: Any) -> str:
        return eden.one(record(ORGANISATION, uuid, {"name": "A", "comments": "c", **values})).reason

    assert fate("o1", year=2101).startswith("year: too late")
    assert fate("o2", year=2100) == fate("o3", year=None) == ""
    assert fate("o4", start_date="1999-12-31") == ""               # Eden's imports do not validate dates


def test_references_in_json_are_configured_as_in_eden(eden: EdenSite) -> None:
    eden.configure(ORGANISATION, json_references=("comments",))
    assert eden.host().hooks(ORGANISATION).json_references == ("comments",)


def test_a_location_keeps_what_its_hooks_need(eden: EdenSite) -> None:
    eden.configure("gis_location", xml_post_parse=lambda element, values: None)
    schema = eden.host().table("gis_location").schema
    assert schema.source and "path" not in schema.by_name


def test_who_begins_a_run_does_not_have_all_models_loaded(eden: EdenSite) -> None:
    asked = {"repository": "urn:uuid:there", "contact": "0..abcdef"}
    said = json.loads(handshake.answer(eden.open(), Request("GET", asked)).body)
    assert said["uuid"] == eden.uuid and "contact" in said and "tables" not in said
    assert "load_all_models" not in eden.names()
    assert ORGANISATION in json.loads(handshake.answer(eden.open(), Request("GET", {})).body)["tables"]
