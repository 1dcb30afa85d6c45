"""Conflicts, as a person sees and decides them."""
from __future__ import annotations

import re
from typing import Any

import pytest
from furnishing import row, text, trouble
from visitor import Visitor


@pytest.fixture
def found(site: Any, repository: int) -> Any:
    """Conflicts of a repository of its own."""
    return trouble(site, repository)


def record(site: Any, found: Any) -> Any:
    return row(site, "org_organisation", uuid=found["uuid"])


class TestConflicts:
    def test_every_page_leads_there(self, site: Any, admin: Visitor, repository: int, found: Any) -> None:
        count = site.sql("SELECT COUNT(*) AS n FROM sync_conflict WHERE status = 'open'")[0]["n"]
        for address in ("/sync/index", "/sync/config", f"/sync/repository/{repository}/task", "/sync/log"):
            page = admin.get(address)
            assert f'<a href="/eden/sync/conflict">{count} conflicts to decide</a>' in page.text, address
        assert f'href="/eden/sync/conflict?repository={repository}">2 conflicts to decide' in admin.get("/sync/index").text

    def test_the_list(self, admin: Visitor, repository: int, found: Any) -> None:
        page = admin.get(f"/sync/conflict?repository={repository}")
        assert re.findall(r'href="/eden/sync/conflict/(\d+)"', page.text) == [str(found["deletion"]), str(found["conflict"])]
        assert "Red Cross Relief org_organisation" in text(page)
        page = admin.get(f"/sync/conflict?repository={repository}&status=settled")
        assert re.findall(r'href="/eden/sync/conflict/(\d+)"', page.text) == [str(found["settled"])]

    def test_both_versions_side_by_side(self, admin: Visitor, found: Any) -> None:
        page = text(admin.get(f"/sync/conflict/{found['conflict']}"))
        assert "Comments Ours Red Cross" in page and "Name Red Cross Relief Their Relief" in page
        assert "Conflict Policy Ask" in page

    def test_keep_mine(self, site: Any, admin: Visitor, found: Any) -> None:
        before = record(site, found)
        answer = admin.send(f"/sync/conflict/{found['conflict']}", "sync_conflict", choice="mine")
        assert answer.url.endswith("/sync/conflict") and "is decided" in text(answer)
        assert (record(site, found)["name"], record(site, found)["comments"]) == (before["name"], before["comments"])
        entry = row(site, "sync_conflict", id=found["conflict"])
        assert (entry["status"], entry["winner"], entry["decided_by"]) == ("resolved", "mine", 1)
        assert row(site, "sync_version", record_uuid=found["uuid"])["vector"].count(":") == 2      # of both sites
        page = admin.get(f"/sync/conflict/{found['conflict']}")
        assert "Decided" in text(page) and "admin@example.com" in text(page) and 'name="choice"' not in page.text

    def test_take_theirs(self, site: Any, admin: Visitor, found: Any) -> None:
        admin.send(f"/sync/conflict/{found['conflict']}", "sync_conflict", choice="theirs")
        assert (record(site, found)["name"], record(site, found)["comments"]) == ("Their Relief", "Red Cross")

    def test_field_by_field(self, site: Any, admin: Visitor, found: Any) -> None:
        admin.send(f"/sync/conflict/{found['conflict']}", "sync_conflict", choice="fields", side_name="theirs",
                   side_comments="mine")
        assert (record(site, found)["name"], record(site, found)["comments"]) == ("Their Relief", "Ours")
        assert row(site, "sync_conflict", id=found["conflict"])["winner"] == "merged"

    def test_a_deletion(self, site: Any, admin: Visitor, found: Any) -> None:
        address = f"/sync/conflict/{found['deletion']}"
        page = admin.get(address)
        assert "Record exists deleted" in text(page) and 'type="radio"' not in page.text
        admin.send(address, "sync_conflict", choice="theirs")
        assert record(site, found)["deleted"] == "T"

    def test_a_decision_of_the_policy_can_be_changed(self, site: Any, admin: Visitor, found: Any) -> None:
        admin.send(f"/sync/conflict/{found['settled']}", "sync_conflict", choice="theirs")
        assert record(site, found)["comments"] == "Theirs"

    @pytest.mark.parametrize("values", [{"choice": "both"}, {}, {"choice": "fields", "side_name": "yours"}])
    def test_what_is_no_choice(self, site: Any, admin: Visitor, found: Any, values: dict[str, str]) -> None:
        answer = admin.send(f"/sync/conflict/{found['conflict']}", "sync_conflict", **values)
        assert "Nothing was changed" in text(answer)
        assert row(site, "sync_conflict", id=found["conflict"])["status"] == "open"

    def test_what_cannot_be_stored(self, site: Any, admin: Visitor, found: Any) -> None:
        """It says why, and the conflict stays."""
        site.shell("db(db.sync_conflict.id == arguments).update(theirs='{\"name\": null}')", found["conflict"])
        answer = admin.send(f"/sync/conflict/{found['conflict']}", "sync_conflict", choice="theirs")
        assert "Nothing was changed" in text(answer) and record(site, found)["name"] == "Red Cross Relief"
        assert row(site, "sync_conflict", id=found["conflict"])["status"] == "open"

    def test_page_by_page(self, site: Any, admin: Visitor, repository: int) -> None:
        site.shell("for number in range(120): db.sync_conflict.insert(repository_id=arguments, tablename='org_organisation', "
                   "record_uuid='urn:uuid:%s' % number, mine='{}', theirs='{}', status='settled')", repository)
        seen: list[str] = []
        for number in (1, 2, 3):
            page = admin.get(f"/sync/conflict?repository={repository}&status=settled&page={number}")
            seen += re.findall(r'<th scope="row"[^>]*>urn:uuid:(\d+)', page.text)
        assert seen == [str(number) for number in range(119, -1, -1)]
        assert "101 to 120 of 120" in text(admin.get(f"/sync/conflict?repository={repository}&status=settled&page=99"))
