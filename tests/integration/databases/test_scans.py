"""A scan finds each local edit and comes to its end, whatever the dates are like and whether or not an index leads to them."""
from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Callable

import pytest

from s3sync.engine import survey
from s3sync.engine.export import Exporter
from s3sync.tables import host_indices

RECORDS = 200
PAGE = 20
TABLE = "gis_location"


class Gazetteer:
    """Its locations are known, and were written long ago. Each page is scanned as by another process."""

    def __init__(self, local: Any, indexed: bool) -> None:
        self.local, self.indexed = local, indexed
        self.db = local.db
        self.db.executesql(f"UPDATE {TABLE} SET modified_on = '2020-01-01 00:00:00', created_on = '2020-01-01 00:00:00'")
        self.db.commit()
        site = local.open()
        if indexed:
            for index in host_indices.missing(site.db, site.host, [TABLE]):
                host_indices.create(site.db, index)
        while not Exporter(site).refresh(TABLE, RECORDS // 2):
            pass
        self.db.commit()

    def edit(self, *numbers: int) -> None:
        """Some locations, now."""
        for number in numbers:
            self.db(self.db[TABLE].name == f"Place {number}").update(population=self.db[TABLE].population + 1000)
        self.db.commit()

    def write(self, count: int, stamp: Callable[[int], str]) -> None:
        """Edit the first so many locations by a statement each, which says when; `stamp` gives that by number."""
        self.db.commit()
        for number in range(count):
            self.db.executesql(f"UPDATE {TABLE} SET population = population + 1, modified_on = '{stamp(number)}' "
                               f"WHERE name = 'Place {number}'")
        self.db.commit()

    def scan(self, between: Callable[[int], None] = lambda page: None) -> list[int]:
        """How many rows each page has; `between` is called after each with its number, from 1."""
        pages: list[int] = []
        done = False
        while not done:
            done, rows = self.local.open().index.scan(TABLE, PAGE)
            self.db.commit()
            pages.append(len(rows))
            assert len(pages) <= 2 * RECORDS // PAGE, "the same pages come again and again"
            between(len(pages))
        return pages

    def noted(self) -> dict[int, int]:
        """How often each location was noted as edited here, by its number; those never edited left out."""
        found = self.db.executesql(f"SELECT name, vector FROM {TABLE} JOIN sync_version ON record_uuid = uuid "
                                   f"WHERE tablename = '{TABLE}'")
        times = {int(name.split()[1]): int(vector.rsplit(":", 1)[1]) - 1 for name, vector in found}
        return {number: count for number, count in times.items() if count}


@pytest.fixture(params=[True, False], ids=["with an index", "without"])
def gazetteer(request: pytest.FixtureRequest, trio: Any) -> Gazetteer:
    trio.fill(RECORDS)
    return Gazetteer(trio.b, request.param)


def test_edits_of_many_pages(gazetteer: Gazetteer) -> None:
    edited = range(0, RECORDS, 2)
    gazetteer.edit(*edited)
    for _ in range(2):                                                          # within the overlap nothing is noted again
        assert len(edited) <= sum(gazetteer.scan()) <= len(edited) + 2 * PAGE
        assert gazetteer.noted() == {number: 1 for number in edited}


def seconds(number: int) -> str:
    """Each later than the one before, all after the last scan."""
    return str(NOW + timedelta(seconds=number))


NOW = datetime(2037, 1, 1)

#: how dates may stand in a table, and whether a scan has to begin anew because of them: without an index it always does
DATES: dict[str, tuple[Callable[[int], str], tuple[str, ...]]] = {
    "one after the other": (seconds, ()),
    "the other way round": (lambda number: seconds(RECORDS - number), ()),
    "at one time": (lambda number: seconds(0), ("postgres",)),
    "many times": (lambda number: seconds(number // (2 * PAGE)), ("postgres",)),
    "fractions": (lambda number: f"{seconds(0)}.{RECORDS - number:03}", ("postgres", "sqlite")),
    "the same fraction": (lambda number: f"{seconds(0)}.250", ("postgres", "sqlite")),
    "days": (lambda number: seconds(number) if number < PAGE // 2 else "2037-01-02", ("sqlite", "postgres")),
    "as in ISO 8601": (lambda number: seconds(number % 60).replace(" ", "T"), ("sqlite",)),
    "as in ISO 8601, at one time": (lambda number: seconds(0).replace(" ", "T"), ("postgres", "sqlite")),
}


@pytest.mark.parametrize("dates", DATES)
def test_dates(gazetteer: Gazetteer, dates: str) -> None:
    """Each row is looked at once, or twice if it was seen before dates turned out to be of no use."""
    stamp, anew = DATES[dates]
    edited = RECORDS // 2
    gazetteer.write(edited, stamp)
    looked_at = sum(gazetteer.scan())
    assert gazetteer.noted() == {number: 1 for number in range(edited)}
    again = looked_at - edited
    if gazetteer.indexed and gazetteer.db._adapter.dbengine not in anew:
        assert again == 0
    else:
        assert 0 < again <= edited
    gazetteer.write(edited + 1, stamp)
    gazetteer.scan()
    assert gazetteer.noted() == {**{number: 2 for number in range(edited)}, edited: 1}
    index = gazetteer.local.open().index
    assert index.unseen(TABLE) == 0 and index.sweep(TABLE, 0, RECORDS) is None, "each sweep would look at them again"


def test_rows_that_say_what_they_said_but_for_their_dates(gazetteer: Gazetteer) -> None:
    """As after an approval, or a form that was saved as it was: no edits, and few statements for any number of them."""
    gazetteer.db.executesql(f"UPDATE {TABLE} SET modified_on = '{NOW}'")
    gazetteer.db.commit()
    site = gazetteer.local.open()
    before = site.db.statements
    assert site.index.scan(TABLE, RECORDS + 1)[0]
    assert site.db.statements - before <= 10
    gazetteer.db.commit()
    assert gazetteer.noted() == {}
    assert site.index.sweep(TABLE, 0, RECORDS) is None


def test_a_row_without_a_uuid_of_its_own(gazetteer: Gazetteer) -> None:
    """It is nobody's record: the others are found, compared and shown as ever."""
    gazetteer.edit(5)
    gazetteer.db.executesql(f"UPDATE {TABLE} SET uuid = '' WHERE name = 'Place 7'")
    gazetteer.db.commit()
    gazetteer.scan()
    assert gazetteer.noted() == {5: 1}
    site = gazetteer.local.open()
    with site.trial():
        rows, _ = survey.page(site, TABLE, "", 0, RECORDS + 1)
        assert len(rows) == RECORDS - 1
        records, _ = survey.changed(Exporter(site), TABLE, 0, "", RECORDS + 1, "urn:uuid:peer")
        assert len(records) == RECORDS - 1


def test_a_date_far_from_now(gazetteer: Gazetteer) -> None:
    """A slip of the pen, and the last one that each of the databases takes."""
    year = {"postgres": "12026", "mysql": "9999", "sqlite": "9999"}[gazetteer.db._adapter.dbengine]
    for times in range(1, 3):
        gazetteer.write(PAGE, lambda number: f"{year}-01-01 00:00:00" if number == 3 else seconds(number))
        gazetteer.scan()
        assert gazetteer.noted() == {number: times for number in range(PAGE)}


def test_edits_while_it_goes_on(gazetteer: Gazetteer) -> None:
    """Before the place it has reached and behind it: found by this scan or the next."""
    gazetteer.edit(*range(50, 150))
    gazetteer.scan(lambda page: gazetteer.edit(10, 60, 140, 190) if page == 3 else None)
    gazetteer.scan()
    found = gazetteer.noted()
    assert found.pop(140) == 1                                                  # its two edits are seen as one
    assert found == {**{number: 1 for number in range(50, 150) if number != 140}, 10: 1, 60: 2, 190: 1}


def test_new_rows_and_a_deletion_while_it_goes_on(gazetteer: Gazetteer) -> None:
    gazetteer.edit(*range(100))
    gone = gazetteer.db(gazetteer.db[TABLE].name == "Place 5").select().first().uuid

    def meanwhile(page: int) -> None:
        if page == 3:
            gazetteer.local.insert(TABLE, name="Place 1000", population=1)
            gazetteer.local.delete(TABLE, gone)

    gazetteer.scan(meanwhile)
    gazetteer.scan()
    versions = gazetteer.local.open().index.versions(TABLE, [gone])
    assert versions[gone].deleted
    assert len(gazetteer.db.executesql(f"SELECT id FROM sync_version WHERE tablename = '{TABLE}'")) == RECORDS + 1
