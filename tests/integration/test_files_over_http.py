"""Files of upload fields between real sites: pulled and pushed, with sites of our kind and with a plain Eden."""
from __future__ import annotations

import base64
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, Iterator
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from sites import Site

REGISTRATION = (Path(__file__).parents[2] / "examples" / "demo" / "at_registration.py").read_text(encoding="utf-8")
USER = {"email": "field@example.org", "password": "secret-4711", "name": "Field"}
PERMISSIONS = {"doc_image": ["read", "create", "update", "delete"]}
CONTENT = bytes(range(256)) * 1000 + b"<html> is no page here"

MODEL = """
db.define_table("doc_image", Field("name"), Field("file", "upload"), *meta_fields())
"""

#: files for whoever logs in, as Eden offers them; who asked is noted
DOWNLOAD = """

def download():
    user = auth.basic()[2]
    with open(os.path.join(request.folder, "private", "downloads.log"), "a") as log:
        log.write("%s %s\\n" % (user.email if user else None, request.args(0)))
    if not user:
        redirect(URL("default", "user", args=["login"]))
    gone = os.path.join(request.folder, "private", "gone")
    if os.path.exists(gone) and open(gone).read() in request.args(0):
        raise HTTP(404)
    return response.download(request, db)
"""

#: a site that does not know of s3sync: it answers as Eden does
PLAIN = """

def peer():
    raise HTTP(404, "invalid function (sync/peer)")
"""

INSERT = """
import io
field = db.doc_image.file
content = __import__("base64").b64decode(arguments["content"])
number = db.doc_image.insert(name=arguments["name"], file=field.store(io.BytesIO(content), arguments["filename"]))
answer = db.doc_image(number).uuid
"""

CONTENTS = """
found = db(db.doc_image.uuid == arguments).select().first()
answer = None
if found:
    answer = {"name": found.name, "file": None}
    if found.file:
        filename, stream = db.doc_image.file.retrieve(found.file)
        with stream:
            answer["file"] = [filename, __import__("base64").b64encode(stream.read()).decode()]
"""

RUN = """
if arguments["hurry"]:
    db.executesql("UPDATE sync_waiting SET next_on = '2026-01-01 00:00:00' WHERE target_table = 'file:'")
    db.executesql("UPDATE sync_quarantine SET next_on = '2026-01-01 00:00:00'")
    db.commit()
last = db(db.sync_log.id > 0).count()
result = s3sync_app.synchronize(arguments["repository"], user_id=1)
entries = db(db.sync_log.id > 0).select(orderby=db.sync_log.id)[last:]
answer = {"result": result, "log": " | ".join("%s: %s" % (e.result, e.message) for e in entries)}
"""


class Museum:
    """A site with pictures."""

    def __init__(self, site: Site, plain: bool = False) -> None:
        self.site = site
        (site.appdir / "models" / "02_pictures.py").write_text(MODEL)
        default = site.appdir / "controllers" / "default.py"
        default.write_text("import os\n" + default.read_text() + DOWNLOAD)
        if plain:
            controller = site.appdir / "controllers" / "sync.py"
            controller.write_text(controller.read_text() + PLAIN)
        self.uuid = site.sql("SELECT uuid FROM sync_config")[0]["uuid"]
        site.shell(REGISTRATION, {"repository": {"name": "nobody", "uuid": f"urn:nobody:{site.port}"}, "tasks": [], "user": USER,
                                  "permissions": PERMISSIONS})

    def knows(self, other: Museum, mode: int = 0, url: bool = True, **more: Any) -> int:
        """Register the other site here, with a task if `mode` is given; the id of the repository."""
        known = {"url": other.site.url, "username": USER["email"], "password": USER["password"]}
        credentials = known if url else {"password": ""}
        tasks = [{"resource_name": "doc_image", "mode": mode, "components": True}] if mode else []
        number: int = self.site.shell(REGISTRATION, {
            "repository": {"name": other.site.name, "uuid": other.uuid, "accept_push": True, **credentials, **more},
            "tasks": tasks, "user": None, "permissions": {}})
        return number

    def picture(self, name: str, content: bytes, filename: str) -> str:
        uuid: str = self.site.shell(INSERT, {"name": name, "content": base64.b64encode(content).decode(), "filename": filename})
        return uuid

    def holds(self, uuid: str) -> tuple[str, bytes] | str | None:
        """Original name and content of a picture's file; only its name if it has none; None if it is not there."""
        found = self.site.shell(CONTENTS, uuid)
        if found is None or found["file"] is None:
            return found and str(found["name"])
        return found["file"][0], base64.b64decode(found["file"][1])

    def run(self, repository: int, hurry: bool = False) -> dict[str, str]:
        said: dict[str, str] = self.site.shell(RUN, {"repository": repository, "hurry": hurry})
        return said

    def stored(self, uuid: str) -> Path:
        """The file of a picture on the disk."""
        name = self.site.sql("SELECT file FROM doc_image WHERE uuid = ?", [uuid])[0]["file"]
        return self.site.appdir / "uploads" / name

    def downloads(self) -> list[str]:
        log = self.site.appdir / "private" / "downloads.log"
        return log.read_text().splitlines() if log.exists() else []

    def push(self, document: str, repository: str) -> str:
        """A push as a plain Eden makes it; the answer."""
        request = Request(f"{self.site.url}/sync/sync.xml?resource=doc_image&repository={repository}", document.encode(), {
            "Content-Type": "text/xml",
            "Authorization": "Basic " + base64.b64encode(f"{USER['email']}:{USER['password']}".encode()).decode()})
        with build_opener(ProxyHandler({})).open(request, timeout=60) as answer:
            return str(answer.read().decode())


@pytest.fixture
def museum(site_factory: Callable[..., Site]) -> Iterator[Callable[..., Museum]]:
    made = []

    def build(name: str, plain: bool = False, started: bool = True, **sync: Any) -> Museum:
        made.append(Museum(site_factory(name, sync={"retries": 0, **sync}), plain))
        if started:
            made[-1].site.start()
        return made[-1]

    yield build
    for each in made:
        each.site.stop()


def test_with_a_site_of_our_kind(museum: Callable[..., Museum]) -> None:
    here, there = museum("here", started=False), museum("there", max_upload=300_000)
    there.knows(here, url=False)
    repository = here.knows(there, mode=3)
    theirs = there.picture("theirs", CONTENT, "Brücke.png")
    mine, empty = here.picture("mine", CONTENT[::-1], "мост.pdf"), here.picture("empty", b"", "empty.txt")
    large = here.picture("large", CONTENT * 2, "large.tif")
    said = here.run(repository)
    assert here.holds(theirs) == ("Brücke.png", CONTENT)
    assert there.holds(mine) == ("мост.pdf", CONTENT[::-1])
    assert there.holds(empty) == ("empty.txt", b"")
    # The one that is too large is missing there; its record is not.
    assert there.holds(large) == "large"
    assert said["result"] == "warning" and "max_upload" in said["log"] and large in said["log"] and mine not in said["log"]
    there.site.sync["max_upload"] = 3_000_000
    there.site.configure()
    assert here.run(repository, hurry=True)["result"] == "success"
    assert there.holds(large) == ("large.tif", CONTENT * 2)
    assert here.run(repository)["log"].count("success: No data") == 2
    assert there.downloads() == here.downloads() == []          # files go the way of the records


def test_too_large_missing_and_back_in_a_pull(museum: Callable[..., Museum]) -> None:
    here, there = museum("here", started=False, max_upload=300_000), museum("there")
    there.knows(here, url=False)
    repository = here.knows(there, mode=1)
    large, gone = there.picture("large", CONTENT * 2, "large.tif"), there.picture("gone", CONTENT, "gone.jpg")
    path = there.stored(gone)
    path.rename(path.with_suffix(".away"))
    said = here.run(repository)
    assert said["result"] == "warning" and large in said["log"] and gone in said["log"] and "300000 bytes" in said["log"]
    assert (here.holds(large), here.holds(gone)) == ("large", "gone")
    said = here.run(repository)
    assert said["result"] == "warning" and "2 waiting for a reference or file" in said["log"]
    here.site.sync["max_upload"] = 3_000_000
    here.site.configure()
    path.with_suffix(".away").rename(path)
    for _ in range(2):          # the peer notices that the file is back when it is asked for it; the next run gets it
        said = here.run(repository, hurry=True)
    assert said["result"] == "success", said
    assert (here.holds(large), here.holds(gone)) == (("large.tif", CONTENT * 2), ("gone.jpg", CONTENT))


class Elsewhere:
    """An address that a document names, and that nobody may be made to open."""

    def __init__(self) -> None:
        asked = self.asked = []                                  # type: list[str]

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(f"{self.path} {self.headers.get('Authorization')}")
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"secret")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    found = Elsewhere()
    yield found
    found.server.shutdown()
    found.server.server_close()


def test_pull_from_a_plain_eden(museum: Callable[..., Museum], elsewhere: Elsewhere) -> None:
    here, eden = museum("here", started=False, max_upload=300_000), museum("eden", plain=True)
    eden.knows(here, url=False)
    repository = here.knows(eden, mode=1)
    uuids = {name: eden.picture(name, CONTENT + name.encode(), f"{name}-ä.png") for name in ("good", "gone")}
    large = eden.picture("large", CONTENT * 2, "large.tif")
    gone = eden.site.appdir / "private" / "gone"
    gone.write_text(eden.stored(uuids["gone"]).name.split(".")[2])
    said = here.run(repository)
    assert said["result"] == "warning" and "2 waiting" in said["log"]
    assert uuids["gone"] in said["log"] and large in said["log"] and uuids["good"] not in said["log"]
    assert here.holds(uuids["good"]) == ("good-ä.png", CONTENT + b"good")
    assert (here.holds(uuids["gone"]), here.holds(large)) == ("gone", "large")
    assert {line.split(" ")[0] for line in eden.downloads()} == {USER["email"]}      # with the repository's credentials
    asked = len(eden.downloads())
    gone.unlink()
    here.site.sync["max_upload"] = 3_000_000
    here.site.configure()
    here.run(repository, hurry=True)
    assert here.holds(uuids["gone"]) == ("gone-ä.png", CONTENT + b"gone") and here.holds(large) == ("large.tif", CONTENT * 2)
    assert len(eden.downloads()) == asked + 2                    # not that which is here
    # Whatever host the document names, it is the repository's own address that is asked.
    eden.site.configure(public_url=elsewhere.url)
    other = eden.picture("other", CONTENT + b"other", "other.png")
    here.run(repository)
    assert here.holds(other) == ("other.png", CONTENT + b"other") and elsewhere.asked == []


def document(url: str, uuid: str = "urn:uuid:5e0c9c4e-6a4f-4c0e-9a77-0d0d8a0b5c11", modified: str = "2026-05-01T10:00:00") -> str:
    return (f'<s3xml><resource name="doc_image" uuid="{uuid}" modified_on="{modified}" mci="1"><data field="name">pushed</data>'
            f'<data field="file" url="{url}" filename="pushed.png"/></resource></s3xml>')


def test_a_plain_eden_pushes(museum: Callable[..., Museum], elsewhere: Elsewhere) -> None:
    here, eden = museum("here"), museum("eden", plain=True)
    uuid = "urn:uuid:5e0c9c4e-6a4f-4c0e-9a77-0d0d8a0b5c11"
    theirs = eden.picture("theirs", CONTENT, "pushed.png")
    url = f"{elsewhere.url}/eden/default/download/{eden.stored(theirs).name}"
    # Nobody knows where it is: the record arrives, and what it waits for is said.
    repository = here.knows(eden, url=False)
    answer = here.push(document(url), eden.uuid)
    assert '"status": "success"' in answer and here.holds(uuid) == "pushed"
    waits, = here.site.sql("SELECT * FROM sync_waiting")
    assert waits["record_uuid"] == uuid and "no URL is known for eden" in waits["error"]
    entry = here.site.sql("SELECT * FROM sync_log ORDER BY id DESC LIMIT 1")[0]
    assert entry["result"] == "warning" and "no URL is known" in entry["message"]
    # With the repository's own URL and credentials it is fetched, while Eden waits for the answer.
    here.site.shell("""
db(db.sync_repository.id == arguments[0]).update(url=arguments[1], username=arguments[2],
                                                 password=s3sync_app.vault.encrypt(arguments[3]))
db.executesql("UPDATE sync_waiting SET next_on = '2026-01-01 00:00:00'")
""", [repository, eden.site.url, USER["email"], USER["password"]])
    here.push(document(url), eden.uuid)
    assert here.holds(uuid) == ("pushed.png", CONTENT)
    assert here.site.sql("SELECT * FROM sync_waiting") == [] and elsewhere.asked == []
    assert [line.split(" ")[0] for line in eden.downloads()] == [USER["email"]]
    # An address that is none of Eden's is not asked for at all, wherever it leads.
    other = "urn:uuid:5e0c9c4e-6a4f-4c0e-9a77-0d0d8a0b5c12"
    here.push(document(f"{elsewhere.url}/latest/meta-data", other), eden.uuid)
    assert here.holds(other) == "pushed" and elsewhere.asked == [] and len(eden.downloads()) == 1


def test_a_run_fetches_what_a_plain_eden_pushed_without(museum: Callable[..., Museum]) -> None:
    here, eden = museum("here"), museum("eden", plain=True)
    theirs = eden.picture("pushed", CONTENT, "pushed.png")
    stamp = eden.site.sql("SELECT modified_on FROM doc_image")[0]["modified_on"].replace(" ", "T")
    repository = here.knows(eden, mode=1, url=True)
    here.site.shell("db(db.sync_repository.id == arguments).update(url=None)", repository)
    here.push(document(f"{eden.site.url}/default/download/{eden.stored(theirs).name}", theirs, stamp), eden.uuid)
    assert here.holds(theirs) == "pushed"
    here.site.shell("db(db.sync_repository.id == arguments[0]).update(url=arguments[1])", [repository, eden.site.url])
    eden.knows(here, url=False)
    assert here.run(repository, hurry=True)["result"] == "success"
    assert here.holds(theirs) == ("pushed.png", CONTENT)


def test_push_to_a_plain_eden(museum: Callable[..., Museum]) -> None:
    here, eden = museum("here"), museum("eden", plain=True)
    eden.knows(here)
    repository = here.knows(eden, mode=2)
    mine = here.picture("mine", CONTENT, "mine-ö.png")
    assert here.run(repository)["result"] in ("success", "warning")
    assert eden.holds(mine) == ("mine-ö.png", CONTENT)            # by the URL in the document
    assert [line.split(" ")[0] for line in here.downloads()] == [USER["email"]]


def test_refused_by_the_applications_own_validators(museum: Callable[..., Museum]) -> None:
    here, eden = museum("here"), museum("eden", plain=True)
    with (here.site.appdir / "models" / "02_pictures.py").open("a") as model:
        model.write('db.doc_image.file.requires = IS_EMPTY_OR([IS_IMAGE(error_message=T("No picture")), IS_LENGTH(5000)])\n')
    eden.knows(here, url=False)
    repository = here.knows(eden, mode=1)
    picture = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
    good, bad = eden.picture("good", picture, "good.gif"), eden.picture("bad", b"text", "bad.gif")
    large = eden.picture("large", picture + bytes(5000), "large.gif")
    said = here.run(repository)
    assert said["result"] == "warning" and "does not take bad.gif: No picture" in said["log"]
    assert "does not take large.gif: Enter from 0 to 5000 characters" in said["log"] and good not in said["log"]
    assert (here.holds(good), here.holds(bad), here.holds(large)) == (("good.gif", picture), "bad", "large")
    here.run(repository)
    asked = len(eden.downloads())
    assert "2 waiting" in here.run(repository)["log"]
    assert len(eden.downloads()) == asked                       # once more with the next run, then at growing intervals
    # What Eden pushes is taken in the same way: the record, not its file.
    other = eden.picture("pushed", b"text", "pushed.png")
    here.push(document(f"{eden.site.url}/default/download/{eden.stored(other).name}", other), eden.uuid)
    assert here.holds(other) == "pushed"
    waits = here.site.sql("SELECT error FROM sync_waiting WHERE record_uuid = ?", [other])
    assert "does not take pushed.png: No picture" in waits[0]["error"]
