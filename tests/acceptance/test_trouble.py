"""What an administrator does about conflicts, rejected records and differences, in a real browser at two real sites.

The steps build on one another, as in the tour through the guide.
"""
from __future__ import annotations

from typing import Any, Callable, Iterator

import pytest
from browser import Browser

from sites import ADMIN, REPOSITORY

REGISTRATION = REPOSITORY / "examples" / "demo" / "at_registration.py"
METHODS = ["read", "create", "update", "delete"]

REMOTE = """
db.org_organisation.insert(name="Founded too early", year=1500, uuid="urn:uuid:early")
db.org_organisation.insert(name="Relief of the East", acronym="RE", comments="At first", uuid="urn:uuid:east")
db.transport_airport.insert(name="Field Airport", uuid="urn:uuid:airport")
"""

#: as after a peer has sent an airport but not its country
WAITING = """
db.sync_waiting.insert(tablename="transport_airport", record_uuid="urn:uuid:airport", fieldname="country_id",
                       target_table="gis_location", target_uuid="urn:uuid:country", since="2026-11-01 10:00:00")
"""

EDIT = "db(db.org_organisation.uuid == 'urn:uuid:east').update(**arguments)"


class Tour:
    """Did an earlier step fail?"""

    failed = False


@pytest.fixture(scope="module")
def sites(site_factory: Callable[..., Any]) -> Iterator[tuple[Any, Any]]:
    """(local, remote), registered at each other; no worker."""
    local, remote = site_factory("trouble-local", role="Field office"), site_factory("trouble-remote", role="Headquarters")
    uuids = [made.sql("SELECT uuid FROM sync_config ORDER BY id")[0]["uuid"] for made in (local, remote)]
    remote.shell(REGISTRATION, {
        "repository": {"name": "Field office", "uuid": uuids[0], "accept_push": True}, "tasks": [],
        "user": {"email": "field@example.com", "password": "a secret", "name": "Field office"},
        "permissions": {"org_organisation": METHODS, "transport_airport": METHODS}})
    local.shell(REGISTRATION, {
        "repository": {"name": "Headquarters", "uuid": uuids[1], "url": remote.url, "username": "field@example.com",
                       "password": "a secret"},
        "tasks": [{"resource_name": "org_organisation", "mode": 3, "components": False},
                  {"resource_name": "transport_airport", "mode": 1, "components": False}], "user": None, "permissions": {}})
    remote.shell(REMOTE)
    local.start()
    remote.start()
    yield local, remote
    local.stop()
    remote.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, sites: Any) -> Iterator[Browser]:
    chromium = Browser(tmp_path_factory.mktemp("profile"))
    chromium.login(sites[0], ADMIN)
    yield chromium
    chromium.close()


@pytest.fixture(autouse=True)
def in_order(request: pytest.FixtureRequest) -> Iterator[None]:
    assert not Tour.failed, "an earlier step of the tour failed"
    Tour.failed = True
    yield
    Tour.failed = bool(getattr(request.node, "step_failed", False))


def synchronize(browser: Browser, local: Any) -> str:
    """By hand, in the foreground; how it ended."""
    browser.open(f"{local.url}/sync/repository/1/now")
    browser.click("Run here in the foreground")
    browser.wait(lambda: "The synchronization is finished" in browser.text, 60)
    return browser.one("#s3-run-status").text


def organisation(site: Any, uuid: str = "urn:uuid:east") -> Any:
    found = site.sql("SELECT * FROM org_organisation WHERE uuid = ?", [uuid])
    return found[0] if found else None


def test_01_a_policy_that_asks(browser: Browser, sites: Any) -> None:
    browser.open(f"{sites[0].url}/sync/repository/1/task")
    browser.click("Open org_organisation")
    ask, = [option for option in browser.all("#s3-conflict_policy label") if option.text.startswith("Ask")]
    ask.click()
    browser.click("Save")
    assert [line["Conflict Policy"] for line in browser.table()] == ["Ask", "Newer"]
    browser.picture("21-resources")


def test_02_a_dry_run(browser: Browser, sites: Any) -> None:
    """It tells what would happen, also what would go wrong; nothing happens."""
    local, _ = sites
    browser.click("Dry run of all…")
    browser.picture("22-dry-run-before")
    browser.click("Start the dry run")
    browser.wait(lambda: "As of" in browser.text)
    lines = {(line["Resource Name"], line["Changes"]): line for line in browser.table()[:3]}
    assert lines["org_organisation", "here"]["Created"] == "1" and lines["org_organisation", "here"]["Rejected"] == "1"
    assert "Relief of the East" in browser.text and "would be rejected" in browser.text
    browser.picture("22-dry-run")
    assert browser.unnamed() == []
    assert not local.sql("SELECT id FROM org_organisation") and not local.sql("SELECT id FROM sync_quarantine")


def test_03_a_rejected_record_and_a_waiting_reference(browser: Browser, sites: Any) -> None:
    local, _ = sites
    assert synchronize(browser, local) == "Warning"
    local.shell(WAITING)
    browser.driver.refresh()
    assert [link.text for link in browser.all(".s3-attention a")] == ["1 rejected record", "1 reference waiting"]
    browser.picture("23-run-with-warnings")
    browser.click("1 reference waiting")
    line, = browser.table()
    assert line["Record"].startswith("Field Airport") and "urn:uuid:country" in line["Waits for"]
    browser.picture("23-waiting")
    assert browser.unnamed() == []
    browser.click("1 rejected record")
    line, = browser.table()
    assert line["Record"].startswith("Founded too early") and line["Attempts"] == "1"
    browser.picture("23-rejected-records")
    assert browser.unnamed() == []


def test_04_correcting_it(browser: Browser, sites: Any) -> None:
    """Dismissing asks first; the corrected record gets through with the next run, and goes back to where it came from."""
    local, remote = sites
    browser.click("Open Founded too early")
    browser.picture("24-rejected-record")
    assert browser.unnamed() == []
    browser.click("Dismiss…")
    browser.picture("24-dismiss")
    browser.click("Cancel")
    xml = browser.field("XML").get_attribute("value")
    assert 'value="1500"' in xml
    browser.driver.execute_script("arguments[0].value = arguments[1]", browser.field("XML"), xml.replace("1500", "15 hundred"))
    browser.click("Save and try again")
    assert "Nothing was saved" in browser.text
    browser.picture("24-not-readable")
    browser.driver.execute_script("arguments[0].value = arguments[1]", browser.field("XML"), xml.replace("1500", "1950"))
    browser.click("Save and try again")
    assert "The corrected record is tried again" in browser.text
    assert synchronize(browser, local) in ("Success", "Warning")
    assert organisation(local, "urn:uuid:early")["year"] == organisation(remote, "urn:uuid:early")["year"] == 1950
    assert [link.text for link in browser.all(".s3-attention a")] == ["1 reference waiting"]


def test_05_a_conflict(browser: Browser, sites: Any) -> None:
    """Both versions side by side; decided field by field, the decision travels, and both sites hold the same."""
    local, remote = sites
    local.shell(EDIT, {"acronym": "OURS", "comments": "Edited in the field"})
    remote.shell(EDIT, {"acronym": "HQ", "comments": "Edited at headquarters"})
    synchronize(browser, local)
    assert organisation(local)["acronym"] == "OURS" and organisation(remote)["acronym"] == "HQ"
    assert "1 conflict to decide" in [link.text for link in browser.all(".s3-attention a")]
    browser.open(f"{local.url}/sync/index")
    browser.picture("25-homepage")
    assert browser.unnamed() == []
    browser.click("1 conflict to decide")
    browser.picture("25-conflicts")
    assert browser.unnamed() == []
    browser.click("Decide…")
    lines = {line["Field"]: line for line in browser.table()}
    assert sorted(lines) == ["Acronym", "Comments"]
    browser.picture("25-conflict")
    assert browser.unnamed() == []
    browser.one('input[name="side_acronym"][value="theirs"]').click()
    browser.one('input[name="side_comments"][value="mine"]').click()
    browser.click("Save as chosen field by field")
    assert "The conflict about Relief of the East is decided." in browser.text
    assert not [link.text for link in browser.all(".s3-attention a") if "conflict" in link.text]
    synchronize(browser, local)
    for site in sites:
        assert (organisation(site)["acronym"], organisation(site)["comments"]) == ("HQ", "Edited in the field")
    browser.open(f"{local.url}/sync/conflict?status=resolved")
    browser.click("Open Relief of the East")
    assert ADMIN[0] in browser.text and "field by field" in browser.text
    browser.picture("25-conflict-decided")


def test_06_compare_and_repair(browser: Browser, sites: Any) -> None:
    """What differs is told, repaired after a question, and then nothing differs."""
    local, remote = sites
    remote.shell(EDIT, {"comments": "Edited behind everybody's back"})
    browser.open(f"{local.url}/sync/repository/1/task")
    browser.click("Compare… org_organisation")
    browser.click("Compare now")
    browser.wait(lambda: "As of" in browser.text)
    browser.picture("26-compare")
    assert browser.unnamed() == []
    assert "Relief of the East" in browser.text and "comments" in browser.text
    browser.click("Repair…")
    browser.picture("26-repair")
    browser.click("Repair")
    assert "1 record is queued" in browser.text
    synchronize(browser, local)
    assert organisation(local)["comments"] == "Edited behind everybody's back"
    browser.open(f"{local.url}/sync/repository/1/compare?task=1")
    browser.click("Compare now")
    browser.wait(lambda: "Both sites hold the same." in browser.text)
    browser.picture("26-the-same")
