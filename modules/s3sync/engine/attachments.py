"""Files that come with records: taken from the peer's own site only, never more than the settings allow.

A file that cannot be had does not hold its record up. Like a reference whose target is not there, it is waited for: the record
has the version that came, its row is empty in that place, and the file is asked for again, at growing intervals.
"""
from __future__ import annotations

from datetime import datetime, timedelta
from typing import BinaryIO, Callable, Collection, Iterable, Mapping, NamedTuple, Optional, Sequence
from urllib.parse import unquote

from ..errors import BEYOND_THE_FILE, FileRefused, FileUnavailable
from ..hosts.files import MARK, NAMELESS, UNNAMED, Files, content_digest, name_digest
from ..hosts.table import TableMap
from ..hosts.upload import refusal
from ..s3xml.record import Lack, Record, Upload
from .site import Site
from .waiting import Missing

#: gives the file of (table, field, upload); None, or FileUnavailable with the reason, where it cannot be had
Source = Callable[[str, str, Upload], Optional[BinaryIO]]

#: seconds until the second further attempt to get a file (the first comes with the next run), doubled each time, up to a day
FIRST_WAIT, LONGEST_WAIT = 600, 86400


class Wanted(NamedTuple):
    """A file that a record waits for. `key` is its digest, or begins with UNNAMED."""

    table: str
    uuid: str
    field: str
    key: str

    @property
    def named(self) -> bool:
        """Is its digest known?"""
        return not self.key.startswith(UNNAMED)


class Once:
    """A source that is not asked any more after the peer could not be reached: somebody waits for the answer."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._failure = ""

    def __call__(self, table: str, field: str, upload: Upload) -> BinaryIO | None:
        if self._failure:
            raise FileUnavailable(self._failure)
        try:
            return self._source(table, field, upload)
        except BEYOND_THE_FILE as error:
            self._failure = error.message
        raise FileUnavailable(self._failure)


class Attempts(NamedTuple):
    """How often a file was asked for, its original name, and why it could not be had."""

    number: int
    filename: str
    reason: str


# --- with their records -------------------------------------------------------------------------------------------


def collect(site: Site, table: TableMap, records: Sequence[Record], source: Source | None) -> None:
    """Put digests in the place of files in records, and see that the files are here. Works in place, any number of times.

    A file that cannot be had is named in `Record.lacks`. The record keeps its digest; where not even that is known, the record
    says nothing of the field.
    """
    for field in table.uploads:
        _collect(site, table, field, [r for r in records if isinstance(r.values.get(field), Upload)], source)


def _collect(site: Site, table: TableMap, field: str, records: Sequence[Record], source: Source | None) -> None:
    if not records:
        return
    files = Files(site.db)
    uploads = {id(r): r.values[field] for r in records}
    names = {key: unquote(u.url.rsplit("/", 1)[-1]) for key, u in uploads.items() if u.url and not u.stored}
    known = files.known(table.name, field, names.values())
    digests = {key: u.stored or known.get(names.get(key, ""), "") for key, u in uploads.items()}
    here = files.local(table.name, field, {d for d in digests.values() if d})
    lacking = [r for r in records if digests[id(r)] not in here]
    wanted = bool(lacking) and any_wanted(site, table.name)
    later = _postponed(site, table.name, field, lacking) if wanted else {}
    for record in records:
        upload, digest = uploads[id(record)], digests[id(record)]
        if digest not in here and field not in (record.lacks or {}):
            key = digest or f"{UNNAMED}{name_digest(names.get(id(record)) or upload.filename)}"
            named = bool(digest)
            try:
                reason = later.get((str(record.uuid), key))
                if reason is not None:
                    raise FileUnavailable(reason)
                digest = _taken(site, table, field, upload, digest, source)
            except FileUnavailable as error:
                if isinstance(error, FileRefused) and not digest:        # its content is known, all the same
                    key = digest = error.digest
                    if id(record) in names:
                        files.remember(table.name, field, names[id(record)], digest, False)
                record.lacks = {**(record.lacks or {}), field: Lack(key, error.detail, upload)}
                if not digest:
                    record.values.pop(field)
                    continue
            else:
                here[digest] = ""
                if id(record) in names:
                    files.remember(table.name, field, names[id(record)], digest, False)
                if wanted and named:               # others may wait for the same
                    arrived(site, table, field, digest)
        record.values[field] = Upload("", "", digest)


def inspect(site: Site, table: TableMap, field: str, filename: str, content: BinaryIO) -> None:
    """Raise FileRefused where the application's own form would not take a file; else leaves it at its beginning."""
    filename = filename or NAMELESS
    reason = refusal(site.host.file_validators(table.name, field), field, filename, content)
    if reason:
        digest = ""
        if not content.closed:
            content.seek(0)
            digest = content_digest(content)
        raise FileRefused(f"this site does not take {filename}: {reason}", digest=digest)


def _taken(site: Site, table: TableMap, field: str, upload: Upload, digest: str, source: Source | None) -> str:
    """Fetch and store a file; its digest."""
    if source is None or not (upload.url or digest):
        raise FileUnavailable("it did not come with its record")
    content = source(table.name, field, upload)
    if content is None:
        raise FileUnavailable("the peer does not give it")
    with content:
        if digest:
            if content_digest(content) != digest:
                raise FileUnavailable("the peer gives another file in its place")
            content.seek(0)
        inspect(site, table, field, upload.filename, content)
        return Files(site.db).store(table, field, content, upload.filename)


def _postponed(site: Site, name: str, field: str, records: Sequence[Record]) -> dict[tuple[str, str], str]:
    """By record and key, why files could not be had whose next attempt is not due yet."""
    return {(row[0], row[1]): row[2] or "" for row in site.db.rows_in(
        'SELECT "record_uuid", "target_uuid", "error" FROM "sync_waiting" WHERE "tablename" = ? AND "fieldname" = ? '
        'AND "target_table" = ? AND "next_on" > ? AND "record_uuid" IN ({})', [str(r.uuid) for r in records],
        [name, field, MARK, site.now().isoformat(" ")[:19]])}


def asked(record: Record) -> list[tuple[str, str]]:
    """Upload fields with digests of files that the sender of the record can be asked for."""
    return [(field, lack.key) for field, lack in (record.lacks or {}).items() if not lack.key.startswith(UNNAMED)]


def reason_of(record: Record) -> str:
    """What is to be said of the files a record lacks."""
    return "; ".join(f"{field}: its file is missing: {lack.reason}" for field, lack in (record.lacks or {}).items())


def complete(record: Record) -> Record:
    """The record as it came, with what it said of the files it lacks."""
    if not record.lacks:
        return record
    whole = Record(record.table, record.uuid, {**record.values, **{name: lack.upload for name, lack in record.lacks.items()}})
    whole.__dict__.update({name: value for name, value in vars(record).items() if name != "values"})
    return whole



# --- after their records ------------------------------------------------------------------------------------------


def any_wanted(site: Site, table: str = "") -> bool:
    """Does any record (of this table) wait for a file?"""
    where, args = (' AND "tablename" = ?', [MARK, table]) if table else ("", [MARK])
    return site.db.value(f'SELECT 1 FROM "sync_waiting" WHERE "target_table" = ?{where} LIMIT 1', args) is not None


def attempts(site: Site, table: str, uuids: Iterable[str]) -> dict[Wanted, Attempts]:
    """What was done so far about the files that these records wait for."""
    if not any_wanted(site, table):
        return {}
    return {Wanted(table, row[0], row[1], row[2]): Attempts(row[3] or 0, row[4] or "", row[5] or "") for row in site.db.rows_in(
        'SELECT "record_uuid", "fieldname", "target_uuid", "attempts", "filename", "error" FROM "sync_waiting" '
        'WHERE "tablename" = ? AND "target_table" = ? AND "record_uuid" IN ({})', uuids, [table, MARK])}


def remember(site: Site, files: Iterable[tuple[Wanted, Attempts]], repository_id: int | None) -> None:
    """Note one more attempt each to get files, with the reason why it failed."""
    now = site.now()
    rows = []
    for file, (count, filename, reason) in files:
        wait = min(FIRST_WAIT * 2 ** min(count - 1, 20), LONGEST_WAIT) if count else 0
        rows.append((file.table, file.uuid, file.field, file.key, MARK, repository_id, count + 1,
                     (now + timedelta(seconds=wait)).isoformat(" ")[:19], filename[-255:], reason))
    site.db.upsert("sync_waiting", ("tablename", "record_uuid", "fieldname", "target_uuid"),
                   ("target_table", "repository_id", "attempts", "next_on", "filename", "error"), rows)
    if rows:
        site.db.execute('UPDATE "sync_waiting" SET "since" = ? WHERE "since" IS NULL', [now.isoformat(" ")[:19]])


def lacked(site: Site, table: str, records: Sequence[Record], before: Mapping[Wanted, Attempts],
           repository_id: int | None) -> list[Missing]:
    """Note the files that records lack which were just written; `before`: what was done so far."""
    failed = {Wanted(table, str(r.uuid), field, lack.key): lack for r in records for field, lack in (r.lacks or {}).items()}
    remember(site, [(file, Attempts(before[file].number if file in before else 0, lack.upload.filename, lack.reason))
                    for file, lack in failed.items()], repository_id)
    return [(file.uuid, file.field, f"{MARK}{table}/{file.field}", file.key) for file in failed]


def filenames(site: Site, table: str, field: str, digests: Iterable[str]) -> dict[str, str]:
    """Original names of files that are waited for, by digest."""
    return {row[0]: row[1] or "" for row in site.db.rows_in(
        'SELECT "target_uuid", "filename" FROM "sync_waiting" WHERE "tablename" = ? AND "fieldname" = ? AND "target_table" = ? '
        'AND "target_uuid" IN ({})', digests, [table, field, MARK])}


def due(site: Site, repository_id: int, before: datetime, limit: int = 500) -> list[Wanted]:
    """Files of records from this repository whose next attempt was due before this moment, the longest waiting first."""
    return [Wanted(*row) for row in site.db.rows(
        'SELECT "tablename", "record_uuid", "fieldname", "target_uuid" FROM "sync_waiting" WHERE "repository_id" = ? '
        f'AND "target_table" = ? AND ("next_on" IS NULL OR "next_on" < ?) ORDER BY "next_on", "id" LIMIT {int(limit)}',
        [repository_id, MARK, before.isoformat(" ")[:19]])]


def postpone(site: Site, files: Collection[Wanted], repository_id: int, before: datetime) -> None:
    """Those of these files that were asked for in vain are not asked for again so soon."""
    tables: dict[str, set[str]] = {}
    still = [file for file in due(site, repository_id, before) if file in files]
    for file in still:
        tables.setdefault(file.table, set()).add(file.uuid)
    for table, uuids in tables.items():
        known = attempts(site, table, uuids)
        remember(site, [(file, known[file]) for file in still if file in known], repository_id)


def arrived(site: Site, table: TableMap, field: str, digest: str) -> int:
    """A file is here: put it into the records that wait for it, which keep their versions. Returns how many."""
    db, files, count = site.db, Files(site.db), 0
    waiting = list(db.rows('SELECT "id", "record_uuid" FROM "sync_waiting" WHERE "target_uuid" = ? AND "target_table" = ? '
                           'AND "tablename" = ? AND "fieldname" = ?', [digest, MARK, table.name, field]))
    for number, uuid in waiting:
        name = files.own(table, field, digest)
        if name is None:
            return count
        live = """ AND ("deleted" IS NULL OR "deleted" <> 'T')""" if table.soft_delete else ""
        db.execute(f'UPDATE "{table.name}" SET "{field}" = ? WHERE "uuid" = ? AND "{field}" IS NULL{live}', [name, uuid])
        db.execute('DELETE FROM "sync_waiting" WHERE "id" = ?', [number])
        db.execute('UPDATE "sync_quarantine" SET "next_on" = ? WHERE "tablename" = ? AND "record_uuid" = ?',
                   [site.now().isoformat(" ")[:19], table.name, uuid])
        count += 1
    return count


def found(site: Site, wanted: Iterable[Wanted]) -> list[Wanted]:
    """Put in files that have come by another way meanwhile; those that are still missing.

    Nobody waits any more where somebody has put in another file, or the record is gone.
    """
    places: dict[tuple[str, str], list[Wanted]] = {}
    for file in wanted:
        if site.host.carries(file.table) and file.field in site.table(file.table).uploads:
            places.setdefault((file.table, file.field), []).append(file)
    db, still = site.db, []
    for (name, field), files in places.items():
        for digest in Files(db).local(name, field, [file.key for file in files if file.named]):
            arrived(site, site.table(name), field, digest)
        empty = {row[0] for row in db.rows_in(f'SELECT "uuid" FROM "{name}" WHERE "{field}" IS NULL AND "uuid" IN ({{}})',
                                              [file.uuid for file in files])}
        left = attempts(site, name, [file.uuid for file in files])
        still += [file for file in files if file in left and (file.uuid in empty or not file.named)]
        for file in files:
            if file.named and file.uuid not in empty:
                db.execute('DELETE FROM "sync_waiting" WHERE "tablename" = ? AND "record_uuid" = ? AND "fieldname" = ? '
                           'AND "target_uuid" = ?', [*file[:3], file.key])
    return still


def fetched(site: Site, file: Wanted, source: Source, repository_id: int) -> None:
    """Ask again for a file whose digest is known; note it if it still cannot be had."""
    table = site.table(file.table)
    before = attempts(site, file.table, [file.uuid]).get(file)
    if before is None:                           # it came with another record's
        return
    try:
        _taken(site, table, file.field, Upload(before.filename, "", file.key), file.key, source)
    except FileUnavailable as error:
        remember(site, [(file, before._replace(reason=error.detail))], repository_id)
    else:
        arrived(site, table, file.field, file.key)


def returned(site: Site, table: TableMap, field: str, digest: str) -> bool:
    """Is a file back that was missing here? Its records then have a new version, with the digest of its content. Commits."""
    names = Files(site.db).returned(table, field, digest)
    if not names:
        return False
    site.index.lock(table.name)
    marks = ",".join("?" * len(names))
    site.index.look(table, site.index.canonical(table, table.select(f'"{table.name}"."{field}" IN ({marks})', names)))
    site.db.commit()
    return True

