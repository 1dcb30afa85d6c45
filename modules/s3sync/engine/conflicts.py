"""Conflicts that wait for a person, and what the person decides (G5)."""
from __future__ import annotations

import json
from typing import Any, Iterable, Mapping

from ..errors import ConfigurationError, RecordError
from ..index.vector import dump, increment, merge, parse
from ..s3xml.record import Record
from .site import Site

MINE, THEIRS = "mine", "theirs"


def waiting_for_a_person(site: Site, table: str, uuids: Iterable[str]) -> set[str]:
    """Which of these records are in a conflict that nobody has decided yet."""
    return {row[0] for row in site.db.rows_in(
        'SELECT "record_uuid" FROM "sync_conflict" WHERE "tablename" = ? AND "status" = ? AND "record_uuid" IN ({})', uuids,
        [table, "open"])}


def close(site: Site, table: str, uuids: Iterable[str]) -> None:
    """These records were written with a version that contains both sides: somebody has decided elsewhere."""
    site.db.execute_in("""UPDATE "sync_conflict" SET "status" = 'resolved', "winner" = 'theirs' WHERE "tablename" = ? """
                       """AND "status" = 'open' AND "record_uuid" IN ({})""", uuids, [table])


def forget(site: Site, table: str, uuids: Iterable[str]) -> None:
    """These records are in conflict again: the entry that waits is replaced by a new one."""
    site.db.execute_in("""DELETE FROM "sync_conflict" WHERE "tablename" = ? AND "status" = 'open' AND "record_uuid" IN ({})""",
                       uuids, [table])


def resolve(site: Site, conflict_id: int, choice: str | Mapping[str, Any]) -> str:
    """Decide a conflict; the decision contains both versions, travels to the other sites and ends the conflict there.

    Parameters
    ----------
    conflict_id : id of the entry in sync_conflict, open or settled (then the decision of the policy is changed)
    choice : "mine" (the record as it now stands here), "theirs" (the version that came), or a mapping of field names to
        "mine" or "theirs"; fields that are not mentioned stay as they are here

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
    rows = site.db.rows('SELECT "tablename", "record_uuid", "theirs", "theirs_vector", "repository_id" FROM "sync_conflict" '
                        'WHERE "id" = ?', [conflict_id])
    if not rows:
        raise ConfigurationError(f"there is no conflict {conflict_id}")
    name, uuid, theirs, theirs_vector, repository_id = rows[0]
    table = site.table(name)
    site.index.lock(name)
    found = table.by_uuid([uuid], lock=True)
    site.index.canonical(table, list(found.values()))
    versions = {**site.index.look(table, list(found.values())), **site.index.absent(name, [uuid] if uuid not in found else [])}
    row, version = found.get(uuid), versions.get(uuid)
    values = _chosen(choice, row.values if row is not None and not row.deleted else None, json.loads(theirs or "null"),
                     table.schema.by_name)
    vector = increment(merge(version.vector if version else "", theirs_vector or ""), site.index.site)
    record = Record(name, uuid, values or {}, deleted=values is None, modified_on=site.now().isoformat()[:19],
                    mci=row.mci if row is not None else 0, vector=dump(parse(vector)))
    from .apply import Applier  # which keeps conflicts, and so needs this module
    from .decide import Policies
    outcome, = Applier(site, repository_id, "", Policies(update="OTHER", conflict="OTHER")).apply(name, [record])
    if outcome.result == "rejected":
        site.rollback()
        raise RecordError(outcome.reason)
    winner = choice if isinstance(choice, str) else "merged"
    site.db.execute('UPDATE "sync_conflict" SET "status" = ?, "winner" = ? WHERE "tablename" = ? AND "record_uuid" = ? '
                    'AND ("id" = ? OR "status" = ?)', ["resolved", winner[:8], name, uuid, conflict_id, "open"])
    site.db.commit()
    return outcome.result


def _chosen(choice: str | Mapping[str, Any], mine: dict[str, Any] | None, theirs: dict[str, Any] | None,
            fields: Mapping[str, Any]) -> dict[str, Any] | None:
    """The values decided on; None for a deletion."""
    if choice == MINE:
        return mine
    if choice == THEIRS:
        return theirs if theirs is None or mine is None else {**mine, **theirs}
    if isinstance(choice, str) or mine is None or theirs is None:
        raise ConfigurationError(f"{choice!r} is no choice here", hint="Choose mine or theirs; of two records also by field")
    wrong = [f for f, side in choice.items() if f not in fields or side not in (MINE, THEIRS)]
    if wrong:
        raise ConfigurationError(f"{wrong[0]!r} is no field, or neither mine nor theirs was chosen for it")
    return {**mine, **{f: theirs[f] for f, side in choice.items() if side == THEIRS and f in theirs}}
