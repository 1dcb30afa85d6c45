"""s3sync install, uninstall, version."""
from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from .. import __version__
from ..installer import Application, Payload, Plan, install, passwords, uninstall
from ..installer.config import ENTRY, Enabled, module_entry
from ..installer.payload import PACKAGE
from ..installer.shadow import differences, version


def add_commands(commands: Any) -> None:
    """Add this group's sub-commands."""
    for name, run, text in (
        ("install", run_install, "put the synchronization module into a web2py application, or upgrade it there"),
        ("uninstall", run_uninstall, "take it out again and restore every file it replaced"),
    ):
        command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        command.add_argument("appdir", metavar="APPDIR", type=Path,
                             help="folder of the application, e.g. web2py/applications/eden")
        command.add_argument("--dry-run", action="store_true", help="show what would be done, do nothing")
        command.add_argument("--keep-edited", action="store_true",
                             help="go on although installed files were edited; copies of them are kept")
        command.add_argument("-v", "--verbose", action="store_true", help="name every file")
        if name == "uninstall":
            command.add_argument("--python", metavar="PATH",
                                 help="the interpreter web2py runs with, if it is not the one of this command")
            command.add_argument("--keep-encrypted", action="store_true",
                                 help="leave stored passwords as they are: the module that was there before cannot read them")
        command.set_defaults(run=run)
    command = commands.add_parser("version", help="show the version, and whether an application has the same")
    command.add_argument("appdir", metavar="APPDIR", type=Path, nargs="?", help="folder of an application")
    command.set_defaults(run=run_version)


def run_install(options: argparse.Namespace) -> int:
    """Install or upgrade."""
    application = Application(options.appdir)
    plan = install(application, Payload.own(), keep_edited=options.keep_edited, dry_run=options.dry_run)
    show(plan, options.verbose)
    if not options.dry_run:
        if plan.changes:
            print("Restart web2py and its workers, so that they load the new code.")
        if (application.folder / "compiled").is_dir():
            print("The application is compiled: compile it again, otherwise web2py goes on with the old code.")
    enabled = module_entry(application.folder)
    if enabled is Enabled.TEMPLATE:
        print("The \"sync\" entry is in a template's config.py; if the site uses that template, the module is enabled.")
    elif enabled is Enabled.NO:
        print("The module is not enabled yet. Add this to deployment_settings.modules in models/000_config.py:\n")
        print(ENTRY)
    return 0


def run_uninstall(options: argparse.Namespace) -> int:
    """Restore what was there before."""
    application = Application(options.appdir)
    if not options.dry_run and not options.keep_encrypted and passwords.needed(application):
        count, lost = passwords.turn_back(application, (options.python or sys.executable))
        print(f"{count} stored passwords are in clear text again.")
        if lost:
            print(f"These could not be read and have to be typed again: {', '.join(lost)}")
    plan = uninstall(application, keep_edited=options.keep_edited, dry_run=options.dry_run)
    if plan is None:
        print(f"s3sync was not installed in {application.folder} by this command: nothing to do.")
        return 0
    show(plan, options.verbose)
    if not options.dry_run:
        print("The tables were not touched: the sync_* tables and private/s3sync.key stay.")
        print("Restart web2py and its workers.")
    return 0


def run_version(options: argparse.Namespace) -> int:
    """Version, place, Python; status 1 if the application has another s3sync."""
    print(f"s3sync {__version__} from {PACKAGE} (Python {sys.version.split()[0]})")
    if options.appdir is None:
        return 0
    application = Application(options.appdir)
    installed = version(application.folder)
    print(f"s3sync {installed or 'of unknown version'} in {application.folder}" if installed is not None
          else f"no s3sync in {application.folder}")
    different = differences(application.folder)
    if different:
        print(f"They differ in {len(different)} files, e.g. {different[0]}. If web2py's Python has the first one too, it "
              "hides the second: run s3sync install again.")
    return 1 if different else 0


def show(plan: Plan, verbose: bool) -> None:
    """Print a plan: single files by name, folders of ours as one line with a count."""
    print(plan.title)
    lines: dict[tuple[str, str], int] = {}
    for step in plan.steps:
        place = step.path if verbose else group(step.path)
        lines[step.action, place] = lines.get((step.action, place), 0) + 1
    width = max((len(action) for action, _ in lines), default=0)
    for (action, place), count in lines.items():
        number = f"  {count} file{'s' if count > 1 else ''}" if place.endswith("/") else ""
        print(f"  {action:<{width}}  {place}{number}")
    for note in plan.notes:
        print(note)


def group(path: str) -> str:
    """The folder of ours that a file belongs to, or the file itself."""
    parts = path.split("/")
    return "/".join(parts[:2]) + "/" if len(parts) > 2 else path
