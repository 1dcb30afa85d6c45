"""What can happen between sites, one step at a time; then healing, then the account.

Who chooses the steps is elsewhere: a seed (schedule.py) or hypothesis (test_machine.py).
"""
from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from clocked_site import Clock, ClockedSite
from faults import Killed, TroubledEden, TroubledPeer, Wire
from local_sites import register
from plain_eden import ActiveEden
from world import Ledger, People, differences, duplicated, lost, orphans, state

from s3sync.engine.run import Runner
from s3sync.settings import Settings

SKEWS = (0, 0, -7200, 7200, 40)
RESOURCES = ("gis_location", "org_organisation")
WIRE_FAULTS = ("cut", "lost", "unreachable", "twice", "cut request")
DATABASE_FAULTS = ("kill", "kill peer", "locked", "locked peer")
DAY = 86400
LEASE = 200                  #: seconds, longer than a lease
MOVED = ("created", "updated", "deleted", "merged", "kept", "rejected", "waiting", "conflicts")


@dataclass(frozen=True)
class Fault:
    """What goes wrong in a run: nothing, or something at one of its exchanges or statements.

    Attributes
    ----------
    kind : one of `WIRE_FAULTS` or `DATABASE_FAULTS`; "" for none
    at : number of the exchange or statement, from 1
    share : of the document that comes through
    """

    kind: str = ""
    at: int = 1
    share: float = .5


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
    """The sites, made once and emptied for each play."""

    def __init__(self, folder: Path) -> None:
        self.sites = [ClockedSite(folder, name) for name in ("hq", "field", "camp", "port")]
        self.eden = ClockedSite(folder, "eden")

    def close(self) -> None:
        for site in [*self.sites, self.eden]:
            site.db.close()


class Play:
    """Some of the sites, registered with each other in some way; what happened to them; the ledger.

    Parameters
    ----------
    seed : decides the identities of records
    rnd : draws the setting
    plain : is one of the sites a plain Eden?
    """

    def __init__(self, stage: Stage, seed: int, rnd: random.Random, plain: bool) -> None:
        self.seed, self.plain = seed, plain
        self.clock = ClockedSite.clock = Clock()
        self.sites = stage.sites[:rnd.choice([3, 3, 4])]
        self.eden = stage.eden if plain else None
        for site in [*self.sites, stage.eden]:
            skew = rnd.choice(SKEWS) if site is not stage.eden else 0
            site.reset(f"{seed} {site.name}", skew, Settings(batch_size=rnd.choice([2, 5, 50]), overlap=20, retries=0,
                                                             backoff=.01, retry_longest=0))
        self.ledger = Ledger()
        self.people = People(rnd, self.ledger, self.clock, clears=not plain, hard=not plain)
        self.links: list[tuple[ClockedSite, ClockedSite, int]] = []       # who runs, with whom, its repository
        self.old: list[Any] = []
        self.survived: Counter = Counter()
        self.quiet: list[str] = ["not tried"]
        self._connect(rnd)

    def _connect(self, rnd: random.Random) -> None:
        sites = self.sites
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
        passive = rnd.random() < .6
        if self.eden is not None and not passive:
            for site in sites[:rnd.choice([1, 2])]:
                register(site, self.eden, [])
                self.links.append((self.eden, site, 0))
        elif self.eden is not None:
            for site in sites[:rnd.choice([1, 2])]:
                self.links.append((site, self.eden, register(site, self.eden, self._tasks(3, "NEWER"))))

    @staticmethod
    def _tasks(mode: int, conflict: str) -> list[dict[str, Any]]:
        return [dict(resource_name=name, mode=mode, conflict_policy=conflict, update_policy="NEWER") for name in RESOURCES]

    @property
    def all(self) -> list[ClockedSite]:
        """The sites, a plain Eden last."""
        return [*self.sites, self.eden] if self.eden else self.sites

    # --- what can happen --------------------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Time passes; transactions end whose time has come."""
        self.clock.advance(seconds)
        self.people.commit()

    def jump(self, site: ClockedSite, skew: int) -> None:
        """Somebody sets a clock: from now on it is wrong by so many seconds."""
        site.skew = timedelta(seconds=skew)
        self.survived["clock jump"] += 1

    def synchronize(self, me: ClockedSite, other: ClockedSite, repository: int, fault: Fault = Fault()) -> str:
        """One run of a site of ours; its result, or "killed" or what the database said."""
        wire = Wire(fault.kind, fault.at, fault.share) if fault.kind in WIRE_FAULTS else Wire()
        if fault.kind in DATABASE_FAULTS:
            (other if fault.kind.endswith("peer") else me).trouble.plan(fault.kind.split()[0], fault.at)
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
        return result

    def eden_runs(self, other: ClockedSite, arrives: bool = True, pushes: bool = True) -> None:
        """A plain Eden pulls from a site of ours (does the answer arrive?) and then pushes to it."""
        assert self.active is not None
        self.active.pull(other, RESOURCES, arrives)
        if not arrives:
            self.survived["lost"] += 1
        elif pushes:
            self.active.push(other, RESOURCES)

    def again(self, me: ClockedSite, other: ClockedSite, params: dict[str, Any], body: bytes) -> None:
        """Something that was sent long ago (one of `old`) is delivered once more."""
        peer = TroubledPeer(me, other, wire=Wire(), old=[])
        try:
            peer.deliver("POST", params, body)
        except Exception as error:  # noqa: BLE001 - a body that was cut is refused again
            self.survived[f"old delivery refused ({type(error).__name__})"] += 1
        else:
            self.survived["old delivery"] += 1

    # --- healing ----------------------------------------------------------------------------------------------

    def heal(self) -> None:
        """All lines work, transactions end, people correct what is invalid, days pass; until all is well or nothing changes."""
        self.people.commit(everything=True)
        alike = 0
        for turn in range(3 * len(self.sites) + 6):
            self.clock.advance(8 * DAY)                   # quarantine, sweeps and deep sweeps are due
            if turn < 6:
                for site in self.all:
                    self.people.repair(site)
            before = [state(s) for s in self.all]
            for me, other, repository in self.links:
                self.clock.advance(2)
                if me is self.eden:
                    self.eden_runs(other)
                else:
                    self.synchronize(me, other, repository)
            after = [state(s) for s in self.all]
            still, self.quiet = self.quiet, self._moved()
            alike = alike + 1 if before == after and still == self.quiet else 0
            if turn >= 2 and before == after and (alike >= 4 or not self.quiet and not self._differing(after)):
                break

    def _differing(self, states: list[Any]) -> list[str]:
        sites = self.all
        return [line for site, found in zip(sites[1:], states[1:])
                for line in differences(sites[0].name, states[0], site.name, found, site is self.eden)]

    def _moved(self) -> list[str]:
        """What the last run of each link still moved."""
        found = []
        orphaned = orphans(self.all)
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

    def account(self) -> Result:
        """What was lost, doubled, left different or is still moving."""
        states = [state(s) for s in self.all]
        result = Result(self.seed, self.plain, survived=self.survived, unquiet=self.quiet)
        result.differing = self._differing(states)
        result.lost = lost(self.ledger, self.all, states[0])
        result.duplicated = duplicated(self.all)
        return result
