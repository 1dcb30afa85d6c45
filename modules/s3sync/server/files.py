"""Files of upload fields: given to a peer that pulls records, taken from one that pushes them."""
from __future__ import annotations

import re
import tempfile
from typing import BinaryIO, cast

from ..engine import attachments
from ..engine.site import Site
from ..errors import BadRequest, DocumentTooLarge, EmptyAnswer, UnknownResource
from ..hosts.files import Files, content_digest
from .request import Request, Response, message

DIGEST = re.compile(r"\A[0-9a-f]{32}\Z")
CHUNK = 1 << 16


def _asked(site: Site, request: Request, resource: str) -> tuple[str, str]:
    field, digest = request.get("file"), request.get("digest")
    if field not in site.table(resource).uploads:
        raise BadRequest(f"{resource}.{field} is no upload field")
    if not DIGEST.match(digest):
        raise BadRequest("a file is asked for by its digest")
    return field, digest


def answer(site: Site, request: Request, resource: str) -> Response:
    """A file that a record refers to; the permission to read the table was checked before."""
    field, digest = _asked(site, request, resource)
    table = site.table(resource)
    found = Files(site.db).open(table, field, digest)
    if found is None and attachments.returned(site, table, field, digest):
        raise UnknownResource(f"{resource}.{field} {digest}", hint="The file was missing and is back: pull its record again")
    if found is None:
        raise UnknownResource(f"{resource}.{field} {digest}", hint="No record here has this file, or it is missing here too")
    filename, content = found
    return Response(content_type="application/octet-stream", body=content)


def receive(site: Site, request: Request, resource: str) -> Response:
    """Store a file for records that will come; the permission to write the table was checked before."""
    field, digest = _asked(site, request, resource)
    if request.body is None:
        raise EmptyAnswer("the request has no body")
    limit = site.settings.max_upload
    with tempfile.SpooledTemporaryFile(max_size=1 << 20) as spool:
        size = 0
        for chunk in iter(lambda: request.body.read(CHUNK), b""):  # type: ignore[union-attr]
            size += len(chunk)
            if size > limit:
                raise DocumentTooLarge(f"{resource}.{field}: a file of more than {limit} bytes",
                                       hint="The setting sync.max_upload says how large a file may be")
            spool.write(chunk)
        spool.seek(0)
        source = cast(BinaryIO, spool)
        if content_digest(source) != digest:
            raise BadRequest("the file is not the one it is called")
        filename = request.get("filename")
        attachments.inspect(site, site.table(resource), field, filename, source)
        Files(site.db).store(site.table(resource), field, source, filename)
    attachments.arrived(site, site.table(resource), field, digest)
    site.db.commit()
    return Response(body=message("success", 200, "File received"))
