"""Documents of any content, imported: each record has a fate, nothing is raised, nobody else is touched."""
from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest
from fuzzing import FUZZ, in_time
from hypothesis import given, settings
from hypothesis import strategies as st
from shaped_site import PEER, ShapedSite

from s3sync.engine.agree import Agreement
from s3sync.engine.apply import Applier
from s3sync.engine.decide import POLICIES, Policies
from s3sync.engine.flatten import flatten
from s3sync.engine.pull_plain import windows
from s3sync.engine.quarantine import keep
from s3sync.engine.site import Site
from s3sync.errors import SyncError
from s3sync.s3xml.document import Document

TABLES = ("org_organisation", "org_office", "gis_location", "pr_person", "pr_address", "pr_group", "org_profile", "org_contract",
          "org_note", "pr_pentity", "auth_user", "no_table")
FIELDS = ("name", "acronym", "year", "start_date", "tags", "rate", "active", "comments", "level", "parent", "lat", "population",
          "organisation_id", "location_id", "opened_on", "pe_id", "badge", "number", "text", "also", "title", "motto", "uuid",
          "deleted", "id", "nothing")
UUIDS = ("a", "b", "c", "d", "", "urn:uuid:1", '["a", "b"]', '["a"]', "[]", "x.org/a", "None", "\u00e4")
VALUES = ("", "x", "1", "-1", "null", "true", "[]", '["a", "a", ""]', "[1, null]", "{}", "1e400", "NaN", "2026-01-01",
          "0001-01-01", "2026-01-01T25:00:00", "9999-12-31T23:59:59", "\u20ac", "\U0001f600", '"\\u0000"', '"\\ud800"', "9" * 19,
          "9" * 30, "y" * 600)
DATES = ("2026-01-01T00:00:00", "2026-01-02T00:00:00", "", "never", "1900-01-01", "9999-12-31T23:59:59")
VECTORS = ("aaaaaaaaaaaa:1", "aaaaaaaaaaaa:2", "aaaaaaaaaaaa:1,bbbbbbbbbbbb:1", "x", "")


def element(tag: str, attributes: dict[str, str], content: list[str]) -> str:
    said = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items() if value is not None)
    return f"<{tag}{said}>{''.join(content)}</{tag}>"


data = st.builds(lambda name, value, text: element("data", {"field": name, "value": value}, [text]),
                 st.sampled_from(FIELDS), st.none() | st.sampled_from(VALUES),
                 st.sampled_from(["", "x", "Ä", "1", "null"]) | st.text(max_size=5).map(
                     lambda text: escape("".join(c for c in text if c.isprintable()))))
reference = st.builds(lambda name, table, uuid, tuid: element(
    "reference", {"field": name, "resource": table, "uuid": uuid, "tuid": tuid}, []),
    st.sampled_from(FIELDS), st.sampled_from(TABLES), st.none() | st.sampled_from(UUIDS), st.none() | st.sampled_from(("t", "u")))
attributes = st.fixed_dictionaries(
    {"name": st.sampled_from(TABLES)},
    optional={"uuid": st.sampled_from(UUIDS), "tuid": st.sampled_from(("t", "u")), "deleted": st.sampled_from(("True", "false")),
              "replaced_by": st.sampled_from(UUIDS), "modified_on": st.sampled_from(DATES), "created_on": st.sampled_from(DATES),
              "mci": st.sampled_from(("0", "1", "2", "-1", "x")), "created_by": st.sampled_from(("a@x.org", "\u00e4")),
              "alias": st.sampled_from(("office", "profile", "address", "x")), "v": st.sampled_from(VECTORS),
              "approved": st.sampled_from(("false", "x"))})
leaf = st.builds(element, st.just("resource"), attributes, st.lists(data | reference, max_size=4))
resource = st.builds(element, st.just("resource"), attributes, st.lists(data | reference | leaf, max_size=5))


@pytest.fixture(scope="module")
def shaped(tmp_path_factory: pytest.TempPathFactory) -> ShapedSite:
    site = ShapedSite(tmp_path_factory.mktemp("fuzz"), "here")
    site.peer()
    return site


def read(site: Site, body: str, root: dict[str, str]) -> Document:
    """The document, with the tables of a site."""
    source = element("s3xml", root, [body]).encode("utf-8", "surrogatepass")
    return Document(io.BytesIO(source), lambda name: site.table(name).schema if site.host.carries(name) else None)


def take(here: ShapedSite, body: str, plain: bool, policies: Policies) -> None:
    """Import a document, all or nothing; the transaction is undone in the end."""
    site = here.open()
    root = {} if plain else {"s3sync": "1", "fields": json.dumps({"org_note": ["text", "also"], "org_office": ["name"]})}
    try:
        document = read(site, body, root)
        applier, agreement = Applier(site, 1, PEER, policies), Agreement(site, 1, PEER)
        for group in windows(flatten(site, document), 3):
            name = group[0].table
            news = agreement.news(name, group)[0] if plain else group
            outcomes = applier.apply(name, news)
            if plain:
                agreement.settle(name, news, outcomes)
            by_uuid = {r.uuid: r for r in news}
            keep(site, 1, None, "pull", [(by_uuid.get(o.uuid), o) for o in outcomes if o.result == "rejected"])
            assert len(outcomes) >= len({r.uuid for r in news})
            told = {o.uuid for o in outcomes} | {o.sent_as for o in outcomes}
            assert all(r.uuid in told or not r.uuid for r in news)
    except SyncError as error:
        assert error.message
    finally:
        site.rollback()


@settings(max_examples=max(FUZZ // 3, 1), deadline=None)
@given(st.lists(resource, min_size=1, max_size=5), st.booleans(), st.sampled_from(POLICIES), st.sampled_from(POLICIES))
def test_fuzz_any_record_has_a_fate(shaped: ShapedSite, resources: list[str], plain: bool, update: str, conflict: str) -> None:
    body = "".join(resources)
    with in_time(30, body):
        take(shaped, body, plain, Policies(update=update, conflict=conflict))


@settings(max_examples=max(FUZZ // 30, 1), deadline=None)
@given(st.lists(resource, min_size=1, max_size=5), st.booleans())
def test_fuzz_what_is_imported_twice_is_the_same(resources: list[str], plain: bool) -> None:
    """Committed, and imported once more: the second time changes nothing."""
    body = "".join(resources)
    with tempfile.TemporaryDirectory() as folder, in_time(60, body):
        here = ShapedSite(Path(folder), "here")
        here.peer()
        states: list[Any] = []
        for _ in range(3):
            site = here.open()
            document = read(site, body, {} if plain else {"s3sync": "1"})
            applier = Applier(site, 1, PEER, Policies(update="OTHER", conflict="OTHER"))
            agreement = Agreement(site, 1, PEER)
            try:
                for group in windows(flatten(site, document), 3):
                    news = agreement.news(group[0].table, group)[0] if plain else group
                    outcomes = applier.apply(group[0].table, news)
                    if plain:
                        agreement.settle(group[0].table, news, outcomes)
            except SyncError:
                site.rollback()
            site.db.commit()
            states.append([here.db(here.db[name]).select().as_list() for name in TABLES if name in here.db.tables])
        here.db.close()
        assert states[1] == states[2]            # after the second, in which references to what stood below are put in
