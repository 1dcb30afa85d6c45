"""What goes with the records of one of Eden's tables: super-records, owner, realm, in few statements.

Eden's own functions for it (`update_super`, `s3_set_record_owner`) read and write each of these rows several times through
pyDAL. Their rules are kept here (EDEN_TABLES §13): which columns a super-record shares, whose code is called, who owns what.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Sequence

from pydal.objects import Row

from .callback import Values, call
from .table import TRUE, listened, worked_out

if TYPE_CHECKING:
    from .base import Hook
    from .eden import EdenHost

#: columns by which Eden knows who owns a record
OWNERS = ("owned_by_user", "owned_by_group", "realm_entity")

#: columns from which it tells the realm
ENTITIES = ("pe_id", "organisation_id", "site_id", "group_id", "person_id")

#: types of columns that can go from one table to the other as the driver gives them
COPIED = frozenset(("string", "text", "integer", "bigint", "double", "boolean", "reference", "datetime", "date"))

#: defaults that the driver takes, or nearly
PLAIN = (bool, int, float, str)

#: tables by whose names Eden knows that a record belongs to the user who is the person it is about
PERSONAL = ("pr_", "hrm_training")


#: Eden's own code for super-records that does something only for tables with all of these columns: left out for others, for
#: which it would read each super-record to find that out
IDLE = {"pr_pentity_onaccept": frozenset(("site_id", "organisation_id"))}


@dataclass(frozen=True)
class Entity:
    """A super-entity of a table.

    Attributes
    ----------
    name, key : its table, and the column that both have
    shared : by column of the super-record, the record's column whose value it has
    owners : those of OWNERS that it has
    created, updated : Eden's own code for super-records
    """

    name: str
    key: str
    shared: dict[str, str]
    owners: tuple[str, ...]
    created: Hook | None
    updated: Hook | None
    defaults: dict[str, Any]


class Identities:
    """Looks after super-records, owner and realm of the records of one table.

    Attributes
    ----------
    entities : the super-entities; None where a table has callbacks, or columns, that only Eden's own function can treat
    owned : do owner group or realm of a record depend on it? Its owning user is written with it in any case
    moves : a record may come into another realm when it is updated
    personal : it is for Eden to say who owns a record, see PERSONAL
    """

    def __init__(self, host: EdenHost, tablename: str) -> None:
        self.host = host
        self.name = tablename
        self.table = host.dal[tablename]
        fields = self.table.fields
        found = [self._entity(name) for name in host.super_entities(tablename)]
        entities = [entity for entity in found if entity is not None]
        self.entities = entities if len(entities) == len(found) and "id" in fields else None
        get = host.s3db.get_config
        self._handled = bool(callable(host.deployment.get_auth_realm_entity()) or get(tablename, "realm_entity"))
        self.owned = bool(self._handled or get(tablename, "owner_group") or not set(ENTITIES).isdisjoint(fields))
        self.moves = bool(get(tablename, "update_realm"))
        self.personal = tablename.startswith(PERSONAL) or bool(get(tablename, "owner_group")) or self.entities is None
        columns = ["id"]
        for name in ("uuid", "deleted", *(e.key for e in entities), *(c for e in entities for c in e.shared.values()),
                     *((*OWNERS, *ENTITIES) if self.owned else ())):
            if name in fields and name not in columns:
                columns.append(name)
        self.columns = columns

    def _entity(self, name: str) -> Entity | None:
        """How the super-records of an entity are written; None if that is for Eden to do."""
        own, table = self.table, self.host.dal[name]
        get = self.host.s3db.get_config
        key = str(table._id.name)
        left = {key, "instance_type", "uuid", "deleted", *(get(name, "no_shared_fields") or ())}
        given = get(self.name, f"{name}_fields") or {field: field for field in table.fields}
        shared = {field: column for field, column in given.items()
                  if field not in left and field in table.fields and column in own.fields}
        kinds = {(_kind(table[field]), _kind(own[column])) for field, column in shared.items()}
        if key not in own.fields or any(a != b or a.partition(" ")[0] not in COPIED for a, b in kinds):
            return None
        defaults = {c.name: c.default for c in table if c.name not in (key, *shared) and c.default is not None}
        if listened(table) or worked_out(table, {*defaults, *shared}) or any(not isinstance(v, PLAIN) for v in defaults.values()):
            return None
        hooks = [get(name, f"{method}_onaccept") or get(name, "onaccept") for method in ("create", "update")]
        created, updated = (None if _idle(hook, own.fields) else hook for hook in hooks)
        return Entity(name, key, shared, tuple(n for n in OWNERS if n in table.fields), created, updated,
                      {n: _driver(v) for n, v in defaults.items()})

    @property
    def any(self) -> bool:
        """Is there anything to look after?"""
        return self.entities != [] or self.owned or self.moves

    @property
    def calls(self) -> bool:
        """Is code called that may refuse a record?"""
        return self.entities is None or any(e.created or e.updated for e in self.entities) or self.moves \
            or self.owned and (self.personal or self._handled)

    def written(self, number: int, created: bool) -> None:
        """A record was created or updated."""
        auth, supers = self.host.auth, self.entities
        if supers is None:
            call(self.host.s3db.update_super, self.table, Values(id=number), tablename=self.name)
        if supers or created and self.owned and not self.personal:
            self._look_after(number, created and self.owned and not self.personal, supers or ())
        if created and self.owned and self.personal:
            call(auth.s3_set_record_owner, self.table, number, tablename=self.name)
        if not created and self.moves:
            call(partial(auth.set_realm_entity, force_update=True), self.table, number, tablename=self.name)

    def _look_after(self, number: int, owner: bool, entities: Sequence[Entity]) -> None:
        db = self.host.db
        found = db.rows(f'SELECT {self._selected} FROM "{self.name}" WHERE "id" = ?', [number])
        if not found:
            return
        row = dict(zip(self.columns, found[0]))
        keys = {entity.key: self._super_record(entity, row) for entity in entities}
        changed = {key: value for key, value in keys.items() if row[key] != value}
        row.update(keys)
        owners = self._owners(row) if owner else {}
        changed.update(owners)
        if changed:
            db.update(self.name, list(changed), [(*changed.values(), number)])
        for entity in entities:
            shared = {name: value for name, value in owners.items() if name in entity.owners}
            if shared:
                db.update(entity.name, list(shared), [(*shared.values(), keys[entity.key])], key=entity.key)

    @cached_property
    def _selected(self) -> str:
        return ", ".join(f'"{name}"' for name in self.columns)

    def _super_record(self, entity: Entity, row: dict[str, Any]) -> int:
        """Make or update the super-record, and let Eden's own code see it; its key."""
        db, key = self.host.db, row[entity.key]
        values = {field: row[column] for field, column in entity.shared.items()}
        values["instance_type"] = self.name
        values.update((name, row[name]) for name in ("deleted", "uuid") if name in row)
        here = bool(key) and bool(db.rows(f'SELECT 1 FROM "{entity.name}" WHERE "{entity.key}" = ?', [key]))
        if here:
            db.update(entity.name, list(values), [(*values.values(), key)], key=entity.key)
        else:
            stored = {**entity.defaults, **values}
            key = db.insert_one(entity.name, list(stored), list(stored.values()), key=entity.key)
        hook = entity.updated if here else entity.created
        if hook is not None:
            table = self.host.dal[entity.name]
            read = {name: (value in TRUE if table[name].type == "boolean" else value) for name, value in values.items()}
            call(hook, Values(vars=Values(read, **{entity.key: key})), tablename=entity.name)
        return int(key)

    def _owners(self, row: dict[str, Any]) -> dict[str, Any]:
        """Who owns a new record, as far as that is not in the row yet."""
        found: dict[str, Any] = {}
        user = self.host.user_id
        if "owned_by_user" in row and not row["owned_by_user"] and user:
            found["owned_by_user"] = user
        if "realm_entity" in row and not row["realm_entity"]:
            known = Row({name: row[name] for name in ("id", *OWNERS, *ENTITIES) if name in row})
            realm = call(self.host.auth.get_realm_entity, self.table, known, tablename=self.name)
            if realm != row["realm_entity"]:
                found["realm_entity"] = realm
        return found


def _kind(column: Any) -> str:
    """Type of a column, without the table it may refer to being looked at."""
    return column.type if isinstance(column.type, str) else str(getattr(column.type, "type", column.type))


def _driver(value: Any) -> Any:
    return ("T" if value else "F") if isinstance(value, bool) else value


def _idle(hook: Any, fields: Sequence[str]) -> bool:
    """Is this code of Eden's own that has nothing to do for a table with these columns?"""
    where = str(getattr(hook, "__module__", "") or "")
    needed = IDLE.get(getattr(hook, "__name__", ""))
    return needed is not None and where.endswith("s3db.pr") and not needed <= set(fields)
