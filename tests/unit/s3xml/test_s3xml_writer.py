"""The writer: what a real Eden gets, what our own peers get."""
from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from s3xml_records import THING, any_text, encode, records, tricky, write

from s3sync.s3xml.record import Record, Upload
from s3sync.s3xml.schema import Field, Schema
from s3sync.s3xml.values import FORBIDDEN, clean
from s3sync.s3xml.writer import DocumentWriter, Encoder, attribute, text

EVERYTHING = Record(
    "t_thing", "urn:uuid:1", {
        "name": "A&B <c>", "code": "Ä1", "comments": "", "number": -5, "big": 2 ** 60, "share": 1.5, "price": "12.50",
        "units": "7", "active": False, "day": "2026-01-02", "hour": "03:04:05", "moment": "2026-01-02T03:04:05",
        "data": '{"a":[1,true]}', "tags": ["a", 'b"c'], "numbers": [1, 2], "friends": ["urn:uuid:4"],
        "photo": Upload("f ü.png", stored="t_thing.photo.a b.png"), "parent_id": "urn:uuid:2", "site_id": "urn:uuid:3"},
    instances={"site_id": "org_office"}, mci=1, created_on="2026-01-01T00:00:00", modified_on="2026-01-02T00:00:00",
    created_by="a@b.org", modified_by="m@b.org", owned_by_user="o@b.org", owned_by_group="Role \"R\"", vector="s:1",
    withheld=("x", "y"))

ATTRIBUTES = ('uuid="urn:uuid:1" created_on="2026-01-01T00:00:00" created_by="a@b.org" modified_on="2026-01-02T00:00:00" '
              'modified_by="m@b.org" owned_by_user="o@b.org" owned_by_group="Role &quot;R&quot;" mci="1"')
UPLOAD = ('<data field="photo" url="http://here.example.org/eden/default/download/t_thing.photo.a%20b.png" '
          'filename="f ü.png"/>')
REFERENCES = ('<reference field="parent_id" resource="t_thing" uuid="urn:uuid:2"/>'
              '<reference field="site_id" resource="org_office" uuid="urn:uuid:3"/>'
              '<reference field="friends" resource="t_thing" uuid="[&quot;urn:uuid:4&quot;]"/>')


def test_plain() -> None:
    assert encode(EVERYTHING, plain=True) == (
        f'<resource name="t_thing" {ATTRIBUTES}>'
        '<data field="name">A&amp;B &lt;c&gt;</data>'
        '<data field="code" value="&quot;\\u00c41&quot;">Ä1</data>'
        '<data field="comments"></data>'
        '<data field="number" value="-5">-5</data>'
        '<data field="big" value="1152921504606846976">1152921504606846976</data>'
        '<data field="share" value="1.5">1.5</data>'
        '<data field="price" value="12.50">12.50</data>'
        '<data field="units" value="7">7</data>'
        '<data field="active" value="false">False</data>'
        '<data field="day" value="2026-01-02">2026-01-02</data>'
        '<data field="hour" value="03:04:05">03:04:05</data>'
        '<data field="moment" value="2026-01-02T03:04:05">2026-01-02T03:04:05</data>'
        '<data field="data" value="{&quot;a&quot;:[1,true]}">{"a":[1,true]}</data>'
        '<data field="tags" value="[&quot;a&quot;, &quot;b\\&quot;c&quot;]">a, b"c</data>'
        '<data field="numbers" value="[1, 2]">1, 2</data>'
        f'{UPLOAD}{REFERENCES}</resource>')


def test_compact() -> None:
    assert encode(EVERYTHING, plain=False) == (
        f'<resource name="t_thing" {ATTRIBUTES} v="s:1" withheld="x y">'
        '<data field="name">A&amp;B &lt;c&gt;</data>'
        '<data field="code">Ä1</data>'
        '<data field="comments"></data>'
        '<data field="number" value="-5"/>'
        '<data field="big" value="1152921504606846976"/>'
        '<data field="share" value="1.5"/>'
        '<data field="price" value="12.50"/>'
        '<data field="units" value="7"/>'
        '<data field="active" value="false"/>'
        '<data field="day" value="2026-01-02"/>'
        '<data field="hour" value="03:04:05"/>'
        '<data field="moment" value="2026-01-02T03:04:05"/>'
        '<data field="data" value="{&quot;a&quot;:[1,true]}"/>'
        '<data field="tags" value="[&quot;a&quot;, &quot;b\\&quot;c&quot;]"/>'
        '<data field="numbers" value="[1, 2]"/>'
        f'{UPLOAD}{REFERENCES}</resource>')


def test_null_and_unmentioned_fields_are_left_out() -> None:
    record = Record("t_thing", "u", {"name": None, "number": None, "nonsense": 1})
    for plain in (True, False):
        assert encode(record, plain) == '<resource name="t_thing" uuid="u"></resource>'


def test_deleted() -> None:
    record = Record("t_thing", "u", {"name": "x"}, deleted=True, modified_on="2026-01-01T00:00:00", modified_by="m",
                    replaced_by="r&", mci=1, created_on="2025-01-01T00:00:00", owned_by_user="o", vector="s:2")
    form = 'name="t_thing" uuid="u" deleted="True" modified_on="2026-01-01T00:00:00" replaced_by="r&amp;"'
    assert encode(record, plain=True) == f"<resource {form}/>"
    assert encode(record, plain=False) == f'<resource {form} modified_by="m" mci="1" v="s:2"/>'
    assert encode(record, plain=True, children=["<resource/>"]) == f"<resource {form}><resource/></resource>"


def test_components() -> None:
    part = Record("t_part", "p", {"label": "x", "thing_id": "u", "other_id": "w"})
    other = '<reference field="other_id" resource="t_thing" uuid="w"/>'
    own = '<reference field="thing_id" resource="t_thing" uuid="u"/>'
    plain = encode(part, plain=True, parent_field="thing_id", alias="piece")
    assert plain == f'<resource name="t_part" alias="piece" uuid="p"><data field="label">x</data>{other}</resource>'
    compact = encode(part, plain=False, parent_field="thing_id")
    assert compact == f'<resource name="t_part" uuid="p"><data field="label">x</data>{own}{other}</resource>'
    del part.values["thing_id"]
    assert 'withheld="thing_id"' in encode(part, plain=False, parent_field="thing_id")
    part.alias = "own"
    assert 'alias="own"' in encode(part, plain=True)
    assert encode(Record("t_thing", "u"), plain=True, children=[plain]) == f'<resource name="t_thing" uuid="u">{plain}</resource>'


def test_mci_is_only_written_where_there_is_one() -> None:
    assert 'mci="2"' in encode(Record("t_thing", "u", mci=2), plain=True)
    assert "mci" not in encode(Record("t_thing", "u"), plain=True)


def test_record_without_uuid_and_unapproved() -> None:
    assert encode(Record("t_thing", approved=False), plain=True) == '<resource name="t_thing" approved="false"></resource>'


def test_uploads() -> None:
    record = Record("t_thing", "u", {"photo": Upload("f", "http://there/x?a=1&b")})
    assert 'url="http://there/x?a=1&amp;b"' in encode(record, plain=True)


@pytest.mark.parametrize("type_", ["password", "blob", "id", "virtual"])
@pytest.mark.parametrize("plain", [True, False])
def test_no_passwords(type_: str, plain: bool) -> None:
    with pytest.raises(TypeError, match="do not travel"):
        Encoder(Schema("auth_user", (Field("email", "string"), Field("secret", type_))), plain=plain)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("plain", [True, False])
def test_no_number_that_is_none(value: float, plain: bool) -> None:
    with pytest.raises(ValueError):
        encode(Record("t_thing", "u", {"share": value}), plain)


# --- what a real Eden understands --------------------------------------------------------------------------------------

def eden_reads(data: Any) -> Any:
    """The value a real Eden takes from a <data> element for a string or json field (S3XML §2 and §4.2, restated)."""
    value = data.get("value")
    if value is not None:
        return json.loads(value)
    found = data.text or ""
    for escaped, character in (("&lt;", "<"), ("&gt;", ">"), ("&apos;", "'"), ("&quot;", '"'), ("&amp;", "&")):
        found = found.replace(escaped, character)
    return found


def sent_to_eden(name: str, value: Any) -> Any:
    resource = etree.fromstring(encode(Record("t_thing", "u", {name: value}), plain=True).encode())
    return eden_reads(resource[0])


@given(any_text | tricky)
def test_strings_arrive_at_a_real_eden(value: str) -> None:
    expected = FORBIDDEN.sub("\ufffd", value)
    for name in ("name", "code", "comments"):
        assert sent_to_eden(name, value) == expected


@pytest.mark.parametrize("value", ["&lt;", "&amp;lt;", "a &quot;b&quot;", "&apos;", "&amp;amp;", "&gt"])
def test_strings_eden_would_corrupt(value: str) -> None:
    assert sent_to_eden("name", value) == value
    if ";" in value:
        assert "value=" in encode(Record("t_thing", "u", {"name": value}), plain=True)


@pytest.mark.parametrize("value", ['{"a":"&lt;"}', '["&amp;"]', '"&quot;"', "[1]", "5"])
def test_json_arrives_at_a_real_eden(value: str) -> None:
    found = sent_to_eden("data", value)
    assert (found if isinstance(found, dict) else json.loads(found)) == json.loads(value)
    assert isinstance(found, dict) == (value[0] == "{")      # anything else it takes from the text node only


@given(records())
def test_plain_documents_are_well_formed_and_single_spelled(record: Record) -> None:
    resource = etree.fromstring(encode(record, plain=True).encode("utf-8"))
    assert resource.get("uuid") == record.uuid
    for child in resource.iterchildren("reference"):
        stored = record.values[child.get("field")]
        assert (json.loads(child.get("uuid")) if isinstance(stored, list) else child.get("uuid")) == stored
    for child in resource.iterchildren("data"):
        kind = THING.by_name[child.get("field")].type
        if kind in ("integer", "bigint", "double", "boolean", "list:string", "list:integer"):
            json.loads(child.get("value"))
    names = [child.get("field") for child in resource]
    assert names == [field.name for field in sorted(THING.fields, key=lambda field: bool(field.target))
                     if record.values.get(field.name) is not None]


# --- escaping ------------------------------------------------------------------------------------------------------------

@given(st.text(st.characters()))
def test_escaping(value: str) -> None:
    allowed = FORBIDDEN.sub("\ufffd", value)
    assert (etree.fromstring(f"<a>{text(value)}</a>".encode()).text or "") == allowed
    assert etree.fromstring(f'<a b="{attribute(value)}"/>'.encode()).get("b") == allowed


def test_every_character() -> None:
    everything = "".join(map(chr, range(0x110000)))
    found = etree.fromstring(f"<a>{text(everything)}</a>".encode()).text
    assert found == FORBIDDEN.sub("\ufffd", everything)
    assert len(found) == 0x110000
    assert not re.search("[\0\ud800-\udfff]", clean(everything))


# --- documents -----------------------------------------------------------------------------------------------------------

def test_document() -> None:
    attributes = dict(success=True, results=2, domain="a\"b", url="u&v", limit=None, fields={"t": ["a"]})
    assert write("<resource/>", "<resource/>", **attributes) == (
        b"<?xml version='1.0' encoding='utf-8'?>\n<s3xml success=\"true\" results=\"2\" domain=\"a&quot;b\" url=\"u&amp;v\" "
        b"fields=\"{&quot;t&quot;:[&quot;a&quot;]}\" s3sync=\"1\"><resource/><resource/></s3xml>")
    assert write() == b"<?xml version='1.0' encoding='utf-8'?>\n<s3xml s3sync=\"1\"></s3xml>"


def test_counts_and_buffering() -> None:
    class Target(io.BytesIO):
        writes = 0

        def write(self, data: Any) -> int:
            self.writes += 1
            return super().write(data)

    target = Target()
    with DocumentWriter(target, {}) as writer:
        for _ in range(1000):
            writer.write("<resource name='ü'/>" * 20)
            assert len(target.getvalue()) == writer.bytes
        assert writer.records == 1000
        assert 2 < target.writes < 20
        writer.flush()
        assert writer.bytes == len(target.getvalue()) > 400_000
    assert writer.bytes == len(target.getvalue())


def test_broken_off_document_is_not_closed() -> None:
    target = io.BytesIO()
    with pytest.raises(RuntimeError), DocumentWriter(target, {}) as writer:
        writer.write("<resource/>")
        raise RuntimeError
    assert target.getvalue().endswith(b'<s3xml s3sync="1"><resource/>')
