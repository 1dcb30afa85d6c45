"""Records that were rejected: kept with their XML and error, tried again, never in the others' way (G4)."""
from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any, Iterable, Mapping, Sequence

from ..errors import ConfigurationError, DocumentError
from ..index.moment import to_datetime
from ..index.vector import increment
from ..s3xml.document import Document
from ..s3xml.record import Record
from ..s3xml.writer import DocumentWriter, Encoder
from . import attachments
from .end import RESTRICTED
from .listing import Listing, label, labels, listing, words
from .outcome import Outcome
from .site import Site

#: seconds until the next attempt, doubled with each failure, up to a day
FIRST_WAIT, LONGEST_WAIT = 600, 86400

KEYS = ("repository_id", "direction", "tablename", "record_uuid")


def source(site: Site, record: Record) -> str:
    """The record as a small document of its own."""
    if record.xml:
        return f"<s3xml>{record.xml}</s3xml>"
    record = attachments.complete(record)
    target = BytesIO()
    schema = site.table(record.table).schema
    fields = json.dumps({record.table: sorted(record.values)})      # what is not mentioned though named here is NULL
    with DocumentWriter(target, {"fields": fields}) as document:
        document.write(Encoder(schema, plain=False).encode(record))
    return target.getvalue().decode("utf-8")


def keep(site: Site, repository_id: int, task_id: int | None, direction: str,
         rejected: Sequence[tuple[Record | None, Outcome]]) -> None:
    """Store rejected records, or note one more failed attempt."""
    if not rejected:
        return
    now = site.now()
    known = {(row[0], row[1]): row[2] for row in site.db.rows_in(
        'SELECT "tablename", "record_uuid", "attempts" FROM "sync_quarantine" WHERE "repository_id" = ? AND "direction" = ? '
        'AND "record_uuid" IN ({})', [o.uuid for _, o in rejected], [repository_id, direction])}
    rows = []
    for record, outcome in rejected:
        attempts = known.get((outcome.table, outcome.uuid), 0)
        wait = min(FIRST_WAIT * 2 ** min(attempts, 20), LONGEST_WAIT)
        if outcome.code == RESTRICTED and not attempts:      # what refers to it may go later in the same run
            wait = 0
        stamp = now.isoformat(" ")[:19]
        rows.append((repository_id, direction, outcome.table, outcome.uuid, task_id, source(site, record) if record else None,
                     outcome.code, outcome.reason, attempts + 1, stamp, (now + timedelta(seconds=wait)).isoformat(" ")[:19],
                     "open"))
    site.db.upsert("sync_quarantine", KEYS, ("task_id", "xml", "code", "error", "attempts", "last_on", "next_on", "status"), rows)
    site.db.execute('UPDATE "sync_quarantine" SET "first_on" = "last_on" WHERE "first_on" IS NULL')


def release(site: Site, repository_id: int, direction: str, table: str, uuids: Iterable[str]) -> None:
    """These records got through after all."""
    if site.db.value('SELECT 1 FROM "sync_quarantine" WHERE "repository_id" = ? LIMIT 1', [repository_id]) is not None:
        site.db.execute_in('DELETE FROM "sync_quarantine" WHERE "repository_id" = ? AND "direction" = ? AND "tablename" = ? '
                           'AND "record_uuid" IN ({})', uuids, [repository_id, direction, table])


def holds(site: Site, repository_id: int, direction: str, table: str, uuids: Iterable[str]) -> set[str]:
    """Which of these records stand open in quarantine."""
    return {row[0] for row in site.db.rows_in(
        'SELECT "record_uuid" FROM "sync_quarantine" WHERE "repository_id" = ? AND "direction" = ? AND "tablename" = ? '
        """AND "status" = 'open' AND "record_uuid" IN ({})""", uuids, [repository_id, direction, table])}


def due(site: Site, repository_id: int, task_id: int, direction: str, limit: int = 500) -> list[tuple[str, str, str | None]]:
    """(table, uuid, xml) of records whose next attempt is due."""
    return [(row[0], row[1], row[2]) for row in site.db.rows(
        'SELECT "tablename", "record_uuid", "xml" FROM "sync_quarantine" WHERE "repository_id" = ? '
        'AND ("task_id" = ? OR "task_id" IS NULL) '       # pushed to us without a task of ours: any task may try
        f'AND "direction" = ? AND "status" = ? AND "next_on" <= ? ORDER BY "id" LIMIT {int(limit)}',
        [repository_id, task_id, direction, "open", site.now().isoformat(" ")[:19]])]


def counts(site: Site, repository_id: int) -> int:
    """Open quarantined records of a repository."""
    return int(site.db.value('SELECT COUNT(*) FROM "sync_quarantine" WHERE "repository_id" = ? AND "status" = ?',
                             [repository_id, "open"]) or 0)


COLUMNS = ("id", "repository_id", "task_id", "direction", "tablename", "record_uuid", "code", "error", "attempts", "first_on",
           "last_on", "next_on", "status")


@dataclass(frozen=True)
class Entry:
    """An entry of sync_quarantine. `direction` is "pull" (rejected here) or "push" (rejected by the peer).

    `code` is one of docs/reference/errors.md; `status` is "open" or "dismissed"; `label` is what the record is called.
    """

    id: int
    repository_id: int
    task_id: int | None
    direction: str
    table: str
    uuid: str
    label: str
    code: str
    error: str
    attempts: int
    first_on: datetime | None
    last_on: datetime | None
    next_on: datetime | None
    status: str


@dataclass(frozen=True)
class Details:
    """An entry with its record: as XML, "" if none was kept, and its values as people read them, by field.

    `editable` tells that `edit` and `edit_xml` are possible: what a peer has rejected is corrected in the record itself.
    """

    entry: Entry
    xml: str
    fields: list[tuple[str, str]]
    editable: bool


def count(site: Site, repository_id: int | None = None, task_id: int | None = None) -> int:
    """Open quarantined records."""
    return listed(site, repository_id, task_id, limit=0).total


def listed(site: Site, repository_id: int | None = None, task_id: int | None = None, status: str | None = "open",
           direction: str | None = None, limit: int = 50, offset: int = 0) -> Listing[Entry]:
    """Rejected records, the last one first; `status` and `direction` None for all of them."""
    total, rows = listing(site, "sync_quarantine", COLUMNS, {"repository_id": repository_id, "task_id": task_id, "status": status,
                                                             "direction": direction}, '"last_on" DESC, "id" DESC', limit, offset)
    known = labels(site, ((row[4], row[5]) for row in rows))
    return Listing(total, [_entry(row, known.get((row[4], row[5])) or _called(site, row[0], row[5])) for row in rows])


def _entry(row: Sequence[Any], called: str) -> Entry:
    return Entry(int(row[0]), int(row[1]), row[2], row[3], row[4], row[5], called, row[6] or "", row[7] or "", int(row[8] or 0),
                 to_datetime(row[9]), to_datetime(row[10]), to_datetime(row[11]), row[12] or "")


def _called(site: Site, number: int, uuid: str) -> str:
    """What a record that is not here is called, by what came of it."""
    xml = site.db.value('SELECT "xml" FROM "sync_quarantine" WHERE "id" = ?', [number])
    found = [r for r in read(site, xml or "<s3xml/>") if r.uuid == uuid]
    return label(found[0].values, uuid) if found else uuid


def details(site: Site, number: int) -> Details:
    """An entry with its record. Raises ConfigurationError if there is no such entry."""
    _, rows = listing(site, "sync_quarantine", (*COLUMNS, "xml"), {"id": number}, '"id"', 1, 0)
    if not rows:
        raise ConfigurationError(f"there is no quarantined record {number}")
    row = rows[0]
    name, uuid, xml = row[4], row[5], row[-1] or ""
    found = [r for r in read(site, xml or "<s3xml/>") if r.table == name]
    values = found[0].values if found else {}
    fields = [(field, words(site, name, field, value)) for field, value in sorted(values.items())]
    return Details(_entry(row, label(values, uuid)), xml, fields, row[3] == "pull" and bool(xml))


def read(site: Site, xml: str) -> list[Record]:
    """The record of a stored document."""
    def schema(name: str):  # type: ignore[no-untyped-def]
        return site.table(name).schema if site.host.carries(name) else None
    try:
        return list(Document(BytesIO(xml.encode("utf-8")), schema))
    except DocumentError:
        return []                                # cut off in the middle, or not even XML


# --- by hand ------------------------------------------------------------------------------------------------------


def retry(site: Site, ids: Iterable[int]) -> int:
    """Try these entries (ids of sync_quarantine) again with the next run, dismissed ones too; returns how many. Commits."""
    count = site.db.execute_in('UPDATE "sync_quarantine" SET "next_on" = ?, "status" = ? WHERE "id" IN ({})', ids,
                               [site.now().isoformat(" ")[:19], "open"])
    site.db.commit()
    return count


def dismiss(site: Site, ids: Iterable[int]) -> int:
    """Try these entries no more, unless a new version of the record is rejected again; returns how many. Commits."""
    count = site.db.execute_in('UPDATE "sync_quarantine" SET "status" = ? WHERE "id" IN ({})', ids, ["dismissed"])
    site.db.commit()
    return count


def edit(site: Site, number: int, values: Mapping[str, Any]) -> None:
    """Correct a record that was rejected here, and try it again with the next run. Commits.

    The corrected record is an edit of this site's own on top of the version that came, so it travels back.

    Parameters
    ----------
    number : id of an entry of sync_quarantine that was pulled; what a peer has rejected is corrected in the record itself
    values : canonical values by field

    Raises
    ------
    ConfigurationError
        There is no such entry, it is none of a pull, its XML cannot be read, or there is no such field.
    """
    xml, name, _ = _editable(site, number)
    fields = site.table(name).schema.by_name
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise ConfigurationError(f"{name} has no field {unknown[0]}")
    found = [r for r in read(site, xml or "<s3xml/>") if r.table == name and not r.error]
    if not found:
        raise ConfigurationError("what came is no readable record", hint="Correct its XML, or the record where it comes from")
    record = found[0]
    record.values.update(values)
    _corrected(site, number, record)


def edit_xml(site: Site, number: int, xml: str) -> None:
    """Correct a record that was rejected here, as a document, and try it again with the next run. Commits.

    As `edit`, but also for what could not be read.

    Raises
    ------
    ConfigurationError
        There is no such entry, it is none of a pull, or the document does not hold this one record in readable form.
    """
    _, name, uuid = _editable(site, number)
    found = read(site, xml)
    wrong = "" if len(found) == 1 else f"the document holds {len(found)} records that can be read, one is expected"
    if not wrong and (found[0].table != name or found[0].uuid != uuid) and not uuid.startswith("line "):
        wrong = f"the document is about {found[0].table} {found[0].uuid}, not about {name} {uuid}"
    if not wrong and found[0].error:
        wrong = found[0].error
    if wrong:
        raise ConfigurationError(wrong, hint="Nothing was changed. Keep the <s3xml> around the <resource> and its uuid")
    _corrected(site, number, found[0])


def _editable(site: Site, number: int) -> tuple[str | None, str, str]:
    """XML, table and uuid of an entry that can be corrected here."""
    rows = site.db.rows('SELECT "xml", "direction", "tablename", "record_uuid" FROM "sync_quarantine" WHERE "id" = ?', [number])
    if not rows:
        raise ConfigurationError(f"there is no quarantined record {number}")
    xml, direction, name, uuid = rows[0]
    if direction != "pull":
        raise ConfigurationError("the peer has rejected this record", hint="Correct the record itself; it is sent again then")
    if not site.host.carries(name):
        raise ConfigurationError(f"there is no table {name} here that may be synchronised")
    return xml, name, uuid


def _corrected(site: Site, number: int, record: Record) -> None:
    record.xml = None
    if record.vector:
        record.vector = increment(record.vector, site.index.key(record.table))
    site.db.execute('UPDATE "sync_quarantine" SET "xml" = ?, "next_on" = ?, "status" = ? WHERE "id" = ?',
                    [source(site, record), site.now().isoformat(" ")[:19], "open", number])
    site.db.commit()
