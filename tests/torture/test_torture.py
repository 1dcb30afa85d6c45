"""A share of the schedules of `make torture`, as many as a minute allows."""
from __future__ import annotations

import sys
import time
from pathlib import Path

from schedule import Schedule, Stage

SECONDS = 45

#: schedules that once lost something or left sites different
FOUND = (90, 117, 160, 184, 370, 404, 678, 760, 817, 874, 1050, 1093)


def test_schedules_that_found_something(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    for seed in FOUND:
        result = Schedule(stage, seed).run()
        assert result.good, f"make torture SEED={seed}: {result}"
    stage.close()


def test_nothing_is_lost_doubled_or_left_different(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    began, seed = time.monotonic(), 0
    while time.monotonic() - began < SECONDS and seed < 300:
        seed += 1
        result = Schedule(stage, seed).run()
        assert result.good, f"make torture SEED={seed}: {result}"
    stage.close()
    print(f"{seed} schedules", file=sys.stderr)
