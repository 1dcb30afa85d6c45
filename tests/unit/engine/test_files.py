"""Files of upload fields travel with their records, once, and are stored by pyDAL."""
from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from local_sites import LocalSite, register, synchronize
from pydal import Field

from s3sync.engine.attachments import collect
from s3sync.s3xml.record import Record, Upload

TABLE = "doc_image"


class Gallery(LocalSite):
    """A site with pictures."""

    def connect(self) -> None:
        super().connect()
        folder = self.folder / "uploads"
        folder.mkdir(exist_ok=True)
        self.db.define_table(TABLE, Field("name"), Field("file", "upload", uploadfolder=str(folder)), *self.meta())
        self.db.commit()

    def picture(self, name: str, content: bytes, filename: str = "ferry_1.png") -> str:
        return self.insert(TABLE, name=name, file=self.db[TABLE].file.store(io.BytesIO(content), filename))

    def content(self, uuid: str) -> tuple[str, bytes] | None:
        stored = self.get(TABLE, uuid).file
        if not stored:
            return None
        filename, stream = self.db[TABLE].file.retrieve(stored)
        with stream:
            return filename, stream.read()

    def files(self) -> int:
        return len(list((self.folder / "uploads").iterdir()))


@pytest.fixture
def galleries(tmp_path: Path) -> Any:
    a, b = Gallery(tmp_path, "a", max_upload=1000), Gallery(tmp_path, "b", max_upload=1000)
    return a, b, register(a, b, [dict(resource_name=TABLE, mode=3)])


def moved(site: LocalSite) -> list[int]:
    return [step.records for step in site.steps().values()]


def test_both_ways_and_no_echo(galleries: Any) -> None:
    a, b, number = galleries
    mine, theirs = a.picture("mine", b"from the field"), b.picture("theirs", b"from headquarters", "logo.gif")
    assert synchronize(a, b, number) in ("success", "warning")
    assert a.content(theirs) == ("logo.gif", b"from headquarters")
    assert b.content(mine) == ("ferry_1.png", b"from the field")
    for _ in range(2):
        assert synchronize(a, b, number) == "success"
        assert moved(a) == [0, 0]
    assert a.files() == b.files() == 2


def test_an_unchanged_file_is_not_fetched_again(galleries: Any) -> None:
    a, b, number = galleries
    theirs = b.picture("theirs", b"content")
    synchronize(a, b, number)
    stored = a.get(TABLE, theirs).file
    b.update(TABLE, theirs, name="other name")
    asked = []
    assert synchronize(a, b, number, lambda what, body: asked.append(body) or body) == "success"
    assert a.get(TABLE, theirs).name == "other name" and a.get(TABLE, theirs).file == stored
    assert b"content" not in asked and a.files() == 1


def test_another_file_and_none(galleries: Any) -> None:
    a, b, number = galleries
    theirs = b.picture("theirs", b"first")
    synchronize(a, b, number)
    b.update(TABLE, theirs, file=b.db[TABLE].file.store(io.BytesIO(b"second"), "second.png"))
    synchronize(a, b, number)
    assert a.content(theirs) == ("second.png", b"second")
    b.update(TABLE, theirs, file=None)
    synchronize(a, b, number)
    assert a.content(theirs) is None


def test_too_large_a_file_does_not_stop_its_record(galleries: Any) -> None:
    a, b, number = galleries
    theirs = b.picture("large", b"x" * 2000)
    assert synchronize(a, b, number) == "warning"
    assert a.get(TABLE, theirs).name == "large" and a.content(theirs) is None and a.files() == 0
    assert synchronize(a, b, number) == "warning" and moved(a) == [0, 0]


def test_only_files_of_records_are_given(galleries: Any) -> None:
    from s3sync.errors import SyncError
    from s3sync.hosts.files import content_digest
    from s3sync.server import pull
    from s3sync.server.request import Request
    a, b, _ = galleries
    uuid = b.picture("secret", b"content")
    digest = content_digest(io.BytesIO(b"content"))
    request = Request("GET", {"resource": TABLE, "file": "file", "digest": digest})
    with pytest.raises(SyncError):
        pull.answer(b.open(), request, None)                       # nobody has looked at it yet: not known
    site = b.open()
    site.index.canonical(site.table(TABLE), site.table(TABLE).select("1=1"))
    site.db.commit()
    assert pull.answer(b.open(), request, None).body.read() == b"content"  # type: ignore[union-attr]
    b.delete(TABLE, uuid)
    with pytest.raises(SyncError):
        pull.answer(b.open(), request, None)
    for bad in ({"file": "name", "digest": digest}, {"file": "file", "digest": "../../etc/passwd"}):
        with pytest.raises(SyncError):
            pull.answer(b.open(), Request("GET", {"resource": TABLE, **bad}), None)


def test_a_plain_edens_file_is_fetched_once(galleries: Any) -> None:
    a, _, _ = galleries
    site = a.open()
    asked = []

    def source(table: str, field: str, upload: Upload) -> Any:
        asked.append(upload.url)
        return io.BytesIO(b"content")

    url = "http://there.example/eden/default/download/doc_image.file.0123456789abcdef.bG9nby5wbmc%3D.png"
    values = []
    for _ in range(2):
        record = Record(TABLE, "p1", {"file": Upload("logo.png", url)})
        collect(site, site.table(TABLE), [record], source)
        values.append(record.values["file"])
    assert asked == [url] and values[0] == values[1] and values[0].stored and not values[0].url
    record = Record(TABLE, "p2", {"file": Upload("logo.png", url + "2")})
    collect(site, site.table(TABLE), [record], lambda *a: None)
    assert record.values == {} and record.lacks["file"].reason == "the peer does not give it"


def test_the_peers_own_site_only() -> None:
    from s3sync.peers.eden import FILE
    for url, path in (("http://internal/eden/default/download/a.b.c.d.png", "/default/download/a.b.c.d.png"),
                      ("http://x/eden/static/img/../../secret", None), ("http://x/eden/admin/download", None),
                      ("http://169.254.169.254/latest/meta-data", None), ("file:///etc/passwd", None)):
        match = FILE.search(url)
        assert (match.group() if match else None) == path          # always asked of the repository's own address
