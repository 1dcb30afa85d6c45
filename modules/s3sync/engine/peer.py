"""What a peer type offers to the engine."""
from __future__ import annotations

import abc
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Callable, Iterator, Sequence
from urllib.parse import parse_qsl

from ..errors import PeerRefused
from ..s3xml.record import Record, Upload
from .decide import Policies
from .outcome import Outcome


@dataclass(frozen=True)
class Task:
    """A row of sync_task: one resource to synchronise with one repository.

    `filters` are (table, URL query) pairs from sync_resource_filter; `mode` is Eden's: 1 pull, 2 push, 3 both, 4 none.
    """

    id: int
    resource: str
    components: bool = True
    mode: int = 3
    policies: Policies = field(default_factory=Policies)
    filters: tuple[tuple[str, str], ...] = ()
    last_pull: datetime | None = None
    last_push: datetime | None = None

    @property
    def pulls(self) -> bool:
        return self.mode in (1, 3)

    @property
    def pushes(self) -> bool:
        return self.mode in (2, 3)

    def conditions(self, table: str) -> list[str]:
        """The filters for one table."""
        return [text for name, text in self.filters if (self.resource if name in ("", "~") else name) == table]

    def wire_filters(self) -> list[tuple[str, str]]:
        """The filters as URL parameters, ``[table]selector = value`` (SYNC_PROTOCOL §4)."""
        found = []
        for table, text in self.filters:
            where = "~" if table in ("", "~", self.resource) else table
            found += [(f"[{where}]{key}", value) for key, value in parse_qsl(text, keep_blank_values=True)]
        return found


@dataclass
class Batch:
    """Records from a peer, with what is known of the rest.

    Attributes
    ----------
    records : the records, read while they are asked for
    cursors : position by table once all of them are applied; None where the peer has none
    more : there is more at present
    total : records that are still to come, these included; None if unknown
    count : records in this batch, as the peer says; None if it does not
    bytes : on the wire
    date : the peer's clock, aware UTC
    scanned : what the peer wants to be told with the next request of this pull
    close : ends it
    """

    records: Iterator[Record]
    cursors: dict[str, str] | None = None
    more: bool = False
    total: int | None = None
    bytes: int = 0
    date: datetime | None = None
    scanned: str = ""
    count: int | None = None
    close: Callable[[], None] = lambda: None


@dataclass
class Receipt:
    """What a peer said about a pushed batch.

    `outcomes` is None where the peer does not tell. Where there is a `rest`, it is what became of those of the `records` it has
    read that are not among the outcomes.
    """

    outcomes: list[Outcome] | None
    bytes: int = 0
    message: str = ""
    changes: Sequence[tuple[str, str, str, Sequence[tuple[str, str, str]]]] = ()    #: in a dry run: table, uuid, label, changes
    rest: str = ""
    records: int = 0


@dataclass
class Inventory:
    """Records of one table that a peer has, without their values.

    Attributes
    ----------
    rows : (uuid, digest, version vector) of each; those of deleted records have a digest that begins with "deleted"
    place : for the next request, "" at the end
    """

    table: str
    rows: list[tuple[str, str, str]]
    place: str
    bytes: int = 0


class Peer(abc.ABC):
    """A site at the other end.

    `own` tells that it understands cursors, versions and outcomes; a plain Eden does not.
    """

    own = False
    uuid = ""       #: its identity, if it told
    can: frozenset[str] = frozenset()     #: what it understands besides: "dryrun", "compare", "everything"
    dry = False     #: it is asked to do nothing in earnest
    contact = ""    #: the present contact and who was put back to an earlier state, as it told (s3sync.engine.pact)
    restored = ""

    def part(self, contact: str) -> tuple[str, str]:
        """A run that has moved something ends: the present contact and who was put back to an earlier state, as at its beginning.

        ("", "") where the peer keeps no memory of contacts.
        """
        return "", ""

    @abc.abstractmethod
    def pull(self, task: Task, cursors: dict[str, str], limit: int, scanned: str | None) -> Batch:
        """Records of a task that changed since the cursors; `scanned` is that of the batch before, None at first."""

    @abc.abstractmethod
    def fetch(self, table: str, uuids: Sequence[str]) -> Batch:
        """These records."""

    def packed(self, document: bytes) -> bytes:
        """A document as `push` sends it: what that takes can be done before its turn comes."""
        return document

    @abc.abstractmethod
    def push(self, task: Task, body: bytes) -> Receipt:
        """Send a packed document."""

    def preview(self, task: Task, cursors: dict[str, str], place: str) -> Batch:
        """As `pull`, for a dry run: nothing is noted there. `place` is "" at first, then `scanned` of the batch before."""
        raise PeerRefused("this kind of peer cannot show what it would send")

    def inventory(self, task: Task, place: str, limit: int) -> Inventory:
        """What the peer has of a task's records: some of them, `place` being "" at first, then that of the answer before."""
        raise PeerRefused("this kind of peer cannot list what it has")

    def file(self, table: str, field: str, upload: Upload) -> BinaryIO | None:
        """The file of an upload field; None, or FileUnavailable with the reason, if it cannot be had."""
        return None

    def send_file(self, table: str, field: str, digest: str, filename: str, content: BinaryIO) -> None:
        """Give the peer a file it asks for."""
        raise PeerRefused("the peer asks for a file, which this kind of peer cannot be sent")

    @abc.abstractmethod
    def close(self) -> None:
        """Close connections."""
