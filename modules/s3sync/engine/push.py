"""Changed records of this site to a peer of our kind, a batch at a time; what became of each comes back."""
from __future__ import annotations

import json
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO
from typing import Iterable, Iterator, Mapping, NamedTuple, Sequence

from ..errors import BEYOND_THE_FILE, NotPermitted, PeerRefused, SyncError
from ..hosts.files import MARK, Files
from ..s3xml.record import Record
from ..s3xml.writer import DocumentWriter, Encoder
from . import attachments, cursors, quarantine, queue, related
from .export import Exporter
from .outcome import Outcome
from .pace import Pace
from .peer import Peer, Receipt, Task
from .progress import Step
from .pull import Puller, wait
from .rights import opened, rights, sealed
from .scope import scope
from .site import Site
from .transfer import Transfer


def document(site: Site, records: Sequence[Record], root: dict[str, str] | None = None, files: bool = True) -> bytes:
    """Records as a document for a peer of our kind; `root` replaces the usual attributes of the root element.

    `files` is False where the peer shall take the records although their files cannot be sent.
    """
    encoders: dict[str, Encoder] = {}
    for record in records:
        if record.table not in encoders:
            encoders[record.table] = Encoder(site.table(record.table).schema, plain=False, base_url=site.host.base_url)
    target = BytesIO()
    said = dict(root or attributes(site, encoders, len(records)))
    if not files:
        said["files"] = "0"
    with DocumentWriter(target, said) as writer:
        for record in records:
            writer.write(encoders[record.table].encode(record))
    return target.getvalue()


def attributes(site: Site, tables: Sequence[str] | dict[str, Encoder], count: int) -> dict[str, str]:
    """Attributes of the root element of a document for a peer of our kind."""
    fields = {name: [f.name for f in site.table(name).schema.fields] for name in tables}
    found = {"success": "true" if count else "false", "results": str(count), "s3sync": "1",
             "fields": json.dumps(fields, separators=(",", ":"))}
    if site.host.domain:
        found["domain"] = site.host.domain
    if site.host.base_url:
        found["url"] = site.host.base_url
    return found


#: bytes of a document for each that travels, about
PACKED = 7


class _Page(NamedTuple):
    """Records of a table on their way: the position reached with them, is the index up to date, is there more."""

    table: str
    condition: str
    since: int
    records: Sequence[Record] = ()
    done: bool = False
    more: bool = True
    request: Future[Receipt] | None = None


class Pusher(Transfer):
    """Pushes one task to a peer of our kind.

    The next page is read while this one is on its way, and sent as soon as the peer has taken this one: while what became of
    this one is noted here, the peer works.
    """

    def __init__(self, site: Site, peer: Peer, repository_id: int, repository_uuid: str, task: Task, step: Step) -> None:
        super().__init__(site, peer, repository_id, repository_uuid, task, step)
        self.exporter = Exporter(site)
        self._echo: dict[str, int] = {}
        self._rights = ""
        self._asked: set[tuple[str, str]] = set()
        self._missing: list[tuple[str, str]] = []
        self._waiting: dict[tuple[str, str], set[tuple[str, str]]] = {}     # record -> what it still waits for
        self._blocked: set[tuple[str, str]] = set()                         # rejected until that has arrived
        self._unsent: dict[tuple[str, str], str] = {}                       # files that cannot be sent, and why

    def run(self) -> None:
        """Push all changes, then what they refer to and the peer has not, then what failed before."""
        site = self.site
        if not site.host.can("read", self.task.resource):
            raise NotPermitted(f"read {self.task.resource}",
                               hint="The user of the job (user_id in its vars) needs this permission")
        related.follow(site, self.task)
        tables = scope(site, self.task)
        self.exporter.covered = dict(tables)
        self._rights = rights(site, self.task)
        positions = {name: opened(cursor, self._rights) for name, cursor in
                     cursors.load(site, self.repository_uuid, self.task.id, "push", self.scope).items()}
        since = {name: site.index.position(name, positions.get(name, "")) for name, _ in tables}
        self._echo = {name: site.index.echo(name, positions.get(name, "")) for name, _ in tables}
        self.step.expect(sum(self.exporter.expected(name, since[name], self.repository_uuid, condition, self._echo[name])
                             for name, condition in tables))
        site.db.commit()
        with ThreadPoolExecutor(1) as pool:
            self._pages(pool, (_Page(name, condition, since[name]) for name, condition in tables))
            self._queued(pool)
            self._again(pool)
            self._dependencies(pool)
            if not self.task.pulls:              # what was pushed to us may lack something that nobody will push again
                Puller(site, self.peer, self.repository_id, self.repository_uuid, self.task, self.step).fetch_missing(pool)
        self.step.counts.waiting = len(self._waiting)

    def _pages(self, pool: ThreadPoolExecutor, places: Iterable[_Page]) -> None:
        """Push the tables that begin at these places, one after the other."""
        pace, left = Pace(self.site.settings.batch_size), iter(places)
        page = self._next(pool, pace, None, left)
        while page is not None:
            following, taken = self._next(pool, pace, page, left), [page]
            try:
                self._finish(page.request, page.records)
                if self._missing and following is not None:     # it may be on its way; and receipts count in the order of sending
                    page, following = following, None
                    taken.append(page)
                    self._finish(page.request, page.records)
                self._dependencies(pool)              # before positions move: if we are killed here, they are found again
                for each in taken:
                    self._save(each)
                self.step.run.commit()
            except BaseException:
                if following is not None and following.request is not None:
                    following.request.cancel()
                raise
            page = following or self._next(pool, pace, page, left)

    def _next(self, pool: ThreadPoolExecutor, pace: Pace, before: _Page | None, left: Iterator[_Page]) -> _Page | None:
        """Read the page that comes after one, and send it as soon as that has been taken; None if there is none."""
        place = before if before is not None and before.more else next(left, None)
        if place is None:
            return None
        name, since, done, more = place.table, place.since, place.done, True
        records: list[Record] = []
        while more and len(records) < pace.limit:
            step = min(pace.limit - len(records), self.site.settings.batch_size)
            found, done = self.exporter.advance(name, since, step, self.repository_uuid, place.condition, done, self._echo[name])
            records += found.records
            since, more = found.cursor, found.more or not done
            self.step.run.beat()
        body = self._document(records)
        pace.took(len(records), len(body or b"") // PACKED)
        return _Page(name, place.condition, since, records, done, more,
                     self._send(pool, body, before.request if before is not None else None))

    def _save(self, page: _Page) -> None:
        """The position after a page."""
        cursors.save(self.site, self.repository_uuid, self.task.id, "push", self.scope, {
            page.table: sealed(self.site.index.cursor(page.table, page.since, self._echo[page.table]), self._rights)})

    def _document(self, records: Sequence[Record], files: bool = True) -> bytes | None:
        return document(self.site, records, files=files) if records else None

    def _send(self, pool: ThreadPoolExecutor, body: bytes | None, after: Future[Receipt] | None = None) -> Future[Receipt] | None:
        return pool.submit(self._pushed, self.peer.packed(body), after) if body is not None else None

    def _pushed(self, body: bytes, after: Future[Receipt] | None) -> Receipt:
        if after is not None:
            after.result()                            # raises: after a page that was not taken none is sent
        return self.peer.push(self.task, body)

    def _finish(self, request: Future[Receipt] | None, records: Sequence[Record]) -> None:
        """Take note of what became of the records."""
        site = self.site
        outcomes: list[Outcome] = []
        if request is not None:
            receipt = wait(request, self.step.run.beat)
            self.step.bytes += receipt.bytes
            outcomes = self._checked(receipt, records)
        by_key = {(r.table, r.uuid): r for r in records}
        rejected = [o for o in outcomes if o.result == "rejected"]
        quarantine.keep(site, self.repository_id, self.task.id, "push", [(by_key.get((o.table, o.uuid)), o) for o in rejected])
        for table in {r.table for r in records}:
            quarantine.release(site, self.repository_id, "push", table,
                               [o.uuid for o in outcomes if o.table == table and o.result != "rejected"])
        self._keep_files([o for o in outcomes if o.result != "rejected" and o.missing], by_key)
        here = {(o.table, o.uuid) for o in outcomes if o.result != "rejected"}
        self._waiting = {key: rest for key, missing in self._waiting.items() if (rest := missing - here)}
        self._waiting.update({(o.table, o.uuid): set(o.missing) for o in outcomes if o.missing})
        self._missing += [m for o in outcomes for m in o.missing]
        self._blocked.update((o.table, o.uuid) for o in rejected if o.missing)
        self.step.batch(outcomes)
        site.db.commit()

    def _keep_files(self, outcomes: Sequence[Outcome], records: Mapping[tuple[str, str | None], Record]) -> None:
        """What the peer has taken without its files is sent again later, like what it has rejected."""
        lacking = []
        for outcome in outcomes:
            reasons = [reason for key, reason in self._unsent.items() if key in outcome.missing]
            if reasons:
                lacking.append((records.get((outcome.table, outcome.uuid)),
                                outcome._replace(result="rejected", code="file", reason="; ".join(reasons))))
        quarantine.keep(self.site, self.repository_id, self.task.id, "push", lacking)
        self.step.counts.files += [f"{o.table} {o.uuid}: {o.reason}" for _, o in lacking][:5 - len(self.step.counts.files)]

    def _checked(self, receipt: Receipt, records: Sequence[Record]) -> list[Outcome]:
        told = {(o.table, o.uuid): o for o in receipt.outcomes or ()}
        silent = [r for r in records if (r.table, r.uuid) not in told]
        # an outcome of a record that was not sent must be that of one that was, spelled differently
        if receipt.rest and receipt.records == len(records) and set(told) <= {(r.table, str(r.uuid)) for r in records}:
            told.update(((r.table, str(r.uuid)), Outcome(r.table, str(r.uuid), receipt.rest)) for r in silent)
            silent = []
        if silent:
            raise PeerRefused(f"the peer does not say what became of {len(silent)} records, "
                              f"{silent[0].table} {silent[0].uuid} first")
        return [told[r.table, str(r.uuid)] for r in records]

    def _dependencies(self, pool: ThreadPoolExecutor) -> None:
        while self._missing:
            wanting = {m for missing in self._waiting.values() for m in missing}        # others have arrived meanwhile
            wanted = [m for m in dict.fromkeys(self._missing) if m in wanting and m not in self._asked]
            self._asked.update(wanted)
            self._missing = []
            tables: dict[str, list[str]] = {}
            for table, uuid in wanted:
                if table.startswith(MARK):
                    self._send_file(pool, table, uuid)
                elif self.site.host.carries(table) and self.site.host.can("read", table):
                    tables.setdefault(table, []).append(uuid)
            for table, uuids in tables.items():
                self._chosen(pool, table, uuids)
            freed = self._blocked - set(self._waiting)
            without = {key for key in self._blocked if key in self._waiting and self._waiting[key] <= set(self._unsent)}
            self._blocked -= freed | without
            for keys, files in ((freed, True), (without, False)):
                chosen: dict[str, list[str]] = {}
                for table, uuid in sorted(keys):
                    chosen.setdefault(table, []).append(uuid)
                for table, uuids in chosen.items():
                    self._chosen(pool, table, uuids, files)

    def _send_file(self, pool: ThreadPoolExecutor, place: str, digest: str) -> None:
        """Send a file the peer lacks; the records that wait for it are sent once more after it, or without it."""
        name, _, field = place[len(MARK):].partition("/")
        site = self.site
        if not site.host.carries(name) or not site.host.can("read", name) or field not in site.table(name).uploads:
            self._unsent[place, digest] = f"{field}: the file may not be sent"
            return
        found = Files(site.db).open(site.table(name), field, digest)
        if found is None and attachments.returned(site, site.table(name), field, digest):
            self._unsent[place, digest] = f"{field}: its file is back and will be sent with the next run"
            return
        site.db.commit()
        if found is None:
            self._unsent[place, digest] = f"{field}: its file is missing here"
            return
        filename, content = found
        try:
            with content:
                wait(pool.submit(self.peer.send_file, name, field, digest, filename, content), self.step.run.beat)
        except BEYOND_THE_FILE:
            raise
        except SyncError as error:
            self._unsent[place, digest] = f"{field}: its file was not taken: {error.message}"
            return
        self._waiting = {key: rest for key, missing in self._waiting.items() if (rest := missing - {(place, digest)})}

    def _queued(self, pool: ThreadPoolExecutor) -> None:
        """Send records that somebody wants the peer to have again."""
        site, key = self.site, (self.repository_id, self.task.id, "push")
        while True:
            found = queue.following(site, *key, site.settings.batch_size)
            if found is None:
                return
            table, uuids = found
            if site.host.carries(table):
                self._chosen(pool, table, uuids)
            queue.done(site, *key, table, uuids)
            self.step.run.commit()

    def _again(self, pool: ThreadPoolExecutor) -> None:
        tables: dict[str, list[str]] = {}
        for table, uuid, _ in quarantine.due(self.site, self.repository_id, self.task.id, "push"):
            if self.site.host.carries(table):
                tables.setdefault(table, []).append(uuid)
        for table, uuids in tables.items():
            self._chosen(pool, table, uuids)

    def _chosen(self, pool: ThreadPoolExecutor, table: str, uuids: list[str], files: bool = True) -> None:
        size = self.site.settings.batch_size
        for start in range(0, len(uuids), size):
            records = self.exporter.chosen(table, uuids[start:start + size])
            self._finish(self._send(pool, self._document(records, files)), records)
