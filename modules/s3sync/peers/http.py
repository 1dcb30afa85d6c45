"""The HTTP client every peer type shares.

Knows nothing of synchronisation, only how to get a request to a site and its whole answer back over a bad link, and how
to say what went wrong. One client per run and thread; connections are kept open between requests.
"""
from __future__ import annotations

import io
import time
from collections.abc import Collection, Sequence
from contextlib import closing
from types import TracebackType
from typing import BinaryIO, Callable
from urllib.parse import SplitResult, quote, urlencode, urljoin, urlsplit, urlunsplit

import requests

from .. import __version__
from ..errors import ConfigurationError, EmptyAnswer, PeerRefused, RedirectRefused, SyncError
from ..secrets import mask
from ..settings import Settings
from .answer import Answer, receive, receive_start
from .bandwidth import Bandwidth
from .credentials import Credentials, split_userinfo
from .failure import NETWORK, explain
from .refusal import CHECK_URL, clean, from_answer, from_json, looks_like_html, parse
from .retry import RetryPolicy
from .transport import Proxy, Transport, ssl_context

__all__ = ["Answer", "HttpClient"]

Params = Sequence["tuple[str, str]"]

REDIRECTS = (301, 302, 303, 307, 308)
MAX_REDIRECTS = 5
WAIT_STEP = 10.0               # seconds between two signs of life while waiting
DEFAULT_PORTS = {"http": 80, "https": 443}


class HttpClient:
    """Requests to one site.

    Parameters
    ----------
    base_url
        URL of the application at the peer, for example ``https://host/eden``. User name and password may stand in it.
    username, password
        HTTP Basic, sent with every request. Without `username` nothing is sent.
    proxy
        URL of the proxy server, with credentials if needed; empty for none (`transport.Proxy`).
    settings
        Timeouts, retries, certificates, limits.
    sleep
        Waits so many seconds.
    tick
        Called with every piece transferred and while waiting; what it raises ends the request. For signs of life and
        for being stopped.
    bandwidth
        Most kB a second to transfer; 0 for no limit.

    Raises
    ------
    ConfigurationError
        URL, proxy, user name or `settings.ca_bundle` cannot be used.
    """

    base_url = ""                   #: without credentials and without slash at the end

    def __init__(self, base_url: str, username: str = "", password: str = "", proxy: str = "", *, settings: Settings,
                 sleep: Callable[[float], None] = time.sleep, tick: Callable[[], None] = lambda: None,
                 bandwidth: int = 0) -> None:
        given = Credentials(username, password)
        base_url, in_url = split_userinfo(base_url)
        server = Proxy(proxy)
        del password, proxy                     # what fails from here on has no password among its variables
        given.check()
        in_url.check()
        server.check()
        if given.given and in_url.given:
            raise ConfigurationError(f"user name and password stand in the URL {base_url} and beside it",
                                     hint="Remove them from the URL")
        self._credentials = given if given.given else in_url
        self._base = _checked(base_url)
        self.base_url = urlunsplit(self._base)
        self.settings = settings
        self._proxy = server
        self._policy = RetryPolicy(settings.retries, settings.backoff)
        self._headers = {"User-Agent": f"s3sync/{__version__}", "Accept-Encoding": "gzip"}
        self._sleep = sleep
        self._tick = tick
        self._bandwidth = Bandwidth(bandwidth, sleep, tick)
        self._transports: dict[str, Transport] = {}
        self._transport(self._base.scheme)

    def __repr__(self) -> str:
        return f"<HttpClient {self.base_url}>"

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        for transport in self._transports.values():
            transport.close()

    def abort(self) -> None:
        """Break off what another thread is waiting for; its request fails, and is tried again unless `tick` raises."""
        for transport in list(self._transports.values()):
            transport.abort()

    def get(self, path: str, params: Params = (), *, accept: str = "text/xml", expect: Collection[int] = (),
            limit: int | None = None) -> Answer:
        """Ask for a document.

        Parameters
        ----------
        path
            Below the application, for example ``/sync/sync.xml``.
        params
            Pairs of the query, unencoded; keys may repeat.
        accept
            Content type asked for. XML and JSON answers are checked to be no web page, XML answers also to be neither
            empty nor one of Eden's messages in JSON (which it sends with status 200).
        expect
            Statuses besides 2xx to return rather than raise.
        limit
            Most bytes the answer may have, instead of the setting `max_document`.

        Raises
        ------
        SyncError
            Of the kinds described in docs/reference/errors.md, after all retries.
        """
        headers = {"Accept": accept}
        return self._insist(True, lambda: self._exchange("GET", self.url(path, params), headers, None, expect, limit))

    def post(self, path: str, params: Params = (), body: bytes | BinaryIO = b"", *, content_type: str,
             accept: str = "application/json", gzipped: bool = False, idempotent: bool = False,
             expect: Collection[int] = (), filename: str = "") -> Answer:
        """Send a document.

        Parameters
        ----------
        path, params, accept, expect
            As in `get`.
        body
            Bytes, or a seekable binary file, sent from its present position.
        content_type
            Of the body.
        gzipped
            The body is gzipped. Only for peers that said they understand it: Eden does not.
        idempotent
            Whether it may be sent again when the outcome of an attempt is unknown.
        filename
            Say that the body is a file of this name.
        """
        headers = {"Accept": accept, "Content-Type": content_type}
        if filename:
            headers["Content-Disposition"] = f'attachment; filename="{filename}"'
        source = io.BytesIO(body) if isinstance(body, bytes) else body
        if gzipped:
            headers["Content-Encoding"] = "gzip"
        upload, url = Upload(source, self._transferred), self.url(path, params)
        return self._insist(idempotent, lambda: self._exchange("POST", url, headers, upload, expect))

    def url(self, path: str, params: Params = ()) -> str:
        """The whole address. Names and values are percent-encoded, except the ``:`` and ``,`` Eden writes itself."""
        query = urlencode(list(params), quote_via=quote, safe=":,")
        return urlunsplit(self._base._replace(path=f"{self._base.path}/{path.lstrip('/')}", query=query))

    def _insist(self, repeatable: bool, attempt: Callable[[], Answer]) -> Answer:
        failed = 0
        while True:
            try:
                return attempt()
            except SyncError as problem:
                error = problem
            delay = self._policy.delay(failed, error) if repeatable else None
            if delay is None:
                raise error
            failed += 1
            self._wait(delay)

    def _transferred(self, size: int) -> None:
        self._tick()
        self._bandwidth.take(size)

    def _wait(self, seconds: float) -> None:
        while seconds > 0:
            self._tick()
            step = min(seconds, WAIT_STEP)
            self._sleep(step)
            seconds -= step

    def _exchange(self, method: str, url: str, headers: dict[str, str], upload: Upload | None,
                  expect: Collection[int], limit: int | None = None) -> Answer:
        """One attempt, with its redirects."""
        for _ in range(MAX_REDIRECTS + 1):
            self._tick()
            with closing(self._request(method, url, headers, upload)) as response:
                target = response.headers.get("Location")
                if response.status_code in REDIRECTS and target and response.status_code not in expect:
                    url = self._redirected(method, url, target)
                    continue
                return self._answer(response, headers["Accept"], expect, limit or self.settings.max_document)
        raise RedirectRefused("it goes round in circles", hint=CHECK_URL)

    def _request(self, method: str, url: str, headers: dict[str, str], upload: Upload | None) -> requests.Response:
        if upload:
            upload.rewind()
        timeout = (self.settings.connect_timeout, self.settings.read_timeout)
        try:
            # Without a session of requests: it would read cookies, the environment, .netrc and the bodies of redirects.
            request = requests.Request(method, url, headers={**self._headers, **headers}, auth=self._credentials,
                                       data=upload.data() if upload else None).prepare()
            return self._transport(urlsplit(url).scheme).send(
                request, stream=True, timeout=timeout, verify=self.settings.verify_tls,
                proxies={scheme: self._proxy.url for scheme in DEFAULT_PORTS if self._proxy})
        except NETWORK as problem:
            error = explain(problem, urlsplit(url).netloc, self._proxy, sending=bool(upload and upload.len))
        raise error                             # outside: the frames below hold the credentials

    def _transport(self, scheme: str) -> Transport:
        """Connections of a scheme. Certificates, slow to load, only where they are needed."""
        if scheme not in self._transports:
            encrypted = scheme == "https" or self._proxy.url.startswith("https:")
            context = ssl_context(self.settings.ca_bundle, self.settings.verify_tls) if encrypted else None
            self._transports[scheme] = Transport(self._proxy, context)
        return self._transports[scheme]

    def _redirected(self, method: str, url: str, target: str) -> str:
        """The address to ask instead, if it is the same site."""
        new = _joined(url, target)
        if new is None:
            raise RedirectRefused("to an address that is none", hint=CHECK_URL)
        old = urlsplit(url)
        same_host = old.hostname == new.hostname and "@" not in new.netloc
        same_site = same_host and old.scheme == new.scheme and _port(old) == _port(new)
        upgrade = same_host and (old.scheme, new.scheme) == ("http", "https")
        if method == "GET" and (same_site or upgrade):
            return urlunsplit(new)
        # The repository's URL is what comes before the path we asked for.
        asked = old.path[len(self._base.path):]
        path = new.path.removesuffix(asked)
        shown = clean(mask(urlunsplit((new.scheme, new.netloc, path, "", ""))))
        raise RedirectRefused(shown, hint="If this is the peer, enter this URL in the repository")

    def _answer(self, response: requests.Response, accept: str, expect: Collection[int], limit: int) -> Answer:
        status = response.status_code
        if not 200 <= status < 300 and status not in expect:
            raise self._redacted(from_answer(status, response.headers, receive_start(response.raw),
                                             authenticated=self._credentials.given))
        body, size, wire = receive(response.raw, limit=limit, tick=self._transferred)
        answer = Answer(status, response.headers, body, size, wire)
        error = _unfit(answer, accept) if 200 <= status < 300 else None
        if error is not None:
            answer.close()
            raise self._redacted(error)
        return answer

    def _redacted(self, error: SyncError) -> SyncError:
        detail = self._proxy.credentials.redact(self._credentials.redact(error.detail))
        if detail != error.detail:
            error.detail = detail
            error.args = (error.message,)
        return error


class Upload:
    """A body of known length for requests, which would otherwise send it chunked: web2py reads nothing then."""

    def __init__(self, file: BinaryIO, tick: Callable[[int], None]) -> None:
        self._file = file
        self._tick = tick
        self._start = self._file.tell()
        self.len = self._file.seek(0, io.SEEK_END) - self._start        #: bytes, as requests asks for them
        self._file.seek(self._start)

    def rewind(self) -> None:
        """Be ready to be sent again."""
        self._file.seek(self._start)

    def data(self) -> Upload | bytes:
        """What to give to requests: itself, unless empty (which requests would send chunked)."""
        return self if self.len else b""

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self._tick(len(piece))
        return piece

    def __iter__(self) -> Upload:
        return self

    def __next__(self) -> bytes:
        piece = self.read(1 << 16)
        if not piece:
            raise StopIteration
        return piece


def _checked(base_url: str) -> SplitResult:
    hint = "Enter it with the application, for example https://host/eden"
    if not base_url.lower().startswith(("http://", "https://")):
        raise ConfigurationError(f"the URL {base_url} does not begin with http:// or https://", hint=hint)
    try:
        parts = urlsplit(base_url.rstrip("/"))
        valid = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        valid = False
    if not valid or parts.query or parts.fragment or any(c.isspace() for c in base_url):
        raise ConfigurationError(f"the URL {base_url} is not understood", hint=hint)
    return parts


def _joined(url: str, target: str) -> SplitResult | None:
    """The address a redirect leads to, None if it is none."""
    try:
        parts = urlsplit(urljoin(url, target))._replace(fragment="")
        return parts if parts.hostname and _port(parts) else None
    except ValueError:
        return None


def _port(parts: SplitResult) -> int | None:
    return parts.port or DEFAULT_PORTS.get(parts.scheme)


def _unfit(answer: Answer, accept: str) -> SyncError | None:
    """What is wrong with an answer of status 2xx, judged by its first bytes: Eden's content types cannot be trusted."""
    wants_xml, wants_json = "xml" in accept, "json" in accept
    if not wants_xml and not wants_json:
        return None
    start = answer.start()
    if looks_like_html(start):
        return PeerRefused("it answers with a web page", hint=CHECK_URL)
    if wants_xml and not start.strip():
        return EmptyAnswer()
    if wants_xml and start.lstrip().startswith(b"{"):
        said = parse(answer.start(1 << 16))
        code = str(said.get("statuscode") or "")
        known = from_json(said, int(code) if code.isascii() and code.isdigit() else 400)
        return known or PeerRefused(clean(str(said.get("message") or "")) or "it answers with JSON instead of XML")
    return None
