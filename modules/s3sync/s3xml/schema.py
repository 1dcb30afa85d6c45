"""What the document layer must know of a table: names and types, nothing of the database it lives in."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable

#: Columns that stand as attributes of <resource> rather than as <data> (S3XML §1)
ATTRIBUTES = ("created_by", "modified_by", "owned_by_user", "owned_by_group", "created_on", "modified_on", "mci",
              "uuid", "deleted")

#: Columns that are never in a document (S3XML §1), and those that only exist locally
IGNORED = ("id", "deleted_fk", "deleted_rb", "approved_by", "realm_entity")


@dataclass(frozen=True)
class Field:
    """One synchronised column.

    Attributes
    ----------
    name : column name, as on the wire
    type : base type, one of string, text, integer, bigint, double, decimal, boolean, date, time, datetime, json,
        list:string, list:integer, list:reference, reference, upload
    target : the referenced table for reference and list:reference, else None
    scale : digits after the point of a decimal
    length : longest text of a string, in characters, or None
    represented : a real Eden would send the value as JSON in @value even though it is a string
    """

    name: str
    type: str
    target: str | None = None
    scale: int | None = None
    length: int | None = None
    represented: bool = False


@dataclass(frozen=True)
class Schema:
    """The synchronised columns of one table, in table order, without meta columns (ATTRIBUTES, IGNORED).

    Values of a record are kept in *canonical form*, the same at every site, comparable with == and JSON-ready:

    ===============================  ===========================================================================
    string, text                     str
    integer, bigint                  int
    double                           float (finite)
    decimal                          str with exactly `scale` digits after the point, no exponent: "12.50"
    boolean                          bool
    date / time                      "YYYY-MM-DD" / "HH:MM:SS"
    datetime                         "YYYY-MM-DDTHH:MM:SS", UTC
    json                             JSON text, keys sorted, no spaces
    list:string, list:integer        list of str / int
    reference                        uuid of the target record, str (for super-entities: of the instance)
    list:reference                   list of uuids
    upload                           `s3sync.s3xml.record.Upload`
    NULL                             None
    ===============================  ===========================================================================
    """

    table: str
    fields: tuple[Field, ...]
    meta: frozenset[str] = frozenset()      #: which of ATTRIBUTES and IGNORED the table has
    source: bool = field(default=False, compare=False)      #: keep the elements of its records (`Record.source`)
    #: called with a tree of the root and one element at a time before that is read; may change it; says what went wrong
    prepare: Callable[[Any], str] | None = field(default=None, compare=False, repr=False)
    by_name: dict[str, Field] = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {f.name: f for f in self.fields})
