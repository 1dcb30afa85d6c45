"""Fixtures for tests of the HTTP client: servers of loopback.py, and clients that do not wait between attempts."""
from __future__ import annotations

import traceback
from base64 import b64encode
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from loopback import PASSWORD, USERNAME, Authority, PeerServer, ProxyServer, Reply

from s3sync.errors import SyncError
from s3sync.peers.http import HttpClient
from s3sync.settings import Settings


@pytest.fixture
def serve() -> Iterator[Callable[..., PeerServer]]:
    """``serve(Reply(…), …)`` starts a peer."""
    made: list[PeerServer] = []

    def start(*replies: Reply, **arguments: Any) -> PeerServer:
        made.append(PeerServer(*replies, **arguments))
        return made[-1]

    yield start
    for server in made:
        server.close()


@pytest.fixture
def serve_proxy() -> Iterator[Callable[..., ProxyServer]]:
    """``serve_proxy(username, password)`` starts a proxy."""
    made: list[ProxyServer] = []

    def start(*arguments: str) -> ProxyServer:
        made.append(ProxyServer(*arguments))
        return made[-1]

    yield start
    for server in made:
        server.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def slept() -> list[float]:
    """Seconds that clients of the test would have waited, one entry a call."""
    return []


@pytest.fixture
def connect(slept: list[float]) -> Iterator[Callable[..., HttpClient]]:
    """``connect(url, …)`` makes a client with credentials; keywords of Settings go into its settings."""
    made: list[HttpClient] = []

    def make(url: str, username: str = USERNAME, password: str = PASSWORD, proxy: str = "", tick: Any = None,
             **values: Any) -> HttpClient:
        settings = Settings(**{"read_timeout": 5.0, "connect_timeout": 5.0, "retries": 0, **values})
        more = {"tick": tick} if tick else {}
        made.append(HttpClient(url, username, password, proxy, settings=settings, sleep=slept.append, **more))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def refused() -> Callable[..., SyncError]:
    """``refused(kind, call, …)`` runs `call`, which must raise exactly `kind` and show no password anywhere."""

    def check(kind: type[SyncError], call: Callable[..., Any], *arguments: Any, secrets: tuple[str, ...] = (PASSWORD,),
              **keywords: Any) -> SyncError:
        try:
            call(*arguments, **keywords)
        except SyncError as problem:
            error = problem
        else:
            pytest.fail(f"{kind.__name__} expected")
        assert type(error) is kind, error
        trace = traceback.TracebackException.from_exception(error, capture_locals=True)
        # The frames of the test itself know the password.
        frames = [frame for frame in trace.stack if "tests" not in Path(frame.filename).parts]
        shown = "".join([str(error), repr(error), error.message, *(str(frame.locals) for frame in frames)])
        for secret in secrets:
            assert secret not in shown
        assert b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode() not in shown
        assert error.__context__ is None and error.__cause__ is None
        return error

    return check
