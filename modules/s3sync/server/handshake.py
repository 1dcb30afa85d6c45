"""What this site is and understands, for a peer that asks before anything else."""
from __future__ import annotations

import json
from hashlib import blake2s

from .. import __version__
from ..engine import pact
from ..engine.site import Site
from .request import Request, Response

#: Version of the exchange between s3sync sites
PROTOCOL = 1

#: what this version understands that the first did not
CAN = ("dryrun", "compare")


def answer(site: Site, request: Request | None = None) -> Response:
    """Software, protocol, identity, clock, limits; to who begins a run, the contact, to others a digest of each table's columns.

    For the tables all models of the application have to be there, which takes a real Eden a second or two: no run needs them.
    """
    body: dict[str, object] = {
        "software": "s3sync", "version": __version__, "protocol": PROTOCOL, "can": CAN, "uuid": site.host.site_uuid,
        "time": site.now().isoformat()[:19],
        "limits": {"max_page": site.settings.max_page, "batch_size": site.settings.batch_size}}
    if request is not None and "contact" in request.params:
        body["contact"], body["restored"] = pact.greeting(site, request.get("repository"), request.get("contact"))
    else:
        body["tables"] = _tables(site)
    return Response(body=json.dumps(body).encode("ascii"))


def _tables(site: Site) -> dict[str, str]:
    """Digests of the columns of the tables that the present user may read."""
    found = {}
    for name in site.host.tables():
        if site.host.can("read", name):
            columns = [(f.name, f.type, f.target) for f in site.table(name).schema.fields]
            found[name] = blake2s(repr(columns).encode("utf-8"), digest_size=8).hexdigest()
    return found
