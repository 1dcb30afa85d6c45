"""s3sync account: with which account a repository comes, and who may."""
from __future__ import annotations

import argparse
from typing import Any

from . import application


def add_commands(commands: Any) -> None:
    """Add the sub-command."""
    text = "tell with which account a repository comes to this site, or let another one use its UUID"
    command = commands.add_parser("account", help=text, description=f"{text[0].upper()}{text[1:]}.")
    application.add_arguments(command)
    command.add_argument("repository", metavar="REPOSITORY", help="name, id or UUID of the repository")
    command.add_argument("--forget", action="store_true", help="the account that comes next with its UUID keeps it")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Tell, or forget."""
    from ..server import account
    with application.opened(options) as app:
        repository = application.repository(app, options.repository)
        site = app.site()
        known = account.account(site, repository)
        if known is None:
            print(f"{repository.name} has not come to this site yet: its UUID is free.")
            return 0
        print(f"{repository.name} comes as {known.user}, first on {known.first_on} UTC.")
        if known.refused_on:
            print(f"{known.refused} was refused on {known.refused_on} UTC.")
        if options.forget:
            account.forget(site, repository)
            site.db.commit()
            print("Forgotten: whoever comes next with its UUID keeps it.")
    return 0
