"""Two web2py sites synchronise: `make demo`, or `python examples/demo [--once]`.

A field office (the local site, with a worker) and headquarters (the remote one), each a web2py root below build/demo/
with the application examples/eden and the drop-in, put there by `s3sync install`.
"""
from __future__ import annotations

import argparse
import json
import secrets
import signal
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Tuple

from rich.console import Console
from rich.markup import escape

import compare
import field_office
import real_input
import watch
from sites import ADMIN, REPOSITORY, Site, SiteError, free_port

HERE = Path(__file__).resolve().parent
PULL, BOTH = 1, 3                     # sync_task.mode
LOCAL, REMOTE = "field office", "headquarters"
READ = ["read"]
WRITE = ["read", "create", "update", "delete"]

Figures = Dict[str, Any]


class Demo:
    """The two sites and what is done with them, step by step."""

    def __init__(self, console: Console, folder: Path, ports: Tuple[int, int], smallest: int) -> None:
        self.console = console
        self.smallest = smallest
        local, remote = ports
        self.local = Site(folder / "local", local, "Field office Beira", "the local site")
        self.remote = Site(folder / "remote", remote, "Headquarters", "the remote site")
        self.repository_id = 0
        self.figures: Figures = {"ok": False}

    def say(self, text: str) -> None:
        self.console.print(f"[bold green]>[/] {text}")

    def build(self) -> None:
        """Two web2py roots with the application and the drop-in, running, with data."""
        for site in (self.local, self.remote):
            site.build()
        self.say(f"Two web2py roots below {escape(shorten(self.local.root.parent))}, "
                 "the drop-in put into both by s3sync install")
        began = time.monotonic()
        at_remote = real_input.load(self.remote.database, self.smallest)
        at_local = field_office.load(self.local.database)
        self.say(f"Headquarters: {numbers(at_remote)} · field office: {numbers(at_local)} "
                 f"({time.monotonic() - began:.1f} s)")
        self.figures["input"] = {**at_remote, **at_local}
        self.local.start()
        self.remote.start()

    def register(self) -> None:
        """Each site is registered at the other, as the guide says; tasks at the local one."""
        password = secrets.token_urlsafe(12)
        uuids = [site.sql("SELECT uuid FROM sync_config ORDER BY id")[0]["uuid"] for site in (self.local, self.remote)]
        script = HERE / "at_registration.py"
        self.remote.shell(script, {
            "repository": {"name": self.local.name, "uuid": uuids[0], "accept_push": True},
            "tasks": [],
            "user": {"email": "beira@example.com", "password": password, "name": self.local.name},
            "permissions": {"gis_location": ["read", "create", "update"], "transport_airport": READ,
                            "org_organisation": WRITE, "org_office": WRITE}})
        self.repository_id = self.local.shell(script, {
            "repository": {"name": self.remote.name, "uuid": uuids[1], "url": self.remote.url,
                           "username": "beira@example.com", "password": password},
            "tasks": [{"resource_name": "gis_location", "mode": PULL, "components": False},
                      {"resource_name": "transport_airport", "mode": PULL, "components": False},
                      {"resource_name": "org_organisation", "mode": BOTH, "components": True}],
            "user": {"email": "headquarters@example.com", "password": secrets.token_urlsafe(12),
                     "name": self.remote.name},
            "permissions": {"org_organisation": READ, "org_office": READ}})
        self.say("Both registered at each other; tasks at the field office: pull gis_location and transport_airport, "
                 "pull and push org_organisation with its offices")

    def run(self, title: str) -> watch.Run:
        """Queue a job, follow the worker, show the result."""
        after = watch.last_run(self.local)
        job = self.local.shell("answer = s3sync_app.queue(arguments, 1)", self.repository_id)
        result = watch.follow(self.console, self.local, after, int(job))
        watch.show(self.console, title, result)
        return result

    def change(self) -> int:
        """People at both sites go on working; returns how many records they touched."""
        total = 0
        for site, name in ((self.remote, REMOTE), (self.local, LOCAL)):
            for what, count in site.shell(HERE / "at_changes.py", name):
                self.console.print(f"    {name}: {what} ({count})")
                total += count
        return total

    def compared(self) -> List[compare.Comparison]:
        """Compare both databases with plain SQL and say what came out."""
        results = compare.compare(self.local.database, self.remote.database)
        for result in results:
            verdict = "[green]equal[/]" if not result.differences else f"[red]{len(result.differences)} differences[/]"
            self.console.print(f"    {result.table}: {result.live:,} records, {result.fields} fields each, "
                               f"{result.deleted} deleted: {verdict}")
            for line in result.differences[:5]:
                self.console.print(f"      {line}", style="red", markup=False)
        return results

    def play(self) -> bool:
        """All of it; True if both runs went well and both sites hold the same records."""
        began = time.monotonic()
        self.build()
        self.register()
        self.local.start_worker()
        self.say(f"Worker at the field office: python web2py.py -K {self.local.app} -Q")
        first = self.run("First run")
        self.say("Changes at both sites:")
        changed = self.change()
        second = self.run(f"Second run: {changed} records were changed")
        self.say("Comparison of both databases by plain SQL:")
        results = self.compared()
        compared, differences = compare.summary(results)
        # nothing but the changes may travel; whether all of them did, the comparison tells
        well = all(run.status == "success" for run in (first, second)) and second.records <= changed
        if second.records > changed:
            self.console.print(f"The second run moved {second.records} records, only {changed} were changed", style="red")
        self.figures.update(
            ok=well and compare.is_equal(results), first_run=first.figures(), changed=changed,
            second_run=second.figures(), compared=compared, differences=differences,
            seconds=round(time.monotonic() - began, 1),
            comparison={result.table: result.figures() for result in results})
        return bool(self.figures["ok"])

    def stop(self) -> None:
        for site in (self.local, self.remote):
            site.stop()


def shorten(path: Path) -> str:
    """A path relative to the repository, where it lies in it."""
    return str(path.relative_to(REPOSITORY)) if REPOSITORY in path.parents else str(path)


def numbers(counts: Dict[str, int]) -> str:
    """{"cities": 34006} as "34,006 cities"."""
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def choose_ports(console: Console, wanted: Tuple[int, int]) -> Tuple[int, int]:
    """The wanted ports, or free ones, saying so."""
    chosen: List[int] = []
    for port in wanted:
        free = free_port(port, chosen)
        if free != port:
            console.print(f"[yellow]Port {port} is taken, using {free} instead[/]")
        chosen.append(free)
    return chosen[0], chosen[1]


def terminated(number: int, frame: Any) -> None:
    """SIGTERM and SIGINT end the demo as Ctrl-C does."""
    raise KeyboardInterrupt


def main() -> int:
    """Run the demo; the exit status is 0 only if both sites hold the same records in the end."""
    parser = argparse.ArgumentParser(prog="examples/demo", description="Two web2py sites synchronise.")
    parser.add_argument("--once", action="store_true", help="end after the comparison; last line: the figures as JSON")
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "build" / "demo", help="where the sites are built")
    parser.add_argument("--ports", type=int, nargs=2, default=(8000, 8001), metavar=("LOCAL", "REMOTE"))
    parser.add_argument("--cities", type=int, default=15000, choices=(500, 1000, 5000, 15000), metavar="INHABITANTS",
                        help="cities with at least so many inhabitants (500, 1000, 5000 or 15000)")
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 110)
    signal.signal(signal.SIGTERM, terminated)
    signal.signal(signal.SIGINT, terminated)        # also where a shell started us with SIGINT ignored
    for name in ("local", "remote"):            # left over from a demo that was killed
        Site(options.folder / name, 0).stop()
    demo = Demo(console, options.folder, choose_ports(console, tuple(options.ports)), options.cities)
    well = False
    try:
        well = demo.play()
        if not options.once:
            console.print()
            for site in (demo.local, demo.remote):
                console.print(f"  {site.name:<20} [link={site.url}]{site.url}[/link]")
            console.print(f"  Log in as {ADMIN[0]} / {ADMIN[1]}, then Administration > Synchronization.")
            console.print("  Ctrl-C ends the demo.")
            while True:
                time.sleep(3600)
    except SiteError as error:
        console.print(str(error), style="red", markup=False)
    except KeyboardInterrupt:
        console.print("\nStopping")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        demo.stop()
    if options.once:
        print(json.dumps(demo.figures))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
