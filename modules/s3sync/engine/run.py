"""One run: all tasks of one repository, pull before push, one after the other or shared with other workers.

What happens is in sync_run and sync_run_task while it happens, and in sync_log when a task is done. An error of one task
does not touch the others, unless the peer cannot be reached at all.
"""
from __future__ import annotations

import logging
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Callable, Sequence

from ..errors import (
    AlreadyRunning,
    ConfigurationError,
    ConnectError,
    DatabaseFailed,
    Interrupted,
    LeaseLost,
    ProxyError,
    SyncError,
)
from ..process import own_name
from . import allowed, backoff, log, pact, pause
from .board import STOPPING, Board, check_nobody_helps
from .crew import Crew
from .lease import Lease
from .peer import Peer, Task
from .progress import Run, Step
from .pull import wait
from .repository import Repository, load, tasks
from .site import Site
from .stop import Stop
from .together import plan, units, width
from .work import Done, perform

logger = logging.getLogger("s3sync")

#: worst last
ORDER = ("success", "warning", "error", "fatal")

#: what ends a run: after ConnectError the other tasks would only wait for the same time-out
ENDS = (LeaseLost, Interrupted, ConnectError)

#: seconds between two looks at what others do
LOOK = 0.5

#: seconds between two looks for workers that died
ROLL_CALL = 2.0

#: seconds that others have to come to an end with their present batches
FAREWELL = 30.0


class Runner:
    """Synchronises repositories of this site.

    Parameters
    ----------
    connect : prepares to open the peer of a repository; what it returns is called in another thread, must not use the
        database, and raises SyncError if the peer cannot be spoken to
    stop : tells when runs have to end early
    clock : the server's local time, in which the repositories' allowed hours are
    crew : calls other workers to share a run with, where the settings allow it
    """

    def __init__(self, site: Site, connect: Callable[[Repository, Site], Callable[[], Peer]], stop: Stop | None = None,
                 clock: Callable[[], datetime] = datetime.now, crew: Crew | None = None) -> None:
        self.site = site
        self.connect = connect
        self.stop = stop or Stop()
        self.clock = clock
        self.crew = crew

    def synchronize(self, repository_id: int, user_id: int | None = None, manual: bool = False) -> str:
        """Run all tasks of a repository; returns the worst result, one of `ORDER`.

        Never raises for what went wrong with the peer or a task: that is in the log.
        """
        site = self.site
        repository = load(site.db.dal, repository_id)
        if not manual:
            if pause.holds(site, repository) or not allowed.now(site, repository, self.clock(), self.stop):
                return "warning"
            self.stop.watch(pause.watch(site))
            resting = backoff.waiting(site, repository)
            if resting is not None:
                log.once(site, repository.id, backoff.words(resting))
                return "warning"
        lease = Lease(site, f"repository/{repository.id}", f"{own_name()}/{secrets.token_hex(3)}")
        try:
            lease.take()
        except AlreadyRunning as error:
            return self._busy(repository, error)
        try:
            check_nobody_helps(site, repository.id)
            return self._run(repository, lease, user_id, manual)
        except AlreadyRunning as error:
            return self._busy(repository, error)
        except site.db.driver_error as broken:
            return self._unable(repository, broken)
        finally:
            self._give_back(lease)

    def _busy(self, repository: Repository, error: AlreadyRunning) -> str:
        log.write(self.site, repository.id, None, "none", "none", "check", "error", error.message)
        self.site.db.commit()
        return "error"

    def _unable(self, repository: Repository, broken: Exception) -> str:
        """The database does not even take what is to be said of a run. Raises DatabaseFailed if it is gone altogether."""
        site = self.site
        site.recover()
        failure = DatabaseFailed(f"{type(broken).__name__}: {str(broken).strip()}")
        logger.error("%s: %s", repository.name, failure.message)
        try:
            log.write(site, repository.id, None, "none", "none", "none", "error", failure.message)
            site.db.commit()
        except site.db.driver_error:
            site.recover()
        return "error"

    def _give_back(self, lease: Lease) -> None:
        try:
            self.site.recover()
            lease.release()
        except (DatabaseFailed, self.site.db.driver_error) as problem:      # it ends by itself
            logger.warning("the lease %s could not be given back: %s", lease.name, problem)

    def _run(self, repository: Repository, lease: Lease, user_id: int | None, manual: bool) -> str:
        site = self.site
        run = Run(site, repository.id, lease, manual, user_id, self.stop)
        results = []
        message = ""
        code = ""
        broken: SyncError | None = None           # what the peer, or the way to it, has failed with
        try:
            peer = self._open(repository, run)
        except Interrupted as error:
            site.rollback()
            log.write(site, repository.id, None, "none", "none", "connect", "warning", error.message)
            run.finish("interrupted", error.message, error.code)
            return "warning"
        except SyncError as error:
            site.rollback()
            mode, transmission, action = ("login", "outgoing", "login") if error.remote else ("none", "none", "connect")
            result = "error" if error.transient else "fatal"
            message = error.message + self._later(repository, error)
            log.write(site, repository.id, None, mode, transmission, action, result, message, error.remote)
            run.finish("error", message, error.code)
            return result
        if not repository.known and peer.uuid:
            site.db.execute('UPDATE "sync_repository" SET "uuid" = ? WHERE "id" = ?', [peer.uuid, repository.id])
            site.db.commit()
            repository = replace(repository, uuid=peer.uuid)
        try:
            pact.heard(site, repository, peer.contact, peer.restored)
            found = tasks(site.db, repository.id)
            steps = plan(found)
            if not found:
                message = "No resources configured for this repository"
                log.write(site, repository.id, None, "none", "none", "check", "warning", message)
                results.append("warning")
            reached, moved = not steps, 0
            for done in self._work(repository, peer, run, steps):
                results.append(done.result)
                reached = reached or not done.code or done.records > 0
                if done.code:
                    message, code = done.message, done.code
                if done.failure is not None and (done.failure.remote or isinstance(done.failure, ProxyError)):
                    broken = done.failure
                moved += done.records
            if moved and not isinstance(broken, (ConnectError, ProxyError)):
                self._part(repository, peer)
            site.db.execute('UPDATE "sync_repository" SET "last_connected" = ? WHERE "id" = ?',
                            [site.now().isoformat(" ")[:19], repository.id])
            if broken is not None and not reached:
                later = self._later(repository, broken)
                if later:
                    log.write(site, repository.id, None, "none", "none", "check", "warning", later[2:])
                message += later
            elif reached:
                backoff.forget(site, repository.id)
        finally:
            peer.close()
        worst = max(results or ["success"], key=ORDER.index)
        log.prune(site)
        interrupted = code == Interrupted.code
        run.finish("interrupted" if interrupted else "error" if worst == "fatal" else worst, message, code)
        return worst

    def _part(self, repository: Repository, peer: Peer) -> None:
        """Note another contact: a database that is put back to a moment within this run will not know it."""
        site = self.site
        try:
            contact, restored = peer.part(pact.remembered(site, repository)) if peer.own and peer.contact else ("", "")
        except SyncError as error:                # the next run begins with one; all has been done
            logger.info("%s: no contact at the end of the run: %s", repository.name, error.message)
            return
        pact.heard(site, repository, contact, restored)

    def _work(self, repository: Repository, peer: Peer, run: Run, steps: Sequence[tuple[Task, str]]) -> list[Done]:
        """Do the steps; what became of each of those that were begun."""
        number = self._workers(repository, peer, steps)
        rows = [Step(run, task.id, task.resource, direction) for task, direction in steps]
        if number > 1:
            return self._share(repository, peer, run, steps, number)
        found: list[Done] = []
        for (task, _), step in zip(steps, rows):
            found.append(perform(self.site, repository, peer, task, step))
            if isinstance(found[-1].failure, ENDS):
                break
        return found

    def _workers(self, repository: Repository, peer: Peer, steps: Sequence[tuple[Task, str]]) -> int:
        """How many workers may share this run, this one included.

        SQLite has one writer, a plain Eden is asked for one thing at a time, and a link with a limit gets no faster.
        """
        site = self.site
        if self.crew is None or site.settings.workers < 2 or site.db.dialect == "sqlite" or not peer.own or repository.bandwidth:
            return 1
        return min(site.settings.workers, width(units(site, steps)))

    def _share(self, repository: Repository, peer: Peer, run: Run, steps: Sequence[tuple[Task, str]], number: int) -> list[Done]:
        """Do the steps together with others; this worker looks after those who die, and ends the run when all is done."""
        assert self.crew is not None
        site = self.site
        board = Board(site, repository.id, run.id, run.lease.owner, steps)
        self.crew.call(run.id, number - 1)
        site.db.commit()
        own: dict[tuple[int, str], Done] = {}
        ended: Done | None = None
        looked = time.monotonic()
        try:
            while ended is None and any(state.status in ("waiting", "running") for state in board.states().values()):
                claim = board.claim()
                if claim is None:
                    if time.monotonic() - looked > ROLL_CALL:
                        looked = time.monotonic()
                        board.free()
                    run.beat()
                    time.sleep(LOOK)
                    continue
                step = Step(run, claim.task.id, claim.task.resource, claim.direction, claim.number)
                step.others = board.others(claim.task.id)
                done = own[claim.task.id, claim.direction] = perform(site, repository, peer, claim.task, step)
                ended = done if isinstance(done.failure, ENDS) else None
        except (Interrupted, LeaseLost) as error:      # while the others are at work
            site.rollback()
            ended = Done("warning" if isinstance(error, Interrupted) else "error", error, error.message, error.code)
        self.crew.dismiss(run.id)
        site.db.commit()
        if ended is None:
            return board.results(own)
        if not isinstance(ended.failure, LeaseLost):
            self._assemble(board, run)
        return [done for done in board.results(own) if done is not ended] + [ended]

    def _assemble(self, board: Board, run: Run) -> None:
        """The run comes to an early end: let the others end their present batches."""
        run.phase(STOPPING)
        end = time.monotonic() + FAREWELL
        while time.monotonic() < end and board.helped():
            board.free()
            time.sleep(LOOK)

    def _later(self, repository: Repository, error: SyncError) -> str:
        """Note a failed run, in the present transaction; when the next one will be, for the log."""
        next_on = backoff.failed(self.site, repository, error)
        return f". The next scheduled attempt is at {next_on:%Y-%m-%d %H:%M} UTC or later" if next_on else ""

    def _open(self, repository: Repository, run: Run) -> Peer:
        if not repository.url:
            raise ConfigurationError("No URL set for repository",
                                     hint=f"Enter the URL of {repository.name} in its configuration")
        if not self.site.settings.verify_tls:
            log.write(self.site, repository.id, None, "none", "none", "connect", "warning",
                      "The peer's certificate is not verified: the setting sync.verify_tls is off")
        opener = self.connect(repository, self.site)
        with ThreadPoolExecutor(1) as pool:
            return wait(pool.submit(opener), run.beat)
