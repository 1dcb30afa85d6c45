"""Redirects: followed only where neither data nor credentials can get lost or astray."""
from __future__ import annotations

import pytest
from loopback import Reply

from s3sync.errors import PeerRefused, RedirectRefused

PATH = "/sync/sync.xml"


def to(url: str, status: int = 302) -> Reply:
    return Reply(status, headers={"Location": url})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_get_within_the_site(serve, connect, status):
    peer = serve(to("/eden/other.xml?a=1#x", status), to("./third.xml", status), Reply(body=b"<x/>"))
    connect(peer.url).get(PATH, [("resource", "a_b")])
    assert [seen.path for seen in peer.seen] == ["/eden/sync/sync.xml", "/eden/other.xml", "/eden/third.xml"]
    assert all(seen.headers["Authorization"] for seen in peer.seen)


def test_get_from_http_to_https(serve, connect, authority):
    secure = serve(context=authority.context())
    peer = serve(to(secure.url + PATH))
    connect(peer.url, ca_bundle=str(authority.bundle)).get(PATH)
    assert secure.seen[0].headers["Authorization"]


def test_get_to_another_host_or_port(serve, connect, refused):
    other = serve()
    for target in (other.url + PATH, f"http://localhost:{other.server_port}/eden{PATH}",
                   f"//localhost:{other.server_port}/eden{PATH}"):
        error = refused(RedirectRefused, connect(serve(to(target)).url).get, PATH)
        assert f":{other.server_port}/eden. If this is the peer" in error.message
    assert other.seen == []


def test_get_from_https_to_http(serve, connect, refused, authority):
    other = serve()
    peer = serve(to(other.url + PATH), context=authority.context())
    refused(RedirectRefused, connect(peer.url, ca_bundle=str(authority.bundle)).get, PATH)
    assert other.seen == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_post_is_never_redirected(serve, connect, refused, status):
    peer = serve(to("https://relief.example.org/eden/sync/sync.xml?resource=a_b", status))
    error = refused(RedirectRefused, connect(peer.url, retries=3).post, PATH, [("resource", "a_b")], b"<x/>",
                    content_type="text/xml", idempotent=True)
    assert error.message == ("The peer redirects to another address: https://relief.example.org/eden. "
                             "If this is the peer, enter this URL in the repository")
    assert len(peer.seen) == 1


def test_post_is_not_even_redirected_within_the_site(serve, connect, refused):
    peer = serve(to("/other/sync/sync.xml", 307))
    error = refused(RedirectRefused, connect(peer.url).post, PATH, [], b"<x/>", content_type="text/xml")
    assert f"127.0.0.1:{peer.server_port}/other. " in error.message and len(peer.seen) == 1


def test_login_page(serve, connect, refused):
    peer = serve(to("/eden/default/user/login?_next=/eden/sync"), Reply(body=b"<!DOCTYPE html><html>Login"))
    refused(PeerRefused, connect(peer.url).get, PATH)


def test_circles_and_nonsense(serve, connect, refused):
    assert "circles" in refused(RedirectRefused, connect(serve(to("/eden/sync/sync.xml")).url).get, PATH).message
    refused(RedirectRefused, connect(serve(to("http://[::1/")).url).get, PATH)
    refused(RedirectRefused, connect(serve(to("http://h:99999999/")).url).get, PATH)
    refused(RedirectRefused, connect(serve(to("ftp://127.0.0.1/")).url).get, PATH)
    error = refused(RedirectRefused, connect(serve(to("http://me:other-secret@127.0.0.1/")).url).get, PATH)
    assert "other-secret" not in error.message


def test_body_of_a_redirect_is_not_read(serve, connect):
    endless = Reply(302, b"x", {"Location": "/eden/other.xml"}, length=1 << 40, cut=1, stall=30)
    peer = serve(endless, Reply(body=b"<x/>"))
    assert connect(peer.url).get(PATH).open().read() == b"<x/>"
