"""When a repository's jobs may use its link, and how fast: for links that are paid or shared."""
from __future__ import annotations

from typing import Any

from ..hours import parse
from .fields import Input
from .form import Form
from .page import Page

#: kB/s that may be entered
MOST = 10_000_000


def fields(this: Page, repository: Any) -> list[Input]:
    """Allowed hours and bandwidth."""
    T = this.T
    return [
        Input("allowed_hours", T("Allowed Hours"), repository.allowed_hours, length=255, check=lambda text: _hours(text, T),
              help=T("Jobs run only in these hours, and end with them; the next one goes on. Like: mon-fri 20:00-06:00; "
                     "sat,sun 00:00-24:00. Time of this server. Empty: at any time. What is started by hand is not bound to "
                     "them.")),
        Input("bandwidth", T("Bandwidth"), repository.bandwidth or "", length=12, check=lambda text: _bandwidth(text, T),
              help=T("At most so many kilobytes per second, sent and received together. Empty: no limit.")),
    ]


def save(repository: Any, form: Form) -> None:
    """Store what an accepted form holds."""
    repository.update_record(**form.values)


def _hours(text: str, T: Any) -> str:
    """Allowed hours as they are stored; raises ValueError."""
    try:
        return str(parse(text))
    except ValueError as error:
        raise ValueError(str(T("This is not understood: %(error)s.",
                               {"error": error}))) from error


def _bandwidth(text: str, T: Any) -> int:
    """kB/s; raises ValueError."""
    if not text.isdigit() or not 1 <= int(text) <= MOST:
        raise ValueError(str(T("Enter a whole number of kilobytes per second, at least 1, or leave it empty for no limit.")))
    return int(text)
