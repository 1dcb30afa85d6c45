"""What this application answers its peers: web2py's request to ours, our response to web2py's."""
from __future__ import annotations

import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable

from .engine.peer import Peer
from .engine.repository import Repository, by_uuid
from .engine.site import Site
from .errors import BadRequest, DatabaseFailed, NotAuthenticated, NotPermitted, SyncError
from .memory import few_collections
from .peers.connect import client_of
from .peers.eden import EdenPeer
from .s3xml.limits import Limits
from .server import account, datasets, handshake, pull, push
from .server import register as registration
from .server.request import Request, Response, failure, message

if TYPE_CHECKING:
    from .app import App

logger = logging.getLogger("s3sync")


class Answers:
    """The answers of one application. Each method takes web2py's request and response, and returns the body."""

    def __init__(self, app: App) -> None:
        self.app = app

    def sync(self, request: Any, response: Any, resource: str = "") -> Any:
        """``sync/sync.xml``: pull (GET) and push (POST, PUT). `resource`: of this table, whatever the URL says."""
        def work(site: Site, asked: Request) -> Response:
            if asked.method not in ("GET", "POST", "PUT"):
                return Response(405, body=message("failed", 405, "Unsupported method"))
            if resource:
                asked = replace(asked, params={**asked.params, "resource": resource})
            name = asked.get("resource")
            if name in ("", "mixed"):
                return Response(200, body=message("failed", 400, "Mixed resource synchronization not supported"))
            if "_" not in name:
                raise BadRequest(f"{name!r} is no resource")
            repository = by_uuid(self.app.db, asked.get("repository"))
            if asked.method == "GET":
                return pull.answer(site, asked, repository)
            return push.answer(site, asked, repository, self._eden)
        return self._rest(request, response, work)

    def _eden(self, repository: Repository) -> Peer:
        """A plain Eden that pushes, to fetch files from with the credentials of its repository.

        It waits for the answer meanwhile: nothing is tried twice, and nothing long.
        """
        hasty = replace(self.app.settings, retries=0, connect_timeout=5.0, read_timeout=min(self.app.settings.read_timeout, 30.0))
        client = client_of(repository, Site(self.app.host, hasty), self.app.vault, self.app.proxy())
        return EdenPeer(client, self.app.host.site_uuid, lambda name: None, Limits.of(self.app.settings))

    def dataset(self, request: Any, response: Any) -> Any:
        """``sync/dataset.xml``: the data sets that this site offers."""
        def work(site: Site, asked: Request) -> Response:
            if asked.method != "GET":
                return Response(405, body=message("failed", 405, "Unsupported method"))
            return datasets.answer(site, asked)
        return self._rest(request, response, work)

    def register(self, request: Any, response: Any) -> Any:
        """``sync/repository/register.json``."""
        def work(site: Site, asked: Request) -> Response:
            if asked.method not in ("POST", "PUT"):
                return Response(405, body=message("failed", 405, "Unsupported method"))
            if request.extension != "json":
                return Response(415, body=message("failed", 415, "Unsupported data format"))
            return registration.answer(site, asked)
        return self._rest(request, response, work)

    def peer(self, request: Any, response: Any) -> Any:
        """``sync/peer.json``: who and what this site is."""
        return self._rest(request, response, lambda site, asked: handshake.answer(site, asked))

    def _rest(self, request: Any, response: Any, work: Callable[[Site, Request], Response]) -> Any:
        if self.app.session is not None:
            self.app.session.forget(response)         # else each request without a cookie leaves a session file behind
        site = Site(self.app.host, self.app.settings)
        try:
            self._identify(request)
            asked = Request(request.env.request_method or "GET", request.vars if request.env.request_method == "GET"
                            else request.get_vars, _body(request), request.env.http_content_encoding or "")
            site.db.commit()                      # what the models have read is old on MySQL: see `Database.see_committed`
            site.db.wait_for_locks(60)
            account.check(site, asked.get("repository"), keep=not (asked.get("dryrun") or asked.get("compare")))
            with few_collections():
                answer = work(site, asked)
        except SyncError as error:
            site.rollback()
            answer = failure(error)
        except site.db.driver_error as error:
            logger.exception("database error while answering a peer")
            answer = _refused(site, error)
        return _send(request, response, answer)

    def _identify(self, request: Any) -> None:
        """HTTP Basic; the user must be an administrator or have the role for synchronisation."""
        auth = self.app.auth
        if auth is None:
            raise NotPermitted("this application knows no users")
        # A session's cookie does not count: a page elsewhere could make an administrator's browser push.
        try:
            offered, _, user = auth.basic()
        except ValueError:                    # what should be base64 is not
            offered, user = True, None
        if not offered:
            raise NotAuthenticated(hint="This application must set auth.settings.allow_basic_login = True")
        if not user:
            raise NotAuthenticated(hint="Send user name and password of a user with the role for synchronization")
        if not self.app.host.member(self.app.settings.page_role):
            raise NotPermitted("Insufficient Privileges", hint=f"The user needs the role {self.app.settings.page_role}")


def _refused(site: Site, error: Exception) -> Response:
    """The answer when the database refuses; after a deadlock or a lost connection it is soon worth another attempt."""
    soon = site.db.transient(error)
    try:
        site.db.recover()
    except DatabaseFailed:
        soon = False
    text = DatabaseFailed(f"{type(error).__name__}: {str(error).strip()}").message
    answer = Response(503, body=message("failed", 503, text, code=DatabaseFailed.code))
    answer.headers["Retry-After"] = "2" if soon else "30"
    return answer


def _body(request: Any) -> Any:
    return request.body if request.env.request_method in ("POST", "PUT") else None


def _send(request: Any, response: Any, answer: Response) -> Any:
    """Hand the answer to web2py."""
    response.status = answer.status
    response.headers["Content-Type"] = answer.content_type
    response.headers.update(answer.headers)
    if answer.status == 401:
        response.headers["WWW-Authenticate"] = f'Basic realm="{request.application}"'
    body = answer.body
    gzip = "gzip" in (request.env.http_accept_encoding or "")
    if isinstance(body, bytes):
        if gzip and len(body) > 1000:
            import gzip as packer
            body = packer.compress(body, 1)
            response.headers["Content-Encoding"] = "gzip"
        response.headers["Content-Length"] = str(len(body))
        return body
    if gzip:
        body = _packed(body)
        response.headers["Content-Encoding"] = "gzip"
    body.seek(0, os.SEEK_END)
    response.headers["Content-Length"] = str(body.tell())
    body.seek(0)
    return response.stream(body, 1 << 16)


def _packed(source: Any) -> Any:
    """A spooled file, compressed into another."""
    import gzip
    import shutil
    import tempfile
    target = tempfile.SpooledTemporaryFile(max_size=1 << 20)
    with gzip.GzipFile(fileobj=target, mode="wb", compresslevel=1) as packer:
        shutil.copyfileobj(source, packer)
    source.close()
    return target
