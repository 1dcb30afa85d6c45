"""A resource as one document for a plain Eden: masters with their components, then what they refer to, level by level."""
from __future__ import annotations

from copy import copy
from types import MappingProxyType
from typing import BinaryIO, Callable, Iterable, Mapping, Sequence

from ..s3xml.record import Record
from ..s3xml.writer import DocumentWriter, Encoder
from .agree import Agreement
from .export import Exporter
from .peer import Task
from .scope import scope
from .site import Site

#: levels of references that are followed, as a real Eden does (S3XML §5.2)
MAXDEPTH = 10


class PlainWriter:
    """Writes records as a real Eden reads them, and remembers what they refer to.

    `named` are uuids by which that Eden knows records, by table and this site's own uuid, where they differ.
    """

    def __init__(self, site: Site, document: DocumentWriter, named: Mapping[tuple[str, str], str] = MappingProxyType({})) -> None:
        self.named = named
        self.site = site
        self.document = document
        self.written: set[tuple[str, str]] = set()
        self.referred: dict[str, set[str]] = {}
        self.youngest: dict[str, str] = {}
        self._encoders: dict[str, Encoder] = {}

    def write(self, records: Iterable[Record]) -> int:
        """Write records that were not written before; returns how many."""
        count = 0
        for record in records:
            key = (record.table, str(record.uuid))
            if key not in self.written:
                self.written.add(key)
                self.youngest[record.table] = max(self.youngest.get(record.table, ""), record.modified_on or "")
                children = [self._encode(child) for child in record.children or ()]
                self.document.write(self._encode(record, children))
                count += 1
        return count

    def _encode(self, record: Record, children: Iterable[str] = ()) -> str:
        encoder = self._encoders.get(record.table)
        table = self.site.table(record.table)
        if encoder is None:
            encoder = self._encoders[record.table] = Encoder(
                table.schema, plain=True, base_url=self.site.host.base_url)
        if record.alias is not None:
            self.written.add((record.table, str(record.uuid)))
        instances = record.instances or {}
        for name, target in table.references.items():
            if record.values.get(name):
                self.referred.setdefault(instances.get(name, target), set()).add(record.values[name])
        for name, target in table.list_references.items():
            self.referred.setdefault(target, set()).update(record.values.get(name) or ())
        missing = [n for n in table.uploads if record.values.get(n) and not record.values[n].url]
        if missing:                              # files this site waits for itself: Eden has no word for that
            record.values = {n: v for n, v in record.values.items() if n not in missing}
        if self.named:
            record = self._renamed(record)
        return encoder.encode(record, list(children), alias=record.alias)

    def _renamed(self, record: Record) -> Record:
        """The record as it is written for who knows it, or what it refers to, by other uuids."""
        table, named, values = self.site.table(record.table), self.named, dict(record.values)
        instances = record.instances or {}
        for name, target in table.references.items():
            if values.get(name):
                values[name] = named.get((instances.get(name, target), values[name]), values[name])
        for name, target in table.list_references.items():
            if values.get(name):
                values[name] = [named.get((target, uuid), uuid) for uuid in values[name]]
        record = copy(record)
        record.values, record.uuid = values, named.get((record.table, str(record.uuid)), record.uuid)
        if record.replaced_by:
            record.replaced_by = named.get((record.table, record.replaced_by), record.replaced_by)
        return record

    def dependencies(self, exporter: Exporter, batch: int,
                     lacking: Callable[[str, set[str]], set[str]] = lambda table, uuids: uuids) -> None:
        """Write what was referred to, and what that refers to; `lacking` picks those the peer has not."""
        for _ in range(MAXDEPTH):
            wanted = {t: lacking(t, {u for u in uuids if (t, u) not in self.written}) for t, uuids in self.referred.items()}
            self.referred = {}
            if not any(wanted.values()):
                return
            for table, uuids in wanted.items():
                ordered = sorted(uuids)
                for start in range(0, len(ordered), batch):
                    for records in exporter.dependencies({table: set(ordered[start:start + batch])}).values():
                        self.write(records)


def outbidding(agreement: Agreement | None, records: Sequence[Record]) -> Sequence[Record]:
    """The same records and their components, dated as the caller needs it."""
    tables: dict[str, list[Record]] = {}
    for record in records:
        for one in (record, *(record.children or ())):
            tables.setdefault(one.table, []).append(one)
    for table, found in tables.items():
        if agreement is not None:
            agreement.outbid(table, found)
    return records


def write_document(site: Site, task: Task, msince: str | None, target: BinaryIO, exporter: Exporter,
                   agreement: Agreement | None = None) -> tuple[int, str | None]:
    """Everything of a task that was modified at or after `msince`, and the exporter's news, as a document.

    Returns the number of masters and the youngest `modified_on` among the records of their table.
    """
    condition = scope(site, task)[0][1]
    # Eden writes the number of records at the beginning, when a stream cannot know it: count first
    table = site.table(task.resource)
    where, args = exporter.since_where(task.resource, msince, condition, task.components)
    count = int(site.db.value(f'SELECT COUNT(*) FROM "{table.name}" WHERE {where or "1=1"}', args) or 0)
    root = {"success": "true" if count else "false", "results": str(count)}
    if site.host.domain:
        root["domain"] = site.host.domain
    if site.host.base_url:
        root["url"] = site.host.base_url
    with DocumentWriter(target, root) as document:
        writer = PlainWriter(site, document)
        for records in exporter.since(task.resource, msince, condition, task.components, site.settings.batch_size):
            writer.write(outbidding(agreement, records))
        for part in site.scope(task.resource, task.components):
            writer.write(outbidding(agreement, exporter.vanished(part)))
        writer.dependencies(exporter, site.settings.batch_size)
    return count, writer.youngest.get(task.resource)
