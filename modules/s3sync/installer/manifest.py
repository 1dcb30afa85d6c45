"""What was installed and what it replaced."""
from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InstallError
from .application import KEPT, Application
from .files import digest, make_folder, write

FORMAT = 1
NAME = "manifest.json"
INSTALLING, INSTALLED, UNINSTALLING = "installing", "installed", "uninstalling"


@dataclass
class Entry:
    """One installed file.

    Attributes
    ----------
    sha256 : of the file as installed; None for a file that the version being installed no longer has
    was : digest that an older installation put there, while an upgrade is under way
    replaced : what was there before the first installation, as `files.describe` tells, or None
    """

    sha256: str | None
    was: str | None = None
    replaced: dict[str, Any] | None = None

    def ours(self, found: str | None) -> bool:
        """Is this a content that installing or uninstalling may have left there?"""
        return found is None or found in (self.sha256, self.was) or self.original(found)

    def original(self, found: str | None) -> bool:
        """Is this what was there before the first installation?"""
        return found == (self.replaced["sha256"] if self.replaced else None)


@dataclass
class Manifest:
    """All that it takes to go on with an installation or to take it back."""

    version: str
    state: str = INSTALLING
    files: dict[str, Entry] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)      # made by us, parents first

    @classmethod
    def read(cls, application: Application) -> Manifest | None:
        """The application's manifest, if there is one."""
        path = application.target(f"{KEPT}/{NAME}")
        if not path.exists():
            return None
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values["format"] != FORMAT:
                raise InstallError(f"{path} was written by another version of s3sync",
                                   hint="Use that version's command")
            files = {name: Entry(**entry) for name, entry in values["files"].items()}
            return cls(values["version"], values["state"], files, list(values["folders"]))
        except (ValueError, KeyError, TypeError) as error:
            raise InstallError(f"{path} cannot be read: {error}",
                               hint="Restore it from a backup of the application") from error

    def write(self, application: Application) -> None:
        """Save it, as a whole or not at all."""
        place = application.folder
        for part in KEPT.split("/"):
            place = place / part
            make_folder(place)
        values = {"format": FORMAT, **asdict(self)}
        write(application.target(f"{KEPT}/{NAME}"), (json.dumps(values, indent=1, sort_keys=True) + "\n").encode())

    def edited(self, application: Application) -> list[str]:
        """Files that somebody changed after they were installed."""
        return [path for path, entry in sorted(self.files.items()) if not entry.ours(digest(application.target(path)))]

    def damaged(self, application: Application) -> list[str]:
        """Files whose original is needed but is not what it was when it was put aside."""
        found = []
        for path, entry in sorted(self.files.items()):
            if entry.replaced and not entry.original(digest(application.target(path))):
                if digest(backup(application, path)) != entry.replaced["sha256"]:
                    found.append(path)
        return found


def backup(application: Application, path: str) -> Path:
    """Where the original of a replaced file is kept."""
    return application.target(f"{KEPT}/backup/{path}")
