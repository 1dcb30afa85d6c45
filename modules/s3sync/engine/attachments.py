"""Files that come with records: taken from the peer's own site only, never more than the settings allow."""
from __future__ import annotations

from typing import BinaryIO, Callable, Optional, Sequence
from urllib.parse import unquote

from ..hosts.files import Files
from ..hosts.table import TableMap
from ..s3xml.record import Record, Upload
from .site import Site

#: gives the file of (table, field, upload), or None where the peer has it not or it is too large
Source = Callable[[str, str, Upload], Optional[BinaryIO]]

#: stands before "table/field" where a file is named among what a record waits for
MARK = "file:"


def collect(site: Site, table: TableMap, records: Sequence[Record], source: Source | None) -> None:
    """Put digests in the place of files in records, and see that the files are here. Works in place, any number of times.

    A file that cannot be had is left out of its record, and named in `Record.lacks`.
    """
    for field in table.uploads:
        _collect(site, table, field, [r for r in records if isinstance(r.values.get(field), Upload)], source)


def _collect(site: Site, table: TableMap, field: str, records: Sequence[Record], source: Source | None) -> None:
    if not records:
        return
    files = Files(site.db)
    uploads = {id(r): r.values[field] for r in records}
    names = {key: unquote(u.url.rsplit("/", 1)[-1]) for key, u in uploads.items() if u.url and not u.stored}
    known = files.known(table.name, field, names.values())
    digests = {key: u.stored or known.get(names.get(key, ""), "") for key, u in uploads.items()}
    here = files.local(table.name, field, {d for d in digests.values() if d})
    for record in records:
        upload, digest = uploads[id(record)], digests[id(record)]
        if not digest or digest not in here:
            content = source(table.name, field, upload) if source is not None and upload.url else None
            if content is None:
                record.values.pop(field)
                record.lacks = {**(record.lacks or {}), field: digest}
                continue
            with content:
                digest = files.store(table, field, content, upload.filename)
            here[digest] = ""
            if id(record) in names:
                files.remember(table.name, field, names[id(record)], digest, False)
        record.values[field] = Upload("", "", digest)
