"""A real site whose database ends the connection of a request under way: the caller is told, and the next request is answered."""
from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Iterator

import pytest
import requests
from databases import chosen
from served_site import ServedSite

from sites import ADMIN, free_port

DOCUMENT = (b'<s3xml s3sync="1"><resource name="gis_location" uuid="urn:uuid:pushed" v="aaaaaaaaaaaa:1">'
            b'<data field="name">P</data></resource></s3xml>')

REGISTER = """
db.sync_repository.insert(name="R", uuid="urn:uuid:caller", accept_push=True)
db.gis_location.insert(name="here", uuid="urn:uuid:here")
answer = 1
"""


class Served:
    """A site on PostgreSQL with one registered caller."""

    def __init__(self, folder: Path) -> None:
        self.site = ServedSite(folder, free_port(), "postgres")
        self.site.build()
        self.site.shell(REGISTER)
        self.site.start()
        self.database = chosen.name_of(self.site.uri)

    def ask(self, method: str) -> Any:
        return requests.request(method, f"{self.site.url}/sync/sync.xml", auth=ADMIN, timeout=60,
                                params={"resource": "gis_location", "repository": "urn:uuid:caller", "s3sync": "1"},
                                data=DOCUMENT if method == "POST" else None)

    def number(self, statement: str) -> int:
        return self.site.number(statement)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = Served(tmp_path_factory.mktemp("served") / "root")
    yield made
    made.site.stop()
    chosen.server("postgres").drop(made.database)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_connection_that_is_ended_in_the_middle(method: str, served: Served) -> None:
    """The request waits for a table that somebody else has locked; then its connection is ended by the administrator."""
    assert served.ask("GET").status_code == 200
    before = served.number("SELECT COUNT(*) FROM gis_location")
    other = chosen.server("postgres").connect(served.database)
    cursor = other.cursor()
    cursor.execute("SELECT seq FROM sync_clock WHERE tablename = 'gis_location' FOR UPDATE")
    blocked = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with ThreadPoolExecutor(1) as pool:
        request = pool.submit(served.ask, method)
        end = time.monotonic() + 30
        while not served.number(f"SELECT COUNT(*) {blocked}") and time.monotonic() < end:
            time.sleep(.05)
        assert served.number(f"SELECT COUNT(pg_terminate_backend(pid)) {blocked}") == 1
        answer = request.result(timeout=60)
    other.rollback()
    other.close()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert (answer.json()["status"], answer.json()["code"]) == ("failed", "database")
    assert "connection" in answer.json()["message"]
    assert served.number("SELECT COUNT(*) FROM gis_location") == before            # nothing by halves
    again = served.ask(method)                                                     # by the same server, which has connected again
    assert again.status_code == 200 and (b"urn:uuid:here" in again.content or again.json()["status"] == "success")
    assert served.site.errors() == ""                                              # no ticket
