"""Indices that the application's own tables should have."""
from __future__ import annotations

from pathlib import Path

from local_sites import LocalSite

from s3sync.tables import host_indices


def test_components_of_a_resource_are_synchronised_with_it(tmp_path: Path) -> None:
    host = LocalSite(tmp_path, "here").open().host
    assert host_indices.synchronised(host, ["org_organisation", "no_table"]) == ["org_office", "org_organisation"]


def test_an_index_is_missing_until_it_is_created(tmp_path: Path) -> None:
    here = LocalSite(tmp_path, "here").open()
    tables = ["org_office", "org_organisation"]
    found = host_indices.missing(here.db, here.host, tables)
    assert found == [("org_office", "modified_on"), ("org_organisation", "modified_on")]      # uuid is unique: it has one
    host_indices.create(here.db, found[0])
    assert host_indices.missing(here.db, here.host, tables) == [("org_organisation", "modified_on")]


def test_an_index_that_begins_with_another_column_is_none(tmp_path: Path) -> None:
    here = LocalSite(tmp_path, "here").open()
    here.db.execute('CREATE INDEX "other" ON "org_office" ("name", "modified_on")')
    assert ("org_office", "modified_on") in host_indices.missing(here.db, here.host, ["org_office"])
    here.db.execute('CREATE INDEX "wide" ON "org_office" ("modified_on", "name")')
    assert host_indices.missing(here.db, here.host, ["org_office"]) == []
