"""The jobs, done in turn: the floor, then s3sync with everything it does, again and again."""
from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable
from urllib.parse import quote
from urllib.request import ProxyHandler, build_opener

from document import Pages
from pair import HERE, PULL, PUSH, BenchError, BenchSite, Figures, Pair, free_port
from result import Results
from storage import Storage
from subject import Subject

#: records that are changed for the floor's job "change": every so-manieth
SOME = 10

#: an unchanged run takes so little time that one of several is taken
TIMES = 5

#: so does an export of few records
TURNS = 3

#: records that are few: what becomes of them takes so little time that chance has more to say
FEW = 10_000


class FloorServer:
    """The floor's other end, running."""

    def __init__(self, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        port = self.url.rsplit(":", 1)[1]
        self._process = subprocess.Popen([sys.executable, str(HERE / "floor_server.py"), port, str(folder)],
                                         stdin=subprocess.DEVNULL)
        opener = build_opener(ProxyHandler({}))
        for _ in range(100):
            try:
                opener.open(self.url, timeout=5).close()
                return
            except OSError:
                time.sleep(0.1)
        self.stop()
        raise BenchError("the floor's server does not answer")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


class Bench:
    """One kind of database.

    Parameters
    ----------
    folder : for sites, documents and kept databases of this kind
    storage : makes the storage of a site
    profile : folder for profiles of the client's runs, or None
    """

    def __init__(self, folder: Path, kind: str, storage: Callable[[BenchSite], Storage], results: Results,
                 profile: Path | None = None) -> None:
        self.folder = folder
        self.kind = kind
        self.results = results
        self.profile = profile
        self.pair = Pair(folder)
        for site in self.pair.sites:
            site.storage = storage(site)
        self._floor: FloorServer | None = None

    def build(self) -> None:
        """The sites, and the floor's server."""
        self.pair.build()
        documents = self.folder / "documents"
        documents.mkdir(parents=True, exist_ok=True)
        self._floor = FloorServer(documents)

    def stop(self) -> None:
        """End everything that was started."""
        self.pair.stop()
        if self._floor:
            self._floor.stop()
            self._floor = None

    def _pages(self, subject: Subject, records: int) -> Pages:
        return Pages(self.folder / "documents" / f"{subject.name}-{records}")

    def prepare(self, subject: Subject, records: int) -> None:
        """Filled databases of both sites, a server that has just warmed up, and the document the floor works with."""
        self.pair.server.stop()
        for site in self.pair.sites:
            site.storage.restore("empty")
            site.storage.fill(subject, records)
            site.storage.save(_label(subject, records))
        pages = self._pages(subject, records)
        pages.start()
        self.pair.prepare("empty", _label(subject, records))
        self.pair.start()
        self.pair.export(subject, records, pages)
        pages.finish(SOME)

    def drop(self, subject: Subject, records: int) -> None:
        """What `prepare` made."""
        self._pages(subject, records).start()
        for site in self.pair.sites:
            site.storage.drop(_label(subject, records))

    def repeat(self, subject: Subject, records: int) -> None:
        """All jobs once."""
        found = self._floors(subject, records)
        found.update(self._pulls(subject, records))
        found.update(self._pushes(subject, records))
        self.results.add(self.kind, subject.name, records, found)

    # -- the floor --------------------------------------------------------------------------------------------

    def _floors(self, subject: Subject, records: int) -> dict[str, Figures]:
        assert self._floor is not None
        storage, pages = self.pair.client.storage, self._pages(subject, records)
        url, name = self._floor.url, pages.folder.name
        dsn = storage.spare("empty")
        pulled = self._run_floor("pull", f"{url}/{name}/all.xml.gz", self.kind, dsn, subject.name)
        dsn = storage.spare("empty")
        pushed = self._run_floor("push", f"{url}/{self.kind}/{subject.name}?{quote(dsn, safe='')}", str(pages.folder))
        dsn = storage.spare(_label(subject, records))
        changed = self._run_floor("change", f"{url}/{name}/some.xml.gz", self.kind, dsn, subject.name)
        for figures in (pulled, pushed):
            _all(figures, records)
        pulled.bytes = pages.whole.stat().st_size
        changed.bytes = pages.some.stat().st_size
        pushed.bytes = sum((pages.folder / page).stat().st_size for page in pages.names())
        return {"floor pull": pulled, "floor push": pushed, "floor change": changed}

    def _run_floor(self, *arguments: str) -> Figures:
        done = subprocess.run([sys.executable, str(HERE / "floor.py"), *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True)
        if done.returncode:
            raise BenchError(f"the floor failed:\n{done.stderr}")
        said = json.loads(done.stdout.splitlines()[-1])
        return Figures(said["records"], said["seconds"], cpu_client=said["cpu"], peak_kb_client=said["peak_kb"])

    # -- s3sync -----------------------------------------------------------------------------------------------

    def _pulls(self, subject: Subject, records: int) -> dict[str, Figures]:
        pair, label = self.pair, _label(subject, records)
        found: dict[str, Figures] = {}

        def pulled(job: str, expected: int, times: int = 1) -> Figures:
            profile = self.profile / f"{self.kind}-{subject.name}-{records}-{job.replace(' ', '')}.prof" if self.profile else None
            return pair.synchronize(subject, PULL, expected, times, profile)

        pair.prepare("empty", label)
        found["pull"] = pulled("pull", records)
        pair.compare(subject)
        found.update(self._exports(subject, records))
        found["unchanged"] = pulled("unchanged", 0, TIMES)
        for percent in (1, 10):
            changed = pair.server.storage.change(subject, 100 // percent)
            found[f"change {percent} %"] = pulled(f"change{percent}", changed)
        pair.prepare("empty", label)
        found["first export"] = pair.export(subject, records)
        return found

    def _exports(self, subject: Subject, records: int) -> dict[str, Figures]:
        """What a full pull costs the server, in turns with lxml writing the same elements; the one in the middle of each."""
        written, exported = [], []
        for _ in range(TURNS if records <= FEW else 1):
            written.append(self._run_floor("write", str(self._pages(subject, records).whole)))
            _all(written[-1], records)
            exported.append(self.pair.export(subject, records))
        return {"xmlfile": _middle(written), "export": _middle(exported)}

    def _pushes(self, subject: Subject, records: int) -> dict[str, Figures]:
        pair = self.pair
        pair.prepare(_label(subject, records), "empty")
        profile = self.profile / f"{self.kind}-{subject.name}-{records}-push.prof" if self.profile else None
        found = pair.synchronize(subject, PUSH, records, 1, profile)
        pair.compare(subject)
        return {"push": found}


def _all(figures: Figures, records: int) -> None:
    if figures.records != records:
        raise BenchError(f"the floor took {figures.records} records of {records}")


def _middle(several: list[Figures]) -> Figures:
    return sorted(several, key=lambda figures: figures.seconds)[len(several) // 2]


def _label(subject: Subject, records: int) -> str:
    return f"{subject.name}-{records}"
