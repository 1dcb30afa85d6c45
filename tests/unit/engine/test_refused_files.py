"""A file that the application's own form would not take is not taken with a record either; the record is, and says why."""
from __future__ import annotations

import io
import struct
import zlib
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from local_sites import LocalPeer, LocalSite, register, synchronize
from pydal import Field
from pydal.validators import IS_EMPTY_OR, IS_IMAGE, IS_LENGTH, IS_NOT_EMPTY, IS_UPLOAD_FILENAME
from test_files import TABLE, Gallery, moved
from test_missing_files import LATER, message, run

from s3sync.engine.attachments import collect
from s3sync.hosts.upload import refusal
from s3sync.s3xml.record import Record, Upload


def png(width: int = 2, height: int = 3) -> bytes:
    """A picture, as far as IS_IMAGE looks."""
    header = b"IHDR" + struct.pack(">LLBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">L", 13) + header + struct.pack(">L", zlib.crc32(header)) + b"rest"


class Choosy(Gallery):
    """A site that takes small pictures only."""

    requires: Any = IS_EMPTY_OR(IS_IMAGE(maxsize=(50, 50), error_message="Upload an image of 50 pixels"))

    def connect(self) -> None:
        super().connect()
        self.db[TABLE].file.requires = self.requires


class Counting(LocalPeer):
    """Counts what it is asked for."""

    asked = 0

    def file(self, table: str, field: str, upload: Upload) -> BinaryIO | None:
        self.asked += 1
        return super().file(table, field, upload)


@pytest.fixture
def pair(tmp_path: Path) -> Any:
    a, b = Choosy(tmp_path, "a"), Gallery(tmp_path, "b")
    return a, b, register(a, b, [dict(resource_name=TABLE, mode=3)])


def waits(site: LocalSite) -> list[str]:
    return [row.error for row in site.db(site.db.sync_waiting).select()]


def test_pulled_without_it(pair: Any) -> None:
    a, b, number = pair
    good, large, text = (b.picture(n, c, f) for n, c, f in (
        ("good", png(), "good.png"), ("large", png(51, 9), "large.png"), ("text", b"no picture", "text.png")))
    peer = Counting(a, b)
    assert run(a, peer, number) == "warning"
    assert a.content(good) == ("good.png", png())
    assert [(a.get(TABLE, u).name, a.get(TABLE, u).file) for u in (large, text)] == [("large", None), ("text", None)]
    assert a.files() == 1                                        # nothing is stored of what is refused
    said = message(a, "pull").message
    assert large in said and text in said and good not in said
    assert "this site does not take large.png: Upload an image of 50 pixels" in said
    assert a.db(a.db.sync_quarantine).isempty()
    # it is neither forgotten, nor fetched every time
    asked = []
    for minute in (1, 2, 10, 12, 20, 34):
        a.skew = timedelta(minutes=minute)
        assert run(a, peer, number) == "warning" and moved(a) == [0, 0]
        asked.append(peer.asked)
    assert asked == [5, 5, 5, 7, 7, 9]
    assert b.content(large) == ("large.png", png(51, 9)) and b.content(text) == ("text.png", b"no picture")


def test_a_smaller_one_there_ends_it(pair: Any) -> None:
    a, b, number = pair
    uuid = b.picture("logo", png(51, 9), "logo.png")
    assert run(a, Counting(a, b), number) == "warning"
    a.update(TABLE, uuid, name="renamed here")                   # their file is not lost by an edit without it
    run(a, Counting(a, b), number)
    assert b.get(TABLE, uuid).name == "renamed here" and b.content(uuid) == ("logo.png", png(51, 9))
    b.update(TABLE, uuid, file=b.db[TABLE].file.store(io.BytesIO(png()), "small.png"))
    for one in (a, b):
        one.skew = LATER
    run(a, Counting(a, b), number)
    assert a.content(uuid) == ("small.png", png()) and waits(a) == []
    assert run(a, Counting(a, b), number) == "success" and moved(a) == [0, 0]


def test_another_one_here_ends_it(pair: Any) -> None:
    a, b, number = pair
    uuid = b.picture("logo", b"no picture", "logo.png")
    run(a, Counting(a, b), number)
    a.update(TABLE, uuid, file=a.db[TABLE].file.store(io.BytesIO(png()), "own.png"))
    run(a, Counting(a, b), number)
    a.skew = LATER
    assert run(a, Counting(a, b), number) == "success"
    assert a.content(uuid) == b.content(uuid) == ("own.png", png()) and waits(a) == []


def test_the_rule_is_changed_here(pair: Any) -> None:
    a, b, number = pair
    uuid = b.picture("logo", png(51, 9), "logo.png")
    run(a, Counting(a, b), number)
    a.db[TABLE].file.requires = IS_EMPTY_OR(IS_IMAGE(maxsize=(60, 60)))
    a.skew = LATER
    assert run(a, Counting(a, b), number) == "success" and a.content(uuid) == ("logo.png", png(51, 9))


def test_pushed_without_it(tmp_path: Path) -> None:
    a, b = Gallery(tmp_path, "a"), Choosy(tmp_path, "b")
    number = register(a, b, [dict(resource_name=TABLE, mode=2)])
    good, bad = a.picture("good", png(), "good.png"), a.picture("bad", b"no picture", "bad.png")
    synchronize(a, b, number)
    assert b.content(good) == ("good.png", png())
    assert (b.get(TABLE, bad).name, b.get(TABLE, bad).file, b.files()) == ("bad", None, 1)
    said = message(a, "push").message
    assert bad in said and "this site does not take bad.png: Upload an image of 50 pixels" in said
    synchronize(a, b, number)
    assert moved(a) == [0]


def test_a_file_that_must_be_there_holds_its_record_up(tmp_path: Path) -> None:
    class Strict(Choosy):
        def connect(self) -> None:
            super().connect()
            folder = str(self.folder / "uploads")
            self.db.define_table("doc_scan", Field("name"), Field("file", "upload", uploadfolder=folder, notnull=True,
                                                                  requires=[IS_NOT_EMPTY(), IS_IMAGE()]), *self.meta())
            self.db.commit()

    a, b = Strict(tmp_path, "a"), Strict(tmp_path, "b")
    number = register(a, b, [dict(resource_name="doc_scan", mode=1)])
    bad, good = (b.insert("doc_scan", name=n, file=b.db.doc_scan.file.store(io.BytesIO(c), f"{n}.png"))
                 for n, c in (("bad", b"none"), ("good", png())))
    run(a, Counting(a, b), number)
    kept = a.db(a.db.sync_quarantine).select()
    assert [row.record_uuid for row in kept] == [bad] and "does not take bad.png" in kept[0].error
    assert a.get("doc_scan", good).name == "good" and a.get("doc_scan", bad) is None


def test_a_plain_edens_is_known_by_its_content(pair: Any) -> None:
    a, _, _ = pair
    site, asked = a.open(), []

    def source(table: str, field: str, upload: Upload) -> Any:
        asked.append(upload.url)
        return io.BytesIO(b"no picture")

    url = "http://there.example/eden/default/download/doc_image.file.0123456789abcdef.bG9nby5wbmc%3D.png"
    said = []
    for _ in range(2):
        record = Record(TABLE, "p1", {"file": Upload("logo.png", url)})
        collect(site, site.table(TABLE), [record], source)
        lack = record.lacks["file"]                     # type: ignore[index]
        said.append((record.values["file"], lack.key, "does not take logo.png" in lack.reason))
    assert said[0] == said[1] and said[0][2] and said[0][0] == Upload("", "", said[0][1])


@pytest.mark.parametrize("validator, name, content, taken", [
    (IS_IMAGE(), "a.png", png(), True), (IS_IMAGE(), "a.txt", png(), False), (IS_IMAGE(), "", png(), False),
    (IS_LENGTH(10), "a", b"0123456789", True), (IS_LENGTH(10), "a", b"0123456789+", False), (IS_LENGTH(9, 2), "a", b"0", False),
    (IS_UPLOAD_FILENAME(extension="gpx"), "way.gpx", b"x", True), (IS_UPLOAD_FILENAME(extension="gpx"), "way.kml", b"x", False),
    (IS_EMPTY_OR(IS_IMAGE()), "a.png", b"none", False), (IS_NOT_EMPTY(), "a", b"", True),
    (lambda value: (value, None if value.value == b"x" and value else "no x"), "a", b"x", True),
    (lambda value: 1 / 0, "a", b"x", False), (lambda value: None, "a", b"x", False),
    (lambda value: (value.file.close(), None), "a", b"x", False)])
def test_validators_find_what_a_form_brings(validator: Any, name: str, content: bytes, taken: bool) -> None:
    stream = io.BytesIO(content)
    assert (refusal([validator], "file", name, stream) == "") is taken
    if taken:
        assert stream.read() == content
