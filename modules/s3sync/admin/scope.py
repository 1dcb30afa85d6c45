"""Which part of a list is looked at: all repositories or one, and with which other choices."""
from __future__ import annotations

from typing import Any, Iterable

from .log import names
from .page import Page


class Scope:
    """A list's part, from the URL's variables.

    Attributes
    ----------
    repository_id : only of this repository; None = of all
    """

    def __init__(self, this: Page, function: str, chosen: dict[str, Any]) -> None:
        self.page = this
        self.function = function
        self.chosen = chosen
        self.repository_id = this.number("repository", 0) or None

    def _repository(self) -> dict[str, Any]:
        return {"repository": self.repository_id} if self.repository_id else {}

    @property
    def here(self) -> str:
        """The address of this very page of the list."""
        number = self.page.number("page")
        return self.page_address(number) if number > 1 else self.address(**self.chosen)

    def page_address(self, number: int) -> str:
        """The address of a page of the same list."""
        return self.address(page=number, **self.chosen)

    def address(self, **choices: Any) -> str:
        """The address of the list with other choices, of the same repository."""
        return self.page.url(self.function, **self._repository(), **choices)

    @property
    def everything(self) -> str:
        """The address of the list of all repositories, if it is of one."""
        return self.page.url(self.function, **self.chosen) if self.repository_id else ""

    def name(self) -> str:
        """The repository's name, empty if the list is of all."""
        row = self.page.db.sync_repository(self.repository_id) if self.repository_id else None
        return str(row.name) if row else ""

    def names(self, rows: Iterable[Any]) -> dict[Any, str]:
        """Names of the repositories that rows are about, by id."""
        return names(self.page, list(rows))
