"""Components in all their forms, as an Eden nests them, in both directions (S3XML §6)."""
from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from pydal import Field
from shaped_site import PEER, ShapedSite

from s3sync.engine.apply import Applier
from s3sync.engine.decide import Policies
from s3sync.engine.export import Exporter
from s3sync.engine.flatten import flatten
from s3sync.engine.peer import Task
from s3sync.engine.plain import write_document
from s3sync.hosts.web2py import declare
from s3sync.s3xml.document import Document

TABLE = "org_organisation"
BRANCH = "org_organisation_branch"


class Shop(ShapedSite):
    """Also with a table that links organisations twice, and a link table to something else."""

    def connect(self) -> None:
        super().connect()
        db, meta = self.db, self.meta
        db.define_table(BRANCH, Field("organisation_id", f"reference {TABLE}"), Field("branch_id", f"reference {TABLE}"),
                        Field("since", "date"), *meta())
        db.define_table("org_sector", Field("name"), *meta())
        db.define_table("org_sector_organisation", Field("organisation_id", f"reference {TABLE}"),
                        Field("sector_id", "reference org_sector"), Field("share", "integer"), *meta())
        declare(db, TABLE, components=[
            dict(alias="branch", table=BRANCH, fkey="organisation_id"),
            dict(alias="parent", table=BRANCH, fkey="branch_id"),
            dict(alias="sector_organisation", table="org_sector_organisation", fkey="organisation_id"),
            dict(alias="office", table="org_office", fkey="organisation_id"),
            dict(alias="profile", table="org_profile", fkey="organisation_id", multiple=False)])
        db.commit()


@pytest.fixture
def here(tmp_path: Path) -> Shop:
    return Shop(tmp_path, "here")


@pytest.fixture
def there(tmp_path: Path) -> Shop:
    return Shop(tmp_path, "there")


def imported(here: ShapedSite, document: str | bytes) -> dict[str, str]:
    """Import a document; fates by uuid."""
    site = here.open()
    source = document if isinstance(document, bytes) else f"<s3xml>{document}</s3xml>".encode()
    found = Document(io.BytesIO(source), lambda name: site.table(name).schema if site.host.carries(name) else None)
    fates = {}
    for record in flatten(site, found):
        for outcome in Applier(site, None, PEER, Policies(update="OTHER", conflict="OTHER")).apply(record.table, [record]):
            fates[outcome.uuid] = outcome.result
    site.db.commit()
    return fates


def exported(here: ShapedSite, table: str = TABLE) -> bytes:
    site, target = here.open(), io.BytesIO()
    write_document(site, Task(0, table), None, target, Exporter(site))
    site.db.commit()
    return target.getvalue()


def organisation(uuid: str, inner: str) -> str:
    return f'<resource name="{TABLE}" uuid="{uuid}"><data field="name">{uuid}</data>{inner}</resource>'


def part(table: str, uuid: str, inner: str = "", **attributes: str) -> str:
    said = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f'<resource name="{table}" uuid="{uuid}"{said}>{inner}</resource>'


def reference(field: str, uuid: str, table: str = TABLE) -> str:
    return f'<reference field="{field}" resource="{table}" uuid="{uuid}"/>'


def test_two_components_of_one_table_by_alias(here: Shop) -> None:
    body = organisation("o1", part(BRANCH, "b1", reference("branch_id", "o2"), alias="branch")
                        + part(BRANCH, "b2", reference("organisation_id", "o3"), alias="parent")
                        + part(BRANCH, "b3", reference("branch_id", "o3"), alias="nobody"))
    found = imported(here, organisation("o2", "") + organisation("o3", "") + body)
    assert {n: r for n, r in found.items() if n[0] == "b"} == {"b1": "created", "b2": "created"}     # the alias decides
    ids = {name: here.id_of(TABLE, name) for name in ("o1", "o2", "o3")}
    first, second = here.get(BRANCH, "b1"), here.get(BRANCH, "b2")
    assert (first.organisation_id, first.branch_id) == (ids["o1"], ids["o2"])
    assert (second.organisation_id, second.branch_id) == (ids["o3"], ids["o1"])


def test_without_alias_the_one_that_is_called_like_the_table_or_the_only_one(here: Shop) -> None:
    office = part("org_office", "f1", '<data field="name">F</data>')
    assert imported(here, organisation("o1", office)) == {"o1": "created", "f1": "created"}
    assert here.get("org_office", "f1").organisation_id == here.id_of(TABLE, "o1")


def test_unknown_components_are_passed_over(here: Shop) -> None:
    inner = part("gis_location", "l1", '<data field="name">L</data>') + part("no_table", "x1")
    assert imported(here, organisation("o1", inner)) == {"o1": "created"}


def test_a_link_table_with_what_it_links_to_behind(here: Shop) -> None:
    to = reference("sector_id", "health", "org_sector")
    link = part("org_sector_organisation", "s1", f'<data field="share" value="40"/>{to}')
    sector = '<resource name="org_sector" uuid="health"><data field="name">Health</data></resource>'
    assert set(imported(here, organisation("o1", link) + sector)) == {"o1", "s1", "health"}
    row = here.get("org_sector_organisation", "s1")
    assert (row.organisation_id, row.sector_id, row.share) == (
        here.id_of(TABLE, "o1"), here.id_of("org_sector", "health"), 40)         # the sector came after the link


def test_of_a_single_component_only_the_first_counts(here: Shop) -> None:
    here.insert(TABLE, name="o1", uuid="o1")
    mine = here.insert("org_profile", motto="mine", organisation_id=here.id_of(TABLE, "o1"))
    first = part("org_profile", "p1", '<data field="motto">theirs</data>')
    second = part("org_profile", "p2", '<data field="motto">one too many</data>')
    found = imported(here, organisation("o1", first + second))
    assert found == {"o1": "unchanged", mine: "updated"}                          # whatever its uuid, ours keeps its own
    assert here.get("org_profile", mine).motto == "theirs" and here.db(here.db.org_profile).count() == 1


def test_components_of_components(here: Shop) -> None:
    declare(here.db, "org_office", components=[dict(alias="contract", table="org_contract", fkey="organisation_id")])
    inner = part("org_office", "f1", '<data field="name">F</data>' + part("org_contract", "c1", '<data field="title">T</data>'))
    found = imported(here, organisation("o1", inner))
    assert found["f1"] == "created" and "c1" in found


def test_a_deleted_component_within_a_live_master(here: Shop) -> None:
    office = part("org_office", "f1", '<data field="name">F</data>')
    imported(here, organisation("o1", office))
    gone = part("org_office", "f1", deleted="True", modified_on="2026-05-01T00:00:00")
    assert imported(here, organisation("o1", gone))["f1"] == "deleted"
    assert here.get("org_office", "f1").deleted and not here.get(TABLE, "o1").deleted


def test_a_bad_component_is_rejected_alone(here: Shop) -> None:
    bad = part(BRANCH, "b1", '<data field="since" value="no date at all"/>', alias="branch")
    good = part(BRANCH, "b2", '<data field="since" value="2026-01-01"/>', alias="branch")
    assert imported(here, organisation("o1", bad + good)) == {"o1": "created", "b1": "rejected", "b2": "created"}


def test_all_of_it_there_and_back(here: Shop, there: Shop) -> None:
    """What one site writes for a plain Eden is read by another as the same records."""
    db = here.db
    ids = {name: db[TABLE].insert(name=name, uuid=name) for name in ("o1", "o2")}
    db[BRANCH].insert(organisation_id=ids["o1"], branch_id=ids["o2"], uuid="b1")
    sector = db.org_sector.insert(name="Health", uuid="health")
    db.org_sector_organisation.insert(organisation_id=ids["o1"], sector_id=sector, share=7, uuid="s1")
    db.org_office.insert(name="F", organisation_id=ids["o2"], uuid="f1")
    db.org_profile.insert(motto="M", organisation_id=ids["o1"], uuid="p1")
    db.commit()
    document = exported(here)
    root = etree.fromstring(document)
    assert [(e.getparent().get("uuid"), e.get("name"), e.get("alias")) for e in root.iter("resource") if e.getparent() is not root
            and e.get("name") == BRANCH] == [("o1", BRANCH, "branch"), ("o2", BRANCH, "parent")]
    assert root.xpath('//resource[@uuid="b1"]/reference/@field') == ["branch_id", "organisation_id"]   # not the key to its master
    fates = imported(there, document)
    assert set(fates) == {"o1", "o2", "b1", "health", "s1", "f1", "p1"} and "rejected" not in fates.values()
    tables = (TABLE, BRANCH, "org_sector", "org_sector_organisation", "org_office", "org_profile")
    assert {name: there.records(name) for name in tables} == {name: here.records(name) for name in tables}


def test_components_through_a_super_entity_there_and_back(here: Shop, there: Shop) -> None:
    imported(here, part("pr_person", "p1", '<data field="first_name">A</data>' + part(
        "pr_address", "a1", '<data field="street">S</data>')))
    document = exported(here, "pr_person")
    assert imported(there, document) == {"p1": "created", "a1": "created"}
    for site in (here, there):
        address, person = site.get("pr_address", "a1"), site.get("pr_person", "p1")
        assert address.pe_id == person.pe_id and site.db.pr_pentity[person.pe_id].uuid == "p1"


def test_a_master_that_is_only_referred_to_has_its_components_with_it(here: Shop) -> None:
    """Everything nested is read, also below what stands inside a reference."""
    inside = organisation("o1", part("org_office", "f1", '<data field="name">F</data>'))
    to = f'<reference field="organisation_id" resource="{TABLE}">{inside}</reference>'
    note = f'<resource name="org_note" uuid="n1">{to}</resource>'
    assert set(imported(here, note)) == {"n1", "o1", "f1"}
    assert here.get("org_note", "n1").organisation_id == here.id_of(TABLE, "o1")


def test_the_same_document_again_changes_nothing(here: Shop) -> None:
    body = organisation("o2", "") + organisation("o1", part(BRANCH, "b1", reference("branch_id", "o2"), alias="branch")
                                                 + part("org_office", "f1", '<data field="name">F</data>'))
    imported(here, body)
    states: list[Any] = []
    for _ in range(2):
        assert set(imported(here, body).values()) == {"unchanged"}
        states.append([here.records(name) for name in (TABLE, BRANCH, "org_office")])
    assert states[0] == states[1]
