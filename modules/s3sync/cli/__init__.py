"""The s3sync command: one module per group of sub-commands, each with `add_commands(subparsers)`."""
from __future__ import annotations

import argparse
import sys
from typing import Sequence

from .. import __version__
from ..errors import SyncError
from . import account, doctor, install, look, worker

GROUPS = (install, look, worker, doctor, account)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="s3sync", description="Synchronization of Sahana Eden and other web2py applications.")
    top.add_argument("--version", action="version", version=f"s3sync {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for group in GROUPS:
        group.add_commands(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status (0 done, 1 refused or failed, 2 wrong usage)."""
    options = parser().parse_args(argv)
    try:
        return int(options.run(options))
    except (SyncError, OSError) as error:
        print(f"s3sync: {error}", file=sys.stderr)
        return 1
