"""Runs as the pages show them: from what the engine commits with each batch (``sync_run``, ``sync_run_task``)."""
from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, Iterable

from ..engine.standing import Vigour, vigour
from ..scheduler.jobs import TASK
from ..tables import eden
from .job_form import TAKEN
from .page import Page

#: task counts in the order shown: column, name
COUNTS = ("created", "updated", "deleted", "merged", "unchanged", "kept", "waiting", "conflicts", "rejected")


def last_runs(db: Any, repository_ids: Iterable[int]) -> dict[int, Any]:
    """The latest run of each of these repositories that had one."""
    found = {}
    table = db.sync_run
    for repository_id in repository_ids:
        row = db(table.repository_id == repository_id).select(orderby=~table.started_on | ~table.id,
                                                              limitby=(0, 1)).first()
        if row:
            found[repository_id] = row
    return found


#: badges of a run's states
KINDS = {"interrupted": "warning", "running": "info"}


def states(this: Page) -> dict[str, Any]:
    """What the states of a run and its tasks mean."""
    T = this.T
    return {"waiting": T("Waiting"), "running": T("Running"), "success": T("Success"), "warning": T("Warning"),
            "error": T("Error"), "interrupted": T("Interrupted")}


def status(this: Page, row: Any) -> str:
    """The state of a run; one that fell silent was interrupted."""
    return "interrupted" if row.status == "running" and not is_active(this, row) else str(row.status)


#: counts that are shown even if there is nothing to count
ALWAYS = ("created", "updated", "deleted")


def columns(this: Page) -> list[tuple[str, Any]]:
    """Names and headings of the counts."""
    T = this.T
    return [("created", T("Created")), ("updated", T("Updated")), ("deleted", T("Deleted")), ("merged", T("Merged")),
            ("unchanged", T("Unchanged")), ("kept", T("Kept")), ("waiting", T("Waiting")), ("conflicts", T("Conflicts")),
            ("rejected", T("Rejected"))]


def _vigour(this: Page, row: Any) -> Vigour:
    return vigour(row.status, row.heartbeat_on or row.started_on, row.worker or "", eden.utcnow(), this.app.settings.lease_time)


def is_active(this: Page, row: Any) -> bool:
    """Is this run going on? One whose process is dead, or without a sign of life for too long, is not."""
    return row is not None and row.status == "running" and not _vigour(this, row).late


def queued(db: Any, repository_id: int) -> Any:
    """A manual synchronization that waits for a worker, or is being taken up by one."""
    table = db.scheduler_task
    rows = db((table.function_name == TASK) & table.status.belongs(("QUEUED", *TAKEN)) & (table.enabled == True) &  # noqa: E712
              (table.args == json.dumps([int(repository_id)])) & table.vars.contains('"manual"')).select(
                  table.id, table.status, orderby=~table.id)
    return rows.first()


def progress(this: Page, repository: Any) -> dict[str, Any]:
    """What the fragment ``views/sync/_progress.html`` needs: the latest run of a repository and its tasks."""
    T, db = this.T, this.db
    row = last_runs(db, [repository.id]).get(repository.id)
    table = db.sync_run_task
    steps = list(db(table.run_id == row.id).select(orderby=table.id)) if row else []
    active = is_active(this, row)
    waiting = None if active else queued(db, repository.id)
    return {
        "run": row, "steps": steps, "active": active, "quiet": _vigour(this, row).quiet_since if active else None,
        "waiting": waiting,
        "status": status(this, row) if row else "",
        "busy": active or waiting is not None,
        "worker_alive": this.app.worker_alive(),
        "states": states(this),
        "phases": {"connecting": T("Connecting"), "pulling": T("Pulling"), "pushing": T("Pushing"),
                   "stopping": T("Stopping"), "finished": T("Finished")},
        "directions": {"pull": T("Pull"), "push": T("Push")},
        "columns": [("records", T("Records")), *((name, text) for name, text in columns(this)
                                                 if name in ALWAYS or any(step[name] for step in steps))],
    }


def progress_page(this: Page, repository: Any) -> str:
    """The fragment alone, for the script that keeps it up to date."""
    if len(this.args) > 2:
        this.not_found()
    this.response.headers["Cache-Control"] = "no-store"
    return str(this.response.render("sync/_progress.html", {
        "view": SimpleNamespace(page=this, repository=repository, **progress(this, repository))}))
