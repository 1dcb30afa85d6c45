"""Records of our own peers, read without an XML parser: one regular expression for all of a record.

Peers of our kind write their records in one form only (`s3sync.s3xml.writer`, the compact one). Where a document has exactly
that form, character by character, an expression made of the table's schema finds all values of a record at once: a tenth of
what it costs to build a tree and walk it. Whatever differs in anything (spelling, order, a value out of the ordinary, an
unknown entity) is left to the parser, from that record on: so this is no second opinion on what XML is, only a short cut, and
`tests/unit/s3xml/test_s3xml_template.py` holds the two against each other.
"""
from __future__ import annotations

import re
from typing import Any, Callable

from .reader import LONGEST_NAME, LONGEST_UUID, Layout, Reader
from .record import Record, Upload
from .schema import Field
from .values import TEXT_TYPES, decode_uuids
from .writer import attribute

#: The beginning of a document as the writer writes it
ROOT = re.compile(rb"<\?xml version='1\.0' encoding='utf-8'\?>\n(<s3xml(?: [a-z0-9_]+=\"[^\"<]*\")*>)").match

#: Bytes that XML forbids or a parser changes: control characters, carriage returns
_CHANGED = bytes(n for n in range(32) if n not in b"\t\n")

_TEXT = "([^<]*)"                       # content of a text node
_QUOTED = '([^"<\t\n]*)'                # content of an attribute
_SIMPLE = '([^"<&\t\n]+)'               # the same with nothing to be unescaped
_SOMETHING = '([^"<\t\n]+)'
_UUID = f'([^"<&\t\n]{{1,{LONGEST_UUID}}})'
_DAY = (r"(?:(?:19|20)[0-9]{2}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
        r"|(?:(?:19|20)(?:0[48]|[2468][048]|[13579][26])|2000)-02-29)")
_HOUR = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_MOMENT = f"({_DAY}T{_HOUR})"

_META = 10                              # groups before those of the fields

#: What stands in @value and is a value without more ado, and what makes one of it where it is none yet
_VALUES: dict[str, tuple[str, Callable[[str], Any] | None]] = {
    "integer": ("(-?[0-9]{1,18})", int),
    "bigint": ("(-?[0-9]{1,18})", int),
    "double": (r"(-?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:e[-+]?[0-9]{1,2})?)", float),
    "boolean": ("(true|false)", "true".__eq__),
    "date": (f"({_DAY})", None),
    "time": (f"({_HOUR})", None),
    "datetime": (_MOMENT, None),
}

_ENTITY = re.compile("&([^;&]*;?)")
_CHARACTERS = {"amp;": "&", "lt;": "<", "gt;": ">", "quot;": '"', "#9;": "\t", "#10;": "\n", "#13;": "\r"}


class Unusual(Exception):
    """The document is not in the form that our peers write: the parser must see it."""


def decoded(data: bytes) -> str:
    """UTF-8 as text. Raises Unusual for what XML forbids, and for what a parser would change."""
    if len(data.translate(None, _CHANGED)) != len(data):
        raise Unusual
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Unusual from None
    if "\ufffe" in text or "\uffff" in text or "]]>" in text:
        raise Unusual
    return text


def _character(entity: re.Match[str]) -> str:
    try:
        return _CHARACTERS[entity[1]]
    except KeyError:
        raise Unusual from None


def unescaped(value: str) -> str:
    """A value without its entities. Raises Unusual for others than the writer's."""
    return _ENTITY.sub(_character, value) if "&" in value else value


class Template:
    """How our own peers write records of one table.

    Parameters
    ----------
    layout : the table, with the fields that the sender always mentions
    reader : of the document, for what depends on both sites
    """

    def __init__(self, layout: Layout, reader: Reader) -> None:
        self._name = layout.name
        self._own = reader.own
        self._fields: list[str] = []             # the field whose value a group has, from group _META on
        self._convert: list[tuple[int, str, Callable[[str], Any]]] = []      # by group and field, what makes a value of its text
        self._texts: list[tuple[int, str]] = []
        self._uploads: list[tuple[int, str]] = []        # the first of three groups: url, file name, digest
        self._instances: list[tuple[int, str]] = []      # group of the table that a reference names, if not its field's
        name, known = _escaped(layout.name), layout.schema.by_name
        data = "".join(self._data(each, known.get(each), layout) for each in layout.complete)
        references = "".join(self._reference(each, known.get(each)) for each in layout.complete)      # behind all data
        head = f'<resource name="{name}" uuid="{_UUID}"'
        live = (f'(?: created_on="{_MOMENT}")?(?: created_by="{_SIMPLE}")?(?: modified_on="{_MOMENT}")?'
                f'(?: modified_by="{_SIMPLE}")?(?: owned_by_user="{_SIMPLE}")?(?: owned_by_group="{_SIMPLE}")?'
                f'(?: mci="([0-9]{{1,9}})")?(?: (approved)="false")?(?: v="{_SIMPLE}")?>')
        self.match = re.compile(f"{head}{live}{data}{references}</resource>").match
        #: the same for a deletion
        self.match_deleted = re.compile(
            f'{head} deleted="True"(?: modified_on="{_MOMENT}")?(?: replaced_by="{_UUID}")?(?: modified_by="{_SIMPLE}")?'
            f'(?: mci="([0-9]{{1,9}})")?(?: v="{_SIMPLE}")?/>').match

    @staticmethod
    def fits(layout: Layout) -> bool:
        """Can records of this table be read by a template?"""
        return bool(layout.complete) and layout.prepare is None and not layout.source

    # --- making the expression --------------------------------------------------------------------------------

    def _group(self, field: str) -> int:
        """The next group, for a value of this field ("": something else)."""
        self._fields.append(field)
        return _META + len(self._fields) - 1

    def _data(self, name: str, field: Field | None, layout: Layout) -> str:
        opening = f'<data field="{_escaped(name)}"'
        if field is None:                        # no column of ours
            return f"(?:{opening}[^<>]*(?:/>|>[^<]*</data>))?"
        if field.target:
            return ""
        if field.type == "upload":
            self._uploads.append((self._group(""), field.name))
            self._group(field.name)
            self._group("")
            return f'(?:{opening}(?: url="{_QUOTED}")? filename="{_QUOTED}"(?: digest="([0-9a-f]{{32}})")?/>)?'
        group = self._group(field.name)
        if field.type in TEXT_TYPES:
            self._texts.append((group, field.name))
            return f"(?:{opening}>{_TEXT}</data>)?"
        pattern, convert = _VALUES.get(field.type) or (_SOMETHING, _unescaping(layout.decoders[field.name]))
        if convert is not None:
            self._convert.append((group, field.name, convert))
        return f'(?:{opening} value="{pattern}"/>)?'

    def _reference(self, name: str, field: Field | None) -> str:
        if field is None:
            return f'(?:<reference field="{_escaped(name)}"[^<>]*/>)?'
        if not field.target:
            return ""
        many = field.type == "list:reference"
        self._instances.append((self._group(""), field.name))
        self._convert.append((self._group(field.name), field.name, self._targets if many else self._target))
        return (f'(?:<reference field="{_escaped(field.name)}" resource="(?:{_escaped(field.target or "")}|{_SIMPLE})" '
                f'uuid="{_SOMETHING if many else _UUID}"/>)?')

    def _target(self, uuid: str) -> str:
        if uuid.startswith("urn:"):
            return uuid
        if uuid[0] == "[" or uuid == "None":
            raise Unusual
        return self._own(uuid)

    def _targets(self, text: str) -> list[str]:
        targets = decode_uuids(unescaped(text))
        if any(len(each) > LONGEST_UUID for each in targets):
            raise Unusual
        return [each if each.startswith("urn:") else self._own(each) for each in targets]

    # --- records ----------------------------------------------------------------------------------------------

    def record(self, match: re.Match[str], position: int) -> Record:
        """The record that `match` has found. Raises Unusual."""
        groups = match.groups()
        values: dict[str, Any] = dict(zip(self._fields, groups[_META:]))
        (uuid, created_on, created_by, modified_on, modified_by, owned_by_user, owned_by_group, mci, approved,
         vector) = groups[:_META]
        state: dict[str, Any] = {"table": self._name, "uuid": self._own(uuid), "position": position, "values": values}
        if created_on is not None:
            state["created_on"] = created_on
        if modified_on is not None:
            state["modified_on"] = modified_on
        if mci is not None:
            state["mci"] = int(mci)
        if vector is not None:
            state["vector"] = vector
        if created_by is not None:
            state["created_by"] = created_by
        if modified_by is not None:
            state["modified_by"] = modified_by
        if owned_by_user is not None:
            state["owned_by_user"] = owned_by_user
        if owned_by_group is not None:
            state["owned_by_group"] = owned_by_group
        if approved is not None:
            state["approved"] = False
        if match.string.find("&", match.start(), match.end()) >= 0:
            for group, name in self._texts:
                if groups[group] is not None:
                    values[name] = unescaped(groups[group])
        try:
            for group, name, convert in self._convert:
                value = groups[group]
                if value is not None:
                    values[name] = convert(value)
        except ValueError:
            raise Unusual from None              # the parser's way says what is wrong with it
        if self._uploads or self._instances:
            self._others(groups, state, values)
        record = Record.__new__(Record)
        record.__dict__ = state
        return record

    def _others(self, groups: tuple[Any, ...], state: dict[str, Any], values: dict[str, Any]) -> None:
        """Files, and the tables of references that are not what the field says."""
        del values[""]
        for first, name in self._uploads:
            url, filename, digest = groups[first:first + 3]
            upload = Upload(unescaped(filename or ""), unescaped(url or ""), digest or "")
            values[name] = upload if any(upload) else None
        for group, name in self._instances:
            if groups[group] is not None:
                if len(groups[group]) > LONGEST_NAME:
                    raise Unusual
                state.setdefault("instances", {})[name] = groups[group]

    def deletion(self, match: re.Match[str], position: int) -> Record:
        """The deletion that `match` has found. Raises Unusual."""
        uuid, modified_on, replaced_by, modified_by, mci, vector = match.groups()
        more = {"modified_on": modified_on, "replaced_by": replaced_by and self._target(replaced_by),
                "modified_by": modified_by, "mci": int(mci) if mci else None, "vector": vector}
        return Record(self._name, self._own(uuid), {}, position=position, deleted=True,
                      **{name: value for name, value in more.items() if value is not None})


def _escaped(name: str) -> str:
    return re.escape(attribute(name))


def _unescaping(decode: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: decode(unescaped(text))
