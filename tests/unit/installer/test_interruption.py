"""The installer is killed before each single thing it does to the disk; afterwards both ways are open."""
from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Callable

import pytest

from s3sync.installer import Application, Payload, install, uninstall

from .conftest import NEW, tree

KILLED = 77


def killed_at(number: int, work: Callable[[], object]) -> bool:
    """Do `work` in a child process that dies before its `number`-th change of the file system; False: it lived."""
    child = os.fork()
    if child == 0:
        count = 0

        def audit(event: str, args: tuple[object, ...]) -> None:
            nonlocal count
            writes = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
            if writes or event in ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "os.utime", "os.link"):
                count += 1
                if count == number:
                    os._exit(KILLED)

        sys.addaudithook(audit)
        try:
            work()
            os._exit(0)
        finally:                   # the child must not return into pytest
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, KILLED)
    return status == KILLED


def without_leftovers(appdir: Path) -> dict[str, bytes]:
    return {path: entry[0] for path, entry in tree(appdir).items() if not path.startswith("private/s3sync-install")}


@pytest.mark.parametrize("start", ["first", "upgrade"])
def test_an_interrupted_installation_can_be_repeated_or_taken_back(
        appdir: Path, old: Payload, new: Payload, tmp_path: Path, start: str) -> None:
    before = tree(appdir)
    if start == "upgrade":
        install(Application(appdir), old)
    saved = tmp_path / "saved"
    shutil.copytree(appdir, saved, symlinks=True)
    number = 0
    alive = True
    while alive:
        number += 1
        for follow in ("repeat", "take back"):
            shutil.rmtree(appdir)
            shutil.copytree(saved, appdir, symlinks=True)
            alive = killed_at(number, lambda: install(Application(appdir), new))
            if follow == "repeat":
                install(Application(appdir), new)
                assert {name: (appdir / name).read_text() for name in NEW} == NEW, number
                assert not (appdir / "modules/s3sync/old/gone.py").exists(), number
            uninstall(Application(appdir))
            assert tree(appdir) == before, (number, follow)
    assert number > 15


def test_an_interrupted_uninstallation_can_be_repeated(appdir: Path, old: Payload, tmp_path: Path) -> None:
    before = tree(appdir)
    install(Application(appdir), old)
    saved = tmp_path / "saved"
    shutil.copytree(appdir, saved, symlinks=True)
    number, alive = 0, True
    while alive:
        number += 1
        shutil.rmtree(appdir)
        shutil.copytree(saved, appdir, symlinks=True)
        alive = killed_at(number, lambda: uninstall(Application(appdir)))
        uninstall(Application(appdir))
        assert tree(appdir) == before, number
    assert number > 20


def test_every_file_is_whole_at_every_moment(appdir: Path, new: Payload, tmp_path: Path) -> None:
    """A server that goes on running meanwhile never reads half a file."""
    whole = {path: {"# Eden's\n", NEW[path]} for path in ("controllers/sync.py", "models/sync.py")}
    saved = tmp_path / "saved"
    shutil.copytree(appdir, saved, symlinks=True)
    number, alive = 0, True
    while alive:
        number += 1
        shutil.rmtree(appdir)
        shutil.copytree(saved, appdir, symlinks=True)
        alive = killed_at(number, lambda: install(Application(appdir), new))
        for path, texts in whole.items():
            assert (appdir / path).read_text() in texts, number
