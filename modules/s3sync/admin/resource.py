"""The tables that can be synchronized."""
from __future__ import annotations

from typing import Any

from ..errors import UnknownResource


def synchronisable(app: Any) -> list[str]:
    """Names of the tables of which records may travel, sorted."""
    names = []
    for name in sorted(app.db.tables):
        try:
            app.host.schema(name)
        except UnknownResource:
            continue
        names.append(name)
    return names


def options(app: Any, *present: str | None) -> list[tuple[str, str]]:
    """Choices for a form; tables configured at `present` are offered even if this site does not have them."""
    names = synchronisable(app)
    return [(name, name) for name in sorted({*names, *(name for name in present if name)})]
