"""References whose target has not arrived yet: remembered, and put in when it does (G6)."""
from __future__ import annotations

from typing import Iterable, Sequence

from ..hosts.table import TableMap
from .site import Site

Missing = tuple[str, str, str, str]     #: record uuid, field, target table, target uuid


def remember(site: Site, table: str, missing: Sequence[Missing], repository_id: int | None) -> None:
    """Note references of records of `table` that wait for their target."""
    now = site.now().isoformat(" ")[:19]
    site.db.upsert("sync_waiting", ("tablename", "record_uuid", "fieldname", "target_uuid"),
                   ("target_table", "repository_id", "since"),
                   [(table, uuid, name, target_uuid, target, repository_id, now)
                    for uuid, name, target, target_uuid in dict.fromkeys(missing)])


def forget(site: Site, table: str, uuids: Iterable[str]) -> None:
    """The records were written anew: what they waited for is no longer asked for."""
    if site.db.value('SELECT 1 FROM "sync_waiting" WHERE "tablename" = ? LIMIT 1', [table]) is not None:
        site.db.execute_in('DELETE FROM "sync_waiting" WHERE "tablename" = ? AND "record_uuid" IN ({})', uuids, [table])


def arrived(site: Site, target: TableMap, ids: dict[str, int]) -> int:
    """Records of a table have arrived (id by uuid): put them in where they were waited for. Returns how many places.

    The referring rows keep their version: that they refer to this record is what their version has said all along.
    """
    db = site.db
    if not ids or db.value('SELECT 1 FROM "sync_waiting" WHERE "target_table" = ? LIMIT 1', [target.name]) is None:
        return 0
    found = list(db.rows_in('SELECT "id", "tablename", "record_uuid", "fieldname", "target_uuid" FROM "sync_waiting" '
                            'WHERE "target_table" = ? AND "target_uuid" IN ({})', ids, [target.name]))
    for _, table, uuid, name, target_uuid in found:
        if not site.host.carries(table):
            continue
        table_map = site.table(table)
        if name in table_map.references:
            db.execute(f'UPDATE "{table}" SET "{name}" = ? WHERE "uuid" = ? AND "{name}" IS NULL', [ids[target_uuid], uuid])
        elif name in table_map.list_references:
            for row in table_map.by_uuid([uuid], lock=True).values():
                numbers = sorted({*(row.values[name] or ()), ids[target_uuid]})
                db.update(table, [name], [(table_map.driver_value(name, numbers), row.id)])
        db.execute('UPDATE "sync_quarantine" SET "next_on" = ? WHERE "tablename" = ? AND "record_uuid" = ?',
                   [site.now().isoformat(" ")[:19], table, uuid])
    db.execute_in('DELETE FROM "sync_waiting" WHERE "id" IN ({})', [row[0] for row in found])
    return len(found)


def wanted(site: Site, repository_id: int, limit: int, after: int = 0) -> list[tuple[int, str, str]]:
    """(id, table, uuid) of targets that records from this repository wait for, oldest first."""
    return [(row[0], row[1], row[2]) for row in site.db.rows(
        'SELECT MIN("id"), "target_table", "target_uuid" FROM "sync_waiting" WHERE "repository_id" = ? '
        f'GROUP BY "target_table", "target_uuid" HAVING MIN("id") > ? ORDER BY MIN("id") LIMIT {int(limit)}',
        [repository_id, after])]


def count(site: Site, repository_id: int) -> int:
    """Records from this repository that still wait for a reference."""
    return len(site.db.rows('SELECT DISTINCT "tablename", "record_uuid" FROM "sync_waiting" WHERE "repository_id" = ?',
                            [repository_id]))
