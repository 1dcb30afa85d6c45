"""Resources: which tables are exchanged with a repository, and how (``sync_task``)."""
from __future__ import annotations

from typing import Any

from ..tables import eden
from . import filters, resource
from .fields import Checkbox, Choice, Choices, Input
from .form import Form, refuse_other_posts
from .page import SUCCESS, Page
from .tabs import tabs


def modes(this: Page) -> dict[int, Any]:
    """Names of the modes."""
    T = this.T
    return {eden.PULL_AND_PUSH: T("Pull and push"), eden.PULL: T("Pull"), eden.PUSH: T("Push"), eden.NONE: T("None")}


def policies(this: Page) -> dict[str, Any]:
    """Names of the policies."""
    T = this.T
    return {"NEWER": T("Newer"), "MASTER": T("Master"), "OTHER": T("Always"), "THIS": T("Never"), "ASK": T("Ask")}


def page(this: Page, repository: Any) -> dict[str, Any]:
    """Answer ``repository/<id>/task…``."""
    this.crumb(this.T("Resources"), this.url("repository", repository.id, "task"))
    if len(this.args) == 2:
        return _list(this, repository)
    if this.args[2:] == ["create"]:
        return _edit(this, repository, None)
    table = this.db.sync_task
    task = this.record("sync_task", this.args[2], table.repository_id == repository.id)
    if this.args[3:] in ([], ["update"]):
        return _edit(this, repository, task)
    if this.args[3:] == ["delete"]:
        return _delete(this, repository, task)
    this.not_found()


def _list(this: Page, repository: Any) -> dict[str, Any]:
    db = this.db
    table = db.sync_task
    rows = db((table.repository_id == repository.id) & (table.deleted != True)).select(orderby=table.id)  # noqa: E712
    counts = {row.id: len(filters.stored(db, row)) for row in rows}
    return this.view("tasks", repository.name, repository=repository, tabs=tabs(this, repository, "task"), tasks=rows,
                     modes=modes(this), policies=policies(this), filter_counts=counts)


def _fields(this: Page, task: Any) -> list[Input]:
    T, app = this.T, this.app
    table = this.db.sync_task
    rows = filters.stored(this.db, task) if task else []

    def stored(name: str) -> Any:
        return task[name] if task and task[name] is not None else table[name].default

    wins = {"NEWER": T("the record that was changed last wins"),
            "MASTER": T("the site where the record was created wins"),
            "OTHER": T("the repository's record wins"), "THIS": T("this site's record stays"),
            "ASK": T("both stay as they are until a person decides; until then the record is not exchanged")}
    rules = [(value, name, wins[value]) for value, name in policies(this).items()]
    updates = [rule for rule in rules if rule[0] in eden.POLICIES]
    names = modes(this)
    return [
        Choice("resource_name", T("Resource Name"), task and task.resource_name, required=True,
               options=[("", T("Choose…")), *resource.options(app, task and task.resource_name)],
               help=T("The table whose records are exchanged. Both sites must have it.")),
        Choice("mode", T("Mode"), stored("mode"), template="radio", options=[
            (eden.PULL_AND_PUSH, names[eden.PULL_AND_PUSH], T("fetch the repository's updates, then send this site's")),
            (eden.PULL, names[eden.PULL], T("only fetch the repository's updates")),
            (eden.PUSH, names[eden.PUSH], T("only send this site's updates")),
            (eden.NONE, names[eden.NONE], T("exchange nothing for now"))]),
        # a row from before Eden had the column means yes
        Checkbox("components", T("Include Components?"), task.components is not False if task else True,
                 help=T("Exchange the parts of each record with it: with an organization its offices, and so on.")),
        Choices("strategy", T("Strategy"), stored("strategy"), required=True,
                help=T("What updates may do at the receiving site."),
                options=[("create", T("Create"), T("add records that are new")),
                         ("update", T("Update"), T("change records that are there")),
                         ("delete", T("Delete"), T("delete records that were deleted at the other site")),
                         ("merge", T("Merge"), T("merge records that were merged at the other site"))]),
        Choice("update_policy", T("Update Policy"), stored("update_policy"), template="radio", options=updates,
               help=T("Whose record counts when only one site has changed it, or when that is not known.")),
        Choice("conflict_policy", T("Conflict Policy"), stored("conflict_policy"), template="radio", options=rules,
               help=T("Whose record counts when both sites have changed it since they last synchronized.")),
        filters.Filters("filter", T("Filters"),
                        [("" if row.tablename == task.resource_name else row.tablename, row.filter_string)
                         for row in rows],
                        tables=resource.options(app, *[row.tablename for row in rows]),
                        help=T("Only records that fulfil all filters are exchanged. A filter is written like a URL "
                               "query: ~.name__like=Red* or ~.organisation_id$name=ACME. Empty a text to remove "
                               "the filter.")),
    ]


def _edit(this: Page, repository: Any, task: Any) -> dict[str, Any]:
    T = this.T
    back = this.url("repository", repository.id, "task")
    form = Form(this, "sync_task", _fields(this, task), cancel=back)
    if form.accepts() and _save(this, repository, task, form):
        this.message(T("The resource %(name)s has been saved.", {"name": form.values["resource_name"]}), SUCCESS)
        this.go(back)
    refuse_other_posts(this, form)
    title = T("Edit Resource") if task else T("Add Resource")
    this.crumb(task.resource_name if task else title)
    return this.view("task", title, repository=repository, task=task, form=form,
                     delete_url=this.url("repository", repository.id, "task", task.id, "delete") if task else "")


def _save(this: Page, repository: Any, task: Any, form: Form) -> bool:
    T, db = this.T, this.db
    table = db.sync_task
    given = dict(form.values)
    wanted = given.pop("filter")
    name = given["resource_name"]
    same = (table.repository_id == repository.id) & (table.resource_name == name) & (table.deleted != True)  # noqa: E712
    if not db(same & (table.id != (task.id if task else 0))).isempty():
        form.reject("resource_name", T("This resource is already configured for this repository."))
    trouble = filters.problem(this.app, name, wanted, T)
    if trouble:
        form.reject("filter", trouble)
    if form.errors:
        return False
    if task:
        before = filters.stored(db, task)
        task_id = task.id
        renamed = task.resource_name != name
        task.update_record(**given)
    else:
        before, renamed = [], False
        task_id = table.insert(repository_id=repository.id, **given)
    if filters.save(db, task_id, name, wanted, before) or renamed:
        # other records are wanted now, older ones too: both directions start from the beginning
        db(table.id == task_id).update(last_pull=None, last_push=None)
    return True


def remove(db: Any, task: Any) -> None:
    """Delete a task with its filters."""
    eden.mark_deleted(db, "sync_resource_filter", db.sync_resource_filter.task_id == task.id)
    eden.mark_deleted(db, "sync_task", db.sync_task.id == task.id)


def _delete(this: Page, repository: Any, task: Any) -> dict[str, Any]:
    T = this.T
    back = this.url("repository", repository.id, "task")
    form = Form(this, "sync_task_delete", submit=T("Delete this resource"), cancel=back, dangerous=True)
    if form.accepts():
        remove(this.db, task)
        this.message(T("The resource %(name)s has been deleted.", {"name": task.resource_name}), SUCCESS)
        this.go(back)
    refuse_other_posts(this, form)
    this.crumb(T("Delete"))
    return this.view("delete", T("Delete Resource"), form=form, what=f"{repository.name}: {task.resource_name}",
                     consequences=[T("Records of this table are no longer exchanged with this repository."),
                                   T("No records are deleted, neither here nor there.")])
