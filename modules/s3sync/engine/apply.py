"""A batch of records of one table into the database: match, decide, write, in one transaction of the caller's.

Everything is looked up once per batch. What cannot be written is an outcome, never an exception that stops the others.
"""
from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Sequence

from ..errors import NotPermitted
from ..hosts.table import StoredRow, TableMap
from ..index.digest import deletion_digest, digest
from ..index.index import Note, Version
from ..index.vector import Order, compare, increment, merge
from ..s3xml.record import Record
from . import waiting
from .check import Checker
from .decide import Action, Decision, Mine, Policies, Settle, Theirs, decide
from .outcome import Outcome
from .site import Site
from .write import Writer

CAN = {Action.CREATE: "create", Action.UPDATE: "update", Action.DELETE: "delete", Action.MERGE: "delete"}


@dataclass
class Item:
    """A record on its way in, with what is known of it here."""

    record: Record
    row: StoredRow | None
    version: Version | None
    decision: Decision
    theirs: str                      #: vector of the record that arrived

    @property
    def uuid(self) -> str:
        return str(self.record.uuid)


class Applier:
    """Applies records that came from one repository.

    Parameters
    ----------
    repository_id, origin : the local id of the repository, and its uuid (records are not sent back to their origin)
    policies : what the task allows, seen from here
    task_id : for conflict and quarantine entries
    """

    def __init__(self, site: Site, repository_id: int | None, origin: str, policies: Policies, task_id: int | None = None) -> None:
        self.site = site
        self.repository_id = repository_id
        self.origin = origin
        self.policies = policies
        self.task_id = task_id
        self._checkers: dict[str, Checker] = {}

    def apply(self, name: str, records: Sequence[Record]) -> list[Outcome]:
        """Apply records of one table; one outcome for each, in no particular order."""
        outcomes: list[Outcome] = []
        batch: dict[str, Record] = {}
        for record in records:
            if record.error or not record.uuid:
                reason = record.error or "the record has no uuid"
                outcomes.append(Outcome(name, record.uuid or f"line {record.position}", "rejected", reason, "unreadable"))
            elif record.uuid in batch:                 # twice in one batch: one after the other
                outcomes += self._apply(name, batch)
                batch = {record.uuid: record}
            else:
                batch[record.uuid] = record
        return outcomes + self._apply(name, batch)

    def _apply(self, name: str, batch: dict[str, Record]) -> list[Outcome]:
        if not batch:
            return []
        site, table = self.site, self.site.table(name)
        site.index.lock(name)
        rows = table.by_uuid(batch, lock=True)
        site.index.canonical(table, list(rows.values()))
        versions = site.index.look(table, list(rows.values()))
        versions.update(site.index.versions(name, [u for u in batch if u not in rows]))
        items, outcomes = [], []
        for uuid, record in batch.items():
            item = self._decide(table, record, rows.get(uuid), versions.get(uuid))
            method = CAN.get(item.decision.action)
            if method and not site.host.can(method, name):
                outcomes.append(Outcome(name, uuid, "rejected", NotPermitted(f"{method} {name}").message, "not-permitted"))
            else:
                items.append(item)
        checker = self._checkers.get(name) or self._checkers.setdefault(name, Checker(site.host, table))
        valid = []
        for item in items:
            reason = checker.check(item.record, item.row, item.decision.action)
            if reason:
                outcomes.append(Outcome(name, item.uuid, "rejected", reason, "invalid"))
            else:
                valid.append(item)
        return outcomes + self._write(table, valid)

    def _decide(self, table: TableMap, record: Record, row: StoredRow | None, version: Version | None) -> Item:
        theirs = record.vector or ""
        if version is None:
            order = Order.BEFORE
        elif not theirs:
            order = Order.CONCURRENT
        else:
            order = compare(version.vector, theirs)
        mine = None
        same = False
        if row is not None:
            known = version.digest if version else ""
            mine = Mine(row.deleted, row.mci, (row.modified_on or "", known))
            if record.deleted or row.deleted:
                same = record.deleted and row.deleted
            else:
                values = row.values
                same = all(values.get(field, value) == value for field, value in record.values.items())
        rank = (record.modified_on or "", "")
        if order in (Order.CONCURRENT, Order.EQUAL) and not same and mine is not None:
            rank = (rank[0], deletion_digest(record.replaced_by) if record.deleted else
                    digest({**mine_values(row), **record.values}))
        their = Theirs(record.deleted, bool(record.replaced_by), record.mci, rank)
        return Item(record, row, version, decide(order, same, mine, their, self.policies), theirs)

    def _write(self, table: TableMap, items: list[Item]) -> list[Outcome]:
        site = self.site
        changing = [i for i in items if i.decision.action in (Action.CREATE, Action.UPDATE)]
        ending = [i for i in items if i.decision.action in (Action.DELETE, Action.MERGE)]
        writer = Writer(site, table, [(i.record, i.row) for i in changing])
        resolver = writer.resolver
        failed = writer.write()
        failed.update(writer.end([(i.record, i.row) for i in ending if i.row is not None]))
        done = [i for i in items if i.uuid not in failed]
        if changing:
            waiting.forget(site, table.name, [i.uuid for i in changing if i.uuid not in failed])
        missing = [m for m in resolver.missing if m[0] not in failed or m[0] in resolver.blocked]
        if missing:
            waiting.remember(site, table.name, missing, self.repository_id)
        created = {i.uuid: writer.ids[i.uuid] for i in done if i.uuid in writer.ids}
        waiting.arrived(site, table, created)
        self._settle(table, done, writer)
        self._record_conflicts(table, done)
        outcomes = []
        waits: dict[str, list[tuple[str, str]]] = {}
        for uuid, _, target, target_uuid in missing:
            waits.setdefault(uuid, []).append((target, target_uuid))
        for item in items:
            decision, uuid = item.decision, item.uuid
            if uuid in failed:
                code = "reference" if uuid in resolver.blocked else "database"
                outcomes.append(Outcome(table.name, uuid, "rejected", failed[uuid], code, missing=tuple(waits.get(uuid, ()))))
            else:
                outcomes.append(Outcome(table.name, uuid, decision.action.value, decision.reason, "", decision.conflict,
                                        decision.winner, tuple(waits.get(uuid, ()))))
        return outcomes

    def _settle(self, table: TableMap, items: list[Item], writer: Writer) -> None:
        """Write the versions that the decisions lead to."""
        site = self.site
        notes = []
        for item in items:
            decision, version, record = item.decision, item.version, item.record
            written = decision.action in (Action.CREATE, Action.UPDATE, Action.DELETE, Action.MERGE)
            if decision.settle is Settle.MINE:
                continue
            mine = version.vector if version else ""
            vector = item.theirs if decision.settle is Settle.THEIRS and item.theirs else merge(mine, item.theirs)
            if decision.settle is Settle.DECIDED:
                vector = increment(vector, site.index.site)
            if not vector:                                  # the peer keeps no versions and nobody gave it one
                vector = increment("", site.index.site)
            if written or version is None:
                current = writer.digests.get(item.uuid) or (
                    deletion_digest(record.replaced_by) if record.deleted else digest(record.values))
                modified = writer.modified.get(item.uuid, record.modified_on)
            else:
                if vector == version.vector:
                    continue                                # nothing new
                current, modified = version.digest, version.modified_on
            origin = self.origin if vector == item.theirs else None
            notes.append(Note(item.uuid, current, vector, origin, modified))
        site.index.note(table.name, notes)

    def _record_conflicts(self, table: TableMap, items: list[Item]) -> None:
        rows = []
        for item in items:
            if not item.decision.conflict or item.row is None:
                continue
            record, row = item.record, item.row
            rows.append((self.repository_id, self.task_id, table.name, item.uuid, _dump(row.values, row.deleted),
                         _dump(record.values, record.deleted), item.version.vector if item.version else "", item.theirs,
                         _stamp(row.modified_on), _stamp(record.modified_on), self.policies.conflict, item.decision.winner,
                         "settled", self.site.now().isoformat(" ")[:19]))
        self.site.db.insert("sync_conflict", (
            "repository_id", "task_id", "tablename", "record_uuid", "mine", "theirs", "mine_vector", "theirs_vector",
            "mine_modified_on", "theirs_modified_on", "policy", "winner", "status", "found_on"), rows)


def mine_values(row: StoredRow | None) -> dict[str, object]:
    """Values of the row here, against which a record that mentions only some fields is ranked."""
    return row.values if row is not None else {}


def _dump(values: dict[str, object], deleted: bool) -> str:
    return json.dumps(None if deleted else values, ensure_ascii=False, sort_keys=True)


def _stamp(value: str | None) -> str | None:
    return value.replace("T", " ") if value else None
