"""References whose target has not arrived yet: remembered, and put in when it does (G6)."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Collection, Iterable, Mapping, Sequence

from ..hosts.files import MARK
from ..hosts.table import TableMap
from ..index.digest import DELETED
from ..index.moment import to_datetime
from .listing import Listing, labels, listing
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


def arrived(site: Site, target: TableMap, uuids: Collection[str], here: Mapping[str, str] | None = None) -> int:
    """Records of a table have arrived: put them in where they were waited for. Returns how many places.

    `here` gives their uuids at this site, where they are known by others.

    The referring rows keep their version: that they refer to this record is what their version has said all along.
    """
    db = site.db
    if not uuids or db.value('SELECT 1 FROM "sync_waiting" WHERE "target_table" = ? LIMIT 1', [target.name]) is None:
        return 0
    found = list(db.rows_in('SELECT "id", "tablename", "record_uuid", "fieldname", "target_uuid" FROM "sync_waiting" '
                            'WHERE "target_table" = ? AND "target_uuid" IN ({})', uuids, [target.name]))
    here = here or {}
    known = site.references.ids(target.name, {here.get(row[4], row[4]) for row in found})
    ids = {row[4]: known[here.get(row[4], row[4])] for row in found if here.get(row[4], row[4]) in known}
    found = [row for row in found if row[4] in ids]
    for _, table, uuid, name, target_uuid in found:
        if not site.host.carries(table):
            continue
        table_map = site.table(table)
        if name in table_map.references:
            number: int | None = ids[target_uuid]
            if table_map.references[name] != target.name:          # a super-entity: refer to the super-record
                number = site.references.ids(table_map.references[name], [target_uuid]).get(target_uuid)
            db.execute(f'UPDATE "{table}" SET "{name}" = ? WHERE "uuid" = ? AND "{name}" IS NULL', [number, uuid])
        elif name in table_map.list_references:
            for row in table_map.by_uuid([uuid], lock=True).values():
                numbers = sorted({*(row.values[name] or ()), ids[target_uuid]})
                db.update(table, [name], [(table_map.driver_value(name, numbers), row.id)])
        db.execute('UPDATE "sync_quarantine" SET "next_on" = ? WHERE "tablename" = ? AND "record_uuid" = ?',
                   [site.now().isoformat(" ")[:19], table, uuid])
    db.execute_in('DELETE FROM "sync_waiting" WHERE "id" IN ({})', [row[0] for row in found])
    return len(found)


#: targets that are known to be deleted are not asked for again; should they come back, they are put in
_GONE = ('NOT EXISTS (SELECT 1 FROM "sync_version" WHERE "sync_version"."tablename" = "sync_waiting"."target_table" AND '
         f""""sync_version"."record_uuid" = "sync_waiting"."target_uuid" AND "sync_version"."digest" LIKE '{DELETED}%')""")


def of(site: Site, table: str, uuids: Iterable[str], gone: bool = False) -> list[tuple[str, tuple[str, str]]]:
    """(record uuid, (table, uuid) of a target; "file:table/field" and digest of a file) for what these records still wait for.

    Targets that are known to be deleted are left out, unless `gone`.
    """
    if site.db.value('SELECT 1 FROM "sync_waiting" WHERE "tablename" = ? LIMIT 1', [table]) is None:
        return []
    return [(row[0], (f"{MARK}{table}/{row[3]}" if row[1] == MARK else row[1], row[2])) for row in site.db.rows_in(
        'SELECT "record_uuid", "target_table", "target_uuid", "fieldname" FROM "sync_waiting" WHERE "tablename" = ? '
        f'{"" if gone else f"AND {_GONE} "}AND "record_uuid" IN ({{}})', uuids, [table])]


def found(site: Site) -> int:
    """Put in targets that came in by another way than through us (somebody created or restored them)."""
    number = 0
    for (name,) in site.db.rows('SELECT DISTINCT "target_table" FROM "sync_waiting"'):
        if site.host.carries(name):
            uuids = {row[0] for row in site.db.rows('SELECT "target_uuid" FROM "sync_waiting" WHERE "target_table" = ?', [name])}
            number += arrived(site, site.table(name), uuids)
    return number


def wanted(site: Site, repository_id: int, limit: int, after: int = 0,
           without: Collection[str] = ()) -> list[tuple[int, str, str]]:
    """(id, table, uuid) of targets that records from this repository wait for, oldest first; not those of tables `without`."""
    left_out, tables = _without(without)
    return [(row[0], row[1], row[2]) for row in site.db.rows(
        'SELECT "id", "target_table", "target_uuid" FROM "sync_waiting" WHERE "repository_id" = ? AND "target_table" <> ? '
        f'AND "id" > ? AND {_GONE}{left_out} AND NOT EXISTS (SELECT 1 FROM "sync_waiting" AS "before" WHERE '
        '"before"."target_table" = "sync_waiting"."target_table" AND "before"."target_uuid" = "sync_waiting"."target_uuid" '
        f'AND "before"."id" < "sync_waiting"."id" AND "before"."repository_id" = ?{left_out}) '
        f'ORDER BY "id" LIMIT {int(limit)}', [repository_id, MARK, after, *tables, repository_id, *tables], by_index=True)]


def count(site: Site, repository_id: int, without: Collection[str] = ()) -> int:
    """Records from this repository that still wait for a reference or a file; not those of tables `without`."""
    left_out, tables = _without(without)
    return len(site.db.rows('SELECT DISTINCT "tablename", "record_uuid" FROM "sync_waiting" WHERE "repository_id" = ? '
                            f'AND {_GONE}{left_out}', [repository_id, *tables]))


def _without(tables: Collection[str]) -> tuple[str, list[str]]:
    """SQL condition that leaves out records of some tables, and its values."""
    return (f' AND "tablename" NOT IN ({",".join("?" * len(tables))})', sorted(tables)) if tables else ("", [])


@dataclass(frozen=True)
class Waits:
    """An entry of sync_waiting: a record, called `label`, whose `field` waits for a target.

    `gone` tells that the target is known to be deleted: it is not asked for, but put in if it comes back.
    """

    id: int
    repository_id: int | None
    table: str
    uuid: str
    label: str
    field: str
    target_table: str
    target_uuid: str
    since: datetime | None
    gone: bool
    file: str | None = None        #: original name, if it is a file that is waited for
    reason: str = ""               #: why that could not be had
    next_on: datetime | None = None


def listed(site: Site, repository_id: int | None = None, limit: int = 50, offset: int = 0) -> Listing[Waits]:
    """References that wait for their target, and files, oldest first."""
    columns = ("id", "repository_id", "tablename", "record_uuid", "fieldname", "target_table", "target_uuid", "since",
               "filename", "error", "next_on")
    total, rows = listing(site, "sync_waiting", columns, {"repository_id": repository_id}, '"id"', limit, offset)
    known = labels(site, ((row[2], row[3]) for row in rows))
    found = []
    for row in rows:
        version = site.index.versions(row[5], [row[6]]).get(row[6])
        found.append(Waits(int(row[0]), row[1], row[2], row[3], known.get((row[2], row[3]), row[3]), row[4], row[5], row[6],
                           to_datetime(row[7]), version is not None and version.deleted,
                           (row[8] or "") if row[5] == MARK else None, row[9] or "", to_datetime(row[10])))
    return Listing(total, found)
