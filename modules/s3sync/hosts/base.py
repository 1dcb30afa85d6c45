"""What the core asks of the application it runs in."""
from __future__ import annotations

import abc
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Iterable, Mapping, NamedTuple, Sequence, Union

from ..s3xml.schema import Schema
from .callback import HookError, call

if TYPE_CHECKING:
    from ..database import Database
    from .table import TableMap


@dataclass(frozen=True)
class Component:
    """A table whose records are parts of another table's records, joined by `fkey` to the parent's `pkey`.

    `alias` is the component's name within the parent ("office"); `multiple` is False where a parent has one at most.
    """

    alias: str
    table: str
    fkey: str
    pkey: str = "id"
    multiple: bool = True


class Related(NamedTuple):
    """What else than a table's records themselves decides whether filters let them pass.

    Attributes
    ----------
    changed : tables, each with an SQL condition on the filtered table: is a record connected with one of that table's that has a
        version above a sequence number? Its arguments are the table's name and that number.
    condition : the filters in SQL, whoever may read what
    vague : there is more, of which no index tells: the present time, say, or a record that was connected and is not any more
    """

    changed: tuple[tuple[str, str], ...]
    condition: str
    vague: bool = False


#: A function, several of them in a row, or one by table name, as Eden allows
Hook = Union[Callable[..., Any], Sequence[Any], Mapping[str, Any]]


@dataclass(frozen=True)
class Hooks:
    """The host's own code around a write, in Eden's calling convention (S3XML §10.2, §10.3, §10.6).

    Tables without are written in bulk. In the order in which they are called:

    Attributes
    ----------
    deduplicate : (item), for records without uuid, or where uuids are synchronised: sets `item.id` to the record it is
    import_prep : (tree), before a record is read, with a tree of the root element and the record's; may change it
    xml_post_parse : (element, record), after it was read: the values by field, which it may change
    json_references : fields in whose JSON ``"$k_…"`` stands for a reference, or True for all
    onconflict : (item, repository, resource), sets `item.conflict` to False to let the incoming version win
    onvalidation : (form), before a write; `form.errors` rejects it, `form.vars` may be changed
    onaccept : (form), after it, not for what was rejected or kept
    ondelete_cascade : (row), before a deletion; an exception prevents it
    ondelete : (row), after it
    create_…, update_… : instead of the general one
    update_policy : of this table, or by field with "__default__", instead of the task's
    """

    onvalidation: Hook | None = None
    onaccept: Hook | None = None
    ondelete: Hook | None = None
    create_onvalidation: Hook | None = None
    update_onvalidation: Hook | None = None
    create_onaccept: Hook | None = None
    update_onaccept: Hook | None = None
    ondelete_cascade: Hook | None = None
    onconflict: Hook | None = None
    deduplicate: Hook | None = None
    import_prep: Hook | None = None
    xml_post_parse: Hook | None = None
    json_references: bool | str | Sequence[str] = False
    update_policy: str | Mapping[str, str] | None = None

    def of_documents(self, schema: Schema) -> Schema:
        """The schema, with what a reader of documents has to do for this code."""
        if self.import_prep is None and self.xml_post_parse is None:
            return schema
        return replace(schema, source=self.xml_post_parse is not None,
                       prepare=None if self.import_prep is None else partial(_prepare, self.import_prep, schema.table))

    @property
    def around_writes(self) -> bool:
        """Must records be written one by one?"""
        return any((self.onvalidation, self.onaccept, self.create_onvalidation, self.update_onvalidation, self.create_onaccept,
                    self.update_onaccept))

    @property
    def around_deletions(self) -> bool:
        """Must records be deleted one by one?"""
        return bool(self.ondelete or self.ondelete_cascade)

    def validation(self, method: str) -> Hook | None:
        """What to call before a "create" or "update"."""
        return (self.create_onvalidation if method == "create" else self.update_onvalidation) or self.onvalidation

    def accept(self, method: str) -> Hook | None:
        """What to call after a "create" or "update"."""
        return (self.create_onaccept if method == "create" else self.update_onaccept) or self.onaccept


def _prepare(hook: Hook, tablename: str, tree: Any) -> str:
    try:
        call(hook, tree, tablename=tablename)
    except HookError as error:
        return str(error)
    return ""


class Host(abc.ABC):
    """An application, seen by the core: its tables, components, hooks, identity and permissions.

    Attributes
    ----------
    db : the application's database
    site_uuid : identity of this site, ``sync_config.uuid``
    base_url : public URL of this application, without trailing slash ("" when unknown)
    domain : host name for the root element of documents
    """

    db: Database
    site_uuid: str
    base_url: str = ""
    domain: str = ""
    #: are components of components parts of a record, too?
    nested_components: bool = True

    @property
    def user_id(self) -> int | None:
        """Whose permissions count at the moment."""
        return None

    def member(self, *roles: str) -> bool:
        """Is the present user an administrator, or has one of these roles?"""
        return True

    @abc.abstractmethod
    def table(self, tablename: str) -> TableMap:
        """Rows of a table in canonical form; raises UnknownResource if there is none or it may never travel."""

    @abc.abstractmethod
    def carries(self, tablename: str) -> bool:
        """Is there such a table, has it uuids, and may it travel at all?"""

    @abc.abstractmethod
    def tables(self) -> list[str]:
        """Names of all tables that may be synchronised, sorted."""

    @abc.abstractmethod
    def components(self, tablename: str) -> tuple[Component, ...]:
        """The components of a table."""

    @abc.abstractmethod
    def hooks(self, tablename: str) -> Hooks:
        """The host's callbacks for a table."""

    @abc.abstractmethod
    def validators(self, tablename: str) -> Mapping[str, list[Any]]:
        """Validators by field name, for fields that have any beyond what their type implies."""

    def file_validators(self, tablename: str, field: str) -> list[Any]:
        """What the application asks of the files of an upload field: validators, called with what a form would bring."""
        return []

    @abc.abstractmethod
    def can(self, method: str, tablename: str) -> bool:
        """May the present user create/read/update/delete records of this table?"""

    @abc.abstractmethod
    def condition(self, tablename: str, filters: Iterable[str]) -> str:
        """URL query filters as one SQL condition on the table ("" = no restriction); raises BadFilter."""

    @abc.abstractmethod
    def related(self, tablename: str, filters: Iterable[str]) -> Related:
        """What besides the table's own records decides whether filters let them pass; raises BadFilter."""

    @abc.abstractmethod
    def people(self, ids: Iterable[int]) -> dict[int, str]:
        """E-mail addresses of users by id."""

    @abc.abstractmethod
    def person_ids(self, addresses: Iterable[str]) -> dict[str, int]:
        """Ids of users by e-mail address, for those that are known here."""

    @abc.abstractmethod
    def roles(self, ids: Iterable[int]) -> dict[int, str]:
        """Role names by id of auth_group."""

    @abc.abstractmethod
    def role_ids(self, names: Iterable[str]) -> dict[str, int]:
        """Ids of auth_group by role name."""

    @abc.abstractmethod
    def impersonate(self, user_id: int | None) -> None:
        """Continue with the permissions of this user (None: nobody)."""

    # --- what only some applications have -----------------------------------------------------------------------

    def key(self, tablename: str) -> str:
        """Name of the column by which records of a table are referred to: "id", but "pe_id" for Eden's pr_pentity."""
        return "id"

    def super_entities(self, tablename: str) -> tuple[str, ...]:
        """The super-entities of which the records of a table are instances (EDEN_TABLES §13)."""
        return ()

    def single_keys(self, tablename: str) -> tuple[str, ...]:
        """Reference fields by which this table is a component that each parent has one of at most."""
        return tuple(dict.fromkeys(part.fkey for parent in self.tables() for part in self.components(parent)
                                   if part.table == tablename and not part.multiple))

    def alone(self, tablename: str) -> bool:
        """Does `written` call code that may refuse one of the records? Then it is called for each by itself."""
        return False

    def tends(self, tablename: str) -> bool:
        """Is there anything that `written` has to look after?"""
        return False

    def written(self, tablename: str, created: Sequence[int], updated: Sequence[int]) -> None:
        """Records were written: look after what goes with them (super-entities, owners). Comes before onaccept."""
        return None

    def ended(self, tablename: str, ids: Sequence[int]) -> None:
        """Records were deleted: look after what went with them."""
        return None

    def complete(self) -> None:
        """Define all tables of the application that are not defined yet: some do so only when a table is asked for."""
        return None

    def readable(self, tablename: str) -> str:
        """SQL condition for the rows of a table that the present user may read; "" where `can` has said all."""
        return ""

    def guarded(self, tablename: str) -> bool:
        """May somebody be let read records of this table without a change of their values, by an approval, say?"""
        return False

    def forbidden(self, method: str, tablename: str, ids: Iterable[int]) -> set[int]:
        """Those of these records that the present user may not update or delete, although `can` allows it in general."""
        return set()

    def importing(self) -> AbstractContextManager[None]:
        """Around each batch of records that are written: what the application has to be told."""
        return nullcontext()
