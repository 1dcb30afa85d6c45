"""The administrator's pages at a real site: who gets them, what they accept, and what they never tell."""
from __future__ import annotations

import json
import re
import uuid
from html import unescape
from typing import Any, Callable, Iterator

import pytest
from visitor import Visitor

from sites import ADMIN

PASSWORD = "correct-horse-battery"
PROXY_PASSWORD = "staple-4711"
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"

MAKE_USER = """
user_id = db.auth_user.insert(first_name="Plain", last_name="User", email="plain@example.com",
                              password=db.auth_user.password.validate("testing-plain")[0])
answer = user_id
"""

LOG = """
from datetime import datetime, timedelta
for number in range(arguments["count"]):
    db.sync_log.insert(timestmp=datetime(arguments.get("year", 2026), 1, 1) + timedelta(minutes=number),
                       repository_id=arguments["repository"], resource_name="org_office", mode="pull/outgoing", action="import",
                       result="success" if number % 10 else "error", remote=not number % 10,
                       message=f"entry {number}: {arguments['text']}")
"""

RUN = """
from datetime import datetime, timedelta
import datetime as dt
now = dt.datetime.now(dt.timezone.utc).replace(tzinfo=None, microsecond=0)
run = db.sync_run.insert(repository_id=arguments["repository"], status=arguments["status"], phase="pulling",
                         started_on=now - timedelta(seconds=30),
                         heartbeat_on=now - timedelta(seconds=arguments["silent"]))
db.sync_run_task.insert(run_id=run, resource_name="gis_location", direction="pull", status="running", total=1000,
                        records=250, created=250, message=arguments["text"])
answer = run
"""


@pytest.fixture(scope="module")
def site(site_factory: Callable[..., Any]) -> Iterator[Any]:
    made = site_factory("pages", sync={"retries": 0})
    made.shell(MAKE_USER)
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def admin(site: Any) -> Visitor:
    return Visitor(site).login(*ADMIN)


@pytest.fixture
def repository(admin: Visitor) -> int:
    """A repository of its own for a test."""
    return new(admin)


def new(admin: Visitor) -> int:
    """A repository with passwords, and a name that tries to break out."""
    return add(admin, name=EVIL[:64], uuid=uuid.uuid4().urn, username="sync@example.com", password=PASSWORD,
               accept_push="on", proxy=f"http://relay:{PROXY_PASSWORD}@proxy.example.org:3128")


def add(admin: Visitor, **values: Any) -> int:
    answer = admin.send("/sync/repository/create", "sync_repository", **values)
    found = re.search(r"/sync/repository/(\d+)", answer.url)
    assert found, text(answer)
    return int(found.group(1))


def add_task(admin: Visitor, repository: int, **values: Any) -> Any:
    given = {"resource_name": "org_organisation", **values}
    return admin.send(f"/sync/repository/{repository}/task/create", "sync_task", **given)


def add_job(admin: Visitor, repository: int, **values: Any) -> Any:
    return admin.send(f"/sync/repository/{repository}/job/create", "sync_job", **values)


def text(answer: Any) -> str:
    """What can be read on a page."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", answer.text)).split())


def row(site: Any, table: str, **where: Any) -> Any:
    """The last row of a table with these values, read by plain SQL."""
    condition = " AND ".join(f"{name} = ?" for name in where)
    found = site.sql(f"SELECT * FROM {table} WHERE {condition} ORDER BY id DESC", list(where.values()))
    return found[0] if found else None


def pages(site: Any, repository: int) -> list[str]:
    """Every interactive page there is, with a task, a job and a log entry of this repository."""
    base = f"/sync/repository/{repository}"
    task = row(site, "sync_task", repository_id=repository)
    job = row(site, "sync_job", repository_id=repository)
    entry = row(site, "sync_log", repository_id=repository)
    found = ["/sync/index", "/sync/config", "/sync/config/1/update", "/sync/repository", "/sync/repository/create",
             "/sync/log", "/sync/log?result=error&page=2", base, f"{base}/update", f"{base}/delete", f"{base}/task",
             f"{base}/task/create", f"{base}/job", f"{base}/job/create", f"{base}/now", f"{base}/progress", f"{base}/log"]
    if task:
        found += [f"{base}/task/{task['id']}", f"{base}/task/{task['id']}/delete"]
    if job:
        found += [f"{base}/job/{job['scheduler_task_id']}{rest}" for rest in ("", "/delete", "/reset")]
    if entry:
        found += [f"/sync/log/{entry['id']}", f"{base}/log/{entry['id']}"]
    return found


def furnish(site: Any, admin: Visitor, repository: int) -> int:
    """Give a repository an address where nobody answers, a task, a job, a log entry and an interrupted run."""
    add_task(admin, repository, filter="~.name__like=Red*")
    add_job(admin, repository)
    site.shell("db(db.sync_repository.id == arguments['repository']).update(url='http://127.0.0.1:9/%s' % "
               "arguments['repository'])\n" + LOG + RUN,
               {"count": 1, "repository": repository, "status": "running", "silent": 999, "text": EVIL})
    return repository


@pytest.fixture
def furnished(site: Any, admin: Visitor, repository: int) -> int:
    """A repository with everything, for a test that changes it."""
    return furnish(site, admin, repository)


@pytest.fixture(scope="module")
def shared(site: Any, admin: Visitor) -> int:
    """A repository with everything, for tests that change nothing."""
    return furnish(site, admin, new(admin))


class TestAccess:
    """Interactive pages are for administrators of a site that has the module."""

    def test_every_page_answers(self, site: Any, admin: Visitor, shared: int) -> None:
        addresses = pages(site, shared)
        assert len(addresses) == 24
        for address in addresses:
            answer = admin.get(address)
            assert answer.status_code == 200, (address, text(answer))
            assert answer.url.endswith(address.split("?")[0]) or "?" in address, address

    def test_every_page_wants_a_login(self, site: Any, shared: int) -> None:
        for address in pages(site, shared):
            answer = Visitor(site).get(address, allow_redirects=False)
            assert answer.status_code == 303 and "/default/user/login" in answer.headers["Location"], address

    def test_login_leads_back(self, site: Any) -> None:
        visitor = Visitor(site)
        login = visitor.get("/sync/log")
        assert "/default/user/login" in login.url and "_next" in login.url

    def test_other_users_are_refused(self, site: Any, shared: int) -> None:
        plain = Visitor(site).login("plain@example.com", "testing-plain")
        for address in pages(site, shared):
            assert plain.get(address).status_code == 403, address
        assert "/sync/index" not in plain.get("/default/index").text

    def test_the_menu_leads_here(self, admin: Visitor) -> None:
        home = admin.get("/default/index").text
        for address in ("index", "config", "repository", "log"):
            assert f'href="/eden/sync/{address}"' in home

    @pytest.mark.parametrize("path", [
        "/sync/nothing", "/sync/index/1", "/sync/config/a", "/sync/repository/999999", "/sync/repository/a",
        "/sync/repository/1/nothing", "/sync/repository/99999999999999999999", "/sync/log/999999", "/sync/log/1/2",
        "/sync/repository/1/task/999999", "/sync/repository/1/job/999999", "/sync/config.json"])
    def test_what_is_not_there(self, admin: Visitor, shared: int, path: str) -> None:
        assert admin.get(path).status_code == 404

    def test_without_the_module_nothing_is_there(self, site_factory: Callable[..., Any]) -> None:
        made = site_factory("without")
        config = made.appdir / "models" / "000_config.py"
        source = config.read_text()
        without = re.sub(r'    \("sync", Storage\(.*?\n    \)\),\n', "", source, flags=re.S)
        assert without != source
        config.write_text(without)
        made.start()
        visitor = Visitor(made).login(*ADMIN)
        for address in ("/sync/index", "/sync/config", "/sync/repository", "/sync/repository/create", "/sync/log",
                        "/sync/sync.xml?resource=org_office", "/sync/peer.json", "/sync/repository/register.json"):
            assert visitor.get(address).status_code == 404, address
        assert "/sync/" not in visitor.get("/default/index").text
        made.stop()

    def test_parts_of_another_repository_are_not_there(self, site: Any, admin: Visitor, shared: int) -> None:
        other = add(admin, name="Other", uuid=uuid.uuid4().urn)
        for address in pages(site, shared):
            if re.search(r"/(task|job|log)/\d", address) and "/repository/" in address:
                foreign = address.replace(f"/repository/{shared}/", f"/repository/{other}/")
                assert admin.get(foreign).status_code == 404, foreign


class TestForgery:
    """What changes anything is a POST with a key of this session and this page."""

    ACTIONS = ["/sync/config", "/sync/repository/create", "", "/delete", "/register", "/task/create", "/job/create", "/now"]

    @pytest.mark.parametrize("action", ACTIONS)
    def test_without_a_key_nothing_happens(self, site: Any, admin: Visitor, shared: int, action: str) -> None:
        address = action if action.startswith("/sync") else f"/sync/repository/{shared}{action}"
        form, values = admin.form(address if action != "/register" else f"/sync/repository/{shared}",
                                  "sync_register" if action == "/register" else "")
        before = self.state(site)
        for broken in ({**values, "_formkey": "made-up"}, {k: v for k, v in values.items() if k != "_formkey"},
                       {k: v for k, v in values.items() if not k.startswith("_")}):
            answer = admin.post(address, {**broken, "name": "Forged", "proxy": "http://forged.example.org"})
            assert answer.status_code == 403 and "Nothing was changed" in text(answer)
        assert self.state(site) == before

    @pytest.mark.parametrize("rest", ["task/{task}", "task/{task}/delete", "job/{job}", "job/{job}/delete",
                                      "job/{job}/reset"])
    def test_also_of_parts(self, site: Any, admin: Visitor, shared: int, rest: str) -> None:
        task, job = row(site, "sync_task", repository_id=shared), row(site, "sync_job", repository_id=shared)
        address = f"/sync/repository/{shared}/" + rest.format(task=task["id"], job=job["scheduler_task_id"])
        before = self.state(site)
        _, values = admin.form(address, "")
        assert admin.post(address, {**values, "_formkey": "made-up"}).status_code == 403
        assert self.state(site) == before

    def test_a_key_counts_once(self, admin: Visitor) -> None:
        _, values = admin.form("/sync/config", "sync_config")
        assert admin.post("/sync/config", values).status_code == 200
        assert admin.post("/sync/config", values).status_code == 403

    def test_the_key_of_another_session_does_not_count(self, site: Any, admin: Visitor) -> None:
        _, values = admin.form("/sync/config", "sync_config")
        assert Visitor(site).login(*ADMIN).post("/sync/config", values).status_code == 403

    def test_looking_changes_nothing(self, site: Any, admin: Visitor, shared: int) -> None:
        before = self.state(site)
        for address in pages(site, shared):
            admin.get(address)
        assert self.state(site) == before

    @staticmethod
    def state(site: Any) -> list[Any]:
        return [[tuple(found) for found in site.sql(f"SELECT * FROM {name} ORDER BY id")]
                for name in ("sync_config", "sync_repository", "sync_task", "sync_resource_filter", "sync_job",
                             "scheduler_task", "sync_log")]


class TestSecrets:
    """Passwords are stored encrypted and never sent back."""

    def test_no_page_tells_them(self, site: Any, admin: Visitor, shared: int) -> None:
        stored = row(site, "sync_repository", id=shared)
        for address in pages(site, shared):
            answer = admin.get(address)
            for secret in (PASSWORD, PROXY_PASSWORD, stored["password"], stored["proxy"]):
                assert secret not in answer.text, address

    def test_not_even_when_the_form_comes_back_with_an_error(self, admin: Visitor, repository: int) -> None:
        answer = admin.send(f"/sync/repository/{repository}", "sync_repository", name="", password=PASSWORD + "-new",
                            proxy=f"http://relay:{PROXY_PASSWORD}-new@proxy.example.org:3128/path")
        assert "Enter a value" in text(answer) and PASSWORD not in answer.text

    def test_they_are_encrypted(self, site: Any, repository: int) -> None:
        stored = row(site, "sync_repository", id=repository)
        assert PASSWORD not in stored["password"] and PROXY_PASSWORD not in stored["proxy"]
        assert opened(site, repository) == [PASSWORD, f"http://relay:{PROXY_PASSWORD}@proxy.example.org:3128"]

    def test_an_empty_password_keeps_the_stored_one(self, site: Any, admin: Visitor, repository: int) -> None:
        admin.send(f"/sync/repository/{repository}", "sync_repository", name="HQ", password="")
        assert row(site, "sync_repository", id=repository)["name"] == "HQ"
        assert opened(site, repository) == [PASSWORD, f"http://relay:{PROXY_PASSWORD}@proxy.example.org:3128"]

    def test_a_new_one_replaces_it(self, site: Any, admin: Visitor, repository: int) -> None:
        admin.send(f"/sync/repository/{repository}", "sync_repository", password=" spaces and ümlauts ")
        assert opened(site, repository)[0] == " spaces and ümlauts "

    def test_it_can_be_removed(self, site: Any, admin: Visitor, repository: int) -> None:
        admin.send(f"/sync/repository/{repository}", "sync_repository", remove_password="on")
        assert not row(site, "sync_repository", id=repository)["password"]
        assert "remove_password" not in admin.get(f"/sync/repository/{repository}").text

    def test_a_proxy_keeps_its_password_only_at_its_address(self, site: Any, admin: Visitor, repository: int) -> None:
        address = f"/sync/repository/{repository}"
        shown = admin.form(address, "sync_repository")[1]["proxy"]
        assert shown == "http://relay:***@proxy.example.org:3128"
        answer = admin.send(address, "sync_repository", proxy="http://relay:***@evil.example.org:3128")
        assert "its address has changed" in text(answer)
        admin.send(address, "sync_repository", proxy="http://other:***@proxy.example.org:3128")
        assert opened(site, repository)[1] == f"http://other:{PROXY_PASSWORD}@proxy.example.org:3128"

    def test_a_hashed_password_is_reported(self, site: Any, admin: Visitor, repository: int) -> None:
        site.shell("db(db.sync_repository.id == arguments).update(password='pbkdf2(1000,20,sha512)$a$b')", repository)
        answer = admin.get(f"/sync/repository/{repository}")
        assert "Type the passwords of the repositories again" in text(answer) and "$a$b" not in answer.text

    def test_a_deleted_repository_has_none(self, site: Any, admin: Visitor, repository: int) -> None:
        admin.send(f"/sync/repository/{repository}/delete", "sync_repository_delete")
        stored = row(site, "sync_repository", id=repository)
        assert stored["deleted"] == "T" and not stored["password"] and not stored["proxy"] and not stored["url"]


def opened(site: Any, repository: int) -> list[str]:
    """Password and proxy of a repository in clear text."""
    return site.shell("stored = db.sync_repository(arguments)\n"
                      "answer = [s3sync_app.vault.decrypt(stored.password), s3sync_app.vault.decrypt(stored.proxy)]",
                      repository)


class TestMarkup:
    """What users, peers and records say is text, never markup."""

    def test_no_page_takes_it_for_markup(self, site: Any, admin: Visitor, shared: int) -> None:
        seen = 0
        for address in pages(site, shared):
            html = admin.get(address).text
            assert "<script>alert" not in html and "<img src=x" not in html and "\"'><" not in html, address
            seen += "&lt;script&gt;alert" in html
        assert seen > 10

    def test_nor_in_messages(self, site: Any, admin: Visitor, repository: int) -> None:
        answer = admin.send(f"/sync/repository/{repository}/delete", "sync_repository_delete")
        assert "<script>alert" not in answer.text and "has been deleted" in text(answer)

    def test_nor_in_what_comes_back_with_an_error(self, admin: Visitor) -> None:
        answer = admin.send("/sync/repository/create", "sync_repository", name=EVIL, url=EVIL, username=EVIL, proxy=EVIL,
                            uuid=EVIL)
        assert "Nothing was saved" in text(answer) and "<script>alert" not in answer.text and "<img src=x" not in answer.text


class TestRepository:
    """Every field of the guide, required and optional as it says."""

    def test_the_remote_at_the_local_site(self, site: Any, admin: Visitor) -> None:
        """Without a UUID: the peer tells it when this site registers there (here nobody listens)."""
        repository = add(admin, name="Remote", url="http://127.0.0.1:9/eden/", username="a@b.c", password="x")
        stored = row(site, "sync_repository", id=repository)
        assert stored["url"] == "http://127.0.0.1:9/eden" and stored["accept_push"] == "F"
        assert stored["uuid"].startswith("unknown:")                    # the column must not be empty
        assert "unknown:" not in admin.get(f"/sync/repository/{repository}").text

    def test_a_failed_registration_is_told_and_logged(self, site: Any, admin: Visitor) -> None:
        repository = add(admin, name="Unreachable", url="http://127.0.0.1:9/nobody", username="a@b.c", password=PASSWORD)
        answer = admin.send(f"/sync/repository/{repository}", "sync_register")
        assert "could not be registered" in text(answer) and PASSWORD not in answer.text
        entry = row(site, "sync_log", repository_id=repository)
        assert entry["action"] == "request registration" and entry["result"] in ("error", "fatal")

    def test_the_local_at_the_remote_site(self, site: Any, admin: Visitor) -> None:
        bare = str(uuid.uuid4())
        repository = add(admin, name="Local", uuid=bare, accept_push="on")
        stored = row(site, "sync_repository", id=repository)
        assert stored["uuid"] == f"urn:uuid:{bare}" and stored["accept_push"] == "T" and not stored["url"]

    @pytest.mark.parametrize("field, value, message", [
        ("name", "", "Enter a value"),
        ("name", "x" * 65, "at most 64 characters"),
        ("name", "a\x00b", "Control characters"),
        ("url", "sahana.example.org/eden", "complete address"),
        ("url", "ftp://sahana.example.org/eden", "complete address"),
        ("url", "http://user:pw@sahana.example.org/eden", "in their own fields"),
        ("url", "http://sahana.example.org/eden?x=1", "Leave out"),
        ("url", "http://sahana.example.org:99999/eden", "complete address"),
        ("username", "a:b", "colon"),
        ("proxy", "proxy.example.org", "complete address"),
        ("proxy", "http://proxy.example.org/path", "without a path"),
        ("uuid", "", "Enter the UUID of the repository"),
        ("uuid", "short", "This is no UUID"),
        ("uuid", "has spaces in it", "This is no UUID")])
    def test_what_is_wrong_is_said_at_the_field(self, site: Any, admin: Visitor, field: str, value: str,
                                                message: str) -> None:
        before = len(site.sql("SELECT id FROM sync_repository"))
        given = {"name": "Wrong", "uuid": uuid.uuid4().urn, field: value}
        answer = admin.send("/sync/repository/create", "sync_repository", **given)
        assert "Nothing was saved" in text(answer) and message in text(answer)
        assert f'id="s3-{field}-error"' in answer.text and 'aria-invalid="true"' in answer.text
        assert len(site.sql("SELECT id FROM sync_repository")) == before

    def test_uuids_and_urls_are_unique(self, site: Any, admin: Visitor) -> None:
        mine = uuid.uuid4().urn
        add(admin, name="First", uuid=mine, url="http://127.0.0.1:9/first")
        again = admin.send("/sync/repository/create", "sync_repository", name="Second", uuid=mine)
        assert "The repository First has this UUID" in text(again)
        again = admin.send("/sync/repository/create", "sync_repository", name="Second", url="http://127.0.0.1:9/first/")
        assert "another repository with this URL" in text(again)

    def test_this_site_itself_is_refused(self, site: Any, admin: Visitor) -> None:
        own = site.sql("SELECT uuid FROM sync_config ORDER BY id")[0]["uuid"]
        answer = admin.send("/sync/repository/create", "sync_repository", name="Myself", uuid=own)
        assert "UUID of this site itself" in text(answer)

    def test_one_that_was_deleted_can_be_added_again(self, site: Any, admin: Visitor) -> None:
        mine = uuid.uuid4().urn
        first = add(admin, name="Gone", uuid=mine)
        admin.send(f"/sync/repository/{first}/delete", "sync_repository_delete")
        assert admin.get(f"/sync/repository/{first}").status_code == 404
        second = add(admin, name="Back", uuid=mine)
        assert second != first and row(site, "sync_repository", id=second)["uuid"] == mine

    def test_deleting_takes_everything_along_but_the_log(self, site: Any, admin: Visitor, furnished: int) -> None:
        task, job = row(site, "sync_task", repository_id=furnished), row(site, "sync_job", repository_id=furnished)
        confirmation = admin.get(f"/sync/repository/{furnished}/delete")
        assert "Do you really want" in text(confirmation)
        answer = admin.send(f"/sync/repository/{furnished}/delete", "sync_repository_delete")
        assert answer.url.endswith("/sync/repository") and "has been deleted" in text(answer)
        assert row(site, "sync_task", id=task["id"])["deleted"] == "T"
        assert row(site, "sync_resource_filter", deleted="F", task_id=task["id"]) is None
        assert row(site, "scheduler_task", id=job["scheduler_task_id"]) is None
        assert "(deleted)" in text(admin.get(f"/sync/log/{row(site, 'sync_log', repository_id=furnished)['id']}"))

    def test_accept_pushes_of_an_old_row_is_yes(self, site: Any, admin: Visitor, repository: int) -> None:
        site.shell("db(db.sync_repository.id == arguments).update(accept_push=None)", repository)
        assert admin.form(f"/sync/repository/{repository}", "sync_repository")[1].get("accept_push") == "on"


class TestSettings:
    def test_the_uuid_is_shown_and_cannot_be_changed(self, site: Any, admin: Visitor) -> None:
        own = site.sql("SELECT uuid FROM sync_config ORDER BY id")[0]["uuid"]
        assert own in admin.get("/sync/config").text
        admin.send("/sync/config", "sync_config", uuid="urn:uuid:other", proxy="")
        assert site.sql("SELECT uuid FROM sync_config ORDER BY id")[0]["uuid"] == own

    def test_the_proxy_is_saved(self, site: Any, admin: Visitor) -> None:
        assert "have been saved" in text(admin.send("/sync/config", "sync_config", proxy="http://proxy.example.org:3128"))
        assert site.sql("SELECT proxy FROM sync_config")[0]["proxy"] == "http://proxy.example.org:3128"
        admin.send("/sync/config", "sync_config", proxy=f"http://u:{PROXY_PASSWORD}@proxy.example.org")
        assert PROXY_PASSWORD not in admin.get("/sync/config").text
        assert PROXY_PASSWORD not in site.sql("SELECT proxy FROM sync_config")[0]["proxy"]
        admin.send("/sync/config", "sync_config", proxy="")
        assert not site.sql("SELECT proxy FROM sync_config")[0]["proxy"]


class TestResources:
    def test_everything_is_stored(self, site: Any, admin: Visitor, repository: int) -> None:
        answer = add_task(admin, repository, mode="1", components=None, strategy=["create", "delete"], update_policy="MASTER",
                          conflict_policy="THIS", filter=["~.name__like=Red*", ""], filter_table=["", ""])
        assert answer.url.endswith("/task") and "has been saved" in text(answer)
        task = row(site, "sync_task", repository_id=repository)
        assert (task["resource_name"], task["mode"], task["components"], task["strategy"], task["update_policy"],
                task["conflict_policy"]) == ("org_organisation", 1, "F", "|create|delete|", "MASTER", "THIS")
        stored = row(site, "sync_resource_filter", task_id=task["id"])
        assert (stored["tablename"], stored["filter_string"]) == ("org_organisation", "~.name__like=Red*")

    def test_the_defaults(self, site: Any, admin: Visitor, repository: int) -> None:
        add_task(admin, repository)
        task = row(site, "sync_task", repository_id=repository)
        assert (task["mode"], task["components"], task["strategy"], task["update_policy"], task["conflict_policy"]) == (
            3, "T", "|create|update|delete|merge|", "NEWER", "NEWER")

    def test_a_resource_only_once(self, admin: Visitor, repository: int) -> None:
        add_task(admin, repository)
        assert "already configured for this repository" in text(add_task(admin, repository))

    @pytest.mark.parametrize("values, message", [
        ({"resource_name": ""}, "Choose one of the values"),
        ({"resource_name": "auth_user"}, "Choose one of the values"),
        ({"resource_name": "sync_repository"}, "Choose one of the values"),
        ({"mode": "5"}, "Choose one of the values"),
        ({"strategy": None}, "Choose at least one"),
        ({"update_policy": "EVER"}, "Choose one of the values"),
        ({"filter": "~.no_such_field=1"}, "Filter 1"),
        ({"filter": "name=1"}, "Filter 1"),
        ({"filter": "~.name=1", "filter_table": "no_such_table"}, "Filter 1")])
    def test_what_is_wrong_is_said(self, site: Any, admin: Visitor, repository: int, values: dict[str, Any],
                                   message: str) -> None:
        answer = add_task(admin, repository, **values)
        assert "Nothing was saved" in text(answer) and message in text(answer)
        assert row(site, "sync_task", repository_id=repository) is None

    def test_other_filters_start_again_from_the_beginning(self, site: Any, admin: Visitor, repository: int) -> None:
        add_task(admin, repository, filter="~.name__like=Red*")
        task = row(site, "sync_task", repository_id=repository)["id"]
        address = f"/sync/repository/{repository}/task/{task}"
        reached = ("db(db.sync_task.id == arguments).update(last_pull='2026-01-01 00:00:00', "
                   "last_push='2026-01-01 00:00:00')")
        site.shell(reached, task)
        admin.send(address, "sync_task", mode="1", filter=["~.name__like=Red*", ""], filter_table=["", ""])
        assert row(site, "sync_task", id=task)["last_pull"] and row(site, "sync_task", id=task)["mode"] == 1
        admin.send(address, "sync_task", filter=["", ""], filter_table=["", ""])
        stored = row(site, "sync_task", id=task)
        assert stored["last_pull"] is None and stored["last_push"] is None
        assert row(site, "sync_resource_filter", task_id=task, deleted="F") is None

    def test_deleting(self, site: Any, admin: Visitor, repository: int) -> None:
        add_task(admin, repository)
        task = row(site, "sync_task", repository_id=repository)["id"]
        admin.send(f"/sync/repository/{repository}/task/{task}/delete", "sync_task_delete")
        assert row(site, "sync_task", id=task)["deleted"] == "T"
        assert "has been saved" in text(add_task(admin, repository))        # and it can be configured again


class TestSchedule:
    def test_the_job_is_what_eden_would_make(self, site: Any, admin: Visitor, repository: int) -> None:
        answer = add_job(admin, repository, start_time="2027-01-31T06:30", stop_time="2027-12-31T00:00", repeats="12",
                         period="6", period_unit="hours", timeout="90", timeout_unit="minutes", retry_failed="3")
        assert answer.url.endswith("/job") and "has been saved" in text(answer)
        job = row(site, "scheduler_task", id=row(site, "sync_job", repository_id=repository)["scheduler_task_id"])
        assert (job["application_name"], job["function_name"], job["status"], job["enabled"]) == (
            "eden/default", "sync_synchronize", "QUEUED", "T")
        assert json.loads(job["args"]) == [repository] and json.loads(job["vars"]) == {"user_id": 1}
        assert (job["repeats"], job["period"], job["timeout"], job["retry_failed"]) == (12, 21600, 5400, 3)
        assert job["start_time"] == job["next_run_time"] == "2027-01-31 06:30:00"
        assert job["stop_time"] == "2027-12-31 00:00:00"
        assert "every 6 hours" in text(answer) and "2027-01-31 06:30" in text(answer) and "0 of 12" in text(answer)

    def test_without_limit_by_default(self, site: Any, admin: Visitor, repository: int) -> None:
        add_job(admin, repository)
        job = row(site, "scheduler_task", id=row(site, "sync_job", repository_id=repository)["scheduler_task_id"])
        assert job["repeats"] == 0 and job["stop_time"] is None

    @pytest.mark.parametrize("values, message", [
        ({"start_time": ""}, "Enter a date and time"),
        ({"start_time": "tomorrow"}, "Enter a date and time like"),
        ({"start_time": "2027-01-02T00:00", "stop_time": "2027-01-01T00:00"}, "stop after it starts"),
        ({"start_time": "2020-01-01T00:00", "stop_time": "2020-01-02T00:00"}, "This time is over"),
        ({"repeats": "-1"}, "whole number"),
        ({"repeats": "many"}, "whole number"),
        ({"period": "0"}, "whole number"),
        ({"period": "1", "period_unit": "years"}, "whole number"),
        ({"retry_failed": "-2"}, "whole number")])
    def test_what_is_wrong_is_said(self, site: Any, admin: Visitor, repository: int, values: dict[str, str],
                                   message: str) -> None:
        answer = add_job(admin, repository, **values)
        assert "Nothing was saved" in text(answer) and message in text(answer)
        assert row(site, "sync_job", repository_id=repository) is None

    def test_changing_leaves_the_plan_alone(self, site: Any, admin: Visitor, repository: int) -> None:
        """The time of the next run changes only with the start or the period."""
        add_job(admin, repository, start_time="2026-01-01T00:00")
        job = row(site, "sync_job", repository_id=repository)["scheduler_task_id"]
        site.shell("db(db.scheduler_task.id == arguments).update(next_run_time='2030-05-05 05:05:05', times_run=7)", job)
        address = f"/sync/repository/{repository}/job/{job}"
        admin.send(address, "sync_job", enabled=None)
        stored = row(site, "scheduler_task", id=job)
        assert (stored["enabled"], stored["next_run_time"], stored["times_run"]) == ("F", "2030-05-05 05:05:05", 7)
        admin.send(address, "sync_job", enabled="on", period="3", period_unit="hours")
        assert row(site, "scheduler_task", id=job)["next_run_time"] < "2030"

    def test_a_job_that_failed_can_be_reset(self, site: Any, admin: Visitor, repository: int) -> None:
        add_job(admin, repository)
        job = row(site, "sync_job", repository_id=repository)["scheduler_task_id"]
        address = f"/sync/repository/{repository}/job"
        assert "Reset…" not in text(admin.get(address))
        assert "only a job that failed" in text(admin.send(f"{address}/{job}/reset", "sync_job_reset"))
        site.shell("db(db.scheduler_task.id == arguments).update(status='FAILED', times_failed=4)", job)
        assert "Failed" in text(admin.get(address)) and "Reset…" in text(admin.get(address))
        assert "has been reset" in text(admin.send(f"{address}/{job}/reset", "sync_job_reset"))
        stored = row(site, "scheduler_task", id=job)
        assert (stored["status"], stored["times_failed"]) == ("QUEUED", 0)

    def test_deleting(self, site: Any, admin: Visitor, repository: int) -> None:
        add_job(admin, repository)
        job = row(site, "sync_job", repository_id=repository)["scheduler_task_id"]
        assert "has been deleted" in text(admin.send(f"/sync/repository/{repository}/job/{job}/delete", "sync_job_delete"))
        assert row(site, "scheduler_task", id=job) is None
        assert "No job is planned" in text(admin.get(f"/sync/repository/{repository}/job"))


class TestManual:
    @pytest.fixture
    def ready(self, admin: Visitor) -> int:
        """A repository nobody answers at, with a resource."""
        repository = add(admin, name="Silent", url=f"http://127.0.0.1:9/{uuid.uuid4().hex}", username="a@b.c", password=PASSWORD)
        add_task(admin, repository)
        return repository

    def test_without_url_there_is_no_button(self, admin: Visitor, repository: int) -> None:
        page = admin.get(f"/sync/repository/{repository}/now")
        assert "cannot contact it" in text(page) and "sync_now" not in page.text

    def test_without_resources_there_is_no_button(self, admin: Visitor) -> None:
        repository = add(admin, name="Empty", url=f"http://127.0.0.1:9/{uuid.uuid4().hex}")
        page = admin.get(f"/sync/repository/{repository}/now")
        assert "No resource is configured" in text(page) and "sync_now" not in page.text

    def test_without_a_worker_it_says_how_to_start_one(self, site: Any, admin: Visitor, ready: int) -> None:
        page = admin.get(f"/sync/repository/{ready}/now")
        assert "python web2py.py -K eden -Q" in text(page)
        after = admin.send(f"/sync/repository/{ready}/now", "sync_now")
        assert "waiting for a worker, but none is running" in text(after) and "Run here in the foreground" in text(after)
        queued = site.sql("SELECT * FROM scheduler_task WHERE args = ?", [json.dumps([ready])])
        assert len(queued) == 1 and json.loads(queued[0]["vars"])["manual"] is True

    def test_in_the_foreground(self, site: Any, admin: Visitor, ready: int) -> None:
        admin.send(f"/sync/repository/{ready}/now", "sync_now")
        after = admin.send(f"/sync/repository/{ready}/now", "sync_now_foreground")
        assert "not everything went well" in text(after) and PASSWORD not in after.text
        assert row(site, "sync_run", repository_id=ready)["status"] == "error"
        # what waited for a worker has been done
        assert not site.sql("SELECT id FROM scheduler_task WHERE args = ? AND status = 'QUEUED'", [json.dumps([ready])])

    def test_progress_is_shown(self, site: Any, admin: Visitor, ready: int) -> None:
        site.shell(RUN, {"repository": ready, "status": "running", "silent": 1, "text": ""})
        page = admin.get(f"/sync/repository/{ready}/now")
        assert "Pulling" in text(page) and "250 / 1 000" in text(page) and "sync_now" not in page.text
        assert 'http-equiv="refresh"' in page.text
        fragment = admin.get(f"/sync/repository/{ready}/progress")
        assert 'data-busy="1"' in fragment.text and "<html" not in fragment.text
        assert fragment.headers["Cache-Control"] == "no-store"

    def test_a_run_that_fell_silent_is_not_going_on(self, site: Any, admin: Visitor, ready: int) -> None:
        site.shell(RUN, {"repository": ready, "status": "running", "silent": 3600, "text": ""})
        page = admin.get(f"/sync/repository/{ready}/now")
        assert "Interrupted" in text(page) and "sync_now" in page.text


class TestLog:
    def test_newest_first_page_by_page(self, site: Any, admin: Visitor, repository: int) -> None:
        site.shell(LOG, {"count": 120, "repository": repository, "text": "x"})
        address = f"/sync/repository/{repository}/log"
        seen = []
        for number in (1, 2, 3):
            page = admin.get(f"{address}?page={number}")
            seen += [int(found) for found in re.findall(r"entry (\d+):", page.text)]
        assert seen == list(range(119, -1, -1))
        assert "Log entries 51 to 100 of 120" in text(admin.get(f"{address}?page=2"))
        assert "101 to 120" in text(admin.get(f"{address}?page=99"))
        assert [int(found) for found in re.findall(r"entry (\d+):", admin.get(f"{address}?result=error").text)] == list(
            range(110, -1, -10))

    def test_the_log_of_all_repositories(self, site: Any, admin: Visitor) -> None:
        for name in ("Alpha", "Beta"):
            site.shell(LOG, {"count": 1, "repository": add(admin, name=name, uuid=uuid.uuid4().urn), "text": name,
                             "year": 2029})
        site.shell("db.sync_log.insert(timestmp='2030-01-01 00:00:00', mode='pull/incoming', action='none', "
                   "result='error', message='Unknown caller')")
        page = text(admin.get("/sync/log"))
        assert "Alpha" in page and "Beta" in page and "unknown" in page and "Unknown caller" in page

    def test_details_have_every_item_of_the_guide(self, site: Any, admin: Visitor) -> None:
        repository = add(admin, name="Headquarters", uuid=uuid.uuid4().urn)
        long = "line one\nline two " + "x" * 500 + " the end"
        site.shell(LOG, {"count": 1, "repository": repository, "text": long})
        entry = row(site, "sync_log", repository_id=repository)
        listed = admin.get(f"/sync/repository/{repository}/log")
        assert f'href="/eden/sync/repository/{repository}/log/{entry["id"]}"' in listed.text
        assert "the end" not in text(listed)
        page = admin.get(f"/sync/repository/{repository}/log/{entry['id']}")
        items = dict(zip(re.findall(r"<dt>(.*?)</dt>", page.text), re.findall(r"<dd>(.*?)</dd>", page.text, re.S)))
        assert items == {"Date/Time": "2026-01-01 00:00:00 UTC", "Repository": "Headquarters",
                         "Resource Name": "org_office", "Mode": "pull/outgoing", "Action": "import", "Result": "error",
                         "Remote Error": "Yes", "Message": f"entry 0: {long}"}
