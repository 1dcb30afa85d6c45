"""Two web2py sites that know each other: a client that synchronises, a server that answers."""
from __future__ import annotations

import base64
import gzip
import html
import http.client
import io
import os
import re
import secrets
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "examples" / "demo"))

from document import Pages  # noqa: E402
from s3sync.engine.pace import Pace  # noqa: E402
from sites import Site, SiteError, free_port  # noqa: E402, F401
from storage import Storage  # noqa: E402
from subject import BATCH, SUBJECTS, Subject  # noqa: E402

PULL, PUSH = 1, 2                     # sync_task.mode
ACCOUNT = "bench@example.com"
ROOT = re.compile(rb"<s3xml([^>]*)>")
ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')
WARM = 150                            # requests until web2py's ten threads do not grow any more
TICKS = os.sysconf("SC_CLK_TCK")


class BenchError(RuntimeError):
    """A site did not do what it should: the figures would be worth nothing"""


#: makes the indices that `s3sync doctor` asks for on the application's tables
INDICES = """
from s3sync.tables import host_indices
site = s3sync_app.site()
for index in host_indices.missing(site.db, site.host, arguments):
    host_indices.create(site.db, index)
"""


@dataclass
class Figures:
    """What one job took: wall and processor time in seconds, bytes on the wire, peak memory of both processes."""

    records: int
    seconds: float
    bytes: int = 0
    cpu_client: float = 0.0
    cpu_server: float = 0.0
    peak_kb_client: int = 0
    peak_kb_server: int = 0
    times: list[float] = field(default_factory=list)


class BenchSite(Site):
    """A site of the demo on a database that was chosen for it."""

    storage: Storage

    def configure(self, **values: Any) -> None:
        super().configure(**{"database": self.storage.uri, **values})

    @property
    def pid(self) -> int:
        """Process id of the web server."""
        return int((self.root / "server.pid").read_text())

    def cpu(self) -> float:
        """Seconds of processor time the server has used."""
        parts = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(parts[11]) + int(parts[12])) / TICKS

    def peak_kb(self) -> int:
        """Its peak memory since `forget_peak`."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmHWM"))

    def forget_peak(self) -> None:
        """From now on count peak memory anew."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")


class Pair:
    """Two sites on the same kind of database, in folders client and server below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.client = BenchSite(folder / "client", free_port(), "Client")
        self.server = BenchSite(folder / "server", free_port(taken=[self.client.port]), "Server")
        self.repository_id = 0
        self._uuid = ""
        self._password = secrets.token_urlsafe(12)

    @property
    def sites(self) -> tuple[BenchSite, BenchSite]:
        return self.client, self.server

    def build(self) -> None:
        """Build and register both, save their databases as "empty"."""
        for site in self.sites:
            site.build(install=True, first_run=False)
            shutil.copy(HERE / "models" / "03_bench.py", site.appdir / "models")
            site.shell("answer = db(db.auth_user.id > 0).count()")
        tables = [part.table for subject in SUBJECTS.values() for part, _ in subject.parts]
        uuids = [site.shell("answer = s3sync_app.host.site_uuid") for site in self.sites]
        self._uuid = uuids[0]
        script = HERE.parent / "examples" / "demo" / "at_registration.py"
        self.server.shell(script, {
            "repository": {"name": "Client", "uuid": uuids[0], "accept_push": True}, "tasks": [],
            "user": {"email": ACCOUNT, "password": self._password, "name": "Client"},
            "permissions": {table: ["read", "create", "update", "delete"] for table in tables}})
        self.repository_id = self.client.shell(script, {
            "repository": {"name": "Server", "uuid": uuids[1], "url": self.server.url, "username": ACCOUNT,
                           "password": self._password},
            "tasks": [], "user": None, "permissions": {}})
        for site in self.sites:
            site.shell(INDICES, tables)
            site.configure(migrate=False)        # as in production
            site.storage.save("empty")

    def start(self) -> None:
        """Start the server, and let it answer until it has the size of one that has been up for a while."""
        self.server.start()
        place = urlsplit(self.server.url)
        for _ in range(WARM):                # each over a connection of its own, which another thread takes
            connection = http.client.HTTPConnection(place.hostname or "", place.port)
            connection.request("GET", f"{place.path}/default/index")
            connection.getresponse().read()
            connection.close()

    def prepare(self, client: str, server: str) -> None:
        """Both databases as they were saved under these labels. The server keeps no connection that would mind."""
        self.client.storage.restore(client)
        self.server.storage.restore(server)

    def stop(self) -> None:
        for site in self.sites:
            site.stop()

    # -- jobs -------------------------------------------------------------------------------------------------

    def synchronize(self, subject: Subject, mode: int, expected: int, times: int = 1, profile: Path | None = None) -> Figures:
        """The client's run, complete, in a process of its own; raises BenchError if it moved anything but `expected`."""
        self.server.forget_peak()
        cpu = self.server.cpu()
        found = self.client.shell(HERE / "at_run.py", {
            "repository_id": self.repository_id, "times": times, "profile": str(profile) if profile else None,
            "task": {"resource_name": subject.resource, "mode": mode, "components": subject.components}})
        step = found["step"]
        if found["status"] != "success" or step["records"] != expected or step["rejected"] or step["waiting"]:
            raise BenchError(f"{subject.name}, {expected} records: {found['status']}, {found['message']}\n"
                             f"{self.server.tail(10)}{self.server.errors()[-2000:]}")
        seconds = sorted(found["seconds"])
        return Figures(expected, seconds[len(seconds) // 2], step["bytes"], found["cpu"], self.server.cpu() - cpu,
                       found["peak_kb"], self.server.peak_kb(), found["seconds"])

    def export(self, subject: Subject, expected: int, pages: Pages | None = None) -> Figures:
        """The server alone: all pages asked for as a client does, one after the other, and thrown away.

        Or kept in `pages`, a batch each.
        """
        self.server.forget_peak()
        cpu, own = self.server.cpu(), time.process_time()
        place = urlsplit(self.server.url)
        credentials = base64.b64encode(f"{ACCOUNT}:{self._password}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}", "Accept-Encoding": "gzip"}
        asked = {"resource": subject.resource, "repository": self._uuid, "s3sync": "1", "include_deleted": "True",
                 "cursor": "{}"}
        if not subject.components:
            asked["mcomponents"] = "None"
        records = size = 0
        pace = Pace(BATCH)
        began = time.perf_counter()
        connection = http.client.HTTPConnection(place.hostname or "", place.port)
        while True:
            asked["limit"] = str(pace.limit if pages is None else BATCH)
            connection.request("GET", f"{place.path}/sync/sync.xml?{urlencode(asked)}", headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise BenchError(f"export of {subject.name}: {answer.status} {body[:500]!r}")
            size += len(body)
            if answer.headers["Content-Encoding"] != "gzip":      # too small to be worth it
                body = gzip.compress(body, 1)
            said = attributes(body)
            records += int(said["results"])
            pace.took(int(said["results"]), len(body))
            if pages is not None:
                pages.add(body)
            if said["more"] != "true":
                break
            asked.update(cursor=said["cursor"], scanned=said["scanned"])
        seconds = time.perf_counter() - began
        if records != expected:
            raise BenchError(f"export of {subject.name}: {records} records, {expected} expected")
        return Figures(records, seconds, size, time.process_time() - own, self.server.cpu() - cpu, 0, self.server.peak_kb())

    def compare(self, subject: Subject) -> None:
        """Raises BenchError unless both sites hold the same number of records."""
        for part, _ in subject.parts:
            here, there = (site.storage.count(part.table) for site in self.sites)
            if here != there:
                raise BenchError(f"{part.table}: {here} records at the client, {there} at the server")


def attributes(body: bytes) -> dict[str, str]:
    """What the root element of a gzipped page says; only its beginning is expanded."""
    with gzip.GzipFile(fileobj=io.BytesIO(body)) as page:
        head = page.read(16384)
    found = ROOT.search(head)
    if found is None:
        raise BenchError(f"no S3XML: {head[:200]!r}")
    return {name: html.unescape(value) for name, value in ATTRIBUTE.findall(found.group(1).decode())}
