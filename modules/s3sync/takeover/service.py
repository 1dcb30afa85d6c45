"""What the rest of Eden knows as its synchronization: ``current.sync``, ``s3base.S3Sync`` and ``s3base.S3SyncLog``.

Eden's task `sync_synchronize`, its request handler for ``<prefix>/<name>/sync.xml`` and templates' own code call these by
Eden's names and arguments.
"""
from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Callable

from gluon import current

from ..engine import log
from ..engine.site import Site

if TYPE_CHECKING:
    from .app import EdenApp


class LogService:
    """Entries in `sync_log`, in Eden's words."""

    SUCCESS, WARNING, ERROR, FATAL = "success", "warning", "error", "fatal"
    IN, OUT = "incoming", "outgoing"
    PULL, PUSH, LOGIN, REGISTER, NONE = "pull", "push", "login", "register", "none"
    TABLENAME = "sync_log"

    def write(self, repository_id: int | None = None, resource_name: str | None = None, transmission: str | None = None,
              mode: str | None = None, action: str | None = None, result: str | None = None, remote: bool = False,
              message: str | None = None) -> None:
        """Write an entry; the caller commits."""
        app = current_app()
        app.serve()
        log.write(Site(app.host, app.settings), repository_id, resource_name, mode or self.NONE, transmission or self.NONE,
                  action or self.NONE, result if result in (self.WARNING, self.ERROR, self.FATAL) else self.SUCCESS,
                  message or "", bool(remote))


class SyncService:
    """A synchronization as Eden's code uses it. Made anew by each of its tasks; ``current.sync`` is one too."""

    def __init__(self) -> None:
        self._manual = False

    @property
    def app(self) -> EdenApp:
        """The module. Eden makes a service in each request before it has us."""
        return current_app()

    @property
    def log(self) -> LogService:
        """The log."""
        return LogService()

    @property
    def config(self) -> Any:
        """The row of `sync_config`."""
        self.app.serve()
        return self.app.db(self.app.db.sync_config.id > 0).select(limitby=(0, 1)).first()

    def get_status(self) -> Any:
        """Whether a run is going on: never, for Eden. Each repository has a lease of its own, which the run looks at."""
        return SimpleNamespace(running=False, manual=self._manual, timestmp=None)

    def set_status(self, running: bool = False, manual: bool = False) -> None:
        """Eden says before and after a run whether somebody started it by hand."""
        if running:
            self._manual = bool(manual)

    def synchronize(self, repository: Any) -> bool:
        """Synchronise with a repository (its row) as the user Eden has logged in; whether all went well."""
        user = current.auth.user
        result = self.app.synchronize(int(repository.id), user.id if user else None, self._manual)
        return result in (LogService.SUCCESS, LogService.WARNING)

    def __call__(self, request: Any, **attributes: Any) -> Any:
        """Answer ``<prefix>/<name>/sync.xml`` and ``sync/repository/register.json``, as Eden's request handler asks."""
        app = self.app
        app.serve("repository" if request.method == "register" else "sync")
        if request.method == "register":
            return app.answers.register(current.request, current.response)
        return app.answers.sync(current.request, current.response, request.tablename)


def current_app() -> EdenApp:
    """The module of the request that is being answered, or of the task that is being executed."""
    app: EdenApp = current.s3sync_app
    return app


def take_over(s3base: Any) -> SyncService:
    """Put our service where Eden's framework has its own; returns the one for ``current.sync``."""
    replaced: dict[str, Callable[[], Any]] = {"S3Sync": SyncService, "S3SyncLog": LogService}
    for name, service in replaced.items():
        setattr(s3base, name, service)
    sync = SyncService()
    current.sync = sync
    return sync
