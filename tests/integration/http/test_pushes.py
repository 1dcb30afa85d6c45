"""Pushing to a peer that runs Eden's own module, as real Eden sites take it."""
from __future__ import annotations

import pytest
from loopback import Reply

from s3sync.engine.peer import Task
from s3sync.errors import PeerRefused
from s3sync.peers.eden import EdenPeer
from s3sync.s3xml.document import Limits

OWN = "urn:uuid:d9a7ebd0-37ff-40d8-b3a7-2808c93bff27"


def peer_at(connect, url: str) -> EdenPeer:
    return EdenPeer(connect(url), OWN, lambda name: None, Limits())


def test_a_document_is_sent_as_a_file(serve, connect):
    """Classic Eden's web2py answers HTTP 500 to any other body that is no form (cgi.FieldStorage writes bytes as text)."""
    site = serve(Reply(body=b'{"status": "success", "statuscode": "200"}', headers={"Content-Type": "application/json"}))
    peer_at(connect, site.url).push(Task(1, "org_organisation"), b"<s3xml/>")
    seen, = site.seen
    assert seen.headers["Content-Disposition"] == 'attachment; filename="sync.xml"'
    assert (seen.headers["Content-Type"], seen.headers["Content-Length"], seen.body) == ("text/xml", "8", b"<s3xml/>")
    assert dict(seen.query)["resource"] == "org_organisation" and dict(seen.query)["repository"] == OWN


def test_an_internal_error_says_how_the_peer_is_repaired(serve, connect):
    site = serve(Reply(status=500, body=b"<html>Ticket issued</html>"))
    with pytest.raises(PeerRefused) as refused:
        peer_at(connect, site.url).push(Task(1, "org_organisation"), b"<s3xml/>")
    text = refused.value.message
    assert "HTTP 500" in text and "error tickets" in text
    assert "modules/core/resource/importer.py" in text and "sync_policy.conflict_resolver" in text and "Shapely" in text
