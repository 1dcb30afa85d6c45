"""This site, as the engine sees it: the host with its database, index and settings, for one run or one request."""
from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from typing import Callable, Iterator

from ..hosts.base import Host
from ..hosts.references import References
from ..hosts.table import TableMap
from ..index.index import Index
from ..index.moment import utcnow
from ..settings import Settings


class Site:
    """Everything that a pull, a push or an answer works on.

    It remembers what it has looked up, so it must not outlive its run or request.
    """

    def __init__(self, host: Host, settings: Settings, now: Callable[[], datetime] = utcnow) -> None:
        self.host = host
        self.db = host.db
        self.settings = settings
        self.now = now
        self.references = References(self.db, host.key)
        self.db.see_committed()
        self.index = Index(self.db, host.site_uuid, host.table, self.references, settings.overlap, now,
                           host.guarded)

    def shared_now(self) -> datetime:
        """Naive UTC by the clock that all workers on this database have in common, wherever they run."""
        if self.now is utcnow and self.db.dialect != "sqlite":
            return self.db.now()
        return self.now()

    def table(self, name: str) -> TableMap:
        """Rows of one table; raises UnknownResource."""
        return self.host.table(name)

    def rollback(self) -> None:
        """Undo what was not committed, and forget what was looked up in it."""
        self.db.rollback()
        self.references.forget()

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Whatever is done within leaves no trace in the database; code of the application's own cannot commit either."""
        with self.db.holding():
            self.index.frozen = True
            try:
                yield
            finally:
                self.rollback()
                self.index.frozen = False

    def recover(self) -> None:
        """As `rollback`, after an error of the database's: the connection may be lost. Raises DatabaseFailed."""
        self.references.forget()
        self.db.recover(self.settings.retries + 1, self.settings.backoff)
        self.db.see_committed()

    def scope(self, resource: str, components: bool = True) -> list[str]:
        """The tables of a task: the resource, then its components, then theirs if the host has it so.

        Raises UnknownResource.
        """
        found = [resource]
        self.table(resource)
        if components:
            for name in found if self.host.nested_components else (resource,):
                for component in self.host.components(name):
                    if component.table not in found and self.host.carries(component.table):
                        found.append(component.table)
        return found
