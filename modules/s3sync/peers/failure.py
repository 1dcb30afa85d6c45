"""What a failed connection means: exceptions of requests, urllib3, ssl and the socket in words of the administrator.

Their own texts are not used: they are long, change between versions, and some repeat URLs.
"""
from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Iterator

import requests
import urllib3
from urllib3.util.ssl_match_hostname import CertificateError

from ..errors import ConfigurationError, ConnectError, PeerRefused, PeerTimeout, ProxyError, SyncError, TlsError
from .refusal import CHECK_URL, clean
from .transport import Proxy

__all__ = ["NETWORK", "explain"]

#: What requests and below may raise for one exchange.
NETWORK = (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, UnicodeError)

TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})")      # http.client tells the proxy's status nowhere else

# OpenSSL's X509_V_ERR_* codes
UNKNOWN_ISSUER = frozenset((2, 18, 19, 20, 21, 27))
NOT_YET_VALID, EXPIRED = 9, 10
WRONG_NAME = frozenset((62, 63, 64))
OTHER_NAME = "Enter the URL with the host name that the certificate is made for"


def explain(problem: BaseException, address: str, proxy: Proxy, sending: bool = False) -> SyncError:
    """The error to raise for `problem`.

    Parameters
    ----------
    address
        The peer's host and port.
    proxy
        The one in use, or an empty one.
    sending
        Whether the request had a body.
    """
    chain = list(_chain(problem))

    def find(*kinds: type[BaseException]) -> BaseException | None:
        return next((link for link in chain if isinstance(link, kinds)), None)

    certificate = find(ssl.SSLCertVerificationError)
    if isinstance(certificate, ssl.SSLCertVerificationError):
        return _certificate(certificate, address)
    if find(CertificateError):                  # of urllib3 before 2.0, which compares the name itself
        return TlsError(f"{address}: the certificate is made for another name", hint=OTHER_NAME)
    if find(requests.exceptions.ProxyError, urllib3.exceptions.ProxyError):
        return _proxy(chain, proxy)
    through = f"{address} through the proxy {proxy.url}" if proxy else address
    # Not urllib3's TimeoutError: it counts a refused connection among them.
    if find(requests.Timeout, urllib3.exceptions.ReadTimeoutError, TimeoutError, socket.timeout):
        return PeerTimeout(through)
    tls = find(ssl.SSLError)
    if isinstance(tls, ssl.SSLError) and not isinstance(tls, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return TlsError(f"{address} ({clean(tls.reason or 'no TLS connection')})",
                        hint="Check the URL: does this port speak https, and does the peer offer TLS 1.2 or later?")
    if find(requests.exceptions.InvalidURL, urllib3.exceptions.LocationValueError, UnicodeError):
        return ConfigurationError(f"{address} is no valid address", hint=CHECK_URL)
    if find(http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
        return ConnectError(f"{through} closed the connection without an answer",
                            hint="It may refuse documents of this size before reading them" if sending else "")
    if find(http.client.HTTPException, urllib3.exceptions.InvalidHeader):
        return PeerRefused(f"{through} does not answer in HTTP",
                           hint="Check host and port in the repository's URL, and whether it begins with https://")
    if find(socket.gaierror):
        return ConnectError(f"the host name of {address} cannot be resolved", hint="Check the repository's URL, and "
                            "whether this machine is online")
    return ConnectError(f"{through} ({_reason(chain)})")


def _chain(problem: BaseException) -> Iterator[BaseException]:
    """`problem` and everything it wraps, the outermost first."""
    waiting: list[object] = [problem]
    seen: set[int] = set()
    while waiting:
        link = waiting.pop(0)
        if not isinstance(link, BaseException) or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        waiting += [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]


def _reason(chain: list[BaseException]) -> str:
    """The operating system's words for it."""
    words = (link.strerror for link in chain if isinstance(link, OSError) and link.strerror)
    return clean(next(words, "no connection"))


def _certificate(problem: ssl.SSLCertVerificationError, address: str) -> TlsError:
    if problem.verify_code in UNKNOWN_ISSUER:
        hint = ("If the peer uses a private certificate authority, put its PEM file on this machine and name it in the "
                "setting sync.ca_bundle")
    elif problem.verify_code == EXPIRED:
        hint = "The peer must renew it; check also the clock of this machine"
    elif problem.verify_code == NOT_YET_VALID:
        hint = "Check the clock of this machine"
    elif problem.verify_code in WRONG_NAME:
        hint = OTHER_NAME
    else:
        hint = "The setting sync.ca_bundle names a private certificate authority, if the peer has one"
    return TlsError(f"{address}: {clean(problem.verify_message)}", hint=hint)


def _proxy(chain: list[BaseException], proxy: Proxy) -> ProxyError:
    for link in chain:
        found = TUNNEL.search(str(link.args[0])) if link.args and isinstance(link, OSError) else None
        if found:
            status = int(found.group(1))
            hint = "Check user name and password in the proxy's URL" if status == 407 else ""
            error = ProxyError(f"{proxy.url} answered {status}", hint=hint)
            error.transient = status >= 500         # it could not reach the peer
            return error
    return ProxyError(f"{proxy.url} cannot be reached ({_reason(chain)})",
                      hint="Check the proxy in the settings and in the repository")
