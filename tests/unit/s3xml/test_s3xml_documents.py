"""What is no document, or only part of one, or in some encoding."""
from __future__ import annotations

import io

import pytest
from s3xml_records import EVERYTHING, SCHEMAS, document, read

from s3sync.errors import DocumentError, DocumentTruncated, EmptyAnswer
from s3sync.s3xml.document import Document


@pytest.mark.parametrize("source", [b"", b"  \r\n\t", b"\xef\xbb\xbf", b"\xff\xfe", b"\0\0"])
def test_nothing(source: bytes) -> None:
    with pytest.raises(EmptyAnswer):
        document(source)


@pytest.mark.parametrize("source, says", [
    ("<!DOCTYPE html><html><head><title>Log in</title>", "an HTML page 'Log in'"), ("<html><body>", "an HTML page"),
    ("<!doctype HTML PUBLIC '-//W3C//DTD HTML 4.01//EN'>\n<HTML><TITLE>A &amp; B</TITLE><p>", "an HTML page 'A &amp; B'"),
    ("<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><title>x</title></html>", "an HTML page 'x'"),
    ('{"status": "failed", "statuscode": "403"}', 'JSON, \'{"status": "failed"'), ("[1]", "JSON"),
    ("Authentication Required", "'Authentication Required'"),
    ("<other/>", "<other>"), ("<S3XML/>", "<S3XML>"), ("<s3xml xmlns='urn:x'/>", "<{urn:x}s3xml>"),
    ("<resource name='t_thing'/>", "<resource>"),
    ("<s3xml attribute></s3xml>", "line 1"), ("<?xml version='1.0' encoding='nonsense'?><s3xml/>", "encoding"),
    ("<", "1 bytes"),
    ("<!-- x -->" * 30_000, "no root element"), ("\x1f\x8b\x08\x00 gzip", "gzip"),
])
def test_other_things(source: str, says: str) -> None:
    with pytest.raises(DocumentError) as caught:
        list(document(source))
    assert says in caught.value.message


def test_garbage_in_the_middle_comes_after_the_records_before_it() -> None:
    source = document("<s3xml><resource name='t_thing' uuid='a'/><resource name='t_thing' uuid='b'></wrong></s3xml>")
    records = iter(source)
    assert next(records).uuid == "a"
    with pytest.raises(DocumentError, match="after 1 records") as caught:
        next(records)
    assert not isinstance(caught.value, DocumentTruncated)


def test_garbage_behind_the_end() -> None:
    source = iter(document("<s3xml><resource name='t_thing' uuid='a'/></s3xml>rubbish"))
    assert next(source).uuid == "a"
    with pytest.raises(DocumentError):
        next(source)


def test_every_cut_is_noticed_and_no_complete_record_lost() -> None:
    records = [f'<resource name="t_thing" uuid="{n}"><data field="name">Ä€𝔘 &amp; {n}</data></resource>' for n in range(4)]
    whole = ("<?xml version='1.0' encoding='utf-8'?>\n<s3xml success=\"true\">" + "".join(records) + "</s3xml>").encode()
    ends = [whole.index(f'uuid="{n}"'.encode()) for n in range(4)]
    for cut in range(1, len(whole)):
        found = []
        with pytest.raises(DocumentTruncated):
            for record in document(whole[:cut]):
                found.append(record)
        complete = sum(1 for end in ends if cut >= whole.index(b"</resource>", end) + len(b"</resource>"))
        assert len(found) == complete
        assert all(record.error is None and record.values["name"] == f"Ä€𝔘 & {record.uuid}" for record in found)
    assert len(read(whole)) == 4


def test_source_that_gives_a_byte_at_a_time() -> None:
    class Dribble(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(1)

    records = list(Document(Dribble(EVERYTHING.encode()), SCHEMAS.get))
    assert [vars(record)["values"] for record in records] == [record.values for record in read(EVERYTHING)]


def test_records_before_an_error_of_the_source_are_given() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            if not data:
                raise ConnectionResetError
            return data

    records = iter(Document(Broken(b"<s3xml><resource name='t_thing' uuid='a'/><resource "), SCHEMAS.get))
    assert next(records).uuid == "a"
    with pytest.raises(ConnectionResetError):
        next(records)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252", "ascii"])
def test_encodings(encoding: str) -> None:
    text = "Straße" if encoding != "ascii" else "Strasse"
    declared = "utf-8" if encoding == "utf-8-sig" else encoding
    source = (f"<?xml version='1.0' encoding='{declared}'?><s3xml><resource name='t_thing'><data field='name'>{text}</data>"
              "</resource></s3xml>")
    assert read(source.encode(encoding))[0].values == {"name": text}


def test_wrong_encoding() -> None:
    source = "<?xml version='1.0' encoding='utf-8'?><s3xml><resource name='t_thing' uuid='a'/><resource name='t_thing'>" \
             "<data field='name'>Straße</data></resource></s3xml>".encode("iso-8859-1")
    records = iter(document(source))
    assert next(records).uuid == "a"
    with pytest.raises(DocumentError):
        list(records)


def test_resources_that_are_not_at_their_place_are_no_records() -> None:
    source = "<s3xml><list><resource name='t_thing' uuid='hidden'/></list>text<resource name='t_thing' uuid='a'/>text<x/></s3xml>"
    assert [record.uuid for record in read(source)] == ["a"]
