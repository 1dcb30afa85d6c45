"""Passwords that were stored in clear text: encrypted when the module takes over, turned back when it leaves."""
from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from local_sites import LocalSite

from s3sync.secrets import Vault
from s3sync.takeover import passwords

HASH = "pbkdf2(1000,20,sha512)$a1b2$c3d4"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalSite:
    monkeypatch.setattr(passwords, "_seen", set())
    return LocalSite(tmp_path, "here")


def _repository(here: LocalSite, name: str, **values: Any) -> int:
    number = int(here.db.sync_repository.insert(name=name, uuid=f"urn:uuid:{name}", **values))
    here.db.commit()
    return number


def _stored(here: LocalSite, number: int) -> tuple[Any, ...]:
    found: tuple[Any, ...] = here.sql("SELECT password, client_secret, modified_on, username FROM sync_repository WHERE id = ?",
                                      number)[0]
    return found


def test_there_and_back(here: LocalSite, tmp_path: Path) -> None:
    vault = Vault(tmp_path / "private")
    number = _repository(here, "peer", password="geheim", client_secret="s3cret", username="me")
    empty = _repository(here, "silent")
    here.db.executesql("UPDATE sync_repository SET modified_on = '2020-02-03 04:05:06'")      # its times stay
    here.db.commit()
    before = _stored(here, number)
    assert passwords.encrypt_all(here.db, vault) == 2
    during = _stored(here, number)
    assert "geheim" not in str(during) and "s3cret" not in str(during) and during[2:] == before[2:]
    assert [vault.decrypt(value) for value in during[:2]] == ["geheim", "s3cret"]
    assert stat.S_IMODE(vault.path.stat().st_mode) == 0o600
    assert passwords.decrypt_all(here.db, vault) == (2, [])
    assert _stored(here, number) == before
    assert _stored(here, empty)[:2] == (None, None)


def test_it_looks_once_in_a_process(here: LocalSite, tmp_path: Path) -> None:
    vault = Vault(tmp_path / "private")
    assert passwords.encrypt_all(here.db, vault) == 0
    number = _repository(here, "peer", password="geheim")
    assert passwords.encrypt_all(here.db, vault) == 0
    assert _stored(here, number)[0] == "geheim"      # read as it is: a password in clear text still works


def test_a_hash_is_left_alone_and_told_once(here: LocalSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = Vault(tmp_path / "private")
    number = _repository(here, "peer", password=HASH)
    for _ in range(2):
        passwords.encrypt_all(here.db, vault)
        monkeypatch.setattr(passwords, "_seen", set())
    assert _stored(here, number)[0] == HASH
    entries = here.sql("SELECT result, message FROM sync_log WHERE repository_id = ?", number)
    assert len(entries) == 1 and entries[0][0] == "error"
    assert "peer" in entries[0][1] and "Type the passwords" in entries[0][1]


def test_without_the_key_they_stay_encrypted(here: LocalSite, tmp_path: Path) -> None:
    vault = Vault(tmp_path / "private")
    number = _repository(here, "peer", password="geheim")
    passwords.encrypt_all(here.db, vault)
    before = _stored(here, number)
    vault.path.unlink()
    assert passwords.decrypt_all(here.db, vault) == (0, ["peer"])
    assert _stored(here, number) == before
