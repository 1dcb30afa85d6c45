"""A peer's request and our answer, free of any web framework."""
from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import BinaryIO, Mapping
from urllib.parse import urlencode

from ..errors import BadRequest, SyncError

FILTER = re.compile(r"\A\[([A-Za-z0-9_~]*)\](.+)\Z")


@dataclass(frozen=True)
class Request:
    """What a peer asked.

    `params` holds a list where a parameter came more than once, as web2py gives them. `body` is the raw request body.
    """

    method: str
    params: Mapping[str, str | list[str]]
    body: BinaryIO | None = None
    encoding: str = ""           #: Content-Encoding of the body

    def get(self, name: str, default: str = "") -> str:
        """A parameter; the last one if it came more than once."""
        value = self.params.get(name, default)
        return value[-1] if isinstance(value, list) else value

    def number(self, name: str, default: int, highest: int) -> int:
        """A parameter that is a number above zero, or the default; never more than `highest`."""
        text = self.get(name)
        return min(int(text), highest) if text.isdigit() and int(text) > 0 else min(default, highest)

    def filters(self) -> tuple[tuple[str, str], ...]:
        """Filters as (table, URL query), from parameters of the form ``[table]selector=value``."""
        found = []
        for key, value in self.params.items():
            match = FILTER.match(key)
            if match:
                for single in value if isinstance(value, list) else [value]:
                    found.append((match.group(1) or "~", urlencode({match.group(2): single})))
            elif key.startswith("["):
                raise BadRequest(f"parameter {key!r} is no filter", hint="Filters look like [table]selector=value")
        return tuple(found)


@dataclass
class Response:
    """What a peer is answered. `body` is bytes, or a file that the caller streams and closes."""

    status: int = 200
    content_type: str = "application/json"
    body: bytes | BinaryIO = b""
    headers: dict[str, str] = field(default_factory=dict)


def message(status: str, statuscode: int, text: str, **more: object) -> bytes:
    """Eden's JSON message (S3XML §10.8)."""
    return json.dumps({"status": status, "statuscode": str(statuscode), "message": text, **more}).encode("ascii")


def failure(error: SyncError) -> Response:
    """The answer that says what went wrong, with Eden's keys and our code."""
    return Response(error.status, body=message("failed", error.status, error.message, code=error.code))
