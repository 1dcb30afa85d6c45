"""One table of the application: rows from and to canonical form, in bulk.

What pyDAL would do value by value is compiled once per table into lists of (column, converter) pairs.
"""
from __future__ import annotations

import json
from datetime import date, datetime, time
from decimal import Decimal
from functools import partial
from typing import Any, Callable, Container, Iterable, Sequence

from pydal.helpers.methods import bar_decode_string, bar_encode

from ..database import Database
from ..s3xml.record import Record, Upload
from ..s3xml.schema import ATTRIBUTES, IGNORED, Field, Schema

Converter = Callable[[Any], Any]

#: meta columns read with every row, in this order, where the table has them
META = ("uuid", "deleted", "deleted_rb", "modified_on", "created_on", "mci", "created_by", "modified_by",
        "owned_by_user", "owned_by_group")


#: where the synchronised columns begin in a row: after the id and META
FIRST = len(META) + 1

#: how drivers say that a boolean column is set
TRUE = frozenset(("T", True, 1))


class StoredRow:
    """A row as it stands in this site's table, in canonical form."""

    __slots__ = ("id", "uuid", "deleted", "deleted_rb", "modified_on", "created_on", "mci", "created_by", "modified_by",
                 "owned_by_user", "owned_by_group", "values", "files")

    id: int
    uuid: str
    deleted: bool
    deleted_rb: int | None              #: id of the record this one was merged into
    modified_on: str | None             #: "YYYY-MM-DDTHH:MM:SS"
    created_on: str | None
    mci: int
    created_by: int | None              #: ids of auth_user, auth_group
    modified_by: int | None
    owned_by_user: int | None
    owned_by_group: int | None
    values: dict[str, Any]
    files: dict[str, str]               #: names of files by upload field; only in canonical rows of tables that have any

    def __init__(self, values: dict[str, Any], number: int, uuid: str, deleted: Any, deleted_rb: int | None,
                 modified_on: str | None, created_on: str | None, mci: int | None, created_by: int | None,
                 modified_by: int | None, owned_by_user: int | None, owned_by_group: int | None) -> None:
        self.values = values
        self.id = number
        self.uuid = uuid
        self.deleted = deleted is not None and deleted in TRUE
        self.deleted_rb = deleted_rb
        self.modified_on = modified_on
        self.created_on = created_on
        self.mci = mci or 0
        self.created_by = created_by
        self.modified_by = modified_by
        self.owned_by_user = owned_by_user
        self.owned_by_group = owned_by_group

    def holds(self, record: Record) -> bool:
        """Does it say what the record says? What the record does not mention does not count, nor what is no column here."""
        if record.deleted or self.deleted:
            return record.deleted and self.deleted
        values = self.values
        merged = {**values, **record.values}             # quicker than to look at them one by one
        return merged == values or len(merged) > len(values) and all(
            values.get(field, value) == value for field, value in record.values.items())


class TableMap:
    """Reads and writes rows of one pyDAL table in canonical form.

    Attributes
    ----------
    name, schema : the table and its synchronised columns (sorted by name)
    references : names of the reference fields and their target tables
    required : reference fields that may not be NULL
    """

    def __init__(self, db: Database, table: Any, schema: Schema, required: frozenset[str]) -> None:
        self.db = db
        self.dal_table = table
        self.name: str = table._tablename
        self.schema = schema
        self.required = required
        self.references = {f.name: f.target for f in schema.fields if f.type == "reference" and f.target}
        self.list_references = {f.name: f.target for f in schema.fields if f.type == "list:reference" and f.target}
        self.uploads = [f.name for f in schema.fields if f.type == "upload"]
        self.meta = tuple(name for name in META if name in schema.meta)
        self.soft_delete = "deleted" in schema.meta
        self._field_names = [f.name for f in schema.fields]
        read = [(f.name, reader(f, db.dialect)) for f in schema.fields]
        self._readers = [(n, c) for n, c in read if c is not None]
        self._writers = {f.name: writer(f, db.dialect) for f in schema.fields}
        #: columns whose values need no look when a record is put together
        self.plain = frozenset(f.name for f in schema.fields if f.type not in ("upload", "list:reference"))
        columns = [_select(self.name, "id", "integer", db.dialect)]
        for name in META:                       # always all, so that a row has the same places in every table
            kind = "datetime" if name.endswith("_on") else "string"
            columns.append(_select(self.name, name, kind, db.dialect) if name in self.meta else "NULL")
        columns += [_select(self.name, f.name, f.type, db.dialect) for f in schema.fields]
        self.columns = ", ".join(columns)
        self.nullable = frozenset(f.name for f in schema.fields if not table[f.name].notnull)
        #: defaults that are worked out anew for each record
        self.computed: dict[str, Callable[[], Any]] = {}
        self.defaults, self.extra_defaults = self._defaults()
        self.has_callbacks = listened(table)

    def worked_out(self) -> bool:
        """Does pyDAL put values into rows that nobody gave and that are not among our defaults?"""
        return worked_out(self.dal_table, {*ATTRIBUTES, *self.defaults, *self.extra_defaults})

    def _defaults(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Defaults of synchronised columns (canonical), and of the other columns (for the driver)."""
        own: dict[str, Any] = {}
        other: dict[str, Any] = {}
        for column in self.dal_table:
            if column.name in ATTRIBUTES or column.name == "id":
                continue
            value = column.default() if callable(column.default) else column.default
            if value is None:
                continue
            field = self.schema.by_name.get(column.name)
            if field is not None:
                if field.type not in ("upload", "reference", "list:reference"):
                    own[column.name] = canonical_default(field, value)
                    if callable(column.default):
                        self.computed[column.name] = partial(_computed_default, field, column.default)
            elif isinstance(value, bool):
                other[column.name] = "T" if value else "F"
            elif isinstance(value, (str, int, float)):
                other[column.name] = value
        return own, other

    # --- reading ----------------------------------------------------------------------------------------------

    def by_uuid(self, uuids: Iterable[str], lock: bool = False, condition: str = "") -> dict[str, StoredRow]:
        """The rows with these uuids, of those that satisfy a condition (SQL) if there is one.

        Locked against other writers until the end of the transaction if asked.
        """
        tail = (f" AND ({condition})" if condition else "") + (self.db.for_update if lock else "")
        found = self.db.rows_in(f'SELECT {self.columns} FROM "{self.name}" WHERE "{self.name}"."uuid" IN ({{}}){tail}',
                                uuids)
        return {row.uuid: row for row in self.decode(found)}

    def select(self, where: str, args: Sequence[Any] = (), order: str = "id",
               limit: int | None = None) -> list[StoredRow]:
        """Rows matching an SQL condition, in order of a column."""
        tail = f" LIMIT {int(limit)}" if limit is not None else ""
        return self.decode(self.db.rows(
            f'SELECT {self.columns} FROM "{self.name}" WHERE {where} ORDER BY "{self.name}"."{order}"{tail}', args))

    def decode(self, rows: Iterable[Sequence[Any]]) -> list[StoredRow]:
        """Driver rows to StoredRows; references still hold local ids (see `s3sync.hosts.references`)."""
        names, readers = self._field_names, self._readers
        found = []
        for raw in rows:
            values = dict(zip(names, raw[FIRST:]))
            for name, convert in readers:
                value = values[name]
                if value is not None:
                    values[name] = convert(value)
            found.append(StoredRow(values, *raw[:FIRST]))
        return found

    # --- writing ----------------------------------------------------------------------------------------------

    def driver_value(self, name: str, value: Any) -> Any:
        """A canonical value (a local id for references) as the driver takes it."""
        if value is None:
            return None
        convert = self._writers.get(name)
        return convert(value) if convert else value

    def writer(self, name: str) -> Converter | None:
        """Converter of a column from canonical form to what the driver takes; None where that is the same."""
        return self._writers.get(name)

    def python_value(self, name: str, value: Any) -> Any:
        """A canonical value (a local id for references) as pyDAL and host callbacks expect it."""
        if value is None:
            return None
        kind = self.schema.by_name[name].type
        if kind == "datetime":
            return datetime.strptime(value, "%Y-%m-%dT%H:%M:%S")
        if kind == "date":
            return date.fromisoformat(value)
        if kind == "time":
            return time.fromisoformat(value)
        if kind == "decimal":
            return Decimal(value)
        if kind == "json":
            return json.loads(value)
        if kind == "upload":
            return value.stored or None
        return value


# --- converters -------------------------------------------------------------------------------------------------


def _select(table: str, name: str, kind: str, dialect: str) -> str:
    """Column expression. Points in time are put in canonical form by the database, which costs next to nothing there.

    SQLite would otherwise let the driver parse each of them in Python, and fail on a broken one.
    """
    column = f'"{table}"."{name}"'
    if kind == "datetime":
        if dialect == "postgres":
            return f"""to_char({column}, 'YYYY-MM-DD"T"HH24:MI:SS')"""
        if dialect == "mysql":
            return f"DATE_FORMAT({column}, '%Y-%m-%dT%H:%i:%s')"
        # a date alone counts as its midnight
        return f"substr(replace({column}, ' ', 'T') || 'T00:00:00', 1, 19)"
    if kind == "json" and dialect == "postgres":
        return f"CAST({column} AS TEXT)"          # its driver would decode it: a string would not be told from JSON text
    if dialect == "mysql" and kind == "time":     # its driver makes a duration of it, whose text has no leading zero
        return f"TIME_FORMAT({column}, '%H:%i:%s')"
    if dialect == "sqlite" and kind in ("date", "time"):
        return f"CAST({column} AS TEXT)"
    return column


def _json_text(value: Any) -> str:
    parsed = json.loads(value) if isinstance(value, (str, bytes)) else value
    return json.dumps(parsed, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _strings(value: Any) -> list[str]:
    return list(value) if isinstance(value, (list, tuple)) else bar_decode_string(value)


def _integers(value: Any) -> list[int]:
    return list(value) if isinstance(value, (list, tuple)) else [int(x) for x in value.split("|") if x.strip()]


def decimal_text(value: Any, scale: int) -> str:
    """A decimal in canonical form: `scale` digits after the point, no exponent."""
    return f"{Decimal(str(value)):.{scale}f}"


def reader(field: Field, dialect: str) -> Converter | None:
    """Converter from what the driver gives to canonical form; None where that is the same already."""
    kind = field.type
    if kind == "boolean":
        return TRUE.__contains__
    if kind == "date":
        return lambda v: str(v)[:10]
    if kind == "time":
        return lambda v: str(v)[:8]
    if kind == "decimal":
        scale = field.scale or 0
        return lambda v: decimal_text(v, scale)
    if kind == "double" and dialect != "sqlite":
        return float
    if kind == "json":
        return _json_text
    if kind == "list:string":
        return _strings
    if kind in ("list:integer", "list:reference"):
        return _integers
    if kind == "upload":
        return lambda v: Upload(filename="", stored=v) if v else None
    return None


def writer(field: Field, dialect: str) -> Converter | None:
    """Converter from canonical form to what the driver takes; None where that is the same already."""
    kind = field.type
    if kind == "boolean":
        return lambda v: "T" if v else "F"
    if kind == "datetime":
        return lambda v: v[:10] + " " + v[11:]
    if kind in ("list:string", "list:integer", "list:reference"):
        return bar_encode
    if kind == "upload":
        return lambda v: v.stored or None
    return None


def canonical_default(field: Field, value: Any) -> Any:
    """A pyDAL default (a Python value) in canonical form."""
    if field.type == "json":
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    if field.type in ("list:string", "list:integer"):
        return list(value) if isinstance(value, (list, tuple)) else [value]
    if field.type == "datetime":
        return value.isoformat()[:19]
    convert = reader(field, "sqlite")
    return convert(value) if convert else value


def _computed_default(field: Field, default: Callable[[], Any]) -> Any:
    value = default()
    return None if value is None else canonical_default(field, value)


# --- what pyDAL does of its own accord -----------------------------------------------------------------------------


def listened(table: Any) -> bool:
    """Has a pyDAL table callbacks of the application's own? (pyDAL puts in some itself, which look after uploads.)"""
    callbacks = [f for name in ("insert", "update") for when in ("before", "after") for f in getattr(table, f"_{when}_{name}")]
    return any(not (getattr(f, "__module__", "") or "").startswith("pydal") for f in callbacks)


def worked_out(table: Any, known: Container[str]) -> bool:
    """Does pyDAL put values into rows that nobody gave: computed ones, those of updates, defaults of other columns than these?"""
    for column in table:
        if column.compute is not None or column.update is not None and column.name not in ATTRIBUTES:
            return True
        if column.name != table._id.name and column.name not in known and column.default is not None:
            if (column.default() if callable(column.default) else column.default) is not None:
                return True
    return False


# --- schema from a pyDAL table ------------------------------------------------------------------------------------


def schema_of(table: Any, carried: Callable[[str], bool]) -> Schema:
    """The synchronised columns of a pyDAL table.

    `carried(tablename)` tells whether references to that table can travel (it has uuids and is no table of users).
    Passwords, blobs and references that cannot travel stay at home.
    """
    fields = []
    for column in table:
        name = column.name
        if name in IGNORED or name in ATTRIBUTES:
            continue
        kind = column.type if isinstance(column.type, str) else column.type.type
        target = None
        scale = None
        if kind.startswith("reference "):
            kind, target = "reference", kind[10:].split(".")[0].strip()
        elif kind.startswith("list:reference"):
            kind, target = "list:reference", kind[14:].split(".")[0].strip()
        elif kind.startswith("decimal"):
            kind, scale = "decimal", int(kind[8:-1].split(",")[1])
        elif kind in ("float",):
            kind = "double"
        elif kind in ("jsonb",):
            kind = "json"
        if kind not in ("string", "text", "integer", "bigint", "double", "decimal", "boolean", "date", "time", "datetime",
                        "json", "list:string", "list:integer", "list:reference", "reference", "upload"):
            continue
        if target is not None and not carried(target):
            continue
        length = column.length if kind == "string" else None
        fields.append(Field(name, kind, target, scale, length, represented=column.represent is not None and kind == "string"))
    meta = frozenset(c.name for c in table if c.name in ATTRIBUTES or c.name in IGNORED)
    return Schema(table._tablename, tuple(sorted(fields, key=lambda f: f.name)), meta)
