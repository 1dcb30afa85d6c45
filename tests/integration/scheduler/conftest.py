"""Workers in processes of their own, on SQLite and on PostgreSQL."""
from __future__ import annotations

from contextlib import closing
from typing import Callable, Iterator

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
