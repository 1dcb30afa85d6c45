"""Super-records, owners and realms of a real Eden's records, kept without Eden's own functions where those can be spared."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from eden_site import EdenSite, order
from pydal import Field
from shaped_site import record

from s3sync.engine.apply import Applier
from s3sync.engine.decide import Policies

SHELTER, GROUP, PERSON = "cr_shelter", "pr_group", "pr_person"


@pytest.fixture
def eden(tmp_path: Path) -> EdenSite:
    site = EdenSite(tmp_path, "eden")
    db = site.db
    db.define_table("org_site", Field("site_id", "id"), Field("instance_type"), Field("uuid", length=128),
                    Field("deleted", "boolean", default=False), Field("code"), Field("name"),
                    Field("obsolete", "boolean", default=False), Field("organisation_id", "reference org_organisation"),
                    Field("owned_by_user", "integer"), Field("realm_entity", "integer"))
    db.define_table(SHELTER, Field("site_id", "reference org_site"), Field("pe_id", "reference pr_pentity"),
                    Field("name"), Field("code"), Field("organisation_id", "reference org_organisation"),
                    Field("obsolete", "boolean", default=False), *site.meta())
    site.configure(SHELTER, super_entity=("pr_pentity", "org_site"))
    site.configure("org_site", no_shared_fields=("code",))
    return site


def test_a_new_record_gets_its_super_records(eden: EdenSite) -> None:
    def accepted(form: Any) -> None:
        row = eden.db[SHELTER](form.vars.id)
        eden.note("onaccept", row.pe_id, row.site_id, row.realm_entity)

    eden.configure("org_site", onaccept=eden.hook("site", lambda form: (dict(form.vars),)))
    eden.configure("pr_pentity", onaccept=eden.hook("wrong"))
    eden.configure("pr_pentity", create_onaccept=eden.hook("pentity", lambda form: (form.vars.pe_id,)))
    eden.configure(SHELTER, onaccept=accepted)
    eden.one(record("org_organisation", "o1", {"name": "Red Cross"}))
    eden.calls.clear()
    came = record(SHELTER, "s1", {"name": "School", "code": "S1", "organisation_id": "o1", "obsolete": True})
    assert eden.one(came).result == "created"
    row = eden.db[SHELTER](uuid="s1")
    site = eden.db.org_site[row.site_id]
    assert (site.uuid, site.instance_type, site.name, site.obsolete, site.deleted) == ("s1", SHELTER, "School", True, False)
    assert site.code is None                                               # not shared
    assert (site.organisation_id, site.owned_by_user) == (row.organisation_id, eden.auth.user.id)
    assert site.realm_entity == row.realm_entity == row.pe_id
    assert eden.db.pr_pentity[row.pe_id].uuid == "s1"
    # each super-record's own code before the next one, all of it before the record's own
    assert [c[0] for c in eden.calls if c[0] != "resource"] == ["pentity", "site", "get_realm_entity", "onaccept"]
    assert ("onaccept", row.pe_id, row.site_id, row.pe_id) in eden.calls and ("pentity", row.pe_id) in eden.calls
    told, = [c[1] for c in eden.calls if c[0] == "site"]
    assert (told["site_id"], told["name"], told["obsolete"], told["deleted"], told["instance_type"]) == \
        (row.site_id, "School", True, False, SHELTER)


def test_an_update_reaches_the_super_record_and_leaves_the_owner(eden: EdenSite) -> None:
    eden.configure("org_site", update_onaccept=eden.hook("update", lambda form: (form.vars.name,)),
                   create_onaccept=eden.hook("create", lambda form: (form.vars.name,)))
    eden.one(record(SHELTER, "s1", {"name": "School"}))
    before = eden.db[SHELTER](uuid="s1")
    eden.calls.clear()
    eden.one(record(SHELTER, "s1", {"name": "Hall"}, "aaaaaaaaaaaa:2"))
    assert order(eden.calls, "update", "create", "get_realm_entity") == ["update"] and ("update", "Hall") in eden.calls
    row = eden.db[SHELTER](uuid="s1")
    assert (row.site_id, row.pe_id, row.realm_entity) == (before.site_id, before.pe_id, before.realm_entity)
    assert eden.db.org_site[row.site_id].name == "Hall" and eden.db(eden.db.org_site).count() == 1
    eden.db(eden.db.org_site).delete()                                     # lost: made anew
    eden.one(record(SHELTER, "s1", {"name": "Barn"}, "aaaaaaaaaaaa:3"))
    assert eden.db.org_site[eden.db[SHELTER](uuid="s1").site_id].name == "Barn"


def test_shared_columns_may_have_other_names(eden: EdenSite) -> None:
    eden.configure(SHELTER, org_site_fields={"name": "code", "nonsense": "name", "code": "name"})
    eden.one(record(SHELTER, "s1", {"name": "School", "code": "S1"}))
    site = eden.db.org_site[eden.db[SHELTER](uuid="s1").site_id]
    assert (site.name, site.code, site.obsolete) == ("S1", None, False)


def test_an_error_in_the_super_records_code_rejects_the_record_with_all_it_brought(eden: EdenSite) -> None:
    def fails(form: Any) -> None:
        if form.vars.name == "bad":
            raise KeyError("no code left")

    eden.configure("org_site", onaccept=fails)
    fates = {o.uuid: o for o in eden.apply(*[record(SHELTER, u, {"name": n}) for u, n in (("s1", "bad"), ("s2", "good"))])}
    assert fates["s1"].result == "rejected" and "no code left" in fates["s1"].reason and fates["s2"].result == "created"
    assert [row.uuid for row in eden.db(eden.db.org_site).select()] == ["s2"]
    assert [row.uuid for row in eden.db(eden.db.pr_pentity).select()] == ["s2"]


def test_super_tables_with_callbacks_are_left_to_eden(eden: EdenSite) -> None:
    eden.db.pr_pentity._after_insert.append(lambda fields, number: eden.note("after_insert", fields["uuid"]))
    eden.one(record(SHELTER, "s1", {"name": "School"}))
    assert [c for c in eden.calls if c[0] in ("update_super", "after_insert")] == \
        [("update_super", SHELTER, 1), ("after_insert", "s1")]


def test_personal_records_and_owner_groups_are_left_to_eden(eden: EdenSite) -> None:
    eden.one(record(PERSON, "p1", {"first_name": "Ada"}))
    assert order(eden.calls, "s3_set_record_owner", "get_realm_entity") == ["s3_set_record_owner"]
    eden.calls.clear()
    eden.configure(SHELTER, owner_group=7)
    eden.one(record(SHELTER, "s1", {"name": "School"}))
    assert order(eden.calls, "s3_set_record_owner", "get_realm_entity") == ["s3_set_record_owner"]
    assert eden.db[SHELTER](uuid="s1").pe_id


def test_code_of_edens_that_has_nothing_to_do_is_left_out(eden: EdenSite) -> None:
    def pr_pentity_onaccept(form: Any) -> None:
        eden.note("pentity", form.vars.instance_type)

    pr_pentity_onaccept.__module__ = "applications.eden.modules.s3db.pr"
    eden.configure("pr_pentity", onaccept=pr_pentity_onaccept)
    eden.configure("org_organisation", super_entity=())
    eden.configure(GROUP, super_entity="pr_pentity")
    eden.one(record(GROUP, "g1", {"name": "Team"}))
    assert order(eden.calls, "pentity") == []
    eden.one(record(SHELTER, "s1", {"name": "School"}))                    # has a site and an organisation
    assert [c for c in eden.calls if c[0] == "pentity"] == [("pentity", SHELTER)]
    pr_pentity_onaccept.__module__ = "applications.eden.modules.templates.XY.config"
    eden.one(record(GROUP, "g2", {"name": "Team"}))                        # not Eden's: a template's
    assert ("pentity", GROUP) in eden.calls


def test_a_record_with_all_of_it_takes_few_statements(eden: EdenSite) -> None:
    eden.configure(SHELTER, onaccept=lambda form: None)
    site = eden.open()
    before = site.db.statements
    Applier(site, None, "peer", Policies()).apply(SHELTER, [record(SHELTER, f"s{i}", {"name": str(i)}) for i in range(100)])
    # savepoint and its release; the record, two super-records, links and realm, what of it the site shares, reading twice
    assert (site.db.statements - before) / 100 < (13 if site.db.dialect == "mysql" else 10)     # there, twice more for strictness
    site.db.commit()
    assert eden.db(eden.db.org_site).count() == 100
