"""Changed records to a plain Eden: read first what would be overwritten, then send what still differs."""
from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from io import BytesIO

from ..s3xml.record import Record
from ..s3xml.writer import DocumentWriter
from . import alias, conflicts, quarantine
from .agree import UNSEEN, Agreement
from .apply import Applier
from .export import Exporter
from .flatten import flatten
from .outcome import Outcome
from .peer import Peer, Task
from .plain import PlainWriter
from .progress import Step
from .pull import chunks
from .repository import tasks
from .scope import covered, scope
from .site import Site
from .transfer import Transfer

#: records named in the URL of one read
READ = 40

STAMP = "%Y-%m-%dT%H:%M:%S"


class PlainPusher(Transfer):
    """Pushes one task to a plain Eden.

    It cannot be told which version we saw: what is edited there between our read and our write is overwritten.
    """

    def __init__(self, site: Site, peer: Peer, repository_id: int, repository_uuid: str, task: Task, step: Step) -> None:
        super().__init__(site, peer, repository_id, repository_uuid, task, step)
        self.exporter = Exporter(site)
        self.agreement = Agreement(site, repository_id, repository_uuid)
        self.agreement.source = peer.file
        self.applier = Applier(site, repository_id, repository_uuid, task.policies, task.id)
        self.applier.covered = covered(site, task) if site.host.carries(task.resource) else frozenset()
        self._stamps: dict[tuple[str, str], str] = {}       # modified_on at the peer
        #: by table and own uuid, the uuid the peer has a record under that was found to be the same
        self._named: dict[tuple[str, str], str] = {}
        self._tended: frozenset[str] | None = None          # tables of the tasks with this repository

    def run(self) -> None:
        """Push all changes."""
        site = self.site
        tables = scope(site, self.task)
        for name, _ in tables:
            while not self.exporter.refresh(name, site.settings.batch_size):
                self.step.run.beat()
        for name, condition in tables:
            condition, after = self._belonging(name, condition, [n for n, _ in tables]), 0
            while True:
                found = self.agreement.differing(name, condition, after, READ)
                site.db.commit()
                if not found:
                    break
                after = found[-1][0]
                self._group(name, [uuid for _, uuid in found])

    def _belonging(self, name: str, condition: str, tables: list[str]) -> str:
        """The condition on rows of a component's table, without those that belong to no master: Eden would not send them.

        What the peer has is still told that it belongs nowhere now.
        """
        keys = {part.fkey for parent in tables for part in self.site.host.components(parent) if part.table == name}
        if name == self.task.resource or not keys:
            return condition
        columns = [*(f'"{name}"."{key}"' for key in sorted(keys)), '"sync_agreed"."record_uuid"']
        belongs = " OR ".join(f"{column} IS NOT NULL" for column in columns)
        return f"({condition}) AND ({belongs})" if condition else f"({belongs})"

    def _group(self, name: str, uuids: list[str]) -> None:
        """Send those of these records that still differ after a look at the peer."""
        site = self.site
        there = self._read(name, uuids)
        known = self.agreement.known(name, uuids)
        versions = site.index.versions(name, uuids)
        # It has taken this very version and shows nothing of it: of what is deleted, because it has deleted it for good or never
        # had it; of what it has never shown, because it keeps such records to itself, or under a name of its own. The latter is
        # sent once more before that is believed: it may have lost it. What it did show before it has lost for sure.
        silent = {u: v for u, v in versions.items() if u not in there and u in known
                  and known[u].sent_digest == v.digest != known[u].local}
        self.agreement.unseen(name, [u for u, v in silent.items() if not v.deleted and known[u].remote is None])
        gone = {u: v for u, v in silent.items() if v.deleted or known[u].remote == UNSEEN}
        if gone:
            known.update(self.agreement.absent(name, gone))
            self.step.counts.hide(f"{name} {u}" for u, v in gone.items() if not v.deleted)
        bad = quarantine.holds(site, self.repository_id, "pull", name, uuids)       # edits there that we could not take
        bad |= conflicts.waiting_for_a_person(site, name, uuids)
        left = [u for u in uuids if u in versions and u not in bad and (u not in known or known[u].local != versions[u].digest)]
        records = [r for r in self.exporter.chosen(name, left)
                   if not (r.deleted and str(r.uuid) not in known)]         # it never had what is deleted here
        outcomes: list[Outcome] = []
        if records:
            # Components go as resources of their own: nested in their master Eden would ignore those deleted.
            receipt = self.peer.push(replace(self.task, resource=name), self._document(records, name))
            self.step.bytes += receipt.bytes
            own = {(table, there): uuid for (table, uuid), there in self._named.items()}
            said = [o._replace(uuid=own.get((o.table, o.uuid), o.uuid)) for o in receipt.outcomes or ()]
            refused = {(o.table, o.uuid): o for o in said}
            outcomes = [refused.get((name, str(r.uuid))) or Outcome(name, str(r.uuid), self._fate(r, known)) for r in records]
            self.agreement.sent(name, [r for r in records if (name, str(r.uuid)) not in refused])
            by_uuid = {r.uuid: r for r in records}
            quarantine.keep(site, self.repository_id, self.task.id, "push",
                            [(by_uuid[o.uuid], o) for o in outcomes if o.result == "rejected"])
            quarantine.release(site, self.repository_id, "push", name, [o.uuid for o in outcomes if o.result != "rejected"])
        self.step.batch(outcomes)
        self.step.run.commit()

    @staticmethod
    def _fate(record: Record, known: object) -> str:
        """What a plain Eden will have done; it is agreed only when a later read shows it."""
        if record.deleted:
            return "deleted"
        return "updated" if str(record.uuid) in known else "created"  # type: ignore[operator]

    def _read(self, name: str, uuids: list[str]) -> set[str]:
        """Take as news what the peer has of these records; which they are."""
        others = alias.elsewhere(self.site, name, uuids)
        batch = self.peer.fetch(name, [*uuids, *others])
        there: set[str] = set()
        self.step.bytes += batch.bytes
        try:
            for group in chunks((r for r in flatten(self.site, batch.records) if r.table == name), self.site.settings.batch_size):
                for record in group:
                    uuid = others.get(str(record.uuid), str(record.uuid))
                    there.add(uuid)
                    if uuid != record.uuid:
                        self._named[name, uuid] = str(record.uuid)
                    if record.uuid and record.modified_on:
                        self._stamps[name, uuid] = record.modified_on
                news, _ = self.agreement.news(name, group)
                found = self.applier.apply(name, news)
                self.agreement.settle(name, news, found)
                by_uuid = {r.uuid: r for r in news}
                quarantine.keep(self.site, self.repository_id, self.task.id, "pull",
                                [(by_uuid.get(o.uuid), o) for o in found if o.result == "rejected"])
                quarantine.release(self.site, self.repository_id, "pull", name,
                                   [o.uuid for o in found if o.result != "rejected"])
                self.site.db.commit()
        finally:
            batch.close()
        return there

    def _document(self, records: list[Record], name: str) -> bytes:
        """The records and what they refer to."""
        for record in records:
            there = self._stamps.get((name, str(record.uuid)))
            if there and (record.modified_on or "") <= there:       # ours has won: its NEWER must see it that way
                record.modified_on = (datetime.strptime(there, STAMP) + timedelta(seconds=1)).strftime(STAMP)
        self._ask_for_names(records, name)
        target = BytesIO()
        root = {"success": "true", "results": str(len(records))}
        if self.site.host.domain:
            root["domain"] = self.site.host.domain
        with DocumentWriter(target, root) as document:
            writer = PlainWriter(self.site, document, self._named)
            writer.write(records)
            writer.dependencies(self.exporter, self.site.settings.batch_size, self._lacking)
        return target.getvalue()

    def _ask_for_names(self, records: list[Record], name: str) -> None:
        """Find out under which uuids the peer has what these records refer to, where other sites know it by others."""
        table = self.site.table(name)
        wanted: dict[str, set[str]] = {}
        for field, target in [*table.references.items(), *table.list_references.items()]:
            for record in records:
                value = record.values.get(field)
                if value:
                    uuids = wanted.setdefault((record.instances or {}).get(field, target), set())
                    uuids.update([value] if isinstance(value, str) else value)
        for target, uuids in wanted.items():
            others = alias.elsewhere(self.site, target, uuids)
            unknown = [there for there, uuid in others.items() if (target, uuid) not in self._named]
            for start in range(0, len(unknown), READ):
                batch = self.peer.fetch(target, unknown[start:start + READ])
                try:
                    for record in batch.records:
                        if record.table == target and record.uuid in others:
                            self._named[target, others[record.uuid]] = record.uuid
                finally:
                    batch.close()

    def _lacking(self, table: str, uuids: set[str]) -> set[str]:
        """Those of these records that are not known to be there, and those that no task looks after.

        What is there is never sent unread: it may have been edited.
        """
        if self._tended is None:
            found = [t for t in tasks(self.site.db, self.repository_id)
                     if self.site.host.carries(t.resource) and (t.pulls or t.pushes)]
            self._tended = frozenset(name for task in found for name in covered(self.site, task))
        uuids = {uuid for uuid in uuids if (table, uuid) not in self._named}
        return uuids - set(self.agreement.known(table, uuids)) if uuids and table in self._tended else uuids
