"""Files: digests, atomic writing, what is remembered of one."""
from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

#: ending of a file that is still being written; web2py ignores it in every folder
NEW = ".s3sync-new"


def digest(path: Path) -> str | None:
    """SHA-256 of a file in hexadecimal digits, None if there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None


def describe(path: Path) -> dict[str, Any]:
    """What it takes to restore a file: digest, mode, modification time (ns), owner."""
    state = path.stat()
    return {"sha256": digest(path), "mode": state.st_mode & 0o7777, "mtime_ns": state.st_mtime_ns,
            "uid": state.st_uid, "gid": state.st_gid}


def write(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file so that it is there as a whole or not at all, even after a power cut."""
    temporary = path.with_name(f".{path.name}{NEW}")
    with open(temporary, "wb") as target:
        target.write(content)
        target.flush()
        os.fsync(target.fileno())
    os.chmod(temporary, mode)
    own(temporary, path.parent)
    os.replace(temporary, path)


def restore(path: Path, content: bytes, state: dict[str, Any]) -> None:
    """Write a file back as `describe` found it."""
    temporary = path.with_name(f".{path.name}{NEW}")
    with open(temporary, "wb") as target:
        target.write(content)
        target.flush()
        os.fsync(target.fileno())
    if is_root():
        os.chown(temporary, state["uid"], state["gid"])
    os.chmod(temporary, state["mode"])
    os.utime(temporary, ns=(state["mtime_ns"], state["mtime_ns"]))
    os.replace(temporary, path)


def make_folder(path: Path) -> None:
    """Make one folder, if it is not there."""
    if not path.is_dir():
        path.mkdir()
        own(path, path.parent)


def own(path: Path, example: Path) -> None:
    """Give a file the owner of its folder: root installs for the user web2py runs as."""
    if is_root():
        state = example.stat()
        os.chown(path, state.st_uid, state.st_gid)


def is_root() -> bool:
    """May this process give files away?"""
    return hasattr(os, "geteuid") and os.geteuid() == 0
