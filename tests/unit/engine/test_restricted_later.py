"""A deletion that rows referring to the record forbid for now: it is done when they are gone, and then counts as done."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from local_sites import LocalSite, register, synchronize
from plain_eden import PlainPeer
from shaped_site import ShapedSite

from s3sync.engine.run import Runner
from s3sync.hosts.web2py import declare

ORGANISATION, CONTRACT = "org_organisation", "org_contract"


def plainly(me: LocalSite, eden: LocalSite, number: int) -> str:
    return Runner(me.open(), lambda repo, site: lambda: PlainPeer(me, eden)).synchronize(number)


def both_deleted(tmp_path: Path, tasks: list[str]) -> tuple[ShapedSite, ShapedSite, int, str, str]:
    """Site a has an organisation and its contract, which were then both deleted at b."""
    a, b = ShapedSite(tmp_path, "a"), ShapedSite(tmp_path, "b")
    number = register(a, b, [dict(resource_name=name, mode=1) for name in tasks])
    if len(tasks) == 1:
        for site in (a, b):
            declare(site.db, ORGANISATION, components=[dict(alias="contract", table=CONTRACT, fkey="organisation_id")])
    organisation = b.insert(ORGANISATION, name="A")
    contract = b.insert(CONTRACT, title="C", organisation_id=b.id_of(ORGANISATION, organisation))
    return a, b, number, organisation, contract


def end(b: ShapedSite, organisation: str, contract: str, **more: Any) -> None:
    b.skew = b.skew.__class__(seconds=5)
    b.update(CONTRACT, contract, deleted=True, **more)
    b.delete(ORGANISATION, organisation)


@pytest.mark.parametrize("run", [synchronize, plainly])
def test_within_one_task(tmp_path: Path, run: Any) -> None:
    a, b, number, organisation, contract = both_deleted(tmp_path, [ORGANISATION])
    assert run(a, b, number) == "success" and not a.get(ORGANISATION, organisation).deleted
    end(b, organisation, contract)
    assert run(a, b, number) == "success"
    step = a.steps()[ORGANISATION, "pull"]
    if run is synchronize:
        assert (step.records, step.deleted, step.rejected) == (2, 2, 0)
    assert step.rejected == 0 and "rejected" not in step.message.lower()
    assert a.get(ORGANISATION, organisation).deleted
    assert a.db(a.db.sync_quarantine).isempty()


def test_with_another_task_in_the_next_run(tmp_path: Path) -> None:
    a, b, number, organisation, contract = both_deleted(tmp_path, [ORGANISATION, CONTRACT])
    assert synchronize(a, b, number) == "success"
    end(b, organisation, contract, organisation_id=None)
    assert synchronize(a, b, number) == "warning"                     # the contract goes only after it was refused
    assert a.steps()[ORGANISATION, "pull"].rejected == 1 and a.get(CONTRACT, contract).deleted
    assert not a.get(ORGANISATION, organisation).deleted
    a.skew = a.skew.__class__(hours=1)
    assert synchronize(a, b, number) == "success"
    step = a.steps()[ORGANISATION, "pull"]
    assert (step.records, step.deleted, step.rejected) == (1, 1, 0) and a.get(ORGANISATION, organisation).deleted


def test_somebody_here_still_refers_to_it(tmp_path: Path) -> None:
    a, b, number, organisation, contract = both_deleted(tmp_path, [ORGANISATION])
    assert synchronize(a, b, number) == "success"
    mine = a.insert(CONTRACT, title="mine", organisation_id=a.id_of(ORGANISATION, organisation))
    end(b, organisation, contract)
    assert synchronize(a, b, number) == "warning"
    step = a.steps()[ORGANISATION, "pull"]
    assert (step.deleted, step.rejected) == (1, 1) and "restricted" in step.message
    assert not a.get(ORGANISATION, organisation).deleted and not a.get(CONTRACT, mine).deleted
    a.delete(CONTRACT, mine)
    a.skew = a.skew.__class__(days=2)
    assert synchronize(a, b, number) == "success" and a.get(ORGANISATION, organisation).deleted
