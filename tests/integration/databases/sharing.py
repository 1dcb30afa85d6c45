"""A site whose runs are shared by workers in threads, each with a connection of its own."""
from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable

from databases import chosen
from local_sites import LocalPeer, LocalSite, register
from pydal import Field

from s3sync.engine.crew import Crew
from s3sync.engine.helper import Helper
from s3sync.engine.run import Runner
from s3sync.engine.stop import Stop

#: tables of which none refers to another
STOCKS = ("stock_blanket", "stock_net", "stock_tent")


class StockSite(LocalSite):
    """With further tables."""

    def connect(self) -> None:
        super().connect()
        for name in STOCKS:
            self.db.define_table(name, Field("name"), *self.meta())
        self.db.commit()


class Here(Crew):
    """Calls workers in threads of this process; `stops` are theirs. Where nobody is to be called, it only notes it."""

    def __init__(self, begin: Callable[[int, Stop], int] | None) -> None:
        self.begin = begin
        self.called: list[tuple[int, int]] = []
        self.stops: list[Stop] = []
        self.pool = ThreadPoolExecutor(4)
        self.futures: list[Future[int]] = []

    def call(self, run_id: int, number: int) -> None:
        self.called.append((run_id, number))
        for _ in range(number if self.begin else 0):
            self.stops.append(Stop())
            self.futures.append(self.pool.submit(self.begin, run_id, self.stops[-1]))       # type: ignore[arg-type]

    def dismiss(self, run_id: int) -> None:
        self.called.append((run_id, 0))


class Depot:
    """The site `a`, which has a task for each of STOCKS with the server `b`."""

    def __init__(self, folder: Path, kind: str, workers: int = 3) -> None:
        self.kind = kind
        self.workers = workers
        self.folder = folder
        self.uris = {name: "" if kind == "sqlite" else chosen.new_database(kind) for name in "ab"}
        self.a, self.b = self.open("a"), self.open("b")
        self.repository = register(self.a, self.b, [dict(resource_name=name, mode=3) for name in STOCKS])
        self.crew = Here(self._help)
        self.on_wire: Callable[[str, bytes], bytes] = lambda method, body: body
        self.on_helpers_wire = self.on_wire
        self.own = True
        self.open_sites: list[LocalSite] = []
        self.stop = Stop()

    def open(self, name: str) -> StockSite:
        """One more connection to the site's database."""
        return StockSite(self.folder, name, self.uris[name] or f"sqlite://{name}.db", batch_size=10, lease_time=5,
                         workers=self.workers, backoff=0.1)

    def fill(self, count: int) -> None:
        for name in STOCKS:
            self.b.db[name].bulk_insert([dict(name=f"{name} {n}") for n in range(count)])
        self.b.db.commit()

    def _peer(self, me: LocalSite) -> LocalPeer:
        peer = LocalPeer(me, self.b, self.on_wire if me is self.a else self.on_helpers_wire)
        peer.own = self.own
        return peer

    def run(self, manual: bool = True) -> str:
        """By the present thread."""
        return Runner(self.a.open(), lambda repository, site: lambda: self._peer(self.a), self.stop,
                      crew=self.crew).synchronize(self.repository, manual=manual)

    def _help(self, run_id: int, stop: Stop) -> int:
        me = self.open("a")                       # this thread's own
        try:
            return Helper(me.open(), lambda repository, site: lambda: self._peer(me), stop).help(run_id)
        finally:
            me.db.close()

    def helped(self) -> list[int]:
        """How many steps each of those who were called has done."""
        return [future.result(60) for future in self.crew.futures]

    def steps(self) -> list[Any]:
        run = self.a.run()
        return list(self.a.db(self.a.db.sync_run_task.run_id == run.id).select(orderby=self.a.db.sync_run_task.id))

    def close(self) -> None:
        self.crew.pool.shutdown()
        for site in (self.a, self.b):
            site.db.close()
        if self.kind != "sqlite":
            for uri in self.uris.values():
                chosen.server(self.kind).drop(chosen.name_of(uri))


class Gate:
    """Holds answers of the peer until it is opened, for those threads that come to it first."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.open = threading.Event()
        self.reached = threading.Event()
        self.count = 0
        self.lock = threading.Lock()

    def __call__(self, method: str, body: bytes) -> bytes:
        with self.lock:
            self.count += 1
            mine = self.count == self.at
        if mine:
            self.reached.set()
            assert self.open.wait(60)
        return body
