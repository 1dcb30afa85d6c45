"""Stored passwords are turned back by the Python that web2py runs with."""
from __future__ import annotations

import sys
from pathlib import Path

import pytest

from s3sync.errors import InstallError
from s3sync.installer.application import Application
from s3sync.installer.passwords import MARK, turn_back


@pytest.fixture
def application(tmp_path: Path) -> Application:
    """A folder that looks like an application below a web2py whose shell says that it has turned back two passwords."""
    folder = tmp_path / "web2py/applications/eden"
    for name in ("models", "controllers", "views", "static", "modules"):
        (folder / name).mkdir(parents=True)
    (tmp_path / "web2py/web2py.py").write_text(f"print('Welcome')\nprint('{MARK}[2, [\"lost\"]]')\n", encoding="utf-8")
    return Application(folder)


def test_a_relative_path_means_what_it_means_to_who_typed_it(application: Application, tmp_path: Path,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path)
    assert turn_back(application, "bin/python") == (2, ["lost"])
    assert turn_back(application, sys.executable) == (2, ["lost"])


def test_a_python_that_is_not_there_is_said(application: Application) -> None:
    with pytest.raises(InstallError, match="no-such-python"):
        turn_back(application, "bin/no-such-python")
