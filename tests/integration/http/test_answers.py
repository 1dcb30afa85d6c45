"""What arrives: whole documents, in any form of transfer; nothing else is ever taken for one."""
from __future__ import annotations

import gzip
import io
import random
import resource
import tracemalloc
import zipfile
from datetime import datetime, timezone

import pytest
from loopback import PASSWORD, USERNAME, Reply, basic

from s3sync.errors import (
    ConfigurationError,
    ConnectError,
    DocumentTooLarge,
    DocumentTruncated,
    EmptyAnswer,
    LeaseLost,
    PeerRefused,
    PeerTimeout,
)

PATH = "/sync/sync.xml"
DOCUMENT = b'<?xml version="1.0"?><s3xml>' + b"".join(b"<resource n='%d'/>" % n for n in range(5000)) + b"</s3xml>"
GZIP = {"Content-Encoding": "gzip"}


def test_request_as_eden_understands_it(serve, connect):
    peer = serve()
    params = [("resource", "org_organisation"), ("repository", "urn:uuid:d9a7ebd0-37ff-40d8-b3a7-2808c93bff27"),
              ("include_deleted", "True"), ("[~]~.name__like", "*Ä & B=c, d#+%20"), ("[~]~.name__like", "x")]
    with connect(peer.url + "/").get(PATH, params) as answer:
        assert (answer.status, answer.open().read()) == (200, b"<s3xml/>")
    seen, = peer.seen
    assert (seen.method, seen.path, seen.query) == ("GET", "/eden/sync/sync.xml", params)
    assert seen.headers["Accept"] == "text/xml"
    assert seen.headers["Authorization"] == basic(USERNAME, PASSWORD)


def test_no_credentials_no_cookies(serve, connect):
    peer = serve(Reply(body=b"<s3xml/>", headers={"Set-Cookie": "session_id_eden=1; Path=/"}))
    client = connect(peer.url, username="", password="")
    client.get(PATH)
    client.get(PATH)
    assert [(seen.headers["Authorization"], seen.headers["Cookie"]) for seen in peer.seen] == [(None, None)] * 2


def test_credentials_in_the_url(serve, connect):
    peer = serve()
    client = connect(peer.url.replace("//", "//us%40er:pa%3Ass@"), username="", password="")
    client.get(PATH)
    assert peer.seen[0].headers["Authorization"] == basic("us@er", "pa:ss")
    assert "pa:ss" not in client.base_url and "pa" not in repr(client).replace("http", "")


@pytest.mark.parametrize("url, said", [
    ("", "http://"), ("host/eden", "http://"), ("ftp://host/eden", "http://"), ("http://", "not understood"),
    ("http://host:port/eden", "not understood"), ("http://host/eden?x=1", "not understood"),
    ("http://user:Geheim/Wört:1@x@host/eden", "user:***@host/eden is not"), ("http://[::1/eden", "not understood"),
    ("http://a b/eden", "not understood"), ("https://user:secret@host/eden", "beside it"),
])
def test_bad_urls(connect, refused, url, said):
    error = refused(ConfigurationError, connect, url, secrets=(PASSWORD, "secret"))
    assert said in error.message


def test_user_name_with_colon(connect, refused):
    assert "colon" in refused(ConfigurationError, connect, "http://host/eden", "a:b").message


@pytest.mark.parametrize("reply", [
    Reply(body=DOCUMENT), Reply(body=DOCUMENT, length=-1), Reply(body=gzip.compress(DOCUMENT), headers=GZIP),
    Reply(body=gzip.compress(DOCUMENT), headers=GZIP, length=-1),
    Reply(body=gzip.compress(DOCUMENT[:999]) + gzip.compress(DOCUMENT[999:]) + b"\0\0", headers=GZIP),
    Reply(body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(DOCUMENT), DOCUMENT), headers={"Transfer-Encoding": "Chunked"}),
], ids=["length", "until closed", "gzip", "gzip until closed", "gzip members", "chunked"])
def test_forms_of_transfer(serve, connect, reply):
    peer = serve(reply)
    with connect(peer.url).get(PATH) as answer:
        assert answer.open().read() == DOCUMENT
        assert answer.open().read(5) == b"<?xml"
        assert answer.size == len(DOCUMENT)
        assert answer.bytes_wire == (len(DOCUMENT) if "Transfer-Encoding" in reply.headers else len(reply.body))
        assert abs((answer.date - datetime.now(timezone.utc)).total_seconds()) < 60


@pytest.mark.parametrize("date, expected", [
    ("Sun, 22 Nov 2026 12:07:57 GMT", datetime(2026, 11, 22, 12, 7, 57, tzinfo=timezone.utc)),
    ("Sun, 22 Nov 2026 14:07:57 +0200", datetime(2026, 11, 22, 12, 7, 57, tzinfo=timezone.utc)),
    ("Sun, 22 Nov 2026 12:07:57 -0000", datetime(2026, 11, 22, 12, 7, 57, tzinfo=timezone.utc)), ("yesterday", None)])
def test_date(serve, connect, date, expected):
    raw = b"HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Length: 4\r\n\r\n<x/>" % date.encode()
    assert connect(serve(Reply(raw=raw)).url).get(PATH).date == expected


def test_large_answer_lies_on_disk_and_is_seekable(serve, connect):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.xml", random.Random(1).randbytes(3 << 20))
    client = connect(serve(Reply(body=packed.getvalue())).url)
    with client.get("/default/download/x.zip", accept="application/zip") as answer:
        with zipfile.ZipFile(answer.open()) as archive:
            assert len(archive.read("a.xml")) == 3 << 20
        answer.open()
        with io.TextIOWrapper(answer.open(), "latin-1") as text:
            assert text.read(2) == "PK"


def test_memory_is_flat(serve, connect):
    client = connect(serve(Reply(body=gzip.compress(b"<s3xml>" + b" " * (150 << 20), 1), headers=GZIP)).url)
    tracemalloc.start()
    try:
        with client.get(PATH) as answer:
            assert answer.size == (150 << 20) + 7
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_gzip_bomb(serve, connect, refused):
    peer = serve(Reply(body=gzip.compress(b"<s3xml>" + b" " * (50 << 20)), headers=GZIP))
    error = refused(DocumentTooLarge, connect(peer.url, max_document=1 << 20, retries=3).get, PATH)
    assert "sync.max_document" in error.hint
    assert len(peer.seen) == 1


def test_too_large_is_not_even_read(serve, connect, refused):
    refused(DocumentTooLarge, connect(serve(Reply(body=b"x", length=5 << 30, cut=0, stall=30)).url).get, PATH)


@pytest.mark.parametrize("form", ["plain", "gzip"])
@pytest.mark.parametrize("at", [0, 1, 9, 10, 0.5, -9, -1])
def test_cut_anywhere(serve, connect, refused, slept, form, at):
    body, headers = (DOCUMENT, {}) if form == "plain" else (gzip.compress(DOCUMENT), GZIP)
    cut = int(len(body) * at) if isinstance(at, float) else at % len(body)
    peer = serve(Reply(body=body, headers=headers, cut=cut))
    error = refused(DocumentTruncated, connect(peer.url, retries=2).get, PATH)
    assert error.transient and error.remote and f"after {cut} of {len(body)} bytes" in error.message
    assert len(peer.seen) == 3 and len(slept) == 2
    peer.replies = [Reply(body=body, headers=headers, cut=cut), Reply(body=body, headers=headers)]
    assert connect(peer.url, retries=2).get(PATH).open().read() == DOCUMENT


@pytest.mark.parametrize("cut", [1, 9, 10, 500, -9, -1])
def test_gzip_cut_without_length(serve, connect, refused, cut):
    reply = Reply(body=gzip.compress(DOCUMENT)[:cut], headers=GZIP, length=-1)
    refused(DocumentTruncated, connect(serve(reply).url).get, PATH)


@pytest.mark.parametrize("at", [0, 3, 200, -6, -1])
def test_gzip_damaged(serve, connect, refused, at):
    body = bytearray(gzip.compress(DOCUMENT))
    body[at] ^= 0xFF
    refused(DocumentTruncated, connect(serve(Reply(body=bytes(body), headers=GZIP)).url).get, PATH)


def test_chunked_cut(serve, connect, refused):
    reply = Reply(body=b"400\r\n" + DOCUMENT[:700], headers={"Transfer-Encoding": "chunked"}, length=-1)
    refused(DocumentTruncated, connect(serve(reply).url).get, PATH)


def test_content_length_too_small_for_gzip(serve, connect, refused):
    body = gzip.compress(DOCUMENT)
    refused(DocumentTruncated, connect(serve(Reply(body=body, headers=GZIP, length=len(body) - 20)).url).get, PATH)


def test_unknown_coding(serve, connect, refused):
    refused(PeerRefused, connect(serve(Reply(body=b"x", headers={"Content-Encoding": "br"})).url).get, PATH)


@pytest.mark.parametrize("reply", [Reply(body=b"<s3xml/>", stall=20), Reply(body=DOCUMENT, cut=70000, stall=20)],
                         ids=["before", "within"])
def test_silence(serve, connect, refused, reply):
    peer = serve(reply)
    assert refused(PeerTimeout, connect(peer.url, read_timeout=0.2, retries=1).get, PATH).transient
    assert len(peer.seen) == 2


@pytest.mark.parametrize("raw", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\0\1\2garbage\r\n\r\n", b"HTTP/1.1 huh\r\n\r\n"])
def test_not_http(serve, connect, refused, raw):
    error = refused(PeerRefused, connect(serve(Reply(raw=raw)).url, retries=2).get, PATH)
    assert "does not answer in HTTP" in error.message


def test_hangs_up(serve, connect, refused):
    peer = serve(Reply(raw=b""))
    assert "without an answer" in refused(ConnectError, connect(peer.url, retries=1).get, PATH).message
    assert len(peer.seen) == 2


def test_nobody_there(serve, connect, refused, slept):
    peer = serve()
    peer.close()
    error = refused(ConnectError, connect(peer.url, retries=4).get, PATH)
    assert error.message.startswith(f"Peer repository unavailable: 127.0.0.1:{peer.server_port} (Connection refused)")
    assert len(slept) == 4 and all(wait <= limit for wait, limit in zip(slept, (1, 2, 4, 8)))


def test_unknown_host(connect, refused):
    assert "cannot be resolved" in refused(ConnectError, connect("http://peer.invalid/eden").get, PATH).message


@pytest.mark.parametrize("body", [b"<!DOCTYPE html><html>Login</html>", b"\n <HTML lang='en'>", b"<!-- x --><html>"])
@pytest.mark.parametrize("accept", ["text/xml", "application/json"])
def test_web_page(serve, connect, refused, body, accept):
    error = refused(PeerRefused, connect(serve(Reply(body=body)).url).get, PATH, accept=accept)
    assert "web page" in error.message and "https://host/eden" in error.hint


def test_json_with_200_where_xml_was_expected(serve, connect, refused):
    body = b'{"status": "failed", "statuscode": "400", "message": "Mixed resource synchronization not supported"}'
    peer = serve(Reply(body=body, headers={"Content-Type": "text/html"}))
    assert "Mixed resource synchronization not supported" in refused(PeerRefused, connect(peer.url).get, PATH).message
    assert connect(peer.url).get(PATH, accept="application/json").json()["statuscode"] == "400"


@pytest.mark.parametrize("reply", [Reply(), Reply(body=b" \r\n"), Reply(status=204)])
def test_empty(serve, connect, refused, reply):
    refused(EmptyAnswer, connect(serve(reply).url).get, PATH)


@pytest.mark.parametrize("body", [b"[", b"\xff\xfe\xff", b"[" * 100_000])
def test_bad_json(serve, connect, refused, body):
    refused(PeerRefused, connect(serve(Reply(body=body)).url).get("/x.json", accept="application/json").json)


def test_huge_json(serve, connect, refused):
    answer = connect(serve(Reply(body=b"1" * (17 << 20))).url).get("/x.json", accept="application/json")
    refused(DocumentTooLarge, answer.json)


def test_tick_can_stop_a_transfer(serve, connect, refused):
    calls = []

    def tick():
        calls.append(1)
        if len(calls) == 3:
            raise LeaseLost()

    peer = serve(Reply(body=DOCUMENT * 20))
    refused(LeaseLost, connect(peer.url, tick=tick, retries=3).get, PATH)
    assert len(peer.seen) == 1


def test_disk_full(serve, connect, refused):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    client = connect(serve(Reply(body=DOCUMENT * 40)).url, retries=3)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, before[1]))
    try:
        error = refused(ConfigurationError, client.get, PATH)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "cannot be kept" in error.message
