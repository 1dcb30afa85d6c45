"""uuids in references to local ids, one look-up per target table and batch."""
from __future__ import annotations

from typing import Any, Mapping

from ..hosts.table import TableMap
from .site import Site
from .waiting import Missing


class Resolver:
    """References of a batch of records of one table.

    Parameters
    ----------
    values : canonical values by record uuid; references are uuids
    creating : uuids of records of this table that the batch creates
    instances : by record uuid and field, the table in which the target of a reference to a super-entity stands

    Attributes
    ----------
    missing : references whose target is not here
    blocked : records that cannot be stored without it: uuid -> reason
    """

    def __init__(self, site: Site, table: TableMap, values: Mapping[str, Mapping[str, Any]], creating: set[str],
                 instances: Mapping[str, Mapping[str, str]] | None = None) -> None:
        self.table = table
        self.missing: list[Missing] = []
        self.blocked: dict[str, str] = {}
        self._found: dict[str, dict[str, int]] = {}
        self._creating = creating
        #: fields that refer to records of the same table
        self._own = [n for n, t in (*table.references.items(), *table.list_references.items()) if t == table.name]
        self._instances = instances or {}
        self._site = site
        for name, target in table.references.items():
            self._look_up(target, (v.get(name) for v in values.values()))
        for name, target in table.list_references.items():
            self._look_up(target, (u for v in values.values() for u in v.get(name) or ()))
        for uuid, record in values.items():
            self._check(uuid, record)
        if self.blocked:
            self._explain()

    def _look_up(self, target: str, uuids: Any) -> None:
        self._found[target] = self._site.references.ids(target, {u for u in uuids if u})

    def _check(self, uuid: str, values: Mapping[str, Any]) -> None:
        table = self.table
        for name, target in table.references.items():
            wanted = values.get(name)
            if wanted and not self._here(target, wanted):
                target = self._instances.get(uuid, {}).get(name, target)
                self.missing.append((uuid, name, target, wanted))
                if name in table.required:
                    self.blocked[uuid] = f"{name}: {target} {wanted} has not arrived yet"
        for name, target in table.list_references.items():
            self.missing += [(uuid, name, target, u) for u in values.get(name) or () if not self._here(target, u)]

    def _explain(self) -> None:
        """Say so of records that wait for one which is known to be deleted: they may wait for ever."""
        wanted: dict[str, dict[str, list[str]]] = {}
        for uuid, name, target, target_uuid in self.missing:
            if uuid in self.blocked and name in self.table.required:
                wanted.setdefault(target, {}).setdefault(target_uuid, []).append(uuid)
        for target, records in wanted.items():
            for target_uuid, version in self._site.index.versions(target, records).items():
                for uuid in records[target_uuid] if version.deleted else ():
                    self.blocked[uuid] = (f"{target} {target_uuid}, which it must refer to, was deleted: restore that, let this "
                                          "refer to another one, or dismiss it")

    def _here(self, target: str, uuid: str) -> bool:
        return uuid in self._found[target] or (target == self.table.name and uuid in self._creating)

    def pending(self, values: Mapping[str, Any]) -> bool:
        """Does the record refer to one of this batch that has no id yet?"""
        if not self._own:
            return False
        found = self._found[self.table.name]
        for name in self._own:
            value = values.get(name)
            for uuid in value if isinstance(value, list) else (value,):
                if uuid in self._creating and uuid not in found:
                    return True
        return False

    @property
    def among_themselves(self) -> bool:
        """May records of this table refer to one another?"""
        return self.table.name in self._found

    def created(self, ids: Mapping[str, int]) -> None:
        """Records of this table now have ids."""
        if self.among_themselves:
            self._found[self.table.name].update(ids)

    def local(self, name: str, value: Any) -> Any:
        """A reference value with local ids; what is not here is left out."""
        target = self.table.references.get(name)
        if target:
            return self._found[target].get(value)
        found = self._found[self.table.list_references[name]]
        return None if value is None else sorted(found[u] for u in value if u in found)


def python_values(site: Site, table: TableMap, values: Mapping[str, Any]) -> dict[str, Any]:
    """Canonical values as callbacks expect them: Python types, references as local ids where their target is here."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if name in table.references:
            found[name] = site.references.ids(table.references[name], [value]).get(value) if value else None
        elif name in table.list_references:
            ids = site.references.ids(table.list_references[name], value or ())
            found[name] = [ids[u] for u in value if u in ids] if value is not None else None
        elif name in table.schema.by_name and table.schema.by_name[name].type != "upload":
            found[name] = table.python_value(name, value)
    return found
