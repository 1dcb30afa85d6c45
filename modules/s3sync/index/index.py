"""What this site knows of its records: digests, version vectors and a sequence that needs no clock.

Local edits are found by comparing rows with the index, not by trusting `modified_on`: whenever a row is about to be
compared or sent it is looked at first, in the same transaction. A scan looks at what was written recently, a sweep at
everything whose row and version do not match.
"""
from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any, Callable, Iterable, Mapping, Sequence

from ..database import Database
from ..hosts.files import UNNAMED, Files
from ..hosts.references import References
from ..hosts.table import StoredRow, TableMap
from ..s3xml.record import Upload
from .digest import DELETED, deletion_digest, digest
from .moment import iso, sql, sql_time, to_datetime, utcnow
from .recent import Place, Recent
from .vector import increment, parse, site_key
from .version import Note, Version

#: a cursor that asks for everything, even what came from who asks
ECHO = "echo"

#: epochs of databases that were put back to an earlier state begin with this
RENEWED = "r"

#: SQL condition on a row joined with its version
NO_VERSION = '"sync_version"."id" IS NULL'

COLUMNS = ("digest", "vector", "seq", "origin", "modified_on")


class Index:
    """The index of one site's tables.

    Parameters
    ----------
    maps : gives the TableMap of a table
    overlap : seconds by which a scan looks back before the last one
    guarded : may somebody be let read records of a table without a change of their values?
    now : the clock (naive UTC), replaceable in tests

    Attributes
    ----------
    frozen : nothing is written: what would be noted is only told to who asks
    """

    frozen = False

    def __init__(self, db: Database, site_uuid: str, maps: Callable[[str], TableMap], references: References,
                 overlap: int = 600, now: Callable[[], datetime] = utcnow,
                 guarded: Callable[[str], bool] = lambda table: False) -> None:
        self.db = db
        self.site = site_key(site_uuid)
        self.site_uuid = site_uuid
        self._epochs: dict[str, str] = {}
        self.maps = maps
        self.references = references
        self.overlap = timedelta(seconds=overlap)
        self.now = now
        self.guarded = guarded
        # as a text: what the driver makes of it takes longer, or fails
        self._modified_on = {"sqlite": 'CAST("modified_on" AS TEXT)', "mysql": '"modified_on"',
                             "postgres": """to_char("modified_on", 'YYYY-MM-DD HH24:MI:SS')"""}[db.dialect]

    # --- reading rows -----------------------------------------------------------------------------------------

    def canonical(self, table: TableMap, rows: Sequence[StoredRow]) -> Sequence[StoredRow]:
        """Replace local ids by uuids, and put in the references and files that are waited for. Works in place."""
        for name, target in table.references.items():
            uuids = self.references.uuids(target, (i for i in (r.values[name] for r in rows) if i))
            for row in rows:
                number = row.values[name]
                row.values[name] = uuids.get(number) if number else None
        for name, target in table.list_references.items():
            uuids = self.references.uuids(target, (i for r in rows for i in r.values[name] or ()))
            for row in rows:
                numbers = row.values[name]
                if numbers is not None:
                    row.values[name] = sorted(uuids[i] for i in numbers if uuids.get(i))
        if rows and table.uploads:
            Files(self.db).canonical(table, rows)
        if rows and (table.references or table.list_references or table.uploads):
            self._overlay(table, rows)
        return rows

    def _overlay(self, table: TableMap, rows: Sequence[StoredRow]) -> None:
        if self.db.value('SELECT 1 FROM "sync_waiting" WHERE "tablename" = ? LIMIT 1', [table.name]) is None:
            return
        by_uuid = {r.uuid: r for r in rows}
        for uuid, name, target in self.db.rows_in(
                'SELECT "record_uuid", "fieldname", "target_uuid" FROM "sync_waiting" '
                'WHERE "tablename" = ? AND "record_uuid" IN ({})', by_uuid, [table.name]):
            values = by_uuid[uuid].values
            if name in table.list_references:
                values[name] = sorted({*(values[name] or ()), target})
            elif name in table.references and values[name] is None:
                values[name] = target
            elif name in table.uploads and values[name] is None and not target.startswith(UNNAMED):
                values[name] = Upload("", "", target)

    def versions(self, table: str, uuids: Iterable[str]) -> dict[str, Version]:
        """The versions of these records, as far as they are known."""
        # MySQL would otherwise answer from a snapshot that may be older than the lock on the table
        latest = " LOCK IN SHARE MODE" if self.db.dialect == "mysql" else ""
        return {row[0]: Version(row[1], row[2], row[3], row[4], iso(row[5])) for row in self.db.rows_by(
            f'"record_uuid", "digest", "vector", "seq", "origin", {self._modified_on}', "sync_version", '"tablename" = ?',
            "record_uuid", uuids, [table], latest)}

    # --- writing versions -------------------------------------------------------------------------------------

    def lock(self, table: str) -> int:
        """Become the only one who gives sequence numbers of this table, until the transaction ends.

        Returns the last number given. Numbers are therefore visible in the order they were given.
        """
        if self.frozen:
            return self.last(table)
        if self.db.dialect == "sqlite":
            self.db.execute('UPDATE "sync_clock" SET "seq" = "seq" WHERE "tablename" = ?', [table])
        rows = self.db.rows(f'SELECT "seq", "epoch" FROM "sync_clock" WHERE "tablename" = ?{self.db.for_update}', [table])
        if not rows or rows[0][0] is None:
            epoch = secrets.token_hex(4)
            try:
                with self.db.savepoint():
                    self.db.insert("sync_clock", ("tablename", "seq", "epoch"), [(table, 0, epoch)])
            except self.db.driver_error as error:
                if self.db.transient(error):
                    raise
                return self.lock(table)           # another process was first
            self._epochs[table] = epoch
            return 0
        self._epochs[table] = rows[0][1] or ""
        return int(rows[0][0])

    def key(self, table: str) -> str:
        """The name under which edits at this site are counted in vectors of a table.

        It is `site`, until the database was put back to an earlier state: numbers given before may be known to others, so
        that from then on another name is used.
        """
        if table not in self._epochs:
            self._epochs[table] = self.db.value('SELECT "epoch" FROM "sync_clock" WHERE "tablename" = ?', [table]) or ""
        epoch = self._epochs[table]
        return site_key(f"{self.site_uuid}/{epoch}") if epoch.startswith(RENEWED) else self.site

    def renew(self, table: str, since: int) -> int:
        """The database was put back to an earlier state. Returns how many records may have been edited here since.

        Positions that others keep mean nothing any more. Edits noted above the sequence number `since` may bear numbers that
        had been given before, to other edits: they are counted once more, under a new name, so that no site takes them for
        what it knows.
        """
        self.lock(table)
        before = {self.site, self.key(table)}
        epoch = f"{RENEWED}{secrets.token_hex(4)}"
        self.db.execute('UPDATE "sync_clock" SET "epoch" = ?, "swept_on" = NULL WHERE "tablename" = ?', [epoch, table])
        self._epochs[table] = epoch
        last, count = self.lock(table), 0
        while True:
            rows = self.db.rows(
                f'SELECT "record_uuid", "digest", "vector", {self._modified_on}, "seq" '
                'FROM "sync_version" WHERE "tablename" = ? AND "seq" > ? AND "seq" <= ? AND "origin" IS NULL '
                'ORDER BY "seq" LIMIT 1000', [table, since, last])
            if not rows:
                return count
            since = rows[-1][4]
            own = [row for row in rows if before & set(parse(row[2]))]
            self.note(table, [Note(row[0], row[1], increment(row[2], self.key(table)), None, iso(row[3])) for row in own])
            count += len(own)

    def note(self, table: str, notes: Sequence[Note]) -> None:
        """Write versions, each under a new sequence number. The table must be locked."""
        if not notes or self.frozen:
            return
        seq = self.lock(table)
        rows = []
        for n in notes:
            seq += 1
            rows.append((table, n.uuid, n.digest, n.vector, seq, n.origin, sql_time(n.modified_on)))
        self.db.upsert("sync_version", ("tablename", "record_uuid"), COLUMNS, rows)
        self.db.execute('UPDATE "sync_clock" SET "seq" = ? WHERE "tablename" = ?', [seq, table])

    def renumber(self, table: str, uuids: Iterable[str]) -> None:
        """Give the versions of these records new sequence numbers, as they are. The table must be locked."""
        self.note(table, [Note(uuid, v.digest, v.vector, v.origin, v.modified_on)
                          for uuid, v in self.versions(table, uuids).items()])

    @staticmethod
    def digest_of(row: StoredRow, merged: Mapping[int, str] | None = None) -> str:
        """Digest of a canonical row; `merged` gives the uuids of records that others were merged into."""
        if row.deleted:
            return deletion_digest((merged or {}).get(row.deleted_rb) if row.deleted_rb else None)
        return digest(row.values)

    def look(self, table: TableMap, rows: Sequence[StoredRow]) -> dict[str, Version]:
        """Version rows as they stand now; what differs from its version is a local edit. The table must be locked.

        `rows` must be canonical. Returns the versions by uuid, local edits included (their `seq` is not filled in).
        """
        versions = self.versions(table.name, [r.uuid for r in rows if r.uuid])
        notes, touched = [], []
        guarded = self.guarded(table.name)
        merged = self.references.uuids(table.name, {r.deleted_rb for r in rows if r.deleted and r.deleted_rb})
        for row in rows:
            if not row.uuid:
                continue
            current = self.digest_of(row, merged)
            version = versions.get(row.uuid)
            if version is None or version.digest != current:
                vector = increment(version.vector if version else "", self.key(table.name))
                notes.append(Note(row.uuid, current, vector, None, row.modified_on))
                versions[row.uuid] = Version(current, vector, 0, None, row.modified_on)
            elif version.modified_on != row.modified_on and guarded:
                # approved, or in another realm: new to somebody, though the same version
                notes.append(Note(row.uuid, current, version.vector, version.origin, row.modified_on))
            elif version.modified_on != row.modified_on:
                touched.append((table.name, row.uuid, sql_time(row.modified_on)))
        self.note(table.name, notes)
        if not self.frozen:                       # all of them are there
            self.db.upsert("sync_version", ("tablename", "record_uuid"), ("modified_on",), touched)
        return versions

    def absent(self, name: str, uuids: Iterable[str]) -> dict[str, Version]:
        """Versions of records of which there is no row (any more). The table must be locked.

        A row that was deleted for good since it was last looked at is a local edit as any other.
        """
        versions = self.versions(name, uuids)
        vanished = {uuid: version.vector for uuid, version in versions.items() if not version.deleted}
        for note in self._vanished(name, vanished):
            versions[note.uuid] = Version(note.digest, note.vector, 0, None, note.modified_on)
        return versions

    def _vanished(self, name: str, vectors: Mapping[str, str]) -> list[Note]:
        now = self.now().isoformat()[:19]
        notes = [Note(uuid, deletion_digest(), increment(vector, self.key(name)), None, now) for uuid, vector in vectors.items()]
        self.note(name, notes)
        return notes

    # --- finding local edits ----------------------------------------------------------------------------------

    def scan(self, name: str, limit: int) -> tuple[bool, Sequence[StoredRow]]:
        """Look at up to `limit` rows written since the last scan; are there no more, and the rows (canonical).

        The first scan of a table looks at every row. A scan is one transaction of the caller's; what it has reached is
        remembered, so that it may end anywhere.
        """
        table = self.maps(name)
        self.lock(name)
        scanned, started, place = self._clock(name)
        started = started or self.now()
        rows, following = self._recent(name, scanned, place).page(limit)
        self.look(table, self.canonical(table, rows))
        state: list[Any] = [sql(started), None, None, None]
        if following is not None:
            state = [sql(scanned), sql(started), following.position, sql(following.reached)]
        self.db.execute('UPDATE "sync_clock" SET "scanned_on" = ?, "started_on" = ?, "position" = ?, "position_on" = ? '
                        'WHERE "tablename" = ?', [*state, name])
        done = following is None
        if done and (scanned is None or "modified_on" not in table.meta):       # every row was seen: as good as a sweep
            self._swept(name, started, True)
        return done, rows

    def _recent(self, name: str, scanned: datetime | None, place: Place) -> Recent:
        """The rows that the present scan, or the next, has yet to look at."""
        table = self.maps(name)
        by_date = scanned is not None and "modified_on" in table.meta
        earliest = min(scanned, self.now()) - self.overlap if scanned is not None and by_date else None
        return Recent(self.db, table, earliest, place)

    def unseen(self, name: str, condition: str = "") -> int | None:
        """How many of the rows that the next scan will look at do not match their version, of those under a condition.

        None if no scan of the table was ever finished.
        """
        scanned, _, place = self._clock(name)
        if scanned is None:
            return None
        where, args = self._recent(name, scanned, place).condition()
        also = f" AND ({condition})" if condition else ""
        return int(self.db.value(
            f'SELECT COUNT(*) FROM "{name}" LEFT JOIN "sync_version" ON "sync_version"."tablename" = {self.db.hidden} '
            f'AND "sync_version"."record_uuid" = "{name}"."uuid" WHERE {where} '
            f'AND ({" OR ".join([NO_VERSION, *self.mismatches(name)])}){also}', [name, *args]) or 0)

    def _clock(self, name: str) -> tuple[datetime | None, datetime | None, Place]:
        """When the last scan was finished, when the present one began, and what that has reached."""
        rows = self.db.rows('SELECT "scanned_on", "started_on", "position", "position_on" FROM "sync_clock" '
                            'WHERE "tablename" = ?', [name])
        if not rows:
            return None, None, Place()
        return to_datetime(rows[0][0]), to_datetime(rows[0][1]), Place(rows[0][2], to_datetime(rows[0][3]))

    def sweep_due(self, name: str, interval: int, deep_interval: int) -> bool | None:
        """Is it time to compare all rows with the index? None: no; True: with a deep sweep. Also after the clock was set back."""
        rows = self.db.rows('SELECT "scanned_on", "swept_on", "deep_on" FROM "sync_clock" WHERE "tablename" = ?', [name])
        if not rows or rows[0][0] is None:
            return None                           # never scanned: the first scan sees everything
        now = self.now()
        scanned, swept, deeply = map(to_datetime, rows[0])

        def due(last: datetime | None, seconds: int) -> bool:
            return (last is None or last + timedelta(seconds=seconds) <= now or last > now  # set back since then
                    or scanned > now)  # type: ignore[operator]
        return True if due(deeply, deep_interval) else False if due(swept, interval) else None

    def _swept(self, name: str, when: datetime, deep: bool) -> None:
        for column in ("swept_on", "deep_on") if deep else ("swept_on",):
            self.db.execute(f'UPDATE "sync_clock" SET "{column}" = ? WHERE "tablename" = ?', [sql(when), name])

    def sweep(self, name: str, after: int, limit: int, deep: bool = False) -> int | None:
        """Look at up to `limit` rows that do not match their version, after the place that the call before has returned, 0 at
        first; None at the end.

        Places are ids of rows; then, below 0, sequence numbers of versions: rows that were deleted for good, by whomever, become
        deletions. A row that was changed without a new `modified_on` is only found by a `deep` sweep, which looks at all rows.
        """
        table = self.maps(name)
        self.lock(name)
        mismatch = [NO_VERSION, *self.mismatches(name)]
        if deep:
            mismatch = ["1=1"]
        rows = table.decode(self.db.rows(
            f'SELECT {table.columns} FROM "{name}" LEFT JOIN "sync_version" ON "sync_version"."tablename" = {self.db.hidden} '
            f"""AND "sync_version"."record_uuid" = "{name}"."uuid" WHERE "{name}"."id" > ? AND "{name}"."uuid" <> '' """
            f'AND ({" OR ".join(mismatch)}) ORDER BY "{name}"."id" LIMIT {int(limit)}', [name, after])) if after >= 0 else []
        if rows:
            self.look(table, self.canonical(table, rows))
            return rows[-1].id
        reached = self._sweep_vanished(name, max(-after, 0), limit)
        if reached is None:
            self._swept(name, self.now(), deep)
        return None if reached is None else -reached

    def mismatches(self, name: str) -> list[str]:
        """SQL conditions on a row joined with its version, one of which holds where the two obviously do not match."""
        table, found = self.maps(name), []
        if "modified_on" in table.meta:
            found.append(self._distinct('"sync_version"."modified_on"', self._written(f'"{name}"."modified_on"')))
        if table.soft_delete:
            found.append(f"""("sync_version"."digest" LIKE '{DELETED}%') <> ("{name}"."deleted" = 'T')""")
        return found

    def _sweep_vanished(self, name: str, after: int, limit: int) -> int | None:
        """The same for versions without a row, after a sequence number; returns the one reached, None at the end."""
        gone = self.db.rows(
            f'SELECT "record_uuid", "vector", "seq" FROM "sync_version" LEFT JOIN "{name}" ON "{name}"."uuid" = "record_uuid" '
            f"""WHERE "tablename" = ? AND "digest" NOT LIKE '{DELETED}%' AND "{name}"."id" IS NULL AND "seq" > ? """
            f'ORDER BY "seq" LIMIT {int(limit)}', [name, after], by_index=True)
        self._vanished(name, {row[0]: row[1] for row in gone})
        return gone[-1][2] if len(gone) == limit else None

    def _written(self, stamp: str) -> str:
        """A column of dates, to the second as versions have it, whatever fractions of it were written there."""
        if self.db.dialect == "mysql":
            return stamp
        if self.db.dialect == "sqlite":          # a date alone counts as its midnight
            return f"substr(replace({stamp}, 'T', ' ') || ' 00:00:00', 1, 19)"
        return f"date_trunc('second', {stamp})"

    def _distinct(self, a: str, b: str) -> str:
        if self.db.dialect == "mysql":
            return f"NOT ({a} <=> {b})"
        return f"{a} IS NOT {b}" if self.db.dialect == "sqlite" else f"{a} IS DISTINCT FROM {b}"

    def cursor(self, name: str, seq: int, echo: int = 0) -> str:
        """A position in this table's sequence, for a peer to keep; `echo` as in `echo`."""
        epoch = self.db.value('SELECT "epoch" FROM "sync_clock" WHERE "tablename" = ?', [name])
        return f"{epoch}.{seq}.{echo}" if echo > seq else f"{epoch}.{seq}"

    def position(self, name: str, cursor: str) -> int:
        """The sequence number of a cursor that a peer kept; 0, from the beginning, where it means nothing any more.

        That is the case when the index was lost, or the database put back to an earlier state.
        """
        return self._position(name, cursor)[0]

    def echo(self, name: str, cursor: str) -> int:
        """Up to which sequence number the peer is sent even what came from it: all there is, if its cursor is ECHO.

        Such a peer was put back to an earlier state, and has lost what it sent.
        """
        if cursor == ECHO:
            return self.last(name)
        return self._position(name, cursor)[1] if str(cursor).count(".") == 2 else 0

    def _position(self, name: str, cursor: str) -> tuple[int, int]:
        epoch, *numbers = str(cursor).split(".")
        if not 0 < len(numbers) < 3 or not all(number.isdigit() for number in numbers):
            return 0, 0
        rows = self.db.rows('SELECT "epoch", "seq" FROM "sync_clock" WHERE "tablename" = ?', [name])
        if not rows or rows[0][0] != epoch or int(numbers[0]) > (rows[0][1] or 0):
            return 0, 0
        return int(numbers[0]), int(numbers[1]) if len(numbers) == 2 else 0

    def last(self, name: str) -> int:
        """The last sequence number given (and committed) in this table."""
        return int(self.db.value('SELECT "seq" FROM "sync_clock" WHERE "tablename" = ?', [name]) or 0)
