"""What `pip install s3sync` brings: the command, and the files it installs, without the repository."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
SOURCES = ("modules", "controllers", "models", "views", "static", "setup.py", "setup.cfg", "pyproject.toml",
           "MANIFEST.in", "README.md", "CHANGELOG.md", "LICENSE")


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content; beside it, in checkout/, what it was built from."""
    folder = tmp_path_factory.mktemp("wheel")
    sources = folder / "sources"
    sources.mkdir()
    for name in SOURCES:
        place = REPOSITORY / name
        if place.is_dir():
            shutil.copytree(place, sources / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(place, sources / name)
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
                    "--wheel-dir", str(folder), str(sources)], check=True)
    wheel, = folder.glob("s3sync-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    sources.rename(folder / "checkout")
    return folder / "site"


def command(unpacked: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    return subprocess.run([sys.executable, "-m", "s3sync", *arguments], env=environment, cwd=unpacked,
                          capture_output=True, text=True)


def files(folder: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    found = {}
    for name in names:
        place = folder / name
        for path in [place] if place.is_file() else place.rglob("*"):
            if path.is_file() and path.suffix != ".pyc":
                found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


def test_the_wheel_installs_the_same_files_as_the_checkout(unpacked: Path, tmp_path: Path) -> None:
    appdir = tmp_path / "applications" / "eden"
    for name in ("models", "controllers"):
        (appdir / name).mkdir(parents=True)
    assert str(unpacked) in command(unpacked, "version").stdout
    done = command(unpacked, "install", str(appdir))
    assert done.returncode == 0, done.stderr
    parts = ("controllers/sync.py", "models/sync.py", "views/sync", "static/s3sync", "modules/s3sync")
    assert files(appdir, parts) == files(unpacked.parent / "checkout", parts)
    assert command(unpacked, "version", str(appdir)).returncode == 0
    assert command(unpacked, "uninstall", str(appdir)).returncode == 0
    assert sorted(path.name for path in appdir.rglob("*")) == ["controllers", "models"]


def test_the_wheel_names_its_licence_and_its_command(unpacked: Path) -> None:
    info, = unpacked.glob("s3sync-*.dist-info")
    assert "s3sync = s3sync.cli:main" in (info / "entry_points.txt").read_text()
    metadata = (info / "METADATA").read_text()
    assert "License: MIT" in metadata or "License-Expression: MIT" in metadata
    assert list(info.rglob("LICENSE"))
