"""The drop-in in a real web2py application: installed, copied by hand, not enabled, taken out again."""
from __future__ import annotations

import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from sites import REPOSITORY, Site, free_port

PARTS = ("controllers/sync.py", "models/sync.py", "views/sync", "static/s3sync", "modules/s3sync")


def status(site: Site, path: str) -> int:
    """HTTP status of a page, for somebody who is not logged in; redirections are not followed."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:      # type: ignore[override]
            return None

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay())
    try:
        with opener.open(f"{site.url}/{path}", timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def disable(site: Site) -> None:
    """Take the entry out of deployment_settings.modules, as an administrator would."""
    config = site.appdir / "models" / "000_config.py"
    text = config.read_text(encoding="utf-8")
    start = text.index('    ("sync", Storage(')
    end = text.index("    )),\n", start) + len("    )),\n")
    config.write_text(text[:start] + text[end:], encoding="utf-8")


@pytest.fixture
def plain(tmp_path: Path) -> Site:
    """The application without the drop-in."""
    site = Site(tmp_path / "root", free_port())
    site.build(install=False)
    return site


def test_the_application_works_without_the_drop_in(plain: Site) -> None:
    try:
        plain.start()
        assert status(plain, "default/index") == 200
        assert status(plain, "sync/index") == 404
        assert plain.errors() == ""
    finally:
        plain.stop()


def test_folders_copied_by_hand_work(plain: Site) -> None:
    for part in PARTS:
        source, target = REPOSITORY / part, plain.appdir / part
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)
    try:
        plain.start()
        assert status(plain, "sync/index") == 303                    # to the login page
        assert status(plain, "sync/sync.xml?resource=gis_location") == 401
        assert plain.errors() == ""
    finally:
        plain.stop()


def test_without_the_entry_there_is_no_page_and_no_task(site: Site) -> None:
    disable(site)
    assert site.shell("answer = ['s3sync_app' in globals(), 'scheduler_task' in db.tables]") == [False, False]
    site.start()
    for path in ("sync/index", "sync/repository", "sync/log", "sync/config", "sync/sync.xml?resource=gis_location",
                 "sync/peer.json"):
        assert status(site, path) == 404, path
    assert status(site, "default/index") == 200
    assert site.errors() == ""


def test_the_site_goes_on_after_uninstalling(site: Site) -> None:
    before = site.sql("SELECT uuid FROM sync_config")[0]["uuid"]
    subprocess.run([sys.executable, "-m", "s3sync", "uninstall", str(site.appdir)], check=True, capture_output=True)
    assert not (site.appdir / "modules" / "s3sync").exists()
    site.start()
    assert status(site, "default/index") == 200
    assert status(site, "sync/index") == 404
    site.stop()
    site.install()
    assert site.shell("answer = db(db.sync_config).select().first().uuid") == before


def test_the_identity_is_made_once(site: Site) -> None:
    first = site.shell("answer = db(db.sync_config).select().first().uuid")
    assert first.startswith("urn:uuid:")
    assert site.shell("answer = [row.uuid for row in db(db.sync_config).select()]") == [first]
