"""Sites on each of the three databases."""
from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any, Iterator

import pytest
from databases import chosen
from local_sites import LocalSite, register


class Trio:
    """Sites `a` and `b` on one kind of database; `a` has tasks with `b`."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.kind = kind
        self.server: Any = None if kind == "sqlite" else chosen.server(kind)
        self.a, self.b = (self.site(folder, name) for name in "ab")
        self.repository = register(self.a, self.b, [dict(resource_name="gis_location", mode=1),
                                                    dict(resource_name="org_organisation", mode=3)])

    def site(self, folder: Path, name: str) -> LocalSite:
        """One more."""
        uri = "" if self.kind == "sqlite" else chosen.new_database(self.kind)
        return LocalSite(folder, name, uri or f"sqlite://{name}.db", batch_size=20, retries=4, backoff=0.3, lease_time=3)

    def fill(self, count: int) -> None:
        """Locations at `b`."""
        self.b.db.gis_location.bulk_insert([dict(name=f"Place {n}", population=n) for n in range(count)])
        self.b.db.commit()

    def name(self, site: LocalSite) -> str:
        """Of its database on the server."""
        return chosen.name_of(site.uri)

    def created(self) -> int:
        """Records that all runs together say they created."""
        return int(self.a.sql("SELECT SUM(created) FROM sync_run_task")[0][0] or 0)

    def close(self) -> None:
        for site in (self.a, self.b):
            site.db.close()
            if self.server is not None:
                self.server.drop(self.name(site))


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
def trio(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Trio]:
    made = Trio(tmp_path, request.param)
    yield made
    made.close()


@pytest.fixture(params=["postgres", "mysql"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Trio]:
    made = Trio(tmp_path, request.param)
    yield made
    made.close()


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[Trio]:
    made = Trio(tmp_path, "sqlite")
    yield made
    made.close()


class SmallDisk:
    """A file system of two megabytes on which some tables of a PostgreSQL database are; the rest has room."""

    def __init__(self, trio: Trio, *tables: str) -> None:
        self.trio = trio
        server = trio.server
        self.folder = server.folder / "disk"
        self.folder.mkdir()
        try:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=0777", "tmpfs", str(self.folder)], check=True,
                           capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            self.folder.rmdir()
            pytest.skip(f"a small file system can be made by root only: {error}")
        place = self.folder / "tables"
        place.mkdir()
        if server._user:
            os.chown(place, server._user["user"], server._user["group"])
        server.execute(f"CREATE TABLESPACE small LOCATION '{place}'")
        for table in tables:
            trio.a.sql(f"ALTER TABLE {table} SET TABLESPACE small")

    def leave(self, kilobytes: int | None) -> None:
        """Leave room for so much; None for all there is."""
        ballast = self.folder / "ballast"
        ballast.unlink(missing_ok=True)
        found = os.statvfs(self.folder)
        if kilobytes is not None:
            ballast.write_bytes(bytes(max(found.f_bfree * found.f_bsize - kilobytes * 1024, 0)))

    def close(self) -> None:
        """After the databases that use it."""
        self.trio.server.execute("DROP TABLESPACE small")
        subprocess.run(["umount", str(self.folder)], check=True)
        self.folder.rmdir()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    made = Trio(tmp_path, "postgres")
    try:
        disk = SmallDisk(made, "gis_location", "sync_version")
    except BaseException:
        made.close()
        raise
    yield disk
    disk.leave(None)
    made.close()
    disk.close()
