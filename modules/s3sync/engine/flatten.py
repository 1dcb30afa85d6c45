"""Nested records of a document, one after the other: components become records that refer to their parent."""
from __future__ import annotations

import uuid
from typing import Iterable, Iterator

from ..hosts.base import Component
from ..index.digest import digest
from ..s3xml.record import Record, Tuid
from .site import Site

#: records that are held back until they are gone through once more, beyond twice as many as waited the last time
HELD = 1000

#: what uuids of records that come without are derived in
NAMESPACE = uuid.UUID("6c1f5c0e-5d0c-4b52-9a3c-3f0f8a8f6d11")

#: table and tuid of a record
Key = tuple[str, str]


def flatten(site: Site, records: Iterable[Record]) -> Iterator[Record]:
    """Each record, after those described in its references and before its components, which get the key to their parent.

    Unknown components are left out. A record without uuid gets one that follows from what it says, so that it is the same
    when it comes again; references by tuid become references by uuid.
    """
    return _Flattener(site).all(records)


def _flat(record: Record) -> bool:
    """Is there nothing to be done? So it is with nearly all records of our own peers."""
    if (record.uuid is None or record.uuid == "" or record.tuid is not None or record.children is not None
            or record.inline is not None):
        return False
    types = set(map(type, record.values.values()))
    return Tuid not in types and (list not in types or not any(
        Tuid in map(type, value) for value in record.values.values() if type(value) is list))


class _Flattener:
    def __init__(self, site: Site) -> None:
        self.site = site
        self.uuids: dict[Key, str] = {}                 # by table and tuid; only documents of a few tools have any
        self.later: list[Record] = []                   # records that refer to a tuid not met yet, and those after them
        self._full = HELD

    def all(self, records: Iterable[Record]) -> Iterator[Record]:
        for record in records:
            if not self.later and _flat(record):
                yield record
                continue
            if self.later or self._unknown(record):
                self.later.append(record)                # what follows may be what they refer to: keep the order
            else:
                yield from self.one(record)
            if len(self.later) >= self._full:
                yield from self._ready()
                self._full = HELD + 2 * len(self.later)
        yield from self._ready()
        self._do_without()
        while self.later:
            ready = list(self._ready())
            if not ready:                                # a circle
                record = self.later.pop(0)
                self._clear(record, self._unknown(record))
                ready = list(self.one(record))
            yield from ready

    def _ready(self) -> Iterator[Record]:
        waiting, self.later = self.later, []
        for record in waiting:
            self._identify(record)
            if self._unknown(record):
                self.later.append(record)
            else:
                yield from self.one(record)

    def _do_without(self) -> None:
        """Clear references to what the document does not have."""
        coming = set(self._tuids(self.later))
        for record in self.later:
            self._clear(record, [name for name, keys in self._wanted(record).items() if not coming.issuperset(keys)])

    @staticmethod
    def _clear(record: Record, names: Iterable[str]) -> None:
        for name in names:
            record.values.pop(name)

    def _tuids(self, records: Iterable[Record]) -> Iterator[Key]:
        """Of records, and of those nested in them."""
        for record in records:
            if record.tuid:
                yield record.table, record.tuid
            yield from self._tuids([*(record.children or ()), *(each for _, each in record.inline or ())])

    def _unknown(self, record: Record) -> list[str]:
        """Fields that refer to a tuid that no record had so far."""
        return list(self._wanted(record))

    def _wanted(self, record: Record) -> dict[str, list[Key]]:
        """Tuids that no record had so far, by the field that refers to them."""
        targets = self._targets(record)
        found: dict[str, list[Key]] = {}
        for name, value in record.values.items():
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, Tuid) and (targets.get(name, ""), each) not in self.uuids:
                    found.setdefault(name, []).append((targets.get(name, ""), each))
        return found

    def _targets(self, record: Record) -> dict[str, str]:
        table = self.site.table(record.table)
        return {**table.references, **table.list_references, **(record.instances or {})}

    def one(self, record: Record, parent: tuple[Component, str] | None = None) -> Iterator[Record]:
        """A record with what is nested in it."""
        children, record.children = record.children, None
        if children:
            record.nested = children
        inline, record.inline = record.inline, None
        for name, target in inline or ():
            anonymous = not target.uuid
            yield from self.one(target)
            if anonymous and target.uuid:
                self._refer(record, name, target)
        targets = self._targets(record)
        for name, value in list(record.values.items()):
            if isinstance(value, Tuid):
                known = self.uuids.get((targets.get(name, ""), value))
                if known is None:
                    del record.values[name]
                else:
                    record.values[name] = known
            elif isinstance(value, list) and any(isinstance(v, Tuid) for v in value):
                found = [self.uuids.get((targets.get(name, ""), v)) if isinstance(v, Tuid) else v for v in value]
                record.values[name] = [v for v in found if v is not None]
        if parent is not None:
            record.values[parent[0].fkey] = parent[1]
        self._identify(record)
        yield record
        if record.uuid:
            yield from self._components(record, children or ())

    def _refer(self, record: Record, name: str, target: Record) -> None:
        """Let the record refer to one that was described in its reference without uuid."""
        many = name in self.site.table(record.table).list_references
        if not many:
            record.values[name] = target.uuid
        else:
            named = [u for u in record.values.get(name) or () if not (isinstance(u, Tuid) and u == target.tuid)]
            record.values[name] = [*named, str(target.uuid)]

    def _components(self, record: Record, children: Iterable[Record]) -> Iterator[Record]:
        single = set()
        for child in children:
            part = self._component(record.table, child)
            if part is None or part.alias in single:
                continue                                 # unknown, or one more than there can be
            if not part.multiple and not child.deleted:
                single.add(part.alias)
            yield from self.one(child, (part, str(record.uuid)))

    def _component(self, table: str, child: Record) -> Component | None:
        """The component a nested record is: by alias, or without one the only one of its table, or that named like it."""
        parts = [p for p in self.site.host.components(table) if p.table == child.table]
        if child.alias is not None:
            return next((p for p in parts if p.alias == child.alias), None)
        name = child.table.split("_", 1)[-1]
        return next((p for p in parts if p.alias == name), parts[0] if parts else None)

    def _identify(self, record: Record) -> None:
        """Give the record a uuid if it has none, and remember its tuid."""
        if not record.uuid and not record.error and not record.deleted and not self._unknown(record):
            record.uuid = uuid.uuid5(NAMESPACE, f"{record.table} {digest(record.values)}").urn
            record.anonymous = True
        if record.tuid and record.uuid:
            self.uuids[record.table, record.tuid] = record.uuid
