"""Our tables in a deployment that has switched migration off."""
from __future__ import annotations

from pathlib import Path

import pytest
from pydal import DAL, Field

from s3sync.tables import define_tables
from s3sync.takeover import schema


@pytest.fixture
def production(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DAL:
    """A database with Eden's tables, without our columns and tables, as a site in production opens it."""
    monkeypatch.setattr(schema, "_seen", set())

    def others(db: DAL) -> None:
        db.define_table("auth_user", Field("email"))
        db.define_table("scheduler_task", Field("task_name"))

    before = DAL("sqlite://eden.db", folder=str(tmp_path))
    others(before)
    define_tables(before)
    before.sync_repository.insert(name="peer", uuid="urn:peer")
    for column in ("accept_push", "allowed_hours", "bandwidth"):
        before.executesql(f"ALTER TABLE sync_repository DROP COLUMN {column}")
    for name in ("sync_version", "sync_lease"):
        before.executesql(f"DROP TABLE {name}")
        (tmp_path / f"{before._uri_hash}_{name}.table").unlink()
    before.commit()
    _forget_columns(before, tmp_path)
    db = DAL("sqlite://eden.db", folder=str(tmp_path), migrate_enabled=False, lazy_tables=True)
    others(db)
    db.executesql("SELECT COUNT(*) FROM auth_user")      # by the time models come to us, Eden has asked who is logged in
    return db


def _forget_columns(db: DAL, folder: Path) -> None:
    """What pyDAL remembers of the table is Eden's own form of it."""
    import pickle
    path = folder / f"{db._uri_hash}_sync_repository.table"
    known = pickle.loads(path.read_bytes())
    for column in ("accept_push", "allowed_hours", "bandwidth"):
        del known[column]
    path.write_bytes(pickle.dumps(known))


def test_what_is_missing_is_made(production: DAL) -> None:
    assert set(schema.lacking(production)) == {"sync_repository", "sync_version", "sync_lease"}
    assert "sync_task" not in schema.lacking(production)
    with schema.provided(production):
        define_tables(production)
    assert schema.lacking(production) == []
    assert production._migrate_enabled is False
    row = production(production.sync_repository.uuid == "urn:peer").select().first()
    assert row.name == "peer" and row.accept_push is None


def test_nothing_is_migrated_where_nothing_is_missing(production: DAL, monkeypatch: pytest.MonkeyPatch) -> None:
    with schema.provided(production):
        define_tables(production)
    monkeypatch.setattr(schema, "_seen", set())
    migrating = []
    with schema.provided(production):
        migrating.append(production._migrate_enabled)
    with schema.provided(production):             # asked once in a process
        migrating.append(production._migrate_enabled)
    assert migrating == [False, False]
