"""The demo's comparison finds every kind of difference: it must not say "equal" by mistake."""
from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "examples" / "demo"))

from compare import compare, is_equal

TABLES = ("place", "office")


def database(path: Path, shift: int = 0) -> Path:
    """Two places, two offices and a deleted one; ids differ between sites by `shift`."""
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE place (id INTEGER PRIMARY KEY, uuid TEXT, deleted CHAR(1), mci INTEGER,"
                           " name TEXT, parent INTEGER REFERENCES place(id))")
        connection.execute("CREATE TABLE office (id INTEGER PRIMARY KEY, uuid TEXT, deleted CHAR(1), mci INTEGER,"
                           " created_by INTEGER, name TEXT, staff INTEGER, place_id INTEGER REFERENCES place(id))")
        connection.executemany("INSERT INTO place VALUES (?,?,?,?,?,?)", [
            (1 + shift, "p1", "F", shift, "Sofala", None), (2 + shift, "p2", "F", shift, "Beira", 1 + shift)])
        connection.executemany("INSERT INTO office VALUES (?,?,?,?,?,?,?,?)", [
            (1 + shift, "o1", "F", shift, shift, "One", 3, 1 + shift),
            (2 + shift, "o2", "F", shift, shift, "Two", None, 2 + shift),
            (3 + shift, "o3", "T", shift, shift, "Gone", shift, None)])
    return path


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return database(tmp_path / "one.db"), database(tmp_path / "other.db", shift=10)


def test_equal_where_only_ids_and_book_keeping_differ(pair: tuple[Path, Path]) -> None:
    results = compare(*pair, TABLES)
    assert is_equal(results)
    assert [(result.live, result.deleted) for result in results] == [(2, 0), (2, 1)]
    assert results[1].fields == 3


@pytest.mark.parametrize("statement, found", [
    ("UPDATE office SET name = 'one' WHERE uuid = 'o1'", "o1: name is 'One' and 'one'"),
    ("UPDATE office SET staff = NULL WHERE uuid = 'o1'", "o1: staff is 3 and None"),
    ("UPDATE office SET staff = 0 WHERE uuid = 'o2'", "o2: staff is None and 0"),
    ("UPDATE office SET place_id = 12 WHERE uuid = 'o1'", "o1: place_id is 'p1' and 'p2'"),
    ("UPDATE office SET place_id = NULL WHERE uuid = 'o1'", "o1: place_id is 'p1' and None"),
    ("UPDATE office SET place_id = 99 WHERE uuid = 'o1'", "o1: place_id is 'p1' and '?99'"),
    ("UPDATE place SET parent = 12 WHERE uuid = 'p2'", "p2: parent is 'p1' and 'p2'"),
    ("UPDATE office SET deleted = 'T' WHERE uuid = 'o1'", "o1: deleted at the second site only"),
    ("UPDATE office SET deleted = 'F' WHERE uuid = 'o3'", "o3: deleted at the first site only"),
    ("DELETE FROM office WHERE uuid = 'o1'", "o1: missing at the second site"),
    ("INSERT INTO office VALUES (99, 'o9', 'F', 0, 0, 'New', 1, NULL)", "o9: missing at the first site"),
    ("ALTER TABLE office ADD COLUMN extra TEXT", "o1: extra is None and None"),
])
def test_finds(pair: tuple[Path, Path], statement: str, found: str) -> None:
    with sqlite3.connect(pair[1]) as connection:
        connection.execute(statement)
    results = compare(*pair, TABLES)
    assert not is_equal(results)
    assert found in [line for result in results for line in result.differences]


def test_a_tombstone_of_a_record_that_the_other_never_had_is_no_difference(pair: tuple[Path, Path]) -> None:
    with sqlite3.connect(pair[1]) as connection:
        connection.execute("DELETE FROM office WHERE uuid = 'o3'")
    assert is_equal(compare(*pair, TABLES))


def test_nothing_is_not_equal(tmp_path: Path) -> None:
    pair = database(tmp_path / "one.db"), database(tmp_path / "other.db")
    for path in pair:
        with sqlite3.connect(path) as connection:
            for table in TABLES:
                connection.execute(f"DELETE FROM {table}")
    assert not is_equal(compare(*pair, TABLES))
