"""Connections: proxies and certificates, as adapter of requests.

Proxies are those of the configuration only. The environment (``http_proxy``) and ``.netrc`` are not looked at: what
a run does must not depend on the shell that started the worker.
"""
from __future__ import annotations

import socket
import ssl
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakSet

import certifi
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from ..errors import ConfigurationError
from .credentials import split_userinfo

__all__ = ["Proxy", "Transport", "ssl_context"]


class Proxy:
    """A proxy server, its credentials apart from its address so that they appear in no message.

    Parameters
    ----------
    url
        ``http://user:password@host:port``; user name and password percent-encoded where they contain ``@:/``.
        ``http://`` may be missing. Empty for no proxy.
    """

    url = ""                        #: without credentials

    def __init__(self, url: str) -> None:
        url = url.strip()
        self.url, self.credentials = split_userinfo(url if not url or "://" in url else f"http://{url}")

    def check(self) -> None:
        """Raise ConfigurationError if it cannot be used."""
        if not self.url:
            return
        self.credentials.check()
        try:
            parts = urlsplit(self.url)
            valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            valid = False
        if not valid or "@" in parts.netloc:
            raise ConfigurationError(f"the proxy {self.url} is not understood",
                                     hint="Enter it as http://host:port or http://user:password@host:port, with @ : / "
                                     "in user name or password as %40 %3A %2F")

    def __repr__(self) -> str:
        return f"<Proxy {self.url}>"

    def __bool__(self) -> bool:
        return bool(self.url)

    def headers(self) -> dict[str, str]:
        """Headers for the proxy, not for the peer."""
        return {"Proxy-Authorization": self.credentials.header()} if self.credentials.given else {}


def ssl_context(ca_bundle: str, verify: bool) -> ssl.SSLContext:
    """Verification against the public authorities (certifi's and the system's) and, besides, a private one.

    Parameters
    ----------
    ca_bundle
        PEM file of the private certificate authority, or empty.
    verify
        False accepts any certificate.

    Raises
    ------
    ConfigurationError
        The file is missing or holds no certificates.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(certifi.where())
    if urllib3.__version__.startswith("1."):
        context.check_hostname = False      # that version compares names itself, and with this on fails for an IP
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        if ca_bundle:
            context.load_verify_locations(ca_bundle)
        return context
    except OSError as problem:                  # ssl.SSLError is one: no PEM
        reason = "no certificates in it" if isinstance(problem, ssl.SSLError) else problem.strerror
    raise ConfigurationError(f"setting sync.ca_bundle: {ca_bundle}: {reason}",
                             hint="It must be a PEM file with the certificate of your authority")


class Transport(HTTPAdapter):
    """Connections with our certificates, and a proxy's credentials in UTF-8 (requests would take Latin-1)."""

    def __init__(self, proxy: Proxy, context: ssl.SSLContext | None) -> None:
        self._proxy = proxy
        self._context = context
        self._connections: WeakSet[Any] = WeakSet()
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)
        _note(self.poolmanager, self._connections)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, ssl_context=self._context, proxy_ssl_context=self._context, **kwargs)
        _note(manager, self._connections)
        return manager

    def abort(self) -> None:
        """End all connections, also those that another thread is reading from."""
        for connection in list(self._connections):
            if connection.sock is not None:
                try:
                    socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)   # not TLS's own: it would talk first
                except OSError:
                    continue                                                    # it has ended by itself

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        return self._proxy.headers()

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        # The context says all there is to say; requests would load its own bundle again for each connection.
        conn.cert_reqs = "CERT_REQUIRED" if verify else "CERT_NONE"


def _note(manager: Any, connections: WeakSet[Any]) -> None:
    """Keep a pool manager's connections in a set as they are opened."""
    def noted(kind: type) -> type:
        class Noted(kind):      # type: ignore[misc,valid-type]
            def connect(self) -> None:
                connections.add(self)
                super().connect()
        return Noted

    kinds = {"http": noted(HTTPConnection), "https": noted(HTTPSConnection)}
    manager.pool_classes_by_scheme = {scheme: type(pool.__name__, (pool,), {"ConnectionCls": kinds[scheme]})
                                      for scheme, pool in manager.pool_classes_by_scheme.items()}
