"""What the core asks of the application it runs in."""
from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Iterable, Mapping

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


@dataclass(frozen=True)
class Hooks:
    """The host's own code around a write. Empty for tables without: those are written in bulk."""

    onvalidation: Callable[..., Any] | None = None
    onaccept: Callable[..., Any] | None = None
    ondelete: Callable[..., Any] | None = None

    def __bool__(self) -> bool:
        return any((self.onvalidation, self.onaccept, self.ondelete))


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

    @abc.abstractmethod
    def can(self, method: str, tablename: str) -> bool:
        """May the present user create/read/update/delete records of this table?"""

    @abc.abstractmethod
    def condition(self, tablename: str, filters: Iterable[str]) -> str:
        """URL query filters as one SQL condition on the table ("" = no restriction); raises BadFilter."""

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
