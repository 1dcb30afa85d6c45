"""Documents to records: streaming, hardened, and never stopped by a single bad record."""
from __future__ import annotations

import json
import re
from copy import deepcopy
from typing import Any, BinaryIO, Callable, Iterator

from lxml import etree

from ..errors import DocumentError, DocumentTooLarge, DocumentTruncated, EmptyAnswer
from . import prologue
from .limits import Limits
from .reader import Reader
from .record import Record
from .schema import Schema
from .template import ROOT, Template, Unusual, decoded
from .values import shown

WINDOW = 1 << 18       #: characters within which a record must end that is read by its template
CHUNK = 1 << 15        #: bytes read at once
WORTHWHILE = 200       #: records of a table for which a template is quicker than the parser, its own making included
HEAD = 1 << 18         #: bytes within which the root element must have begun, attributes included

_NAME = re.compile('<resource name="([^"<&]*)" ').match


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
        self.limits = limits or Limits()
        self.domain = domain
        self.attributes: dict[str, str] = {}
        self.bytes = 0
        self._templates: dict[str, Template] = {}
        self._head = self._open()
        sender = self.attributes.get("domain")
        own = "s3sync" in self.attributes
        complete = self._complete()
        self._tables = len(complete)
        self._reader = Reader(schemas, self.limits, domain, f"{sender}/" if sender and sender != domain and not own else "",
                              complete)
        self.skipped = self._reader.skipped

    @property
    def records(self) -> int:
        """Number of records read so far."""
        return self._reader.records

    def __iter__(self) -> Iterator[Record]:
        self._count(self._head)
        start = ROOT(self._head)
        if start is None or min(self.limits.max_text, self.limits.max_record) < WINDOW or self._few():
            yield from self._parsed(self._head, 0)
        else:
            yield from self._matched(start)

    def _read(self) -> bytes:
        chunk = self.source.read(CHUNK)
        self._count(chunk)
        return chunk

    def _count(self, chunk: bytes) -> None:
        self.bytes += len(chunk)
        if self.bytes > self.limits.max_document:
            raise DocumentTooLarge(f"more than {self.limits.max_document} bytes")

    # --- as our own peers write it ----------------------------------------------------------------------------

    def _matched(self, start: re.Match[bytes]) -> Iterator[Record]:
        """Records by the templates of their tables as far as they go, the rest by the parser."""
        reader, position = self._reader, 0
        text, place = "", 0                # what is to be read, and how far it has been
        data = self._head[start.end():]    # what is not text yet
        current, template = "", None
        try:
            while True:
                match = template.match(text, place) if template is not None else None
                if match is not None and template is not None:
                    record = template.record(match, position + 1)
                else:
                    name = _NAME(text, place)
                    if name is not None and name[1] != current:
                        current = name[1]
                        template = self._templates.get(current) or self._template(current)
                        continue
                    match = template.match_deleted(text, place) if template is not None else None
                    if match is None or template is None:
                        # It has not come whole yet, or it is unusual, which more of it shows as well.
                        if len(text) - place + len(data) > WINDOW:
                            break
                        chunk = self._read()
                        data += chunk
                        end = data.rfind(b">") + 1
                        text, place = text[place:] + decoded(data[:end]), 0
                        data = data[end:]
                        if not chunk and not end:
                            break
                        continue
                    record = template.deletion(match, position + 1)
                reader.count()
                position += 1
                place = match.end()
                yield record
        except Unusual:
            pass
        if text[place:] != "</s3xml>" or data:
            yield from self._parsed(start[1] + text[place:].encode("utf-8") + data, position)

    def _template(self, name: str) -> Template:
        """The template of a table, by its name as it is spelled in the document. Raises Unusual if it has none."""
        layout = self._reader.layout(name)
        if layout is None or layout.name != name or not Template.fits(layout):
            raise Unusual
        template = self._templates[name] = Template(layout, self._reader)
        return template

    # --- any S3XML --------------------------------------------------------------------------------------------

    def _parsed(self, chunk: bytes, position: int) -> Iterator[Record]:
        """The records of a document that begins with `chunk`; `position` is the number of those read before."""
        # Only the ends of resources are of interest; "start" is for the root, which must be known to be kept short.
        parser = _parser(("start", "end"), ("s3xml", "resource"))
        reader = self._reader
        root: Any = None
        pending = 0        # bytes since a record of the top level ended
        while chunk:
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
                    layout = reader.layout(element.get("name", ""))
                    if layout is not None and layout.prepare is not None:
                        yield from self._prepared(element, position, layout.prepare)
                        continue
                    record = reader.record(element, position)
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
            chunk = self._read()
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
            record = self._reader.record(one, position)
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

    def _few(self) -> bool:
        """Does it say that it has few records of each table?"""
        results = self.attributes.get("results", "")
        return results.isdecimal() and int(results[:9]) < WORTHWHILE * max(1, self._tables)

    def _complete(self) -> dict[str, tuple[str, ...]]:
        """By table, the fields that the sender always mentions unless they are NULL."""
        fields = self.attributes.get("fields")
        if fields is None:
            return {}
        try:
            return {table: tuple(map(str, names)) for table, names in json.loads(fields).items()}
        except (ValueError, TypeError, AttributeError, RecursionError):
            raise DocumentError(f"its attribute fields={shown(fields)} is not understood") from None


def _parser(events: Any, tag: tuple[str, ...] | None) -> Any:
    # A DOCTYPE is never seen by the parser (see s3sync.s3xml.prologue); everything that could follow from one is off as well.
    return etree.XMLPullParser(
        events=events, tag=tag, resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False,
        attribute_defaults=False, huge_tree=False, remove_comments=True, remove_pis=True, collect_ids=False)


def _syntax_error(error: etree.XMLSyntaxError, position: int) -> DocumentError:
    return DocumentError(f"after {position} records: {error}")
