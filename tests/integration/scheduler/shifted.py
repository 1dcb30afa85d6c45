"""A scheduler on a clock of its own."""
from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

from pydal import DAL

from s3sync.scheduler.shim import Scheduler


class Shifted(Scheduler):
    """On a clock that is wrong by the seconds in CLOCK_SHIFT."""

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=float(os.environ.get("CLOCK_SHIFT", "0")))


def connect(uri: str, folder: str) -> Any:
    """A connection that waits for other writers."""
    db = DAL(uri, folder=folder, pool_size=0)
    if uri.startswith("sqlite"):
        db.executesql("PRAGMA busy_timeout = 60000")
    return db
