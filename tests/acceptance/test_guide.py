"""The administrator's guide, step by step in a real browser, with two real sites and a real worker.

The steps build on one another, as in the guide: they run in this order, and a failing one ends the tour.
Screenshots of every page, as on a desktop and as on a phone, are put into build/screenshots.
"""
from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from browser import PHONE, Browser

from sites import ADMIN

URN = re.compile(r"urn:uuid:[0-9a-f-]{36}")
SENT, FETCHED, OFFICE = "Field Kitchen Trust", "Red Cross Headquarters", "Depot North"

RECORDS = """
organisation = db.org_organisation.insert(name=arguments["name"])
if arguments.get("office"):
    db.org_office.insert(organisation_id=organisation, name=arguments["office"])
"""


class Tour:
    """What one step leaves for the next ones."""

    local_uuid = ""
    remote_uuid = ""
    failed = False


@pytest.fixture(scope="module")
def local(site_factory: Callable[..., Any]) -> Iterator[Any]:
    site = site_factory("guide-local", role="Field office")
    site.shell(RECORDS, {"name": SENT})
    site.start()
    yield site
    site.stop()


@pytest.fixture(scope="module")
def remote(site_factory: Callable[..., Any]) -> Iterator[Any]:
    site = site_factory("guide-remote", role="Headquarters")
    site.shell(RECORDS, {"name": FETCHED, "office": OFFICE})
    site.start()
    yield site
    site.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    chromium = Browser(tmp_path_factory.mktemp("profile"))
    yield chromium
    chromium.close()


@pytest.fixture(scope="module")
def at_remote(tmp_path_factory: pytest.TempPathFactory, remote: Any) -> Iterator[Browser]:
    """A second browser: two sites on one host would share their cookies."""
    chromium = Browser(tmp_path_factory.mktemp("profile"))
    chromium.login(remote, ADMIN)
    yield chromium
    chromium.close()


@pytest.fixture(autouse=True)
def in_order(request: pytest.FixtureRequest) -> Iterator[None]:
    assert not Tour.failed, "an earlier step of the tour failed"
    Tour.failed = True
    yield
    Tour.failed = bool(getattr(request.node, "step_failed", False))


def test_01_the_local_site_knows_itself(browser: Browser, local: Any) -> None:
    """Login as administrator; Administration menu, Synchronization, Settings: the UUID can be read, not changed."""
    browser.login(local, ADMIN)
    browser.follow_menu("Administration", "Synchronization")
    assert browser.path == "/eden/sync/index" and browser.heading == "Synchronization"
    browser.picture("01-homepage-empty")
    browser.click("Settings", within=".s3-cards")
    assert browser.heading == "Synchronization Settings"
    Tour.local_uuid = browser.one("#s3-own-uuid").text
    assert URN.fullmatch(Tour.local_uuid)
    assert not [field for field in browser.all("input, textarea") if Tour.local_uuid in (field.get_attribute("value") or "")]


def test_02_register_the_local_site_at_the_remote_one(at_remote: Browser, remote: Any) -> None:
    """Login as administrator at the remote site and register the local site: name, UUID, Accept Pushes."""
    at_remote.open(f"{remote.url}/sync/config")
    Tour.remote_uuid = at_remote.one("#s3-own-uuid").text
    assert URN.fullmatch(Tour.remote_uuid) and Tour.remote_uuid != Tour.local_uuid
    at_remote.open(f"{remote.url}/sync/index")
    at_remote.click("Repositories", within=".s3-cards")
    at_remote.click("Add Repository")
    at_remote.fill("Name", "Field office")
    at_remote.click("Save")
    assert "Enter the UUID of the repository" in at_remote.text       # required here
    at_remote.picture("02-form-with-error")
    at_remote.fill("UUID", Tour.local_uuid)
    at_remote.tick("Accept Pushes")
    at_remote.click("Save")
    assert "The repository has been added." in at_remote.text
    at_remote.click("Repositories", within=".s3-crumbs")
    assert [(line["Name"], line["Accept Pushes"]) for line in at_remote.table()] == [("Field office", "Yes")]


def test_03_the_proxy_server(browser: Browser, local: Any) -> None:
    """Configure the default proxy server if needed: here it is tried and taken back."""
    browser.open(f"{local.url}/sync/config")
    browser.fill("Proxy Server URL", "http://relay:sesame@127.0.0.1:3128")
    browser.click("Save")
    assert "The settings have been saved." in browser.text
    assert browser.field("Proxy Server URL").get_attribute("value") == "http://relay:***@127.0.0.1:3128"
    browser.picture("03-settings")
    browser.fill("Proxy Server URL", "")
    browser.click("Save")
    assert browser.field("Proxy Server URL").get_attribute("value") == ""


def test_04_register_the_remote_site(browser: Browser, local: Any, remote: Any) -> None:
    """Add Repository with URL, username and password; the UUID is fetched from the remote site."""
    browser.open(f"{local.url}/sync/repository")
    browser.picture("04-repositories-empty")
    browser.click("Add Repository")
    browser.fill("Name", "Headquarters")
    browser.fill("URL", remote.url)
    browser.fill("Username", ADMIN[0])
    browser.fill("Password", "wrong")
    browser.click("Save")
    assert "This site could not be registered" in browser.text and "user name or password" in browser.text
    browser.picture("04-registration-failed")
    browser.fill("Password", ADMIN[1])
    browser.click("Save")
    assert "Registration" in browser.text and "successful" in browser.text
    assert browser.field("UUID").get_attribute("value") == Tour.remote_uuid
    assert ADMIN[1] not in browser.driver.page_source
    browser.picture("04-repository")


def test_05_configure_resources(browser: Browser) -> None:
    """Resources tab: organizations with their offices both ways."""
    browser.click("Resources")
    browser.picture("05-resources-empty")
    browser.click("Add Resource")
    browser.choose("Resource Name", "org_organisation")
    browser.tick("Pull and push")
    browser.tick("Include Components?")
    browser.fill("Filter 1", "~.nonsense=1")
    browser.click("Save")
    assert "Nothing was saved" in browser.text and "~.nonsense=1" in browser.text
    browser.picture("05-filter-error")
    browser.fill("Filter 1", "~.name__like=*e*")
    browser.click("Another filter")
    assert len(browser.all(".s3-filter")) == 4
    browser.click("Save")
    assert "The resource org_organisation has been saved." in browser.text
    browser.click("Open org_organisation")
    browser.picture("05-resource")
    browser.click("Resources", within=".s3-crumbs")
    assert [(line["Resource Name"], line["Mode"], line["Components"], line["Filters"]) for line in browser.table()] == [
        ("org_organisation", "Pull and push", "Yes", "1")]
    browser.picture("05-resources")


def test_06_set_up_the_schedule(browser: Browser) -> None:
    """Schedule tab: every hour, without limit, from a day far away (the run of this tour is a manual one)."""
    browser.click("Schedule")
    browser.click("Add Job")
    browser.fill("Start", "2040-01-01T06:00")
    browser.fill("Period", "1")
    browser.choose("Unit", "hours")
    browser.picture("06-job")
    browser.click("Save")
    assert "The job has been saved." in browser.text
    job, = browser.jobs()
    assert (job["When"], job["State"], job["Repeat"]) == ("Every hour", "Waiting for its time", "without limit")
    assert browser.one(".s3-times").text.splitlines() == [f"2040-01-01 {hour:02}:00" for hour in (6, 7, 8, 9, 10)]
    browser.fill("Allowed Hours", "at night")
    browser.fill("Bandwidth", "500")
    browser.click("Save")
    assert "'at night' is no time like" in browser.text and browser.field("Bandwidth").get_attribute("value") == "500"
    browser.picture("06-limits-error")
    browser.fill("Allowed Hours", "mon-fri 20:00-06:00")
    browser.click("Save")
    job, = browser.jobs()
    assert job["When"] == "Every hour, Monday to Friday 20:00 to 06:00"
    assert browser.one(".s3-times").text.splitlines() == [f"2040-01-02 {hour:02}:00" for hour in (20, 21, 22, 23)] + [
        "2040-01-03 00:00"]                                            # the first of January is a Sunday
    browser.picture("06-schedule")
    browser.fill("Allowed Hours", "")
    browser.click("Save")


def test_07_without_a_worker_it_says_what_to_do(browser: Browser) -> None:
    browser.click("Manual Synchronization")
    assert "No worker is running" in browser.text and "python web2py.py -K eden -Q" in browser.text
    browser.picture("07-no-worker")


def test_08_start_the_worker_and_synchronize(browser: Browser, local: Any, remote: Any) -> None:
    """The worker as the guide starts it; the page follows the run by itself until it is finished."""
    local.start_worker()
    browser.driver.refresh()
    assert "No worker is running" not in browser.text
    browser.click("Synchronize Now")
    assert "has been queued" in browser.text
    browser.wait(lambda: browser.one("#s3-run-status").text in ("Success", "Warning", "Error"), 120)
    browser.wait(lambda: browser.one(".s3-primary").text == "Synchronize Now")     # the button came back by itself
    assert browser.one("#s3-run-status").text == "Success", browser.text
    lines = {line["Direction"]: line for line in browser.table()}
    assert {line["State"] for line in lines.values()} == {"Success"}
    assert int(lines["Pull"]["Created"]) >= 1 and int(lines["Push"]["Records"]) >= 1
    browser.picture("08-finished")
    assert names(local) == names(remote) == {SENT, FETCHED}
    assert [found["name"] for found in local.sql("SELECT name FROM org_office")] == [OFFICE]


def names(site: Any) -> set[str]:
    return {found["name"] for found in site.sql("SELECT name FROM org_organisation WHERE deleted = 'F'")}


def test_09_read_the_log(browser: Browser, local: Any) -> None:
    """The repository's log and that of all repositories, newest first; Details shows every item of the guide."""
    browser.click("Log", within=".s3-tabs")
    lines = browser.table()
    assert {"pull/outgoing", "push/outgoing"} <= {line["Mode"] for line in lines[:2]}
    times = [line["Date/Time"] for line in lines]
    assert times == sorted(times, reverse=True)
    browser.picture("09-repository-log")
    browser.open(f"{local.url}/sync/index")
    browser.click("Log", within=".s3-cards")
    assert {line["Repository"] for line in browser.table()} == {"Headquarters"}
    browser.picture("09-log")
    row = next(row for row in browser.all(".s3-table tbody tr") if "pull/outgoing" in row.text)
    browser.press(row.find_element("css selector", "a"))
    items = browser.items()
    assert list(items) == ["Date/Time", "Repository", "Resource Name", "Mode", "Action", "Result", "Remote Error", "Message"]
    assert (items["Repository"], items["Resource Name"], items["Mode"], items["Action"], items["Result"],
            items["Remote Error"]) == ("Headquarters", "org_organisation", "pull/outgoing", "import", "success", "No")
    assert "Data imported successfully" in items["Message"]
    browser.picture("09-log-entry")


def test_10_the_remote_site_tells_it_too(at_remote: Browser, remote: Any) -> None:
    """Incoming pull and push stand in the log of the remote site."""
    at_remote.open(f"{remote.url}/sync/log")
    lines = at_remote.table()
    assert {("pull/incoming", "success"), ("push/incoming", "success")} <= {(line["Mode"], line["Result"]) for line in lines}
    assert len({line["Repository"] for line in lines}) == 1
    at_remote.open(f"{remote.url}/sync/index")
    at_remote.picture("10-remote-homepage")


def test_11_a_scheduled_run_happens_by_itself(browser: Browser, local: Any, remote: Any) -> None:
    """The schedule set to now: the worker starts the run without anybody pressing a button."""
    remote.shell(RECORDS, {"name": "Later Relief"})
    runs = len(local.sql("SELECT id FROM sync_run"))
    browser.open(f"{local.url}/sync/repository/1/job")
    browser.click("Open Every hour")
    browser.fill("Start", "2026-01-01T00:00")
    browser.click("Save")
    browser.wait(lambda: len(local.sql("SELECT id FROM sync_run WHERE status = 'success'")) > runs, 90)
    assert "Later Relief" in names(local)
    browser.wait(lambda: browser.driver.refresh() or browser.jobs()[0]["Last run"].endswith(" Success"), 60)
    assert browser.jobs()[0]["State"] == "Waiting for its time"
    browser.picture("11-schedule-after-a-run")


def test_12_pausing(browser: Browser, local: Any, remote: Any) -> None:
    """A job; everything, which each page says; and a run now of what is paused."""
    browser.click("Pause")
    assert "The job is paused" in browser.text and browser.jobs()[0]["State"] == "Paused"
    browser.picture("12-job-paused")
    browser.click("Pause everything…")
    browser.picture("12-pause-everything")
    browser.click("Pause everything")
    assert browser.path == "/eden/sync/index" and "Everything is paused since" in browser.text
    browser.picture("12-everything-paused")
    remote.shell(RECORDS, {"name": "Relief in a Pause"})
    browser.open(f"{local.url}/sync/repository/1/job")
    browser.click("Run now")
    browser.wait(lambda: "Relief in a Pause" in names(local), 90)
    browser.wait(lambda: browser.one(".s3-primary").text == "Synchronize Now")
    browser.click("Resume…")
    browser.click("Resume everything")
    assert "The schedules run again." in browser.text and "Everything is paused since" not in browser.text
    browser.open(f"{local.url}/sync/repository/1/job")
    browser.click("Resume")
    assert browser.jobs()[0]["State"] == "Waiting for its time"


def test_13_deleting_asks_first(browser: Browser, local: Any) -> None:
    browser.open(f"{local.url}/sync/repository/1/job")
    browser.click("Open Every hour")
    browser.click("Delete…")
    assert "Do you really want to delete this?" in browser.text
    browser.picture("13-delete")
    browser.click("Cancel")
    assert len(browser.jobs()) == 1
    browser.click("Open Every hour")
    browser.click("Delete…")
    browser.click("Delete this job")
    assert "The job has been deleted." in browser.text and "No job is planned" in browser.text


def test_14_it_works_on_a_phone(browser: Browser, local: Any) -> None:
    """Nothing is wider than the screen, and everything can be reached."""
    browser.size(PHONE)
    for page in ("index", "config", "repository", "repository/1", "repository/1/task", "repository/1/job",
                 "repository/1/job/create", "repository/1/now", "log"):
        browser.open(f"{local.url}/sync/{page}")
        assert browser.driver.execute_script("return document.documentElement.scrollWidth") <= PHONE[0], page
    browser.open(f"{local.url}/sync/repository")
    browser.click("Open Headquarters")
    browser.click("Manual Synchronization")
    browser.click("Synchronize Now")
    assert "has been queued" in browser.text


def test_15_it_works_without_scripts(tmp_path_factory: pytest.TempPathFactory, local: Any) -> None:
    """Everything is plain pages and forms; progress is seen by loading the page again, which it does by itself."""
    plain = Browser(Path(tmp_path_factory.mktemp("profile")), javascript=False)
    try:
        plain.login(local, ADMIN)
        plain.open(f"{local.url}/sync/repository/1/task/create")
        assert "Another filter" not in plain.text                     # which a script puts there
        plain.open(f"{local.url}/sync/repository/1/now")
        plain.wait(lambda: plain.all(".s3-primary"), 120)              # the run of the step before is finished
        runs = len(local.sql("SELECT id FROM sync_run"))
        plain.click("Synchronize Now")
        plain.wait(lambda: len(local.sql("SELECT id FROM sync_run WHERE status <> 'running'")) > runs, 90)
        plain.wait(lambda: plain.one(".s3-primary").text == "Synchronize Now" and not plain.all("noscript meta"), 30)
        assert plain.one("#s3-run-status").text == "Success"
    finally:
        plain.close()


def test_16_labels_and_headings(browser: Browser, local: Any) -> None:
    """What a screen reader needs: one h1, a name for every field and link, a caption for every table."""
    browser.size((1280, 900))
    for page in ("index", "config", "repository", "repository/create", "repository/1", "repository/1/task",
                 "repository/1/task/1", "repository/1/job", "repository/1/job/create", "repository/1/now",
                 "repository/1/log", "log"):
        browser.open(f"{local.url}/sync/{page}")
        assert browser.unnamed() == [], page
