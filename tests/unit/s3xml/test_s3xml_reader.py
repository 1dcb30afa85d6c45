"""The reader on documents that hold every element, attribute and type of S3XML."""
from __future__ import annotations

import pytest
from s3xml_records import EVERYTHING, document, read, read_one, read_thing

from s3sync.errors import DocumentError, DocumentTooLarge
from s3sync.s3xml.document import Limits
from s3sync.s3xml.record import Tuid, Upload
from s3sync.settings import Settings


def test_everything() -> None:
    (record,) = read(EVERYTHING)
    assert record.error is None and record.xml is None
    assert (record.table, record.uuid, record.mci, record.position) == (
        "t_thing", "urn:uuid:00000000-0000-0000-0000-000000000001", 3, 1)
    assert (record.created_on, record.modified_on) == ("2026-11-22T12:08:25", "2026-11-22T12:08:26")
    assert (record.created_by, record.modified_by) == ("a@example.com", "m@example.com")
    assert (record.owned_by_user, record.owned_by_group) == ("o@example.com", "MapAdmin")
    assert record.approved and not record.deleted
    assert record.values == {
        "name": "Ärzte ohne Grenzen — 無国境医師団 <&\"'>", "code": "ÄoG", "comments": "line1\nline2\ttab <b>", "number": 1971,
        "big": 9007199254740993, "share": 52.123456789, "price": "12.50", "units": "7", "active": False, "day": "2026-11-22",
        "hour": "12:08:26", "moment": "2026-11-22T12:08:26", "data": '{"a":true,"b":[1,null]}', "tags": ["a", "b"],
        "numbers": [1, 2], "parent_id": "urn:uuid:2", "site_id": "urn:uuid:3", "friends": ["urn:uuid:4", "urn:uuid:5"],
        "photo": Upload("photo-ü.png", "https://hq.example.org/eden/default/download/t_thing.photo.x.png")}
    assert record.instances == {"site_id": "org_office"}
    assert record.inline is None and record.vector is None and record.withheld == ()
    piece, other = record.children or []
    assert (piece.table, piece.alias, piece.uuid, piece.mci) == ("t_part", "piece", "urn:uuid:6", 1)
    assert piece.values == {"label": "part"}
    assert (other.alias, other.mci, other.values) == (None, 2, {"label": ""})
    for name in ("url", "id", "llrepr", "ref", "admin", "name"):
        assert name not in vars(record)


def test_counts_and_attributes() -> None:
    source = document(EVERYTHING)
    assert source.attributes["success"] == "true" and source.attributes["url"] == "https://hq.example.org/eden"
    assert source.records == 0
    list(source)
    assert (source.records, source.bytes) == (4, len(EVERYTHING.encode()))
    assert dict(source.skipped) == {"t_unknown": 1}


def test_empty_document() -> None:
    source = document("<?xml version='1.0' encoding='utf-8'?>\n<s3xml success=\"false\" results=\"0\" url=\"u\"/>")
    assert source.attributes == {"success": "false", "results": "0", "url": "u"}
    assert list(source) == []


def test_skipped_records_are_counted_with_what_is_in_them() -> None:
    source = document("<s3xml><resource name='x'><resource name='y'/><resource name='t_part'/></resource><resource/></s3xml>")
    assert list(source) == []
    assert dict(source.skipped) == {"x": 1, "y": 1, "t_part": 1, "": 1}


@pytest.mark.parametrize("value, deleted", [("True", True), ("true", True), ("TRUE", True), ("False", False), ("", False)])
def test_deleted(value: str, deleted: bool) -> None:
    record = read_one(f'<resource name="t_thing" uuid="u" deleted="{value}" modified_on="2026-01-01T00:00:00" replaced_by="r">'
                      '<data field="name">x</data><resource name="t_part" uuid="p" deleted="True"/></resource>')
    assert record.deleted is deleted
    assert record.values == ({} if deleted else {"name": "x"})
    assert record.replaced_by == ("r" if deleted else None)
    assert record.modified_on == "2026-01-01T00:00:00" and record.mci == 2
    assert [(child.uuid, child.deleted) for child in record.children or []] == [("p", True)]


def test_deleted_without_uuid_keeps_what_it_can_be_found_by() -> None:
    record = read_one('<resource name="t_thing" deleted="True"><data field="name">x</data></resource>')
    assert record.deleted and record.uuid is None and record.values == {"name": "x"}


@pytest.mark.parametrize("value, approved", [("false", False), ("False", False), ("true", True), ("x", True)])
def test_approved(value: str, approved: bool) -> None:
    assert read_one(f'<resource name="t_thing" uuid="u" approved="{value}"/>').approved is approved


@pytest.mark.parametrize("uuid, stored", [
    ("urn:uuid:1", "urn:uuid:1"), ("here.org/abc", "abc"), ("here.org/a/b", "a/b"), ("other.org/abc", "other.org/abc"),
    ("here.org/", "here.org/"), ("here.org", "here.org"), ("here.organ/abc", "here.organ/abc"),
    ("urn:here.org/x", "urn:here.org/x"),
])
def test_own_domain_is_taken_off_uuids(uuid: str, stored: str) -> None:
    (record,) = read(
        f"<s3xml><resource name='t_thing' uuid='{uuid}'><reference field='parent_id' resource='t_thing' uuid='{uuid}'/>"
        f"<reference field='friends' resource='t_thing' uuid='[\"{uuid}\"]'/></resource></s3xml>", domain="here.org")
    assert record.uuid == stored
    assert record.values == {"parent_id": stored, "friends": [stored]}
    (merged,) = read(f"<s3xml><resource name='t_thing' uuid='u' deleted='true' replaced_by='{uuid}'/></s3xml>", domain="here.org")
    assert merged.replaced_by == stored


@pytest.mark.parametrize("uuid, stored", [
    ("abc", "hq.org/abc"), ("hq.org/abc", "hq.org/abc"), ("here.org/abc", "abc"), ("urn:x:abc", "urn:x:abc"), ("/a/", "hq.org/a"),
    ("third.org/abc", "third.org/abc"),
])
def test_references_are_spelled_like_the_record_they_mean(uuid: str, stored: str) -> None:
    """A real Eden writes its domain before the uuid of a record, but not where it refers to it."""
    content = (f'<resource name="t_thing" uuid="u"><reference field="parent_id" resource="t_thing" uuid="{uuid}"/>'
               f'<reference field="friends" resource="t_thing" uuid="[&quot;{uuid}&quot;]"/>'
               f'<reference field="site_id" resource="auth_group" uuid="raw"/></resource>'
               f'<resource name="t_thing" uuid="gone" deleted="True" replaced_by="{uuid}"/>')
    record, merged = read(f"<s3xml domain='hq.org'>{content}</s3xml>", domain="here.org")
    assert record.values == {"parent_id": stored, "friends": [stored], "site_id": "raw"}
    assert merged.replaced_by == stored and merged.uuid == "gone"
    for attributes in ("", "domain=''", "domain='here.org'", "domain='hq.org' s3sync='1'"):
        record, merged = read(f"<s3xml {attributes}>{content}</s3xml>", domain="here.org")
        plain = uuid.replace("here.org/", "")
        assert record.values == {"parent_id": plain, "friends": [plain], "site_id": "raw"}
        assert merged.replaced_by == plain


@pytest.mark.parametrize("content, values", [
    ('<data field="name"/>', {"name": ""}), ('<data field="name"></data>', {"name": ""}),
    ('<data field="name" value=""/>', {"name": ""}),
    ('<data field="name"> </data>', {"name": " "}), ('<data field="name">a&#13;b</data>', {"name": "a\rb"}),
    ('<data field="name">&amp;lt;</data>', {"name": "&lt;"}),
    ('<data field="name" value="&quot;&amp;lt;&quot;">x</data>', {"name": "&lt;"}),
    ('<data field="name"><![CDATA[<b>]]></data>', {"name": "<b>"}),
    ('<data field="name" value="null"/>', {"name": None}),
    ('<data field="number"/>', {}), ('<data field="number" value="">5</data>', {}),
    ('<data field="number">5</data>', {"number": 5}),
    ('<data field="number" value="null">-</data>', {"number": None}),
    ('<data field="active">True</data>', {"active": True}),
    ('<data field="day">2026-01-02</data>', {"day": "2026-01-02"}),
    ('<data field="price">1.5</data>', {"price": "1.50"}),
    ('<data field="data">{"a":  1}</data>', {"data": '{"a":1}'}), ('<data field="data"/>', {}),
    ('<data field="tags">["a"]</data>', {"tags": ["a"]}),
    ('<data field="photo"/>', {}), ('<data field="photo" url="local" filename="f"/>', {"photo": Upload("f", "local")}),
    ('<data field="photo" filename="f"/>', {"photo": Upload("f")}), ('<data/>', {}), ('<data value="1"/>', {}),
    ('<data field="parent_id" value="5">5</data>', {}),
    ('<reference field="name" resource="x" uuid="y">z</reference>', {}),
    ('<reference/>', {}), ('<other field="name">x</other>', {}),
    ('<data field="name">a</data><data field="name">b</data>', {"name": "b"}),
    ('<!-- c --><?pi x?><data field="name">a<!-- b -->c</data>', {"name": "ac"}),
])
def test_data(content: str, values: dict[str, object]) -> None:
    record = read_thing(content)
    assert record.error is None and record.values == values


@pytest.mark.parametrize("reference, values, instances", [
    ('field="parent_id" resource="t_thing" uuid="a"', {"parent_id": "a"}, None),
    ('field="parent_id" uuid="a"', {"parent_id": "a"}, None),
    ('field="site_id" resource="org_office" uuid="a"', {"site_id": "a"}, {"site_id": "org_office"}),
    ('field="parent_id" resource="t_thing" tuid="a"', {"parent_id": Tuid("a")}, None),
    ('field="parent_id" resource="t_thing" uuid="None"', {}, None),
    ('field="parent_id" resource="t_thing" uuid=""', {}, None),
    ('field="parent_id" resource="t_thing" uuid="None" tuid="a"', {"parent_id": Tuid("a")}, None),
    ('field="parent_id" resource="t_thing"', {}, None),
    ('field="parent_id" resource="t_thing" uuid="[&quot;a&quot;]"', {"parent_id": "a"}, None),
    ('field="friends" resource="t_thing" uuid="[]"', {"friends": []}, None),
    ('field="friends" resource="t_thing" uuid="a"', {"friends": ["a"]}, None),
    ('field="friends" resource="t_thing" uuid="[&quot;a&quot;, &quot;None&quot;]"', {"friends": ["a"]}, None),
    ('field="friends" resource="t_thing" tuid="[&quot;a&quot;]"', {"friends": [Tuid("a")]}, None),
    ('field="friends" resource="t_other" uuid="[&quot;a&quot;]"', {"friends": ["a"]}, {"friends": "t_other"}),
])
def test_references(reference: str, values: dict[str, object], instances: dict[str, str] | None) -> None:
    record = read_thing(f"<reference {reference}>text</reference>")
    assert record.error is None
    assert (record.values, record.instances) == (values, instances)
    for field, value in values.items():
        found = record.values[field]
        assert [type(each) for each in (found if isinstance(found, list) else [found])] == [
            type(each) for each in (value if isinstance(value, list) else [value])]


def test_tuid_of_a_record() -> None:
    record = read_one('<resource name="t_thing" tuid="x1"/>')
    assert record.tuid == "x1" and record.uuid is None


def test_inline_records() -> None:
    record = read_thing('<reference field="parent_id" resource="t_thing"><resource name="t_thing"><data field="name">in</data>'
                        '<resource name="t_part"><data field="label">deep</data></resource></resource>'
                        '<resource name="t_thing" uuid="second"/></reference>'
                        '<reference field="friends" resource="t_thing"><resource name="t_thing" uuid="f1"/>'
                        '<resource name="t_thing" tuid="f2"/><resource name="nope"/></reference>')
    (field, anonymous), (_, first), (_, second) = record.inline or []
    assert field == "parent_id" and anonymous.values == {"name": "in"} and anonymous.uuid is None
    assert [child.values for child in anonymous.children or []] == [{"label": "deep"}]
    assert (first.uuid, second.tuid) == ("f1", "f2")
    assert record.values == {"friends": ["f1", "f2"]} and isinstance(record.values["friends"][1], Tuid)


def test_inline_record_that_has_a_name() -> None:
    record = read_thing('<reference field="parent_id" resource="t_thing"><resource name="t_thing" uuid="p"/></reference>'
                        '<reference field="site_id" resource="org_site" uuid="s"><resource name="t_thing" uuid="other"/>'
                        '</reference>')
    assert record.values == {"parent_id": "p", "site_id": "s"}
    assert [(field, each.uuid) for field, each in record.inline or []] == [("parent_id", "p"), ("site_id", "other")]


# --- our own extension -----------------------------------------------------------------------------------------------

def test_complete_records_have_null_where_nothing_is_said() -> None:
    (thing,) = read("""<s3xml fields='{"t_thing": ["name", "number", "parent_id", "gone"], "t_part": ["label", "thing_id"]}'>
        <resource name="t_thing" uuid="u" v="a:1,b:2" withheld="comments parent_id"><data field="name">x</data>
        <resource name="t_part" uuid="p" withheld="thing_id"/></resource></s3xml>""")
    assert thing.values == {"name": "x", "number": None}
    assert thing.withheld == ("comments", "parent_id") and thing.vector == "a:1,b:2"
    assert thing.children is not None and thing.children[0].values == {"label": None}


def test_deleted_records_say_nothing_about_their_fields() -> None:
    thing = read_one('<resource name="t_thing" uuid="u" deleted="True" v="a:1"/>', fields='{"t_thing": ["name"]}')
    assert thing.values == {} and thing.vector == "a:1"


@pytest.mark.parametrize("fields", ["x", "[]", '{"t": 1}', '{"t": [[', "[" * 5000])
def test_fields_not_understood(fields: str) -> None:
    with pytest.raises(DocumentError, match="fields"):
        document(f"<s3xml fields='{fields}'/>")


# --- what cannot be read ---------------------------------------------------------------------------------------------

def thing(content: str, attributes: str = "") -> str:
    return f'<resource name="t_thing" uuid="u"{attributes}>{content}</resource>'


@pytest.mark.parametrize("resource, error", [
    ('<resource name="t_thing" uuid="u" created_on="x"/>', "created_on: 'x' is no date or time"),
    (thing("x", ' created_on="2026-01-01T00:00:00" modified_on="2026-02-30T00:00:00"'), "modified_on: '2026-02-30"),
    (thing("x", ' mci="one"'), "mci: 'one' is no number"), (thing("x", ' mci="-1"'), "mci: '-1'"),
    (f'<resource name="t_thing" uuid="{"u" * 129}"/>', "uuid: longer than 128"),
    (thing('<data field="number">x</data>'), "number: 'x' is no JSON"),
    (thing('<data field="share" value="NaN"/>'), "share: 'NaN' is no JSON (NaN is no number)"),
    (thing('<data field="number">1.5</data><data field="active">x</data>'), "number: '1.5' is no integer; active: 'x'"),
    (thing('<reference field="friends" uuid="[1]"/>'), "friends: '[1]' is no list of uuids"),
    (thing('<reference field="parent_id" uuid="[&quot;a&quot;,&quot;b&quot;]"/>'), "parent_id: '[\"a\",\"b\"]' are several"),
])
def test_unreadable_record_is_reported_and_the_next_one_read(resource: str, error: str) -> None:
    good = '<resource name="t_thing" uuid="ok"><data field="name">y</data></resource>'
    first, bad, last = read(f"<s3xml>{good}{resource}\n{good}</s3xml>")
    assert bad.error is not None and bad.error.startswith(error)
    assert bad.xml == resource and bad.position == 2
    assert first.error is None and first.values == last.values == {"name": "y"} and last.position == 3
    (again,) = read(f"<s3xml>{bad.xml}</s3xml>")
    assert again.error == bad.error


def test_unreadable_nested_record_keeps_the_source_of_both() -> None:
    record = read_one('<resource name="t_thing" uuid="u"><resource name="t_part" uuid="p" mci="x"/></resource>')
    assert record.error is None and record.children is not None
    assert record.children[0].error == "mci: 'x' is no number"
    assert record.children[0].xml == '<resource name="t_part" uuid="p" mci="x"/>'
    assert record.xml is not None and "t_part" in record.xml and "t_thing" in record.xml


def test_text_limit() -> None:
    limits = Limits(max_text=5)
    for content in ('<data field="name">123456</data>', '<data field="name" value="&quot;1234&quot;"/>',
                    '<data field="data">[1, 2]</data>'):
        (bad, good) = read(f'<s3xml><resource name="t_thing" uuid="a">{content}</resource><resource name="t_thing" uuid="b">'
                           '<data field="name">12345</data></resource></s3xml>', limits=limits)
        assert bad.error is not None and "longer than 5 characters" in bad.error
        assert good.values == {"name": "12345"}


def test_depth_limit() -> None:
    nested = "<resource name='t_thing'>" * 10 + "</resource>" * 10
    source = document(f"<s3xml>{nested}<resource name='t_thing' uuid='next'/></s3xml>", limits=Limits(max_depth=4))
    deep, following = source
    chain = []
    while True:
        chain.append(deep.error)
        if not deep.children:
            break
        deep = deep.children[0]
    assert chain == [None, None, None, "nested deeper than 4 elements"]
    assert following.uuid == "next"


def test_depth_limit_counts_references() -> None:
    source = ("<s3xml><resource name='t_thing'><reference field='parent_id'><resource name='t_thing' uuid='in'/></reference>"
              "</resource></s3xml>")
    for depth, error in ((4, None), (3, "nested deeper than 3 elements")):
        (record,) = read(source, limits=Limits(max_depth=depth))
        assert [each.error for _, each in record.inline or []] == [error]


def test_record_and_byte_limits() -> None:
    many = "<s3xml>" + "<resource name='t_thing'><resource name='t_part'/></resource>" * 10 + "</s3xml>"
    assert len(read(many, limits=Limits(max_records=20))) == 10
    for limits in (Limits(max_records=19), Limits(max_document=len(many) - 1)):
        with pytest.raises(DocumentTooLarge):
            read(many, limits=limits)
    assert len(read(many, limits=Limits(max_document=len(many)))) == 10


def test_one_endless_record() -> None:
    endless = b"<s3xml><resource name='t_thing' uuid='a'/><resource name='t_thing'>" + b"<data field='x'>y</data>" * 100_000
    source = document(endless, limits=Limits(max_record=500_000))
    records = iter(source)
    assert next(records).uuid == "a"
    with pytest.raises(DocumentTooLarge, match="record 2"):
        next(records)
    assert source.bytes < 700_000


def test_limits_come_from_the_settings() -> None:
    settings = Settings(max_text=7, max_depth=8, max_records=9, max_document=10)
    assert Limits.of(settings) == Limits(max_text=7, max_depth=8, max_records=9, max_document=10)
