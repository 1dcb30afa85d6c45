"""A file of an upload field from a peer."""
from __future__ import annotations

from typing import BinaryIO, cast

from ..errors import DocumentTooLarge, PeerRefused
from .answer import Spool
from .http import HttpClient, Params

CHUNK = 1 << 16


def downloaded(client: HttpClient, path: str, params: Params, limit: int) -> BinaryIO | None:
    """The file, at its beginning; None if the peer does not give it, or it has more than `limit` bytes."""
    try:
        answer = client.get(path, params, accept="application/octet-stream", expect=(400, 403, 404))
    except (PeerRefused, DocumentTooLarge):
        return None
    with answer:
        if answer.status != 200:
            return None
        source, target, size = answer.open(), cast(BinaryIO, Spool()), 0
        for chunk in iter(lambda: source.read(CHUNK), b""):
            size += len(chunk)
            if size > limit:
                target.close()
                return None
            target.write(chunk)
        target.seek(0)
        return target
