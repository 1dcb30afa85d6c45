"""What to do with a record that arrives: a pure function over values, no database in sight.

The rules are those of version vectors: a version that contains all edits of the other replaces it, and two that each
contain edits the other lacks are a conflict. The task's strategy and policies say what may be written and who wins.
"""
from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Mapping, Sequence

from ..index.vector import Order

METHODS = ("create", "update", "delete", "merge")
POLICIES = ("OTHER", "NEWER", "MASTER", "THIS")

#: conflict policy that leaves it to a person
ASK = "ASK"
CONFLICT_POLICIES = (*POLICIES, ASK)

#: How a policy reads from the other side
SWAPPED = {"THIS": "OTHER", "OTHER": "THIS"}


class Action(enum.Enum):
    """What happens to the row here."""

    CREATE = "created"
    UPDATE = "updated"
    DELETE = "deleted"
    MERGE = "merged"
    NOTHING = "unchanged"     #: the row here is the same already, or contains more
    KEEP = "kept"             #: strategy or policy forbid the change


_METHODS = {Action.CREATE: "create", Action.UPDATE: "update", Action.DELETE: "delete", Action.MERGE: "delete"}


class Settle(enum.Enum):
    """Which edits the version of the row contains afterwards."""

    THEIRS = "theirs"           #: exactly theirs
    MINE = "mine"               #: unchanged
    MERGED = "merged"           #: both
    DECIDED = "decided"         #: both, and the decision as an edit of this site's own


@dataclass(frozen=True)
class Policies:
    """What a task allows, seen from this site.

    `update` is among POLICIES, `conflict` among CONFLICT_POLICIES; `fields` are (field, update policy) for fields
    that have one of their own.
    """

    strategy: frozenset[str] = frozenset(METHODS)
    update: str = "NEWER"
    conflict: str = "NEWER"
    fields: tuple[tuple[str, str], ...] = ()

    def swapped(self) -> Policies:
        """The same task seen from the peer."""
        return Policies(self.strategy, SWAPPED.get(self.update, self.update), SWAPPED.get(self.conflict, self.conflict))

    def of_table(self, own: str | Mapping[str, str] | None) -> Policies:
        """With the update policies that the application has for a table: one, or by field with "__default__".

        A word that is no policy acts like THIS, as in Eden.
        """
        if not own:
            return self
        given = {"__default__": own} if isinstance(own, str) else dict(own)
        checked = {name: policy if policy in POLICIES else "THIS" for name, policy in given.items()}
        update = checked.pop("__default__", self.update)
        return replace(self, update=update, fields=tuple(sorted(checked.items())))


@dataclass(frozen=True)
class Mine:
    """The record here. `mci` 0 means that this site is its master; `rank` is (modified_on, digest)."""

    deleted: bool = False
    mci: int = 0
    rank: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Theirs:
    """The record that arrived. `mci` as on the wire: 1 means that the sender is its master."""

    deleted: bool = False
    merged: bool = False
    mci: int = 2
    rank: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Decision:
    """What to do, how the version settles, and why.

    `conflict` is true where both sides had edits; `winner` is then "mine" or "theirs". `kept` are fields that an update must
    leave as they are.
    """

    action: Action
    settle: Settle
    reason: str = ""
    conflict: bool = False
    winner: str = ""
    kept: tuple[str, ...] = ()

    # These are asked of each record, many of which share a decision; to look up members of an Enum, and by them, takes longer.

    @cached_property
    def result(self) -> str:
        """What became of a record of which it was carried out, as in an Outcome."""
        return self.action.value

    @cached_property
    def writes(self) -> bool:
        """Does the row get values?"""
        return self.action in (Action.CREATE, Action.UPDATE)

    @cached_property
    def method(self) -> str:
        """The permission it takes; "" if none."""
        return _METHODS.get(self.action, "")


def decide(order: Order, same: bool, mine: Mine | None, theirs: Theirs, policies: Policies,
           changed: Sequence[str] = (), verdict: bool | None = None) -> Decision:
    """Decide about one record.

    Parameters
    ----------
    order : how my version stands to theirs (BEFORE: theirs contains all of mine); BEFORE where nothing is known here
    same : both have the same values, or both are deleted
    mine : the record here, None if there is no row
    changed : fields in which the two differ; only needed where fields have policies of their own
    verdict : in a conflict, whether theirs wins, where the application's onconflict has said so
    """
    if mine is None:
        if theirs.deleted:
            return Decision(Action.NOTHING, Settle.THEIRS if order is Order.BEFORE else Settle.MERGED, "not here")
        if order is Order.AFTER:
            return Decision(Action.NOTHING, Settle.MINE, "deleted here since")
        return _create(theirs, policies)
    if same:
        return Decision(Action.NOTHING, Settle.THEIRS if order is Order.BEFORE else Settle.MERGED)
    if order is Order.AFTER:
        return Decision(Action.NOTHING, Settle.MINE, "newer here")
    if order is Order.BEFORE:
        return _allowed(mine, theirs, policies, Settle.THEIRS, changed)
    return _conflict(mine, theirs, policies, changed, verdict)


def _method(theirs: Theirs) -> tuple[Action, str]:
    if theirs.deleted:
        return (Action.MERGE, "merge") if theirs.merged else (Action.DELETE, "delete")
    return Action.UPDATE, "update"


def _create(theirs: Theirs, policies: Policies) -> Decision:
    if "create" not in policies.strategy:
        return Decision(Action.KEEP, Settle.MINE, "strategy: no new records")
    if policies.update == "MASTER" and theirs.mci != 1:
        return Decision(Action.KEEP, Settle.MINE, "update policy MASTER: the peer is not its master")
    return Decision(Action.CREATE, Settle.THEIRS)


def _allowed(mine: Mine, theirs: Theirs, policies: Policies, settle: Settle, changed: Sequence[str]) -> Decision:
    """Theirs replaces mine, if strategy and update policy let it."""
    action, method = _method(theirs)
    if method not in policies.strategy:
        return Decision(Action.KEEP, Settle.MINE, f"strategy: no {method}")
    own = dict(policies.fields) if action is Action.UPDATE else {}
    kept = tuple(name for name in changed if own and _forbidden(own.get(name, policies.update), mine, theirs))
    reason = _forbidden(policies.update, mine, theirs)
    if len(kept) == len(changed) and (kept or reason):
        return Decision(Action.KEEP, Settle.MINE, reason or f"update policy of the fields: {', '.join(kept)} kept")
    if reason and not own:
        return Decision(Action.KEEP, Settle.MINE, reason)
    if kept:                                  # a mixture that the peer does not have: an edit of this site's own
        return Decision(action, Settle.DECIDED, f"update policy of the fields: {', '.join(kept)} kept", kept=kept)
    return Decision(action, settle)


def _forbidden(policy: str, mine: Mine, theirs: Theirs) -> str:
    """Why an update policy does not let theirs replace mine; "" if it does.

    NEWER needs no look at the clocks: a version that contains all of mine is later, whatever its clock says; where each has
    edits the other lacks, the conflict policy has spoken before.
    """
    if policy == "THIS":
        return "update policy THIS: records here are kept"
    if policy == "MASTER" and (mine.mci == 0 or theirs.mci != 1):
        return "update policy MASTER: the peer is not its master"
    return ""


def _conflict(mine: Mine, theirs: Theirs, policies: Policies, changed: Sequence[str], verdict: bool | None) -> Decision:
    newer = theirs.rank > mine.rank
    policy = policies.conflict
    settle = Settle.MERGED
    reason = f"conflict policy {policy}"
    if verdict is not None:
        accept, settle, reason = verdict, Settle.DECIDED, "onconflict of the application"
    elif policy == ASK:
        return Decision(Action.KEEP, Settle.MINE, "waits for a person to decide", True, "")
    elif policy == "NEWER":
        accept = newer
    elif policy == "MASTER":
        # The master copy wins; between two copies the newer one, which every site finds alike.
        accept = newer if mine.mci != 0 and theirs.mci != 1 else mine.mci != 0
    else:
        accept = policy == "OTHER"
        settle = Settle.DECIDED
    if not accept:
        return Decision(Action.NOTHING, settle, reason, True, "mine")
    allowed = _allowed(mine, theirs, policies, settle, changed)
    if allowed.action is Action.KEEP:
        return Decision(Action.KEEP, Settle.MINE, allowed.reason, True, "mine")
    return Decision(allowed.action, allowed.settle, reason, True, "theirs", allowed.kept)
