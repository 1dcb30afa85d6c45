"""Figures of all repeats, and what is left of them: medians with their spread."""
from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Any

from pair import Figures

#: jobs of the floor program that the jobs of s3sync are held against, in the same repeat
FLOORS = {"pull": "floor pull", "push": "floor push", "export": "floor pull", "first export": "floor pull",
          "change 1 %": "floor change", "change 10 %": "floor change"}

#: order in which results are shown
JOBS = ("floor pull", "floor push", "floor change", "xmlfile", "pull", "push", "first export", "export", "unchanged",
        "change 1 %", "change 10 %")


@dataclass
class Case:
    """One job with one table at one size on one database.

    `ratios`: records/s by those of the floor, `xmlfile_ratios`: by lxml's own writing speed, repeat by repeat.
    """

    job: str
    table: str
    database: str
    records: int
    figures: list[Figures] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    xmlfile_ratios: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.job}, {self.table}"

    def summary(self) -> dict[str, Any]:
        """For results.json."""
        def middle(name: str, digits: int) -> float:
            return round(median(getattr(f, name) for f in self.figures), digits)

        seconds = [f.seconds for f in self.figures]
        every = [time for f in self.figures for time in f.times or [f.seconds]]
        moved = self.figures[0].records
        return {
            "case": self.name, "job": self.job, "table": self.table, "database": self.database, "records": self.records,
            "moved": moved, "repeats": len(self.figures), "seconds": middle("seconds", 4),
            "seconds_min": round(min(every), 4), "seconds_max": round(max(every), 4),
            "records_per_s": round(moved / median(seconds), 1) if moved else None,
            "ratio_to_floor": round(median(self.ratios), 3) if self.ratios else None,
            "ratio_to_xmlfile": round(median(self.xmlfile_ratios), 3) if self.xmlfile_ratios else None,
            "peak_kb_client": int(max(f.peak_kb_client for f in self.figures)),
            "peak_kb_server": int(max(f.peak_kb_server for f in self.figures)),
            "bytes": int(middle("bytes", 0)),
            "cpu_client": middle("cpu_client", 3), "cpu_server": middle("cpu_server", 3),
        }


class Results:
    """All cases of one benchmark."""

    def __init__(self) -> None:
        self._cases: dict[tuple[str, str, str, int], Case] = {}

    def add(self, database: str, table: str, records: int, repeat: dict[str, Figures]) -> None:
        """The jobs of one repeat, the floor's among them."""
        for job, figures in repeat.items():
            case = self._cases.setdefault((job, table, database, records), Case(job, table, database, records))
            case.figures.append(figures)
            floor = repeat.get(FLOORS.get(job, ""))
            if floor:
                case.ratios.append(speed(figures) / speed(floor))
            if job.endswith("export"):
                case.xmlfile_ratios.append(speed(figures) / speed(repeat["xmlfile"]))

    def summaries(self) -> list[dict[str, Any]]:
        """Of all cases, in order."""
        return sorted((case.summary() for case in self._cases.values()), key=_order)


def together(new: list[dict[str, Any]], kept: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Summaries of this run, and those of earlier ones of what it did not measure, in order."""
    measured = {_order(summary) for summary in new}
    return sorted([*new, *(summary for summary in kept if _order(summary) not in measured)], key=_order)


def _order(summary: dict[str, Any]) -> tuple[bool, str, int, int]:
    return summary["database"] != "sqlite", summary["table"], summary["records"], JOBS.index(summary["job"])


def speed(figures: Figures) -> float:
    """Records a second."""
    return figures.records / figures.seconds
