"""Eden's tables, column for column (as in Eden's models: types, lengths, constraints, defaults)."""
from __future__ import annotations

import datetime
import json
import re
from typing import Any, Iterator

import pytest
from pydal import DAL, Field

from s3sync import tables
from s3sync.tables import eden, own

S = 512     # length of a string column without one of its own
URN = re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

META = """
uuid              uuid                      128  NN U  ''
mci               integer                   -    -     0
deleted           boolean                   -    -     False
deleted_fk        string                    512  -     None
deleted_rb        integer                   -    -     None
created_on        datetime                  -    -     now
created_by        reference auth_user       -    -     user
modified_on       datetime                  -    -     now
modified_by       reference auth_user       -    -     user
approved_by       integer                   -    -     None
owned_by_user     reference auth_user       -    -     user
owned_by_group    integer                   -    -     None
realm_entity      integer                   -    -     None
"""

TABLES = {
    "sync_config": ("proxy string 512 - None", True),
    "sync_status": ("""
        running   boolean  - - False
        manual    boolean  - - False
        timestmp  datetime - - None""", False),
    "sync_repository": ("""
        name              string    64  NN None
        apitype           string    512 -  'eden'
        backend           string    512 -  'eden'
        url               string    512 -  None
        path              string    512 -  None
        username          string    512 -  None
        password          password  512 -  None
        client_id         string    512 -  None
        client_secret     password  512 -  None
        site_key          string    512 -  None
        refresh_token     string    512 -  None
        proxy             string    512 -  None
        last_status       string    512 -  None
        synchronise_uuids boolean   -   -  False
        keep_source       boolean   -   -  False
        last_connected    datetime  -   -  None
        last_refresh      datetime  -   -  None
        accept_push       boolean   -   -  False
        allowed_hours     string    512 -  None
        bandwidth         integer   -   -  None""", True),
    "sync_dataset": ("""
        repository_id     reference sync_repository - - None
        code              string    64  - None
        name              string    512 - None
        archive_url       string    512 - None
        use_archive       boolean   -   - False
        comments          text      -   - None""", True),
    "sync_dataset_archive": ("""
        dataset_id        reference sync_dataset - - None
        date              date      -   - None
        archive           upload    512 - None
        scheduler_task_id reference scheduler_task - - None
        comments          text      -   - None""", True),
    "sync_task": ("""
        repository_id      reference sync_repository - - None
        dataset_id         reference sync_dataset - - None
        resource_name      string      512 NN None
        components         boolean     -   -  False
        infile_pattern     string      512 -  None
        delete_input_files boolean     -   -  False
        outfile_pattern    string      512 -  None
        human_readable     boolean     -   -  False
        representation     string      512 -  None
        multiple_file      boolean     -   -  False
        last_pull          datetime    -   -  None
        last_push          datetime    -   -  None
        mode               integer     -   -  3
        strategy           list:string -   -  ['create','update','delete','merge']
        update_method      integer     -   -  1
        update_policy      string      512 -  'NEWER'
        conflict_policy    string      512 -  'NEWER'""", True),
    "sync_resource_filter": ("""
        task_id       reference sync_task - - None
        tablename     string 512 - None
        filter_string string 512 - None""", True),
    "sync_job": ("""
        repository_id     reference sync_repository - - None
        scheduler_task_id reference scheduler_task - - None""", True),
    "sync_log": ("""
        timestmp      datetime  -   - None
        repository_id reference sync_repository - - None
        resource_name string    512 - None
        mode          string    512 - None
        action        string    512 - None
        result        string    512 - None
        remote        boolean   -   - False
        message       text      -   - None""", True),
}


def expected(tablename: str) -> list[tuple[str, str, int | None, bool, bool, str]]:
    """(name, type, length, notnull, unique, default) of the columns of a table, in order."""
    text, meta = TABLES[tablename]
    found = []
    for line in (text + (META if meta else "")).strip().splitlines():
        name, *rest = line.split()
        kind = " ".join(rest[:2]) if rest[0] == "reference" else rest[0]
        length, *more = rest[2:] if rest[0] == "reference" else rest[1:]
        found.append((name, kind, None if length == "-" else int(length), "NN" in more, "U" in more, more[-1]))
    return found


@pytest.fixture
def db() -> Iterator[Any]:
    database = DAL("sqlite:memory")
    database.define_table("auth_user", Field("email"))
    database.define_table("scheduler_task", Field("task_name"))
    yield database
    database.close()


@pytest.fixture
def user() -> list[int]:
    """The logged-in user's id, to be changed by a test."""
    return [7]


@pytest.fixture
def defined(db: Any, user: list[int]) -> Any:
    for number in range(1, 9):
        db.auth_user.insert(id=number, email=f"{number}@example.com")
    tables.define_tables(db, user_id=lambda: user[0])
    return db


@pytest.mark.parametrize("tablename", sorted(TABLES))
def test_columns(defined: Any, tablename: str) -> None:
    table = defined[tablename]
    rows = expected(tablename)
    assert table.fields == ["id", *[row[0] for row in rows]]
    for name, kind, length, notnull, unique, default in rows:
        field = table[name]
        if kind == "uuid":
            assert field.type.type == "string" and field.type.native == "VARCHAR(128)"
        else:
            assert field.type == kind, name
        if length is not None:
            assert field.length == length, name
        assert bool(field.notnull) == notnull, name
        assert bool(field.unique) == unique, name
        value = field.default() if callable(field.default) else field.default
        if default == "now":
            assert abs(eden.utcnow() - value) < datetime.timedelta(seconds=5), name
        elif default == "user":
            assert value == 7, name
        else:
            assert repr(value).replace(" ", "") == default, name


def test_all_tables_are_there(defined: Any) -> None:
    assert set(TABLES) <= set(defined.tables)
    assert {name for name, _, _ in own.INDICES} <= set(defined.tables)


def test_what_is_updated_by_itself(defined: Any, user: list[int]) -> None:
    updating = {name for name in defined.sync_repository.fields if defined.sync_repository[name].update is not None}
    assert updating == {"modified_on", "modified_by"}
    row_id = defined.sync_repository.insert(name="HQ")
    defined(defined.sync_repository.id == row_id).update(modified_on=datetime.datetime(2001, 1, 1))
    user[0] = 8
    defined(defined.sync_repository.id == row_id).update(name="Headquarters")
    row = defined.sync_repository(row_id)
    assert row.modified_on.year > 2001 and (row.created_by, row.modified_by) == (7, 8)


@pytest.mark.parametrize("tablename, name, rule", [
    ("sync_task", "repository_id", "CASCADE"), ("sync_job", "scheduler_task_id", "CASCADE"),
    ("sync_dataset_archive", "scheduler_task_id", "CASCADE"), ("sync_log", "repository_id", "CASCADE"),
    ("sync_repository", "created_by", "RESTRICT"), ("sync_repository", "modified_by", "RESTRICT"),
    ("sync_repository", "owned_by_user", "RESTRICT")])
def test_what_happens_on_delete(defined: Any, tablename: str, name: str, rule: str) -> None:
    assert defined[tablename][name].ondelete == rule


def test_defining_twice_changes_nothing(defined: Any) -> None:
    before = {name: id(defined[name]) for name in defined.tables}
    tables.define_tables(defined)
    assert {name: id(defined[name]) for name in defined.tables} == before


def test_without_users_and_scheduler() -> None:
    db = DAL("sqlite:memory")
    tables.define_tables(db)
    assert db.sync_job.scheduler_task_id.type == "integer" and db.sync_job.created_by.type == "integer"
    db.sync_job.insert(scheduler_task_id=3)
    db.close()


def test_users_can_be_left_out(db: Any) -> None:
    tables.define_tables(db, auth_user=False)
    assert db.sync_task.created_by.type == "integer"


class TestUuid:
    """A record gets its identity in the type itself, wherever it is inserted."""

    def test_is_made_where_none_is_given(self, defined: Any) -> None:
        ids = [defined.sync_repository.insert(name="a"), defined.sync_repository.insert(name="b", uuid="")]
        found = [defined.sync_repository(row_id).uuid for row_id in ids]
        assert all(URN.fullmatch(value) for value in found) and len(set(found)) == 2

    def test_a_given_one_stays(self, defined: Any) -> None:
        row_id = defined.sync_repository.insert(name="a", uuid="urn:uuid:given")
        defined(defined.sync_repository.id == row_id).update(name="b")
        assert defined.sync_repository(uuid="urn:uuid:given").id == row_id

    def test_exists_only_once(self, defined: Any) -> None:
        defined.sync_repository.insert(name="a", uuid="urn:uuid:given")
        with pytest.raises(defined._adapter.driver.IntegrityError):
            defined.sync_repository.insert(name="b", uuid="urn:uuid:given")


def test_passwords_are_stored_as_given(defined: Any) -> None:
    """Newer pyDAL hashes password fields by a validator; a hash would be of no use to log in at a peer."""
    for name in ("password", "client_secret"):
        assert defined.sync_repository[name].requires == []
    result = defined.sync_repository.validate_and_insert(name="HQ", password="secret", client_secret="more")
    row = defined.sync_repository(result["id"])
    assert (row.password, row.client_secret) == ("secret", "more")


@pytest.mark.parametrize("value, accepted", [(True, True), (False, False), (None, True)])
def test_accept_pushes(defined: Any, value: bool | None, accepted: bool) -> None:
    row_id = defined.sync_repository.insert(name="HQ", accept_push=value)
    assert tables.accepts_push(defined.sync_repository(row_id)) is accepted


def test_new_repositories_do_not_accept_pushes(defined: Any) -> None:
    assert not tables.accepts_push(defined.sync_repository(defined.sync_repository.insert(name="HQ")))


def test_strategy_is_stored_as_eden_does(defined: Any) -> None:
    defined.sync_task.insert(resource_name="org_office")
    stored = defined.executesql("SELECT strategy, mode, update_policy FROM sync_task")[0]
    assert tuple(stored) == ("|create|update|delete|merge|", 3, "NEWER")


def test_site_uuid_is_made_once(defined: Any) -> None:
    first = tables.site_uuid(defined)
    defined.rollback()                                      # it is committed
    assert URN.fullmatch(first) and tables.site_uuid(defined) == first
    assert defined(defined.sync_config).count() == 1


def test_site_uuid_of_an_eden_site_is_kept(defined: Any) -> None:
    defined.sync_config.insert(uuid="urn:uuid:since-years", proxy="http://proxy:3128")
    defined.sync_config.insert()                            # a second row, from two first runs at once
    assert tables.site_uuid(defined) == "urn:uuid:since-years"


def test_labels_are_translated(db: Any) -> None:
    tables.define_tables(db, T=lambda text: f"<{text}>")
    assert db.sync_repository.accept_push.label == "<Accept Pushes>"


class TestMarkDeleted:
    """Deleted the way Eden does it: the row stays as a tombstone, its references are remembered and emptied."""

    def test_keeps_the_row(self, defined: Any) -> None:
        repository_id = defined.sync_repository.insert(name="HQ")
        task_id = defined.sync_task.insert(resource_name="org_office", repository_id=repository_id)
        assert eden.mark_deleted(defined, "sync_task", defined.sync_task.id == task_id) == 1
        row = defined.sync_task(task_id)
        assert row.deleted is True and row.repository_id is None and row.created_by == 7
        known = json.loads(row.deleted_fk)
        assert known["repository_id"] == repository_id and known["created_by"] == 7

    def test_touches_nothing_else(self, defined: Any) -> None:
        keep = defined.sync_task.insert(resource_name="org_office")
        assert eden.mark_deleted(defined, "sync_task", defined.sync_task.id == keep + 1) == 0
        assert defined.sync_task(keep).deleted is False
