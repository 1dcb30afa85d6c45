"""A record as it travels between sites."""
from __future__ import annotations

from typing import Any, NamedTuple, Sequence


class Upload(NamedTuple):
    """A file of an upload field: where to fetch it, and its original name."""

    filename: str
    url: str = ""
    stored: str = ""      #: digest of its content; in a row just read from a database, the name it is stored under


class Lack(NamedTuple):
    """A file that did not come with its record."""

    key: str              #: what it is waited for under: its digest, or where that is not known, what `unnamed` makes of its name
    reason: str           #: why it could not be had
    upload: Upload        #: what the record said of it


class Tuid(str):
    """A reference to a record of the same document, by its `Record.tuid`: means nothing outside of it."""


class Record:
    """One record of one table in canonical form (see `s3sync.s3xml.schema.Schema`), independent of any site.

    Defaults stand on the class so that reading a large document only sets what a record really has.
    """

    table: str
    uuid: str | None = None
    tuid: str | None = None               #: document-local identifier, when the document uses one
    values: dict[str, Any]                #: field -> canonical value; a field that is absent is not mentioned
    instances: dict[str, str] | None = None   #: field -> instance table, where a reference names a super-entity
    inline: list[tuple[str, Record]] | None = None  #: (field, record) described inside a <reference>
    withheld: tuple[str, ...] = ()        #: fields whose value the sender kept for itself (not cleared)
    deleted: bool = False
    replaced_by: str | None = None        #: uuid of the record this one was merged into
    created_on: str | None = None         #: "YYYY-MM-DDTHH:MM:SS", UTC
    modified_on: str | None = None
    created_by: str | None = None         #: e-mail addresses
    modified_by: str | None = None
    owned_by_user: str | None = None
    owned_by_group: str | None = None     #: role name
    approved: bool = True
    mci: int = 2                          #: as on the wire: 1 = the sender is its master
    alias: str | None = None              #: component alias, for a nested record
    children: list[Record] | None = None    #: component records nested in this one
    vector: str | None = None             #: version vector (s3sync peers only), as text
    position: int = 0                     #: its place among the records of the document's top level, from 1
    error: str | None = None              #: why it cannot be read; `values` is then incomplete
    sent_as: str | None = None            #: the uuid it came with, where this site knows it by another
    lacks: dict[str, Lack] | None = None  #: by upload field, files that could not be had
    anonymous: bool = False               #: it came without uuid; the one it has was derived from what it says
    said: str | None = None               #: digest of what it said when it came; what is done with it may change `values`
    nested: Sequence[Record] = ()         #: its components, also once they are records of their own
    source: str | None = None             #: its element, where the table's schema asks for it
    defaults: dict[str, Any] | None = None    #: values for fields it says nothing of, if it turns out to be new
    xml: str | None = None                #: its source, kept when it or a record nested in it cannot be read

    def __init__(self, table: str, uuid: str | None = None, values: dict[str, Any] | None = None, **more: Any) -> None:
        self.table = table
        if uuid is not None:
            self.uuid = uuid
        self.values = {} if values is None else values
        if more:
            self.__dict__.update(more)

    def __repr__(self) -> str:
        return f"<Record {self.table} {self.uuid}{' deleted' if self.deleted else ''}>"
