"""Eden's URL query language (SYNC_PROTOCOL §4) to conditions on one table.

    ~.name__like=*clinic*&~.organisation_id$country=KE,UG&office.type__belongs=1,NONE&~.modified_on__ge=-7D

What Eden would pass over silently, thus exporting everything, is an error here: see `to_query`.
"""
from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any, Callable, Sequence
from urllib.parse import unquote, unquote_plus

from pydal.objects import Query

from ..errors import BadFilter
from ..s3xml.values import shown
from .base import Component, Related
from .conditions import Condition, Test, both, either

Components = Callable[[str], Sequence[Component]]

#: a time that moves with the present
_MOVING = re.compile(r"\s*(now|[+-]?[0-9]+[YMWDhms]\b)", re.IGNORECASE | re.ASCII)

_OPERATOR = re.compile(r"__(?!link\.)([A-Za-z_]+)$", re.ASCII).search
_NONE = ("NONE", "None")

#: of a record's uuid, given its table and a sequence number: has it changed since?
_CHANGED = 'IN (SELECT "record_uuid" FROM "sync_version" WHERE "tablename" = ? AND "seq" > ?)'


def to_query(db: Any, tablename: str, filter_string: str, components: Components, now: datetime | None = None) -> Query:
    """A filter as a condition on the table alone: other tables are asked in nested selects.

    Parameters
    ----------
    db : a pyDAL DAL in which the table is defined
    filter_string : URL query text, as in ``sync_resource_filter``; several terms, joined by ``&``, must all hold
    components : gives the components of a table by its name
    now : what NOW and relative dates refer to, naive UTC; the present by default

    Raises
    ------
    BadFilter : for anything that is not understood: selectors, operators, values, texts that are no filter at all
    """
    return both(_terms(Path(db, components), tablename, filter_string, now)).query


def related(db: Any, tablename: str, filter_strings: Sequence[str], components: Components) -> Related:
    """What else than the records themselves decides whether these filters let them pass; raises BadFilter."""
    path = Path(db, components)
    conditions = [both(_terms(path, tablename, text, None)).query for text in filter_strings]
    changed = {}
    for hops in dict.fromkeys(path.chains):
        other = hops[-1][1].split('"')[1]
        if "uuid" not in db[other].fields:
            path.vague = True                     # its changes are not followed
            continue
        condition = f'"{other}"."uuid" {_CHANGED}'
        for own, key in reversed(hops):
            table = key.split('"')[1]
            condition = f'{own} IN (SELECT {key} FROM "{table}" WHERE {condition})'
        changed[condition] = other
    return Related(tuple((other, condition) for condition, other in changed.items()),
                   " AND ".join(f"({query})" for query in conditions), path.vague)


def _terms(path: Path, tablename: str, filter_string: str, now: datetime | None) -> list[Condition]:
    now = now or datetime.now(timezone.utc).replace(tzinfo=None)
    conditions = []
    for term in filter_string.strip().lstrip("?").split("&"):
        if not term.strip():
            continue
        key, equals, value = term.partition("=")
        key = unquote(key).strip()
        if not equals or not key:
            raise BadFilter(f"{shown(term)} is no filter", hint="Write selector=value, e.g. ~.name=Nairobi")
        conditions.append(_term(path, tablename, key, unquote_plus(value), now))
    if not conditions:
        raise BadFilter("it is empty", hint="Write selector=value, e.g. ~.name=Nairobi")
    return conditions


def _term(path: Path, tablename: str, key: str, value: str, now: datetime) -> Condition:
    inverted = key.endswith("!")
    selectors = key.rstrip("!")
    found = _OPERATOR(selectors)
    operator = "eq"
    if found is not None:
        operator = found[1]
        selectors = selectors[:found.start()]
    test = Test(operator, values(value), inverted, now)
    path.vague |= any(_MOVING.match(item or "") is not None for item in test.values)
    conditions = []
    for selector in selectors.split("|"):
        if selector == "$filter":
            raise BadFilter("$filter is not supported", hint="Write the terms as selector=value, joined by &")
        if selector.startswith("("):
            raise BadFilter(f"{selector}: contexts are not supported", hint="Write the field it stands for")
        if "." not in selector or selector.startswith("_"):
            raise BadFilter(f"{shown(selector)} is no selector", hint=f"For a field of this table write ~.{selector}")
        conditions.append(path.follow(path.db[tablename], selector, test))
    # Inverted alternatives: none of them may hold.
    return both(conditions) if inverted else either(conditions)


def values(text: str) -> list[str | None]:
    """The items of a value: separated by commas, quoted where they contain one, NONE (unquoted) for NULL."""
    items: list[str | None] = []
    item, quoted, inside = "", False, False
    position = 0
    while position <= len(text):
        character = text[position:position + 1]
        if character == "\\" and text[position + 1:position + 2] == '"':
            item += '"'
            position += 1
        elif character == '"':
            inside, quoted = not inside, True
        elif not character or character == "," and not inside:
            items.append(None if item in _NONE and not quoted else item)
            item, quoted, inside = "", False, False
        else:
            item += character
        position += 1
    return items


class Path:
    """Follows selectors: ``{alias.}{key$}field``, any number of times.

    Attributes
    ----------
    chains : the ways to other tables that were gone: of each step the column left from and the one arrived at
    vague : a record may come into the condition without a change of what these ways lead to
    """

    def __init__(self, db: Any, components: Components) -> None:
        self.db = db
        self.components = components
        self.chains: list[tuple[tuple[str, str], ...]] = []
        self.vague = False
        self._hops: tuple[tuple[str, str], ...] = ()

    def follow(self, table: Any, selector: str, test: Test) -> Condition:
        """The condition that `test` holds for what the selector leads to, starting at this table."""
        return self._follow(table, re.split(r"([.$])", selector), test)

    def _follow(self, table: Any, tokens: list[str], test: Test) -> Condition:
        head, rest = tokens[0], tokens[2:]
        if not head or len(tokens) == 2:
            raise BadFilter("the selector is incomplete")
        if not rest:
            field = self._field(table, head)
            return self._typeof(table, field, test) if test.operator == "typeof" else test(field)
        if tokens[1] == "$":
            return self._reference(table, head, rest, test)
        if head in ("~", _short(table)):
            return self._follow(table, rest, test)
        return self._part(table, head, rest, test)

    def _field(self, table: Any, name: str) -> Any:
        if name == "id":
            return table._id
        if name == "uid":
            name = "uuid"
        if name not in table.fields:
            raise BadFilter(f"{table._tablename} has no field {shown(name)}", hint=f"It has: {', '.join(table.fields)}")
        return table[name]

    def _table(self, name: str) -> Any:
        if name.startswith("sync_") or name not in self.db.tables:
            raise BadFilter(f"there is no table {shown(name)} to filter by")
        return self.db[name]

    def _reference(self, table: Any, name: str, rest: list[str], test: Test) -> Condition:
        """``key$…``: the record that a foreign key refers to."""
        field = self._field(table, name)
        target = _target(field)
        if target is None:
            raise BadFilter(f"{field} is no reference to follow with $")
        other = self._table(target[0])
        key = other[target[1]] if target[1] else other._id
        condition = self._beyond(field, key, other, rest, test)
        query = field.belongs(self._select(condition.query, key))
        if condition.of_nothing:
            query |= field == None  # noqa: E711
        return Condition(query, condition.of_nothing)

    def _part(self, table: Any, alias: str, rest: list[str], test: Test) -> Condition:
        """``alias.…``: records of another table that refer to this one's."""
        name, _, link = alias.partition("__")
        declared = list(self.components(table._tablename))
        for component in declared:
            if component.alias == name and link in ("", "link"):
                other = self._table(component.table)
                if not link and _short(other) != name:
                    # A link table: its alias means what it links to.
                    for field in other:
                        target = _target(field)
                        if target and target[0].partition("_")[2] == name and field.name != component.fkey:
                            rest = [field.name, "$", *rest]
                            break
                return self._joined(table[component.pkey], other[component.fkey], rest, test)
        key, colon, free = alias.rpartition(":")
        if "_" not in free or link:
            known = ", ".join(["~", *(component.alias for component in declared)])
            raise BadFilter(f"{table._tablename} has no component {shown(alias)}", hint=f"It has: {known}")
        other = self._table(free)
        keys = [field for field in other if (_target(field) or ("",))[0] == table._tablename]
        if colon:
            keys = [field for field in keys if field.name == key]
        if len(keys) != 1:
            which = ", ".join(f"{field.name}:{free}" for field in keys)
            raise BadFilter(f"{free} has {'several references' if keys else 'no such reference'} to {table._tablename}",
                            hint=f"Say which: {which}" if keys else "")
        target = _target(keys[0])
        return self._joined(table[target[1]] if target and target[1] else table._id, keys[0], rest, test)

    def _joined(self, own: Any, key: Any, rest: list[str], test: Test) -> Condition:
        """Any record of the other table, joined by its `key` to this table's `own` column; deleted ones do not count."""
        other = self.db[key.tablename]
        condition = self._beyond(own, key, other, rest, test)
        if condition.of_nothing or test.inverted:
            self.vague = True                 # the other record may go, and leaves no trace of having been here
        alive = key != None  # noqa: E711
        if "deleted" in other.fields:
            alive &= (other.deleted == False) | (other.deleted == None)  # noqa: E711,E712
        query = own.belongs(self._select(condition.query & alive, key))
        if condition.of_nothing:
            query |= ~own.belongs(self._select(alive, key))
        return Condition(query, condition.of_nothing)

    def _beyond(self, own: Any, key: Any, other: Any, rest: list[str], test: Test) -> Condition:
        """The condition on another table, to whose column `key` a table's column `own` leads."""
        before = self._hops
        self._hops = (*before, (_column(own), _column(key)))
        self.chains.append(self._hops)
        try:
            return self._follow(other, rest, test)
        finally:
            self._hops = before

    def _select(self, query: Query, field: Any) -> str:
        return str(self.db(query, ignore_common_filters=True)._select(field))

    # --- hierarchies -------------------------------------------------------------------------------------------------

    def _typeof(self, table: Any, field: Any, test: Test) -> Condition:
        """Like belongs, but descendants count as well: in a table that refers to itself by a field `parent`."""
        target = _target(field, lists=True)
        lookup: Any = self.db[target[0]] if target and target[0] in self.db.tables else None
        if _hierarchical(lookup):
            tree, named, tested = lookup, lookup._id, field       # the values are ids of the table referred to
        elif _hierarchical(table):
            tree, named, tested = table, field, table._id         # they name records of the hierarchy itself
        else:
            return test(field)
        conditions = []
        given = [value for value in test.values if value is not None]
        if len(given) < len(test.values):
            conditions.append(Condition(field == None, True))  # noqa: E711
        if given:
            roots = Test("belongs", given, False, test.now)(named).query
            below = _descendants(tree, self._select(roots, tree._id))
            if str(field.type).startswith("list:"):
                found = self.db(tree._id.belongs(below), ignore_common_filters=True).select(tree._id)
                items = [str(row[tree._id.name]) for row in found] or ["0"]
                conditions.append(Test("anyof", items, False, test.now)(field))
            else:
                conditions.append(Condition(tested.belongs(below)))
        self.vague = True                     # a change far above in the tree may matter
        condition = either(conditions)
        return ~condition if test.inverted else condition


def _column(field: Any) -> str:
    return f'"{field.tablename}"."{field.name}"'


def _hierarchical(table: Any) -> bool:
    return table is not None and "parent" in table.fields and (_target(table.parent) or ("",))[0] == table._tablename


def _descendants(tree: Any, roots: str) -> str:
    """A select of the ids of these roots and all below them."""
    own, parent = tree._id.sqlsafe, tree.parent.sqlsafe
    below = f"SELECT {own} FROM {tree.sql_fullref} JOIN s3sync_tree ON {parent} = s3sync_tree.id"
    return (f"WITH RECURSIVE s3sync_tree(id) AS ({roots.rstrip(';')} UNION {below}) "
            "SELECT s3sync_tree.id FROM s3sync_tree;")


def _short(table: Any) -> str:
    """Eden's default alias of a table: its name without the module's prefix."""
    return str(table._tablename).partition("_")[2]


def _target(field: Any, lists: bool = False) -> tuple[str, str] | None:
    """Table and column ("" = its id) a foreign key refers to."""
    kind = str(field.type)
    if lists and kind.startswith("list:"):
        kind = kind[5:]
    if kind.startswith("big-"):
        kind = kind[4:]
    if not kind.startswith("reference "):
        return None
    table, _, column = kind[10:].strip().partition(".")
    return table, column
