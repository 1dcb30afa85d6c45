"""A look at the peer from within a page: it takes a while, so its result is kept, and shown page by page."""
from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Sequence

from ..errors import SyncError
from ..tables import eden
from .form import Form, refuse_other_posts
from .page import ERROR, Page
from .pager import Pager, cut
from .results import Results

#: records that are listed of each task and direction
MOST = 500


class Look:
    """A dry run or a comparison of a repository, of all its tasks or of the one in the URL's variable `task`.

    Attributes
    ----------
    task : row of sync_task, None = all
    moment, found : when it was done last, and its result; None if it was not
    form : starts it anew
    """

    def __init__(self, this: Page, repository: Any, kind: str, submit: Any, work: Callable[..., Any]) -> None:
        self.page = this
        self.repository = repository
        self.kind = kind
        number = str(this.request.get_vars.get("task") or "")
        table = this.db.sync_task
        self.task = this.record("sync_task", number, table.repository_id == repository.id) if number else None
        self.form = Form(this, f"sync_{kind}", submit=submit, action=self.address())
        self._work = work
        self._results = Results(this.app.folder)
        self.moment: Any = None
        self.found: Any = None
        kept = self._results.load(kind, repository.id, self.task_id)
        if kept:
            self.moment, self.found = kept

    @property
    def task_id(self) -> int | None:
        return int(self.task.id) if self.task else None

    @property
    def tasks(self) -> int:
        """How many tasks the repository has."""
        table = self.page.db.sync_task
        return int(self.page.db((table.repository_id == self.repository.id) & (table.deleted != True)).count())  # noqa: E712

    def address(self, *rest: Any, **variables: Any) -> str:
        """The address of this page, or of one below it."""
        only = {"task": self.task.id} if self.task else {}
        return self.page.url("repository", self.repository.id, self.kind, *rest, **only, **variables)

    def start(self) -> None:
        """Do it if the button was pressed. The session is unlocked before, so that other pages can be opened meanwhile."""
        this = self.page
        if self.form.accepts():
            this.db.commit()
            this.session._unlock(this.response)
            try:
                found = self._work(self.repository.id, self.task_id, this.auth.user_id, MOST)
            except SyncError as error:
                this.message(this.T("The repository could not be asked: %(error)s", {"error": error.message}), ERROR)
            else:
                found.repository = replace(found.repository, password="", proxy="")
                self._results.store(self.kind, self.repository.id, self.task_id, eden.utcnow(), found)
            this.go(self.address())
        refuse_other_posts(this, self.form)

    def part(self, parts: Sequence[Any], content: str) -> tuple[int, Pager | None]:
        """(number of the part that is looked at, a page of its list named `content`); the first with a list by default."""
        full = [number for number, part in enumerate(parts) if getattr(part, content)]
        if not full:
            return -1, None
        chosen = self.page.number("part", 0) - 1
        if chosen not in full:
            chosen = full[0]
        return chosen, cut(getattr(parts[chosen], content), self.page.number("page"),
                           lambda number: self.address(part=chosen + 1, page=number))
