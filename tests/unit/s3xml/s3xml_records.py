"""A table with every type, records of it made by hypothesis, and short ways to read and write."""
from __future__ import annotations

import io
import string
from typing import Any

from hypothesis import strategies as st

from s3sync.s3xml.document import Document, Limits
from s3sync.s3xml.record import Record, Upload
from s3sync.s3xml.schema import Field, Schema
from s3sync.s3xml.values import dump
from s3sync.s3xml.writer import DocumentWriter, Encoder

THING = Schema("t_thing", (
    Field("name", "string", length=128),
    Field("code", "string", represented=True),
    Field("comments", "text"),
    Field("number", "integer"),
    Field("big", "bigint"),
    Field("share", "double"),
    Field("price", "decimal", scale=2),
    Field("units", "decimal", scale=0),
    Field("active", "boolean"),
    Field("day", "date"),
    Field("hour", "time"),
    Field("moment", "datetime"),
    Field("data", "json"),
    Field("tags", "list:string"),
    Field("numbers", "list:integer"),
    Field("photo", "upload"),
    Field("parent_id", "reference", target="t_thing"),
    Field("site_id", "reference", target="org_site"),
    Field("friends", "list:reference", target="t_thing"),
))
PART = Schema("t_part", (
    Field("label", "string"),
    Field("thing_id", "reference", target="t_thing"),
    Field("other_id", "reference", target="t_thing"),
))
SCHEMAS = {"t_thing": THING, "t_part": PART}


#: As a real Eden would write it, one record with everything
EVERYTHING = """<?xml version='1.0' encoding='utf-8'?>
<s3xml success="true" start="0" limit="5" results="1" domain="hq.example.org" url="https://hq.example.org/eden"
 latmin="-1" latmax="1" lonmin="-1" lonmax="1" map="{}">
<resource name="t_thing" uuid="urn:uuid:00000000-0000-0000-0000-000000000001" mci="3" created_on="2026-11-22T12:08:25"
 modified_on="2026-11-22T12:08:26" url="https://hq.example.org/eden/t/thing/1" id="1" llrepr="x" ref="True" admin="1"
 created_by="a@example.com" modified_by="m@example.com" owned_by_user="o@example.com" owned_by_group="MapAdmin"
 approved="true" error="">
<data field="name">Ärzte ohne Grenzen — 無国境医師団 &lt;&amp;"'&gt;</data>
<data field="code" value="&quot;\\u00c4oG&quot;">ÄoG</data>
<data field="comments" value="&quot;line1\\nline2\\ttab &lt;b&gt;&quot;">line1
line2	tab &amp;lt;b&amp;gt;</data>
<data field="number" value="1971">1,971</data>
<data field="big" value="9007199254740993">many</data>
<data field="share" value="52.123456789">52.12</data>
<data field="price" value="12.50">12.50</data>
<data field="units" value="7">7</data>
<data field="active" value="false">-</data>
<data field="day" value="2026-11-22">22.11.2026</data>
<data field="hour" value="12:08:26">12:08</data>
<data field="moment" value="2026-11-22T12:08:26">22.11.2026 12:08</data>
<data field="data" value="{&quot;b&quot;: [1, null], &quot;a&quot;: true}">{...}</data>
<data field="tags" value="[&quot;a&quot;, &quot;b&quot;]">a, b</data>
<data field="numbers" value="[1, 2]">1, 2</data>
<data field="photo" url="https://hq.example.org/eden/default/download/t_thing.photo.x.png" filename="photo-ü.png"/>
<data field="unknown" value="!">ignored</data>
<reference field="parent_id" resource="t_thing" uuid="urn:uuid:2" lat="52.1235" lon="13.0000" value="x">Parent</reference>
<reference field="site_id" resource="org_office" uuid="urn:uuid:3" id="5">HQ</reference>
<reference field="friends" resource="t_thing" uuid="[&quot;urn:uuid:4&quot;, &quot;urn:uuid:5&quot;]">x, y</reference>
<reference field="unknown_id" resource="t_other" uuid="urn:uuid:9">ignored</reference>
<map geometry="x"><geometry/><style/></map>
<resource name="t_part" alias="piece" uuid="urn:uuid:6" mci="1"><data field="label">part</data></resource>
<resource name="t_part" uuid="urn:uuid:7"><data field="label"/></resource>
<resource name="t_unknown" uuid="urn:uuid:8"><data field="label">x</data></resource>
</resource>
</s3xml>"""


def document(source: str | bytes, limits: Limits | None = None, domain: str = "") -> Document:
    data = source.encode("utf-8") if isinstance(source, str) else source
    return Document(io.BytesIO(data), SCHEMAS.get, limits, domain)


def read(source: str | bytes, **more: Any) -> list[Record]:
    return list(document(source, **more))


def read_one(resource: str, **attributes: str) -> Record:
    """The record in one <resource> element, in a document with these attributes of its root."""
    root = "".join(f" {name}='{value}'" for name, value in attributes.items())
    (record,) = read(f"<s3xml{root}>{resource}</s3xml>")
    return record


def read_thing(content: str, **attributes: str) -> Record:
    return read_one(f'<resource name="t_thing" uuid="u">{content}</resource>', **attributes)


def write(*resources: str, **attributes: Any) -> bytes:
    target = io.BytesIO()
    with DocumentWriter(target, attributes) as writer:
        for resource in resources:
            writer.write(resource)
    return target.getvalue()


def encode(record: Record, plain: bool, **more: Any) -> str:
    return Encoder(SCHEMAS[record.table], plain=plain, base_url="http://here.example.org/eden").encode(record, **more)


SAID = ("table", "uuid", "tuid", "values", "instances", "withheld", "deleted", "replaced_by", "created_on",
        "modified_on", "created_by", "modified_by", "owned_by_user", "owned_by_group", "approved", "mci", "alias",
        "vector", "error")


def state(record: Record) -> dict[str, Any]:
    """Everything a record says, without what only reading adds."""
    said = {name: getattr(record, name) for name in SAID}
    said["children"] = [state(each) for each in record.children or ()]
    return said


# --- strategies ------------------------------------------------------------------------------------------------------

#: All of Unicode that XML can carry
xml_text = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\ufffe\uffff" + "".join(
    chr(code) for code in range(32) if chr(code) not in "\t\n\r")))
#: All of Unicode that a database can store
any_text = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))
tricky = st.sampled_from(["", " ", "\n", "\r\n", "\t x \t", "&lt;", "&amp;amp;", "&", "<", "]]>", "<![CDATA[x]]>", '"', "'",
                          "None", "null", "NULL", "true", "[]", '"quoted"', "1e5", "\x85\u2028", "\ufeff", "\u200e123", "&#13;",
                          "\\u0000", "é" * 300, "𝔘𝔫𝔦", "&quot;&apos;&gt;", "a&b;c", "{}", "-"])
word = st.text(string.ascii_letters + string.digits + "-._", min_size=1, max_size=20)
uuids = st.uuids().map(lambda u: u.urn) | word.map("org/{}".format) | xml_text.filter(
    lambda s: s and s != "None" and s[0] != "[" and len(s) <= 128)
dates = st.dates().map(lambda d: d.isoformat())
times = st.times().map(lambda t: t.replace(microsecond=0).isoformat())
moments = st.datetimes().map(lambda d: d.replace(microsecond=0).isoformat())
users = st.emails() | xml_text.filter(bool)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | xml_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(xml_text, inner, max_size=4), max_leaves=8)


def decimals(scale: int) -> st.SearchStrategy[str]:
    def spelled(number: int) -> str:
        digits = str(abs(number)).rjust(scale + 1, "0")
        return f"{'-' if number < 0 else ''}{digits[:len(digits) - scale]}{'.' if scale else ''}{digits[len(digits) - scale:]}"
    return st.integers(-10 ** 30, 10 ** 30).map(spelled)


def texts(text: st.SearchStrategy[str]) -> dict[str, st.SearchStrategy[Any]]:
    """A strategy for the values of every field of t_thing."""
    string_ = text | tricky
    return {
        "name": string_, "code": string_, "comments": string_,
        "number": st.integers(-2 ** 63, 2 ** 63 - 1) | st.integers(-9, 9),
        "big": st.integers(-2 ** 63, 2 ** 63 - 1),
        "share": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9).map(float),
        "price": decimals(2), "units": decimals(0),
        "active": st.booleans(),
        "day": dates, "hour": times, "moment": moments,
        "data": json_values.filter(lambda value: value is not None).map(dump),
        "tags": st.lists(string_, max_size=4),
        "numbers": st.lists(st.integers(-2 ** 63, 2 ** 63 - 1), max_size=4),
        "photo": st.tuples(xml_text.filter(bool), xml_text.filter(bool)).map(lambda pair: Upload(*pair)),
        "parent_id": uuids, "site_id": uuids, "friends": st.lists(uuids, max_size=4),
    }


def values(text: st.SearchStrategy[str], null: bool) -> st.SearchStrategy[dict[str, Any]]:
    fields = texts(text)
    if null:
        return st.fixed_dictionaries({name: st.none() | strategy for name, strategy in fields.items()})
    return st.fixed_dictionaries({}, optional=fields)


@st.composite
def records(draw: Any, text: st.SearchStrategy[str] = xml_text, null: bool = False) -> Record:
    """A record of t_thing. `null`: every field is there, some being None; otherwise some fields are not mentioned."""
    record = Record("t_thing", draw(uuids), draw(values(text, null)), mci=draw(st.integers(0, 99)))
    for name, strategy in (("created_on", moments), ("modified_on", moments), ("created_by", users), ("modified_by", users),
                           ("owned_by_user", users), ("owned_by_group", users)):
        value = draw(st.none() | strategy)
        if value is not None:
            setattr(record, name, value)
    if record.values.get("site_id") is not None and draw(st.booleans()):
        record.instances = {"site_id": "org_office"}
    if draw(st.integers(0, 9)) == 0:
        record.approved = False
    return record
