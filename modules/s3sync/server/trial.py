"""Answers that leave no trace: for a peer's dry runs and comparisons."""
from __future__ import annotations

import json

from ..engine import survey
from ..engine.apply import Applier
from ..engine.export import Exporter
from ..engine.forecast import Change, Forecaster
from ..engine.peer import Task
from ..engine.push import attributes, document
from ..engine.repository import Repository
from ..engine.rights import opened, rights
from ..engine.scope import scope
from ..engine.site import Site
from ..s3xml.record import Record
from .request import Request, Response

#: records of one push of which the pusher is told what would change
TELLING = 500


def tables(site: Site, task: Task) -> list[tuple[str, str]]:
    """The tables of a task that the caller may read, with their conditions."""
    return [(name, condition) for name, condition in scope(site, task) if site.host.can("read", name)]


def _place(request: Request) -> tuple[int, str]:
    """Which of a task's tables is being read, and where in it."""
    number, _, place = request.get("place").partition(":")
    return (int(number) if number.isdigit() else 0), place


def preview(site: Site, request: Request, repository: Repository, task: Task) -> Response:
    """Some of the records that a pull with these cursors would bring."""
    limit = request.number("limit", site.settings.batch_size, site.settings.batch_size * 10)
    found = tables(site, task)
    number, place = _place(request)
    try:
        given = json.loads(request.get("cursor") or "{}")
    except ValueError:
        given = {}
    records: list[Record] = []
    following = ""
    if number < len(found):
        name, condition = found[number]
        exporter = Exporter(site)
        exporter.covered = dict(found)
        cursor = str(given.get(name, "")) if isinstance(given, dict) else ""
        since = site.index.position(name, opened(cursor, rights(site, task)))
        records, place = survey.changed(exporter, name, since, place, limit, repository.uuid, condition)
        following = f"{number}:{place}" if place else f"{number + 1}:" if number + 1 < len(found) else ""
    extra = attributes(site, [name for name, _ in found], len(records))
    extra.update(scanned=following, more="true" if following else "false")
    return Response(content_type="text/xml", body=document(site, records, extra))


def inventory(site: Site, request: Request, task: Task) -> Response:
    """Some of the records of a task, without their values."""
    limit = request.number("limit", 5000, 50000)
    found = tables(site, task)
    number, place = _place(request)
    name, rows, following = task.resource, [], ""
    if number < len(found):
        name, condition = found[number]
        known, after = survey.page(site, name, condition, int(place) if place.isdigit() else 0, limit)
        rows = [list(k) for k in known]
        following = f"{number}:{after}" if after is not None else f"{number + 1}:" if number + 1 < len(found) else ""
    return Response(body=json.dumps({"table": name, "rows": rows, "place": following}).encode("ascii"))


class Foretold:
    """A Forecaster, and what it has to tell besides outcomes."""

    def __init__(self, applier: Applier) -> None:
        self.applier = applier if isinstance(applier, Forecaster) else None
        if self.applier is not None:
            self.applier.telling = TELLING

    @property
    def changes(self) -> list[tuple[str, str, str, list[Change]]]:
        """(table, uuid, what it is called, changes) of records that would change."""
        if self.applier is None:
            return []
        return [(*key, self.applier.labels[key], changes) for key, changes in self.applier.changes.items()]
