"""Conflicts: records that were changed at both sites. Both versions, and what a person decides."""
from __future__ import annotations

from typing import Any

from ..engine import conflicts
from ..errors import SyncError
from .fields import Input
from .form import Form, refuse_other_posts
from .page import ERROR, SUCCESS, Page
from .pager import listing
from .scope import Scope
from .tasks import policies

STATUS = ("open", "settled", "resolved")


def page(app: Any) -> dict[str, Any]:
    """Answer ``sync/conflict``, the list, and ``sync/conflict/<id>``, one of them."""
    this = Page(app)
    this.crumb(this.T("Conflicts"), this.url("conflict"))
    if not this.args:
        return _list(this)
    if len(this.args) > 1:
        this.not_found()
    this.record("sync_conflict", this.args[0])
    return _one(this, int(this.args[0]))


def states(this: Page) -> dict[str, Any]:
    """What the words in the table mean."""
    T = this.T
    return {"open": T("To be decided"), "settled": T("Settled by the policy"), "resolved": T("Decided")}


def winners(this: Page) -> dict[str, Any]:
    """Whose version it was in the end."""
    T = this.T
    return {"mine": T("this site's"), "theirs": T("the repository's"), "merged": T("of both, field by field")}


def _list(this: Page) -> dict[str, Any]:
    T = this.T
    wanted = str(this.request.get_vars.get("status") or "open")
    status = None if wanted == "all" else wanted if wanted in STATUS else "open"
    scope = Scope(this, "conflict", {"status": wanted} if wanted != "open" else {})
    pager = listing(lambda limit, offset: conflicts.listed(this.site, scope.repository_id, None, status, limit, offset),
                    this.number("page"), scope.page_address)
    choices = [(text, scope.address(**({"status": name} if name != "open" else {})), name == (status or "all"))
               for name, text in (*states(this).items(), ("all", T("All")))]
    return this.view("conflicts", T("Conflicts"), scope=scope, pager=pager, choices=choices, states=states(this),
                     winners=winners(this), names=scope.names(pager.rows))


def _one(this: Page, number: int) -> dict[str, Any]:
    T = this.T
    try:
        found = conflicts.details(this.site, number)
    except SyncError as error:
        this.not_found(error.message)
    here = this.url("conflict", number)
    form = Form(this, "sync_conflict", action=here)
    if form.accepts() and _decide(this, found):
        this.go(this.url("conflict"))
    refuse_other_posts(this, form)
    conflict = found.conflict
    this.crumb(conflict.label)
    scope = Scope(this, "conflict", {})
    return this.view("conflict", T("Conflict: %(name)s", {"name": conflict.label}), found=found, conflict=conflict, form=form,
                     repository=scope.names([conflict]).get(conflict.repository_id) or T("unknown"), states=states(this),
                     winners=winners(this), policies=policies(this), person=_person(this, conflict.decided_by),
                     differing=[side for side in found.fields if side.different],
                     same=[side for side in found.fields if not side.different])


def _person(this: Page, user_id: int | None) -> str:
    """A user's address, as far as it can be told."""
    user = this.db.auth_user(user_id) if user_id and "auth_user" in this.db.tables else None
    return str(user.email) if user else ""


def _decide(this: Page, found: conflicts.Details) -> bool:
    """Do what the pressed button says; False if that was not possible."""
    T, sent = this.T, this.request.post_vars
    choice: Any = Input.sent(sent, "choice")
    if choice == "fields":
        sides = {side.name: Input.sent(sent, f"side_{side.name}") for side in found.fields if side.different}
        choice = {name: side for name, side in sides.items() if side}
    try:
        conflicts.resolve(this.site, found.conflict.id, choice, this.auth.user_id)
    except SyncError as error:
        this.message(T("Nothing was changed: %(error)s", {"error": error.message}), ERROR)
        return False
    this.message(T("The conflict about %(name)s is decided. The decision goes to the other sites with the next "
                   "synchronization.", {"name": found.conflict.label}), SUCCESS)
    return True
