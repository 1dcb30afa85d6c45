"""One run: all tasks of one repository, pull before push, one after the other.

What happens is in sync_run and sync_run_task while it happens, and in sync_log when a task is done. An error of one task
does not touch the others, unless the peer cannot be reached at all.
"""
from __future__ import annotations

import logging
import random
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Callable

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
from . import allowed, backoff, conflicts, log, pact, pause, quarantine
from .lease import Lease, own_name
from .outcome import RESULTS
from .peer import Peer, Task
from .progress import Run, Step
from .pull import Puller, wait
from .pull_plain import PlainPuller
from .push import Pusher
from .push_plain import PlainPusher
from .repository import Repository, load, tasks
from .site import Site
from .stop import Stop

#: who does the work, by direction and whether the peer is of our kind
WORK: dict[tuple[str, bool], type[Puller] | type[Pusher] | type[PlainPusher]] = {
    ("pull", True): Puller, ("pull", False): PlainPuller, ("push", True): Pusher, ("push", False): PlainPusher}

logger = logging.getLogger("s3sync")

#: times that a task is begun if the database refuses for the moment: a lock, a deadlock, a lost connection
ATTEMPTS = 3

#: worst last
ORDER = ("success", "warning", "error", "fatal")


class Runner:
    """Synchronises repositories of this site.

    Parameters
    ----------
    connect : prepares to open the peer of a repository; what it returns is called in another thread, must not use the
        database, and raises SyncError if the peer cannot be spoken to
    stop : tells when runs have to end early
    clock : the server's local time, in which the repositories' allowed hours are
    """

    def __init__(self, site: Site, connect: Callable[[Repository, Site], Callable[[], Peer]], stop: Stop | None = None,
                 clock: Callable[[], datetime] = datetime.now) -> None:
        self.site = site
        self.connect = connect
        self.stop = stop or Stop()
        self.clock = clock

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
            log.write(site, repository.id, None, "none", "none", "check", "error", error.message)
            site.db.commit()
            return "error"
        try:
            return self._run(repository, lease, user_id, manual)
        except site.db.driver_error as broken:
            return self._unable(repository, broken)
        finally:
            self._give_back(lease)

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
            found = tasks(site.db.dal, repository.id)
            plan = [(task, direction) for task in found for direction in ("pull", "push")
                    if (task.pulls if direction == "pull" else task.pushes)]
            if not found:
                message = "No resources configured for this repository"
                log.write(site, repository.id, None, "none", "none", "check", "warning", message)
                results.append("warning")
            steps = [(task, Step(run, task.id, task.resource, direction)) for task, direction in plan]
            reached = not steps
            for task, step in steps:
                result, failure = self._step(repository, peer, task, step)
                results.append(result)
                reached = reached or failure is None or step.counts.records > 0
                if failure is not None:
                    message, code = failure.message, failure.code
                    broken = failure if failure.remote or isinstance(failure, ProxyError) else broken
                if isinstance(failure, (LeaseLost, Interrupted, ConnectError)):
                    break                             # after ConnectError the others would only wait for the same time-out
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

    def _step(self, repository: Repository, peer: Peer, task: Task, step: Step) -> tuple[str, SyncError | None]:
        """One task in one direction; its result, and the error that ended it early."""
        site = self.site
        action = "import" if step.direction == "pull" else "send"
        failure: SyncError | None = None
        for attempt in range(ATTEMPTS):
            try:
                if attempt:                           # what was committed stays done: it goes on from there
                    time.sleep(random.uniform(.5, 1) * site.settings.backoff * 2 ** (attempt - 1))
                step.start()
                kind = WORK[step.direction, peer.own]
                kind(site, peer, repository.id, repository.uuid, task, step).run()
                result, message = summary(step, *left(site, repository.id, task.id, step.direction))
                column = "last_pull" if step.direction == "pull" else "last_push"
                site.db.execute(f'UPDATE "sync_task" SET "{column}" = ? WHERE "id" = ?',
                                [site.now().isoformat(" ")[:19], task.id])
                step.finish(result, message)
                log.write(site, repository.id, task.resource, step.direction, "outgoing", action, result, message)
                site.db.commit()
                return result, None
            except SyncError as error:
                site.rollback()
                step.undone()
                failure = error
                break
            except site.db.driver_error as broken:
                site.recover()
                step.undone()
                failure = DatabaseFailed(f"{type(broken).__name__}: {str(broken).strip()}")
                if not site.db.transient(broken):
                    break
        assert failure is not None
        interrupted = isinstance(failure, Interrupted)
        result = "warning" if interrupted else "error" if failure.transient else "fatal"
        done = f" ({step.counts.records} records were done before)" if step.counts.records else ""
        step.finish("interrupted" if interrupted else "error", failure.message + done)
        action = "fetch" if action == "import" else action
        log.write(site, repository.id, task.resource, step.direction, "outgoing", action, result, failure.message + done,
                  failure.remote)
        site.db.commit()
        return result, failure


def left(site: Site, repository_id: int, task_id: int, direction: str) -> tuple[int, int]:
    """What runs so far have left behind of a task: records in quarantine, conflicts that wait for a person."""
    return (quarantine.listed(site, repository_id, task_id, direction=direction, limit=0).total,
            conflicts.count(site, repository_id, task_id))


def summary(step: Step, quarantined: int = 0, undecided: int = 0) -> tuple[str, str]:
    """Result and message of a step that went through: a success only if nothing was left behind, by this run or earlier ones."""
    result, message = _summary(step)
    behind = [text for number, text in ((quarantined, f"{quarantined} rejected in quarantine"),
                                        (undecided, f"{undecided} in conflict until somebody decides")) if number]
    if not behind:
        return result, message
    return "warning" if result == "success" else result, f"{message}. Left behind: {', '.join(behind)}"


def _summary(step: Step) -> tuple[str, str]:
    result, message = _counted(step)
    refused = "; ".join(f"{table}: {reason}" for table, reason in sorted(step.counts.refused.items()))
    return result, f"{message}. What is waited for cannot be asked for: {refused}" if refused else message


def _counted(step: Step) -> tuple[str, str]:
    counts = step.counts
    pull = step.direction == "pull"
    if not counts.records:
        text = "No data to import (already up-to-date)" if pull else "No data to send (already up-to-date)"
        if counts.waiting:
            return "warning", f"{text}; {counts.waiting} waiting for a reference or file"
        return "success", text
    parts = [f"{getattr(counts, name)} {name}" for name in RESULTS if getattr(counts, name)]
    if counts.waiting:
        parts.append(f"{counts.waiting} waiting for a reference or file")
    if counts.conflicts:
        parts.append(f"{counts.conflicts} in conflict")
    text = "Data imported successfully" if pull else "Data sent successfully"
    result = "success"
    if counts.rejected or counts.waiting:
        text = "Data imported, with exceptions" if pull else "Data sent, with exceptions"
        result = "warning"
    elif counts.conflicts:
        result = "warning"
    message = f"{text} ({counts.records} record{'s' if counts.records > 1 else ''}: {', '.join(parts)})"
    if counts.files:
        message += ". Files: " + "; ".join(counts.files)
    if counts.errors:
        message += ". Rejected: " + "; ".join(counts.errors)
        if counts.rejected > len(counts.errors):
            message += f"; and {counts.rejected - len(counts.errors)} more"
    return result, message
