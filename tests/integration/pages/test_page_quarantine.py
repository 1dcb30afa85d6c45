"""Rejected records and waiting references, as a person sees them and what they can do."""
from __future__ import annotations

import re
from typing import Any

import pytest
from furnishing import row, text, trouble
from visitor import Visitor


@pytest.fixture
def found(site: Any, repository: int) -> Any:
    """Rejected records of a repository of its own."""
    return trouble(site, repository)


def entry(site: Any, number: int) -> Any:
    return row(site, "sync_quarantine", id=number)


class TestQuarantine:
    def test_the_list(self, admin: Visitor, repository: int, found: Any) -> None:
        page = admin.get(f"/sync/quarantine?repository={repository}")
        assert re.findall(r'href="/eden/sync/quarantine/(\d+)"', page.text) == [str(found["push"]), str(found["pull"])]
        assert "Depot org_office" in text(page) and "Red Cross is no name 3 2026-01-01 00:00:00 UTC" in text(page)
        assert f'href="/eden/sync/quarantine?repository={repository}">2 rejected records' in admin.get("/sync/index").text

    def test_everything_about_one(self, admin: Visitor, found: Any) -> None:
        page = admin.get(f"/sync/quarantine/{found['pull']}")
        assert "Red Cross is no name" in text(page) and "Attempts 3" in text(page) and "Rejected by this site" in text(page)
        assert "organisation_id Red Cross Relief" in text(page)
        assert "&lt;data field=&quot;name&quot;&gt;Depot&lt;/data&gt;" in page.text

    def test_trying_again(self, site: Any, admin: Visitor, repository: int, found: Any) -> None:
        address = f"/sync/quarantine?repository={repository}"
        before = entry(site, found["pull"])["next_on"]
        answer = admin.send(address, "sync_quarantine_retry", retry=str(found["pull"]))
        assert "One record is tried again" in text(answer) and answer.url.endswith(f"repository={repository}")
        assert entry(site, found["pull"])["next_on"] > before and entry(site, found["push"])["next_on"] == before
        answer = admin.send(address, "sync_quarantine_retry", retry="all")
        assert "2 records are tried again" in text(answer) and entry(site, found["push"])["next_on"] > before
        assert "not in quarantine" in text(admin.send(address, "sync_quarantine_retry", retry="999999"))

    def test_dismissing_asks_first(self, site: Any, admin: Visitor, repository: int, found: Any) -> None:
        address = f"/sync/quarantine/{found['pull']}"
        assert "not tried again" in text(admin.get(f"{address}/dismiss")) and entry(site, found["pull"])["status"] == "open"
        answer = admin.send(f"{address}/dismiss", "sync_quarantine_dismiss")
        assert "is not tried again" in text(answer) and entry(site, found["pull"])["status"] == "dismissed"
        page = admin.get(f"/sync/quarantine?repository={repository}&status=dismissed")
        assert re.findall(r'href="/eden/sync/quarantine/(\d+)"', page.text) == [str(found["pull"])]
        assert "Dismiss…" not in text(admin.get(address))
        admin.send(address, "sync_quarantine_retry")
        assert entry(site, found["pull"])["status"] == "open"

    def test_correcting(self, site: Any, admin: Visitor, found: Any) -> None:
        address = f"/sync/quarantine/{found['pull']}"
        xml = entry(site, found["pull"])["xml"]
        answer = admin.send(address, "sync_quarantine_edit", xml=xml.replace(">Depot<", ">Depot\r\nNorth ä<"))
        assert "The corrected record is tried again" in text(answer)
        assert "North ä" in entry(site, found["pull"])["xml"] and entry(site, found["pull"])["next_on"] > "2026-01-02"

    @pytest.mark.parametrize("xml", [
        "", "<s3xml>", "no XML", "<s3xml/>",
        '<s3xml><resource name="org_office" uuid="another"><data field="name">x</data></resource></s3xml>'])
    def test_what_cannot_be_read(self, site: Any, admin: Visitor, found: Any, xml: str) -> None:
        """What was written comes back with what is wrong, and nothing is changed."""
        before = tuple(entry(site, found["pull"]))
        answer = admin.send(f"/sync/quarantine/{found['pull']}", "sync_quarantine_edit", xml=xml)
        assert "Nothing was saved" in text(answer) and 'id="s3-xml-error"' in answer.text
        assert tuple(entry(site, found["pull"])) == before

    def test_what_the_peer_rejected_is_not_corrected_here(self, site: Any, admin: Visitor, found: Any) -> None:
        page = admin.get(f"/sync/quarantine/{found['push']}")
        assert "correct the record itself at this site" in text(page) and "<textarea" not in page.text
        assert "Depot" in text(page)

    def test_deleting_the_repository_dismisses_them(self, site: Any, admin: Visitor, repository: int, found: Any) -> None:
        admin.send(f"/sync/repository/{repository}/delete", "sync_repository_delete")
        assert entry(site, found["pull"])["status"] == entry(site, found["push"])["status"] == "dismissed"
        assert "(deleted)" in text(admin.get(f"/sync/quarantine/{found['pull']}"))


class TestWaiting:
    def test_the_list(self, admin: Visitor, repository: int, found: Any) -> None:
        page = text(admin.get(f"/sync/waiting?repository={repository}"))
        assert "Red Cross Relief org_organisation parent org_organisation Red Cross" in page
        assert f'href="/eden/sync/waiting?repository={repository}">1 reference waiting' in admin.get("/sync/index").text

    def test_a_file(self, site: Any, admin: Visitor, repository: int, found: Any) -> None:
        site.shell("""
db.sync_waiting.insert(tablename="org_organisation", record_uuid=arguments["uuid"], fieldname="logo", target_table="file:",
                       target_uuid="0" * 32, repository_id=arguments["repository"], since=request.utcnow, attempts=1,
                       next_on=request.utcnow, filename="<logo>.png", error="it has more than 100 bytes")
""", {"repository": repository, "uuid": found["uuid"]})
        page = text(admin.get(f"/sync/waiting?repository={repository}"))
        assert "Relief org_organisation logo File <logo>.png it has more than 100 bytes; next attempt" in page

    def test_of_another_repository(self, admin: Visitor, repository: int) -> None:
        assert "No reference is waiting" in text(admin.get(f"/sync/waiting?repository={repository}"))
