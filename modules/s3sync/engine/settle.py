"""What is noted of records that were decided about: their versions, and conflicts."""
from __future__ import annotations

import json
from typing import NamedTuple

from ..hosts.table import TableMap
from ..index.digest import deletion_digest, digest
from ..index.vector import increment, merge, parse
from ..index.version import Note
from . import conflicts
from .decide import Action, Settle
from .item import Item
from .site import Site
from .write import Writer


class Source(NamedTuple):
    """Where the records of a batch came from, for entries about conflicts."""

    repository_id: int | None
    task_id: int | None
    conflict_policy: str


def settle(site: Site, table: TableMap, items: list[Item], writer: Writer, origin_uuid: str) -> None:
    """Write the versions that the decisions about records from a site lead to."""
    own = site.index.key(table.name)
    theirs_win, mine_win, decided, unwritten = Settle.THEIRS, Settle.MINE, Settle.DECIDED, (Action.NOTHING, Action.KEEP)
    notes = []
    for item in items:
        decision, version, record, theirs = item.decision, item.version, item.record, item.theirs
        if decision.settle is mine_win:
            continue
        mine = version.vector if version else ""
        vector = theirs if decision.settle is theirs_win and theirs else merge(mine, theirs)
        if decision.settle is decided:
            vector = increment(vector, own)
        if not vector:                                  # the peer keeps no versions and nobody gave it one
            vector = increment("", own)
        if version is None or decision.action not in unwritten:
            current = writer.digests.get(item.uuid) or (
                deletion_digest(record.replaced_by) if record.deleted else digest(record.values))
            modified = writer.modified.get(item.uuid, record.modified_on)
        elif vector == version.vector:
            continue                                    # nothing new
        else:
            current, modified = version.digest, version.modified_on
        origin = origin_uuid if vector == theirs else None
        if own in theirs and parse(theirs).get(own, 0) > parse(mine).get(own, 0):
            origin = None                               # an edit of ours: corrected in quarantine, or lost
        notes.append(Note(item.uuid, current, vector, origin, modified))
    site.index.note(table.name, notes)


def contest(site: Site, table: TableMap, items: list[Item], source: Source) -> None:
    """Record conflicts, and close those that are over."""
    rows, mine_win = [], Settle.MINE
    conflicts.close(site, table.name, [i.uuid for i in items if not i.decision.conflict and i.decision.settle is not mine_win])
    gone = {i.uuid: i.theirs for i in items if i.record.deleted and i.theirs and i.decision.action is Action.NOTHING}
    if gone:
        conflicts.foreseen(site, table.name, gone)
    conflicts.forget(site, table.name, [i.uuid for i in items if i.decision.conflict])
    for item in items:
        if not item.decision.conflict:
            continue
        record, row, version = item.record, item.row, item.version
        mine = _dump(row.values, row.deleted) if row is not None else _dump({}, True)
        modified = row.modified_on if row is not None else version.modified_on if version else None
        rows.append((source.repository_id, source.task_id, table.name, item.uuid, mine,
                     _dump(item.values, record.deleted), item.version.vector if item.version else "", item.theirs,
                     _stamp(modified), _stamp(record.modified_on), source.conflict_policy, item.decision.winner,
                     "settled" if item.decision.winner else "open", site.now().isoformat(" ")[:19]))
    site.db.insert("sync_conflict", (
        "repository_id", "task_id", "tablename", "record_uuid", "mine", "theirs", "mine_vector", "theirs_vector",
        "mine_modified_on", "theirs_modified_on", "policy", "winner", "status", "found_on"), rows)


def _dump(values: dict[str, object], deleted: bool) -> str:
    return json.dumps(None if deleted else values, ensure_ascii=False, sort_keys=True)


def _stamp(value: str | None) -> str | None:
    return value.replace("T", " ") if value else None
