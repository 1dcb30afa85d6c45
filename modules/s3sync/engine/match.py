"""Which record of this site is meant, where its uuid is not known here."""
from __future__ import annotations

from typing import Any, Collection, Sequence

from ..hosts.base import Hooks
from ..hosts.callback import HookError, call
from ..hosts.table import TableMap
from ..index.vector import parse, site_key
from ..s3xml.record import Record
from .imported import item_of
from .site import Site

#: types of columns whose unique values identify a record
KEYS = ("string", "text", "integer", "bigint")


class Matcher:
    """Finds the originals of records of one table (S3XML §10.2).

    In this order: by values of unique columns, if exactly one row has them; for a component of which each parent has one at
    most, the one the parent has; by the application's own deduplicate, for records that came without uuid or where uuids are
    synchronised, and for those that the application refuses as new ones (`second`).

    Parameters
    ----------
    origin : uuid of the repository the records come from
    synchronise : records here get the uuids of that repository
    """

    def __init__(self, site: Site, table: TableMap, hooks: Hooks, origin: str, synchronise: bool) -> None:
        self.site = site
        self.table = table
        self.hooks = hooks
        self.synchronise = synchronise
        dal_table = table.dal_table
        self.unique = [f.name for f in table.schema.fields if dal_table[f.name].unique and f.type in KEYS]
        self.single = [name for name in site.host.single_keys(table.name) if name in table.references]
        self._peer = {site_key(origin), site_key(f"{site.host.site_uuid}/{origin}")}
        self.refused: dict[str, str] = {}         #: by uuid: why it cannot be told which record is meant
        self.left: dict[str, str] = {}            #: by uuid: the application wants the record here left alone
        self._named: dict[str, tuple[str, str]] = {}     #: by uuid: the record here, and why that is left alone

    @property
    def active(self) -> bool:
        """Is there any way to find a record but by its uuid?"""
        return bool(self.unique or self.single or self.hooks.deduplicate)

    def second(self, records: Sequence[Record], batch: Collection[str]) -> set[str]:
        """Of new records that the application refuses, those that it has already: both sites made them, each for itself.

        Its deduplicate knows them. From now on `match` finds them.
        """
        asked = [r for r in records if not r.anonymous and not self.synchronise and r.uuid not in self._named]
        if not asked or not self.hooks.deduplicate:
            return set()
        refused, left, self.refused, self.left = self.refused, self.left, {}, {}
        found: dict[str, str] = {}
        for record in asked:
            self._ask(record, found)
        own = self._own_records(set(found.values()))
        rows = self.table.by_uuid(found.values())
        found = {uuid: here for uuid, here in found.items() if here in own and here not in batch and not rows[here].deleted}
        self._named.update((uuid, (here, self.left.get(uuid, ""))) for uuid, here in found.items())
        self.refused, self.left = refused, left
        return set(found)

    def match(self, records: Sequence[Record], batch: Collection[str]) -> dict[str, str]:
        """uuid of the record here by uuid of the record that came. Those in `batch` are taken."""
        found: dict[str, str] = {}
        for record in records:
            if record.uuid in self._named:
                uuid = str(record.uuid)
                found[uuid], reason = self._named.pop(uuid)
                if reason:
                    self.left[uuid] = reason
        if self.unique:
            found.update(self._by_unique([r for r in records if r.uuid not in found], {*batch, *found.values()}))
        rest = [r for r in records if r.uuid not in found and r.uuid not in self.refused]
        if self.single and rest:
            found.update(self._by_parent(rest, {*batch, *found.values()}))
        if self.hooks.deduplicate:
            for record in rest:
                if record.uuid not in found and (record.anonymous or self.synchronise):
                    self._ask(record, found)
        return found

    # --- unique columns ---------------------------------------------------------------------------------------

    def owners(self, records: Sequence[Record]) -> dict[tuple[str, Any], str]:
        """uuid of the row that holds a value of a unique column, by column and value, as far as records mention them."""
        table = self.table
        found = {}
        for name in self.unique:
            wanted = [r.values[name] for r in records if r.values.get(name) not in (None, "")]
            for value, uuid in self.site.db.rows_in(
                    f'SELECT "{name}", "uuid" FROM "{table.name}" WHERE "{name}" IN ({{}})', wanted):
                found[name, value] = uuid
        return found

    def _by_unique(self, records: Sequence[Record], batch: Collection[str]) -> dict[str, str]:
        owners = self.owners(records)
        candidates: dict[str, set[str]] = {}
        for record in records:
            rows = {owners[name, record.values[name]] for name in self.unique if (name, record.values.get(name)) in owners}
            if rows:
                candidates[str(record.uuid)] = rows
        own = self._own_records({u for rows in candidates.values() for u in rows})
        found = {}
        taken: set[str] = set()
        for uuid, rows in candidates.items():
            uuid_here = next(iter(rows))
            if len(rows) == 1 and uuid_here in own and uuid_here not in batch and uuid_here not in taken:
                found[uuid] = uuid_here
                taken.add(uuid_here)
        return found                              # the others will clash: see `clash`

    def _own_records(self, uuids: Collection[str]) -> set[str]:
        """Those of which the peer knows nothing: what it knows is another record of its own, not the one that came."""
        versions = self.site.index.versions(self.table.name, uuids)
        return {u for u in uuids if u not in versions or (versions[u].origin is None or site_key(versions[u].origin or "")
                                                          not in self._peer)
                and not self._peer & set(parse(versions[u].vector))}

    def clash(self, record: Record, owners: dict[tuple[str, Any], str]) -> str:
        """Why a record cannot be stored under its uuid; "" if no other record has its unique values, which then are its."""
        for name in self.unique:
            value = record.values.get(name)
            if value is None or value == "":
                continue
            owner = owners.setdefault((name, value), str(record.uuid))
            if owner != record.uuid:
                return f"{name}: {value!r:.80} belongs to another record, {owner}"
        return ""

    # --- components -------------------------------------------------------------------------------------------

    def _by_parent(self, records: Sequence[Record], taken: Collection[str]) -> dict[str, str]:
        table, db = self.table, self.site.db
        found: dict[str, str] = {}
        for name in self.single:
            parents = self.site.references.ids(table.references[name], {r.values[name] for r in records if r.values.get(name)})
            keys = {parents[r.values[name]]: str(r.uuid) for r in records if r.values.get(name) in parents}
            live = """ AND ("deleted" IS NULL OR "deleted" <> 'T')""" if table.soft_delete else ""
            select = f'SELECT "{name}", "uuid" FROM "{table.name}" WHERE "{name}" IN ({{}}){live}'
            rows: dict[int, str] = {row[0]: row[1] for row in db.rows_in(select, keys)}
            own = self._own_records(set(rows.values()))
            found.update({uuid: rows[key] for key, uuid in keys.items()
                          if key in rows and rows[key] in own and rows[key] not in taken and uuid not in found})
        return found

    # --- the application --------------------------------------------------------------------------------------

    def _ask(self, record: Record, found: dict[str, str]) -> None:
        """Let the application's deduplicate look for the record."""
        uuid = str(record.uuid)
        item = item_of(self.site, self.table, record)
        try:
            call(self.hooks.deduplicate, item, tablename=self.table.name)
        except HookError as error:
            self.refused[uuid] = str(error)
            return
        if item.error or item.accepted is False:
            self.refused[uuid] = str(item.error or "deduplicate refused the record")
        elif item.id:
            here = self.site.references.uuids(self.table.name, [int(item.id)]).get(int(item.id))
            if here and here not in found.values():
                found[uuid] = here
                if item.skip:
                    self.left[uuid] = "deduplicate: the record here is left as it is"
        elif item.skip:
            self.refused[uuid] = "deduplicate skipped the record"
