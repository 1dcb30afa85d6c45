"""What becomes of a record: every combination, against a table written by hand."""
from __future__ import annotations

from itertools import product
from typing import Iterator

import pytest

from s3sync.engine.decide import ASK, POLICIES, Action, Decision, Mine, Policies, Settle, Theirs, decide
from s3sync.index.vector import Order

#: what each column of the table may say
COLUMNS = {
    "here": ("none", "live", "deleted"),            # the record here
    "theirs": ("live", "deleted", "merged"),        # the record that came
    "changed": ("there", "here", "both", "equal"),  # since the two last agreed; equal: the same edits, but other values
    "same": ("yes", "no"),                          # same values, or both deleted
    "update": ("OTHER", "NEWER", "MASTER", "THIS"),
    "conflict": ("OTHER", "NEWER", "MASTER", "THIS"),
    "mci": ("0", "1", "2"),                         # of the record here
    "sent": ("1", "2"),                             # mci as it came
    "clock": ("older", "equal", "newer"),           # theirs against mine
}

#: `*` is any, `!x` any but x, `a,b` either. Behind the bar: action ("write" is what the record asks for), whose edits the
#: version contains afterwards, who wins where both had edits. Each combination must be in exactly one line.
TABLE = """
here    theirs         changed    same  update        conflict  mci  sent  clock        | action   settle   winner

# not here: new records are created, deletions are noted
none    !live          there      *     *             *         *    *     *            | nothing  theirs   -
none    !live          !there     *     *             *         *    *     *            | nothing  merged   -
none    live           here       *     *             *         *    *     *            | nothing  mine     -
none    live           !here      *     OTHER,NEWER,THIS *      *    *     *            | create   theirs   -
none    live           !here      *     MASTER        *         *    1     *            | create   theirs   -
none    live           !here      *     MASTER        *         *    2     *            | keep     mine     -

# the same already, whatever the policies say
!none   *              there      yes   *             *         *    *     *            | nothing  theirs   -
!none   *              !there     yes   *             *         *    *     *            | nothing  merged   -

# only changed here
!none   *              here       no    *             *         *    *     *            | nothing  mine     -

# only changed there: the update policy; clocks do not matter
!none   *              there      no    OTHER,NEWER   *         *    *     *            | write    theirs   -
!none   *              there      no    THIS          *         *    *     *            | keep     mine     -
!none   *              there      no    MASTER        *         0    *     *            | keep     mine     -
!none   *              there      no    MASTER        *         !0   1     *            | write    theirs   -
!none   *              there      no    MASTER        *         !0   2     *            | keep     mine     -

# changed on both sides, conflict policy THIS
!none   *              both,equal no    *             THIS      *    *     *            | nothing  decided  mine

# ... OTHER
!none   *              both,equal no    OTHER,NEWER   OTHER     *    *     *            | write    decided  theirs
!none   *              both,equal no    THIS          OTHER     *    *     *            | keep     mine     mine
!none   *              both,equal no    MASTER        OTHER     0    *     *            | keep     mine     mine
!none   *              both,equal no    MASTER        OTHER     !0   1     *            | write    decided  theirs
!none   *              both,equal no    MASTER        OTHER     !0   2     *            | keep     mine     mine

# ... NEWER
!none   *              both,equal no    *             NEWER     *    *     older,equal  | nothing  merged   mine
!none   *              both,equal no    OTHER,NEWER   NEWER     *    *     newer        | write    merged   theirs
!none   *              both,equal no    THIS          NEWER     *    *     newer        | keep     mine     mine
!none   *              both,equal no    MASTER        NEWER     0    *     newer        | keep     mine     mine
!none   *              both,equal no    MASTER        NEWER     !0   1     newer        | write    merged   theirs
!none   *              both,equal no    MASTER        NEWER     !0   2     newer        | keep     mine     mine

# ... MASTER: the master's copy wins, between two copies the newer one
!none   *              both,equal no    *             MASTER    0    *     *            | nothing  merged   mine
!none   *              both,equal no    !THIS         MASTER    !0   1     *            | write    merged   theirs
!none   *              both,equal no    THIS          MASTER    !0   1     *            | keep     mine     mine
!none   *              both,equal no    *             MASTER    !0   2     older,equal  | nothing  merged   mine
!none   *              both,equal no    OTHER,NEWER   MASTER    !0   2     newer        | write    merged   theirs
!none   *              both,equal no    THIS,MASTER   MASTER    !0   2     newer        | keep     mine     mine
"""

ORDERS = {"there": Order.BEFORE, "here": Order.AFTER, "both": Order.CONCURRENT, "equal": Order.EQUAL}
ACTIONS = {"create": Action.CREATE, "nothing": Action.NOTHING, "keep": Action.KEEP}
WRITES = {"live": Action.UPDATE, "deleted": Action.DELETE, "merged": Action.MERGE}
CLOCKS = {"older": ("2026-01-01T00:00:00", "b"), "equal": ("2026-06-01T00:00:00", "a"), "newer": ("2026-06-01T00:00:00", "b")}
HERE = ("2026-06-01T00:00:00", "a")


def lines() -> list[tuple[dict[str, set[str]], list[str]]]:
    """The table: the values each line is for, and what it expects."""
    found = []
    for line in TABLE.strip().splitlines()[1:]:
        if line.strip() and not line.startswith("#"):
            left, right = line.split("|")
            cells = {}
            for (name, values), cell in zip(COLUMNS.items(), left.split()):
                if cell == "*":
                    cells[name] = set(values)
                elif cell.startswith("!"):
                    cells[name] = set(values) - {cell[1:]}
                else:
                    cells[name] = set(cell.split(","))
                assert cells[name] <= set(values), line
            assert len(cells) == len(COLUMNS), line
            found.append((cells, right.split()))
    return found


def combinations() -> Iterator[dict[str, str]]:
    for values in product(*COLUMNS.values()):
        yield dict(zip(COLUMNS, values))


def made(case: dict[str, str], strategy: tuple[str, ...] = ("create", "update", "delete", "merge")) -> Decision:
    mine = None if case["here"] == "none" else Mine(case["here"] == "deleted", int(case["mci"]), HERE)
    theirs = Theirs(case["theirs"] != "live", case["theirs"] == "merged", int(case["sent"]), CLOCKS[case["clock"]])
    return decide(ORDERS[case["changed"]], case["same"] == "yes", mine, theirs,
                  Policies(frozenset(strategy), case["update"], case["conflict"]))


def test_every_combination_is_as_in_the_table() -> None:
    table = lines()
    count = 0
    for case in combinations():
        fitting = [expected for cells, expected in table if all(case[name] in values for name, values in cells.items())]
        assert len(fitting) == 1, f"{case} is in {len(fitting)} lines"
        action, settle, winner = fitting[0]
        decision = made(case)
        expected = WRITES[case["theirs"]] if action == "write" else ACTIONS[action]
        assert (decision.action, decision.settle, decision.winner or "-") == (expected, Settle(settle), winner), case
        assert decision.conflict == (winner != "-"), case
        count += 1
    assert count == 3 * 3 * 4 * 2 * 4 * 4 * 3 * 2 * 3


@pytest.mark.parametrize("here, theirs, forbidden, action, settle", [
    ("none", "live", "create", Action.KEEP, Settle.MINE),
    ("none", "live", "update", Action.CREATE, Settle.THEIRS),
    ("live", "live", "update", Action.KEEP, Settle.MINE),
    ("live", "live", "create", Action.UPDATE, Settle.THEIRS),
    ("live", "deleted", "delete", Action.KEEP, Settle.MINE),
    ("live", "deleted", "merge", Action.DELETE, Settle.THEIRS),
    ("live", "merged", "merge", Action.KEEP, Settle.MINE),
    ("live", "merged", "delete", Action.MERGE, Settle.THEIRS),
    ("deleted", "live", "update", Action.KEEP, Settle.MINE),
])
def test_what_the_strategy_leaves_out_is_not_done(here: str, theirs: str, forbidden: str, action: Action, settle: Settle) -> None:
    strategy = tuple(m for m in ("create", "update", "delete", "merge") if m != forbidden)
    for changed, policy in (("there", "NEWER"), ("both", "OTHER")):
        case = {"here": here, "theirs": theirs, "changed": changed, "same": "no", "update": "OTHER", "conflict": policy,
                "mci": "1", "sent": "1", "clock": "newer"}
        decision = made(case, strategy)
        assert decision.action is action
        if changed == "there":
            assert decision.settle is settle


#: policy of the table, of field a, of field b, mci here and as sent, fields in which they differ
#: -> action, fields that stay as they are, whose edits the version contains
FIELDS = [
    ("OTHER", "THIS", None, 1, 1, "ab", Action.UPDATE, "a", Settle.DECIDED),
    ("OTHER", "THIS", None, 1, 1, "b", Action.UPDATE, "", Settle.THEIRS),
    ("OTHER", "THIS", None, 1, 1, "a", Action.KEEP, "", Settle.MINE),
    ("OTHER", "THIS", "THIS", 1, 1, "ab", Action.KEEP, "", Settle.MINE),
    ("THIS", "OTHER", None, 1, 1, "ab", Action.UPDATE, "b", Settle.DECIDED),
    ("THIS", "OTHER", None, 1, 1, "a", Action.UPDATE, "", Settle.THEIRS),
    ("THIS", "OTHER", None, 1, 1, "b", Action.KEEP, "", Settle.MINE),
    ("NEWER", "MASTER", None, 1, 1, "ab", Action.UPDATE, "", Settle.THEIRS),
    ("NEWER", "MASTER", None, 1, 2, "ab", Action.UPDATE, "a", Settle.DECIDED),
    ("NEWER", "MASTER", None, 0, 1, "a", Action.KEEP, "", Settle.MINE),
    ("MASTER", "NEWER", None, 0, 2, "ab", Action.UPDATE, "b", Settle.DECIDED),
    ("OTHER", "nonsense", None, 1, 1, "ab", Action.UPDATE, "a", Settle.DECIDED),       # acts like THIS
]


@pytest.mark.parametrize("default, a, b, mci, sent, changed, action, kept, settle", FIELDS)
def test_fields_with_a_policy_of_their_own(default: str, a: str, b: str | None, mci: int, sent: int, changed: str, action: Action,
                                           kept: str, settle: Settle) -> None:
    own = {"__default__": default, "a": a, **({"b": b} if b else {})}
    policies = Policies(update="THIS" if default == "OTHER" else "OTHER").of_table(own)
    decision = decide(Order.BEFORE, False, Mine(False, mci, HERE), Theirs(mci=sent, rank=CLOCKS["newer"]), policies,
                      list(changed))
    assert (decision.action, "".join(decision.kept), decision.settle) == (action, kept, settle)


def test_a_policy_of_the_table_stands_for_that_of_the_task() -> None:
    assert Policies(update="OTHER").of_table("THIS").update == "THIS"
    assert Policies(update="OTHER").of_table({"a": "THIS"}) == Policies(update="OTHER", fields=(("a", "THIS"),))
    assert Policies(update="OTHER").of_table(None) == Policies(update="OTHER")
    assert Policies(update="OTHER").of_table("whatever").update == "THIS"


@pytest.mark.parametrize("policy", ["OTHER", "NEWER", "MASTER", "THIS"])
@pytest.mark.parametrize("verdict, action, settle, winner", [
    (True, Action.UPDATE, Settle.DECIDED, "theirs"), (False, Action.NOTHING, Settle.DECIDED, "mine")])
def test_the_application_may_settle_a_conflict(policy: str, verdict: bool, action: Action, settle: Settle, winner: str) -> None:
    decision = decide(Order.CONCURRENT, False, Mine(False, 0, HERE), Theirs(rank=CLOCKS["older"]),
                      Policies(update="OTHER", conflict=policy), verdict=verdict)
    assert (decision.action, decision.settle, decision.winner, decision.conflict) == (action, settle, winner, True)


def test_policies_seen_from_the_other_side() -> None:
    strategy = frozenset(("create",))
    assert Policies(strategy, "THIS", "OTHER").swapped() == Policies(strategy, "OTHER", "THIS")
    assert Policies(strategy, "NEWER", "MASTER").swapped() == Policies(strategy, "NEWER", "MASTER")


@pytest.mark.parametrize("order", [Order.CONCURRENT, Order.EQUAL])
@pytest.mark.parametrize("mine, theirs", [(("2026", ""), ("2025", "")), (("2025", ""), ("2026", ""))])
@pytest.mark.parametrize("update", POLICIES)
def test_with_ask_nothing_is_done_until_a_person_decides(order: Order, mine: tuple[str, str], theirs: tuple[str, str],
                                                         update: str) -> None:
    found = decide(order, False, Mine(mci=0, rank=mine), Theirs(mci=1, rank=theirs), Policies(update=update, conflict=ASK))
    assert (found.action, found.settle, found.conflict, found.winner) == (Action.KEEP, Settle.MINE, True, "")
