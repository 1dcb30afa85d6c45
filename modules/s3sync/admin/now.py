"""Manual synchronization: a run of one repository, now."""
from __future__ import annotations

from typing import Any

from ..engine import backoff
from ..errors import SyncError
from . import run
from .form import Form, refuse_other_posts
from .page import ERROR, SUCCESS, WARNING, Page
from .tabs import tabs


def page(this: Page, repository: Any) -> dict[str, Any]:
    """Answer ``repository/<id>/now``: start a run, by the worker if there is one, and show how it goes."""
    T, app, db = this.T, this.app, this.db
    here = this.url("repository", repository.id, "now")
    start = Form(this, "sync_now", submit=T("Synchronize Now"), action=here)
    foreground = Form(this, "sync_now_foreground", submit=T("Run here in the foreground"), action=here)
    state = run.progress(this, repository)
    task = db.sync_task
    tasks = db((task.repository_id == repository.id) & (task.deleted != True)).count()  # noqa: E712
    if start.accepts() and _may_start(this, repository, state):
        app.queue(repository.id, this.auth.user_id)
        db.commit()
        if app.worker_alive():
            this.message(T("The synchronization has been queued: the worker starts it within seconds."), SUCCESS)
        this.go(here)
    if foreground.accepts() and _may_start(this, repository, state, queued_counts=False):
        _in_foreground(this, repository, state["waiting"])
        this.go(here)
    refuse_other_posts(this, start, foreground)
    return this.view("now", repository.name, repository=repository, tabs=tabs(this, repository, "now"), start=start,
                     foreground=foreground, tasks=tasks, backoff=backoff.state(this.site, repository.id), **state)


def _may_start(this: Page, repository: Any, state: dict[str, Any], queued_counts: bool = True) -> bool:
    T = this.T
    if not repository.url:
        this.message(T("There is no URL for this repository: this site cannot contact it."), ERROR)
    elif state["active"]:
        this.message(T("A synchronization with this repository is going on already."), ERROR)
    elif queued_counts and state["waiting"]:
        this.message(T("A synchronization with this repository is waiting for the worker already."), ERROR)
    else:
        return True
    return False


def _in_foreground(this: Page, repository: Any, waiting: Any) -> None:
    """Run within this request. The session is unlocked before, so that other pages can be opened meanwhile."""
    T, db = this.T, this.db
    if waiting:
        # what waits for a worker is what is done here
        db((db.scheduler_task.id == waiting.id) & (db.scheduler_task.status == "QUEUED")).delete()
    db.commit()
    this.session._unlock(this.response)
    try:
        result = this.app.synchronize(repository.id, user_id=this.auth.user_id, manual=True)
    except SyncError as error:
        this.message(T("The synchronization failed: %(error)s", {"error": error.message}), ERROR)
    else:
        if result == "success":
            this.message(T("The synchronization is finished."), SUCCESS)
        else:
            this.message(T("The synchronization is finished, but not everything went well: see below and in the log."),
                         WARNING)
