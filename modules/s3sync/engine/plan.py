"""A dry run: what the tasks of a repository would do now, with nothing written here or at the peer.

Records are fetched, matched, decided and checked as in a run (`engine/forecast.py`); what is pushed is foretold by the peer.
A plain Eden is only read from: what it would do with a push is what we expect of it.
"""
from __future__ import annotations

import abc
from dataclasses import dataclass, field
from typing import Iterable, Sequence

from ..errors import NotPermitted, PeerRefused, SyncError
from ..s3xml.record import Record
from . import conflicts, cursors, quarantine, survey
from .agree import Agreement
from .export import Exporter
from .flatten import flatten
from .forecast import BLOCKED, Change, Forecaster
from .ledger import Key, Ledger
from .listing import label
from .outcome import Counts, Outcome
from .peer import Batch, Peer, Task
from .pull import chunks
from .pull_plain import asked, windows
from .push import document
from .push_plain import READ, PlainPusher
from .repository import Repository, tasks
from .rights import opened, rights
from .scope import covered, scope, scope_digest, without_dependencies
from .site import Site


@dataclass(frozen=True)
class Planned:
    """What would become of one record.

    `result`, `reason`, `conflict` and `winner` are those of `s3sync.engine.outcome.Outcome`; `changes` are (field, before, after)
    as people read them; `waiting` tells that it would still miss something it refers to.
    """

    table: str
    uuid: str
    label: str
    result: str
    reason: str = ""
    conflict: bool = False
    winner: str = ""
    waiting: bool = False
    changes: Sequence[Change] = ()


@dataclass
class PlannedStep:
    """What a task would do in one direction: "pull" changes records here, "push" at the peer.

    `records` are at most as many as were asked for; what would stay as it is is only counted. `complete` tells that none is
    left out. `error` is what prevents the whole.
    """

    task_id: int
    resource: str
    direction: str
    counts: Counts = field(default_factory=Counts)
    records: list[Planned] = field(default_factory=list)
    complete: bool = True
    error: str = ""


@dataclass
class Plan:
    """What a run would do, task by task."""

    repository: Repository
    steps: list[PlannedStep] = field(default_factory=list)


def plan(site: Site, peer: Peer, repository: Repository, task_id: int | None = None, limit: int = 500) -> Plan:
    """Foretell a run of a repository's tasks, or of one of them.

    `limit` is the number of records per step that are listed. An error of a task is told with it.
    """
    found = Plan(repository)
    peer.dry = True
    with site.trial(), Ledger() as here, Ledger() as there:
        for task in tasks(site.db, repository.id):
            if task_id is not None and task.id != task_id:
                continue
            settled: set[Key] = set()             # conflicts that the pull before the push would settle
            for direction in ("pull", "push"):
                if task.pulls if direction == "pull" else task.pushes:
                    step = PlannedStep(task.id, task.resource, direction)
                    found.steps.append(step)
                    ledger = here if direction == "pull" else there
                    ledger.begin()
                    try:
                        WORK[direction, peer.own](site, peer, repository, task, step, ledger, limit, settled).foretell()
                    except SyncError as error:
                        step.error = error.message
                    site.rollback()
    return found


class Work(abc.ABC):
    """Foretelling of one step."""

    def __init__(self, site: Site, peer: Peer, repository: Repository, task: Task, step: PlannedStep, ledger: Ledger,
                 limit: int, settled: set[Key]) -> None:
        self.site = site
        self.peer = peer
        self.repository = repository
        self.task = task
        self.step = step
        self.ledger = ledger
        self.limit = limit
        self.settled = settled
        self.changes: dict[Key, Sequence[Change]] = {}
        self.labels: dict[Key, str] = {}
        self.forecaster = Forecaster(site, repository.id, repository.uuid, task.policies, task.id)
        self.forecaster.telling = limit
        self.covered = covered(site, task) if site.host.carries(task.resource) else frozenset()
        self.forecaster.covered = self.covered
        self.forecaster.changes = self.changes  # type: ignore[assignment]  # lists are sequences
        self.forecaster.labels = self.labels

    def foretell(self) -> None:
        """All of it; raises SyncError."""
        self.changed()
        wanted = self.ledger.wanted(100)
        while wanted:
            tables: dict[str, list[str]] = {}
            for table, uuid in wanted:
                tables.setdefault(table, []).append(uuid)
            for table, uuids in tables.items():
                if self.site.host.carries(table):
                    self.dependencies(table, uuids)
            wanted = self.ledger.wanted(100)
        for outcome, waits in self.ledger.settle():
            if waits and outcome.code == BLOCKED:
                outcome = outcome._replace(result="rejected")
            elif outcome.code == BLOCKED:
                outcome = outcome._replace(reason="")
            self.tell(outcome if waits else outcome._replace(missing=()))

    @abc.abstractmethod
    def changed(self) -> None:
        """What has changed."""

    @abc.abstractmethod
    def dependencies(self, table: str, uuids: list[str]) -> None:
        """What others refer to and the receiver has not."""

    def take(self, outcomes: Iterable[Outcome]) -> None:
        """Tell of outcomes that are certain; keep the others until it is known what else there will be."""
        for outcome in outcomes:
            if outcome.result == "created" and self.ledger.arrives((outcome.table, outcome.uuid)):
                outcome = outcome._replace(result="unchanged", reason="", code="", missing=())      # it has come before
            self.ledger.note([outcome], BLOCKED)
            if not outcome.missing:
                self.tell(outcome)

    def tell(self, outcome: Outcome) -> None:
        """Count a record, and list it if it is not left as it is."""
        step, key = self.step, (outcome.table, outcome.uuid)
        step.counts.add([outcome])
        if outcome.result == "unchanged" and not outcome.conflict and not outcome.missing:
            return
        if len(step.records) >= self.limit:
            step.complete = False
            return
        step.records.append(Planned(*key, self.labels.get(key, outcome.uuid), outcome.result, outcome.reason, outcome.conflict,
                                    outcome.winner, bool(outcome.missing), self.changes.get(key, ())))


class Pull(Work):
    """From a peer of our kind."""

    def changed(self) -> None:
        site, host = self.site, self.site.host
        site.table(self.task.resource)
        if not (host.can("create", self.task.resource) and host.can("update", self.task.resource)):
            raise NotPermitted(f"create and update {self.task.resource}")
        self.pages()
        for table, _, xml in quarantine.due(site, self.repository.id, self.task.id, "pull"):
            if xml and host.carries(table):
                self.apply([r for r in quarantine.read(site, xml) if r.table == table])

    def pages(self) -> None:
        """What the peer would send."""
        positions = cursors.load(self.site, self.repository.uuid, self.task.id, "pull", scope_digest(self.task))
        place, been = "", {""}
        while True:
            batch = self.peer.preview(self.task, positions, place)
            self.batch(batch)
            if not batch.more:
                return
            if batch.scanned in been:
                raise PeerRefused("the peer says that there is more, and gets no further")
            place = batch.scanned
            been.add(place)

    def batch(self, batch: Batch) -> None:
        """Foretell what becomes of these."""
        try:
            for group in chunks(batch.records, self.site.settings.batch_size):
                self.apply(group)
        finally:
            batch.close()

    def apply(self, records: list[Record]) -> None:
        """Records of one table."""
        if records:
            name = records[0].table
            for record in records:
                self.labels.setdefault((name, str(record.uuid)), label(record.values, str(record.uuid)))
            outcomes = self.forecaster.apply(name, self.news(name, records))
            self.site.rollback()
            self.settled |= {(o.table, o.uuid) for o in outcomes if o.conflict and o.winner}
            self.take(outcomes)
            self._forget(outcomes)

    def news(self, name: str, records: list[Record]) -> list[Record]:
        """Those that are to be applied."""
        return records

    def _forget(self, outcomes: Sequence[Outcome]) -> None:
        """Names are only kept of records that are listed, or may be."""
        if len(self.labels) > self.limit + 10_000:
            self.labels.clear()

    def dependencies(self, table: str, uuids: list[str]) -> None:
        if self.site.host.can("create", table):
            self.batch(self.peer.fetch(table, uuids))


class PlainPull(Pull):
    """From a plain Eden."""

    def pages(self) -> None:
        kept = cursors.load(self.site, self.repository.uuid, self.task.id, "pull", scope_digest(self.task))
        self.batch(self.peer.pull(self.task, asked(self.site, self.task, kept)[0], 0, None))

    def batch(self, batch: Batch) -> None:
        try:
            for group in windows(flatten(self.site, batch.records), self.site.settings.batch_size):
                self.apply(group)
        finally:
            batch.close()

    def news(self, name: str, records: list[Record]) -> list[Record]:
        agreement = Agreement(self.site, self.repository.id, self.repository.uuid)
        wanted = without_dependencies(self.site, self.covered, records)
        return agreement.news(name, wanted)[0]


class Push(Work):
    """To a peer of our kind."""

    def changed(self) -> None:
        site = self.site
        if not site.host.can("read", self.task.resource):
            raise NotPermitted(f"read {self.task.resource}")
        found = scope(site, self.task)
        exporter = Exporter(site)
        exporter.covered = dict(found)
        positions = cursors.load(site, self.repository.uuid, self.task.id, "push", scope_digest(self.task))
        held = rights(site, self.task)
        for name, condition in found:
            since, place = site.index.position(name, opened(positions.get(name, ""), held)), ""
            while True:
                records, place = survey.changed(exporter, name, since, place, site.settings.batch_size, self.repository.uuid,
                                                condition)
                for group in chunks(records, site.settings.batch_size):
                    self.send(group)
                if not place:
                    break
        for table, uuid, _ in quarantine.due(site, self.repository.id, self.task.id, "push"):
            if site.host.carries(table):
                self.send(exporter.chosen(table, [uuid]))

    def send(self, records: Sequence[Record]) -> None:
        """Ask the peer what it would do with these."""
        if not records:
            return
        receipt = self.peer.push(self.task, self.peer.packed(document(self.site, records)))
        for record in records:
            self.labels.setdefault((record.table, str(record.uuid)), label(record.values, str(record.uuid)))
        for table, uuid, called, changes in receipt.changes:
            self.labels[table, uuid] = called
            if len(self.changes) < self.limit:
                self.changes[table, uuid] = changes
        self.take(o._replace(conflict=False, winner="") if (o.table, o.uuid) in self.settled else o
                  for o in receipt.outcomes or ())
        if len(self.labels) > self.limit + 10_000:
            self.labels.clear()

    def dependencies(self, table: str, uuids: list[str]) -> None:
        if self.site.host.can("read", table):
            self.send(Exporter(self.site).chosen(table, uuids))


class PlainPush(Work):
    """To a plain Eden, of which only what it has is asked."""

    def changed(self) -> None:
        site = self.site
        self.agreement = Agreement(site, self.repository.id, self.repository.uuid)
        for name, condition in scope(site, self.task):
            after: int | None = 0
            while after is not None:
                rows, after = survey.page(site, name, condition, after, site.settings.batch_size)
                self.group(name, rows)
            gone = [(row[0], row[1]) for row in site.db.rows(
                'SELECT "sync_agreed"."record_uuid", "sync_agreed"."local_digest" FROM "sync_agreed" '
                f'LEFT JOIN "{name}" ON "{name}"."uuid" = "sync_agreed"."record_uuid" WHERE "repository_id" = ? '
                f"""AND "tablename" = ? AND "{name}"."id" IS NULL AND "local_digest" NOT LIKE 'deleted%'""",
                [self.repository.id, name])]
            self.group(name, [survey.Known(uuid, "deleted", "") for uuid, _ in gone])

    def group(self, name: str, rows: Sequence[survey.Known]) -> None:
        """Foretell what would be sent of these."""
        known = self.agreement.known(name, [row.uuid for row in rows])
        differing = [row for row in rows if row.uuid not in known or known[row.uuid].local != row.digest]
        for start in range(0, len(differing), READ):
            part = {row.uuid: row for row in differing[start:start + READ]}
            left = set(part) - quarantine.holds(self.site, self.repository.id, "pull", name, part)
            left -= conflicts.waiting_for_a_person(self.site, name, part)
            left -= self._read(name, list(part))
            records = [r for r in Exporter(self.site).chosen(name, [u for u in part if u in left])
                       if not (r.deleted and str(r.uuid) not in known)]
            for record in records:
                self.labels[name, str(record.uuid)] = label(record.values, str(record.uuid))
            self.take(Outcome(name, str(r.uuid), PlainPusher._fate(r, known)) for r in records)

    def _read(self, name: str, uuids: list[str]) -> set[str]:
        """Those that the peer's own edits would change here before they were sent, or that it has as they are."""
        done: set[str] = set()
        batch = self.peer.fetch(name, uuids)
        try:
            records = [r for r in flatten(self.site, batch.records) if r.table == name]
        finally:
            batch.close()
        if records:
            forecaster = Forecaster(self.site, self.repository.id, self.repository.uuid, self.task.policies, self.task.id)
            for outcome in forecaster.apply(name, self.agreement.news(name, records)[0]):
                agreed = outcome.result in ("created", "updated", "deleted", "merged") and not (
                    outcome.conflict and outcome.winner == "mine")
                same = outcome.result == "unchanged" and not outcome.reason
                undecided = outcome.conflict and not outcome.winner
                if agreed or same or undecided or outcome.result == "rejected":
                    done.add(outcome.uuid)
            self.site.rollback()
        return done

    def dependencies(self, table: str, uuids: list[str]) -> None:
        """A plain Eden is sent what records refer to along with them, uncounted."""


#: by direction and whether the peer is of our kind
WORK: dict[tuple[str, bool], type[Work]] = {
    ("pull", True): Pull, ("pull", False): PlainPull, ("push", True): Push, ("push", False): PlainPush}
