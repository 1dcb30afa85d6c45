"""Is a record fit for its table? Lengths, mandatory fields, and the host's own validators, compiled once per table."""
from __future__ import annotations

from typing import Any, Callable

from ..hosts.base import Host
from ..hosts.table import StoredRow, TableMap
from ..s3xml.record import Record
from .decide import Action

Validator = Callable[..., Any]


class Checker:
    """Checks records of one table. A value equal to the one stored already is not checked again."""

    def __init__(self, host: Host, table: TableMap) -> None:
        self.table = table
        self.lengths = {f.name: f.length for f in table.schema.fields if f.type == "string" and f.length}
        self.validators = {name: list(found) for name, found in host.validators(table.name).items()
                           if name in table.schema.by_name}
        self.mandatory = [f.name for f in table.schema.fields if f.name not in table.nullable]
        self.blank_lists = [f.name for f in table.schema.fields if f.type == "list:string"]

    def check(self, record: Record, row: StoredRow | None, action: Action) -> str:
        """Why the record must not be written; "" if it may. Values may be normalised in place."""
        if action not in (Action.CREATE, Action.UPDATE):
            return ""
        values = record.values
        for name in self.blank_lists:            # pyDAL does not store blank items
            if values.get(name):
                values[name] = [item for item in values[name] if item.strip()]
        old = row.values if row is not None and not row.deleted else {}
        for name, length in self.lengths.items():
            value = values.get(name)
            if value is not None and len(value) > length and value != old.get(name):
                return f"{name}: longer than {length} characters"
        for name in self.mandatory:
            if name in values:
                if values[name] is None:
                    return f"{name}: a value is required"
            elif action is Action.CREATE and name not in self.table.defaults:
                return f"{name}: a value is required"
        for name, validators in self.validators.items():
            if name in values and (row is None or values[name] != old.get(name)):
                reason = self._validate(name, values, validators, row)
                if reason:
                    return reason
        return ""

    def _validate(self, name: str, values: dict[str, Any], validators: list[Validator], row: StoredRow | None) -> str:
        original = value = values[name]
        if name in self.table.references or name in self.table.list_references:
            return ""                            # whether the target exists is found out when it is resolved
        given = "" if value is None else self.table.python_value(name, value)
        value = given
        for validator in validators:
            set_self = getattr(validator, "set_self_id", None)
            if set_self is not None:             # unique values: not compared with the record itself
                set_self(row.id if row is not None else 0)
            try:
                value, error = validator(value)
            except (TypeError, ValueError, AttributeError, KeyError) as broken:
                return f"{name}: its validator failed on {original!r:.80}: {broken}"
            if error:
                return f"{name}: {error} ({original!r:.80})"
        if value != given and type(value) is type(original):
            values[name] = value                 # a validator may normalise
        return ""
