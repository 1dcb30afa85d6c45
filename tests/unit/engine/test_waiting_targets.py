"""What is waited for is asked for once, in the order in which it was missed, and worked out once however much it is."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from local_sites import LocalSite

from s3sync.engine import waiting
from s3sync.engine.site import Site


@pytest.fixture
def local(tmp_path: Path) -> LocalSite:
    return LocalSite(tmp_path, "here")


def remember(site: Site, table: str, *missing: tuple[str, str, str, str], repository: int = 1) -> None:
    waiting.remember(site, table, missing, repository)


def wanted(site: Site, limit: int, **which: Any) -> list[tuple[str, str]]:
    """All of them, a page at a time."""
    found: list[tuple[str, str]] = []
    after = 0
    while page := waiting.wanted(site, 1, limit, after, **which):
        assert len(page) <= limit
        after = page[-1][0]
        found += [(table, uuid) for _, table, uuid in page]
    return found


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_each_target_once(local: LocalSite, limit: int) -> None:
    site = local.open()
    remember(site, "org_office", ("o1", "location_id", "gis_location", "A"), ("o1", "organisation_id", "org_organisation", "A"))
    remember(site, "org_office", ("x", "location_id", "gis_location", "D"), repository=2)
    remember(site, "gis_location", ("g1", "parent", "gis_location", "B"), ("g2", "parent", "gis_location", "A"),
             ("g3", "parent", "gis_location", "C"), ("g4", "parent", "gis_location", "B"), ("g5", "parent", "gis_location", "D"))
    assert wanted(site, limit) == [("gis_location", "A"), ("org_organisation", "A"), ("gis_location", "B"), ("gis_location", "C"),
                                   ("gis_location", "D")]
    # that an office waits for A as well does not count where offices are left out
    assert wanted(site, limit, without={"org_office"}) == [("gis_location", each) for each in "BACD"]


def test_twice_as_many_take_twice_as_long(tmp_path: Path) -> None:
    local = LocalSite(tmp_path, "here", "sqlite://here.db")       # which counts its steps
    site, steps = local.open(), [0]
    connection = local.db._adapter.connection

    def took(count: int) -> int:
        """Thousands of steps of SQLite's machine."""
        site.db.execute('DELETE FROM "sync_waiting"')
        remember(site, "org_office", *((f"u{n}", "location_id", "gis_location", f"t{n % (count - 100)}") for n in range(count)))
        steps[0] = 0
        assert len(wanted(site, 100)) == count - 100
        return steps[0]

    def tick() -> int:
        steps[0] += 1
        return 0

    connection.set_progress_handler(tick, 1000)
    try:
        assert took(4000) < 2.5 * took(2000)
    finally:
        connection.set_progress_handler(None, 0)
