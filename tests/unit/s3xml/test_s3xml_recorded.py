"""Documents recorded from real Eden sites: every one is read, every record and every value accounted for.

The recordings are not part of this repository. Where ../shared/wire exists, there is a test for each of them.
"""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from s3sync.errors import DocumentError, DocumentTruncated, EmptyAnswer
from s3sync.s3xml.document import Document
from s3sync.s3xml.schema import Field, Schema
from s3sync.s3xml.writer import DocumentWriter, Encoder

WIRE = Path(__file__).resolve().parents[4] / "shared" / "wire"
BODIES = sorted(WIRE.glob("*/*/*.body"))


def name_of(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


def is_document(path: Path) -> bool:
    head = path.read_bytes()
    return b"<s3xml" in head[:200] and not head.endswith(b"<resource")


def kind_of(data: Any) -> str:
    """The type a column must have had, from how its value is written (S3XML §4.1)."""
    value = data.get("value")
    if data.get("filename") is not None:
        return "upload"
    if value is None or value[0] == '"':
        return "string"
    if value in ("true", "false"):
        return "boolean"
    if value[0] in "[{":
        return "list:integer" if value[1:2].isdigit() else "list:string" if value[0] == "[" else "json"
    if len(value) == 19 and value[10] == "T":
        return "datetime"
    if len(value) == 10 and value[4] == "-":
        return "date"
    return "double" if "." in value or "e" in value else "integer"


def schemas(root: Any) -> dict[str, Schema]:
    """The tables of a document as far as it shows them."""
    tables: dict[str, dict[str, Field]] = {}
    for resource in root.iter("resource"):
        fields = tables.setdefault(resource.get("name"), {})
        for child in resource:
            name = child.get("field")
            if child.tag == "data":
                kind = kind_of(child)
                known = fields.get(name)
                if known is None or known.type == "integer" and kind == "double":
                    fields[name] = Field(name, kind, represented=kind == "string" and child.get("value") is not None)
            elif child.tag == "reference":
                many = child.get("uuid", "").startswith("[")
                fields.setdefault(name, Field(name, "list:reference" if many else "reference", target=child.get("resource")))
    return {name: Schema(name, tuple(fields.values())) for name, fields in tables.items()}


def compare(resource: Any, record: Any, schema: Schema) -> None:
    """Compare an element with the record read from it, value by value."""
    assert record.error is None
    assert (record.table, record.uuid) == (resource.get("name"), resource.get("uuid"))
    assert record.mci == int(resource.get("mci", 2)) and record.deleted == (resource.get("deleted") == "True")
    for name in ("created_on", "modified_on"):
        assert getattr(record, name) == (resource.get(name) and resource.get(name).rstrip("Z"))
    for name in ("created_by", "modified_by", "owned_by_user", "owned_by_group", "alias"):
        assert getattr(record, name) == resource.get(name)
    said = {}
    for child in resource.iterchildren("data"):
        name, value = child.get("field"), child.get("value")
        kind = schema.by_name[name].type
        if kind == "upload":
            said[name] = (child.get("filename"), child.get("url"), "")
        elif kind in ("date", "datetime", "time"):
            said[name] = value
        elif value is not None:
            said[name] = json.loads(value)
        else:
            said[name] = child.text or ""
    for child in resource.iterchildren("reference"):
        uuid = child.get("uuid")
        said[child.get("field")] = json.loads(uuid) if uuid.startswith("[") else uuid
    assert record.values == said
    assert len(list(resource.iterchildren("resource"))) == len(record.children or ())


@pytest.mark.parametrize("path", [path for path in BODIES if is_document(path)], ids=name_of)
def test_document(path: Path) -> None:
    root = etree.fromstring(path.read_bytes())
    known = schemas(root)
    with path.open("rb") as source:
        document = Document(source, known.get)
        assert document.attributes == dict(root.attrib)
        records = list(document)
    assert document.records == len(list(root.iter("resource"))) and not document.skipped
    pairs = list(zip(root.iterchildren("resource"), records))
    assert len(pairs) == len(records)
    while pairs:
        resource, record = pairs.pop()
        compare(resource, record, known[record.table])
        pairs += zip(resource.iterchildren("resource"), record.children or ())


@pytest.mark.parametrize("path", [path for path in BODIES if is_document(path) and b"results=" in path.read_bytes()], ids=name_of)
def test_document_written_again_is_the_same(path: Path, tmp_path: Path) -> None:
    """Same elements, attributes and values; texts for human eyes, URLs and the order of fields may differ."""
    root = etree.fromstring(path.read_bytes())
    known = schemas(root)
    encoders = {name: Encoder(schema, plain=True) for name, schema in known.items()}

    def encode(record: Any) -> str:
        return encoders[record.table].encode(record, [encode(child) for child in record.children or ()])

    copy = tmp_path / "copy"
    with path.open("rb") as source, copy.open("wb") as target:
        document = Document(source, known.get)
        with DocumentWriter(target, document.attributes) as writer:
            for record in document:
                writer.write(encode(record))

    def said(element: Any) -> Any:
        attributes = dict(element.attrib)
        value, is_data = attributes.get("value", ""), element.tag == "data"
        if value and value[0] != '"' and "T" not in value:
            attributes["value"] = json.dumps(json.loads(value))
        if not is_data:
            for name in ("url", "lat", "lon"):
                attributes.pop(name, None)
        shown = element.text or "" if is_data and "value" not in attributes and "filename" not in attributes else None
        children = sorted((said(child) for child in element), key=repr)
        return element.tag, sorted(attributes.items()), shown, children

    assert said(etree.parse(str(copy)).getroot())[3] == said(root)[3]


@pytest.mark.parametrize("path", [path for path in BODIES if not is_document(path)], ids=name_of)
def test_other_answers_are_refused_and_named(path: Path) -> None:
    body = path.read_bytes()
    with path.open("rb") as source, pytest.raises(DocumentError) as caught:
        list(Document(source, lambda name: None))
    if not body.strip():
        assert isinstance(caught.value, EmptyAnswer)
    elif b"<s3xml" in body:
        assert isinstance(caught.value, DocumentTruncated)
    elif body[:1] == b"{":
        assert "JSON" in caught.value.message
    elif body[:5].lower() in (b"<!doc", b"<html"):
        assert "HTML" in caught.value.message
    else:
        assert body[:20].decode() in caught.value.message
