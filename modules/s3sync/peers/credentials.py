"""User name and password on their way to a peer or a proxy."""
from __future__ import annotations

from base64 import b64encode
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from ..errors import ConfigurationError
from ..secrets import mask

__all__ = ["Credentials", "split_userinfo"]


class Credentials:
    """HTTP Basic (RFC 7617) in UTF-8, sent without waiting to be asked, as Eden expects it.

    Works as `auth` of requests. Its repr tells nothing, because web2py's error tickets show local variables.
    """

    def __init__(self, username: str, password: str) -> None:
        self.username = username
        self.given = bool(username)
        self._token = b64encode(f"{username}:{password}".encode()).decode("ascii") if username else ""
        self._password = password if username else ""

    def __repr__(self) -> str:
        return "<Credentials ***>" if self.given else "<Credentials none>"

    def check(self) -> None:
        """Raise ConfigurationError if they cannot be sent. Not at once: that traceback would hold the password."""
        if ":" in self.username:
            raise ConfigurationError("a user name with a colon cannot be sent by HTTP Basic authentication")

    def __call__(self, request: Any) -> Any:
        if self.given:
            request.headers["Authorization"] = self.header()
        return request

    def header(self) -> str:
        """Value of the header Authorization or Proxy-Authorization, empty without user name."""
        return f"Basic {self._token}" if self.given else ""

    def redact(self, text: str) -> str:
        """`text` without them: a peer's or proxy's error page may repeat what it was sent."""
        # Shorter passwords are left: replacing every "e" of a message would give the password away.
        for secret in (self._token, self._password):
            if len(secret) >= 4:
                text = text.replace(secret, "***")
        return text


def split_userinfo(url: str) -> tuple[str, Credentials]:
    """`url` without user name and password, and these.

    Raises nothing, so that the password is in no traceback: a URL that cannot be taken apart is returned masked, and
    fails where it is checked because there is still an ``@`` in its host.
    """
    none = Credentials("", "")
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return mask(url), none
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return mask(url.strip()), none          # an unencoded "/" in the password ends the host before its "@"
    name, _, password = user.partition(":")
    return urlunsplit(parts._replace(netloc=host)), Credentials(unquote(name), unquote(password))
