"""Only what a form of this session sends changes anything."""
from __future__ import annotations

from typing import Any

import pytest
from furnishing import pages, row, text
from visitor import Visitor

from sites import ADMIN


class TestForgery:
    """What changes anything is a POST with a key of this session and this page."""

    ACTIONS = ["/sync/config", "/sync/pause", "/sync/repository/create", "", "/delete", "/register", "/task/create",
               "/job/create", "/job", "/now"]

    @pytest.mark.parametrize("action", ACTIONS)
    def test_without_a_key_nothing_happens(self, site: Any, admin: Visitor, shared: int, action: str) -> None:
        address = action if action.startswith("/sync") else f"/sync/repository/{shared}{action}"
        form, values = admin.form(address if action != "/register" else f"/sync/repository/{shared}",
                                  "sync_register" if action == "/register" else "")
        before = self.state(site)
        for broken in ({**values, "_formkey": "made-up"}, {k: v for k, v in values.items() if k != "_formkey"},
                       {k: v for k, v in values.items() if not k.startswith("_")}):
            answer = admin.post(address, {**broken, "name": "Forged", "proxy": "http://forged.example.org"})
            assert answer.status_code == 403 and "Nothing was changed" in text(answer)
        assert self.state(site) == before

    @pytest.mark.parametrize("rest", ["task/{task}", "task/{task}/delete", "job/{job}", "job/{job}/delete",
                                      "job/{job}/reset"])
    def test_also_of_parts(self, site: Any, admin: Visitor, shared: int, rest: str) -> None:
        task, job = row(site, "sync_task", repository_id=shared), row(site, "sync_job", repository_id=shared)
        address = f"/sync/repository/{shared}/" + rest.format(task=task["id"], job=job["scheduler_task_id"])
        before = self.state(site)
        _, values = admin.form(address, "")
        assert admin.post(address, {**values, "_formkey": "made-up"}).status_code == 403
        assert self.state(site) == before

    @pytest.mark.parametrize("table, rest", [("conflict", ""), ("quarantine", ""), ("quarantine", "/dismiss")])
    def test_also_of_trouble(self, site: Any, admin: Visitor, shared: int, table: str, rest: str) -> None:
        address = f"/sync/{table}/{row(site, f'sync_{table}', repository_id=shared, status='open')['id']}{rest}"
        before = self.state(site)
        _, values = admin.form(address, "")
        sent = {**values, "_formkey": "made-up", "choice": "theirs", "retry": "all"}
        assert admin.post(address, sent).status_code == 403
        assert admin.post("/sync/quarantine", sent).status_code == 403
        assert self.state(site) == before

    def test_a_key_counts_once(self, admin: Visitor) -> None:
        _, values = admin.form("/sync/config", "sync_config")
        assert admin.post("/sync/config", values).status_code == 200
        assert admin.post("/sync/config", values).status_code == 403

    def test_the_key_of_another_session_does_not_count(self, site: Any, admin: Visitor) -> None:
        _, values = admin.form("/sync/config", "sync_config")
        assert Visitor(site).login(*ADMIN).post("/sync/config", values).status_code == 403

    def test_looking_changes_nothing(self, site: Any, admin: Visitor, shared: int) -> None:
        before = self.state(site)
        for address in pages(site, shared):
            admin.get(address)
        assert self.state(site) == before

    @staticmethod
    def state(site: Any) -> list[Any]:
        return [[tuple(found) for found in site.sql(f"SELECT * FROM {name} ORDER BY id")]
                for name in ("sync_config", "sync_repository", "sync_task", "sync_resource_filter", "sync_job",
                             "scheduler_task", "sync_log", "sync_pause", "sync_conflict", "sync_quarantine", "sync_waiting")]
