"""A repository's UUID belongs to the account that has used it first: over real HTTP, in the page, by the command."""
from __future__ import annotations

import os
import re
import subprocess
from typing import Any, Callable, Iterator

import pytest
import requests

from sites import ADMIN, REPOSITORY, Site

REGISTRATION = (REPOSITORY / "examples" / "demo" / "at_registration.py").read_text(encoding="utf-8")
RIGHTS = {"org_organisation": ["read", "create", "update", "delete"]}
PASSWORD = "secret-4711"
DOCUMENT = b'<s3xml><resource name="org_organisation" uuid="urn:uuid:pushed"><data field="name">P</data></resource></s3xml>'


class House:
    """A site to which repositories come with accounts."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.number = 0

    def user(self) -> tuple[str, str]:
        """A new account with the role."""
        self.number += 1
        email = f"u{self.number}@example.org"
        user = {"email": email, "password": PASSWORD, "name": "U"}
        repository = {"name": f"of {email}", "uuid": f"urn:uuid:of-{email}"}
        self.site.shell(REGISTRATION, {"repository": repository, "tasks": [], "user": user, "permissions": RIGHTS})
        return email, PASSWORD

    def repository(self) -> str:
        """A new repository that nobody has used; its UUID."""
        self.number += 1
        uuid = f"urn:uuid:repository-{self.number}"
        self.site.shell(REGISTRATION, {"repository": {"name": f"R{self.number}", "uuid": uuid, "accept_push": True}, "tasks": [],
                                       "user": None, "permissions": {}})
        return uuid

    def ask(self, account: tuple[str, str], uuid: str, path: str = "sync.xml", method: str = "GET", **more: Any) -> Any:
        params = {"resource": "org_organisation", "repository": uuid, "s3sync": "1", **more.pop("params", {})}
        return requests.request(method, f"{self.site.url}/sync/{path}", params=params, auth=account, timeout=60, **more)

    def log(self, text: str) -> int:
        return len(self.site.sql("SELECT id FROM sync_log WHERE message LIKE ?", [f"%{text}%"]))


@pytest.fixture(scope="module")
def house(site_factory: Callable[..., Site]) -> Iterator[House]:
    site = site_factory("accounts")
    site.start()
    yield House(site)
    site.stop()


def test_another_account_is_refused(house: House) -> None:
    first, second, uuid = house.user(), house.user(), house.repository()
    assert house.ask(first, uuid).status_code == 200
    for path, method, more in (("sync.xml", "GET", {}), ("sync.xml", "POST", {"data": DOCUMENT}),
                               ("peer.json", "GET", {"params": {"contact": "0..abcd"}}),
                               ("sync.xml", "GET", {"params": {"compare": "1"}}),
                               ("repository/register.json", "POST", {"json": {"uuid": uuid}, "params": {"repository": ""}})):
        answer = house.ask(second, uuid, path, method, **more)
        assert (answer.status_code, answer.json()["code"]) == (403, "other-account"), (path, method)
        assert "allow it" in answer.json()["message"] and first[0] not in answer.text
    assert house.log(f"Refused: {second[0]}") == 1                     # once, not with every request
    assert house.site.sql("SELECT id FROM org_organisation WHERE uuid LIKE '%pushed'") == []
    assert house.ask(first, uuid, method="POST", data=DOCUMENT).json()["status"] == "success"


def test_several_repositories_share_an_account(house: House) -> None:
    account = house.user()
    for uuid in (house.repository(), house.repository()):
        assert [house.ask(account, uuid).status_code for _ in range(2)] == [200, 200]


def test_an_administrator_may_and_keeps_nothing(house: House) -> None:
    account, uuid = house.user(), house.repository()
    assert house.ask(ADMIN, uuid).status_code == 200
    assert house.ask(account, uuid).status_code == 200
    assert house.ask(ADMIN, uuid).status_code == 200


def test_who_only_looks_keeps_nothing(house: House) -> None:
    first, second, uuid = house.user(), house.user(), house.repository()
    assert house.ask(first, uuid, params={"compare": "1"}).status_code == 200
    assert house.ask(second, uuid).status_code == 200
    assert house.ask(first, uuid).status_code == 403


BLOCK = 'db(db.auth_user.email == arguments).update(registration_key="blocked"); db.commit(); answer = 1'
DELETE = """
user = db(db.auth_user.email == arguments).select().first()
for field in db.auth_user._referenced_by:
    db(field == user.id).delete()
user.delete_record()
db.commit()
answer = 1
"""


@pytest.mark.parametrize("script", [BLOCK, DELETE], ids=["blocked", "deleted"])
def test_an_account_that_is_gone_is_succeeded(house: House, script: str) -> None:
    first, second, uuid = house.user(), house.user(), house.repository()
    assert house.ask(first, uuid).status_code == 200
    house.site.shell(script, first[0])
    assert house.ask(second, uuid).status_code == 200


def test_the_administrator_lets_another_account_use_it_by_the_command(house: House) -> None:
    first, second, uuid = house.user(), house.user(), house.repository()

    def typed(*arguments: str) -> str:
        done = subprocess.run([house.site.python, "-m", "s3sync", "account", str(house.site.appdir), uuid, *arguments],
                              cwd=house.site.root, capture_output=True, text=True, timeout=120,
                              env={**os.environ, "PYTHONPATH": str(REPOSITORY / "modules")})
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "has not come to this site yet" in typed()
    house.ask(first, uuid)
    house.ask(second, uuid)
    told = typed()
    assert f"comes as {first[0]}" in told and f"{second[0]} was refused" in told
    assert house.ask(second, uuid).status_code == 403
    assert "Forgotten" in typed("--forget")
    assert house.ask(second, uuid).status_code == 200 and house.ask(first, uuid).status_code == 403


def test_the_administrator_lets_another_account_use_it_on_the_page(house: House) -> None:
    first, second, uuid = house.user(), house.user(), house.repository()
    browser = requests.Session()
    login = f"{house.site.url}/default/user/login"
    key = re.search(r'name="_formkey"[^>]*value="([^"]+)"', browser.get(login, timeout=60).text)
    assert key
    browser.post(login, data={"email": ADMIN[0], "password": ADMIN[1], "_formname": "login", "_formkey": key[1]}, timeout=60)
    number = house.site.sql("SELECT id FROM sync_repository WHERE uuid = ?", [uuid])[0]["id"]
    page = f"{house.site.url}/sync/repository/{number}"
    assert "Let another account use it" not in browser.get(page, timeout=60).text
    house.ask(first, uuid)
    house.ask(second, uuid)
    shown = browser.get(page, timeout=60).text
    assert "Let another account use it" in shown and first[0] in shown and f"{second[0]} was refused" in shown
    hidden = dict(re.findall(r'type="hidden" name="(_form\w+)" value="([^"]+)"', shown))
    assert hidden.get("_formname") == "sync_repository", hidden
    given = {"name": "R", "uuid": uuid, "accept_push": "on", "forget_account": "on", **hidden}
    answer = browser.post(page, data=given, timeout=60)
    assert answer.status_code == 200
    assert house.ask(second, uuid).status_code == 200 and house.ask(first, uuid).status_code == 403
