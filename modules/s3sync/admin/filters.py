"""Resource filters: which records of a table a task exchanges."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Sequence

from ..errors import BadFilter, UnknownResource
from ..tables import eden
from .fields import Input

#: empty rows offered in the form
SPARE = 2


@dataclass
class Filters(Input):
    """Any number of filters; the value is a list of (table name or "" for the task's own, filter text)."""

    value: list[tuple[str, str]] = field(default_factory=list)
    tables: Sequence[tuple[str, str]] = ()
    template: str = "filters"

    def read(self, variables: Any, T: Callable[..., Any]) -> list[tuple[str, str]]:
        names, texts = self._all(variables, self.name + "_table"), self._all(variables, self.name)
        self.value = [(name, text.strip()) for name, text in zip(names, texts) if text.strip()]
        known = {name for name, _ in self.tables} | {""}
        for number, (name, text) in enumerate(self.value, 1):
            if name not in known:
                raise ValueError(str(T("Filter %(number)s: choose one of the tables offered.", {"number": number})))
            if len(text) > self.length:
                raise ValueError(str(T("Filter %(number)s is too long: at most %(length)s characters are possible.",
                                       {"number": number, "length": self.length})))
        return list(self.value)

    def rows(self) -> list[tuple[str, str]]:
        """What the form shows: the filters, and some empty ones to fill in."""
        return [*self.value, *[("", "")] * SPARE]

    @staticmethod
    def _all(variables: Any, name: str) -> list[str]:
        value = variables.get(name)
        return [item for item in (value if isinstance(value, (list, tuple)) else [value]) if isinstance(item, str)]


def stored(db: Any, task: Any) -> list[Any]:
    """The filters of a task."""
    table = db.sync_resource_filter
    return list(db((table.task_id == task.id) & (table.deleted != True)).select(orderby=table.id))  # noqa: E712


def problem(app: Any, resource: str, given: Sequence[tuple[str, str]], T: Callable[..., Any]) -> str:
    """What is wrong with filters of a task for `resource`; "" if nothing is."""
    for number, (name, text) in enumerate(given, 1):
        try:
            app.host.condition(name or resource, [text])
        except (BadFilter, UnknownResource) as error:
            return str(T("Filter %(number)s, %(text)s: %(error)s",
                         {"number": number, "text": text, "error": error.message}))
    return ""


def save(db: Any, task_id: int, resource: str, given: Sequence[tuple[str, str]], before: Sequence[Any]) -> bool:
    """Make `given` the filters of a task; True if that changed anything."""
    table = db.sync_resource_filter
    wanted = [(name or resource, text) for name, text in given]
    changed = False
    for row in before:
        if (row.tablename, row.filter_string) in wanted:
            wanted.remove((row.tablename, row.filter_string))
        else:
            eden.mark_deleted(db, "sync_resource_filter", table.id == row.id)
            changed = True
    for name, text in wanted:
        table.insert(task_id=task_id, tablename=name, filter_string=text)
        changed = True
    return changed
