"""Records from a peer into this site's tables, a batch at a time; progress is committed with the batch."""
from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import BinaryIO, Callable, Iterable, Iterator, Sequence, TypeVar

from ..errors import NotPermitted, PeerRefused, UnknownResource
from ..s3xml.record import Record, Upload
from . import attachments, cursors, quarantine, queue, waiting
from .apply import Applier
from .flatten import flatten
from .outcome import Outcome
from .pace import Pace
from .peer import Batch, Peer, Task
from .progress import Step
from .scope import covered
from .site import Site
from .transfer import Transfer

T = TypeVar("T")

#: records named in the URL of one request
FETCH = 40

#: pages in a row that end where they began: a peer may have to look through millions of rows before it finds the next change
PAGES_ALIKE = 1000


def wait(future: Future[T], beat: Callable[[], None]) -> T:
    """The result of what another thread does, with signs of life meanwhile."""
    while True:
        try:
            return future.result(timeout=1)
        except NotYet:
            if future.done():
                raise
            beat()


class Puller(Transfer):
    """Pulls one task from a peer of our kind.

    The next page is on its way while this one is applied.
    """

    def __init__(self, site: Site, peer: Peer, repository_id: int, repository_uuid: str, task: Task, step: Step) -> None:
        super().__init__(site, peer, repository_id, repository_uuid, task, step)
        self.applier = Applier(site, repository_id, repository_uuid, task.policies, task.id)
        self.covered = covered(site, task) if site.host.carries(task.resource) else frozenset()
        self.applier.covered = self.covered
        self.applier.source = self._file
        self._began = site.now()

    def run(self) -> None:
        """Pull all there is, then what it refers to, then try again what failed before. Raises NotPermitted."""
        resource, host = self.task.resource, self.site.host
        self.site.table(resource)
        if not (host.can("create", resource) and host.can("update", resource)):
            raise NotPermitted(f"create and update {resource}", hint="The user of the job (user_id in its vars) needs these "
                               "permissions; a job without a user has none")
        self._pages()
        self._queued()
        self._dependencies()
        self._again()
        # some may have got theirs meanwhile
        self.step.counts.waiting = waiting.count(self.site, self.repository_id, self.step.others)

    def _file(self, table: str, field: str, upload: Upload) -> BinaryIO | None:
        """A file of an upload field; waited for with signs of life."""
        with ThreadPoolExecutor(1) as pool:
            return wait(pool.submit(self.peer.file, table, field, upload), self.step.run.beat)

    def _pages(self) -> None:
        site, pace = self.site, Pace(self.site.settings.batch_size)
        positions = cursors.load(site, self.repository_uuid, self.task.id, "pull", self.scope)
        site.db.commit()
        with ThreadPoolExecutor(1) as pool:      # all requests: meanwhile this thread gives signs of life
            request: Future[Batch] | None = pool.submit(self.peer.pull, self.task, dict(positions), pace.limit, None)
            idle, scanned = 0, ""
            while request is not None:
                batch = wait(request, self.step.run.beat)
                before, scanned = (dict(positions), scanned), batch.scanned
                positions.update(batch.cursors or {})
                idle = idle + 1 if (positions, scanned) == before else 0
                if batch.more and idle > PAGES_ALIKE:
                    batch.close()
                    raise PeerRefused("the peer says again and again that there is more, and gets no further")
                pace.took(batch.count or pace.limit, batch.bytes)
                request = None
                if batch.more:
                    request = pool.submit(self.peer.pull, self.task, dict(positions), pace.limit, batch.scanned)
                try:
                    self.step.bytes += batch.bytes
                    if batch.total is not None and self.step.total is None:
                        self.step.expect(batch.total)
                    self._take(batch, dict(positions))
                except BaseException:
                    if request is not None:
                        request.cancel()
                    raise
                finally:
                    batch.close()

    def _take(self, batch: Batch, positions: dict[str, str] | None) -> None:
        """Apply a page; the position moves with its last batch."""
        site = self.site
        group: list[Record] | None = None
        for following in chunks(batch.records, site.settings.batch_size):
            if group is not None:
                self.apply(group)
                self.step.run.commit()
            group = following
        if group is not None:
            self.apply(group)
        if positions is not None:
            cursors.save(site, self.repository_uuid, self.task.id, "pull", self.scope, positions)
        if group is None:
            self.step.batch(())
        self.step.run.commit()

    def apply(self, records: list[Record]) -> list[Outcome]:
        """Apply records of one table in the present transaction, and keep account of them."""
        site = self.site
        name = records[0].table
        outcomes = self.applier.apply(name, records)
        by_uuid = {r.uuid: r for r in records}
        quarantine.keep(site, self.repository_id, self.task.id, "pull",
                        [(by_uuid.get(o.uuid), o) for o in outcomes if o.result == "rejected"])
        quarantine.release(site, self.repository_id, "pull", name, [o.uuid for o in outcomes if o.result != "rejected"])
        self.step.batch(outcomes)
        return outcomes

    def _queued(self) -> None:
        """Ask for records that somebody wants to have again."""
        site, key = self.site, (self.repository_id, self.task.id, "pull")
        with ThreadPoolExecutor(1) as pool:
            while True:
                found = queue.following(site, *key, FETCH)
                site.db.commit()
                if found is None:
                    return
                table, uuids = found
                if site.host.carries(table):
                    batch = wait(pool.submit(self.peer.fetch, table, uuids), self.step.run.beat)
                    self.step.bytes += batch.bytes
                    try:
                        for group in chunks(flatten(site, batch.records), site.settings.batch_size):
                            self.apply(group)
                    finally:
                        batch.close()
                queue.done(site, *key, table, uuids)
                self.step.run.commit()

    def _dependencies(self) -> None:
        """Ask for records that others refer to and that no task has brought, until there are none or the peer has none."""
        with ThreadPoolExecutor(1) as pool:
            self.fetch_missing(pool)

    def fetch_missing(self, pool: ThreadPoolExecutor) -> None:
        """Ask the peer for what records from it still wait for: other records, then files."""
        site, after = self.site, 0
        waiting.found(site)
        while True:
            wanted = waiting.wanted(site, self.repository_id, 100, after, self.step.others)
            site.db.commit()
            if not wanted:
                break
            after = wanted[-1][0]
            tables: dict[str, list[str]] = {}
            for _, table, uuid in wanted:
                if site.host.carries(table) and site.host.can("create", table):
                    tables.setdefault(table, []).append(uuid)
            for table, uuids in tables.items():
                self._fetch_allowed(pool, table, uuids)
        self._missing_files(pool)

    def _fetch_allowed(self, pool: ThreadPoolExecutor, table: str, uuids: Sequence[str]) -> None:
        """Fetch records of a table that perhaps we may not read at the peer: they are waited for, and the task goes on."""
        refused = self.step.counts.refused
        if table in refused:
            return
        try:
            self._fetch(pool, table, uuids)
        except (NotPermitted, UnknownResource) as error:
            if not error.remote:
                raise
            refused[table] = error.message

    def _fetch(self, pool: ThreadPoolExecutor, table: str, uuids: Sequence[str]) -> None:
        batch = wait(pool.submit(self.peer.fetch, table, uuids), self.step.run.beat)
        self.step.bytes += batch.bytes
        try:
            self._take(batch, None)
        finally:
            batch.close()

    def _missing_files(self, pool: ThreadPoolExecutor) -> None:
        """Ask again for files that did not come with their records.

        A plain Eden has no digests to ask by: the record is fetched once more, and its file with it.
        """
        site = self.site
        if not attachments.any_wanted(site):
            return
        wanted = attachments.found(site, [file for file in attachments.due(site, self.repository_id, self._began)
                                          if file.table not in self.step.others])
        self.step.run.commit()
        records: dict[str, list[str]] = {}
        for file in wanted:
            if file.named and self.peer.own:
                attachments.fetched(site, file, self._file, self.repository_id)
                self.step.run.commit()
            elif site.host.can("update", file.table):
                records.setdefault(file.table, []).append(file.uuid)
        for table, uuids in records.items():
            unique = list(dict.fromkeys(uuids))
            for start in range(0, len(unique), 50):
                self._fetch(pool, table, unique[start:start + 50])
        if records:
            attachments.postpone(site, set(wanted), self.repository_id, self._began)
            self.step.run.commit()

    def _again(self) -> None:
        """Try again the records whose time has come."""
        site = self.site
        for table, _, xml in quarantine.due(site, self.repository_id, self.task.id, "pull"):
            if xml and site.host.carries(table):
                records = [r for r in quarantine.read(site, xml) if r.table == table]
                outcomes = self.apply(records) if records else []
                self.step.run.commit()
                missing = [m for o in outcomes if o.code == "reference" for m in o.missing]
                if missing:
                    self._restored(missing, quarantine.read(site, xml))

    def _restored(self, missing: Sequence[tuple[str, str]], records: list[Record]) -> None:
        """Ask for what records cannot do without and was deleted when they came: somebody may have restored it."""
        arrived = False
        with ThreadPoolExecutor(1) as pool:
            for table, uuid in missing:
                if self.site.host.carries(table) and self.site.host.can("create", table):
                    batch = wait(pool.submit(self.peer.fetch, table, [uuid]), self.step.run.beat)
                    try:
                        found = [r for r in flatten(self.site, batch.records) if r.table == table and not r.deleted]
                    finally:
                        batch.close()
                    if found:
                        self.apply(found)
                        arrived = True
        if arrived:
            self.apply(records)
        self.step.run.commit()


def chunks(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    """Runs of records of the same table, of at most `size`."""
    group: list[Record] = []
    for record in records:
        if group and (record.table != group[0].table or len(group) >= size):
            yield group
            group = []
        group.append(record)
    if group:
        yield group


