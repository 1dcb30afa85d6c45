"""Runs of a web2py worker that do not get done in time: its timeout is near, or it is told to end."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any, Callable, Iterator

import pytest

from sites import REPOSITORY, Site

RECORDS = 400
REGISTRATION = REPOSITORY / "examples" / "demo" / "at_registration.py"

#: comments that hardly compress, so that the bandwidth tells how long a run takes
FILL = """
import secrets
for number in range(arguments["count"]):
    db.gis_location.insert(name=f"Village {number}", level="L4", comments=secrets.token_hex(250))
"""

JOB = """
import datetime
now = datetime.datetime.now()
answer = db.scheduler_task.insert(
    application_name="eden/default", function_name="sync_synchronize", task_name="job", args=f"[{arguments['repository']}]",
    vars='{"user_id": 1}', repeats=0, period=2, timeout=arguments["timeout"], start_time=now, next_run_time=now)
db(db.sync_repository.id == arguments["repository"]).update(bandwidth=arguments["bandwidth"])
"""


@pytest.fixture
def sites(two: Any) -> Iterator[Any]:
    """A server with new records, and a site that pulls them and has no job yet."""
    local, remote = two
    local.shell("for name in ('scheduler_task', 'sync_run', 'sync_run_task', 'sync_log'): db(db[name]).delete()")
    remote.shell(FILL, {"count": RECORDS})
    yield local, remote
    local.stop()


@pytest.fixture(scope="module")
def two(site_factory: Callable[..., Site]) -> Iterator[Any]:
    local = site_factory("local", sync={"batch_size": 50})
    remote = site_factory("remote", sync={"batch_size": 50})
    remote.start()
    uuids = [site.sql("SELECT uuid FROM sync_config ORDER BY id")[0]["uuid"] for site in (local, remote)]
    remote.shell(REGISTRATION, {
        "repository": {"name": "local", "uuid": uuids[0], "accept_push": True}, "tasks": [],
        "user": {"email": "local@example.com", "password": "a secret", "name": "local"},
        "permissions": {"gis_location": ["read"]}})
    local.repository = local.shell(REGISTRATION, {                 # type: ignore[attr-defined]
        "repository": {"name": "remote", "uuid": uuids[1], "url": remote.url, "username": "local@example.com",
                       "password": "a secret"},
        "tasks": [{"resource_name": "gis_location", "mode": 1, "components": False}], "user": None, "permissions": {}})
    yield local, remote
    local.stop()
    remote.stop()


def until(ready: Callable[[], Any], site: Site, seconds: float) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = ready()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"not within {seconds} seconds:\n{site.tail()}\n{runs(site)}")


def runs(site: Site) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in site.sql(
        "SELECT r.status, t.status, t.created, t.updated, r.message FROM sync_run r LEFT JOIN sync_run_task t ON t.run_id = r.id "
        "ORDER BY r.id")]


def test_a_long_run_in_a_short_job(sites: Any) -> None:
    """It comes to its end before its worker ends it; the next ones go on until it is done, and none does work twice."""
    local, _ = sites
    job = local.shell(JOB, {"repository": local.repository, "timeout": 8, "bandwidth": 14})
    local.start_worker()
    until(lambda: any(run[0] == "success" for run in runs(local)), local, 90)
    found = runs(local)
    assert [run[:2] for run in found][:-1].count(("interrupted", "interrupted")) >= 1, found
    first = next(number for number, run in enumerate(found) if run[0] == "success")
    assert {run[0] for run in found[:first]} == {"interrupted"}
    assert sum(run[2] or 0 for run in found) == RECORDS and sum(run[3] or 0 for run in found) == 0
    assert "the timeout of its job, 8 seconds, is near" in found[0][4]
    log = local.sql("SELECT result, message FROM sync_log WHERE message LIKE '%interrupted%' ORDER BY id")
    assert log[0]["result"] == "warning" and "records were done before" in log[0]["message"]
    row, = local.sql("SELECT status, times_failed FROM scheduler_task WHERE id = ?", [job])
    assert row["status"] in ("QUEUED", "ASSIGNED", "RUNNING") and row["times_failed"] == 0
    ended = local.sql("SELECT DISTINCT status FROM scheduler_run WHERE status <> 'RUNNING'")
    assert [row["status"] for row in ended] == ["COMPLETED"]


def test_sigterm_in_mid_run(sites: Any) -> None:
    """It stops after the batch, gives the lease back and says so; a silent peer does not keep it waiting."""
    local, remote = sites
    local.shell(JOB, {"repository": local.repository, "timeout": 600, "bandwidth": 10})
    local.start_worker()
    until(lambda: any((run[2] or 0) > 0 for run in runs(local)), local, 60)
    worker = int((local.root / "worker.pid").read_text())
    server = int((remote.root / "server.pid").read_text())
    os.kill(server, signal.SIGSTOP)
    time.sleep(1)
    began = time.monotonic()
    os.kill(worker, signal.SIGTERM)             # a web2py worker hands it on to the task, and needs a second one for itself
    until(lambda: runs(local)[0][0] != "running", local, 20)
    until(lambda: local.sql("SELECT owner FROM sync_lease")[0]["owner"] is None, local, 5)
    assert time.monotonic() - began < 15
    os.kill(server, signal.SIGCONT)
    run, = runs(local)
    assert run[:2] == ("interrupted", "interrupted") and "SIGTERM" in run[4]
    assert 0 < run[2] < RECORDS


def test_a_worker_without_web2py(sites: Any) -> None:
    """It finds the application's tables in pyDAL's migration files, its key where web2py's would."""
    local, remote = sites
    job = local.shell(JOB, {"repository": local.repository, "timeout": 100, "bandwidth": 0})
    before = schema(local)
    subprocess.run([sys.executable, "-m", "s3sync", "worker", "--once", "--uri", "sqlite://storage.db",
                    "--folder", str(local.appdir / "databases")], check=True, cwd=local.root)
    row, = local.sql("SELECT status, times_run, times_failed FROM scheduler_task WHERE id = ?", [job])
    assert tuple(row) == ("QUEUED", 1, 0)
    (status, _, created, _, _), = runs(local)
    assert status == "success" and created >= RECORDS           # with what the test before has left
    assert schema(local) == before
    count = "answer = db(db.gis_location.name.startswith('Village ')).count()"
    assert local.shell(count) == remote.shell(count)
    assert schema(local) == before


def schema(site: Site) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in site.sql("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name")]
