"""Which steps of a run may be worked at the same time (pure, over names of tables).

A run is a row of steps: each task's pull, then its push. Two steps depend on each other if they are of the same task, if both
cover a table, or if one covers a table that the other refers to, directly or through further tables. Those keep their order.
Others do not touch each other's records, so that it does not matter which is first; what both may refer to and none covers (a
location, say) is fetched by whoever misses it first, under the lock of its table.
"""
from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Iterator, Sequence

from ..errors import BadFilter, UnknownResource
from .peer import Task
from .site import Site


@dataclass(frozen=True)
class Unit:
    """One step, as far as others depend on it.

    Attributes
    ----------
    covers : tables whose records it moves, its resource and components, and the super-entities of which these are instances
    reaches : the tables whose records it moves, and all that they refer to, directly or through others
    """

    task_id: int
    direction: str
    covers: frozenset[str]
    reaches: frozenset[str]

    @property
    def key(self) -> tuple[int, str]:
        return self.task_id, self.direction


def depend(one: Unit, other: Unit) -> bool:
    """Must these two keep their order?"""
    return one.task_id == other.task_id or bool(one.covers & other.reaches or one.reaches & other.covers)


def blockers(units: Sequence[Unit]) -> list[list[int]]:
    """For each unit the places of those before it that have to be done first."""
    return [[place for place, other in enumerate(units[:number]) if depend(unit, other)] for number, unit in enumerate(units)]


def width(units: Sequence[Unit]) -> int:
    """How many can be worked at the same time, if each takes as long as the others."""
    levels: list[int] = []
    for before in blockers(units):
        levels.append(1 + max((levels[place] for place in before), default=-1))
    return max((levels.count(level) for level in set(levels)), default=0)


def ready(units: Sequence[Unit], waiting: set[tuple[int, str]], done: set[tuple[int, str]]) -> Iterator[Unit]:
    """Those of the `waiting` ones (by key) that can begin now, in order: all that come before and matter to them are `done`."""
    for unit, before in zip(units, blockers(units)):
        if unit.key in waiting and all(units[place].key in done for place in before):
            yield unit


# --- what the tables say ------------------------------------------------------------------------------------------------


def unit(site: Site, task: Task, direction: str) -> Unit:
    """A step with the tables it has to do with, as they are defined here."""
    host = site.host
    try:
        names = site.scope(task.resource, task.components)
    except UnknownResource:                      # its step will say so
        names = [task.resource]
    # that two tables are instances of one super-entity does not matter, only that somebody refers to it
    covers = {*names, *(entity for name in names if host.carries(name) for entity in host.super_entities(name))}
    reached = {*names, *_filtering(site, task, names)}
    left = list(reached)
    while left:
        name = left.pop()
        if host.carries(name):
            table = site.table(name)
            targets = {*table.references.values(), *table.list_references.values()} - reached
            reached |= targets
            left += targets
    return Unit(task.id, direction, frozenset(covers), frozenset(reached))


def _filtering(site: Site, task: Task, names: Sequence[str]) -> set[str]:
    """Tables at which the task's filters look."""
    found: set[str] = set()
    for name in names if task.filters else ():
        if site.host.carries(name):
            with suppress(BadFilter):            # its step will say so
                found.update(other for other, _ in site.host.related(name, task.conditions(name)).changed)
    return found


def units(site: Site, plan: Sequence[tuple[Task, str]]) -> list[Unit]:
    """The steps of a run, in its order."""
    return [unit(site, task, direction) for task, direction in plan]


def plan(tasks: Sequence[Task]) -> list[tuple[Task, str]]:
    """The steps of a run in order: each task as configured, its pull before its push."""
    return [(task, direction) for task in tasks for direction in ("pull", "push")
            if (task.pulls if direction == "pull" else task.pushes)]
