"""What a peer's refusal means: HTTP status and body to an error an administrator understands.

Our own sites send ``"code"`` in their JSON; it is looked at first. Eden's answers are known by status and by the few
messages recorded from real sites.
"""
from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from .. import errors
from ..errors import (
    AuthenticationFailed,
    ConnectError,
    DocumentTooLarge,
    NotPermitted,
    NotRegistered,
    PeerBusy,
    PeerFailed,
    PeerRefused,
    PeerTimeout,
    ProxyError,
    SyncError,
    UnknownResource,
)

__all__ = ["CHECK_URL", "clean", "from_answer", "from_json", "looks_like_html", "retry_after"]

MESSAGE_LENGTH = 500
CHECK_URL = "Check the repository's URL: it includes the application, for example https://host/eden"

# Codes that a peer may use about our request. Others (of a run, of a record) mean nothing outside their own site.
CODES: dict[str, type[SyncError]] = {kind.code: kind for kind in (
    AuthenticationFailed, NotPermitted, NotRegistered, errors.OtherAccount, errors.PushNotAccepted, UnknownResource,
    errors.UnknownRepository, errors.BadFilter, errors.BadRequest, errors.DocumentError, errors.DocumentTruncated,
    DocumentTooLarge, errors.EmptyAnswer, errors.FileRefused, PeerBusy, PeerFailed,
)}
CODES[errors.AlreadyRunning.code] = PeerBusy

TICKET = re.compile(r"ticket\s+([\w.-]+/[\w.:-]+)|/ticket/([\w.-]+/[\w.:-]+)")
TAGS = re.compile(r"<[a-zA-Z!/?]")
# Control characters, line separators and those that reverse the direction of what follows them.
UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]+")


def clean(text: str) -> str:
    """A peer's text made fit for one line of a log: no control characters, at most 500 characters."""
    text = UNPRINTABLE.sub(" ", text).strip()
    return text if len(text) <= MESSAGE_LENGTH else text[:MESSAGE_LENGTH - 1] + "…"


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds of a header Retry-After, given in seconds or as a date (RFC 9110 §10.2.3); None if not understood."""
    value = (value or "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        date = parsedate_to_datetime(value)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=timezone.utc)
    return max(0.0, (date - (now or datetime.now(timezone.utc))).total_seconds())


def looks_like_html(start: bytes) -> bool:
    """Whether a body that begins so is a web page."""
    head = start.lstrip(b"\xef\xbb\xbf \t\r\n")[:256].lower()
    return head.startswith((b"<!doctype html", b"<html")) or (head.startswith(b"<!--") and b"<html" in start.lower())


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`, empty if there is none."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def from_json(answer: Mapping[str, Any], status: int) -> SyncError | None:
    """The error of a JSON answer that says what went wrong; None if it does not.

    Eden's form is ``{"status": "failed", "statuscode": "400", "message": "…"}``; ours adds ``"code"``.
    """
    message = clean(str(answer.get("message") or ""))
    code = answer.get("code")
    if isinstance(code, str) and code in CODES:
        kind = CODES[code]
        default = kind().message             # our sites repeat it before the detail, or before what to do
        if message.startswith(f"{default}. "):
            return kind(hint=message[len(default) + 2:], remote=True)
        return kind(message[len(default):].lstrip(": ") if message.startswith(default) else message, remote=True)
    if status == 403 and message == NotRegistered().message:
        return NotRegistered(remote=True, hint="Let the peer register this site as a repository")
    table = message[len("undefined table: "):] if message.startswith("undefined table: ") else ""
    if status == 400 and table:
        return UnknownResource(table, remote=True, hint="The peer has no such table: it may be switched off there")
    return None


def from_answer(status: int, headers: Mapping[str, str], body: bytes, *, authenticated: bool) -> SyncError:
    """The error an answer other than 2xx means.

    Parameters
    ----------
    status, headers
        Of the answer; header names in any case.
    body
        Its start, as much as may hold a message.
    authenticated
        Whether a user name was sent.
    """
    names = {name.lower(): value for name, value in headers.items()}
    answer = parse(body)
    wait = retry_after(names.get("retry-after"))
    error = from_json(answer, status)
    if error is not None:
        error.retry_after = wait
        return error
    said = clean(str(answer.get("message") or "")) or plain_text(body)
    if status >= 500:
        return _failure(status, said, ticket(names, body), wait)
    return _refusal(status, said, authenticated, wait)


def _failure(status: int, said: str, ticket_id: str, wait: float | None) -> SyncError:
    detail = _detail(status, said)
    if status == 502:
        return ConnectError(detail, hint="The server in front of it is running, the peer is not", retry_after=wait)
    if status == 503:
        return PeerBusy(detail, retry_after=wait)
    if status == 504:
        return PeerTimeout(detail, retry_after=wait)
    if status in (501, 505):
        return PeerRefused(detail, hint=CHECK_URL)
    if ticket_id:
        return PeerFailed(f"error ticket {ticket_id}",
                          hint="The peer's administrator finds the cause under that ticket")
    return PeerFailed(detail, retry_after=wait)


def _refusal(status: int, said: str, authenticated: bool, wait: float | None) -> SyncError:
    detail = _detail(status, said)
    log_in = "Enter user name and password of an account at the peer in the repository"
    if status == 401:
        return AuthenticationFailed(detail, hint="Check both in the repository" if authenticated else log_in)
    if status == 403:
        rights = "At the peer, the user of this repository may need the right to synchronize or to use this table"
        return NotPermitted(detail, remote=True, hint=rights if authenticated else log_in)
    if status == 407:
        error = ProxyError(detail, hint="Check user name and password in the proxy's URL")
        error.transient = False
        return error
    if status in (404, 410):
        return PeerRefused(detail, hint=CHECK_URL)
    if status == 405:
        return PeerRefused(detail, hint="The peer does not offer this way of synchronisation")
    if status == 408:
        return PeerTimeout(detail)
    if status in (409, 429):
        return PeerBusy(detail, retry_after=wait)
    if status == 413:
        return DocumentTooLarge(detail, remote=True,
                                hint="Lower the setting sync.batch_size, or let the peer accept more")
    if status == 415:
        return PeerRefused(detail, hint="The peer does not understand this format")
    return PeerRefused(detail)


def _detail(status: int, said: str) -> str:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    known = f"{status} {phrase}".strip()
    return f"{said} ({known})" if said and said.lower() != phrase.lower() else known


def plain_text(body: bytes) -> str:
    """`body` as a message, if it is one: Eden says 401 and 403 in plain text called text/html. No web pages."""
    text = body[:4 * MESSAGE_LENGTH].decode("utf-8", "replace")
    if TAGS.search(text) or text.lstrip().startswith(("{", "[")) or "\x00" in text:
        return ""
    return clean(html.unescape(text))


def ticket(headers: Mapping[str, str], body: bytes) -> str:
    """Number of web2py's error ticket, from its header ``web2py_error`` or its page."""
    for text in (headers.get("web2py_error", ""), body[:8192].decode("utf-8", "replace")):
        found = TICKET.search(text)
        if found:
            return clean(found.group(1) or found.group(2))
    return ""
