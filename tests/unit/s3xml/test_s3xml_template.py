"""Templates against the parser: whatever a document says, both read the same of it, and both refuse the same."""
from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from s3xml_records import PART, SCHEMAS, THING, any_text, encode, records, state, uuids, write

from s3sync.errors import SyncError
from s3sync.s3xml.document import WINDOW, Document
from s3sync.s3xml.limits import Limits
from s3sync.s3xml.record import Record, Upload
from s3sync.s3xml.template import Template

COMPLETE = {"t_thing": [field.name for field in THING.fields], "t_part": [field.name for field in PART.fields]}


class Dripping(io.BytesIO):
    """A source that gives few bytes at a time."""

    def __init__(self, data: bytes, most: int) -> None:
        super().__init__(data)
        self.most = most

    def read(self, size: int | None = -1) -> bytes:
        return super().read(self.most)


def outcome(document: bytes, most: int = 1 << 15, **more: Any) -> tuple[list[Any], str]:
    """What is read of a document, and the kind of error that ends it."""
    found: list[Any] = []
    try:
        for record in Document(Dripping(document, most), SCHEMAS.get, **more):
            found.append((record.position, state(record)))
    except SyncError as error:
        return found, type(error).__name__
    return found, ""


def parsed(document: bytes) -> bytes:
    """The same document, spelled so that no template is used."""
    assert document.startswith(b"<?xml version='1.0' encoding='utf-8'?>\n")
    return document.replace(b"\n", b" ", 1)


def page(*said: Record, fields: Any = COMPLETE, **attributes: Any) -> bytes:
    """A document as our own peers write it."""
    return write(*(encode(record, plain=False) for record in said), fields=fields, **attributes)


@st.composite
def parts(draw: Any) -> Record:
    """A record of the smaller table, or the deletion of one."""
    uuid = draw(uuids)
    if draw(st.booleans()):
        return Record("t_part", uuid, deleted=True, modified_on="2024-02-29T12:00:00", vector="a:1",
                      **draw(st.sampled_from([{}, {"replaced_by": "urn:uuid:1"}, {"mci": 3}, {"modified_by": "a@b.example"}])))
    values = {"label": draw(st.none() | any_text), "thing_id": draw(uuids), "other_id": None}
    return Record("t_part", uuid, values, vector="a:1,b:2", mci=draw(st.integers(0, 99)))


pages = st.lists(records(text=any_text, null=True) | parts(), min_size=1, max_size=4)


@given(pages, st.integers(1, 300), st.sampled_from(["", "x.org"]))
def test_the_same_records(said: list[Record], most: int, domain: str) -> None:
    document = page(*said)
    found = outcome(document, most, domain=domain)
    assert found == outcome(parsed(document), domain=domain)
    assert len(found[0]) == len(said) and not found[1]


@given(pages, st.data())
def test_the_same_of_what_was_tampered_with(said: list[Record], data: Any) -> None:
    document = bytearray(page(*said))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(len(b"<?xml version='1.0' encoding='utf-8'?>\n"), len(document) - 1))
        new = data.draw(st.binary(max_size=3) | st.sampled_from(
            [b"<", b">", b"&", b'"', b"&amp;", b"&lt;", b"&#0;", b"&x;", b"]]>", b"\r", b"\t", b"\n", b"\0", b"<!--", b"<a/>",
             b"</resource>", b"\xef\xbf\xbe", b"\xed\xa0\x80", b"None", b"1e999", b"<![CDATA[x]]>", b' v="1"']))
        document[place:place + data.draw(st.integers(0, 3))] = new
    found, expected = outcome(bytes(document)), outcome(parsed(bytes(document)))
    assert found == expected


@given(pages, st.data())
def test_the_same_of_half_a_document(said: list[Record], data: Any) -> None:
    document = page(*said)
    half = document[:data.draw(st.integers(40, len(document) - 1))]
    assert outcome(half) == outcome(parsed(half))


FULL = {"name": 'Büzi "&" <x>', "code": "a]] >", "comments": "one\ntwo", "number": -5, "big": 10 ** 17, "share": -1.5e-7,
        "price": "12.50", "units": "-3", "active": True, "day": "2024-02-29", "hour": "23:59:59",
        "moment": "2023-12-31T00:00:00", "data": '{"a":["&",1]}', "tags": ["x", "y & z"], "numbers": [1, 2],
        "photo": Upload("a.png", "http://x.example/a?b=1&c=2", "0123456789abcdef" * 2), "parent_id": "urn:uuid:2",
        "site_id": "urn:uuid:3", "friends": ["urn:uuid:4", "urn:uuid:5"]}


def no_parser(*_: Any) -> Any:
    raise AssertionError("the parser was asked")


def test_what_our_peers_write_needs_no_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    people = {"created_by": "a@b.example", "modified_by": "c@d.example", "owned_by_user": "e@f.example",
              "owned_by_group": "Staff"}
    said = [
        Record("t_thing", "urn:uuid:1", FULL, created_on="2023-01-30T10:00:00", modified_on="2023-01-31T10:00:00", mci=4,
               vector="abc:1,def:22", instances={"site_id": "org_office"}, approved=False, **people),
        Record("t_thing", "plain", {}, mci=1),
        Record("t_part", "urn:uuid:6", {"label": ""}),
        Record("t_part", "urn:uuid:7", deleted=True, replaced_by="urn:uuid:6", modified_on="2023-01-31T10:00:00", vector="abc:1"),
        Record("t_thing", "urn:uuid:8", {"number": 0, "active": False, "name": "", "tags": []})]
    document = page(*said)
    expected = outcome(parsed(document))
    monkeypatch.setattr(Document, "_parsed", no_parser)
    assert outcome(document, 7) == outcome(document) == expected
    assert [found for _, found in expected[0]] == [
        state(Record(r.table, r.uuid, {**dict.fromkeys(COMPLETE[r.table] if not r.deleted else ()), **r.values},
                     **{k: v for k, v in vars(r).items() if k not in ("table", "uuid", "values")})) for r in said]


@pytest.mark.parametrize("fields", [
    {"t_part": ["label", "unknown", "thing_id", "other_id"]},          # a column this site does not have
    {"t_part": ["other_id", "label", "thing_id"]},                     # in documents, references stand behind data
    {"t_part": ["label"]},                                             # one that the sender does not have
    {"t_part": []},
    {}])
def test_other_columns(fields: dict[str, list[str]]) -> None:
    document = page(Record("t_part", "u", {"label": "x", "other_id": "w"}), Record("t_part", "v", {"label": "y"}), fields=fields)
    document = document.replace(b"x</data>", b'x</data><data field="unknown" value="5"/>')
    assert outcome(document) == outcome(parsed(document))
    assert len(outcome(document)[0]) == 2


def test_the_rest_after_something_unusual_is_parsed() -> None:
    document = page(Record("t_part", "a", {"label": "x"}), Record("t_part", "b", {"label": "y"}), Record("t_part", "c", {}))
    document = document.replace(b">y<", b"><![CDATA[y]]><")
    found, error = outcome(document)
    read = [(place, said["uuid"], said["values"]["label"]) for place, said in found]
    assert read == [(1, "a", "x"), (2, "b", "y"), (3, "c", None)]
    assert not error


def test_a_record_larger_than_the_window() -> None:
    document = page(Record("t_part", "a", {"label": "x" * (2 * WINDOW)}), Record("t_part", "b", {}))
    found, error = outcome(document)
    assert [len(said["values"]["label"] or "") for _, said in found] == [2 * WINDOW, 0] and not error


@pytest.mark.parametrize("limits", [Limits(max_document=500), Limits(max_records=2), Limits(max_text=3), Limits(max_record=100)])
def test_limits(limits: Limits) -> None:
    document = page(*(Record("t_part", f"u{n}", {"label": "x" * 20}) for n in range(5)))
    assert outcome(document, limits=limits) == outcome(parsed(document), limits=limits)


def test_the_same_domain_is_taken_off() -> None:
    document = page(Record("t_part", "x.org/u", {"thing_id": "x.org/v", "other_id": "y.org/w"}))
    ((_, said),), _ = outcome(document, domain="x.org")
    assert (said["uuid"], said["values"]["thing_id"], said["values"]["other_id"]) == ("u", "v", "y.org/w")


@pytest.mark.parametrize("results, made", [("399", 0), ("400", 1), ("", 1), ("many", 1)])
def test_few_records_are_not_worth_a_template(results: str, made: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Making one takes as long as parsing some hundred records of its table; the page says how many it has."""
    class Counted(Template):
        number = 0

        def __init__(self, *given: Any) -> None:
            Counted.number += 1
            super().__init__(*given)

    monkeypatch.setattr("s3sync.s3xml.document.Template", Counted)
    assert len(COMPLETE) == 2
    found, problem = outcome(page(Record("t_part", "urn:uuid:1", values={"label": "A"}, vector="a:1"), results=results))
    assert (len(found), problem, Counted.number) == (1, "", made)
