"""Answering a peer that pushes."""
from __future__ import annotations

import json
import zlib
from functools import partial
from typing import BinaryIO, Callable, cast

from ..engine import attachments, log, quarantine
from ..engine.agree import Agreement
from ..engine.apply import Applier
from ..engine.attachments import Source
from ..engine.decide import CONFLICT_POLICIES, METHODS, POLICIES, SWAPPED, Policies
from ..engine.flatten import flatten
from ..engine.forecast import Forecaster
from ..engine.outcome import Counts, Outcome, told
from ..engine.peer import Peer, Task
from ..engine.pull import chunks
from ..engine.pull_plain import windows
from ..engine.repository import Repository, tasks
from ..engine.scope import covered, without_dependencies
from ..engine.site import Site
from ..errors import (
    BadRequest,
    DocumentTooLarge,
    DocumentTruncated,
    EmptyAnswer,
    FileUnavailable,
    NotPermitted,
    NotRegistered,
    PushNotAccepted,
    UnknownResource,
)
from ..s3xml.document import Document, Limits
from ..s3xml.record import Upload
from ..s3xml.schema import Schema
from . import files, trial
from .request import Request, Response, message
from .spans import spans

#: keys of a real Eden's answer and the fates they list; Eden counts among the updated what was so already
RESULTS = (("created", ("created",)), ("updated", ("updated", "unchanged")), ("deleted", ("deleted", "merged")),
           ("skipped", ("kept",)))


def answer(site: Site, request: Request, repository: Repository | None,
           connect: Callable[[Repository], Peer] | None = None) -> Response:
    """Take in what a peer sends; what prevents it is raised as SyncError, with nothing written.

    `connect` opens a repository that runs plain Eden: that names files, but does not send them.
    """
    resource = request.get("resource")
    if repository is None:
        raise NotRegistered(hint="Ask the administrator of this site to register your repository with its UUID")
    if not repository.accept_push:
        raise PushNotAccepted(hint=f"The administrator of this site may check 'Accept Pushes' for {repository.name}")
    if not site.host.carries(resource):
        raise UnknownResource(resource, hint="It is no table of this site, or one that may not be synchronised")
    if not (site.host.can("create", resource) and site.host.can("update", resource)):
        raise NotPermitted(f"create and update {resource}")
    if request.get("file"):
        return files.receive(site, request, resource)
    if request.get("dryrun"):
        if not request.get("s3sync"):
            raise BadRequest("a dry run is only possible between s3sync sites")
        with site.trial():
            return _receive(site, request, repository, resource, partial(_nowhere, repository), dry=True)
    if request.get("s3sync") or connect is None or not repository.url:
        return _receive(site, request, repository, resource, partial(_nowhere, repository))
    peer = connect(repository)
    try:
        return _receive(site, request, repository, resource, attachments.Once(peer.file))
    finally:
        peer.close()


def policies(site: Site, request: Request, repository: Repository, resource: str) -> tuple[Policies, int | None]:
    """What holds for a push: this site's own task for the repository and resource, else what the pusher says, mirrored."""
    own = tasks(site.db, repository.id, resource)
    if own:
        return own[0].policies, own[0].id
    listed = frozenset(request.get("strategy").split(",")) & frozenset(METHODS)
    update, conflict = request.get("update_policy"), request.get("conflict_policy")
    return Policies(listed or frozenset(METHODS), SWAPPED.get(update, update) if update in POLICIES else "NEWER",
                    SWAPPED.get(conflict, conflict) if conflict in CONFLICT_POLICIES else "NEWER"), None


def _receive(site: Site, request: Request, repository: Repository, resource: str, source: Source, dry: bool = False) -> Response:
    allowed, task_id = policies(site, request, repository, resource)

    def schema(name: str) -> Schema | None:
        return site.table(name).schema if site.host.carries(name) else None

    body = expanded(request, site.settings.max_page)
    try:
        document = Document(body, schema, Limits.of(site.settings), domain=site.host.domain)
    except EmptyAnswer as error:
        raise BadRequest("XML Parse error: Document is empty") from error
    counts = Counts()
    outcomes: list[Outcome] = []
    applier = (Forecaster if dry else Applier)(site, repository.id, repository.uuid, allowed, task_id)
    foretold = trial.Foretold(applier)
    own = bool(request.get("s3sync"))
    applier.covered = tables = covered(site, Task(0, resource))
    applier.asks_for_files = own and bool(request.get("files")) and document.attributes.get("files") != "0"
    records = flatten(site, document)
    agreement = Agreement(site, repository.id, repository.uuid)
    agreement.source = source
    groups = (chunks if own else windows)(records, site.settings.batch_size)
    for group in spans(groups, site.rollback if dry else site.db.commit):
        name = group[0].table
        if own:
            found = applier.apply(name, group)
        else:                            # a plain Eden knows of no versions, and it will not send again what is rejected
            news, known = agreement.news(name, without_dependencies(site, tables, group))
            found = applier.apply(name, news)
            agreement.settle(name, news, found)
            by_uuid = {r.uuid: r for r in news}
            quarantine.keep(site, repository.id, task_id, "pull",
                            [(by_uuid.get(o.uuid), o) for o in found if o.result == "rejected"])
            quarantine.release(site, repository.id, "pull", name, [o.uuid for o in found if o.result != "rejected"])
            counts.records += known
            counts.unchanged += known
            fresh = {id(r) for r in news}
            outcomes += [Outcome(name, str(r.uuid), "unchanged") for r in group if id(r) not in fresh]
        counts.add(found)
        outcomes += found
    if dry:
        return Response(body=message("success", 200, "Nothing was changed", sender=site.host.site_uuid, records=counts.records,
                                     outcomes=[o.to_json() for o in outcomes], changes=foretold.changes))
    return _said(site, repository, resource, counts, outcomes, own, bool(request.get("rest")))


def _nowhere(repository: Repository, table: str, field: str, upload: Upload) -> BinaryIO | None:
    """The file of a peer of which nobody knows where it is."""
    raise FileUnavailable(f"it is at the peer, and no URL is known for {repository.name}: enter it, with a user, in the "
                          "repository's configuration")


def _said(site: Site, repository: Repository, resource: str, counts: Counts, outcomes: list[Outcome], own: bool,
          short: bool) -> Response:
    failed = counts.rejected > 0
    text = "Data received from peer"
    if failed:
        text = f"{counts.rejected} of {counts.records} records rejected - invalid items ignored: {'; '.join(counts.errors)}"
    noted = f". Files: {'; '.join(counts.files)}" if counts.files else ""
    parts = ", ".join(f"{getattr(counts, n)} {n}" for n in ("created", "updated", "deleted", "merged", "unchanged", "kept")
                      if getattr(counts, n))
    result = "warning" if failed or counts.waiting or counts.conflicts else "success"
    log.write(site, repository.id, resource, "push", "incoming", "receive", result,
              f"{text} ({counts.records} records{': ' + parts if parts else ''}){noted}")
    site.db.execute('UPDATE "sync_repository" SET "last_connected" = ? WHERE "id" = ?',
                    [site.now().isoformat(" ")[:19], repository.id])
    site.db.commit()
    if own:
        listed, rest = told(outcomes) if short else (outcomes, "")
        more = {"rest": rest} if rest else {}
        return Response(body=message("success", 200, text, sender=site.host.site_uuid, records=counts.records,
                                     outcomes=[o.to_json() for o in listed], **more))
    return Response(body=_as_eden(site, resource, outcomes, text if failed else ""))


def _as_eden(site: Site, resource: str, outcomes: list[Outcome], text: str) -> bytes:
    """What a real Eden answers (S3XML §10.8): local ids of the resource's own records, errors in a tree."""
    said: dict[str, object] = {"status": "success", "statuscode": "200"}
    if text:
        said["message"] = text
    mine = [o for o in outcomes if o.table == resource]
    said["records"] = sum(o.result != "rejected" for o in mine)
    ids = site.references.ids(resource, [o.uuid for o in mine])
    for key, results in RESULTS:
        found = [ids[o.uuid] for o in mine if o.result in results and o.uuid in ids]
        if found:
            said[key] = found
    tree: dict[str, list[dict[str, object]]] = {}
    for outcome in outcomes:
        if outcome.result == "rejected":
            tree.setdefault(f"$_{outcome.table}", []).append(_error(site, outcome))
    if tree:
        said["tree"] = tree
    return json.dumps(said).encode("ascii")


def _error(site: Site, outcome: Outcome) -> dict[str, object]:
    """A rejected record as it stands in Eden's error tree."""
    found: dict[str, object] = {"@uuid": outcome.sent_as or outcome.uuid, "@error": outcome.reason}
    field = outcome.reason.partition(":")[0]
    if site.host.carries(outcome.table) and field in site.table(outcome.table).schema.by_name:
        found.update({field: {"@error": outcome.reason}, "@error": "Validation error"})
    return found


def expanded(request: Request, limit: int) -> BinaryIO:
    """The request body, gunzipped if it came compressed, never more than `limit` bytes of it."""
    if request.body is None:
        raise EmptyAnswer("the request has no body")
    return cast(BinaryIO, _Capped(request.body, limit, request.encoding.lower() == "gzip"))


class _Capped:
    """A file that gunzips and counts while it is read."""

    def __init__(self, source: BinaryIO, limit: int, gzip: bool) -> None:
        self._source = source
        self._left = limit
        self._limit = limit
        self._inflate = zlib.decompressobj(31) if gzip else None

    def read(self, size: int = 65536) -> bytes:
        """Up to `size` bytes."""
        if self._inflate is None:
            data = self._source.read(size)
        else:
            data = self._gunzip(size)
        self._left -= len(data)
        if self._left < 0:
            raise DocumentTooLarge(f"more than {self._limit} bytes", hint="Send smaller batches")
        return data

    def _gunzip(self, size: int) -> bytes:
        assert self._inflate is not None
        while not self._inflate.eof:
            block = self._inflate.unconsumed_tail or self._source.read(16384)
            try:
                data = self._inflate.decompress(block, size)
            except zlib.error as error:
                raise DocumentTruncated(f"the compressed body is broken: {error}") from error
            if data:
                return data
            if not block:
                raise DocumentTruncated("the compressed body ends before its end")
        return b""
