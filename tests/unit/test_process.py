"""Names of processes by which others can tell whether they live."""
from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from s3sync import process
from s3sync.process import NAME, UNKNOWN, lives, own_name


def _name(number: int) -> str:
    return own_name()


def test_a_name_says_where_and_which() -> None:
    said = NAME.match(own_name())
    assert said is not None
    assert (said["host"], said["place"], int(said["number"])) == (socket.gethostname(), process.place(), os.getpid())
    assert own_name() == own_name() and own_name("#") == own_name().replace(f":{os.getpid()}", f"#{os.getpid()}")
    assert NAME.match(f"{own_name()}/0a1b2c") and len(own_name()) < 120


def test_each_process_has_a_name_of_its_own() -> None:
    """Also one that was forked, and one whose number was used before."""
    with multiprocessing.get_context("fork").Pool(2) as pool:
        names = {*pool.map(_name, range(8), chunksize=1), own_name()}
    assert len(names) == len({name.rsplit(".", 1)[1] for name in names}) == len({name.split("/")[0] for name in names}) > 1
    assert process._token.__wrapped__(1) != process._token.__wrapped__(1)


def test_a_process_that_lives_and_one_that_ended() -> None:
    tell = "import sys; from s3sync.process import own_name; print(own_name(), flush=True); sys.stdin.read()"
    child = subprocess.Popen([sys.executable, "-c", tell], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stdin is not None
    name = child.stdout.readline().strip()
    assert lives(own_name()) is True and lives(name) is True
    child.stdin.close()
    while _state(child.pid) not in "ZX":                  # it has ended, and its parent has not asked how
        os.sched_yield()
    assert lives(name) is False
    child.wait(30)
    child.stdout.close()
    assert lives(name) is False


def _state(number: int) -> str:
    return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.parametrize("name", ["", "another", "vm#123", "vm@0a1b2c3d:123/0a1b2c3d", "vm@x.y:1/2.3"])
def test_names_that_tell_nothing(name: str) -> None:
    assert lives(name) is None and lives(f"{socket.gethostname()}#{os.getpid()}") is None


def test_a_number_that_is_used_again() -> None:
    """By a process that was started later."""
    own = NAME.match(own_name())
    assert own is not None
    start = own["start"]
    assert lives(own_name().replace(f"/{start}.", f"/{int(start) - 1}.")) is False
    assert lives(own_name().replace(f"/{start}.", "/0.")) is True         # of a system that does not tell when it was started


def test_numbers_of_another_machine_or_container() -> None:
    """Mean nothing here, dead or alive."""
    name, here = own_name(), process.place()
    elsewhere = name.replace(f".{here}", ".00000000").replace(f"@{process.machine()}", "@12345678")
    assert lives(elsewhere) is None
    assert lives(elsewhere.replace("@12345678", f"@{UNKNOWN}")) is None


def test_this_machine_before_it_was_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "machine", lambda: "12345678")
    before = own_name().replace(f".{process.place()}", ".00000000")
    assert lives(before) is False
    assert lives(before.replace(socket.gethostname(), "renamed")) is None
    monkeypatch.setattr(process, "machine", lambda: UNKNOWN)
    assert lives(own_name().replace(f".{process.place()}", ".00000000")) is None


def test_what_tells_a_machine_from_its_clones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The installation and the addresses of its network cards; none of them alone, and nothing in a container."""
    (tmp_path / "self" / "ns").mkdir(parents=True)
    (tmp_path / "self" / "ns" / "pid").symlink_to(process.OUTSIDE)
    (tmp_path / "id").write_text("0123456789abcdef\n")
    for card in ("eth0", "docker0"):
        (tmp_path / "cards" / card).mkdir(parents=True)
        (tmp_path / "cards" / card / "address").write_text(f"00:00:00:{card}\n")
    monkeypatch.setattr(process, "PROC", tmp_path)
    monkeypatch.setattr(process, "INSTALLATION", tmp_path / "id")
    monkeypatch.setattr(process, "CARDS", tmp_path / "cards")
    found = process.machine.__wrapped__
    assert found() == UNKNOWN                             # no card is a device
    (tmp_path / "cards" / "eth0" / "device").mkdir()
    first = found()
    assert first != UNKNOWN and first == found()
    (tmp_path / "cards" / "docker0" / "address").write_text("00:00:00:00\n")
    assert found() == first
    (tmp_path / "cards" / "eth0" / "address").write_text("00:00:00:clone\n")
    assert found() not in (first, UNKNOWN)
    (tmp_path / "id").write_text("\n")
    assert found() == UNKNOWN
    (tmp_path / "id").write_text("0123456789abcdef\n")
    (tmp_path / "self" / "ns" / "pid").unlink()
    (tmp_path / "self" / "ns" / "pid").symlink_to("pid:[4026532000]")
    assert found() == UNKNOWN


def test_a_system_without_proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "PROC", tmp_path)
    monkeypatch.setattr(process, "BOOT", tmp_path / "boot")
    assert process.machine.__wrapped__() == UNKNOWN
    assert process.place.__wrapped__() == process.place.__wrapped__() != process.place()
    assert "/0." in own_name()
