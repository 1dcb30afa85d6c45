"""A scan finds each local edit, whether or not the table has an index on modified_on, and without one reads it no more often."""
from __future__ import annotations

from typing import Any, Callable

import pytest

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

    def scan(self, between: Callable[[int], None] = lambda page: None) -> list[int]:
        """How many rows each page has; `between` is called after each with its number, from 1."""
        pages: list[int] = []
        done = False
        while not done:
            done, rows = self.local.open().index.scan(TABLE, PAGE)
            self.db.commit()
            pages.append(len(rows))
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
    pages = gazetteer.scan()
    assert sum(pages) == len(edited) + (0 if gazetteer.indexed else PAGE)       # without, those of the first page come again
    assert gazetteer.noted() == {number: 1 for number in edited}
    assert gazetteer.scan() == pages                                            # within the overlap; nothing is noted again
    assert gazetteer.noted() == {number: 1 for number in edited}


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
