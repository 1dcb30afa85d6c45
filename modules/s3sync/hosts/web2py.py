"""Any web2py/pyDAL application as the host: tables with uuids, gluon's Auth for users and roles."""
from __future__ import annotations

from typing import Any, Iterable, Mapping, NamedTuple, Sequence

from ..database import Database
from ..errors import UnknownResource
from ..s3xml.schema import Schema
from .base import Component, Hooks, Host, Related
from .query import related, to_query
from .superentity import SuperEntities, is_super
from .table import TableMap, schema_of

#: Tables that never travel, whatever a task says: users and secrets, our own book-keeping, the scheduler's
FORBIDDEN = ("auth_", "sync_", "scheduler_", "s3_")

#: Validators whose rule the field's type, its length or its resolved reference guarantees already
IMPLIED = frozenset(("IS_LENGTH", "IS_DATE", "IS_DATETIME", "IS_TIME", "IS_JSON", "IS_LIST_OF_STRINGS", "IS_FILE",
                     "IS_UPLOAD_FILENAME", "CRYPT"))
RANGES = frozenset(("IS_DATE_IN_RANGE", "IS_DATETIME_IN_RANGE"))
NUMBERS = frozenset(("IS_INT_IN_RANGE", "IS_FLOAT_IN_RANGE", "IS_DECIMAL_IN_RANGE"))

_DECLARED = "_s3sync_declared"


def declare(db: Any, tablename: str, components: Iterable[Mapping[str, Any]] = (), *,
            super_entity: str | Sequence[str] = (), **hooks: Any) -> None:
    """Tell s3sync what pyDAL does not know of a table: its components and the code to run around a write.

    Parameters
    ----------
    components : mappings with the attributes of `s3sync.hosts.base.Component`, e.g.
        ``dict(alias="office", table="org_office", fkey="organisation_id")``
    super_entity : the super-entities' tables of which the records of this table are instances, e.g. ``"pr_pentity"``
    hooks : as in `s3sync.hosts.base.Hooks`, e.g. ``onaccept=...``, ``deduplicate=...``, ``update_policy={"phone": "THIS"}``
    """
    declared = db.__dict__.setdefault(_DECLARED, {})
    supers = (super_entity,) if isinstance(super_entity, str) else tuple(super_entity)
    declared[tablename] = Declared(tuple(Component(**c) for c in components), Hooks(**hooks), supers)


class Declared(NamedTuple):
    """What an application declared of a table."""

    components: tuple[Component, ...] = ()
    hooks: Hooks = Hooks()
    supers: tuple[str, ...] = ()


class Web2pyHost(Host):
    """A web2py application with gluon's Auth.

    Parameters
    ----------
    dal : the application's DAL
    auth : gluon's Auth; None (a script, a test) means that everything is permitted
    """

    def __init__(self, dal: Any, auth: Any, site_uuid: str, base_url: str = "", domain: str = "",
                 admin_role: str = "Administrator") -> None:
        self.db = Database(dal)
        self.dal = dal
        self.auth = auth
        self.site_uuid = site_uuid
        self.base_url = base_url
        self.domain = domain
        self.admin_role = admin_role
        self._tables: dict[str, TableMap] = {}
        self._user_id: int | None = None
        self._acting = False          # a job runs with the permissions of _user_id instead of the session's

    # --- tables -----------------------------------------------------------------------------------------------

    def carries(self, tablename: str) -> bool:
        if tablename.startswith(FORBIDDEN) or tablename not in self.dal.tables:
            return False
        return "uuid" in self.dal[tablename].fields and "id" in self.dal[tablename].fields

    def tables(self) -> list[str]:
        return sorted(name for name in self.dal.tables if self.carries(name))

    def table(self, tablename: str) -> TableMap:
        found = self._tables.get(tablename)
        if found is None:
            if not self.carries(tablename):
                raise UnknownResource(tablename, hint="It is no table of this site, or one that may not be synchronised")
            table = self.dal[tablename]
            schema = schema_of(table, self.refers)
            own = self.super_entities(tablename)
            if own:                          # the links to its own super-records are made here
                schema = Schema(schema.table, tuple(f for f in schema.fields if f.target not in own or not f.target), schema.meta)
            schema = self.hooks(tablename).of_documents(schema)
            required = frozenset(f.name for f in schema.fields if f.type == "reference" and table[f.name].notnull)
            found = self._tables[tablename] = TableMap(self.db, table, schema, required)
        return found

    def _declared(self, tablename: str) -> Declared:
        found: Declared | None = self.dal.__dict__.get(_DECLARED, {}).get(tablename)
        return found or Declared()

    def components(self, tablename: str) -> tuple[Component, ...]:
        return self._declared(tablename).components

    def hooks(self, tablename: str) -> Hooks:
        return self._declared(tablename).hooks

    def single_keys(self, tablename: str) -> tuple[str, ...]:
        found = self.dal.__dict__.get(_DECLARED, {}).values()
        return tuple(dict.fromkeys(part.fkey for declared in found for part in declared.components
                                   if part.table == tablename and not part.multiple))

    # --- super-entities ---------------------------------------------------------------------------------------

    def key(self, tablename: str) -> str:
        return str(self.dal[tablename]._id.name) if tablename in self.dal.tables else "id"

    def super_entities(self, tablename: str) -> tuple[str, ...]:
        return tuple(name for name in self._declared(tablename).supers if name in self.dal.tables)

    def refers(self, tablename: str) -> bool:
        """Can references to records of this table travel? To super-entities they do as references to the instance."""
        return self.carries(tablename) or (tablename in self.dal.tables and is_super(self.dal[tablename]))

    def _supers(self, tablename: str) -> SuperEntities | None:
        names = self.super_entities(tablename)
        return SuperEntities(self.db, self.dal[tablename], [self.dal[n] for n in names]) if names else None

    def tends(self, tablename: str) -> bool:
        return self._supers(tablename) is not None

    def written(self, tablename: str, created: Sequence[int], updated: Sequence[int]) -> None:
        supers = self._supers(tablename)
        if supers is not None:
            supers.written([*created, *updated])

    def ended(self, tablename: str, ids: Sequence[int]) -> None:
        supers = self._supers(tablename)
        if supers is not None:
            supers.ended(ids)

    def validators(self, tablename: str) -> Mapping[str, list[Any]]:
        found = {}
        for field in self.dal[tablename]:
            needed = [v for v in _listed(field.requires) if not _implied(v, field)]
            if needed:
                found[field.name] = needed
        return found

    def file_validators(self, tablename: str, field: str) -> list[Any]:
        return _listed(self.dal[tablename][field].requires)

    def condition(self, tablename: str, filters: Iterable[str]) -> str:
        if tablename not in self.dal.tables:
            raise UnknownResource(tablename)
        given = [text for text in filters if text.strip()]
        if not given:
            return ""
        conditions = [str(to_query(self.dal, tablename, text, self.components)) for text in given]
        return " AND ".join(f"({c})" for c in conditions)

    def related(self, tablename: str, filters: Iterable[str]) -> Related:
        return related(self.dal, tablename, [text for text in filters if text.strip()], self.components)

    # --- people -----------------------------------------------------------------------------------------------

    def _names(self, table: str, column: str, by: str, values: Iterable[Any]) -> dict[Any, Any]:
        if table not in self.dal.tables or column not in self.dal[table].fields:
            return {}
        other = "id" if by == column else column
        return dict(self.db.rows_in(f'SELECT "{by}", "{other}" FROM "{table}" WHERE "{by}" IN ({{}})', values))  # type: ignore[arg-type]

    def people(self, ids: Iterable[int]) -> dict[int, str]:
        return self._names("auth_user", "email", "id", ids)

    def person_ids(self, addresses: Iterable[str]) -> dict[str, int]:
        return self._names("auth_user", "email", "email", addresses)

    def roles(self, ids: Iterable[int]) -> dict[int, str]:
        return self._names("auth_group", "role", "id", ids)

    def role_ids(self, names: Iterable[str]) -> dict[str, int]:
        return self._names("auth_group", "role", "role", names)

    # --- permissions ------------------------------------------------------------------------------------------

    def impersonate(self, user_id: int | None) -> None:
        self._user_id = user_id
        self._acting = True

    @property
    def user_id(self) -> int | None:
        """Whose permissions count at the moment."""
        if self._acting:
            return self._user_id
        return self.auth.user_id if self.auth is not None else None

    def member(self, *roles: str) -> bool:
        """Has the present user one of these roles, or the administrators'?"""
        user_id = self.user_id
        if self.auth is None:
            return True
        if not user_id:
            return False
        found = self.db.rows('SELECT "auth_group"."role" FROM "auth_membership" JOIN "auth_group" ON '
                             '"auth_group"."id" = "auth_membership"."group_id" WHERE "auth_membership"."user_id" = ?', [user_id])
        return any(row[0] == self.admin_role or row[0] in roles for row in found)

    def can(self, method: str, tablename: str) -> bool:
        """Administrators may do everything; others what Auth's permissions on the table give them."""
        if self.auth is None or self.member():
            return True
        user_id = self.user_id
        return bool(user_id and self.auth.has_permission(method, tablename, 0, user_id))


def _listed(requires: Any) -> list[Any]:
    """A field's validators, of which pyDAL takes one, several or none."""
    return list(requires) if isinstance(requires, (list, tuple)) else [requires] if requires else []


def _implied(validator: Any, field: Any) -> bool:
    """Need this validator not be run, because the record cannot break its rule any more?"""
    name = type(validator).__name__
    if name == "DefaultValidatorProxy":          # what pyDAL puts in itself, since 2026
        return _implied(validator.obj, field)
    if name in ("IS_EMPTY_OR", "IS_NULL_OR"):
        inner = validator.other
        return all(_implied(v, field) for v in (inner if isinstance(inner, (list, tuple)) else [inner]))
    if name == "IS_NOT_EMPTY":
        return False
    if name == "IS_NOT_IN_DB":           # unique columns are compared in bulk
        return bool(field.unique and str(validator.field) == str(field) and not validator.ignore_common_filters)
    if name in NUMBERS:
        # pyDAL's own defaults span what the column can hold
        low, high = getattr(validator, "minimum", None), getattr(validator, "maximum", None)
        return (low is None or low <= -2 ** 31) and (high is None or high >= 2 ** 31 - 1)
    if name in RANGES:
        return validator.minimum is None and validator.maximum is None
    if name == "IS_IN_DB":               # for references: whether the target exists is found out when it is resolved
        return str(field.type).startswith(("reference", "list:reference", "big-reference"))
    if name == "IS_LIST_OF":
        other = validator.other
        inner = other if isinstance(other, (list, tuple)) else [other] if other else []
        return not validator.minimum and validator.maximum is None and all(_implied(v, field) for v in inner)
    if name == "IS_LENGTH":
        return bool(validator.minsize == 0 and field.length is not None and validator.maxsize >= field.length)
    return name in IMPLIED
