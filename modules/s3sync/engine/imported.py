"""Records as code of the application's own sees them while they are imported, in Eden's calling convention."""
from __future__ import annotations

import json
from typing import Any, Mapping, Sequence

from lxml import etree

from ..hosts.base import Hooks
from ..hosts.callback import HookError, ImportItem, Values, call
from ..hosts.table import TableMap, canonical_default
from ..s3xml.record import Record
from ..s3xml.values import dump
from .resolve import python_values
from .site import Site
from .validation import fits

#: before the names of JSON keys whose values are references (S3XML §4.2)
REFERENCE = "$k_"


def item_of(site: Site, table: TableMap, record: Record, method: str | None = None, original: Any = None,
            **policies: Any) -> ImportItem:
    """An import item of a record, with what is nested in it and what it refers to."""
    values = python_values(site, table, record.values)
    item = ImportItem(table.dal_table, values, None if record.anonymous else record.uuid, method, original, **policies)
    if not record.anonymous:
        item.data["uuid"] = record.uuid
    item.references = references(table, record, values)
    for child in record.nested:
        if site.host.carries(child.table) and not child.deleted and not child.error:
            part = item_of(site, site.table(child.table), child)
            part.parent = item
            item.components.append(part)
    if record.source:
        item.element = etree.fromstring(record.source)
    return item


def references(table: TableMap, record: Record, values: Mapping[str, Any]) -> list[Values]:
    """What a record refers to: field, and under `entry` table, uuid and local id (None if it is not here)."""
    found = []
    for name, target in table.references.items():
        if record.values.get(name):
            uuid = record.values[name]
            entry = Values(tablename=(record.instances or {}).get(name, target), uid=uuid, item_id=uuid, id=values.get(name),
                           element=None)
            found.append(Values(field=name, entry=entry))
    return found


# --- xml_post_parse ---------------------------------------------------------------------------------------------------


def post_parse(site: Site, table: TableMap, records: Sequence[Record], hooks: Hooks) -> None:
    """Let the application's xml_post_parse look at records, and change their values. Works in place.

    It is called with the element and the values by field, as Eden does. What it puts under a field's name with an underscore
    before it is what a new record has in that field if it says nothing of it (`Record.defaults`).
    """
    if hooks.xml_post_parse is None:
        return
    for record in records:
        if record.source and not record.error and not record.deleted:
            before = python_values(site, table, record.values)
            values = Values(before)
            values.update(uuid=record.uuid)
            try:
                call(hooks.xml_post_parse, etree.fromstring(record.source), values, tablename=table.name)
                _taken(site, table, record, before, values)
            except HookError as error:
                record.error = str(error)


def _taken(site: Site, table: TableMap, record: Record, before: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    known = table.schema.by_name
    for key, value in values.items():
        name = key[1:] if key[:1] == "_" and key not in known else key
        if name not in known or known[name].type == "upload":
            continue
        if key != name:
            record.defaults = {**(record.defaults or {}), name: _canonical(site, table, name, value)}
        elif key not in before or before[key] != value:
            record.values = {**record.values, name: _canonical(site, table, name, value)}
    for name in before:
        if name not in values and name in record.values:
            record.values = {key: value for key, value in record.values.items() if key != name}


def _canonical(site: Site, table: TableMap, name: str, value: Any) -> Any:
    """A value as such code gives it, in canonical form."""
    if value is None:
        return None
    try:
        if name in table.references:
            number = int(value)
            return site.references.uuids(table.references[name], [number])[number]
        if name in table.list_references:
            known = site.references.uuids(table.list_references[name], [int(each) for each in value])
            return sorted(known[int(each)] for each in value)
        field = table.schema.by_name[name]
        if not fits(field, value):
            raise TypeError
        return canonical_default(field, value)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise HookError(f"xml_post_parse left {value!r:.80} in {name}") from error


# --- references within JSON -------------------------------------------------------------------------------------------


def resolve_json(site: Site, table: TableMap, records: Sequence[Record], hooks: Hooks) -> None:
    """Put local ids in the place of references within JSON values (``"$k_name": {"r": table, "u": uuid}``). Works in place.

    Only in the fields that the application names in its setting json_references. A record whose target is not here cannot be
    stored yet.
    """
    chosen = hooks.json_references
    if not chosen:
        return
    listed = (chosen,) if isinstance(chosen, str) else () if chosen is True else tuple(chosen)
    fields = [f.name for f in table.schema.fields if f.type == "json" and (chosen is True or f.name in listed)]
    for record in records:
        for name in fields:
            text = record.values.get(name)
            if text and REFERENCE in text and not record.error:
                try:
                    record.values = {**record.values, name: dump(_resolved(site, json.loads(text)))}
                except (LookupError, RecursionError) as error:
                    record.error = f"{name}: {error.args[0] if error.args else error}"


def _resolved(site: Site, value: Any) -> Any:
    if isinstance(value, list):
        return [_resolved(site, each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, each in value.items():
        if key.startswith(REFERENCE) and isinstance(each, dict):
            found[key[len(REFERENCE):]] = _local_id(site, each)
        else:
            found[key] = _resolved(site, each)
    return found


def _local_id(site: Site, said: Mapping[str, Any]) -> int:
    table, uuid = said.get("r", said.get("@resource")), said.get("u", said.get("@uuid"))
    if not isinstance(table, str) or not isinstance(uuid, str) or not site.host.carries(table):
        raise LookupError(f"a reference to {table!s:.64} {uuid!s:.128} within JSON is not understood")
    number = site.references.ids(table, [uuid]).get(uuid)
    if number is None:
        raise LookupError(f"{table} {uuid:.128}, to which its JSON refers, has not arrived yet")
    return number
