"""Many schedules, on all cores, one line at the end.

    python tests/torture [SCHEDULES] [--first N] [--jobs N] [--seed N]
"""
from __future__ import annotations

import argparse
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Iterator, Sequence

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]

from play import Result, Stage  # noqa: E402
from schedule import Schedule  # noqa: E402


def here(seeds: Sequence[int]) -> Iterator[Result]:
    """Run schedules in this process."""
    with tempfile.TemporaryDirectory(prefix="torture") as folder:
        stage = Stage(Path(folder))
        for seed in seeds:
            yield Schedule(stage, seed).run()
        stage.close()


def beside(seeds: Sequence[int], jobs: int) -> Iterator[Result]:
    """Run schedules in processes, each with sites and a database server of its own; raises RuntimeError if one breaks down."""
    said: queue.Queue[str | int] = queue.Queue()

    def listen(process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            said.put(line)
        said.put(process.wait())

    processes = [subprocess.Popen([sys.executable, __file__, "--share", *map(str, seeds[number::jobs])], text=True,
                                  stdout=subprocess.PIPE) for number in range(jobs)]
    try:
        for process in processes:
            threading.Thread(target=listen, args=(process,), daemon=True).start()
        working = jobs
        while working:
            item = said.get()
            if isinstance(item, str):
                values = json.loads(item)
                yield Result(**{**values, "survived": Counter(values["survived"])})
            elif item:
                raise RuntimeError(f"a process of the torture ended with status {item}")
            else:
                working -= 1
    finally:
        for process in processes:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)         # they remove their databases
        for process in processes:
            process.wait()


def report(result: Result) -> None:
    """What went wrong in one schedule."""
    print(f"seed {result.seed}{' (with a plain Eden)' if result.plain else ''}:")
    for name in ("lost", "differing", "unquiet"):
        for line in getattr(result, name)[:6]:
            print(f"   {name}: {line}")
    if result.duplicated:
        print(f"   duplicated: {result.duplicated}")
    sys.stdout.flush()


def summed(results: Iterator[Result], number: int) -> int:
    """Count results, say what went wrong and at the end what they came to; 0 if nothing was lost, doubled or left different."""
    survived: Counter = Counter()
    failed: list[int] = []
    lost = doubled = diverged = count = 0
    began = time.monotonic()
    for result in results:
        count += 1
        survived += result.survived
        lost += len(result.lost)
        doubled += result.duplicated
        diverged += bool(result.differing or result.unquiet)
        if not result.good:
            failed.append(result.seed)
            report(result)
        if count % 50 == 0:
            print(f"… {count} of {number}, {time.monotonic() - began:.0f} s: lost {lost}, duplicated {doubled}, "
                  f"diverged {diverged}", file=sys.stderr, flush=True)
    faults = ", ".join(f"{number} {kind}" for kind, number in sorted(survived.items()))
    print(f"{count} schedules in {time.monotonic() - began:.0f} s; survived: {faults or 'nothing'}; "
          f"records lost {lost}, duplicated {doubled}, schedules diverged {diverged}"
          + (f"; seeds that failed: {', '.join(map(str, sorted(failed)))}" if failed else ""))
    return 1 if failed or count < number else 0


def main() -> int:
    """Run schedules; 0 if all went well."""
    parser = argparse.ArgumentParser(prog="make torture", description=__doc__.splitlines()[0])
    parser.add_argument("schedules", nargs="?", type=int, default=2000)
    parser.add_argument("--seed", type=int, help="this schedule alone")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at the same time")
    parser.add_argument("--share", type=int, nargs="*", help=argparse.SUPPRESS)
    given = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)      # a shell lets what it starts in the background ignore it
    if given.share is not None:
        try:
            for result in here(given.share):
                print(json.dumps(vars(result)), flush=True)
        except KeyboardInterrupt:
            return 130
        return 0
    seeds = [given.seed] if given.seed is not None else list(range(given.first, given.first + given.schedules))
    jobs = min(given.jobs, len(seeds))
    return summed(beside(seeds, jobs) if jobs > 1 else here(seeds), len(seeds))


if __name__ == "__main__":
    sys.exit(main())
