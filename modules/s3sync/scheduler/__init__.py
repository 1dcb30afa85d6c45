"""The scheduler that performs the jobs: gluon's own where it is at hand, else one like it on pyDAL alone.

``from s3sync.scheduler import Scheduler`` gives gluon's class where gluon can be imported. `s3sync.scheduler.shim` always
has ours. Both work on the same rows.
"""
from __future__ import annotations

try:
    from gluon.scheduler import CronParser, JobGraph, Scheduler
except ImportError:
    from .shim import CronParser, JobGraph, Scheduler  # type: ignore[assignment]

__all__ = ["CronParser", "JobGraph", "Scheduler"]
