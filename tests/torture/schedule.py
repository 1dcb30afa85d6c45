"""One schedule: edits, runs and faults at random, then healing, then the account."""
from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from clocked_site import Clock, ClockedSite
from faults import STATEMENTS, Killed, TroubledEden, TroubledPeer, Wire
from local_sites import register
from plain_eden import ActiveEden
from world import Ledger, People, differences, duplicated, lost, orphans, state

from s3sync.engine.run import Runner
from s3sync.settings import Settings

SKEWS = (0, 0, -7200, 7200, 40)
WIRE_FAULTS = ("cut", "lost", "unreachable", "twice", "cut request")
DAY = 86400
MOVED = ("created", "updated", "deleted", "merged", "kept", "rejected", "waiting", "conflicts")


@dataclass
class Result:
    """What one schedule came to."""

    seed: int
    plain: bool = False
    lost: list[str] = field(default_factory=list)
    duplicated: int = 0
    differing: list[str] = field(default_factory=list)
    unquiet: list[str] = field(default_factory=list)
    survived: Counter = field(default_factory=Counter)

    @property
    def good(self) -> bool:
        return not (self.lost or self.duplicated or self.differing or self.unquiet)


class Stage:
    """The sites, made once and emptied for each schedule."""

    def __init__(self, folder: Path) -> None:
        self.sites = [ClockedSite(folder, name) for name in ("hq", "field", "camp", "port")]
        self.eden = ClockedSite(folder, "eden")

    def close(self) -> None:
        for site in [*self.sites, self.eden]:
            site.db.close()


class Schedule:
    """A schedule is decided by its seed alone."""

    def __init__(self, stage: Stage, seed: int, steps: int = 40) -> None:
        self.rnd = rnd = random.Random(seed)
        self.seed, self.steps = seed, steps
        self.clock = ClockedSite.clock = Clock()
        self.plain = rnd.random() < .4
        self.sites = stage.sites[:rnd.choice([3, 3, 4])]
        self.eden = stage.eden if self.plain else None
        for site in [*self.sites, stage.eden]:
            site.reset(f"{seed} {site.name}", rnd.choice(SKEWS) if site is not stage.eden else 0,
                       Settings(batch_size=rnd.choice([2, 5, 50]), overlap=20, retries=0, retry_longest=0))
        self.ledger = Ledger()
        self.people = People(rnd, self.ledger, self.clock, clears=not self.plain, hard=not self.plain)
        self.links: list[tuple[ClockedSite, ClockedSite, int]] = []       # who runs, with whom, its repository
        self.old: list[Any] = []
        self.survived: Counter = Counter()
        self._connect()

    def _connect(self) -> None:
        rnd, sites = self.rnd, self.sites
        shape = rnd.choice(["hub", "ring", "mesh"])
        pairs = {"hub": [(s, sites[0]) for s in sites[1:]],
                 "ring": [(s, sites[(i + 1) % len(sites)]) for i, s in enumerate(sites)],
                 "mesh": [(a, b) for i, a in enumerate(sites) for b in sites[:i]]}[shape]
        for a, b in pairs:
            conflict = rnd.choice(["NEWER"] * 4 + ["OTHER", "THIS", "MASTER"])
            ways = [[(a, b, 3)], [(a, b, 3), (b, a, 3)], [(a, b, 1), (b, a, 1)], [(a, b, 2), (b, a, 2)]]
            for me, other, mode in rnd.choice(ways):
                self.links.append((me, other, register(me, other, self._tasks(mode, conflict))))
        self.active = ActiveEden(self.eden, self.ledger.over.add) if self.eden is not None else None
        passive = self.rnd.random() < .6
        if self.eden is not None and not passive:
            for site in sites[:rnd.choice([1, 2])]:
                register(site, self.eden, [])
                self.links.append((self.eden, site, 0))
        elif self.eden is not None:
            for site in sites[:rnd.choice([1, 2])]:
                self.links.append((site, self.eden, register(site, self.eden, self._tasks(3, "NEWER"))))

    @staticmethod
    def _tasks(mode: int, conflict: str) -> list[dict[str, Any]]:
        policies = dict(mode=mode, conflict_policy=conflict, update_policy="NEWER")
        return [dict(resource_name="gis_location", **policies), dict(resource_name="org_organisation", **policies)]

    # --- what happens -----------------------------------------------------------------------------------------

    def run(self) -> Result:
        """All of it."""
        for _ in range(self.steps):
            self._step()
        self._heal()
        return self._account()

    def _step(self) -> None:
        rnd = self.rnd
        self.clock.advance(rnd.choice([0, .3, 1, 2, 15, 200]))
        self.people.commit()
        kind = rnd.random()
        if kind < .55:
            self.people.edit(rnd.choice([*self.sites, self.eden] if self.eden else self.sites))
        elif kind < .93:
            self._synchronize(*rnd.choice(self.links), faulty=rnd.random() < .5)
        elif kind < .96:
            rnd.choice(self.sites).skew = timedelta(seconds=rnd.choice(SKEWS))
            self.survived["clock jump"] += 1
        elif self.old:
            self._again(*rnd.choice(self.old))

    def _synchronize(self, me: ClockedSite, other: ClockedSite, repository: int, faulty: bool = False) -> str:
        if me is self.eden:
            return self._eden_runs(other, faulty)
        rnd, wire = self.rnd, Wire()
        if faulty:
            kind = rnd.choice([*WIRE_FAULTS, "kill", "kill", "kill peer", "locked", "locked peer"])
            if kind in WIRE_FAULTS:
                wire = Wire(kind, rnd.choice([1, 1, 2, 3, 4, 6]), rnd.random())
            else:
                victim = other if kind.endswith("peer") else me
                if victim is not self.eden:
                    victim.trouble.plan(kind.split()[0], rnd.randrange(1, STATEMENTS if victim is me else STATEMENTS // 3))
        if other is self.eden:
            peer: Any = TroubledEden(me, other, wire=wire)
        else:
            peer = TroubledPeer(me, other, wire=wire, old=self.old)
        try:
            result = Runner(me.open(), lambda repo, site: lambda: peer).synchronize(repository)
        except Killed:
            result = "killed"
        except me.db._adapter.driver.Error as error:
            result = f"database: {error}"
        for site, role in ((me, ""), (other, " peer")):
            if site.trouble.happened:
                self.survived[site.trouble.happened + role] += 1
            site.trouble.happened = ""
            site.restart()
        if wire.happened:
            self.survived[wire.happened] += 1
        if result == "killed" and rnd.random() < .8:
            self.clock.advance(100)                       # longer than a lease
        return result

    def _eden_runs(self, other: ClockedSite, faulty: bool) -> str:
        """A plain Eden pulls from a site of ours and pushes to it."""
        assert self.active is not None
        arrives = not faulty or self.rnd.random() < .5
        self.active.pull(other, ("gis_location", "org_organisation"), arrives)
        if not arrives:
            self.survived["lost"] += 1
        elif not faulty or self.rnd.random() < .7:
            self.active.push(other, ("gis_location", "org_organisation"))
        return "done"

    def _again(self, me: ClockedSite, other: ClockedSite, params: dict[str, Any], body: bytes) -> None:
        """Something that was sent long ago is delivered once more."""
        peer = TroubledPeer(me, other, wire=Wire(), old=[])
        try:
            peer.deliver("POST", params, body)
        except Exception as error:  # noqa: BLE001 - a body that was cut is refused again
            self.survived[f"old delivery refused ({type(error).__name__})"] += 1
        else:
            self.survived["old delivery"] += 1

    # --- healing ----------------------------------------------------------------------------------------------

    def _heal(self) -> None:
        """All lines work, transactions end, people correct what is invalid, days pass."""
        self.people.commit(everything=True)
        self.quiet: list[str] = ["not tried"]
        for turn in range(3 * len(self.sites) + 6):
            self.clock.advance(8 * DAY)                   # quarantine, sweeps and deep sweeps are due
            if turn < 6:
                for site in self.sites:
                    self.people.repair(site)
                if self.eden:
                    self.people.repair(self.eden)
            before = [state(s) for s in self._all()]
            for link in self.links:
                self.clock.advance(2)
                self._synchronize(*link)
            after = [state(s) for s in self._all()]
            self.quiet = self._moved()
            if turn >= 2 and before == after and not self.quiet and not self._differing(after):
                break

    def _differing(self, states: list[Any]) -> list[str]:
        sites = self._all()
        return [line for site, found in zip(sites[1:], states[1:])
                for line in differences(sites[0].name, states[0], site.name, found, site is self.eden)]

    def _all(self) -> list[ClockedSite]:
        return [*self.sites, self.eden] if self.eden else self.sites

    def _moved(self) -> list[str]:
        """What the last run of each link still moved."""
        found = []
        orphaned = orphans(self._all())
        for me, other, repository in self.links:
            if me is self.eden:
                continue
            db = me.db
            hopeless = {r.record_uuid for s in (me, other) for r in s.db(s.db.sync_quarantine.id > 0).select()} <= orphaned
            run = db(db.sync_run.repository_id == repository).select(orderby=~db.sync_run.id, limitby=(0, 1)).first()
            if run is None:
                found.append(f"{me.name}: no run with {other.name}")
                continue
            if run.status != "success" and not (run.status == "warning" and orphaned and hopeless):
                found.append(f"{me.name} with {other.name}: {run.status} {run.message}")
            for step in db(db.sync_run_task.run_id == run.id).select():
                counts = {n: step[n] for n in MOVED if step[n] and not (n in ("rejected", "waiting") and orphaned and hopeless)}
                if counts:
                    found.append(f"{me.name} with {other.name} {step.resource_name} {step.direction}: {counts}")
        return found

    def _account(self) -> Result:
        states = [state(s) for s in self._all()]
        result = Result(self.seed, self.plain, survived=self.survived, unquiet=self.quiet)
        result.differing = self._differing(states)
        result.lost = lost(self.ledger, self._all(), states[0])
        result.duplicated = duplicated(self._all())
        return result

