"""A hypothesis state machine over the same sites, people, faults and ledger as `make torture`.

What fails is shrunk and printed step by step. S3SYNC_MACHINE_EXAMPLES says how many examples are tried; the few of every day are
always the same, more than these are new ones each time.
"""
from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from faults import STATEMENTS
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from play import DATABASE_FAULTS, LEASE, SKEWS, WIRE_FAULTS, Fault, Play, Stage
from world import EDITS, TABLES

EVERY_DAY = 25
EXAMPLES = int(os.environ.get("S3SYNC_MACHINE_EXAMPLES", EVERY_DAY))
STEPS = 40

FAULTS = st.one_of(
    st.just(Fault()),
    st.builds(Fault, st.sampled_from(WIRE_FAULTS), st.integers(1, 6), st.sampled_from([.01, .3, .5, .8, .99])),
    st.builds(Fault, st.sampled_from(DATABASE_FAULTS), st.integers(1, STATEMENTS)))

#: any of several things, as many as there are
WHICH = st.integers(0, 11)


class Sites(RuleBasedStateMachine):
    """Sites that edit and synchronise while things go wrong; at the end of each example they are healed and compared."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        self.play: Play = None  # type: ignore[assignment]

    @initialize(rnd=st.randoms(use_true_random=False), plain=st.booleans())
    def begin(self, rnd: Any, plain: bool) -> None:
        """Some sites that know each other."""
        self.play = play = Play(self.stage, 0, rnd, plain)
        for site in play.sites:
            note(f"{site.name}: clock wrong by {site.skew.total_seconds():.0f} s, batches of {site.settings.batch_size}")
        for number, (me, other, repository) in enumerate(play.links):
            tasks = me.db(me.db.sync_task.repository_id == repository).select()
            note(f"link {number}: {me.name} with {other.name}, "
                 + " ".join(f"{t.resource_name} mode {t.mode} {t.conflict_policy}" for t in tasks))

    @rule(site=WHICH, table=st.sampled_from(TABLES), kind=st.sampled_from([*EDITS, "change", "change"]),
          rnd=st.randoms(use_true_random=False))
    def edit(self, site: int, table: str, kind: str, rnd: Any) -> None:
        """Somebody edits at a site."""
        self.play.people.rnd = rnd
        note(self.play.people.do(self.play.all[site % len(self.play.all)], table, kind))

    @rule(link=WHICH, fault=FAULTS, patience=st.booleans())
    def synchronize(self, link: int, fault: Fault, patience: bool) -> None:
        """A run, in which something may go wrong; after a kill the next run may come before the lease has ended."""
        play = self.play
        me, other, repository = play.links[link % len(play.links)]
        if me is play.eden:
            play.eden_runs(other, arrives=fault.kind != "lost", pushes=not fault.kind)
            return
        if other is play.eden and fault.kind.endswith("peer"):
            fault = Fault()
        result = play.synchronize(me, other, repository, fault)
        note(f"{me.name} with {other.name}: {result}")
        if result == "killed" and patience:
            play.advance(LEASE)

    @rule(seconds=st.sampled_from([.3, 1, 2, 15, 200, 7200]))
    def advance(self, seconds: float) -> None:
        """Time passes, and transactions end whose time has come."""
        self.play.advance(seconds)

    @rule()
    def commit(self) -> None:
        """All transactions that are open end."""
        self.play.people.commit(everything=True)

    @rule(site=WHICH, skew=st.sampled_from(SKEWS))
    def jump(self, site: int, skew: int) -> None:
        """Somebody sets a clock."""
        self.play.jump(self.play.sites[site % len(self.play.sites)], skew)

    @precondition(lambda self: self.play is not None and self.play.old)
    @rule(which=st.integers(0, 200))
    def again(self, which: int) -> None:
        """Something that was sent before is delivered once more."""
        self.play.again(*self.play.old[which % len(self.play.old)])

    def teardown(self) -> None:
        """All is mended; then nothing may be lost, doubled, different or still moving."""
        if self.play is None or sys.exc_info()[0] is not None:      # a step has failed, or was not drawn to its end
            return
        self.play.heal()
        result = self.play.account()
        assert result.good, "\n".join([*(f"lost: {line}" for line in result.lost), f"duplicated: {result.duplicated}",
                                       *(f"different: {line}" for line in result.differing),
                                       *(f"still moving: {line}" for line in result.unquiet)])


def test_whatever_happens_the_sites_end_up_equal_and_nothing_is_lost(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    every_day = EXAMPLES <= EVERY_DAY
    try:
        run_state_machine_as_test(lambda: Sites(stage), settings=settings(
            max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, derandomize=every_day,
            phases=[Phase.reuse, Phase.generate, Phase.shrink], print_blob=not every_day,
            **({"database": None} if every_day else {}), suppress_health_check=list(HealthCheck)))
    finally:
        stage.close()
