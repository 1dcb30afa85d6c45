"""One page being answered: who asks, what for, and what every page has in common."""
from __future__ import annotations

import datetime
from functools import cached_property
from types import SimpleNamespace
from typing import Any, Callable, NoReturn

from gluon import current
from gluon.html import URL
from gluon.http import HTTP, redirect

from ..engine import pause
from ..engine.site import Site
from .access import is_administrator

#: How a message is shown
INFO, SUCCESS, WARNING, ERROR = "info", "success", "warning", "error"


class Page:
    """The request, the application around it, and the parts all pages share. Only administrators get one.

    Attributes
    ----------
    app : the `s3sync.app.App`
    db, T, auth, request, response, session : the application's
    args : the URL's arguments
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        self.db: Any = app.db
        self.T: Callable[..., Any] = app.T
        self.auth: Any = app.auth
        self.request: Any = current.request
        self.response: Any = current.response
        self.session: Any = current.session
        self.args: list[str] = list(self.request.args)
        self._crumbs: list[tuple[Any, str]] = [(self.T("Synchronization"), self.url("index"))]
        self._messages: list[tuple[str, str]] = []
        self._guard()

    def _guard(self) -> None:
        if not self.auth.is_logged_in():
            self.auth.requires_login()(lambda: None)()      # redirects to the application's login page and back
        if not is_administrator(self.app):
            self.refuse(403, self.T("Only administrators can see and change the synchronization of this site."))
        if self.request.extension != "html":
            self.not_found()

    # -- where to ---------------------------------------------------------------------------------------------------

    def url(self, function: str, *args: Any, **variables: Any) -> str:
        """The address of another page of the module."""
        return str(URL("sync", function, args=[str(arg) for arg in args], vars=variables, extension=False))

    def static(self, filename: str) -> str:
        """The address of one of our static files; changes with the version, so that no browser keeps an old one."""
        from .. import __version__
        return str(URL("static", f"s3sync/{filename}", vars={"v": __version__}, extension=False))

    def go(self, url: str) -> NoReturn:
        """Answer with a redirection; messages are shown on the next page."""
        if self._messages:
            self.session.s3sync_messages = self._messages
        redirect(url)
        raise AssertionError("redirect() always raises")

    def refuse(self, status: int, text: Any) -> NoReturn:
        """Answer with an HTTP error."""
        raise HTTP(status, str(text), **{"Content-Type": "text/plain; charset=utf-8"})

    def not_found(self, text: Any = None) -> NoReturn:
        """Answer that there is no such thing."""
        self.refuse(404, text or self.T("There is no such page."))

    @cached_property
    def site(self) -> Site:
        """This site, as the engine sees it."""
        return Site(self.app.host, self.app.settings)

    @property
    def worker_command(self) -> str:
        """What starts the worker, in web2py's folder."""
        return f"python web2py.py -K {self.request.application} -Q"

    # -- what is asked ----------------------------------------------------------------------------------------------

    @property
    def is_post(self) -> bool:
        """Is something sent to us?"""
        return str(self.request.env.request_method).upper() == "POST"

    def arg(self, index: int) -> str:
        """One of the URL's arguments, or an empty text."""
        return self.args[index] if index < len(self.args) else ""

    def record(self, tablename: str, value: str, query: Any = None) -> Any:
        """The record a URL names by its id; 404 if there is none, or if it is deleted."""
        table = self.db[tablename]
        if value.isdigit() and len(value) < 19:
            row = self.db((table.id == int(value)) & (query if query is not None else table.id > 0)).select().first()
            if row is not None and not row.get("deleted"):
                return row
        self.not_found(self.T("There is no such record. It may have been deleted meanwhile."))

    def number(self, name: str, default: int = 1, most: int = 10 ** 9) -> int:
        """A positive number among the URL's variables."""
        text = str(self.request.get_vars.get(name) or "")
        return min(max(int(text), 1), most) if text.isdigit() and len(text) < 12 else default

    # -- what is shown ----------------------------------------------------------------------------------------------

    def message(self, text: Any, kind: str = INFO) -> None:
        """Tell the administrator something, on this page or, after `go`, on the next one."""
        self._messages.append((kind, str(text)))

    def crumb(self, text: Any, url: str = "") -> None:
        """One step further from the homepage."""
        self._crumbs.append((text, url))

    def view(self, name: str, title: Any, **variables: Any) -> dict[str, Any]:
        """What the view ``views/sync/<name>.html`` is given.

        It is all in one variable, because views share their names with the application's layout around them.
        """
        self.response.view = f"sync/{name}.html"
        # layouts show response.title, the application's name where it has one, and response.subtitle after it
        if self.response.title:
            self.response.subtitle = title
        else:
            self.response.title = title
        from . import attention  # which needs this module
        kept = self.session.s3sync_messages or []
        if kept:
            self.session.s3sync_messages = None
        return {"s3sync_view": SimpleNamespace(page=self, title=title, crumbs=self._crumbs, paused=pause.since(self.db),
                                               attention=attention.counts(self), messages=[*kept, *self._messages], **variables)}

    def when(self, value: datetime.datetime | None) -> str:
        """A moment, naive UTC, as it stands on a page."""
        return value.strftime("%Y-%m-%d %H:%M:%S UTC") if value else ""

    def local(self, value: datetime.datetime | None) -> str:
        """A moment in the server's time zone, as the scheduler keeps it."""
        return value.strftime("%Y-%m-%d %H:%M") if value else ""

    def count(self, number: int | None) -> str:
        """A number with its thousands set apart."""
        return "" if number is None else f"{number:,}".replace(",", "\u202f")
