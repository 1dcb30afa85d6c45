"""Rows with the versions they would have if somebody looked at them now. Nothing is written: for dry runs and comparisons.

To be used within `Site.trial`, so that the index tells of local edits without noting them.
"""
from __future__ import annotations

from typing import NamedTuple, Sequence

from ..hosts.table import StoredRow
from ..index.digest import DELETED
from ..index.index import NO_VERSION
from ..index.version import Version
from ..s3xml.record import Record
from .export import Exporter
from .site import Site


class Known(NamedTuple):
    """A row as others compare it."""

    uuid: str
    digest: str
    vector: str

    @property
    def deleted(self) -> bool:
        return self.digest.startswith(DELETED)


def versions(site: Site, name: str, rows: Sequence[StoredRow]) -> dict[str, Version]:
    """The versions of rows, which are made canonical in place."""
    table = site.table(name)
    return site.index.look(table, site.index.canonical(table, rows))


def page(site: Site, name: str, condition: str, after: int, limit: int) -> tuple[list[Known], int | None]:
    """Up to `limit` rows of a table that a task covers, deleted ones included, from row id `after` on.

    Returns the id to go on from as well, None at the end.
    """
    where = f'"{name}"."id" > ? AND "{name}"."uuid" <> \'\''
    if condition:
        deleted = f""" OR "{name}"."deleted" = 'T'""" if site.table(name).soft_delete else ""
        where += f" AND (({condition}){deleted})"
    rows = site.table(name).select(where, [after], "id", limit)
    found = versions(site, name, rows)
    return ([Known(row.uuid, found[row.uuid].digest, found[row.uuid].vector) for row in rows],
            rows[-1].id if len(rows) == limit else None)


def changed(exporter: Exporter, name: str, since: int, place: str, limit: int, peer: str,
            condition: str = "") -> tuple[list[Record], str]:
    """Some of the records that a peer would be sent, and where to go on; "" at the end.

    As `Exporter.page`, but edits that nobody has noted yet are found on the way, and the order is that of the rows.

    Parameters
    ----------
    since : sequence number that the peer has
    place : "" at first, then what the call before has returned
    """
    site = exporter.site
    if not place.startswith("v"):
        return _rows(exporter, name, since, int(place or 0), limit, peer, condition)
    return _vanished(site, name, since, int(place[1:]), limit, peer)


def _rows(exporter: Exporter, name: str, since: int, after: int, limit: int, peer: str,
          condition: str) -> tuple[list[Record], str]:
    site = exporter.site
    table, index = site.table(name), site.index
    suspicious = [NO_VERSION,
                  '("sync_version"."seq" > ? AND ("sync_version"."origin" IS NULL OR "sync_version"."origin" <> ?))',
                  *index.mismatches(name)]
    if index.sweep_due(name, site.settings.sweep_interval, site.settings.deep_interval):
        suspicious.append("1=1")
    where = ""
    if condition:
        deleted = f""" OR "{name}"."deleted" = 'T'""" if table.soft_delete else ""
        where = f" AND (({condition}){deleted})"
    rows = table.decode(site.db.rows(
        f'SELECT {table.columns} FROM "{name}" LEFT JOIN "sync_version" ON "sync_version"."tablename" = {site.db.hidden} '
        f"""AND "sync_version"."record_uuid" = "{name}"."uuid" WHERE "{name}"."id" > ? AND "{name}"."uuid" <> '' """
        f'AND ({" OR ".join(suspicious)}){where} ORDER BY "{name}"."id" LIMIT {int(limit)}', [name, after, since, peer]))
    before = index.versions(name, [row.uuid for row in rows])
    now = versions(site, name, rows)

    def news(row: StoredRow) -> bool:
        known = before.get(row.uuid)
        edited = known is None or known.digest != now[row.uuid].digest
        return edited or (known is not None and known.seq > since and known.origin != peer)

    records = exporter.described(table, [row for row in rows if news(row)], now)
    if condition:
        records += exporter.parts(name, records, peer)
    return records, str(rows[-1].id) if len(rows) == limit else "v0"


def _vanished(site: Site, name: str, since: int, after: int, limit: int, peer: str) -> tuple[list[Record], str]:
    """Deletions of which no row is left."""
    found = site.db.rows(
        'SELECT "sync_version"."id", "record_uuid", "digest", "vector" FROM "sync_version" '
        f'LEFT JOIN "{name}" ON "{name}"."uuid" = "record_uuid" WHERE "tablename" = ? AND "{name}"."id" IS NULL '
        f"""AND "sync_version"."id" > ? AND ("digest" NOT LIKE '{DELETED}%' OR """
        '("seq" > ? AND ("origin" IS NULL OR "origin" <> ?))) '
        f'ORDER BY "sync_version"."id" LIMIT {int(limit)}', [name, after, since, peer])
    gone = site.index.absent(name, [row[1] for row in found])
    records = [Record(name, row[1], deleted=True, modified_on=gone[row[1]].modified_on, vector=gone[row[1]].vector)
               for row in found]
    return records, f"v{found[-1][0]}" if len(found) == limit else ""
