"""One site on PostgreSQL with several workers, and the peers it pulls from: four with one table each, one with all four."""
from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable

from pair import ACCOUNT, HERE, PULL, TICKS, BenchError, BenchSite
from postgres import PostgresServer
from sites import free_port
from storage import PostgresStorage, SqliteStorage, connect
from subject import STATION, Part, Subject

DEPOTS = tuple(replace(STATION, table=f"bench_depot_{number}") for number in range(1, 5))

#: the cases, with the tables of each of their peers
CASES: dict[str, tuple[tuple[Part, ...], ...]] = {"four repositories": tuple((part,) for part in DEPOTS),
                                                  "one repository, four tasks": (DEPOTS,)}

#: a satellite link: seconds there and back, bytes a second
ROUND_TRIP, RATE = 0.6, 64_000

#: makes the index of a peer's tables, as its first export would
INDEX = """
from s3sync.engine.export import Exporter
site = s3sync_app.site()
for name in arguments:
    exporter = Exporter(site)
    while not exporter.refresh(name, 1000):
        db.commit()
    db.commit()
"""

#: queues a run of each repository
QUEUE = "for number in arguments: s3sync_app.queue(number, 1)"


class Crowd:
    """Everything below one folder.

    Parameters
    ----------
    records : in each table
    """

    def __init__(self, folder: Path, server: PostgresServer, records: int) -> None:
        self.folder = folder
        self.server = server
        self.records = records
        taken: list[int] = []
        self.client = self._site("client", taken)
        self.client.storage = PostgresStorage(server, "crowd")
        self.peers = {case: [self._site(f"peer-{len(tables)}-{tables[0].table}", taken) for tables in each]
                      for case, each in CASES.items()}
        self.repositories: dict[str, list[int]] = {}
        self._links: list[subprocess.Popen[bytes]] = []
        self._taken = taken
        self._workers: list[str] = []

    def _site(self, name: str, taken: list[int]) -> BenchSite:
        site = BenchSite(self.folder / name, free_port(taken=taken), name)
        taken.append(site.port)
        site.storage = SqliteStorage(site.database, self.folder / "kept", name)
        return site

    # -- building -------------------------------------------------------------------------------------------------

    def build(self) -> None:
        """Build, fill and register all sites; save their databases as "ready"."""
        sites = [self.client, *(site for each in self.peers.values() for site in each)]
        for site in sites:
            site.build(install=True, first_run=False)
            shutil.copy(HERE / "models" / "04_depots.py", site.appdir / "models")
            site.shell("answer = db(db.auth_user.id > 0).count()")
        uuid = self.client.shell("answer = s3sync_app.host.site_uuid")
        for case, each in self.peers.items():
            for site, tables in zip(each, CASES[case]):
                self._fill(site, tables)
                self._register(case, site, tables, uuid)
        for site in sites:
            site.configure(migrate=False)        # as in production
            site.storage.save("ready")

    def _fill(self, site: BenchSite, tables: tuple[Part, ...]) -> None:
        for part in tables:
            site.storage.fill(Subject(part.table, "", part.table, False, ((part, 1.0),), False), self.records)
        site.shell(INDEX, [part.table for part in tables])

    def _register(self, case: str, site: BenchSite, tables: tuple[Part, ...], uuid: str) -> None:
        password = secrets.token_urlsafe(12)
        script = HERE.parent / "examples" / "demo" / "at_registration.py"
        site.shell(script, {
            "repository": {"name": "Client", "uuid": uuid, "accept_push": True}, "tasks": [],
            "user": {"email": ACCOUNT, "password": password, "name": "Client"},
            "permissions": {part.table: ["read"] for part in tables}})
        number = self.client.shell(script, {
            "repository": {"name": site.root.name, "uuid": site.shell("answer = s3sync_app.host.site_uuid"), "url": site.url,
                           "username": ACCOUNT, "password": password},
            "tasks": [{"resource_name": part.table, "mode": PULL, "components": False} for part in tables],
            "user": None, "permissions": {}})
        self.repositories.setdefault(case, []).append(number)

    # -- measuring ------------------------------------------------------------------------------------------------

    def prepare(self, case: str, workers: int, slow: bool) -> None:
        """Put all databases back, start the peers, the links to them and the workers."""
        self.client.storage.restore("ready")
        self.client.sync["workers"] = workers
        self.client.configure(migrate=False)
        urls = []
        for site in self.peers[case]:
            site.storage.restore("ready")
            site.start()
            port = self._link(site.port) if slow else site.port
            urls.append(f"http://127.0.0.1:{port}/eden")
        self.client.shell("for number, url in arguments: db(db.sync_repository.id == number).update(url=url)",
                          list(zip(self.repositories[case], urls)))
        for number in range(workers):
            self._workers.append(f"worker{number}")
            self.client._launch(self._workers[-1], ["-K", self.client.app, "-Q"])
        self._until(lambda: self._count("SELECT COUNT(*) FROM scheduler_worker") == workers, 60, "the workers do not start")

    def _link(self, target: int) -> int:
        port = free_port(taken=self._taken)
        self._taken.append(port)
        self._links.append(subprocess.Popen([sys.executable, str(HERE / "link.py"), str(port), str(target), str(ROUND_TRIP),
                                             str(RATE)], stdin=subprocess.DEVNULL))
        return port

    def run(self, case: str) -> tuple[float, dict[str, float]]:
        """Pull everything: wall seconds, from the beginning of the first run to the end of the last one, and processor
        seconds of workers, peers and PostgreSQL. Raises BenchError unless everything has come."""
        numbers = self.repositories[case]
        before = self.cpu(case)
        self.client.shell(QUEUE, numbers)
        with closing(connect("postgres", self.client.storage.dsn)) as watch:      # one for all: each would cost the server 5 ms
            watch.autocommit = True
            self._until(lambda: _number(watch, "SELECT COUNT(*) FROM sync_run") > 0, 60, "no run begins", 0.02)
            began = time.perf_counter()
            self._until(lambda: _number(watch, "SELECT COUNT(*) FROM sync_run WHERE status <> 'running'") == len(numbers), 900,
                        "the runs do not end", 0.05)
            seconds = time.perf_counter() - began
        time.sleep(3)                             # the workers' tasks come to their ends
        used = {name: value - before[name] for name, value in self.cpu(case).items()}
        failed = self._count("SELECT COUNT(*) FROM sync_run WHERE status <> 'success'")
        if failed or any(self.client.storage.count(part.table) != self.records for part in DEPOTS):
            raise BenchError(f"{case}: not everything has come\n{self.client.tail(20)}")
        return seconds, used

    def at_work(self) -> int:
        """How many workers have had a share."""
        shared = self._count("SELECT COUNT(DISTINCT worker) FROM sync_run_task")
        return shared or self._count("SELECT COUNT(DISTINCT worker_name) FROM scheduler_run")

    def cpu(self, case: str) -> dict[str, float]:
        """Processor seconds so far."""
        postmaster = int((self.server.folder / "data" / "postmaster.pid").read_text().split()[0])
        return {"workers": sum(_tree(int((self.client.root / f"{name}.pid").read_text())) for name in self._workers),
                "peers": sum(site.cpu() for site in self.peers[case]), "postgres": _tree(postmaster)}

    def rest(self) -> None:
        """Stop all but the database's server."""
        for name in self._workers:
            self.client.stop_worker(name=name)
        for link in self._links:
            link.kill()
            link.wait()
        for each in self.peers.values():
            for site in each:
                site.stop()
        self._workers, self._links = [], []

    def _count(self, statement: str) -> int:
        with closing(connect("postgres", self.client.storage.dsn)) as connection:
            return _number(connection, statement)

    @staticmethod
    def _until(ready: Callable[[], bool], seconds: float, complaint: str, step: float = 0.2) -> None:
        end = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > end:
                raise BenchError(complaint)
            time.sleep(step)


def _number(connection: Any, statement: str) -> int:
    """What a query for one number says."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return int(cursor.fetchone()[0])


def _tree(root: int) -> float:
    """Processor seconds of a process, of all that it has started, and of those of them that have ended."""
    parents: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parts = Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            parents.setdefault(int(parts[1]), []).append(int(entry))
            ticks[int(entry)] = sum(map(int, parts[11:15]))
    total, left = 0, [root]
    while left:
        number = left.pop()
        total += ticks.get(number, 0)
        left += parents.get(number, [])
    return total / TICKS
