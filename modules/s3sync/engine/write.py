"""Rows into the table: in bulk where nobody is listening, one by one where the host has callbacks."""
from __future__ import annotations

import json
from typing import Any, Sequence

from pydal.objects import Row

from ..hosts.table import StoredRow, TableMap
from ..index.digest import deletion_digest, digest
from ..s3xml.record import Record
from .resolve import Resolver
from .site import Site

Pair = tuple[Record, "StoredRow | None"]


class Form:
    """What callbacks of web2py and Eden expect: `vars` with the values (and id), `errors` to fill."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.vars = Row(values)
        self.errors = Row()


class Writer:
    """Writes a batch of records of one table.

    Attributes
    ----------
    ids : local ids of records that were created, by uuid
    digests, modified : digest and modified_on of rows as they now stand, by uuid
    resolver : references of the batch
    """

    def __init__(self, site: Site, table: TableMap, pairs: Sequence[Pair]) -> None:
        self.site = site
        self.table = table
        self.hooks = site.host.hooks(table.name)
        self.ids: dict[str, int] = {}
        self.digests: dict[str, str] = {}
        self.modified: dict[str, str | None] = {}
        self.pairs = pairs
        self._incomplete: set[str] = set()       # created before a record of this batch they refer to
        self.values = {str(record.uuid): self._values(record, row) for record, row in pairs}
        self.resolver = Resolver(site, table, self.values, {str(r.uuid) for r, row in pairs if row is None})
        people = {a for r, _ in pairs for a in (r.created_by, r.modified_by, r.owned_by_user) if a}
        self._people = site.host.person_ids(people) if people else {}
        roles = {r.owned_by_group for r, _ in pairs if r.owned_by_group}
        self._roles = site.host.role_ids(roles) if roles else {}

    def _values(self, record: Record, row: StoredRow | None) -> dict[str, Any]:
        known = self.table.schema.by_name
        base = dict(self.table.defaults) if row is None else dict(row.values)
        for name, value in record.values.items():
            field = known.get(name)
            if field is not None and field.type != "upload":
                base[name] = sorted(set(value)) if field.type == "list:reference" and value else value
        return base

    # --- create and update ------------------------------------------------------------------------------------

    def write(self) -> dict[str, str]:
        """Create or update all records of the batch; returns reasons by uuid of those that could not be written."""
        failed = dict(self.resolver.blocked)
        creates = [r for r, row in self.pairs if row is None and r.uuid not in failed]
        updates = [(r, row) for r, row in self.pairs if row is not None and r.uuid not in failed]
        for level in self._levels(creates):
            failed.update(self._attempt(level, self._create))
            uuids = [str(r.uuid) for r in level if r.uuid not in failed]
            found = self.site.references.ids(self.table.name, uuids)
            ids = {u: found[u] for u in uuids if u in found}
            self.ids.update(ids)
            self.resolver.created(ids)
        self._close_cycles(creates, failed)
        failed.update(self._attempt(updates, self._update))
        for record, row in self.pairs:
            uuid = str(record.uuid)
            if uuid not in failed and uuid not in self.digests:
                self.digests[uuid] = digest(self.values[uuid])
                self.modified[uuid] = record.modified_on or (row.modified_on if row else None)
        return failed

    def _levels(self, creates: list[Record]) -> Any:
        """Records in such an order that those a record refers to come before it; the rest of a cycle comes last."""
        while creates:
            ready = [r for r in creates if not self.resolver.pending(self.values[str(r.uuid)])]
            level = ready or creates
            yield level
            done = {id(r) for r in level}
            creates = [r for r in creates if id(r) not in done]

    def _close_cycles(self, creates: list[Record], failed: dict[str, str]) -> None:
        """References between records of the batch that could only be known after all were created."""
        left = [str(r.uuid) for r in creates if r.uuid in self._incomplete and r.uuid not in failed]
        table, resolver = self.table, self.resolver
        for name, target in [*table.references.items(), *table.list_references.items()]:
            if target != table.name or not left:
                continue
            rows = []
            for uuid in left:
                value = self.values[uuid].get(name)
                rows.append((table.driver_value(name, resolver.local(name, value)), self.ids[uuid]))
                wanted = value if isinstance(value, list) else [value] if value else []
                resolver.missing += [(uuid, name, target, w) for w in wanted if w in failed]
            self.site.db.update(table.name, [name], rows)

    def _attempt(self, items: Sequence[Any], write: Any) -> dict[str, str]:
        """Write all; if the database refuses, one by one, so that only the bad ones fail."""
        if not items:
            return {}
        error = self.site.db.driver_error
        try:
            with self.site.db.savepoint():
                write(items)
            return {}
        except (error, HookError) as problem:
            if len(items) == 1:
                record = items[0] if isinstance(items[0], Record) else items[0][0]
                return {str(record.uuid): str(problem).strip() or type(problem).__name__}
        failed: dict[str, str] = {}
        for item in items:
            failed.update(self._attempt([item], write))
        return failed

    def _create(self, records: Sequence[Record]) -> None:
        table, resolver = self.table, self.resolver
        for record in records:
            if resolver.pending(self.values[str(record.uuid)]):
                self._incomplete.add(str(record.uuid))
        if table.has_callbacks or self.hooks:
            for record in records:
                self._one(record, None)
            return
        names = [f.name for f in table.schema.fields if f.type != "upload"]
        meta = [n for n in table.meta if n != "deleted_rb"]
        extra = table.extra_defaults
        rows = [(*self._meta(record, meta), *self._driver(self.values[str(record.uuid)], names), *extra.values())
                for record in records]
        self.site.db.insert(table.name, [*meta, *names, *extra], rows)

    def _update(self, pairs: Sequence[Pair]) -> None:
        table = self.table
        if table.has_callbacks or self.hooks:
            for record, row in pairs:
                self._one(record, row)
            return
        names = [f.name for f in table.schema.fields if f.type != "upload"]
        meta = [n for n in ("modified_on", "modified_by") if n in table.meta]
        live: dict[str, Any] = {"deleted": "F"} if table.soft_delete else {}     # an update undeletes
        live.update({n: None for n in ("deleted_fk", "deleted_rb") if n in table.schema.meta})
        rows = []
        for record, row in pairs:
            assert row is not None
            values = self._driver(self.values[str(record.uuid)], names)
            rows.append((*self._changed(record, row, meta), *live.values(), *values, row.id))
        self.site.db.update(table.name, [*meta, *live, *names], rows)

    def _driver(self, values: dict[str, Any], names: list[str]) -> list[Any]:
        table, resolver = self.table, self.resolver
        row = []
        for name in names:
            value = values.get(name)
            if value is not None:
                if name in table.references or name in table.list_references:
                    value = resolver.local(name, value)
                value = table.driver_value(name, value)
            row.append(value)
        return row

    def _meta(self, record: Record, names: Sequence[str]) -> list[Any]:
        """Meta columns of a new row: what the record says, else what a new record has."""
        now = self.site.now().isoformat(" ")[:19]
        found: dict[str, Any] = {
            "uuid": record.uuid, "deleted": "F", "mci": record.mci,
            "modified_on": _stamp(record.modified_on) or now, "created_on": _stamp(record.created_on) or now,
            "created_by": self._people.get(record.created_by or ""), "modified_by": self._people.get(record.modified_by or ""),
            "owned_by_user": self._people.get(record.owned_by_user or ""),
            "owned_by_group": self._roles.get(record.owned_by_group or "")}
        return [found[name] for name in names]

    def _changed(self, record: Record, row: StoredRow, names: Sequence[str]) -> list[Any]:
        now = self.site.now().isoformat(" ")[:19]
        found = {"modified_on": _stamp(record.modified_on) or now,
                 "modified_by": self._people.get(record.modified_by or "") or row.modified_by}
        return [found[name] for name in names]

    # --- with callbacks ---------------------------------------------------------------------------------------

    def _one(self, record: Record, row: StoredRow | None) -> None:
        """One record through pyDAL and the host's own code."""
        table, uuid = self.table, str(record.uuid)
        fields = {}
        for name, value in self.values[uuid].items():
            if name in table.references or name in table.list_references:
                fields[name] = self.resolver.local(name, value)
            elif table.schema.by_name[name].type != "upload":
                fields[name] = table.python_value(name, value)
        if row is None:
            meta = [n for n in table.meta if n != "deleted_rb"]
            stamps = dict(zip(meta, self._meta(record, meta)))
        else:
            meta = [n for n in ("modified_on", "modified_by") if n in table.meta]
            stamps = dict(zip(meta, self._changed(record, row, meta)))
            if table.soft_delete:
                stamps["deleted"] = "F"
        if "deleted" in stamps:
            stamps["deleted"] = False
        form = Form({**fields, "id": row.id if row else None})
        if self.hooks.onvalidation:
            self.hooks.onvalidation(form)
            if form.errors:
                raise HookError("; ".join(f"{k}: {v}" for k, v in form.errors.items()))
            fields.update({k: v for k, v in form.vars.items() if k in fields})
        db = self.site.db.dal
        dal_table = table.dal_table
        if row is None:
            number = dal_table.insert(**fields, **stamps)
            if not number:
                raise HookError("a callback of the table refused the record")
            form.vars["id"] = int(number)
        else:
            db(dal_table.id == row.id).update(**fields, **stamps)
        if self.hooks.onaccept:
            self.hooks.onaccept(form)
        stored = self.site.index.canonical(table, list(table.by_uuid([uuid]).values()))
        if stored:
            self.digests[uuid] = digest(stored[0].values)
            self.modified[uuid] = stored[0].modified_on

    # --- delete and merge -------------------------------------------------------------------------------------

    def end(self, pairs: Sequence[Pair]) -> dict[str, str]:
        """Delete rows as the host deletes: softly where the table can, for good where it cannot."""
        return self._attempt(pairs, self._end)

    def _end(self, pairs: Sequence[Pair]) -> None:
        table, db = self.table, self.site.db
        merged = self.site.references.ids(table.name, {r.replaced_by for r, _ in pairs if r.replaced_by})
        loose = [n for n in [*table.references, *table.list_references] if n in table.nullable]
        for record, row in pairs:
            assert row is not None
            uuid = str(record.uuid)
            if not table.soft_delete:
                db.dal(table.dal_table.id == row.id).delete()
            else:
                sets: dict[str, Any] = {"deleted": "T"}
                if "modified_on" in table.meta:
                    sets["modified_on"] = _stamp(record.modified_on) or self.site.now().isoformat(" ")[:19]
                if "deleted_rb" in table.schema.meta and record.replaced_by:
                    sets["deleted_rb"] = merged.get(record.replaced_by)
                keys = self._foreign_keys(row)
                if keys and "deleted_fk" in table.schema.meta:
                    sets["deleted_fk"] = json.dumps(keys)
                    sets.update({name: None for name in loose})
                db.update(table.name, list(sets), [(*sets.values(), row.id)])
            if self.hooks.ondelete:
                self.hooks.ondelete(Row({"id": row.id, "uuid": uuid, **row.values}))
            self.digests[uuid] = deletion_digest(record.replaced_by if record.replaced_by in merged else None)
            self.modified[uuid] = record.modified_on

    def _foreign_keys(self, row: StoredRow) -> dict[str, int]:
        """Foreign keys before deletion, by local id, as Eden remembers them in deleted_fk."""
        found = {}
        for name, target in self.table.references.items():
            number = self.site.references.ids(target, [row.values[name]] if row.values[name] else []).get(row.values[name])
            if number:
                found[name] = number
        return found


class HookError(Exception):
    """The host's own code refused the record."""


def _stamp(value: str | None) -> str | None:
    return value.replace("T", " ") if value else None
