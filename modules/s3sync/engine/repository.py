"""Repositories and tasks, read from Eden's tables."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..database import Database
from ..errors import UnknownRepository
from ..index.moment import to_datetime
from ..tables import accepts_push
from .decide import CONFLICT_POLICIES, METHODS, POLICIES, Policies
from .peer import Task

#: what stands in sync_repository.uuid (which must not be empty) until the peer has told its own
UNKNOWN = "unknown:"


@dataclass(frozen=True)
class Repository:
    """A row of sync_repository. `password` is as stored, encrypted; `uuid` is the peer's identity."""

    id: int
    uuid: str
    name: str
    url: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    proxy: str = field(default="", repr=False)
    apitype: str = "eden"
    synchronise_uuids: bool = False
    accept_push: bool = True
    allowed_hours: str = ""
    bandwidth: int = 0          #: kB/s, 0 = as fast as it goes


    @property
    def known(self) -> bool:
        """Is the peer's identity known?"""
        return bool(self.uuid) and not self.uuid.startswith(UNKNOWN)


def _repository(row: Any) -> Repository:
    return Repository(int(row.id), row.uuid or "", row.name or "", row.url or "", row.username or "", row.password or "",
                      row.proxy or "", row.apitype or "eden", bool(row.synchronise_uuids), accepts_push(row),
                      row.allowed_hours or "", row.bandwidth or 0)


def load(dal: Any, repository_id: int) -> Repository:
    """A repository by its id. Raises UnknownRepository."""
    table = dal.sync_repository
    row = dal((table.id == repository_id) & (table.deleted != True)).select(table.ALL).first()  # noqa: E712 - SQL
    if row is None:
        raise UnknownRepository(str(repository_id), hint="It was deleted, or never existed")
    return _repository(row)


def by_uuid(dal: Any, uuid: str | None) -> Repository | None:
    """The repository with this identity, if it is registered here."""
    if not uuid:
        return None
    table = dal.sync_repository
    row = dal((table.uuid == uuid) & (table.deleted != True)).select(table.ALL).first()  # noqa: E712 - SQL
    return _repository(row) if row else None


def tasks(db: Database, repository_id: int, resource: str | None = None) -> list[Task]:
    """The tasks of a repository in the order they were configured; only those of one resource if given."""
    chosen = "" if resource is None else ' AND "resource_name" = ?'
    rows = db.rows('SELECT "id", "resource_name", "components", "mode", "strategy", "update_policy", "conflict_policy", '
                   f'"last_pull", "last_push" FROM "sync_task" WHERE "repository_id" = ? AND "deleted" <> ?{chosen} '
                   'ORDER BY "id"',
                   [repository_id, "T", *([] if resource is None else [resource])])
    found: dict[int, list[tuple[str, str]]] = {}
    for task_id, table, text in db.rows_in(
            'SELECT "task_id", "tablename", "filter_string" FROM "sync_resource_filter" '
            """WHERE "task_id" IN ({}) AND "deleted" <> 'T' ORDER BY "id" """, [row[0] for row in rows]):
        found.setdefault(task_id, []).append((table or "", text or ""))
    return [Task(int(number), name, components not in ("F", False, 0), int(mode or 3), _policies(strategy, update, conflict),
                 tuple(found.get(number, ())), to_datetime(pulled), to_datetime(pushed))
            for number, name, components, mode, strategy, update, conflict, pulled, pushed in rows]


def _policies(strategy: str | None, update: str | None, conflict: str | None) -> Policies:
    """Strategy (a list as pyDAL stores it) and policies of a row of sync_task, with Eden's defaults."""
    methods = METHODS if strategy is None else strategy.split("|")
    return Policies(frozenset(methods) & frozenset(METHODS), update if update in POLICIES else "NEWER",
                    conflict if conflict in CONFLICT_POLICIES else "NEWER")
