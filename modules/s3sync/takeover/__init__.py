"""The module in the place of Sahana Eden's own, inside a real Eden.

Nothing of Eden's is edited: its model loader is given our definitions of the `sync_*` tables, and what it calls its
synchronization service (``current.sync``) becomes ours, so that its jobs, URLs and menus lead here.
"""
from __future__ import annotations

from typing import Any, Mapping

__all__ = ["is_eden"]


def is_eden(environment: Mapping[str, Any]) -> bool:
    """Are these the globals of a real Eden's models? It has a model loader, ``s3db``, and a framework, ``s3base``."""
    return "s3db" in environment and "s3base" in environment
