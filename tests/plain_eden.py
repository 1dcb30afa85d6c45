"""A site that runs Eden's own synchronisation, as far as it matters here (S3XML §8, §10; SYNC_PROTOCOL §3, §6).

It keeps no versions: it answers by `modified_on`, takes what is newer by the clock, cannot clear a value, drops references
whose target it has not, and forgets masters of which only a component was edited.
"""
from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Iterable, Sequence

from local_sites import LocalSite

from s3sync.engine.export import Exporter
from s3sync.engine.flatten import flatten
from s3sync.engine.outcome import Outcome
from s3sync.engine.peer import Batch, Peer, Receipt, Task
from s3sync.engine.plain import PlainWriter
from s3sync.engine.repository import by_uuid
from s3sync.engine.site import Site
from s3sync.s3xml.document import Document, Limits
from s3sync.s3xml.record import Record
from s3sync.s3xml.schema import Schema
from s3sync.s3xml.writer import DocumentWriter
from s3sync.server import pull, push
from s3sync.server.request import Request

STAMP = "%Y-%m-%dT%H:%M:%S"


def parsed(site: Site, body: bytes) -> Document:
    """A document as a plain Eden sends it, read by us."""
    def schema(name: str) -> Schema | None:
        return site.table(name).schema if site.host.carries(name) else None
    return Document(io.BytesIO(body), schema, Limits())


def exported(eden: LocalSite, resource: str, msince: str | None, components: bool = True, uuids: Sequence[str] = ()) -> bytes:
    """What Eden answers to a pull: records modified since, deleted ones too, components nested, dependencies behind."""
    eden.db._adapter.connection  # noqa: B018 - this thread's own
    site = eden.open()
    table, exporter = site.table(resource), Exporter(site)
    where, args = "1=1", []
    if msince:
        where, args = f'"{resource}"."modified_on" >= ?', [msince.replace("T", " ")]
    rows = table.select(where, args)
    if uuids:
        rows = [row for row in rows if row.uuid in uuids]
    records = exporter._plain(table, rows)
    if components and not uuids:
        for part in exporter._parts(resource, True):
            exporter._nest(part, rows, records)
    target = io.BytesIO()
    with DocumentWriter(target, {"success": "true", "results": str(len(records))}) as document:
        writer = PlainWriter(site, document)
        writer.write(records.values())
        writer.dependencies(exporter, 100)
    eden.db.commit()
    return target.getvalue()


def received(eden: LocalSite, body: bytes, overwritten: Callable[[str], object] = lambda name: None) -> list[Outcome]:
    """Import a document with policy NEWER; returns what was rejected. `overwritten` hears of names and deletions that go."""
    eden.db._adapter.connection  # noqa: B018 - this thread's own
    site = eden.open()
    records = list(flatten(site, parsed(site, body)))
    for record in records:
        row = eden.get(record.table, str(record.uuid))
        if row is not None and (row.name != record.values.get("name")):
            overwritten(row.name)
        if row is not None and row.deleted and not record.deleted:
            overwritten(f"deletion of {record.table} {record.uuid}")
    written = {(r.table, r.uuid) for r in records if _import(eden, site, r)}
    for record in records:                          # references to what stood further down in the document
        if (record.table, record.uuid) in written and not record.deleted:
            _import(eden, site, record)
    eden.db.commit()
    rejected = []
    for record in records:
        if not record.deleted and eden.get(record.table, str(record.uuid)) is None:
            rejected.append(Outcome(record.table, str(record.uuid), "rejected", "not imported", "peer"))
    return rejected


def _import(eden: LocalSite, site: Site, record: Record) -> bool:
    db, table = eden.db, site.table(record.table)
    row = eden.get(record.table, str(record.uuid))
    incoming = datetime.strptime(record.modified_on, STAMP) if record.modified_on else eden.now()
    if row is not None and row.modified_on > incoming:
        return False
    if record.deleted:
        if row is not None and not row.deleted:
            row.update_record(deleted=True, modified_on=eden.now(),
                              **{name: None for name in table.references if name in table.nullable})
        return row is not None
    values: dict[str, Any] = {}
    for name, value in record.values.items():
        if value is None:
            continue
        target = table.references.get(name)
        if target:
            found = db(db[target].uuid == value).select(db[target].id).first()
            if found:
                values[name] = found.id
            elif row is None and name in table.required:
                return False
        else:
            values[name] = table.python_value(name, value)
    if row is None:
        db[record.table].insert(uuid=record.uuid, modified_on=incoming, mci=record.mci, **values)
    else:
        row.update_record(deleted=False, modified_on=incoming, **values)
    return True


@dataclass
class PlainPeer(Peer):
    """A plain Eden as `me` sees it. `on_wire` sees (and may change) each answer."""

    me: LocalSite
    eden: LocalSite
    on_wire: Callable[[str, bytes], bytes] = lambda what, body: body
    own = False

    def _batch(self, work: Callable[[], bytes]) -> Batch:
        date = self.eden.now().replace(tzinfo=timezone.utc)
        body = self.on_wire("GET", work())
        document = parsed(self.me.open(), body)
        total = document.attributes.get("results", "")
        return Batch(iter(document), None, False, int(total) if total else None, len(body), date)

    def pull(self, task: Task, cursors: dict[str, str], limit: int, scanned: str | None) -> Batch:
        return self._batch(lambda: exported(self.eden, task.resource, cursors.get(task.resource), task.components))

    def fetch(self, table: str, uuids: Sequence[str]) -> Batch:
        return self._batch(lambda: exported(self.eden, table, None, True, uuids))

    def push(self, task: Task, body: bytes) -> Receipt:
        rejected = received(self.eden, body)
        self.on_wire("POST", b"{}")
        return Receipt(rejected, len(body), "")

    def close(self) -> None:
        """Nothing is open."""


class ActiveEden:
    """A plain Eden that does the work itself: it pulls from a site of ours and pushes to it."""

    def __init__(self, eden: LocalSite, overwritten: Callable[[str], object] = lambda name: None) -> None:
        self.eden = eden
        self.overwritten = overwritten            # hears of names at Eden that its own policy sacrifices
        self.last_pull: dict[tuple[str, str], datetime] = {}

    def pull(self, other: LocalSite, resources: Iterable[str], arrives: bool = True) -> None:
        """Pull resources; unless the answer is lost on its way."""
        for resource in resources:
            key = (other.name, resource)
            params = {"repository": self.eden.uuid, "resource": resource, "include_deleted": "True"}
            if key in self.last_pull:
                params["msince"] = self.last_pull[key].strftime(STAMP)
            response = pull.answer(other.open(), Request("GET", params), by_uuid(other.db, self.eden.uuid))
            raw = response.body if isinstance(response.body, bytes) else response.body.read()
            other.db.commit()
            if not arrives:
                continue
            received(self.eden, raw, self.overwritten)
            stamps = [r.modified_on for r in parsed(self.eden.open(), raw) if r.modified_on and r.table == resource]
            if stamps:
                self.last_pull[key] = datetime.strptime(max(stamps), STAMP) + timedelta(seconds=1)

    def push(self, other: LocalSite, resources: Iterable[str]) -> None:
        """Push resources as today's Eden does: all of it, every time."""
        for resource in resources:
            request = Request("POST", {"repository": self.eden.uuid, "resource": resource, "update_policy": "NEWER",
                                       "conflict_policy": "NEWER", "strategy": "create,update,delete,merge"},
                              io.BytesIO(exported(self.eden, resource, None)))
            push.answer(other.open(), request, by_uuid(other.db, self.eden.uuid))
            other.db.commit()
