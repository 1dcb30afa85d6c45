"""What a synchronisation costs, in counts that do not depend on the machine: G9, and issue 5's bars without a clock.

Each figure is the one measured when this was written, with room for a statement or two: whoever adds one per batch
should do so knowingly, whoever adds one per record is told here.
"""
from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from measure import BATCH

HERE = Path(__file__).resolve().parent
FEW, MANY = 1000, {"pull": 20_000, "push": 8000}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Gives the figures of measure.py for a number of records and a direction."""
    @cache
    def measure(records: int, direction: str) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp(f"{direction}{records}")
        done = subprocess.run([sys.executable, str(HERE / "measure.py"), str(folder), str(records), direction],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found
    return measure


def per_batch(measured: Any, direction: str, end: str, figure: str) -> float:
    """How much more each further batch costs."""
    few, many = (measured(size, direction)["first"][end][figure] for size in (FEW, MANY[direction]))
    return float((many - few) / ((MANY[direction] - FEW) / BATCH))


@pytest.mark.parametrize("direction, end, statements, lookups", [
    ("pull", "here", 22, 11), ("pull", "there", 21, 17), ("push", "here", 21, 12), ("push", "there", 19, 15)])
def test_batch_takes_the_same_few_statements_whatever_it_holds(measured: Any, direction: str, end: str, statements: int,
                                                               lookups: int) -> None:
    assert per_batch(measured, direction, end, "statements") <= statements
    assert per_batch(measured, direction, end, "selects") <= lookups


@pytest.mark.parametrize("direction, receiver, sender", [("pull", "here", "there"), ("push", "there", "here")])
def test_record_is_written_once_with_its_version(measured: Any, direction: str, receiver: str, sender: str) -> None:
    assert per_batch(measured, direction, receiver, "writes") / BATCH <= 2.1       # row and version
    assert per_batch(measured, direction, sender, "writes") / BATCH <= 1.1         # version, the first time


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_unchanged_run_costs_the_same_however_many_records_there_are(measured: Any, direction: str) -> None:
    few, many = (measured(size, direction)["unchanged"] for size in (FEW, MANY[direction]))
    for site in ("here", "there"):
        assert few[site] == many[site]
    assert few["requests"] == many["requests"] <= 1
    assert few["here"]["statements"] + few["there"]["statements"] <= 60


def test_records_travel_in_full_pages_of_few_bytes(measured: Any) -> None:
    found = measured(20_000, "pull")["first"]
    assert found["requests"] <= 20_000 / BATCH + 2
    assert found["expanded"] / 20_000 <= 480 and found["bytes"] / 20_000 <= 16


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_memory_does_not_grow_with_the_number_of_records(measured: Any, direction: str) -> None:
    few, many = (measured(size, direction)["peak_kb"] for size in (FEW, MANY[direction]))
    assert many <= 1.2 * few
