"""The tables a task covers, and which of their records."""
from __future__ import annotations

from hashlib import blake2s

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


def scope_digest(task: Task) -> str:
    """Changes with everything that decides which records a task covers; a cursor is only good for the same."""
    text = repr((task.resource, task.components, sorted(task.filters)))
    return blake2s(text.encode("utf-8"), digest_size=8).hexdigest()
