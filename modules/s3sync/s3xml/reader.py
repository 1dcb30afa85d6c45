"""Documents to records: streaming, hardened, and never stopped by a single bad record."""
from __future__ import annotations

import json
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, BinaryIO, Callable, Iterator, Mapping

from lxml import etree

from ..errors import DocumentError, DocumentTooLarge, DocumentTruncated, EmptyAnswer
from . import prologue
from .record import Record, Tuid, Upload
from .schema import Field, Schema
from .values import TEXT_TYPES, Decoder, check, decode_datetime, decode_uuids, decoder, shown

CHUNK = 1 << 15        #: bytes read at once
LONGEST_UUID = 128     #: characters; what the column of any Eden table takes
LONGEST_NAME = 64      #: characters of the name of a table
UNKNOWN = 1000         #: names of unknown tables that are remembered; a document might be full of different ones
HEAD = 1 << 18         #: bytes within which the root element must have begun, attributes included

#: Attributes of <resource> that are attributes of Record, under the same name
_USUAL = frozenset(("uuid", "tuid", "alias", "mci", "created_on", "created_by", "modified_on", "modified_by",
                    "owned_by_user", "owned_by_group"))


@dataclass(frozen=True)
class Limits:
    """What a document may ask of this site. The names are those of `s3sync.settings.Settings`.

    libxml2 has limits of its own besides, which hold whatever stands here: 10,000,000 bytes of one text, 256 levels.
    """

    max_document: int = 4 << 30       #: bytes of the document, expanded
    max_record: int = 32 << 20        #: bytes of one record with all that is nested in it
    max_upload: int = 32 << 20        #: bytes of a file that comes with a record
    max_text: int = 8 << 20           #: characters of one value
    max_depth: int = 32               #: nested elements, the root being the first
    max_records: int = 20_000_000     #: records, nested ones included

    @classmethod
    def of(cls, settings: Any) -> Limits:
        """The limits among the settings of a deployment."""
        return cls(**{name: getattr(settings, name) for name in cls.__dataclass_fields__ if hasattr(settings, name)})


class _Table:
    """A schema, prepared for reading."""

    __slots__ = ("source", "prepare", "name", "decoders", "texts", "uploads", "references", "nothing")

    def __init__(self, schema: Schema, complete: tuple[str, ...]) -> None:
        self.name = schema.table
        self.source = schema.source
        self.prepare = schema.prepare
        self.decoders: dict[str, Decoder] = {}
        self.texts = frozenset(f.name for f in schema.fields if f.type in TEXT_TYPES)
        self.uploads = frozenset(f.name for f in schema.fields if f.type == "upload")
        self.references: dict[str, Field] = {}
        #: NULL for every field that the sender always mentions unless it is NULL
        self.nothing: dict[str, Any] = dict.fromkeys(name for name in complete if name in schema.by_name)
        for field in schema.fields:
            check(field)
            if field.target:
                self.references[field.name] = field
            elif field.type != "upload":
                self.decoders[field.name] = decoder(field)


class Document:
    """An S3XML document, read record by record.

    Parameters
    ----------
    source : where the document is read from, once, in chunks; expanded, not gzipped
    schemas : gives the schema of a table, None for a table that is not to be read (those are counted in `skipped`)
    limits : what the document may ask for
    domain : this site's own domain, which peers put before a uuid that is no URN ("site.org/abc" is this site's "abc")

    Attributes
    ----------
    attributes : attributes of the root element; known as soon as the object exists
    skipped : number of records by table name that were passed over because `schemas` does not know the table
    bytes, records : what has been read so far (records: nested ones included)

    Iterating yields the records of the top level, with the records nested in them; a record that cannot be read has its
    `error` set. Memory does not depend on the size of the document.

    Raises
    ------
    EmptyAnswer : there is no document
    DocumentError : it is no S3XML, or has a DOCTYPE
    DocumentTruncated : when reading reaches the cut, after all complete records have been given
    DocumentTooLarge : when a limit is passed, likewise
    """

    def __init__(self, source: BinaryIO, schemas: Callable[[str], Schema | None], limits: Limits | None = None,
                 domain: str = "") -> None:
        self.source = source
        self.schemas = schemas
        self.limits = limits or Limits()
        self.domain = domain
        self.attributes: dict[str, str] = {}
        self.skipped: Counter[str] = Counter()
        self.bytes = 0
        self.records = 0
        self._complete: Mapping[str, Any] = {}
        self._tables: dict[str, _Table | None] = {}
        self._prefix = f"{domain}/" if domain else ""
        self._sender = ""      #: what a real Eden puts before uuids of its own that are no URN
        self._head = self._open()

    def __iter__(self) -> Iterator[Record]:
        # Only the ends of resources are of interest; "start" is for the root, which must be known to be kept short.
        parser = _parser(("start", "end"), ("s3xml", "resource"))
        root: Any = None
        pending = 0        # bytes since a record of the top level ended
        position = 0
        chunk = self._head
        while chunk:
            self.bytes += len(chunk)
            if self.bytes > self.limits.max_document:
                raise DocumentTooLarge(f"more than {self.limits.max_document} bytes")
            broken = None
            try:
                parser.feed(chunk)
            except etree.XMLSyntaxError as error:
                broken = error
            pending += len(chunk)
            for event, element in parser.read_events():
                if root is None:
                    root = element
                elif event == "end" and element.getparent() is root:
                    pending = 0
                    position += 1
                    name = element.get("name", "")
                    table = self._tables[name] if name in self._tables else self._table(name)
                    if table is not None and table.prepare is not None:
                        yield from self._prepared(element, position, table.prepare)
                        continue
                    record = self._record(element, position, 2)
                    if record is not None:
                        yield record
            if broken is not None:
                raise _syntax_error(broken, position)
            if pending > self.limits.max_record:
                raise DocumentTooLarge(f"record {position + 1} has more than {self.limits.max_record} bytes")
            if root is not None:
                # The last child may still be growing, all before it are done with.
                element = None
                del root[:-1]
            chunk = self.source.read(CHUNK)
        try:
            parser.close()
        except etree.XMLSyntaxError:
            raise DocumentTruncated(f"after {position} records and {self.bytes} bytes") from None

    def _prepared(self, element: Any, position: int, prepare: Callable[[Any], str]) -> Iterator[Record]:
        """The records that the application's import_prep makes of an element of the top level."""
        root = etree.Element("s3xml", self.attributes)
        root.append(deepcopy(element))
        problem = prepare(etree.ElementTree(root))
        for one in root.iterchildren("resource"):
            record = self._record(one, position, 2)
            if record is not None:
                if problem:
                    record.error = problem
                    record.xml = etree.tostring(element, encoding="unicode", with_tail=False)
                yield record

    def _open(self) -> bytes:
        """Read as far as the root element, check it, keep its attributes; returns what has been read."""
        head = b""
        chunk = self.source.read(CHUNK)
        while chunk and not prologue.ends(head := head + chunk):
            if len(head) > HEAD:
                raise DocumentError(f"there is no root element within {HEAD} bytes")
            chunk = self.source.read(CHUNK)
        if not head.strip(b"\0 \t\r\n\xef\xbb\xbf\xff\xfe"):
            raise EmptyAnswer()
        parser = _parser(("start",), None)
        done = 0
        while done < HEAD:
            # In small pieces, so that little of what stands behind the root element is looked at here.
            piece, broken = head[done:done + 256], None
            done += len(piece)
            try:
                parser.feed(piece)
            except etree.XMLSyntaxError as error:
                broken = error
            for _event, root in parser.read_events():
                self._check(root, head)
                return head
            if broken is not None:
                raise prologue.refusal(head, str(broken))
            if done == len(head):
                chunk = self.source.read(CHUNK)
                if not chunk:
                    raise DocumentTruncated(f"after {len(head)} bytes, before it began")
                head += chunk
        raise DocumentError(f"there is no root element within {HEAD} bytes")

    def _check(self, root: Any, head: bytes) -> None:
        if root.tag != "s3xml":
            raise prologue.refusal(head, f"its root element is <{root.tag}>")
        if root.getroottree().docinfo.internalDTD is not None:
            raise DocumentError("it has a DOCTYPE")
        self.attributes = dict(root.items())
        fields = self.attributes.get("fields")
        sender = self.attributes.get("domain")
        if sender and sender != self.domain and "s3sync" not in self.attributes:
            self._sender = f"{sender}/"
        if fields is not None:
            try:
                self._complete = {table: tuple(map(str, names)) for table, names in json.loads(fields).items()}
            except (ValueError, TypeError, AttributeError, RecursionError):
                raise DocumentError(f"its attribute fields={shown(fields)} is not understood") from None

    def _table(self, name: str) -> _Table | None:
        schema = self.schemas(name) if name else None
        table = None if schema is None else _Table(schema, self._complete.get(name, ()))
        if table is not None or len(self._tables) < UNKNOWN:
            self._tables[name] = table
        return table

    def _own(self, uuid: str) -> str:
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
        return self._own(uuid)

    def _record(self, element: Any, position: int, depth: int) -> Record | None:
        """The record in a <resource> element at this depth; None if its table is not to be read."""
        self.records += 1
        if self.records > self.limits.max_records:
            raise DocumentTooLarge(f"more than {self.limits.max_records} records")
        state: dict[str, Any] = dict(element.items())
        name = state.pop("name", "")
        try:
            table = self._tables[name]
        except KeyError:
            table = self._table(name)
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
            state["uuid"] = uuid = self._own(uuid)
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

    def _contents(self, element: Any, table: _Table, state: dict[str, Any], errors: list[str], depth: int) -> None:
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
        record = self._record(element, state["position"], depth + 1)
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
            record = self._record(child, state["position"], depth + 2)
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


def _parser(events: Any, tag: tuple[str, ...] | None) -> Any:
    # A DOCTYPE is never seen by the parser (see s3sync.s3xml.prologue); everything that could follow from one is off as well.
    return etree.XMLPullParser(
        events=events, tag=tag, resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False,
        attribute_defaults=False, huge_tree=False, remove_comments=True, remove_pis=True, collect_ids=False)


def _syntax_error(error: etree.XMLSyntaxError, position: int) -> DocumentError:
    return DocumentError(f"after {position} records: {error}")
