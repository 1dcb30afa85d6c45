"""PostgreSQL's fast ways to take many rows, over psycopg2.

The driver turns each value into an object that quotes it; that takes longer than all else here does with a row. Most values are
numbers and short texts without anything special in them, whose literals are simply put together.
"""
from __future__ import annotations

import io
from datetime import date, datetime, time
from decimal import Decimal
from math import isfinite
from typing import Any, Callable, Iterator, Sequence

Row = Sequence[Any]

#: fewer rows go by INSERT, whose errors are those of the values alone
WORTHWHILE = 20

#: rows of one statement
CHUNK = 500

#: values of one array: a statement of its own is read for each
ARRAY = 5000

#: Said before a query of a page or of some hundred keys. Without statistics, which a table that was just filled has not, the
#: planner takes it for one of few rows and reads and sorts the whole table for each page; with them, up to some 100,000 rows, it
#: reads the whole table rather than look up 1,000 of them. What it cannot do without a way that is off, it does at a price that
#: would have it compile the query (JIT), for longer than the query takes
BY_INDEX = tuple(f"SET LOCAL {name} TO off; " for name in ("enable_seqscan", "enable_bitmapscan", "enable_sort", "jit"))

#: the version of PostgreSQL that brought JIT
JIT = 110_000

#: what an array of numbers may hold
LIMITS = range(-2 ** 63, 2 ** 63)

#: rows of one COPY: as much text as is in memory at a time
COPIED = 5000


def by_index(cursor: Any) -> tuple[str, str]:
    """What is said before a query of few rows by an index, and after it, for whatever else the transaction does."""
    before = "".join(BY_INDEX if cursor.connection.server_version >= JIT else BY_INDEX[:-1])
    return before, before.replace("TO off", "TO DEFAULT")


# --- COPY ---------------------------------------------------------------------------------------------------------------


def _text(value: str) -> str:
    if "\\" in value or "\n" in value or "\t" in value or "\r" in value:
        return value.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    return value


#: how a value stands in COPY's text format; a row with any other type goes by INSERT
COPYABLE: dict[type, Callable[[Any], str]] = {
    str: _text, int: repr, float: repr, type(None): lambda value: "\\N", Decimal: str, datetime: str, date: str, time: str}


def copy(cursor: Any, table: str, columns: Sequence[str], rows: Sequence[Row]) -> bool:
    """Insert rows by COPY; False, and nothing done, if they hold values that it is not known to take as INSERT does."""
    if len(rows) < WORTHWHILE:
        return False
    try:
        lines = ["\t".join([COPYABLE[type(value)](value) for value in row]) for row in rows]
    except KeyError:
        return False
    names = ", ".join(f'"{name}"' for name in columns)
    for start in range(0, len(lines), COPIED):
        cursor.copy_expert(f'COPY "{table}" ({names}) FROM STDIN', io.StringIO("\n".join(lines[start:start + COPIED]) + "\n"))
    return True


# --- statements with many rows ------------------------------------------------------------------------------------------


def literal(cursor: Any, value: Any) -> str:
    """A value as it stands in a statement."""
    kind = type(value)
    if kind is str:
        if "'" not in value and "\\" not in value and "\0" not in value:
            return f"'{value}'"
    elif kind is int or (kind is float and isfinite(value)):
        return repr(value) if value >= 0 else f" {value!r}"        # else "--" might begin a comment
    elif value is None:
        return "NULL"
    found: bytes = cursor.mogrify("%s", (value,))
    return found.decode("utf-8")


def _element(value: str) -> str:
    """A text in an array's literal."""
    if "\\" in value or '"' in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{value}"'


#: how a value stands in an array's literal
ELEMENTS: dict[type, Callable[[Any], str]] = {str: _element, int: repr, type(None): lambda value: "NULL"}

#: the types of arrays that hold what is written to columns of pyDAL's types
ARRAYS = {"string": "text", "text": "text", "integer": "bigint", "bigint": "bigint", "datetime": "timestamp"}


def array(values: Sequence[Any]) -> tuple[str, list[str]] | None:
    """The mark of an array in a statement, and its elements: one literal, where ``IN`` takes a parameter for each value.

    None if there are others than texts, or numbers. Texts take the type of the column they are compared with, as they do
    in ``IN``; numbers are bigint, whatever the column: one beyond its range is simply not found.
    """
    kinds = set(map(type, values))
    if kinds == {str}:
        return "?", [_element(value) for value in values]
    if kinds == {int} and min(values) in LIMITS and max(values) in LIMITS:
        return "CAST(? AS bigint[])", list(map(str, values))
    return None


def texts(values: Sequence[str]) -> str:
    """An array of texts as a literal."""
    return "{" + ",".join(map(_element, values)) + "}"


def values(cursor: Any, head: str, rows: Sequence[Row], tail: str = "") -> None:
    """Statements of `head`, VALUES lists and `tail`. Both are SQL as it is, without marks."""
    for part in _parts(rows):
        lists = ["(" + ", ".join([literal(cursor, value) for value in row]) + ")" for row in part]
        cursor.execute(head + ", ".join(lists) + tail)


def arrays(cursor: Any, head: str, kinds: Sequence[str], rows: Sequence[Row], tail: str) -> bool:
    """`head`, rows, `tail` as `values` would write them, each column an array: a third of the time is reading VALUES lists.

    Parameters
    ----------
    kinds : pyDAL's types of the columns

    Returns
    -------
    done : False, and nothing done, for few rows, and for types of columns and values that it does not know
    """
    types = [ARRAYS.get(kind) for kind in kinds]
    if len(rows) < WORTHWHILE or None in types:
        return False
    marks = ", ".join([f"CAST(%s AS {kind}[])" for kind in types])
    try:
        columns = [[ELEMENTS[type(value)](value) for value in column] for column in zip(*rows)]
    except KeyError:
        return False
    statement = f"{head.replace('%', '%%')}SELECT * FROM unnest({marks}){tail.replace('%', '%%')}"
    for start in range(0, len(rows), ARRAY):
        cursor.execute(statement, ["{" + ",".join(column[start:start + ARRAY]) + "}" for column in columns])
    return True


def batch(cursor: Any, sql: str, rows: Sequence[Row]) -> None:
    """A statement with ``%s`` marks, once for each row, many in one go."""
    for part in _parts(rows):
        cursor.execute(";".join([sql % tuple([literal(cursor, value) for value in row]) for row in part]))


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start:start + CHUNK]
