"""One record into the table with the application's own code around it: validation, write, onaccept, then the next one.

Nothing is put off to the end of the batch: a record's onvalidation and onaccept find what those before it have left behind, as
they do where the application imports by itself.
"""
from __future__ import annotations

from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Iterator, Sequence

from ..hosts.callback import Form, HookError, call
from ..hosts.table import StoredRow
from ..index.digest import digest
from ..s3xml.record import Record
from . import waiting

if TYPE_CHECKING:
    from .write import Writer

#: what pyDAL may say of values that a column cannot hold
UNFIT = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)


class Single:
    """Writes records of a batch one by one.

    Through pyDAL only where it has something to add: callbacks of the table, defaults and updates that are worked out there, or
    values that the application's validation has changed. Else by one statement.
    """

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.site = writer.site
        self.table = writer.table
        self.hooks = writer.hooks
        table = writer.table
        self.plain = not (table.has_callbacks or table.worked_out())
        self._names = [f.name for f in table.schema.fields]
        self._meta = [n for n in table.meta if n != "deleted_rb"]
        self._fixed = frozenset(("id", *table.meta, *table.uploads))
        self._read = f'SELECT {table.columns} FROM "{table.name}" WHERE "{table.name}"."id" = ?'
        self._stored: list[Sequence[Any]] = []

    def write(self, record: Record, row: StoredRow | None) -> None:
        """Create or update a record. Raises HookError, or what the driver raises."""
        writer, uuid, name = self.writer, str(record.uuid), self.table.name
        method, form, fields, changed = self.validated(record, row)
        with self._untouched():
            number = self._store(record, row) if self.plain and not changed else self._store_by_dal(record, row, fields, changed)
            form.vars.update(id=number, uuid=uuid)
            self.site.host.written(name, [number] if row is None else [], [] if row is None else [number])
            call(self.hooks.accept(method), form, tablename=name)
        # as it now stands: what the hooks of other records do to it later is an edit of this site's
        self._stored += self.site.db.rows(self._read, [number])
        if row is None:
            writer.ids[uuid] = number

    def finish(self) -> None:
        """After the last record: work out the digests of the rows as they stood when each was done."""
        writer, table = self.writer, self.table
        rows = table.decode(self._stored)
        self._stored = []
        waiting.forget(self.site, table.name, [row.uuid for row in rows])
        for row in self.site.index.canonical(table, rows):
            if row.uuid in writer.values:
                self._expect(row.values, writer.values[row.uuid])
                writer.digests[row.uuid] = digest(row.values)
                writer.modified[row.uuid] = row.modified_on

    def validated(self, record: Record, row: StoredRow | None) -> tuple[str, Form, dict[str, Any], dict[str, Any]]:
        """What the host's own validation makes of a record: "create" or "update", its form, its values, those it has changed.

        Raises HookError if it refuses the record.
        """
        table, uuid, resolver = self.table, str(record.uuid), self.writer.resolver
        method = "create" if row is None else "update"
        fields: dict[str, Any] = {}
        for field, value in self.writer.values[uuid].items():
            if field in table.references or field in table.list_references:
                fields[field] = resolver.local(field, value)
            elif field in table.uploads:
                fields[field] = self.writer.file(field, value, row)
            else:
                fields[field] = table.python_value(field, value)
        form = Form(method, table.dal_table, fields if row is None else {n: fields[n] for n in record.values if n in fields},
                    row)
        if row is not None:
            form.vars.id = row.id
        hook = self.hooks.validation(method)
        if hook is None:
            return method, form, fields, {}
        given = {n: deepcopy(v) if isinstance(v, (list, dict)) else v for n, v in fields.items()}
        call(hook, form, tablename=table.name)
        if form.errors:
            raise HookError("; ".join(f"{k}: {v}" for k, v in form.errors.items()))
        columns = table.dal_table.fields
        changed = {k: v for k, v in form.vars.items()
                   if k in columns and k not in self._fixed and (k not in given or given[k] != v)}
        return method, form, fields, changed

    # --- by one statement ---------------------------------------------------------------------------------------

    def _store(self, record: Record, row: StoredRow | None) -> int:
        """Insert or update; the local id."""
        table, writer, db = self.table, self.writer, self.site.db
        values = writer.driver(writer.values[str(record.uuid)], self._names, row)
        if row is None:
            extra = table.extra_defaults
            if not record.approved and "approved_by" in extra:
                extra = {**extra, "approved_by": None}
            own = writer.stamps(record)
            with db.strict():
                return db.insert_one(table.name, [*self._meta, *self._names, *extra],
                                     [*(own[n] for n in self._meta), *values, *extra.values()])
        changes = writer.changes(record, row)
        with db.strict():
            db.update(table.name, [*changes, *self._names], [(*changes.values(), *values, row.id)])
        return row.id

    # --- through pyDAL ------------------------------------------------------------------------------------------

    def _store_by_dal(self, record: Record, row: StoredRow | None, fields: dict[str, Any], changed: dict[str, Any]) -> int:
        fields.update(changed)
        try:
            number = self._insert(record, fields) if row is None else self._update(record, row, fields)
        except UNFIT as problem:
            # pyDAL cannot make a value of a column of what the application's own code has left in form.vars
            raise HookError(f"{type(problem).__name__}: {problem}") from problem
        self._exact(number, fields)
        return number

    def _insert(self, record: Record, fields: dict[str, Any]) -> int:
        table, own = self.table, self.writer.stamps(record)
        stamps = {n: own[n] for n in self._meta}
        if "deleted" in stamps:
            stamps["deleted"] = False
        if not record.approved and "approved_by" in table.dal_table.fields:
            stamps["approved_by"] = None
        number = table.dal_table.insert(**fields, **stamps)
        if not number:
            raise HookError("a callback of the table refused the record")
        return int(number)

    def _update(self, record: Record, row: StoredRow, fields: dict[str, Any]) -> int:
        changes = self.writer.changes(record, row)
        if "deleted" in changes:
            changes["deleted"] = False
        self.site.db.dal(self.table.dal_table.id == row.id).update(**fields, **changes)
        return row.id

    def _exact(self, number: int, fields: dict[str, Any]) -> None:
        """Numbers to the last digit: pyDAL writes them as text, and SQLite's reading of text may be one bit off."""
        doubles = {n: v for n, v in fields.items() if isinstance(v, float)}
        if doubles and self.site.db.dialect == "sqlite":
            self.site.db.update(self.table.name, list(doubles), [(*doubles.values(), number)])

    # --- around it ----------------------------------------------------------------------------------------------

    @contextmanager
    def _untouched(self) -> Iterator[None]:
        """What callbacks write into the table meanwhile leaves author and time of the records as they came."""
        columns = [self.table.dal_table[n] for n in ("modified_on", "modified_by") if n in self.table.meta]
        before = [column.update for column in columns]
        for column in columns:
            column.update = None
        try:
            yield
        finally:
            for column, update in zip(columns, before):
                column.update = update

    def _expect(self, stored: dict[str, Any], wanted: dict[str, Any]) -> None:
        """Put in what is not in the row yet: references that wait for their target, those of a cycle, files."""
        for name in self.table.references:
            if stored[name] is None:
                stored[name] = wanted.get(name)
        for name in self.table.list_references:
            if wanted.get(name):
                stored[name] = sorted({*(stored[name] or ()), *wanted[name]})
        for name in self.table.uploads:
            if stored[name] is None:
                stored[name] = wanted.get(name)
