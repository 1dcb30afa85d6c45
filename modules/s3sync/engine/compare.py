"""What differs between this site and a peer in the records of a task, whatever cursors and versions say.

From a peer of our kind come lists of uuids with digests; only records whose digests differ are fetched. A plain Eden is read
as a whole. Nothing is written anywhere; `repair` then queues what differs for the next run.
"""
from __future__ import annotations

import abc
from contextlib import closing
from dataclasses import dataclass, field
from typing import Iterable, Iterator, Mapping, NamedTuple, Sequence

from ..errors import ConfigurationError, PeerRefused, SyncError
from ..hosts.table import StoredRow
from ..index.digest import DELETED
from ..index.vector import Order
from ..index.vector import compare as compare_vectors
from ..index.version import Version
from ..s3xml.record import Record
from . import alias, queue, survey
from .agree import Agreement, remote_digest
from .flatten import flatten
from .listing import label, labels
from .peer import Peer, Task
from .pull import FETCH
from .pull_plain import windows
from .repository import Repository, tasks
from .roll import Roll
from .scope import scope
from .site import Site

MISSING_HERE, MISSING_THERE = "missing here", "missing there"
DELETED_HERE, DELETED_THERE, DIFFERENT = "deleted here", "deleted there", "different"

#: records of one request for a list
PAGE = 5000


class Difference(NamedTuple):
    """One record that is not the same at both sites.

    `kind` is "missing here", "missing there", "deleted here", "deleted there" or "different", `fields` are those that differ.
    `direction` tells which way it has to go: "pull" or "push"; "both" where each site has a version of its own, so that the
    task's conflict policy decides; "" if it cannot be moved, for the `reason` given.
    """

    table: str
    uuid: str
    label: str
    kind: str
    fields: tuple[str, ...] = ()
    direction: str = ""
    reason: str = ""


@dataclass
class Compared:
    """A task's records at both sites. `here`, `there` and `same` are numbers of records; deleted ones count where one site has
    them live. `differences` are at most as many as were asked for; `counts` has all, by kind. `error` is what prevented it."""

    task_id: int
    resource: str
    here: int = 0
    there: int = 0
    same: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    complete: bool = True
    error: str = ""


@dataclass
class Comparison:
    """All tasks of a repository, or one of them. `own`: the peer is of our kind."""

    repository: Repository
    own: bool
    tasks: list[Compared] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Do both sites hold the same, as far as could be seen?"""
        return not any(task.counts or task.error for task in self.tasks)


def compare(site: Site, peer: Peer, repository: Repository, task_id: int | None = None, limit: int = 500) -> Comparison:
    """Compare the records of a repository's tasks. `limit` is the number of differences per task that are listed."""
    found = Comparison(repository, peer.own)
    peer.dry = True
    with site.trial():
        for task in tasks(site.db, repository.id):
            if task_id is None or task.id == task_id:
                result = Compared(task.id, task.resource)
                found.tasks.append(result)
                work = (OwnPeer if peer.own else PlainEden)(site, peer, repository, task, result, limit)
                try:
                    with closing(Roll()) as roll:
                        work.compare(roll)
                except SyncError as error:
                    result.error = error.message
                site.rollback()
    return found


def repair(site: Site, comparison: Comparison) -> int:
    """Queue the differences that were listed and can be moved, for the next run; returns how many. Commits."""
    repository, count = comparison.repository, 0
    for task in comparison.tasks:
        for direction in ("pull", "push"):
            records = [(d.table, d.uuid) for d in task.differences if d.direction in (direction, "both")]
            if comparison.own:
                queue.add(site, repository.id, task.task_id, direction, records)
            else:
                _forget_agreement(site, repository.id, task.task_id, direction, records)
        count += sum(bool(d.direction) for d in task.differences)
    site.db.commit()
    return count


def _forget_agreement(site: Site, repository_id: int, task_id: int, direction: str, records: Iterable[tuple[str, str]]) -> None:
    """What is to come from a plain Eden is news once more; what is to go there differs from what was agreed."""
    tables: dict[str, list[str]] = {}
    for table, uuid in records:
        tables.setdefault(table, []).append(uuid)
    for table, uuids in tables.items():
        where = 'WHERE "repository_id" = ? AND "tablename" = ? AND "record_uuid" IN ({})'
        if direction == "pull":
            site.db.execute_in(f'DELETE FROM "sync_agreed" {where}', uuids, [repository_id, table])
            queue.add(site, repository_id, task_id, direction, [(table, uuid) for uuid in uuids])
        else:
            site.db.execute_in(f'UPDATE "sync_agreed" SET "local_digest" = NULL, "sent_digest" = NULL {where}', uuids,
                               [repository_id, table])


class Work(abc.ABC):
    """Comparison of one task."""

    def __init__(self, site: Site, peer: Peer, repository: Repository, task: Task, result: Compared, limit: int) -> None:
        self.site = site
        self.peer = peer
        self.repository = repository
        self.task = task
        self.result = result
        self.limit = limit

    @abc.abstractmethod
    def compare(self, roll: Roll) -> None:
        """All of it; raises SyncError."""

    def tell(self, table: str, uuid: str, called: str, kind: str, direction: str, fields: Sequence[str] = (),
             reason: str = "") -> None:
        """Count a difference, and list it."""
        result = self.result
        result.counts[kind] = result.counts.get(kind, 0) + 1
        if len(result.differences) >= self.limit:
            result.complete = False
            return
        if direction == "both" and not (self.task.pulls and self.task.pushes):
            direction = "pull" if self.task.pulls else "push"
        if direction == "pull" and not self.task.pulls or direction == "push" and not self.task.pushes:
            direction, reason = "", f"the task does not {direction}"
        result.differences.append(Difference(table, uuid, called, kind, tuple(fields), direction, reason))

    def rows(self, name: str, uuids: Iterable[str]) -> tuple[dict[str, StoredRow], dict[str, Version]]:
        """Rows here, canonical, and versions, those of records that are gone included."""
        wanted = list(uuids)
        rows = self.site.table(name).by_uuid(wanted)
        found = survey.versions(self.site, name, list(rows.values()))
        found.update(self.site.index.absent(name, [u for u in wanted if u not in rows]))
        return rows, found

    def here(self) -> Iterator[tuple[str, list[survey.Known]]]:
        """All records of the task here, a page at a time."""
        for name, condition in scope(self.site, self.task):
            after: int | None = 0
            while after is not None:
                rows, after = survey.page(self.site, name, condition, after, PAGE)
                if rows:
                    yield name, rows

    def absent_there(self, name: str, uuids: Sequence[str]) -> None:
        """Live records of this site that the peer has not got."""
        called = labels(self.site, ((name, uuid) for uuid in uuids[:max(0, self.limit - len(self.result.differences))]))
        for uuid in uuids:
            self.tell(name, uuid, called.get((name, uuid), uuid), MISSING_THERE, "push")


class OwnPeer(Work):
    """With a peer of our kind."""

    def compare(self, roll: Roll) -> None:
        site, place, been = self.site, "", set()
        names = set(site.scope(self.task.resource, self.task.components))
        while True:
            page = self.peer.inventory(self.task, place, PAGE)
            if page.table in names:
                known = alias.known(site, page.table, [row[0] for row in page.rows])
                roll.add(page.table, ((known.get(uuid, uuid), digest, vector) for uuid, digest, vector in page.rows))
            if not page.place:
                break
            if page.place in been:
                raise PeerRefused("the list of the peer's records gets no further")
            place = page.place
            been.add(place)
        self.result.there = roll.count()
        suspects: dict[str, list[str]] = {}
        for name, rows in self.here():
            theirs = roll.take(name, [row.uuid for row in rows])
            missing = []
            for row in rows:
                there = theirs.get(row.uuid)
                self.result.here += not row.deleted
                if there is None:
                    if not row.deleted:
                        missing.append(row.uuid)
                elif there == row.digest or (row.deleted and there.startswith(DELETED)):
                    self.result.same += not row.deleted
                else:
                    suspects.setdefault(name, []).append(row.uuid)
            if missing and self.task.filters:
                suspects.setdefault(name, []).extend(missing)      # what they have of it may be outside of the filter
            else:
                self.absent_there(name, missing)
            self._verify(suspects, FETCH)
        for name, uuids in roll.rest():
            suspects.setdefault(name, []).extend(uuids)
            self._verify(suspects, FETCH)
        self._verify(suspects, 1)

    def _verify(self, suspects: dict[str, list[str]], least: int) -> None:
        """Look at records whose digests differ: not every difference is one of values that both sites have."""
        for name in suspects:
            while len(suspects[name]) >= least:
                part, suspects[name] = suspects[name][:FETCH], suspects[name][FETCH:]
                batch = self.peer.fetch(name, part)
                try:
                    records = [r for r in batch.records if r.table == name]
                finally:
                    batch.close()
                alias.localise(self.site, self.site.table(name), records)
                self._judge(name, part, {str(r.uuid): r for r in records})

    def _judge(self, name: str, uuids: Sequence[str], records: Mapping[str, Record]) -> None:
        rows, versions = self.rows(name, uuids)
        for uuid in uuids:
            row, record = rows.get(uuid), records.get(uuid)
            live = row is not None and not row.deleted
            if record is None or record.error:
                if live:
                    self.tell(name, uuid, label(row.values, uuid), MISSING_THERE, "push")  # type: ignore[union-attr]
                continue
            order = compare_vectors(versions[uuid].vector if uuid in versions else "", record.vector or "")
            direction = {Order.AFTER: "push", Order.BEFORE: "pull"}.get(order, "both")
            if live and record.deleted:
                self.tell(name, uuid, label(row.values, uuid), DELETED_THERE, direction)  # type: ignore[union-attr]
            elif not live and not record.deleted:
                kind = DELETED_HERE if uuid in versions else MISSING_HERE
                self.tell(name, uuid, label(record.values, uuid), kind, direction)
            elif live and row is not None:
                fields = differing(self.site, row, record)
                if fields:
                    self.tell(name, uuid, label(row.values, uuid), DIFFERENT, direction, fields)
                else:
                    self.result.same += 1


class PlainEden(Work):
    """With a plain Eden."""

    def compare(self, roll: Roll) -> None:
        site, names = self.site, set(self.site.scope(self.task.resource, self.task.components))
        self.agreement = Agreement(site, self.repository.id, self.repository.uuid)
        batch = self.peer.pull(self.task, {}, 0, None)
        try:
            for group in windows(flatten(site, batch.records), site.settings.batch_size):
                name = group[0].table
                records = {str(r.uuid): r for r in group if r.uuid and not r.error}
                alias.localise(site, site.table(name), list(records.values()))
                if name in names:
                    roll.add(name, ((str(r.uuid), "", "") for r in records.values()))
                    self._judge(name, {str(r.uuid): r for r in records.values()})
        finally:
            batch.close()
        self.result.there = roll.count()
        for name, rows in self.here():
            live = [row.uuid for row in rows if not row.deleted]
            self.result.here += len(live)
            theirs = roll.take(name, live)
            self.absent_there(name, [uuid for uuid in live if uuid not in theirs])

    def _judge(self, name: str, records: Mapping[str, Record]) -> None:
        rows, found = self.rows(name, records)
        known = self.agreement.known(name, records)
        for uuid, record in records.items():
            row, agreed = rows.get(uuid), known.get(uuid)
            live = row is not None and not row.deleted
            if record.deleted and not live:
                continue
            unchanged_there = agreed is not None and agreed.remote == remote_digest(record)
            unchanged_here = agreed is not None and uuid in found and agreed.local == found[uuid].digest
            direction = "push" if unchanged_there and uuid in found else "pull"
            called = label(row.values if live and row is not None else record.values, uuid)
            if record.deleted:
                self.tell(name, uuid, called, DELETED_THERE, direction)
            elif not live:
                self.tell(name, uuid, called, MISSING_HERE if row is None else DELETED_HERE, direction)
            elif row is not None:
                fields = differing(self.site, row, record)
                if not fields:
                    self.result.same += 1
                elif unchanged_there and unchanged_here:
                    self.tell(name, uuid, called, DIFFERENT, "", fields, "it was sent, and this is how the peer keeps it")
                else:
                    self.tell(name, uuid, called, DIFFERENT, direction, fields)


def differing(site: Site, row: StoredRow, record: Record) -> list[str]:
    """Names of fields that both sites have and in which they differ; files are not compared."""
    table = site.table(record.table)
    return sorted(name for name, value in record.values.items()
                  if name in table.schema.by_name and name not in table.uploads and row.values.get(name) != value)


def one_task(site: Site, repository: Repository, resource: str) -> int:
    """Id of a task, given by its resource or its id. Raises ConfigurationError."""
    for task in tasks(site.db, repository.id):
        if resource in (task.resource, str(task.id)):
            return task.id
    raise ConfigurationError(f"{repository.name} has no task {resource}", hint="Name one of its resources, or none for all")
