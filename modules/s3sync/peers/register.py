"""Registering this site at a peer (the active side of ``sync/repository/register``).

The exchange as recorded from real Eden sites: JSON both ways, the answer always with status 200 once the peer has
understood the question, and with the peer's own identity in ``sender``.
"""
from __future__ import annotations

import json
import re
from dataclasses import dataclass

from ..errors import ConfigurationError, PeerRefused
from .http import HttpClient
from .refusal import CHECK_URL, clean

__all__ = ["Registration", "register"]

PATH = "/sync/repository/register.json"
UUID = re.compile(r"(?:urn:uuid:)?([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})", re.IGNORECASE)


@dataclass(frozen=True)
class Registration:
    """What the peer said to our registration."""

    ok: bool           #: the peer knows this site now
    message: str       #: its own words, or ours where it said nothing
    sender: str        #: UUID of the peer's site as it writes it itself, empty if it did not tell


def register(client: HttpClient, site_uuid: str, name: str, apitype: str = "eden") -> Registration:
    """Make this site known to a peer and learn the peer's UUID.

    Repeating it is harmless: the peer updates the entry it has.

    Parameters
    ----------
    client
        For the peer, with the account that may register repositories there.
    site_uuid
        Of this site (``sync_config.uuid``).
    name
        Public name of this site, shown at the peer.
    apitype
        How the peer is to speak to this site, in its own list of types.

    Raises
    ------
    ConfigurationError
        The peer is this very site.
    PeerRefused
        The answer is not that of a registration.
    SyncError
        All that `HttpClient.post` raises.
    """
    body = json.dumps({"uuid": site_uuid, "name": name, "apitype": apitype}).encode("utf-8")
    with client.post(PATH, [], body, content_type="application/json", idempotent=True) as answer:
        said = answer.json()
    if not isinstance(said, dict) or said.get("status") not in ("success", "failed"):
        raise PeerRefused("the answer is not that of a registration", hint=CHECK_URL)
    sender = _sender(said.get("sender"), site_uuid)
    ok = said["status"] == "success"
    message = clean(str(said.get("message") or "")) or ("Registration successful" if ok else "Registration failed")
    return Registration(ok, message, sender)


def _sender(given: object, site_uuid: str) -> str:
    """The peer's UUID as it came, checked: it becomes the identity under which records are exchanged."""
    if given is None or given == "":
        return ""
    found = UUID.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        raise PeerRefused(f"the peer names itself {clean(repr(given))[:80]}, which is no UUID",
                          hint="The peer's administrator finds the right one in its synchronization settings")
    own = UUID.fullmatch(site_uuid)
    if given == site_uuid or (own and own.group(1).lower() == found.group(1).lower()):
        raise ConfigurationError("the repository's URL points to this very site",
                                 hint="Enter the URL of the other site. If it is that already, its database is a copy "
                                 "of this one and needs a UUID of its own")
    return str(given)
