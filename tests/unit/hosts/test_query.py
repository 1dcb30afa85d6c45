"""Eden's URL query language, on a real database."""
from __future__ import annotations

import sqlite3
from datetime import date, datetime, time
from typing import Any, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydal import DAL, Field

from s3sync.errors import BadFilter
from s3sync.hosts.base import Component
from s3sync.hosts.query import to_query, values

NOW = datetime(2026, 3, 31, 12, 0, 0)

COMPONENTS = {
    "org_organisation": (
        Component("office", "org_office", "organisation_id"),
        Component("sector", "org_sector_organisation", "organisation_id"),
        Component("website", "org_organisation_website", "pe_id", "pe_id"),
    ),
    "org_office": (Component("shift", "org_shift", "office_id"),),
}


def components(tablename: str) -> tuple[Component, ...]:
    return COMPONENTS.get(tablename, ())


def define(db: Any) -> None:
    def deleted() -> Any:
        return Field("deleted", "boolean", default=False)
    db.define_table("gis_location", Field("uuid"), Field("name"), Field("parent", "reference gis_location"),
                    Field("the_geom", "text"))
    db.define_table("org_sector", Field("uuid"), Field("name"))
    db.define_table("org_type", Field("name"), Field("parent", "reference org_type"))
    db.define_table(
        "org_organisation", Field("uuid"), Field("pe_id", "integer"), Field("name"), Field("comments", "text"),
        Field("year", "integer"), Field("budget", "double"), Field("fee", "decimal(10,2)"), Field("active", "boolean"),
        Field("founded", "date"), Field("modified_on", "datetime"), Field("opens", "time"), Field("tags", "list:string"),
        Field("numbers", "list:integer"), Field("types", "list:reference org_type"),
        Field("type_id", "reference org_type"), Field("secret", "password"), Field("site_key"), Field("data", "json"),
        deleted())
    db.define_table("org_sector_organisation", Field("organisation_id", "reference org_organisation"),
                    Field("sector_id", "reference org_sector"), Field("percentage", "integer"))
    db.define_table("org_office", Field("name"), Field("type"), Field("organisation_id", "reference org_organisation"),
                    Field("location_id", "reference gis_location"), deleted())
    db.define_table("org_shift", Field("label"), Field("office_id", "reference org_office"))
    db.define_table("org_organisation_website", Field("pe_id", "integer"), Field("url"))
    db.define_table("org_branch", Field("organisation_id", "reference org_organisation"),
                    Field("branch_id", "reference org_organisation"), Field("kind"))
    db.define_table("org_logo", Field("organisation_id", "reference org_organisation"), Field("title"))
    db.define_table("sync_repository", Field("organisation_id", "reference org_organisation"), Field("name"))
    db.define_table("pr_pentity", Field("pe_id", "id"), Field("name"), Field("parent", "reference pr_pentity"))
    db.define_table("pr_address", Field("pe_id", "reference pr_pentity"), Field("name"))
    db.define_table("auth_user", Field("organisation_id", "reference org_organisation"), Field("email"),
                    Field("registration_key"))


def fill(db: Any) -> None:
    kenya = db.gis_location.insert(uuid="u-ke", name="Kenya")
    nairobi = db.gis_location.insert(uuid="u-nbo", name="Nairobi", parent=kenya)
    db.gis_location.insert(uuid="u-kis", name="Kisumu", parent=kenya)
    health = db.org_sector.insert(uuid="u-h", name="Health")
    food = db.org_sector.insert(uuid="u-f", name="Food")
    aid = db.org_type.insert(name="Aid")
    medical = db.org_type.insert(name="Medical", parent=aid)
    other = db.org_type.insert(name="Other")
    insert = db.org_organisation.insert
    a = insert(uuid="u-a", pe_id=101, name="Alpha", comments="100% free_of charge!", year=1970, budget=1.5, fee="12.50",
               active=True, founded=date(1970, 5, 1), modified_on=datetime(2026, 3, 30, 12, 0), opens=time(8, 0),
               tags=["red", "a|b"], numbers=[1, 12], types=[medical], type_id=medical, secret="x", site_key="k")
    b = insert(uuid="u-b", pe_id=102, name="Beta", comments="say \"hi\", then go", year=2000, budget=-2.0, fee="0.10",
               active=False, founded=date(2000, 1, 1), modified_on=datetime(2026, 1, 1), opens=time(9, 30),
               tags=["blue"], numbers=[2], types=[other], type_id=aid)
    c = insert(uuid="u-c", pe_id=103, name="gamma", year=None, tags=None, type_id=other,
               modified_on=datetime(2025, 3, 30))
    insert(uuid="u-d", pe_id=104, name="NONE", comments="O'Brien; DROP TABLE x --", modified_on=datetime(2026, 3, 31, 11))
    db.org_sector_organisation.insert(organisation_id=a, sector_id=health, percentage=70)
    db.org_sector_organisation.insert(organisation_id=a, sector_id=food, percentage=30)
    db.org_sector_organisation.insert(organisation_id=b, sector_id=food, percentage=100)
    hq = db.org_office.insert(name="HQ", type="main", organisation_id=a, location_id=nairobi)
    db.org_office.insert(name="Field", type="sub", organisation_id=a)
    db.org_office.insert(name="Gone", type="sub", organisation_id=b, deleted=True)
    db.org_office.insert(name="Plain", type=None, organisation_id=c, location_id=kenya)
    db.org_office.insert(name="Orphan", type="orphan")
    db.org_shift.insert(label="night", office_id=hq)
    db.org_organisation_website.insert(pe_id=102, url="http://beta.example.org")
    db.org_branch.insert(organisation_id=a, branch_id=b, kind="regional")
    entity = db.pr_pentity.insert(name="Entity")
    below = db.pr_pentity.insert(name="Below", parent=entity)
    db.pr_address.insert(pe_id=entity, name="Street")
    db.pr_address.insert(pe_id=below, name="Road")
    db.org_logo.insert(organisation_id=c, title="star")
    db.commit()


@pytest.fixture(scope="module")
def db() -> Iterator[Any]:
    dal = DAL("sqlite:memory")
    define(dal)
    fill(dal)
    yield dal
    dal.close()


def ask(db: Any, text: str, table: str = "org_organisation") -> str:
    """First letters of the names of the records found: by pyDAL, and again by a hand-written select over one table."""
    query = to_query(db, table, text, components, NOW)
    found = [row.name for row in db(query).select(db[table].name, orderby=db[table]._id)]
    plain = db.executesql(f'SELECT "{table}"."name" FROM "{table}" WHERE {query} ORDER BY "{table}"."{db[table]._id.name}"')
    assert [name for name, in plain] == found
    return "".join(name[0] for name in found)


@pytest.mark.parametrize("text, found", [
    # every operator, on every type that has it
    ("~.name=Alpha", "A"), ("~.name__eq=Alpha", "A"), ("~.name=alpha", ""), ("~.name__ne=Alpha", "BgN"),
    ("~.name__lt=B", "A"), ("~.name__ge=Beta", "BgN"), ("organisation.name=Beta", "B"),
    ("~.year=1970", "A"), ("~.year__ne=1970", "B"), ("~.year__lt=2000", "A"), ("~.year__le=2000", "AB"),
    ("~.year__gt=1970", "B"), ("~.year__ge=1970", "AB"), ("~.year__belongs=1970,2000", "AB"),
    ("~.year=1970,2000", "AB"),
    ("~.year__ne=1970,1999", "B"), ("~.year__lt=1900,1980", "A"), ("~.year__belongs=1970", "A"),
    ("~.budget__gt=-2.5", "AB"), ("~.budget=1.5", "A"), ("~.budget__lt=1e0", "B"),
    ("~.fee=12.50", "A"), ("~.fee=12.5", "A"), ("~.fee__lt=1", "B"),
    ("~.active=true", "A"), ("~.active=False", "B"), ("~.active__ne=1", "B"), ("~.active=0", "B"),
    ("~.founded=1970-05-01", "A"), ("~.founded__lt=2000-01-01", "A"), ("~.founded__ge=1999-12-31T23:00:00", "B"),
    ("~.modified_on__ge=2026-03-30T12:00:00", "AN"), ("~.modified_on__ge=2026-03-30T15:00:00%2B03:00", "AN"),
    ("~.modified_on__gt=2026-03-30", "AN"), ("~.modified_on__lt=2026-01-01", "g"),
    ("~.opens=08:00:00", "A"), ("~.opens__gt=08:30", "B"),
    ("~.name__like=*A", "ABg"), ("~.name__like=?eta", "B"), ("~.name__like=alph", ""),
    ("~.name__like=ALPHA,gam*", "Ag"),
    ("~.comments__like=100%25*", "A"), ("~.comments__like=*free_of*", "A"), ("~.comments__like=*freeXof*", ""),
    ("~.comments__like=*charge!", "A"), ("~.name__belongs=Al*,gamma", "Ag"), ("~.name__belongs=Beta,gamma", "Bg"),
    ("~.name__contains=a", "ABg"), ("~.name__contains=a,M", "g"), ("~.name__anyof=LPH,MM", "Ag"),
    ("~.comments__contains=%25", "A"), ("~.comments__contains=0%25_f", ""),
    ("~.tags__contains=red", "A"), ("~.tags__contains=red,blue", ""), ("~.tags__anyof=red,blue", "AB"),
    ("~.tags__contains=a|b", "A"), ("~.tags__belongs=blue,NONE", "BgN"), ("~.tags=red,a|b", "A"), ("~.tags=red", ""),
    ("~.tags__ne=blue", "A"), ("~.numbers__contains=1", "A"), ("~.numbers__anyof=1,2", "AB"), ("~.numbers=2", "B"),
    ("~.types__anyof=2", "A"), ("~.tags__like=*re*", "A"),
    # NONE, lists, quotes
    ("~.year=NONE", "gN"), ("~.year=None", "gN"), ("~.year__ne=NONE", "AB"), ("~.year__belongs=1970,NONE", "AgN"),
    ("~.year=NONE,2000", "BgN"), ("~.year__ne=NONE,2000", "A"), ('~.name="NONE"', "N"), ("~.name=none", ""),
    ('~.comments="say \\"hi\\", then go"', "B"), ('~.comments__contains="hi\\", then"', "B"),
    ("~.comments__contains=O'Brien; DROP", "N"), ("~.comments=O%27Brien; DROP TABLE x --", "N"),
    ("~.name=", ""),
    # alternatives, inversion, several terms
    ("~.name|~.comments__contains=a", "ABgN"), ("~.name|~.comments__like=*free*!", "A"), ("~.name=Alpha!", ""),
    ("~.name!=Alpha", "BgN"), ("~.name__like!=*a", "N"), ("~.year__belongs!=1970", "B"),
    ("~.year!=NONE", "AB"), ("~.name|~.uuid__like!=*a*", "N"), ("~.year__ge=1970&~.year__lt=2000", "A"),
    ("~.name__like=*a*&~.name__like=*l*", "A"), ("?~.name=Beta&", "B"),
    # uid, id
    ("~.uid=u-a", "A"), ("~.id__belongs=1,3", "Ag"), ("~.id=999", ""),
    # foreign keys
    ("~.type_id=2", "A"), ("~.type_id$name=Medical", "A"), ("~.type_id$parent$name=Aid", "A"),
    ("~.type_id$parent$name=NONE", "BgN"), ("~.type_id$name=NONE", "N"), ("~.type_id$name__ne=Aid", "Ag"),
    ("~.type_id$name!=Aid", "Ag"), ("~.type_id$name!=NONE", "ABg"), ("~.type_id$id=1", "B"),
    # components, their components, link tables, free joins
    ("office.name=HQ", "A"), ("office.name__ne=HQ", "Ag"), ("office.name=Gone", ""), ("office.type=NONE", "BgN"),
    ("office.name=NONE", "BN"), ("office.type__belongs=main,NONE", "ABgN"), ("office.location_id$name=Nairobi", "A"),
    ("office.location_id$parent$name__like=ken*", "A"), ("office.location_id$name=NONE", "ABN"),
    ("office.shift.label=night", "A"), ("office.~.name=HQ", "A"), ("website.url__like=*beta*", "B"),
    ("sector.name=Food", "AB"), ("sector.uuid=u-h", "A"), ("sector__link.percentage__gt=50", "AB"),
    ("sector__link.sector_id$name__like=h*", "A"), ("sector.name=NONE", "gN"), ("sector.name!=Food", "A"),
    ("org_logo.title=star", "g"), ("branch_id:org_branch.kind=regional", "B"),
    ("organisation_id:org_branch.branch_id$name=Beta", "A"), ("~.name|office.name__like=*a*", "ABg"),
    # hierarchies
    ("~.type_id__typeof=1", "AB"), ("~.type_id__typeof=2", "A"), ("~.type_id__typeof=2,3", "Ag"),
    ("~.type_id__typeof=1,NONE", "ABN"), ("~.type_id__typeof=NONE", "N"), ("~.type_id__typeof!=1", "g"),
    ("~.type_id$name__typeof=Aid", "AB"), ("~.types__typeof=1", "A"), ("~.types__typeof=77", ""),
    ("~.year__typeof=1970", "A"), ("office.location_id__typeof=1", "Ag"),
    # relative dates
    ("~.modified_on__lt=NOW", "ABgN"), ("~.modified_on__ge=-7D", "AN"), ("~.modified_on__ge=-1D", "AN"),
    ("~.modified_on__ge=-23h", "N"), ("~.modified_on__ge=-1Y", "ABN"), ("~.modified_on__ge=-3M", "ABN"),
    ("~.modified_on__ge=-1Y2D", "ABgN"), ("~.modified_on__ge=-1D%2B12h", "N"), ("~.modified_on__le=+1D", "ABgN"),
    ("~.modified_on__ge=-60m", "N"), ("~.modified_on__ge=-3599s", ""), ("~.modified_on__ge=-2W", "AN"),
    ("~.founded__ge=-30Y", "B"),
])
def test_found(db: Any, text: str, found: str) -> None:
    assert ask(db, text) == found


def test_other_tables(db: Any) -> None:
    assert ask(db, "~.organisation_id$name=Alpha", "org_office") == "HF"
    assert ask(db, "~.organisation_id$name=NONE", "org_office") == "O"
    assert ask(db, "~.organisation_id$year=NONE", "org_office") == "PO"
    assert ask(db, "~.organisation_id$sector.name=Health", "org_office") == "HF"
    assert ask(db, "~.parent$name=Kenya", "gis_location") == "NK"
    assert ask(db, "~.parent=NONE", "gis_location") == "K"
    assert ask(db, "~.name__typeof=Kenya", "gis_location") == "KNK"
    assert ask(db, "~.id__typeof=2", "gis_location") == "N"
    assert ask(db, "~.parent__typeof=1", "gis_location") == "NK"


def test_tables_whose_id_is_called_otherwise(db: Any) -> None:
    assert ask(db, "~.id=1", "pr_pentity") == ask(db, "~.pe_id=1", "pr_pentity") == "E"
    assert ask(db, "pr_address.name=Road", "pr_pentity") == "B"
    assert ask(db, "~.pe_id$name=Entity", "pr_address") == ask(db, "~.pe_id$id=1", "pr_address") == "S"
    assert ask(db, "~.pe_id__typeof=1", "pr_address") == "SR"
    assert ask(db, "~.name__typeof=Entity", "pr_pentity") == "EB"


@pytest.mark.parametrize("text, says", [
    ("", "empty"), ("&", "empty"), ("~.name", "no filter"), ("=x", "no filter"), ("name=Alpha", "~.name"),
    ("_x.name=1", "no selector"), ("~.nope=1", "no field 'nope'"), ("~.name__near=1", "no operator __near"),
    ("~.name__EQ=1", "no operator __EQ"), ("~.name__=1", "no field"), ("~.=1", "incomplete"),
    ("~.type_id$=1", "incomplete"),
    ("nope.name=1", "no component 'nope'"), ("office.nope=1", "org_office has no field"),
    ("~.name$x=1", "no reference"),
    ("~.nope$x=1", "no field"), ("~.types$name=x", "no reference"), ("~.year=old", "no integer"),
    ("~.year=1.5", "no integer"),
    ("~.year=null", "no integer"), ("~.year=99999999999999999999", "no integer"), ("~.budget=nan", "no double"),
    ("~.budget=1_0", "no double"), ("~.fee=x", "no decimal"), ("~.active=perhaps", "no boolean"),
    ("~.founded=soon", "no date"), ("~.founded=1970-13-01", "no date"), ("~.modified_on=5", "no datetime"),
    ("~.modified_on__ge=-7Q", "no datetime"), ("~.modified_on__ge=-99999Y", "no datetime"),
    ("~.modified_on__ge=-999999999D", "no datetime"), ("~.modified_on__ge=-", "no datetime"),
    ("~.opens=late", "no time"), ("~.opens=8", "no time"), ("~.type_id=u-a", "type_id$uuid"), ("~.id=x", "no id"),
    ("~.year__like=19*", "for texts"), ("~.year__contains=9", "for texts"), ("~.data__like=x", "for texts"),
    ("~.year__lt=NONE", "NONE"), ("~.name__like=NONE", "NONE"), ("~.tags__contains=NONE", "NONE"),
    ("~.tags__lt=1", "no order"), ("~.active__gt=0", "no order"), ("~.the_geom__intersects=POINT(1 1)", "no field"),
    ("~.name__intersects=POINT(1 1)", "no geometry"), ("~.secret=x", "secret"), ("~.site_key__like=a*", "secret"),
    ("auth_user.registration_key__like=a*", "secret"), ("sync_repository.name=x", "no table"),
    ("org_branch.kind=x", "several references"), ("gis_location.name=x", "no such reference"),
    ("xyz_abc.name=x", "no table"), ("kind:org_branch.kind=x", "no such reference"),
    ("$filter=~.name eq 1", "$filter"), ("(location).name=1", "contexts"), ("~.name=a%00b", "null character"),
    ("~.numbers__contains=x", "no integer"),
])
def test_refused(db: Any, text: str, says: str) -> None:
    with pytest.raises(BadFilter) as caught:
        to_query(db, "org_organisation", text, components, NOW)
    assert says in caught.value.message


@pytest.mark.parametrize("text, items", [
    ("a", ["a"]), ("a,b", ["a", "b"]), ('"a,b",c', ["a,b", "c"]), ("NONE", [None]), ('"NONE"', ["NONE"]),
    ("a,NONE,None", ["a", None, None]), ('a\\"b', ['a"b']), ('"x\\",y"', ['x",y']), ("", [""]), (",", ["", ""]),
    ("none", ["none"]), ("\\", ["\\"]),
])
def test_values(text: str, items: list[Any]) -> None:
    assert values(text) == items


@settings(deadline=None)
@given(key=st.sampled_from(["~.name", "~.name__like", "~.name__contains", "~.tags__contains", "~.comments__belongs",
                            "office.name", "~.type_id$name", "~.year", "~.modified_on__ge", "sector.name", ""]),
       value=st.text(max_size=30) | st.sampled_from(["'", "''--", "'; DROP TABLE org_office; --", "\\'", "%' OR '1'='1", "!'"]))
def test_no_value_escapes_from_its_place(db: Any, key: str, value: str) -> None:
    from urllib.parse import quote
    text = f"{key}={quote(value, errors='replace')}" if key else value
    before = db(db.org_office).count()
    try:
        query = to_query(db, "org_organisation", text, components, NOW)
    except BadFilter:
        return
    db(query).select(db.org_organisation.id)
    if not set(value) & set("*?,\""):
        assert db(query & ~query).count() == 0
    assert db(db.org_office).count() == before


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_gives_a_query_or_a_reason(db: Any, text: str) -> None:
    try:
        db(to_query(db, "org_organisation", text, components)).count()
    except BadFilter as error:
        assert error.detail


@settings(deadline=None)
@given(value=st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0\\"), max_size=12))
def test_like_without_wildcards_finds_the_text_itself(value: str) -> None:
    from urllib.parse import quote
    connection = sqlite3.connect(":memory:")
    query = to_query(_on_sqlite(), "t_thing", f'~.name__like={quote(_quoted(value))}', components)
    found = connection.execute(f'SELECT count(*) FROM (SELECT ? AS "name") AS "t_thing" WHERE {query}', (value,))
    assert found.fetchone() == (1,)


def _quoted(value: str) -> str:
    escaped = value.replace('"', '\\"')
    return f'"{escaped}"'


_db: list[Any] = []


def _on_sqlite() -> Any:
    if not _db:
        _db.append(DAL("sqlite:memory"))
        _db[0].define_table("t_thing", Field("name"))
    return _db[0]
