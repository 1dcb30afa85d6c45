"""What web2py finds as gluon.scheduler: s3sync's classes, finding functions in the application's models."""
from __future__ import annotations

import os
from typing import Any

from s3sync.execution.environment import Web2py
from s3sync.scheduler import shim
from s3sync.scheduler.shim import CronParser, JobGraph

__all__ = ["CronParser", "JobGraph", "Scheduler"]


class Scheduler(shim.Scheduler):
    """s3sync's scheduler, known to web2py as its own."""

    def __init__(self, db: Any, *args: Any, **more: Any) -> None:
        from gluon import current
        super().__init__(db, *args, environment=Web2py(os.getcwd()), application=application, **more)
        current._scheduler = self


def application() -> str:
    """Of the present request."""
    from gluon import current
    return f"{current.request.application}/{current.request.controller}"
