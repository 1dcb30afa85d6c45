"""Quarantine: records that were rejected, here or by the repository, with their XML and the reason."""
from __future__ import annotations

from typing import Any

from lxml import etree

from ..engine import quarantine
from ..errors import SyncError
from .fields import Input, Text
from .form import Form, refuse_other_posts
from .page import SUCCESS, WARNING, Page
from .pager import listing
from .scope import Scope


def page(app: Any) -> dict[str, Any]:
    """Answer ``sync/quarantine``, the list, ``sync/quarantine/<id>``, one of them, and ``…/dismiss``."""
    this = Page(app)
    this.crumb(this.T("Rejected Records"), this.url("quarantine"))
    if not this.args:
        return _list(this)
    this.record("sync_quarantine", this.args[0])
    if len(this.args) == 1:
        return _one(this, int(this.args[0]))
    if this.args[1:] == ["dismiss"]:
        return _dismiss(this, int(this.args[0]))
    this.not_found()


def directions(this: Page) -> dict[str, Any]:
    """Who rejected it."""
    T = this.T
    return {"pull": T("this site"), "push": T("the repository")}


def states(this: Page) -> dict[str, Any]:
    """What the words in the table mean."""
    T = this.T
    return {"open": T("To be tried again"), "dismissed": T("Dismissed")}


def _list(this: Page) -> dict[str, Any]:
    T = this.T
    status = "dismissed" if this.request.get_vars.get("status") == "dismissed" else "open"
    scope = Scope(this, "quarantine", {"status": status} if status != "open" else {})
    pager = listing(lambda limit, offset: quarantine.listed(this.site, scope.repository_id, None, status, None, limit, offset),
                    this.number("page"), scope.page_address)
    form = Form(this, "sync_quarantine_retry", submit=T("Try all of this page again"), action=scope.here)
    if form.accepts():
        chosen = Input.sent(this.request.post_vars, "retry")
        _retry(this, [row.id for row in pager.rows if chosen in (str(row.id), "all")])
        this.go(scope.here)
    refuse_other_posts(this, form)
    choices = [(text, scope.address(**({"status": name} if name != "open" else {})), name == status)
               for name, text in states(this).items()]
    return this.view("quarantine", T("Rejected Records"), scope=scope, pager=pager, choices=choices, form=form, status=status,
                     names=scope.names(pager.rows))


def _retry(this: Page, ids: list[int]) -> None:
    T = this.T
    count = quarantine.retry(this.site, ids) if ids else 0
    if count:
        this.message(T("One record is tried again with the next synchronization.") if count == 1 else
                     T("%(n)s records are tried again with the next synchronization.", {"n": count}), SUCCESS)
    else:
        this.message(T("Nothing was changed: the record is not in quarantine any more."), WARNING)


def _one(this: Page, number: int) -> dict[str, Any]:
    T = this.T
    found = quarantine.details(this.site, number)
    entry = found.entry
    here = this.url("quarantine", number)
    again = Form(this, "sync_quarantine_retry", submit=T("Try again"), action=here)
    xml = Text("xml", T("XML"), pretty(found.xml), required=True, length=1 << 20,
               help=T("The record as it came. Correct what the error speaks of, and leave the rest as it is."))
    edit = Form(this, "sync_quarantine_edit", [xml], submit=T("Save and try again"), action=here)
    if again.accepts():
        _retry(this, [number])
        this.go(this.url("quarantine"))
    if edit.accepts() and found.editable:
        try:
            quarantine.edit_xml(this.site, number, edit.values["xml"])
        except SyncError as error:
            edit.reject("xml", error.message)
        else:
            this.message(T("The corrected record is tried again with the next synchronization."), SUCCESS)
            this.go(this.url("quarantine"))
    refuse_other_posts(this, again, edit)
    this.crumb(entry.label)
    items = [(T("Resource Name"), entry.table), (T("UUID"), entry.uuid),
             (T("Repository"), Scope(this, "quarantine", {}).names([entry]).get(entry.repository_id) or T("unknown")),
             (T("Rejected by"), directions(this).get(entry.direction, entry.direction)),
             (T("State"), states(this).get(entry.status, entry.status)), (T("Attempts"), entry.attempts),
             (T("First"), this.when(entry.first_on)), (T("Last"), this.when(entry.last_on)),
             (T("Next attempt"), this.when(entry.next_on) if entry.status == "open" else T("none"))]
    return this.view("quarantined", T("Rejected: %(name)s", {"name": entry.label}), found=found, entry=entry, items=items,
                     again=again, form=edit, xml=pretty(found.xml),
                     dismiss_url=this.url("quarantine", number, "dismiss") if entry.status == "open" else "")


def _dismiss(this: Page, number: int) -> dict[str, Any]:
    T = this.T
    entry = quarantine.details(this.site, number).entry
    form = Form(this, "sync_quarantine_dismiss", submit=T("Dismiss this record"), cancel=this.url("quarantine", number),
                dangerous=True)
    if form.accepts():
        quarantine.dismiss(this.site, [number])
        this.message(T("The record %(name)s is not tried again.", {"name": entry.label}), SUCCESS)
        this.go(this.url("quarantine"))
    refuse_other_posts(this, form)
    this.crumb(entry.label, this.url("quarantine", number))
    this.crumb(T("Dismiss"))
    return this.view("confirm", T("Dismiss: %(name)s", {"name": entry.label}), form=form, consequences=[
        T("It is not tried again, so this record stays different at the two sites, unless somebody changes it."),
        T("A new version of it that is rejected as well comes here again."),
        T("It stays in the list of dismissed records, where it can be tried again.")])


def pretty(xml: str) -> str:
    """A document with a line for each element; as it is if it cannot be read."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_blank_text=True)
    try:
        root = etree.fromstring(xml.encode("utf-8"), parser)
    except (etree.XMLSyntaxError, ValueError):
        return xml
    return str(etree.tostring(root, pretty_print=True, encoding="unicode")).strip()
