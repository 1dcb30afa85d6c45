"""s3sync doctor: what about a site makes synchronising slow, unsafe or impossible, and what to do about it."""
from __future__ import annotations

import argparse
import os
import stat
from typing import Any, Iterator

from . import application


class Finding:
    """Something to be done: `text` says what and why, `remedy` how; `repair` does it, where this command can."""

    def __init__(self, text: str, remedy: str, repair: Any = None) -> None:
        self.text = text
        self.remedy = remedy
        self.repair = repair


def add_commands(commands: Any) -> None:
    """Add this group's sub-commands."""
    text = "look for what makes synchronising slow, unsafe or impossible on this site"
    command = commands.add_parser("doctor", help=text, description=f"{text[0].upper()}{text[1:]}.")
    application.add_arguments(command)
    command.add_argument("--repair", action="store_true",
                         help="do what can be done from here (write-ahead log, missing indices, mode of the key); asks before")
    command.add_argument("--yes", action="store_true", help="with --repair: do not ask")
    command.set_defaults(run=run_doctor)


def run_doctor(options: argparse.Namespace) -> int:
    """Tell what was found; 1 if something is left to be done."""
    from .look import asked
    left = 0
    with application.opened(options) as app:
        print(workers(app))
        for finding in findings(app):
            print(f"{finding.text}\n  {finding.remedy}")
            if options.repair and finding.repair is not None and (options.yes or asked("  Shall this be done now?")):
                finding.repair()
                print("  Done.")
            else:
                left += 1
    if not left:
        print("Nothing is left to be done.")
    return 1 if left else 0


def findings(app: Any) -> Iterator[Finding]:
    """Everything that is wrong with the site of this app."""
    yield from _database(app)
    yield from _indices(app)
    yield from _key(app)
    yield from _repositories(app)
    yield from _worker(app)


def _database(app: Any) -> Iterator[Finding]:
    db = app.site().db
    if db.dialect != "sqlite" or "memory" in str(app.db._uri):
        return
    mode = str(db.value("PRAGMA journal_mode"))
    if mode.lower() != "wal":
        def switch() -> None:
            db.commit()
            db.value("PRAGMA journal_mode = WAL")
        yield Finding(f"SQLite keeps a rollback journal (journal_mode {mode}): while a batch is written, nobody can read.",
                      "PRAGMA journal_mode = WAL, once; the database remembers it.", switch)
    milliseconds = int(db.value("PRAGMA busy_timeout") or 0)
    if milliseconds < 30_000:
        yield Finding(f"SQLite gives up on a locked database after {milliseconds / 1000:g} s: requests may fail during a run.",
                      'Give the DAL of the application driver_args={"timeout": 60}.')


def _indices(app: Any) -> Iterator[Finding]:
    from ..tables import host_indices
    site, table = app.site(), app.db.sync_task
    rows = app.db(table.deleted != True).select(table.resource_name, distinct=True)  # noqa: E712 - SQL
    tables = host_indices.synchronised(site.host, [row.resource_name for row in rows])
    for index in host_indices.missing(site.db, site.host, tables):
        yield Finding(f"{index.table} has no index on {index.column}: each run reads the whole table.", f"{index.statement};",
                      lambda index=index: host_indices.create(site.db, index))


def _key(app: Any) -> Iterator[Finding]:
    path = os.path.join(app.folder, "private", "s3sync.key")
    if os.path.exists(path) and stat.S_IMODE(os.stat(path).st_mode) & 0o077:
        yield Finding(f"{path}, with which stored passwords are encrypted, can be read by others.", f"chmod 600 {path}",
                      lambda: os.chmod(path, 0o600))


def _repositories(app: Any) -> Iterator[Finding]:
    if not app.settings.verify_tls:
        yield Finding("Certificates of peers are not verified (sync.verify_tls is False).",
                      "Remove the setting; for a certificate authority of your own there is sync.ca_bundle.")
    table = app.db.sync_repository
    for row in app.db(table.deleted != True).select(table.name, table.url, table.username):  # noqa: E712 - SQL
        host = (row.url or "").split("://")[-1].split("/")[0].split("@")[-1].rsplit(":", 1)[0]
        if (row.url or "").lower().startswith("http://") and row.username and host not in ("localhost", "127.0.0.1", "[::1]"):
            yield Finding(f"The password for {row.name} travels unencrypted ({row.url.split('?')[0]}).",
                          "Let the peer offer https, and enter that in the repository.")


def workers(app: Any) -> str:
    """How many workers are alive, in words."""
    groups = app.workers_alive()
    if not groups:
        return "No worker is alive."
    return f"Workers alive: {', '.join(f'{number} of group {name}' for name, number in sorted(groups.items()))}."


def _worker(app: Any) -> Iterator[Finding]:
    groups = app.workers_alive()
    command = f"python web2py.py -K {app.application} -Q"
    if not groups:
        yield Finding("No worker gives a sign of life: nothing that is scheduled will run.", f"{command}, or s3sync worker")
    for name, number in sorted(app.groups_needed().items()):
        if groups and name not in groups:
            tasks = "1 task waits" if number == 1 else f"{number} tasks wait"
            yield Finding(f"No worker of the group {name} gives a sign of life: {tasks} for one.",
                          f"{command.replace(app.application, f'{app.application}:{name}')}, or s3sync worker --groups {name}")
    if app.settings.workers > 1:
        if app.site().db.dialect == "sqlite":
            yield Finding(f"The setting sync.workers = {app.settings.workers} has no effect: SQLite has one writer at a time.",
                          "Remove it, or move to PostgreSQL or MySQL.")
        elif groups and max(groups.values()) < app.settings.workers:
            yield Finding(f"sync.workers = {app.settings.workers} may share a run, but no group has so many workers.",
                          f"python web2py.py -K {','.join([app.application] * app.settings.workers)} -Q")
