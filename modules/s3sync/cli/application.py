"""The application that a command is about: a folder of web2py's, or a database alone."""
from __future__ import annotations

import argparse
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from ..app import App
    from ..engine.repository import Repository


def add_arguments(command: Any) -> None:
    """The options that tell which application is meant."""
    command.add_argument("appdir", metavar="APPDIR", type=Path,
                         help="folder of a web2py application, e.g. web2py/applications/eden: its models are executed by web2py; "
                              "with --uri: folder of the database and of its migration files")
    command.add_argument("--uri", help="without web2py: the database in APPDIR, e.g. sqlite://storage.sqlite")
    command.add_argument("--models", type=Path,
                         help="with --uri: Python file that defines the tables (default: as the migration files say)")


@contextmanager
def opened(options: argparse.Namespace) -> Iterator[App]:
    """The module in that application; what was not committed is undone at the end. Raises ConfigurationError."""
    if options.uri:
        from ..standalone import Standalone
        with Standalone(options.uri, options.appdir, options.models) as standalone:
            yield standalone.app
            standalone.db.rollback()
        return
    root, application = folders(options.appdir)
    before = os.getcwd()
    from ..execution.environment import models
    app = models(str(root), application).get("s3sync_app")
    try:
        if app is None:
            raise ConfigurationError(f'the application {application} does not have the module "sync" enabled',
                                     hint="Enable it in deployment_settings.modules in models/000_config.py")
        if "sync_repository" not in app.db.tables:
            app.start()
        yield app
    finally:
        from pydal.connection import ConnectionPool
        ConnectionPool.close_all_instances("rollback")
        os.chdir(before)


def folders(appdir: Path) -> tuple[Path, str]:
    """web2py's folder, and the name of an application in it. Raises ConfigurationError."""
    folder = appdir.resolve()
    root = folder.parent.parent
    if not (folder / "models").is_dir() or folder.parent.name != "applications":
        raise ConfigurationError(f"{folder} is no web2py application",
                                 hint="Give the application's folder within web2py, e.g. web2py/applications/eden")
    if not (root / "web2py.py").exists():
        raise ConfigurationError(f"there is no web2py.py in {root}", hint="Without web2py give --uri and the database's folder")
    return root, folder.name


def repository(app: App, wanted: str) -> Repository:
    """A repository by its name, id or UUID. Raises ConfigurationError."""
    from ..engine.repository import load
    table = app.db.sync_repository
    rows = app.db(table.deleted != True).select(table.id, table.name, table.uuid, orderby=table.id)  # noqa: E712 - SQL
    for row in rows:
        if wanted in (row.name, row.uuid, str(row.id)):
            return load(app.db, row.id)
    known = ", ".join(row.name for row in rows) or "none"
    raise ConfigurationError(f"there is no repository {wanted}", hint=f"Registered are: {known}")


def user(app: App, address: str | None) -> int | None:
    """Id of a user by e-mail address; None if no address is given. Raises ConfigurationError."""
    if not address:
        return None
    found = app.host.person_ids([address]).get(address)
    if found is None:
        raise ConfigurationError(f"there is no user {address}")
    return found
