"""What became of a record."""
from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Iterable, NamedTuple, Sequence

#: every fate a record can have; exactly one each
RESULTS = ("created", "updated", "deleted", "merged", "unchanged", "kept", "rejected")

#: reason, code, conflict, winner, missing of an outcome without particulars
PLAIN = ("", "", False, "", ())


class Outcome(NamedTuple):
    """The fate of one record.

    `result` is one of RESULTS. `missing` lists (table, uuid) of references that wait for their target; `conflict` is set where
    both sides had edits (then `winner` is "mine" or "theirs", seen from the site that applied). `sent_as` is the uuid the record
    came with, where this site knows it by another.
    """

    table: str
    uuid: str
    result: str
    reason: str = ""
    code: str = ""
    conflict: bool = False
    winner: str = ""
    missing: tuple[tuple[str, str], ...] = ()
    sent_as: str = ""

    def to_json(self) -> dict[str, Any]:
        """Short form for the answer to a push: only what is not empty."""
        found: dict[str, Any] = {"table": self.table, "uuid": self.sent_as or self.uuid, "result": self.result}
        for name in ("reason", "code", "conflict", "winner"):
            value = getattr(self, name)
            if value:
                found[name] = value
        if self.missing:
            found["missing"] = [list(m) for m in self.missing]
        return found

    @classmethod
    def from_json(cls, found: Any) -> Outcome | None:
        """An outcome from a peer's answer; None if it is none."""
        if not isinstance(found, dict) or found.get("result") not in RESULTS:
            return None
        missing = tuple((str(m[0]), str(m[1])) for m in found.get("missing") or () if isinstance(m, list) and len(m) == 2)
        return cls(str(found.get("table", "")), str(found.get("uuid", "")), found["result"], str(found.get("reason", ""))[:500],
                   str(found.get("code", ""))[:32], bool(found.get("conflict")), str(found.get("winner", ""))[:8], missing)


def told(outcomes: Sequence[Outcome]) -> tuple[list[Outcome], str]:
    """What has to be told of each record, and what has become of all the rest, of which there is nothing else to say."""
    usual = [o.result for o in outcomes if o[3:8] == PLAIN and o.result != "rejected"]
    rest = max(set(usual), key=usual.count) if usual else ""
    return [o for o in outcomes if o.result != rest or o[3:8] != PLAIN], rest


#: rejected records of a run that are remembered in case they get through before it ends
REMEMBERED = 10_000


@dataclass
class Counts:
    """Numbers of records by fate, as in sync_run_task."""

    records: int = 0
    created: int = 0
    updated: int = 0
    deleted: int = 0
    merged: int = 0
    unchanged: int = 0
    kept: int = 0
    rejected: int = 0
    waiting: int = 0
    conflicts: int = 0
    errors: list[str] = field(default_factory=list)     #: the first few reasons, for the log
    files: list[str] = field(default_factory=list)      #: the first few files that did not come with their records, likewise
    hidden: list[str] = field(default_factory=list)     #: the first few records that a plain Eden took and does not show
    hides: int = 0                                      #: how many these are
    refused: dict[str, str] = field(default_factory=dict)       #: tables of which the peer gives no records, and what it says
    again: dict[tuple[str, str], tuple[str, bool]] = field(default_factory=dict)    #: rejected ones that may yet get through

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Count these."""
        for outcome in outcomes:
            key = (outcome.table, outcome.uuid)
            if key in self.again:                # it was rejected before in this run: this is its fate
                self._forget(key)
            self.records += 1
            setattr(self, outcome.result, getattr(self, outcome.result) + 1)
            self.waiting += bool(outcome.missing)
            self.conflicts += outcome.conflict
            if outcome.code == "file" and outcome.result != "rejected" and len(self.files) < 5:
                self.files.append(f"{outcome.table} {outcome.uuid}: {outcome.reason}")
            if outcome.result == "rejected":
                text = f"{outcome.table} {outcome.uuid}: {outcome.reason}"
                if len(self.again) < REMEMBERED:
                    self.again[key] = (text, bool(outcome.missing))
                if len(self.errors) < 5:
                    self.errors.append(text)

    def hide(self, records: Iterable[str]) -> None:
        """A plain Eden has taken these records, each "table uuid", and does not show them: nothing is sent of them."""
        for text in records:
            self.hides += 1
            if len(self.hidden) < 5:
                self.hidden.append(text)

    def _forget(self, key: tuple[str, str]) -> None:
        text, waited = self.again.pop(key)
        self.records -= 1
        self.rejected -= 1
        self.waiting -= waited
        if text in self.errors:
            self.errors.remove(text)

    def copy(self) -> Counts:
        """As they are now."""
        return replace(self, errors=list(self.errors), files=list(self.files), hidden=list(self.hidden),
                       refused=dict(self.refused), again=dict(self.again))

    @property
    def changed(self) -> int:
        return self.created + self.updated + self.deleted + self.merged

    def columns(self) -> dict[str, int]:
        """For sync_run_task."""
        return {name: getattr(self, name) for name in ("records", *RESULTS, "waiting", "conflicts")}
