"""Does Python use another s3sync than the one that was put into the application?

web2py imports from the application's modules/ only what Python does not have itself. So an s3sync that is installed with
pip as well hides the application's copy; the two must be the same, or pages and modules of different versions meet.
"""
from __future__ import annotations

import re
from pathlib import Path

from .files import digest
from .payload import DROPIN, PACKAGE, walk


def differences(appdir: Path, running: Path = PACKAGE) -> list[str]:
    """Modules, by their path below s3sync/, that differ between the running package and the application's copy.

    Empty where the running package is that copy, or where the application has none. Takes a few milliseconds: meant to
    be asked once in a process, not once in a request.
    """
    copy = appdir / "modules" / "s3sync"
    if not copy.is_dir() or copy.resolve() == running.resolve():
        return []
    here, there = dict(walk(running)), dict(walk(copy))
    names = sorted(name for name in here.keys() | there.keys()
                   if name.endswith(".py") and not name.startswith(f"{DROPIN}/"))
    return [name for name in names if digest_of(here.get(name)) != digest_of(there.get(name))]


def version(appdir: Path) -> str | None:
    """Version of the application's copy, None if it has none."""
    source = appdir / "modules" / "s3sync" / "__init__.py"
    if not source.is_file():
        return None
    found = re.search(r"""^__version__ = ["']([^"']+)["']""", source.read_text(encoding="utf-8"), re.M)
    return found.group(1) if found else ""


def digest_of(path: Path | None) -> str | None:
    """Digest of a file, None for none."""
    return digest(path) if path else None
