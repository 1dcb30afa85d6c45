"""Elements to records: any S3XML, and never stopped by a single bad record."""
from __future__ import annotations

from collections import Counter
from typing import Any, Callable, Mapping

from lxml import etree

from ..errors import DocumentTooLarge
from .limits import Limits
from .record import Record, Tuid, Upload
from .schema import Field, Schema
from .values import TEXT_TYPES, Decoder, check, decode_datetime, decode_uuids, decoder, shown

LONGEST_UUID = 128     #: characters; what the column of any Eden table takes
LONGEST_NAME = 64      #: characters of the name of a table
UNKNOWN = 1000         #: names of unknown tables that are remembered; a document might be full of different ones

#: Attributes of <resource> that are attributes of Record, under the same name
_USUAL = frozenset(("uuid", "tuid", "alias", "mci", "created_on", "created_by", "modified_on", "modified_by",
                    "owned_by_user", "owned_by_group"))


class Layout:
    """A schema, prepared for reading.

    Attributes
    ----------
    complete : fields that the sender always mentions unless they are NULL, in its order
    nothing : NULL for each of them
    """

    __slots__ = ("source", "prepare", "name", "decoders", "texts", "uploads", "references", "nothing", "complete", "schema")

    def __init__(self, schema: Schema, complete: tuple[str, ...]) -> None:
        self.name = schema.table
        self.schema = schema
        self.complete = complete
        self.source = schema.source
        self.prepare = schema.prepare
        self.decoders: dict[str, Decoder] = {}
        self.texts = frozenset(f.name for f in schema.fields if f.type in TEXT_TYPES)
        self.uploads = frozenset(f.name for f in schema.fields if f.type == "upload")
        self.references: dict[str, Field] = {}
        self.nothing: dict[str, Any] = dict.fromkeys(name for name in complete if name in schema.by_name)
        for field in schema.fields:
            check(field)
            if field.target:
                self.references[field.name] = field
            elif field.type != "upload":
                self.decoders[field.name] = decoder(field)


class Reader:
    """Makes records of the elements of one document.

    Parameters
    ----------
    schemas, limits, domain : as of `s3sync.s3xml.document.Document`
    sender : what a real Eden puts before uuids of its own that are no URN, "" if it is none
    complete : by table, the fields that the sender always mentions unless they are NULL

    Attributes
    ----------
    skipped, records : as of Document
    """

    def __init__(self, schemas: Callable[[str], Schema | None], limits: Limits, domain: str, sender: str,
                 complete: Mapping[str, tuple[str, ...]]) -> None:
        self.schemas = schemas
        self.limits = limits
        self.skipped: Counter[str] = Counter()
        self.records = 0
        self._complete = complete
        self._layouts: dict[str, Layout | None] = {}
        self._prefix = f"{domain}/" if domain else ""
        self._sender = sender

    def layout(self, name: str) -> Layout | None:
        """How records of a table are read; None for a table that is not to be read."""
        if name in self._layouts:
            return self._layouts[name]
        schema = self.schemas(name) if name else None
        layout = None if schema is None else Layout(schema, self._complete.get(name, ()))
        if layout is not None or len(self._layouts) < UNKNOWN:
            self._layouts[name] = layout
        return layout

    def count(self) -> None:
        """One more record. Raises DocumentTooLarge."""
        self.records += 1
        if self.records > self.limits.max_records:
            raise DocumentTooLarge(f"more than {self.limits.max_records} records")

    def own(self, uuid: str) -> str:
        """A uuid as stored here: without this site's domain, which Eden puts before those that are no URN."""
        if self._prefix and uuid.startswith(self._prefix) and len(uuid) > len(self._prefix):
            return uuid[len(self._prefix):]
        return uuid

    def _target(self, uuid: str, table: str = "") -> str:
        """A uuid that refers to a record, spelled like that of the record itself.

        A real Eden puts its domain before the uuid of a record that is no URN, but not where it refers to one (S3XML §3.1).
        """
        if self._sender and table != "auth_group" and not uuid.startswith("urn:") and "/" not in uuid[1:-1]:
            return f"{self._sender}{uuid.strip('/')}"
        return self.own(uuid)

    def record(self, element: Any, position: int, depth: int = 2) -> Record | None:
        """The record in a <resource> element at this depth; None if its table is not to be read.

        What cannot be read of it is said in its `error`. Raises DocumentTooLarge.
        """
        self.count()
        state: dict[str, Any] = dict(element.items())
        name = state.pop("name", "")
        table = self.layout(name)
        if table is None:
            names = (each.get("name", "") for each in element.iter("resource"))
            self.skipped.update(name if name in self.skipped or len(self.skipped) < UNKNOWN else "" for name in names)
            return None

        # The attributes of the element are those of the record, by and large: they become its state.
        record = Record.__new__(Record)
        record.__dict__ = state
        errors: list[str] = []
        self._attributes(state, errors)
        state["table"] = table.name
        state["position"] = position
        state["values"] = {}
        if depth > self.limits.max_depth:
            errors.append(f"nested deeper than {self.limits.max_depth} elements")
        elif "deleted" in state and "uuid" in state:
            for child in element.iterchildren("resource"):
                self._child(child, state, depth)
        else:
            if table.nothing:
                state["values"] = table.nothing.copy()
                for name in state.get("withheld", ()):
                    state["values"].pop(name, None)
            self._contents(element, table, state, errors, depth)
        if errors:
            state["error"] = "; ".join(errors)
        if table.source:
            state["source"] = etree.tostring(element, encoding="unicode", with_tail=False)
        if errors or ("children" in state or "inline" in state) and _any_error(record):
            state["xml"] = etree.tostring(element, encoding="unicode", with_tail=False)
        return record

    def _attributes(self, state: dict[str, Any], errors: list[str]) -> None:
        """Make the state of a record from the attributes of its element."""
        get = state.get
        vector = get("v")
        if vector is not None:           # every record of a peer of ours has one
            del state["v"]
        if not _USUAL.issuperset(state):
            self._unusual_attributes(state)
        if vector is not None:
            state["vector"] = vector
        uuid = get("uuid", "")
        if self._prefix and uuid:
            state["uuid"] = uuid = self.own(uuid)
        if len(uuid) > LONGEST_UUID or len(get("replaced_by") or "") > LONGEST_UUID:
            errors.append(f"uuid: longer than {LONGEST_UUID} characters")
        created_on, modified_on = get("created_on"), get("modified_on")
        name = "created_on"
        try:
            if created_on is not None:
                state["created_on"] = decode_datetime(created_on) if created_on else None
            name = "modified_on"
            if modified_on is not None and modified_on == created_on:      # most records were never modified
                state["modified_on"] = state["created_on"]
            elif modified_on is not None:
                state["modified_on"] = decode_datetime(modified_on) if modified_on else None
        except ValueError as error:
            errors.append(f"{name}: {error}")
            state["created_on"] = state["modified_on"] = None
        mci = get("mci")
        if mci is not None:
            if len(mci) < 10 and mci.isascii() and mci.isdigit():
                state["mci"] = int(mci)
            else:
                errors.append(f"mci: {shown(mci)} is no number")
                del state["mci"]

    def _unusual_attributes(self, state: dict[str, Any]) -> None:
        """Take what only some records have, and drop what means nothing here."""
        given = {name: state.pop(name) for name in set(state).difference(_USUAL)}
        get = given.get
        withheld = get("withheld")
        if withheld:
            state["withheld"] = tuple(withheld.split())
        if get("deleted", "").lower() == "true":
            state["deleted"] = True
            replaced_by = get("replaced_by")
            if replaced_by:
                state["replaced_by"] = self._target(replaced_by)
        if get("approved", "").lower() == "false":
            state["approved"] = False

    def _contents(self, element: Any, table: Layout, state: dict[str, Any], errors: list[str], depth: int) -> None:
        """Read what stands in the element of a record. One loop, no calls: here most of the time goes."""
        values = state["values"]
        decoders, texts, longest = table.decoders, table.texts, self.limits.max_text
        for child in element[:]:
            tag = child.tag
            if tag == "data":
                name = child.get("field")
                if name not in decoders:
                    if name in table.uploads:
                        filename, url, digest = child.get("filename"), child.get("url"), child.get("digest")
                        if filename or url or digest:
                            values[name] = Upload(filename or "", url or "", digest or "")
                    continue
                text = child.get("value")
                if text is None:
                    text = child.text
                    if text is not None and name in texts and len(text) <= longest:
                        values[name] = text
                        continue
                if not text:
                    if name in texts:
                        values[name] = ""
                    continue      # for other types Eden takes it as nothing said
                if len(text) > longest:
                    errors.append(f"{name}: longer than {longest} characters")
                    continue
                try:
                    values[name] = decoders[name](text)
                except ValueError as error:
                    errors.append(f"{name}: {error}")
            elif tag == "reference":
                field = table.references.get(child.get("field"))
                if field is not None:
                    self._reference(child, field, state, errors, depth)
            elif tag == "resource":
                self._child(child, state, depth)

    def _child(self, element: Any, state: dict[str, Any], depth: int) -> None:
        record = self.record(element, state["position"], depth + 1)
        if record is not None:
            state.setdefault("children", []).append(record)

    def _reference(self, element: Any, field: Field, state: dict[str, Any], errors: list[str], depth: int) -> None:
        uuid = element.get("uuid")
        if uuid and field.type == "reference" and uuid[0] != "[" and uuid != "None" and len(uuid) <= LONGEST_UUID:
            state["values"][field.name] = uuid if uuid.startswith("urn:") else self._target(uuid, element.get("resource"))
        else:
            try:
                self._unusual_reference(field, uuid, element.get("tuid"), state["values"])
            except ValueError as error:
                errors.append(f"{field.name}: {error}")
                return
        resource = element.get("resource")
        if resource != field.target and resource and len(resource) <= LONGEST_NAME:
            state.setdefault("instances", {})[field.name] = resource
        if len(element):
            self._inline(element, field, state, depth)

    def _unusual_reference(self, field: Field, uuid: str | None, tuid: str | None, values: dict[str, Any]) -> None:
        """Set a reference that is not one plain uuid: a list, or by tuid."""
        # Eden writes uuid="None" for targets in tables without uuid.
        text = tuid if uuid is None or uuid == "None" else uuid
        if not text:
            return
        targets: list[str] = decode_uuids(text)
        if any(len(each) > LONGEST_UUID for each in targets):
            raise ValueError(f"{shown(text)} is longer than {LONGEST_UUID} characters")
        targets = [Tuid(each) for each in targets] if text is tuid else [self._target(each) for each in targets]
        if field.type == "list:reference":
            values[field.name] = targets
        elif len(targets) > 1:
            raise ValueError(f"{shown(text)} are several targets for one reference")
        elif targets:
            values[field.name] = targets[0]

    def _inline(self, element: Any, field: Field, state: dict[str, Any], depth: int) -> None:
        """Records described inside a <reference>: by Eden the first one only, or all for a list."""
        many = field.type == "list:reference"
        named = field.name in state["values"] and state["values"][field.name] is not None
        for child in element.iterchildren("resource"):
            record = self.record(child, state["position"], depth + 2)
            if record is None:
                continue
            state.setdefault("inline", []).append((field.name, record))
            if not named:
                target: str | None = record.uuid or (record.tuid and Tuid(record.tuid))
                if many:
                    known = state["values"].setdefault(field.name, None)
                    state["values"][field.name] = (known or []) + ([target] if target else [])
                elif target:
                    state["values"][field.name] = target
            if not many:
                break


def _any_error(record: Record) -> bool:
    """Whether a record nested in this one cannot be read."""
    nested = list(record.children or ())
    nested.extend(each for _field, each in record.inline or ())
    return any(each.error or each.xml for each in nested)
