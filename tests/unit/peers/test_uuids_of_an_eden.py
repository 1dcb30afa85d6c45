"""uuids that are no URN: Eden puts its domain before them in some places and not in others; to us each record has one."""
from __future__ import annotations

import io
from pathlib import Path

from local_sites import LocalSite
from shaped_site import ShapedSite, record

from s3sync.engine.apply import Applier
from s3sync.engine.decide import Policies
from s3sync.engine.export import Exporter
from s3sync.engine.flatten import flatten
from s3sync.engine.peer import Task
from s3sync.engine.plain import write_document
from s3sync.peers.eden import there
from s3sync.s3xml.document import Document

TABLE = "org_organisation"

#: as a real Eden of the domain eden.org writes its own records PREPOP and HQ
DOCUMENT = (f'<s3xml domain="eden.org"><resource name="{TABLE}" uuid="eden.org/PREPOP" modified_on="2026-01-01T00:00:00">'
            '<data field="name">A</data></resource><resource name="org_office" uuid="eden.org/HQ"><data field="name">F</data>'
            f'<reference field="organisation_id" resource="{TABLE}" uuid="PREPOP"/></resource>'
            f'<resource name="{TABLE}" uuid="eden.org/OLD" deleted="True" replaced_by="PREPOP"/></s3xml>')


def taken(site: LocalSite, body: str, domain: str) -> dict[str, str]:
    here = site.open()
    document = Document(io.BytesIO(body.encode()), lambda name: here.table(name).schema, domain=domain)
    found = {}
    for each in flatten(here, document):
        for outcome in Applier(here, None, "urn:uuid:eden", Policies(update="OTHER", conflict="OTHER")).apply(each.table, [each]):
            found[outcome.uuid] = outcome.result
    here.db.commit()
    return found


def test_of_another_site(tmp_path: Path) -> None:
    here = ShapedSite(tmp_path, "here")
    here.insert(TABLE, name="Old", uuid="eden.org/OLD")
    assert taken(here, DOCUMENT, "here.org") == {"eden.org/PREPOP": "created", "eden.org/HQ": "created", "eden.org/OLD": "merged"}
    assert here.get("org_office", "eden.org/HQ").organisation_id == here.id_of(TABLE, "eden.org/PREPOP")
    assert taken(here, DOCUMENT, "here.org")["eden.org/PREPOP"] == "unchanged"


def test_our_own_that_come_back(tmp_path: Path) -> None:
    here = ShapedSite(tmp_path, "here")
    for name, uuid in (("A", "PREPOP"), ("Old", "OLD")):
        here.insert(TABLE, name=name, uuid=uuid)
    office = here.insert("org_office", name="F", uuid="HQ", organisation_id=here.id_of(TABLE, "PREPOP"))
    assert taken(here, DOCUMENT, "eden.org") == {"PREPOP": "unchanged", office: "unchanged", "OLD": "merged"}


def test_one_spelling_in_what_we_send(tmp_path: Path) -> None:
    here = ShapedSite(tmp_path, "here")
    here.one(record(TABLE, "eden.org/PREPOP", {"name": "A"}))
    here.one(record(TABLE, "MINE", {"name": "B"}))
    here.one(record("org_office", "HQ", {"name": "F", "organisation_id": "eden.org/PREPOP"}))
    here.one(record("org_note", "N", {"text": "x", "organisation_id": "MINE", "also": ["MINE", "eden.org/PREPOP"]}))
    site = here.open()
    said = ""
    for resource in (TABLE, "org_note"):
        target = io.BytesIO()
        write_document(site, Task(0, resource), None, target, Exporter(site))
        said += target.getvalue().decode()
    assert 'uuid="eden.org/PREPOP"' in said and 'uuid="MINE"' in said and 'uuid="PREPOP"' not in said
    assert 'uuid="[&quot;MINE&quot;, &quot;eden.org/PREPOP&quot;]"' in said


def test_an_eden_is_asked_for_its_records_by_both_spellings() -> None:
    assert there(["urn:uuid:1", "eden.org/PREPOP", "MINE", "a/b/c"]) == [
        "urn:uuid:1", "eden.org/PREPOP", "PREPOP", "MINE", "a/b/c", "b/c"]
