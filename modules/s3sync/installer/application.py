"""The application that is installed into."""
from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from ..errors import InstallError
from .files import NEW

#: folder, within the application, of the manifest and of what was replaced
KEPT = "private/s3sync-install"


class Application:
    """A web2py application's folder.

    Parameters
    ----------
    folder : path of the application; raises InstallError if it is none
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise InstallError(f"{folder} is no folder")
        self.folder = folder.resolve()
        missing = [name for name in ("models", "controllers") if not (self.folder / name).is_dir()]
        if missing:
            raise InstallError(f"{self.folder} is no web2py application",
                               hint=f"It has no folder {' and no '.join(missing)}")
        if self.folder.parent.name != "applications":
            raise InstallError(f"{self.folder} is no web2py application",
                               hint="Give the application's folder within web2py, e.g. web2py/applications/eden")

    @property
    def kept(self) -> Path:
        """Where the manifest and the replaced files are."""
        return self.folder / KEPT

    def target(self, path: str) -> Path:
        """Where a file of the drop-in belongs; raises InstallError if a link would lead somewhere else."""
        place = self.folder
        for part in path.split("/"):
            if part in ("", ".", ".."):
                raise InstallError(f"{path} leads out of the application")
            place = place / part
            if place.is_symlink():
                raise InstallError(f"{place} is a symbolic link",
                                   hint="Replace it by a real file or folder, then try again")
        return place

    def absent_folders(self, paths: list[str]) -> list[str]:
        """Folders that must be made for these files, parents first."""
        found: dict[str, None] = {}
        for path in sorted(paths):
            parts = path.split("/")[:-1]
            for depth in range(1, len(parts) + 1):
                folder = "/".join(parts[:depth])
                place = self.target(folder)
                if place.exists() and not place.is_dir():
                    raise InstallError(f"{place} is a file, a folder belongs there")
                if not place.is_dir():
                    found[folder] = None
        return list(found)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep a second installer out while this one works."""
        try:
            import fcntl
        except ImportError:          # no fcntl on Windows: the administrator is alone there
            yield
            return
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InstallError(f"another s3sync command is working on {self.folder}") from error
        else:
            yield
        finally:
            os.close(handle)

    def remove_leftovers(self, folders: set[str]) -> None:
        """Remove half-written files of an interrupted installation."""
        for folder in folders:
            place = self.target(folder) if folder else self.folder
            if place.is_dir():
                for leftover in place.glob(f".*{NEW}"):
                    leftover.unlink()
