"""Records that are to be moved by the next run, whatever the cursors say: queued by a comparison, or by hand."""
from __future__ import annotations

from typing import Iterable

from .site import Site

KEYS = ("repository_id", "task_id", "direction", "tablename", "record_uuid")


def add(site: Site, repository_id: int, task_id: int, direction: str, records: Iterable[tuple[str, str]]) -> int:
    """Queue records, (table, uuid), in the caller's transaction; returns how many. Those that wait already count as well."""
    now = site.now().isoformat(" ")[:19]
    rows = [(repository_id, task_id, direction, table, uuid, now) for table, uuid in dict.fromkeys(records)]
    site.db.upsert("sync_queue", KEYS, ("queued_on",), rows)
    return len(rows)


def count(site: Site, repository_id: int, task_id: int | None = None) -> int:
    """Records that wait for the next run."""
    args: list[object] = [repository_id]
    if task_id is not None:
        args.append(task_id)
    tail = ' AND "task_id" = ?' if task_id is not None else ""
    return int(site.db.value(f'SELECT COUNT(*) FROM "sync_queue" WHERE "repository_id" = ?{tail}', args) or 0)


def following(site: Site, repository_id: int, task_id: int, direction: str, limit: int) -> tuple[str, list[str]] | None:
    """Some of them: a table and uuids in it; None if there are none left."""
    where = '"repository_id" = ? AND "task_id" = ? AND "direction" = ?'
    args = [repository_id, task_id, direction]
    name = site.db.value(f'SELECT "tablename" FROM "sync_queue" WHERE {where} ORDER BY "id" LIMIT 1', args)
    if name is None:
        return None
    rows = site.db.rows(f'SELECT "record_uuid" FROM "sync_queue" WHERE {where} AND "tablename" = ? '
                        f'ORDER BY "id" LIMIT {int(limit)}', [*args, name])
    return name, [row[0] for row in rows]


def done(site: Site, repository_id: int, task_id: int, direction: str, table: str, uuids: Iterable[str]) -> None:
    """They were moved, or the site that should have them has them no more; what was rejected stands in quarantine."""
    site.db.execute_in('DELETE FROM "sync_queue" WHERE "repository_id" = ? AND "task_id" = ? AND "direction" = ? '
                       'AND "tablename" = ? AND "record_uuid" IN ({})', uuids, [repository_id, task_id, direction, table])
