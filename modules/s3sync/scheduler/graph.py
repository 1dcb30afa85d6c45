"""Dependencies among tasks: one waits until others are completed."""
from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import Any


class JobGraph:
    """Tasks that belong together under a name. The interface of web2py's class of this name."""

    def __init__(self, db: Any, job_name: str | None) -> None:
        self.db = db
        self.job_name = job_name or "job_0"

    def add_deps(self, task_parent: int, task_child: int) -> None:
        """`task_parent` must wait for `task_child` (in the caller's transaction)."""
        self.db.scheduler_task_deps.insert(task_parent=task_parent, task_child=task_child, job_name=self.job_name)

    def validate(self, job_name: str | None = None) -> list[set[int]] | None:
        """Tasks in the order they will run, as sets of those that may run side by side; commits.

        If tasks wait for each other in a circle: None, and everything since the last commit is rolled back.

        Parameters
        ----------
        job_name : only this job; None = all there are
        """
        table = self.db.scheduler_task_deps
        graph: TopologicalSorter[int] = TopologicalSorter()
        for row in self.db(table.job_name == job_name if job_name else table.id > 0).select():
            if row.task_parent != row.task_child:
                graph.add(int(row.task_parent), int(row.task_child))
        levels = []
        try:
            graph.prepare()
        except CycleError:
            self.db.rollback()
            return None
        while graph.is_active():
            ready = graph.get_ready()
            levels.append(set(ready))
            graph.done(*ready)
        self.db.commit()
        return levels
