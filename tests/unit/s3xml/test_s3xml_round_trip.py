"""Write, read, same record: for every type, all of Unicode, extreme numbers and dates, in both forms."""
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from s3xml_records import (
    PART,
    THING,
    any_text,
    document,
    encode,
    moments,
    read,
    records,
    state,
    tricky,
    users,
    uuids,
    write,
    xml_text,
)

from s3sync.s3xml.record import Record

COMPLETE = {"t_thing": [field.name for field in THING.fields], "t_part": [field.name for field in PART.fields]}


@given(records())
def test_plain(record: Record) -> None:
    (found,) = read(write(encode(record, plain=True), success=True))
    assert state(found) == state(record)


@given(records(text=any_text, null=True), st.none() | xml_text.filter(bool),
       st.lists(st.sampled_from(["x", "y", "z_1"]), unique=True))
def test_compact(record: Record, vector: str | None, withheld: list[str]) -> None:
    record.vector = vector
    if withheld:
        record.withheld = tuple(withheld)
    (found,) = read(write(encode(record, plain=False), fields=COMPLETE))
    assert state(found) == state(record)


@given(records(null=True), uuids, st.none() | any_text)
def test_nested(record: Record, uuid: str, label: str | None) -> None:
    record.children = [
        Record("t_part", uuid, {"label": label, "thing_id": record.uuid, "other_id": None}, alias="piece"),
        Record("t_part", "deleted one", deleted=True, modified_on="2026-01-01T00:00:00", vector="a:1")]
    children = [encode(child, plain=False, parent_field="thing_id") for child in record.children]
    (found,) = read(write(encode(record, plain=False, children=children), fields=COMPLETE))
    assert state(found) == state(record)


@given(uuids, st.none() | moments, st.none() | users, st.none() | uuids, st.integers(0, 99), st.none() | xml_text.filter(bool))
def test_deleted(uuid: str, modified_on: Any, modified_by: Any, replaced_by: Any, mci: int, vector: Any) -> None:
    more = dict(modified_on=modified_on, modified_by=modified_by, replaced_by=replaced_by, vector=vector)
    record = Record("t_thing", uuid, deleted=True, mci=mci, **{name: value for name, value in more.items() if value is not None})
    (found,) = read(write(encode(record, plain=False), fields=COMPLETE))
    assert state(found) == state(record)
    (plainly,) = read(write(encode(record, plain=True)))
    assert (plainly.uuid, plainly.deleted, plainly.modified_on, plainly.replaced_by) == (uuid, True, modified_on, replaced_by)


@given(st.dictionaries(st.sampled_from(["success", "results", "domain", "url", "site"]), xml_text | tricky))
def test_root_attributes(attributes: dict[str, str]) -> None:
    assert document(write(**attributes)).attributes == {**attributes, "s3sync": "1"}


@pytest.mark.parametrize("plain", [True, False])
def test_uuids_that_are_no_urn(plain: bool) -> None:
    record = Record("t_thing", "SITE_DEFAULT", {"parent_id": "OTHER", "friends": ["a", "x.org/b"], "site_id": "y.org/c"})
    merged = Record("t_thing", "old", deleted=True, replaced_by="SITE_DEFAULT")
    found = read(write(encode(record, plain), encode(merged, plain), domain="sender.org"))
    assert [state(each) for each in found] == [state(record), state(merged)]


@pytest.mark.parametrize("name, value", [
    ("number", -2 ** 63), ("number", 2 ** 63 - 1), ("share", 5e-324), ("share", 1.7976931348623157e308),
    ("share", -0.0), ("share", 1e16),
    ("share", 0.1), ("price", "0.00"), ("price", "-99999999999999999999999999.99"), ("units", "0"),
    ("day", "0001-01-01"), ("day", "9999-12-31"),
    ("hour", "00:00:00"), ("hour", "23:59:59"), ("moment", "0001-01-01T00:00:00"), ("moment", "9999-12-31T23:59:59"),
    ("data", "{}"), ("data", "[]"),
    ("data", '""'), ("data", "0"), ("data", "true"), ("data", '"null"'), ("tags", []), ("tags", [""]),
    ("tags", ["|", "a|b", ""]), ("numbers", []),
    ("friends", []), ("name", ""), ("name", " "), ("name", "\n"), ("name", "\r"), ("name", "\r\n"), ("name", "\t"),
    ("name", "NULL"), ("name", "]]>"),
    ("name", "\U0010fffd"), ("name", "\ue000\ufeff\u2028\u0085\xad"), ("name", "x" * 100_000), ("active", True),
    ("active", False),
])
@pytest.mark.parametrize("plain", [True, False])
def test_extremes(name: str, value: Any, plain: bool) -> None:
    (found,) = read(write(encode(Record("t_thing", "u", {name: value}), plain)))
    assert found.error is None
    assert repr(found.values[name]) == repr(value)


@given(any_text)
def test_our_own_peers_lose_no_character(value: str) -> None:
    record = Record("t_thing", "u", {"name": value, "code": value, "comments": value, "tags": [value]})
    (found,) = read(write(encode(record, plain=False)))
    assert found.values == record.values
