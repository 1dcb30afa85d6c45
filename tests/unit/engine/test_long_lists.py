"""What leads nowhere in a long document, or is missed in a dry run, costs a step each, not a pass over all others."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from local_sites import LocalSite

from s3sync.engine import flatten
from s3sync.engine.ledger import Ledger
from s3sync.engine.outcome import Outcome
from s3sync.s3xml.record import Record, Tuid


@pytest.mark.parametrize("own", [False, True], ids=["alone", "with tuids of their own"])
def test_tuids_that_lead_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: bool) -> None:
    site, calls = LocalSite(tmp_path, "here").open(), [0]
    wanted = flatten._Flattener._wanted

    def counted(self: Any, record: Record) -> Any:
        calls[0] += 1
        return wanted(self, record)

    monkeypatch.setattr(flatten._Flattener, "_wanted", counted)

    def took(count: int) -> int:
        calls[0] = 0
        given = [Record("org_office", f"u{n}", {"location_id": Tuid(f"x{n}"), "name": "x"}) for n in range(count)]
        for n, record in enumerate(given):
            record.tuid = f"o{n}" if own else None
        found = list(flatten.flatten(site, given))
        assert [r.uuid for r in found] == [f"u{n}" for n in range(count)] and all(r.values == {"name": "x"} for r in found)
        return calls[0]

    assert took(4000) < 2.5 * took(2000)


def test_tuids_that_lead_to_what_comes_last(tmp_path: Path) -> None:
    """Beyond what is held back at first, in circles and within others."""
    site = LocalSite(tmp_path, "here").open()
    many = flatten.HELD * 3
    given = [Record("org_office", f"u{n}", {"location_id": Tuid(f"x{n % 10}"), "name": "x"}) for n in range(many)]
    given += [Record("gis_location", "a", {"parent": Tuid("b")}, tuid="a")]
    given += [Record("gis_location", "", {"parent": Tuid("nowhere")})]
    given += [Record("gis_location", f"l{n}", {"name": "y"}, tuid=f"x{n}") for n in range(10)]
    given += [Record("gis_location", "b", {"parent": Tuid("a")}, tuid="b")]
    found = {r.uuid: r for r in flatten.flatten(site, given)}
    assert len(found) == len(given)
    assert all(found[f"u{n}"].values["location_id"] == f"l{n % 10}" for n in range(many))
    assert found["a"].values == {"parent": "b"} and found["b"].values == {"parent": "a"}


def test_what_a_dry_run_misses() -> None:
    def outcome(uuid: str, *missing: tuple[str, str]) -> Outcome:
        return Outcome("org_office", uuid, "created", missing=missing)

    def took(count: int) -> int:
        """Thousands of steps of SQLite's machine."""
        steps = [0]

        def tick() -> int:
            steps[0] += 1
            return 0

        with Ledger() as ledger:
            ledger.note((outcome(f"u{n}", ("gis_location", f"t{n}")) for n in range(count)), "b")
            ledger._db.set_progress_handler(tick, 1000)
            found = []
            while page := ledger.wanted(100):
                found += page
                if len(found) == 200:            # what comes is missing something as well, that is called before the others
                    ledger.note([outcome("late", ("a", "first"), ("gis_location", "t0"))], "b")
            ledger._db.set_progress_handler(None, 0)
        assert len(found) == len(set(found)) == count + 1 and found[-1] == ("a", "first")
        return steps[0]

    assert took(10_000) < 2.5 * took(5000)
