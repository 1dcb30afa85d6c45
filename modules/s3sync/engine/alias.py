"""Records that other sites know by another uuid: matched once, recognised ever after.

A record that came under uuid R and was found to be this site's record L stays L here. What comes later as R, or refers to
R, is meant for L.
"""
from __future__ import annotations

from typing import Iterable, Mapping, Sequence

from ..hosts.table import TableMap
from ..s3xml.record import Record
from . import waiting as waits
from .referring import restate
from .site import Site


def known(site: Site, table: str, uuids: Iterable[str]) -> dict[str, str]:
    """This site's uuid by another site's, for those that differ."""
    return dict(site.db.rows_by('"remote_uuid", "record_uuid"', "sync_alias", '"tablename" = ?', "remote_uuid", uuids,  # type: ignore[arg-type]
                                [table]))


def elsewhere(site: Site, table: str, uuids: Iterable[str]) -> dict[str, str]:
    """Other uuids by which some site knows these records, each with this site's own."""
    return dict(site.db.rows_by('"remote_uuid", "record_uuid"', "sync_alias", '"tablename" = ?', "record_uuid", uuids,  # type: ignore[arg-type]
                                [table]))


def remember(site: Site, table: str, pairs: Mapping[str, str]) -> None:
    """Note that other sites know records (value) by these uuids (key)."""
    site.db.upsert("sync_alias", ("tablename", "remote_uuid"), ("record_uuid",), [(table, r, u) for r, u in pairs.items()])


def localise(site: Site, table: TableMap, records: Sequence[Record]) -> None:
    """Give records, and what they refer to, the uuids they have here. Works in place, any number of times."""
    tables = {row[0] for row in site.db.rows('SELECT DISTINCT "tablename" FROM "sync_alias"')}
    if not tables:
        return
    if table.name in tables:
        own = known(site, table.name, [r.uuid for r in records if r.uuid])
        for record in records:
            if record.uuid in own:
                record.sent_as, record.uuid = record.uuid, own[record.uuid]
        replaced = known(site, table.name, [r.replaced_by for r in records if r.replaced_by])
        for record in records:
            if record.replaced_by:
                record.replaced_by = replaced.get(record.replaced_by, record.replaced_by)
    for name, target in table.references.items():
        for here in _targets(site, target, name, records) & tables:
            found = known(site, here, [r.values[name] for r in records if r.values.get(name)])
            for record in records:
                value = record.values.get(name)
                if value in found:
                    record.values[name] = found[value]
    for name, target in table.list_references.items():
        if target in tables:
            found = known(site, target, [u for r in records for u in r.values.get(name) or ()])
            for record in records:
                if record.values.get(name):
                    record.values[name] = [found.get(u, u) for u in record.values[name]]


def arrived(site: Site, table: TableMap, found: Mapping[str, str]) -> None:
    """Records that others waited for under these uuids (key) turned out to be these records (value)."""
    waiting = site.db.rows_in('SELECT "tablename", "record_uuid" FROM "sync_waiting" WHERE "target_table" = ? '
                              'AND "target_uuid" IN ({})', found, [table.name])
    rows: dict[str, list[str]] = {}
    for name, uuid in waiting:
        rows.setdefault(name, []).append(uuid)
    if not rows:
        return
    waits.arrived(site, table, found, found)
    for name, uuids in rows.items():          # their versions name the record by the other uuid
        if site.host.carries(name):
            restate(site, site.table(name), [row.id for row in site.table(name).by_uuid(uuids).values()])


def _targets(site: Site, target: str, name: str, records: Sequence[Record]) -> set[str]:
    """The tables records referred to stand in: those of the instances, where the target is a super-entity."""
    if site.host.carries(target):
        return {target}
    return {r.instances[name] for r in records if r.instances and name in r.instances}
