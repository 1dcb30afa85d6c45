"""Is a record fit for its table? Lengths, mandatory fields, and the host's own validators, compiled once per table."""
from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Callable, Iterable

from pydal.validators import IS_LENGTH

from ..hosts.base import Host
from ..hosts.callback import HookError, call
from ..hosts.limits import limits
from ..hosts.table import StoredRow, TableMap, canonical_default
from ..s3xml.record import Record
from .decide import Action

Validator = Callable[..., Any]

#: what a validator may make of a value of these types
KINDS: dict[str, type | tuple[type, ...]] = {
    "string": str, "text": str, "integer": int, "bigint": int, "double": (float, int), "decimal": (Decimal, int), "boolean": bool,
    "date": date, "datetime": datetime, "time": time, "json": (dict, list), "list:string": list, "list:integer": list}


class Checker:
    """Checks records of one table. A value equal to the one stored already is not checked again."""

    def __init__(self, host: Host, table: TableMap) -> None:
        self.table = table
        self.lengths = {f.name: f.length for f in table.schema.fields if f.type == "string" and f.length}
        self.validators = {name: list(found) for name, found in host.validators(table.name).items()
                           if name in table.schema.by_name}
        self.limits = limits(table)
        self.mandatory = [f.name for f in table.schema.fields if f.name not in table.nullable]
        #: fields whose validators are such that a text can be told to be good without calling them
        self._plain = {name: test for name, found in self.validators.items()
                       if table.schema.by_name[name].type in ("string", "text") and (test := _test(found)) is not None}
        #: fields whose validators refuse that nothing is entered: found out when the first record lacks one
        self._wanted: dict[str, str] = {}
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
        for name, checks in self.limits.items():
            value = values.get(name)
            if value is not None:
                for too_large in checks:
                    if reason := too_large(value):
                        return f"{name}: {reason}"
        for name in self.mandatory:
            if name in values:
                if values[name] is None:
                    return f"{name}: a value is required"
            elif action is Action.CREATE and name not in self.table.defaults:
                return f"{name}: a value is required"
        for name, validators in self.validators.items():
            reason = ""
            if name not in values:
                if action is Action.CREATE and name not in self.table.defaults:
                    reason = self._entered(name, validators)
            elif row is None or values[name] != old.get(name):
                test = self._plain.get(name)
                if test is None or not values[name] or not test(values[name]):
                    reason = self._validate(name, values, validators, row)
            if reason:
                return reason
        return ""

    def _entered(self, name: str, validators: list[Validator]) -> str:
        """Why a new record must mention the field; "" if it need not."""
        if name not in self._wanted:
            self._wanted[name] = self._validate(name, {name: None}, validators, None) and f"{name}: a value is required"
        return self._wanted[name]

    def _validate(self, name: str, values: dict[str, Any], validators: list[Validator], row: StoredRow | None) -> str:
        original = values[name]
        if original is not None and name in self.table.uploads:
            return ""                            # they were asked when the file was taken
        if name in self.table.references or name in self.table.list_references:
            return ""                            # whether the target exists is found out when it is resolved
        given = value = "" if original is None else self.table.python_value(name, original)
        for validator in validators:
            set_self = getattr(validator, "set_self_id", None)
            try:
                if set_self is not None:         # unique values: not compared with the record itself
                    set_self(row.id if row is not None else 0)
                value, error = call(validator, value)
            except (HookError, TypeError, ValueError) as broken:
                return f"{name}: its validator failed on {original!r:.80}: {broken}"
            if error:
                return f"{name}: {error} ({original!r:.80})"
        if value != given and value is not None:
            values[name] = self._canonical(name, value, original)
        return ""

    def _canonical(self, name: str, value: Any, original: Any) -> Any:
        """What a validator made of a value, in canonical form; the value as it came where it made another type of it."""
        field = self.table.schema.by_name[name]
        wanted = KINDS.get(field.type)
        if wanted is None or not isinstance(value, wanted) or isinstance(value, bool) != (field.type == "boolean"):
            return original
        return canonical_default(field, value)


def _test(validators: Iterable[Any]) -> Callable[[str], bool] | None:
    """What pyDAL's own validators for texts come down to: they accept as it is what passes; None if there are others."""
    low, high = 0, None
    left = list(validators)
    while left:
        validator = left.pop(0)
        kind = type(validator)
        if kind.__name__ == "DefaultValidatorProxy":         # what pyDAL puts in itself, since 2026
            validator, kind = validator.obj, type(validator.obj)
        if kind.__module__ != IS_LENGTH.__module__ or getattr(validator, "empty_regex", None) is not None:
            return None
        if kind.__name__ in ("IS_EMPTY_OR", "IS_NULL_OR"):   # of what is not empty, it asks the others
            other = validator.other
            left = [*(other if isinstance(other, (list, tuple)) else [other]), *left]
        elif kind.__name__ == "IS_LENGTH":
            low = max(low, validator.minsize)
            high = validator.maxsize if high is None else min(high, validator.maxsize)
        elif kind.__name__ not in ("IS_NOT_EMPTY", "Validator"):           # the latter takes everything
            return None
    return lambda text: low <= len(text) and (high is None or len(text) <= high) and not text.isspace()
