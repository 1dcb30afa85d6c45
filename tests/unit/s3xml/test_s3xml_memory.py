"""Reading and writing need the same memory for few records and for many."""
from __future__ import annotations

import gc
import subprocess
import sys
import tracemalloc
from typing import Any

from s3xml_records import SCHEMAS

from s3sync.s3xml.document import Document
from s3sync.s3xml.record import Record
from s3sync.s3xml.writer import DocumentWriter, Encoder

CHILD = """
import resource, sys
sys.path[:0] = sys.argv[2:]
from s3xml_records import SCHEMAS
from test_s3xml_memory import Source
from s3sync.s3xml.document import Document
count = sum(1 for _ in Document(Source(int(sys.argv[1])), SCHEMAS.get))
assert count == int(sys.argv[1])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


RECORD = (b"<resource name='t_thing' uuid='u%d' mci='1'><data field='name'>Name %d</data><data field='number' value='%d'>x"
          b"</data><reference field='parent_id' resource='t_thing' uuid='p%d'/>\n<resource name='t_part'>"
          b"<data field='label'>%d</data></resource></resource>\n")


class Source:
    """A document of any length that is made while it is read."""

    def __init__(self, records: int) -> None:
        self.left = records
        self.started = False

    def read(self, size: int) -> bytes:
        if not self.started:
            self.started = True
            return b"<s3xml>"
        if self.left <= 0:
            end, self.left = (b"</s3xml>" if self.left == 0 else b""), -1
            return end
        count = min(self.left, 200)
        self.left -= count
        return b"".join(RECORD % (n, n, n, n, n) for n in range(self.left, self.left + count))


class Sink:
    def __init__(self) -> None:
        self.bytes = 0

    def write(self, data: bytes) -> None:
        self.bytes += len(data)


def peak(work: Any) -> int:
    """Bytes Python holds at most during the work."""
    work(2_000)      # what is made once is made now
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    work(work.size)
    most = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return most


class Reading:
    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(self, records: int) -> None:
        for _ in Document(Source(records), SCHEMAS.get):  # type: ignore[arg-type]
            pass


class Writing(Reading):
    def __call__(self, records: int) -> None:
        encoder = Encoder(SCHEMAS["t_thing"], plain=True)
        with DocumentWriter(Sink(), {"success": True}) as writer:  # type: ignore[arg-type]
            for number in range(records):
                writer.write(encoder.encode(Record("t_thing", f"u{number}", {"name": f"Name {number}", "number": number})))


def test_python_memory_does_not_grow_with_the_records() -> None:
    for work in (Reading, Writing):
        small, large = peak(work(2_000)), peak(work(20_000))
        assert large < small * 1.2 + 50_000


def test_process_memory_does_not_grow_with_the_records() -> None:
    """All memory, that of libxml2 included, as the operating system counts it."""
    def most(records: int) -> int:
        command = [sys.executable, "-c", CHILD, str(records), *sys.path]
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
        return int(answer.stdout)

    small, large = most(3_000), most(60_000)
    assert large < small * 1.05
