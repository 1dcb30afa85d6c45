"""Who gets the administrator's pages."""
from __future__ import annotations

import re
import uuid
from typing import Any, Callable

import pytest
from furnishing import add, pages, text
from visitor import Visitor

from sites import ADMIN


class TestAccess:
    """Interactive pages are for administrators of a site that has the module."""

    def test_every_page_answers(self, site: Any, admin: Visitor, shared: int) -> None:
        addresses = pages(site, shared)
        assert len(addresses) == 33
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
        "/sync/nothing", "/sync/index/1", "/sync/pause/1", "/sync/conflict/999999",
        "/sync/conflict/a", "/sync/quarantine/999999", "/sync/quarantine/1/nothing", "/sync/waiting/1", "/sync/config/a",
        "/sync/repository/999999", "/sync/repository/a",
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
                        "/sync/pause", "/sync/conflict", "/sync/quarantine", "/sync/waiting",
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
