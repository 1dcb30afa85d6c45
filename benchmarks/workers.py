"""How much several workers on one PostgreSQL help: `make bench-workers`, or `python benchmarks/workers.py --records 10000`."""
from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

import machine
from command import carry_out
from crowd import CASES, RATE, ROUND_TRIP, Crowd
from pair import HERE, free_port
from postgres import PostgresServer
from storage import connect

REPOSITORY = HERE.parent
PAGE = REPOSITORY / "docs" / "discussion" / "several-workers.md"
NUMBERS = (1, 2, 4)
FAST = "this machine"
SLOW = f"satellite ({ROUND_TRIP * 1000:.0f} ms, {RATE // 1000} kB/s each)"
PARTS = ("workers", "peers", "postgres")
COLUMNS = ("case", "links", "workers", "at work", "seconds", "spread", "records/s", "speed-up", "CPU s: workers", "peers",
           "PostgreSQL")

Summary = dict[str, Any]


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks/workers.py", description="One, two and four workers on one PostgreSQL.")
    parser.add_argument("--records", type=int, default=10_000, help="in each of four tables (10000)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "build" / "bench")
    parser.add_argument("--docs", action="store_true", help="no measuring: write the last results into docs/")
    return parser.parse_args()


def measure(console: Console, chosen: argparse.Namespace) -> tuple[list[Summary], str]:
    """Everything, the numbers of workers in turn; the results and PostgreSQL's version."""
    server = PostgresServer(chosen.folder / "postgres-server", free_port())
    crowd: Crowd | None = None
    found: dict[tuple[str, str, int], list[tuple[float, dict[str, float], int]]] = {}
    try:
        console.print("Starting a PostgreSQL server, building a site and its five peers")
        server.start()
        crowd = Crowd(chosen.folder / "crowd", server, chosen.records)
        crowd.build()
        for repeat in range(chosen.repeats):
            for case in CASES:
                for links in (FAST, SLOW):
                    for workers in NUMBERS:
                        crowd.prepare(case, workers, links == SLOW)
                        seconds, cpu = crowd.run(case)
                        found.setdefault((case, links, workers), []).append((seconds, cpu, crowd.at_work()))
                        crowd.rest()
                        console.print(f"{case}, {links}, {workers} workers: repeat {repeat + 1} of {chosen.repeats} took "
                                      f"{seconds:.1f} s", highlight=False)
        connection = connect("postgres", server.dsn("postgres"))
        version = f"{connection.server_version // 10000}.{connection.server_version % 10000}"
        connection.close()
    finally:
        if crowd is not None:
            crowd.rest()
        server.stop()
    return [summary(key, times, 4 * chosen.records, found) for key, times in found.items()], version


def summary(key: tuple[str, str, int], times: list[Any], records: int, found: dict[Any, Any]) -> Summary:
    """Medians of one case; the speed-up is that of each repeat against one worker in the same repeat."""
    case, links, workers = key
    seconds = [each[0] for each in times]
    ratios = [one[0] / each for one, each in zip(found[case, links, 1], seconds)]
    median = statistics.median(seconds)
    return {"case": case, "links": links, "workers": workers, "at_work": statistics.median(each[2] for each in times),
            "records": records, "seconds": median, "seconds_min": min(seconds), "seconds_max": max(seconds),
            "records_per_s": records / median, "speedup": statistics.median(ratios), "repeats": len(times),
            **{f"cpu_{name}": statistics.median(each[1][name] for each in times) for name in PARTS}}


def cells(each: Summary) -> list[str]:
    """One line of the table."""
    return [each["case"], each["links"], str(each["workers"]), f"{each['at_work']:.0f}", f"{each['seconds']:.1f}",
            f"{each['seconds_min']:.1f}–{each['seconds_max']:.1f}", f"{each['records_per_s']:,.0f}", f"{each['speedup']:.2f}",
            *(f"{each[f'cpu_{name}']:.1f}" for name in PARTS)]


def show(console: Console, summaries: list[Summary]) -> None:
    """The table on the screen."""
    view = Table(title=f"{summaries[0]['records']:,} records, median of {summaries[0]['repeats']}", title_justify="left",
                 box=box.SIMPLE_HEAD, pad_edge=False)
    for name in COLUMNS:
        view.add_column(name, justify="left" if name in COLUMNS[:2] else "right")
    for each in summaries:
        view.add_row(*cells(each))
    console.print(view)


def write_docs(folder: Path) -> None:
    """Put the last results into the page, between its two marks."""
    said = json.loads((folder / "workers.json").read_text())
    summaries, about = said["results"], said["machine"]
    lines = [f"{summaries[0]['records']:,} records in four tables, full pull, median of {summaries[0]['repeats']}. "
             f"Machine: {about['processor']}, {about['cores']} cores, {about['memory']}; {about['in use before']} in use before. "
             f"{about['system']}; Python {about['Python']}, PostgreSQL {about['PostgreSQL']}, web2py {about['web2py-gluon']}, "
             f"pyDAL {about['pyDAL']}, lxml {about['lxml']}.", "",
             "| " + " | ".join(COLUMNS) + " |", "|" + "---|" * 2 + "--:|" * (len(COLUMNS) - 2),
             *("| " + " | ".join(cells(each)) + " |" for each in summaries)]
    text = re.sub(r"(?s)(<!-- figures -->\n).*(<!-- end of figures -->)",
                  lambda match: match[1] + "\n".join(lines) + "\n" + match[2], PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(text, encoding="utf-8")


def main() -> int:
    """Exit status 0 if everything could be measured, whatever came out."""
    chosen = options()
    console = Console(width=None if sys.stdout.isatty() else 150)
    if chosen.docs:
        write_docs(chosen.folder)
        return 0
    chosen.folder.mkdir(parents=True, exist_ok=True)
    load = machine.busy()

    def work() -> None:
        summaries, version = measure(console, chosen)
        target = chosen.folder / "workers.json"
        target.write_text(json.dumps({"machine": machine.describe(load, version), "results": summaries}, indent=1) + "\n")
        show(console, summaries)
        console.print(str(target), highlight=False)
    return carry_out(console, work)


if __name__ == "__main__":
    sys.exit(main())
