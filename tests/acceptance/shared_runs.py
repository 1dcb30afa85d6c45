"""A site on PostgreSQL with several workers, and a repository with tasks that do not depend on each other."""
from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Callable

from served_site import ServedSite

from sites import REPOSITORY, free_port

REGISTRATION = REPOSITORY / "examples" / "demo" / "at_registration.py"

#: tables of which none refers to another
STOCKS = ("stock_blanket", "stock_bucket", "stock_net", "stock_tent")

MODEL = """
for _name in ("stock_blanket", "stock_bucket", "stock_net", "stock_tent"):
    db.define_table(_name, Field("name", length=128), Field("number", "integer"), Field("comments", "text"), *meta_fields())
"""

FILL = """
import datetime
import uuid
from s3sync.database import Database
now = datetime.datetime.utcnow().isoformat(" ")[:19]
for name in arguments["tables"]:
    rows = [(uuid.uuid4().urn, f"{name} {n}", n, "F", now, now) for n in range(arguments["count"])]
    Database(db).insert(name, ("uuid", "name", "number", "deleted", "created_on", "modified_on"), rows)
"""

JOB = """
import datetime
now = datetime.datetime.now()
answer = db.scheduler_task.insert(
    application_name="eden/default", function_name="sync_synchronize", task_name="job", args=f"[{arguments['repository']}]",
    vars='{"user_id": 1}', repeats=arguments["repeats"], period=2, timeout=600, start_time=now, next_run_time=now)
"""


class Depot:
    """The site `local`, the server `remote` it synchronises with, both with the tables of STOCKS."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        # what earlier tests have written is not looked at again by each run
        sync = {"batch_size": 50, "lease_time": 20, "workers": 3, "overlap": 5, **settings}
        self.local = ServedSite(folder / "local", free_port(), "postgres", name="local", sync=sync)
        self.remote = ServedSite(folder / "remote", free_port(taken=[self.local.port]), "sqlite", name="remote",
                                 sync={"batch_size": 50, "overlap": 5})
        for site in (self.local, self.remote):
            site.build(first_run=False)
            (site.appdir / "models" / "05_stock.py").write_text(MODEL)
            site.shell("answer = db(db.auth_user.id > 0).count()")
        self.remote.start()
        uuids = [site.sql("SELECT uuid FROM sync_config ORDER BY id")[0]["uuid"] for site in (self.local, self.remote)]
        self.remote.shell(REGISTRATION, {
            "repository": {"name": "local", "uuid": uuids[0], "accept_push": True}, "tasks": [],
            "user": {"email": "local@example.com", "password": "a secret", "name": "local"},
            "permissions": {name: ["read", "create", "update", "delete"] for name in STOCKS}})
        self.repository = self.local.shell(REGISTRATION, {
            "repository": {"name": "remote", "uuid": uuids[1], "url": self.remote.url, "username": "local@example.com",
                           "password": "a secret"},
            "tasks": [{"resource_name": name, "mode": 3, "components": False} for name in STOCKS], "user": None,
            "permissions": {}})
        self.count = 0

    def fill(self, count: int) -> None:
        """New records of each table at the other site; an empty history here."""
        self.remote.shell(FILL, {"tables": STOCKS, "count": count})
        self.count += count
        self.local.shell("for name in arguments: db(db[name]).delete()", [
            "scheduler_task", "scheduler_run", "sync_run", "sync_run_task", "sync_log"])

    def job(self, repeats: int = 1) -> None:
        """A scheduled run, or many."""
        self.local.shell(JOB, {"repository": self.repository, "repeats": repeats})

    def by_hand(self) -> None:
        """As somebody does on the page."""
        self.local.shell("s3sync_app.queue(arguments, 1)", self.repository)

    def workers(self, *names: str) -> None:
        """Start them, and wait until all are there to help."""
        began = time.strftime("%Y-%m-%d %H:%M:%S")
        for name in names:
            self.local.start_worker(name=name)
        there = "SELECT COUNT(*) FROM scheduler_worker WHERE first_heartbeat >= ?"
        self.until(lambda: self.local.number(there, [began]) >= len(names))

    def runs(self) -> list[dict[str, Any]]:
        return self.local.sql("SELECT id, status, worker, message, run_trigger FROM sync_run ORDER BY id")

    def steps(self) -> list[dict[str, Any]]:
        return self.local.sql("SELECT run_id, resource_name, direction, status, worker, records, created, updated, rejected, "
                              "message, started_on, finished_on FROM sync_run_task ORDER BY id")

    def log(self) -> list[dict[str, Any]]:
        return self.local.sql("SELECT resource_name, mode, action, result, message FROM sync_log ORDER BY id")

    def created(self) -> int:
        return self.local.number("SELECT SUM(created) FROM sync_run_task")

    def until(self, ready: Callable[[], Any], seconds: float = 120) -> Any:
        """Wait for something."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = ready()
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds} seconds:\n{self.runs()}\n{self.steps()}\n{self.log()}\n{self.local.tail()}")

    def ended(self, number: int = 1) -> bool:
        """Have so many runs come to their end, and given everything back?"""
        done = [run for run in self.runs() if run["status"] != "running"]
        return len(done) >= number and not self.local.sql("SELECT name FROM sync_lease WHERE owner IS NOT NULL")

    def assert_equal_and_done_once(self) -> None:
        """Plain SQL on both databases; each record was written once, under one sequence number."""
        for name in STOCKS:
            here, there = ({row["uuid"]: row for row in site.sql(f"SELECT uuid, name, number, modified_on FROM {name}")}
                           for site in (self.local, self.remote))
            for rows in (here, there):
                for row in rows.values():
                    row["modified_on"] = str(row["modified_on"])[:19]
            assert len(here) == self.count and here == there
            versions, = self.local.sql("SELECT COUNT(*) AS n, COUNT(DISTINCT record_uuid) AS uuids, MAX(seq) AS seq "
                                       "FROM sync_version WHERE tablename = ?", [name])
            assert versions == {"n": self.count, "uuids": self.count, "seq": self.count}

    def close(self) -> None:
        for site in (self.local, self.remote):
            site.stop()
