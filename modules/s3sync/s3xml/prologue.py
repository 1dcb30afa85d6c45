"""What stands before the root element of a document, judged before any XML parser sees it.

libxml2 reads external parameter entities of a DOCTYPE (any file, any device) even when it is told not to resolve entities;
so a document with a DOCTYPE must not get that far. To be certain to see one, only encodings are taken in which it can be
recognised: those that contain ASCII, and UTF-16 and UTF-32 with a byte order mark.
"""
from __future__ import annotations

import codecs
import re

from ..errors import DocumentError
from .values import shown

#: Bytes a document may begin with, and the encoding they say (the longer ones first)
_MARKS = ((codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"), (codecs.BOM_UTF8, "utf-8"),
          (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_DECLARATION = re.compile(r"<\?xml\s(.*?)\?>", re.DOTALL).match
_ENCODING = re.compile(r"""encoding\s*=\s*["']([^"']*)["']""").search
_WITH_ASCII = re.compile(r"utf-?8|(?:us-)?ascii|iso[-_]?8859-\d{1,2}|latin-?\d|(?:windows-|cp)125\d|koi8-[ru]",
                         re.IGNORECASE).fullmatch
_WIDE = re.compile(r"utf-?(?:16|32)(?:le|be)?", re.IGNORECASE).fullmatch
_BEFORE_ROOT = re.compile(r"(?:[ \t\r\n]+|<\?.*?\?>|<!--.*?-->)*", re.DOTALL).match


def ends(head: bytes) -> bool:
    """Whether the root element begins within these first bytes of a document.

    Raises
    ------
    DocumentError : they are no XML, have a DOCTYPE, or an encoding in which one could hide
    """
    text, wide = _text(head)
    if not text.strip("\0 \t\r\n"):
        return False
    before = _BEFORE_ROOT(text)
    rest = text[before.end():] if before else text
    if text[:1] in "\t\r\n " and text.lstrip()[:5] == "<?xml":
        raise DocumentError("there is white space before its beginning")
    if rest and rest[0] != "<" or "\0" in text[:4]:
        raise refusal(head, f"got {shown(text[:200], 80)}")
    declaration = _DECLARATION(text)
    encoding = _ENCODING(declaration[1]) if declaration else None
    if encoding is not None and (_WIDE if wide else _WITH_ASCII)(encoding[1]) is None:
        raise DocumentError(f"its encoding {shown(encoding[1])} is not supported", hint="UTF-8 is expected")
    if rest[:9].upper() == "<!DOCTYPE":
        raise refusal(head, "it has a DOCTYPE")
    # A name must have begun: anything else may still turn out to be a comment, or a DOCTYPE.
    return len(rest) > 1 and rest[1] not in "!?"


def refusal(head: bytes, reason: str) -> DocumentError:
    """The error for a document that is none: says what it looks like, if that is known, or else the reason."""
    text = _text(head)[0][:2048].strip()
    start = text[:200].lower()
    if start.startswith("<!doctype html") or "<html" in start:
        title = re.search(r"<title[^>]*>([^<]*)", text, re.IGNORECASE)
        reason = f"got an HTML page {shown(title[1].strip())}" if title else "got an HTML page"
    elif start[:1] in ("{", "["):
        reason = f"got JSON, {shown(text[:200], 200)}"
    elif start[:1] == "<":
        return DocumentError(reason)
    return DocumentError(reason, hint="Is the URL that of a synchronization repository?")


def _text(head: bytes) -> tuple[str, bool]:
    """The beginning as text, and whether it carries a mark of an encoding that is no superset of ASCII."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return head[len(mark):].decode(encoding, "replace"), encoding != "utf-8"
    return head.decode("utf-8", "replace"), False
