"""Nested records of a document, one after the other: components become records that refer to their parent."""
from __future__ import annotations

from typing import Iterable, Iterator

from ..s3xml.record import Record
from .site import Site


def flatten(site: Site, records: Iterable[Record]) -> Iterator[Record]:
    """Each record, then its components with the key to their parent filled in. Unknown components are left out."""
    for record in records:
        children, record.children = record.children, None
        inline, record.inline = record.inline, None
        for _, target in inline or ():
            if target.uuid:
                yield from flatten(site, [target])
        yield record
        for child in children or ():
            for part in site.host.components(record.table):
                if part.table == child.table and (child.alias is None or child.alias == part.alias):
                    child.values[part.fkey] = record.uuid
                    yield from flatten(site, [child])
                    break
