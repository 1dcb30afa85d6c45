"""A run between a real Eden with s3sync and another real Eden; both must give what they have."""
from __future__ import annotations

import uuid

import pytest
from conftest import Eden, run

RESOURCE = "org_organisation"


@pytest.fixture(scope="module")
def repository(eden: Eden, peer: Eden) -> int:
    """The peer as a repository of the site, with a task that pulls; its id."""
    return int(eden.shell(
        "s3sync_app.serve()\n"
        f"row = db(db.sync_repository.url == {peer.url!r}).select().first()\n"
        f"n = row.id if row else db.sync_repository.insert(name='interop peer', url={peer.url!r}, username={peer.user!r},"
        f" password={peer.password!r})\n"
        f"t = db.sync_task\n"
        f"if db((t.repository_id == n) & (t.resource_name == {RESOURCE!r})).isempty():\n"
        f"    t.insert(repository_id=n, resource_name={RESOURCE!r}, mode=1, components=True)\n"
        "print(n)"))


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
    identity = eden.shell(f"t = s3db.{RESOURCE}\nn = t.insert(name={name!r})\ns3db.update_super(t, dict(id=n))\n"
                          f"db(db.sync_task.repository_id == {repository}).update(mode=3) if s3sync_app.serve() is None else 0\n"
                          "print(t[n].uuid)")
    pushed = [entry for entry in run(eden, repository) if entry[0] == "push/outgoing"]
    if pushed[-1][1] in ("success", "warning"):
        assert identity in peer.records("org/organisation.xml")
    else:
        known = ("Registration required", "conflict_resolver", "register")
        assert any(text in pushed[-1][2] for text in known), pushed
