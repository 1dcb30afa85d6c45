"""Rows into the table: in bulk where nobody is listening, one by one where the host has callbacks."""
from __future__ import annotations

from functools import cached_property
from typing import Any, Sequence

from ..hosts.callback import HookError
from ..hosts.files import Files
from ..hosts.table import StoredRow, TableMap
from ..index.digest import digest
from ..s3xml.record import Record
from . import attachments
from .resolve import Resolver
from .single import Single
from .site import Site

Pair = tuple[Record, "StoredRow | None"]

#: meta columns of a new row, as far as the table has them. Who is not known here counts as the user who synchronises.
NEW = ("uuid", "deleted", "mci", "modified_on", "created_on", "created_by", "modified_by", "owned_by_user", "owned_by_group")


class Writer:
    """Writes a batch of records of one table.

    Attributes
    ----------
    created : uuids of records that were created
    ids : their local ids, where anybody needs them
    codes : of records that failed, for other reasons than the database's
    digests, modified : digest and modified_on of rows as they now stand, by uuid
    resolver : references of the batch
    """

    def __init__(self, site: Site, table: TableMap, pairs: Sequence[Pair]) -> None:
        self.site = site
        self.table = table
        self.hooks = site.host.hooks(table.name)
        self.ids: dict[str, int] = {}
        self.created: list[str] = []
        self.codes: dict[str, str] = {}
        self.digests: dict[str, str] = {}
        self.modified: dict[str, str | None] = {}
        self.pairs = pairs
        self.one_by_one = table.has_callbacks or self.hooks.around_writes or site.host.alone(table.name)
        self._plan: list[tuple[int, str, Any]] | None = None
        self._incomplete: set[str] = set()       # created before a record of this batch they refer to
        self.values = {str(record.uuid): self._values(record, row) for record, row in pairs}
        self.resolver = Resolver(site, table, self.values, {str(r.uuid) for r, row in pairs if row is None},
                                 {str(r.uuid): r.instances for r, _ in pairs if r.instances})
        for record, _ in pairs:                  # a file that must be there holds its record up
            for name in record.lacks or ():
                if name not in table.nullable:
                    self.resolver.blocked[str(record.uuid)] = attachments.reason_of(record)
                    self.codes[str(record.uuid)] = "file"
        people = {a for r, _ in pairs for a in (r.created_by, r.modified_by, r.owned_by_user) if a}
        self._people = site.host.person_ids(people) if people else {}
        roles = {r.owned_by_group for r, _ in pairs if r.owned_by_group}
        self._roles = site.host.role_ids(roles) if roles else {}
        self._user = site.host.user_id           # who synchronises
        self._now = site.now().isoformat(" ")[:19]

    def _values(self, record: Record, row: StoredRow | None) -> dict[str, Any]:
        base = dict(self.table.defaults) if row is None else dict(row.values)
        if row is None and self.table.computed:
            base.update({name: default() for name, default in self.table.computed.items() if name not in record.values})
        if self.table.plain.issuperset(record.values):
            base.update(record.values)
            return base
        known = self.table.schema.by_name
        for name, value in record.values.items():
            field = known.get(name)
            if field is not None:
                base[name] = sorted(set(value)) if field.type == "list:reference" and value else value
        return base

    # --- create and update ------------------------------------------------------------------------------------

    def write(self) -> dict[str, str]:
        """Create or update all records of the batch; returns reasons by uuid of those that could not be written."""
        failed = dict(self.resolver.blocked)
        creates = [r for r, row in self.pairs if row is None and r.uuid not in failed]
        updates = [(r, row) for r, row in self.pairs if row is not None and r.uuid not in failed]
        tends = self.site.host.tends(self.table.name)
        for level in self._levels(creates):
            failed.update(self._attempt(level, self._create))
            uuids = [str(r.uuid) for r in level if r.uuid not in failed]
            self.created += uuids
            if self.one_by_one:
                self.resolver.created({u: self.ids[u] for u in uuids if u in self.ids})
            elif uuids and (tends or self.resolver.among_themselves):       # else nobody asks for their ids
                known = self.site.references.ids(self.table.name, uuids)
                ids = {u: known[u] for u in uuids if u in known}
                self.ids.update(ids)
                self.resolver.created(ids)
                self.site.host.written(self.table.name, list(ids.values()), [])
        self._close_cycles(creates, failed)
        failed.update(self._attempt(updates, self._update))
        if updates and tends and not self.one_by_one:
            self.site.host.written(self.table.name, [], [row.id for r, row in updates if row and r.uuid not in failed])
        if self.one_by_one:
            self.single.finish()
        digests, modified, values = self.digests, self.modified, self.values
        for record, row in self.pairs:
            uuid = record.uuid
            if uuid not in failed and uuid not in digests:
                digests[uuid] = digest(values[uuid])                    # type: ignore[index]
                modified[uuid] = record.modified_on or (row.modified_on if row else None)      # type: ignore[index]
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
        if self.one_by_one and len(items) > 1:      # code of the application's own must not run twice for a record
            failed: dict[str, str] = {}
            for item in items:
                failed.update(self._attempt([item], write))
            return failed
        try:
            with self.site.db.savepoint():
                write(items)
            return {}
        except (error, HookError) as problem:
            if isinstance(problem, error) and self.site.db.transient(problem):
                raise
            if len(items) == 1:
                record = items[0] if isinstance(items[0], Record) else items[0][0]
                if isinstance(problem, HookError):
                    self.codes[str(record.uuid)] = "callback"
                return {str(record.uuid): str(problem).strip() or type(problem).__name__}
        failed = {}
        for item in items:
            failed.update(self._attempt([item], write))
        return failed

    def _create(self, records: Sequence[Record]) -> None:
        table, resolver = self.table, self.resolver
        for record in records:
            if resolver.pending(self.values[str(record.uuid)]):
                self._incomplete.add(str(record.uuid))
        if self.one_by_one:
            for record in records:
                self.single.write(record, None)
            return
        names = [f.name for f in table.schema.fields]
        meta = [n for n in table.meta if n != "deleted_rb"]
        extra = table.extra_defaults
        unapproved = {**extra, "approved_by": None} if "approved_by" in extra else extra
        places = tuple(NEW.index(n) for n in meta)
        approved, not_approved = tuple(extra.values()), tuple(unapproved.values())
        values, convert = self.values, self.driver
        rows = []
        for record in records:
            own = self._meta(record)
            rows.append((*[own[n] for n in places], *convert(values[record.uuid], names),       # type: ignore[index]
                         *(approved if record.approved else not_approved)))
        with self.site.db.strict():
            self.site.db.insert(table.name, [*meta, *names, *extra], rows)

    def _update(self, pairs: Sequence[Pair]) -> None:
        table = self.table
        if self.one_by_one:
            for record, row in pairs:
                self.single.write(record, row)
            return
        names = [f.name for f in table.schema.fields]
        columns: list[str] = []
        rows = []
        for record, row in pairs:
            assert row is not None
            values = self.driver(self.values[str(record.uuid)], names, row)
            changes = self.changes(record, row)
            columns = [*changes, *names]
            rows.append((*changes.values(), *values, row.id))
        with self.site.db.strict():
            self.site.db.update(table.name, columns, rows)

    def file(self, name: str, value: Any, row: StoredRow | None) -> str | None:
        """Name of the file that stands for an upload: the row's own as long as the content is the same."""
        if value is None:
            return None
        files: dict[str, str] = getattr(row, "files", {})
        if row is not None and row.values.get(name) == value and name in files:
            return files[name]
        return Files(self.site.db).own(self.table, name, value.stored)

    def driver(self, values: dict[str, Any], names: list[str], stored: StoredRow | None = None) -> list[Any]:
        row = list(map(values.get, names))
        for place, _, convert in self._conversions(names):
            if row[place] is not None:
                row[place] = convert(row[place])
        for name in self.table.uploads:
            row[names.index(name)] = self.file(name, values.get(name), stored)
        return row

    def _conversions(self, names: list[str]) -> list[tuple[int, str, Any]]:
        """(place, column, converter) of the columns whose values the driver takes in another form."""
        if self._plan is None:
            table, resolver = self.table, self.resolver

            def reference(name: str) -> Any:
                return lambda value: table.driver_value(name, resolver.local(name, value))

            self._plan = []
            for place, name in enumerate(names):
                if name in table.references or name in table.list_references:
                    self._plan.append((place, name, reference(name)))
                elif table.writer(name) is not None:
                    self._plan.append((place, name, table.writer(name)))
        return self._plan

    def _meta(self, record: Record) -> tuple[Any, ...]:
        """The columns `NEW` of a new row: what the record says, else what a new record has."""
        people, user = self._people, self._user
        modified, created = record.modified_on, record.created_on
        if people:
            by, last, owner = (people.get(a or "") or user for a in (record.created_by, record.modified_by, record.owned_by_user))
        else:
            by = last = owner = user
        return (record.uuid, "F", record.mci, modified.replace("T", " ") if modified else self._now,
                created.replace("T", " ") if created else self._now, by, last, owner,
                self._roles.get(record.owned_by_group or ""))

    def stamps(self, record: Record) -> dict[str, Any]:
        """The columns `NEW` of a new row, by name."""
        return dict(zip(NEW, self._meta(record)))

    def changes(self, record: Record, row: StoredRow) -> dict[str, Any]:
        """The meta columns that an update changes: it undeletes, too."""
        meta = self.table.schema.meta
        found: dict[str, Any] = {}
        if "modified_on" in meta:
            found["modified_on"] = _stamp(record.modified_on) or self._now
        if "modified_by" in meta:
            found["modified_by"] = self._people.get(record.modified_by or "") or row.modified_by
        if self.table.soft_delete:
            found["deleted"] = "F"
        found.update((n, None) for n in ("deleted_fk", "deleted_rb") if n in meta)
        return found

    @cached_property
    def single(self) -> Single:
        """How records are written where the application's own code is to be called for each."""
        return Single(self)


def _stamp(value: str | None) -> str | None:
    return value.replace("T", " ") if value else None
