"""Values of every type, all the way: row, document, row at another site; the same values, and no news when they come again."""
from __future__ import annotations

import io
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from databases.chosen import KIND
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from local_sites import LocalSite
from pydal import Field
from shaped_site import PEER

from s3sync.engine.apply import Applier
from s3sync.engine.decide import Policies
from s3sync.engine.export import Exporter
from s3sync.engine.flatten import flatten
from s3sync.engine.peer import Task
from s3sync.engine.plain import write_document
from s3sync.engine.push import document
from s3sync.s3xml.document import Document
from s3sync.s3xml.record import Record
from s3sync.s3xml.writer import FORBIDDEN

TABLE = "x_type"


class Typed(LocalSite):
    """A site with a column of each type."""

    def connect(self) -> None:
        super().connect()
        self.db.define_table(
            TABLE, Field("name", length=300, requires=None),
            Field("shown", length=300, represent=lambda v, row=None: v, requires=None), Field("comments", "text"),
            Field("number", "integer"), Field("big", "bigint"), Field("share", "double"),
            Field("price", "decimal(20,4)"), Field("active", "boolean"), Field("day", "date"), Field("hour", "time"),
            Field("moment", "datetime"), Field("data", "json"), Field("tags", "list:string"), Field("numbers", "list:integer"),
            Field("other", f"reference {TABLE}"), Field("others", f"list:reference {TABLE}"), *self.meta())
        self.db.commit()


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> tuple[Typed, Typed]:
    folder: Path = tmp_path_factory.mktemp("types")
    return Typed(folder, "a"), Typed(folder, "b")


#: all of Unicode that XML can carry
HIGHEST = 0xffff if KIND == "mysql" else None
texts = st.text(st.characters(max_codepoint=HIGHEST, exclude_categories=("Cs",), exclude_characters="\ufffe\uffff" + "".join(
    chr(code) for code in range(32) if chr(code) not in "\t\n\r")), max_size=60) | st.sampled_from(
    ["", " ", "\n", "\r\n", "&lt;", "&amp;amp;", "]]>", '"', "'", "NULL", "null", "|", "a|b", "\\", "%", "\uffee", "None"])
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(st.booleans() | st.integers(-2 ** 70, 2 ** 70) | FLOATS | texts | st.none(),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6)
WHOLE = st.integers(-2 ** 63, 2 ** 63 - 1) | st.sampled_from([0, 1, -1, 2 ** 63 - 1, -2 ** 63, 2 ** 31])
NUMBER = WHOLE if KIND == "sqlite" else st.integers(-2 ** 31, 2 ** 31 - 1)
VALUES = st.fixed_dictionaries({
    "name": st.none() | texts, "shown": st.none() | texts, "comments": st.none() | texts, "number": st.none() | NUMBER,
    "big": st.none() | WHOLE, "share": st.none() | FLOATS,
    "price": st.none() | st.integers(-10 ** 14, 10 ** 14).map(lambda n: Decimal(n) / 10000),
    "active": st.none() | st.booleans(), "day": st.none() | st.dates() | st.sampled_from([date.min, date.max]),
    "hour": st.none() | st.times().map(lambda t: t.replace(microsecond=0)) | st.just(time.min),
    "moment": st.none() | st.datetimes().map(lambda d: d.replace(microsecond=0)) | st.sampled_from(
        [datetime.min, datetime.max.replace(microsecond=0)]),
    "data": JSON, "tags": st.none() | st.lists(texts.filter(str.strip), max_size=4),
    "numbers": st.none() | st.lists(WHOLE, max_size=4),
})


def state(site: Typed) -> dict[str, dict[str, Any]]:
    """All records in canonical form, by uuid."""
    here = site.open()
    table = here.table(TABLE)
    rows = here.index.canonical(table, table.select("1=1"))
    return {row.uuid: row.values for row in sorted(rows, key=lambda row: row.uuid)}


def moved(source: Typed, target: Typed, plain: bool) -> list[str]:
    """All records of one site to the other, in a document; their fates."""
    site = source.open()
    if plain:
        spool = io.BytesIO()
        write_document(site, Task(0, TABLE), None, spool, Exporter(site))
        body = spool.getvalue()
    else:
        uuids = [row.uuid for row in site.table(TABLE).select("1=1")]
        body = document(site, Exporter(site).chosen(TABLE, uuids))
    here = target.open()
    read = Document(io.BytesIO(body), lambda name: here.table(name).schema)
    records: list[Record] = list(flatten(here, read))
    outcomes = Applier(here, None, PEER, Policies(update="OTHER", conflict="OTHER")).apply(TABLE, records)
    assert [o.reason for o in outcomes if o.result == "rejected"] == []
    here.db.commit()
    return [o.result for o in outcomes]


def emptied(*sites: Typed) -> None:
    for site in sites:
        for table in (TABLE, "sync_version", "sync_waiting", "sync_conflict"):
            site.db.executesql(f"DELETE FROM {table}")
        site.db.commit()


@pytest.mark.parametrize("plain", [False, True])
def test_one_of_each(sites: tuple[Typed, Typed], plain: bool) -> None:
    a, b = sites
    emptied(a, b)
    values = dict(name="Ä & <b>", shown="x", comments="two\nlines", number=-5, big=2 ** 60 + 1, share=0.1,
                  price=Decimal("-12.3450"), active=False, day=date(2026, 1, 2),
                  hour=time(3, 4, 5), moment=datetime(2026, 1, 2, 13, 14, 15),
                  data={"b": [1, None, True], "a": "é"}, tags=["b|c", "a"], numbers=[3, -1])
    number = a.db[TABLE].insert(uuid="u", **values)
    a.db(a.db[TABLE].id == number).update(other=number, others=[number])
    b.db[TABLE].insert(uuid="before")            # so that local ids differ
    for site in (a, b):
        site.db.commit()
    moved(a, b, plain)
    row = b.get(TABLE, "u")
    assert {name: row[name] for name in values} == values and type(row.active) is bool
    assert (row.other, row.others) == (row.id, [row.id])
    assert state(a)["u"]["hour"] == state(b)["u"]["hour"] == "03:04:05"       # on every database: digests are made of it


@pytest.mark.parametrize("plain", [False, True])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(VALUES, min_size=1, max_size=3))
def test_there_and_again(sites: tuple[Typed, Typed], plain: bool, rows: list[dict[str, Any]]) -> None:
    a, b = sites
    emptied(a, b)
    ids = [a.db[TABLE].insert(uuid=f"u{number}", **values) for number, values in enumerate(rows)]
    for number in ids:
        a.db(a.db[TABLE].id == number).update(other=ids[0], others=ids)
    a.db.commit()
    before = state(a)
    assert moved(a, b, plain) == ["created"] * len(rows)
    after = state(b)
    assert repr(after) == repr(before)                # repr tells 0.0 from -0.0 and 1 from True
    assert set(moved(a, b, plain)) == {"unchanged"}   # and again: nothing is news
    assert state(b) == before


def test_what_xml_cannot_carry_is_replaced_and_nothing_else(sites: tuple[Typed, Typed]) -> None:
    a, b = sites
    emptied(a, b)
    said = "a\x01b\ufffec\td"
    a.db[TABLE].insert(uuid="u", name=said, tags=[said], data={said: said})
    a.db.commit()
    moved(a, b, plain=True)
    found = b.get(TABLE, "u")
    clean = FORBIDDEN.sub("\ufffd", said)
    assert found.name == clean and found.tags == [said] and found.data == {said: said}    # JSON has words for it
    emptied(b)
    moved(a, b, plain=False)
    assert b.get(TABLE, "u").name == said             # our own peers lose not even that
