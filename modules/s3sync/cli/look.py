"""s3sync plan, compare, status: what would be done, what differs, how things stand."""
from __future__ import annotations

import argparse
import sys
from typing import Any

from . import application

#: differences that one repair takes up
REPAIRED = 100_000


def add_commands(commands: Any) -> None:
    """Add this group's sub-commands."""
    text = "show what a synchronization would do now, here and at the peer, without doing it"
    command = commands.add_parser("plan", help=text, description=f"{text[0].upper()}{text[1:]}.")
    _common(command)
    command.set_defaults(run=run_plan)
    text = "list what differs between this site and a repository"
    command = commands.add_parser("compare", help=text, description=f"{text[0].upper()}{text[1:]}.")
    _common(command)
    command.add_argument("--repair", action="store_true",
                         help="queue exactly those records, so that the next synchronization moves them; asks before it does")
    command.add_argument("--yes", action="store_true", help="with --repair: do not ask")
    command.set_defaults(run=run_compare)
    text = "tell how the repositories stand: last run, next attempt, what was left behind"
    command = commands.add_parser("status", help=text, description=f"{text[0].upper()}{text[1:]}.")
    application.add_arguments(command)
    command.set_defaults(run=run_status)


def _common(command: Any) -> None:
    application.add_arguments(command)
    command.add_argument("repository", metavar="REPOSITORY", help="name, id or UUID of the repository")
    command.add_argument("task", metavar="TASK", nargs="?", help="one of its resources, e.g. org_organisation (default: all)")
    command.add_argument("--user", metavar="EMAIL", help="with this user's permissions (default: all permissions)")
    command.add_argument("--limit", type=int, default=50, metavar="N", help="records listed per task (default: 50)")


def _chosen(app: Any, options: argparse.Namespace) -> tuple[int, int | None, int | None]:
    """Ids of repository, task and user."""
    from ..engine.compare import one_task
    repository = application.repository(app, options.repository)
    task = one_task(app.site(), repository, options.task) if options.task else None
    return repository.id, task, application.user(app, options.user)


def run_plan(options: argparse.Namespace) -> int:
    """Show a dry run; 1 if a task cannot be done."""
    with application.opened(options) as app:
        plan = app.plan(*_chosen(app, options), limit=options.limit)
    for step in plan.steps:
        where = "pull, changes here" if step.direction == "pull" else f"push, changes at {plan.repository.name}"
        print(f"{step.resource}: {where}")
        if step.error:
            print(f"  not possible: {step.error}")
            continue
        counts = step.counts
        names = ("created", "updated", "deleted", "merged", "unchanged", "kept", "rejected", "waiting", "conflicts")
        print("  " + (", ".join(f"{getattr(counts, n)} {n}" for n in names if getattr(counts, n)) or "nothing to do"))
        for record in step.records:
            notes = [record.reason] if record.reason else []
            if record.conflict:
                notes.append(f"conflict, {record.winner} wins" if record.winner else "conflict, left to a person")
            if record.waiting:
                notes.append("waits for what it refers to")
            print(f"  {record.result:<9} {record.table} {_called(record)}{' (' + '; '.join(notes) + ')' if notes else ''}")
            for name, before, after in record.changes if record.result == "updated" else ():
                print(f"              {name}: {_short(before)} -> {_short(after)}")
        if not step.complete:
            print("  ... and more: see --limit")
    print("Nothing was changed.")
    return 1 if any(step.error for step in plan.steps) else 0


def run_compare(options: argparse.Namespace) -> int:
    """List what differs, and queue it if wanted; 1 if something differs and was not queued."""
    with application.opened(options) as app:
        limit = max(options.limit, REPAIRED) if options.repair else options.limit
        found = app.compare(*_chosen(app, options), limit=limit)
        for task in found.tasks:
            print(f"{task.resource}: {task.here} records here, {task.there} at {found.repository.name}, {task.same} the same")
            if task.error:
                print(f"  not possible: {task.error}")
            elif task.counts:
                print("  " + ", ".join(f"{number} {kind}" for kind, number in sorted(task.counts.items())))
            for difference in task.differences[:options.limit]:
                fields = f" ({', '.join(difference.fields)})" if difference.fields else ""
                way = f" -> {difference.direction}" if difference.direction else f" -> stays: {difference.reason}"
                print(f"  {difference.kind:<14} {difference.table} {_called(difference)}{fields}{way}")
            if len(task.differences) > options.limit or not task.complete:
                print("  ... and more: see --limit")
        if not options.repair or found.equal:
            return 0 if found.equal else 1
        number = sum(bool(d.direction) for task in found.tasks for d in task.differences)
        if not number or not (options.yes or asked(f"Move these {number} records with the next synchronization?")):
            print("Nothing was queued.")
            return 1
        print(f"{app.repair(found)} records are queued for the next synchronization.")
        return 0 if all(task.complete for task in found.tasks) else 1


def run_status(options: argparse.Namespace) -> int:
    """Tell how the repositories stand; 1 if one needs somebody."""
    from ..engine.standing import standing
    trouble = False
    with application.opened(options) as app:
        site = app.site()
        found = list(standing(site))
        for one in found:
            print(f"{one.repository.name} ({one.repository.url or 'connects to us'})")
            for line in one.words():
                print(f"  {line}")
            trouble = trouble or one.trouble
        if not found:
            print("No repositories are registered.")
    return 1 if trouble else 0


def _called(record: Any) -> str:
    return record.uuid if record.label == record.uuid else f"{_short(record.label)} [{record.uuid}]"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return f"{line[:57]}..." if len(line) > 60 else line or "(empty)"


def asked(question: str) -> bool:
    """Does whoever sits at the terminal say yes? Nobody there means no."""
    if not sys.stdin.isatty():
        print("Nobody can be asked: add --yes.")
        return False
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")

