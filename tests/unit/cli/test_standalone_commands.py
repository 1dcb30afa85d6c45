"""The commands on a database alone, without web2py."""
from __future__ import annotations

from pathlib import Path

import pytest
from local_sites import LocalSite, register, synchronize

from s3sync.cli import main

ORG = "org_organisation"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a site that has synchronised once, whose peer cannot be reached now."""
    a, b = LocalSite(tmp_path, "a", retries=0), LocalSite(tmp_path, "b")
    number = register(a, b, [dict(resource_name=ORG, mode=3)])
    a.db(a.db.sync_repository.id == number).update(name="Headquarters", url="http://127.0.0.1:9/eden")
    a.db.commit()
    b.insert(ORG, name="one")
    assert synchronize(a, b, number) == "success"
    return a.folder


def typed(folder: Path, command: str, *arguments: str) -> int:
    return main([command, str(folder), *arguments, "--uri", "sqlite://a.db"])


def test_status_tells_how_the_last_run_ended(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed(folder, "status") == 0
    assert "Headquarters" in (said := capsys.readouterr().out) and "last run: success" in said


@pytest.mark.parametrize("command", ["plan", "compare"])
def test_a_peer_that_cannot_be_reached_is_said(folder: Path, command: str, capsys: pytest.CaptureFixture[str],
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    assert typed(folder, command, "Headquarters", ORG) == 1
    assert "Peer repository unavailable" in capsys.readouterr().err


@pytest.mark.parametrize("arguments, words", [(("Nobody",), "Registered are: Headquarters"),
                                              (("Headquarters", "no_table"), "has no task no_table")])
def test_what_there_is_not_is_said(folder: Path, arguments: tuple[str, ...], words: str,
                                   capsys: pytest.CaptureFixture[str]) -> None:
    assert typed(folder, "plan", *arguments) == 1
    assert words in capsys.readouterr().err
