"""Part of a list that may be long, and words for what is in it."""
from __future__ import annotations

from typing import Any, Generic, Iterable, Mapping, NamedTuple, Sequence, TypeVar

from ..s3xml.record import Upload
from .site import Site

T = TypeVar("T")

#: characters of what a record is called on a page: a name refused for its length would fill it
LONGEST = 80

#: columns that tell people which record is meant, the best first
NAMES = ("name", "title", "subject", "label", "pe_label", "first_name", "code", "acronym", "street", "description")


class Listing(NamedTuple, Generic[T]):
    """`rows` of `total`."""

    total: int
    rows: list[T]


def listing(site: Site, table: str, columns: Sequence[str], conditions: Mapping[str, Any], order: str, limit: int,
            offset: int) -> tuple[int, list[Sequence[Any]]]:
    """Number of rows that meet all conditions (None = any value), and some of them."""
    wanted = {name: value for name, value in conditions.items() if value is not None}
    where = "".join(f' AND "{name}" = ?' for name in wanted)
    args = list(wanted.values())
    total = int(site.db.value(f'SELECT COUNT(*) FROM "{table}" WHERE 1=1{where}', args) or 0)
    if not limit or not total:
        return total, []
    names = ", ".join(f'"{name}"' for name in columns)
    return total, site.db.rows(f'SELECT {names} FROM "{table}" WHERE 1=1{where} ORDER BY {order} '
                               f'LIMIT {int(limit)} OFFSET {int(offset)}', args)


def label(values: Mapping[str, Any] | None, uuid: str) -> str:
    """What people call a record, as far as its values tell, not longer than a title may be; else its uuid."""
    for name in NAMES:
        value = (values or {}).get(name)
        if isinstance(value, str) and value.strip():
            last = (values or {}).get("last_name")
            text = f"{value} {last}" if name == "first_name" and isinstance(last, str) and last else value
            return text if len(text) <= LONGEST else f"{text[:LONGEST - 1]}…"
    return uuid


def labels(site: Site, records: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """What people call records that are here, by (table, uuid)."""
    tables: dict[str, set[str]] = {}
    for table, uuid in records:
        tables.setdefault(table, set()).add(uuid)
    found = {}
    for table, uuids in tables.items():
        if site.host.carries(table):
            for uuid, row in site.table(table).by_uuid(uuids).items():
                found[table, uuid] = label(row.values, uuid)
    return found


def words(site: Site, table: str, name: str, value: Any) -> str:
    """A canonical value as people read it: references by what their targets are called; "" for no value."""
    if value is None:
        return ""
    table_map = site.table(table)
    target: str = table_map.references.get(name) or table_map.list_references.get(name) or ""
    if target:
        uuids: list[str] = value if isinstance(value, list) else [value]
        if not site.host.carries(target):                # a super-entity: the records stand in other tables
            known = labels(site, ((table, uuid) for uuid, table in site.references.instances(target, uuids).items()))
        else:
            known = labels(site, ((target, u) for u in uuids))
        by_uuid = {uuid: text for (_, uuid), text in known.items()}
        return ", ".join(by_uuid.get(uuid, uuid) for uuid in uuids)
    if isinstance(value, Upload):
        return value.filename or value.stored
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)
