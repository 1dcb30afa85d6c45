"""Who may see and change the configuration."""
from __future__ import annotations

from typing import Any


def is_administrator(app: Any) -> bool:
    """Is an administrator logged in?"""
    return bool(app.is_administrator())
