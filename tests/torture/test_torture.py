"""A share of the schedules of `make torture`: others in the run without web2py, so that all tests are a few hundred."""
from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path

from play import Stage
from schedule import Schedule

#: as many as that, and no longer than this
SCHEDULES, SECONDS = 150, 150

FIRST = 1 if importlib.util.find_spec("gluon") else 1001

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
    began, count = time.monotonic(), 0
    while time.monotonic() - began < SECONDS and count < SCHEDULES:
        seed = FIRST + count
        count += 1
        result = Schedule(stage, seed).run()
        assert result.good, f"make torture SEED={seed}: {result}"
    stage.close()
    print(f"{count} schedules from seed {FIRST}", file=sys.stderr)
