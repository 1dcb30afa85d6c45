"""Compare: what differs between this site and a repository, and a repair of exactly that."""
from __future__ import annotations

from typing import Any

from ..engine import compare, queue
from .form import Form, refuse_other_posts
from .look import MOST, Look
from .page import SUCCESS, WARNING, Page
from .tabs import tabs


def page(this: Page, repository: Any) -> dict[str, Any]:
    """Answer ``repository/<id>/compare`` and ``…/repair``."""
    T = this.T
    look = Look(this, repository, "compare", T("Compare now"), this.app.compare)
    if this.args[2:] == ["repair"]:
        return _repair(this, look)
    if len(this.args) > 2:
        this.not_found()
    look.start()
    this.crumb(T("Compare"))
    found = look.found.tasks if look.found else []
    part, pager = look.part(found, "differences")
    return this.view("compare", repository.name, repository=repository, tabs=tabs(this, repository, "task"), look=look,
                     compared=found, part=part, pager=pager, kinds=kinds(this), most=MOST, movable=movable(look),
                     queued=queue.count(this.site, repository.id), ways=ways(this))


def kinds(this: Page) -> dict[str, Any]:
    """What a difference is."""
    T = this.T
    return {compare.MISSING_HERE: T("missing here"), compare.MISSING_THERE: T("missing there"),
            compare.DELETED_HERE: T("deleted here"), compare.DELETED_THERE: T("deleted there"),
            compare.DIFFERENT: T("different")}


def ways(this: Page) -> dict[str, Any]:
    """Which way a record has to go."""
    T = this.T
    return {"pull": T("from the repository to here"), "push": T("from here to the repository"),
            "both": T("the conflict policy decides"), "": T("stays as it is")}


def movable(look: Look) -> int:
    """Differences that are listed and can be repaired."""
    return sum(bool(d.direction) for task in (look.found.tasks if look.found else []) for d in task.differences)


def _repair(this: Page, look: Look) -> dict[str, Any]:
    """Ask, then queue what was found."""
    T = this.T
    number = movable(look)
    if not number:
        this.message(T("There is nothing to repair. Compare first."), WARNING)
        this.go(look.address())
    form = Form(this, "sync_repair", submit=T("Repair"), cancel=look.address(), action=look.address("repair"))
    if form.accepts():
        count = this.app.repair(look.found)
        this.message(T("1 record is queued: the next synchronization moves it.") if count == 1 else
                     T("%(n)s records are queued: the next synchronization moves them.", {"n": count}), SUCCESS)
        this.go(look.address())
    refuse_other_posts(this, form)
    this.crumb(T("Compare"), look.address())
    this.crumb(T("Repair"))
    return this.view("confirm", T("Repair Differences"), form=form, consequences=[
        T("The differences found at %(time)s are queued, and nothing else: %(n)s records.",
          {"time": this.when(look.moment), "n": number}),
        T("The next synchronization moves them, by the rules of their resources: strategy, policies, filters."),
        T("What was changed at both sites becomes a conflict, with both versions kept.")])
