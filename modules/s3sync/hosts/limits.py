"""What the columns of this site's database cannot hold, though values of their type may be so large.

Databases differ: SQLite takes any number anywhere, PostgreSQL refuses what is too large (and with it the whole statement), MySQL
as pyDAL configures it cuts it short without a word. A value that does not fit is the fate of its record, told beforehand.
"""
from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Callable

from .table import TableMap

#: why a value does not fit; "" if it does
Limit = Callable[[Any], str]

_PRECISION = re.compile(r"decimal\((\d+),\s*(\d+)\)").match

#: characters of four bytes in UTF-8, which MySQL's older character set has not
_ASTRAL = re.compile("[\U00010000-\U0010ffff]").search


def _integer(value: Any) -> str:
    return "" if -2 ** 31 <= value < 2 ** 31 else f"{value} is more than a column of integers can hold"


def decimal_limit(precision: int, scale: int) -> Limit:
    """Limit of a column of decimals with this many digits altogether, and this many after the point."""
    largest = Decimal(10) ** (precision - scale)

    def check(value: Any) -> str:
        return "" if abs(Decimal(value)) < largest else f"{value} has more than {precision - scale} digits before the point"
    return check


def _three_bytes(value: Any) -> str:
    text = value if isinstance(value, str) else "".join(map(str, value))
    found = _ASTRAL(text)
    return f"the character set of the column has no {found.group()!a}; utf8mb4 has" if found else ""


def limits(table: TableMap) -> dict[str, list[Limit]]:
    """Limits by column of a table, where its database has any."""
    dialect = table.db.dialect
    if dialect == "sqlite":
        return {}
    narrow = table.db.narrow(table.name)
    found: dict[str, list[Limit]] = {}
    for field in table.schema.fields:
        column: list[Limit] = []
        if field.type == "integer":
            column.append(_integer)
        elif field.type == "decimal":
            digits = _PRECISION(str(table.dal_table[field.name].type))
            if digits:
                column.append(decimal_limit(int(digits[1]), int(digits[2])))
        elif field.type in ("string", "text", "json", "list:string") and field.name in narrow:
            column.append(_three_bytes)
        if column:
            found[field.name] = column
    return found
