"""Conflicts that wait for a person, and what the person decides (G5)."""
from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Iterable, Mapping, NamedTuple

from ..errors import ConfigurationError, RecordError
from ..hosts.table import TableMap
from ..index.moment import to_datetime
from ..index.vector import dump, increment, merge, parse
from ..s3xml.record import Record, Upload
from .listing import Listing, label, labels, listing, words
from .site import Site

MINE, THEIRS = "mine", "theirs"

#: instead of a policy: a deletion has taken along a record that its author may not have seen
CASCADE = "CASCADE"

#: columns of an entry, in order of `Conflict`'s attributes
COLUMNS = ("id", "repository_id", "task_id", "tablename", "record_uuid", "policy", "winner", "status", "found_on", "decided_on",
           "decided_by")


@dataclass(frozen=True)
class Conflict:
    """An entry of sync_conflict.

    Attributes
    ----------
    label : what the record is called
    policy : of the task that found it; CASCADE and AGAIN are explained in docs/discussion/how-it-works.md
    winner : "mine", "theirs", "merged"; empty while it is open
    status : "open" (waits for a person), "settled" (by policy), "resolved" (by a person)
    decided_by : id of the user, None if it was decided at another site
    """

    id: int
    repository_id: int | None
    task_id: int | None
    table: str
    uuid: str
    label: str
    policy: str
    winner: str
    status: str
    found_on: datetime | None
    decided_on: datetime | None
    decided_by: int | None


class Side(NamedTuple):
    """One field of a record in conflict, as people read it: here when the conflict was found, there, and here at present."""

    name: str
    label: str
    mine: str
    theirs: str
    now: str
    different: bool          #: mine and theirs are not the same


@dataclass(frozen=True)
class Details:
    """Both versions of a record in conflict, field by field. `by_field`: it may be decided field by field."""

    conflict: Conflict
    mine_modified_on: datetime | None
    theirs_modified_on: datetime | None
    mine_deleted: bool
    theirs_deleted: bool
    fields: list[Side]

    @property
    def by_field(self) -> bool:
        return not (self.mine_deleted or self.theirs_deleted)


def count(site: Site, repository_id: int | None = None, task_id: int | None = None) -> int:
    """Conflicts that wait for a person."""
    return listed(site, repository_id, task_id, limit=0).total


def listed(site: Site, repository_id: int | None = None, task_id: int | None = None, status: str | None = "open",
           limit: int = 50, offset: int = 0) -> Listing[Conflict]:
    """Conflicts, newest first; `status` None for all of them."""
    total, rows = listing(site, "sync_conflict", COLUMNS, {"repository_id": repository_id, "task_id": task_id, "status": status},
                          '"id" DESC', limit, offset)
    known = labels(site, ((row[3], row[4]) for row in rows))
    return Listing(total, [_conflict(row, known.get((row[3], row[4]), row[4])) for row in rows])


def _conflict(row: Any, called: str) -> Conflict:
    return Conflict(int(row[0]), row[1], row[2], row[3], row[4], called, row[5] or "", row[6] or "", row[7] or "",
                    to_datetime(row[8]), to_datetime(row[9]), row[10])


def details(site: Site, conflict_id: int) -> Details:
    """Both versions of a record; raises ConfigurationError if there is no such conflict, UnknownResource if no such table."""
    more = ("mine", "theirs", "mine_modified_on", "theirs_modified_on")
    _, rows = listing(site, "sync_conflict", (*COLUMNS, *more), {"id": conflict_id}, '"id"', 1, 0)
    if not rows:
        raise ConfigurationError(f"there is no conflict {conflict_id}")
    row = rows[0]
    name, uuid, last = row[3], row[4], len(COLUMNS)
    table = site.table(name)
    mine, theirs = _values(table, row[last]), _values(table, row[last + 1])
    stored = site.index.canonical(table, list(table.by_uuid([uuid]).values()))
    now = stored[0].values if stored and not stored[0].deleted else {}
    fields = []
    for field in sorted({*(mine or ()), *(theirs or ())} & set(table.schema.by_name)):
        # what theirs does not mention stays as it is here
        there = theirs.get(field, (mine or {}).get(field)) if theirs is not None else None
        here = (mine or {}).get(field)
        mine_text, their_text, now_text = (words(site, name, field, value) for value in (here, there, now.get(field)))
        fields.append(Side(field, str(table.dal_table[field].label), mine_text, their_text, now_text, here != there))
    called = label(now or mine or theirs, uuid)
    return Details(_conflict(row, called), to_datetime(row[last + 2]), to_datetime(row[last + 3]), mine is None,
                   theirs is None, fields)


def _values(table: TableMap, text: str | None) -> dict[str, Any] | None:
    """Canonical values as they were kept; None for a deleted record."""
    values: dict[str, Any] | None = json.loads(text or "null")
    for name in table.uploads:
        if values and isinstance(values.get(name), list):
            values[name] = Upload(*values[name])
    return values


def waiting_for_a_person(site: Site, table: str, uuids: Iterable[str]) -> set[str]:
    """Which of these records are in a conflict that nobody has decided yet."""
    return {row[0] for row in site.db.rows_in(
        'SELECT "record_uuid" FROM "sync_conflict" WHERE "tablename" = ? AND "status" = ? AND "record_uuid" IN ({})', uuids,
        [table, "open"])}


def close(site: Site, table: str, uuids: Iterable[str]) -> None:
    """These records were written with a version that contains both sides: somebody has decided elsewhere."""
    now = site.now().isoformat(" ")[:19]
    site.db.execute_in("""UPDATE "sync_conflict" SET "status" = 'resolved', "winner" = 'theirs', "decided_on" = ? """
                       """WHERE "tablename" = ? AND "status" = 'open' AND "record_uuid" IN ({})""", uuids, [now, table])


def foreseen(site: Site, table: str, deletions: Mapping[str, str]) -> None:
    """Deletions arrive (vectors by uuid) of records that had gone before, with others to which they belonged.

    If whoever deleted those has deleted these as well, knowing the version that was kept, and nobody else had a hand in it,
    then there was no conflict.
    """
    needless = []
    for number, uuid, kept, author in site.db.rows_in(
            'SELECT "id", "record_uuid", "mine_vector", "author" FROM "sync_conflict" WHERE "tablename" = ? AND "policy" = ? '
            'AND "record_uuid" IN ({})', deletions, [table, CASCADE]):
        theirs, before = parse(deletions[uuid]), parse(kept)
        if {**before, author: theirs.get(author, 0)} == theirs and theirs.get(author, 0) > before.get(author, 0):
            needless.append(number)
    site.db.execute_in('DELETE FROM "sync_conflict" WHERE "id" IN ({})', needless)


def forget(site: Site, table: str, uuids: Iterable[str]) -> None:
    """These records are in conflict again: the entry that waits is replaced by a new one."""
    site.db.execute_in("""DELETE FROM "sync_conflict" WHERE "tablename" = ? AND "status" = 'open' AND "record_uuid" IN ({})""",
                       uuids, [table])


def resolve(site: Site, conflict_id: int, choice: str | Mapping[str, Any], user_id: int | None = None) -> str:
    """Decide a conflict; the decision contains both versions, travels to the other sites and ends the conflict there.

    Parameters
    ----------
    conflict_id : id of the entry in sync_conflict, open or settled (then the decision of the policy is changed)
    choice : "mine", "theirs" (the version that came), or a mapping of field names to "mine" or "theirs"; fields that are not
        mentioned stay as they are here. "mine" is the record as it now stands here; in a settled conflict, where theirs may
        have replaced it, the version that was kept.
    user_id : who decides

    Returns
    -------
    str
        What became of the record here, one of `s3sync.engine.outcome.RESULTS`.

    Raises
    ------
    ConfigurationError
        There is no such conflict, or the choice is none.
    RecordError
        The record cannot be stored that way; nothing was changed.
    """
    rows = site.db.rows('SELECT "tablename", "record_uuid", "theirs", "theirs_vector", "repository_id", "mine", "status" '
                        'FROM "sync_conflict" WHERE "id" = ?', [conflict_id])
    if not rows:
        raise ConfigurationError(f"there is no conflict {conflict_id}")
    name, uuid, theirs, theirs_vector, repository_id, mine, status = rows[0]
    table = site.table(name)
    site.index.lock(name)
    found = table.by_uuid([uuid], lock=True)
    site.index.canonical(table, list(found.values()))
    versions = {**site.index.look(table, list(found.values())), **site.index.absent(name, [uuid] if uuid not in found else [])}
    row, version = found.get(uuid), versions.get(uuid)
    now = row.values if row is not None and not row.deleted else None
    values = _chosen(choice, now, now if status == "open" else _values(table, mine), _values(table, theirs), table.schema.by_name)
    vector = increment(merge(version.vector if version else "", theirs_vector or ""), site.index.key(name))
    record = Record(name, uuid, values or {}, deleted=values is None, modified_on=site.now().isoformat()[:19],
                    mci=row.mci if row is not None else 0, vector=dump(parse(vector)))
    from .apply import Applier  # which keeps conflicts, and so needs this module
    from .decide import Policies
    outcome, = Applier(site, repository_id, "", Policies(update="OTHER", conflict="OTHER")).apply(name, [record])
    if outcome.result == "rejected":
        site.rollback()
        raise RecordError(outcome.reason)
    winner = choice if isinstance(choice, str) else "merged"
    site.db.execute('UPDATE "sync_conflict" SET "status" = ?, "winner" = ?, "decided_on" = ?, "decided_by" = ? '
                    'WHERE "tablename" = ? AND "record_uuid" = ? AND ("id" = ? OR "status" = ?)',
                    ["resolved", winner[:8], site.now().isoformat(" ")[:19], user_id, name, uuid, conflict_id, "open"])
    site.db.commit()
    return outcome.result


def _chosen(choice: str | Mapping[str, Any], now: dict[str, Any] | None, mine: dict[str, Any] | None,
            theirs: dict[str, Any] | None, fields: Mapping[str, Any]) -> dict[str, Any] | None:
    """The values decided on, from those as they stand now and the two versions; None for a deletion."""
    if choice == MINE:
        return mine
    if choice == THEIRS:
        return theirs if theirs is None or mine is None else {**(now or mine), **theirs}
    if isinstance(choice, str) or mine is None or theirs is None:
        raise ConfigurationError(f"{choice!r} is no choice here", hint="Choose mine or theirs; of two records also by field")
    wrong = [f for f, side in choice.items() if f not in fields or side not in (MINE, THEIRS)]
    if wrong:
        raise ConfigurationError(f"{wrong[0]!r} is no field, or neither mine nor theirs was chosen for it")
    sides = {MINE: mine, THEIRS: theirs}
    return {**(now or mine), **{f: sides[side][f] for f, side in choice.items() if f in sides[side]}}
