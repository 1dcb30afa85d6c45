"""The commands in a real web2py application: what they say, what they leave alone, what they put in order."""
from __future__ import annotations

import os
import subprocess
from typing import Any, Callable, Iterator

import pytest

from sites import REPOSITORY, Site

REGISTRATION = (REPOSITORY / "examples" / "demo" / "at_registration.py").read_text(encoding="utf-8")
TABLES = ("gis_location", "org_organisation", "org_office")
RUN = "answer = s3sync_app.synchronize(arguments, user_id=1, manual=True)"


class Desk:
    """Two sites, and somebody at a terminal of the first."""

    def __init__(self, here: Site, there: Site) -> None:
        self.here, self.there = here, there
        uuids = [site.sql("SELECT uuid FROM sync_config")[0]["uuid"] for site in (here, there)]
        there.shell(REGISTRATION, {
            "repository": {"name": "Field", "uuid": uuids[0], "accept_push": True}, "tasks": [],
            "user": {"email": "field@example.org", "password": "secret-4711", "name": "Field"},
            "permissions": {table: ["read", "create", "update", "delete"] for table in TABLES}})
        self.repository = here.shell(REGISTRATION, {
            "repository": {"name": "Headquarters", "uuid": uuids[1], "url": there.url, "username": "field@example.org",
                           "password": "secret-4711"},
            "tasks": [{"resource_name": "org_organisation", "mode": 3, "components": True}], "user": None, "permissions": {}})

    def type(self, *arguments: str) -> tuple[int, str]:
        """One command line; exit status and what it printed."""
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "modules")}
        done = subprocess.run([self.here.python, "-m", "s3sync", *arguments], cwd=self.here.root, capture_output=True, text=True,
                              env=environment, stdin=subprocess.DEVNULL, timeout=120)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout + done.stderr

    def run(self) -> str:
        return str(self.here.shell(RUN, self.repository))

    def state(self) -> list[Any]:
        """Every row of every table at both sites, but for sessions and logins of users."""
        found = []
        for site in (self.here, self.there):
            names = [row["name"] for row in site.sql("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
            found += [(name, [tuple(row) for row in site.sql(f'SELECT * FROM "{name}"')]) for name in names
                      if name != "auth_event"]
        return found


@pytest.fixture(scope="module")
def desk(site_factory: Callable[..., Site]) -> Iterator[Desk]:
    here, there = site_factory("here"), site_factory("there")
    there.start()
    yield Desk(here, there)
    there.stop()


def test_plan_compare_repair_status(desk: Desk) -> None:
    appdir = str(desk.here.appdir)
    assert "never synchronized" in desk.type("status", appdir)[1]
    desk.here.shell("db.org_organisation.insert(name='Made here')")
    desk.there.shell("db.org_organisation.insert(name='Made there')")
    before = desk.state()
    status, said = desk.type("plan", appdir, "Headquarters")
    assert status == 0, said
    assert "created   org_organisation Made there" in said and "created   org_organisation Made here" in said
    assert "Nothing was changed." in said
    status, said = desk.type("compare", appdir, "Headquarters", "org_organisation")
    assert status == 1 and "missing here   org_organisation Made there" in said
    assert "missing there  org_organisation Made here" in said and "-> push" in said
    assert desk.state() == before

    assert desk.run() == "success"
    assert desk.type("compare", appdir, "Headquarters")[0] == 0
    # lost there behind everybody's back: no run would ever notice
    desk.there.shell("db.executesql(\"DELETE FROM sync_version WHERE record_uuid IN (SELECT uuid FROM org_organisation)\")\n"
                     "db(db.org_organisation.name == 'Made here').delete()")
    assert desk.run() == "success"
    status, said = desk.type("compare", appdir, "Headquarters", "--repair")
    assert status == 1 and "add --yes" in said and "Nothing was queued" in said
    status, said = desk.type("compare", appdir, "Headquarters", "--repair", "--yes")
    assert status == 0 and "1 records are queued" in said
    assert "1 records queued" in desk.type("status", appdir)[1]
    assert desk.run() == "success"
    assert desk.there.sql("SELECT COUNT(*) AS n FROM org_organisation WHERE name = 'Made here'")[0]["n"] == 1
    assert desk.type("compare", appdir, "Headquarters")[0] == 0
    status, said = desk.type("status", appdir)
    assert status == 0 and "last run: success" in said


def test_what_cannot_be_done_is_said(desk: Desk) -> None:
    appdir = str(desk.here.appdir)
    for arguments, words in ((("plan", appdir, "Nobody"), "Registered are: Headquarters"),
                             (("compare", appdir, "Headquarters", "no_table"), "has no task no_table"),
                             (("plan", appdir, "Headquarters", "--user", "nobody@example.org"), "no user nobody@example.org"),
                             (("status", str(desk.here.root)), "no web2py application")):
        status, said = desk.type(*arguments)
        assert status == 1 and words in said, said
    desk.here.shell("db(db.sync_repository.id > 0).update(url='http://127.0.0.1:9/eden')")
    status, said = desk.type("plan", appdir, "Headquarters")
    assert status == 1 and "Peer repository unavailable" in said


def test_doctor_names_and_creates_what_is_missing(desk: Desk) -> None:
    appdir = str(desk.here.appdir)
    key = desk.here.appdir / "private" / "s3sync.key"
    key.chmod(0o644)
    status, said = desk.type("doctor", appdir)
    assert status == 1
    assert "org_organisation has no index on modified_on" in said and "org_office has no index on modified_on" in said
    assert "on uuid" not in said                                 # unique columns have one
    assert "can be read by others" in said and "No worker gives a sign of life" in said
    assert "rollback journal" not in said                        # the application switches the write-ahead log on itself
    assert "Nobody can be asked" in desk.type("doctor", appdir, "--repair")[1]
    assert desk.type("doctor", appdir, "--repair", "--yes")[1].count("Done.") >= 3
    assert key.stat().st_mode & 0o777 == 0o600
    status, said = desk.type("doctor", appdir)
    assert status == 1 and "No worker" in said and "modified_on" not in said and "s3sync.key" not in said


WORKERS = """
import datetime
now = datetime.datetime.now()
db(db.scheduler_worker).delete()
for number, groups in enumerate(arguments["workers"]):
    db.scheduler_worker.insert(worker_name=f"host#{number}", status="ACTIVE", first_heartbeat=now, last_heartbeat=now,
                               group_names=groups, worker_stats={})
for group in arguments["tasks"]:
    db.scheduler_task.insert(application_name="eden/default", function_name="sync_synchronize", task_name="job", args="[1]",
                             group_name=group, repeats=0, period=600, start_time=now, next_run_time=now)
"""


def test_doctor_counts_workers_by_group(desk: Desk) -> None:
    appdir = str(desk.here.appdir)
    try:
        desk.here.shell(WORKERS, {"workers": [["main"], ["main", "night"]], "tasks": ["main", "slow"]})
        said = desk.type("doctor", appdir)[1]
        assert "Workers alive: 2 of group main, 1 of group night." in said
        assert "No worker of the group slow gives a sign of life: 1 task waits for one." in said
        assert "group main gives" not in said and "sync.workers" not in said
        desk.here.configure(sync={"workers": 3})
        assert "sync.workers = 3 has no effect: SQLite" in desk.type("doctor", appdir)[1]
    finally:
        desk.here.configure()
        desk.here.shell("for name in ('scheduler_worker', 'scheduler_task'): db(db[name]).delete()")
