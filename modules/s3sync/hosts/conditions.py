"""Conditions on a single column: the operators of Eden's URL query language and the values they take (SYNC_PROTOCOL §4).

The semantics are those of Eden's S3ResourceQuery, except that what Eden passes over silently is an error here. Every
condition says besides what it is worth for a record that does not exist, which decides whether ``office.type=NONE`` finds
organisations without any office, as Eden's outer joins do.
"""
from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import and_, or_
from typing import Any, Callable, NamedTuple, Sequence

from dateutil.relativedelta import relativedelta
from pydal.objects import Query

from ..errors import BadFilter
from ..s3xml.values import decimal_decoder, decode_datetime, decode_double, decode_integer, decode_time, shown

OPERATORS = ("lt", "le", "eq", "ne", "ge", "gt", "like", "belongs", "contains", "anyof", "typeof", "intersects")

#: Columns nobody may probe with a filter, besides all of type password
SECRET = frozenset(("registration_key", "reset_password_key", "registration_id", "password", "client_secret", "site_key",
                    "refresh_token", "proxy"))

_COMPARE: dict[str, Callable[[Any, Any], Query]] = {
    "lt": lambda field, value: field < value,
    "le": lambda field, value: field <= value,
    "ge": lambda field, value: field >= value,
    "gt": lambda field, value: field > value,
}
_RELATIVE = re.compile(r"([+-]?)([0-9]{1,9})([YMWDhms])", re.ASCII)
_SECONDS = {"W": 604800, "D": 86400, "h": 3600, "m": 60, "s": 1}
_WKT = re.compile(r"(?:POINT|LINESTRING|POLYGON|MULTI\w+|GEOMETRYCOLLECTION)[\s(][-+\d\w\s.,()]*", re.ASCII | re.IGNORECASE)


class Condition(NamedTuple):
    """A query, and its truth for a record whose columns are all NULL (None: unknown, as in SQL)."""

    query: Query
    of_nothing: bool | None = None

    def __invert__(self) -> Condition:
        return Condition(~self.query, None if self.of_nothing is None else not self.of_nothing)


def either(conditions: Sequence[Condition]) -> Condition:
    """Any of them."""
    truths = {condition.of_nothing for condition in conditions}
    truth = True if True in truths else None if None in truths else False
    return Condition(reduce(or_, (condition.query for condition in conditions)), truth)


def both(conditions: Sequence[Condition]) -> Condition:
    """All of them."""
    truths = {condition.of_nothing for condition in conditions}
    truth = False if False in truths else None if None in truths else True
    return Condition(reduce(and_, (condition.query for condition in conditions)), truth)


class Test:
    """An operator with its values, to be applied to whatever column a selector leads to.

    Parameters
    ----------
    operator : one of OPERATORS
    values : at least one; None stands for NULL
    inverted : the condition must not hold
    now : what NOW means, naive UTC
    """

    def __init__(self, operator: str, values: Sequence[str | None], inverted: bool, now: datetime) -> None:
        if operator not in OPERATORS:
            raise BadFilter(f"there is no operator __{operator}", hint=f"Operators are: {', '.join(OPERATORS)}")
        self.operator = operator
        self.values = list(values)
        self.inverted = inverted
        self.now = now

    def __call__(self, field: Any) -> Condition:
        """The condition on this column; raises BadFilter where operator, values and column do not go together."""
        kind = str(field.type).partition("(")[0]
        if kind == "password" or field.name in SECRET and kind in ("string", "text"):
            raise BadFilter(f"{field} is secret")
        condition = self._condition(field, kind)
        return ~condition if self.inverted else condition

    def _condition(self, field: Any, kind: str) -> Condition:
        operator = self.operator
        listed = kind.startswith("list:")
        if operator == "eq":
            return self._equal(field, kind)
        if operator == "ne":
            if self.values == [None]:
                return Condition(field != None, False)  # noqa: E711
            if len(self.values) == 1 and not listed:
                return Condition(field != self._value(field, kind, self.values[0]))
            return ~self._equal(field, kind)
        if operator in _COMPARE:
            if listed or kind in ("boolean", "json", "jsonb", "blob", "upload"):
                raise BadFilter(f"{field} has no order, so __{operator} means nothing")
            compare = _COMPARE[operator]
            return either([Condition(compare(field, self._value(field, kind, value))) for value in self.values])
        if operator == "like":
            _textual(field, kind, operator)
            return either([Condition(like(field, _pattern(_given(value, field, operator)))) for value in self.values])
        if operator in ("belongs", "typeof"):
            return self._belongs(field, kind)
        if operator in ("contains", "anyof"):
            _textual(field, kind, operator)
            parts = [Condition(contains(field, kind, self._item(field, kind, value))) for value in self.values]
            return both(parts) if operator == "contains" else either(parts)
        return self._intersects(field, kind)

    def _equal(self, field: Any, kind: str) -> Condition:
        if self.values == [None]:
            return Condition(field == None, True)  # noqa: E711
        if kind.startswith("list:"):      # exactly this list
            items = [self._item(field, kind, value) for value in self.values]
            return Condition(field == items)
        return self._belongs(field, kind)

    def _belongs(self, field: Any, kind: str) -> Condition:
        """Any of the values, NULL among them; in a text an asterisk stands for anything (but not for a single eq)."""
        parts: list[Condition] = []
        given = [value for value in self.values if value is not None]
        if len(given) < len(self.values):
            parts.append(Condition(field == None, True))  # noqa: E711
        if kind.startswith("list:"):
            parts += [Condition(contains(field, kind, self._item(field, kind, value))) for value in given]
            return either(parts)
        plain = []
        wild = len(self.values) > 1 or self.operator not in ("eq", "ne")
        for value in given:
            if wild and "*" in value and kind in ("string", "text"):
                parts.append(Condition(like(field, _escaped(value).replace("*", "%"), exact=True)))
            else:
                plain.append(self._value(field, kind, value))
        if len(plain) == 1:
            parts.append(Condition(field == plain[0]))
        elif plain:
            parts.append(Condition(field.belongs(plain)))
        return either(parts)

    def _intersects(self, field: Any, kind: str) -> Condition:
        if kind not in ("geometry", "geography"):
            raise BadFilter(f"{field} is no geometry, so __intersects means nothing",
                            hint="It needs a spatial database and a column such as the_geom")
        shapes = [_given(value, field, "intersects") for value in self.values]
        text = ",".join(shapes)       # commas are part of a shape's description
        if _WKT.fullmatch(text) is None:
            raise BadFilter(f"{shown(text)} describes no shape", hint="Well-known text is expected: POLYGON((…))")
        return Condition(field.st_intersects(text))

    # --- values ------------------------------------------------------------------------------------------------------

    def _value(self, field: Any, kind: str, value: str | None) -> Any:
        """A value in the type of the column."""
        text = _given(value, field, self.operator)
        try:
            if kind in ("string", "text", "upload", "json", "jsonb"):
                return text
            if kind in ("integer", "bigint", "id") or kind.startswith(("reference", "big-")):
                return _number(decode_integer(text))
            if kind in ("double", "float"):
                return _number(decode_double(text))
            if kind == "decimal":
                return Decimal(_number(decimal_decoder(None)(text)))
            if kind == "boolean":
                return {"true": True, "1": True, "t": True, "false": False, "0": False, "f": False}[text.strip().lower()]
            if kind == "datetime":
                return self._moment(text)
            if kind == "date":
                return self._moment(text).date()
            if kind == "time" and re.match(r"\d\d?:\d\d", text, re.ASCII):
                return datetime.strptime(str(decode_time(text)), "%H:%M:%S").time()
        except (ValueError, KeyError, OverflowError):
            hint = ""
            if kind.startswith("reference"):
                hint = f"Select by a field of the record it refers to, e.g. {field.name}$uuid or {field.name}$name"
            raise BadFilter(f"{shown(text)} is no {kind.partition(' ')[0]}, as {field} is", hint=hint) from None
        if kind == "time":
            raise BadFilter(f"{shown(text)} is no time, as {field} is")
        raise BadFilter(f"{field} is of type {kind}, which cannot be filtered by")

    def _item(self, field: Any, kind: str, value: str | None) -> Any:
        """A value in the type of the items of a list column; for others, text."""
        if kind in ("list:integer",) or kind.startswith("list:reference"):
            return self._value(field, "integer", value)
        return _given(value, field, self.operator)

    def _moment(self, text: str) -> datetime:
        """A moment in naive UTC: ISO 8601 (a date alone: its beginning), NOW, or relative to now such as -7D or +1Y6M."""
        word = text.strip()
        if word.lower() == "now":
            return self.now.replace(microsecond=0)
        if word and text[:1] == " " and word[0].isdigit() and "-" not in word:
            word = f"+{word}"         # a plus that was not percent-encoded
        if word[:1] in ("+", "-"):
            return self._relative(word)
        if re.match(r"\d{4}-\d\d-\d\d", word, re.ASCII) is None:
            raise ValueError
        moment = decode_datetime(f"{word}T00:00:00" if len(word) == 10 else word)
        return datetime.fromisoformat(str(moment))

    def _relative(self, text: str) -> datetime:
        steps = _RELATIVE.findall(text)
        if "".join(map("".join, steps)) != text:
            raise ValueError
        moment, sign = self.now.replace(microsecond=0), 1
        for given, number, unit in steps:
            sign = {"-": -1, "+": 1}.get(given, sign)
            count = sign * int(number)
            if unit == "Y":
                moment += relativedelta(years=count)
            elif unit == "M":
                moment += relativedelta(months=count)
            else:
                moment += timedelta(seconds=count * _SECONDS[unit])
        return moment


def _number(value: Any) -> Any:
    if value is None:      # JSON's null, which is NONE here
        raise ValueError
    return value


def _given(value: str | None, field: Any, operator: str) -> str:
    if value is None:
        raise BadFilter(f"NONE has no meaning in {field}__{operator}", hint="Use eq, ne or belongs")
    if "\0" in value:
        raise BadFilter(f"{shown(value)} contains a null character")
    return value


def _textual(field: Any, kind: str, operator: str) -> None:
    allowed = ("string", "text", "upload") if operator == "like" else ("string", "text")
    if kind not in allowed and not kind.startswith("list:"):
        raise BadFilter(f"{field} is of type {kind}, but __{operator} is for texts and lists")


# --- SQL that pyDAL has no words for, or different ones for every database -----------------------------------------------

def _escaped(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def _pattern(text: str) -> str:
    """Eden's wildcards * and ? to those of SQL."""
    return _escaped(text).replace("?", "_").replace("*", "%")


def _like(field: Any, pattern: str, query_env: Any = None) -> str:
    adapter = field.db._adapter
    # Both sides are folded by the database, so that they are folded alike whatever its locale.
    column = adapter.expand(field, query_env=query_env or {})
    return f"(LOWER({column}) LIKE LOWER({adapter.represent(pattern, 'string')}) ESCAPE '!')"


def _like_exactly(field: Any, pattern: str, query_env: Any = None) -> str:
    adapter = field.db._adapter
    return f"({adapter.expand(field, query_env=query_env or {})} LIKE {adapter.represent(pattern, 'string')} ESCAPE '!')"


def like(field: Any, pattern: str, exact: bool = False) -> Query:
    """The column matches an SQL pattern whose escape character is ``!``; `exact`: with the database's idea of case."""
    return Query(field.db, _like_exactly if exact else _like, field, pattern)


def contains(field: Any, kind: str, item: Any) -> Query:
    """A text contains another, or a list (stored as ``|a|b|`` by pyDAL) an item; regardless of case."""
    text = _escaped(str(item))
    if kind.startswith("list:"):
        return like(field, f"%|{text.replace('|', '||')}|%")
    return like(field, f"%{text}%")
