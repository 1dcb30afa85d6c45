"""Repositories and tasks, read from Eden's tables."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..errors import UnknownRepository
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


def policies(row: Any) -> Policies:
    """Strategy and policies of a row of sync_task, with Eden's defaults."""
    strategy = frozenset(row.strategy if row.strategy is not None else METHODS) & frozenset(METHODS)
    update = row.update_policy if row.update_policy in POLICIES else "NEWER"
    conflict = row.conflict_policy if row.conflict_policy in CONFLICT_POLICIES else "NEWER"
    return Policies(strategy, update, conflict)


def tasks(dal: Any, repository_id: int, resource: str | None = None) -> list[Task]:
    """The tasks of a repository in the order they were configured; only those of one resource if given."""
    table, filters = dal.sync_task, dal.sync_resource_filter
    query = (table.repository_id == repository_id) & (table.deleted != True)  # noqa: E712 - SQL
    if resource is not None:
        query &= table.resource_name == resource
    rows = dal(query).select(table.ALL, orderby=table.id)
    found: dict[int, list[tuple[str, str]]] = {}
    for row in dal(filters.task_id.belongs([r.id for r in rows]) & (filters.deleted != True)).select(  # noqa: E712 - SQL
            filters.task_id, filters.tablename, filters.filter_string, orderby=filters.id):
        found.setdefault(row.task_id, []).append((row.tablename or "", row.filter_string or ""))
    return [Task(int(r.id), r.resource_name, r.components is not False, int(r.mode or 3), policies(r), tuple(found.get(r.id, ())),
                 r.last_pull, r.last_push) for r in rows]
