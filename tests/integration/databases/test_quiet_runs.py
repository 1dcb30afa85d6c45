"""A run that finds nothing to do reads through no table on PostgreSQL, here or at the peer, however many records there are."""
from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Iterator

import pytest
from databases import chosen
from local_sites import LocalSite, register, synchronize

from s3sync.tables import host_indices

RECORDS = 10_000

#: rows that a run may read one after the other: of tables with a few rows
FEW = 500

COUNTERS = ("SELECT relname, seq_scan, seq_tup_read FROM pg_stat_user_tables WHERE relname LIKE 'sync^_%' ESCAPE '^' "
            "OR relname IN ('gis_location', 'org_organisation', 'org_office')")


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[tuple[Any, Any, int]]:
    a, b = (LocalSite(tmp_path, name, chosen.new_database("postgres")) for name in "ab")
    repository = register(a, b, [dict(resource_name="gis_location", mode=3, components=False),
                                 dict(resource_name="org_organisation", mode=3)])
    yield a, b, repository
    for site in (a, b):
        site.db.close()
        chosen.server("postgres").drop(chosen.name_of(site.uri))


def read_through(site: Any) -> dict[str, int]:
    """Rows read one after the other so far, by table."""
    site.db.commit()
    for _ in range(2):                            # the server counts what a connection did once a second, when it is idle again
        time.sleep(1.2)
        site.db.executesql("SELECT 1")
        site.db.commit()
    time.sleep(0.3)
    connection = chosen.server("postgres").connect(chosen.name_of(site.uri))
    try:
        cursor = connection.cursor()
        cursor.execute(COUNTERS)
        return {name: int(rows or 0) for name, _, rows in cursor.fetchall()}
    finally:
        connection.close()


def analyze(site: Any) -> None:
    """As the server does by itself after a while."""
    site.db.commit()
    connection = chosen.server("postgres").connect(chosen.name_of(site.uri))
    connection.autocommit = True
    connection.cursor().execute("VACUUM ANALYZE")
    connection.close()


def test_nothing_is_read_through(sites: tuple[Any, Any, int]) -> None:
    a, b, repository = sites
    b.sql("INSERT INTO gis_location (uuid, name, level, mci, deleted, created_on, modified_on) SELECT 'urn:place:' || n, "
          "'Place ' || n, 'L4', 0, 'F', '2024-01-01', '2024-01-01' FROM generate_series(1, ?) n", RECORDS)
    b.sql("INSERT INTO org_organisation (uuid, name, mci, deleted, created_on, modified_on) SELECT 'urn:org:' || n, "
          "'Organisation ' || n, 0, 'F', '2024-01-01', '2024-01-01' FROM generate_series(1, ?) n", RECORDS // 4)
    for site in (a, b):
        opened = site.open()
        for index in host_indices.missing(opened.db, opened.host, ["gis_location", "org_organisation", "org_office"]):
            host_indices.create(opened.db, index)
    assert synchronize(a, b, repository) == "success"
    assert len(a.records("gis_location")) == RECORDS
    for site in (a, b):
        analyze(site)
    assert synchronize(a, b, repository) == "success"
    before = [read_through(site) for site in (a, b)]
    assert synchronize(a, b, repository) == "success"
    for site, counted in zip((a, b), before):
        after = read_through(site)
        much = {name: after[name] - counted[name] for name in after if after[name] - counted[name] > FEW}
        assert not much, f"{site.name} has read through {much}"
    assert all(step.records == 0 for step in a.steps().values())
