"""The indices of our own tables are made once, wherever they are missing."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydal import DAL

from s3sync import tables
from s3sync.tables import indices, own


def names(db: Any) -> set[str]:
    return {row[0] for row in db.executesql("SELECT name FROM sqlite_master WHERE type = 'index'")}


def connect(folder: Path) -> Any:
    db = DAL("sqlite://storage.sqlite", folder=str(folder))
    tables.define_tables(db)
    db.commit()
    return db


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is sent to databases from now on."""
    sent: list[str] = []
    original = DAL.executesql

    def executesql(self: Any, query: str, *arguments: Any, **more: Any) -> Any:
        sent.append(query)
        return original(self, query, *arguments, **more)

    monkeypatch.setattr(DAL, "executesql", executesql)
    return sent


def test_all_are_made(tmp_path: Path) -> None:
    db = connect(tmp_path)
    made = tables.ensure_indices(db)
    assert len(made) == len(own.INDICES) == len(set(made)) and set(made) <= names(db)
    assert all(len(name) <= 63 for name in made)
    db.close()


def test_unique_ones_are_unique(tmp_path: Path) -> None:
    db = connect(tmp_path)
    tables.ensure_indices(db)
    db.sync_lease.insert(name="run-1")
    with pytest.raises(db._adapter.driver.IntegrityError):
        db.sync_lease.insert(name="run-1")
    db.close()


def test_costs_nothing_the_second_time(tmp_path: Path, statements: list[str]) -> None:
    db = connect(tmp_path)
    tables.ensure_indices(db)
    statements.clear()
    again = connect(tmp_path)
    assert tables.ensure_indices(again) == [] and statements == []
    db.close()
    again.close()


def test_another_process_looks_and_finds_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                              statements: list[str]) -> None:
    db = connect(tmp_path)
    tables.ensure_indices(db)
    monkeypatch.setattr(indices, "_seen", set())
    statements.clear()
    assert tables.ensure_indices(db) == [] and len(statements) == 1
    db.close()


def test_a_missing_one_is_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    db = connect(tmp_path)
    made = tables.ensure_indices(db)
    db.executesql(f'DROP INDEX "{made[3]}"')
    monkeypatch.setattr(indices, "_seen", set())
    assert tables.ensure_indices(db) == [made[3]]
    db.close()


def test_databases_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = connect(tmp_path / "a"), connect(tmp_path / "b")
    assert tables.ensure_indices(one) and tables.ensure_indices(other)
    one.close()
    other.close()


def test_every_memory_database_gets_its_own() -> None:
    for _ in range(2):
        db = DAL("sqlite:memory")
        tables.define_tables(db)
        assert len(tables.ensure_indices(db)) == len(own.INDICES)
        assert tables.ensure_indices(db) == []
        db.close()


def test_a_faster_process_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both saw that they are missing, the other one was first."""
    db = connect(tmp_path)
    tables.ensure_indices(db)
    found = [set(), *[names(db)] * len(own.INDICES)]
    monkeypatch.setattr(indices, "_seen", set())
    monkeypatch.setattr(indices, "_existing", lambda _: found.pop(0))
    assert tables.ensure_indices(db) == []
    db.close()


def test_an_index_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    """Nothing of the caller's work is lost by it."""
    db = connect(tmp_path)
    for _ in range(2):
        db.sync_lease.insert(name="twice")
    with pytest.raises(db._adapter.driver.DatabaseError):
        tables.ensure_indices(db)
    assert db(db.sync_lease).count() == 2
    db.close()
