"""What goes wrong in Eden's own module, and would in a careless replacement, as invariants: a test each, named by what holds."""
from __future__ import annotations

import io
import json
import re
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Iterator

import pytest
from faults import TroubledPeer, Wire
from local_sites import LocalPeer, same, synchronize
from plain_eden import ActiveEden
from practice import Field, quarantined, sql

from s3sync.engine.peer import Task
from s3sync.engine.repository import by_uuid
from s3sync.engine.run import Runner
from s3sync.errors import NotRegistered, PeerTimeout, RedirectRefused, SyncError
from s3sync.peers.eden import EdenPeer
from s3sync.peers.http import HttpClient
from s3sync.peers.register import register
from s3sync.peers.s3sync import S3SyncPeer
from s3sync.s3xml.document import Document, Limits
from s3sync.s3xml.record import Upload
from s3sync.secrets import Vault
from s3sync.server import pull, push
from s3sync.server.request import Request
from s3sync.settings import Settings

ORG = "org_organisation"


class Recorder(ThreadingHTTPServer):
    """A peer that answers as told and keeps what it was asked: (method, path, headers, body)."""

    daemon_threads = True

    def __init__(self, *answers: tuple[int, dict[str, str], bytes]) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers = list(answers)
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    server: Recorder

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        status, headers, content = self.server.answers.pop(0) if self.server.answers else (200, {}, b"{}")
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = answer

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def serve() -> Iterator[Any]:
    made: list[Recorder] = []

    def start(*answers: tuple[int, dict[str, str], bytes]) -> Recorder:
        made.append(Recorder(*answers))
        return made[-1]
    yield start
    for server in made:
        server.close()


def client(url: str, **settings: Any) -> HttpClient:
    return HttpClient(url, "user", "secret", settings=Settings(**{"retries": 0, "backoff": 0.01, **settings}))


# --- SYNC_PROTOCOL §11 ------------------------------------------------------------------------------------------------


def test_14_a_redirected_push_is_an_error_never_a_get_that_delivers_nothing(serve: Any) -> None:
    elsewhere = serve()
    for status in (301, 302, 303, 307, 308):
        peer = serve((status, {"Location": f"{elsewhere.url}/sync/sync.xml"}, b""))
        with pytest.raises(RedirectRefused), client(peer.url) as http:
            http.post("/sync/sync.xml", [("resource", ORG)], b"<s3xml/>", content_type="text/xml", idempotent=True)
        assert [method for method, *_ in peer.seen] == ["POST"]
    assert elsewhere.seen == []                  # least of all with the password


def test_15_a_peer_that_hangs_ends_the_request_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(PeerTimeout), client(f"http://127.0.0.1:{silent.getsockname()[1]}", read_timeout=0.5) as http:
            http.get("/sync/sync.xml")
        assert time.monotonic() - began < 20
    assert 0 < Settings().connect_timeout <= 60 and 0 < Settings().read_timeout <= 600


@pytest.mark.parametrize("back", [False, True])
def test_a_peer_that_always_has_more_does_not_keep_us_for_ever(field: Field, monkeypatch: pytest.MonkeyPatch, back: bool) -> None:
    monkeypatch.setattr("s3sync.engine.pull.PAGES_ALIKE", 20)
    a, b = field.a, field.b
    number = field.link(a, b, "gis_location", mode=1)
    b.insert("gis_location", name="one")
    asked = 0

    def endless(what: str, body: bytes) -> bytes:
        nonlocal asked
        asked += 1
        body = body.replace(b'more="false"', b'more="true"')
        return re.sub(rb'cursor="[^"]*"', b'cursor="{}"', body) if back else body

    assert synchronize(a, b, number, endless) == "fatal"
    assert 20 < asked < 30 and "gets no further" in a.log()[0].message
    assert len(a.records("gis_location")) == 1
    assert synchronize(a, b, number) == "success"


def test_a_number_of_records_that_no_database_keeps_is_none(serve: Any) -> None:
    for total, kept in (("12", 12), ("9" * 30, None), ("²", None), ("-1", None), ("1e9", None)):
        said = f'<s3xml cursor="{{}}" total="{total}" results="{total}"/>'.encode()
        with client(serve((200, {"Content-Type": "text/xml"}, said)).url) as http:
            batch = S3SyncPeer(http, "urn:uuid:me", lambda name: None, Limits()).pull(Task(1, ORG), {}, 10, None)
            batch.close()
        assert (batch.total, batch.count) == (kept, kept)


def test_of_a_fate_nobody_here_knows_the_others_tell_nothing(serve: Any) -> None:
    """A peer of a later version may have words of its own; such a record is not counted among "the rest"."""
    fate = {"table": ORG, "uuid": "urn:uuid:1", "result": "created"}
    for result, rest in (("kept", "created"), ("postponed", "")):
        said = json.dumps({"outcomes": [{**fate, "result": result}], "rest": "created", "records": 2}).encode()
        with client(serve((200, {"Content-Type": "application/json"}, said)).url) as http:
            receipt = S3SyncPeer(http, "urn:uuid:me", lambda name: None, Limits()).push(Task(1, ORG), b"<s3xml/>")
        assert (receipt.rest, receipt.records) == (rest, 2)


def test_15_a_run_that_is_killed_keeps_its_log_its_position_and_its_records(field: Field) -> None:
    object.__setattr__(field.a.settings, "batch_size", 2)
    field.link(field.a, field.b, "gis_location", "org_organisation", mode=1)
    field.b.insert("gis_location", name="one")
    for number in range(60):
        field.b.insert(ORG, name=f"{number}")
    wire = Wire("lost", 5)
    assert field.run(wire=wire) == "error"
    entries = [entry.resource_name for entry in field.a.log()]
    assert "gis_location" in entries and len(field.a.records("gis_location")) == 1 and 0 < len(field.a.records(ORG)) < 60
    assert sql(field.a, "SELECT COUNT(*) FROM sync_cursor WHERE position IS NOT NULL")[0][0] >= 2
    field.run()
    assert list(same(field.a, field.b)) == []
    assert sum(step.records for step in field.a.steps().values()) < 60         # what was done is not done again


def test_18_one_failing_statement_fails_one_record(field: Field) -> None:
    if field.a.db._adapter.dbengine == "sqlite":                   # it cannot add a constraint to a table
        sql(field.a, "CREATE TRIGGER picky BEFORE INSERT ON org_organisation WHEN NEW.name = 'bad' "
                     "BEGIN SELECT RAISE(ABORT, 'picky'); END")
    else:
        sql(field.a, "ALTER TABLE org_organisation ADD CONSTRAINT picky CHECK (name <> 'bad')")
    field.link(field.a, field.b, ORG, mode=1)
    for name in ("one", "bad", "two"):
        field.b.insert(ORG, name=name)
    assert field.run() == "warning"
    assert sorted(r["name"] for r in field.a.records(ORG).values()) == ["one", "two"]
    assert [(entry.code, "picky" in entry.error) for entry in quarantined(field.a)] == [("database", True)]


@pytest.mark.parametrize("mode", [1, 2])
def test_21_a_bad_character_in_one_record_does_not_stop_the_others(field: Field, mode: int) -> None:
    field.link(field.a, field.b, ORG, mode=mode)
    source, target = (field.b, field.a) if mode == 1 else (field.a, field.b)
    for name in ("one", "b\x01a\x0bd \ufffe", "two"):
        source.insert(ORG, name=name)
    assert field.run() in ("success", "warning")
    assert {"one", "two"} <= {r["name"] for r in target.records(ORG).values()}
    bad = [r["name"] for r in target.records(ORG).values() if r["name"] not in ("one", "two")]
    assert len(bad) + len(quarantined(field.a)) >= 1               # it is there, or somebody is told


def test_23_a_repository_that_was_deleted_or_never_registered_cannot_push_and_gets_nothing_of_our_memory(field: Field) -> None:
    field.link(field.a, field.b, ORG)
    field.b.insert(ORG, name="one")
    body = b'<s3xml><resource name="org_organisation" uuid="urn:uuid:x"><data field="name">spoof</data></resource></s3xml>'
    field.b.db(field.b.db.sync_repository.id > 0).update(deleted=True)
    field.b.db.commit()
    for uuid in (field.a.uuid, "urn:uuid:nobody"):
        assert by_uuid(field.b.db, uuid) is None
        request = Request("POST", {"repository": uuid, "resource": ORG, "s3sync": "1"}, io.BytesIO(body))
        with pytest.raises(NotRegistered):
            push.answer(field.b.open(), request, by_uuid(field.b.db, uuid))
        with pytest.raises(NotRegistered):
            pull.answer(field.b.open(), Request("GET", {"repository": uuid, "resource": ORG, "s3sync": "1"}), None)
        pull.answer(field.b.open(), Request("GET", {"repository": uuid, "resource": ORG}), None)     # as any Eden may
        field.b.db.commit()
    assert len(field.b.records(ORG)) == 1
    assert sql(field.b, "SELECT COUNT(*) FROM sync_cursor") == sql(field.b, "SELECT COUNT(*) FROM sync_pact") == [(0,)]


def test_24_entities_are_not_resolved_and_depth_and_length_are_bounded(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the secret of this machine")
    outside = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{secret}">]>'
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi")) + "]>"
    for head, entity in ((outside, "&e;"), (bomb, "&i;")):
        text = f'{head}<s3xml><resource name="{ORG}" uuid="u"><data field="name">{entity}</data></resource></s3xml>'
        read: list[Any] = []
        try:
            read = list(Document(io.BytesIO(text.encode()), lambda name: None, Limits()))
        except SyncError:
            pass
        assert "secret of" not in str([vars(r) for r in read]) and "a" * 1000 not in str([vars(r) for r in read])
    deep = "<s3xml>" + "<resource>" * 5000 + "</resource>" * 5000 + "</s3xml>"
    with pytest.raises(SyncError):
        list(Document(io.BytesIO(deep.encode()), lambda name: None, Limits()))


def test_24_files_are_fetched_from_the_peer_only_whatever_a_document_says(serve: Any) -> None:
    peer, inside = serve(), serve()
    with client(f"{peer.url}/eden") as http:
        eden = EdenPeer(http, "urn:uuid:me", lambda name: None, Limits())
        for url in (f"{inside.url}/eden/default/download/a.b.c.txt", "file:///etc/passwd", f"{inside.url}/admin",
                    f"{inside.url}/eden/default/download/../../admin"):
            try:
                eden.file("doc_document", "file", Upload("a.txt", url))
            except SyncError:
                pass
    assert inside.seen == [] and all(path.startswith("/eden/default/download/") for _, path, *_ in peer.seen)


@pytest.mark.parametrize("how", ["pull", "they push"])
def test_26_what_records_refer_to_is_brought_along_but_tables_nobody_chose_are_not_changed(field: Field, how: str) -> None:
    eden = field.site("eden")
    field.link(field.a, eden, ORG)
    organisation = eden.insert(ORG, name="O")
    known, new = eden.insert("gis_location", name="known"), eden.insert("gis_location", name="new")
    for place in (known, new):
        eden.insert("org_office", name="office", organisation_id=eden.id_of(ORG, organisation),
                    location_id=eden.id_of("gis_location", place))
    field.a.insert("gis_location", uuid=known, name="as it is here", modified_on=field.a.now())
    field.clock.advance(3600)
    eden.update("gis_location", known, name="as it is there")
    if how == "pull":
        field.run(field.a, eden, plain=True)
    else:
        active = ActiveEden(eden)
        field.a.db(field.a.db.sync_repository.id > 0).update(uuid=eden.uuid, accept_push=True)
        field.a.db.commit()
        active.push(field.a, [ORG])
    assert len(field.a.records("org_office")) == 2 and field.a.get("gis_location", new).name == "new"
    assert field.a.get("gis_location", known).name == "as it is here"
    field.a.db.sync_task.insert(repository_id=1, resource_name="gis_location", mode=1, conflict_policy="OTHER")  # now it is
    field.a.db.commit()
    field.run(field.a, eden, plain=True)
    assert field.a.get("gis_location", known).name == "as it is there"


def test_26_nor_between_our_own_sites(field: Field) -> None:
    field.link(field.a, field.b, ORG, mode=1)
    organisation, place = field.b.insert(ORG, name="O"), field.b.insert("gis_location", name="there")
    field.b.insert("org_office", name="office", organisation_id=field.b.id_of(ORG, organisation),
                   location_id=field.b.id_of("gis_location", place))
    field.a.insert("gis_location", uuid=place, name="here")
    field.run()
    assert len(field.a.records("org_office")) == 1 and field.a.get("gis_location", place).name == "here"


# --- ANCHORS §0 -------------------------------------------------------------------------------------------------------


def test_e3_registration_sends_json_and_learns_who_the_peer_is(serve: Any) -> None:
    said = json.dumps({"status": "success", "statuscode": "200", "message": "done", "sender": "urn:uuid:" + "1" * 8 + "-1111" * 3
                       + "-" + "1" * 12}).encode()
    peer = serve((200, {"Content-Type": "application/json"}, said))
    with client(peer.url) as http:
        found = register(http, "urn:uuid:me", "Field office")
    (_, path, headers, body), = peer.seen
    assert found.ok and found.sender.startswith("urn:uuid:1111") and path.startswith("/sync/repository/register.json")
    assert json.loads(body)["uuid"] == "urn:uuid:me" and headers["Authorization"].startswith("Basic ")


def test_e10_a_busy_peer_is_asked_again_and_answers_come_compressed(serve: Any) -> None:
    peer = serve((503, {"Retry-After": "0"}, b""), (200, {"Content-Type": "text/xml"}, b"<s3xml/>"))
    with client(peer.url, retries=2) as http, http.get("/sync/sync.xml") as answer:
        assert answer.status == 200
    assert len(peer.seen) == 2 and all("gzip" in headers["Accept-Encoding"] for _, _, headers, _ in peer.seen)
    assert Settings().verify_tls and Settings().retries > 0


def test_e11_a_password_is_never_stored_logged_or_shown_in_clear(field: Field, tmp_path: Path) -> None:
    secret = "mellon-4711"
    field.link(field.a, field.b, ORG)
    stored = Vault(tmp_path).encrypt(secret)
    assert secret not in stored and Vault(tmp_path).decrypt(stored) == secret
    field.a.db(field.a.db.sync_repository.id > 0).update(password=stored, url=f"http://u:{secret}@127.0.0.1:1/eden")
    field.a.db.commit()
    repository = by_uuid(field.a.db, field.b.uuid)
    assert stored not in repr(repository)
    with client("http://127.0.0.1:1/eden") as http, pytest.raises(SyncError) as caught:
        http.get("/sync/sync.xml")
    assert "secret" not in str(caught.value)

    def opener() -> None:
        raise caught.value
    Runner(field.a.open(), lambda repo, site: opener).synchronize(1, manual=True)
    said = sql(field.a, "SELECT message FROM sync_log UNION ALL SELECT message FROM sync_run")
    assert len(said) == 2 and secret not in str(said)


def test_e13_who_is_not_registered_gets_what_its_user_may_read_and_leaves_nothing_behind(field: Field) -> None:
    field.b.insert(ORG, name="one")
    site = field.b.open()
    site.host.auth = type("Nobody", (), {"user_id": None, "has_permission": staticmethod(lambda *a: False)})()
    with pytest.raises(SyncError):
        pull.answer(site, Request("GET", {"repository": "urn:uuid:nobody", "resource": ORG}), None)
    pull.answer(field.b.open(), Request("GET", {"repository": "urn:uuid:nobody", "resource": ORG}), None)
    assert sql(field.b, "SELECT COUNT(*) FROM sync_repository") == [(0,)]
    assert field.b.log()[0].repository_id is None and field.b.log()[0].mode == "pull/incoming"      # but the log tells


def test_e17_how_far_a_run_has_got_is_there_for_others_to_see_while_it_goes_on(field: Field) -> None:
    object.__setattr__(field.a.settings, "batch_size", 3)
    field.link(field.a, field.b, ORG, mode=1)
    for number in range(90):
        field.b.insert(ORG, name=f"{number}")
    seen: list[tuple[Any, ...]] = []

    class Watched(TroubledPeer):
        def ask(self, method: str, params: dict[str, Any], body: bytes = b"") -> bytes:
            adapter = field.a.db._adapter
            adapter.connection  # noqa: B018 - this thread's own: what others see
            seen.append(tuple(field.a.db.executesql("SELECT t.records, t.total, t.status, r.phase, r.status FROM sync_run_task t "
                                                    "JOIN sync_run r ON r.id = t.run_id")[0]))
            adapter.close("rollback")
            return LocalPeer.ask(self, method, params, body)

    peer = Watched(field.a, field.b, wire=Wire(), old=[])
    assert Runner(field.a.open(), lambda repository, site: lambda: peer).synchronize(1) == "success"
    assert [row[2:] for row in seen] == [("running", "pulling", "running")] * len(seen)
    counts = [row[0] for row in seen]
    assert counts == sorted(counts) and len(set(counts)) >= 3 and seen[-1][1] == 90


# --- and some of our own ----------------------------------------------------------------------------------------------


def test_a_child_of_a_deleted_parent_says_what_it_waits_for(field: Field) -> None:
    field.link(field.a, field.b, "org_office", mode=1)
    organisation = field.b.insert(ORG, name="O")
    field.b.insert("org_office", name="office", organisation_id=field.b.id_of(ORG, organisation))
    field.b.delete(ORG, organisation)
    field.run()
    field.later()
    field.run()
    entry, = quarantined(field.a)
    assert "was deleted" in entry.error and organisation in entry.error
    field.b.update(ORG, organisation, deleted=False)
    field.later()
    assert field.run() == "success" and len(field.a.records("org_office")) == 1 and quarantined(field.a) == []
