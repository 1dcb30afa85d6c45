"""Values that a database cannot hold are the fate of their record: it alone is rejected, with the reason."""
from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from databases.chosen import new_database
from local_sites import LocalSite
from pydal import Field

from s3sync.engine.apply import Applier
from s3sync.engine.decide import Policies
from s3sync.engine.flatten import flatten
from s3sync.engine.quarantine import keep
from s3sync.s3xml.document import Document

NAME = '<data field="name">x</data>'

#: what stands in a record, and what is said of it ("" = it is taken)
CASES = {
    "integer": ('<data field="number" value="2147483648"/>', "number: 2147483648 is more"),
    "smallest": ('<data field="number" value="-2147483648"/>', ""),
    "bigint": ('<data field="big" value="9223372036854775807"/>', ""),
    "decimal": ('<data field="price" value="10000000000.00"/>', "price: 10000000000.00 has more"),
    "text": (f'<data field="name">{"x" * 600}</data>', "name: longer than"),
    "long text": (f'<data field="comments">{"x" * 600_000}</data>', ""),
    "null character": ('<data field="name" value="&quot;a\\u0000b&quot;"/>', ""),
    "surrogate": ('<data field="name" value="&quot;a\\ud800b&quot;"/>', ""),
    "null in json": ('<data field="extra" value="{&quot;a&quot;: &quot;\\u0000&quot;}"/>', ""),
    "year 0": ('<data field="day" value="0000-01-01"/>', "day: "),
    "year 1": ('<data field="day" value="0001-01-01"/><data field="at" value="0001-01-01T00:00:00"/>', ""),
    "year 9999": ('<data field="day" value="9999-12-31"/><data field="at" value="9999-12-31T23:59:59"/>', ""),
    "year 10000": ('<data field="day" value="10000-01-01"/>', "day: "),
    "small double": ('<data field="share" value="5e-324"/>', ""),
    "large double": ('<data field="share" value="1.7976931348623157e308"/>', ""),
    "infinity": ('<data field="share" value="Infinity"/>', "share: "),
    "negative zero": ('<data field="share" value="-0.0"/>', ""),
    "reference": (f'<reference field="other" resource="x_all" uuid="{"u" * 129}"/>', "other: "),
    "null in references": ('<reference field="others" resource="x_all" uuid="[&quot;a\\u0000&quot;]"/>', ""),
    "table name": (f'<reference field="other" resource="{"t" * 300}" uuid="u"/>', ""),
    "emoji": ('<data field="name">\U0001f600</data>', ""),
}


class Everything(LocalSite):
    """A site with a column of each type."""

    def connect(self) -> None:
        super().connect()
        self.db.define_table("x_all", Field("name"), Field("comments", "text"), Field("number", "integer"),
                             Field("big", "bigint"),
                             Field("price", "decimal(12,2)"), Field("share", "double"), Field("day", "date"),
                             Field("at", "datetime"), Field("extra", "json"), Field("other", "reference x_all"),
                             Field("others", "list:reference x_all"), *self.meta())
        self.db.commit()


def applied(site: LocalSite, body: str) -> dict[str, Any]:
    """What becomes of the records of a document, by uuid; what is rejected goes into quarantine."""
    here = site.open()
    document = Document(io.BytesIO(body.encode("utf-8", "surrogatepass")), lambda name: here.table(name).schema)
    records = list(flatten(here, document))
    outcomes = Applier(here, 1, "urn:uuid:peer", Policies(update="OTHER", conflict="OTHER")).apply("x_all", records)
    by_uuid = {r.uuid: r for r in records}
    keep(here, 1, None, "pull", [(by_uuid.get(o.uuid), o) for o in outcomes if o.result == "rejected"])
    here.db.commit()
    return {o.uuid: o for o in outcomes}


@pytest.mark.parametrize("kind", ["postgres", "mysql"])
def test_each_record_has_its_own_fate(kind: str, tmp_path: Path) -> None:
    site = Everything(tmp_path, "site", new_database(kind))
    body = "".join(f'<resource name="x_all" uuid="{name}" modified_on="2026-01-01T00:00:00" mci="1" v="aaaaaaaaaaaa:1">'
                   f'{said if "name" in said else NAME + said}</resource>' for name, (said, _) in CASES.items())
    bad_vector = f'<resource name="x_all" uuid="vector" mci="1" v="no vector">{NAME}</resource>'
    cases = {**CASES, "emoji": (CASES["emoji"][0], "utf8mb4")} if kind == "mysql" else CASES      # pyDAL makes tables in utf8
    found = applied(site, f"<s3xml>{body}{bad_vector}</s3xml>")
    assert "version" in found.pop("vector").reason
    for name, (_, reason) in cases.items():
        outcome = found[name]
        assert outcome.result == ("rejected" if reason else "created"), (name, outcome)
        assert reason in outcome.reason, (name, outcome)
    kept = {row.record_uuid for row in site.db(site.db.sync_quarantine.id > 0).select()}
    assert kept == {"vector", *(name for name, (_, reason) in cases.items() if reason)}
    again = applied(site, f"<s3xml>{body}</s3xml>")                   # and what was taken is as it came
    assert {name: o.result for name, o in again.items() if o.result != "rejected"} == {
        name: "unchanged" for name, (_, reason) in cases.items() if not reason}
    site.db.close()
