"""Workers in processes of their own, on SQLite and on PostgreSQL."""
from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from databases.postgres import Server
from pydal import DAL
from workshop import Workshop


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def make_workshop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Workshop]:
    """Makes a workshop on "sqlite" or "postgres"."""
    made: list[str] = []

    def make(kind: str) -> Workshop:
        folder = tmp_path_factory.mktemp(kind)
        if kind == "sqlite":
            uri = f"sqlite://{folder}/storage.db"
            with closing(DAL(uri, folder=str(folder))) as db:
                db.executesql("PRAGMA journal_mode = WAL")
        else:
            made.append(kind)
            uri = request.getfixturevalue("postgres").database(f"workshop{len(made)}")
        return Workshop(uri, folder)

    return make


@pytest.fixture(params=["sqlite", "postgres"])
def workshop(request: pytest.FixtureRequest, make_workshop: Callable[[str], Workshop]) -> Iterator[Workshop]:
    """For one test."""
    made = make_workshop(request.param)
    yield made
    made.close()


@pytest.fixture(scope="module")
def two(site_factory: Callable[..., Any]) -> Iterator[Any]:
    """A site and the server it pulls from, for a file's tests."""
    from long_runs import make_pair  # which needs web2py
    local, remote = make_pair(site_factory)
    yield local, remote
    local.stop()
    remote.stop()


@pytest.fixture
def sites(two: Any) -> Iterator[Any]:
    """A server with new records, and a site that pulls them and has no job yet."""
    from long_runs import FILL, RECORDS
    local, remote = two
    local.shell("for name in arguments: db(db[name]).delete()", [
        "scheduler_task", "scheduler_run", "scheduler_worker", "sync_run", "sync_run_task", "sync_log"])
    remote.shell(FILL, {"count": RECORDS})
    yield local, remote
    local.stop()


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, make_workshop: Callable[[str], Workshop], tmp_path: Path) -> Iterator[Any]:
    """A workshop, with a web2py application on its database."""
    from small_application import SmallApplication
    shop = make_workshop(request.param)
    shop.scheduler.application = "small/default"
    shop.db.scheduler_task.application_name.default = "small/default"
    shop.application = SmallApplication(tmp_path / "root", shop.uri, shop.folder)      # type: ignore[attr-defined]
    yield shop
    shop.close()
