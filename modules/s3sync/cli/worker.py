"""s3sync worker: performs jobs."""
from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import Any

from ..errors import ConfigurationError
from .application import folders


def add_commands(commands: Any) -> None:
    """Add this group's sub-commands."""
    text = "perform the jobs of a schedule until stopped (SIGTERM or Ctrl-C)"
    command = commands.add_parser("worker", help=text, description=f"{text[0].upper()}{text[1:]}.")
    command.add_argument("appdir", metavar="APPDIR", type=Path, nargs="?",
                         help="folder of a web2py application, e.g. web2py/applications/eden: its models are executed by web2py")
    command.add_argument("--uri", help="instead of APPDIR: the database, e.g. sqlite://storage.sqlite")
    command.add_argument("--folder", type=Path, default=Path("databases"),
                         help="with --uri: folder of the database and of its migration files (default: databases)")
    command.add_argument("--models", type=Path,
                         help="with --uri: Python file that defines the tables (default: as the migration files say)")
    command.add_argument("--own", action="store_true",
                         help="with APPDIR: be a worker of s3sync's kind rather than of web2py's")
    command.add_argument("-g", "--groups", default="", help="groups of tasks to perform, e.g. main,slow (default: main)")
    command.add_argument("--heartbeat", type=float, default=3.0, help="seconds between two signs of life (default: 3)")
    command.add_argument("--once", action="store_true",
                         help="end when what is due is done, for a site that starts the worker by cron; be one of s3sync's kind")
    command.add_argument("-v", "--verbose", action="store_true", help="say what is done")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Be a worker."""
    if bool(options.appdir) == bool(options.uri):
        raise ConfigurationError("either APPDIR or --uri must be given", hint="See s3sync worker --help")
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING, format="%(asctime)s %(message)s")
    groups = [name.strip() for name in options.groups.split(",") if name.strip()]
    if options.uri:
        return _standalone(options, groups)
    root, application = folders(options.appdir)
    if options.own or options.once:
        return _own(options, root, application, groups)
    # web2py replaces this process: signals, exit status and process id are its own
    os.chdir(root)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "web2py.py", "-K", ":".join([application, *groups]), "-Q"])


def _own(options: argparse.Namespace, root: Path, application: str, groups: list[str]) -> int:
    from ..execution.environment import Web2py, models
    from ..scheduler.shim import Scheduler
    found = models(str(root), application)
    from gluon import current
    theirs = getattr(current, "_scheduler", None)
    db = theirs.db if theirs is not None else found.get("db")
    if db is None:
        raise ConfigurationError(f"the models of {application} define no database")
    Scheduler(db, group_names=groups, heartbeat=options.heartbeat, environment=Web2py(str(root)),
              application=f"{application}/default").loop(once=options.once)
    return 0


def _standalone(options: argparse.Namespace, groups: list[str]) -> int:
    from ..execution.environment import Standalone as Environment
    from ..scheduler.shim import Scheduler
    from ..standalone import Standalone
    models = options.models.resolve() if options.models else None
    environment = Environment(options.uri, options.folder.resolve(), models)
    with Standalone(options.uri, options.folder, models) as standalone:
        Scheduler(standalone.db, group_names=groups, heartbeat=options.heartbeat, environment=environment,
                  application=f"{standalone.app.application}/default").loop(once=options.once)
    return 0
