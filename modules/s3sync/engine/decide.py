"""What to do with a record that arrives: a pure function over values, no database in sight.

The rules are those of version vectors: a version that contains all edits of the other replaces it, and two that each
contain edits the other lacks are a conflict. The task's strategy and policies say what may be written and who wins.
"""
from __future__ import annotations

import enum
from dataclasses import dataclass

from ..index.vector import Order

METHODS = ("create", "update", "delete", "merge")
POLICIES = ("OTHER", "NEWER", "MASTER", "THIS")

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


class Settle(enum.Enum):
    """Which edits the version of the row contains afterwards."""

    THEIRS = "theirs"           #: exactly theirs
    MINE = "mine"               #: unchanged
    MERGED = "merged"           #: both
    DECIDED = "decided"         #: both, and the decision as an edit of this site's own


@dataclass(frozen=True)
class Policies:
    """What a task allows, seen from this site. `update` and `conflict` are among POLICIES."""

    strategy: frozenset[str] = frozenset(METHODS)
    update: str = "NEWER"
    conflict: str = "NEWER"

    def swapped(self) -> Policies:
        """The same task seen from the peer."""
        return Policies(self.strategy, SWAPPED.get(self.update, self.update), SWAPPED.get(self.conflict, self.conflict))


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

    `conflict` is true where both sides had edits; `winner` is then "mine" or "theirs".
    """

    action: Action
    settle: Settle
    reason: str = ""
    conflict: bool = False
    winner: str = ""


def decide(order: Order, same: bool, mine: Mine | None, theirs: Theirs, policies: Policies) -> Decision:
    """Decide about one record.

    Parameters
    ----------
    order : how my version stands to theirs (BEFORE: theirs contains all of mine); BEFORE where nothing is known here
    same : both have the same values, or both are deleted
    mine : the record here, None if there is no row
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
        return _allowed(mine, theirs, policies, Settle.THEIRS)
    return _conflict(mine, theirs, policies)


def _method(mine: Mine, theirs: Theirs) -> tuple[Action, str]:
    if theirs.deleted:
        return (Action.MERGE, "merge") if theirs.merged else (Action.DELETE, "delete")
    return Action.UPDATE, "update"


def _create(theirs: Theirs, policies: Policies) -> Decision:
    if "create" not in policies.strategy:
        return Decision(Action.KEEP, Settle.MINE, "strategy: no new records")
    if policies.update == "MASTER" and theirs.mci != 1:
        return Decision(Action.KEEP, Settle.MINE, "update policy MASTER: the peer is not its master")
    return Decision(Action.CREATE, Settle.THEIRS)


def _allowed(mine: Mine, theirs: Theirs, policies: Policies, settle: Settle) -> Decision:
    """Theirs replaces mine, if strategy and update policy let it.

    NEWER needs no look at the clocks: a version that contains all of mine is later, whatever its clock says.
    """
    action, method = _method(mine, theirs)
    if method not in policies.strategy:
        return Decision(Action.KEEP, Settle.MINE, f"strategy: no {method}")
    if policies.update == "THIS":
        return Decision(Action.KEEP, Settle.MINE, "update policy THIS: records here are kept")
    if policies.update == "MASTER" and (mine.mci == 0 or theirs.mci != 1):
        return Decision(Action.KEEP, Settle.MINE, "update policy MASTER: the peer is not its master")
    return Decision(action, settle)


def _conflict(mine: Mine, theirs: Theirs, policies: Policies) -> Decision:
    newer = theirs.rank > mine.rank
    policy = policies.conflict
    settle = Settle.MERGED
    if policy == "NEWER":
        accept = newer
    elif policy == "MASTER":
        # The master copy wins; between two copies the newer one, which every site finds alike.
        accept = newer if mine.mci != 0 and theirs.mci != 1 else mine.mci != 0
    else:
        accept = policy == "OTHER"
        settle = Settle.DECIDED
    if accept:
        allowed = _allowed(mine, theirs, policies, settle)
        if allowed.action is not Action.KEEP:
            return Decision(allowed.action, settle, f"conflict policy {policy}", True, "theirs")
        return Decision(Action.KEEP, Settle.MINE, allowed.reason, True, "mine")
    return Decision(Action.NOTHING, settle, f"conflict policy {policy}", True, "mine")
