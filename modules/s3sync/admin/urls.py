"""Addresses that administrators enter: checked, and with their secrets kept back."""
from __future__ import annotations

from typing import Any, Callable
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

#: stands for a stored password in a proxy's address
MASK = "***"


def _split(text: str, T: Callable[..., Any], example: str) -> SplitResult:
    wrong = ValueError(str(T("Enter a complete address like %(example)s.", {"example": example})))
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or any(c.isspace() for c in text):
        raise wrong
    return parts


def repository_url(text: str, T: Callable[..., Any]) -> str:
    """The address of a repository, including the application, without trailing slash; raises ValueError."""
    parts = _split(text, T, "https://sahana.example.org/eden")
    if "@" in parts.netloc:
        raise ValueError(str(T("Enter username and password in their own fields, not in the URL.")))
    if parts.query or parts.fragment:
        raise ValueError(str(T("Leave out everything from \"?\" or \"#\" on.")))
    return urlunsplit((parts.scheme, parts.netloc.lower(), parts.path.rstrip("/"), "", ""))


def proxy_url(text: str, stored: str, T: Callable[..., Any]) -> str:
    """The address of a proxy server; the mask for a password in it means the one of `stored`. Raises ValueError."""
    parts = _split(text, T, "http://user:password@proxy.example.org:3128")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(str(T("Enter only the address of the proxy server, without a path.")))
    password = parts.password
    if password == MASK:
        before = urlsplit(stored)
        if (before.scheme, before.hostname, before.port) != (parts.scheme, parts.hostname, parts.port) or \
                before.password is None:
            raise ValueError(str(T("Enter the password of the proxy server again: its address has changed.")))
        password = before.password
    return urlunsplit((parts.scheme, _netloc(parts, password), "", "", ""))


def _netloc(parts: SplitResult, password: str | None) -> str:
    """User, password (both percent-encoded as needed), host and port."""
    host = parts.netloc.rpartition("@")[2].lower()
    if parts.username is None:
        return host
    user = quote(unquote(parts.username), safe="")
    if password is None:
        return f"{user}@{host}"
    return f"{user}:{password if password == MASK else quote(unquote(password), safe='')}@{host}"
