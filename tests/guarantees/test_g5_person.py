"""G5, conflict policy ASK: the row stays, both versions are kept, a person decides, and the decision travels without bouncing."""
from __future__ import annotations

from typing import Any

import pytest
from local_sites import same
from practice import Field, conflicts, moved

from s3sync.engine.conflicts import count, details, resolve
from s3sync.engine.conflicts import listed as listing
from s3sync.errors import ConfigurationError


def undecided(field: Field) -> str:
    """A record that was changed at both sites, known to both of them as a conflict."""
    field.link(field.a, field.b, "org_organisation", conflict_policy="ASK")
    uuid = field.a.insert("org_organisation", name="one", year=1, acronym="one")
    field.run()
    field.a.update("org_organisation", uuid, name="mine", year=2)
    field.b.update("org_organisation", uuid, name="theirs", acronym="theirs")
    assert field.run() == "warning"
    return uuid


def test_until_then_both_rows_stay_and_both_versions_are_kept(field: Field) -> None:
    uuid = undecided(field)
    for _ in range(2):
        assert [site.get("org_organisation", uuid).name for site in (field.a, field.b)] == ["mine", "theirs"]
        for site in (field.a, field.b):
            entry, = conflicts(site)
            assert entry.status == "open" and not entry.winner
        field.run()


@pytest.mark.parametrize("choice, expected", [
    ("mine", ("mine", 2, "one")), ("theirs", ("theirs", 1, "theirs")),
    ({"acronym": "theirs", "name": "mine"}, ("mine", 2, "theirs"))])
@pytest.mark.parametrize("where", ["a", "b"])
def test_a_decision_travels_and_ends_the_conflict_everywhere(field: Field, choice: Any, expected: Any, where: str) -> None:
    uuid = undecided(field)
    site = getattr(field, where)
    if where == "b":
        swap = {"mine": "theirs", "theirs": "mine"}
        choice = swap[choice] if isinstance(choice, str) else {"name": "theirs", "year": "theirs"}
    resolve(site.open(), conflicts(site)[0].id, choice)
    assert field.run() == "success"
    for one in (field.a, field.b):
        row = one.get("org_organisation", uuid)
        assert (row.name, row.year, row.acronym) == expected
        assert [entry.status for entry in conflicts(one)] == ["resolved"]
    field.run()
    assert moved(field.a) == {} and list(same(field.a, field.b)) == []


@pytest.mark.parametrize("choice", ["mine", "theirs"])
def test_a_deletion_against_an_edit(field: Field, choice: str) -> None:
    field.link(field.a, field.b, "org_organisation", conflict_policy="ASK")
    uuid = field.a.insert("org_organisation", name="one")
    field.run()
    field.a.update("org_organisation", uuid, name="edited")
    field.b.delete("org_organisation", uuid)
    field.run()
    resolve(field.a.open(), conflicts(field.a)[0].id, choice)
    field.run()
    assert [bool(site.get("org_organisation", uuid).deleted) for site in (field.a, field.b)] == [choice == "theirs"] * 2


def test_what_is_no_choice_is_refused(field: Field) -> None:
    undecided(field)
    number = conflicts(field.a)[0].id
    for choice in ("nobody", {"name": "nobody"}, {"nothing": "mine"}):
        with pytest.raises(ConfigurationError):
            resolve(field.a.open(), number, choice)
    with pytest.raises(ConfigurationError):
        resolve(field.a.open(), 999, "mine")


def test_a_plain_eden_is_not_overwritten_meanwhile(field: Field) -> None:
    eden = field.site("eden")
    field.link(field.a, eden, "org_organisation", conflict_policy="ASK")
    uuid = field.a.insert("org_organisation", name="one")
    for _ in range(2):
        field.run(field.a, eden, plain=True)
    field.a.update("org_organisation", uuid, name="mine")
    eden.update("org_organisation", uuid, name="theirs")
    for _ in range(2):
        field.run(field.a, eden, plain=True)
        assert (field.a.get("org_organisation", uuid).name, eden.get("org_organisation", uuid).name) == ("mine", "theirs")
    resolve(field.a.open(), conflicts(field.a)[0].id, "mine")
    field.run(field.a, eden, plain=True)
    assert eden.get("org_organisation", uuid).name == "mine"


def test_both_versions_are_shown_field_by_field(field: Field) -> None:
    uuid = undecided(field)
    site = field.a.open()
    listed = listing(site)
    entry, = listed.rows
    assert (listed.total, entry.uuid, entry.label, entry.policy, entry.status) == (1, uuid, "mine", "ASK", "open")
    assert count(site, entry.repository_id, entry.task_id) == 1 and count(site, 999) == 0
    shown = details(site, entry.id)
    sides = {s.name: (s.mine, s.theirs, s.now) for s in shown.fields if s.different}
    assert sides == {"name": ("mine", "theirs", "mine"), "year": ("2", "1", "2"), "acronym": ("one", "theirs", "one")}
    assert shown.by_field and shown.mine_modified_on and shown.theirs_modified_on
    resolve(site, entry.id, "mine", user_id=7)
    entry, = listing(site, status="resolved").rows
    assert (entry.winner, entry.decided_by, listing(site).total) == ("mine", 7, 0) and entry.decided_on


def test_what_a_policy_has_settled_can_be_decided_otherwise(field: Field) -> None:
    """The version that lost is kept, and can be put back."""
    field.link(field.a, field.b, "org_organisation", conflict_policy="OTHER")
    uuid = field.a.insert("org_organisation", name="one")
    field.run()
    field.a.update("org_organisation", uuid, name="mine")
    field.b.update("org_organisation", uuid, name="theirs")
    field.run()
    assert field.a.get("org_organisation", uuid).name == "theirs"
    entry, = conflicts(field.a)
    resolve(field.a.open(), entry.id, "mine")
    assert field.run() == "success"
    assert [site.get("org_organisation", uuid).name for site in (field.a, field.b)] == ["mine", "mine"]
    field.run()
    assert moved(field.a) == {}
