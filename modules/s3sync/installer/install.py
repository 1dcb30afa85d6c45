"""Install and upgrade."""
from __future__ import annotations

import hashlib
from typing import Any

from ..errors import InstallError
from .application import KEPT, Application
from .files import describe, digest, restore, write
from .manifest import INSTALLED, INSTALLING, UNINSTALLING, Entry, Manifest, backup
from .payload import Payload
from .plan import Plan, Step, keep_copy, make_parents, refuse_edited
from .uninstall import put_back


def install(application: Application, payload: Payload, *, keep_edited: bool = False, dry_run: bool = False) -> Plan:
    """Put the payload's files into the application.

    Parameters
    ----------
    application : where to
    payload : what
    keep_edited : go on although installed files were edited since, keeping copies of them
    dry_run : only say what would be done

    Returns
    -------
    the steps, done or (dry run) to be done

    Raises
    ------
    InstallError : the folder is no application, files were edited since the last installation, links lead elsewhere
    """
    with application.locked():
        for path, source in payload.files.items():
            if source.resolve() == application.target(path):
                raise InstallError(f"{application.folder} is where this s3sync runs from",
                                   hint="Use the command of another one")
        before = Manifest.read(application)
        if before and before.state == UNINSTALLING:
            raise InstallError(f"an uninstallation of {application.folder} was interrupted", hint="Repeat it first")
        edited = before.edited(application) if before else []
        if before and not keep_edited:
            refuse_edited(edited, application, "install")
        contents = {path: source.read_bytes() for path, source in payload.files.items()}
        plan, after = prepare(application, before, payload.version, contents)
        if dry_run:
            plan.title += " (dry run, nothing was changed)"
            return plan
        if not plan.changes and before and before.state == INSTALLED and before.version == payload.version:
            return plan
        for path in edited:
            plan.notes.append(f"Your edited {path} is kept as {keep_copy(application, path)}")
        after.write(application)
        carry_out(application, after, contents)
        return plan


def prepare(application: Application, before: Manifest | None, version: str,
            contents: dict[str, bytes]) -> tuple[Plan, Manifest]:
    """The plan, and the manifest to write before it is carried out."""
    known = before.files if before else {}
    missing = application.absent_folders(list(contents))
    plan = Plan(f"s3sync {version} in {application.folder}")
    if before and before.version != version:
        plan.title += f", upgrading {before.version}"
    after = Manifest(version, INSTALLING)
    for path, content in sorted(contents.items()):
        target = application.target(path)
        if target.is_dir():
            raise InstallError(f"{target} is a folder, a file belongs there")
        found, wanted = digest(target), hashlib.sha256(content).hexdigest()
        replaced = original(application, path, known.get(path), found)
        action = ("unchanged" if found == wanted and path in known else "new" if found is None
                  else "update" if path in known and not (replaced and known[path].original(found)) else "replace")
        plan.steps.append(Step(action, path))
        after.files[path] = Entry(wanted, found if path in known else None, replaced)
    for path in sorted(set(known) - set(contents)):       # an older version had it
        entry = known[path]
        plan.steps.append(Step("restore" if entry.replaced else "remove", path))
        after.files[path] = Entry(None, digest(application.target(path)), entry.replaced)
    made = before.folders if before else []
    after.folders = made + [folder for folder in missing if folder not in made]
    private = KEPT.split("/")[0]
    if not application.target(private).is_dir() and private not in after.folders:
        after.folders.append(private)
    if any(step.action == "replace" for step in plan.steps):
        plan.notes.append(f"What was replaced is kept in {KEPT}/backup/")
    return plan, after


def original(application: Application, path: str, entry: Entry | None, found: str | None) -> dict[str, Any] | None:
    """What to restore at `path` one day: as recorded, unless it was not put aside yet and has changed meanwhile."""
    if entry is None:
        return describe(application.target(path)) if found else None
    replaced = entry.replaced
    if replaced and found not in (None, entry.sha256, entry.was):
        if digest(backup(application, path)) != replaced["sha256"]:
            return describe(application.target(path))
    return replaced


def carry_out(application: Application, manifest: Manifest, contents: dict[str, bytes]) -> None:
    """Do what the manifest announces; may be repeated from any point."""
    application.remove_leftovers({path.rpartition("/")[0] for path in manifest.files})
    for path, entry in manifest.files.items():
        target = application.target(path)
        found = digest(target)
        if entry.replaced and entry.original(found) and digest(backup(application, path)) != found:
            make_parents(application, f"{KEPT}/backup/{path}")
            restore(backup(application, path), target.read_bytes(), entry.replaced)
        if entry.sha256 is None:
            put_back(application, path, entry)
        elif found != entry.sha256:
            make_parents(application, path)
            write(target, contents[path])
    manifest.files = {path: Entry(entry.sha256, None, entry.replaced)
                      for path, entry in manifest.files.items() if entry.sha256 is not None}
    manifest.state = INSTALLED
    manifest.write(application)
