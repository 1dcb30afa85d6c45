"""A real web2py site on any of the three databases, looked at by plain SQL."""
from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any, Sequence

from databases import chosen

from sites import Site


class ServedSite(Site):
    """A site whose database is on a server of the tests' own, or SQLite's file.

    Parameters
    ----------
    kind : "sqlite", "postgres" or "mysql"
    """

    def __init__(self, root: Path, port: int, kind: str = "sqlite", **more: Any) -> None:
        super().__init__(root, port, **more)
        self.kind = kind
        self.uri = "" if kind == "sqlite" else chosen.new_database(kind)

    def configure(self, **values: Any) -> None:
        super().configure(**({"database": self.uri, **values} if self.uri else values))

    def sql(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Rows (mappings) of a SELECT, over a connection of the driver's own."""
        if self.kind == "sqlite":
            return [dict(row) for row in super().sql(statement, parameters)]
        connection = chosen.server(self.kind).connect(chosen.name_of(self.uri))
        try:
            cursor = connection.cursor()
            cursor.execute(statement.replace("?", "%s"), list(parameters))
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row)) for row in cursor.fetchall()]
        finally:
            connection.close()

    def number(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        """The single number that a SELECT gives; 0 for NULL, and as long as there is no such table."""
        try:
            row, = self.sql(statement, parameters)
        except sqlite3.OperationalError:
            return 0
        return int(next(iter(row.values())) or 0)

    def _heartbeat(self, since: float) -> bool:
        began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(since))
        return self.number("SELECT COUNT(*) FROM scheduler_worker WHERE last_heartbeat >= ?", [began]) > 0

    def live_workers(self) -> int:
        """Workers of the scheduler with a sign of life in the last ten seconds."""
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() - 10))
        return self.number("SELECT COUNT(*) FROM scheduler_worker WHERE last_heartbeat >= ?", [since])
