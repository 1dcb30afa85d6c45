"""The tabs of a repository."""
from __future__ import annotations

from typing import Any

from .page import Page


def tabs(this: Page, repository: Any, active: str) -> list[tuple[Any, str, bool]]:
    """Text, address and whether it is the present one, of each tab."""
    T = this.T
    return [(text, this.url("repository", repository.id, *([name] if name else [])), name == active) for name, text in (
        ("", T("Basic Details")), ("task", T("Resources")), ("job", T("Schedule")),
        ("now", T("Manual Synchronization")), ("log", T("Log")))]
