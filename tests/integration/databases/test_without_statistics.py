"""Pages and look-ups read what they are about on PostgreSQL, no more, also of tables it has no statistics of yet."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import pytest
from databases import chosen
from local_sites import LocalSite

from s3sync.engine.export import Exporter
from s3sync.engine.site import Site

RECORDS = 10_000
PAGE = 500

FILL = ("INSERT INTO gis_location (name, uuid, created_on, modified_on, mci, deleted) SELECT 'Place ' || n, 'urn:uuid:' || n, "
        f"now(), now(), 0, 'F' FROM generate_series(1, {RECORDS}) AS n")

READ = "SELECT COALESCE(seq_tup_read, 0) + COALESCE(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relname = %s"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """It knows all its locations; nobody has analyzed its tables."""
    local = LocalSite(tmp_path, "a", chosen.new_database("postgres"))
    local.db.executesql("ALTER TABLE sync_version SET (autovacuum_enabled = off)")
    local.db.executesql("CREATE UNIQUE INDEX ON gis_location (uuid)")      # as an Eden has
    local.db.executesql(FILL)
    local.db.commit()
    site = local.open()
    exporter = Exporter(site)
    while not exporter.refresh("gis_location", 5000):
        pass
    yield site
    local.db.close()
    chosen.server("postgres").drop(chosen.name_of(local.uri))


def read(site: Any, table: str) -> int:
    """Rows of a table this connection has read; what the server has added up already does not count."""
    return int(site.db.dal.executesql(READ, (table,))[0][0])


def test_a_page(site: Site) -> None:
    before = {table: read(site, table) for table in ("sync_version", "gis_location")}
    page = Exporter(site).page("gis_location", RECORDS // 2, PAGE, "urn:uuid:peer")
    assert [r.uuid for r in page.records] == [f"urn:uuid:{n}" for n in range(RECORDS // 2 + 1, RECORDS // 2 + PAGE + 1)]
    for table, count in before.items():
        assert PAGE <= read(site, table) - count <= 1.1 * PAGE, table
    site.db.commit()


def test_versions(site: Site) -> None:
    wanted = [f"urn:uuid:{n}" for n in range(1, RECORDS, RECORDS // PAGE)]
    before = read(site, "sync_version")
    assert list(site.index.versions("gis_location", [*wanted, "urn:uuid:none", 'urn:"odd\\'])) == wanted
    assert PAGE <= read(site, "sync_version") - before <= 1.1 * PAGE
    site.db.commit()


def test_whatever_else_the_transaction_does_is_planned_as_usual(site: Site) -> None:
    site.index.versions("gis_location", ["urn:uuid:1"])
    Exporter(site).page("gis_location", 0, PAGE, "urn:uuid:peer")
    for name in ("enable_seqscan", "enable_bitmapscan", "enable_sort"):
        assert site.db.value(f"SHOW {name}") == "on"
    site.db.commit()
