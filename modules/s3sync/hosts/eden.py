"""Sahana Eden as the host: tables from its model loader, its components, hooks, super-entities, permissions and realms.

Eden's parts are used as its own importer and exporter use them (eden-asp, modules/core/resource; sahana/eden, modules/s3).
"""
from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Iterable, Iterator, Mapping, Sequence

from gluon import current

from ..errors import UnknownResource
from .base import Component, Hook, Hooks
from .callback import Form, HookError, call
from .identities import Identities
from .query import to_query
from .table import TableMap
from .web2py import FORBIDDEN, Web2pyHost

logger = logging.getLogger("s3sync")

#: Columns whose values mean something at their own site only: gis_location.path is made of local ids
LOCAL = {"gis_location": frozenset(("path",))}

#: Tables that Eden's own callbacks fill, at each site by itself: as parts of other records they would come to be there twice
DERIVED = frozenset(("pr_role", "sit_presence"))

#: Eden's validators whose rule is kept by a field's type, or by the reference that was resolved
KEPT = frozenset((
    "IS_ONE_OF", "IS_ONE_OF_EMPTY", "IS_ONE_OF_EMPTY_SELECT", "IS_UTC_OFFSET", "IS_TIME_INTERVAL_WIDGET", "IS_JSONS3",
    "IS_LOCATION", "IS_IMAGE", "IS_UPLOAD_FILENAME", "IS_SITE_SELECTOR", "IS_PERSON_GENDER"))

#: validators of files that read what the browser has made of the picture from another field of the form
FORMS = frozenset(("IS_PROCESSED_IMAGE",))

#: those of which only the limits count, if they have any: they read what people enter, in their language
RANGES = frozenset(("IS_INT_AMOUNT", "IS_FLOAT_AMOUNT"))

#: fields of these types are not validated in Eden's own imports (S3XML §4.2): a limit is one of its forms, as in "120 years back"
UNCHECKED = frozenset(("date", "time", "datetime"))

#: hooks by their names in Eden's configuration of a table
CONFIGURED = ("onvalidation", "create_onvalidation", "update_onvalidation", "ondelete_cascade", "ondelete", "onconflict",
              "deduplicate", "xml_post_parse", "json_references")

#: the task that Eden queues for each location that was written
TREE_TASK = "gis_update_location_tree"


class EdenHost(Web2pyHost):
    """A Sahana Eden.

    Parameters
    ----------
    dal, auth, site_uuid, base_url, domain : as for any web2py application
    s3db : Eden's model loader
    settings : the deployment's settings
    everything : all is permitted, whoever is logged in
    """

    nested_components = False

    def __init__(self, dal: Any, auth: Any, site_uuid: str, base_url: str = "", domain: str = "", *, s3db: Any,
                 settings: Any, everything: bool = False) -> None:
        super().__init__(dal, auth, site_uuid, base_url, domain)
        self.s3db = s3db
        self.deployment = settings
        self.everything = everything
        self._known: dict[str, bool] = {}
        self._hooks: dict[str, Hooks] = {}
        self._components: dict[str, tuple[Component, ...]] = {}
        self._supers_of: dict[str, tuple[str, ...]] = {}
        self._identities: dict[str, Identities] = {}
        self._complete = False

    # --- tables -----------------------------------------------------------------------------------------------

    def _load(self, tablename: str) -> bool:
        """Let Eden define a table, and run the template's changes to it; False if there is none."""
        known = self._known.get(tablename)
        if known is None:
            known = "_" in tablename and self.s3db.table(tablename, db_only=True) is not None
            if known and self.dal[tablename]._id.name == "id":
                self.s3db.resource(tablename)        # runs customisations, sets the default approver
            self._known[tablename] = known
        return known

    def carries(self, tablename: str) -> bool:
        if tablename.startswith(FORBIDDEN) or tablename.partition("_")[0] in self.auth.PROTECTED:
            return False
        if not self._load(tablename):
            return False
        fields = self.dal[tablename].fields
        return "uuid" in fields and "id" in fields

    def refers(self, tablename: str) -> bool:
        return (not tablename.startswith(FORBIDDEN) and self._load(tablename)) and super().refers(tablename)

    def complete(self) -> None:
        if not self._complete:
            self._complete = True
            self.s3db.load_all_models()
            if getattr(self.dal, "_lazy_tables", False):       # what refers to what is known once tables are really defined
                for name in list(self.dal.tables):
                    _ = self.dal[name]

    def tables(self) -> list[str]:
        self.complete()
        return super().tables()

    def table(self, tablename: str) -> TableMap:
        fresh = tablename not in self._tables
        found = super().table(tablename)
        local = LOCAL.get(tablename)
        if fresh and local:
            schema = replace(found.schema, fields=tuple(f for f in found.schema.fields if f.name not in local))
            found = self._tables[tablename] = TableMap(self.db, self.dal[tablename], schema, found.required)
        return found

    def components(self, tablename: str) -> tuple[Component, ...]:
        found = self._components.get(tablename)
        if found is None:
            found = self._components[tablename] = self._find_components(tablename) if self._load(tablename) else ()
        return found

    def _find_components(self, tablename: str) -> tuple[Component, ...]:
        """One component per table and key, as Eden exports them (S3XML §6): of linked records the links."""
        chosen: dict[tuple[str, str, str], tuple[int, Component]] = {}
        table = self.dal[tablename]
        keys = {table._id.name, *(self.key(name) for name in self.super_entities(tablename))}
        for alias, hook in self.s3db.get_components(tablename).items():
            linked = hook.linktable is not None
            name, fkey = (hook.linktable._tablename, hook.lkey) if linked else (hook.tablename, hook.fkey)
            pkey = hook.pkey or table._id.name
            if name in DERIVED or name == tablename or pkey not in keys:
                continue
            if not (self.carries(name) and self.carries(hook.tablename)) or fkey not in self.dal[name].fields:
                continue
            filtered = bool(hook.filterby)
            # the best name of several for the same records: of all of them, then the table's own
            rank = (2 if filtered else 0) + (0 if alias == name.partition("_")[2] else 1)
            part = Component(alias, name, fkey, pkey, bool(hook.multiple) or filtered or linked)
            known = chosen.get((name, fkey, pkey))
            if known is None or rank < known[0]:
                chosen[name, fkey, pkey] = rank, part
        return tuple(part for _, part in chosen.values())

    def single_keys(self, tablename: str) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for hooks in current.model["components"].values():
            for hook in hooks.values():
                if hook.tablename == tablename and not (hook.multiple or hook.filterby or hook.linktable) and hook.fkey:
                    found[hook.fkey] = None
        return tuple(found)

    # --- hooks ------------------------------------------------------------------------------------------------

    def hooks(self, tablename: str) -> Hooks:
        found = self._hooks.get(tablename)
        if found is None:
            found = self._hooks[tablename] = self._find_hooks(tablename) if self._load(tablename) else Hooks()
        return found

    def _find_hooks(self, tablename: str) -> Hooks:
        get = self.s3db.get_config
        named = {name: get(tablename, name) for name in CONFIGURED}
        chosen = getattr(self.deployment, "get_import_callback", None)   # a deployment may have others for imports
        for method in ("create_onaccept", "update_onaccept"):
            named[method] = chosen(tablename, method) if chosen else get(tablename, method)
        for method in ("onvalidation", "create_onvalidation", "update_onvalidation"):
            if named[method]:
                named[method] = partial(_forgiven, named[method], tablename)
        return Hooks(onaccept=get(tablename, "onaccept"), **named)

    def validators(self, tablename: str) -> Mapping[str, list[Any]]:
        table = self.dal[tablename]
        return {name: found for name, validators in super().validators(tablename).items() if table[name].type not in UNCHECKED
                if (found := [v if (bounds := _bounds(v)) is None else partial(_within, *bounds)
                              for v in validators if not _kept(v)])}

    def file_validators(self, tablename: str, field: str) -> list[Any]:
        return [v for v in super().file_validators(tablename, field) if not _of_forms(v)]

    # --- super-entities, owners, realms -------------------------------------------------------------------------

    def super_entities(self, tablename: str) -> tuple[str, ...]:
        found = self._supers_of.get(tablename)
        if found is None:
            given = self.s3db.get_config(tablename, "super_entity") or () if self._load(tablename) else ()
            listed = given if isinstance(given, (list, tuple)) else (given,)
            names = [entity if isinstance(entity, str) else entity._tablename for entity in listed]
            found = tuple(name for name in names if self._load(name))
            self._supers_of[tablename] = found
        return found

    def _identities_of(self, tablename: str) -> Identities:
        found = self._identities.get(tablename)
        if found is None:
            found = self._identities[tablename] = Identities(self, tablename)
        return found

    def alone(self, tablename: str) -> bool:
        return self._identities_of(tablename).calls or bool(self.deployment.get_security_audit_write())

    def tends(self, tablename: str) -> bool:
        return bool(self.deployment.get_security_audit_write() or self._identities_of(tablename).any)

    def written(self, tablename: str, created: Sequence[int], updated: Sequence[int]) -> None:
        audit = self.deployment.get_security_audit_write()
        identities = self._identities_of(tablename)
        if not (audit or identities.any):
            return
        table, (prefix, _, name) = self.dal[tablename], tablename.partition("_")
        for method, ids in (("create", created), ("update", updated)):
            for number in ids:
                if audit:
                    current.audit(method, prefix, name, form=Form(method, table, {"id": number}), record=number,
                                  representation="xml")
                identities.written(number, method == "create")

    def ended(self, tablename: str, ids: Sequence[int]) -> None:
        if self.deployment.get_security_audit_write():
            prefix, _, name = tablename.partition("_")
            for number in ids:
                current.audit("delete", prefix, name, record=number, representation="xml")
        table = self.dal[tablename]
        if self.super_entities(tablename):
            for row in self.dal(table._id.belongs(ids)).select():
                self.s3db.delete_super(table, row)

    # --- permissions ------------------------------------------------------------------------------------------

    def impersonate(self, user_id: int | None) -> None:
        present = self.auth.user.id if self.auth.user else None
        if user_id != present:
            self.auth.s3_impersonate(user_id)

    @property
    def user_id(self) -> int | None:
        user = self.auth.user
        return int(user.id) if user else None

    def member(self, *roles: str) -> bool:
        """Is the present user an administrator, or has one of these roles?"""
        if self.everything:
            return True
        if not self.auth.user:
            return False
        if self.auth.s3_has_role(self.auth.get_system_roles().ADMIN):
            return True
        return any(self.auth.s3_has_role(role) for role in roles)

    def can(self, method: str, tablename: str) -> bool:
        return self._load(tablename) and (self.everything or bool(self.auth.s3_has_permission(method, tablename)))

    def condition(self, tablename: str, filters: Iterable[str]) -> str:
        """URL query filters, and the rows that the present user may read."""
        if not self._load(tablename):
            raise UnknownResource(tablename)
        given = [str(to_query(self.dal, tablename, text, self.components)) for text in filters if text.strip()]
        readable = self.readable(tablename)
        return " AND ".join(f"({c})" for c in [*given, readable] if c)

    def readable(self, tablename: str) -> str:
        if not self._restricted(tablename):
            return ""
        return str(self.auth.s3_accessible_query("read", tablename))

    def _restricted(self, tablename: str) -> bool:
        """Does it depend on the record what the present user may do?"""
        return not self.everything and (not self.member() or self.auth.permission.requires_approval(tablename))

    def guarded(self, tablename: str) -> bool:
        permission, fields = self.auth.permission, self.dal[tablename].fields if self._load(tablename) else ()
        return ("realm_entity" in fields and bool(getattr(permission, "entity_realm", False))
                or "approved_by" in fields and bool(permission.requires_approval(tablename)))

    def forbidden(self, method: str, tablename: str, ids: Iterable[int]) -> set[int]:
        if self.member():
            return set()
        return {number for number in ids if not self.auth.s3_has_permission(method, tablename, record_id=number)}

    # --- the time of a run ------------------------------------------------------------------------------------

    @contextmanager
    def importing(self) -> Iterator[None]:
        """Eden's code is told that records come in bulk, and may neither commit nor queue a task for each location."""
        s3, task = current.response.s3, current.s3task
        bulk, s3.bulk = s3.bulk, True
        run_async = task.run_async

        def here(name: str, args: Sequence[Any] = (), vars: Mapping[str, Any] | None = None, timeout: int = 300) -> Any:
            if name != TREE_TASK:
                return run_async(name, args=list(args), vars=dict(vars or {}), timeout=timeout)
            return _forgiven(current.gis.update_location_tree, "gis_location", json.loads(args[0]))

        task.run_async = here
        try:
            yield
        finally:
            task.run_async = run_async
            s3.bulk = bulk


def _forgiven(hook: Hook, tablename: str, argument: Any) -> Any:
    """Call Eden's code; what it raises is logged and goes no further, as in Eden's own imports.

    Some of it depends on packages that are not installed everywhere (Shapely), and has a bad time without.
    """
    try:
        return call(hook, argument, tablename=tablename)
    except HookError as error:
        logger.error("%s: %s (ignored)", tablename, error)
        return None


def _kept(validator: Any) -> bool:
    name = type(validator).__name__
    if name in ("IS_EMPTY_OR", "IS_NULL_OR"):
        inner = validator.other
        return all(_kept(v) for v in (inner if isinstance(inner, (list, tuple)) else [inner]))
    return name in KEPT or _bounds(validator) == (None, None, "")


def _of_forms(validator: Any) -> bool:
    """Does a validator of files look at other fields of the form that they come with?"""
    inner = getattr(validator, "other", None)
    listed = inner if isinstance(inner, (list, tuple)) else [inner] if inner is not None else []
    return any(kind.__name__ in FORMS for kind in type(validator).__mro__) or any(_of_forms(v) for v in listed)


def _bounds(validator: Any) -> tuple[Any, Any, str] | None:
    """(lowest, highest, message) of a validator of RANGES, also within one that lets empty values through; None for others."""
    name = type(validator).__name__
    if name in ("IS_EMPTY_OR", "IS_NULL_OR"):
        inner = validator.other
        listed = inner if isinstance(inner, (list, tuple)) else [inner]
        return _bounds(listed[0]) if len(listed) == 1 else None
    if name not in RANGES:
        return None
    low, high = getattr(validator, "minimum", None), getattr(validator, "maximum", None)
    return low, high, "" if low is None and high is None else str(validator.error_message)


def _within(low: Any, high: Any, message: str, value: Any) -> tuple[Any, str | None]:
    """A validator: no less than `low` and no more than `high`, if they are given."""
    if value in (None, "") or (low is None or value >= low) and (high is None or value <= high):
        return value, None
    return value, message
