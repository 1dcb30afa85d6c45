"""A peer that runs s3sync: pages with cursors, versions, outcomes record by record."""
from __future__ import annotations

import gzip
import json
from typing import BinaryIO, Callable, Iterable, Sequence

from ..engine.opening import Opening
from ..engine.outcome import RESULTS, Outcome
from ..engine.peer import Batch, Inventory, Peer, Receipt, Task
from ..errors import DocumentError, FileUnavailable, PeerRefused
from ..s3xml.document import Document, Limits
from ..s3xml.record import Upload
from ..s3xml.schema import Schema
from .download import downloaded
from .http import HttpClient

PATH = "/sync/sync.xml"

#: Version of the exchange between s3sync sites (docs/reference/protocol.md)
PROTOCOL = 1

#: `msince` of a first page: should there be a plain Eden now, it has nothing to answer. Ours do not look at it
NOTHING = "2999-01-01T00:00:00"


class S3SyncPeer(Peer):
    """Speaks s3sync's own extension of Eden's protocol.

    Parameters
    ----------
    schemas : schema of a local table, None for tables that do not exist here
    uuid : the peer's identity, as it told
    can : what it says it understands besides
    """

    own = True

    def __init__(self, client: HttpClient, site_uuid: str, schemas: Callable[[str], Schema | None], limits: Limits,
                 domain: str = "", uuid: str = "", can: Iterable[str] = ()) -> None:
        self.client = client
        self.uuid = uuid
        self.can = frozenset(can)
        self.site_uuid = site_uuid
        self.schemas = schemas
        self.limits = limits
        self.domain = domain
        self._first: tuple[Opening, Batch] | None = None

    def begin(self, first: Opening, contact: str) -> bool:
        """Greet the peer and ask it for the first page; False if it does not answer as the peer that it was.

        The page is kept for `pull`. Raises what `pull` raises.
        """
        params = [*self._page(first.task, first.cursors, first.limit), ("contact", contact), ("msince", NOTHING)]
        batch, said = self._asked(params)
        self.contact, self.restored = said.get("contact", ""), said.get("restored", "")
        if said.get("uuid") != self.uuid or not self.contact:
            batch.close()
            return False
        self._first = first, batch
        return True

    def _params(self, resource: str) -> list[tuple[str, str]]:
        if self.dry and "dryrun" not in self.can:
            raise PeerRefused("its s3sync is too old for a dry run", hint="Upgrade it")
        dry = [("dryrun", "1")] if self.dry else []
        return [("resource", resource), ("repository", self.site_uuid), ("s3sync", str(PROTOCOL)), *dry]

    def part(self, contact: str) -> tuple[str, str]:
        if not self.contact:                      # it knows nothing of contacts
            return "", ""
        params = [("repository", self.site_uuid), ("contact", contact)]
        with self.client.get("/sync/peer.json", params, accept="application/json") as answer:
            said = answer.json()
        found = said if isinstance(said, dict) else {}
        return str(found.get("contact") or ""), str(found.get("restored") or "")

    def pull(self, task: Task, cursors: dict[str, str], limit: int, scanned: str | None) -> Batch:
        first, self._first = self._first, None
        if first is not None:
            if first[0] == (task, cursors, limit) and scanned is None:
                return first[1]
            first[1].close()
        return self._get(self._page(task, cursors, limit) + ([("scanned", scanned)] if scanned is not None else []))

    def _page(self, task: Task, cursors: dict[str, str], limit: int) -> list[tuple[str, str]]:
        return [*self._params(task.resource), ("include_deleted", "True"), ("limit", str(limit)),
                ("cursor", json.dumps(cursors, separators=(",", ":"))), *self._scope(task)]

    def preview(self, task: Task, cursors: dict[str, str], place: str) -> Batch:
        params = [*self._params(task.resource), ("place", place), ("cursor", json.dumps(cursors, separators=(",", ":"))),
                  *self._scope(task)]
        return self._get(params)

    def inventory(self, task: Task, place: str, limit: int) -> Inventory:
        if "compare" not in self.can:
            raise PeerRefused("its s3sync is too old for a comparison", hint="Upgrade it")
        params = [*self._params(task.resource), ("compare", "1"), ("place", place), ("limit", str(limit)), *self._scope(task)]
        with self.client.get(PATH, params, accept="application/json") as answer:
            said, size = answer.json(), answer.bytes_wire
        try:
            rows = [(str(uuid), str(digest), str(vector)) for uuid, digest, vector in said["rows"]]
            return Inventory(str(said["table"]), rows, str(said["place"]), size)
        except (KeyError, TypeError, ValueError) as error:
            raise PeerRefused("the list of its records is not understood") from error

    def _scope(self, task: Task) -> list[tuple[str, str]]:
        return [*task.wire_filters(), *([] if task.components else [("mcomponents", "None")])]

    def fetch(self, table: str, uuids: Sequence[str]) -> Batch:
        return self._get([*self._params(table), ("uuids", ",".join(uuids))])

    def _get(self, params: list[tuple[str, str]]) -> Batch:
        return self._asked(params)[0]

    def _asked(self, params: list[tuple[str, str]]) -> tuple[Batch, dict[str, str]]:
        """A page, and what the peer says with it: the attributes of the root element."""
        answer = self.client.get(PATH, params)
        try:
            document = Document(answer.open(), self.schemas, self.limits, domain=self.domain)
            attributes = document.attributes
            cursors = json.loads(attributes.get("cursor") or "{}")
            if not isinstance(cursors, dict):
                raise DocumentError("the answer has no cursor")
            total, count = attributes.get("total", ""), attributes.get("results", "")
            batch = Batch(iter(document), {str(k): str(v) for k, v in cursors.items()}, attributes.get("more") == "true",
                          _number(total), answer.bytes_wire, answer.date, attributes.get("scanned", ""), _number(count),
                          answer.close)
            return batch, attributes
        except ValueError as error:
            answer.close()
            raise DocumentError("the answer has no cursor", remote=True) from error
        except DocumentError:
            answer.close()
            raise

    def packed(self, document: bytes) -> bytes:
        # level 1: a tenth larger than level 6 for documents of records, in half the time
        return gzip.compress(document, 1, mtime=0)

    def push(self, task: Task, body: bytes) -> Receipt:
        policies = task.policies
        params = [*self._params(task.resource), ("strategy", ",".join(sorted(policies.strategy))),
                  ("update_policy", policies.update), ("conflict_policy", policies.conflict)]
        if not self.dry:
            params += [("files", "1"), ("rest", "1")]
        with self.client.post(PATH, params, body, content_type="text/xml", gzipped=True, idempotent=True) as answer:
            said = answer.json()
        found = said.get("outcomes") if isinstance(said, dict) else None
        if not isinstance(found, list):
            raise PeerRefused("the answer to a push does not say what became of the records")
        outcomes = [o for o in map(Outcome.from_json, found) if o is not None]
        rest, records = said.get("rest"), said.get("records")
        return Receipt(outcomes, len(body), str(said.get("message", ""))[:500], _changes(said.get("changes")),
                       rest if rest in RESULTS and len(outcomes) == len(found) else "",      # what is not understood is no "rest"
                       records if isinstance(records, int) else 0)

    def file(self, table: str, field: str, upload: Upload) -> BinaryIO | None:
        if not upload.stored:
            raise FileUnavailable("the peer does not say which file it is")
        params = [*self._params(table), ("file", field), ("digest", upload.stored)]
        return downloaded(self.client, PATH, params, self.limits.max_upload, ".html")       # checked by its digest

    def send_file(self, table: str, field: str, digest: str, filename: str, content: BinaryIO) -> None:
        params = [*self._params(table), ("file", field), ("digest", digest), ("filename", filename)]
        with self.client.post(PATH, params, content, content_type="application/octet-stream", idempotent=True) as answer:
            answer.json()

    def close(self) -> None:
        if self._first is not None:
            self._first[1].close()
        self.client.close()


def _changes(listed: object) -> list[tuple[str, str, str, list[tuple[str, str, str]]]]:
    """What a dry run says would change; what is not understood is left out."""
    found = []
    for entry in listed if isinstance(listed, list) else ():
        if isinstance(entry, list) and len(entry) == 4 and isinstance(entry[3], list):
            changes = [(str(c[0]), str(c[1]), str(c[2])) for c in entry[3] if isinstance(c, list) and len(c) == 3]
            found.append((str(entry[0]), str(entry[1]), str(entry[2]), changes))
    return found


def _number(text: str) -> int | None:
    """A number of records, if it is one that any database can keep."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
