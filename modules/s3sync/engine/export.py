"""Rows to records: pages by sequence number for peers of our kind, whole resources by date for a plain Eden."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Iterator, Mapping, Sequence
from urllib.parse import quote

from ..hosts.base import Component
from ..hosts.files import Files
from ..hosts.table import StoredRow, TableMap
from ..index.digest import DELETED
from ..index.version import Version
from ..s3xml.record import Record, Upload
from . import attachments
from .site import Site

#: uuids of a table's records with a version above a sequence number that did not come from a peer
_NEW = ('SELECT "record_uuid" FROM "sync_version" WHERE "tablename" = ? AND "seq" > ? '
        'AND ("origin" IS NULL OR "origin" <> ?)')


#: what did not come from a peer, and what is sent to it nevertheless
_FOREIGN = '("sync_version"."origin" IS NULL OR "sync_version"."origin" <> ? OR "sync_version"."seq" <= ?)'


@dataclass
class Page:
    """Some changed records of one table.

    `cursor` is the sequence number up to which everything has been sent; `more` tells that there is more at present.
    """

    table: str
    records: list[Record]
    cursor: int
    more: bool


class Exporter:
    """Reads records of this site for a peer."""

    def __init__(self, site: Site, news: Mapping[str, int] | None = None, peer: str = "") -> None:
        self.site = site
        self.news = news or {}           # for a plain Eden: by table, the sequence number it has, besides what a date says
        self.peer = peer
        self.covered: dict[str, str] = {}     #: tables of a task and their conditions, where these may let records in later
        self._fresh: dict[str, StoredRow] = {}      # rows looked at in the present transaction, which has their table locked

    # --- by sequence ------------------------------------------------------------------------------------------

    def refresh(self, table: str, limit: int) -> bool:
        """Bring the index up to date by one batch, committed; True when it is."""
        done, _ = self.site.index.scan(table, limit)
        self.site.db.commit()
        if done:
            self._sweep(table, limit)
        return done

    def _sweep(self, table: str, limit: int) -> bool:
        """Compare all rows with the index if it is time for that, committed batch by batch; was it?"""
        site = self.site
        deep = site.index.sweep_due(table, site.settings.sweep_interval, site.settings.deep_interval)
        if deep is None:
            return False
        site.db.commit()
        after: int | None = 0
        while after is not None:
            after = site.index.sweep(table, after, limit, deep)
            site.db.commit()
        return True

    def expected(self, table: str, since: int, peer: str, condition: str, echo: int = 0, sent: int = 0) -> int:
        """How many records are to be expected in all: those `sent` already, what the index holds, and what it has yet to find."""
        unseen = self.site.index.unseen(table, condition)
        if unseen is None:
            return self.count(table, condition)
        return sent + self.remaining(table, since, peer, condition, echo) + unseen

    def advance(self, name: str, since: int, limit: int, peer: str, condition: str, done: bool,
                echo: int = 0) -> tuple[Page, bool]:
        """The next page, committed, and whether the index is up to date; if it is not (`done`), it gets on by a batch.

        Looking at a row and sending it then costs one read, not two, and the peer has work to do from the first page on.
        """
        site = self.site
        if not done:
            size = max(limit, site.settings.batch_size // 2)      # as many as the page takes: those left over were read twice
            done, rows = site.index.scan(name, size)
            if not (done and self._sweep(name, size)):
                self._fresh = {row.uuid: row for row in rows if row.uuid}
        page = self.page(name, since, limit, peer, condition, echo)
        self._fresh = {}
        site.db.commit()
        if condition:
            page.records += self.parts(name, page.records, peer)
        return page, done

    def remaining(self, table: str, since: int, peer: str, condition: str = "", echo: int = 0) -> int:
        """Number of changed records that `page` has yet to give."""
        join, where = self._restriction(table, condition)
        return int(self.site.db.value(
            f'SELECT COUNT(*) FROM "sync_version" {join} WHERE "sync_version"."tablename" = ? AND "sync_version"."seq" > ? '
            f'AND {_FOREIGN}{where}', [table, since, peer, echo]) or 0)

    def count(self, table: str, condition: str = "") -> int:
        """Number of rows a task covers, deleted ones included."""
        where = f" WHERE {condition}" if condition else ""
        return int(self.site.db.value(f'SELECT COUNT(*) FROM "{table}"{where}') or 0)

    def page(self, name: str, since: int, limit: int, peer: str, condition: str = "", echo: int = 0) -> Page:
        """Changed records of a table with a sequence number above `since`, except those above `echo` that came from `peer`.

        `condition` restricts live records; a deletion always travels, since what a deleted record was cannot be asked
        any more. The index must be refreshed before.
        """
        site = self.site
        last = site.index.last(name)
        join, where = self._restriction(name, condition)
        found = site.db.rows(
            'SELECT "sync_version"."record_uuid", "sync_version"."digest", "sync_version"."vector", "sync_version"."seq" '
            f'FROM "sync_version" {join} WHERE "sync_version"."tablename" = ? AND "sync_version"."seq" > ? '
            f'AND {_FOREIGN}{where} ORDER BY "sync_version"."seq" LIMIT {int(limit)}', [name, since, peer, echo], by_index=True)
        versions = {row[0]: Version(row[1], row[2], row[3], None, None) for row in found}
        records = self._records(name, versions)
        more = len(found) == limit
        cursor = found[-1][3] if more else max(last, found[-1][3] if found else since)
        return Page(name, records, cursor, more)

    def chosen(self, name: str, uuids: Sequence[str]) -> list[Record]:
        """These records, with their versions, whatever the cursor says; those that the present user may read."""
        self.site.index.lock(name)
        table = self.site.table(name)
        rows = list(table.by_uuid(uuids).values())
        versions = self.site.index.look(table, self.site.index.canonical(table, rows))
        versions.update(self.site.index.absent(name, [u for u in uuids if u not in versions]))
        self.site.db.commit()
        readable = self.site.host.readable(name)
        if readable:
            known = {row[0] for row in self.site.db.rows_in(
                f'SELECT "{name}"."uuid" FROM "{name}" WHERE "{name}"."uuid" IN ({{}}) AND ({readable})', uuids)}
            hidden = {row.uuid for row in rows if not row.deleted} - known
            versions = {uuid: version for uuid, version in versions.items() if uuid not in hidden}
        return self._records(name, versions)

    def parts(self, name: str, masters: Sequence[Record], peer: str) -> list[Record]:
        """Components of records that may just have come into a filter: their components need not have changed themselves.

        Only those of the tables in `covered` that pass themselves, and not what came from `peer`.
        """
        site, found = self.site, []
        for part in site.host.components(name):
            uuids = [str(r.uuid) for r in masters if not r.deleted]
            if part.table not in self.covered or not uuids:
                continue
            condition = self.covered[part.table]
            passing = f" AND ({condition})" if condition else ""
            wanted = [row[0] for row in site.db.rows_in(
                f'SELECT "{part.table}"."uuid" FROM "{part.table}" JOIN "{name}" ON "{name}"."{part.pkey}" = '
                f'"{part.table}"."{part.fkey}" LEFT JOIN "sync_version" ON "sync_version"."tablename" = {site.db.hidden} AND '
                f'"sync_version"."record_uuid" = "{part.table}"."uuid" WHERE ("sync_version"."origin" IS NULL OR '
                f'"sync_version"."origin" <> ?) AND "{name}"."uuid" IN ({{}}){passing}', uuids, [part.table, peer])]
            records = self.chosen(part.table, wanted)
            found += records + (self.parts(part.table, records, peer) if site.host.nested_components else [])
        return found

    def _restriction(self, table: str, condition: str) -> tuple[str, str]:
        if not condition:
            return "", ""
        deleted = f""" OR "{table}"."deleted" = 'T'""" if self.site.table(table).soft_delete else ""
        return (f'LEFT JOIN "{table}" ON "{table}"."uuid" = "sync_version"."record_uuid"',
                f' AND ("{table}"."id" IS NULL{deleted} OR ({condition}))')

    def _records(self, name: str, versions: dict[str, Version]) -> list[Record]:
        """The records of these versions, in their order. What was edited in this moment is left for a later page."""
        site = self.site
        table = site.table(name)
        rows = {uuid: self._fresh[uuid] for uuid in versions if uuid in self._fresh}
        read = table.by_uuid([uuid for uuid in versions if uuid not in rows])
        site.index.canonical(table, list(read.values()))
        rows.update(read)
        stale = [row for row in read.values() if self._differs(row, versions[row.uuid])]
        if stale:
            site.index.lock(name)
            fresh = table.by_uuid([row.uuid for row in stale], lock=True)
            site.index.look(table, site.index.canonical(table, list(fresh.values())))
            gone = {row.uuid for row in stale}
            versions = {u: v for u, v in versions.items() if u not in gone}
        people = self._people(rows.values())
        records = []
        for uuid, version in versions.items():
            row = rows.get(uuid)
            if row is not None:
                record = self.record(table, row, people)
            elif version.deleted:
                record = Record(name, uuid, deleted=True, modified_on=version.modified_on)
            else:
                continue                          # deleted for good: the next sweep makes it a deletion
            record.vector = version.vector
            records.append(record)
        self._instances(table, records)
        return records

    def described(self, table: TableMap, rows: Sequence[StoredRow], versions: Mapping[str, Version]) -> list[Record]:
        """Canonical rows as records, with these versions."""
        people = self._people(rows)
        records = [self.record(table, row, people) for row in rows]
        for record in records:
            record.vector = versions[str(record.uuid)].vector
        self._instances(table, records)
        return records

    def _differs(self, row: StoredRow, version: Version) -> bool:
        if row.deleted:
            return not version.digest.startswith(DELETED)
        return self.site.index.digest_of(row) != version.digest

    def _instances(self, table: TableMap, records: Iterable[Record]) -> None:
        """Name the tables of records that are referred to through a super-entity, and where files can be fetched."""
        for name in table.uploads:
            digests = {r.values[name].stored for r in records if r.values.get(name)}
            files = Files(self.site.db).find(table, name, digests) if digests else {}
            absent = digests - set(files)                      # this site waits for them itself, or they are missing
            names = attachments.filenames(self.site, table.name, name, absent) if absent else {}
            for record in records:
                value = record.values.get(name)
                if value:
                    stored = files.get(value.stored)
                    url = f"{self.site.host.base_url}/default/download/{quote(stored.name)}" if stored else ""
                    filename = stored.filename if stored else names.get(value.stored, "")
                    record.values = {**record.values, name: Upload(filename, url, value.stored)}
        for name, target in table.references.items():
            if not self.site.host.carries(target):
                uuids = {r.values[name] for r in records if r.values.get(name)}
                found = self.site.references.instances(target, uuids) if uuids else {}
                for record in records:
                    if record.values.get(name) in found:
                        record.instances = {**(record.instances or {}), name: found[record.values[name]]}

    # --- rows to records --------------------------------------------------------------------------------------

    def _people(self, rows: Iterable[StoredRow]) -> tuple[dict[int, str], dict[int, str]]:
        ids: set[int] = set()
        groups: set[int] = set()
        for row in rows:
            ids.update(i for i in (row.created_by, row.modified_by, row.owned_by_user) if i)
            if row.owned_by_group:
                groups.add(row.owned_by_group)
        host = self.site.host
        return (host.people(ids) if ids else {}), (host.roles(groups) if groups else {})

    def record(self, table: TableMap, row: StoredRow, people: tuple[dict[int, str], dict[int, str]]) -> Record:
        """A canonical row as a record, one step further from its master."""
        users, roles = people
        record = Record(table.name, row.uuid, row.values, modified_on=row.modified_on, mci=row.mci + 1)
        if row.deleted:
            record.deleted = True
            record.values = {}
            if row.deleted_rb:
                record.replaced_by = self.site.references.uuids(table.name, [row.deleted_rb]).get(row.deleted_rb)
            return record
        record.created_on = row.created_on
        if users:
            record.created_by = users.get(row.created_by)  # type: ignore[arg-type]
            record.modified_by = users.get(row.modified_by)  # type: ignore[arg-type]
            record.owned_by_user = users.get(row.owned_by_user)  # type: ignore[arg-type]
        if roles:
            record.owned_by_group = roles.get(row.owned_by_group)  # type: ignore[arg-type]
        return record

    # --- by date, for a plain Eden ----------------------------------------------------------------------------

    def since_where(self, name: str, msince: str | None, condition: str, components: bool) -> tuple[str, list[object]]:
        """SQL condition for records modified at or after `msince`, or with a component that was; and its arguments."""
        column = f'"{name}"'
        wanted: list[str] = []
        args: list[object] = []
        if msince and "modified_on" in self.site.table(name).meta:
            stamp = msince.replace("T", " ")
            recent = [f'{column}."modified_on" >= ?']
            args.append(stamp)
            for part in self._parts(name, components):
                if "modified_on" in self.site.table(part.table).meta:
                    recent.append(f'{column}."{part.pkey}" IN (SELECT "{part.fkey}" FROM "{part.table}" '
                                  'WHERE "modified_on" >= ?)')
                    args.append(stamp)
                if part.table in self.news:
                    recent.append(f'{column}."{part.pkey}" IN (SELECT "{part.fkey}" FROM "{part.table}" '
                                  f'WHERE "uuid" IN ({_NEW}))')
                    args += [part.table, self.news[part.table], self.peer]
            if name in self.news:
                recent.append(f'{column}."uuid" IN ({_NEW})')
                args += [name, self.news[name], self.peer]
            wanted.append(f"({' OR '.join(recent)})")
        if condition:
            wanted.append(f"({condition})")
        return " AND ".join(wanted), args

    def vanished(self, name: str) -> list[Record]:
        """News of records of which not even a row is left."""
        if name not in self.news:
            return []
        found = self.site.index.versions(name, [row[0] for row in self.site.db.rows(
            f'SELECT "record_uuid" FROM "sync_version" LEFT JOIN "{name}" ON "{name}"."uuid" = "record_uuid" '
            f"""WHERE "{name}"."id" IS NULL AND "digest" LIKE '{DELETED}%' AND "record_uuid" IN ({_NEW})""",
            [name, self.news[name], self.peer])])
        return [Record(name, uuid, deleted=True, modified_on=version.modified_on) for uuid, version in found.items()]

    def _parts(self, name: str, components: bool) -> list[Component]:
        host = self.site.host
        return [c for c in host.components(name) if host.carries(c.table) and host.can("read", c.table)] if components else []

    def since(self, name: str, msince: str | None, condition: str, components: bool,
              batch: int) -> Iterator[list[Record]]:
        """Records modified at or after `msince` ("YYYY-MM-DDTHH:MM:SS"; None: all), components nested, in batches.

        A master whose component changed is among them (a real Eden would forget it).
        """
        table = self.site.table(name)
        where, args = self.since_where(name, msince, condition, components)
        head = f"{where} AND " if where else ""
        parts = self._parts(name, components)
        after = 0
        while True:
            rows = table.select(f'{head}"{name}"."id" > ?', [*args, after], "id", batch)
            if not rows:
                return
            after = rows[-1].id
            records = self._plain(table, rows)
            for part in parts:
                self._nest(part, rows, records)
            yield [records[row.uuid] for row in rows if row.uuid in records]

    def _plain(self, table: TableMap, rows: Sequence[StoredRow]) -> dict[str, Record]:
        self.site.index.canonical(table, rows)
        people = self._people(rows)
        records = {row.uuid: self.record(table, row, people) for row in rows if row.uuid}
        self._instances(table, records.values())
        return records

    def _nest(self, part: Component, rows: Sequence[StoredRow], masters: dict[str, Record]) -> None:
        table = self.site.table(part.table)
        fkey, alias = part.fkey, part.alias
        keys = {row.id: row.uuid for row in rows if row.uuid}
        if part.pkey != "id":                    # joined by the super-entity's key
            numbers = self.site.references.ids(table.references[fkey], keys.values())
            keys = {numbers[uuid]: uuid for uuid in keys.values() if uuid in numbers}
        readable = self.site.host.readable(table.name)
        also = f" AND ({readable})" if readable else ""
        columns = (f'SELECT {table.columns}, "{table.name}"."{fkey}" FROM "{table.name}" WHERE "{fkey}" IN ({{}}){also} '
                   'ORDER BY "id"')
        raw = list(self.site.db.rows_in(columns, keys))
        parents = [keys.get(r[-1]) for r in raw]
        children = table.decode([r[:-1] for r in raw])
        records = self._plain(table, children)
        for child, parent in zip(children, parents):
            record = records.get(child.uuid)
            if record is None or parent is None:
                continue
            record.alias = alias
            record.values.pop(fkey, None)
            master = masters[parent]
            master.children = [*(master.children or ()), record]

    def dependencies(self, wanted: dict[str, set[str]]) -> dict[str, list[Record]]:
        """Live records by table and uuid, for whoever refers to them."""
        found = {}
        for name, uuids in wanted.items():
            if self.site.host.carries(name) and self.site.host.can("read", name):
                table = self.site.table(name)
                rows = [r for r in table.by_uuid(uuids, condition=self.site.host.readable(name)).values() if not r.deleted]
                found[name] = list(self._plain(table, rows).values())
        return found
