"""Pages of a push: one follows the other at once, none follows one that was not taken, and receipts count in their order."""
from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from local_sites import LocalPeer, LocalSite, register, same
from lxml import etree

from s3sync.engine import cursors
from s3sync.engine.peer import Receipt, Task
from s3sync.engine.run import Runner
from s3sync.errors import PeerRefused


class WatchedPeer(LocalPeer):
    """Tells what is pushed: the names of the records of each page."""

    def push(self, task: Task, body: bytes) -> Receipt:
        self.pages.append([str(e.get("uuid")) for e in etree.fromstring(body).iter("resource")])
        self.begun[len(self.pages) - 1].set()
        if len(self.pages) == self.refused:
            raise PeerRefused("not this one")
        return super().push(task, body)


class Push:
    """A site that pushes its locations to another, two in the first page."""

    def __init__(self, folder: Path) -> None:
        self.a, self.b = LocalSite(folder, "a", batch_size=4), LocalSite(folder, "b", batch_size=4)
        self.number = register(self.a, self.b, [dict(resource_name="gis_location", mode=2, components=False)])
        self.peer = WatchedPeer(self.a, self.b)
        self.pages: list[list[str]] = []
        self.begun = [threading.Event() for _ in range(20)]
        self.peer.pages, self.peer.begun, self.peer.refused = self.pages, self.begun, 0

    def fill(self, count: int, **values: Any) -> list[str]:
        found = []
        for number in range(count):
            row = self.a.db.gis_location[self.a.db.gis_location.insert(name=f"Place {number}", **values)]
            found.append(str(row.uuid))
        self.a.db.commit()
        return found

    def run(self) -> str:
        return Runner(self.a.open(), lambda repo, site: lambda: self.peer).synchronize(self.number)


@pytest.fixture
def push(tmp_path: Path) -> Push:
    return Push(tmp_path)


def test_the_next_page_is_sent_before_what_became_of_the_last_is_noted(push: Push, monkeypatch: pytest.MonkeyPatch) -> None:
    push.fill(30)
    seen: list[bool] = []
    save = cursors.save

    def saved(*args: Any) -> None:
        if len(push.pages) < 4:              # of the last page none follows
            seen.append(push.begun[len(seen) + 1].wait(10))
        save(*args)
    monkeypatch.setattr(cursors, "save", saved)
    assert push.run() == "success"
    assert seen and all(seen)
    assert [len(page) for page in push.pages] == [2, 6, 16, 6] and not list(same(push.a, push.b))


def test_after_a_page_that_was_not_taken_none_is_sent(push: Push) -> None:
    push.fill(30)
    push.peer.refused = 2
    assert push.run() == "fatal"
    assert [len(page) for page in push.pages] == [2, 6]
    push.peer.refused = 0
    assert push.run() == "success" and not list(same(push.a, push.b))
    assert [len(page) for page in push.pages[2:]] == [2, 6, 16, 4]      # what was taken is not sent again


def test_what_is_on_its_way_already_is_not_sent_once_more(push: Push) -> None:
    children, (parent,) = push.fill(2), push.fill(1)
    row = push.a.db(push.a.db.gis_location.uuid == parent).select().first()
    push.a.db(push.a.db.gis_location.uuid.belongs(children)).update(parent=row.id)
    push.a.db.commit()
    assert push.run() == "success" and not list(same(push.a, push.b))
    assert push.pages == [children, [parent]]


def offices(push: Push, count: int) -> str:
    """An organisation whose first offices lie in a location that no task covers, which is returned; instead of locations."""
    a = push.a
    a.db(a.db.sync_task.id > 0).update(resource_name="org_organisation", components=True)
    (place,) = push.fill(1)
    row = a.db(a.db.gis_location.uuid == place).select().first()
    owner = a.db.org_organisation.insert(name="Relief")
    for number in range(count):
        a.db.org_office.insert(name=f"Office {number}", organisation_id=owner, location_id=row.id if number < 6 else None)
    a.db.commit()
    return place


def test_tables_follow_each_other_at_once_and_pages_go_on_growing(push: Push, monkeypatch: pytest.MonkeyPatch) -> None:
    place = offices(push, 9)
    seen: list[bool] = []
    save = cursors.save

    def saved(*args: Any) -> None:
        if len(seen) < 1:
            seen.append(push.begun[1].wait(10))          # of the offices, before the organisation is noted
        save(*args)
    monkeypatch.setattr(cursors, "save", saved)
    assert push.run() == "success" and not list(same(push.a, push.b))
    assert seen == [True]
    assert [len(page) for page in push.pages] == [1, 6, 3, 1] and push.pages[3] == [place]


def test_what_a_page_lacks_is_found_again_if_it_could_not_be_sent(push: Push) -> None:
    place = offices(push, 9)
    push.peer.refused = 4
    assert push.run() == "fatal" and push.pages[3] == [place]
    assert not push.b.db(push.b.db.gis_location.id > 0).count()
    push.peer.refused = 0
    assert push.run() == "success" and not list(same(push.a, push.b))
