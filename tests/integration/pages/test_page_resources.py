"""The resources of a repository."""
from __future__ import annotations

from typing import Any

import pytest
from furnishing import add_task, row, text
from visitor import Visitor


class TestResources:
    def test_everything_is_stored(self, site: Any, admin: Visitor, repository: int) -> None:
        answer = add_task(admin, repository, mode="1", components=None, strategy=["create", "delete"], update_policy="MASTER",
                          conflict_policy="THIS", filter=["~.name__like=Red*", ""], filter_table=["", ""])
        assert answer.url.endswith("/task") and "has been saved" in text(answer)
        task = row(site, "sync_task", repository_id=repository)
        assert (task["resource_name"], task["mode"], task["components"], task["strategy"], task["update_policy"],
                task["conflict_policy"]) == ("org_organisation", 1, "F", "|create|delete|", "MASTER", "THIS")
        stored = row(site, "sync_resource_filter", task_id=task["id"])
        assert (stored["tablename"], stored["filter_string"]) == ("org_organisation", "~.name__like=Red*")

    def test_the_defaults(self, site: Any, admin: Visitor, repository: int) -> None:
        add_task(admin, repository)
        task = row(site, "sync_task", repository_id=repository)
        assert (task["mode"], task["components"], task["strategy"], task["update_policy"], task["conflict_policy"]) == (
            3, "T", "|create|update|delete|merge|", "NEWER", "NEWER")

    def test_a_resource_only_once(self, admin: Visitor, repository: int) -> None:
        add_task(admin, repository)
        assert "already configured for this repository" in text(add_task(admin, repository))

    @pytest.mark.parametrize("values, message", [
        ({"resource_name": ""}, "Choose one of the values"),
        ({"resource_name": "auth_user"}, "Choose one of the values"),
        ({"resource_name": "sync_repository"}, "Choose one of the values"),
        ({"mode": "5"}, "Choose one of the values"),
        ({"strategy": None}, "Choose at least one"),
        ({"update_policy": "EVER"}, "Choose one of the values"),
        ({"filter": "~.no_such_field=1"}, "Filter 1"),
        ({"filter": "name=1"}, "Filter 1"),
        ({"filter": "~.name=1", "filter_table": "no_such_table"}, "Filter 1")])
    def test_what_is_wrong_is_said(self, site: Any, admin: Visitor, repository: int, values: dict[str, Any],
                                   message: str) -> None:
        answer = add_task(admin, repository, **values)
        assert "Nothing was saved" in text(answer) and message in text(answer)
        assert row(site, "sync_task", repository_id=repository) is None

    def test_other_filters_start_again_from_the_beginning(self, site: Any, admin: Visitor, repository: int) -> None:
        add_task(admin, repository, filter="~.name__like=Red*")
        task = row(site, "sync_task", repository_id=repository)["id"]
        address = f"/sync/repository/{repository}/task/{task}"
        reached = ("db(db.sync_task.id == arguments).update(last_pull='2026-01-01 00:00:00', "
                   "last_push='2026-01-01 00:00:00')")
        site.shell(reached, task)
        admin.send(address, "sync_task", mode="1", filter=["~.name__like=Red*", ""], filter_table=["", ""])
        assert row(site, "sync_task", id=task)["last_pull"] and row(site, "sync_task", id=task)["mode"] == 1
        admin.send(address, "sync_task", filter=["", ""], filter_table=["", ""])
        stored = row(site, "sync_task", id=task)
        assert stored["last_pull"] is None and stored["last_push"] is None
        assert row(site, "sync_resource_filter", task_id=task, deleted="F") is None

    def test_deleting(self, site: Any, admin: Visitor, repository: int) -> None:
        add_task(admin, repository)
        task = row(site, "sync_task", repository_id=repository)["id"]
        admin.send(f"/sync/repository/{repository}/task/{task}/delete", "sync_task_delete")
        assert row(site, "sync_task", id=task)["deleted"] == "T"
        assert "has been saved" in text(add_task(admin, repository))        # and it can be configured again
