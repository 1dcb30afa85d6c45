"""A record on its way into a table."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..hosts.table import StoredRow
from ..index.version import Version
from ..s3xml.record import Record
from .decide import Decision


@dataclass
class Item:
    """A record on its way in, with what is known of it here."""

    record: Record
    row: StoredRow | None
    version: Version | None
    decision: Decision
    theirs: str                      #: vector of the record that arrived
    values: dict[str, Any]           #: what it said, whatever is left of it to be written
    uuid: str
