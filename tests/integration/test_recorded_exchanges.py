"""Requests recorded from real Eden sites, answered by us: the same status, the same keys, the same records.

Collected where the recordings are. Each request goes through the application's own entry points, with gluon's Auth, to a
site with tables of the recorded shapes, which holds what the recorded answer says the real site held.
"""
from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any, Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest
from gluon import current
from gluon.globals import Request, Response, Session
from gluon.storage import List
from gluon.tools import Auth
from pydal import DAL, Field

from s3sync.app import App
from s3sync.engine.apply import Applier
from s3sync.engine.decide import Policies
from s3sync.engine.flatten import flatten
from s3sync.engine.site import Site
from s3sync.hosts.web2py import Web2pyHost, declare
from s3sync.s3xml.document import Document
from s3sync.s3xml.record import Record
from s3sync.settings import Settings

WIRE = Path(__file__).resolve().parents[2].parent / "shared" / "wire"
PULLS = {"GET"}

#: where our status differs from the recorded one, and why
STATUS = {
    "eden-asp/005_push_pristine": (200, "the real site fails on every push with an internal error; we take the records in"),
}

#: recorded answers that are no JSON, where ours are: an error always says what it is and what to do, in Eden's own form
PLAIN_TEXT = {"021_err_noauth_get", "022_err_badpw_get", "023_err_normaluser_get", "024_err_normaluser_post",
              "027_err_badresource_get", "045_reg_noauth", "052_reg_normaluser", "005_push_pristine"}

#: keys of JSON answers that we have besides the recorded ones, and why
MORE_KEYS = {"code": "a stable name of the error, for programs", "message": "what happened is always said in words"}

#: words of messages that differ, and why
OTHER_WORDS = {
    "028_err_badtable_get": "names the table and says why it cannot be synchronised",
    "030_err_unregistered_post": "says what to do", "031_err_norepo_post": "says what to do",
    "032_err_badxml_post": "another parser's words", "033_err_empty_post": "another parser's words",
    "036_err_validation_post": "says how many were rejected and why",
    "048_reg_badjson": "begins with what kind of error it is",
    "049_reg_empty": "an empty body is called that",
}

#: documents with records that only a super-entity's own record refers to: real Eden sends org_site as if it were a component
BEYOND = {"014_pull_gis_location"}

def folders() -> list[str]:
    return sorted(f"{p.parent.name}/{p.name}" for p in WIRE.glob("*/*") if (p / "request.head").exists())


class Exchange:
    """A recorded request and its answer."""

    def __init__(self, name: str) -> None:
        folder = WIRE / name
        self.name = name
        self.short = name.split("/")[1]
        head = (folder / "request.head").read_text("utf-8").splitlines()
        self.method, target, _ = head[0].split(" ", 2)
        self.headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
        parts = urlsplit(target)
        self.path = parts.path
        self.query = parts.query
        body = folder / "request.body"
        self.body = body.read_bytes() if body.exists() else b""
        self.status = int((folder / "response.head").read_text("utf-8").split(" ", 2)[1])
        self.content_type = next((line.split(":", 1)[1].strip() for line in
                                  (folder / "response.head").read_text("utf-8").splitlines()
                                  if line.lower().startswith("content-type:")), "")
        self.answer = (folder / "response.body").read_bytes()

    @property
    def params(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in parse_qsl(self.query, keep_blank_values=True):
            found[key] = value if key not in found else [*(found[key] if isinstance(found[key], list) else [found[key]]), value]
        return found


class EdenSite:
    """A site of ours with tables as they are in the recordings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "private").mkdir(parents=True)
        self.db = DAL("sqlite://storage.db", folder=str(folder), check_reserved=None)
        self.request(Exchange.__new__(Exchange), "GET", "", {}, b"")
        self.auth = Auth(self.db, hmac_key="sha512:key", controller="default")
        self.auth.define_tables(username=False, signature=False)
        self.auth.settings.allow_basic_login = True
        password = self.db.auth_user.password.requires
        hashed = {}
        for person, secret in (("admin@example.com", "testing"), ("normal@example.com", "normal")):
            value: Any = secret
            for validator in password if isinstance(password, list) else [password]:
                value, error = validator(value)
                assert not error
            hashed[person] = self.db.auth_user.insert(first_name=person, email=person, password=str(value))
        role = self.db.auth_group.insert(role="Administrator")
        self.db.auth_membership.insert(user_id=hashed["admin@example.com"], group_id=role)
        self.tables()
        self.db.commit()
        self.app = self.attach()

    def tables(self) -> None:
        db = self.db

        def meta() -> list[Field]:
            now = self.request_now
            return [Field("uuid", length=128, notnull=True, unique=True), Field("mci", "integer", default=0),
                    Field("deleted", "boolean", default=False), Field("deleted_fk"), Field("deleted_rb", "integer"),
                    Field("created_on", "datetime", default=now), Field("modified_on", "datetime", default=now, update=now),
                    *(Field(n, "reference auth_user") for n in ("created_by", "modified_by", "owned_by_user")),
                    Field("owned_by_group", "integer")]

        from pydal.validators import IS_EMPTY_OR, IS_INT_IN_RANGE, IS_NOT_EMPTY

        def shown(name: str) -> Field:
            return Field(name, represent=lambda value, row=None: value)

        organisation = "reference org_organisation"
        years = IS_EMPTY_OR(IS_INT_IN_RANGE(1850, 2100))
        db.define_table("org_organisation", Field("name", notnull=True, requires=IS_NOT_EMPTY()),
                        *(shown(n) for n in ("acronym", "country", "phone", "website")), Field("year", "integer", requires=years),
                        Field("logo", "upload"), Field("comments", "text"), Field("root_organisation", organisation), *meta())
        db.define_table("org_organisation_tag", Field("organisation_id", organisation), Field("tag"), Field("value"), *meta())
        db.define_table("org_organisation_type", Field("name"), *meta())
        db.define_table("org_organisation_organisation_type", Field("organisation_id", organisation),
                        Field("organisation_type_id", "reference org_organisation_type"), *meta())
        db.define_table("org_organisation_branch", Field("organisation_id", organisation),
                        Field("branch_id", "reference org_organisation"), *meta())
        db.define_table("gis_location", Field("name"),
                        *(shown(n) for n in ("level", "L0", "L1", "addr_street", "addr_postcode")),
                        Field("path", length=500), Field("gis_feature_type", "integer"),
                        Field("parent", "reference gis_location"),
                        *(Field(n, "double") for n in ("lat", "lon", "elevation", "lat_min", "lat_max", "lon_min", "lon_max")),
                        Field("inherited", "boolean"), *meta())
        db.define_table("gis_location_tag", Field("location_id", "reference gis_location"), Field("tag"), Field("value"), *meta())
        db.define_table("org_office", Field("name"), shown("phone1"), Field("obsolete", "boolean"),
                        Field("organisation_id", organisation), Field("location_id", "reference gis_location"),
                        *meta())
        db.define_table("hrm_skill_type", Field("name"), *meta())
        db.define_table("hrm_skill", Field("name"), Field("skill_type_id", "reference hrm_skill_type"), *meta())
        declare(db, "org_organisation", components=[
            dict(alias="tag", table="org_organisation_tag", fkey="organisation_id"),
            dict(alias="organisation_organisation_type", table="org_organisation_organisation_type", fkey="organisation_id"),
            dict(alias="branch", table="org_organisation_branch", fkey="organisation_id"),
            dict(alias="parent", table="org_organisation_branch", fkey="branch_id"),
            dict(alias="office", table="org_office", fkey="organisation_id")])
        declare(db, "gis_location", components=[dict(alias="tag", table="gis_location_tag", fkey="location_id")])

    @staticmethod
    def request_now() -> Any:
        from s3sync.index.moment import utcnow
        return utcnow()

    def request(self, exchange: Exchange, method: str, query: str, params: dict[str, Any], body: bytes,
                authorization: str = "") -> tuple[Any, Any]:
        """gluon's request and response of one call."""
        env = {"request_method": method, "http_host": "127.0.0.1:8092", "server_name": "vm", "wsgi_url_scheme": "http",
               "query_string": query, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), "REQUEST_METHOD": method,
               "QUERY_STRING": query, "PATH_INFO": "/eden/sync/sync"}
        if authorization:
            env["http_authorization"] = authorization
        request = Request(env)
        request.application, request.controller, request.function, request.extension = "eden", "sync", "sync", "xml"
        request.folder = str(self.folder)
        request.args = List()
        request._get_vars = request._vars = None
        response = Response()
        current.request, current.response, current.session = request, response, Session()
        current.globalenv = {}
        current.T = str
        return request, response

    def attach(self) -> App:
        env = {"request": current.request, "db": self.db, "auth": self.auth, "T": str, "session": current.session}
        app = App(env)
        app.start()
        return app

    def answer(self, exchange: Exchange) -> tuple[int, str, bytes]:
        """Status, content type and body of our answer."""
        authorization = ""
        if "authorization" in exchange.headers and "noauth" not in exchange.short:
            user = "normal@example.com:normal" if "normaluser" in exchange.short else "admin@example.com:testing"
            user = "admin@example.com:wrong" if "badpw" in exchange.short else user
            authorization = "Basic " + base64.b64encode(user.encode()).decode()
        request, response = self.request(exchange, exchange.method, exchange.query, exchange.params, exchange.body, authorization)
        self.auth.user = None
        self.auth.environment.request = request
        current.session.auth = None
        app = self.attach()
        request.extension = exchange.path.rsplit(".", 1)[-1]
        entry = (app.answers.register if "/register" in exchange.path else app.answers.dataset if "/dataset" in exchange.path
                 else app.answers.sync)
        body = entry(request, response)
        if not isinstance(body, bytes):
            body = b"".join(part if isinstance(part, bytes) else part.encode() for part in body)
        return response.status, response.headers["Content-Type"], body

    def site(self) -> Site:
        return Site(Web2pyHost(self.db, None, self.app.host.site_uuid), Settings())

    def read(self, body: bytes) -> dict[tuple[str, str], Record]:
        """All records of a document, by table and uuid."""
        site = self.site()
        document = Document(io.BytesIO(body), lambda name: site.table(name).schema if site.host.carries(name) else None,
                            domain="vm")
        return {(r.table, str(r.uuid)): r for r in flatten(site, document)}

    def fill(self, body: bytes) -> None:
        """Hold what a document says, each record as far from its master as it says."""
        site = self.site()
        tables: dict[str, list[Record]] = {}
        for record in self.read(body).values():
            record.mci -= 1
            if record.deleted:                   # an import has no use for it; the real site still held the row
                self.db[record.table].insert(name="gone", uuid=record.uuid, deleted=True,
                                             modified_on=str(record.modified_on).replace("T", " "))
                continue
            tables.setdefault(record.table, []).append(record)
        applier = Applier(site, None, "urn:uuid:seed", Policies())
        for _ in range(2):                       # what waits for its target has it the second time
            for name, records in tables.items():
                assert not [o for o in applier.apply(name, records) if o.result == "rejected" and o.code != "reference"]
        site.db.commit()


@pytest.fixture
def eden(tmp_path: Path) -> Iterator[EdenSite]:
    site = EdenSite(tmp_path / "eden")
    yield site
    site.db.close()


def register_caller(eden: EdenSite, exchange: Exchange) -> None:
    caller = exchange.params.get("repository", "")
    if caller.startswith("urn:uuid:") and "nobody" not in caller and "norepo" not in exchange.short:
        eden.db.sync_repository.insert(name="caller", uuid=caller, accept_push=True)
    if exchange.short == "046_reg_again":
        eden.db.sync_repository.insert(name="caller", uuid=json.loads(exchange.body)["uuid"])
    eden.db.commit()


def prepare(eden: EdenSite, exchange: Exchange) -> None:
    """What the real site held before."""
    register_caller(eden, exchange)
    if exchange.method in PULLS and exchange.answer.lstrip().startswith(b"<?xml"):
        eden.fill(exchange.answer)
    elif b'"updated"' in exchange.answer:        # it had these records already
        eden.fill(exchange.body)
    elif b'"deleted"' in exchange.answer:
        eden.fill(b'<s3xml><resource name="org_organisation" uuid="u1" mci="1" modified_on="2026-01-01T00:00:00">'
                  b'<data field="name">PUT org</data></resource></s3xml>')


def test_data_sets_of_this_site_only(eden: EdenSite) -> None:
    from lxml import etree
    peer = eden.db.sync_repository.insert(name="peer", uuid="urn:uuid:peer")
    eden.db.sync_dataset.insert(code="PLACES", name="Places & more")
    eden.db.sync_dataset.insert(code="OFFICES", name="Offices")
    eden.db.sync_dataset.insert(code="PLACES", name="Theirs", repository_id=peer)
    eden.db.sync_dataset.insert(code="GONE", deleted=True)
    eden.db.commit()
    for query, names in (("", ["Places & more", "Offices"]), ("~.code=PLACES&mcomponents=None", ["Places & more"]),
                         ("~.code=NONE_SUCH", [])):
        exchange = Exchange.__new__(Exchange)
        exchange.short, exchange.method, exchange.path = "dataset", "GET", "/x/dataset.xml"
        exchange.query, exchange.body = query, b""
        exchange.headers = {"authorization": ""}
        status, content_type, body = eden.answer(exchange)
        root = etree.fromstring(body)
        assert (status, content_type, root.get("results")) == (200, "text/xml", str(len(names)))
        assert [e.text for e in root.iter("data") if e.get("field") == "name"] == names and b"Theirs" not in body
    exchange.query = "~.nonsense=1"
    assert eden.answer(exchange)[0] == 400


@pytest.mark.parametrize("key", ["[~]~.nonsense", "[~]~.name__foo", "[~]nonsense.name", "[~]name", "[~]$filter",
                                 "[~](location)$name", "[org_office]~.nothing"])
def test_a_filter_that_is_not_understood_is_refused(eden: EdenSite, key: str) -> None:
    from urllib.parse import quote
    exchange = Exchange.__new__(Exchange)
    exchange.short, exchange.method, exchange.path, exchange.body = "filter", "GET", "/x/sync.xml", b""
    exchange.query = f"resource=org_organisation&{quote(key)}=1"
    exchange.headers = {"authorization": ""}
    status, content_type, body = eden.answer(exchange)
    assert (status, content_type, json.loads(body)["code"]) == (400, "application/json", "bad-filter")


if WIRE.is_dir():

    @pytest.mark.parametrize("name", folders())
    def test_we_answer_as_the_real_site_did(eden: EdenSite, name: str) -> None:
        exchange = Exchange(name)
        prepare(eden, exchange)
        status, content_type, body = eden.answer(exchange)
        assert status == STATUS.get(name, (exchange.status, ""))[0], body[:500]
        if exchange.short in PLAIN_TEXT:
            assert content_type == "application/json" and set(json.loads(body)) >= {"status", "statuscode"}
        elif exchange.answer.lstrip().startswith(b"<?xml"):
            assert content_type == "text/xml" == exchange.content_type
            same_document(eden, exchange, body)
        else:
            same_message(exchange, json.loads(body))

    @pytest.mark.parametrize("name", folders())
    def test_documents_are_read_whole(eden: EdenSite, name: str) -> None:
        exchange = Exchange(name)
        for body in (exchange.body, exchange.answer):
            if b"<resource " in body and b"</s3xml>" in body:
                from lxml import etree
                elements = [e for e in etree.fromstring(body).iter("resource") if eden.app.host.carries(e.get("name"))]
                records = eden.read(body)
                assert len(records) == len({(e.get("name"), e.get("uuid")) for e in elements})
                assert {k for k, r in records.items() if r.error} <= {("org_organisation", "u3")}


def same_document(eden: EdenSite, exchange: Exchange, body: bytes) -> None:
    """The same records with the same values, and Eden's attributes on the root."""
    from lxml import etree
    ours, theirs = etree.fromstring(body), etree.fromstring(exchange.answer)
    assert ours.tag == "s3xml" and set(theirs.attrib) <= set(ours.attrib)
    assert ours.get("success") == theirs.get("success") and ours.get("domain") == theirs.get("domain")
    if "msince" not in exchange.params and "mcomponents" not in exchange.params and "resource" in exchange.params:
        assert ours.get("results") == str(len([e for e in ours if e.get("name") == exchange.params["resource"]]))
    mine, wanted = eden.read(body), eden.read(exchange.answer)
    for key, record in wanted.items():
        beyond = "mcomponents" in exchange.params or exchange.short in BEYOND
        if beyond and key not in mine and key[0] != exchange.params["resource"]:
            continue                     # a real Eden sends components, and what they refer to, whatever mcomponents says
        assert key in mine, key
        got = mine[key]
        assert (got.deleted, got.modified_on, got.created_on) == (record.deleted, record.modified_on, record.created_on)
        assert record.deleted or got.mci == record.mci
        for person in ("created_by", "modified_by", "owned_by_user"):
            assert getattr(got, person) == getattr(record, person)
        said = {n: v for n, v in record.values.items() if n != "logo"}
        assert {n: got.values.get(n) for n in said} == said


def same_message(exchange: Exchange, ours: dict[str, Any]) -> None:
    """The same keys, and what they mean."""
    theirs = json.loads(exchange.answer)
    assert set(theirs) <= set(ours), (theirs, ours)
    assert set(ours) - set(theirs) <= set(MORE_KEYS), (theirs, ours)
    assert (ours["status"], ours["statuscode"]) == (theirs["status"], theirs["statuscode"])
    for key in ("records", "created", "updated", "deleted"):
        if key in theirs:
            assert (ours[key] if key == "records" else len(ours[key])) == (theirs[key] if key == "records" else len(theirs[key]))
    if "message" in theirs and exchange.short not in OTHER_WORDS:
        assert ours["message"] == theirs["message"]
    if "tree" in theirs:
        assert {n: sorted(r["@uuid"] for r in rows) for n, rows in ours["tree"].items()} == {
            n: sorted(r["@uuid"] for r in rows) for n, rows in theirs["tree"].items()}
        assert all(r["@error"] for rows in ours["tree"].values() for r in rows)
