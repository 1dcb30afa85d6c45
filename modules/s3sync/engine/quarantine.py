"""Records that were rejected: kept with their XML and error, tried again, never in the others' way (G4)."""
from __future__ import annotations

import json
from datetime import timedelta
from io import BytesIO
from typing import Any, Iterable, Mapping, Sequence

from ..errors import ConfigurationError
from ..index.vector import increment
from ..s3xml.reader import Document
from ..s3xml.record import Record
from ..s3xml.writer import DocumentWriter, Encoder
from .end import RESTRICTED
from .outcome import Outcome
from .site import Site

#: seconds until the next attempt, doubled with each failure, up to a day
FIRST_WAIT, LONGEST_WAIT = 600, 86400

KEYS = ("repository_id", "direction", "tablename", "record_uuid")


def source(site: Site, record: Record) -> str:
    """The record as a small document of its own."""
    if record.xml:
        return f"<s3xml>{record.xml}</s3xml>"
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
        'SELECT "tablename", "record_uuid", "xml" FROM "sync_quarantine" WHERE "repository_id" = ? AND "task_id" = ? '
        f'AND "direction" = ? AND "status" = ? AND "next_on" <= ? ORDER BY "id" LIMIT {int(limit)}',
        [repository_id, task_id, direction, "open", site.now().isoformat(" ")[:19]])]


def counts(site: Site, repository_id: int) -> int:
    """Open quarantined records of a repository."""
    return int(site.db.value('SELECT COUNT(*) FROM "sync_quarantine" WHERE "repository_id" = ? AND "status" = ?',
                             [repository_id, "open"]) or 0)


def read(site: Site, xml: str) -> list[Record]:
    """The record of a stored document."""
    def schema(name: str):  # type: ignore[no-untyped-def]
        return site.table(name).schema if site.host.carries(name) else None
    return list(Document(BytesIO(xml.encode("utf-8")), schema))


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
    rows = site.db.rows('SELECT "xml", "direction", "tablename" FROM "sync_quarantine" WHERE "id" = ?', [number])
    if not rows:
        raise ConfigurationError(f"there is no quarantined record {number}")
    xml, direction, name = rows[0]
    if direction != "pull":
        raise ConfigurationError("the peer has rejected this record", hint="Correct the record itself; it is sent again then")
    fields = site.table(name).schema.by_name
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise ConfigurationError(f"{name} has no field {unknown[0]}")
    found = [r for r in read(site, xml or "<s3xml/>") if r.table == name and not r.error]
    if not found:
        raise ConfigurationError("what came cannot be read as a record", hint="Correct it where it comes from")
    record = found[0]
    record.values.update(values)
    record.xml = None
    if record.vector:
        record.vector = increment(record.vector, site.index.site)
    site.db.execute('UPDATE "sync_quarantine" SET "xml" = ?, "next_on" = ?, "status" = ? WHERE "id" = ?',
                    [source(site, record), site.now().isoformat(" ")[:19], "open", number])
    site.db.commit()
