"""A stand-in for Sahana Eden: the calls that s3sync makes of it, on the tables of `ShapedSite`. Each is written down.

It holds no code of Eden's; what is called, and with what, is from the description of how an import in Eden goes.
"""
from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Mapping, Sequence

from gluon import current
from gluon.storage import Storage
from pydal import Field
from shaped_site import ShapedSite

from s3sync.engine.site import Site
from s3sync.hosts.eden import EdenHost

ADMIN = 1


class Loader:
    """In the place of ``s3db``."""

    def __init__(self, site: EdenSite) -> None:
        self.site = site
        self.config: dict[str, dict[str, Any]] = {}

    def table(self, name: str, default: Any = None, db_only: bool = False) -> Any:
        assert db_only, "Eden would hand out functions of that name too"
        self.site.asked.append(name)
        return self.site.db[name] if name in self.site.db.tables else default

    def resource(self, name: str) -> None:
        self.site.note("resource", name)

    def load_all_models(self) -> None:
        self.site.note("load_all_models")

    def get_config(self, name: str, key: str, default: Any = None) -> Any:
        return self.config.get(name, {}).get(key, default)

    def get_components(self, name: str) -> dict[str, Any]:
        return dict(self.site.components.get(name, {}))

    def update_super(self, table: Any, record: Any) -> None:
        self.site.note("update_super", table._tablename, record["id"])
        key = self.site.db.pr_pentity.insert(instance_type=table._tablename, uuid=table[record["id"]].uuid)
        self.site.db(table.id == record["id"]).update(pe_id=key)

    def delete_super(self, table: Any, row: Any) -> bool:
        self.site.note("delete_super", table._tablename, row.id)
        return True


class People:
    """In the place of ``auth``: who may do what, by (method, table) and by (method, table, id)."""

    PROTECTED = ("admin",)

    def __init__(self, site: EdenSite) -> None:
        self.site = site
        self.user: Any = Storage(id=ADMIN)
        self.denied: set[Any] = set()
        self.realms: list[int] | None = None       # whose records the present user may read; None: all
        self.permission = SimpleNamespace(requires_approval=lambda table: table in site.approving, entity_realm=False)

    @property
    def user_id(self) -> Any:
        return self.user.id if self.user else None

    def get_system_roles(self) -> Any:
        return SimpleNamespace(ADMIN=1)

    def s3_has_role(self, role: Any) -> bool:
        return bool(role == 1 and self.user and self.user.id == ADMIN)

    def s3_impersonate(self, user_id: int | None) -> None:
        self.site.note("s3_impersonate", user_id)
        self.user = Storage(id=user_id) if user_id else None

    def s3_has_permission(self, method: str, table: str, record_id: int | None = None) -> bool:
        return (method, table) not in self.denied and (method, table, record_id) not in self.denied

    def s3_accessible_query(self, method: str, table: str) -> Any:
        self.site.note("s3_accessible_query", method, table)
        found = self.site.db[table]
        if self.realms is None:
            return found.name != "secret"
        return found.realm_entity.belongs(self.realms) | (found.realm_entity == None)  # noqa: E711 - SQL

    def get_realm_entity(self, table: Any, row: Any) -> Any:
        self.site.note("get_realm_entity", table._tablename, row.id)
        return self.site.realm(table, row) if self.site.realm else row.get("pe_id")

    def s3_set_record_owner(self, table: Any, number: int) -> None:
        self.site.note("s3_set_record_owner", table._tablename, number)

    def set_realm_entity(self, table: Any, number: int, force_update: bool = False) -> None:
        self.site.note("set_realm_entity", table._tablename, number, force_update)


class EdenSite(ShapedSite):
    """A site whose host is a (stand-in for an) Eden.

    Attributes
    ----------
    calls : what s3sync called of Eden's, in order
    asked : tables that were asked of the loader
    realm : the deployment's function for realms
    """

    def connect(self) -> None:
        super().connect()
        self.calls: list[tuple[Any, ...]] = []
        self.asked: list[str] = []
        self.components: dict[str, Mapping[str, Any]] = {}
        self.approving: set[str] = set()
        self.audits = False
        self.realm: Any = None
        self.s3db, self.auth = Loader(self), People(self)
        current.model = {"components": self.components}
        current.response = Storage(s3=Storage(bulk=False))
        current.audit = lambda *args, **more: self.note("audit", *args, more["record"], more["representation"])
        current.gis = SimpleNamespace(update_location_tree=lambda feature: self.note("update_location_tree", feature))
        current.s3task = SimpleNamespace(run_async=lambda name, **more: self.note("run_async", name, more["args"]))

    def meta(self) -> list[Field]:
        return [*super().meta(), Field("owned_by_user", "integer"), Field("owned_by_group", "integer"),
                Field("realm_entity", "integer"), Field("approved_by", "integer")]

    def note(self, *call: Any) -> None:
        """Write down a call."""
        self.calls.append(call)

    def names(self) -> list[str]:
        """What was called, without the loader's preparations."""
        return [call[0] for call in self.calls if call[0] != "resource"]

    def hook(self, name: str, what: Any = None) -> Any:
        """A callback that writes down that it was called."""
        def called(*args: Any) -> None:
            self.note(name, *(what(*args) if what else ()))
        return called

    def configure(self, table: str, **settings: Any) -> None:
        """As Eden's own `configure`."""
        self.s3db.config.setdefault(table, {}).update(settings)

    def host(self, **more: Any) -> EdenHost:
        """A host for one run."""
        deployment = SimpleNamespace(get_security_audit_write=lambda: self.audits, get_auth_realm_entity=lambda: self.realm,
                                     get_import_callback=lambda table, key: self.s3db.get_config(table, key) or
                                     self.s3db.get_config(table, key[7:]))
        return EdenHost(self.db, self.auth, self.uuid, s3db=self.s3db, settings=deployment, **more)

    def open(self) -> Site:
        return Site(self.host(), self.settings, self.now)


def components(**hooks: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Descriptions of components as the loader gives them; what is not said has Eden's default."""
    default: Mapping[str, Any] = {"linktable": None, "pkey": "id", "fkey": None, "lkey": None, "multiple": True,
                                  "filterby": None}
    return {alias: Storage({**default, **hook}) for alias, hook in hooks.items()}


def order(calls: Sequence[tuple[Any, ...]], *names: str) -> list[str]:
    """Those of these calls, in the order they came."""
    return [call[0] for call in calls if call[0] in names]
