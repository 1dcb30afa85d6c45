"""What is known of one record: its digest, its version vector, its place in the sequence."""
from __future__ import annotations

from typing import NamedTuple

from .digest import DELETED


class Version(NamedTuple):
    """What the index holds of one record. `modified_on` is "YYYY-MM-DDTHH:MM:SS" or None."""

    digest: str
    vector: str
    seq: int
    origin: str | None
    modified_on: str | None

    @property
    def deleted(self) -> bool:
        return self.digest.startswith(DELETED)


class Note(NamedTuple):
    """A version to be written."""

    uuid: str
    digest: str
    vector: str
    origin: str | None
    modified_on: str | None
