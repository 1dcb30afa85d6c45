"""Validators asked the quick way: they say what they say in a form, and what is remembered is what they would say again."""
from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydal import DAL, Field
from pydal import validators as v

from s3sync.database import Database
from s3sync.engine.validation import REMEMBERED, Validation
from s3sync.hosts.table import TableMap, schema_of

#: type of the field, its validators, values as they arrive (canonical)
CASES: dict[str, tuple[str, Any, st.SearchStrategy[Any]]] = {
    "one of a set": ("string", [v.IS_EMPTY_OR(v.IS_IN_SET(["1", "b", "True"]))],
                     st.sampled_from(["1", "b", "c", "", "  ", "True"])),
    "number of a set": ("integer", [v.IS_EMPTY_OR(v.IS_IN_SET({0: "none", 1: "one"}))], st.integers(-1, 2)),
    "some of a set": ("list:string", [v.IS_EMPTY_OR(v.IS_IN_SET(["a", "b"], multiple=True))],
                      st.lists(st.sampled_from(["a", "b", "c"]), max_size=3)),
    "one to two of a set": ("list:string", [v.IS_IN_SET(["a", "b"], multiple=(1, 3))],
                            st.lists(st.sampled_from("abc"), max_size=3)),
    "pattern": ("string", [v.IS_MATCH("^[A-Z]{2}$")], st.text("ABc ", max_size=3)),
    "pattern that takes a part": ("string", [v.IS_EMPTY_OR(v.IS_MATCH("[a-z]+", extract=True))], st.text("aB 1", max_size=5)),
    "lower": ("string", [v.IS_EMPTY_OR([v.IS_LOWER(), v.IS_LENGTH(3)])], st.text("aBÄ ", max_size=4)),
    "upper, then empty or short": ("string", [v.IS_UPPER(), v.IS_EMPTY_OR(v.IS_LENGTH(3))], st.text("aB ", max_size=4)),
    "slug": ("string", [v.IS_SLUG()], st.text("aB -_!", max_size=5)),
    "e-mail": ("string", [v.IS_EMPTY_OR(v.IS_EMAIL())], st.sampled_from(["a@example.org", "a@", "", "a b@example.org"])),
    "URL": ("string", [v.IS_EMPTY_OR(v.IS_URL())],
            st.sampled_from(["example.org", "http://example.org/a", "http://é.example", "x y"])),
    "whole number": ("integer", [v.IS_EMPTY_OR(v.IS_INT_IN_RANGE(0, 10))], st.integers(-3, 12)),
    "number": ("double", [v.IS_EMPTY_OR(v.IS_FLOAT_IN_RANGE(-1, 1))], st.sampled_from([0.0, -0.0, 0.5, 1.5, float("inf")])),
    "decimal": ("decimal(8,2)", [v.IS_DECIMAL_IN_RANGE(0, 10)], st.sampled_from(["0.00", "1.50", "-0.50", "10.00", "11.00"])),
    "truth": ("boolean", [v.IS_NOT_EMPTY()], st.booleans()),
    "day": ("date", [v.IS_EMPTY_OR(v.IS_DATE_IN_RANGE(minimum=date(2020, 1, 1)))], st.sampled_from(["2019-12-31", "2020-01-01"])),
    "time": ("time", [v.IS_EMPTY_OR(v.IS_TIME())], st.sampled_from(["07:30:00", "23:59:59"])),
    "empty to something": ("string", [v.IS_EMPTY_OR(v.IS_LENGTH(3), null="?")], st.text("a ", max_size=4)),
    "own idea of empty": ("string", [v.IS_EMPTY_OR(v.IS_LENGTH(3), empty_regex="-+")], st.text("-a", max_size=4)),
    "JSON": ("json", [v.IS_EMPTY_OR(v.IS_JSON())], st.sampled_from(["null", "[]", '""', '{"a":1}', "1"])),
    "mandatory, then short": ("string", [v.IS_NOT_EMPTY(), v.IS_LENGTH(2)], st.text("a ", max_size=3)),
}


def validation(kind: str, requires: Any) -> Validation:
    db = DAL("sqlite:memory", migrate=False)
    table = db.define_table("org_thing", Field("value", kind, requires=requires), Field("uuid", length=128))
    return Validation(TableMap(Database(db), table, schema_of(table, lambda name: True), frozenset()), "value", requires)


def quickly(asked: Validation, value: Any) -> tuple[str, Any]:
    values = {"value": value}
    return asked.check(values, 0), values["value"]


def slowly(asked: Validation, value: Any) -> tuple[str, Any]:
    values = {"value": value}
    return asked._slowly(values, value, 0), values["value"]


@pytest.mark.parametrize("case", CASES)
def test_the_quick_way_says_what_a_form_would_say(case: str) -> None:
    kind, requires, values = CASES[case]
    asked = validation(kind, requires)

    @settings(max_examples=60, deadline=None)
    @given(values | st.none())
    @example(None)
    def same(value: Any) -> None:
        expected = slowly(asked, value)
        for _ in range(2):                                # the second time perhaps from memory
            found = quickly(asked, value)
            assert found == expected and type(found[1]) is type(expected[1]) and repr(found[1]) == repr(expected[1])
    same()


class Counted(v.IS_INT_IN_RANGE):
    """Not pyDAL's own any more."""

    asked = 0

    def validate(self, value: Any, record_id: Any = None) -> Any:
        self.asked += 1
        return super().validate(value, record_id)


def test_a_validator_of_the_application_s_own_is_asked_each_time() -> None:
    own = Counted(0, 10)
    asked = validation("integer", [v.IS_EMPTY_OR(own)])
    assert [quickly(asked, 3)[0] for _ in range(3)] == ["", "", ""] and own.asked == 3


def test_one_of_pydal_s_is_asked_once_for_each_value(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    inner = v.IS_INT_IN_RANGE(0, 10)
    whole = inner.validate
    monkeypatch.setattr(inner, "validate", lambda value, record_id=None: calls.append(value) or whole(value, record_id))
    asked = validation("integer", [v.IS_EMPTY_OR(inner)])
    assert [quickly(asked, value)[0] != "" for value in (3, 3, 4, 11, 11)] == [False, False, False, True, True]
    assert calls[:2] == [3, 4] and set(calls[2:]) == {11}            # what is refused is asked again
    for value in range(11):
        quickly(asked, value)
    assert len(asked._good) <= REMEMBERED


def test_memory_does_not_grow_with_the_number_of_values() -> None:
    asked = validation("string", [v.IS_EMPTY_OR(v.IS_EMAIL())])
    for number in range(REMEMBERED + 50):
        assert quickly(asked, f"u{number}@example.org")[0] == ""
    assert len(asked._good) == REMEMBERED


def test_a_truth_is_not_taken_for_a_number_that_equals_it() -> None:
    asked = validation("string", [v.IS_IN_SET(["1"])])
    assert quickly(asked, 1)[0] == "" and quickly(asked, True)[0] != "" and quickly(asked, "1")[0] == ""


@pytest.mark.parametrize("requires", [v.IS_EMPTY_OR, lambda inner: [inner]])
def test_what_depends_on_the_database_is_asked_each_time(requires: Any) -> None:
    db = DAL("sqlite:memory")
    table = db.define_table("org_thing", Field("value", unique=True), Field("uuid", length=128))
    rule = requires(v.IS_NOT_IN_DB(db, "org_thing.value"))
    asked = Validation(TableMap(Database(db), table, schema_of(table, lambda name: True), frozenset()), "value",
                       rule if isinstance(rule, list) else [rule])
    assert quickly(asked, "a")[0] == ""
    number = table.insert(value="a")
    assert quickly(asked, "a")[0] != "", "it is there by now"
    assert asked.check({"value": "a"}, number) == "", "but that is the record itself"
