"""Rows in bulk arrive on each database as they would one by one, whatever is in them."""
from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from pydal import DAL, Field

from s3sync import postgres
from s3sync.database import Database

TEXTS = ["", " ", "plain", "it's", '"quoted"', "back\\slash", "\\", "\\.", "\\N", "tab\tline\nreturn\rend", "100 % %s %(x)s", "?",
         "; DROP TABLE thing; --", "Ärzte 中文 €", "a|b", "{}", "NULL", "null"]
NUMBERS = [0, 1, -1, 2 ** 31 - 1, -2 ** 31, None]
FLOATS = [0.0, -0.1, 1e-7, -101.742089, 1.7976931348623157e308, None]


@pytest.fixture
def thing(trio: Any) -> Any:
    db = trio.a.db
    db.define_table("thing", Field("name", "text"), Field("number", "integer"), Field("size", "double"),
                    Field("price", "decimal(12,3)"), Field("born", "date"), Field("at", "time"), Field("seen", "datetime"),
                    Field("flag", length=1))
    db.commit()
    return trio


def rows(count: int) -> list[tuple[Any, ...]]:
    return [(TEXTS[n % len(TEXTS)], NUMBERS[n % len(NUMBERS)], FLOATS[n % len(FLOATS)],
             Decimal(n) / 8 if n % 3 else None, date(1970 + n % 90, 1, 31), time(n % 24, 30), datetime(2024, 2, 29, n % 24, 0, 1),
             "T" if n % 2 else "F") for n in range(count)]


COLUMNS = ("name", "number", "size", "price", "born", "at", "seen", "flag")


def stored(site: Any) -> list[tuple[Any, ...]]:
    table = site.db.thing
    return [tuple(row[name] for name in COLUMNS) for row in site.db(table.id > 0).select(orderby=table.id)]


@pytest.mark.parametrize("count", [1, 19, 600, 5001])
def test_insert(thing: Any, count: int) -> None:
    """Few and many, across the limits of statements."""
    given = rows(count)
    texts = (Decimal, date, time) if thing.kind == "sqlite" else ()
    written = [tuple(str(value) if isinstance(value, texts) else value for value in row) for row in given]
    Database(thing.a.db).insert("thing", COLUMNS, written)
    assert stored(thing.a) == given
    thing.a.db.rollback()


def test_update_and_upsert(thing: Any) -> None:
    database = Database(thing.a.db)
    database.insert("thing", ("name", "number"), [(f"old {n}", n) for n in range(700)])
    ids = [row[0] for row in database.rows('SELECT "id" FROM "thing" ORDER BY "id"')]
    database.update("thing", ["name", "number", "size"], [(TEXTS[n % len(TEXTS)], -n, FLOATS[n % len(FLOATS)], key)
                                                          for n, key in enumerate(ids)])
    assert [row[:3] for row in stored(thing.a)] == [(TEXTS[n % len(TEXTS)], -n, FLOATS[n % len(FLOATS)]) for n in range(700)]
    keys = ("tablename", "record_uuid")
    for digest in ("one", "it's \\ two"):
        database.upsert("sync_version", keys, ("digest", "seq"), [("t%s", f"u'{n}", digest, -n) for n in range(700)])
        found = database.rows('SELECT "record_uuid", "digest", "seq" FROM "sync_version" WHERE "tablename" = ? '
                              'ORDER BY "seq" DESC', ["t%s"])
        assert [tuple(row) for row in found] == [(f"u'{n}", digest, -n) for n in range(700)]
    thing.a.db.rollback()


def test_upsert_of_every_column(thing: Any) -> None:
    """Texts, numbers, times and NULLs, new and known; on PostgreSQL as arrays, without a list of values for each row."""
    database, columns = Database(thing.a.db), ("digest", "vector", "seq", "origin", "modified_on")

    def version(n: int, digest: str) -> tuple[Any, ...]:
        return ("t", f"u'{n}", digest, TEXTS[n % len(TEXTS)] if n % 5 else None, n * 2 ** 40, None if n % 3 else "it",
                f"2024-02-29 00:{n % 60:02d}:01" if n % 7 else None)

    for first, digest in ((0, "one"), (300, None)):
        given = [version(n, digest or TEXTS[n % 5]) for n in range(first, first + 600)]
        if thing.kind == "postgres":
            cursor = thing.a.db._adapter.cursor
            assert postgres.arrays(cursor, "", ["string"], given[:5], "") is False          # few
            assert postgres.arrays(cursor, "", ["double"] * 7, given, "") is False          # of a type it does not know
            assert postgres.arrays(cursor, "", ["string"], [(b"bytes",)] * 30, "") is False
        database.upsert("sync_version", ("tablename", "record_uuid"), columns, [given[0], *given])
    expected = [version(n, "one" if n < 300 else TEXTS[n % 5]) for n in range(900)]
    found = database.rows('SELECT "tablename", "record_uuid", "digest", "vector", "seq", "origin", "modified_on" '
                          'FROM "sync_version" WHERE "tablename" = ? ORDER BY "seq"', ["t"])
    assert [(*row[:6], row[6] and str(row[6])) for row in found] == expected
    thing.a.db.rollback()


def test_upsert_where_the_table_is_not_defined(thing: Any) -> None:
    """As in a request of a peer, which does without the definitions: on PostgreSQL in arrays all the same."""
    plain = DAL(thing.a.db._uri, folder=thing.a.db._adapter.folder, migrate_enabled=False)
    plain._adapter.get_connection()               # pyDAL connects when it first has to
    try:
        database = Database(plain)
        database.upsert("sync_version", ("tablename", "record_uuid"), ("digest", "seq"),
                        [("t", f"u{n}", "d", n) for n in range(700)])
        if thing.kind == "postgres":
            assert b"unnest" in plain._adapter.cursor.query
        assert database.value('SELECT COUNT(*) FROM "sync_version" WHERE "tablename" = ?', ["t"]) == 700
    finally:
        plain.rollback()
        plain.close()


def test_what_copy_does_not_take_goes_another_way(thing: Any) -> None:
    """And fails, if it does, as one of the driver's errors, with nothing written."""
    database = Database(thing.a.db)
    thing.a.db.commit()
    many = [("x", n) for n in range(30)]
    with pytest.raises(database.driver_error), database.savepoint():
        database.insert("thing", ("name", "no_such_column"), many)
    with pytest.raises(database.driver_error), database.savepoint(), database.strict():
        database.insert("sync_lease", ("name", "owner"), [("x", "y"), *[(None, str(n)) for n in range(30)]])
    assert database.value('SELECT COUNT(*) FROM "sync_lease"') == 0
    if thing.kind == "postgres":
        cursor = thing.a.db._adapter.cursor
        assert not postgres.copy(cursor, "thing", ("name",), [(b"bytes",)] * 30)
        assert not postgres.copy(cursor, "thing", ("name",), [("few",)])
        assert postgres.copy(cursor, "thing", ("name",), [("many",)] * 30)
    thing.a.db.rollback()


@pytest.mark.parametrize("count", [1, 700, 5001])
def test_rows_are_found_by_many_values(thing: Any, count: int) -> None:
    """Whatever is in the texts, and whatever the type of the column; each value once."""
    database = Database(thing.a.db)
    names = [f"{TEXTS[n % len(TEXTS)]}{n}" for n in range(count)]
    database.insert("thing", ("name", "number", "size", "price", "flag", "born"),
                    [(name, -n, n / 2, n, "T", "2024-02-29") for n, name in enumerate(names)])
    find = 'SELECT "name", "number" FROM "thing" WHERE "flag" = ? AND "{}" IN ({{}}) ORDER BY "id"'
    everything = list(zip(names, range(0, -count, -1)))
    before = database.statements
    assert [tuple(row) for row in database.rows_in(find.format("name"), [*names, "none of them", *names], ["T"])] == everything
    if thing.kind == "postgres":
        assert database.statements - before == count // 5000 + 1
    for column, values in (("number", [2 ** 40, *range(0, -count, -1), -2 ** 63]), ("size", [n / 2 for n in range(count)]),
                           ("price", list(range(count)))):
        assert [tuple(row) for row in database.rows_in(find.format(column), values, ["T"])] == everything
    assert len(list(database.rows_in(find.format("born"), ["2024-02-29"], ["T"]))) == count
    assert list(database.rows_in(find.format("name"), [], ["T"])) == []
    if thing.kind != "sqlite":                    # which refuses the number, as it always did
        assert list(database.rows_in(find.format("number"), [2 ** 70], ["T"])) == []
    assert database.execute_in('DELETE FROM "thing" WHERE "name" IN ({})', ["none", *names]) == count
    thing.a.db.rollback()
