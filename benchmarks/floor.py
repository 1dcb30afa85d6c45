"""The floor: what the work costs without synchronising anything. A program of its own; prints its figures as JSON.

    floor.py pull URL KIND DSN SUBJECT     GET a gzipped document, read it with lxml, insert its records in batches
    floor.py change URL KIND DSN SUBJECT   the same, but the records are there: update them by uuid
    floor.py push URL FOLDER               POST the pages of a folder to a program that does the same (floor_server.py)
    floor.py write FILE SUBJECT            read a gzipped document, write the same elements with lxml's xmlfile

`pull` and `change` know no identities, versions, conflicts, outcomes, progress or errors; a batch is one transaction.
The clock runs from the request to the last commit; for `write` it runs only while it writes.
"""
from __future__ import annotations

import gzip
import http.client
import io
import json
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO, Callable, Iterator
from urllib.parse import urlsplit

from lxml import etree

from storage import connect, insert, update
from subject import BATCH, SUBJECTS, Part, Row, Subject

Values = dict[str, Any]


class Reader:
    """Reads documents into rows of `META` and the columns of the tables.

    It numbers the records itself, as they come, and so knows the numbers that references mean without looking them up.
    """

    def __init__(self, subject: Subject) -> None:
        self._parts = {part.table: part for part, _ in subject.parts}
        self._numbers: dict[str, dict[str, int]] = {part.table: {} for part, _ in subject.parts}

    def rows(self, source: BinaryIO) -> Iterator[tuple[Part, Row]]:
        """Each record of a document as (part, row)."""
        for _, element in etree.iterparse(source, tag="resource"):
            part = self._parts[element.get("name")]
            values = {child.get("field"): child.get("uuid") or child.get("value") or child.text for child in element}
            yield part, self._row(part, element, values)
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]

    def _row(self, part: Part, element: Any, values: Values) -> Row:
        uuid, numbers = element.get("uuid"), self._numbers[part.table]
        number = numbers[uuid] = len(numbers) + 1
        for name, target in part.references.items():
            if name in values:
                values[name] = self._numbers[target].get(values[name])
        for name in part.flags:
            values[name] = "T" if values[name] == "true" else "F"
        for name in part.lists:
            values[name] = "|" + "|".join(json.loads(values[name])) + "|"
        return (number, uuid, element.get("created_on"), element.get("modified_on"), 0, "F",
                *[values.get(name) for name in part.columns])


class Store:
    """Writes rows in batches, each one transaction."""

    def __init__(self, kind: str, dsn: str, write: Callable[[str, Any, Part, list[Row]], None]) -> None:
        self._kind = kind
        self._connection = connect(kind, dsn)
        self._write = write

    def close(self) -> None:
        """Leave the database."""
        self._connection.close()

    def take(self, rows: Iterator[tuple[Part, Row]]) -> int:
        """Write all; returns how many."""
        count = 0
        batch: list[Row] = []
        current: Part | None = None
        for part, row in rows:
            if batch and (len(batch) == BATCH or part is not current):
                count += self._flush(current, batch)
                batch = []
            current = part
            batch.append(row)
        return count + self._flush(current, batch)

    def _flush(self, part: Part | None, batch: list[Row]) -> int:
        if part is not None:
            self._write(self._kind, self._connection, part, batch)
            self._connection.commit()
        return len(batch)


def updating(kind: str, connection: Any, part: Part, rows: list[Row]) -> None:
    """Rows as for an insert, but the records exist; references stay as they are."""
    kept = [n for n, name in enumerate(part.columns) if name not in part.references]
    changed = Part(part.table, tuple(part.columns[n] for n in kept), part.make, {})
    update(kind, connection, changed, [(row[3], *[row[6 + n] for n in kept], row[1]) for row in rows])


def pull(url: str, kind: str, dsn: str, subject: Subject, write: Any) -> tuple[int, float]:
    """Records and seconds."""
    store, reader, place = Store(kind, dsn, write), Reader(subject), urlsplit(url)
    began = time.perf_counter()
    connection = http.client.HTTPConnection(place.hostname or "", place.port)
    connection.request("GET", place.path)
    answer = connection.getresponse()
    count = store.take(reader.rows(gzip.GzipFile(fileobj=io.BufferedReader(answer, 1 << 16))))  # type: ignore[arg-type, type-var]
    return count, time.perf_counter() - began


def push(url: str, folder: Path) -> tuple[int, float]:
    """Records and seconds."""
    pages = [path.read_bytes() for path in sorted(folder.glob("[0-9]*.xml.gz"))]
    place, count = urlsplit(url), 0
    began = time.perf_counter()
    connection = http.client.HTTPConnection(place.hostname or "", place.port)
    for page in pages:
        connection.request("POST", f"{place.path}?{place.query}", page, {"Content-Encoding": "gzip"})
        count += int(connection.getresponse().read())
    return count, time.perf_counter() - began


def write(path: Path) -> tuple[int, float]:
    """Records and seconds it takes to write them, a batch at a time, into memory."""
    count, seconds, batch = 0, 0.0, []

    def flush() -> float:
        began = time.perf_counter()
        with etree.xmlfile(io.BytesIO(), encoding="utf-8") as target, target.element("s3xml"):
            for attributes, children in batch:
                with target.element("resource", attributes):
                    for tag, given, text in children:       # faster than building elements and writing those
                        with target.element(tag, given):
                            if text:
                                target.write(text)
        return time.perf_counter() - began

    with gzip.open(path) as source:
        for _, element in etree.iterparse(source, tag="resource"):
            batch.append((dict(element.attrib), [(child.tag, dict(child.attrib), child.text) for child in element]))
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
            if len(batch) == BATCH:
                seconds += flush()
                count += len(batch)
                batch.clear()
    return count + len(batch), seconds + flush()


def main() -> int:
    """Do one job; the last line of the output are its figures."""
    job, arguments = sys.argv[1], sys.argv[2:]
    if job in ("pull", "change"):
        url, kind, dsn, name = arguments
        count, seconds = pull(url, kind, dsn, SUBJECTS[name], insert if job == "pull" else updating)
    elif job == "push":
        count, seconds = push(arguments[0], Path(arguments[1]))
    else:
        count, seconds = write(Path(arguments[0]))
    with open("/proc/self/status") as source:
        peak_kb = next(int(line.split()[1]) for line in source if line.startswith("VmHWM"))
    print(json.dumps({"records": count, "seconds": seconds, "peak_kb": peak_kb, "cpu": time.process_time()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
