"""What applying a batch would lead to: matched, decided and checked as in earnest, written nowhere.

The application's onvalidation, deduplicate and onconflict are asked, for they decide; onaccept and ondelete are not called.
What only the database itself would refuse is not foreseen.
"""
from __future__ import annotations

from typing import Any

from ..hosts.callback import HookError
from ..hosts.table import TableMap
from .apply import Applier
from .decide import Action
from .end import Ender
from .item import Item
from .listing import label, words
from .outcome import Outcome
from .write import Writer

#: code of a record that could be stored if what it refers to were there
BLOCKED = "reference"

#: fields of one record whose changes are told
FIELDS = 30

Change = tuple[str, str, str]       #: field, before, after: as people read them


class Forecaster(Applier):
    """Foretells outcomes. To be used within `Site.trial`.

    A record that would have to wait for what it refers to is told with the result it would have then, the code BLOCKED and
    what is `missing`.

    Attributes
    ----------
    changes : by (table, uuid) what would change, for the first `telling` records that would
    labels : by (table, uuid) what those records are called
    """

    telling = 0

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.changes: dict[tuple[str, str], list[Change]] = {}
        self.labels: dict[tuple[str, str], str] = {}

    def _write(self, table: TableMap, items: list[Item]) -> list[Outcome]:
        for item in items:                       # files are neither fetched nor copied
            item.record.values = {n: v for n, v in item.record.values.items() if n not in table.uploads}
            item.record.lacks = None
        changing = [i for i in items if i.decision.writes]
        writer = Writer(self.site, table, [(i.record, i.row) for i in changing])
        refused: dict[str, tuple[str, str]] = {}
        if writer.hooks.onvalidation or writer.hooks.create_onvalidation or writer.hooks.update_onvalidation:
            for item in changing:
                if item.uuid not in writer.resolver.blocked:
                    try:
                        with self.site.db.savepoint():
                            writer.single.validated(item.record, item.row)
                    except HookError as error:
                        refused[item.uuid] = (str(error), "callback")
        ender = Ender(self.site, table, self.origin, self.repository_id)
        ending = [(i.record, i.row) for i in items if i.row is not None and i.decision.method == "delete"]
        for uuid, reason in ender.forbidden(ending).items():
            if ender.codes[uuid] != BLOCKED:
                refused[uuid] = (reason, ender.codes[uuid])
        missing: dict[str, list[tuple[str, str]]] = {}
        for uuid, _, target, target_uuid in [*writer.resolver.missing, *ender.missing]:
            missing.setdefault(uuid, []).append((target, target_uuid))
        outcomes = []
        for item in items:
            uuid, decision = item.uuid, item.decision
            if uuid in refused:
                outcomes.append(Outcome(table.name, uuid, "rejected", *refused[uuid]))
                continue
            blocked = uuid in writer.resolver.blocked or ender.codes.get(uuid) == BLOCKED
            reason = writer.resolver.blocked.get(uuid, decision.reason)
            outcomes.append(Outcome(table.name, uuid, decision.result, reason, BLOCKED if blocked else "",
                                    decision.conflict, decision.winner, tuple(missing.get(uuid, ()))))
            if decision.action is not Action.NOTHING or decision.conflict:
                self._tell(table, item)
        return outcomes

    def _tell(self, table: TableMap, item: Item) -> None:
        """Remember what would change in a record."""
        if len(self.changes) >= self.telling:
            return
        before = item.row.values if item.row is not None and not item.row.deleted else {}
        after: dict[str, Any] = {} if item.record.deleted else item.values
        names = [n for n in (before if item.record.deleted else after)
                 if n in table.schema.by_name and n not in table.uploads and before.get(n) != after.get(n)]
        key = (table.name, item.uuid)
        self.changes[key] = [(n, words(self.site, table.name, n, before.get(n)), words(self.site, table.name, n, after.get(n)))
                             for n in sorted(names)[:FIELDS]]
        self.labels[key] = label(before or after, item.uuid)
