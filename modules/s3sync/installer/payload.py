"""The files that make up the drop-in."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Mapping

from ..errors import InstallError

#: what is copied, file by file, from the repository's root; a wheel carries it in s3sync/dropin/
PARTS = ("controllers/sync.py", "models/sync.py", "views/sync", "static/s3sync", "modules/s3sync")
DROPIN = "dropin"
PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Payload:
    """Where every file comes from, by its path within the application (with forward slashes)."""

    version: str
    files: Mapping[str, Path]

    @classmethod
    def own(cls) -> Payload:
        """The files of the s3sync that is running: a checkout's, an application's or those in an installed wheel."""
        from .. import __version__

        carried = PACKAGE / DROPIN
        if carried.is_dir():
            files = dict(collect(carried, PARTS[:-1]))
        else:
            files = dict(collect(PACKAGE.parents[1], PARTS[:-1]))
        files.update((f"modules/s3sync/{path}", source) for path, source in walk(PACKAGE)
                     if not path.startswith(f"{DROPIN}/"))
        if "controllers/sync.py" not in files or "models/sync.py" not in files:
            raise InstallError(f"the files to install are missing beside {PACKAGE}",
                               hint="Install s3sync again with pip")
        return cls(__version__, files)

    @classmethod
    def of(cls, root: Path, version: str) -> Payload:
        """The files of a folder laid out like the repository."""
        return cls(version, dict(collect(root, PARTS)))


def collect(root: Path, parts: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    """(path, source) of all files of these parts."""
    for part in parts:
        place = root / part
        if place.is_dir():
            for path, source in walk(place):
                yield f"{part}/{path}", source
        elif place.is_file():
            yield part, place


def walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """(relative path, source) of the files below a folder, without compiled and hidden ones."""
    for source in sorted(folder.rglob("*")):
        path = source.relative_to(folder)
        hidden = any(part.startswith(".") or part == "__pycache__" for part in path.parts)
        if source.is_file() and not hidden and source.suffix not in (".pyc", ".pyo"):
            yield path.as_posix(), source
