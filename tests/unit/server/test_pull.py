"""Answering a pull: who is answered how, and that every page gets on."""
from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from local_sites import LocalSite
from lxml import etree
from pydal import Field

from s3sync.engine.repository import by_uuid
from s3sync.errors import NotRegistered
from s3sync.hosts.web2py import declare
from s3sync.server import pull
from s3sync.server.request import Request

PEER = "urn:uuid:00000000-0000-4000-8000-00000000beef"
MANY = pull.PATIENCE + 5


def test_a_peer_of_our_kind_must_be_registered(tmp_path: Path) -> None:
    site = LocalSite(tmp_path, "here").open()
    with pytest.raises(NotRegistered):           # a document for a plain Eden would lose its components on the way
        pull.answer(site, Request("GET", {"resource": "org_organisation", "s3sync": "1"}), None)
    answer = pull.answer(site, Request("GET", {"resource": "org_organisation"}), None)
    assert answer.status == 200


def test_a_task_of_many_tables_comes_to_its_end(tmp_path: Path) -> None:
    here = LocalSite(tmp_path, "here")
    for number in range(MANY):
        here.db.define_table(f"org_part{number}", Field("organisation_id", "reference org_organisation"), Field("name"),
                             *here.meta())
    declare(here.db, "org_organisation", components=[
        dict(alias=f"part{number}", table=f"org_part{number}", fkey="organisation_id") for number in range(MANY)])
    here.db.sync_repository.insert(name="peer", uuid=PEER)
    here.insert("org_organisation", name="ACME")
    here.insert(f"org_part{MANY - 1}", name="the last of all")
    repository = by_uuid(here.db, PEER)
    cursors, scanned, found = "{}", None, b""
    for _ in range(10):
        more = {} if scanned is None else {"scanned": scanned}
        asked = Request("GET", {"resource": "org_organisation", "s3sync": "1", "cursor": cursors, **more})
        body = pull.answer(here.open(), asked, repository).body
        assert isinstance(body, bytes)
        found += body
        root = etree.fromstring(body)
        cursors, scanned = root.get("cursor"), root.get("scanned")
        if root.get("more") == "false":
            break
    assert root.get("more") == "false"
    assert b"the last of all" in found and len(json.loads(cursors)) == MANY + 1


@pytest.mark.parametrize("changes", [0, 10, 70, 300])
def test_the_first_page_says_how_many_records_there_will_be(tmp_path: Path, changes: int) -> None:
    """All of them at first; then those that were changed, whether they fit on it, on one scan's page, or on neither."""
    here = LocalSite(tmp_path, "here", batch_size=100)
    here.db.sync_repository.insert(name="peer", uuid=PEER)
    for number in range(300):
        here.insert("org_organisation", name=f"Organisation {number}", year=2000)
    repository, cursors = by_uuid(here.db, PEER), "{}"

    def asked() -> tuple[int, int]:
        """What the first page says, and what comes."""
        nonlocal cursors
        promised, came, more = -1, 0, {}
        while True:
            body = pull.answer(here.open(), Request("GET", {
                "resource": "org_organisation", "s3sync": "1", "limit": "50", "cursor": cursors, **more}), repository).body
            assert isinstance(body, bytes)
            root = etree.fromstring(body)
            cursors, came = root.get("cursor"), came + int(root.get("results"))
            if not more:
                promised = int(root.get("total"))
            more = {"scanned": root.get("scanned")}
            if root.get("more") == "false":
                return promised, came

    assert asked() == (300, 300)
    here.db(here.db.org_organisation.id <= changes).update(year=2001, modified_on=datetime(2037, 1, 1))
    here.db.commit()
    assert asked() == (changes, changes)
