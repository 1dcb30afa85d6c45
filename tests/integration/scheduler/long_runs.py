"""A site that pulls many records from another one, slowly if wanted."""
from __future__ import annotations

import time
from typing import Any, Callable

from sites import REPOSITORY, Site

RECORDS = 400
REGISTRATION = REPOSITORY / "examples" / "demo" / "at_registration.py"

#: comments that hardly compress, so that the bandwidth tells how long a run takes
FILL = """
import secrets
for number in range(arguments["count"]):
    db.gis_location.insert(name=f"Village {number}", level="L4", comments=secrets.token_hex(250))
"""

JOB = """
import datetime
now = datetime.datetime.now()
answer = db.scheduler_task.insert(
    application_name="eden/default", function_name="sync_synchronize", task_name="job", args=f"[{arguments['repository']}]",
    vars='{"user_id": 1}', repeats=0, period=2, timeout=arguments["timeout"], start_time=now, next_run_time=now)
db(db.sync_repository.id == arguments["repository"]).update(bandwidth=arguments["bandwidth"])
"""


def make_pair(site_factory: Callable[..., Site]) -> tuple[Site, Site]:
    """The site, with the id of its repository as `repository`, and the server it pulls from, which runs."""
    local = site_factory("local", sync={"batch_size": 50})
    remote = site_factory("remote", sync={"batch_size": 50})
    remote.start()
    uuids = [site.sql("SELECT uuid FROM sync_config ORDER BY id")[0]["uuid"] for site in (local, remote)]
    remote.shell(REGISTRATION, {
        "repository": {"name": "local", "uuid": uuids[0], "accept_push": True}, "tasks": [],
        "user": {"email": "local@example.com", "password": "a secret", "name": "local"},
        "permissions": {"gis_location": ["read"]}})
    local.repository = local.shell(REGISTRATION, {                 # type: ignore[attr-defined]
        "repository": {"name": "remote", "uuid": uuids[1], "url": remote.url, "username": "local@example.com",
                       "password": "a secret"},
        "tasks": [{"resource_name": "gis_location", "mode": 1, "components": False}], "user": None, "permissions": {}})
    return local, remote


def until(ready: Callable[[], Any], site: Site, seconds: float) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = ready()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"not within {seconds} seconds:\n{site.tail()}\n{runs(site)}")


def runs(site: Site) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in site.sql(
        "SELECT r.status, t.status, t.created, t.updated, r.message FROM sync_run r LEFT JOIN sync_run_task t ON t.run_id = r.id "
        "ORDER BY r.id")]
