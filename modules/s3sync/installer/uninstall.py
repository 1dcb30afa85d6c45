"""Take the drop-in out again."""
from __future__ import annotations

import os
import shutil

from ..errors import InstallError
from .application import KEPT, Application
from .files import digest, restore
from .manifest import NAME, UNINSTALLING, Entry, Manifest, backup
from .plan import Plan, Step, keep_copy, make_parents, refuse_edited


def uninstall(application: Application, *, keep_edited: bool = False, dry_run: bool = False) -> Plan | None:
    """Restore every replaced file byte for byte, with mode and time, and remove every other installed one.

    Parameters are those of `install`. Returns None where nothing is installed.

    Raises
    ------
    InstallError : installed files were edited since, or the kept original of a file is damaged
    """
    with application.locked():
        manifest = Manifest.read(application)
        if manifest is None:
            if not dry_run:              # interrupted before it did anything
                application.remove_leftovers({KEPT})
                remove_if_empty(application, KEPT)
            return None
        edited = manifest.edited(application)
        if not keep_edited:
            refuse_edited(edited, application, "uninstall")
        damaged = manifest.damaged(application)
        if damaged:
            raise InstallError(
                f"the originals of {', '.join(damaged)} in {application.kept / 'backup'} are missing or damaged",
                hint="Nothing was changed. Restore that folder from a backup of the application")
        plan = Plan(f"s3sync {manifest.version} leaves {application.folder}")
        plan.steps = [Step("restore" if entry.replaced else "remove", path)
                      for path, entry in sorted(manifest.files.items())]
        if dry_run:
            plan.title += " (dry run, nothing was changed)"
            return plan
        for path in edited:
            plan.notes.append(f"Your edited {path} is kept as {keep_copy(application, path)}")
        manifest.state = UNINSTALLING
        manifest.write(application)
        application.remove_leftovers({path.rpartition("/")[0] for path in manifest.files})
        for path, entry in manifest.files.items():
            put_back(application, path, entry)
        clean_up(application, manifest)
        return plan


def put_back(application: Application, path: str, entry: Entry) -> None:
    """What was at `path` before the first installation: a file or nothing."""
    target = application.target(path)
    found = digest(target)
    if entry.replaced is None:
        if found is not None:
            target.unlink()
    elif found != entry.replaced["sha256"]:
        make_parents(application, path)
        restore(target, backup(application, path).read_bytes(), entry.replaced)


def clean_up(application: Application, manifest: Manifest) -> None:
    """Remove compiled modules, folders that we made, kept originals and, last, the manifest."""
    for folder in {path.rpartition("/")[0] for path in manifest.files if path.startswith("modules/")}:
        compiled = application.target(folder) / "__pycache__"
        if compiled.is_dir() and not compiled.is_symlink():
            shutil.rmtree(compiled)
    for folder in sorted(manifest.folders, key=lambda name: name.count("/"), reverse=True):
        remove_if_empty(application, folder)
    kept_originals = application.target(f"{KEPT}/backup")
    if kept_originals.is_dir():
        shutil.rmtree(kept_originals)
    application.target(f"{KEPT}/{NAME}").unlink()
    remove_if_empty(application, KEPT)
    if "private" in manifest.folders:
        remove_if_empty(application, "private")


def remove_if_empty(application: Application, folder: str) -> None:
    """Remove a folder unless somebody put something into it."""
    place = application.target(folder)
    if place.is_dir() and not os.listdir(place):
        place.rmdir()
