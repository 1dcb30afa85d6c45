"""Fixtures with real web2py sites, each with examples/eden and the drop-in put there by the installer.

`site_factory`   session: ``site_factory("name", **Site arguments)`` builds a site of its own (server not started);
                 everything is stopped at the end of the session.
`two_sites`      session: ``(local, remote)``, both with their server started, no worker. Tests that use it share its
                 state: use records and repositories of your own; start a worker with ``local.start_worker()`` and stop
                 it again.
`fresh_sites`    function: as `two_sites`, made for one test (copied from a template: about 3 s).
`site`           function: one site without server, for tests that use ``site.shell(…)`` or kill things.

What a Site can do is in examples/demo/sites.py: url, appdir, database, start, stop, start_worker, stop_worker(signal),
sql, shell, configure, errors, tail. The administrator is ``sites.ADMIN``.

Where web2py-gluon is not installed (the run under the newest pyDAL and Python), test files that import gluon, `sites` or a part
of s3sync that needs gluon, themselves or through a helper beside the tests, and tests that use one of these fixtures are not
collected: the other run has them.
"""
from __future__ import annotations

import functools
import importlib.util
import re
import shutil
import signal
import sys
from pathlib import Path
from typing import Callable, Iterator

import pytest

TESTS = Path(__file__).resolve().parent
REPOSITORY = TESTS.parent
sys.path.insert(0, str(REPOSITORY / "examples" / "demo"))

import reaper  # noqa: E402
from databases import chosen  # noqa: E402

from sites import Site, free_port  # noqa: E402

HAS_WEB2PY = importlib.util.find_spec("gluon") is not None
Site.started = staticmethod(reaper.watch)  # type: ignore[method-assign]

FIXTURES = {"site_factory", "two_sites", "fresh_sites", "site"}

NEEDS_WEB2PY = re.compile(r"^\s*(?:from|import) (?:gluon|sites|s3sync\.(?:admin|app|scheduler\.gluon))\b", re.M)
IMPORTED = re.compile(r"^\s*(?:from|import) (\w+)", re.M)


def pytest_configure(config: pytest.Config) -> None:
    """SIGTERM (a time limit, say) ends the session as Ctrl-C does: with the sites stopped."""
    signal.signal(signal.SIGTERM, terminated)


def terminated(number: int, frame: object) -> None:
    raise KeyboardInterrupt


@functools.cache
def needs_web2py(path: Path) -> bool:
    """Whether a file cannot be imported without web2py, because of what it or a helper it imports asks for."""
    text = path.read_text(encoding="utf-8")
    if NEEDS_WEB2PY.search(text):
        return True
    helpers = {folder / f"{name}.py" for name in IMPORTED.findall(text) for folder in (path.parent, TESTS)} - {path}
    return any(helper.exists() and needs_web2py(helper) for helper in sorted(helpers))


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Without web2py leave out files that cannot be imported."""
    if not HAS_WEB2PY and collection_path.suffix == ".py" and collection_path.name.startswith("test_"):
        return needs_web2py(collection_path) or None
    return None


def _has_cases(item: pytest.Item) -> bool:
    """False for a test over the files of a folder that is not there."""
    return not any("empty parameter set" in str(mark.kwargs.get("reason", "")) for mark in item.iter_markers("skip"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests over files that are elsewhere; without web2py, tests with a real site."""
    items[:] = [item for item in items if _has_cases(item)]
    if not HAS_WEB2PY:
        items[:] = [item for item in items if not FIXTURES & set(getattr(item, "fixturenames", ()))]


@pytest.fixture(scope="session")
def site_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built root to copy from: tables, roles and administrator are there already."""
    root = tmp_path_factory.mktemp("template") / "root"
    Site(root, free_port()).build()
    return root


@pytest.fixture(scope="session")
def _sites(site_template: Path) -> Iterator[Callable[..., Site]]:
    made: list[Site] = []

    def make(root: Path, **arguments: object) -> Site:
        shutil.copytree(site_template, root)
        taken = [other.port for other in made]
        site = Site(root, free_port(taken=taken), **arguments)      # type: ignore[arg-type]
        made.append(site)
        site.configure()
        # a copy is a site of its own
        site.shell("""
import uuid
if "sync_config" in db.tables:
    db(db.sync_config).update(uuid=uuid.uuid4().urn)
""")
        return site

    yield make
    for site in made:
        site.stop()


@pytest.fixture(scope="session")
def site_factory(_sites: Callable[..., Site], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Site]:
    """Makes sites: ``site_factory("hq", sync={"batch_size": 10})``."""

    def make(name: str = "site", **arguments: object) -> Site:
        return _sites(tmp_path_factory.mktemp(name) / "root", name=name, **arguments)

    return make


@pytest.fixture(scope="session")
def two_sites(site_factory: Callable[..., Site]) -> tuple[Site, Site]:
    """(local, remote) with running servers, shared by the session."""
    local, remote = site_factory("local"), site_factory("remote")
    local.start()
    remote.start()
    return local, remote


@pytest.fixture
def fresh_sites(site_factory: Callable[..., Site]) -> Iterator[tuple[Site, Site]]:
    """(local, remote) with running servers, for one test."""
    local, remote = site_factory("local"), site_factory("remote")
    local.start()
    remote.start()
    yield local, remote
    local.stop()
    remote.stop()


@pytest.fixture
def site(site_factory: Callable[..., Site]) -> Iterator[Site]:
    """One site, its server not started, for one test."""
    made = site_factory("site")
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def _databases_of_the_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """On a server, remove the databases that the test's own sites had in its temporary folder."""
    served = chosen.KIND != "sqlite" and "tmp_path" in request.fixturenames
    folder = str(request.getfixturevalue("tmp_path")) if served else ""
    yield
    if served:
        chosen.forget(folder)
