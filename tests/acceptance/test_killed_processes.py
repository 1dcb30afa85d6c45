"""Real sites, real workers and servers, killed with -9 at random moments, on each database: nothing is lost, or done twice.

S3SYNC_TEST_DATABASES says on which databases (default all), S3SYNC_KILLS how often the worker is killed (default once or twice),
S3SYNC_SEED when.
"""
from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from databases import chosen
from served_site import ServedSite

from sites import REPOSITORY, free_port

DATABASES = os.environ.get("S3SYNC_TEST_DATABASES", "sqlite,postgres,mysql").split(",")
RECORDS = 20_000
KILLS = int(os.environ.get("S3SYNC_KILLS", "0"))
SEED = int(os.environ.get("S3SYNC_SEED", "0")) or random.randrange(1, 10 ** 6)
REGISTRATION = REPOSITORY / "examples" / "demo" / "at_registration.py"

FILL = """
import datetime
import uuid
from s3sync.database import Database
first, count = arguments
now = datetime.datetime.utcnow().isoformat(" ")[:19]
rows = [(uuid.uuid4().urn, f"Village {n}", "L4", n % 90, -n % 180, n, "F", now, now)
        for n in range(first, first + count)]
Database(db).insert("gis_location", ("uuid", "name", "level", "lat", "lon", "population", "deleted", "created_on",
                                     "modified_on"), rows)
"""

JOB = """
import datetime
now = datetime.datetime.now()
db(db.scheduler_task).delete()
for number in range(arguments["jobs"]):
    answer = db.scheduler_task.insert(
        application_name="eden/default", function_name="sync_synchronize", task_name="job",
        args=f"[{arguments['repository']}]", vars='{"user_id": 1}', repeats=arguments["repeats"], period=arguments["period"],
        timeout=600, start_time=now, next_run_time=now)
"""

#: everything that a location says of itself
VALUES = "uuid, name, level, lat, lon, population, modified_on"


class Pair:
    """A site that pulls locations from another."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.kind = kind
        self.local = ServedSite(folder / "local", free_port(), kind, name="local", sync={"batch_size": 250, "lease_time": 20})
        self.remote = ServedSite(folder / "remote", free_port(taken=[self.local.port]), kind, name="remote",
                                 sync={"batch_size": 250})
        for site in (self.local, self.remote):
            site.build()
        self.remote.start()
        self.count = 0
        self.repository = self._register()

    def _register(self) -> int:
        uuids = [site.sql("SELECT uuid FROM sync_config ORDER BY id")[0]["uuid"] for site in (self.local, self.remote)]
        self.remote.shell(REGISTRATION, {
            "repository": {"name": "local", "uuid": uuids[0], "accept_push": True}, "tasks": [],
            "user": {"email": "local@example.com", "password": "a secret", "name": "local"},
            "permissions": {"gis_location": ["read"]}})
        return int(self.local.shell(REGISTRATION, {
            "repository": {"name": "remote", "uuid": uuids[1], "url": self.remote.url, "username": "local@example.com",
                           "password": "a secret"},
            "tasks": [{"resource_name": "gis_location", "mode": 1, "components": False}], "user": None, "permissions": {}}))

    def fill(self, count: int) -> None:
        """New records at the other site; a new job and an empty history here."""
        self.remote.shell(FILL, [self.count, count])
        self.count += count
        self.local.shell("for name in ('scheduler_task', 'sync_run', 'sync_run_task', 'sync_log'): db(db[name]).delete()")

    def job(self, repeats: int = 1, period: int = 1, jobs: int = 1) -> None:
        """Queue runs, instead of those that were."""
        self.local.shell(JOB, {"repository": self.repository, "repeats": repeats, "period": period, "jobs": jobs})

    def runs(self) -> list[dict[str, Any]]:
        """All runs so far with the counts of their step."""
        return self.local.sql("SELECT r.id, r.status, r.worker, r.started_on, r.finished_on, r.message, t.records, t.created, "
                              "t.updated, t.rejected FROM sync_run r LEFT JOIN sync_run_task t ON t.run_id = r.id ORDER BY r.id")

    def created(self) -> int:
        """Records that runs say they created."""
        return self.local.number("SELECT SUM(created) FROM sync_run_task")

    def until(self, ready: Callable[[], Any], seconds: float = 180) -> Any:
        """Wait for something."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = ready()
            if found:
                return found
            time.sleep(0.02)
        raise AssertionError(f"not within {seconds} seconds:\n{self.runs()}\n{self.log()}\n{self.local.tail()}")

    def log(self) -> list[Any]:
        return self.local.sql("SELECT result, message FROM sync_log ORDER BY id")

    def finished(self) -> bool:
        """Has a run come to a good end?"""
        return any(run["status"] == "success" for run in self.runs())

    def assert_equal_and_done_once(self, count: int) -> None:
        """Plain SQL on both databases; every record was written once, under one sequence number."""
        here, there = ({row["uuid"]: row for row in site.sql(f"SELECT {VALUES} FROM gis_location WHERE deleted = 'F'")}
                       for site in (self.local, self.remote))
        assert len(here) == len(there) == self.count and here == there
        runs = self.runs()
        assert sum(run["created"] or 0 for run in runs) == count, runs
        assert sum((run["updated"] or 0) + (run["rejected"] or 0) for run in runs) == 0
        versions, = self.local.sql("SELECT COUNT(*) AS n, COUNT(DISTINCT record_uuid) AS uuids, MAX(seq) AS seq "
                                   "FROM sync_version WHERE tablename = 'gis_location'")
        assert versions == {"n": self.count, "uuids": self.count, "seq": self.count}
        assert self.idle()

    def idle(self) -> bool:
        """Has nobody the lease?"""
        lease, = self.local.sql("SELECT owner FROM sync_lease WHERE name = ?", [f"repository/{self.repository}"])
        return lease["owner"] is None

    def rest(self) -> None:
        """No further runs; the worker ends when the present one has."""
        self.local.shell("db(db.scheduler_task).delete()")
        self.until(self.idle)
        self.local.stop_worker()

    def close(self) -> None:
        for site in (self.local, self.remote):
            site.stop()


@pytest.fixture(scope="module", params=DATABASES)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    made = Pair(tmp_path_factory.mktemp(request.param), request.param)
    yield made
    made.close()
    for site in (made.local, made.remote):
        if site.uri:
            chosen.server(made.kind).drop(chosen.name_of(site.uri))


def test_worker_killed_in_the_middle_of_a_pull(pair: Pair) -> None:
    """As often as asked for; the next worker takes the lease over and goes on after the last batch that was committed."""
    rnd = random.Random(SEED)
    print(f"S3SYNC_SEED={SEED}")
    pair.fill(RECORDS)
    done = 0
    kills = KILLS or (2 if pair.kind == "sqlite" else 1)
    for kill in range(kills):
        moment = rnd.randrange(kill * RECORDS // kills, (2 * kill + 1) * RECORDS // kills // 2) + 1
        pause = rnd.uniform(0, 0.3)
        pair.job()
        pair.local.start_worker()
        pair.until(lambda moment=moment: pair.created() >= moment)
        time.sleep(pause)
        pair.local.stop_worker(signal.SIGKILL)
        assert pair.created() < RECORDS and not pair.finished(), f"S3SYNC_SEED={SEED}: it was done before it was killed"
        assert pair.created() > done, f"S3SYNC_SEED={SEED}"
        done = pair.created()
        assert pair.local.number("SELECT COUNT(*) FROM gis_location WHERE deleted = 'F'") == done
    pair.job()
    pair.local.start_worker()
    pair.until(pair.finished)
    pair.rest()
    pair.assert_equal_and_done_once(RECORDS)
    assert [run["status"] for run in pair.runs()] == ["interrupted"] * kills + ["success"]


def test_the_peers_server_killed_and_restarted(pair: Pair) -> None:
    """The run waits and tries again; nothing that was there is fetched or written once more."""
    count = 4000
    pair.fill(count)
    pair.job(repeats=0)
    pair.local.start_worker()
    pair.until(lambda: pair.created() >= 500)
    pair.remote.stop_server(signal.SIGKILL)
    assert pair.created() < count
    time.sleep(2)
    pair.remote.start()
    pair.until(pair.finished)
    pair.rest()
    pair.assert_equal_and_done_once(count)
    assert {run["status"] for run in pair.runs()} <= {"success", "error"}


def test_two_workers_on_one_schedule(pair: Pair) -> None:
    """They take turns: never two runs at a time, and nothing is done twice."""
    count = 4000
    pair.fill(count)
    pair.job(repeats=2, period=1, jobs=2)
    pair.local.start_worker()
    second = subprocess.Popen([pair.local.python, "web2py.py", "-K", "eden", "-Q"], cwd=pair.local.root,
                              env=pair.local._environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        pair.until(lambda: pair.local.live_workers() == 2)
        pair.until(lambda: pair.local.number("SELECT COUNT(*) FROM scheduler_task WHERE status = 'COMPLETED'") == 2)
    finally:
        os.killpg(second.pid, signal.SIGKILL)
        second.wait(20)
        pair.local.stop_worker()
    pair.assert_equal_and_done_once(count)
    runs = [(str(run["started_on"]), str(run["finished_on"])) for run in pair.runs()]
    assert all(run["status"] == "success" for run in pair.runs())
    for (_, ended), (began, _) in zip(runs, runs[1:]):
        assert ended <= began, runs
