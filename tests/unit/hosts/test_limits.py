"""What a database's columns cannot hold is found out before it is written."""
from __future__ import annotations

from types import SimpleNamespace

import pytest
from pydal import DAL, Field

from s3sync.hosts.limits import decimal_limit, limits
from s3sync.hosts.table import TableMap, schema_of


def table_of(dialect: str, narrow: frozenset[str] = frozenset()) -> TableMap:
    """A table as it looks on another database."""
    dal = DAL("sqlite:memory", check_reserved=None)
    table = dal.define_table("t_thing", Field("number", "integer"), Field("big", "bigint"), Field("price", "decimal(6,2)"),
                             Field("name"), Field("tags", "list:string"), Field("data", "json"), Field("uuid", length=128))
    database = SimpleNamespace(dialect=dialect, narrow=lambda name: narrow)
    return TableMap(database, table, schema_of(table, lambda name: True), frozenset())


def refused(dialect: str, name: str, value: object, narrow: frozenset[str] = frozenset()) -> str:
    return "".join(check(value) for check in limits(table_of(dialect, narrow)).get(name, ()))


@pytest.mark.parametrize("dialect", ["postgres", "mysql"])
@pytest.mark.parametrize("name, value, fits", [
    ("number", 2 ** 31 - 1, True), ("number", -2 ** 31, True), ("number", 2 ** 31, False), ("number", -2 ** 31 - 1, False),
    ("big", 2 ** 63 - 1, True), ("price", "9999.99", True), ("price", "-9999.99", True), ("price", "10000.00", False),
    ("price", "-10000.00", False), ("name", "\U0001f600", True)])
def test_columns_that_have_limits(dialect: str, name: str, value: object, fits: bool) -> None:
    assert bool(refused(dialect, name, value)) is not fits
    assert refused("sqlite", name, value) == ""                 # it takes anything


@pytest.mark.parametrize("name, value", [("name", "a \U0001f600"), ("tags", ["b", "\U0001f600"]), ("data", '"\U0001f600"')])
def test_characters_that_an_older_mysql_cannot_hold(name: str, value: object) -> None:
    assert "utf8mb4" in refused("mysql", name, value, frozenset((name,)))
    assert refused("mysql", name, value) == "" == refused("mysql", "name", "Ä€\uffee", frozenset(("name",)))


def test_scale_of_decimals() -> None:
    assert decimal_limit(4, 0)("9999") == "" and "4 digits" in decimal_limit(4, 0)("10000")
