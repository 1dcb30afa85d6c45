"""What a peer refuses, what we make of it, and what is tried again."""
from __future__ import annotations

import gzip
import io
import json
import tempfile
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from loopback import PASSWORD, USERNAME, Reply, basic

from s3sync.errors import (
    AuthenticationFailed,
    BadFilter,
    BadRequest,
    ConnectError,
    DocumentError,
    DocumentTooLarge,
    NotPermitted,
    NotRegistered,
    PeerBusy,
    PeerFailed,
    PeerRefused,
    PeerTimeout,
    PushNotAccepted,
    SyncError,
    UnknownRepository,
    UnknownResource,
)

PATH = "/sync/sync.xml"
TICKET = "eden/127.0.0.1.2026-11-22.12-06-52.67be1d45-473f-4d08-8721-a87228699ae4"
TICKET_PAGE = (f'<html><body><h1>Internal error</h1>Ticket issued: <a href="/admin/default/ticket/{TICKET}" '
               f'target="_blank">{TICKET}</a></body><!-- this is junk text //--></html>').encode()


def said(message: str, status: int = 400, **more: str) -> bytes:
    return json.dumps({"status": "failed", "statuscode": str(status), "message": message, **more}).encode()


# Bodies of Eden as real sites answered (RUNTIME: web2py's own, JSON: Eden's controller).
STATUSES = [
    (401, b"Authentication Required", AuthenticationFailed, False, "401"),
    (401, said("Authentication required", 401, code="authentication-required"), AuthenticationFailed, False, "401"),
    (403, b"Insufficient Privileges", NotPermitted, False, "Not permitted: Insufficient Privileges (403 Forbidden)"),
    (403, said("Registration required", 403), NotRegistered, False, "Registration required. "),
    (403, b"<html><body><h1>Forbidden</h1></body></html>", NotPermitted, False, "403 Forbidden"),
    (403, said("This repository is not allowed to push updates", 403, code="push-not-accepted"), PushNotAccepted,
     False, "This repository is not allowed to push updates"),
    (403, said("Not permitted: table org_office", 403, code="not-permitted"), NotPermitted, False,
     "Not permitted: table org_office"),
    (404, b"<html><body><h1>404 NOT FOUND</h1></body></html>", PeerRefused, False, "https://host/eden"),
    (404, b"invalid function (sync/peer)", PeerRefused, False, "invalid function (sync/peer)"),
    (404, said("No such repository: x", 404, code="unknown-repository"), UnknownRepository, False,
     "No such repository: x"),
    (400, b"Invalid request", PeerRefused, False, "Invalid request (400 Bad Request)"),
    (400, said("undefined table: org_nonexistent"), UnknownResource, False, "No such resource: org_nonexistent"),
    (400, said("No such resource: org_x", code="unknown-resource"), UnknownResource, False,
     "No such resource: org_x"),
    (400, said("XML Parse error: Document is empty"), PeerRefused, False, "XML Parse error: Document is empty"),
    (400, said("x", code="bad-filter"), BadFilter, False, "x"),
    (400, said("x", code="bad-request"), BadRequest, False, "x"),
    (400, said("x", code="document"), DocumentError, False, "x"),
    (400, said("x", code="lease-lost"), PeerRefused, False, "x"),
    (400, said("x", code="interrupted"), PeerRefused, False, "x"),
    (405, said("Unsupported method", 405), PeerRefused, False, "Unsupported method"),
    (409, said("Synchronization already active - skipping run", 409, code="already-running"), PeerBusy, True, "busy"),
    (409, b"", PeerBusy, True, "409"), (408, b"", PeerTimeout, True, "408"),
    (413, b"<html>too large</html>", DocumentTooLarge, False, "sync.batch_size"),
    (415, said("Unsupported data format", 415), PeerRefused, False, "Unsupported data format"),
    (429, b"", PeerBusy, True, "429"), (503, b"", PeerBusy, True, "503"),
    (500, TICKET_PAGE, PeerFailed, True, f"error ticket {TICKET}. "), (500, b"", PeerFailed, True, "500"),
    (500, said("Internal failure", 500), PeerFailed, True, "Internal failure"),
    (501, b"", PeerRefused, False, "501"), (502, b"<html>nginx</html>", ConnectError, True, "502 Bad Gateway"),
    (504, b"", PeerTimeout, True, "504"), (520, b"", PeerFailed, True, "520"),
    (304, b"", PeerRefused, False, "304"), (302, b"", PeerRefused, False, "302"), (418, b"", PeerRefused, False, "418"),
]


@pytest.mark.parametrize("status, body, kind, transient, words", STATUSES, ids=lambda value: str(value)[:40])
def test_status(serve, connect, refused, status, body, kind, transient, words):
    error = refused(kind, connect(serve(Reply(status, body)).url).get, PATH)
    assert words in error.message
    assert (error.transient, error.remote) == (transient, True)
    assert "<" not in error.message and error.message.count(kind.__doc__) == 1


def test_error_ticket_in_the_header(serve, connect, refused):
    peer = serve(Reply(500, b"<html>", headers={"web2py_error": f"ticket {TICKET}"}))
    assert TICKET in refused(PeerFailed, connect(peer.url).get, PATH).message


def test_refusal_compressed_cut_or_endless(serve, connect, refused):
    body = gzip.compress(said("No such resource: a", code="unknown-resource"))
    packed = Reply(400, body, {"Content-Encoding": "gzip"})
    assert "No such resource: a" in refused(UnknownResource, connect(serve(packed).url).get, PATH).message
    refused(NotPermitted, connect(serve(Reply(403, b"Insufficient", length=100, cut=5)).url).get, PATH)
    refused(NotPermitted, connect(serve(Reply(403, b"<html>" * 200_000)).url).get, PATH)


def test_message_is_cut_and_cleaned(serve, connect, refused):
    nasty = "a\r\n\x1b[31m\u202eb\0" + "x" * 5000
    detail = refused(PeerRefused, connect(serve(Reply(400, said(nasty))).url).get, PATH).detail
    assert len(detail) < 530 and detail.startswith("a [31m b x") and detail.isprintable()


def test_peer_that_repeats_what_it_was_sent(serve, connect, refused):
    for leak in (PASSWORD, basic(USERNAME, PASSWORD)):
        for reply in (Reply(400, said(f"you sent {leak}")), Reply(403, f"you sent {leak}".encode()),
                      Reply(200, said(f"you sent {leak}")), Reply(400, said(f"you sent {leak}", code="bad-request"))):
            with pytest.raises(SyncError) as caught:
                connect(serve(reply).url).get(PATH)
            assert "you sent" in str(caught.value) and leak.split()[-1] not in repr(caught.value)


def test_hints_without_credentials(serve, connect, refused):
    for status, kind in ((401, AuthenticationFailed), (403, NotPermitted)):
        peer = serve(Reply(status))
        assert "Enter user name" in refused(kind, connect(peer.url, username="", password="").get, PATH).hint


def test_expected_statuses_are_answers(serve, connect):
    client = connect(serve(Reply(404, b"<html>no</html>")).url)
    answer = client.get("/sync/peer.json", accept="application/json", expect=(404,))
    assert answer.status == 404 and answer.open().read() == b"<html>no</html>"


@pytest.mark.parametrize("status", [502, 503, 504, 429, 409])
def test_try_again(serve, connect, slept, status):
    peer = serve(Reply(status), Reply(status), Reply(body=b"<s3xml/>"))
    connect(peer.url, retries=2, backoff=2.0).get(PATH)
    assert len(peer.seen) == 3 and slept[0] <= 2.0 and slept[1] <= 4.0


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 415, 500])
def test_do_not_try_again(serve, connect, slept, status):
    peer = serve(Reply(status), Reply(body=b"<s3xml/>"))
    with pytest.raises(SyncError):
        connect(peer.url, retries=2).get(PATH)
    assert len(peer.seen) == 1 and slept == []


def test_retry_after(serve, connect, refused, slept):
    later = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=30), usegmt=True)
    peer = serve(Reply(503, headers={"Retry-After": "7"}), Reply(429, headers={"Retry-After": later}),
                 Reply(body=b"<x/>"))
    connect(peer.url, retries=3).get(PATH)
    assert 35 <= sum(slept) <= 39 and max(slept) <= 10.0        # in steps, so that a run can give signs of life
    slept.clear()
    error = refused(PeerBusy, connect(serve(Reply(503, headers={"Retry-After": "86400"})).url, retries=3).get, PATH)
    assert error.retry_after == 86400.0 and slept == []


def test_post(serve, connect):
    peer = serve(Reply(body=b'{"status": "success"}'))
    client = connect(peer.url)
    file = io.BytesIO(b"xx<s3xml>" + b"a" * 100_000 + b"</s3xml>")
    file.seek(2)
    with tempfile.SpooledTemporaryFile(max_size=10) as spool:
        spool.write(b"<s3xml/>")
        spool.seek(0)
        client.post(PATH, [("resource", "a_b")], file, content_type="text/xml")
        client.post(PATH, [], spool, content_type="text/xml")
        client.post(PATH, [], b"", content_type="text/xml")
        assert client.post(PATH, [], b"<a/>", content_type="text/xml").json() == {"status": "success"}
    bodies = [seen.body for seen in peer.seen]
    assert bodies == [file.getvalue()[2:], b"<s3xml/>", b"", b"<a/>"]
    for seen in peer.seen:
        assert seen.headers["Transfer-Encoding"] is None and seen.headers["Content-Length"] == str(len(seen.body))
        assert (seen.method, seen.headers["Content-Type"]) == ("POST", "text/xml")
        assert seen.headers["Content-Encoding"] is None


@pytest.mark.parametrize("body", [b"", b"<a/>", b"<s3xml>" + b"a" * 3_000_000], ids=len)
def test_post_gzip(serve, connect, body):
    peer = serve(Reply(body=b"{}"))
    connect(peer.url).post(PATH, [], io.BytesIO(gzip.compress(body)), content_type="text/xml", gzipped=True)
    seen, = peer.seen
    assert seen.headers["Content-Encoding"] == "gzip" and seen.headers["Transfer-Encoding"] is None
    assert gzip.decompress(seen.body) == body


def test_post_again_only_if_idempotent(serve, connect, refused, slept):
    file = io.BytesIO(b"xx<s3xml/>")
    for trouble in (Reply(503), Reply(body=b'{"a": 1}', cut=3), Reply(raw=b"")):
        peer = serve(trouble, Reply(body=b"{}"))
        file.seek(2)
        connect(peer.url, retries=2).post(PATH, [], file, content_type="text/xml", idempotent=True)
        assert [seen.body for seen in peer.seen] == [b"<s3xml/>"] * 2
        peer = serve(trouble, Reply(body=b"{}"))
        file.seek(2)
        with pytest.raises(SyncError):
            connect(peer.url, retries=2).post(PATH, [], file, content_type="text/xml")
        assert len(peer.seen) == 1


def test_post_answered_by_a_web_page(serve, connect, refused):
    refused(PeerRefused, connect(serve(Reply(body=b"<html>")).url).post, PATH, [], b"<a/>", content_type="text/xml")
