"""Repositories with everything, for tests of the pages."""
from __future__ import annotations

import re
import uuid
from html import unescape
from typing import Any

from visitor import Visitor

PASSWORD = "correct-horse-battery"
PROXY_PASSWORD = "staple-4711"
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"

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

TROUBLE = """
import json
table, now = db.org_organisation, "2026-01-01 00:00:00"
record = table(table.insert(name=arguments["text"] + " Relief", comments="Ours"))
def versions(status, theirs):
    return db.sync_conflict.insert(
        repository_id=arguments["repository"], tablename="org_organisation", record_uuid=record.uuid, policy="ASK", status=status,
        mine=json.dumps(dict(name=record.name, comments="Ours")), theirs=json.dumps(theirs), theirs_vector="ee5e00000000:1",
        mine_modified_on=now, theirs_modified_on=now, found_on=now)
xml = (f'<s3xml><resource name="org_office" uuid="{record.uuid}-office" modified_on="2026-01-01T00:00:00Z"><data field="name">'
       f'Depot</data><reference field="organisation_id" resource="org_organisation" uuid="{record.uuid}"/></resource></s3xml>')
def rejected(direction):
    return db.sync_quarantine.insert(
        repository_id=arguments["repository"], direction=direction, tablename="org_office", record_uuid=record.uuid + "-office",
        xml=xml, code="record", error=arguments["text"] + " is no name", attempts=3, first_on=now, last_on=now, next_on=now)
answer = dict(uuid=record.uuid, conflict=versions("open", dict(name="Their Relief", comments=arguments["text"])),
              deletion=versions("open", None), settled=versions("settled", dict(name="Their Relief", comments="Theirs")),
              pull=rejected("pull"), push=rejected("push"))
db.sync_waiting.insert(tablename="org_organisation", record_uuid=record.uuid, fieldname="parent", since=now,
                       target_table="org_organisation", target_uuid=arguments["text"], repository_id=arguments["repository"])
"""


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
             "/sync/pause", "/sync/log", "/sync/log?result=error&page=2", base, f"{base}/update", f"{base}/delete",
             f"{base}/task", f"{base}/task/create",
             f"{base}/job", f"{base}/job/create", f"{base}/now", f"{base}/progress", f"{base}/log"]
    if task:
        found += [f"{base}/task/{task['id']}", f"{base}/task/{task['id']}/delete"]
    if job:
        found += [f"{base}/job/{job['scheduler_task_id']}{rest}" for rest in ("", "/delete", "/reset")]
    conflict = row(site, "sync_conflict", repository_id=repository, status="open")
    rejected = row(site, "sync_quarantine", repository_id=repository, direction="pull")
    if conflict:
        found += ["/sync/conflict", f"/sync/conflict?repository={repository}&status=all", f"/sync/conflict/{conflict['id']}"]
    if rejected:
        found += ["/sync/quarantine", f"/sync/quarantine?repository={repository}&status=dismissed",
                  f"/sync/quarantine/{rejected['id']}", f"/sync/quarantine/{rejected['id']}/dismiss",
                  f"/sync/waiting?repository={repository}"]
    if entry:
        found += [f"/sync/log/{entry['id']}", f"{base}/log/{entry['id']}"]
    return found


def trouble(site: Any, repository: int, words: str = "Red Cross") -> Any:
    """Conflicts, rejected records and a waiting reference; their ids."""
    return site.shell(TROUBLE, {"repository": repository, "text": words})


def furnish(site: Any, admin: Visitor, repository: int) -> int:
    """Give a repository an address where nobody answers, a task, a job, a log entry, an interrupted run, and trouble."""
    add_task(admin, repository, filter="~.name__like=Red*")
    add_job(admin, repository)
    site.shell("db(db.sync_repository.id == arguments['repository']).update(url='http://127.0.0.1:9/%s' % "
               "arguments['repository'])\n" + LOG + RUN,
               {"count": 1, "repository": repository, "status": "running", "silent": 999, "text": EVIL})
    trouble(site, repository, EVIL)
    return repository
