"""Pages and look-ups read what they are about on PostgreSQL, no more, whatever it has been told of the tables."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import pytest
from databases import chosen
from local_sites import LocalSite

from s3sync.engine import survey
from s3sync.engine.export import Exporter
from s3sync.engine.site import Site
from s3sync.tables import host_indices

RECORDS = 10_000
PAGE = 500
FEW = 10

FILL = ("INSERT INTO gis_location (name, uuid, created_on, modified_on, mci, deleted) SELECT 'Place ' || n, 'urn:uuid:' || n, "
        "now(), date_trunc('second', now()) - INTERVAL '1 hour', 0, 'F' FROM generate_series({first}, {last}) AS n")

EDIT = f"UPDATE gis_location SET name = 'Another', modified_on = date_trunc('second', now()) WHERE id > {RECORDS - PAGE}"

READ = "SELECT COALESCE(seq_tup_read, 0) + COALESCE(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relname = %s"


#: what the index held when the server last looked: another table alone
OTHERS = (f"INSERT INTO sync_version (tablename, record_uuid, digest, vector, seq) SELECT 'org_office', 'urn:uuid:' || n, 'd', "
          f"'a:1', n FROM generate_series(1, {RECORDS}) AS n")


@pytest.fixture(params=["none", "old"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """It knows all its locations; nobody has analyzed its tables, or somebody did before they came."""
    local = LocalSite(tmp_path, "a", chosen.new_database("postgres"))
    local.db.executesql("ALTER TABLE sync_version SET (autovacuum_enabled = off)")
    local.db.executesql("CREATE UNIQUE INDEX ON gis_location (uuid)")      # as an Eden has
    if request.param == "old":
        local.db.executesql(OTHERS)
        local.db.executesql(FILL.format(first=1, last=FEW))
        local.db.executesql("ANALYZE")
    local.db.executesql(FILL.format(first=FEW + 1 if request.param == "old" else 1, last=RECORDS))
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


@pytest.mark.parametrize("deep", [False, True])
def test_a_sweep(site: Site, deep: bool) -> None:
    site.db.execute(EDIT)
    before = read(site, "sync_version")
    after: int | None = 0
    while after is not None:
        after = site.index.sweep("gis_location", after, RECORDS // 2, deep)
    assert site.index.last("gis_location") == RECORDS + PAGE
    passes = 7 if deep else 5              # what is left; what has vanished; each batch once more, and its own versions
    assert RECORDS <= read(site, "sync_version") - before <= passes * RECORDS
    site.db.commit()


def test_a_scan_of_a_table_without_an_index_on_modified_on(site: Site) -> None:
    """It reads the table for the first page, once for all others, and each row it looks at."""
    edited = RECORDS // 2
    site.db.execute(EDIT.replace(str(RECORDS - PAGE), str(RECORDS - edited)))
    before, pages = read(site, "gis_location"), 0
    while not site.index.scan("gis_location", PAGE)[0]:
        pages += 1
    assert pages >= edited // PAGE and site.index.last("gis_location") == RECORDS + edited
    assert read(site, "gis_location") - before <= 2 * RECORDS + edited
    site.db.commit()


@pytest.mark.parametrize("create, then", [
    ("{index} (modified_on)", "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'odd'::regclass"),
    ("{index} USING brin (modified_on)", "SELECT 1"), ("{index} (modified_on) WHERE deleted = 'X'", "SELECT 1")],
    ids=["left behind by a creation that was interrupted", "of blocks", "of some rows"])
def test_a_scan_where_an_index_on_modified_on_gives_no_order(site: Site, create: str, then: str) -> None:
    """As if there were none; and it is missed."""
    site.db.dal.executesql(create.format(index="CREATE INDEX odd ON gis_location"))
    site.db.dal.executesql(then)
    assert [index.column for index in host_indices.missing(site.db, site.host, ["gis_location"])] == ["modified_on"]
    edited = RECORDS // 2
    site.db.execute("UPDATE gis_location SET name = 'Another', modified_on = date_trunc('second', now()) + id * INTERVAL "
                    f"'1 second' WHERE id > {RECORDS - edited}")
    before = read(site, "gis_location")
    while not site.index.scan("gis_location", PAGE)[0]:
        pass
    assert read(site, "gis_location") - before <= 2 * RECORDS + edited
    site.db.commit()


def test_a_sweep_of_rows_that_were_deleted_for_good(site: Site) -> None:
    """Each version is read once more, however many pages there are."""
    gone = RECORDS // 2
    site.db.execute(f"DELETE FROM gis_location WHERE id > {RECORDS - gone}")
    before, after = read(site, "sync_version"), 0
    while after is not None:
        after = site.index.sweep("gis_location", after, PAGE)
    assert site.index.last("gis_location") == RECORDS + gone
    assert read(site, "sync_version") - before <= 4 * RECORDS
    site.db.commit()


def test_a_scan_of_what_one_statement_has_written(site: Site) -> None:
    """All at the same time, so that the index on modified_on tells little: the table is read once, and the first page."""
    for index in host_indices.missing(site.db, site.host, ["gis_location"]):
        host_indices.create(site.db, index)
    edited = RECORDS // 2
    site.db.execute(EDIT.replace(str(RECORDS - PAGE), str(RECORDS - edited)))
    before = read(site, "gis_location")
    while not site.index.scan("gis_location", PAGE)[0]:
        pass
    assert site.index.last("gis_location") == RECORDS + edited
    assert read(site, "gis_location") - before <= RECORDS + edited + PAGE
    site.db.commit()


def test_what_a_scan_has_yet_to_see(site: Site) -> None:
    site.db.execute(EDIT)
    before = read(site, "sync_version")
    assert site.index.unseen("gis_location") == PAGE
    assert PAGE <= read(site, "sync_version") - before <= 2 * RECORDS
    site.db.commit()


def test_a_survey(site: Site) -> None:
    before, place, seen = read(site, "sync_version"), "", 0
    while True:
        records, place = survey.changed(Exporter(site), "gis_location", 0, place, RECORDS // 2, "urn:uuid:peer")
        seen += len(records)
        if not place:
            break
    assert seen == RECORDS
    assert RECORDS <= read(site, "sync_version") - before <= 7 * RECORDS
    site.db.commit()


def test_whatever_else_the_transaction_does_is_planned_as_usual(site: Site) -> None:
    site.index.versions("gis_location", ["urn:uuid:1"])
    Exporter(site).page("gis_location", 0, PAGE, "urn:uuid:peer")
    for name in ("enable_seqscan", "enable_bitmapscan", "enable_sort", "jit"):
        assert site.db.value(f"SHOW {name}") == "on"
        assert site.db.rows(f"SELECT current_setting('{name}')", by_index=True) == [("off",)]
    site.db.commit()
