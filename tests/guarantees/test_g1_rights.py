"""G1 where it depends on the record who may read it: who is let see more gets what has long been there, and nothing else ever."""
from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from eden_site import EdenSite, components
from local_sites import register, synchronize
from practice import sql
from shaped_site import ShapedSite

from s3sync.engine.repository import by_uuid, tasks
from s3sync.engine.rights import opened, rights, sealed
from s3sync.server import pull
from s3sync.server.request import Request

ORGANISATION, OFFICE = "org_organisation", "org_office"
NORTH, SOUTH = 11, 5

MODES = pytest.mark.parametrize("mode", [1, 2], ids=["pull", "push"])


class Realms:
    """An Eden whose records belong to realms, and a site that it shares with; who pulls, or pushes, sees some realms only."""

    def __init__(self, folder: Path, mode: int) -> None:
        self.eden, self.site = EdenSite(folder, "eden"), ShapedSite(folder, "site")
        self.eden.components[ORGANISATION] = components(office=dict(tablename=OFFICE, fkey="organisation_id"))
        self.me, self.other = (self.site, self.eden) if mode == 1 else (self.eden, self.site)
        self.number = register(self.me, self.other, [dict(resource_name=ORGANISATION, mode=mode)])
        if mode == 1:
            self.eden.auth.user.id = 7
        self.eden.auth.realms = [NORTH]
        self.mode = mode

    def organisation(self, realm: int, **values: Any) -> str:
        return self.eden.insert(ORGANISATION, name="O", realm_entity=realm, **values)

    def office(self, organisation: str, realm: int) -> str:
        return self.eden.insert(OFFICE, name="F", organisation_id=self.eden.id_of(ORGANISATION, organisation), realm_entity=realm)

    def run(self) -> int:
        """How many records moved."""
        if self.mode == 2:
            self.eden.auth.user.id = 7
        assert synchronize(self.me, self.other, self.number) == "success"
        return int(sum(step.records for step in self.me.steps().values()))

    def has(self, uuid: str, table: str = ORGANISATION) -> bool:
        return self.site.get(table, uuid) is not None

    def later(self, seconds: int) -> None:
        self.eden.skew += timedelta(seconds=seconds)


@MODES
def test_another_realm(tmp_path: Path, mode: int) -> None:
    r = Realms(tmp_path, mode)
    north, south = r.organisation(NORTH), r.organisation(SOUTH)
    office = r.office(south, SOUTH)
    assert r.run() == 1 and r.has(north) and not r.has(south)
    assert r.run() == 0
    r.eden.auth.realms = [NORTH, SOUTH]
    r.run()
    assert r.has(south) and r.has(office, OFFICE)
    assert r.run() == 0
    r.eden.auth.realms = [SOUTH, NORTH]                   # the same, in another order
    assert r.run() == 0


@MODES
def test_all_realms(tmp_path: Path, mode: int) -> None:
    """The user has become an administrator, and then an ordinary one again: what it has stays, and is kept up to date."""
    r = Realms(tmp_path, mode)
    south, north = r.organisation(SOUTH), r.organisation(NORTH)
    r.run()
    r.eden.auth.realms = [NORTH, SOUTH]
    r.eden.auth.user.id = 1
    assert synchronize(r.me, r.other, r.number) == "success" and r.has(south)
    r.eden.auth.user.id, r.eden.auth.realms = 7, [NORTH]
    r.eden.update(ORGANISATION, north, name="N")
    r.run()
    assert r.site.get(ORGANISATION, north).name == "N" and r.run() == 0


@MODES
def test_a_record_that_comes_into_a_realm(tmp_path: Path, mode: int) -> None:
    r = Realms(tmp_path, mode)
    r.eden.auth.permission.entity_realm = True
    moved, stays = r.organisation(SOUTH), r.organisation(SOUTH)
    office = r.office(moved, NORTH)
    assert r.run() == 0
    r.later(5)
    r.eden.update(ORGANISATION, moved, realm_entity=NORTH)
    r.run()
    assert r.has(moved) and r.has(office, OFFICE) and not r.has(stays)
    assert r.run() == 0
    vectors = sql(r.eden, "SELECT vector FROM sync_version WHERE record_uuid = ?", moved)
    assert vectors == sql(r.site, "SELECT vector FROM sync_version WHERE record_uuid = ?", moved)


@MODES
def test_a_record_that_is_approved(tmp_path: Path, mode: int) -> None:
    """The realm stands for the approval: both decide who may read, and change no value."""
    r = Realms(tmp_path, mode)
    waiting = r.organisation(SOUTH)
    assert r.run() == 0
    r.later(5)
    r.eden.update(ORGANISATION, waiting, realm_entity=NORTH)
    r.run()
    assert not r.has(waiting)                             # no such rule for this table: nobody looks
    r.eden.approving.add(ORGANISATION)
    r.later(5)
    r.eden.update(ORGANISATION, waiting, approved_by=1)
    r.run()
    assert r.has(waiting)


@MODES
def test_a_component_that_may_not_be_read(tmp_path: Path, mode: int) -> None:
    """It does not come along with its master."""
    r = Realms(tmp_path, mode)
    organisation = r.organisation(NORTH)
    seen, hidden = r.office(organisation, NORTH), r.office(organisation, SOUTH)
    r.run()
    r.eden.update(ORGANISATION, organisation, name="P")
    r.run()
    assert r.has(seen, OFFICE) and not r.has(hidden, OFFICE)


def test_a_plain_eden_that_pulls(tmp_path: Path) -> None:
    """It is given what it may read now as soon as it asks again, and of components too only what it may read."""
    r = Realms(tmp_path, 1)
    north, south = r.organisation(NORTH), r.organisation(SOUTH)
    hidden = r.office(north, SOUTH)

    def answer(msince: str = "") -> bytes:
        asked = Request("GET", {"resource": ORGANISATION, **({"msince": msince} if msince else {})})
        body = pull.answer(r.eden.open(), asked, by_uuid(r.eden.db, r.site.uuid)).body
        return body if isinstance(body, bytes) else body.read()

    first = answer()
    assert north.encode() in first and south.encode() not in first and hidden.encode() not in first
    later = (r.eden.now() + timedelta(days=1)).isoformat()[:19]
    assert north.encode() not in answer(later)
    r.eden.auth.realms = [NORTH, SOUTH]
    second = answer(later)
    assert south.encode() in second and hidden.encode() in second
    r.eden.auth.denied.add(("read", OFFICE))
    assert hidden.encode() not in answer() and north.encode() in answer()


def test_what_may_not_be_read_cannot_be_asked_for_by_name(tmp_path: Path) -> None:
    r = Realms(tmp_path, 1)
    north, south = r.organisation(NORTH), r.organisation(SOUTH)
    gone = r.organisation(SOUTH)
    r.eden.delete(ORGANISATION, gone)
    asked = Request("GET", {"resource": ORGANISATION, "s3sync": "1", "uuids": f"{north},{south},{gone},nobody"})
    answer = pull.answer(r.eden.open(), asked, by_uuid(r.eden.db, r.site.uuid))
    assert isinstance(answer.body, bytes)
    assert north.encode() in answer.body and gone.encode() in answer.body and south.encode() not in answer.body
    assert not r.eden.get(ORGANISATION, south).deleted
    deleted = sql(r.eden, "SELECT COUNT(*) FROM sync_version WHERE record_uuid = ? AND digest LIKE '-%'", south)
    assert deleted == [(0,)]


def test_rights_do_not_depend_on_the_order_of_what_they_are_made_of(tmp_path: Path) -> None:
    r = Realms(tmp_path, 1)
    task = tasks(r.site.open().db, r.number)[0]

    def said(*realms: int) -> str:
        r.eden.auth.realms = list(realms)
        return rights(r.eden.open(), task)

    assert said(NORTH, SOUTH, 7) == said(7, SOUTH, NORTH) != said(NORTH, SOUTH) != said(NORTH) != said(SOUTH)
    r.eden.auth.user.id = 1
    assert said(NORTH) == ""


def test_cursors_with_and_without_rights() -> None:
    assert opened(sealed("abc.12", "0f"), "0f") == "abc.12" == opened("abc.12", "") == opened("abc.12~0f", None)
    assert sealed("abc.12", "") == "abc.12"
    for cursor, held in (("abc.12~0f", "0e"), ("abc.12~0f", ""), ("abc.12", "0f"), ("", "0f"), ("x", "0f")):
        assert opened(cursor, held) == ""
    assert opened("abc.12.20~0f", "0e") == "abc.0.20" and opened("echo", "0e") == "echo"
