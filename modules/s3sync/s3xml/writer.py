"""Records to documents: fast string templates, in the form a real Eden reads or the compact one of our own peers."""
from __future__ import annotations

import json
import math
import re
from json.encoder import encode_basestring_ascii as quote
from typing import Any, BinaryIO, Callable, Mapping, Sequence
from urllib.parse import quote as quote_url

from .record import Record, Upload
from .schema import Field, Schema
from .values import FORBIDDEN, TEXT_TYPES, check, clean

DECLARATION = "<?xml version='1.0' encoding='utf-8'?>\n"
BUFFER = 1 << 16       #: characters collected before they are encoded and written

#: What the second unescaping by a real Eden would change (S3XML §2)
_TWICE = re.compile("&(?:amp|lt|gt|apos|quot);").search

#: What `Upload.stored` is in a canonical record
_DIGEST = re.compile("[0-9a-f]{32}").fullmatch

FieldEncoder = Callable[[Any, Record], str]


def text(value: str) -> str:
    """A string as the content of a text node. What XML cannot carry becomes U+FFFD."""
    if not value.isprintable():
        value = FORBIDDEN.sub("\ufffd", value)
        return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")
    if "&" in value or "<" in value or ">" in value:
        return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return value


def attribute(value: str) -> str:
    """A string as the content of a double-quoted attribute. What XML cannot carry becomes U+FFFD."""
    if not value.isprintable():
        value = FORBIDDEN.sub("\ufffd", value)
        value = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
        return value.replace("\n", "&#10;").replace("\t", "&#9;").replace("\r", "&#13;")
    if "&" in value or "<" in value or '"' in value:
        return value.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return value


class Encoder:
    """Writes the records of one table.

    Parameters
    ----------
    schema : the columns that are written, in this order
    plain : for a real Eden (values as in S3XML §4.1); otherwise the compact form, for s3sync peers only
    base_url : public URL of this application, where files of upload fields are fetched from

    uuids are written as they are stored, so that resource and reference always agree. A real Eden takes its own domain off
    them and leaves any other (S3XML §3.1).
    """

    def __init__(self, schema: Schema, *, plain: bool, base_url: str = "") -> None:
        self.schema = schema
        self.plain = plain
        self.base_url = base_url.rstrip("/")
        for field in schema.fields:
            check(field)
        self._name = attribute(schema.table)
        self._data: list[tuple[str, FieldEncoder]] = []
        references: list[tuple[str, FieldEncoder]] = []
        for field in schema.fields:
            (references if field.target else self._data).append((field.name, self._field(field)))
        self._data += references      # Eden: behind all data

    def encode(self, record: Record, children: Sequence[str] = (), parent_field: str | None = None,
               alias: str | None = None) -> str:
        """One <resource> element.

        Parameters
        ----------
        record : `values` in canonical form; fields that are None or absent are not mentioned
        children : component records of this one, encoded
        parent_field : for a component record, the field by which it is joined to its parent. A real Eden must not get it.
            In the compact form it is written like any other; if the record does not have it, it is withheld, not NULL.
        alias : for a component record, its alias where that is not the table's name without prefix
        """
        head = [f'<resource name="{self._name}"']
        add = head.append
        if alias or record.alias:
            add(f'alias="{attribute(alias or record.alias or "")}"')
        if record.uuid:
            add(f'uuid="{attribute(record.uuid)}"')
        if record.deleted:
            add('deleted="True"')
            if record.modified_on:
                add(f'modified_on="{record.modified_on}"')
            if record.replaced_by:
                add(f'replaced_by="{attribute(record.replaced_by)}"')
            if not self.plain:
                if record.modified_by:
                    add(f'modified_by="{attribute(record.modified_by)}"')
                if "mci" in record.__dict__:
                    add(f'mci="{record.mci}"')
                if record.vector:
                    add(f'v="{attribute(record.vector)}"')
            body = "".join(children)
            return f"{' '.join(head)}>{body}</resource>" if body else f"{' '.join(head)}/>"

        if record.created_on:
            add(f'created_on="{record.created_on}"')
        if record.created_by:
            add(f'created_by="{attribute(record.created_by)}"')
        if record.modified_on:
            add(f'modified_on="{record.modified_on}"')
        if record.modified_by:
            add(f'modified_by="{attribute(record.modified_by)}"')
        if record.owned_by_user:
            add(f'owned_by_user="{attribute(record.owned_by_user)}"')
        if record.owned_by_group:
            add(f'owned_by_group="{attribute(record.owned_by_group)}"')
        if "mci" in record.__dict__:      # not every table has it, and 2 is what nothing means
            add(f'mci="{record.mci}"')
        if not record.approved:
            add('approved="false"')
        values = record.values
        if not self.plain:
            if record.vector:
                add(f'v="{attribute(record.vector)}"')
            withheld = record.withheld
            if parent_field and values.get(parent_field) is None:
                withheld = (*withheld, parent_field)
            if withheld:
                add(f'withheld="{attribute(" ".join(withheld))}"')
        elif parent_field:
            values = {name: value for name, value in values.items() if name != parent_field}

        parts = [" ".join(head), ">"]
        get = values.get
        for name, encode in self._data:
            value = get(name)
            if value is not None:
                parts.append(encode(value, record))
        parts += children
        parts.append("</resource>")
        return "".join(parts)

    def _field(self, field: Field) -> FieldEncoder:
        """The function that writes a value of this field."""
        name = attribute(field.name)
        empty = f'<data field="{name}" value="'
        if field.type in TEXT_TYPES:
            return _string_plain(name, field.represented) if self.plain else _string_compact(name)
        if field.type == "upload":
            return _upload(name, self.base_url, self.plain)
        if field.type == "reference":
            return _reference(name, field)
        if field.type == "list:reference":
            return _references(name, field)
        if field.type == "json" and self.plain:
            return _json_plain(name)
        render = _RENDER[field.type]
        if self.plain:
            show = _SHOW.get(field.type)

            def plain(value: Any, record: Record) -> str:
                wire = render(value)
                return f'{empty}{wire}">{text(show(value)) if show else wire}</data>'
            return plain

        def compact(value: Any, record: Record) -> str:
            return f'{empty}{render(value)}"/>'
        return compact


def _as_it_is(value: str) -> str:
    return value


def _double(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{value!r} cannot be sent as a number")
    return repr(float(value))


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def _array(value: list[Any]) -> str:
    return attribute(json.dumps([clean(v) if isinstance(v, str) else v for v in value]))


def _json_text(value: str) -> str:
    """JSON, with its own escapes for characters in its strings that XML cannot carry."""
    if value.isprintable():
        return value
    return FORBIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", value)


#: Canonical value to the content of ``@value``, escaped
_RENDER: dict[str, Callable[[Any], str]] = {
    "integer": str,
    "bigint": str,
    "double": _double,
    "decimal": _as_it_is,
    "boolean": _boolean,
    "date": _as_it_is,
    "time": _as_it_is,
    "datetime": _as_it_is,
    "json": lambda value: attribute(_json_text(value)),
    "list:string": _array,
    "list:integer": _array,
}

#: Canonical value to the text node for a real Eden, where that is not the same
_SHOW: dict[str, Callable[[Any], str]] = {
    "boolean": str,
    "list:string": ", ".join,
    "list:integer": lambda value: ", ".join(map(str, value)),
}


def _string_plain(name: str, represented: bool) -> FieldEncoder:
    opening, with_value = f'<data field="{name}">', f'<data field="{name}" value="'

    def string(value: str, record: Record) -> str:
        if represented or ("&" in value and _TWICE(value) is not None):
            if not value.isprintable():
                value = FORBIDDEN.sub("\ufffd", value)
            return f'{with_value}{attribute(quote(value))}">{text(value)}</data>'
        return f"{opening}{text(value)}</data>"
    return string


def _string_compact(name: str) -> FieldEncoder:
    opening, with_value = f'<data field="{name}">', f'<data field="{name}" value="'

    def string(value: str, record: Record) -> str:
        if value.isprintable():                          # as `text`: a call less for most of all values
            if "&" in value or "<" in value or ">" in value:
                value = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            return f"{opening}{value}</data>"
        value = clean(value)
        if FORBIDDEN.search(value) is not None:          # our own peers read them from JSON
            return f'{with_value}{attribute(quote(value))}"/>'
        return f"{opening}{text(value)}</data>"
    return string


def _json_plain(name: str) -> FieldEncoder:
    """Eden takes objects in ``@value`` only, anything else in the text node only (S3XML §4.2)."""
    opening, with_value = f'<data field="{name}">', f'<data field="{name}" value="'

    def value_or_text(value: str, record: Record) -> str:
        # The same JSON without an ampersand, which Eden would unescape once more.
        value = _json_text(clean(value)).replace("&", "\\u0026")
        if value[:1] == "{":
            return f'{with_value}{attribute(value)}">{text(value)}</data>'
        return f"{opening}{text(value)}</data>"
    return value_or_text


def _upload(name: str, base_url: str, plain: bool) -> FieldEncoder:
    def upload(value: Upload, record: Record) -> str:
        filename = attribute(value.filename)
        if not plain and _DIGEST(value.stored):      # by which our own peers ask for the file
            url = f' url="{attribute(value.url)}"' if value.url else ""
            return f'<data field="{name}"{url} filename="{filename}" digest="{attribute(value.stored)}"/>'
        url = value.url or f"{base_url}/default/download/{quote_url(value.stored)}"
        return f'<data field="{name}" url="{attribute(url)}" filename="{filename}"/>'
    return upload


def _reference(name: str, field: Field) -> FieldEncoder:
    usual = f'<reference field="{name}" resource="{attribute(field.target or "")}" uuid="'

    def reference(value: str, record: Record) -> str:
        instance = record.instances and record.instances.get(field.name)
        if instance:
            return f'<reference field="{name}" resource="{attribute(instance)}" uuid="{attribute(value)}"/>'
        return f'{usual}{attribute(value)}"/>'
    return reference


def _references(name: str, field: Field) -> FieldEncoder:
    def references(value: list[str], record: Record) -> str:
        target = record.instances and record.instances.get(field.name) or field.target or ""
        return f'<reference field="{name}" resource="{attribute(target)}" uuid="{attribute(json.dumps(value))}"/>'
    return references


class DocumentWriter:
    """Writes a document: declaration, root element, the resources it is given, end.

    A context manager. If the block is left by an exception the document is not closed, so that nobody takes it for whole.

    Parameters
    ----------
    target : where the document goes, UTF-8; not closed
    attributes : of the root element, in this order; a str as it is, None is left out, anything else as JSON.
        ``s3sync="1"`` is added: by it a reader of ours knows that all uuids are spelled as they are stored.

    Attributes
    ----------
    records : resources written so far
    bytes : bytes written to `target` so far
    """

    def __init__(self, target: BinaryIO, attributes: Mapping[str, Any]) -> None:
        self.target = target
        self.records = 0
        self.bytes = 0
        self._parts: list[str] = []
        self._size = 0
        shown = ((name, value if isinstance(value, str) else json.dumps(value, separators=(",", ":")))
                 for name, value in {**attributes, "s3sync": "1"}.items() if value is not None)
        self._root = "".join(f' {name}="{attribute(value)}"' for name, value in shown)

    def __enter__(self) -> DocumentWriter:
        self._parts.append(f"{DECLARATION}<s3xml{self._root}>")
        return self

    def write(self, resource: str) -> None:
        """Add one resource, as `Encoder.encode` makes it."""
        self.records += 1
        self._parts.append(resource)
        self._size += len(resource)
        if self._size >= BUFFER:
            self.flush()

    def flush(self) -> None:
        """Hand everything collected so far to the target."""
        data = "".join(self._parts).encode("utf-8")
        self._parts.clear()
        self._size = 0
        self.target.write(data)
        self.bytes += len(data)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._parts.append("</s3xml>")
        self.flush()
