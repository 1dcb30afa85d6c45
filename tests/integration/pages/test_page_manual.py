"""Manual synchronization."""
from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from furnishing import PASSWORD, RUN, add, add_task, row, text
from visitor import Visitor


class TestManual:
    @pytest.fixture
    def ready(self, admin: Visitor) -> int:
        """A repository nobody answers at, with a resource."""
        repository = add(admin, name="Silent", url=f"http://127.0.0.1:9/{uuid.uuid4().hex}", username="a@b.c", password=PASSWORD)
        add_task(admin, repository)
        return repository

    def test_without_url_there_is_no_button(self, admin: Visitor, repository: int) -> None:
        page = admin.get(f"/sync/repository/{repository}/now")
        assert "cannot contact it" in text(page) and "sync_now" not in page.text

    def test_without_resources_there_is_no_button(self, admin: Visitor) -> None:
        repository = add(admin, name="Empty", url=f"http://127.0.0.1:9/{uuid.uuid4().hex}")
        page = admin.get(f"/sync/repository/{repository}/now")
        assert "No resource is configured" in text(page) and "sync_now" not in page.text

    def test_without_a_worker_it_says_how_to_start_one(self, site: Any, admin: Visitor, ready: int) -> None:
        page = admin.get(f"/sync/repository/{ready}/now")
        assert "python web2py.py -K eden -Q" in text(page)
        after = admin.send(f"/sync/repository/{ready}/now", "sync_now")
        assert "waiting for a worker, but none is running" in text(after) and "Run here in the foreground" in text(after)
        queued = site.sql("SELECT * FROM scheduler_task WHERE args = ?", [json.dumps([ready])])
        assert len(queued) == 1 and json.loads(queued[0]["vars"])["manual"] is True

    def test_in_the_foreground(self, site: Any, admin: Visitor, ready: int) -> None:
        admin.send(f"/sync/repository/{ready}/now", "sync_now")
        after = admin.send(f"/sync/repository/{ready}/now", "sync_now_foreground")
        assert "not everything went well" in text(after) and PASSWORD not in after.text
        assert row(site, "sync_run", repository_id=ready)["status"] == "error"
        # what waited for a worker has been done
        assert not site.sql("SELECT id FROM scheduler_task WHERE args = ? AND status = 'QUEUED'", [json.dumps([ready])])

    def test_progress_is_shown(self, site: Any, admin: Visitor, ready: int) -> None:
        site.shell(RUN, {"repository": ready, "status": "running", "silent": 1, "text": ""})
        page = admin.get(f"/sync/repository/{ready}/now")
        assert "Pulling" in text(page) and "250 / 1 000" in text(page) and "sync_now" not in page.text
        assert 'http-equiv="refresh"' in page.text
        fragment = admin.get(f"/sync/repository/{ready}/progress")
        assert 'data-busy="1"' in fragment.text and "<html" not in fragment.text
        assert fragment.headers["Cache-Control"] == "no-store"

    def test_a_run_that_fell_silent_is_not_going_on(self, site: Any, admin: Visitor, ready: int) -> None:
        site.shell(RUN, {"repository": ready, "status": "running", "silent": 3600, "text": ""})
        page = admin.get(f"/sync/repository/{ready}/now")
        assert "Interrupted" in text(page) and "sync_now" in page.text

    @pytest.mark.parametrize("silent, dead, said", [
        (-60, False, ""), (90, False, "No sign of life since 20"), (90, True, "has ended"),
        (999, False, "has ended or gives no sign of life")])
    def test_a_run_that_fell_silent_or_died(self, site: Any, admin: Visitor, ready: int, silent: int, dead: bool,
                                            said: str) -> None:
        run = site.shell(RUN, {"repository": ready, "status": "running", "silent": silent, "text": ""})
        if dead:                                          # named by the process of that shell, which has ended
            site.shell("from s3sync.process import own_name\n"
                       "db(db.sync_run.id == arguments).update(worker=own_name())", run)
        page = admin.get(f"/sync/repository/{ready}/now")
        assert ("sign of life" in text(page)) == bool(said) and said in text(page)
        assert f'id="s3-run-status">{"Interrupted" if "ended" in said else "Running"}<' in page.text
