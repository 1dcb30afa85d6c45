"""The tables a task covers, and which of their records."""
from __future__ import annotations

from hashlib import blake2s
from typing import Sequence

from ..s3xml.record import Record
from .peer import Task
from .site import Site


def scope(site: Site, task: Task) -> list[tuple[str, str]]:
    """(table, SQL condition) of a task, masters before their components.

    Components of records that a filter leaves out are left out too. Raises UnknownResource, BadFilter.
    """
    conditions: dict[str, str] = {}
    found = []
    for name in site.scope(task.resource, task.components):
        condition = site.host.condition(name, task.conditions(name))
        for parent in conditions if site.host.nested_components else [n for n in conditions if n == task.resource]:
            for part in site.host.components(parent):
                if part.table == name and conditions[parent] and not found_as_master(name, task):
                    inner = (f'"{name}"."{part.fkey}" IN (SELECT "{parent}"."{part.pkey}" FROM "{parent}" '
                             f'WHERE {conditions[parent]})')
                    condition = f"({condition}) AND {inner}" if condition else inner
        conditions[name] = condition
        found.append((name, condition))
    return found


def found_as_master(name: str, task: Task) -> bool:
    """Is this the task's own resource? (A table may be a component of itself.)"""
    return name == task.resource


def covered(site: Site, task: Task) -> frozenset[str]:
    """The tables that somebody has chosen with a task. Of others it brings what records refer to, and changes nothing."""
    return frozenset(site.scope(task.resource, task.components))


def without_dependencies(site: Site, tables: frozenset[str], records: Sequence[Record]) -> list[Record]:
    """Records of one table from the document of a plain Eden, less those that are here and that only others refer to.

    Their own task, if there is one, takes note of them; this one must not.
    """
    name = records[0].table
    if name in tables:
        return list(records)
    here = {row[0] for row in site.db.rows_in(f'SELECT "uuid" FROM "{site.table(name).name}" WHERE "uuid" IN ({{}})',
                                              [r.uuid for r in records if r.uuid])}
    return [r for r in records if r.uuid not in here]


def scope_digest(task: Task) -> str:
    """Changes with everything that decides which records a task covers; a cursor is only good for the same."""
    text = repr((task.resource, task.components, sorted(task.filters)))
    return blake2s(text.encode("utf-8"), digest_size=8).hexdigest()
