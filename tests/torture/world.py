"""Some sites, people who edit at them, and the memory of everything that was ever written."""
from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any, Iterator

from clocked_site import Clock, ClockedSite
from local_sites import LocalSite

TABLES = ("gis_location", "org_organisation", "org_office")
REFERENCES = {"gis_location": {"parent": "gis_location"}, "org_organisation": {},
              "org_office": {"organisation_id": "org_organisation", "location_id": "gis_location"}}
META = ("id", "uuid", "mci", "deleted", "deleted_fk", "deleted_rb", "created_on", "modified_on")

#: kinds of edits, and up to where a number between 0 and 1 stands for each
EDITS = {"create": .3, "change": .75, "delete": .83, "undelete": .86, "spoil": .9, "quietly": .93, "purge": .95, "late": 1}


class Late:
    """A record of a transaction that is still open: written under an old time, visible later."""

    def __init__(self, site: ClockedSite, visible: datetime, table: str, values: dict[str, Any]) -> None:
        self.site, self.visible, self.table, self.values = site, visible, table, values


class Ledger:
    """Every value ever written, and those that somebody who saw them has edited over."""

    def __init__(self) -> None:
        self.written: dict[str, tuple[str, str, str]] = {}       # value -> site, table, uuid
        self.deleted: list[tuple[str, str, str]] = []            # site, table, uuid
        self.undone: set[tuple[str, str]] = set()                # deletions that somebody saw and took back
        self.over: set[str] = set()
        self.number = 0

    def value(self) -> str:
        """A value that was never written before."""
        self.number += 1
        return f"t{self.number}."


class People:
    """They edit at random."""

    def __init__(self, rnd: random.Random, ledger: Ledger, clock: Clock, clears: bool, hard: bool) -> None:
        self.rnd, self.ledger, self.clock, self.clears, self.hard = rnd, ledger, clock, clears, hard
        self.late: list[Late] = []

    def edit(self, site: ClockedSite) -> None:
        """One edit at a site, committed (or left open for a while)."""
        table, number = self.rnd.choice(TABLES), self.rnd.random()
        self.do(site, table, next(kind for kind, end in EDITS.items() if number < end))

    def do(self, site: ClockedSite, table: str, kind: str) -> str:
        """One edit of a kind, or of another where there is nothing to do it to; says what it was."""
        rnd, db = self.rnd, site.db
        rows = db(db[table].id > 0).select(orderby=db[table].uuid)
        live = [r for r in rows if not r.deleted]
        if not live:
            kind = "create"
        if kind == "undelete" and len(rows) == len(live):
            kind = "spoil"
        if kind == "spoil" and table != "org_organisation":
            kind = "quietly"
        if kind == "purge" and not (table == "org_office" and self.hard):
            kind = "late"
        if kind in ("create", "late"):
            self._create(site, table, late=kind == "late")
        elif kind == "change":
            self._change(site, table, rnd.choice(live))
        elif kind == "undelete":
            self._undelete(site, table, rnd.choice([r for r in rows if r.deleted]))
        elif kind == "spoil":
            self._spoil(site, rnd.choice(live))
        elif kind == "quietly":
            self._quietly(site, table, rnd.choice(live))
        else:
            self._delete(site, table, rnd.choice(live), hard=kind == "purge")
        db.commit()
        return f"{site.name} {kind} {table}, values up to t{self.ledger.number}."

    def _live(self, site: ClockedSite, table: str) -> list[Any]:
        return list(site.db(site.db[table].deleted != True).select(orderby=site.db[table].uuid))  # noqa: E712 - SQL

    def _values(self, site: ClockedSite, table: str) -> dict[str, Any]:
        rnd = self.rnd
        values: dict[str, Any] = {}
        locations = self._live(site, "gis_location")
        if table == "gis_location":
            if locations and rnd.random() < .5:
                values["parent"] = rnd.choice(locations).id
            if rnd.random() < .3:
                values["population"] = rnd.randrange(1000)
        elif table == "org_organisation":
            values["year"] = rnd.choice([1971, 1999] + [None] * self.clears)
            if rnd.random() < .3:
                values["tags"] = [rnd.choice("abc"), "d|e"]
        else:
            if locations and rnd.random() < .7:
                values["location_id"] = rnd.choice(locations).id
        return values

    def _create(self, site: ClockedSite, table: str, late: bool = False) -> None:
        values = self._values(site, table)
        if table == "org_office":
            organisations = self._live(site, "org_organisation")
            if not organisations:
                return self._create(site, "org_organisation")
            values["organisation_id"] = self.rnd.choice(organisations).id
        value = values["name"] = self.ledger.value()
        values["uuid"] = site.new_uuid()
        self.ledger.written[value] = (site.name, table, values["uuid"])
        if late:
            values["modified_on"] = values["created_on"] = site.now()
            self.late.append(Late(site, self.clock.time + timedelta(seconds=self.rnd.choice([3, 30, 300])), table, values))
        else:
            site.db[table].insert(**values)
        return None

    def _change(self, site: ClockedSite, table: str, row: Any) -> None:
        values = self._values(site, table)
        if values.get("parent") == row.id:
            values.pop("parent")
        value = values["name"] = self.ledger.value()
        self._saw(row)
        self.ledger.written[value] = (site.name, table, row.uuid)
        if table == "org_organisation":
            values["acronym"] = (row.acronym or "")[:8]
        row.update_record(**values)

    def _delete(self, site: ClockedSite, table: str, row: Any, hard: bool = False) -> None:
        self._saw(row)
        self._takes_along(site, table, row.id)
        self.ledger.deleted.append((site.name, table, row.uuid))
        if hard:
            site.db(site.db[table].id == row.id).delete()
        else:
            row.update_record(deleted=True)

    def _undelete(self, site: ClockedSite, table: str, row: Any) -> None:
        value = self.ledger.value()
        self._saw(row)
        self.ledger.undone.add((table, row.uuid))
        self.ledger.written[value] = (site.name, table, row.uuid)
        row.update_record(deleted=False, name=value)

    def _spoil(self, site: ClockedSite, row: Any) -> None:
        """A value that no site takes (SQLite does not mind the length of a column)."""
        value = self.ledger.value()
        self._saw(row)
        self.ledger.written[value] = (site.name, "org_organisation", row.uuid)
        row.update_record(acronym="longer than eight", name=value)

    def _quietly(self, site: ClockedSite, table: str, row: Any) -> None:
        """By SQL, with no new modified_on."""
        value = self.ledger.value()
        self._saw(row)
        self.ledger.written[value] = (site.name, table, row.uuid)
        site.sql(f'UPDATE "{table}" SET "name" = ? WHERE "id" = ?', value, row.id)

    def _takes_along(self, site: ClockedSite, table: str, number: int) -> None:
        """What refers to the record: the application deletes that as well, here or at the next site."""
        for name, references in REFERENCES.items():
            for field in [f for f, target in references.items() if target == table]:
                for row in site.db((site.db[name][field] == number) & (site.db[name].deleted != True)).select():  # noqa: E712 - SQL
                    if row.name not in self.ledger.over:
                        self._saw(row)
                        self._takes_along(site, name, row.id)

    def _saw(self, row: Any) -> None:
        self.ledger.over.add(row.name)

    def commit(self, everything: bool = False) -> None:
        """Transactions end whose time has come."""
        for late in [x for x in self.late if everything or x.visible <= self.clock.time]:
            self.late.remove(late)
            late.site.db[late.table].insert(**late.values)
            late.site.db.commit()

    def repair(self, site: ClockedSite) -> None:
        """Somebody corrects what no site takes."""
        db = site.db
        for row in db((db.org_organisation.acronym == "longer than eight") & (db.org_organisation.deleted != True)).select():  # noqa: E712
            value = self.ledger.value()
            self._saw(row)
            self.ledger.written[value] = (site.name, "org_organisation", row.uuid)
            row.update_record(acronym="short", name=value)
        db.commit()


def state(site: LocalSite) -> dict[tuple[str, str], dict[str, Any]]:
    """All live records of a site, references as uuids: those to deleted records count as none.

    Offices of a deleted organisation are left out: a site that never had the organisation cannot have them.
    """
    found = {}
    live: dict[str, dict[int, str]] = {}
    for table in TABLES:
        names = [f for f in site.db[table].fields if f not in META]
        rows = site.db.executesql(f'SELECT id, {", ".join(["uuid", *names])} FROM {table} WHERE deleted <> \'T\'')
        live[table] = {row[0]: row[1] for row in rows}
        for row in rows:
            found[table, row[1]] = dict(zip(names, row[2:]))
    for (table, uuid), values in list(found.items()):
        for name, target in REFERENCES[table].items():
            values[name] = live[target].get(values[name])
            if values[name] is None and name == "organisation_id":
                found.pop((table, uuid), None)
    return found


def differences(name: str, mine: Any, other: str, theirs: Any, plain: bool) -> Iterator[str]:
    """What differs between two sites. A plain Eden (the second one) may hold values that it cannot be told to clear."""
    for key in sorted({*mine, *theirs}):
        here, there = mine.get(key), theirs.get(key)
        if plain and here and there:
            there = {field: there[field] if value not in (None, "") else value for field, value in here.items()}
        if here != there:
            yield f"{key}: {name} {here} / {other} {there}"


def orphans(sites: list[ClockedSite]) -> set[str]:
    """Offices whose organisation is deleted: who never had it refuses them, every time."""
    return {row[0] for site in sites for row in site.db.executesql(
        "SELECT org_office.uuid FROM org_office JOIN org_organisation ON org_organisation.id = organisation_id "
        "WHERE org_organisation.deleted = 'T'")}


def kept(sites: list[ClockedSite]) -> Iterator[tuple[str, str]]:
    """(table and uuid, text) of every version that stands in a conflict or in quarantine."""
    for site in sites:
        for row in site.db(site.db.sync_conflict.id > 0).select():
            yield row.record_uuid, f"{row.mine} {row.theirs}"
        for row in site.db(site.db.sync_quarantine.id > 0).select():
            yield row.record_uuid, row.xml or ""


def lost(ledger: Ledger, sites: list[ClockedSite], final: dict[tuple[str, str], dict[str, Any]]) -> list[str]:
    """What was written and is neither visible, nor edited over by somebody who saw it, nor kept."""
    visible = {values["name"] for values in final.values()}
    for site in sites:
        visible.update(row[0] for row in site.db.executesql("SELECT org_office.name FROM org_office WHERE deleted <> 'T'"))
    versions = list(kept(sites))
    texts = " ".join(text for _, text in versions)
    missing = [f"{value} {where}" for value, where in ledger.written.items()
               if value not in visible and value not in ledger.over and value not in texts]
    for site, table, uuid in ledger.deleted:
        undone = ((table, uuid) in ledger.undone or f"deletion of {table} {uuid}" in ledger.over
                  or any(u == uuid for u, _ in versions))
        if (table, uuid) in final and not undone:
            missing.append(f"deletion of {table} {uuid} at {site}")
    return missing


def duplicated(sites: list[ClockedSite]) -> int:
    """Records that a site holds twice."""
    number = 0
    for site in sites:
        for table in TABLES:
            number += max(site.db.executesql("SELECT COUNT(*) - COUNT(DISTINCT uuid), COUNT(*) - COUNT(DISTINCT name) "
                                             f"FROM {table} WHERE deleted <> 'T'")[0])
    return number
