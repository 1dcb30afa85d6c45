"""The module inside a real Eden: what differs from any other web2py application."""
from __future__ import annotations

from typing import Any, Mapping

from gluon import current

from ..app import App, asked_by_peer
from ..errors import NotAuthenticated
from ..hosts.eden import EdenHost
from ..scheduler.jobs import SHARE, Workers
from ..tables import site_uuid
from ..tables.eden import TABLES
from . import models, passwords, schema, service

#: settings of Eden's own module, which stand beside ours in ``settings.sync``
EDENS = frozenset(("data_repository", "upload_filename", "mcb_resource_identifiers", "mcb_domain_identifiers"))


class EdenApp(App):
    """s3sync in a real Eden.

    Models run for each request, few of which have to do with synchronization; and the scheduler's tables, to which ours
    refer, come last. So everything waits for `start`, which pages, answers and tasks call first.
    """

    makes_menu = False

    def __init__(self, environment: Mapping[str, Any]) -> None:
        super().__init__(environment)
        self.s3db = environment["s3db"]
        self.deployment = environment["settings"]
        self.tasks = {}                       # Eden's own task leads to `synchronize`, one of its tasks for templates to `share`
        self.deployment.tasks[SHARE] = self.share
        current.s3sync_app = self
        models.register(self.s3db)
        service.take_over(environment["s3base"])

    @staticmethod
    def given_settings(environment: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in App.given_settings(environment).items() if name not in EDENS}

    def serve(self, answering: str = "") -> None:
        """The tables have to be there now; those that an answer needs, where the request, or the caller, says that it is one."""
        if self._host is None:
            self.start(answering or asked_by_peer(self.request))

    def _define(self) -> None:
        with schema.provided(self.db):
            for name in TABLES:
                self.s3db.table(name, db_only=True)
        passwords.encrypt_all(self.db, self.vault)

    def _user_id(self) -> int | None:
        return models.user_id()

    def workers(self) -> Workers:
        return Workers(self.db, self.application, self.settings.job_timeout, "settings_task", [SHARE])

    def is_administrator(self) -> bool:
        auth = self.auth
        return bool(auth is not None and auth.user and auth.s3_has_role(auth.get_system_roles().ADMIN))

    def new_host(self, everything: bool = False) -> EdenHost:
        base, domain = self._address()
        uuid = self._host.site_uuid if self._host is not None else site_uuid(self.db)
        return EdenHost(self.db, self.auth, uuid, base, domain, s3db=self.s3db, settings=self.deployment, everything=everything)

    def _identify(self, request: Any) -> None:
        """By HTTP Basic, else nobody: Eden itself has looked whether that user may call this URL, and says what he may do.

        A session's cookie does not count: a page elsewhere could make an administrator's browser push.
        """
        if not request.env.http_authorization:
            self.host.impersonate(None)
            return
        try:
            user = self.auth.basic()[2] if self.auth is not None else None
        except ValueError:                    # what should be base64 is not
            user = None
        if not user:
            raise NotAuthenticated(hint="Send user name and password of a user with the role for synchronization")

    def _address(self) -> tuple[str, str]:
        """As the deployment's configuration says, whatever address this request came by."""
        url = str(self.deployment.get_base_public_url() or "").rstrip("/")
        return f"{url}/{self.application}", current.xml.domain or url.partition("://")[2].split(":")[0]


def attach(environment: Mapping[str, Any]) -> EdenApp | None:
    """Take Eden's place; None where the deployment has the module switched off.

    Even then the tables are ours: with Eden's definitions a migration would drop our columns.
    """
    app = EdenApp(environment)
    return app if environment["settings"].has_module("sync") else None
