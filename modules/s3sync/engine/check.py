"""Is a record fit for its table? Lengths, mandatory fields, and the host's own validators, put together once per table."""
from __future__ import annotations

from typing import Any

from ..hosts.base import Host
from ..hosts.limits import Limit, limits
from ..hosts.table import StoredRow, TableMap
from ..s3xml.record import Record
from .decide import Decision
from .validation import Validation

#: the field is not mentioned
ABSENT = object()


class Checker:
    """Checks records of one table. A value equal to the one stored already is not checked again."""

    def __init__(self, host: Host, table: TableMap) -> None:
        self.table = table
        validators, found = host.validators(table.name), limits(table)
        rules = [_Rule(f.name, f.length if f.type == "string" and f.length else None, found.get(f.name, []),
                       f.name not in table.nullable, f.name in table.defaults,
                       Validation(table, f.name, validators[f.name]) if f.name in validators else None)
                 for f in table.schema.fields]
        self._rules = [rule for rule in rules if rule.says_anything]
        self._lists = [f.name for f in table.schema.fields if f.type == "list:string"]

    def check(self, record: Record, row: StoredRow | None, decision: Decision) -> str:
        """Why the record must not be written; "" if it may. Values may be normalised in place."""
        if not decision.writes:
            return ""
        values = record.values
        for name in self._lists:                 # pyDAL does not store blank items
            if values.get(name):
                values[name] = [item for item in values[name] if item.strip()]
        old = row.values if row is not None and not row.deleted else {}
        created = decision.method == "create"
        for rule in self._rules:
            name = rule.name
            value = values.get(name, ABSENT)
            if value is ABSENT:
                reason = rule.absent() if created else ""
            elif value is None:
                reason = rule.missing(values, row, old)
            elif value == old.get(name):
                continue
            else:
                reason = rule.check(values, value, row)
            if reason:
                return reason
        return ""


class _Rule:
    """What one field asks of its values."""

    __slots__ = ("name", "length", "limits", "mandatory", "default", "validation")

    def __init__(self, name: str, length: int | None, limits: list[Limit], mandatory: bool, default: bool,
                 validation: Validation | None) -> None:
        self.name, self.length, self.limits, self.mandatory, self.default = name, length, limits, mandatory, default
        self.validation = validation

    @property
    def says_anything(self) -> bool:
        return bool(self.length or self.limits or self.mandatory or self.validation)

    def absent(self) -> str:
        """Why a new record must mention the field; "" if it need not."""
        if self.default:
            return ""
        if self.mandatory:
            return f"{self.name}: a value is required"
        return self.validation.absent() if self.validation is not None else ""

    def missing(self, values: dict[str, Any], row: StoredRow | None, old: dict[str, Any]) -> str:
        """Why there must be a value; "" if there need not be one."""
        if self.mandatory:
            return f"{self.name}: a value is required"
        if self.validation is None or row is not None and old.get(self.name) is None:
            return ""
        return self.validation.check(values, row.id if row is not None else 0)

    def check(self, values: dict[str, Any], value: Any, row: StoredRow | None) -> str:
        """Why a value cannot be taken; "" if it can."""
        if self.length is not None and len(value) > self.length:
            return f"{self.name}: longer than {self.length} characters"
        for too_large in self.limits:
            if reason := too_large(value):
                return f"{self.name}: {reason}"
        if self.validation is None:
            return ""
        return self.validation.check(values, row.id if row is not None else 0)
