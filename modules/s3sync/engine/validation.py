"""The application's validators of one field, put together once, so that asking them costs little more than they do."""
from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Callable, Iterable, Sequence

from pydal.validators import IS_LENGTH, ValidationError

from ..hosts.callback import HookError, call
from ..hosts.table import TableMap, canonical_default
from ..s3xml.schema import Field

Validator = Callable[..., Any]

#: what a validator may make of a value of these types
KINDS: dict[str, type | tuple[type, ...]] = {
    "string": str, "text": str, "integer": int, "bigint": int, "double": (float, int), "decimal": (Decimal, int), "boolean": bool,
    "date": date, "datetime": datetime, "time": time, "json": (dict, list), "list:string": list, "list:integer": list}

#: pyDAL's own validators whose answer depends on nothing but the value
PURE = frozenset((
    "IS_ALPHANUMERIC", "IS_DATE", "IS_DATETIME", "IS_DATETIME_IN_RANGE", "IS_DATE_IN_RANGE", "IS_DECIMAL_IN_RANGE", "IS_EMAIL",
    "IS_FLOAT_IN_RANGE", "IS_GENERIC_URL", "IS_HTTP_URL", "IS_INT_IN_RANGE", "IS_IN_SET", "IS_IPADDRESS", "IS_IPV4", "IS_IPV6",
    "IS_LENGTH", "IS_LOWER", "IS_MATCH", "IS_NOT_EMPTY", "IS_SLUG", "IS_TIME", "IS_UPPER", "IS_URL"))

#: values of a field that are remembered as good: a country, a kind, a date come again and again, an e-mail address does not
REMEMBERED = 1000

#: types of which values that are equal are the same (0.0 and -0.0 are not)
EXACT = (str, int, bool)


class Validation:
    """The validators of one field.

    Attributes
    ----------
    name : the field
    """

    def __init__(self, table: TableMap, name: str, validators: Sequence[Validator]) -> None:
        self.name = name
        self.table = table
        self.validators = list(validators)
        self._field = table.schema.by_name[name]
        #: whether the target of a reference exists is found out when it is resolved
        self._asked = name not in table.references and name not in table.list_references
        self._upload = name in table.uploads
        self._told_ids = [tell for v in self.validators if (tell := getattr(v, "set_self_id", None)) is not None]
        self._passes = _test(self.validators) if self._field.type in ("string", "text") else None
        self._steps = _steps(self.validators) if self._field.type != "json" else None    # whose text does not show what is empty
        #: good values -> what the validators made of them; empty for good where these might answer otherwise the next time
        self._good: dict[Any, Any] = {}
        #: why a new record must mention the field; found out with the first that does not
        self._absent: str | None = None

    def absent(self) -> str:
        """Why a new record must mention the field; "" if it need not."""
        if self._absent is None:
            self._absent = self.check({self.name: None}, 0) and f"{self.name}: a value is required"
        return self._absent

    def check(self, values: dict[str, Any], record_id: int) -> str:
        """Why the value of the field cannot be accepted; "" if it can. It may be normalised in place.

        `record_id` is the local id of the record, 0 if it is new: a unique value is not compared with the record itself.
        """
        original = values[self.name]
        kind = type(original)
        if kind is str and original and self._passes is not None and self._passes(original):
            return ""
        if not self._asked or original is not None and self._upload:       # files: they were asked when it was taken
            return ""
        if self._steps is None or original is None or original == [] or kind is str and (not original or original.isspace()):
            return self._slowly(values, original, record_id)
        exact = kind in EXACT
        if exact and (key := (kind, original)) in self._good:
            values[self.name] = self._good[key]
            return ""
        given = value = self.table.python_value(self.name, original)
        try:
            for step in self._steps:
                value = step(value)
        except ValidationError as refused:
            return self._refused(refused.message, original)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):   # asked as forms do it says why
            return self._slowly(values, original, record_id)
        self._normalise(values, given, value)
        if exact and len(self._good) < REMEMBERED:
            self._good[key] = values[self.name]
        return ""

    def _slowly(self, values: dict[str, Any], original: Any, record_id: int) -> str:
        """Ask the validators as a form does."""
        given = value = "" if original is None else self.table.python_value(self.name, original)
        try:
            for tell in self._told_ids:
                tell(record_id)
            for validator in self.validators:
                value, error = call(validator, value)
                if error:
                    return self._refused(error, original)
        except (HookError, TypeError, ValueError) as broken:
            return f"{self.name}: its validator failed on {original!r:.80}: {broken}"
        self._normalise(values, given, value)
        return ""

    def _refused(self, error: Any, original: Any) -> str:
        return f"{self.name}: {error} ({original!r:.80})"

    def _normalise(self, values: dict[str, Any], given: Any, value: Any) -> None:
        """Keep what validators made of the given value, unless they made another type of it."""
        if value != given and fits(self._field, value):
            values[self.name] = canonical_default(self._field, value)


def fits(field: Field, value: Any) -> bool:
    """Is this Python value one that the application's code may make of a value of this field?"""
    return isinstance(value, KINDS.get(field.type, ())) and isinstance(value, bool) == (field.type == "boolean")


def _own(validator: Any) -> tuple[Any, str]:
    """A validator and its name if it is pyDAL's own, else ""; without what pyDAL wraps its defaults in, since 2026."""
    if type(validator).__name__ == "DefaultValidatorProxy":
        validator = validator.obj
    kind = type(validator)
    return validator, kind.__name__ if kind.__module__ == IS_LENGTH.__module__ else ""


def _unwrapped(validators: Iterable[Any], unchanged: bool = False) -> list[tuple[Any, str]]:
    """Validators that a value which is not empty is given to, one after the other, with their names.

    Those that let empty values through ask others of the rest; one whose own idea of empty is not known stays as it is. So does
    one that comes after others, unless these leave the value `unchanged`: what they make of it may be empty.
    """
    found: list[tuple[Any, str]] = []
    left = list(validators)
    while left:
        validator, name = _own(left.pop(0))
        if (unchanged or not found) and name in ("IS_EMPTY_OR", "IS_NULL_OR") and getattr(validator, "empty_regex", None) is None:
            other = validator.other
            left = [*(other if isinstance(other, (list, tuple)) else [other]), *left]
        else:
            found.append((validator, name))
    return found


def _steps(validators: Iterable[Any]) -> list[Callable[[Any], Any]] | None:
    """What validators do with a value that is not empty: functions that return it or raise; None if not all are known."""
    found = []
    for validator, name in _unwrapped(validators):
        if name not in PURE or not hasattr(validator, "validate") or callable(getattr(validator, "theset", None)):
            return None
        found.append(validator.validate)
    return found


def _test(validators: Iterable[Any]) -> Callable[[str], bool] | None:
    """What pyDAL's own validators for texts come down to: they accept as it is what passes; None if there are others."""
    low, high = 0, None
    for validator, name in _unwrapped(validators, unchanged=True):
        if name == "IS_LENGTH":
            low = max(low, validator.minsize)
            high = validator.maxsize if high is None else min(high, validator.maxsize)
        elif name not in ("IS_NOT_EMPTY", "Validator") or getattr(validator, "empty_regex", None) is not None:
            return None                                      # "Validator" takes everything
    return lambda text: low <= len(text) and (high is None or len(text) <= high) and not text.isspace()
