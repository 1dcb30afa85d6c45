"""What installing or uninstalling would do."""
from __future__ import annotations

import os
from dataclasses import dataclass, field

from ..errors import InstallError
from .application import KEPT, Application
from .files import describe, make_folder, restore


@dataclass(frozen=True)
class Step:
    """One file. `action` is "new", "replace", "update", "unchanged", "remove" or "restore"."""

    action: str
    path: str


@dataclass
class Plan:
    """All steps, in the order in which they are done."""

    title: str
    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def changes(self) -> list[Step]:
        """The steps that change a file."""
        return [step for step in self.steps if step.action != "unchanged"]


def refuse_edited(edited: list[str], application: Application, command: str) -> None:
    """Say which files were edited and what to do about it."""
    if edited:
        raise InstallError(
            f"edited since they were installed: {', '.join(edited)} (in {application.folder})",
            hint=f"Nothing was changed. Move your changes elsewhere, or repeat with: s3sync {command} --keep-edited "
                 f"{application.folder}, which keeps copies in {KEPT}/edited/")


def keep_copy(application: Application, path: str) -> str:
    """Copy an edited file aside, beside earlier copies of it; returns where to, within the application."""
    source = application.target(path)
    number = 1
    while os.path.lexists(application.folder / f"{KEPT}/edited/{number}/{path}"):
        number += 1
    copy = f"{KEPT}/edited/{number}/{path}"
    make_parents(application, copy)
    restore(application.target(copy), source.read_bytes(), describe(source))
    return copy


def make_parents(application: Application, path: str) -> None:
    """Make the folders that a file needs."""
    parts = path.split("/")[:-1]
    for depth in range(1, len(parts) + 1):
        make_folder(application.target("/".join(parts[:depth])))
