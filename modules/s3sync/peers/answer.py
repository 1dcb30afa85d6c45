"""The answer of a peer: received whole and checked before anybody reads it, on disk rather than in memory."""
from __future__ import annotations

import http.client
import json
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, BinaryIO, Callable, cast

import urllib3

from ..errors import ConfigurationError, DocumentTooLarge, DocumentTruncated, PeerRefused, PeerTimeout, SyncError
from .refusal import CHECK_URL

__all__ = ["Answer", "Spool", "receive", "receive_start"]

CHUNK = 1 << 16                # bytes read from the network at a time
EXPANDED = 1 << 20             # bytes gunzipped at a time, whatever a bomb would like
IN_MEMORY = 1 << 20            # bytes kept in memory before the rest goes to disk
JSON_LIMIT = 16 << 20          # bytes of a JSON answer
START = 1 << 16                # bytes of a refusal that may hold its message

GZIP = 31                      # zlib's wbits for a gzip header


class Spool(tempfile.SpooledTemporaryFile):     # type: ignore[type-arg]  # no parameters at run time before 3.9.2
    """A temporary file that stays in memory while it is small. Seekable as zipfile and io.TextIOWrapper want it."""

    def __init__(self) -> None:
        super().__init__(max_size=IN_MEMORY)

    # SpooledTemporaryFile has these only since Python 3.11.
    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


class Answer:
    """What a peer answered, complete.

    Attributes
    ----------
    status : int
        HTTP status.
    headers : Mapping[str, str]
        Names in any case.
    bytes_wire : int
        Bytes of the body as transferred (compressed).
    size : int
        Bytes of the body, expanded.
    """

    def __init__(self, status: int, headers: Mapping[str, str], body: Spool, size: int, bytes_wire: int) -> None:
        self.status = status
        self.headers = headers
        self.size = size
        self.bytes_wire = bytes_wire
        self._body = body

    def __repr__(self) -> str:
        return f"<Answer {self.status}, {self.size} bytes>"

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Drop the body. The file of `open` is gone with it."""
        self._body.close()

    @property
    def date(self) -> datetime | None:
        """The peer's clock when it answered, aware UTC; None if it did not tell."""
        try:
            date = parsedate_to_datetime(self.headers.get("Date") or "")
        except (TypeError, ValueError, IndexError, OverflowError):
            return None
        return date.replace(tzinfo=timezone.utc) if date.tzinfo is None else date.astimezone(timezone.utc)

    def open(self) -> BinaryIO:
        """The body, expanded, from its beginning. The same file each time; it belongs to the answer."""
        self._body.seek(0)
        return cast(BinaryIO, self._body)

    def start(self, length: int = 1024) -> bytes:
        """The first bytes of the body."""
        return self.open().read(length)

    def json(self) -> Any:
        """The body as JSON.

        Raises
        ------
        DocumentTooLarge
            More than 16 MB.
        PeerRefused
            It is no JSON.
        """
        if self.size > JSON_LIMIT:
            raise DocumentTooLarge(f"an answer of {self.size} bytes where a short one was expected", remote=True)
        try:
            return json.loads(self.open().read())
        except (ValueError, RecursionError):
            pass
        raise PeerRefused("the answer is not understood (no JSON)", hint=CHECK_URL)


def receive(raw: urllib3.BaseHTTPResponse, *, limit: int, tick: Callable[[int], None]) -> tuple[Spool, int, int]:
    """Read a body to its end into a spool.

    Parameters
    ----------
    raw
        The response, not yet read.
    limit
        Most bytes it may expand to.
    tick
        Called with each piece's bytes; what it raises ends the transfer.

    Returns
    -------
    spool, size, bytes_wire
        The expanded body, its bytes, and the bytes transferred.

    Raises
    ------
    DocumentTruncated
        The connection ended before the body did, or its gzip data are broken.
    DocumentTooLarge
        More than `limit`; nothing beyond is read.
    PeerTimeout
        Silence for longer than the read timeout.
    """
    coding = (raw.headers.get("Content-Encoding") or "").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise PeerRefused(f"the answer is compressed with {coding[:20]}, which was not asked for")
    chunked = "chunked" in (raw.headers.get("Transfer-Encoding") or "").lower()
    promised = raw.headers.get("Content-Length") or ""
    length = int(promised) if promised.isascii() and promised.isdigit() and not chunked else None
    if length is not None and length > limit:
        raise _too_large(limit)
    gunzip = Gunzip() if coding else None
    if coding == "identity":
        gunzip = None
    spool, size, wire = Spool(), 0, 0
    try:
        for piece in _pieces(raw, length):
            tick(len(piece))
            wire += len(piece)
            for part in gunzip.feed(piece) if gunzip else (piece,):
                size += len(part)
                if size > limit:
                    raise _too_large(limit)
                _write(spool, part)
        if length is not None and wire < length:
            raise _truncated(wire, length)
        if gunzip and wire and not gunzip.complete:
            raise _truncated(wire, length, "its compressed data end too early")
    except BaseException:
        spool.close()
        raise
    return spool, size, wire


def receive_start(raw: urllib3.BaseHTTPResponse) -> bytes:
    """The first bytes of a refusal, as many as can be had: what is missing or broken does not matter here."""
    gunzip = Gunzip() if "gzip" in (raw.headers.get("Content-Encoding") or "").lower() else None
    body = b""
    try:
        for piece in _pieces(raw, None):
            for part in gunzip.feed(piece) if gunzip else (piece,):
                body += part
                if len(body) >= START:
                    return body[:START]
    except SyncError:
        pass
    return body


def _pieces(raw: urllib3.BaseHTTPResponse, length: int | None) -> Iterator[bytes]:
    """The body as transferred, with failures of the network (and only of the network) in our words."""
    stream, received = raw.stream(CHUNK, decode_content=False), 0
    while True:
        error: SyncError
        try:
            piece = next(stream)
        except StopIteration:
            return
        except (urllib3.exceptions.ReadTimeoutError, TimeoutError):
            error = PeerTimeout(f"silence after {received} bytes of its answer")
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError):
            error = _truncated(received, length)
        else:
            received += len(piece)
            yield piece
            continue
        raise error


class Gunzip:
    """Incremental gunzip of all members of a gzip stream, in pieces of at most 1 MB."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(GZIP)
        self._begun = False
        self._members = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._member.eof:
                data = data.lstrip(b"\0")           # padding after the end is allowed
                if not data:
                    return
                self._member = zlib.decompressobj(GZIP)
            try:
                part = self._member.decompress(data, EXPANDED)
            except zlib.error:
                part = None
            if part is None:
                raise DocumentTruncated("its compressed data are damaged", remote=True)
            if part:
                yield part
            data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    @property
    def complete(self) -> bool:
        return self._member.eof


def _write(spool: Spool, part: bytes) -> None:
    try:
        spool.write(part)
        return
    except OSError as problem:
        reason = problem.strerror
    raise ConfigurationError(f"the answer cannot be kept in {tempfile.gettempdir()}: {reason}",
                             hint="Free some space there, or set TMPDIR to another folder")


def _truncated(received: int, length: int | None, why: str = "the connection was cut") -> DocumentTruncated:
    of = f" of {length}" if length is not None else ""
    return DocumentTruncated(f"{why} after {received}{of} bytes", remote=True)


def _too_large(limit: int) -> DocumentTooLarge:
    return DocumentTooLarge(f"more than {limit} bytes", remote=True,
                            hint="Raise the setting sync.max_document, or pull less at once with a filter")
