"""Decoders: every form a value can have on the wire, and what is refused."""
from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.s3xml.schema import Field
from s3sync.s3xml.values import check, clean, decode_uuids, decoder, dump, load


def decode(type_: str, text: str, scale: int | None = 2) -> object:
    return decoder(Field("f", type_, scale=scale))(text)


@pytest.mark.parametrize("type_, text, value", [
    ("string", '"A1"', "A1"), ("string", '"\\u00c4oG"', "ÄoG"), ("string", '"a\\nb\\t\\"c\\""', 'a\nb\t"c"'),
    ("string", '"&lt;"', "&lt;"), ("string", '"\\ud835\\udd18"', "𝔘"), ("string", '"a\\ud835b"', "a\ufffdb"),
    ("string", '"a\\u0000b"', "a\ufffdb"), ("string", '"\\u0001"', "\x01"), ("string", "null", None),
    ("string", "1.10", "1.10"),
    ("string", "true", "True"), ("string", "false", "False"), ("string", ' "x" ', "x"), ("string", "", ""),
    ("string", '["b", 1]', '["b",1]'), ("text", '""', ""),
    ("integer", "5", 5), ("integer", "-0", 0), ("integer", '"7"', 7), ("integer", "5.0", 5), ("integer", "1e3", 1000),
    ("integer", " 12 ", 12), ("integer", "null", None), ("integer", "9223372036854775807", 2 ** 63 - 1),
    ("bigint", "-9223372036854775808", -2 ** 63),
    ("double", "52.123456789", 52.123456789), ("double", "13", 13.0), ("double", "1e-05", 1e-05),
    ("double", '"2.5"', 2.5),
    ("double", "-0.0", -0.0), ("double", "null", None), ("double", "+.5", 0.5),
    ("double", "1.7976931348623157e308", 1.7976931348623157e308),
    ("decimal", "12.50", "12.50"), ("decimal", "12.5", "12.50"), ("decimal", "12", "12.00"),
    ("decimal", "007.5", "7.50"),
    ("decimal", "-0.00", "0.00"), ("decimal", "-0.05", "-0.05"), ("decimal", "1.005", "1.01"),
    ("decimal", "1E+2", "100.00"),
    ("decimal", '"3.14"', "3.14"), ("decimal", "null", None),
    ("decimal", "123456789012345678901234567890.12", "123456789012345678901234567890.12"),
    ("boolean", "true", True), ("boolean", "false", False), ("boolean", "True", True), ("boolean", "False", False),
    ("boolean", "1", True), ("boolean", '"0"', False), ("boolean", "null", None),
    ("date", "2026-11-22", "2026-11-22"), ("date", "2026-11-22T23:30:00-02:00", "2026-11-23"),
    ("date", "20261122", "2026-11-22"),
    ("date", "22 Nov 2026", "2026-11-22"), ("date", "0001-01-01", "0001-01-01"), ("date", "9999-12-31", "9999-12-31"),
    ("time", "12:08:26", "12:08:26"), ("time", "12:08", "12:08:00"), ("time", "12:08:26.5", "12:08:26"),
    ("time", "3 pm", "15:00:00"),
    ("datetime", "2026-11-22T12:08:26", "2026-11-22T12:08:26"),
    ("datetime", "2026-11-22 12:08:26", "2026-11-22T12:08:26"),
    ("datetime", "2026-11-22T12:08:26Z", "2026-11-22T12:08:26"),
    ("datetime", "2026-11-22T12:08:26.999999", "2026-11-22T12:08:26"),
    ("datetime", "2026-11-22T12:08:26+00:00", "2026-11-22T12:08:26"),
    ("datetime", "2026-11-22T12:08:26+05:30", "2026-11-22T06:38:26"),
    ("datetime", "2026-11-22T23:30:00-0200", "2026-11-23T01:30:00"), ("datetime", "2026-11-22", "2026-11-22T08:00:00"),
    ("datetime", "2026-11-22T12:08", "2026-11-22T12:08:00"),
    ("datetime", "Sun, 22 Nov 2026 12:08:26 GMT", "2026-11-22T12:08:26"),
    ("datetime", "20261122T120826", "2026-11-22T12:08:26"),
    ("datetime", "2026-11-22T12:08:26 CET", "2026-11-22T12:08:26"),
    ("datetime", "0001-01-01T00:00:00", "0001-01-01T00:00:00"),
    ("datetime", "9999-12-31T23:59:59", "9999-12-31T23:59:59"), ("datetime", "null", None), ("date", "null", None),
    ("json", '{"b": [1, 2.0, null], "a": "\\u00e4"}', '{"a":"ä","b":[1,2.0,null]}'), ("json", "[ ]", "[]"),
    ("json", "null", None),
    ("json", '"x"', '"x"'), ("json", '"\\ud800"', '"\ufffd"'),
    ("list:string", '["a", "b|c"]', ["a", "b|c"]), ("list:string", "[]", []), ("list:string", '"a"', ["a"]),
    ("list:string", "[1, null]", ["1"]), ("list:string", '[true, {"b": 1}, "\\ud800"]', ["true", '{"b":1}', "\ufffd"]),
    ("list:integer", "[1, 2]", [1, 2]), ("list:integer", "3", [3]), ("list:integer", '["4"]', [4]),
    ("list:integer", "null", None),
])
def test_decoded(type_: str, text: str, value: object) -> None:
    found = decode(type_, text)
    assert found == value and type(found) is type(value)


def test_a_time_alone_is_of_today() -> None:
    before = datetime.now(timezone.utc).date()
    found = decode("datetime", "12:30")
    after = datetime.now(timezone.utc).date()       # midnight may have passed
    assert found in {f"{day.isoformat()}T12:30:00" for day in (before, after)}


@pytest.mark.parametrize("type_, text", [
    ("string", "A1"), ("string", '"A'), ("string", '"A" 1'), ("string", '"\\x"'), ("string", "NaN"),
    ("string", '"a\nb"'),
    ("integer", "x"), ("integer", "1.5"), ("integer", "true"), ("integer", "[1]"), ("integer", "9223372036854775808"),
    ("integer", "1_000"), ("integer", "٣"), ("integer", "9" * 30), ("integer", "Infinity"), ("integer", "1e400"),
    ("integer", '"null"'),
    ("double", "NaN"), ("double", "Infinity"), ("double", "-Infinity"), ("double", "nan"), ("double", "inf"),
    ("double", "1e999"),
    ("double", "1_0"), ("double", "true"), ("double", "{}"), ("double", '"NaN"'), ("double", '"1e999"'), ("double", ""),
    ("decimal", "NaN"), ("decimal", "1E+200"), ("decimal", "x"), ("decimal", '"sNaN"'), ("decimal", "true"),
    ("decimal", "[]"), ("decimal", "1E999999"),
    ("boolean", "perhaps"), ("boolean", ""), ("boolean", "2"), ("boolean", "[]"),
    ("date", "2026-02-30"), ("date", "soon"), ("date", "2026-13-01"), ("time", "25:00:00"), ("time", "x"),
    ("datetime", "2026-02-30T00:00:00"), ("datetime", "never"), ("datetime", "2026-11-22T24:01:00"),
    ("datetime", "1" * 100),
    ("datetime", "0001-01-01T00:00:00+23:00"), ("datetime", "9999-12-31T23:59:59-01:00"),
    ("datetime", "2026-11-22 12:08:26.1.2.3"),
    ("json", "{"), ("json", "NaN"), ("json", "[1e999]"), ("json", "{'a': 1}"), ("json", "[" * 100_000),
    ("json", "True"),
    ("list:string", "a,b"), ("list:integer", '["x"]'), ("list:integer", "[1.5]"), ("list:integer", "[[1]]"),
    ("list:integer", '["null"]'),
])
def test_refused(type_: str, text: str) -> None:
    with pytest.raises(ValueError) as caught:
        decode(type_, text)
    assert str(caught.value) and len(str(caught.value)) < 250


@pytest.mark.parametrize("text, found", [
    ('["a", "b"]', ["a", "b"]), ("[]", []), ("a", ["a"]), ("None", []), ('["None", ""]', []), ("", []),
])
def test_uuids(text: str, found: list[str]) -> None:
    assert decode_uuids(text) == found


@pytest.mark.parametrize("text", ["[1]", "[", '[["a"]]'])
def test_uuids_refused(text: str) -> None:
    with pytest.raises(ValueError):
        decode_uuids(text)


def test_decimal_without_scale_keeps_its_digits() -> None:
    assert decode("decimal", "1.2500", scale=None) == "1.2500"
    assert decode("decimal", "3", scale=0) == "3"
    assert decode("decimal", "2.5", scale=0) == "3"


@pytest.mark.parametrize("type_", ["password", "blob", "id", "virtual", "list:blob"])
def test_what_never_travels(type_: str) -> None:
    with pytest.raises(TypeError, match="do not travel"):
        check(Field("f", type_))


@pytest.mark.parametrize("type_", ["reference", "list:reference"])
def test_references_need_a_target(type_: str) -> None:
    with pytest.raises(TypeError, match="target"):
        check(Field("f", type_))


def test_deep_values_are_refused_not_fatal() -> None:
    value: object = 1
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ValueError, match="deeply"):
        dump(value)
    with pytest.raises(ValueError):
        load("[" * 100_000 + "]" * 100_000)


@given(st.text(st.characters()))
def test_clean_text_can_be_stored(text: str) -> None:
    stored = clean(text)
    stored.encode("utf-8")
    assert "\0" not in stored
    if text.isprintable():
        assert stored == text


@pytest.mark.parametrize("type_", ["string", "integer", "double", "decimal", "boolean", "date", "time", "datetime", "json",
                                   "list:string", "list:integer"])
@given(text=st.text() | st.from_regex(r"[-+0-9.eE:T Z\"\[\]{},nul]{1,40}", fullmatch=True))
def test_any_text_gives_a_value_or_a_reason(type_: str, text: str) -> None:
    try:
        value = decode(type_, text)
    except ValueError as error:
        assert str(error)
    else:
        assert value is None or not isinstance(value, float) or value == value


@given(st.datetimes(), st.sampled_from(["", "Z", "+00:00", "+0530", "-03:00", "+14:00"]), st.booleans())
def test_every_spelling_of_a_moment(moment: datetime, zone: str, fraction: bool) -> None:
    text = moment.isoformat() if fraction else moment.replace(microsecond=0).isoformat()
    try:
        expected = datetime.fromisoformat(moment.replace(microsecond=0).isoformat() + _colon(zone)).astimezone(timezone.utc)
    except OverflowError:
        with pytest.raises(ValueError):
            decode("datetime", text + zone)
        return
    if not zone:
        expected = moment.replace(microsecond=0)
    assert decode("datetime", text + zone) == expected.replace(tzinfo=None).isoformat()


def _colon(zone: str) -> str:
    return {"Z": "+00:00", "+0530": "+05:30", "": "+00:00"}.get(zone, zone)
