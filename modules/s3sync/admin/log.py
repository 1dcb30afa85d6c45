"""The log: what was exchanged with whom, and how it ended. The newest entries are on top."""
from __future__ import annotations

from typing import Any

from .page import Page
from .pager import paginate
from .tabs import tabs

RESULTS = ("success", "warning", "error", "fatal")


def page(app: Any) -> dict[str, Any]:
    """The log of all repositories, or one entry of it."""
    this = Page(app)
    T = this.T
    this.crumb(T("Log"), this.url("log"))
    if not this.args:
        return this.view("log", T("Synchronization Log"), repository=None, tabs=[],
                         **_entries(this, this.db.sync_log.id > 0, ()))
    if len(this.args) > 1:
        this.not_found()
    return _details(this, this.record("sync_log", this.args[0]), this.url("log"))


def repository_page(this: Page, repository: Any) -> dict[str, Any]:
    """The log of one repository, or one entry of it."""
    T, table = this.T, this.db.sync_log
    mine = table.repository_id == repository.id
    address = ("repository", repository.id, "log")
    this.crumb(T("Log"), this.url(*address))
    if len(this.args) == 2:
        return this.view("log", repository.name, repository=repository, tabs=tabs(this, repository, "log"),
                         **_entries(this, mine, address[1:]))
    if len(this.args) > 3:
        this.not_found()
    return _details(this, this.record("sync_log", this.args[2], mine), this.url(*address))


def names(this: Page, rows: Any) -> dict[int, str]:
    """Names of the repositories that log entries are about, deleted ones marked."""
    table = this.db.sync_repository
    ids = {row.repository_id for row in rows if row.repository_id}
    found = this.db(table.id.belongs(ids)).select(table.id, table.name, table.deleted) if ids else []
    return {row.id: str(this.T("%(name)s (deleted)", {"name": row.name})) if row.deleted else row.name for row in found}


def _entries(this: Page, query: Any, args: tuple[Any, ...]) -> dict[str, Any]:
    table = this.db.sync_log
    result = str(this.request.get_vars.get("result") or "")
    wanted: dict[str, str] = {}
    if result in RESULTS:
        query &= table.result == result
        wanted = {"result": result}
    function = "repository" if args else "log"
    pager = paginate(this.db, query, this.number("page"),
                     lambda number: this.url(function, *args, page=number, **wanted),
                     orderby=~table.timestmp | ~table.id)
    choices = [(text, this.url(function, *args, **({"result": value} if value else {})),
                value == wanted.get("result", ""))
               for value, text in (("", this.T("All")), ("success", this.T("Success")), ("warning", this.T("Warning")),
                                   ("error", this.T("Error")), ("fatal", this.T("Fatal")))]
    return {"entries": pager.rows, "pager": pager, "names": names(this, pager.rows), "choices": choices,
            "details": lambda row: this.url(function, *args, row.id)}


def _details(this: Page, entry: Any, back: str) -> dict[str, Any]:
    T = this.T
    this.crumb(T("Details"))
    items = [
        (T("Date/Time"), this.when(entry.timestmp)),
        (T("Repository"), names(this, [entry]).get(entry.repository_id) or T("unknown")),
        (T("Resource Name"), entry.resource_name or T("none")),
        (T("Mode"), entry.mode or T("none")),
        (T("Action"), entry.action or T("none")),
        (T("Result"), entry.result or ""),
        (T("Remote Error"), T("Yes") if entry.remote else T("No")),
        (T("Message"), entry.message or ""),
    ]
    return this.view("log_entry", T("Log Entry"), entry=entry, items=items, back=back)
