"""Proxies, default or of a repository, with credentials in their URL, for http and https."""
from __future__ import annotations

import pytest
from loopback import PASSWORD, Reply

from s3sync.errors import ConfigurationError, ConnectError, ProxyError, TlsError

PATH = "/sync/sync.xml"
SECRET = "Pröxy/pass@1"
USERINFO = "b%C3%BCro:Pr%C3%B6xy%2Fpass%401"


def test_plain(serve, serve_proxy, connect):
    peer, proxy = serve(), serve_proxy("büro", SECRET)
    client = connect(peer.url, proxy=f"http://{USERINFO}@{proxy.address}")
    client.get(PATH, [("[~]~.name", "Ä b")])
    client.post(PATH, [], b"<x/>", content_type="text/xml")
    assert [method for method, _ in proxy.seen] == ["GET", "POST"]
    assert peer.seen[0].query == [("[~]~.name", "Ä b")] and peer.seen[1].body == b"<x/>"
    assert all(seen.headers["Proxy-Authorization"] is None and seen.headers["Authorization"] for seen in peer.seen)


def test_tunnel(serve, serve_proxy, connect, authority):
    peer, proxy = serve(context=authority.context()), serve_proxy("büro", SECRET)
    client = connect(peer.url, proxy=f"{USERINFO}@{proxy.address}", ca_bundle=str(authority.bundle))
    client.get(PATH)
    assert proxy.seen == [("CONNECT", f"127.0.0.1:{peer.server_port}")]
    assert peer.seen[0].headers["Proxy-Authorization"] is None and peer.seen[0].headers["Authorization"]


def test_without_credentials(serve, serve_proxy, connect):
    proxy = serve_proxy()
    connect(serve().url, proxy=f"http://{proxy.address}/").get(PATH)
    assert len(proxy.seen) == 1


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("userinfo", ["", "b%C3%BCro:wrong-secret@"])
def test_refused(serve, serve_proxy, connect, refused, authority, slept, tls, userinfo):
    peer, proxy = serve(context=authority.context() if tls else None), serve_proxy("büro", SECRET)
    client = connect(peer.url, proxy=f"http://{userinfo}{proxy.address}", ca_bundle=str(authority.bundle), retries=3)
    error = refused(ProxyError, client.get, PATH, secrets=(PASSWORD, "wrong-secret"))
    assert "407" in error.message and "proxy's URL" in error.hint and not error.transient
    assert slept == [] and peer.seen == []


@pytest.mark.parametrize("tls", [False, True])
def test_unreachable(serve, serve_proxy, connect, refused, authority, slept, tls):
    peer, proxy = serve(context=authority.context() if tls else None), serve_proxy()
    proxy.close()
    client = connect(peer.url, proxy=f"http://{USERINFO}@{proxy.address}", retries=1)
    error = refused(ProxyError, client.get, PATH, secrets=(PASSWORD, SECRET, "Pr%C3%B6xy"))
    assert f"http://{proxy.address} cannot be reached (Connection refused)" in error.message
    assert error.transient and len(slept) == 1


def test_proxy_cannot_reach_the_peer(serve, serve_proxy, connect, refused, authority):
    proxy = serve_proxy()
    for peer, kind in ((serve(), ConnectError), (serve(context=authority.context()), ProxyError)):
        peer.close()
        error = refused(kind, connect(peer.url, proxy=proxy.address).get, PATH)
        assert "502" in error.message and error.transient


def test_certificate_through_the_tunnel(serve, serve_proxy, connect, refused, authority):
    peer = serve(context=authority.context())
    refused(TlsError, connect(peer.url, proxy=serve_proxy().address).get, PATH)


def test_proxies_of_the_environment_are_not_used(serve, serve_proxy, connect, monkeypatch):
    proxy = serve_proxy()
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://{proxy.address}")
    peer = serve()
    connect(peer.url).get(PATH)
    assert proxy.seen == [] and len(peer.seen) == 1


@pytest.mark.parametrize("proxy", ["socks5://host:1080", "http://", "http://host:port", "http://u:p/w@host:3128",
                                   "http://[::1"])
def test_not_understood(connect, refused, proxy):
    error = refused(ConfigurationError, connect, "http://host/eden", proxy=proxy, secrets=("p/w", "w@"))
    assert "proxy" in error.message and "http://user:password@host:port" in error.hint


def test_proxy_page_with_the_password(serve, serve_proxy, connect):
    proxy = serve_proxy("büro", SECRET)
    peer = serve(Reply(400, f"you sent {SECRET}".encode()))
    with pytest.raises(Exception) as caught:
        connect(peer.url, proxy=f"http://{USERINFO}@{proxy.address}").get(PATH)
    assert "you sent ***" in str(caught.value)
