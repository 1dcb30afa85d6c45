"""A real Eden with s3sync in it: its pages, what peers are answered, and what an import goes through."""
from __future__ import annotations

import json
import uuid

import pytest
import requests
from conftest import Eden
from lxml import etree


@pytest.fixture(scope="module")
def repository(eden: Eden) -> str:
    """The uuid of a repository that is registered there."""
    identity = uuid.uuid4().urn
    answer = eden.post("sync/repository/register.json", json.dumps(
        {"uuid": identity, "name": "interop", "apitype": "eden"}).encode(), "application/json")
    assert answer.status_code == 200 and answer.json()["status"] == "success", answer.text
    assert answer.json()["sender"]
    eden.shell(f"s3sync_app.serve()\ndb(db.sync_repository.uuid == {identity!r}).update(accept_push=True)")
    return identity


def _document(*records: str) -> bytes:
    return f"<?xml version='1.0' encoding='utf-8'?><s3xml>{''.join(records)}</s3xml>".encode()


def _organisation(identity: str, name: str, when: str = "2026-01-02T03:04:05", more: str = "") -> str:
    return (f'<resource name="org_organisation" uuid="{identity}" created_on="{when}" modified_on="{when}" mci="1">'
            f'<data field="name">{name}</data>{more}</resource>')


@pytest.mark.parametrize("page", ["index", "config", "repository", "log"])
def test_pages_stand_in_edens_layout(eden: Eden, page: str) -> None:
    answer = eden.get(f"sync/{page}")
    assert answer.status_code == 200, answer.text[:500]
    assert 'class="s3sync"' in answer.text and "sync/repository" in answer.text
    assert "/default/user/logout" in answer.text          # Eden's own around it


def test_it_says_what_it_is(eden: Eden) -> None:
    found = eden.get("sync/peer.json").json()
    assert found["software"] == "s3sync" and found["uuid"] and "org_organisation" in found["tables"]
    assert not [name for name in found["tables"] if name.startswith(("auth_", "sync_", "scheduler_"))]


def test_edens_own_exports_go_on(eden: Eden) -> None:
    assert eden.get("org/organisation.xml").status_code == 200
    assert etree.fromstring(eden.get("org/organisation/sync.xml").content).tag == "s3xml"


def test_who_is_not_known_is_refused(eden: Eden) -> None:
    path = "sync/sync.xml?resource=pr_person"
    assert requests.get(f"{eden.url}/{path}", timeout=60).status_code in (401, 403)
    assert requests.get(f"{eden.url}/{path}", auth=(eden.user, "wrong"), timeout=60).status_code in (401, 403)
    assert eden.post("sync/sync.xml?resource=org_organisation&repository=urn:uuid:nobody", _document()).status_code == 403


def test_a_push_goes_through_edens_import(eden: Eden, repository: str) -> None:
    organisation, office, location = (uuid.uuid4().urn for _ in range(3))
    name = f"Interop {uuid.uuid4().hex[:8]}"
    body = _document(
        _organisation(organisation, name, more=(
            f'<resource name="org_office" uuid="{office}" modified_on="2026-01-02T03:04:05" mci="1">'
            f'<data field="name">{name} HQ</data><reference field="location_id" resource="gis_location" uuid="{location}"/>'
            "</resource>")),
        f'<resource name="gis_location" uuid="{location}" modified_on="2026-01-02T03:04:05" mci="1">'
        f'<data field="name">{name} place</data><data field="lat">1.5</data><data field="lon">36.25</data></resource>')
    url = f"sync/sync.xml?resource=org_organisation&repository={repository}"
    first = eden.post(url, body).json()
    assert first["status"] == "success" and len(first["created"]) == 1, first
    again = eden.post(url, body).json()
    assert again["status"] == "success" and "created" not in again, again
    known = json.loads(eden.shell(
        "import json\n"
        f"o = db(s3db.org_organisation.uuid == {organisation!r}).select().first()\n"
        f"f = db(s3db.org_office.uuid == {office!r}).select().first()\n"
        f"l = db(s3db.gis_location.uuid == {location!r}).select().first()\n"
        "e = s3db.pr_pentity[o.pe_id]\n"
        "print(json.dumps([e.instance_type, e.uuid == o.uuid, o.realm_entity == o.pe_id, f.organisation_id == o.id,"
        " bool(f.site_id), f.location_id == l.id, l.path == str(l.id), str(o.modified_on)]))"))
    assert known == ["org_organisation", True, True, True, True, True, True, "2026-01-02 03:04:05"]
    gone = {name: _document(f'<resource name="{name}" uuid="{identity}" deleted="True" modified_on="2026-02-02T03:04:05"/>')
            for name, identity in (("org_organisation", organisation), ("org_office", office))}
    answer = eden.post(url, gone["org_organisation"]).json()
    assert "deleted" not in answer and "restricted" in json.dumps(answer), answer      # Eden's rule: it has an office
    answer = eden.post(url.replace("org_organisation", "org_office"), gone["org_office"]).json()
    assert len(answer.get("deleted", ())) == 1, answer
    answer = eden.post(url, gone["org_organisation"]).json()
    assert len(answer.get("deleted", ())) == 1, answer
    assert organisation not in eden.records("org/organisation.xml")
    assert eden.records(f"{url}&include_deleted=True")[organisation].get("deleted", "").lower() == "true"


def test_a_record_that_eden_refuses_stops_nobody(eden: Eden, repository: str) -> None:
    good, bad = uuid.uuid4().urn, uuid.uuid4().urn
    body = _document(_organisation(bad, "x" * 600), _organisation(good, f"Interop {uuid.uuid4().hex[:8]}"))
    answer = eden.post(f"sync/sync.xml?resource=org_organisation&repository={repository}", body).json()
    assert len(answer["created"]) == 1, answer
    assert {good, bad} & set(eden.records("org/organisation.xml")) == {good}
