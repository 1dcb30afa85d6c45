"""Documents made to harm: refused, quickly, without reading files, asking the network or filling memory."""
from __future__ import annotations

import base64
import os
import random
import resource
import socket
import threading
import tracemalloc
from pathlib import Path

import pytest
from fuzzing import FUZZ, in_time
from hypothesis import given, settings
from hypothesis import strategies as st
from s3xml_records import EVERYTHING, document, read

from s3sync.errors import DocumentError, DocumentTooLarge, SyncError
from s3sync.s3xml.limits import Limits

RECORD = "<resource name='t_thing' uuid='a'><data field='name'>x</data></resource>"


@pytest.mark.parametrize("doctype", [
    "<!DOCTYPE s3xml>",
    "<!DOCTYPE s3xml [<!ENTITY a 'b'>]>",
    "<!DOCTYPE s3xml SYSTEM 'http://127.0.0.1:9/x.dtd'>",
    "<!DOCTYPE s3xml PUBLIC '-//X//Y' 'x.dtd'>",
    "<!-- first a comment --><?and a pi?><!DOCTYPE s3xml [<!ATTLIST s3xml success CDATA 'true'>]>",
    "<!DOCTYPE s3xml [<!ENTITY % p SYSTEM 'file:///etc/passwd'> %p;]>",
])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "iso-8859-1"])
def test_doctype(doctype: str, encoding: str) -> None:
    declared = encoding.replace("-sig", "")
    source = f"<?xml version='1.0' encoding='{declared}'?>{doctype}<s3xml>{RECORD}</s3xml>"
    with pytest.raises(DocumentError, match="DOCTYPE"):
        document(source.encode(encoding))


PIPE = "<!DOCTYPE s3xml [<!ENTITY % p SYSTEM 'file://{}'> %p;]><s3xml/>"


def in_utf_7(character: str) -> str:
    """A character in UTF-7, also where ASCII would do, so that no DOCTYPE is to be seen."""
    return f"+{base64.b64encode(character.encode('utf-16-be')).decode().rstrip('=')}-"


@pytest.mark.parametrize("encoding, declaration", [
    ("utf-16-le", ""), ("utf-16-be", ""), ("utf-32-le", ""), ("utf-32-be", ""),
    ("utf-16-le", "<?xml version='1.0' encoding='utf-16'?>"), ("utf-16-be", "<?xml version='1.0'?>"),
    ("utf-7", "<?xml version='1.0' encoding='utf-7'?>"),
    ("utf-7", "<?xml version='1.0'" + " " * 5000 + "encoding = \"UTF-7\"?>"),
    ("utf-7", "<?xml version='1.0'\nencoding\n=\n'UTF-7'\n?>"), ("utf-16", "<?xml version='1.0' encoding='utf-7'?>"),
    ("utf-8-sig", "<?xml version='1.0' encoding='utf-16'?>"),
    ("cp037", "<?xml version='1.0' encoding='ebcdic-cp-us'?>"),
    ("utf-8", " \n"), ("utf-8", "<?xml version='1.0'?>\n<!-- > -->\n<?a b?>"), ("utf-8", "<!--><!-- -->"),
    ("utf-8", "\x0b"), ("utf-8", "\0"),
    ("utf-8", "<!-- - -- -->"), ("utf-8", "x"), ("utf-8", "<?xml version='1.0' encoding='utf-8' encoding='utf-7'?>"),
    ("utf-8", "<a/>"),
])
def test_no_spelling_of_a_doctype_opens_a_file(tmp_path: Path, encoding: str, declaration: str) -> None:
    """libxml2 opens external parameter entities whatever it is told. A pipe blocks who opens it: nobody must."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    text = PIPE.format(pipe)
    if encoding == "utf-7":
        source = declaration.encode() + "".join(map(in_utf_7, text)).encode()
    else:
        source = (declaration + text).encode(encoding)

    def attempt() -> None:
        with pytest.raises(DocumentError):
            list(document(source))
        done.set()

    done = threading.Event()
    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    assert done.wait(5), "the file was opened"


def bomb(levels: int) -> str:
    entities = "".join(f"<!ENTITY e{n} '{f'&e{n - 1};' * 10}'>" for n in range(1, levels))
    return f"<!DOCTYPE s3xml [<!ENTITY e0 'lol'>{entities}]>"


@pytest.mark.parametrize("body", ["<s3xml>{0}</s3xml>", "<s3xml a='{0}'/>",
                                  "<s3xml><resource name='t_thing'><data field='name'>{0}</data>"])
def test_entity_bomb(body: str) -> None:
    tracemalloc.start()
    with pytest.raises(DocumentError):
        list(document(bomb(12) + body.format("&e11;")))
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_external_entity_reads_no_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("top secret")
    with pytest.raises(DocumentError) as caught:
        list(document(f"<!DOCTYPE s3xml [<!ENTITY x SYSTEM '{secret.as_uri()}'>]><s3xml a='1'><resource name='t_thing'>"
                      "<data field='name'>&x;</data></resource></s3xml>"))
    assert "secret" not in caught.value.message


def test_nobody_is_asked_over_the_network() -> None:
    called = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)

        def accept() -> None:
            try:
                server.accept()
                called.set()
            except socket.timeout:
                pass

        listener = threading.Thread(target=accept)
        listener.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        for doctype in (f"<!DOCTYPE s3xml SYSTEM '{url}'>", f"<!DOCTYPE s3xml [<!ENTITY x SYSTEM '{url}'>]>"):
            with pytest.raises(DocumentError):
                list(document(f"{doctype}<s3xml><a>&x;</a></s3xml>"))
        read(f"<?xml-stylesheet href='{url}'?><s3xml xmlns:xi='http://www.w3.org/2001/XInclude'><xi:include href='{url}'/>"
             f"<resource name='t_thing' xml:base='{url}'><data field='photo' url='{url}' filename='f'/></resource></s3xml>")
        listener.join()
    assert not called.is_set()


def test_undefined_entity() -> None:
    with pytest.raises(DocumentError):
        read("<s3xml><resource name='t_thing'><data field='name'>&nbsp;</data></resource></s3xml>")


def test_deep_nesting() -> None:
    for opening in ("<x>", "<resource name='t_thing'>", "<reference field='parent_id'>", "<data field='name'>"):
        with pytest.raises(DocumentError):
            read("<s3xml><resource name='t_thing'>" + opening * 100_000)
    pair = "<resource name='t_thing'><reference field='parent_id'>"
    (record,) = read(f"<s3xml>{pair * 100}{'</reference></resource>' * 100}</s3xml>")
    assert record.xml is not None and record.error is None


def test_huge_text() -> None:
    with pytest.raises(DocumentError):
        read("<s3xml><resource name='t_thing'><data field='name'>" + "x" * 11_000_000 + "</data></resource></s3xml>")
    with pytest.raises(DocumentError):
        read("<s3xml a='" + "x" * 11_000_000 + "'/>")
    (record,) = read("<s3xml><resource name='t_thing'><data field='name'>" + "x" * 9_000_000 + "</data></resource></s3xml>")
    assert record.error == f"name: longer than {8 << 20} characters"


@pytest.mark.parametrize("filler", [b"<x/>", b"<resource name='unknown'/>", b" ", b"<!-- comment -->", b"<?pi?>",
                                    b"<x>text</x> tail "])
def test_endless_rubbish_needs_no_memory(filler: bytes) -> None:
    """libxml2's own memory is not seen by tracemalloc, so the process is asked."""
    class Endless:
        sent = 0

        def read(self, size: int) -> bytes:
            self.sent += 1
            if self.sent == 1:
                return b"<s3xml>"
            return filler * (size // len(filler)) if self.sent < 250 else b""

    from s3xml_records import SCHEMAS

    from s3sync.s3xml.document import Document
    source = Document(Endless(), SCHEMAS.get, Limits(max_record=1 << 30))  # type: ignore[arg-type]
    before = _resident()
    with pytest.raises(SyncError):
        list(source)
    assert _resident() - before < 30_000_000


def _resident() -> int:
    """Bytes of memory this process holds."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS in /proc/self/status")


def test_limits_hold_for_documents_that_grow_when_decompressed() -> None:
    with pytest.raises(DocumentTooLarge):
        read("<s3xml>" + RECORD * 100_000 + "</s3xml>", limits=Limits(max_document=100_000))


def test_attributes_cannot_set_what_only_the_reader_sets() -> None:
    names = ("table", "values", "children", "inline", "instances", "error", "xml", "position", "vector", "__class__", "__init__")
    (record,) = read("<s3xml><resource name='t_thing' uuid='u' " + " ".join(f"{name}='evil'" for name in names) + "/></s3xml>")
    assert vars(record) == {"uuid": "u", "table": "t_thing", "position": 1, "values": {}}


def _only_known_errors(source: bytes) -> None:
    with in_time(10, source):
        _read_or_refused(source)


def _read_or_refused(source: bytes) -> None:
    try:
        for record in document(source, limits=Limits(max_document=1 << 20, max_record=1 << 18, max_text=1 << 12, max_depth=8)):
            assert record.table
            assert record.error is None or record.xml
    except SyncError as error:
        assert error.message


@settings(max_examples=FUZZ, deadline=None)
@given(st.binary(max_size=400))
def test_fuzz_any_bytes(source: bytes) -> None:
    _only_known_errors(source)
    _only_known_errors(b"<s3xml>" + source)
    _only_known_errors(b"<s3xml><resource name='t_thing'>" + source + b"</resource></s3xml>")


PIECES = (b"<", b">", b"&", b"]]>", b"<![CDATA[", b"<!--", b"<resource name='t_thing'>", b"</resource>", b"\0", b"\xff", b"&#x0;",
          b"&#1;", b'value="1e999"', b'deleted="True"', b'uuid="[]"', b"<!DOCTYPE x>", b'v="', b"NaN", b"null")


@settings(max_examples=FUZZ, deadline=None)
@given(st.data())
def test_fuzz_damaged_documents(data: st.DataObject) -> None:
    source = bytearray(EVERYTHING.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(source) - 1))
        length = data.draw(st.sampled_from((0, 1, 1, 2, 20)))
        piece = data.draw(st.binary(max_size=3) | st.sampled_from(PIECES))
        source[at:at + length] = piece
    _only_known_errors(bytes(source))


NAMES = ("name", "field", "uuid", "tuid", "value", "resource", "deleted", "mci", "created_on", "replaced_by", "alias", "approved",
         "v", "withheld", "url", "filename", "fields", "error")
VALUES = ("t_thing", "t_part", "parent_id", "friends", "name", "number", "photo", '["a"]', "true", "1", "null", "",
          "2026-01-01", "data")


def _element(tag: str, attributes: dict[str, str], content: list[str]) -> str:
    said = "".join(f" {name}='{value}'" for name, value in attributes.items())
    return f"<{tag}{said}>{''.join(content)}</{tag}>"


@settings(max_examples=FUZZ, deadline=None)
@given(st.recursive(
    st.sampled_from(["", "x", "1", "null", "[1]", "&lt;"]),
    lambda inner: st.builds(_element, st.sampled_from(["resource", "data", "reference", "map", "s3xml"]),
                            st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES), max_size=5),
                            st.lists(inner, max_size=4)), max_leaves=12))
def test_fuzz_any_structure(content: str) -> None:
    _only_known_errors(f"<s3xml>{content}</s3xml>".encode())


def test_fuzz_nothing_grows() -> None:
    """Whatever is read, none of it stays: the same damaged documents again and again take no more memory."""
    dice = random.Random(1)
    documents = []
    for _ in range(60):
        source = bytearray(EVERYTHING.encode())
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(source))
            source[at:at + dice.choice((0, 1, 20))] = dice.choice(PIECES)
        documents.append(bytes(source))
    documents.append(b"<s3xml>" + b"".join(b"<resource name='t%d'/>" % n for n in range(20_000)) + b"</s3xml>")
    names = b"".join(b"<resource name='t_thing'><data field='%d'/></resource>" % n for n in range(20_000))
    documents.append(b"<s3xml>" + names + b"</s3xml>")
    for source in documents:
        _read_or_refused(source)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(max(10, FUZZ // 100)):
        for source in documents:
            _read_or_refused(source)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4096          # kB
