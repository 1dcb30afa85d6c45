"""Answering a peer that pulls."""
from __future__ import annotations

import json
import re
import tempfile
from typing import BinaryIO, cast

from ..engine import log, pact, related
from ..engine.agree import Agreement
from ..engine.export import Exporter
from ..engine.peer import Task
from ..engine.plain import write_document
from ..engine.push import attributes, document
from ..engine.repository import Repository
from ..engine.rights import opened, rights, sealed
from ..engine.scope import scope
from ..engine.site import Site
from ..errors import NotPermitted, NotRegistered, UnknownResource
from ..s3xml.record import Record
from . import files, trial
from .answered import Answered
from .request import Request, Response

#: the only form of msince that Eden understands; anything else means "everything" to it (SYNC_PROTOCOL §3.2)
MSINCE = re.compile(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\Z")

#: batches of rows looked at in one request before it is answered with what there is
PATIENCE = 20


def answer(site: Site, request: Request, repository: Repository | None) -> Response:
    """The records a peer asks for, or what prevents it as SyncError."""
    resource = request.get("resource")
    if not site.host.carries(resource):
        raise UnknownResource(resource, hint="It is no table of this site, or one that may not be synchronised")
    if not site.host.can("read", resource):
        raise NotPermitted(f"read {resource}")
    if request.get("file"):
        return files.answer(site, request, resource)
    components = request.get("mcomponents").lower() != "none" and request.get("components").lower() != "none"
    task = Task(0, resource, components, filters=request.filters())
    if request.get("s3sync"):
        if repository is None:          # the document a plain Eden gets has components within, which such a peer passes over
            raise NotRegistered(hint="Ask the administrator of this site to register your repository with its UUID")
        if request.get("dryrun") or request.get("compare"):
            with site.trial():
                return _trial(site, request, repository, task)
        if "uuids" in request.params:
            body = _chosen(site, request)
        else:
            body = _page(site, request, repository, task, _greeted(site, request))
        return Response(content_type="text/xml", body=body)
    return _plain(site, request, repository, task)


def _trial(site: Site, request: Request, repository: Repository, task: Task) -> Response:
    """The same, with nothing noted here."""
    if "uuids" in request.params:
        return Response(content_type="text/xml", body=_chosen(site, request))
    return trial.inventory(site, request, task) if request.get("compare") else trial.preview(site, request, repository, task)


def _greeted(site: Site, request: Request) -> dict[str, str]:
    """The answer to who begins a run with a page, as attributes of it. What the greeting heals, the page contains. Commits."""
    if "contact" not in request.params:
        return {}
    contact, restored = pact.greeting(site, request.get("repository"), request.get("contact"))
    return {"uuid": site.host.site_uuid, "contact": contact, "restored": restored}


def _page(site: Site, request: Request, repository: Repository, task: Task, said: dict[str, str]) -> bytes:
    """The next records after the cursors, of all tables the task covers; `said` goes along."""
    limit = request.number("limit", site.settings.batch_size, site.settings.batch_size * 10)
    tables = [(name, condition) for name, condition in scope(site, task) if site.host.can("read", name)]
    try:
        given = json.loads(request.get("cursor") or "{}")
    except ValueError:
        given = {}
    given = given if isinstance(given, dict) else {}
    exporter = Exporter(site)
    exporter.covered = dict(tables)
    scanned = set(request.get("scanned").split(","))      # tables whose scan was finished in an earlier page of this pull
    first = "scanned" not in request.params
    held = rights(site, task)
    records: list[Record] = []
    cursors: dict[str, str] = {}
    if first:
        related.follow(site, task, PATIENCE)
    full = True
    total = 0
    patience = PATIENCE
    for name, condition in tables:
        place = opened(str(given.get(name, "")), held if first else None)       # within a pull it must get on, whatever happens
        since = site.index.position(name, place)
        echo = site.index.echo(name, place)
        done, before = name in scanned, len(records)
        complete = False
        while len(records) < limit and not complete and patience > 0:
            step = min(limit - len(records), site.settings.batch_size)       # each one transaction, short
            page, done = exporter.advance(name, since, step, repository.uuid, condition, done, echo)
            records += page.records
            since = page.cursor
            complete = done and not page.more
            patience -= not complete             # a task may cover more tables than this, most of them without news
        if first:
            sent = len(records) - before
            total += sent if complete else exporter.expected(name, since, repository.uuid, condition, echo, sent)
        if done:
            scanned.add(name)
        cursors[name] = sealed(site.index.cursor(name, since, echo), held)
        full = full and complete
        site.db.commit()
    extra = attributes(site, list(cursors), len(records))
    extra.update(said, cursor=json.dumps(cursors, separators=(",", ":")), more="false" if full else "true",
                 scanned=",".join(sorted(scanned - {""})))
    if first:
        extra["total"] = str(total)
    if full:
        _log(site, repository, task.resource, len(records))
    return document(site, records, extra)


def _chosen(site: Site, request: Request) -> bytes:
    """Records by their uuids, for references a peer could not resolve."""
    name = request.get("resource")
    uuids = [u for u in request.get("uuids").split(",") if u][:1000]
    records = Exporter(site).chosen(name, uuids)
    return document(site, records, attributes(site, [name], len(records)))


def _plain(site: Site, request: Request, repository: Repository | None, task: Task) -> Response:
    """One document with everything since msince, as a real Eden would answer."""
    given = request.get("msince")
    msince = given if MSINCE.match(given) else None
    spool = cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=1 << 20))
    exporter = Exporter(site)
    answered = Answered(site, repository, task) if repository is not None else None
    if answered is not None and repository is not None:          # who is not known gets what its date says
        since = answered.news(msince)
        exporter = Exporter(site, since, repository.uuid)
        last = {name: site.index.last(name) for name in since}
    agreement = Agreement(site, repository.id, repository.uuid) if repository is not None else None
    masters, youngest = write_document(site, task, msince, spool, exporter, agreement)
    if answered is not None:
        answered.sent(since, last, youngest, msince)
    spool.seek(0)
    _log(site, repository, task.resource, masters)
    return Response(content_type="text/xml", body=spool)


def _log(site: Site, repository: Repository | None, resource: str, count: int) -> None:
    log.write(site, repository.id if repository else None, resource, "pull", "incoming", "send", "success",
              f"Data sent to peer ({count} records)")
    site.db.commit()
