"""Deletions and merges as the application itself does them (S3XML §10.5): softly where it can, with all that hangs on them."""
from __future__ import annotations

import json
from typing import Any, Mapping, Sequence

from ..hosts.callback import HookError, Values, call
from ..hosts.table import StoredRow, TableMap
from ..index.digest import deletion_digest
from ..index.vector import parse
from ..index.version import Version
from ..s3xml.record import Record
from .conflicts import CASCADE
from .referring import Place, places, relink, rows_by_id, rows_referring
from .resolve import python_values
from .site import Site

Pair = tuple[Record, StoredRow]

#: code of a deletion that rows referring to the record forbid for now
RESTRICTED = "restricted"


class Ender:
    """Deletes and merges records of one table.

    Attributes
    ----------
    digests, modified : digest and modified_on of the records as they now stand, by uuid
    codes : of those that failed
    missing : references that a merge waits for: the records into which others are to be merged
    """

    def __init__(self, site: Site, table: TableMap, origin: str = "", repository_id: int | None = None) -> None:
        self.site = site
        self.table = table
        self.origin = origin                     # the repository that the deletions come from
        self.repository_id = repository_id
        self.hooks = site.host.hooks(table.name)
        self.digests: dict[str, str] = {}
        self.modified: dict[str, str | None] = {}
        self.codes: dict[str, str] = {}
        self.missing: list[tuple[str, str, str, str]] = []
        self.author = ""                         # whose deletion it is that takes other records along, as vectors name it
        self._replacements: dict[str, tuple[int, str]] = {}      # by uuid of the record replaced: id and uuid
        self._places: dict[str, list[Place]] = {}

    def end(self, pairs: Sequence[Pair]) -> dict[str, str]:
        """End all records; reasons by uuid for those that could not."""
        failed = self._find_replacements(pairs)
        rest = [(record, row) for record, row in pairs if record.uuid not in failed]
        if not rest:
            return failed
        plain = [] if self.hooks.around_deletions or not self.table.soft_delete else self._unreferenced(rest)
        known = {id(record) for record, _ in plain}
        failed.update(self._attempt(plain, self._archive))
        for pair in rest:
            if id(pair[0]) not in known:
                failed.update(self._attempt([pair], self._one))
        for record, _ in rest:
            uuid = str(record.uuid)
            if uuid not in failed:
                replacement = self._replacements.get(uuid)
                self.digests[uuid] = deletion_digest(replacement[1] if replacement else None)
                self.modified.setdefault(uuid, record.modified_on)
        self.site.host.ended(self.table.name, [row.id for record, row in rest if record.uuid not in failed])
        return failed

    def forbidden(self, pairs: Sequence[Pair]) -> dict[str, str]:
        """Reasons by uuid for those that cannot be ended now, found out without ending any."""
        failed = self._find_replacements(pairs)
        for record, row in pairs:
            uuid = str(record.uuid)
            if uuid not in failed and uuid not in self._replacements:
                keys = {entity: list(numbers) for entity, numbers in self._identities({row.id}).items()}
                try:
                    affected(self.site, keys, {(self.table.name, row.id)})
                except Restricted as problem:
                    failed[uuid], self.codes[uuid] = str(problem), RESTRICTED
        return failed

    def _attempt(self, pairs: Sequence[Pair], work: Any) -> dict[str, str]:
        if not pairs:
            return {}
        try:
            with self.site.db.savepoint():
                work(pairs)
            return {}
        except (self.site.db.driver_error, HookError) as problem:
            if not isinstance(problem, HookError) and self.site.db.transient(problem):
                raise
            if len(pairs) == 1:
                uuid = str(pairs[0][0].uuid)
                self.codes[uuid] = RESTRICTED if isinstance(problem, Restricted) else "database"
                return {uuid: str(problem).strip() or type(problem).__name__}
        failed: dict[str, str] = {}
        for pair in pairs:
            failed.update(self._attempt([pair], work))
        return failed

    # --- merges -----------------------------------------------------------------------------------------------

    def _find_replacements(self, pairs: Sequence[Pair]) -> dict[str, str]:
        """The records into which others are merged; a merge waits until that record is here."""
        wanted = {str(r.uuid): r.replaced_by for r, _ in pairs if r.replaced_by}
        if not wanted:
            return {}
        table = self.table
        rows = table.by_uuid([u for u in wanted.values() if u], lock=True)
        gone = self.site.index.versions(table.name, [u for u in wanted.values() if u and u not in rows])
        failed = {}
        for uuid, target in wanted.items():
            row = self._last(rows.get(str(target)))
            if row is not None and row.uuid != uuid:
                self._replacements[uuid] = (row.id, row.uuid)
            elif target not in rows and target not in gone:
                failed[uuid] = f"{table.name} {target}, into which it was merged, has not arrived yet"
                self.codes[uuid] = "reference"
                self.missing.append((uuid, "deleted_rb", table.name, str(target)))
        return failed

    def _last(self, row: StoredRow | None) -> StoredRow | None:
        """The record at the end of a chain of merges; None if that was deleted."""
        seen: set[int] = set()
        while row is not None and row.deleted and row.deleted_rb and row.id not in seen:
            seen.add(row.id)
            found = self.table.select(f'"{self.table.name}"."id" = ?', [row.deleted_rb])
            row = found[0] if found else None
        return None if row is None or row.deleted else row

    # --- deletions --------------------------------------------------------------------------------------------

    def _unreferenced(self, pairs: Sequence[Pair]) -> list[Pair]:
        """Those to which no live row refers, so that they can be deleted in bulk."""
        ids = {row.id for record, row in pairs if record.uuid not in self._replacements}
        for name, numbers in self._identities(ids).items():
            for place in self._referring(name):
                if not place.many and numbers:
                    ids -= {numbers[key] for key, _ in rows_referring(self.site, place, numbers)}
        return [(record, row) for record, row in pairs if row.id in ids]

    def _identities(self, ids: set[int]) -> dict[str, dict[int, int]]:
        """For the table and each super-entity of its: local id by the key by which others refer to the record."""
        found = {self.table.name: {number: number for number in ids}}
        for entity in self.site.host.super_entities(self.table.name):
            key = self.site.host.key(entity)
            found[entity] = {row[1]: row[0] for row in self.site.db.rows_in(
                f'SELECT "id", "{key}" FROM "{self.table.name}" WHERE "id" IN ({{}})', ids) if row[1]}
        return found

    def _referring(self, name: str) -> list[Place]:
        if name not in self._places:
            # the instance's own link to its super-record is no reference to it
            self._places[name] = [p for p in places(self.site, name) if not (p.table == self.table.name and name != p.table)]
        return self._places[name]

    def _one(self, pairs: Sequence[Pair]) -> None:
        """One record, with the application's own code and everything that refers to it."""
        (record, row), = pairs
        name, replacement = self.table.name, self._replacements.get(str(record.uuid))
        values = _values(self.site, self.table, row)
        if replacement:
            for entity, numbers in self._identities({row.id}).items():
                new = self._identities({replacement[0]})[entity]
                if numbers and new:
                    relink(self.site, entity, {next(iter(numbers)): next(iter(new))})
        else:
            self.author = self._author(record)
            call(self.hooks.ondelete_cascade, values, tablename=name)
            keys = {entity: list(numbers) for entity, numbers in self._identities({row.id}).items()}
            cascade(self, keys, {(name, row.id)})
        if self.table.soft_delete:
            self._archive(pairs)
        else:
            self.site.db.dal(self.table.dal_table.id == row.id).delete()
        call(self.hooks.ondelete, values, tablename=name)

    def _author(self, record: Record) -> str:
        """Who deleted the record, as vectors name it: whoever has edited it since the version that is here.

        "" if several have, or this site itself (what it deleted it may have restored without having noted that).
        """
        uuid = str(record.uuid)
        known = self.site.index.versions(self.table.name, [uuid]).get(uuid) if self.origin else None
        before = parse(known.vector) if known else {}
        since = [site for site, count in parse(record.vector or "").items() if count > before.get(site, 0)]
        own = (self.site.index.site, self.site.index.key(self.table.name))
        return since[0] if len(since) == 1 and since[0] not in own else ""

    def _archive(self, pairs: Sequence[Pair]) -> None:
        """Mark rows as deleted; foreign keys that may be NULL are, and are remembered in deleted_fk as Eden does."""
        table, site = self.table, self.site
        names = ["deleted"]
        loose = [n for n in [*table.references, *table.list_references] if n in table.nullable]
        remembers = "deleted_fk" in table.schema.meta
        for name in ("modified_on", "deleted_rb", "deleted_fk"):
            if name in table.schema.meta:
                names.append(name)
        for name, target in table.references.items():
            site.references.ids(target, {row.values[name] for _, row in pairs if row.values[name]})
        rows = []
        for record, row in pairs:
            modified = record.modified_on or site.now().isoformat()[:19]
            self.modified[str(record.uuid)] = modified
            replacement = self._replacements.get(str(record.uuid))
            keys = self._foreign_keys(row)
            found: dict[str, Any] = {
                "deleted": "T", "modified_on": modified.replace("T", " "), "deleted_rb": replacement[0] if replacement else None,
                "deleted_fk": json.dumps(keys) if keys else None}
            rows.append((*(found[n] for n in names), *(None for _ in loose if remembers), row.id))
        site.db.update(table.name, [*names, *(loose if remembers else ())], rows)

    def _foreign_keys(self, row: StoredRow) -> dict[str, int]:
        """Foreign keys before deletion, by local id, as Eden remembers them in deleted_fk."""
        found = {}
        for name, target in self.table.references.items():
            uuid = row.values[name]
            number = self.site.references.ids(target, [uuid]).get(uuid) if uuid else None
            if number:
                found[name] = number
        return found


def _values(site: Site, table: TableMap, row: StoredRow) -> Values:
    """A row as callbacks around a deletion expect it."""
    return Values(python_values(site, table, row.values), id=row.id, uuid=row.uuid)


class Restricted(HookError):
    """Rows that refer to the record forbid its deletion."""


def cascade(ender: Ender, keys: dict[str, list[int]], ending: set[tuple[str, int]]) -> None:
    """What a deletion does to the rows that refer to the record, as pyDAL's ondelete says. They are edits of this site's own.

    Parameters
    ----------
    keys : by table (and super-entities of it), the keys of the records that are deleted
    ending : (table, id) of all records on their way out, so that circles come to an end

    Raises Restricted, before anything is changed.
    """
    site = ender.site
    for place, rows in affected(site, keys, ending):
        if place.rule == "CASCADE":
            _delete_rows(ender, place, rows, ending)
        else:
            site.db.update(place.table, [place.field], [(_replaced(place), number) for number in rows],
                           key=site.host.key(place.table))
            _look(site, place.table, rows)


def _replaced(place: Place) -> Any:
    """What takes the place of a reference to a deleted record."""
    return place.default if place.rule == "SET DEFAULT" and not callable(place.default) else None


def affected(site: Site, keys: dict[str, list[int]], ending: set[tuple[str, int]]) -> list[tuple[Place, list[int]]]:
    """The rows that refer to records which are to be deleted; raises Restricted if they forbid it. Changes nothing."""
    found: list[tuple[Place, list[int]]] = []
    for name, numbers in keys.items():
        for place in places(site, name):
            if place.many or not numbers:
                continue
            rows = [key for _, key in rows_referring(site, place, numbers) if (place.table, key) not in ending]
            if rows and place.rule in ("RESTRICT", "NO ACTION"):
                raise Restricted(f"restricted by {place.table}.{place.field} ({len(rows)} records)")
            if rows:
                found.append((place, rows))
    for place, rows in found:
        if place.rule != "CASCADE" and _replaced(place) is None and place.notnull:
            raise Restricted(f"restricted by {place.table}.{place.field}, which must not be empty ({len(rows)} records)")
    return found


def _delete_rows(cause: Ender, place: Place, numbers: list[int], ending: set[tuple[str, int]]) -> None:
    """Delete rows that refer to a deleted record, and what refers to them."""
    site, name = cause.site, place.table
    if not site.host.carries(name) or not place.soft:
        site.db.dal(site.db.dal[name]._id.belongs(numbers)).delete()
        return
    table = site.table(name)
    table_rows = rows_by_id(site, table, numbers)
    site.index.lock(name)
    _keep(cause, table, table_rows, site.index.look(table, table_rows))
    ender = Ender(site, table, cause.origin, cause.repository_id)
    ender.author = cause.author
    now = site.now().isoformat()[:19]
    ending |= {(name, row.id) for row in table_rows}
    for row in table_rows:
        call(ender.hooks.ondelete_cascade, _values(site, table, row), tablename=name)
    cascade(ender, {entity: list(keys) for entity, keys in ender._identities({r.id for r in table_rows}).items()}, ending)
    ender._archive([(Record(name, row.uuid, deleted=True, modified_on=now), row) for row in table_rows])
    site.host.ended(name, [row.id for row in table_rows])
    for row in table_rows:
        call(ender.hooks.ondelete, _values(site, table, row), tablename=name)
    _look(site, name, numbers)


def _keep(cause: Ender, table: TableMap, rows: Sequence[StoredRow], versions: Mapping[str, Version]) -> None:
    """Keep, as one side of a conflict, what goes although whoever made this deletion may never have seen it (G5).

    Also what came from the same peer: it may have been written there after the deletion, or have come there only then. The
    entries of what was indeed deleted there go when word of that arrives (`s3sync.engine.conflicts.foreseen`).
    """
    if not cause.origin:
        return
    now = cause.site.now().isoformat(" ")[:19]
    cause.site.db.insert("sync_conflict", (
        "repository_id", "tablename", "record_uuid", "mine", "theirs", "mine_vector", "theirs_vector", "mine_modified_on",
        "policy", "winner", "status", "found_on", "author"), [
            (cause.repository_id, table.name, row.uuid, json.dumps(row.values, ensure_ascii=False, sort_keys=True), "null",
             versions[row.uuid].vector, "", (row.modified_on or now).replace("T", " "), CASCADE, "theirs", "settled", now,
             # what was only noted now nobody has seen yet: edited here, or still on its way in with this very batch
             cause.author if versions[row.uuid].seq else "") for row in rows if row.uuid in versions])


def _look(site: Site, name: str, numbers: Sequence[int]) -> None:
    """Note edits of rows that were just made here."""
    if site.host.carries(name):
        table = site.table(name)
        site.index.lock(name)
        site.index.look(table, rows_by_id(site, table, numbers))
