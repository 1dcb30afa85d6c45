"""Do two sites hold the same records? Plain SQL on both SQLite databases, none of the project's code.

Every column but the book-keeping ones is compared. References are compared by the uuid of the record they refer to,
since ids differ between sites. Of records deleted at both sides only that is compared: their content is
no longer anybody's.
A record that one site has as deleted and the other does not know is no difference either: it exists at neither.
"""
from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

TABLES = ("gis_location", "transport_airport", "org_organisation", "org_office")

#: Columns of a site's own: keys, who did it (users are not synchronised), how often copied, who owns it
LOCAL = {"id", "uuid", "mci", "deleted", "deleted_fk", "deleted_rb", "created_by", "modified_by", "approved_by",
         "owned_by_user", "owned_by_group", "realm_entity"}

Record = Dict[str, Any]


@dataclass
class Comparison:
    """One table at both sites.

    Attributes
    ----------
    live, deleted : records that both sites have, and that both have deleted
    fields : columns compared
    differences : one line each: "uuid: what"
    """

    table: str
    live: int = 0
    deleted: int = 0
    fields: int = 0
    differences: List[str] = field(default_factory=list)

    def figures(self) -> Dict[str, int]:
        """The numbers alone."""
        return {"records": self.live, "deleted": self.deleted, "fields": self.fields,
                "differences": len(self.differences)}


def compare(one: Path, other: Path, tables: Sequence[str] = TABLES) -> List[Comparison]:
    """Compare these tables in two databases."""
    return [compare_table(table, records(one, table), records(other, table)) for table in tables]


def compare_table(table: str, mine: Dict[str, Record], theirs: Dict[str, Record]) -> Comparison:
    """Compare one table, record by record, field by field."""
    result = Comparison(table)
    for uuid in sorted(mine.keys() | theirs.keys()):
        here, there = mine.get(uuid), theirs.get(uuid)
        if is_deleted(here) and is_deleted(there):
            result.deleted += bool(here and there)
        elif here is None or there is None:
            result.differences.append(f"{uuid}: missing at the {'first' if here is None else 'second'} site")
        elif is_deleted(here) or is_deleted(there):
            result.differences.append(f"{uuid}: deleted at the {'first' if is_deleted(here) else 'second'} site only")
        else:
            result.live += 1
            result.fields = len(here) - 1
            for name in here.keys() | there.keys():
                if here.get(name, Ellipsis) != there.get(name, Ellipsis):
                    result.differences.append(f"{uuid}: {name} is {here.get(name)!r} and {there.get(name)!r}")
    return result


def is_deleted(record: Optional[Record]) -> bool:
    """Is there no such record?"""
    return record is None or record["deleted"] == "T"


def records(database: Path, table: str) -> Dict[str, Record]:
    """All records of a table by uuid; their references as uuids."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=60)
    connection.row_factory = sqlite3.Row
    try:
        columns, joins = ["t.uuid", "t.deleted"], []
        targets = {row["from"]: row["table"] for row in connection.execute(f'PRAGMA foreign_key_list("{table}")')}
        for row in connection.execute(f'PRAGMA table_info("{table}")').fetchall():
            name = row["name"]
            if name in LOCAL:
                continue
            if name in targets:
                alias = f"r{len(joins)}"
                joins.append(f'LEFT JOIN "{targets[name]}" {alias} ON {alias}.id = t."{name}"')
                # a reference to a record that is not there must not look like none
                target = f"""coalesce({alias}.uuid, '?' || t."{name}")"""
                columns.append(f'CASE WHEN t."{name}" IS NULL THEN NULL ELSE {target} END AS "{name}"')
            else:
                columns.append(f't."{name}"')
        rows = connection.execute(f'SELECT {", ".join(columns)} FROM "{table}" t {" ".join(joins)}')
        return {row["uuid"]: {name: row[name] for name in row.keys() if name != "uuid"} for row in rows}
    finally:
        connection.close()


def is_equal(results: Sequence[Comparison]) -> bool:
    """Is nothing different, and was there something to compare?"""
    return all(not result.differences for result in results) and any(result.live for result in results)


def summary(results: Sequence[Comparison]) -> Tuple[int, int]:
    """(records compared, differences)."""
    return sum(result.live for result in results), sum(len(result.differences) for result in results)
