"""A batch of records of one table into the database: match, decide, write, in one transaction of the caller's.

Everything is looked up once per batch. What cannot be written is an outcome, never an exception that stops the others.
"""
from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Collection, Dict, Sequence, Tuple

from ..errors import NotPermitted, UnknownRepository
from ..hosts.base import Hooks
from ..hosts.callback import HookError, Values, call
from ..hosts.table import StoredRow, TableMap
from ..index.digest import deletion_digest, digest
from ..index.vector import Order, compare, parse, site_key, valid
from ..index.version import Version
from ..s3xml.record import Record
from . import alias, attachments, imported, waiting
from .check import Checker
from .decide import Action, Decision, Mine, Policies, Theirs, decide
from .end import Ender
from .imported import item_of
from .item import Item
from .match import Matcher
from .outcome import Outcome
from .referring import rename
from .repository import Repository, load
from .resolve import python_values
from .settle import Source, contest, settle
from .site import Site
from .write import Writer

#: decisions about records, by what they depend on: same as the row, deleted, merged, mci as it came, mci of the row
Alike = Dict[Tuple[bool, bool, bool, int, int], Decision]

#: codes of records that the application itself refuses
REFUSED = frozenset(("invalid", "callback"))


class Applier:
    """Applies records that came from one repository.

    Parameters
    ----------
    repository_id, origin : the local id of the repository, and its uuid (records are not sent back to their origin)
    policies : what the task allows, seen from here
    task_id : for conflict and quarantine entries

    Attributes
    ----------
    source : gives files of upload fields
    covered : tables that somebody has chosen; in others records are created for those that refer to them, never changed
    asks_for_files : records wait for theirs; else they are taken without
    """

    source: attachments.Source | None = None
    asks_for_files = False
    covered: Collection[str] | None = None

    def __init__(self, site: Site, repository_id: int | None, origin: str, policies: Policies,
                 task_id: int | None = None) -> None:
        self.site = site
        self.repository_id = repository_id
        self.origin = origin
        self.policies = policies
        self.task_id = task_id
        self._checkers: dict[str, Checker] = {}
        self._matchers: dict[str, Matcher] = {}
        self._permitted: dict[tuple[str, str], bool] = {}

    @cached_property
    def repository(self) -> Repository | None:
        """The repository the records come from."""
        try:
            return load(self.site.db.dal, self.repository_id) if self.repository_id else None
        except UnknownRepository:
            return None

    def apply(self, name: str, records: Sequence[Record]) -> list[Outcome]:
        """Apply records of one table; one outcome for each, in no particular order.

        A record that this site knows by another uuid gets that uuid. The transaction is the caller's: nothing is committed.
        """
        with self.site.db.holding(), self.site.host.importing():
            return self._apply_all(name, records)

    def _apply_all(self, name: str, records: Sequence[Record]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        batch: dict[str, Record] = {}
        alias.localise(self.site, self.site.table(name), records)
        attachments.collect(self.site, self.site.table(name), records, self.source)
        hooks = self.site.host.hooks(name)
        imported.resolve_json(self.site, self.site.table(name), records, hooks)
        imported.post_parse(self.site, self.site.table(name), records, hooks)
        for record in records:
            asked = attachments.asked(record) if self.asks_for_files and record.lacks and record.uuid else ()
            if asked:
                wanted = tuple((f"{attachments.MARK}{name}/{field}", digest) for field, digest in asked)
                outcomes.append(Outcome(name, str(record.uuid), "rejected", "its files have not arrived yet", "file",
                                        missing=wanted))
            elif record.error or not record.uuid or record.vector and not valid(record.vector):
                reason = record.error or ("its version is none" if record.uuid else "the record has no uuid")
                outcomes.append(Outcome(name, record.uuid or f"line {record.position}", "rejected", reason, "unreadable"))
            elif record.uuid in batch:                 # twice in one batch: one after the other
                outcomes += self._apply(name, batch)
                batch = {record.uuid: record}
            else:
                batch[record.uuid] = record
        outcomes += self._apply(name, batch)
        sent = {r.uuid: r.sent_as for r in records if r.sent_as}
        return [o._replace(sent_as=sent[o.uuid] or "") if o.uuid in sent else o for o in outcomes] if sent else outcomes

    def _apply(self, name: str, batch: dict[str, Record]) -> list[Outcome]:
        if not batch:
            return []
        site, table = self.site, self.site.table(name)
        site.index.lock(name)
        rows = table.by_uuid(batch, lock=True)
        matcher = self._matchers.get(name)
        if matcher is None:
            synchronise = self.repository is not None and self.repository.synchronise_uuids
            matcher = self._matchers[name] = Matcher(site, table, site.host.hooks(name), self.origin, synchronise)
        outcomes = []
        absent = [r for u, r in batch.items() if u not in rows and not r.deleted]
        if absent and matcher.active:
            outcomes += self._match(table, matcher, absent, batch, rows)
        site.index.canonical(table, list(rows.values()))
        versions = site.index.look(table, list(rows.values()))
        versions.update(site.index.absent(name, [u for u in batch if u not in rows]))
        items = []
        hooks = site.host.hooks(name)
        policies = self.policies.of_table(hooks.update_policy)
        if self.covered is not None and name not in self.covered:
            policies = replace(policies, strategy=policies.strategy & {"create"})
        anew = policies                          # for what is not here; it may be known to have been deleted
        if "create" in policies.strategy:
            anew = replace(policies, strategy=policies.strategy | {"update"})
        new: dict[bool, Decision] = {}           # about records nobody knows here: most of them, at first
        later: Alike = {}                        # about records that contain all edits of the ones here: most of them, later
        for uuid, record in batch.items():
            row, version = rows.get(uuid), versions.get(uuid)
            if row is None and version is None and not record.deleted:
                master = record.mci == 1
                if master not in new:
                    new[master] = decide(Order.BEFORE, False, None, Theirs(mci=record.mci), policies)
                item = Item(record, None, None, new[master], record.vector or "", record.values, uuid)
            else:
                item = self._decide(table, record, row, version, hooks, policies if row is not None else anew, later)
            if record.defaults and item.decision.method == "create":
                record.values = {**record.defaults, **record.values}
            method = item.decision.method
            if method and not self._can(method, name):
                outcomes.append(Outcome(name, uuid, "rejected", NotPermitted(f"{method} {name}").message, "not-permitted"))
            else:
                items.append(item)
        checker = self._checkers.get(name) or self._checkers.setdefault(name, Checker(site.host, table))
        valid = []
        changing = [i for i in items if i.decision.writes]
        owners = matcher.owners([i.record for i in changing]) if matcher.unique else {}
        for item in items:
            reason = checker.check(item.record, item.row, item.decision)
            code = "invalid"
            if not reason and matcher.unique and item.decision.writes:
                reason, code = matcher.clash(item.record, owners), "unique"
            if reason:
                outcomes.append(Outcome(name, item.uuid, "rejected", reason, code))
            else:
                valid.append(item)
        outcomes += self._forbidden(name, valid)
        outcomes += self._write(table, valid)
        refused = [o.uuid for o in outcomes if o.result == "rejected" and o.code in REFUSED]
        anew_found = matcher.second([batch[u] for u in refused if u in batch and u not in rows and not batch[u].deleted], batch)
        if not anew_found:
            return outcomes
        return [o for o in outcomes if o.uuid not in anew_found] + self._apply(name, {u: batch[u] for u in anew_found})

    def _forbidden(self, name: str, items: list[Item]) -> list[Outcome]:
        """Take out the records that the user may not change, where that depends on the record."""
        outcomes = []
        for method in ("update", "delete"):
            rows = {i.row.id: i for i in items if i.row is not None and i.decision.method == method}
            for number in self.site.host.forbidden(method, name, rows) if rows else ():
                item = rows[number]
                items.remove(item)
                outcomes.append(Outcome(name, item.uuid, "rejected", NotPermitted(f"{method} {name} {number}").message,
                                        "not-permitted"))
        return outcomes

    def _can(self, method: str, name: str) -> bool:
        """May the user do that? Asked once: the answer may cost the host several statements."""
        if (method, name) not in self._permitted:
            self._permitted[method, name] = self.site.host.can(method, name)
        return self._permitted[method, name]

    def _match(self, table: TableMap, matcher: Matcher, absent: list[Record], batch: dict[str, Record],
               rows: dict[str, StoredRow]) -> list[Outcome]:
        """Find out which records here are meant by those with unknown uuids; `batch` and `rows` are brought up to date."""
        site, name = self.site, table.name
        matcher.refused, matcher.left = {}, {}
        found = matcher.match(absent, batch)
        outcomes = [Outcome(name, uuid, "rejected", reason, "deduplicate") for uuid, reason in matcher.refused.items()]
        for uuid in matcher.refused:
            del batch[uuid]
        aliases = {}
        for uuid, reason in matcher.left.items():
            record = batch.pop(uuid)
            record.sent_as, record.uuid = uuid, found[uuid]
            aliases[uuid] = found.pop(uuid)
            outcomes.append(Outcome(name, record.uuid, "kept", reason))
        if not found and not aliases:
            return outcomes
        here = table.by_uuid(found.values(), lock=True)
        for uuid, own in found.items():
            record, row = batch[uuid], here[own]
            if matcher.synchronise and not record.anonymous:
                rename(site, table, row.id, own, uuid)
                row.uuid = uuid
                rows[uuid] = row
            else:
                aliases[uuid] = own
                record.sent_as, record.uuid = uuid, own
                batch[own] = batch.pop(uuid)
                rows[own] = row
        alias.remember(site, name, aliases)
        alias.localise(site, table, list(batch.values()))
        alias.arrived(site, table, {**found, **aliases})
        return outcomes

    def _decide(self, table: TableMap, record: Record, row: StoredRow | None, version: Version | None, hooks: Hooks,
                policies: Policies, later: Alike) -> Item:
        theirs = record.vector or ""
        if version is None:
            order = Order.BEFORE
        elif not theirs:
            order = Order.CONCURRENT
        else:
            order = compare(version.vector, theirs)
        if order is Order.BEFORE and row is not None and not policies.fields:      # `decide` asks for no more than this
            same, mci = row.holds(record), self._mci(record, row, version)
            about = same, record.deleted, bool(record.replaced_by), mci, row.mci
            if about not in later:
                they = Theirs(record.deleted, bool(record.replaced_by), mci)
                later[about] = decide(order, same, Mine(mci=row.mci), they, policies)
            return Item(record, row, version, later[about], theirs, record.values, str(record.uuid))
        mine = None
        same = False
        if row is not None:
            known = version.digest if version else ""
            mine = Mine(row.deleted, row.mci, (row.modified_on or "", known))
            same = row.holds(record)
        elif version is not None:                # there is no row, but it is known to be deleted
            mine = Mine(True, 2, (version.modified_on or "", version.digest))
            same = record.deleted
        rank = (record.modified_on or "", "")
        if order in (Order.CONCURRENT, Order.EQUAL) and not same and mine is not None:
            rank = (rank[0], deletion_digest(record.replaced_by) if record.deleted else
                    digest({**mine_values(row), **record.values}))
        their = Theirs(record.deleted, bool(record.replaced_by), self._mci(record, row, version), rank)
        changed: list[str] = []
        if policies.fields and row is not None:
            changed = [n for n, v in record.values.items() if n in row.values and row.values[n] != v]
        decision = decide(order, same, mine, their, policies, changed)
        if decision.conflict and hooks.onconflict and row is not None:
            try:
                accepted = self._ask(table, record, row, policies, hooks)
                decision = decide(order, same, mine, their, policies, changed, accepted)
            except HookError as error:
                decision = replace(decision, reason=f"{decision.reason} ({error})")
        if row is None and decision.action is Action.UPDATE:
            decision = replace(decision, action=Action.CREATE)
        values = record.values
        if decision.kept:
            record.values = {n: v for n, v in values.items() if n not in decision.kept}
        return Item(record, row, version, decision, theirs, values, str(record.uuid))

    def _mci(self, record: Record, row: StoredRow | None, version: Version | None) -> int:
        """How far from its master the record is. A plain Eden does not say so of deletions: it is the master's if ours is."""
        if record.deleted and row is not None and "mci" not in vars(record) and row.mci == 1 and version is not None:
            if site_key(f"{self.site.host.site_uuid}/{self.origin}") in parse(version.vector):
                return 1
        return record.mci

    def _ask(self, table: TableMap, record: Record, row: StoredRow, policies: Policies, hooks: Hooks) -> bool:
        """Let the application's onconflict decide: does the version that came win?"""
        method = "delete" if record.deleted else "update"
        item = item_of(self.site, table, record, "merge" if record.replaced_by else method,
                       Values(python_values(self.site, table, row.values), id=row.id, uuid=row.uuid, mci=row.mci),
                       strategy=sorted(policies.strategy), update_policy=policies.update, conflict_policy=policies.conflict)
        item.data.update(uuid=record.uuid, deleted=record.deleted)
        item.conflict = True
        call(hooks.onconflict, item, self.repository, Values(tablename=table.name, table=table.dal_table), tablename=table.name)
        return not item.conflict

    def _write(self, table: TableMap, items: list[Item]) -> list[Outcome]:
        site = self.site
        changing = [i for i in items if i.decision.writes]
        ending = [i for i in items if i.decision.method == "delete"]
        writer = Writer(site, table, [(i.record, i.row) for i in changing])
        resolver = writer.resolver
        failed = writer.write()
        ender = Ender(site, table, self.origin, self.repository_id)
        failed.update(ender.end([(i.record, i.row) for i in ending if i.row is not None]))
        writer.digests.update(ender.digests)
        writer.modified.update(ender.modified)
        done = [i for i in items if i.uuid not in failed]
        lacks = [i for i in changing if i.record.lacks]
        before = attachments.attempts(site, table.name, [i.uuid for i in lacks]) if lacks else {}
        written = [i.uuid for i in [*changing, *ending] if i.uuid not in failed]
        if written:
            waiting.forget(site, table.name, written)
        missing = [m for m in resolver.missing if m[0] not in failed or m[0] in resolver.blocked] + ender.missing
        if missing:
            waiting.remember(site, table.name, missing, self.repository_id)
        if lacks:
            taken = [i.record for i in lacks if i.uuid not in failed or i.uuid in resolver.blocked]
            missing = missing + attachments.lacked(site, table.name, taken, before, self.repository_id)
        waiting.arrived(site, table, [uuid for uuid in writer.created if uuid not in failed])
        settle(site, table, done, writer, self.origin)
        contest(site, table, done, Source(self.repository_id, self.task_id, self.policies.conflict))
        outcomes = []
        waits: dict[str, list[tuple[str, str]]] = {}
        for uuid, _, target, target_uuid in missing:
            waits.setdefault(uuid, []).append((target, target_uuid))
        waits = {uuid: list(dict.fromkeys(found)) for uuid, found in waits.items()}
        idle = [i.uuid for i in items if i.decision.result == "unchanged"]
        for uuid, still in waiting.of(site, table.name, idle):
            waits.setdefault(uuid, []).append(still)
        for item in items:
            decision, uuid = item.decision, item.uuid
            lacking = attachments.reason_of(item.record) if item.record.lacks and uuid in writer.values else ""
            if uuid in failed:
                code = writer.codes.get(uuid) or ender.codes.get(uuid, "reference" if uuid in resolver.blocked else "database")
                outcomes.append(Outcome(table.name, uuid, "rejected", failed[uuid], code, missing=tuple(waits.get(uuid, ()))))
            else:
                outcomes.append(Outcome(table.name, uuid, decision.result, lacking or decision.reason,
                                        "file" if lacking else "", decision.conflict, decision.winner,
                                        tuple(waits.get(uuid, ()))))
        return outcomes


def mine_values(row: StoredRow | None) -> dict[str, object]:
    """Values of the row here, against which a record that mentions only some fields is ranked."""
    return row.values if row is not None else {}
