"""The module inside a web2py application: what models, controllers and tasks of the application call."""
from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Callable, Iterator, Mapping
from urllib.parse import urlsplit

from .answers import Answers
from .engine import log
from .engine.compare import Comparison, compare, repair
from .engine.crew import Crew
from .engine.helper import Helper
from .engine.peer import Peer
from .engine.plan import Plan, plan
from .engine.repository import Repository, by_uuid, load
from .engine.run import Runner
from .engine.site import Site
from .engine.stop import Stop
from .errors import ConfigurationError, SyncError, UnknownRepository
from .hosts.web2py import Web2pyHost
from .memory import few_collections
from .peers.connect import client_of, connect
from .peers.register import register
from .scheduler.jobs import SHARE, TASK, Workers, groups_needed, queue, worker_alive, workers_alive
from .secrets import Vault
from .settings import Settings
from .settings import load as load_settings
from .tables import ANSWERING, define_tables, ensure_indices, site_uuid
from .takeover import is_eden

#: databases whose tables this process has defined once, and thereby created or migrated
_defined: set[tuple[str, str]] = set()


class App:
    """s3sync in one application, for one request or task.

    Attributes
    ----------
    db : the application's DAL
    host, settings, vault : what the engine works with
    tasks : for the application's scheduler, by name
    answers : to peers
    auth, T : gluon's Auth and translator
    makes_menu : the application's menu has no entries for us yet
    """

    makes_menu = True

    def __init__(self, environment: Mapping[str, Any]) -> None:
        request = environment["request"]
        self.db = environment["db"]
        self.auth = environment.get("auth")
        self.T = environment.get("T") or str
        self.session = environment.get("session")
        self.application: str = request.application
        self.folder: str = request.folder
        self.scheduler: Any = None
        self._make_scheduler: Callable[[], Any] | None = None     # before the tables that refer to its own
        self.settings: Settings = load_settings(self.given_settings(environment))
        deployment = environment.get("deployment_settings") or environment.get("settings") or {}
        base = deployment.get("base") if hasattr(deployment, "get") else None
        self._public_url = str(_plain(base).get("public_url") or "").rstrip("/")
        self.tasks: dict[str, Callable[..., Any]] = {TASK: self.synchronize, SHARE: self.share}
        self.vault = Vault(os.path.join(self.folder, "private"))
        self.request = request
        self.answers = Answers(self)
        self._host: Web2pyHost | None = None

    @staticmethod
    def given_settings(environment: Mapping[str, Any]) -> dict[str, Any]:
        """What the deployment has set of ours."""
        deployment = environment.get("deployment_settings") or environment.get("settings") or {}
        return _plain(deployment.get("sync") if hasattr(deployment, "get") else None)

    @property
    def host(self) -> Web2pyHost:
        """The application, as the engine sees it."""
        if self._host is None:
            self.start()
        assert self._host is not None
        return self._host

    def start(self, answering: str = "") -> None:
        """Define the tables; make this site's identity if it has none yet.

        `answering` is the controller's function that a peer has called: then only the tables that it needs.
        """
        if answering and self.defined:
            needed = (*ANSWERING, "sync_dataset") if answering == "dataset" else ANSWERING
            define_tables(self.db, self.T, user_id=self._user_id, answering=True, only=needed)
        else:
            self._define()
            ensure_indices(self.db)
            _defined.add(self._database)
        self._host = self.new_host()

    def _define(self) -> None:
        """Define all tables, after the scheduler's, to which some refer."""
        if self.scheduler is None and self._make_scheduler is not None:
            self.scheduler = self._make_scheduler()
        define_tables(self.db, self.T, user_id=self._user_id)

    def _user_id(self) -> int | None:
        """Who is logged in."""
        return self.auth.user_id if self.auth is not None else None

    def serve(self) -> None:
        """The module's own controller is about to answer: what was not ready when the models ran has to be now."""

    def new_host(self, everything: bool = False) -> Web2pyHost:
        """The application as the engine sees it, without memories, for the request's user or with all permissions."""
        base, domain = self._address()
        uuid = self._host.site_uuid if self._host is not None else site_uuid(self.db)
        return Web2pyHost(self.db, None if everything else self.auth, uuid, base, domain, self.settings.admin_role)

    def is_administrator(self) -> bool:
        """Has who is logged in the administrators' role? Takes no tables of the module."""
        auth = self.auth
        return bool(auth is not None and auth.is_logged_in() and
                    Web2pyHost(self.db, auth, "", admin_role=self.settings.admin_role).member())

    @property
    def _database(self) -> tuple[str, str]:
        return str(self.db._uri), str(getattr(self.db._adapter, "folder", ""))

    @property
    def defined(self) -> bool:
        """Has this process defined the tables before? They exist then."""
        return self._database in _defined and "memory" not in str(self.db._uri)

    def _address(self) -> tuple[str, str]:
        """Public URL of this application and host name, as the deployment (Eden's ``base.public_url``) or the request tells.

        Peers fetch files from there. A worker has no request; what web2py puts in its place is an address of its own making.
        """
        env = self.request.env
        name = env.http_host or ""
        base = self._public_url or (f"{env.wsgi_url_scheme or 'http'}://{name}" if name else "")
        host = env.server_name or name or urlsplit(base).hostname or ""
        return f"{base}/{self.application}" if base else "", host.split(":")[0]

    # --- runs -------------------------------------------------------------------------------------------------

    def synchronize(self, repository_id: int, user_id: int | None = None, manual: bool = False) -> str:
        """Synchronise with a repository now, in this process; returns the worst result.

        This is the scheduler's task ``sync_synchronize``: its arguments are those of existing Eden jobs.
        """
        site = self._site(user_id)
        self.db.commit()
        site.db.wait_for_locks(60)
        stop = self._stop()
        runner = Runner(site, lambda repository, here: connect(repository, here, self.vault, self.proxy(), stop), stop,
                        crew=self._crew())
        try:
            with stop.heeding_signals(), few_collections():
                return runner.synchronize(int(repository_id), user_id, manual)
        except UnknownRepository as error:
            site.rollback()
            log.write(site, None, None, "none", "none", "connect", "fatal", error.message)
            self.db.commit()
            return "fatal"

    def share(self, run_id: int) -> int:
        """Help with a run that another worker has begun; returns how many of its steps came to their end here.

        This is the scheduler's task ``sync_share``; who begins a run queues it (the setting `workers`).
        """
        self.serve()
        row = self.db(self.db.sync_run.id == int(run_id)).select(self.db.sync_run.user_id).first()
        site = self._site(row.user_id if row is not None else None)
        self.db.commit()
        stop = self._stop()
        helper = Helper(site, lambda repository, here: connect(repository, here, self.vault, self.proxy(), stop, greet=False),
                        stop)
        try:
            with stop.heeding_signals(), few_collections():
                return helper.help(int(run_id))
        except UnknownRepository:
            return 0

    def _crew(self) -> Crew | None:
        """Other workers to share a run with; None where there are to be none."""
        if self.settings.workers < 2 or "scheduler_task" not in self.db.tables:
            return None
        return self.workers()

    def workers(self) -> Workers:
        """The scheduler's workers, as they are called to share a run."""
        return Workers(self.db, self.application, self.settings.job_timeout)

    def _site(self, user_id: int | None, everything: bool = False) -> Site:
        """This site with the permissions of a user (None: nobody), or with all of them."""
        self.serve()
        host = self.new_host(everything)
        if not everything:
            host.impersonate(user_id)
        return Site(host, self.settings)

    def plan(self, repository_id: int, task_id: int | None = None, user_id: int | None = None, limit: int = 500) -> Plan:
        """A dry run of a repository's tasks, or of one: what a run would do now. Nothing is written here or at the peer.

        Talks to the peer, so it may take a while. `user_id` None means that everything is permitted here; `limit` is the number
        of records that are listed for each task and direction. Raises SyncError if the peer cannot be spoken to.
        """
        with self._looking(repository_id, user_id) as (site, peer, repository):
            return plan(site, peer, repository, task_id, limit)

    def compare(self, repository_id: int, task_id: int | None = None, user_id: int | None = None,
                limit: int = 500) -> Comparison:
        """What differs between this site and the peer in the records of the repository's tasks, or of one. As `plan`."""
        with self._looking(repository_id, user_id) as (site, peer, repository):
            return compare(site, peer, repository, task_id, limit)

    def repair(self, comparison: Comparison) -> int:
        """Queue the differences that a comparison has listed for the next run; returns how many. Commits."""
        return repair(self.site(), comparison)

    def site(self) -> Site:
        """This site for whoever looks after it, with all permissions."""
        return self._site(None, everything=True)

    @contextmanager
    def _looking(self, repository_id: int, user_id: int | None) -> Iterator[tuple[Site, Peer, Repository]]:
        """A site and the peer of a repository, for somebody who only looks."""
        site = self._site(user_id, everything=user_id is None)
        self.db.commit()
        repository = load(self.db, int(repository_id))
        if not repository.url:
            raise ConfigurationError(f"{repository.name} has no URL", hint="Enter it in the repository's configuration")
        peer = connect(repository, site, self.vault, self.proxy(), greet=False)()
        try:
            yield site, peer, repository
        finally:
            peer.close()

    def _stop(self) -> Stop:
        """If the scheduler runs us, we end in good order before it ends us: the next run goes on from there."""
        from .execution.present import present
        from .scheduler.deadline import deadline
        stop = Stop()
        task = present()
        found = deadline(self.db, task) if task is not None and "scheduler_task" in self.db.tables else None
        if found is not None:
            seconds, timeout = found
            stop.after(seconds, f"the timeout of its job, {timeout} seconds, is near")
        return stop

    def queue(self, repository_id: int, user_id: int | None) -> int:
        """Queue a run for the worker; returns the id of its scheduler_task."""
        if "scheduler_task" not in self.db.tables:
            self.start()
        number = queue(self.db, self.application, repository_id, user_id, self.settings.job_timeout)
        self.db.commit()
        return number

    def worker_alive(self) -> bool:
        """Is there a worker that would do a queued run?"""
        if "scheduler_worker" not in self.db.tables:
            self.start()
        return worker_alive(self.db)

    def workers_alive(self) -> dict[str, int]:
        """How many workers are alive, by group."""
        if "scheduler_worker" not in self.db.tables:
            self.start()
        return workers_alive(self.db)

    def groups_needed(self) -> dict[str, int]:
        """How many tasks wait for a worker, or will, by group."""
        if "scheduler_task" not in self.db.tables:
            self.start()
        return groups_needed(self.db)

    def proxy(self) -> str:
        """URL of the proxy server that the site's settings name, "" for none."""
        row = self.db(self.db.sync_config.id > 0).select(self.db.sync_config.proxy, limitby=(0, 1)).first()
        return self.vault.decrypt(row.proxy) if row and row.proxy else ""

    def register(self, repository_id: int) -> tuple[bool, str]:
        """Register this site at a repository, and learn its UUID; (done, what was said)."""
        repository: Repository = load(self.db, int(repository_id))
        if not repository.url:
            return False, "No URL set for repository"
        site = Site(self.host, replace(self.settings, retries=0))      # somebody is waiting for the page
        remote = True
        try:
            with client_of(repository, site, self.vault, self.proxy()) as client:
                done = register(client, self.host.site_uuid, self.host.base_url.split("://")[-1] or self.application)
            ok, text = done.ok, done.message
            if done.ok and done.sender and done.sender != repository.uuid:
                taken = by_uuid(self.db, done.sender)
                if taken is not None and taken.id != repository.id:
                    ok, text = False, f"The peer is registered here already, as {taken.name}"
                else:
                    self.db(self.db.sync_repository.id == repository.id).update(uuid=done.sender)
        except SyncError as error:
            ok, text, remote = False, error.message, error.remote
        log.write(site, repository.id, None, "push", "outgoing", "request registration", "success" if ok else "error",
                  text, remote)
        self.db.commit()
        return ok, text


def attach(environment: Mapping[str, Any]) -> App | None:
    """Set the module up in the application whose models are being executed (`environment` is their globals()).

    None where the deployment has not enabled it.

    Tables are defined as far as the request needs them, for pyDAL takes longer to define them all than most requests
    take otherwise: all for a worker, in a shell and for the pages, some for the answers to peers. Other controllers
    have none before they ask for them, by `App.start` or whatever else the app offers.
    """
    if is_eden(environment):
        from .takeover.app import attach as take_over
        return take_over(environment)
    if "sync" not in (environment.get("deployment_settings") or {}).get("modules", {}):
        return None
    from .scheduler.gluon import attach as attach_scheduler
    app = App(environment)
    app._make_scheduler = lambda: attach_scheduler(app.db, app.tasks)
    request = environment["request"]
    if not request.env.request_method or request.controller in PAGES or not app.defined:
        app.start(asked_by_peer(request))
    return app


#: controllers that want all tables: the module's own, and web2py's database administration
PAGES = ("sync", "appadmin")


def asked_by_peer(request: Any) -> str:
    """The function of the module's controller that a peer calls with this request; "" if a person does, or nobody."""
    if not request.env.request_method or request.controller != "sync":
        return ""
    registers = request.function == "repository" and (request.args(0) or "").split(".")[0] == "register"
    return str(request.function) if registers or request.function in ("sync", "peer", "dataset") else ""


def _plain(values: Any) -> dict[str, Any]:
    return dict(values) if values else {}
