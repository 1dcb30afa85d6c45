"""Passwords at rest and on show."""
from __future__ import annotations

import logging
import os
import stat
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

import s3sync
from s3sync.errors import SecretError
from s3sync.secrets import Vault, mask


@pytest.fixture
def vault(tmp_path):
    return Vault(tmp_path / "private")


@pytest.mark.parametrize("text", ["x", "pässwörd", "s3sync1:again", "pbkdf2(", " spaces ", "a" * 300])
def test_there_and_back(vault, text):
    token = vault.encrypt(text)
    assert token.startswith("s3sync1:") and (len(text) < 4 or text not in token.replace("s3sync1:", "", 1))
    assert vault.decrypt(token) == text and Vault(vault.path.parent).decrypt(token) == text
    assert token != vault.encrypt(text)
    assert vault.is_encrypted(token) and not vault.is_encrypted(text if text != "s3sync1:again" else "")


def test_fits_into_edens_column(vault):
    assert len(vault.encrypt("a" * 200)) <= 512


@pytest.mark.parametrize("nothing", ["", None])
def test_nothing_stays_nothing(vault, nothing):
    assert vault.encrypt(nothing) == "" == vault.decrypt(nothing)
    assert not vault.path.exists()


def test_old_clear_text(vault):
    assert vault.decrypt("Eden kept it like this") == "Eden kept it like this"


def shown(call, *arguments) -> tuple[str, str]:
    """Message of the SecretError, and all that the tracebacks of our modules show."""
    with pytest.raises(SecretError) as caught:
        call(*arguments)
    trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert caught.value.__context__ is None
    return str(caught.value), repr([frame.locals for frame in trace.stack if "tests" not in Path(frame.filename).parts])


def test_hashed(vault):
    assert "Type the passwords" in shown(vault.decrypt, "pbkdf2(1000,20,sha512)$aa$bb")[0]


def test_key_lost(vault):
    token = vault.encrypt("x")
    vault.path.unlink()
    assert "missing" in shown(vault.decrypt, token)[0] and "Type the passwords" in shown(vault.decrypt, token)[0]
    assert not vault.path.exists()          # reading never makes a new key
    vault.encrypt("y")
    message, trace = shown(vault.decrypt, token)
    assert "not the one" in message and "Type the passwords" in message
    assert vault.path.read_text() not in trace


def test_damaged(vault):
    token = vault.encrypt("x")
    for bad in (token[:-5], "s3sync1:", "s3sync1:ü", token[:20] + "A" + token[21:]):
        shown(vault.decrypt, bad)


@pytest.mark.parametrize("content", ["", "short", "no key, but long enough to be taken for one by its length"])
def test_key_file_is_none(vault, content):
    token = vault.encrypt("x")
    vault.path.write_text(content)
    assert "is no key" in shown(vault.encrypt, "x")[0]
    shown(vault.decrypt, token)


def test_mode_and_warning(vault, caplog):
    assert vault.warning() == ""
    token = vault.encrypt("x")
    assert stat.S_IMODE(vault.path.stat().st_mode) == 0o600 and vault.warning() == ""
    assert os.listdir(vault.path.parent) == ["s3sync.key"]
    vault.path.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        assert vault.decrypt(token) == "x"
    assert "chmod 600" in vault.warning() and vault.warning() in caplog.text
    assert vault.path.read_text() not in caplog.text + repr(vault)


def test_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "private").write_text("a file in the way")
    assert "cannot make" in shown(Vault(tmp_path / "private").encrypt, "x")[0]


RACE = """
import os, sys, time
from s3sync import secrets
if sys.argv[2] == "without links":          # as on FAT
    def link(*_): raise PermissionError(1, "Operation not permitted")
    os.link = link
vault = secrets.Vault(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(vault.encrypt("mine"), flush=True)
"""


@pytest.mark.parametrize("links", ["with links", "without links"])
def test_first_use_by_several_processes(tmp_path, links):
    """All of them must end up with one key, or passwords of some of them could never be read again."""
    environment = {**os.environ, "PYTHONPATH": str(Path(s3sync.__file__).parents[1])}
    for attempt in range(3):
        folder = tmp_path / str(attempt)
        workers = [subprocess.Popen([sys.executable, "-c", RACE, str(folder), links], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, env=environment, text=True) for _ in range(6)]
        for worker in workers:
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            worker.stdin.write("go\n")
            worker.stdin.flush()
        tokens = [worker.communicate(timeout=30)[0].strip() for worker in workers]
        assert [Vault(folder).decrypt(token) for token in tokens] == ["mine"] * 6
        assert os.listdir(folder) == ["s3sync.key"]
        assert stat.S_IMODE((folder / "s3sync.key").stat().st_mode) == 0o600
        Fernet((folder / "s3sync.key").read_bytes())


@pytest.mark.parametrize("url, safe", [
    ("", ""), ("https://host/eden", "https://host/eden"), ("https://host:8000/eden", "https://host:8000/eden"),
    ("https://user@host/eden", "https://user@host/eden"), ("http://user:secret@host:3128", "http://user:***@host:3128"),
    ("http://user:s@cr/et:@host/eden", "http://user:***@host/eden"), ("http://:secret@host", "http://:***@host"),
    ("http://user:se?cr#et@host", "http://user:***@host"),
])
def test_mask(url, safe):
    assert mask(url) == safe
