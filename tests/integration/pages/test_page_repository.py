"""The form of a repository, and the settings."""
from __future__ import annotations

import uuid
from typing import Any

import pytest
from furnishing import PASSWORD, PROXY_PASSWORD, add, row, text
from visitor import Visitor


class TestRepository:
    """Every field of the guide, required and optional as it says."""

    def test_the_remote_at_the_local_site(self, site: Any, admin: Visitor) -> None:
        """Without a UUID: the peer tells it when this site registers there (here nobody listens)."""
        repository = add(admin, name="Remote", url="http://127.0.0.1:9/eden/", username="a@b.c", password="x")
        stored = row(site, "sync_repository", id=repository)
        assert stored["url"] == "http://127.0.0.1:9/eden" and stored["accept_push"] == "F"
        assert stored["uuid"].startswith("unknown:")                    # the column must not be empty
        assert "unknown:" not in admin.get(f"/sync/repository/{repository}").text

    def test_a_failed_registration_is_told_and_logged(self, site: Any, admin: Visitor) -> None:
        repository = add(admin, name="Unreachable", url="http://127.0.0.1:9/nobody", username="a@b.c", password=PASSWORD)
        answer = admin.send(f"/sync/repository/{repository}", "sync_register")
        assert "could not be registered" in text(answer) and PASSWORD not in answer.text
        entry = row(site, "sync_log", repository_id=repository)
        assert entry["action"] == "request registration" and entry["result"] in ("error", "fatal")

    def test_the_local_at_the_remote_site(self, site: Any, admin: Visitor) -> None:
        bare = str(uuid.uuid4())
        repository = add(admin, name="Local", uuid=bare, accept_push="on")
        stored = row(site, "sync_repository", id=repository)
        assert stored["uuid"] == f"urn:uuid:{bare}" and stored["accept_push"] == "T" and not stored["url"]

    @pytest.mark.parametrize("field, value, message", [
        ("name", "", "Enter a value"),
        ("name", "x" * 65, "at most 64 characters"),
        ("name", "a\x00b", "Control characters"),
        ("url", "sahana.example.org/eden", "complete address"),
        ("url", "ftp://sahana.example.org/eden", "complete address"),
        ("url", "http://user:pw@sahana.example.org/eden", "in their own fields"),
        ("url", "http://sahana.example.org/eden?x=1", "Leave out"),
        ("url", "http://sahana.example.org:99999/eden", "complete address"),
        ("username", "a:b", "colon"),
        ("proxy", "proxy.example.org", "complete address"),
        ("proxy", "http://proxy.example.org/path", "without a path"),
        ("uuid", "", "Enter the UUID of the repository"),
        ("uuid", "short", "This is no UUID"),
        ("uuid", "has spaces in it", "This is no UUID")])
    def test_what_is_wrong_is_said_at_the_field(self, site: Any, admin: Visitor, field: str, value: str,
                                                message: str) -> None:
        before = len(site.sql("SELECT id FROM sync_repository"))
        given = {"name": "Wrong", "uuid": uuid.uuid4().urn, field: value}
        answer = admin.send("/sync/repository/create", "sync_repository", **given)
        assert "Nothing was saved" in text(answer) and message in text(answer)
        assert f'id="s3-{field}-error"' in answer.text and 'aria-invalid="true"' in answer.text
        assert len(site.sql("SELECT id FROM sync_repository")) == before

    def test_uuids_and_urls_are_unique(self, site: Any, admin: Visitor) -> None:
        mine = uuid.uuid4().urn
        add(admin, name="First", uuid=mine, url="http://127.0.0.1:9/first")
        again = admin.send("/sync/repository/create", "sync_repository", name="Second", uuid=mine)
        assert "The repository First has this UUID" in text(again)
        again = admin.send("/sync/repository/create", "sync_repository", name="Second", url="http://127.0.0.1:9/first/")
        assert "another repository with this URL" in text(again)

    def test_this_site_itself_is_refused(self, site: Any, admin: Visitor) -> None:
        own = site.sql("SELECT uuid FROM sync_config ORDER BY id")[0]["uuid"]
        answer = admin.send("/sync/repository/create", "sync_repository", name="Myself", uuid=own)
        assert "UUID of this site itself" in text(answer)

    def test_one_that_was_deleted_can_be_added_again(self, site: Any, admin: Visitor) -> None:
        mine = uuid.uuid4().urn
        first = add(admin, name="Gone", uuid=mine)
        admin.send(f"/sync/repository/{first}/delete", "sync_repository_delete")
        assert admin.get(f"/sync/repository/{first}").status_code == 404
        second = add(admin, name="Back", uuid=mine)
        assert second != first and row(site, "sync_repository", id=second)["uuid"] == mine

    def test_deleting_takes_everything_along_but_the_log(self, site: Any, admin: Visitor, furnished: int) -> None:
        task, job = row(site, "sync_task", repository_id=furnished), row(site, "sync_job", repository_id=furnished)
        confirmation = admin.get(f"/sync/repository/{furnished}/delete")
        assert "Do you really want" in text(confirmation)
        answer = admin.send(f"/sync/repository/{furnished}/delete", "sync_repository_delete")
        assert answer.url.endswith("/sync/repository") and "has been deleted" in text(answer)
        assert row(site, "sync_task", id=task["id"])["deleted"] == "T"
        assert row(site, "sync_resource_filter", deleted="F", task_id=task["id"]) is None
        assert row(site, "scheduler_task", id=job["scheduler_task_id"]) is None
        assert "(deleted)" in text(admin.get(f"/sync/log/{row(site, 'sync_log', repository_id=furnished)['id']}"))

    def test_accept_pushes_of_an_old_row_is_yes(self, site: Any, admin: Visitor, repository: int) -> None:
        site.shell("db(db.sync_repository.id == arguments).update(accept_push=None)", repository)
        assert admin.form(f"/sync/repository/{repository}", "sync_repository")[1].get("accept_push") == "on"


class TestSettings:
    def test_the_uuid_is_shown_and_cannot_be_changed(self, site: Any, admin: Visitor) -> None:
        own = site.sql("SELECT uuid FROM sync_config ORDER BY id")[0]["uuid"]
        assert own in admin.get("/sync/config").text
        admin.send("/sync/config", "sync_config", uuid="urn:uuid:other", proxy="")
        assert site.sql("SELECT uuid FROM sync_config ORDER BY id")[0]["uuid"] == own

    def test_the_proxy_is_saved(self, site: Any, admin: Visitor) -> None:
        assert "have been saved" in text(admin.send("/sync/config", "sync_config", proxy="http://proxy.example.org:3128"))
        assert site.sql("SELECT proxy FROM sync_config")[0]["proxy"] == "http://proxy.example.org:3128"
        admin.send("/sync/config", "sync_config", proxy=f"http://u:{PROXY_PASSWORD}@proxy.example.org")
        assert PROXY_PASSWORD not in admin.get("/sync/config").text
        assert PROXY_PASSWORD not in site.sql("SELECT proxy FROM sync_config")[0]["proxy"]
        admin.send("/sync/config", "sync_config", proxy="")
        assert not site.sql("SELECT proxy FROM sync_config")[0]["proxy"]
