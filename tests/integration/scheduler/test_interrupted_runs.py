"""Runs of a web2py worker that do not get done in time: its timeout is near, or it is told to end."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

from long_runs import JOB, RECORDS, runs, until

from sites import Site


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
    until(lambda: runs(local)[0][0] != "running", local, 60)
    until(lambda: local.sql("SELECT owner FROM sync_lease")[0]["owner"] is None, local, 20)
    assert time.monotonic() - began < 50                     # before the worker would end it by force
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
