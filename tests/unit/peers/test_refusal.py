"""Small parts of reading a refusal."""
from __future__ import annotations

from datetime import datetime, timezone

import pytest

from s3sync import errors
from s3sync.peers import refusal

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize("value, seconds", [
    (None, None), ("", None), ("7", 7.0), (" 7 ", 7.0), ("-7", None), ("1.5", None), ("soon", None), ("٣", None),
    ("9" * 400, 999999999.0), ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0), ("Sun, 22 Nov 2026 13:00:30 +0100", 30.0),
    ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0), ("Sun, 99 Nov 2026 11:00:00 GMT", None),
])
def test_retry_after(value, seconds):
    assert refusal.retry_after(value, NOW) == seconds


@pytest.mark.parametrize("text, shown", [
    ("plain", "plain"), (" a\r\n\tb\0c ", "a b c"), ("\x1b[31mred", "[31mred"), ("a\u202eb\u2028c", "a b c"),
    ("Ärzte 無国 \u200eمرحبا", "Ärzte 無国 \u200eمرحبا"), ("\ud800", ""),
    ("x" * 500, "x" * 500), ("x" * 501, "x" * 499 + "…"),
])
def test_clean(text, shown):
    assert refusal.clean(text) == shown


@pytest.mark.parametrize("start, page", [
    (b"<!DOCTYPE html>", True), (b"\xef\xbb\xbf\r\n<HTML>", True), (b"<!-- skin --><html>", True),
    (b'<?xml version="1.0"?><s3xml/>', False), (b"<!-- note --><s3xml/>", False), (b"", False), (b"{}", False),
])
def test_looks_like_html(start, page):
    assert refusal.looks_like_html(start) is page


def test_codes_are_those_of_our_answers():
    """Whatever class our server answers with comes back as the same class."""
    for name in ("AuthenticationFailed", "NotPermitted", "NotRegistered", "PushNotAccepted", "UnknownResource",
                 "UnknownRepository", "BadFilter", "BadRequest", "DocumentError", "DocumentTruncated",
                 "DocumentTooLarge", "EmptyAnswer", "FileRefused"):
        sent = getattr(errors, name)("the detail")
        back = refusal.from_json({"code": sent.code, "message": sent.message}, sent.status)
        assert type(back) is type(sent) and back.remote and back.detail == "the detail"
        advised = getattr(errors, name)(hint="Do this: it helps.")
        assert refusal.from_json({"code": advised.code, "message": advised.message}, advised.status).message == advised.message
    back = refusal.from_json({"code": errors.AlreadyRunning.code, "message": errors.AlreadyRunning().message}, 409)
    assert type(back) is errors.PeerBusy


@pytest.mark.parametrize("code", ["lease-lost", "interrupted", "configuration", "secret", "tls", "record", "", None, 7,
                                  ["x"]])
def test_codes_a_peer_may_not_use(code):
    assert refusal.from_json({"code": code, "message": "x"}, 400) is None
