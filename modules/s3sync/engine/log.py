"""The log that administrators read: Eden's sync_log, with Eden's words (SYNC_PROTOCOL §9)."""
from __future__ import annotations

from datetime import timedelta

from .site import Site

RESULTS = ("success", "warning", "error", "fatal")

#: characters of one message; the rest is in quarantine and run tables
LONGEST = 4000


def write(site: Site, repository_id: int | None, resource: str | None, mode: str, transmission: str, action: str, result: str,
          message: str, remote: bool = False) -> None:
    """Add an entry, in the caller's transaction.

    Parameters
    ----------
    mode : pull, push, login, register or none
    transmission : incoming, outgoing or none
    result : one of RESULTS; a success is never a remote error
    """
    site.db.dal.sync_log.insert(
        timestmp=site.now(), repository_id=repository_id, resource_name=resource, mode=f"{mode}/{transmission}",
        action=action or "none", result=result, remote=remote and result != "success", message=message[:LONGEST])


def once(site: Site, repository_id: int, text: str) -> None:
    """Add a warning that nothing is done, unless the repository's last entry says the same. Commits."""
    table = site.db.dal.sync_log
    last = site.db.dal(table.repository_id == repository_id).select(table.message, orderby=~table.id, limitby=(0, 1)).first()
    if last is None or last.message != text:
        write(site, repository_id, None, "none", "none", "check", "warning", text)
    site.db.commit()


def prune(site: Site) -> None:
    """Forget entries and runs older than the retention, in the caller's transaction."""
    if site.settings.log_retention <= 0:
        return
    before = (site.now() - timedelta(days=site.settings.log_retention)).isoformat(" ")[:19]
    db = site.db
    db.execute('DELETE FROM "sync_log" WHERE "timestmp" < ?', [before])
    db.execute('DELETE FROM "sync_run_task" WHERE "run_id" IN (SELECT "id" FROM "sync_run" WHERE "finished_on" < ?)', [before])
    db.execute('DELETE FROM "sync_run" WHERE "finished_on" < ?', [before])
