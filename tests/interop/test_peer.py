"""A run between a real Eden with s3sync and another real Eden; both must give what they have."""
from __future__ import annotations

import uuid

import pytest
from conftest import Eden, known_to_each_other, lacks_its_repair, run

RESOURCE = "org_organisation"


@pytest.fixture(scope="module")
def repository(eden: Eden, peer: Eden) -> int:
    """The peer as a repository of the site, with a task that pulls; its id."""
    return known_to_each_other(eden, peer, RESOURCE, 1)


def test_what_is_there_comes_here_and_once_only(eden: Eden, peer: Eden, repository: int) -> None:
    before = eden.records("org/organisation.xml")
    first = run(eden, repository)
    assert [entry for entry in first if entry[0] == "pull/outgoing" and entry[1] in ("success", "warning")], first
    there, here = peer.records("org/organisation.xml"), eden.records("org/organisation.xml")
    assert there and set(there) <= set(here)
    for identity, record in there.items():
        if identity in before:
            continue                             # may have been edited on both sides
        theirs = {e.get("field"): e.text for e in record.findall("data")}
        mine = {e.get("field"): e.text for e in here[identity].findall("data")}
        assert mine == theirs
    again = run(eden, repository)
    assert "up-to-date" in again[0][2], again


def test_a_push_arrives_or_the_log_says_what_the_peer_lacks(eden: Eden, peer: Eden, repository: int) -> None:
    name = f"Interop {uuid.uuid4().hex[:8]}"
    identity = eden.shell(f"t = s3db.{RESOURCE}\nn = t.insert(name={name!r}, comments='first')\n"
                          "s3db.update_super(t, dict(id=n))\nprint(t[n].uuid)")
    assert known_to_each_other(eden, peer, RESOURCE, 3) == repository
    entries = run(eden, repository)
    pushed = [entry for entry in entries if entry[0] == "push/outgoing"]
    assert pushed, entries
    if lacks_its_repair(entries):
        assert identity not in peer.records("org/organisation.xml")
        return
    assert {entry[1] for entry in pushed} == {"success"}, entries          # the site may have other tasks with that peer
    assert _values(peer)[identity] == {"name": name, "comments": "first"}
    eden.shell(f"db(s3db.{RESOURCE}.uuid == {identity!r}).update(comments='second')")
    entries = run(eden, repository)
    assert ["push/outgoing", "success"] in [entry[:2] for entry in entries], entries
    assert _values(peer)[identity] == {"name": name, "comments": "second"}
    entries = run(eden, repository)
    up_to_date = ["push/outgoing", "success", "No data to send (already up-to-date)"]
    pushed = [entry for entry in entries if entry[0] == "push/outgoing"]
    assert pushed == [up_to_date] * len(pushed), entries


def _values(site: Eden) -> dict[str, dict[str, str | None]]:
    """What organisations there say, by uuid."""
    return {identity: {str(e.get("field")): e.text for e in record.findall("data") if e.get("field") in ("name", "comments")}
            for identity, record in site.records("org/organisation.xml").items()}
