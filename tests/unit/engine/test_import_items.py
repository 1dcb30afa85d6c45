"""What code of the application's own gets to see of records that are imported, and what it can change: Eden's convention."""
from __future__ import annotations

import io
import json
from typing import Any

import pytest
from pydal import Field
from shaped_site import PEER, ShapedSite

from s3sync.engine.agree import Agreement
from s3sync.engine.apply import Applier
from s3sync.engine.decide import Policies
from s3sync.engine.flatten import flatten
from s3sync.engine.pull_plain import windows
from s3sync.hosts.web2py import declare
from s3sync.s3xml.document import Document

TABLE = "org_organisation"
OFFICE = dict(alias="office", table="org_office", fkey="organisation_id")


def imported(here: ShapedSite, body: str, repository: int | None = None) -> dict[str, str]:
    """A document of a plain Eden, imported; fates by uuid (or name, for records without)."""
    site = here.open()
    document = Document(io.BytesIO(f"<s3xml>{body}</s3xml>".encode()),
                        lambda name: site.table(name).schema if site.host.carries(name) else None)
    applier = Applier(site, repository, PEER, Policies(update="OTHER", conflict="OTHER"))
    agreement = Agreement(site, repository or 0, PEER)
    found = {}
    for group in windows(flatten(site, document), 100):
        news, _ = agreement.news(group[0].table, group)
        outcomes = applier.apply(group[0].table, news)
        agreement.settle(group[0].table, news, outcomes)
        found.update({o.uuid: o.result for o in outcomes})
    site.db.commit()
    return found


def organisation(inner: str, uuid: str = "o1", modified: str = "2026-01-01T00:00:00") -> str:
    said = f' uuid="{uuid}"' if uuid else ""
    return f'<resource name="{TABLE}"{said} modified_on="{modified}" mci="1">{inner}</resource>'


NAME = '<data field="name">ACME</data>'


def test_deduplicate_sees_components_and_references(here: ShapedSite) -> None:
    seen: list[Any] = []

    def deduplicate(item: Any) -> None:
        seen.append({"table": item.tablename, "name": item.data.name, "uid": item.uid,
                     "components": [(c.tablename, c.data.name, c.parent is item) for c in item.components],
                     "jobs": list(item.job.items.values())})
        found = here.db(here.db[TABLE].name.lower() == item.data.name.lower()).select().first()
        if found:
            item.id, item.method = found.id, item.METHOD.UPDATE
            for component in item.components:
                component.method = component.METHOD.UPDATE

    declare(here.db, TABLE, components=[OFFICE], deduplicate=deduplicate)
    here.insert(TABLE, name="acme", uuid="mine")
    office = '<resource name="org_office" uuid="f1"><data field="name">HQ</data></resource>'
    assert imported(here, organisation(NAME + office, uuid="")) == {"mine": "updated", "f1": "created"}
    assert seen == [{"table": TABLE, "name": "ACME", "uid": None, "components": [("org_office", "HQ", True)], "jobs": []}]
    assert here.get("org_office", "f1").organisation_id == here.id_of(TABLE, "mine")


def test_deduplicate_sees_what_the_record_refers_to(here: ShapedSite) -> None:
    seen: list[Any] = []

    def deduplicate(item: Any) -> None:
        seen.extend((r.field, r.entry.tablename, r.entry.uid, r.entry.id) for r in item.references)

    declare(here.db, "org_note", deduplicate=deduplicate)
    here.insert(TABLE, name="A", uuid="o1")
    reference = f'<reference field="organisation_id" resource="{TABLE}" uuid="o1"/>'
    imported(here, f'<resource name="org_note"><data field="text">x</data>{reference}</resource>')
    assert seen == [("organisation_id", TABLE, "o1", here.id_of(TABLE, "o1"))]


def test_xml_post_parse_sees_the_element_and_changes_values(here: ShapedSite) -> None:
    def post_parse(element: Any, record: Any) -> None:
        assert element.tag == "resource" and record.uuid == element.get("uuid")
        extra = element.xpath('data[@field="_kind"]')
        if extra:
            record.acronym = extra[0].text
        record["_year"] = 1999                       # only a default
        record.name = record.name.title()

    declare(here.db, TABLE, xml_post_parse=post_parse)
    extra = '<data field="_kind">K</data>'
    assert imported(here, organisation(NAME + extra)) == {"o1": "created"}
    row = here.get(TABLE, "o1")
    assert (row.name, row.acronym, row.year) == ("Acme", "K", 1999)
    given = '<data field="year" value="2001"/>'
    imported(here, organisation(NAME + given, "o2"))
    assert here.get(TABLE, "o2").year == 2001
    here.update(TABLE, "o1", year=None)
    imported(here, organisation(NAME + extra, modified="2026-02-01T00:00:00"))
    assert here.get(TABLE, "o1").year is None        # no new record: no default


def test_what_such_code_changes_is_no_news_the_next_time(here: ShapedSite) -> None:
    declare(here.db, TABLE, xml_post_parse=lambda element, record: record.update(name=record.name.lower()))
    repository = here.peer()
    tags = '<data field="tags" value="[&quot;a&quot;, &quot;&quot;]"/>'          # pyDAL stores no blank items
    assert imported(here, organisation(NAME + tags), repository) == {"o1": "created"}
    before = here.versions(TABLE)
    assert imported(here, organisation(NAME + tags), repository) == {} and here.versions(TABLE) == before


def test_an_error_in_xml_post_parse_is_the_fate_of_its_record(here: ShapedSite) -> None:
    def post_parse(element: Any, record: Any) -> None:
        if record.name == "BAD":
            raise KeyError("why")
        if record.name == "ODD":
            record.year = "no number"

    declare(here.db, TABLE, xml_post_parse=post_parse)
    bad = organisation('<data field="name">BAD</data>', "o2") + organisation('<data field="name">ODD</data>', "o3")
    found = imported(here, bad + organisation(NAME))
    assert found["o1"] == "created" and found["o2"] == found["o3"] == "rejected"
    assert here.get(TABLE, "o2") is None and here.get(TABLE, "o3") is None


def test_import_prep_changes_the_tree_before_it_is_read(here: ShapedSite) -> None:
    def import_prep(tree: Any) -> None:
        root = tree.getroot()
        assert root.tag == "s3xml" and len(root) == 1
        for element in list(root):
            name = element.find('data[@field="name"]')
            if name.text == "DROP":
                root.remove(element)
            elif name.text == "FAIL":
                raise RuntimeError("cannot be prepared")
            else:
                name.text = "changed"

    declare(here.db, TABLE, import_prep={TABLE: import_prep}, components=[OFFICE])
    office = '<resource name="org_office" uuid="f1"><data field="name">HQ</data></resource>'
    found = imported(here, organisation(NAME + office) + organisation('<data field="name">DROP</data>', "o2")
                     + organisation('<data field="name">FAIL</data>', "o3"))
    assert found == {"o1": "created", "f1": "created", "o3": "rejected"}
    assert here.get(TABLE, "o1").name == "changed" and here.get("org_office", "f1").name == "HQ"


def test_the_order_of_all_hooks(here: ShapedSite) -> None:
    calls: list[str] = []

    def hook(name: str) -> Any:
        return lambda *arguments: calls.append(name)

    declare(here.db, TABLE, **{name: hook(name) for name in (
        "import_prep", "xml_post_parse", "deduplicate", "onvalidation", "onaccept", "ondelete_cascade", "ondelete")})
    imported(here, organisation(NAME, uuid=""))
    assert calls == ["import_prep", "xml_post_parse", "deduplicate", "onvalidation", "onaccept"]
    uuid = here.db(here.db[TABLE].name == "ACME").select().first().uuid
    calls.clear()
    imported(here, f'<resource name="{TABLE}" uuid="{uuid}" deleted="True" modified_on="2026-05-01T00:00:00"/>')
    assert calls == ["import_prep", "ondelete_cascade", "ondelete"]


class JsonSite(ShapedSite):
    def connect(self) -> None:
        super().connect()
        self.db.define_table("x_form", Field("name"), Field("answers", "json"), Field("other", "json"), *self.meta())
        self.db.commit()


@pytest.fixture
def forms(tmp_path: Any) -> JsonSite:
    return JsonSite(tmp_path, "forms")


def form(answers: Any, other: Any = None) -> str:
    def data(name: str, value: Any) -> str:
        text = json.dumps(value).replace("&", "&amp;").replace('"', "&quot;")
        return f'<data field="{name}" value="{text}"/>' if value is not None else ""
    return f'<resource name="x_form" uuid="x1">{data("answers", answers)}{data("other", other)}</resource>'


@pytest.mark.parametrize("setting, resolved", [(True, {"answers", "other"}), ("answers", {"answers"}), (["other"], {"other"}),
                                               (False, set())])
def test_references_within_json(forms: JsonSite, setting: Any, resolved: set[str]) -> None:
    declare(forms.db, "x_form", json_references=setting)
    forms.insert(TABLE, name="not the first")
    forms.insert(TABLE, name="A", uuid="o1")
    said = {"a": 1, "$k_organisation_id": {"r": TABLE, "u": "o1"},
            "list": [{"$k_x": {"@resource": TABLE, "@uuid": "o1"}}, 2, {"$k": 3}]}
    assert imported(forms, form(said, said)) == {"x1": "created"}
    number = forms.id_of(TABLE, "o1")
    want = {"a": 1, "organisation_id": number, "list": [{"x": number}, 2, {"$k": 3}]}
    row = forms.get("x_form", "x1")
    for name in ("answers", "other"):
        assert row[name] == (want if name in resolved else said)


def test_a_reference_within_json_waits_for_its_target(forms: JsonSite) -> None:
    declare(forms.db, "x_form", json_references=True)
    said = form({"$k_organisation_id": {"r": TABLE, "u": "o1"}})
    assert imported(forms, said) == {"x1": "rejected"}
    assert imported(forms, form({"$k_x": {"r": "auth_user", "u": "1"}})) == {"x1": "rejected"}
    assert imported(forms, form({"$k_x": {"r": 7, "u": []}})) == {"x1": "rejected"}
    assert imported(forms, form({"$k_x": 7})) == {"x1": "created"}              # no reference, only called like one
    forms.insert(TABLE, name="A", uuid="o1")
    assert imported(forms, said) == {"x1": "updated"}
    assert forms.get("x_form", "x1").answers == {"organisation_id": forms.id_of(TABLE, "o1")}
