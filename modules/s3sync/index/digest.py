"""Digest of a record's synchronised values: tells whether a row is still the version it was."""
from __future__ import annotations

import json
import json.encoder
from hashlib import blake2b
from typing import Any, Callable, Mapping

#: Digests of deleted records start with this, so that SQL can tell them
DELETED = "deleted"


def _encoder() -> Callable[[Any], str]:
    """JSON text, keys sorted. The C encoder is made once: JSONEncoder.encode makes one for each call, which costs more
    than the encoding itself."""
    plain = json.JSONEncoder(ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return plain.encode
    encode = make(None, plain.default, json.encoder.encode_basestring_ascii, None, ":", ",", True, False, True)
    return lambda values: "".join(encode(values, 0))


_encode = _encoder()


def digest(values: Mapping[str, Any]) -> str:
    """Digest of canonical values, 24 hex digits.

    NULL and a column that does not exist are the same, so that adding a column does not look like an edit of every record.
    """
    if None in values.values():
        values = {name: value for name, value in values.items() if value is not None}
    return blake2b(_encode(values).encode("ascii"), digest_size=12).hexdigest()


def deletion_digest(replaced_by: str | None = None) -> str:
    """Digest of a deleted record, or of one merged into another."""
    if not replaced_by:
        return DELETED
    return DELETED + blake2b(replaced_by.encode("utf-8"), digest_size=6).hexdigest()
