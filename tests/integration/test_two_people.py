"""What waits for a person, between two real sites over HTTP: what is decided on the pages of one arrives at the other."""
from __future__ import annotations

import re
from typing import Any, Callable, Iterator

import pytest
from test_commands import RUN, Desk
from visitor import Visitor

from sites import ADMIN, Site

EDIT = "db(db.org_organisation.uuid == arguments['uuid']).update(**arguments['values'])"
ASK = "db(db.sync_task.id > 0).update(conflict_policy='ASK')"


def text(page: Any) -> str:
    """What a page says, without its markup."""
    return " ".join(re.sub(r"<[^>]*>", " ", page.text).split())


class Office(Desk):
    """Two sites with pages, and an administrator at the first."""

    def open(self) -> Office:
        self.here.start()
        self.admin = Visitor(self.here).login(*ADMIN)
        return self

    def new(self, **values: Any) -> str:
        """A record that both sites have."""
        uuid = self.here.shell("answer = db.org_organisation[db.org_organisation.insert(**arguments)].uuid", values)
        assert self.run() == "success"
        assert self.record(self.there, uuid)["name"] == values["name"]
        return str(uuid)

    def edit(self, site: Site, uuid: str, **values: Any) -> None:
        site.shell(EDIT, {"uuid": uuid, "values": values})

    @staticmethod
    def record(site: Site, uuid: str) -> Any:
        return site.sql("SELECT * FROM org_organisation WHERE uuid = ?", [uuid])[0]

    def both(self, uuid: str, *names: str) -> list[tuple[Any, ...]]:
        """Values at both sites."""
        return [tuple(self.record(site, uuid)[name] for name in names) for site in (self.here, self.there)]

    def last(self, table: str, order: str = "id") -> Any:
        return self.here.sql(f"SELECT * FROM {table} ORDER BY {order} DESC LIMIT 1")[0]


@pytest.fixture(scope="module")
def office(site_factory: Callable[..., Site]) -> Iterator[Office]:
    here, there = site_factory("here", sync={"retries": 0}), site_factory("there")
    there.start()
    yield Office(here, there).open()
    here.stop()
    there.stop()


@pytest.mark.parametrize("choice, expected", [
    (dict(choice="mine"), ("Ours", "ours")), (dict(choice="theirs"), ("Theirs", "theirs")),
    (dict(choice="fields", side_name="mine", side_comments="theirs"), ("Ours", "theirs"))])
def test_a_conflict_decided_on_the_page_is_decided_at_the_peer(office: Office, choice: dict[str, str],
                                                              expected: tuple[str, str]) -> None:
    office.here.shell(ASK)
    uuid = office.new(name="Before", comments="before")
    office.edit(office.here, uuid, name="Ours", comments="ours")
    office.edit(office.there, uuid, name="Theirs", comments="theirs")
    assert office.run() == "warning"                                  # a person must decide: that is no success
    assert office.both(uuid, "name") == [("Ours",), ("Theirs",)]
    conflict = office.last("sync_conflict")
    assert conflict["record_uuid"] == uuid and conflict["status"] == "open"
    assert "1 in conflict until somebody decides" in office.last("sync_log")["message"]
    page = office.admin.get(f"/sync/conflict/{conflict['id']}").text
    assert all(word in page for word in ("Ours", "ours", "Theirs", "theirs"))
    office.admin.send(f"/sync/conflict/{conflict['id']}", "sync_conflict", **choice)
    assert office.run() == "success" and office.both(uuid, "name", "comments") == [expected, expected]
    assert office.run() == "success" and office.both(uuid, "name", "comments") == [expected, expected]      # nothing bounces
    assert not office.here.sql("SELECT id FROM sync_conflict WHERE status = 'open'")
    assert not office.there.sql("SELECT id FROM sync_conflict WHERE status = 'open'")


def test_rejected_records_are_tried_again_corrected_or_dismissed(office: Office) -> None:
    for name in ("Corrected there", "Corrected here", "Left alone"):
        office.there.shell("db.org_organisation.insert(**arguments)", {"name": name, "country": "nowhere"})
    fine = office.there.shell("answer = db.org_organisation[db.org_organisation.insert(name='Fine')].uuid")
    assert office.run() == "warning" and office.record(office.here, fine)["name"] == "Fine"
    listed = {row["name"]: row for row in office.here.sql("SELECT * FROM sync_quarantine WHERE status = 'open'")
              for row in [{**dict(row), "name": row["xml"].partition('<data field="name">')[2].partition("<")[0]}]}
    assert sorted(listed) == ["Corrected here", "Corrected there", "Left alone"]
    assert all(row["code"] and row["error"] and row["next_on"] for row in listed.values())
    assert "3 rejected records" in office.admin.get("/sync/index").text

    address = f"/sync/quarantine/{listed['Corrected here']['id']}"
    xml = listed["Corrected here"]["xml"]
    office.admin.send(address, "sync_quarantine_edit", xml=xml.replace(">nowhere<", ">KE<"))
    office.edit(office.there, listed["Corrected there"]["record_uuid"], country="UG")
    office.admin.send(f"/sync/quarantine/{listed['Left alone']['id']}/dismiss", "sync_quarantine_dismiss")
    assert office.run() == "success"
    assert office.record(office.here, listed["Corrected here"]["record_uuid"])["country"] == "KE"
    assert office.record(office.here, listed["Corrected there"]["record_uuid"])["country"] == "UG"
    assert not office.here.sql("SELECT id FROM org_organisation WHERE name = 'Left alone'")
    (left,) = office.here.sql("SELECT * FROM sync_quarantine")
    assert left["status"] == "dismissed"
    office.admin.send(f"/sync/quarantine/{left['id']}", "sync_quarantine_retry")        # by hand, after all: it fails again
    assert office.run() == "warning" and office.last("sync_quarantine")["status"] == "open"
    assert office.last("sync_quarantine")["attempts"] > left["attempts"]
    office.edit(office.there, left["record_uuid"], country="TZ")
    assert office.run() == "success" and not office.here.sql("SELECT * FROM sync_quarantine")
    assert "rejected record" not in office.admin.get("/sync/index").text


def test_a_peer_that_is_down_is_left_alone_for_a_while_and_the_page_says_how_long(office: Office) -> None:
    scheduled = RUN.replace(", manual=True", "")
    office.there.stop_server()
    try:
        assert office.run() == "error"
        assert "it keeps failing: not tried before 20" in text(office.admin.get("/sync/index"))
        status, said = office.type("status", str(office.here.appdir))
        assert status == 1 and "scheduled runs try again from 20" in said, said
        runs = office.last("sync_run")["id"]
        office.here.shell(scheduled, office.repository)                  # its job is due, but it is too early
        assert office.last("sync_run")["id"] == runs
    finally:
        office.there.start()
    assert office.run() == "success"                                     # by hand it is tried at once
    status, said = office.type("status", str(office.here.appdir))
    assert status == 0 and "try again" not in said, said
    assert "not tried" not in text(office.admin.get("/sync/index"))
    assert office.here.shell(scheduled, office.repository) == "success"
