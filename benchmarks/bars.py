"""What the project wants to reach, and whether these results do."""
from __future__ import annotations

from typing import Any, NamedTuple

Summary = dict[str, Any]

#: records from which on a speed is judged: below, the fixed costs of a run (connecting, logging) outweigh the rest
JUDGED = 10_000


class Bar:
    """Limits, with their names as they are shown."""

    PULL_PLAIN = 0.40
    PULL_CHECKED = 0.15
    EXPORT = 0.50
    CHANGE = 4000
    CHANGE_FLOOR = 15000
    SAME = 1.20                 #: how much more may memory be at the largest size
    NOISE = 1.25                #: how much longer may the fastest unchanged run take, …
    NOISE_SECONDS = 0.03        #: … or by how many seconds


class Verdict(NamedTuple):
    """One bar, held against the results of one table on one database."""

    bar: str
    where: str
    value: str
    met: bool


def judge(summaries: list[Summary]) -> list[Verdict]:
    """All that can be said of these results.

    Of speed at each size that was measured more than once.
    """
    found: list[Verdict] = []
    for database, table in sorted({(s["database"], s["table"]) for s in summaries}, reverse=True):
        own = [s for s in summaries if (s["database"], s["table"]) == (database, table)]
        sizes = sorted({s["records"] for s in own})
        measured = {s["records"] for s in own if s["repeats"] > 1} or set(sizes)
        for size in sorted(measured):
            if size >= JUDGED:
                found += _speeds(table, f"{table}, {database}, {size:,}", {s["job"]: s for s in own if s["records"] == size})
        if len(sizes) > 1:
            found += _flatness(f"{table}, {database}", own, sizes)
    return found


def _speeds(table: str, where: str, jobs: dict[str, Summary]) -> list[Verdict]:
    wanted = Bar.PULL_PLAIN if table == "plain" else Bar.PULL_CHECKED
    pull, push, export, change = jobs["pull"], jobs["push"], jobs["export"], jobs["change 10 %"]
    scale = jobs["floor change"]["records_per_s"] / Bar.CHANGE_FLOOR
    return [
        Verdict(f"full pull at {wanted:.0%} of the floor or more", where, f"{pull['ratio_to_floor']:.0%}",
                pull["ratio_to_floor"] >= wanted),
        Verdict(f"export at {Bar.EXPORT:.0%} of lxml's xmlfile or more", where, f"{export['ratio_to_xmlfile']:.0%}",
                export["ratio_to_xmlfile"] >= Bar.EXPORT),
        Verdict("push as fast as pull (within 10 %)", where, f"{push['records_per_s'] / pull['records_per_s']:.2f} of it",
                push["records_per_s"] >= 0.9 * pull["records_per_s"]),
        Verdict(f"10 % changed at {Bar.CHANGE:,} records/s where the floor does {Bar.CHANGE_FLOOR:,}", where,
                f"{change['records_per_s']:,.0f} records/s, floor {jobs['floor change']['records_per_s']:,.0f}",
                change["records_per_s"] >= Bar.CHANGE * min(scale, 1.0)),
    ]


def _flatness(where: str, own: list[Summary], sizes: list[int]) -> list[Verdict]:
    found = []
    unchanged = {s["records"]: s["seconds_min"] for s in own if s["job"] == "unchanged"}       # the least disturbed
    few, many = unchanged[sizes[0]], unchanged[sizes[-1]]
    span = f"{sizes[0]:,} to {sizes[-1]:,}"
    found.append(Verdict("an unchanged run costs the same", f"{where}, {span}", f"{few * 1000:.0f} to {many * 1000:.0f} ms",
                         many <= max(few * Bar.NOISE, few + Bar.NOISE_SECONDS)))
    from_size = min((size for size in sizes if size >= JUDGED), default=sizes[0])
    if from_size == sizes[-1]:
        return found
    for job, side in (("pull", "client"), ("pull", "server"), ("push", "client"), ("push", "server")):
        peaks = {s["records"]: s[f"peak_kb_{side}"] for s in own if s["job"] == job}
        low, high = peaks[from_size], peaks[sizes[-1]]
        found.append(Verdict(f"peak memory of the {side} in a {job} within 20 %", f"{where}, {from_size:,} to {sizes[-1]:,}",
                             f"{low / 1024:.0f} to {high / 1024:.0f} MB", high <= low * Bar.SAME))
    return found
