"""The application's own code around writes: when it is called, with what, and what it can do."""
from __future__ import annotations

from typing import Any

import pytest
from shaped_site import ShapedSite, record

from s3sync.engine.decide import Policies
from s3sync.hosts.web2py import declare

TABLE = "org_organisation"
WHEN = "2026-03-04T05:06:07"


class Calls(list):  # type: ignore[type-arg]
    """Callbacks that write down what they are called with."""

    def hook(self, name: str, *, reads: Any = None) -> Any:
        def called(*arguments: Any) -> None:
            self.append((name, reads(*arguments) if reads else None))
        return called

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self]


def form(form: Any) -> dict[str, Any]:
    return {"method": form.method, "vars": dict(form.vars), "table": form.table._tablename, "errors": dict(form.errors)}


@pytest.fixture
def calls(here: ShapedSite) -> Calls:
    calls = Calls()
    names = ("onvalidation", "onaccept", "create_onvalidation", "update_onvalidation", "create_onaccept", "update_onaccept")
    declare(here.db, TABLE, **{n: calls.hook(n, reads=form) for n in names}, ondelete=calls.hook("ondelete", reads=dict),
            ondelete_cascade=calls.hook("ondelete_cascade", reads=dict))
    return calls


def test_order_and_arguments_on_create(here: ShapedSite, calls: Calls) -> None:
    outcome = here.one(record(TABLE, "o1", {"name": "ACME", "year": 1971, "start_date": "2020-01-02", "rate": "1.50"}))
    assert outcome.result == "created"
    assert calls.names == ["create_onvalidation", "create_onaccept"]
    before, after = calls[0][1], calls[1][1]
    assert before["method"] == after["method"] == "create" and before["table"] == TABLE
    assert before["vars"]["name"] == "ACME" and before["vars"]["year"] == 1971 and "id" not in before["vars"]
    assert str(before["vars"]["rate"]) == "1.50" and before["vars"]["start_date"].isoformat() == "2020-01-02"
    assert after["vars"]["id"] == here.id_of(TABLE, "o1") and after["vars"]["uuid"] == "o1"


def test_order_and_arguments_on_update(here: ShapedSite, calls: Calls) -> None:
    here.one(record(TABLE, "o1", {"name": "ACME", "year": 1971}))
    calls.clear()
    assert here.one(record(TABLE, "o1", {"name": "ACME 2"}, "aaaaaaaaaaaa:2")).result == "updated"
    assert calls.names == ["update_onvalidation", "update_onaccept"]
    number = here.id_of(TABLE, "o1")
    assert calls[0][1]["vars"] == {"name": "ACME 2", "id": number}                # only what came
    assert calls[1][1]["vars"] == {"name": "ACME 2", "id": number, "uuid": "o1"}
    assert here.get(TABLE, "o1").year == 1971


def test_the_general_callbacks_stand_in(here: ShapedSite) -> None:
    calls = Calls()
    declare(here.db, TABLE, onvalidation=[calls.hook("first"), calls.hook("second")],
            onaccept={TABLE: calls.hook("mine"), "org_office": calls.hook("not mine")})
    here.one(record(TABLE, "o1", {"name": "A"}))
    here.one(record(TABLE, "o1", {"name": "B"}, "aaaaaaaaaaaa:2"))
    assert calls.names == ["first", "second", "mine"] * 2


def test_onaccept_finds_the_super_record(here: ShapedSite) -> None:
    found = []

    def onaccept(form: Any) -> None:
        row = here.db.pr_person[form.vars.id]
        found.append(here.db.pr_pentity[row.pe_id].uuid if row.pe_id else None)

    declare(here.db, "pr_person", super_entity="pr_pentity", onaccept=onaccept)
    here.one(record("pr_person", "p1", {"first_name": "A"}))
    assert found == ["p1"]


def test_references_reach_callbacks_as_local_ids(here: ShapedSite) -> None:
    calls = Calls()
    declare(here.db, "org_office", onvalidation=calls.hook("onvalidation", reads=form))
    here.insert("gis_location", name="not the first")
    here.one(record("gis_location", "l1", {"name": "L"}))
    here.one(record(TABLE, "o1", {"name": "A"}))
    here.one(record("org_office", "f1", {"name": "F", "organisation_id": "o1", "location_id": "l1", "opened_on": WHEN}))
    values = calls[0][1]["vars"]
    assert values["organisation_id"] == here.id_of(TABLE, "o1") and values["location_id"] == here.id_of("gis_location", "l1") == 2
    assert values["opened_on"].isoformat() == WHEN


def test_onvalidation_may_refuse_and_change(here: ShapedSite) -> None:
    accepted = []

    def onvalidation(form: Any) -> None:
        if form.vars.name == "bad":
            form.errors.name = "too bad"
        form.vars.acronym = "X" + (form.vars.acronym or "")
        assert form.vars.no_such_thing is None

    declare(here.db, TABLE, onvalidation=onvalidation, onaccept=lambda form: accepted.append(form.vars.uuid))
    outcomes = {o.uuid: o for o in here.apply(record(TABLE, "o1", {"name": "bad"}), record(TABLE, "o2", {"name": "good"}))}
    assert outcomes["o1"].result == "rejected" and outcomes["o1"].reason == "name: too bad" and outcomes["o1"].code == "callback"
    assert outcomes["o2"].result == "created"
    assert here.get(TABLE, "o1") is None and here.get(TABLE, "o2").acronym == "X"
    assert accepted == ["o2"]


@pytest.mark.parametrize("name", ["onvalidation", "onaccept"])
def test_a_callback_that_raises_rejects_its_record_and_no_other(here: ShapedSite, name: str) -> None:
    seen = []

    def callback(form: Any) -> None:
        seen.append(form.vars.name)
        if form.vars.name == "bad":
            raise AttributeError("no such thing")

    declare(here.db, TABLE, **{name: callback})
    records = [record(TABLE, u, {"name": n}) for u, n in (("o1", "a"), ("o2", "bad"), ("o3", "c"))]
    outcomes = {o.uuid: o for o in here.apply(*records)}
    assert {u: o.result for u, o in outcomes.items()} == {"o1": "created", "o2": "rejected", "o3": "created"}
    assert "AttributeError: no such thing" in outcomes["o2"].reason
    assert here.get(TABLE, "o2") is None
    assert seen == ["a", "bad", "c"]                       # once each


def test_nothing_is_called_for_what_is_not_written(here: ShapedSite, calls: Calls) -> None:
    here.one(record(TABLE, "o1", {"name": "A"}))
    here.update(TABLE, "o1", name="edited here")
    before = here.get(TABLE, "o1")
    calls.clear()
    kept = Policies(update="THIS", conflict="THIS")
    assert here.one(record(TABLE, "o1", {"name": "B"}, "aaaaaaaaaaaa:2"), policies=kept).result == "unchanged"     # conflict
    assert here.one(record(TABLE, "o2", {"name": None}), policies=kept).result == "rejected"
    assert here.one(record(TABLE, "o3", {"name": "x", "acronym": "longer than eight"}), policies=kept).result == "rejected"
    assert here.one(record(TABLE, "o1", {}, "aaaaaaaaaaaa:2", deleted=True), policies=kept).result == "unchanged"
    here.one(record(TABLE, "o4", {"name": "A"}, "aaaaaaaaaaaa:1"))
    calls.clear()
    assert here.one(record(TABLE, "o4", {"name": "B"}, "aaaaaaaaaaaa:2"), policies=kept).result == "kept"
    assert calls == []
    assert here.get(TABLE, "o1").as_dict() == before.as_dict()


def test_modified_on_stays_as_it_came_whatever_callbacks_do(here: ShapedSite) -> None:
    def onaccept(form: Any) -> None:
        table = here.db[TABLE]
        here.db(table.id == form.vars.id).update(comments="derived")
        table[form.vars.id].update_record(year=2000)

    declare(here.db, TABLE, onaccept=onaccept)
    here.one(record(TABLE, "o1", {"name": "A"}))
    row = here.get(TABLE, "o1")
    assert (row.comments, row.year, row.modified_on.isoformat()) == ("derived", 2000, WHEN)
    assert here.edits(TABLE) == 0                          # what a callback derives is no edit of somebody's
    assert here.db[TABLE].modified_on.update is not None


def test_records_come_one_after_the_other(here: ShapedSite) -> None:
    seen = []

    def look(form: Any) -> None:
        seen.append((form.vars.name, sorted(row.name for row in here.db(here.db[TABLE]).select())))

    declare(here.db, TABLE, onvalidation=look, onaccept=look)
    here.apply(record(TABLE, "o1", {"name": "a"}), record(TABLE, "o2", {"name": "b"}))
    assert seen == [("a", []), ("a", ["a"]), ("b", ["a"]), ("b", ["a", "b"])]


def test_what_the_code_of_one_record_does_to_another_is_an_edit_of_this_site(here: ShapedSite) -> None:
    def onaccept(form: Any) -> None:
        here.db(here.db[TABLE].id < form.vars.id).update(comments="not the last one")

    declare(here.db, TABLE, onaccept=onaccept)
    here.apply(record(TABLE, "o1", {"name": "a"}), record(TABLE, "o2", {"name": "b"}))
    assert here.edits(TABLE) == 1


def test_lists_and_json_may_be_changed_in_place(here: ShapedSite) -> None:
    def onvalidation(form: Any) -> None:
        form.vars.also.append(first)
        form.vars.text += "!"

    here.one(record(TABLE, "o1", {"name": "a"}))
    here.one(record(TABLE, "o2", {"name": "b"}))
    first = here.id_of(TABLE, "o1")
    declare(here.db, "org_note", onvalidation=onvalidation)
    here.one(record("org_note", "n1", {"text": "t", "also": ["o2"]}))
    row = here.get("org_note", "n1")
    assert sorted(row.also) == [first, here.id_of(TABLE, "o2")] and row.text == "t!"


def test_what_pydal_works_out_is_in_the_row(here: ShapedSite) -> None:
    here.one(record(TABLE, "o1", {"name": "a"}))
    number = here.id_of(TABLE, "o1")
    note = here.db.org_note
    declare(here.db, "org_note", onaccept=lambda form: None)
    note.organisation_id.default = lambda: number
    here.one(record("org_note", "n1", {"text": "t"}))
    assert here.get("org_note", "n1").organisation_id == number
    note.organisation_id.default = None
    note.text.compute = lambda row: "computed"
    here.one(record("org_note", "n2", {"also": ["o1"]}))
    assert here.get("org_note", "n2").text == "computed"


def test_deletion_calls_cascade_before_and_ondelete_after(here: ShapedSite, calls: Calls) -> None:
    here.one(record(TABLE, "o1", {"name": "A", "year": 1971}))
    number = here.id_of(TABLE, "o1")
    calls.clear()
    assert here.one(record(TABLE, "o1", {}, "aaaaaaaaaaaa:2", deleted=True)).result == "deleted"
    assert calls.names == ["ondelete_cascade", "ondelete"]
    assert all(values["id"] == number and values["uuid"] == "o1" and values["year"] == 1971 for _, values in calls)
    assert here.get(TABLE, "o1").deleted


def test_ondelete_cascade_may_prevent_a_deletion(here: ShapedSite) -> None:
    def prevent(row: Any) -> None:
        raise ValueError(f"{row.name} is needed")

    called = []
    declare(here.db, TABLE, ondelete_cascade=prevent, ondelete=called.append)
    here.one(record(TABLE, "o1", {"name": "A"}))
    before = here.get(TABLE, "o1").as_dict()
    outcome = here.one(record(TABLE, "o1", {}, "aaaaaaaaaaaa:2", deleted=True))
    assert outcome.result == "rejected" and "A is needed" in outcome.reason
    assert here.get(TABLE, "o1").as_dict() == before and called == []


def test_onconflict_decides_instead_of_the_policy(here: ShapedSite) -> None:
    asked = []

    def onconflict(item: Any, repository: Any, resource: Any) -> None:
        asked.append((item.data.name, item.original.name, item.id, item.method, item.conflict_policy, repository.name,
                      resource.tablename))
        item.conflict = item.data.name != "let it in"

    declare(here.db, TABLE, onconflict=onconflict)
    repository = here.peer()
    here.one(record(TABLE, "o1", {"name": "A"}), repository=repository)
    here.update(TABLE, "o1", name="edited here")
    both = Policies(update="OTHER", conflict="OTHER")
    kept = here.one(record(TABLE, "o1", {"name": "stay out"}, "aaaaaaaaaaaa:2"), policies=both, repository=repository)
    assert (kept.result, kept.conflict, kept.winner) == ("unchanged", True, "mine")
    assert here.get(TABLE, "o1").name == "edited here"
    won = here.one(record(TABLE, "o1", {"name": "let it in"}, "aaaaaaaaaaaa:3"),
                   policies=Policies(conflict="THIS", update="OTHER"), repository=repository)
    assert (won.result, won.conflict, won.winner) == ("updated", True, "theirs")
    number = here.id_of(TABLE, "o1")
    assert asked == [("stay out", "edited here", number, "update", "OTHER", "peer", TABLE),
                     ("let it in", "edited here", number, "update", "THIS", "peer", TABLE)]


def test_deduplicate_is_asked_only_where_eden_does(here: ShapedSite) -> None:
    asked = []

    def deduplicate(item: Any) -> None:
        asked.append((item.data.get("name"), item.uid, item.table._tablename))
        row = here.db(item.table.name.lower() == item.data.name.lower()).select(item.table.id).first()
        if row:
            item.id = row.id
            item.method = item.METHOD.UPDATE

    declare(here.db, TABLE, deduplicate=deduplicate)
    own = here.insert(TABLE, name="ACME")
    repository = here.peer()
    assert here.one(record(TABLE, "o1", {"name": "Acme"}), repository=repository).result == "created"      # has a uuid: not asked
    assert asked == []
    here.db(here.db.sync_repository.id == repository).update(synchronise_uuids=True)
    here.db(here.db[TABLE].uuid == "o1").delete()
    outcome = here.one(record(TABLE, "o2", {"name": "Acme", "year": 1}), repository=repository)
    assert asked == [("Acme", "o2", TABLE)]
    assert outcome.result == "updated" and here.get(TABLE, own) is None and here.get(TABLE, "o2").year == 1


def test_deduplicate_may_skip_or_refuse(here: ShapedSite) -> None:
    def deduplicate(item: Any) -> None:
        if item.data.name == "broken":
            raise KeyError("broken")
        if item.data.name == "incomplete":
            item.accepted = False
            item.error = "Invalid reference"
        row = here.db(item.table.name == item.data.name).select(item.table.id).first()
        if row:
            item.id, item.skip = row.id, True

    declare(here.db, TABLE, deduplicate=deduplicate)
    here.insert(TABLE, name="A", year=1)
    named = {n: here.one(record(TABLE, f"derived {n}", {"name": n, "year": 2}, anonymous=True))
             for n in ("A", "broken", "incomplete")}
    assert {n: o.result for n, o in named.items()} == {"A": "kept", "broken": "rejected", "incomplete": "rejected"}
    assert "KeyError" in named["broken"].reason and named["incomplete"].reason == "Invalid reference"
    assert here.db(here.db[TABLE].year == 2).isempty()


def test_tables_without_callbacks_around_writes_are_written_in_bulk(here: ShapedSite) -> None:
    declare(here.db, "gis_location", ondelete=lambda row: None, deduplicate=lambda item: None, onconflict=lambda *a: None)
    site = here.open()
    from s3sync.engine.apply import Applier
    before = site.db.statements
    applier = Applier(site, None, "peer", Policies())
    applier.apply("gis_location", [record("gis_location", f"l{i}", {"name": str(i)}) for i in range(400)])
    assert site.db.statements - before < 30
    site.db.commit()
