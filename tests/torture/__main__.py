"""Many schedules, one line at the end.

    python tests/torture [SCHEDULES] [--seed N]
"""
from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]

from schedule import Result, Schedule, Stage  # noqa: E402


def report(result: Result) -> None:
    """What went wrong in one schedule."""
    print(f"seed {result.seed}{' (with a plain Eden)' if result.plain else ''}:")
    for name in ("lost", "differing", "unquiet"):
        for line in getattr(result, name)[:6]:
            print(f"   {name}: {line}")
    if result.duplicated:
        print(f"   duplicated: {result.duplicated}")
    sys.stdout.flush()


def main() -> int:
    """Run schedules; 0 if nothing was lost, doubled or left different."""
    parser = argparse.ArgumentParser(prog="make torture", description=__doc__.splitlines()[0])
    parser.add_argument("schedules", nargs="?", type=int, default=2000)
    parser.add_argument("--seed", type=int, help="this schedule alone")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seconds", type=float, help="no longer than this")
    given = parser.parse_args()
    seeds = [given.seed] if given.seed is not None else range(given.first, given.first + given.schedules)
    survived: Counter = Counter()
    lost = doubled = diverged = count = 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="torture") as folder:
        stage = Stage(Path(folder))
        for seed in seeds:
            result = Schedule(stage, seed).run()
            count += 1
            survived += result.survived
            lost += len(result.lost)
            doubled += result.duplicated
            diverged += bool(result.differing or result.unquiet)
            if not result.good:
                report(result)
            if count % 50 == 0:
                print(f"… {count} of {len(seeds)}, up to seed {seed}, {time.monotonic() - began:.0f} s: lost {lost}, "
                      f"duplicated {doubled}, diverged {diverged}", file=sys.stderr, flush=True)
            if given.seconds and time.monotonic() - began > given.seconds:
                break
        stage.close()
    faults = ", ".join(f"{number} {kind}" for kind, number in sorted(survived.items()))
    print(f"{count} schedules in {time.monotonic() - began:.0f} s; survived: {faults or 'nothing'}; "
          f"records lost {lost}, duplicated {doubled}, schedules diverged {diverged}")
    return 1 if lost or doubled or diverged else 0


if __name__ == "__main__":
    sys.exit(main())
