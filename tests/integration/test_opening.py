"""How a run with a known peer begins, between real sites over HTTP: greeting and first page in one request, or in two."""
from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any, Callable, Iterator

import pytest
from test_commands import Desk

from sites import Site

#: a run that notes what it asks for
RUN = """
from urllib.parse import parse_qs, urlsplit
from s3sync.peers.http import HttpClient
asked, exchange = [], HttpClient._exchange

def noting(self, method, url, *rest):
    parts = urlsplit(url)
    asked.append((method, parts.path.rsplit("/", 1)[1], "contact" in parse_qs(parts.query)))
    return exchange(self, method, url, *rest)

HttpClient._exchange = noting
try:
    result = s3sync_app.synchronize(arguments, user_id=1, manual=True)
finally:
    HttpClient._exchange = exchange
messages = [row.message for row in db(db.sync_log.id > 0).select(orderby=db.sync_log.id)]
answer = {"result": result, "asked": asked, "last": messages[-1], "messages": messages}
"""
PULL = "db(db.sync_task.id > 0).update(mode=1)"

GREETING, PAGE, PUSH = ["GET", "peer.json", True], ["GET", "sync.xml", False], ["POST", "sync.xml", False]
FIRST_PAGE = ["GET", "sync.xml", True]

#: a site that has become a plain Eden: it notes what it is asked and answers what is new since msince
PLAIN = """

def peer():
    raise HTTP(404, "invalid function (sync/peer)")

_sync = sync

def sync():
    for name in ("s3sync", "repository", "contact"):
        request.get_vars.pop(name, None)
        request.vars.pop(name, None)
    return _sync()
"""


@pytest.fixture
def desk(site_factory: Callable[..., Site]) -> Iterator[Desk]:
    here, there = site_factory("here", sync={"retries": 0}), site_factory("there")
    there.start()
    made = Desk(here, there)
    here.shell(PULL)
    yield made
    there.stop()


def run(desk: Desk) -> Any:
    return desk.here.shell(RUN, desk.repository)


def names(site: Site) -> list[str]:
    return sorted(row["name"] for row in site.sql("SELECT name FROM org_organisation WHERE deleted = 'F' OR deleted IS NULL"))


def copied(site: Site) -> bytes:
    """Its whole database."""
    with closing(sqlite3.connect(site.database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return site.database.read_bytes()


def put_back(site: Site, kept: bytes) -> None:
    for path in site.database.parent.glob(f"{site.database.name}-*"):
        path.unlink()
    site.database.write_bytes(kept)


def test_a_known_peer_is_greeted_along_with_the_first_page(desk: Desk) -> None:
    desk.there.shell("db.org_organisation.insert(name='One')")
    first = run(desk)
    assert first["result"] == "success" and first["asked"] == [GREETING, PAGE, GREETING]
    assert run(desk)["asked"] == [FIRST_PAGE]                 # nothing to do: one request
    desk.there.shell("db.org_organisation.insert(name='Two')")
    assert run(desk)["asked"] == [FIRST_PAGE, GREETING]       # the contact at the end of what has moved something
    assert names(desk.here) == names(desk.there) == ["One", "Two"]


def test_a_run_that_pushes_first_asks_who_is_there(desk: Desk) -> None:
    desk.here.shell("db(db.sync_task.id > 0).update(mode=2)\ndb.org_organisation.insert(name='One')")
    assert run(desk)["asked"] == [GREETING, PUSH, GREETING]
    assert run(desk)["asked"] == [GREETING]


def test_a_database_put_back_is_noticed_with_the_first_page(desk: Desk) -> None:
    desk.there.shell("db.org_organisation.insert(name='One')")
    run(desk)
    kept = copied(desk.here)
    desk.there.shell("db.org_organisation.insert(name='Two')")
    run(desk)
    put_back(desk.here, kept)
    assert names(desk.here) == ["One"]
    found = run(desk)
    assert found["result"] == "success" and found["asked"] == [FIRST_PAGE, PAGE, GREETING]        # from the beginning after all
    assert names(desk.here) == ["One", "Two"]
    assert any("This site's database was put back to an earlier state" in message for message in found["messages"])


def test_what_concerns_one_resource_does_not_end_the_run(desk: Desk) -> None:
    """The first page is refused: the peer is asked who it is, the task fails, the next one goes on."""
    run(desk)
    desk.here.shell("db.sync_task.insert(repository_id=arguments, resource_name='gis_location', mode=1)", desk.repository)
    desk.there.shell("db(db.auth_permission.table_name == 'org_organisation').delete()\ndb.gis_location.insert(name='There')")
    found = run(desk)
    assert found["asked"] == [FIRST_PAGE, GREETING, PAGE, PAGE, GREETING]
    assert found["result"] == "fatal" and any("Not permitted" in message for message in found["messages"])
    assert [row["name"] for row in desk.here.sql("SELECT name FROM gis_location")] == ["There"]


def test_a_peer_that_has_gone_is_asked_once(desk: Desk) -> None:
    run(desk)
    desk.there.stop_server()
    found = run(desk)
    assert found["result"] == "error" and found["asked"] == [FIRST_PAGE]
    assert "Peer repository unavailable" in found["last"]


def test_another_site_at_the_same_url(desk: Desk) -> None:
    run(desk)
    desk.there.shell("db(db.sync_config.id > 0).update(uuid='urn:uuid:11111111-2222-4333-8444-555555555555')")
    found = run(desk)
    assert found["result"] == "fatal" and found["asked"] == [FIRST_PAGE, GREETING]
    assert "registered is" in found["last"]


def test_a_peer_that_became_a_plain_eden(desk: Desk) -> None:
    """It takes the question for one of a plain Eden's; what it answers to that is nothing."""
    desk.there.shell("db.org_organisation.insert(name='One')")
    run(desk)
    controller = desk.there.appdir / "controllers" / "sync.py"
    controller.write_text(controller.read_text() + PLAIN)
    desk.there.shell("db.org_organisation.insert(name='Two')")
    found = run(desk)
    assert found["result"] == "success" and found["asked"][:2] == [FIRST_PAGE, GREETING]
    assert names(desk.here) == ["One", "Two"]
    assert "Data sent to peer (0 records)" in [row["message"] for row in desk.there.sql("SELECT message FROM sync_log")]
