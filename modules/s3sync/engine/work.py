"""One step of a run: a task in one direction, from its beginning to its entry in the log."""
from __future__ import annotations

import random
import time
from typing import Callable, NamedTuple

from ..errors import DatabaseFailed, Interrupted, SyncError
from . import conflicts, log, quarantine
from .outcome import RESULTS
from .peer import Peer, Task
from .progress import Step
from .pull import Puller
from .pull_plain import PlainPuller
from .push import Pusher
from .push_plain import PlainPusher
from .repository import Repository
from .site import Site

#: who does the work, by direction and whether the peer is of our kind
WORK: dict[tuple[str, bool], type[Puller] | type[Pusher] | type[PlainPusher]] = {
    ("pull", True): Puller, ("pull", False): PlainPuller, ("push", True): Pusher, ("push", False): PlainPusher}

#: times that a task is begun if the database refuses for the moment: a lock, a deadlock, a lost connection
ATTEMPTS = 3


class Done(NamedTuple):
    """What became of a step.

    Attributes
    ----------
    result : as in the log; "" if somebody else goes on with it
    failure : what ended it early, where it was done in this process
    message, code : of the error that ended it early
    records : were transferred
    """

    result: str
    failure: SyncError | None = None
    message: str = ""
    code: str = ""
    records: int = 0


def perform(site: Site, repository: Repository, peer: Peer, task: Task, step: Step,
            leaves: Callable[[SyncError], bool] = lambda error: False) -> Done:
    """Do a step and say in the log what became of it; committed.

    `leaves` is asked about an error that ends it early: True if another worker goes on with the step, so that nothing has
    become of it yet.
    """
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
            step.run.confirm()
            log.write(site, repository.id, task.resource, step.direction, "outgoing", action, result, message)
            site.db.commit()
            return Done(result, records=step.counts.records)
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
    if leaves(failure):
        return Done("", failure)
    interrupted = isinstance(failure, Interrupted)
    result = "warning" if interrupted else "error" if failure.transient else "fatal"
    done = f" ({step.counts.records} records were done before)" if step.counts.records else ""
    step.run.confirm()
    step.finish("interrupted" if interrupted else "error", failure.message + done, failure.code)
    action = "fetch" if action == "import" else action
    log.write(site, repository.id, task.resource, step.direction, "outgoing", action, result, failure.message + done,
              failure.remote)
    site.db.commit()
    return Done(result, failure, failure.message, failure.code, step.counts.records)


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
    if refused:
        message += f". What is waited for cannot be asked for: {refused}"
    if step.counts.hides:
        more = f"; and {step.counts.hides - len(step.counts.hidden)} more" if step.counts.hides > len(step.counts.hidden) else ""
        message += (f". The peer took {step.counts.hides} record{'s' if step.counts.hides > 1 else ''} in an earlier run that it "
                    f"does not show when asked: sent again only when they change here: {'; '.join(step.counts.hidden)}{more}")
        result = "warning" if result == "success" else result
    return result, message


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
