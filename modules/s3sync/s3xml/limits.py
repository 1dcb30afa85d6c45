"""What a document may ask of this site."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Limits:
    """What a document may ask of this site. The names are those of `s3sync.settings.Settings`.

    libxml2 has limits of its own besides, which hold whatever stands here: 10,000,000 bytes of one text, 256 levels.
    """

    max_document: int = 4 << 30       #: bytes of the document, expanded
    max_record: int = 32 << 20        #: bytes of one record with all that is nested in it
    max_upload: int = 32 << 20        #: bytes of a file that comes with a record
    max_text: int = 8 << 20           #: characters of one value
    max_depth: int = 32               #: nested elements, the root being the first
    max_records: int = 20_000_000     #: records, nested ones included

    @classmethod
    def of(cls, settings: Any) -> Limits:
        """The limits among the settings of a deployment."""
        return cls(**{name: getattr(settings, name) for name in cls.__dataclass_fields__ if hasattr(settings, name)})
