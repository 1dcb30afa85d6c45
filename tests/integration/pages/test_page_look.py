"""Dry run, comparison and backoff at a site with a real peer."""
from __future__ import annotations

import re
from typing import Any, Callable, Iterator

import pytest
from furnishing import EVIL, row, text
from visitor import Visitor

from sites import ADMIN, REPOSITORY

REGISTRATION = REPOSITORY / "examples" / "demo" / "at_registration.py"

FILL = """
db(db.org_organisation).delete()
db(db.gis_location).delete()
for values in arguments:
    db.org_organisation.insert(name=values[0], uuid=values[1], comments=values[2])
"""

MANY = """
for number in range(600):
    db.gis_location.insert(name="Village %s" % number, level="L4")
"""


@pytest.fixture(scope="module")
def two(site_factory: Callable[..., Any]) -> Iterator[tuple[Any, Any]]:
    """(local, remote), registered at each other, with two resources."""
    local, remote = site_factory("look-local", sync={"retries": 0}), site_factory("look-remote")
    uuids = [made.sql("SELECT uuid FROM sync_config ORDER BY id")[0]["uuid"] for made in (local, remote)]
    remote.shell(REGISTRATION, {
        "repository": {"name": "local", "uuid": uuids[0], "accept_push": True}, "tasks": [],
        "user": {"email": "local@example.com", "password": "a secret", "name": "local"},
        "permissions": {name: ["read", "create", "update", "delete"] for name in ("gis_location", "org_organisation")}})
    local.shell(REGISTRATION, {
        "repository": {"name": "remote", "uuid": uuids[1], "url": remote.url, "username": "local@example.com",
                       "password": "a secret"},
        "tasks": [{"resource_name": "org_organisation", "mode": 3, "components": False},
                  {"resource_name": "gis_location", "mode": 1, "components": False}], "user": None, "permissions": {}})
    local.start()
    remote.start()
    local.shell(FILL, [["Here only", "urn:uuid:1", ""], ["Both", "urn:uuid:2", "the same"]])
    remote.shell(FILL + MANY, [[EVIL[:60], "urn:uuid:3", EVIL], ["Both", "urn:uuid:2", "the same"]])
    yield local, remote
    local.stop()
    remote.stop()


@pytest.fixture(scope="module")
def admin(two: Any) -> Visitor:
    return Visitor(two[0]).login(*ADMIN)


def data(site: Any) -> Any:
    return [[tuple(found) for found in site.sql(f"SELECT * FROM {name} ORDER BY id")]
            for name in ("org_organisation", "gis_location", "sync_run", "sync_cursor", "sync_quarantine", "sync_queue")]


def cells(answer: Any, first: str) -> list[str]:
    """The texts of the row of a table that begins with `first`."""
    for line in re.findall(r"<tr>(.*?)</tr>", answer.text, re.S):
        found = [" ".join(re.sub(r"<[^>]*>", " ", cell).split()) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line, re.S)]
        if first in found:
            return found[found.index(first):]
    raise AssertionError(f"no row {first}:\n{text(answer)}")


def test_buttons_at_each_resource(admin: Visitor) -> None:
    page = admin.get("/sync/repository/1/task")
    for kind in ("plan", "compare"):
        for query in ("", "?task=1", "?task=2"):
            assert f'href="/eden/sync/repository/1/{kind}{query}"' in page.text


def test_dry_run_of_everything(two: Any, admin: Visitor) -> None:
    """It tells what would happen, page by page, and nothing happens."""
    before = [data(site) for site in two]
    answer = admin.send("/sync/repository/1/plan", "sync_plan")
    assert "As of" in text(answer), text(answer)
    assert cells(answer, "org_organisation")[:3] == ["org_organisation", "here", "1"]
    assert cells(answer, "gis_location")[:3] == ["gis_location", "here", "600"]
    assert "&lt;script&gt;alert" in answer.text and "<script>alert" not in answer.text
    page = admin.get("/sync/repository/1/plan?part=3&page=2")
    assert "Records 51 to 100 of 500" in text(page) and "Only the first 500 records are listed" in text(page)
    assert cells(page, "Village 50 gis_location")[1] == "would be created"
    assert [data(site) for site in two] == before


def test_dry_run_of_one_resource(admin: Visitor) -> None:
    answer = admin.send("/sync/repository/1/plan?task=1", "sync_plan")
    assert "Only the resource org_organisation is looked at." in text(answer)
    assert answer.url.endswith("plan?task=1") and "gis_location" not in text(answer)
    assert admin.get("/sync/repository/1/plan?task=999").status_code == 404


def test_compare_and_repair(two: Any, admin: Visitor) -> None:
    """Exactly what differs is queued, after a question, and the next run moves it."""
    local, remote = two
    answer = admin.send("/sync/repository/1/compare?task=1", "sync_compare")
    assert cells(answer, "org_organisation")[:7] == ["org_organisation", "2", "2", "1", "1", "1", "0"], text(answer)
    assert cells(answer, "Here only org_organisation")[1:] == ["missing there", "", "from here to the repository"]
    asked = admin.get("/sync/repository/1/compare/repair?task=1")
    assert "2 records" in text(asked) and not local.sql("SELECT id FROM sync_queue")
    answer = admin.send("/sync/repository/1/compare/repair?task=1", "sync_repair")
    assert "2 records are queued" in text(answer) and len(local.sql("SELECT id FROM sync_queue")) == 2
    assert local.shell("answer = s3sync_app.synchronize(1, user_id=1, manual=True)") == "success"
    assert not local.sql("SELECT id FROM sync_queue")
    assert {row["uuid"] for row in remote.sql("SELECT uuid FROM org_organisation")} == {f"urn:uuid:{n}" for n in (1, 2, 3)}
    answer = admin.send("/sync/repository/1/compare", "sync_compare")
    assert "Both sites hold the same." in text(answer)
    assert "nothing to repair" in text(admin.get("/sync/repository/1/compare/repair"))


def test_only_forms_of_the_page_do_anything(two: Any, admin: Visitor) -> None:
    for path, name in (("plan", "sync_plan"), ("compare", "sync_compare")):
        _, values = admin.form(f"/sync/repository/1/{path}", name)
        assert admin.post(f"/sync/repository/1/{path}", {**values, "_formkey": "made-up"}).status_code == 403


def test_a_peer_that_is_not_there(two: Any, admin: Visitor) -> None:
    """The pages say why, and when it is tried again; that can be cut short."""
    local, remote = two
    remote.stop_server()
    for path, name in (("plan", "sync_plan"), ("compare", "sync_compare")):
        assert "The repository could not be asked" in text(admin.send(f"/sync/repository/1/{path}", name))
    assert local.shell("answer = s3sync_app.synchronize(1, user_id=1)") in ("error", "fatal")
    next_on = row(local, "sync_backoff", repository_id=1)["next_on"]
    assert f"Next attempt at {next_on} UTC: the last run failed." in text(admin.get("/sync/repository/1/now"))
    assert f"not tried before {next_on} UTC" in text(admin.get("/sync/index"))
    answer = admin.send("/sync/repository/1/job", "sync_backoff")
    assert "tried again at the next time" in text(answer) and "Next attempt at" not in text(answer)
    assert not local.sql("SELECT id FROM sync_backoff WHERE failures > 0")
