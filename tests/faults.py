"""What goes wrong: at a numbered statement of a site's database, or on the wire between two sites."""
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from local_sites import LocalPeer, LocalSite
from plain_eden import PlainPeer
from troubled_drivers import CONNECTORS, refuse

from s3sync.errors import ConnectError, DocumentTruncated, PeerFailed, PeerRefused, SyncError

#: statements and commits of a run, roughly: a fault is put at one of these
STATEMENTS = 400


class Killed(BaseException):
    """The process was killed: nothing it does from here on has an effect."""


class Trouble:
    """What will happen to the database of one site."""

    def __init__(self, kind: str = "sqlite") -> None:
        self.database = kind
        self.kind = ""
        self.left = 0
        self.dead = False
        self.happened = ""

    def plan(self, kind: str, at: int) -> None:
        """`kind` ("kill", "locked") happens at the `at`-th statement or commit from now on."""
        self.kind, self.left, self.happened = kind, at, ""

    def statement(self, sql: str, cursor: Any) -> None:
        """A statement is about to be sent."""
        if not sql.startswith(("ROLLBACK", "RELEASE")):         # a lock is met before, not while undoing
            self.step(cursor)

    def step(self, cursor: Any) -> None:
        """One statement (of this cursor) or commit."""
        if self.dead:
            raise Killed
        if self.kind:
            self.left -= 1
            if self.left <= 0:
                kind, self.kind = self.kind, ""
                self.happened = kind
                if kind == "kill":
                    self.dead = True
                    raise Killed
                refuse(self.database, cursor)


def troubled(site: LocalSite) -> Trouble:
    """From now on the site's database is one that trouble can happen to."""
    adapter = site.db._adapter
    trouble = Trouble(adapter.dbengine)
    adapter.close("commit")
    adapter.connector = CONNECTORS[adapter.dbengine](adapter, trouble)
    adapter.connection  # noqa: B018 - opens it
    return trouble


@dataclass
class Wire:
    """What happens to the `at`-th exchange of a run: "cut", "lost", "unreachable", "twice", "garbled"."""

    kind: str = ""
    at: int = 0
    share: float = 0.5           #: of the document that comes through
    seen: int = 0
    happened: str = ""

    def now(self, *kinds: str) -> bool:
        """Does one of these happen to the present exchange?"""
        hit = self.kind in kinds and self.seen == self.at
        if hit:
            self.happened = self.kind
        return hit

    def request(self, body: bytes) -> bytes:
        """What of a request arrives."""
        self.seen += 1
        if self.now("unreachable"):
            raise ConnectError("the line is dead")
        return body[:int(len(body) * self.share)] if body and self.now("cut request") else body

    def answer(self, body: bytes) -> bytes:
        """What of an answer arrives."""
        if self.now("lost"):
            raise ConnectError("the line was cut")
        if self.now("cut"):
            return body[:int(len(body) * self.share)]
        return body


@dataclass
class TroubledPeer(LocalPeer):
    """A peer of our kind behind a bad line. `old` keeps what was sent, to be delivered again later."""

    wire: Wire = None  # type: ignore[assignment]
    old: list[Any] = None  # type: ignore[assignment]

    def ask(self, method: str, params: dict[str, Any], body: bytes = b"") -> bytes:
        body = self.wire.request(body)
        if method == "POST":
            self.old.append((self.me, self.other, params, body))
        answer = self.deliver(method, params, body)
        if self.wire.now("twice"):
            answer = self.deliver(method, params, body)
        return self.wire.answer(answer)

    def push(self, task: Any, body: bytes) -> Any:
        try:
            return super().push(task, body)
        except ValueError as error:                  # as peers/http.py says it
            raise DocumentTruncated(str(error)) from error

    def deliver(self, method: str, params: dict[str, Any], body: bytes) -> bytes:
        """One request at the other site, in a process of its own there."""
        adapter = self.other.db._adapter
        end = "rollback"
        try:
            answer = super().ask(method, params, body)
            end = "commit"
            return answer
        except Killed:
            raise ConnectError("the peer's process was killed") from None
        except SyncError as error:
            raise PeerRefused(error.message) from error
        except adapter.driver.Error as error:
            raise PeerFailed(f"HTTP 503: {error}") from error
        finally:
            try:
                getattr(adapter, end)()
            except (Killed, adapter.driver.Error):
                adapter.connection.rollback()


@dataclass
class TroubledEden(PlainPeer):
    """A plain Eden behind a bad line."""

    wire: Wire = None  # type: ignore[assignment]

    def _batch(self, work: Any) -> Any:
        self.wire.request(b"")
        return super()._batch(lambda: self.wire.answer(work()))

    def push(self, task: Any, body: bytes) -> Any:
        if self.wire.now("cut request"):
            raise ConnectError("the line was cut")
        self.wire.request(b"")
        receipt = super().push(task, body)
        self.wire.answer(b"")
        return receipt


#: counted over all schedules
Survived = Counter
