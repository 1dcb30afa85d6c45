"""s3sync on a database alone, without web2py: for workers, scripts and tests."""
from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any, Callable

from pydal import DAL, Field

from .app import App
from .errors import ConfigurationError
from .hosts.web2py import declare
from .scheduler import tables as scheduler_tables

#: tables we define ourselves
OURS = ("sync_", "scheduler_")


class Standalone:
    """A database with its tables, and what the module can do with it. A context manager that closes it.

    Parameters
    ----------
    uri, folder : as pyDAL wants them; the folder must exist
    models : Python file that defines the application's tables. It is executed with ``db``, ``Field``, ``declare`` and ``T``;
        a ``settings`` or ``tasks`` that it leaves behind is used: ``settings = {"sync": {"batch_size": 500}}``,
        ``tasks = {"name": function}``. Tables it does not define are taken from pyDAL's migration files: their columns and
        types, without defaults, validators and components.

    Attributes
    ----------
    app : the module
    tasks : functions a worker may execute, by name
    """

    def __init__(self, uri: str, folder: Path, models: Path | None = None) -> None:
        folder = Path(folder).resolve()
        if not folder.is_dir():
            raise ConfigurationError(f"{folder} is no folder", hint="Give the folder with pyDAL's migration files (*.table)")
        home = folder.parent if folder.name == "databases" else folder
        self.db = DAL(uri, folder=str(folder), check_reserved=None, decode_credentials=True)
        environment: dict[str, Any] = {"db": self.db, "Field": Field, "declare": declare, "T": str}
        if models is not None:
            source = Path(models).read_text(encoding="utf-8")
            exec(compile(source, str(models), "exec"), environment)     # as web2py does with its models
        discover(self.db, folder)
        scheduler_tables.define(self.db, application=f"{home.name}/default")
        environment["request"] = SimpleNamespace(application=home.name, folder=str(home),
                                                 env=SimpleNamespace(http_host="", server_name="", wsgi_url_scheme=""))
        self.app = App(environment)
        self.app.start()
        self.db.commit()
        self.tasks: dict[str, Callable[..., Any]] = {**self.app.tasks, **environment.get("tasks", {})}

    def __enter__(self) -> Standalone:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None:
            self.db.rollback()
        self.db.close()


def discover(db: Any, folder: Path) -> list[str]:
    """Define the tables that pyDAL's migration files for this database describe and `db` does not have; their names.

    The files are pickles, as pyDAL writes and reads them: they must be as trustworthy as the application's code.
    """
    found = []
    for path in sorted(folder.glob(f"{db._uri_hash}_*.table")):
        name = path.stem[len(db._uri_hash) + 1:]
        if name in db.tables or name.startswith(OURS):
            continue
        with path.open("rb") as source:
            columns = sorted(pickle.load(source).items(), key=lambda item: item[1]["sortable"])
        db.define_table(name, *(Field(key, type=known["type"], length=known.get("length"), notnull=known.get("notnull", False),
                                      unique=known.get("unique", False)) for key, known in columns), migrate=False)
        found.append(name)
    return found
