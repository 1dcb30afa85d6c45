"""What travels: the pages a site answers with, kept on disk, and the one document that holds all their records."""
from __future__ import annotations

import gzip
import re
import shutil
from pathlib import Path
from typing import Iterator

ROOT = re.compile(rb"<s3xml[^>]*>")
END = b"</s3xml>"
RECORD_END = b"</resource>"


class Pages:
    """A folder of gzipped pages, numbered; beside them all.xml.gz and part.xml.gz.

    `whole` holds every record, `some` every tenth; both are for the floor program.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.whole = folder / "all.xml.gz"
        self.some = folder / "some.xml.gz"

    def start(self) -> None:
        """Throw away what was kept before."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def add(self, body: bytes) -> None:
        """Keep a page as it came over the wire."""
        (self.folder / f"{len(self.names()):06d}.xml.gz").write_bytes(body)

    def names(self) -> list[str]:
        """Of the pages, in order."""
        return sorted(path.name for path in self.folder.glob("[0-9]*.xml.gz"))

    def finish(self, every: int) -> int:
        """Write `whole`, and `some` with every so-manieth record; returns how many are in that."""
        number = taken = 0
        with gzip.open(self.whole, "wb", compresslevel=1) as whole, gzip.open(self.some, "wb", compresslevel=1) as some:
            for target in (whole, some):
                target.write(b'<?xml version="1.0" encoding="utf-8"?>\n<s3xml success="true">')
            for inner in self._inner():
                whole.write(inner)
                for record in inner.split(RECORD_END)[:-1]:
                    number += 1
                    if number % every == 0:
                        some.write(record + RECORD_END)
                        taken += 1
            for target in (whole, some):
                target.write(END)
        return taken

    def _inner(self) -> Iterator[bytes]:
        for name in self.names():
            text = gzip.decompress((self.folder / name).read_bytes())
            opening = ROOT.search(text)
            if opening and not opening.group().endswith(b"/>"):
                yield text[opening.end():text.rindex(END)]
