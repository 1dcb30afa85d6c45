"""The command line, as an administrator meets it."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

from s3sync import __version__
from s3sync.cli import main

from .conftest import tree


def test_install_says_what_it_did_and_what_is_left_to_do(appdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["install", str(appdir)]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^  replace +controllers/sync\.py$", out, re.M)
    assert re.search(r"^  new +modules/s3sync/  \d+ files$", out, re.M)
    assert "Restart web2py" in out
    assert '("sync", Storage(' in out and 'access = "|1|"' in out
    config = appdir / "models/000_config.py"
    config.write_text("deployment_settings.modules = OrderedDict([('sync', Storage(module_type=0))])\n")
    assert main(["install", str(appdir)]) == 0
    out = capsys.readouterr().out
    assert "Storage(" not in out and "Restart" not in out


def test_dry_runs_and_uninstall(appdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = tree(appdir)
    assert main(["install", "--dry-run", str(appdir)]) == 0
    assert "nothing was changed" in capsys.readouterr().out
    assert tree(appdir) == before
    main(["install", str(appdir)])
    capsys.readouterr()
    assert main(["uninstall", "--dry-run", "--verbose", str(appdir)]) == 0
    assert "modules/s3sync/cli/install.py" in capsys.readouterr().out
    assert main(["uninstall", str(appdir)]) == 0
    assert "The tables were not touched" in capsys.readouterr().out
    assert tree(appdir) == before
    assert main(["uninstall", str(appdir)]) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_refusals_are_one_line_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["install", str(tmp_path / "nowhere")]) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1
    assert printed.err.startswith("s3sync: The installation was refused")


def test_version(appdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert __version__ in capsys.readouterr().out
    assert main(["version", str(appdir)]) == 0
    assert "no s3sync in" in capsys.readouterr().out
    main(["install", str(appdir)])
    capsys.readouterr()
    assert main(["version", str(appdir)]) == 0
    assert "differ" not in capsys.readouterr().out
    (appdir / "modules/s3sync/__init__.py").write_text('__version__ = "9.9"\n')
    (appdir / "modules/s3sync/extra.py").write_text("")
    assert main(["version", str(appdir)]) == 1
    printed = capsys.readouterr().out
    assert "s3sync 9.9 in" in printed and "differ in 2 files" in printed
    with pytest.raises(SystemExit) as stopped:
        main(["nonsense"])
    assert stopped.value.code == 2


def test_passwords_are_turned_back_before_anything_is_removed(appdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["install", str(appdir)])
    (appdir / "private/s3sync.key").write_text("key")
    before = tree(appdir)
    capsys.readouterr()
    # the web2py around this folder is none: its shell cannot be asked
    assert main(["uninstall", str(appdir)]) == 1
    said = capsys.readouterr().err
    assert "clear text" in said and "--python" in said and "--keep-encrypted" in said and said.count("\n") == 1
    assert tree(appdir) == before
    assert main(["uninstall", "--keep-encrypted", str(appdir)]) == 0
