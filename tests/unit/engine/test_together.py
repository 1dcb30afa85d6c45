"""Which steps of a run may be worked at the same time."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from local_sites import LocalSite
from pydal import Field

from s3sync.engine.peer import Task
from s3sync.engine.together import Unit, blockers, depend, plan, ready, unit, units, width
from s3sync.hosts.web2py import declare


def step(task_id: int, direction: str, covers: str, reaches: str = "") -> Unit:
    return Unit(task_id, direction, frozenset(covers.split()), frozenset(f"{covers} {reaches}".split()))


@pytest.mark.parametrize("one, other, expected", [
    (step(1, "pull", "a"), step(2, "pull", "b"), False),
    (step(1, "pull", "a"), step(1, "push", "a"), True),               # pull before push
    (step(1, "pull", "a b"), step(2, "pull", "b c"), True),           # the same component
    (step(1, "pull", "a"), step(2, "push", "b", "a"), True),          # b refers to a
    (step(1, "pull", "a", "b"), step(2, "push", "b"), True),          # whoever is first in the run
    (step(1, "pull", "a", "place"), step(2, "pull", "b", "place"), False),      # both to what no task covers
    (step(1, "pull", "person entity"), step(2, "pull", "office entity"), True)])
def test_two_steps(one: Unit, other: Unit, expected: bool) -> None:
    assert depend(one, other) is depend(other, one) is expected


RUN = [step(1, "pull", "place"), step(2, "pull", "office", "place"), step(2, "push", "office", "place"),
       step(3, "pull", "item"), step(3, "push", "item"), step(4, "pull", "person", "place")]


def test_what_waits_for_what() -> None:
    assert blockers(RUN) == [[], [0], [0, 1], [], [3], [0]]
    assert width(RUN) == 3                       # office, item's push, person, once the places and items have come
    assert width(RUN[:3]) == 1 and width([]) == 0


def test_what_can_begin() -> None:
    everything = {each.key for each in RUN}
    assert [each.key for each in ready(RUN, everything, set())] == [(1, "pull"), (3, "pull")]
    rest = everything - {(1, "pull"), (3, "pull")}
    assert [each.key for each in ready(RUN, rest, {(3, "pull")})] == [(3, "push")]
    assert [each.key for each in ready(RUN, rest, {(1, "pull")})] == [(2, "pull"), (4, "pull")]


def test_order_of_a_run() -> None:
    tasks = [Task(7, "a", mode=3), Task(3, "b", mode=2), Task(9, "c", mode=1), Task(1, "d", mode=4)]
    assert [(task.id, direction) for task, direction in plan(tasks)] == [(7, "pull"), (7, "push"), (3, "push"), (9, "pull")]


@pytest.fixture
def site(tmp_path: Path) -> Any:
    here = LocalSite(tmp_path, "here")
    db = here.db
    db.define_table("pr_pentity", Field("pe_id", "id"), Field("uuid", length=128), Field("instance_type"),
                    Field("deleted", "boolean"))
    for name in ("pr_person", "pr_group"):
        db.define_table(name, Field("pe_id", "reference pr_pentity"), Field("name"), *here.meta())
        declare(db, name, super_entity="pr_pentity")
    db.define_table("pr_contact", Field("pe_id", "reference pr_pentity"), Field("value"), *here.meta())
    db.define_table("stock_item", Field("name"), Field("offices", "list:reference org_office"), *here.meta())
    db.define_table("stock_unit", Field("name"), *here.meta())
    return here.open()


def test_tables_of_a_step(site: Any) -> None:
    found = unit(site, Task(1, "org_organisation"), "pull")
    assert found.covers == {"org_organisation", "org_office"}
    assert found.reaches == found.covers | {"gis_location"}
    assert unit(site, Task(1, "org_organisation", components=False), "pull").reaches == {"org_organisation"}
    assert unit(site, Task(2, "stock_item"), "pull").reaches == {"stock_item", "org_office", "org_organisation", "gis_location"}
    # of offices it moves none, but its filter looks at them
    filtered = Task(4, "org_organisation", components=False, filters=(("", "office.name=HQ"),))
    assert unit(site, filtered, "push").reaches == {"org_organisation", "org_office", "gis_location"}
    assert unit(site, filtered, "push").covers == {"org_organisation"}
    assert unit(site, Task(5, "stock_unit", filters=(("", "no filter"),)), "pull").reaches == {"stock_unit"}
    assert unit(site, Task(3, "no_such"), "pull").reaches == {"no_such"}


@pytest.mark.parametrize("one, other, expected", [
    ("gis_location", "org_organisation", True), ("org_organisation", "stock_item", True), ("gis_location", "stock_item", True),
    ("gis_location", "stock_unit", False), ("stock_unit", "stock_item", False),
    ("pr_person", "pr_group", False),           # both are instances of pr_pentity, neither refers to it
    ("pr_person", "pr_contact", True), ("pr_group", "pr_contact", True)])
def test_tables_that_depend(site: Any, one: str, other: str, expected: bool) -> None:
    first, second = units(site, [(Task(1, one), "pull"), (Task(2, other), "push")])
    assert depend(first, second) is expected
