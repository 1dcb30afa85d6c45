"""What the benchmark says in the end: a table on the screen, results.json, results.svg, docs/benchmarks.md."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from bars import Verdict, judge
from chart import draw

Summary = dict[str, Any]

COLUMNS = ("job", "records", "seconds", "spread", "rec./s", "floor", "xmlfile", "kB wire", "MB client", "server", "CPU s")


def cells(summary: Summary) -> list[str]:
    """One line of the table."""
    def share(value: float | None) -> str:
        return f"{value:.0%}" if value is not None else ""

    def megabytes(kilobytes: int) -> str:
        return f"{kilobytes / 1024:.0f}" if kilobytes else ""

    speed = summary["records_per_s"]
    cpu = f"{summary['cpu_client']:.1f}" + (f" + {summary['cpu_server']:.1f}" if summary["cpu_server"] else "")
    return [summary["job"], f"{summary['moved']:,}" if summary["moved"] else f"0 of {summary['records']:,}",
            f"{summary['seconds']:.3f}", f"{summary['seconds_min']:.3f}–{summary['seconds_max']:.3f}",
            f"{speed:,.0f}" if speed else "", share(summary["ratio_to_floor"]), share(summary["ratio_to_xmlfile"]),
            f"{summary['bytes'] / 1024:,.0f}" if summary["bytes"] else "",
            megabytes(summary["peak_kb_client"]), megabytes(summary["peak_kb_server"]), cpu]


def show(console: Console, summaries: list[Summary]) -> None:
    """Tables and verdicts on the screen."""
    for database, table in dict.fromkeys((s["database"], s["table"]) for s in summaries):
        own = [s for s in summaries if (s["database"], s["table"]) == (database, table)]
        view = Table(title=f"{table}, {database}: medians; repeats {_repeats(own)}", title_justify="left", title_style="bold",
                     box=box.SIMPLE_HEAD, pad_edge=False)
        for name in COLUMNS:
            view.add_column(name, justify="left" if name == "job" else "right", no_wrap=True)
        before = None
        for summary in own:
            if before not in (None, summary["records"]):
                view.add_section()
            before = summary["records"]
            view.add_row(*cells(summary), style="dim" if summary["job"].startswith(("floor", "xmlfile")) else "")
        console.print(view)
    for verdict in judge(summaries):
        word = "[green]met    [/]" if verdict.met else "[red]not met[/]"
        console.print(f"{word} {verdict.bar}: {verdict.value} ({verdict.where})", highlight=False)


def write(folder: Path, summaries: list[Summary], about: dict[str, Any]) -> None:
    """results.json, results.svg and what they were got on."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(summaries, indent=1) + "\n")
    (folder / "machine.json").write_text(json.dumps(about, indent=1) + "\n")
    (folder / "results.svg").write_text(draw(summaries))


def read(folder: Path) -> list[Summary]:
    """What was found last; nothing if there is nothing."""
    path = folder / "results.json"
    found: list[Summary] = json.loads(path.read_text()) if path.exists() else []
    return found


INTRODUCTION = """\
# Benchmarks

`make bench` measures on your machine; this page is what it last found on ours (`make bench-docs` writes it).

**How.** Two real web2py sites on this machine, the server as `web2py.py`, the client's run in a process of its own with the
application's models, over HTTP. Before each of them the *floor* does the least that could be called a transfer: a program of
its own that GETs the same records as one gzipped document, reads them with lxml and inserts them in batches of 1,000, a
transaction each, into the same kind of database with the same tables and indices; for a push it POSTs them page by page to a
program that does the same; for changes it updates rows by uuid. The floor knows no identities, versions, conflicts, validators,
permissions, progress or errors. *xmlfile* is lxml writing the same elements from values in memory.

The tables have the indices that `s3sync doctor` asks for (on *modified_on*): without them each run reads the whole table.
Floor and s3sync take turns; figures are medians, the spread is the least and the most, ratios are to the floor of the same
repeat. MB are peak memory of a whole process; the client's needs about 65 MB before it does anything, a server whose ten
threads have answered some requests about 130 MB, whatever it was asked. CPU s are of client + server process, without
PostgreSQL's own. A first export also makes the index of the table's records; *export* is what a second peer's full pull costs
the server. *unchanged* is a run that finds nothing to do.

"""


LIMITS = """
## What limits it

Instructions do not depend on what else a machine does. Without HTTP and web2py, a pulled record takes about 760,000 of both
sites together, a pushed one 800,000, a changed one 820,000; the floor's pull takes 235,000. That is: a row read, compared
with its version by a digest, written as XML, packed; unpacked, parsed, checked, compared with row and version at the other
site, both written, with their indices. Where both sites have a processor each, their work overlaps; the *cores* of a small
virtual machine are often two threads of one, which then does all of it.

Each request costs the server as much as any page of the application, which opens the database and defines its tables first:
of some 25 ms here four fifths are web2py's and the application's. A run that finds nothing makes one request, one that moves
1,000 records three (two pages; it is done), one that moves 10,000 six. In a pull the next page is asked for while this one is
applied, so that what its request costs is hidden. In a push it is not: the server, which does the work then, has to answer
the requests as well, and the client waits for it. The fewer records, and the slower each request, the more that is.

What is missed of the bars here, and why:

- **A pull of 10,000 plain records on SQLite**, at 31 %: that is 235,000 to 760,000 instructions, with nothing gained by doing
  two things at a time. In other hours it was 39 % on the same machine, and 44 to 47 % on another whose two cores were less
  shared. With 100,000 records, whose index the floor has to keep as well, it is 43 %, with a million 46.
- **1,000 changed records** (10 % of 10,000) at 3,400 to 3,700 a second on SQLite: of 0.27 s, 0.1 are what the run and its
  three requests cost. 10,000 changed records are done at 4,900 a second, 100,000 at 6,750.
- **Exports on PostgreSQL**, at 39 to 53 % of *xmlfile*: an export is also the work of the database's process, which has to share
  the processor with the server's, while *xmlfile* writes values that are in memory already. On SQLite they are at 48 to 68 %. The
  same 10,000 records take *xmlfile* between 0.20 and 0.37 s here, so that of such a percentage the first digit says something.
- **Pushes on PostgreSQL**: as fast as a pull with plain records; at 0.83 to 0.95 of it with locations and organisations, whose
  references and validators (e-mail, URLs) are the server's work then as well as its answers.

Memory grows with the largest page, of 4,000 records, which 10,000 records reach, and with the number of the server's threads that
have written one; with the number of records it does not.
"""


def page(summaries: list[Summary], about: dict[str, Any]) -> str:
    """docs/benchmarks.md."""
    parts = [INTRODUCTION, "## Machine\n\n| | |\n|---|---|\n"]
    parts += [f"| {name} | {value} |\n" for name, value in about.items()]
    parts.append("\n## Bars\n\n| | where | found | |\n|---|---|---|---|\n")
    parts += [_verdict(verdict) for verdict in judge(summaries)]
    parts.append(LIMITS)
    parts.append(f"\n## Results\n\nMedians; repeats {_repeats(summaries)}.\n\n![Cost curves](benchmarks.svg)\n")
    for database, table in dict.fromkeys((s["database"], s["table"]) for s in summaries):
        parts.append(f"\n### {table}, {database}\n\n| {' | '.join(COLUMNS)} |\n|---|{'--:|' * (len(COLUMNS) - 1)}\n")
        parts += [f"| {' | '.join(cells(s))} |\n" for s in summaries if (s["database"], s["table"]) == (database, table)]
    return "".join(parts)


def _repeats(summaries: list[Summary]) -> str:
    """How often what was measured: "6 (1,000 and 10,000), 1 (1,000,000)"."""
    found: dict[str, list[str]] = {}
    for size in sorted({s["records"] for s in summaries}):
        times = sorted({s["repeats"] for s in summaries if s["records"] == size})
        found.setdefault(" to ".join(map(str, dict.fromkeys((times[0], times[-1])))), []).append(f"{size:,}")
    return ", ".join(f"{times} ({' and '.join(sizes)})" for times, sizes in found.items())


def _verdict(verdict: Verdict) -> str:
    return f"| {verdict.bar} | {verdict.where} | {verdict.value} | {'met' if verdict.met else '**not met**'} |\n"
