"""Tests against Sahana Eden sites that somebody runs; docs/how-to/interop.md says how to name them.

Nothing here starts, installs or configures an Eden. Without the variables nothing is collected.
"""
from __future__ import annotations

import json
import os
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from lxml import etree

PREFIX = "S3SYNC_INTEROP_"

if not os.environ.get(f"{PREFIX}URL"):
    collect_ignore_glob = ["test_*.py"]


@dataclass
class Eden:
    """A running site. `folder` and `python` are needed where a run of its own is asked for."""

    url: str
    user: str
    password: str
    folder: Path | None = None
    python: str = ""

    def get(self, path: str, **more: object) -> requests.Response:
        return requests.get(f"{self.url}/{path}", auth=(self.user, self.password), timeout=120, **more)  # type: ignore[arg-type]

    def post(self, path: str, body: bytes, content_type: str = "text/xml") -> requests.Response:
        return requests.post(f"{self.url}/{path}", data=body, auth=(self.user, self.password), timeout=600,
                             headers={"Content-Type": content_type})

    def records(self, path: str) -> dict[str, etree._Element]:
        """Top-level records of a document, by uuid."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.text[:500]
        return {element.get("uuid"): element for element in etree.fromstring(answer.content).findall("resource")}

    def shell(self, code: str) -> str:
        """Execute code with the application's models; what it prints after a line ``---``."""
        assert self.folder is not None
        script = self.folder.parent.parent / f"interop-{uuid.uuid4().hex}.py"
        script.write_text(f"print('---')\n{code}\ndb.commit()\n")
        try:
            done = subprocess.run([self.python, "web2py.py", "-S", self.folder.name, "-M", "-R", str(script)],
                                  cwd=script.parent, capture_output=True, text=True, timeout=900, check=False)
        finally:
            script.unlink()
        assert "---" in done.stdout, done.stderr[-2000:] or done.stdout[-2000:]
        assert "Traceback" not in done.stderr + done.stdout, done.stderr[-2000:] + done.stdout[-2000:]
        return done.stdout.partition("---")[2].strip()


def run(eden: Eden, repository: int) -> list[list[str]]:
    """A run with a repository, by Eden's own task; mode, result and text of the log entries it wrote."""
    return [list(entry) for entry in json.loads(eden.shell(
        "import json\n"
        "s3sync_app.serve()\nlast = db(db.sync_log.id > 0).select(orderby=~db.sync_log.id, limitby=(0, 1)).first()\n"
        f"s3.tasks['sync_synchronize']({repository}, user_id=1, manual=True)\n"
        "rows = db(db.sync_log.id > (last.id if last else 0)).select(orderby=db.sync_log.id)\n"
        "print(json.dumps([[r.mode, r.result, r.message] for r in rows]))"))]


def known_to_each_other(eden: Eden, peer: Eden, resource: str, mode: int) -> int:
    """Make the peer a repository of the site, with a task for a resource (1 pulls, 2 pushes, 3 both); the repository's id.

    The peer is told of the site as its administrator would: by its UUID, and that it may push (classic Eden does not ask).
    """
    assert peer.folder is not None, "name the peer's folder and its Python: see docs/how-to/interop.md"
    own = eden.get("sync/peer.json").json()["uuid"]
    peer.shell(f"t = s3db.sync_repository\nif db(t.uuid == {own!r}).isempty(): t.insert(name='interop', uuid={own!r})\n"
               f"db(t.uuid == {own!r}).update(accept_push=True)")
    return int(eden.shell(
        "s3sync_app.serve()\n"
        f"row = db(db.sync_repository.url == {peer.url!r}).select().first()\n"
        f"n = row.id if row else db.sync_repository.insert(name='interop peer', url={peer.url!r}, username={peer.user!r},"
        f" password={peer.password!r})\n"
        "t = db.sync_task\n"
        f"query = (t.repository_id == n) & (t.resource_name == {resource!r})\n"
        f"values = dict(mode={mode}, components=True, update_policy='NEWER', conflict_policy='NEWER')\n"
        f"if not db(query).update(**values): t.insert(repository_id=n, resource_name={resource!r}, **values)\n"
        "print(n)"))


def lacks_its_repair(entries: list[list[str]]) -> bool:
    """Did the push fail by the known defect of eden-asp? The log must say then how to mend it."""
    failed = [message for mode, result, message in entries if mode.startswith("push") and result in ("error", "fatal")]
    for message in failed:
        assert "conflict_resolver" in message and "importer.py" in message, entries
    return bool(failed)


def _site(prefix: str) -> Eden:
    given = {name: os.environ.get(f"{prefix}{name.upper()}", "") for name in ("url", "user", "password", "folder", "python")}
    missing = [f"{prefix}{name.upper()}" for name in ("url", "user", "password") if not given[name]]
    if missing:
        pytest.fail(f"set {', '.join(missing)}: see docs/how-to/interop.md")
    return Eden(given["url"].rstrip("/"), given["user"], given["password"], Path(given["folder"]) if given["folder"] else None,
                given["python"])


@pytest.fixture(scope="session")
def eden() -> Eden:
    """An Eden with s3sync in it, and an administrator's credentials."""
    return _site(PREFIX)


@pytest.fixture(scope="session")
def peer() -> Eden:
    """Another Eden, with or without s3sync."""
    return _site(f"{PREFIX}PEER_")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests between two sites are only there where a second one is named."""
    if not os.environ.get(f"{PREFIX}PEER_URL"):
        between = [item for item in items if "peer" in getattr(item, "fixturenames", ()) and "interop" in item.path.parts]
        config.hook.pytest_deselected(items=between)
        items[:] = [item for item in items if item not in between]
    elif not os.environ.get(f"{PREFIX}PEER_FOLDER"):
        both = [item for item in items if item.path.name in ("test_between.py", "test_peer.py")]
        config.hook.pytest_deselected(items=both)
        items[:] = [item for item in items if item not in both]
