"""Certificates: verified against the public authorities and a private one; every refusal says what to do."""
from __future__ import annotations

import warnings

import pytest
from loopback import DAY, Authority, Reply

from s3sync.errors import ConfigurationError, DocumentTruncated, TlsError
from s3sync.peers.transport import ssl_context

PATH = "/sync/sync.xml"


def test_private_authority(serve, connect, authority):
    peer = serve(context=authority.context())
    client = connect(peer.url, ca_bundle=str(authority.bundle))
    assert client.get(PATH).status == 200
    assert client.post(PATH, [], b"<x/>", content_type="text/xml").status == 200
    assert peer.seen[0].headers["Authorization"]


def test_it_comes_beside_the_public_ones(authority):
    public = len(ssl_context("", True).get_ca_certs())
    assert public > 50
    assert len(ssl_context(str(authority.bundle), True).get_ca_certs()) == public + 1


def test_machine_without_authorities_of_its_own(authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))      # where OpenSSL finds those of the system
    monkeypatch.setenv("SSL_CERT_DIR", str(authority.folder / "none"))
    assert len(ssl_context("", True).get_ca_certs()) > 50


@pytest.mark.parametrize("context, bundle, words", [
    ({}, False, "sync.ca_bundle"), ({"host": "relief.example.org"}, True, "host name"),
    ({"begin": -3 * DAY, "end": -DAY}, True, "renew"), ({"begin": DAY, "end": 3 * DAY}, True, "clock"),
], ids=["unknown authority", "other name", "expired", "not yet"])
def test_refused(serve, connect, refused, authority, slept, context, bundle, words):
    peer = serve(context=authority.context(**context))
    error = refused(TlsError, connect(peer.url, ca_bundle=str(authority.bundle) if bundle else "", retries=3).get, PATH)
    assert words in error.hint and f"127.0.0.1:{peer.server_port}" in error.detail
    assert peer.seen == [] and slept == [] and not error.transient


def test_another_private_authority(serve, connect, refused, authority, tmp_path):
    peer = serve(context=Authority(tmp_path, "Other CA").context())
    refused(TlsError, connect(peer.url, ca_bundle=str(authority.bundle)).get, PATH)


def test_verification_off_only_by_setting(serve, connect, authority):
    peer = serve(context=authority.context(host="relief.example.org"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")         # urllib3 warns, rightly
        assert connect(peer.url, verify_tls=False).get(PATH).status == 200


def test_plain_http_on_the_port(serve, connect, refused):
    assert "https" in refused(TlsError, connect(serve().url.replace("http:", "https:")).get, PATH).hint


def test_environment_does_not_matter(serve, connect, authority, refused, monkeypatch):
    peer = serve(context=authority.context())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(authority.bundle))
    refused(TlsError, connect(peer.url).get, PATH)


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_bundle_that_is_none(connect, refused, tmp_path, content):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    error = refused(ConfigurationError, connect, "https://host/eden", ca_bundle=str(file))
    assert "sync.ca_bundle" in error.message and str(file) in error.message


def test_cut_over_tls(serve, connect, refused, authority):
    peer = serve(Reply(body=b"<s3xml/>" * 100, cut=50), context=authority.context())
    refused(DocumentTruncated, connect(peer.url, ca_bundle=str(authority.bundle)).get, PATH)
