"""Opening a repository: who is at the other end, and how to speak to it."""
from __future__ import annotations

from typing import Callable, Sequence

from ..engine import pact
from ..engine.peer import Peer
from ..engine.repository import Repository
from ..engine.site import Site
from ..engine.stop import Stop
from ..errors import ConfigurationError, PeerRefused
from ..s3xml.limits import Limits
from ..s3xml.schema import Schema
from ..secrets import Vault
from .eden import EdenPeer
from .http import HttpClient
from .s3sync import PROTOCOL, S3SyncPeer


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
    begins, which it notes.

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

    def opener() -> Peer:
        try:
            return _open(client, repository, site.host.site_uuid, site.host.domain, schema, limits, greeting)
        except BaseException:
            client.close()
            raise

    return opener


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
