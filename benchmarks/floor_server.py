"""The floor's other end: a web server that hands out files as they are, and takes pages in as the floor program does.

    floor_server.py PORT FOLDER

GET gives a file below FOLDER. POST /KIND/SUBJECT?DSN inserts the records of a gzipped page and answers with their number.
"""
from __future__ import annotations

import gzip
import io
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from floor import Reader, Store
from storage import insert
from subject import SUBJECTS


class Handler(SimpleHTTPRequestHandler):
    """One connection; its pages belong together."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1           # an answer in one packet, else it waits for the acknowledgement of its first line
    _store: Store | None = None
    _reader: Reader

    def do_POST(self) -> None:
        place = urlsplit(self.path)
        if self._store is None:
            _, kind, subject = place.path.split("/")
            self._store, self._reader = Store(kind, unquote(place.query), insert), Reader(SUBJECTS[subject])
        body = self.rfile.read(int(self.headers["Content-Length"]))
        count = self._store.take(self._reader.rows(gzip.GzipFile(fileobj=io.BytesIO(body))))  # type: ignore[arg-type]
        answer = str(count).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def finish(self) -> None:
        """The other end has hung up."""
        super().finish()
        if self._store is not None:
            self._store.close()

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), partial(Handler, directory=sys.argv[2])).serve_forever()
