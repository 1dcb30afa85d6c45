"""web2py's workers in every kind of trouble, with real runs: each ends in the right state and says what happened."""
from __future__ import annotations

import os
import shlex
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
import uuid
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from long_runs import FILL, JOB, RECORDS, REGISTRATION, runs, until
from visitor import Visitor

from sites import ADMIN, REPOSITORY, Site

ALREADY = "error: Synchronization already active - skipping run"
UNIT = REPOSITORY / "docs" / "how-to" / "eden-worker.service"


def messages(site: Site) -> str:
    return "\n".join(f"{row['result']}: {row['message']}" for row in site.sql("SELECT * FROM sync_log ORDER BY id"))


def began(site: Site) -> bool:
    """Has a run stored something?"""
    return any((run[2] or 0) > 0 for run in runs(site))


def once(sites: Any) -> None:
    """All records are here, and no run has done what another one did."""
    site, remote = sites
    found = runs(site)
    assert found[-1][0] == "success", found
    # an earlier test may have left some for this one
    assert sum(run[2] or 0 for run in found) >= RECORDS and sum(run[3] or 0 for run in found) == 0, found
    count = "SELECT COUNT(*) AS n, COUNT(DISTINCT uuid) AS u FROM gis_location"
    assert tuple(site.sql(count)[0]) == tuple(remote.sql(count)[0])
    spans = site.sql("SELECT started_on, finished_on FROM sync_run ORDER BY id")
    assert all(before["finished_on"] <= after["started_on"] for before, after in zip(spans, spans[1:])), "side by side"


def test_the_same_repository_twice_at_once(sites: Any) -> None:
    """Two jobs, two workers: the second one does nothing, says so, and tries again at its next time."""
    local, _ = sites
    jobs = [local.shell(JOB, {"repository": local.repository, "timeout": 600, "bandwidth": 15}) for _ in range(2)]
    local.shell("for job in db(db.scheduler_task).select(): job.update_record(period=30)")
    local.start_worker()
    local.start_worker(name="worker-2")
    until(lambda: any(run[0] == "success" for run in runs(local)), local, 90)
    once(sites)
    assert ALREADY in messages(local)
    assert {row["status"] for row in local.sql("SELECT status FROM scheduler_task")} <= {"QUEUED", "ASSIGNED", "RUNNING"}
    assert len(jobs) == 2 and {row["times_failed"] for row in local.sql("SELECT times_failed FROM scheduler_task")} == {0}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_worker_that_gives_no_sign_of_life(sites: Any, number: int) -> None:
    """Killed or lost: another one takes its job over. Its run goes on in a process of its own, and is not done twice."""
    local, _ = sites
    local.shell(JOB, {"repository": local.repository, "timeout": 600, "bandwidth": 5})
    local.start_worker()
    until(lambda: began(local), local, 60)
    first = local.pid("worker")
    os.kill(first, number)
    local.start_worker(name="worker-2")
    try:
        until(lambda: ALREADY in messages(local), local, 60)          # the job was taken over
        if number == signal.SIGSTOP:
            os.kill(first, signal.SIGCONT)
        until(lambda: any(run[0] == "success" for run in runs(local)), local, 90)
        once(sites)
        until(lambda: local.sql("SELECT owner FROM sync_lease")[0]["owner"] is None, local, 15)
    finally:
        end_group(first)


def end_group(leader: int) -> None:
    """End the processes of a worker that cannot be asked any more."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def test_the_whole_group_is_killed(sites: Any) -> None:
    """Worker and run, as when the machine goes down: the next worker goes on where it was."""
    local, _ = sites
    local.shell(JOB, {"repository": local.repository, "timeout": 600, "bandwidth": 30})
    local.start_worker()
    until(lambda: began(local), local, 60)
    local.stop_worker(signal.SIGKILL)
    assert runs(local)[0][0] == "running"
    local.shell("db(db.sync_repository).update(bandwidth=None)")
    local.start_worker(name="worker-2")
    until(lambda: any(run[0] == "success" for run in runs(local)), local, 60)
    once(sites)
    first = runs(local)[0]
    assert first[:2] == ("interrupted", "interrupted") and "Its process ended before it did" in first[4]


def test_stopped_as_a_service(sites: Any) -> None:
    """What systemd does with the unit file of the guide: the run ends with its batch, then the worker, within seconds."""
    local, _ = sites
    local.shell(JOB, {"repository": local.repository, "timeout": 600, "bandwidth": 10})
    local.start_worker()
    until(lambda: began(local), local, 60)
    worker = local.pid("worker")
    lines = dict(line.split("=", 1) for line in UNIT.read_text().splitlines() if "=" in line and not line.startswith("#"))
    assert lines["ExecStart"].endswith("web2py.py -K eden -Q")
    start = time.monotonic()
    command = [word.replace("$MAINPID", str(worker)) for word in shlex.split(lines["ExecStop"])]
    waiter = threading.Thread(target=lambda: os.waitpid(worker, 0))     # as systemd collects it
    waiter.start()
    subprocess.run(command, timeout=60)
    end_with(worker, signal.SIGTERM)
    waiter.join(20)
    assert not waiter.is_alive() and time.monotonic() - start < 30
    run, = runs(local)
    assert run[:2] == ("interrupted", "interrupted") and "SIGTERM" in run[4] and 0 < run[2] < RECORDS
    assert local.sql("SELECT owner FROM sync_lease")[0]["owner"] is None


def end_with(leader: int, number: int) -> None:
    """What systemd sends to all processes that are left."""
    try:
        os.killpg(leader, number)
    except ProcessLookupError:
        return


def test_in_the_foreground_with_the_same_progress(sites: Any) -> None:
    """No worker at all: the page that is waited for does the work, another one shows how far it is."""
    local, _ = sites
    local.shell("db(db.sync_repository).update(bandwidth=15)")
    local.start()
    admin, watcher = Visitor(local).login(*ADMIN), Visitor(local).login(*ADMIN)
    address = f"/sync/repository/{local.repository}"
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(admin.send(f"{address}/now", "sync_now_foreground")))
    thread.start()
    seen = set()
    while thread.is_alive():
        seen.add(watcher.get(f"{address}/progress").text)
        seen.add(admin.get(f"{address}/progress").text)               # the same session is not locked meanwhile
        time.sleep(0.5)
    assert "The synchronization is finished." in answers[0].text
    assert sum("<progress" in html and 'data-busy="1"' in html for html in seen) >= 2
    once(sites)


@pytest.fixture
def ten(site_factory: Callable[..., Site]) -> Iterator[tuple[Site, Path]]:
    """A site with ten repositories: ten applications of one server."""
    local, remote = site_factory("local", sync={"batch_size": 50}), site_factory("ten")
    own = local.sql("SELECT uuid FROM sync_config ORDER BY id")[0]["uuid"]
    remote.shell(REGISTRATION, {
        "repository": {"name": "local", "uuid": own, "accept_push": True}, "tasks": [],
        "user": {"email": "local@example.com", "password": "a secret", "name": "local"},
        "permissions": {"gis_location": ["read"]}})
    remote.shell(FILL, {"count": 60})
    for number in range(10):
        folder = remote.appdir.with_name(f"site{number}")
        shutil.copytree(remote.appdir, folder, ignore=shutil.ignore_patterns("sessions", "errors"))
        (folder / "sessions").mkdir()
        (folder / "errors").mkdir()
        peer = uuid.uuid4().urn
        with sqlite3.connect(folder / "databases" / "storage.db") as db:
            db.execute("UPDATE sync_config SET uuid = ?", [peer])
            db.execute("UPDATE gis_location SET uuid = ? || uuid, name = ? || name", [str(number), f"{number} "])
        db.close()
        local.shell(REGISTRATION, {
            "repository": {"name": f"site {number}", "uuid": peer, "url": f"{remote.url.rsplit('/', 1)[0]}/site{number}",
                           "username": "local@example.com", "password": "a secret"},
            "tasks": [{"resource_name": "gis_location", "mode": 1, "components": False}], "user": None, "permissions": {}})
    remote.start()
    yield local, remote.root
    local.stop()
    remote.stop()


def test_ten_repositories_at_once(ten: Any) -> None:
    """Three workers on SQLite: all are synchronized, none is in another one's way."""
    local, _ = ten
    for row in local.sql("SELECT id FROM sync_repository ORDER BY id"):
        local.shell(JOB + "db(db.scheduler_task.id == answer).update(period=3600)",
                    {"repository": row["id"], "timeout": 600, "bandwidth": None})
    for name in ("worker", "worker-2", "worker-3"):
        local.start_worker(name=name)
    until(lambda: local.sql("SELECT COUNT(*) AS n FROM sync_run WHERE status = 'success'")[0]["n"] == 10, local, 150)
    assert len(runs(local)) == 10 and {run[2] for run in runs(local)} == {60}
    assert not local.sql("SELECT message FROM sync_log WHERE result <> 'success'")
    assert len({row["worker"] for row in local.sql("SELECT worker FROM sync_run")}) == 10      # a process each
    states = {row["status"] for row in local.sql("SELECT status FROM scheduler_run")}
    assert states <= {"COMPLETED", "RUNNING"}
