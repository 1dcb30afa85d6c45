"""The benchmark: `make bench`, or `python benchmarks --sizes 1000,10000`."""
from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any, Callable

from rich.console import Console

import machine
import report
from bench import FEW, Bench
from command import carry_out
from pair import HERE, free_port
from postgres import PostgresServer
from result import Results, together
from storage import PostgresStorage, SqliteStorage, connect
from subject import SUBJECTS

MILLION = 1_000_000
REPOSITORY = HERE.parent


def names(known: tuple[str, ...]) -> Any:
    """A list of some of these, separated by commas."""
    def parse(text: str) -> list[str]:
        found = [name for name in text.split(",") if name]
        unknown = [name for name in found if name not in known]
        if unknown or not found:
            raise argparse.ArgumentTypeError(f"one or more of {','.join(known)}")
        return found
    return parse


def sizes(text: str) -> list[int]:
    """Numbers of records, separated by commas; at least 400, so that 1 % of an organisation's offices is something."""
    found = sorted({int(size) for size in text.split(",") if size})
    if not found or found[0] < 400:
        raise argparse.ArgumentTypeError("numbers of records, 400 at least")
    return found


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="s3sync against the least that could be called a transfer.")
    parser.add_argument("--sizes", type=sizes, default=[1000, 10_000, 100_000], help="numbers of records (1000,10000,100000)")
    parser.add_argument("--million", action="store_true", help="also 1,000,000 records, once")
    parser.add_argument("--databases", type=names(("sqlite", "postgres")), default=["sqlite", "postgres"])
    parser.add_argument("--tables", type=names(tuple(SUBJECTS)), default=list(SUBJECTS))
    parser.add_argument("--repeats", type=int, default=3, help="twice as many of sizes up to 10,000 (3)")
    parser.add_argument("--add", action="store_true", help="keep the results of other cases from the runs before")
    parser.add_argument("--profile", action="store_true", help="keep cProfile's figures of the client's runs in FOLDER/profiles")
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "build" / "bench")
    parser.add_argument("--docs", action="store_true", help="no measuring: write docs/benchmarks.md from the last results")
    return parser.parse_args()


def measure(console: Console, chosen: argparse.Namespace, note: Callable[[Results, str], None]) -> Results:
    """Everything; `note` is told the results so far and PostgreSQL's version whenever a table is done."""
    results, version = Results(), ""
    profile = chosen.folder / "profiles" if chosen.profile else None
    if profile:
        profile.mkdir(parents=True, exist_ok=True)
    server = PostgresServer(chosen.folder / "postgres-server", free_port()) if "postgres" in chosen.databases else None
    benches: list[Bench] = []
    try:
        if server:
            console.print("Starting a PostgreSQL server")
            server.start()
            version = _version(server)
        for kind in chosen.databases:
            console.print(f"Building two sites on {kind}")
            folder = chosen.folder / kind
            bench = Bench(folder, kind, _storages(kind, folder, server), results, profile)
            benches.append(bench)
            bench.build()
        work = [(size, chosen.repeats * (2 if size <= FEW else 1)) for size in chosen.sizes]
        if chosen.million:
            work = [pair for pair in work if pair[0] != MILLION] + [(MILLION, 1)]
        for size, repeats in work:
            for name in chosen.tables:
                for bench in benches:
                    bench.prepare(SUBJECTS[name], size)
                for repeat in range(repeats):
                    for bench in benches:
                        began = time.monotonic()
                        bench.repeat(SUBJECTS[name], size)
                        console.print(f"{size:>9,} {name}, {bench.kind}: repeat {repeat + 1} of {repeats} took "
                                      f"{time.monotonic() - began:.0f} s", highlight=False)
                for bench in benches:
                    bench.drop(SUBJECTS[name], size)
                note(results, version)
        return results
    finally:
        for bench in benches:
            bench.stop()
        if server:
            server.stop()


def _storages(kind: str, folder: Path, server: PostgresServer | None) -> Any:
    if kind == "sqlite":
        return lambda site: SqliteStorage(site.database, folder / "kept", site.root.name)
    return lambda site: PostgresStorage(server, site.root.name)      # type: ignore[arg-type]


def _version(server: PostgresServer) -> str:
    connection = connect("postgres", server.dsn("postgres"))
    try:
        return str(connection.server_version // 10000) + "." + str(connection.server_version % 10000)
    finally:
        connection.close()


def write_docs(folder: Path) -> None:
    """docs/benchmarks.md and its picture, from the last results."""
    summaries = report.read(folder)
    about = json.loads((folder / "machine.json").read_text())
    docs = REPOSITORY / "docs"
    (docs / "benchmarks.md").write_text(report.page(summaries, about))
    shutil.copyfile(folder / "results.svg", docs / "benchmarks.svg")


def main() -> int:
    """Exit status 0 if everything could be measured, whatever came out."""
    chosen = options()
    console = Console(width=None if sys.stdout.isatty() else 130)
    if chosen.docs:
        write_docs(chosen.folder)
        return 0
    chosen.folder.mkdir(parents=True, exist_ok=True)
    load = machine.busy()

    kept = report.read(chosen.folder) if chosen.add else []

    def note(results: Results, version: str) -> None:
        """At once: who stops a long run keeps what it has found."""
        report.write(chosen.folder, together(results.summaries(), kept), machine.describe(load, version))

    def work() -> None:
        results = measure(console, chosen, note)
        report.show(console, results.summaries())
        if load > machine.BUSY:
            console.print(f"[yellow]The machine was busy already ({load:.1f} processors in use): measure again when quiet[/]")
        console.print(f"{chosen.folder / 'results.json'}, {chosen.folder / 'results.svg'}", highlight=False)
    return carry_out(console, work)


if __name__ == "__main__":
    sys.exit(main())
