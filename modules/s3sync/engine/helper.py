"""A worker that helps with a run which another has begun: it takes steps that wait, until there are none."""
from __future__ import annotations

import logging
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Callable, NamedTuple

from ..errors import ConnectError, DatabaseFailed, Interrupted, LeaseLost, SyncError
from ..process import own_name
from . import allowed, pause
from .board import STOPPING, Board, Claim
from .lease import Lease
from .peer import Peer
from .progress import Part, Step
from .pull import wait
from .repository import Repository, load, tasks
from .run import LOOK
from .site import Site
from .stop import Stop
from .together import plan
from .work import perform

logger = logging.getLogger("s3sync")

#: after these a helper leaves: who has begun the run finds out whether it is the peer's fault or only the helper's
LEAVES = (Interrupted, ConnectError, DatabaseFailed)

#: seconds between two looks whether the run goes on
WATCH = 2.0

OVER = "the run it was part of has come to its end"
STOPS = "the run it is part of is to end"
ALONE = "the worker that began the run gives no sign of life"


class Shared(NamedTuple):
    """The run, as who has begun it wrote it down."""

    id: int
    repository_id: int
    worker: str
    manual: bool


class Helper:
    """Helps with a run of this site. Parameters as of `Runner`; `connect` does not tell the peer that a run begins.

    Attributes
    ----------
    done : steps that came to their end here, also if the run was left early
    """

    def __init__(self, site: Site, connect: Callable[[Repository, Site], Callable[[], Peer]], stop: Stop | None = None,
                 clock: Callable[[], datetime] = datetime.now) -> None:
        self.site = site
        self.connect = connect
        self.stop = stop or Stop()
        self.clock = clock
        self.owner = f"{own_name()}/{secrets.token_hex(3)}"
        self.done = 0

    def help(self, run_id: int) -> int:
        """Work on the steps of a run as long as some wait; returns how many came to their end here.

        What becomes of a step is in the log, as if who has begun the run had done it.
        """
        site = self.site
        run = self._run(run_id)
        if run is None or self._over(run):
            return 0
        repository = load(site.db.dal, run.repository_id)
        if not run.manual:
            if pause.since(site.db.dal) is not None or not allowed.now(site, repository, self.clock(), self.stop):
                return 0
            self.stop.watch(pause.watch(site))
        self.stop.watch(self._watch(run))
        part = Part(site, run.id, Lease(site, f"repository/{repository.id}", run.worker), self.stop)
        try:
            opener = self.connect(repository, site)
            site.db.commit()
            with ThreadPoolExecutor(1) as pool:
                peer = wait(pool.submit(opener), self.stop.check)
        except SyncError as error:
            logger.warning("%s cannot help with run %s: %s", self.owner, run.id, error.message)
            return 0
        try:
            return self._work(run, repository, peer, part) if peer.own else 0
        except Interrupted as error:
            site.rollback()
            logger.info("%s leaves run %s: %s", self.owner, run.id, error.message)
            return self.done
        finally:
            peer.close()

    def _run(self, run_id: int) -> Shared | None:
        rows = self.site.db.rows('SELECT "repository_id", "worker", "run_trigger" FROM "sync_run" WHERE "id" = ?', [run_id])
        self.site.db.commit()
        return Shared(run_id, int(rows[0][0]), rows[0][1] or "", rows[0][2] == "manual") if rows else None

    def _work(self, run: Shared, repository: Repository, peer: Peer, part: Part) -> int:
        site = self.site
        board = Board(site, repository.id, run.id, self.owner, plan(tasks(site.db, repository.id)))
        while any(state.status == "waiting" for state in board.states().values()):
            claim = board.claim(helping=True)
            if claim is None or claim.lease is None:
                time.sleep(LOOK)
                self.stop.look()
                self.stop.check()
                continue
            try:
                failure = self._step(run, repository, peer, part, board, claim)
                self.done += not isinstance(failure, LEAVES)
            except LeaseLost:                   # somebody else goes on with it
                site.rollback()
                return self.done
            finally:
                site.recover()
                claim.lease.release()
            if isinstance(failure, LEAVES):
                return self.done
        return self.done

    def _step(self, run: Shared, repository: Repository, peer: Peer, part: Part, board: Board, claim: Claim) -> SyncError | None:
        """Do a step that is ours; what ended it early. Raises LeaseLost if it is ours no more."""
        assert claim.lease is not None
        part.lease = claim.lease
        step = Step(part, claim.task.id, claim.task.resource, claim.direction, claim.number)
        step.others = board.others(claim.task.id)

        def leaves(error: SyncError) -> bool:
            if isinstance(error, LeaseLost):
                raise error
            return isinstance(error, LEAVES) and not self._over(run) and board.give_back(claim.number, self.owner)

        return perform(self.site, repository, peer, claim.task, step, leaves).failure

    # --- does the run go on? ------------------------------------------------------------------------------------

    def _over(self, run: Shared) -> str:
        """Why there is nothing more to be done for it; empty if there is. Commits."""
        rows = self.site.db.rows('SELECT "status", "phase" FROM "sync_run" WHERE "id" = ?', [run.id])
        self.site.db.commit()
        if not rows or rows[0][0] != "running":
            return OVER
        if rows[0][1] == STOPPING:
            return STOPS
        return "" if Lease(self.site, f"repository/{run.repository_id}", run.worker).lives() else ALONE

    def _watch(self, run: Shared) -> Callable[[], str]:
        looked = time.monotonic()

        def reason() -> str:
            nonlocal looked
            if time.monotonic() - looked < WATCH:
                return ""
            looked = time.monotonic()
            return self._over(run)

        return reason
