"""Sites in this process: a database each, the real engine and the real server code, without HTTP and web2py between.

    a, b = LocalSite(folder, "a"), LocalSite(folder, "b")
    number = register(a, b, [dict(resource_name="org_organisation", mode=3)])
    result = synchronize(a, b, number)          # a.steps() tells what was done

Tests of the wire itself use real web2py sites (conftest.py).
"""
from __future__ import annotations

import io
import json
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Callable, Iterator, Sequence

from databases import chosen
from pydal import DAL, Field

from s3sync.database import Database
from s3sync.engine import pact
from s3sync.engine.opening import opening
from s3sync.engine.outcome import Outcome
from s3sync.engine.peer import Batch, Inventory, Peer, Receipt, Task
from s3sync.engine.repository import by_uuid
from s3sync.engine.run import Runner
from s3sync.engine.site import Site
from s3sync.errors import FileUnavailable, UnknownResource
from s3sync.hosts.web2py import Web2pyHost, declare
from s3sync.index.moment import utcnow
from s3sync.s3xml.document import Document, Limits
from s3sync.s3xml.record import Upload
from s3sync.s3xml.schema import Schema
from s3sync.server import handshake, pull, push
from s3sync.server.request import Request, Response
from s3sync.settings import Settings
from s3sync.tables import define_tables, ensure_indices, site_uuid


def new_uuid() -> str:
    """As Eden makes them."""
    return uuid.uuid4().urn


def _see_all(adapter: Any) -> None:
    """The test's own connection to MariaDB sees what others have committed meanwhile, as those to other databases do."""
    if adapter.dbengine == "mysql" and threading.current_thread() is threading.main_thread():
        adapter.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")


class LocalSite:
    """A site with a few Eden-shaped tables.

    Parameters
    ----------
    uri : of its database; by default SQLite in `folder`, or one on the server that S3SYNC_TEST_DB asks for
    skew : seconds by which its clock is wrong
    settings : as in `s3sync.settings.Settings`
    """

    def __init__(self, folder: Path, name: str, uri: str = "", skew: int = 0, **settings: Any) -> None:
        self.folder = Path(folder) / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.skew = timedelta(seconds=skew)
        self.settings = Settings(**{"retry_longest": 0, **settings})     # tests do not wait after a failure
        self.uri, self.defined = uri, False
        if not uri:
            shape = f"{type(self).__module__}.{type(self).__qualname__}"
            self.uri, self.defined = chosen.site_uri(str(self.folder), shape, self._define)
            self.uri = self.uri or f"sqlite://{name}.db"
        self.hooks: dict[str, dict[str, Callable[..., Any]]] = {}
        self.connect()
        self.db._migrate_enabled = True           # for what a test defines besides
        self.uuid = site_uuid(self.db)

    def _define(self, uri: str) -> None:
        """Make the tables of a site of our kind in another database."""
        self.uri = uri
        self.connect()
        # a column longer than its field says, as SQLite's all are: a record that no other site takes can then be written
        change = "ALTER COLUMN acronym TYPE VARCHAR(200)" if chosen.KIND == "postgres" else "MODIFY acronym VARCHAR(200)"
        self.db.executesql(f"ALTER TABLE org_organisation {change}")
        self.db.commit()
        self.db.close()

    def connect(self) -> None:
        """Open the database; again after its process was, as it were, killed."""
        self.db = db = DAL(self.uri, folder=str(self.folder), check_reserved=None, pool_size=0, after_connection=_see_all,
                           migrate_enabled=not self.defined)
        db.define_table("gis_location", Field("name"), Field("level"), Field("parent", "reference gis_location"),
                        Field("lat", "double"), Field("lon", "double"), Field("population", "integer"), *self.meta())
        db.define_table("org_organisation", Field("name", notnull=True), Field("acronym", length=8), Field("year", "integer"),
                        Field("start_date", "date"), Field("tags", "list:string"), Field("rate", "decimal(10,2)"),
                        Field("active", "boolean", default=True), Field("comments", "text"), *self.meta())
        db.define_table("org_office", Field("name"), Field("organisation_id", "reference org_organisation", notnull=True),
                        Field("location_id", "reference gis_location"), Field("opened_on", "datetime"), *self.meta())
        define_tables(db)
        ensure_indices(db)
        declare(db, "org_organisation", components=[dict(alias="office", table="org_office", fkey="organisation_id")])
        db.commit()

    def sql(self, statement: str, *args: Any) -> list[Any]:
        """Plain SQL with ``?`` marks, behind everybody's back, committed; its rows."""
        database = Database(self.db)
        rows: list[Any] = []
        if statement.lstrip().upper().startswith("SELECT"):
            rows = database.rows(statement, args)
        else:
            database.execute(statement, args)
        self.db.commit()
        return [tuple(row) for row in rows]

    def forget_foreign_keys(self) -> None:
        """From now on the database lets references point to nothing, over this connection."""
        self.db.executesql({"sqlite": "PRAGMA foreign_keys = OFF", "mysql": "SET FOREIGN_KEY_CHECKS = 0",
                            "postgres": "SET session_replication_role = replica"}[self.db._adapter.dbengine])

    def elsewhere(self, statement: str, *args: Any) -> None:
        """Plain SQL over another connection, committed: somebody else's doing."""
        def work() -> None:
            self.db._adapter.connection  # noqa: B018 - this thread's own
            try:
                self.sql(statement, *args)
            finally:
                self.db._adapter.close(None)

        with ThreadPoolExecutor(1) as pool:
            pool.submit(work).result()

    def meta(self) -> list[Field]:
        """Eden's meta fields, as far as they matter here."""
        return [Field("uuid", length=128, notnull=True, unique=True, default=new_uuid), Field("mci", "integer", default=0),
                Field("deleted", "boolean", default=False), Field("deleted_fk"), Field("deleted_rb", "integer"),
                Field("created_on", "datetime", default=self.now), Field("modified_on", "datetime", default=self.now,
                                                                         update=self.now)]

    def now(self) -> datetime:
        """This site's clock."""
        return utcnow() + self.skew

    def open(self) -> Site:
        """For one run or one request."""
        return Site(Web2pyHost(self.db, None, self.uuid), self.settings, self.now)

    def insert(self, table: str, **values: Any) -> str:
        """A new record, committed; returns its uuid."""
        number = self.db[table].insert(**values)
        self.db.commit()
        return str(self.db[table][number].uuid)

    def update(self, table: str, record_uuid: str, **values: Any) -> None:
        """An edit of somebody's, committed."""
        self.db(self.db[table].uuid == record_uuid).update(**values)
        self.db.commit()

    def delete(self, table: str, record_uuid: str) -> None:
        """A deletion as Eden deletes, committed."""
        self.update(table, record_uuid, deleted=True)

    def get(self, table: str, record_uuid: str) -> Any:
        """The row, or None."""
        return self.db(self.db[table].uuid == record_uuid).select().first()

    def id_of(self, table: str, record_uuid: str) -> int:
        """Local id of a record."""
        return int(self.get(table, record_uuid).id)

    def records(self, table: str) -> dict[str, dict[str, Any]]:
        """All live records of a table, as any site should hold them: by uuid, references as uuids."""
        found = {}
        local = ("id", "uuid", "mci", "deleted", "deleted_fk", "deleted_rb", "created_on", "modified_on")
        fields = [f for f in self.db[table] if f.name not in local]
        for row in self.db(self.db[table].deleted != True).select():  # noqa: E712 - SQL
            values = {}
            for field in fields:
                value = row[field.name]
                if value is not None and str(field.type).startswith("reference "):
                    value = self.db[field.type[10:]][value].uuid
                values[field.name] = value
            found[row.uuid] = values
        return found

    def run(self) -> Any:
        """The last run's row."""
        table = self.db.sync_run
        return self.db(table.id > 0).select(orderby=~table.id, limitby=(0, 1)).first()

    def steps(self) -> dict[tuple[str, str], Any]:
        """The last run's rows of sync_run_task, by resource and direction."""
        run = self.run()
        return {(r.resource_name, r.direction): r for r in self.db(self.db.sync_run_task.run_id == run.id).select()}

    def log(self) -> list[Any]:
        """Log entries, newest first."""
        return list(self.db(self.db.sync_log.id > 0).select(orderby=~self.db.sync_log.id))


@dataclass
class LocalPeer(Peer):
    """`other` as `me` sees it: its real server code, without HTTP. `on_wire` sees (and may change) each answer."""

    me: LocalSite
    other: LocalSite
    on_wire: Callable[[str, bytes], bytes] = lambda what, body: body
    own = True
    can = frozenset(("dryrun", "compare"))
    first: Any = None            #: the page that came with the greeting, and what was asked

    def ask(self, method: str, params: dict[str, Any], body: bytes = b"") -> bytes:
        """One request."""
        if self.dry:
            params = {**params, "dryrun": "1"}
        answer = {"GET": pull.answer, "POST": push.answer}[method]
        request = Request(method, {"repository": self.me.uuid, **params}, io.BytesIO(body) if body else None)
        response: Response = answer(self.other.open(), request, by_uuid(self.other.db, self.me.uuid))
        raw = response.body if isinstance(response.body, bytes) else response.body.read()
        return self.on_wire(method, raw)

    def _batch(self, body: bytes) -> Batch:
        site = self.me.open()

        def schema(name: str) -> Schema | None:
            return site.table(name).schema if site.host.carries(name) else None

        document = Document(io.BytesIO(body), schema, Limits())
        said = document.attributes
        total = said.get("total", "")
        return Batch(iter(document), json.loads(said.get("cursor", "{}")), said.get("more") == "true",
                     int(total) if total else None, len(body), None, said.get("scanned", ""))

    def greet(self) -> LocalPeer:
        """Begin a run, as `s3sync.peers.connect` does: along with the first page where that is known."""
        site = self.me.open()
        repository = by_uuid(self.me.db, self.other.uuid)
        contact, first = pact.remembered(site, repository), opening(site, repository)
        if first is not None:
            body = self.ask("GET", {**self._page(*first), "contact": contact})
            self.first = first, self._batch(body)
            said = Document(io.BytesIO(body), lambda name: None, Limits()).attributes
            assert said["uuid"] == self.other.uuid
        else:
            params = {"repository": self.me.uuid, "contact": contact}
            said = json.loads(handshake.answer(self.other.open(), Request("GET", params)).body)
        self.contact, self.restored = said.get("contact", ""), said.get("restored", "")
        return self

    def part(self, contact: str) -> tuple[str, str]:
        asked = Request("GET", {"repository": self.me.uuid, "contact": contact})
        said = json.loads(handshake.answer(self.other.open(), asked).body)
        return said["contact"], said["restored"]

    def pull(self, task: Task, cursors: dict[str, str], limit: int, scanned: str | None) -> Batch:
        first, self.first = self.first, None
        if first is not None and first[0] == (task, cursors, limit):
            return first[1]
        later = {} if scanned is None else {"scanned": scanned}
        return self._batch(self.ask("GET", {**self._page(task, cursors, limit), **later}))

    def _page(self, task: Task, cursors: dict[str, str], limit: int) -> dict[str, Any]:
        params = {"resource": task.resource, "s3sync": "1", "limit": str(limit), "cursor": json.dumps(cursors),
                  **dict(task.wire_filters())}
        return params if task.components else {**params, "mcomponents": "None"}

    def fetch(self, table: str, uuids: Sequence[str]) -> Batch:
        return self._batch(self.ask("GET", {"resource": table, "s3sync": "1", "uuids": ",".join(uuids)}))

    def preview(self, task: Task, cursors: dict[str, str], place: str) -> Batch:
        return self._batch(self.ask("GET", {**self._task(task), "place": place, "cursor": json.dumps(cursors)}))

    def inventory(self, task: Task, place: str, limit: int) -> Inventory:
        said = json.loads(self.ask("GET", {**self._task(task), "compare": "1", "place": place, "limit": str(limit)}))
        return Inventory(said["table"], [tuple(row) for row in said["rows"]], said["place"])

    def _task(self, task: Task) -> dict[str, Any]:
        found = {"resource": task.resource, "s3sync": "1", **dict(task.wire_filters())}
        return found if task.components else {**found, "mcomponents": "None"}

    def push(self, task: Task, body: bytes) -> Receipt:
        said = json.loads(self.ask("POST", {
            "resource": task.resource, "s3sync": "1", "strategy": ",".join(task.policies.strategy),
            "update_policy": task.policies.update, "conflict_policy": task.policies.conflict,
            **({} if self.dry else {"files": "1", "rest": "1"})}, body))
        return Receipt([o for o in map(Outcome.from_json, said["outcomes"]) if o], len(body), said["message"],
                       said.get("changes", ()), said.get("rest", ""), said["records"])

    def file(self, table: str, field: str, upload: Upload) -> BinaryIO | None:
        try:
            body = self.ask("GET", {"resource": table, "s3sync": "1", "file": field, "digest": upload.stored})
        except UnknownResource as error:
            raise FileUnavailable(error.message) from error
        return io.BytesIO(body) if len(body) <= self.me.settings.max_upload else None

    def send_file(self, table: str, field: str, digest: str, filename: str, content: BinaryIO) -> None:
        params = {"resource": table, "s3sync": "1", "file": field, "digest": digest, "filename": filename}
        self.ask("POST", params, content.read())

    def close(self) -> None:
        """Nothing is open."""


def register(me: LocalSite, other: LocalSite, tasks: Sequence[dict[str, Any]] = (), accept_push: bool = True) -> int:
    """Make two sites known to each other, with tasks at `me`; returns the id of the repository there."""
    known, url = by_uuid(me.db, other.uuid), f"http://{other.name}.example"
    if known:
        me.db(me.db.sync_repository.id == known.id).update(url=url)
    repository = known.id if known else int(me.db.sync_repository.insert(
        name=other.name, uuid=other.uuid, url=url, accept_push=accept_push))
    if by_uuid(other.db, me.uuid) is None:
        other.db.sync_repository.insert(name=me.name, uuid=me.uuid, accept_push=accept_push)
    for task in tasks:
        me.db.sync_task.insert(repository_id=repository, **{"components": True, **task})
    me.db.commit()
    other.db.commit()
    return repository


def synchronize(me: LocalSite, other: LocalSite, repository: int, on_wire: Callable[[str, bytes], bytes] | None = None) -> str:
    """One run; returns its result."""
    peer = LocalPeer(me, other, on_wire) if on_wire else LocalPeer(me, other)
    return Runner(me.open(), lambda repo, site: lambda: peer).synchronize(repository)


def same(*sites: LocalSite, tables: Sequence[str] = ("gis_location", "org_organisation", "org_office")) -> Iterator[str]:
    """What differs between sites, in words; nothing if they hold the same."""
    for table in tables:
        first = sites[0].records(table)
        for other in sites[1:]:
            there = other.records(table)
            for key in sorted({*first, *there}):
                if first.get(key) != there.get(key):
                    yield f"{table} {key}: {sites[0].name} {first.get(key)} / {other.name} {there.get(key)}"
