"""Repositories: the sites this one synchronizes with."""
from __future__ import annotations

from typing import Any, Callable

from ..tables import eden
from . import compares, jobs, log, now, plans, run, standing, tasks
from .form import Form, refuse_other_posts
from .page import SUCCESS, WARNING, Page
from .repository_form import fields, save
from .results import Results
from .secret import problem
from .tabs import tabs

#: what follows the id in the URL: the tabs of a repository, and its other pages
Handler = Callable[[Page, Any], Any]


def page(app: Any) -> Any:
    """Answer everything below ``sync/repository``."""
    this = Page(app)
    T = this.T
    if not this.args:
        return _list(this)
    this.crumb(T("Repositories"), this.url("repository"))
    if this.args == ["create"]:
        return _create(this)
    row = this.record("sync_repository", this.args[0])
    handlers: dict[str, Handler] = {
        "": _basic, "update": _basic, "delete": _delete, "register": _register, "task": tasks.page, "job": jobs.page,
        "log": log.repository_page, "now": now.page, "progress": run.progress_page, "plan": plans.page, "compare": compares.page}
    handler = handlers.get(this.arg(1))
    if handler is None or (len(this.args) > 2 and this.arg(1) not in ("task", "job", "log", "compare")):
        this.not_found()
    this.crumb(row.name, this.url("repository", row.id))
    return handler(this, row)


def _list(this: Page) -> dict[str, Any]:
    T, db = this.T, this.db
    table = db.sync_repository
    rows = db(table.deleted != True).select(orderby=table.name)  # noqa: E712
    this.crumb(T("Repositories"))
    return this.view("repositories", T("Repositories"), repositories=rows, standing=standing.of(this, rows))


def _create(this: Page) -> dict[str, Any]:
    T = this.T
    form = Form(this, "sync_repository", fields(this, None), cancel=this.url("repository"))
    if form.accepts():
        repository_id = save(this, None, form)
        if repository_id:
            this.message(T("The repository has been added."), SUCCESS)
            told = _tell_peer(this, repository_id, form.values["url"])
            if not told and not form.values["uuid"]:
                this.message(T("The UUID of the repository is not known yet. It is filled in at the first connection."))
            # what comes next: the resources of a remote site; for one that only comes to us nothing more
            this.go(this.url("repository", repository_id, *(["task"] if told else [])))
    refuse_other_posts(this, form)
    this.crumb(T("Add Repository"))
    return this.view("repository_create", T("Add Repository"), form=form)


def _basic(this: Page, row: Any) -> dict[str, Any]:
    T = this.T
    form = Form(this, "sync_repository", fields(this, row), cancel=this.url("repository"))
    if form.accepts() and save(this, row, form):
        this.message(T("The repository has been saved."), SUCCESS)
        _tell_peer(this, row.id, form.values["url"])
        this.go(this.url("repository", row.id))
    refuse_other_posts(this, form)
    again = Form(this, "sync_register", submit=T("Register this site at the repository"),
                 action=this.url("repository", row.id, "register"))
    trouble = [text for text in (problem(this.app.vault, row.password), problem(this.app.vault, row.proxy)) if text]
    return this.view("repository", row.name, repository=row, tabs=tabs(this, row, ""), form=form, register=again,
                     trouble=trouble, delete_url=this.url("repository", row.id, "delete"))


def _register(this: Page, row: Any) -> Any:
    """Try the registration at the peer again."""
    form = Form(this, "sync_register")
    if form.accepts():
        _tell_peer(this, row.id, row.url)
        this.go(this.url("repository", row.id))
    if this.is_post:
        return _basic(this, row)
    this.go(this.url("repository", row.id))


def _tell_peer(this: Page, repository_id: int, url: str | None) -> bool:
    """Register this site at a repository that has an address, and say how it went; True if it is registered there."""
    if not url:
        return False
    this.db.commit()        # what was saved stays saved, and the database is free while the peer takes its time
    ok, text = this.app.register(repository_id)
    if ok:
        this.message(this.T("Registration of this site at the repository: %(answer)s", {"answer": text}), SUCCESS)
    else:
        this.message(this.T("This site could not be registered at the repository: %(answer)s. Correct the entries "
                            "below and save again; or ask the administrator of the repository to register this site "
                            "there, with the UUID from the Synchronization Settings, and enter the repository's UUID below.",
                            {"answer": text.rstrip(".")}), WARNING)
    return bool(ok)


def _delete(this: Page, row: Any) -> dict[str, Any]:
    T, db = this.T, this.db
    form = Form(this, "sync_repository_delete", submit=T("Delete this repository"), dangerous=True,
                cancel=this.url("repository", row.id))
    if form.accepts():
        for job in jobs.of_repository(db, row.id):
            jobs.remove(db, job)
        for task in db((db.sync_task.repository_id == row.id) & (db.sync_task.deleted != True)).select():  # noqa: E712
            tasks.remove(db, task)
        Results(this.app.folder).forget(row.id)
        # nothing that was rejected can be tried again without the peer
        db((db.sync_quarantine.repository_id == row.id) & (db.sync_quarantine.status == "open")).update(status="dismissed")
        # a peer that was deleted must not be reached by accident, and its secrets are not needed any more
        db(db.sync_repository.id == row.id).update(url=None, password=None, client_secret=None, site_key=None,
                                                   refresh_token=None, proxy=None)
        eden.mark_deleted(db, "sync_repository", db.sync_repository.id == row.id)
        this.message(T("The repository %(name)s has been deleted.", {"name": row.name}), SUCCESS)
        this.go(this.url("repository"))
    refuse_other_posts(this, form)
    this.crumb(T("Delete"))
    return this.view("delete", T("Delete Repository"), form=form, what=row.name, consequences=[
        T("Its resources and its schedule are deleted, and nothing is exchanged with it any more."),
        T("If it tries to push updates to this site, it is refused."),
        T("The records that were received from it stay. The log stays.")])
