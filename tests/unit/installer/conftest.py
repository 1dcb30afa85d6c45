"""An application and payloads, small enough to be interrupted at every step."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Dict, Tuple

import pytest

from s3sync.installer import Payload

Tree = Dict[str, Tuple[bytes, int, int]]

OLD = {"controllers/sync.py": "# ours, 1\n", "models/sync.py": "# ours, 1\n", "views/sync/index.html": "<p>1</p>\n",
       "static/s3sync/s3sync.css": "p {}\n", "modules/s3sync/__init__.py": "__version__ = '1'\n",
       "modules/s3sync/old/gone.py": "# only in 1\n"}
NEW = {**OLD, "controllers/sync.py": "# ours, 2\n", "modules/s3sync/__init__.py": "__version__ = '2'\n",
       "modules/s3sync/engine/run.py": "# only in 2\n", "views/sync/log.html": "<p>2</p>\n"}
del NEW["modules/s3sync/old/gone.py"]


def fill(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def tree(root: Path) -> Tree:
    """Every file with its bytes, mode and time, every folder with its mode."""
    found: Tree = {}
    for path in root.rglob("*"):
        state = path.lstat()
        content = path.read_bytes() if path.is_file() else b"<folder>"
        found[path.relative_to(root).as_posix()] = (content, state.st_mode, state.st_mtime_ns if path.is_file() else 0)
    return found


@pytest.fixture
def old(tmp_path: Path) -> Payload:
    return Payload.of(fill(tmp_path / "old", OLD), "1")


@pytest.fixture
def new(tmp_path: Path) -> Payload:
    return Payload.of(fill(tmp_path / "new", NEW), "2")


@pytest.fixture
def appdir(tmp_path: Path) -> Path:
    """An application with a sync module of its own, as Eden has."""
    folder = fill(tmp_path / "web2py" / "applications" / "eden", {
        "models/000_config.py": "deployment_settings = None\n", "models/sync.py": "# Eden's\n",
        "controllers/sync.py": "# Eden's\n", "controllers/default.py": "def index(): pass\n",
        "views/sync/index.html": "Eden's\n", "views/sync/dataset.html": "Eden's, not replaced\n",
        "private/keep.txt": "x", "modules/eden.py": ""})
    os.chmod(folder / "controllers/sync.py", 0o640)
    os.utime(folder / "controllers/sync.py", ns=(10**18, 10**18 + 123_000))
    return folder
