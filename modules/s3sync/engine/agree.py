"""What this site and a plain Eden last agreed on, record by record: the memory that Eden itself does not have.

A plain Eden says nothing of versions. A record that looks as it did when last seen is no news; one that does not is an
edit on top of what was agreed, counted under a name that only this site uses for that Eden (two of our sites may see the
same Eden differently).
"""
from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, Iterable, Mapping, NamedTuple, Sequence

from ..hosts.table import StoredRow
from ..index.digest import DELETED, deletion_digest, digest
from ..index.vector import dump, increment, parse, site_key
from ..index.version import Note, Version
from ..s3xml.record import Record
from . import alias, attachments
from .outcome import Outcome
from .site import Site

#: characters kept of a former digest, and how many of them
SHORT, PAST = 12, 12

#: stands in the place of a digest: it was looked for after it had been sent, and not there
UNSEEN = ""

STAMP = "%Y-%m-%dT%H:%M:%S"


class Agreed(NamedTuple):
    """`local` is the digest of our row then (None: we differ), `remote` of its record, `vector` what it has seen.

    `sent` is the modified_on we last wrote there, `seen` the one it had when we saw it last, `past` what it was before;
    `sent_digest` and `sent_vector` are our version's that was written there.
    """

    local: str | None
    remote: str | None
    vector: str
    sent: str | None = None
    seen: str | None = None
    past: tuple[str, ...] = ()
    sent_digest: str | None = None
    sent_vector: str = ""

    def ours(self, record: Record) -> bool:
        """Is it what we wrote there ourselves, whatever may have become of our own record since?"""
        return bool(self.sent) and record.modified_on == self.sent and remote_digest(record) == self.sent_digest

    def undecided(self, record: Record) -> bool:
        """Does it look as before, but we differed, or wrote it there ourselves since (as far as Eden could take that)?"""
        return self.remote == remote_digest(record) and (
            self.local is None or (self.sent is not None and self.sent == record.modified_on != self.seen))

    def back(self, record: Record) -> bool:
        """Has it again, as it was, what was agreed to be deleted here and not to be there? See `Agreement.absent`."""
        return not record.deleted and (self.local or "").startswith(DELETED) and self.remote == remote_digest(record)

    def again(self, digest: str) -> bool:
        """Has it come back to this more than once?

        An edit may undo an edit. What comes back again and again is written by others: two of our sites that share a plain
        Eden would otherwise take each other's stale writes there for edits, for ever.
        """
        return self.past.count(digest[:SHORT]) >= 2


def remote_digest(record: Record) -> str:
    """Digest of a record as it came over the wire: an import may make something else of its values."""
    if record.said is not None:
        return record.said
    return deletion_digest(record.replaced_by) if record.deleted else digest(record.values)


class Agreement:
    """The agreement with one plain Eden. `source` gives files of upload fields."""

    source: attachments.Source | None = None

    def __init__(self, site: Site, repository_id: int, repository_uuid: str) -> None:
        self.site = site
        self.repository_id = repository_id
        self._peer = repository_uuid or str(repository_id)

    def proxy(self, table: str) -> str:
        """The name under which this site counts that Eden's edits; another one after each restoration of this site."""
        own, index = self.site.host.site_uuid, self.site.index
        renewed = "" if index.key(table) == index.site else f"/{index.key(table)}"
        return site_key(f"{own}/{self._peer}{renewed}")

    def known(self, table: str, uuids: Iterable[str]) -> dict[str, Agreed]:
        """What was agreed on these records."""
        found = self.site.db.rows_in(
            'SELECT "record_uuid", "local_digest", "remote_digest", "vector", "sent_on", "seen_on", "past", "sent_digest", '
            '"sent_vector" FROM "sync_agreed" '
            'WHERE "repository_id" = ? AND "tablename" = ? AND "record_uuid" IN ({})', uuids, [self.repository_id, table])
        return {row[0]: Agreed(row[1], row[2], row[3] or "", _iso(row[4]), _iso(row[5]),
                               tuple((row[6] or "").split()), row[7], row[8] or "") for row in found}

    def news(self, table: str, records: Sequence[Record]) -> tuple[list[Record], int]:
        """Records that are not as they were when last seen, with a version vector each; and how many are.

        In the caller's transaction, in which they must be applied and `settle`d.
        """
        site = self.site
        alias.localise(site, site.table(table), records)
        attachments.collect(site, site.table(table), records, self.source)
        readable = [r for r in records if r.uuid and not r.error]
        for record in readable:
            record.said = None
            record.said = remote_digest(record)
        known = self.known(table, [str(r.uuid) for r in readable])
        changed = [r for r in readable if str(r.uuid) not in known or known[str(r.uuid)].remote != remote_digest(r)]
        undecided = {str(r.uuid): r for r in readable if str(r.uuid) in known and known[str(r.uuid)].undecided(r)}
        back = [str(r.uuid) for r in readable if known and str(r.uuid) in known and known[str(r.uuid)].back(r)]
        site.db.execute_in('UPDATE "sync_agreed" SET "local_digest" = NULL WHERE "repository_id" = ? AND "tablename" = ? '
                           'AND "record_uuid" IN ({})', back, [self.repository_id, table])
        site.index.lock(table)
        table_map = site.table(table)
        rows = table_map.by_uuid([*(str(r.uuid) for r in changed), *undecided], lock=True)
        site.index.canonical(table_map, list(rows.values()))
        versions = site.index.look(table_map, list(rows.values()))
        versions.update(site.index.absent(table, [str(r.uuid) for r in changed if r.uuid not in rows]))
        proxy = self.proxy(table)
        news: list[Record] = []
        ours: list[tuple[Any, ...]] = []
        stale: list[tuple[Record, StoredRow, Version]] = []
        for uuid, record in undecided.items():     # no news, but meanwhile we may have come to hold the same
            if uuid in rows and uuid in versions and self._settled(record, rows[uuid], versions[uuid], known[uuid]):
                ours.append((self.repository_id, table, uuid, versions[uuid].digest, remote_digest(record), versions[uuid].vector,
                             _sql(record)))
        for record in changed:
            uuid = str(record.uuid)
            row, mine = rows.get(uuid), versions.get(uuid)
            if row is not None and mine is not None and uuid in known and self._written(record, row, mine, known[uuid]):
                ours.append((self.repository_id, table, uuid, mine.digest, remote_digest(record), mine.vector, _sql(record)))
                continue
            if uuid in known and known[uuid].ours(record):       # an edit of ours has come since: no edit of theirs, no conflict
                before = known[uuid]
                ours.append((self.repository_id, table, uuid, before.sent_digest, before.sent_digest, before.sent_vector,
                             _sql(record)))
                continue
            if row is not None and mine is not None and uuid in known and known[uuid].again(remote_digest(record)) \
                    and not row.holds(record):
                stale.append((record, row, mine))
                continue
            if row is not None and mine is not None and row.holds(record):
                record.vector = mine.vector
            else:
                vector = parse(known[uuid].vector) if uuid in known else {}
                there = parse(mine.vector).get(proxy, 0) if mine else 0
                vector[proxy] = max(vector.get(proxy, 0), there) + 1
                record.vector = dump(vector)
            news.append(record)
        self._save(ours, known)
        self._insist(table, stale, known)
        return [*news, *(r for r in records if r.error or not r.uuid)], len(readable) - len(news)

    def _settled(self, record: Record, row: StoredRow, mine: Version, known: Agreed) -> bool:
        """Does it hold by now what we do? If it has not been told of all our values, what it lacks is no agreement."""
        if mine.digest == remote_digest(record):
            return True
        return known.sent_digest == mine.digest and (row.holds(record) or self._written(record, row, mine, known))

    @staticmethod
    def _written(record: Record, row: StoredRow, mine: Version, known: Agreed) -> bool:
        """Is this our present version, written there by us? Eden cannot be told to clear a value: that may still stand."""
        if record.deleted or row.deleted or not known.sent or record.modified_on != known.sent:
            return False
        if known.sent_digest not in (None, mine.digest):
            return False
        return all(row.values.get(name, value) in (None, value) for name, value in record.values.items())

    def sent(self, table: str, records: Sequence[Record]) -> None:
        """Remember what was written there, and under which modified_on."""
        versions = self.site.index.versions(table, [str(r.uuid) for r in records])
        none = Version("", "", 0, None, None)
        self.site.db.upsert(
            "sync_agreed", ("repository_id", "tablename", "record_uuid"), ("sent_on", "sent_digest", "sent_vector"), [
                (self.repository_id, table, r.uuid, r.modified_on.replace("T", " "), versions.get(str(r.uuid), none).digest,
                 versions.get(str(r.uuid), none).vector) for r in records if r.modified_on])

    def unseen(self, table: str, uuids: Sequence[str]) -> None:
        """Remember that these records were sent, and not there when they were looked for."""
        self.site.db.execute_in('UPDATE "sync_agreed" SET "remote_digest" = ? WHERE "repository_id" = ? AND "tablename" = ? '
                                'AND "record_uuid" IN ({})', uuids, [UNSEEN, self.repository_id, table])

    def absent(self, table: str, versions: Mapping[str, Version]) -> dict[str, Agreed]:
        """Agree that the peer, which took these versions, shows nothing of them for good; what is agreed on them now.

        They are deleted, and it has no such records any more; or it takes such records and never gives them.
        """
        self.site.db.upsert(
            "sync_agreed", ("repository_id", "tablename", "record_uuid"), ("local_digest", "vector"), [
                (self.repository_id, table, uuid, version.digest, version.vector) for uuid, version in versions.items()])
        return self.known(table, versions)

    def _save(self, rows: Sequence[Sequence[Any]], known: Mapping[str, Agreed]) -> None:
        with_past = []
        for row in rows:
            before = known.get(row[2])
            past = before.past if before else ()
            if before and before.remote and before.remote != row[4]:
                past = (*past, before.remote[:SHORT])[-PAST:]
            with_past.append((*row, " ".join(past)))
        self.site.db.upsert("sync_agreed", ("repository_id", "tablename", "record_uuid"),
                            ("local_digest", "remote_digest", "vector", "seen_on", "past"), with_past)

    def _insist(self, table: str, stale: Sequence[tuple[Record, StoredRow, Version]], known: Mapping[str, Agreed]) -> None:
        """What came back there once too often is kept as one side of a conflict; ours is to be sent there again."""
        now = self.site.now().isoformat(" ")[:19]
        notes = [Note(row.uuid, mine.digest, increment(mine.vector, self.site.index.key(table)), None, row.modified_on)
                 for _, row, mine in stale]
        self.site.index.note(table, notes)
        self._save([(self.repository_id, table, note.uuid, None, remote_digest(record), note.vector, _sql(record))
                    for (record, _, _), note in zip(stale, notes)], known)
        self.site.db.insert("sync_conflict", (
            "repository_id", "tablename", "record_uuid", "mine", "theirs", "mine_vector", "theirs_vector", "mine_modified_on",
            "theirs_modified_on", "policy", "winner", "status", "found_on"), [
                (self.repository_id, table, row.uuid, _values(row.values, row.deleted), _values(record.values, record.deleted),
                 mine.vector, "", row.modified_on.replace("T", " ") if row.modified_on else None, _sql(record), "AGAIN", "mine",
                 "settled", now) for record, row, mine in stale])

    def outbid(self, table: str, records: Sequence[Record]) -> None:
        """Where ours has won although theirs carries the later clock, say so in terms that its policy NEWER understands."""
        uuids = [str(r.uuid) for r in records]
        known = self.known(table, uuids)
        versions = self.site.index.versions(table, known)
        for record in records:
            there = known.get(str(record.uuid))
            if there is None or there.seen is None or (record.modified_on or "") > there.seen:
                continue
            version = versions.get(str(record.uuid))
            if version is not None and version.digest != there.local:
                record.modified_on = (datetime.strptime(there.seen, STAMP) + timedelta(seconds=1)).strftime(STAMP)

    def settle(self, table: str, records: Sequence[Record], outcomes: Sequence[Outcome]) -> None:
        """Remember what the peer has, after its records were applied. What was rejected stays news."""
        fate = {o.uuid: o for o in outcomes}
        taken = [r for r in records if r.uuid and not r.error and fate[r.uuid].result != "rejected"]
        versions = self.site.index.versions(table, [str(r.uuid) for r in taken])
        known = self.known(table, [str(r.uuid) for r in taken])
        rows = []
        for record in taken:
            outcome, version = fate[str(record.uuid)], versions.get(str(record.uuid))
            agreed = outcome.result in ("created", "updated", "deleted", "merged") or (
                outcome.result == "unchanged" and (not outcome.reason or bool(record.deleted and version and version.deleted)))
            if outcome.conflict and version and version.digest != remote_digest(record):
                agreed = False                   # what it does not mention is still as it was here: it has to hear of that
            rows.append((self.repository_id, table, record.uuid, version.digest if agreed and version else None,
                         remote_digest(record), version.vector if agreed and version else record.vector, _sql(record)))
        self._save(rows, known)

    def differing(self, table: str, condition: str, after: int, limit: int) -> list[tuple[int, str]]:
        """(sequence number, uuid) of records of this site that the peer has not, or not as they are here."""
        join = f'LEFT JOIN "{table}" ON "{table}"."uuid" = "sync_version"."record_uuid" ' if condition else ""
        where = ""
        if condition:
            where = f""" AND ("{table}"."id" IS NULL OR "sync_version"."digest" LIKE 'deleted%' OR ({condition}))"""
        return [(row[0], row[1]) for row in self.site.db.rows(
            f'SELECT "sync_version"."seq", "sync_version"."record_uuid" FROM "sync_version" {join}LEFT JOIN "sync_agreed" ON '
            '"sync_agreed"."repository_id" = ? AND "sync_agreed"."tablename" = "sync_version"."tablename" AND '
            '"sync_agreed"."record_uuid" = "sync_version"."record_uuid" WHERE "sync_version"."tablename" = ? '
            'AND "sync_version"."seq" > ? AND ("sync_agreed"."local_digest" IS NULL OR '
            f'"sync_agreed"."local_digest" <> "sync_version"."digest"){where} ORDER BY "sync_version"."seq" LIMIT {int(limit)}',
            [self.repository_id, table, after], by_index=True)]


def _iso(value: object) -> str | None:
    return str(value)[:19].replace(" ", "T") if value else None


def _values(values: Mapping[str, Any], deleted: bool) -> str:
    return json.dumps(None if deleted else dict(values), ensure_ascii=False, sort_keys=True)


def _sql(record: Record) -> str | None:
    return record.modified_on.replace("T", " ") if record.modified_on else None
