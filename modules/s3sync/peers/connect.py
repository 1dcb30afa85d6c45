"""Opening a repository: who is at the other end, and how to speak to it."""
from __future__ import annotations

from typing import Callable, Sequence

from ..engine import pact
from ..engine.opening import Opening, opening
from ..engine.peer import Peer
from ..engine.repository import Repository
from ..engine.site import Site
from ..engine.stop import Stop
from ..errors import (
    AuthenticationFailed,
    ConfigurationError,
    ConnectError,
    Interrupted,
    PeerBusy,
    PeerRefused,
    ProxyError,
    RedirectRefused,
    SyncError,
    TlsError,
)
from ..s3xml.limits import Limits
from ..s3xml.schema import Schema
from ..secrets import Vault
from .eden import EdenPeer
from .http import HttpClient
from .s3sync import PROTOCOL, S3SyncPeer

#: what would end any other request to the peer in the same way
EVERYWHERE = (AuthenticationFailed, ConfigurationError, ConnectError, Interrupted, PeerBusy, ProxyError, RedirectRefused,
              TlsError)


def client_of(repository: Repository, site: Site, vault: Vault, proxy: str = "", stop: Stop | None = None) -> HttpClient:
    """A client for a repository, with its credentials and its proxy (or the site's); `stop` breaks off what it waits for."""
    client = HttpClient(repository.url, repository.username, vault.decrypt(repository.password) if repository.password else "",
                        vault.decrypt(repository.proxy) if repository.proxy else proxy,
                        settings=site.settings, tick=stop.check if stop else lambda: None, bandwidth=repository.bandwidth)
    if stop is not None:
        stop.breaks(client.abort)
    return client


def connect(repository: Repository, site: Site, vault: Vault, proxy: str = "", stop: Stop | None = None,
            greet: bool = True) -> Callable[[], Peer]:
    """How to open the peer of a repository. It is asked what it is; what does not know the question is a plain Eden.

    The opening itself does not use the database, so that it may wait in another thread. With `greet` it is told that a run
    begins, which it notes; where it is known, this goes along with the first page.

    Raises
    ------
    ConfigurationError
        It is another site than the one that was registered, or this very site.
    SyncError
        All that `HttpClient.get` raises.
    """
    def schema(name: str) -> Schema | None:
        return site.table(name).schema if site.host.carries(name) else None

    client = client_of(repository, site, vault, proxy, stop)
    limits = Limits.of(site.settings)
    greeting = [("repository", site.host.site_uuid), ("contact", pact.remembered(site, repository))] if greet else []
    first = opening(site, repository) if greet else None

    def opener() -> Peer:
        try:
            peer = S3SyncPeer(client, site.host.site_uuid, schema, limits, site.host.domain, repository.uuid)
            if first is not None and _begin(peer, first, greeting[-1][1]):
                return peer
            return _open(client, repository, site.host.site_uuid, site.host.domain, schema, limits, greeting)
        except BaseException:
            client.close()
            raise

    return opener


def _begin(peer: S3SyncPeer, first: Opening, contact: str) -> bool:
    """Greet a known peer and ask it for the first page at once; False if it has to be asked what it is."""
    try:
        return peer.begin(first, contact)
    except EVERYWHERE:
        raise
    except SyncError:                   # it may concern this one resource, or the peer is no longer what it was
        return False


def _open(client: HttpClient, repository: Repository, site_uuid: str, domain: str, schema: Callable[[str], Schema | None],
          limits: Limits, greeting: Sequence[tuple[str, str]] = ()) -> Peer:
    said = handshake(client, greeting)
    if said is None:
        return EdenPeer(client, site_uuid, schema, limits, domain)
    uuid = str(said.get("uuid", ""))
    if uuid == site_uuid:
        raise ConfigurationError("the repository's URL points to this very site", hint="Enter the URL of the other site")
    if repository.known and uuid != repository.uuid:
        raise ConfigurationError(f"the site at {client.base_url} has the UUID {uuid}, registered is {repository.uuid}",
                                 hint="Check the URL; if it is the right site, enter its UUID in the repository's configuration")
    can = said.get("can")
    peer = S3SyncPeer(client, site_uuid, schema, limits, domain, uuid, map(str, can) if isinstance(can, list) else ())
    peer.contact, peer.restored = str(said.get("contact") or ""), str(said.get("restored") or "")
    return peer


def handshake(client: HttpClient, greeting: Sequence[tuple[str, str]] = ()) -> dict[str, object] | None:
    """What an s3sync site says of itself; None if the peer does not understand the question (then it is a plain Eden)."""
    try:
        with client.get("/sync/peer.json", greeting, accept="application/json", expect=(400, 404, 405, 415)) as answer:
            said = answer.json() if answer.status == 200 else None
    except PeerRefused:                      # a web page, or something that is no JSON
        return None
    if not isinstance(said, dict) or said.get("software") != "s3sync":
        return None
    protocol = said.get("protocol")
    if not isinstance(protocol, int) or protocol < PROTOCOL:
        return None
    return said
