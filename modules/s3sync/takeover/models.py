"""Our definitions of the `sync_*` tables, where Eden's model loader looks for its own.

Eden defines a table when somebody asks for it: it looks in the module that is registered for the first part of the table's
name, in that module's ``__all__``, for a class whose ``names`` contain it, and makes an object of that class.
"""
from __future__ import annotations

from types import ModuleType
from typing import Any, Callable

from gluon import current

from ..tables import define_tables
from ..tables.eden import SCHEDULED, TABLES

#: what a module with models is registered under
PREFIX = "sync"


def register(s3db: Any) -> ModuleType:
    """Let the model loader find our tables instead of Eden's; returns the module it finds them in.

    Eden keeps the modules by prefix in the loader, classic Eden as attributes of ``current.models``.
    """
    module = _module(type(s3db))
    models = getattr(current, "models", None)
    if models is not None:
        setattr(models, PREFIX, module)
    else:
        s3db.module_map[PREFIX] = [module]
    return module


def _module(base: type) -> ModuleType:
    """A module of model classes, as the loader expects it. `base` is the class of the loader, and of all models."""
    plain = tuple(name for name in TABLES if name not in SCHEDULED)
    module = ModuleType("s3sync_models", __doc__)
    module.__dict__.update(
        SyncTables=type("SyncTables", (base,), {"names": plain, "model": _defining(plain, _configure)}),
        # these refer to the scheduler's tables, which Eden defines last of all
        SyncJobTables=type("SyncJobTables", (base,), {"names": SCHEDULED, "model": _defining(SCHEDULED)}),
        __all__=("SyncTables", "SyncJobTables"))
    return module


def _defining(names: tuple[str, ...], then: Callable[[Any], None] | None = None) -> Callable[[Any], dict[str, Any]]:
    def model(self: Any) -> dict[str, Any]:
        """Define the tables; what it returns becomes global names."""
        define_tables(current.db, current.T, user_id=user_id, only=names)
        if then is not None:
            then(self)
        return {}
    return model


def user_id() -> int | None:
    """Who is logged in."""
    user = current.auth.user if getattr(current, "auth", None) is not None else None
    return user.id if user else None


def _configure(s3db: Any) -> None:
    """What Eden's own pages and exports may ask of these tables. Our pages need none of it."""
    s3db.add_components("sync_repository", sync_task="repository_id", sync_log="repository_id", sync_dataset="repository_id",
                        scheduler_task={"name": "job", "joinby": "repository_id", "link": "sync_job",
                                        "key": "scheduler_task_id", "actuate": "replace"})
    s3db.add_components("sync_dataset", sync_task="dataset_id",
                        sync_dataset_archive={"name": "archive", "joinby": "dataset_id", "multiple": False})
    s3db.add_components("sync_task", sync_resource_filter="task_id")
    s3db.configure("sync_config", insertable=False, deletable=False)
    s3db.configure("sync_log", insertable=False, editable=False, orderby="sync_log.timestmp desc")
