"""The tables that can be synchronized."""
from __future__ import annotations

from typing import Any


def options(app: Any, *present: str | None) -> list[tuple[str, str]]:
    """Choices for a form; tables configured at `present` are offered even if this site does not have them."""
    return [(name, name) for name in sorted({*app.host.tables(), *(name for name in present if name)})]
