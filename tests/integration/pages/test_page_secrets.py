"""What the pages never tell, and never take for markup."""
from __future__ import annotations

from typing import Any

from furnishing import EVIL, PASSWORD, PROXY_PASSWORD, pages, row, text
from visitor import Visitor


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
