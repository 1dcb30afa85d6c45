"""The log."""
from __future__ import annotations

import re
import uuid
from typing import Any

from furnishing import LOG, add, row, text
from visitor import Visitor


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
