"""The kind of database on which the tests' own sites live, as the environment says; its server, started when first asked for."""
from __future__ import annotations

import atexit
import itertools
import os
from typing import Any, Callable

from . import mariadb, postgres

#: "sqlite", "postgres" or "mysql"
KIND = os.environ.get("S3SYNC_TEST_DB", "sqlite")

SERVERS: dict[str, Any] = {"postgres": postgres.Server, "mysql": mariadb.Server}

_running: dict[str, Any] = {}
_numbers = itertools.count(1)
_shapes: dict[tuple[str, str], str] = {}
_places: dict[tuple[str, str], str] = {}


def server(kind: str = KIND) -> Any:
    """The server of this kind, one for the whole session; stopped when Python ends."""
    if kind not in _running:
        _running[kind] = SERVERS[kind]()
        atexit.register(_running[kind].stop)
    return _running[kind]


def new_database(kind: str = KIND, template: str = "") -> str:
    """URI of a new database on the server of this kind: empty, or with the tables of another (an URI of ours)."""
    name = f"test{next(_numbers)}"
    return str(server(kind).database(name, name_of(template) if template else ""))


def site_uri(place: str, shape: str, define: Callable[[str], None], kind: str = KIND) -> tuple[str, bool]:
    """URI of the database of the site at a place (a path), the same whenever asked; are its tables there already?

    Defining tables takes seconds: `define` does it once for each `shape`, in a database that the others are copied from.
    "" on SQLite, which needs none of this.
    """
    if kind == "sqlite":
        return "", False
    if (place, kind) not in _places:
        if (shape, kind) not in _shapes:
            _shapes[shape, kind] = new_database(kind)
            define(_shapes[shape, kind])
        _places[place, kind] = new_database(kind, _shapes[shape, kind])
    return _places[place, kind], True


def forget(place: str) -> None:
    """The sites below this place (a path) are not needed any more: remove their databases."""
    for key in [key for key in _places if key[0].startswith(place)]:
        server(key[1]).drop(name_of(_places.pop(key)))


def name_of(uri: str) -> str:
    """Name of the database in an URI of ours."""
    return uri.rsplit("/", 1)[1].partition("?")[0]
