"""A peer that runs Eden's own synchronisation: one document by date, no versions, no outcomes worth believing."""
from __future__ import annotations

import re
from io import BytesIO
from typing import Any, BinaryIO, Callable, Iterable, Sequence

from ..engine.outcome import Outcome
from ..engine.peer import Batch, Peer, Receipt, Task
from ..errors import FileUnavailable, PeerRefused
from ..s3xml.document import Document, Limits
from ..s3xml.record import Upload
from ..s3xml.schema import Schema
from .download import downloaded
from .http import HttpClient

PATH = "/sync/sync.xml"

#: what a pushed document is called
FILENAME = "sync.xml"

REPAIR = ("Its error tickets say why. An eden-asp takes no push at all until modules/core/resource/importer.py there reads "
          "sync_policy.conflict_resolver instead of sync_policy.onconflict; locations need the Python package Shapely there")


#: where an Eden offers files of upload fields
FILE = re.compile(r"/(?:default/download|static)/(?!.*\.\./)[A-Za-z0-9_.%=/-]+\Z")


def there(uuids: Iterable[str]) -> list[str]:
    """uuids as the peer may have them stored: its own that are no URN come with its domain before them (S3XML §3.1)."""
    found = []
    for uuid in uuids:
        found.append(uuid)
        own = "" if uuid.startswith("urn:") else uuid.partition("/")[2]
        if own:
            found.append(own)
    return found


class EdenPeer(Peer):
    """Speaks Eden's protocol as a real Eden does (SYNC_PROTOCOL §3, §7).

    Parameters
    ----------
    schemas : schema of a local table, None for tables that do not exist here
    """

    def __init__(self, client: HttpClient, site_uuid: str, schemas: Callable[[str], Schema | None], limits: Limits,
                 domain: str = "") -> None:
        self.client = client
        self.site_uuid = site_uuid
        self.schemas = schemas
        self.limits = limits
        self.domain = domain

    def _params(self, resource: str) -> list[tuple[str, str]]:
        return [("resource", resource), ("repository", self.site_uuid)]

    def pull(self, task: Task, cursors: dict[str, str], limit: int, scanned: str | None) -> Batch:
        """One document with everything since ``cursors[resource]`` ("YYYY-MM-DDTHH:MM:SS"), or with everything."""
        params = self._params(task.resource)
        if cursors.get(task.resource):
            params.append(("msince", cursors[task.resource]))
        if not task.components:
            params.append(("mcomponents", "None"))
        params.append(("include_deleted", "True"))
        return self._get([*params, *task.wire_filters()])

    def fetch(self, table: str, uuids: Sequence[str]) -> Batch:
        """These records as they stand there. A few dozen at a time: they are named in the URL."""
        return self._get([*self._params(table), ("include_deleted", "True"), ("[~]~.uuid__belongs", ",".join(there(uuids)))])

    def _get(self, params: list[tuple[str, str]]) -> Batch:
        answer = self.client.get(PATH, params)
        try:
            document = Document(answer.open(), self.schemas, self.limits, domain=self.domain)
            total = document.attributes.get("results", "")
            return Batch(iter(document), None, False, int(total) if total.isdigit() else None, answer.bytes_wire, answer.date,
                         close=answer.close)
        except BaseException:
            answer.close()
            raise

    def push(self, task: Task, body: bytes) -> Receipt:
        """Send a document. What the answer says of rejected records is believed; of the others it says nothing."""
        policies = task.policies
        params = [*self._params(task.resource), ("strategy", ",".join(sorted(policies.strategy))),
                  ("update_policy", policies.update), ("conflict_policy", policies.conflict)]
        # as a file: web2py of classic Eden's time looks for form fields in every other body, which fails on bytes
        with self.client.post(PATH, params, BytesIO(body), content_type="text/xml", idempotent=True, expect=(500,),
                              filename=FILENAME) as answer:
            if answer.status == 500:
                raise PeerRefused("the peer failed with an internal error (HTTP 500) while importing", hint=REPAIR)
            said = answer.json()
        if not isinstance(said, dict) or said.get("status") not in ("success", "failed"):
            raise PeerRefused("the answer to a push is not understood")
        text = str(said.get("message") or "")[:500]
        rejected = list(errors(said.get("tree")))
        if said["status"] == "failed" and not rejected:
            raise PeerRefused(text or "no reason given")
        return Receipt(rejected, len(body), text)

    def file(self, table: str, field: str, upload: Upload) -> BinaryIO | None:
        """A file, from the peer's own site: of the address in the document only the part below the application counts."""
        match = FILE.search(upload.url)
        if match is None:
            raise FileUnavailable(f"its address {upload.url[:200]!r} is none where an Eden offers files")
        return downloaded(self.client, match.group(), (), self.limits.max_upload, upload.filename)

    def close(self) -> None:
        self.client.close()


def errors(tree: Any) -> list[Outcome]:
    """Rejected records from the error tree of an answer, which is S3XML in JSON (S3XML §10.8)."""
    found = []
    if isinstance(tree, dict):
        for key, listed in tree.items():
            if not key.startswith("$_") or not isinstance(listed, list):
                continue
            for element in listed:
                if isinstance(element, dict):
                    reasons = sorted(set(_reasons(element)))
                    if reasons and element.get("@uuid"):
                        found.append(Outcome(key[2:], str(element["@uuid"]), "rejected", "; ".join(reasons)[:500], "peer"))
                    found += errors(element)
    return found


def _reasons(element: dict[str, Any]) -> list[str]:
    """The errors of a record and of its fields."""
    reasons = [_plain_text(element["@error"])] if element.get("@error") else []
    for key, value in element.items():
        if not key.startswith(("$_", "@")):
            for single in value if isinstance(value, list) else [value]:
                if isinstance(single, dict) and single.get("@error"):
                    reasons.append(_plain_text(single["@error"]))
    return reasons


def _plain_text(value: Any) -> str:
    return re.sub(r"<[^>]*>", "", str(value))[:300]
