"""One schedule: edits, runs and faults at random, then healing, then the account."""
from __future__ import annotations

import random

from clocked_site import ClockedSite
from faults import STATEMENTS
from play import DATABASE_FAULTS, LEASE, SKEWS, WIRE_FAULTS, Fault, Play, Result, Stage

#: faults of a run, as often as they are meant to happen
FAULTS = (*WIRE_FAULTS, "kill", *DATABASE_FAULTS)


class Schedule:
    """A schedule is decided by its seed alone."""

    def __init__(self, stage: Stage, seed: int, steps: int = 40) -> None:
        self.rnd = random.Random(seed)
        self.steps = steps
        self.play = Play(stage, seed, self.rnd, plain=self.rnd.random() < .4)

    def run(self) -> Result:
        """All of it."""
        for _ in range(self.steps):
            self._step()
        self.play.heal()
        return self.play.account()

    def _step(self) -> None:
        rnd, play = self.rnd, self.play
        play.advance(rnd.choice([0, .3, 1, 2, 15, 200]))
        kind = rnd.random()
        if kind < .55:
            play.people.edit(rnd.choice(play.all))
        elif kind < .93:
            self._synchronize(*rnd.choice(play.links), faulty=rnd.random() < .5)
        elif kind < .96:
            skew = rnd.choice(SKEWS)
            play.jump(rnd.choice(play.sites), skew)
        elif play.old:
            play.again(*rnd.choice(play.old))

    def _synchronize(self, me: ClockedSite, other: ClockedSite, repository: int, faulty: bool) -> None:
        rnd, play = self.rnd, self.play
        if me is play.eden:
            arrives = not faulty or rnd.random() < .5
            play.eden_runs(other, arrives, pushes=arrives and (not faulty or rnd.random() < .7))
            return
        fault = self._fault(me, other) if faulty else Fault()
        if play.synchronize(me, other, repository, fault) == "killed" and rnd.random() < .8:
            play.clock.advance(LEASE)

    def _fault(self, me: ClockedSite, other: ClockedSite) -> Fault:
        rnd = self.rnd
        kind = rnd.choice(FAULTS)
        if kind in WIRE_FAULTS:
            return Fault(kind, rnd.choice([1, 1, 2, 3, 4, 6]), rnd.random())
        if not kind.endswith("peer"):
            return Fault(kind, rnd.randrange(1, STATEMENTS))
        return Fault() if other is self.play.eden else Fault(kind, rnd.randrange(1, STATEMENTS // 3))
