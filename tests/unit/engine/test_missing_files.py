"""A file that cannot be had does not hold its record up, is named in the log, and is put in as soon as it can be had."""
from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from local_sites import LocalPeer, LocalSite, register, synchronize
from pydal import Field
from test_files import TABLE, Gallery, moved

from s3sync.engine.run import Runner
from s3sync.errors import FileUnavailable
from s3sync.hosts.files import MARK
from s3sync.s3xml.record import Upload

LATER = timedelta(days=2)


class Moody(LocalPeer):
    """A peer that gives and takes files only sometimes."""

    why = ""
    asked = 0

    def file(self, table: str, field: str, upload: Upload) -> BinaryIO | None:
        self.asked += 1
        if self.why:
            raise FileUnavailable(self.why)
        return super().file(table, field, upload)


class Strict(Gallery):
    """A site where each picture must have its file."""

    def connect(self) -> None:
        super().connect()
        folder = str(self.folder / "uploads")
        self.db.define_table("doc_scan", Field("name"), Field("file", "upload", uploadfolder=folder, notnull=True), *self.meta())
        self.db.commit()


def run(me: LocalSite, peer: LocalPeer, number: int) -> str:
    return Runner(me.open(), lambda repo, site: lambda: peer).synchronize(number)


def message(site: LocalSite, mode: str) -> Any:
    return next(row for row in site.log() if row.mode.startswith(mode))


@pytest.fixture
def galleries(tmp_path: Path) -> Any:
    a, b = Gallery(tmp_path, "a", max_upload=1000), Gallery(tmp_path, "b", max_upload=1000)
    return a, b, register(a, b, [dict(resource_name=TABLE, mode=3)])


def test_pull_the_record_first_and_its_file_when_it_can_be_had(galleries: Any) -> None:
    a, b, number = galleries
    theirs = b.picture("theirs", b"content", "bridge.jpg")
    peer = Moody(a, b)
    peer.why = "the disk is on fire"
    assert run(a, peer, number) == "warning"
    row = a.get(TABLE, theirs)
    assert (row.name, row.file) == ("theirs", None)
    said = message(a, "pull")
    assert said.result == "warning" and "the disk is on fire" in said.message and theirs in said.message
    waits = a.db(a.db.sync_waiting.record_uuid == theirs).select().first()
    assert (waits.target_table, waits.fieldname, waits.filename) == (MARK, "file", "bridge.jpg")
    assert waits.error == "the disk is on fire"
    a.skew = timedelta(minutes=1)
    assert run(a, peer, number) == "warning" and moved(a) == [0, 0]       # it still waits: no success
    assert peer.asked == 2 and run(a, peer, number) == "warning" and peer.asked == 2      # not asked for each time
    peer.why = ""
    a.skew = LATER
    assert run(a, peer, number) == "success"
    assert a.content(theirs) == ("bridge.jpg", b"content")
    assert a.db(a.db.sync_waiting).isempty()
    for one in (a, b):
        one.skew = LATER
    assert synchronize(a, b, number) == "success" and moved(a) == [0, 0]   # nobody's version has changed


def test_asked_for_at_growing_intervals(galleries: Any) -> None:
    a, b, number = galleries
    b.picture("theirs", b"content")
    peer = Moody(a, b)
    peer.why = "no"
    asked = []
    for minute in (0, 1, 2, 10, 12, 20, 30, 35, 54, 60):          # again with the next run, then after 10 and 20 minutes
        a.skew = timedelta(minutes=minute)
        run(a, peer, number)
        asked.append(peer.asked)
    assert asked == [1, 2, 2, 2, 3, 3, 3, 4, 4, 4]


def test_waiting_changes_nobodys_version(galleries: Any) -> None:
    a, b, number = galleries
    theirs = b.picture("theirs", b"content")
    peer = Moody(a, b)
    peer.why = "no"
    run(a, peer, number)
    site = a.open()
    site.index.lock(TABLE)
    before = a.db(a.db.sync_version.record_uuid == theirs).select().first().vector
    table = site.table(TABLE)
    site.index.look(table, site.index.canonical(table, table.select("1=1")))
    site.db.commit()
    assert a.db(a.db.sync_version.record_uuid == theirs).select().first().vector == before
    assert b.db(b.db.sync_version.record_uuid == theirs).select().first().vector == before


def test_another_edit_meanwhile(galleries: Any) -> None:
    a, b, number = galleries
    theirs = b.picture("theirs", b"content", "x.png")
    peer = Moody(a, b)
    peer.why = "no"
    run(a, peer, number)
    a.update(TABLE, theirs, name="renamed here")
    run(a, peer, number)
    assert b.get(TABLE, theirs).name == "renamed here" and b.content(theirs) == ("x.png", b"content")
    b.update(TABLE, theirs, name="renamed there")
    run(a, peer, number)
    assert a.get(TABLE, theirs).name == "renamed there" and a.get(TABLE, theirs).file is None
    a.skew, peer.why = LATER, ""
    assert run(a, peer, number) == "success" and a.content(theirs) == ("x.png", b"content")


def test_somebody_puts_in_another_file_meanwhile(galleries: Any) -> None:
    a, b, number = galleries
    theirs = b.picture("theirs", b"content")
    peer = Moody(a, b)
    peer.why = "no"
    run(a, peer, number)
    a.update(TABLE, theirs, file=a.db[TABLE].file.store(io.BytesIO(b"better"), "better.png"))
    peer.why = ""
    run(a, peer, number)
    a.skew = LATER
    assert run(a, peer, number) == "success"
    assert a.content(theirs) == b.content(theirs) == ("better.png", b"better")


def test_a_third_site_gets_the_file_when_the_second_has_it(tmp_path: Path) -> None:
    a, b, c = (Gallery(tmp_path, name) for name in "abc")
    task = [dict(resource_name=TABLE, mode=1)]
    to_a, to_b = register(b, a, task), register(c, b, task)
    uuid = a.picture("far away", b"content", "map.pdf")
    peer = Moody(b, a)
    peer.why = "no"
    assert run(b, peer, to_a) == "warning"
    assert synchronize(c, b, to_b) == "warning"
    assert c.get(TABLE, uuid).name == "far away" and c.content(uuid) is None
    peer.why = ""
    for site in (a, b, c):
        site.skew = LATER
    assert run(b, peer, to_a) == "success" and b.content(uuid) == ("map.pdf", b"content")
    assert synchronize(c, b, to_b) == "success" and c.content(uuid) == ("map.pdf", b"content")


def test_missing_at_the_peer_and_back_again(galleries: Any) -> None:
    a, b, number = galleries
    theirs = b.picture("theirs", b"content", "deed.pdf")
    path = next((b.folder / "uploads").iterdir())
    path.rename(b.folder / "elsewhere")
    assert synchronize(a, b, number) == "warning"
    assert a.get(TABLE, theirs).name == "theirs" and a.content(theirs) is None
    (b.folder / "elsewhere").rename(path)
    for skew in (LATER, 2 * LATER):
        a.skew = skew
        synchronize(a, b, number)
    assert a.content(theirs) == ("deed.pdf", b"content")
    assert a.db(a.db.sync_waiting).isempty()


def test_a_damaged_file_is_not_taken(galleries: Any) -> None:
    a, b, number = galleries
    theirs = b.picture("theirs", b"content")
    assert synchronize(a, b, number, lambda what, body: body.replace(b"content", b"CONTENT")) == "warning"
    assert a.content(theirs) is None and "another file" in message(a, "pull").message
    a.skew = timedelta(minutes=1)
    assert synchronize(a, b, number) == "success" and a.content(theirs) == ("ferry_1.png", b"content")


def test_push_too_large_for_the_peer(tmp_path: Path) -> None:
    a, b = Gallery(tmp_path, "a"), Gallery(tmp_path, "b", max_upload=1000)
    number = register(a, b, [dict(resource_name=TABLE, mode=2)])
    mine = a.picture("large", b"x" * 2000, "large.tif")
    small = a.picture("small", b"y", "small.tif")
    assert synchronize(a, b, number) == "warning"
    assert b.get(TABLE, mine).name == "large" and b.content(mine) is None
    assert b.content(small) == ("small.tif", b"y")
    said = message(a, "push")
    assert said.result == "warning" and "max_upload" in said.message and mine in said.message and small not in said.message
    b.settings = Gallery(tmp_path, "c").settings          # its administrator allows larger ones
    a.skew = LATER
    assert synchronize(a, b, number) == "success"
    assert b.content(mine) == ("large.tif", b"x" * 2000)
    assert a.db(a.db.sync_quarantine).isempty() and b.db(b.db.sync_waiting).isempty()
    a.skew = 2 * LATER
    assert synchronize(a, b, number) == "success" and moved(a) == [0]


def test_push_of_a_record_whose_file_is_gone(tmp_path: Path) -> None:
    a, b = Gallery(tmp_path, "a"), Gallery(tmp_path, "b")
    number = register(a, b, [dict(resource_name=TABLE, mode=2)])
    mine = a.picture("mine", b"content", "x.png")
    path = next((a.folder / "uploads").iterdir())
    path.rename(a.folder / "elsewhere")
    assert synchronize(a, b, number) == "warning" and "missing" in message(a, "push").message
    assert b.get(TABLE, mine).name == "mine" and b.content(mine) is None
    (a.folder / "elsewhere").rename(path)
    for skew in (LATER, 2 * LATER):
        a.skew = skew
        result = synchronize(a, b, number)
    assert result == "success" and b.content(mine) == ("x.png", b"content")


def test_where_a_file_must_be_there_its_record_waits(tmp_path: Path) -> None:
    a, b = Strict(tmp_path, "a"), Strict(tmp_path, "b")
    number = register(a, b, [dict(resource_name="doc_scan", mode=1)])
    theirs = b.insert("doc_scan", name="theirs", file=b.db.doc_scan.file.store(io.BytesIO(b"content"), "s.pdf"))
    peer = Moody(a, b)
    peer.why = "no"
    assert run(a, peer, number) == "warning" and a.get("doc_scan", theirs) is None
    assert a.steps()["doc_scan", "pull"].rejected == 1
    a.skew, peer.why = LATER, ""
    assert run(a, peer, number) in ("success", "warning")
    assert a.get("doc_scan", theirs).name == "theirs"
    filename, stream = a.db.doc_scan.file.retrieve(a.get("doc_scan", theirs).file)
    with stream:
        assert (filename, stream.read()) == ("s.pdf", b"content")
    assert run(a, peer, number) == "success"


def test_a_deleted_record_waits_for_nothing(galleries: Any) -> None:
    a, b, number = galleries
    theirs = b.picture("theirs", b"content")
    peer = Moody(a, b)
    peer.why = "no"
    run(a, peer, number)
    b.delete(TABLE, theirs)
    assert run(a, peer, number) == "success" and a.db(a.db.sync_waiting).isempty()
