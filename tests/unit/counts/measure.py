"""One synchronisation of organisations with their offices, counted. A program of its own, so that its memory can be told.

    measure.py FOLDER RECORDS pull|push

Prints JSON: for the first run and for one that finds nothing changed, per site ("here" runs, "there" answers)
`statements` sent through s3sync.database, `selects` and `writes` as SQLite saw them (also those that pyDAL sends by
itself; a statement executed for many rows counts once for each), `requests` and the `bytes` of their answers, gzipped and
`expanded`; and memory in kB before the run and at its peak.
"""
from __future__ import annotations

import gzip
import json
import sys
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from local_sites import LocalSite, register, synchronize

BATCH = 250
OFFICES = 3             #: of each organisation


class CountedSite(LocalSite):
    """A site that counts what it asks its database."""

    def connect(self) -> None:
        super().connect()
        self.sites: list[Any] = []
        self.selects = self.writes = 0

    def open(self) -> Any:
        site = super().open()
        connection = self.db._adapter.connection             # pyDAL has one for each thread
        connection.execute("PRAGMA cache_size = -100")       # SQLite's own cache grows to 2 MB, and would be taken for ours
        connection.set_trace_callback(self._traced)
        self.sites.append(site)
        return site

    def _traced(self, statement: str) -> None:
        word = statement.lstrip()[:6].upper()
        self.selects += word == "SELECT"
        self.writes += word in ("INSERT", "UPDATE", "DELETE")

    def counted(self) -> dict[str, int]:
        """What there was since the last time."""
        found = {"statements": sum(site.db.statements for site in self.sites), "selects": self.selects, "writes": self.writes}
        self.sites, self.selects, self.writes = [], 0, 0
        return found


def fill(site: LocalSite, records: int) -> None:
    """Organisations and offices, `records` in all, as they would stand there for years."""
    owners = records // (OFFICES + 1)
    stamp = "2021-03-01 06:00:00"
    meta = (stamp, stamp, 0, "F")
    cursor = site.db._adapter.cursor
    cursor.executemany(
        "INSERT INTO org_organisation (id, name, acronym, year, tags, active, comments, uuid, created_on, modified_on, mci,"
        " deleted) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
        ((n, f"Relief association no. {n}", f"R{n}", 1900 + n % 120, "|Health|Food|", "T", "Registered in Beira & Dondo.\nDesk 3",
          uuid.UUID(int=n).urn, *meta) for n in range(1, owners + 1)))
    cursor.executemany(
        "INSERT INTO org_office (id, name, organisation_id, opened_on, uuid, created_on, modified_on, mci, deleted)"
        " VALUES (?,?,?,?,?,?,?,?,?)",
        ((n, f"Office {n}", n % owners + 1, stamp, uuid.UUID(int=10 ** 9 + n).urn, *meta)
         for n in range(1, records - owners + 1)))
    site.db.commit()


def kilobytes(name: str) -> int:
    """VmRSS or VmHWM of this process."""
    with open("/proc/self/status") as source:
        return next(int(line.split()[1]) for line in source if line.startswith(name))


def main() -> None:
    """Fill a site, synchronise twice."""
    folder, records, direction = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    here, there = (CountedSite(folder, name, batch_size=BATCH) for name in ("here", "there"))
    number = register(here, there, [dict(resource_name="org_organisation", mode=1 if direction == "pull" else 2)])
    fill(there if direction == "pull" else here, records)
    for site in (here, there):
        site.counted()
    wire = dict.fromkeys(("requests", "bytes", "expanded"), 0)

    def on_wire(method: str, body: bytes) -> bytes:
        wire["requests"] += 1
        wire["bytes"] += len(gzip.compress(body, 1))
        wire["expanded"] += len(body)
        return body

    found: dict[str, Any] = {"before_kb": kilobytes("VmRSS")}
    for name, expected in (("first", records), ("unchanged", 0)):
        result = synchronize(here, there, number, on_wire)
        moved = sum(step.records for step in here.steps().values())
        if result != "success" or moved != expected:
            sys.exit(f"{result}: {moved} records, {[step.message for step in here.steps().values()]}")
        found[name] = {"here": here.counted(), "there": there.counted(), **wire}
        wire.update(dict.fromkeys(wire, 0))
    found["peak_kb"] = kilobytes("VmHWM")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
