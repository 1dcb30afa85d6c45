"""Where a task's function comes from: handed in, from a web2py application's models, or from a database alone."""
from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping

from .task import Task

Functions = Mapping[str, Callable[..., Any]]


class Environment(ABC):
    """Is sent to the process of each task, so it must be picklable."""

    @abstractmethod
    def functions(self, task: Task) -> Any:
        """Context manager around the functions by name; what the task wrote is committed if it succeeds."""


@dataclass(frozen=True)
class Given(Environment):
    """Functions of an importable module, or of the main program."""

    tasks: Functions = field(default_factory=dict)

    @contextmanager
    def functions(self, task: Task) -> Iterator[Functions]:
        yield self.tasks


@dataclass(frozen=True)
class Web2py(Environment):
    """The application that the task names, with its models executed by web2py.

    Parameters
    ----------
    root : web2py's folder, where ``applications`` is
    """

    root: str

    @contextmanager
    def functions(self, task: Task) -> Iterator[Functions]:
        environment = models(self.root, task.application)
        from gluon import current
        from gluon.storage import Storage
        known = Storage(id=task.id, uuid=task.uuid, run_id=task.run_id)
        environment["W2P_TASK"] = current.W2P_TASK = known
        scheduler = getattr(current, "_scheduler", None)
        yield (scheduler.tasks if scheduler is not None and scheduler.tasks else environment)
        commit_all()


def models(root: str, application: str) -> Any:
    """The environment in which web2py has executed an application's models."""
    os.chdir(root)
    if root not in sys.path:
        sys.path.insert(0, root)
    from gluon.shell import env, parse_path_info
    name, controller, _ = parse_path_info(application)
    return env(a=name, c=controller, import_models=True, extra_request={"is_scheduler": True})


def commit_all() -> None:
    """Make last what was written to any database opened in this thread."""
    from pydal.connection import ConnectionPool
    ConnectionPool.close_all_instances("commit")


@dataclass(frozen=True)
class Standalone(Environment):
    """A database with s3sync's tables, without web2py (`s3sync.standalone`).

    Parameters
    ----------
    uri, folder : of the database, as pyDAL wants them
    models : Python file that defines the tables to synchronise; empty = as pyDAL's migration files say
    """

    uri: str
    folder: Path
    models: Path | None = None

    @contextmanager
    def functions(self, task: Task) -> Iterator[Functions]:
        from ..standalone import Standalone as Application
        with Application(self.uri, self.folder, self.models) as application:
            yield application.tasks
            application.db.commit()
