"""What goes wrong between two real sites is said clearly in the log, changes nothing, and the next run goes on."""
from __future__ import annotations

import http.server
import threading
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from sites import Site, free_port

REGISTRATION = (Path(__file__).parents[2] / "examples" / "demo" / "at_registration.py").read_text(encoding="utf-8")

TABLES = ("gis_location", "org_organisation", "org_office")
ALL = {table: ["read", "create", "update", "delete"] for table in TABLES}
TASKS = [{"resource_name": "gis_location", "mode": 1, "components": False},
         {"resource_name": "org_organisation", "mode": 3, "components": True}]

RUN = """
result = s3sync_app.synchronize(arguments["repository"], user_id=arguments["user"], manual=True)
entries = db(db.sync_log.id > arguments["after"]).select(orderby=db.sync_log.id)
answer = {"result": result, "log": [dict(mode=e.mode, action=e.action, result=e.result, remote=e.remote, message=e.message,
                                         resource=e.resource_name) for e in entries]}
"""


class Pair:
    """Two real sites that synchronise."""

    def __init__(self, local: Site, remote: Site) -> None:
        self.local, self.remote = local, remote
        uuids = [site.sql("SELECT uuid FROM sync_config")[0]["uuid"] for site in (local, remote)]
        user = {"email": "field@example.org", "password": "secret-4711", "name": "Field"}
        remote.shell(REGISTRATION, {"repository": {"name": "Field", "uuid": uuids[0], "accept_push": True}, "tasks": [],
                                    "user": user, "permissions": ALL})
        self.repository = local.shell(REGISTRATION, {
            "repository": {"name": "Headquarters", "uuid": uuids[1], "url": remote.url, "username": user["email"],
                           "password": user["password"]}, "tasks": TASKS, "user": None, "permissions": {}})

    def run(self, user: int | None = 1) -> dict[str, Any]:
        after = self.local.sql("SELECT coalesce(max(id), 0) AS id FROM sync_log")[0]["id"]
        answer: dict[str, Any] = self.local.shell(RUN, {"repository": self.repository, "after": after, "user": user})
        return answer

    def change(self, **columns: Any) -> None:
        """Change the repository's entry at the local site."""
        self.local.shell("db(db.sync_repository.id == arguments['id']).update(**arguments['columns'])",
                         {"id": self.repository, "columns": columns})

    def state(self) -> list[Any]:
        """Every record at both sites."""
        return [site.sql(f"SELECT * FROM {table} ORDER BY id") for site in (self.local, self.remote) for table in TABLES]


@pytest.fixture(scope="module")
def made(site_factory: Callable[..., Site]) -> Iterator[Pair]:
    quick = {"retries": 0, "connect_timeout": 3.0, "read_timeout": 5.0}
    local, remote = site_factory("local", sync=quick), site_factory("remote")
    remote.start()
    pair = Pair(local, remote)
    yield pair
    remote.stop()


@pytest.fixture
def pair(made: Pair) -> Iterator[Pair]:
    """The pair, in order; afterwards it must synchronise again whatever happened."""
    before = made.local.sql("SELECT url, username, password, accept_push FROM sync_repository WHERE id = ?", [made.repository])[0]
    made.local.shell("db.org_organisation.insert(name='Made here')")
    made.remote.shell("db.gis_location.insert(name='Made there')")
    yield made
    made.change(**{name: before[name] for name in ("url", "username", "password")})
    made.remote.shell("db(db.sync_repository.id > 0).update(accept_push=True, deleted=False)")
    made.local.shell("db(db.sync_task.resource_name.belongs(('no_such_table',))).update(deleted=True)")
    assert made.run()["result"] == "success"
    counts = [site.sql("SELECT (SELECT count(*) FROM gis_location) AS l, (SELECT count(*) FROM org_organisation) AS o")[0]
              for site in (made.local, made.remote)]
    assert dict(counts[0]) == dict(counts[1])


def told(pair: Pair, *words: str, result: str = "fatal", steps: int | None = 1) -> dict[str, Any]:
    """Run; the log must say it with these words, and nothing may have changed."""
    before = pair.state()
    answer = pair.run()
    assert answer["result"] == result
    bad = [entry for entry in answer["log"] if entry["result"] in ("error", "fatal")]
    assert bad and (steps is None or len(answer["log"]) == steps), answer["log"]
    for word in words:
        assert any(word.lower() in entry["message"].lower() for entry in bad), (word, bad)
    assert "secret-4711" not in str(answer["log"])
    assert pair.state() == before
    return answer


def test_wrong_host(pair: Pair) -> None:
    pair.change(url="http://no-such-host.invalid/eden")
    told(pair, "peer repository unavailable", "no-such-host.invalid", result="error")


def test_peer_down(pair: Pair) -> None:
    pair.change(url=f"http://127.0.0.1:{free_port()}/eden")
    told(pair, "peer repository unavailable", result="error")


def test_wrong_application_in_the_url(pair: Pair) -> None:
    pair.change(url=pair.remote.url.replace("/eden", "/nothing"))
    told(pair, "URL", steps=None)


def test_wrong_password(pair: Pair) -> None:
    pair.change(password="wrong")
    answer = told(pair, "user name or password")
    assert answer["log"][0]["mode"] == "login/outgoing" and answer["log"][0]["remote"]


def test_not_permitted(pair: Pair) -> None:
    pair.remote.shell("""
user_id = db.auth_user.insert(first_name="No", last_name="Body", email="nobody@example.org",
                              password=db.auth_user.password.validate("secret-4711")[0])
""")
    pair.change(username="nobody@example.org")
    told(pair, "not permitted", "role")


def test_not_registered_at_the_peer(pair: Pair) -> None:
    pair.remote.shell("db(db.sync_repository.id > 0).update(deleted=True)")
    answer = pair.run()
    assert answer["result"] in ("fatal", "error")
    assert any("registration required" in entry["message"].lower() and entry["remote"] for entry in answer["log"])
    assert not pair.remote.sql("SELECT * FROM org_organisation WHERE name = 'Made here' AND uuid IN "
                               "(SELECT uuid FROM org_organisation WHERE created_by IS NULL AND 0)")


def test_push_not_accepted(pair: Pair) -> None:
    pair.remote.shell("db(db.sync_repository.id > 0).update(accept_push=False)")
    organisations = pair.remote.sql("SELECT count(*) AS n FROM org_organisation")[0]["n"]
    answer = pair.run()
    assert answer["result"] == "fatal"
    entry = [e for e in answer["log"] if e["result"] == "fatal"]
    assert len(entry) == 1 and entry[0]["mode"] == "push/outgoing" and entry[0]["remote"]
    assert "not allowed to push" in entry[0]["message"] and "Accept Pushes" in entry[0]["message"]
    assert pair.remote.sql("SELECT count(*) AS n FROM org_organisation")[0]["n"] == organisations


def test_unknown_resource(pair: Pair) -> None:
    pair.local.shell("db.sync_task.insert(repository_id=arguments, resource_name='no_such_table', mode=3)", pair.repository)
    answer = pair.run()
    assert answer["result"] == "fatal"
    entries = [e for e in answer["log"] if e["result"] == "fatal"]
    assert entries and all("no_such_table" in e["message"] and e["resource"] == "no_such_table" for e in entries)
    assert [e["result"] for e in answer["log"] if e["resource"] == "gis_location"] == ["success"]      # the others went on


def test_job_without_a_user(pair: Pair) -> None:
    before = pair.state()
    answer = pair.run(user=None)
    assert answer["result"] == "fatal"
    assert all("not permitted" in e["message"].lower() and "user_id" in e["message"] for e in answer["log"])
    assert pair.state() == before


def test_this_very_site(pair: Pair) -> None:
    pair.local.start()
    try:
        pair.change(url=pair.local.url, username="admin@example.com", password="testing")
        told(pair, "this very site")
    finally:
        pair.local.stop_server()


@pytest.fixture
def proxy(made: Pair) -> Iterator[Any]:
    """In front of the remote site: hands requests on, and changes the answers to pulls as `spoil` says."""
    import requests

    class Handler(http.server.BaseHTTPRequestHandler):
        spoil: Callable[[bytes], bytes] = staticmethod(lambda body: body)
        short = 0

        def do_GET(self) -> None:
            self._pass_on("GET")

        def do_POST(self) -> None:
            self._pass_on("POST")

        def _pass_on(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "accept-encoding")}
            there = requests.request(method, made.remote.url.split("/eden")[0] + self.path, data=body, timeout=30,
                                     headers={**headers, "Accept-Encoding": "identity"})
            content = there.content
            if "sync.xml" in self.path and method == "GET":
                content = type(self).spoil(content)
            self.send_response(there.status_code)
            self.send_header("Content-Type", there.headers["Content-Type"])
            self.send_header("Content-Length", str(len(content) + type(self).short))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("spoil, word", [
    (lambda body: b"<html><body>Welcome to the hotel. Please log in</body></html>", "URL"),
    (lambda body: b"\x00\xff\x13 rubbish", "S3XML"),
    (lambda body: body[:len(body) // 2], "ends before its end"),
    (lambda body: b"", "no data received"),
    (lambda body: b'<!DOCTYPE s3xml [<!ENTITY a "b">]><s3xml>&a;</s3xml>', "DOCTYPE"),
    (lambda body: b'{"status": "failed", "statuscode": "400", "message": "Out of order"}', "out of order"),
], ids=["web page", "rubbish", "half a document", "nothing", "hostile", "message instead of data"])
def test_bad_answers(pair: Pair, proxy: Any, spoil: Callable[[bytes], bytes], word: str) -> None:
    pair.change(url=f"http://127.0.0.1:{proxy.server_port}/eden")
    pair.local.shell("db(db.sync_task.resource_name == 'org_organisation').update(mode=1)")
    proxy.RequestHandlerClass.spoil = staticmethod(spoil)
    try:
        before = pair.state()
        answer = pair.run()
        assert answer["result"] in ("error", "fatal")
        said = [entry["message"].lower() for entry in answer["log"] if entry["action"] != "check"]     # when it is tried next
        assert said and all(word.lower() in message for message in said), answer["log"]
        assert pair.state() == before
    finally:
        proxy.RequestHandlerClass.spoil = staticmethod(lambda body: body)
        pair.local.shell("db(db.sync_task.resource_name == 'org_organisation').update(mode=3)")


def test_the_connection_is_cut_in_the_middle(pair: Pair, proxy: Any) -> None:
    pair.change(url=f"http://127.0.0.1:{proxy.server_port}/eden")
    pair.local.shell("db(db.sync_task.resource_name == 'org_organisation').update(mode=1)")
    proxy.RequestHandlerClass.short = 1000
    try:
        told(pair, "before its end", result="error", steps=None)
    finally:
        proxy.RequestHandlerClass.short = 0
        pair.local.shell("db(db.sync_task.resource_name == 'org_organisation').update(mode=3)")
