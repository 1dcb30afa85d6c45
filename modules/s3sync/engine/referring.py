"""Who refers to a record, and how: for deletions, merges, and records that get another uuid."""
from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Iterable, Mapping, NamedTuple, Sequence

from ..hosts.table import StoredRow, TableMap
from ..index.digest import DELETED
from .site import Site


class Place(NamedTuple):
    """A column that refers to a table. `rule` is pyDAL's ondelete; `many` where it holds a list."""

    table: str
    field: str
    rule: str
    many: bool
    soft: bool           #: rows of that table are marked as deleted
    notnull: bool
    default: Any


def places(site: Site, target: str) -> list[Place]:
    """Columns of any table of the application that refer to records of `target`; our own tables have none."""
    dal = site.db.dal
    site.host.complete()
    found = []
    for many, fields in ((False, dal[target]._referenced_by), (True, dal[target]._referenced_by_list)):
        for field in fields:
            if field.tablename in dal.tables and not field.tablename.startswith("sync_"):
                other = dal[field.tablename]
                found.append(Place(field.tablename, field.name, (field.ondelete or "CASCADE").upper(), many,
                                   "deleted" in other.fields and str(other.deleted.type) == "boolean", bool(field.notnull),
                                   field.default))
    return found


def rows_referring(site: Site, place: Place, ids: Iterable[int]) -> list[tuple[int, int]]:
    """(id referred to, key of the row) of live rows with a single reference to one of these."""
    live = f""" AND ("{place.table}"."deleted" IS NULL OR "{place.table}"."deleted" <> 'T')""" if place.soft else ""
    key = site.host.key(place.table)
    return [(row[0], row[1]) for row in site.db.rows_in(
        f'SELECT "{place.field}", "{key}" FROM "{place.table}" WHERE "{place.field}" IN ({{}}){live}', ids)]


def rows_by_id(site: Site, table: TableMap, ids: Iterable[int]) -> Sequence[StoredRow]:
    """Rows in canonical form."""
    rows = site.db.rows_in(f'SELECT {table.columns} FROM "{table.name}" WHERE "{table.name}"."id" IN ({{}})', ids)
    return site.index.canonical(table, table.decode(rows))


class Quietly:
    """Changes other rows without counting that as an edit of theirs: every site does the same on its own.

    Edits that nobody has noticed yet are noted before. Use as a context manager around the change, with the rows' ids.
    """

    def __init__(self, site: Site, table: str, ids: Sequence[int]) -> None:
        self.site = site
        self.name = table
        self.ids = list(dict.fromkeys(ids)) if ids and site.host.carries(table) else []

    def _rows(self, table: TableMap) -> Sequence[StoredRow]:
        return rows_by_id(self.site, table, self.ids)

    def __enter__(self) -> None:
        if self.ids:
            self.site.index.lock(self.name)
            table = self.site.table(self.name)
            self.site.index.look(table, self._rows(table))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self.ids:
            restate(self.site, self.site.table(self.name), self.ids)


def restate(site: Site, table: TableMap, ids: Sequence[int]) -> None:
    """The versions of these rows are of the rows as they now stand."""
    for row in rows_by_id(site, table, ids):
        current = site.index.digest_of(row)
        if not current.startswith(DELETED):
            site.db.execute('UPDATE "sync_version" SET "digest" = ? WHERE "tablename" = ? AND "record_uuid" = ?',
                            [current, table.name, row.uuid])


def relink(site: Site, target: str, moves: Mapping[int, int]) -> None:
    """What refers to one record (key) refers to another (value) from now on, as in a merge."""
    for place in places(site, target):
        if place.many:
            for old, new in moves.items():
                _relink_list(site, place, old, new)
            continue
        found = list(site.db.rows_in(f'SELECT "{place.field}", "{site.host.key(place.table)}" FROM "{place.table}" '
                                     f'WHERE "{place.field}" IN ({{}})', moves))
        if found:
            with Quietly(site, place.table, [row[1] for row in found]):
                site.db.update(place.table, [place.field], [(moves[row[0]], row[1]) for row in found],
                               key=site.host.key(place.table))


def _relink_list(site: Site, place: Place, old: int, new: int) -> None:
    table = site.db.dal[place.table]
    rows = site.db.dal(table[place.field].contains(str(old))).select(table._id, table[place.field])
    chosen = [r for r in rows if old in (r[place.field] or ())]
    with Quietly(site, place.table, [r[table._id.name] for r in chosen]):
        for row in chosen:
            numbers = sorted({new if n == old else n for n in row[place.field]})
            site.db.update(place.table, [place.field], [(f"|{'|'.join(map(str, numbers))}|", row[table._id.name])],
                           key=table._id.name)


def _rows_by_table(site: Site, target: str, number: int) -> dict[str, list[int]]:
    """Rows of any table that refer to one record."""
    found: dict[str, list[int]] = {}
    for place in places(site, target):
        if place.many:
            table = site.db.dal[place.table]
            rows = site.db.dal(table[place.field].contains(str(number))).select(table._id)
            found.setdefault(place.table, []).extend(r[table._id.name] for r in rows)
        else:
            found.setdefault(place.table, []).extend(key for _, key in rows_referring(site, place, [number]))
    return found


def rename(site: Site, table: TableMap, number: int, old: str, new: str) -> None:
    """A record gets the uuid it has elsewhere. All that is known of it goes along; rows that refer to it keep their versions."""
    db, references = site.db, site.references
    around = _rows_by_table(site, table.name, number)
    keys = {entity: references.ids(entity, [old]).get(old) for entity in site.host.super_entities(table.name)}
    for entity, key in keys.items():
        for name, ids in _rows_by_table(site, entity, key).items() if key else ():
            around.setdefault(name, []).extend(ids)
    with ExitStack() as stack:
        for name, ids in around.items():
            stack.enter_context(Quietly(site, name, ids))
        db.execute(f'UPDATE "{table.name}" SET "uuid" = ? WHERE "id" = ?', [new, number])
        references.renamed(table.name, number, old)
        for entity, key in keys.items():
            db.execute(f'UPDATE "{entity}" SET "uuid" = ? WHERE "uuid" = ?', [new, old])
            references.renamed(entity, key or 0, old)
        for name in ("sync_version", "sync_agreed", "sync_waiting", "sync_conflict"):
            if name != "sync_conflict":
                db.execute(f'DELETE FROM "{name}" WHERE "tablename" = ? AND "record_uuid" = ?', [table.name, new])
            db.execute(f'UPDATE "{name}" SET "record_uuid" = ? WHERE "tablename" = ? AND "record_uuid" = ?',
                       [new, table.name, old])
        db.execute('DELETE FROM "sync_alias" WHERE "tablename" = ? AND "remote_uuid" = ?', [table.name, new])
        db.execute('UPDATE "sync_alias" SET "record_uuid" = ? WHERE "tablename" = ? AND "record_uuid" = ?',
                   [new, table.name, old])
        db.upsert("sync_alias", ("tablename", "remote_uuid"), ("record_uuid",), [(table.name, old, new)])
