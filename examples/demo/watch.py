"""Follows a run while it goes on, from what the worker writes into sync_run and sync_run_task (read-only SQL)."""
from __future__ import annotations

import sqlite3
import time
from typing import Any, Dict, List

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from sites import Site, SiteError

COUNTS = ("records", "created", "updated", "deleted", "unchanged", "waiting", "conflicts", "rejected", "kept")
SHOWN = (("records", "rec."), ("created", "new"), ("updated", "upd."), ("deleted", "del."), ("waiting", "wait"),
         ("rejected", "rej."), ("seconds", "s"), ("records/s", "rec./s"))
STYLES = {"warning": "yellow", "error": "red", "interrupted": "red"}


class Run:
    """One run as it was at its end: `status`, `message`, `seconds` and one dictionary for each task and direction."""

    def __init__(self, row: sqlite3.Row, tasks: List[Dict[str, Any]], seconds: float) -> None:
        self.status: str = row["status"]
        self.message: str = row["message"] or ""
        self.tasks = tasks
        self.seconds = seconds

    @property
    def records(self) -> int:
        """Records transferred in both directions."""
        return sum(task["records"] for task in self.tasks)

    def figures(self) -> Dict[str, Any]:
        """For the last line of `make demo-once`."""
        return {"status": self.status, "seconds": round(self.seconds, 1), "records": self.records, "tasks": self.tasks}


def last_run(site: Site) -> int:
    """The number of the latest run, 0 if there was none."""
    return int(site.sql("SELECT coalesce(max(id), 0) AS id FROM sync_run")[0]["id"])


def follow(console: Console, site: Site, after: int, scheduler_task: int, patience: float = 900.0) -> Run:
    """Show a progress bar for each task of the first run after run number `after`, until it is finished.

    `patience` are the seconds without any progress after which it is given up; raises SiteError.
    """
    bars: Dict[int, Any] = {}
    moved, before = time.monotonic(), None
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=30),
               TextColumn("{task.fields[shown]}", justify="right"), TextColumn("{task.fields[took]}", justify="right"))
    with Progress(*columns, console=console) as progress:
        waiting = progress.add_task("waiting for the worker to pick up the job", total=None, shown="", took="")
        while True:
            runs = site.sql("SELECT * FROM sync_run WHERE id > ? ORDER BY id LIMIT 1", [after])
            steps = []
            if runs:
                steps = site.sql("SELECT * FROM sync_run_task WHERE run_id = ? ORDER BY id", [runs[0]["id"]])
            for step in steps:
                if step["id"] not in bars:
                    progress.update(waiting, visible=False)
                    arrow = "pull" if step["direction"] == "pull" else "push"
                    bars[step["id"]] = progress.add_task(f"{arrow} {step['resource_name']}", total=None, shown="", took="")
                total = step["total"] if step["finished_on"] is None else max(step["records"], 1)
                progress.update(bars[step["id"]], total=total or None, shown=f"{step['records']:,}",
                                took=f"{step['seconds'] or 0.0:.1f} s",
                                completed=step["records"] if step["finished_on"] is None else total)
                if step["finished_on"]:
                    progress.stop_task(bars[step["id"]])
            if runs and runs[0]["finished_on"]:
                break
            now = [tuple(row) for row in (*runs, *steps)]
            if now != before:
                moved, before = time.monotonic(), now
            failed = site.sql("SELECT status, traceback FROM scheduler_run WHERE task_id = ? "
                              "AND status IN ('FAILED', 'TIMEOUT', 'STOPPED')", [scheduler_task])
            if failed and not (runs and runs[0]["finished_on"]):
                reason = failed[0]["traceback"] or site.tail()
                raise SiteError(f"the job ended as {failed[0]['status']}:\n{reason}")
            if not site.running("worker") or time.monotonic() - moved > patience:
                raise SiteError(f"the worker makes no progress:\n{site.tail()}")
            time.sleep(0.2)
        progress.update(waiting, visible=False)
    seconds = site.sql("SELECT sum(seconds) AS total FROM sync_run_task WHERE run_id = ?", [runs[0]["id"]])[0]["total"]
    return Run(runs[0], [task_figures(step) for step in steps], seconds or 0.0)


def task_figures(step: sqlite3.Row) -> Dict[str, Any]:
    """One task of a run: counts, kilobytes on the wire, seconds, records a second."""
    seconds = step["seconds"] or 0.0
    return {"resource": step["resource_name"], "direction": step["direction"], "status": step["status"],
            **{name: step[name] or 0 for name in COUNTS}, "bytes": step["bytes"] or 0, "seconds": round(seconds, 2),
            "records_per_second": round(step["records"] / seconds) if seconds else 0, "message": step["message"] or ""}


def show(console: Console, title: str, run: Run) -> None:
    """A table with one line for each task and direction; shorter words on a narrow screen."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for name, short in SHOWN:
        table.add_column(name if console.width >= 100 else short, justify="right", no_wrap=True)
    for task in run.tasks:
        table.add_row(f"{task['direction']} {task['resource']}",
                      *(f"{task[name]:,}" for name, _ in SHOWN[:6]), f"{task['seconds']:.1f}",
                      f"{task['records_per_second']:,}", style=STYLES.get(task["status"], ""))
    console.print(table)
    for task in run.tasks:
        if task["status"] != "success":
            console.print(f"{task['direction']} {task['resource']}: {task['status']}: {task['message']}",
                          style=STYLES.get(task["status"], ""), markup=False)
    if run.status not in ("success", "warning"):
        console.print(run.message, style="red", markup=False)
