"""Code of the application's own, in the calling convention of Eden: what it is called with, and what it may do wrong."""
from __future__ import annotations

from typing import Any, Callable, Mapping, Sequence


class HookError(Exception):
    """The application's own code refused the record."""


class Values(dict):  # type: ignore[type-arg]
    """A mapping whose items are attributes too, None where there is none: what callbacks take gluon's Storage for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.get(name)

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        self.pop(name, None)


class Form(Values):
    """What onvalidation and onaccept are called with: like gluon's own a mapping too (``"vars" in form``).

    Attributes
    ----------
    vars : the values of the record by field, references as local ids; `id` as soon as there is one
    errors : field -> text; what onvalidation puts in rejects the record
    method : "create" or "update"
    table : the pyDAL table
    record : the row as it was, None for a new record
    """

    def __init__(self, method: str, table: Any, values: Mapping[str, Any], record: Any = None) -> None:
        super().__init__()
        self.method = method
        self.table = table
        self.vars = Values(values)
        self.request_vars = self.vars
        self.errors = Values()
        self.record = record


class Job:
    """What stands for Eden's import job: of the other items of an import nothing is known."""

    def __init__(self) -> None:
        self.items: dict[Any, Any] = {}


class ImportItem:
    """What deduplicate and onconflict are called with: the part of Eden's import item that such code uses.

    Attributes
    ----------
    table, tablename : where the record belongs
    data : its values, references as local ids, and its uuid unless it came without
    uid : its uuid as it came, None without
    id : local id of the record it is; deduplicate sets it
    method : "create", "update", "delete", "merge" or None where that is not known yet; deduplicate sets "update"
    skip : set to leave the record here as it is
    error, accepted : set to reject the record
    original : the row here, None if there is none
    conflict : onconflict sets it False to let the incoming version win
    components : items of the records nested in it (`parent` is this item); their own references to it are not set yet
    references : what it refers to: `field`, and `entry` with `tablename`, `uid` and `id` (None if that is not here)
    element : its element where the table has an xml_post_parse, else None
    job : has `items`, which is empty: records come one by one
    """

    METHOD = Values(CREATE="create", UPDATE="update", DELETE="delete", MERGE="merge")
    POLICY = Values(THIS="THIS", OTHER="OTHER", NEWER="NEWER", MASTER="MASTER")

    def __init__(self, table: Any, data: Mapping[str, Any], uid: str | None = None, method: str | None = None,
                 original: Any = None, **policies: Any) -> None:
        self.table = table
        self.tablename: str = table._tablename
        self.data = Values(data)
        self.uid = uid
        self.method = method
        self.original = original
        self.id: Any = original.id if original is not None else None
        self.skip = False
        self.error: str | None = None
        self.errors: list[str] = []
        self.accepted: bool | None = None
        self.conflict = False
        self.strategy: Sequence[str] = policies.get("strategy", ())
        self.update_policy: Any = policies.get("update_policy")
        self.conflict_policy: Any = policies.get("conflict_policy")
        self.components: list[Any] = []
        self.references: list[Any] = []
        self.parent: Any = None
        self.element: Any = None
        self.item_id: Any = uid
        self.job = Job()

    @property
    def data_item(self) -> Values:
        """The values, under the name older code uses."""
        return self.data


def call(hook: Callable[..., Any] | Sequence[Any] | Mapping[str, Any] | None, *arguments: Any, tablename: str = "") -> Any:
    """Call a hook as it was configured: a function, several of them, or one by table name.

    Raises HookError for whatever it raises: what a callback does wrong is the fate of one record, not of the run.
    """
    if hook is None:
        return None
    if not callable(hook):
        if isinstance(hook, Mapping):
            return call(hook.get(tablename), *arguments, tablename=tablename)
        result = None
        for each in hook:
            result = call(each, *arguments, tablename=tablename)
        return result
    try:
        return hook(*arguments)
    except HookError:
        raise
    except Exception as error:            # the application's own code may raise anything
        name = getattr(hook, "__name__", type(hook).__name__)
        raise HookError(f"{name} failed: {type(error).__name__}: {error}") from error
