"""The schedule: when a repository is synchronized by itself.

A job is a row of web2py's ``scheduler_task``, linked to its repository by ``sync_job``. The scheduler's times are
those of the server's clock, not UTC.
"""
from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from ..engine import backoff
from ..hours import Hours, parse
from ..scheduler import schedule
from ..tables import eden
from . import job_form, limits
from .fields import Input
from .form import Form, refuse_other_posts
from .job_form import TAKEN
from .page import SUCCESS, WARNING, Page
from .tabs import tabs

#: the worker will not take the job up again by itself, because something went wrong
BROKEN = ("FAILED", "TIMEOUT")


def of_repository(db: Any, repository_id: int) -> list[Any]:
    """The jobs of a repository: rows of ``scheduler_task``."""
    link, job = db.sync_job, db.scheduler_task
    rows = db((link.repository_id == repository_id) & (link.deleted != True) &  # noqa: E712
              (job.id == link.scheduler_task_id)).select(job.ALL, orderby=job.id)
    return list(rows)


def page(this: Page, repository: Any) -> Any:
    """Answer ``repository/<id>/job…``."""
    this.crumb(this.T("Schedule"), this.url("repository", repository.id, "job"))
    if len(this.args) == 2:
        return _list(this, repository)
    if this.args[2:] == ["create"]:
        return job_form.page(this, repository, None)
    job = next((row for row in of_repository(this.db, repository.id) if str(row.id) == this.args[2]), None)
    if job is None:
        this.not_found(this.T("There is no such record. It may have been deleted meanwhile."))
    rest = this.args[3:]
    if rest in ([], ["update"]):
        return job_form.page(this, repository, job)
    if rest == ["delete"]:
        return _delete(this, repository, job)
    if rest == ["reset"]:
        return _reset(this, repository, job)
    this.not_found()


def states(this: Page) -> dict[str, Any]:
    """What the scheduler's words mean for an administrator."""
    T = this.T
    return {"QUEUED": T("Waiting for its time"), "ASSIGNED": T("About to run"), "RUNNING": T("Running"),
            "COMPLETED": T("Completed"), "FAILED": T("Failed"), "TIMEOUT": T("Took too long"), "STOPPED": T("Stopped"),
            "EXPIRED": T("Ended")}


# --- the list -----------------------------------------------------------------------------------------------------


def _list(this: Page, repository: Any) -> dict[str, Any]:
    T = this.T
    actions = Form(this, "sync_job_action", action=this.url("repository", repository.id, "job"))
    form = Form(this, "sync_limits", limits.fields(this, repository), submit=T("Save"),
                action=this.url("repository", repository.id, "job"))
    again = Form(this, "sync_backoff", submit=T("Do not wait"), action=this.url("repository", repository.id, "job"))
    if actions.accepts():
        _act(this, repository)
    if again.accepts():
        backoff.forget(this.site, repository.id)
        this.message(T("The repository is tried again at the next time of its jobs."), SUCCESS)
        this.go(this.url("repository", repository.id, "job"))
    if form.accepts():
        limits.save(repository, form)
        this.message(T("Allowed hours and bandwidth have been saved."), SUCCESS)
        this.go(this.url("repository", repository.id, "job"))
    refuse_other_posts(this, actions, again, form)
    hours, mistake = allowed_hours(repository)
    return this.view("jobs", repository.name, repository=repository, tabs=tabs(this, repository, "job"), actions=actions,
                     again=again, backoff=backoff.state(this.site, repository.id), form=form,
                     hours=hours, mistake=mistake, worker_alive=this.app.worker_alive(),
                     jobs=[shown(this, row, hours) for row in of_repository(this.db, repository.id)])


def allowed_hours(repository: Any) -> tuple[Hours, str]:
    """The repository's allowed hours, and what is wrong with them (then they are ignored)."""
    try:
        return parse(repository.allowed_hours), ""
    except ValueError as error:
        return Hours(), str(error)


def shown(this: Page, row: Any, hours: Hours) -> SimpleNamespace:
    """A job as the list shows it."""
    T = this.T
    broken, taken = row.status in BROKEN, row.status in TAKEN
    paused = not row.enabled and not taken
    state = T("Paused") if paused and row.status == "QUEUED" else states(this).get(row.status, row.status)
    text = schedule.words(row, hours, T)
    times = schedule.next_times(row, 5, hours=hours)
    last, result, kind, said = last_run(this, row)
    return SimpleNamespace(
        row=row, words=text[:1].upper() + text[1:], state=state, kind="error" if broken else "info" if taken else
        "warning" if paused else "none", broken=broken, paused=paused, taken=taken, times=[this.local(time) for time in times],
        last=last, result=result, result_kind=kind, said=said,
        repeats=T("%(run)s of %(repeats)s", {"run": row.times_run or 0, "repeats": row.repeats}) if row.repeats else
        T("without limit"),
        timeout=job_form.duration_text(this, row.timeout),
        retries=T("always") if row.retry_failed == -1 else str(row.retry_failed or 0))


def last_run(this: Page, row: Any) -> tuple[str, Any, str, str]:
    """(when, result, kind of badge, what was said) of a job's last run; empty if it had none or it is not known."""
    T, db = this.T, this.db
    run = db(db.scheduler_run.task_id == row.id).select(orderby=~db.scheduler_run.id, limitby=(0, 1)).first()
    if run is None:
        return this.local(row.last_run_time), "", "none", ""
    names = {"success": T("Success"), "warning": T("Warning"), "error": T("Error"), "fatal": T("Error")}
    try:
        found = json.loads(run.run_result or "null")
    except ValueError:
        found = None
    if run.status == "COMPLETED" and found in names:
        return this.local(run.start_time), names[found], "error" if found == "fatal" else found, ""
    kind = {"COMPLETED": "success", "RUNNING": "info"}.get(run.status, "error")
    said = (run.traceback or "").strip().splitlines()[-1:] if kind == "error" else []
    return this.local(run.start_time), states(this).get(run.status, run.status), kind, "".join(said)


def _act(this: Page, repository: Any) -> None:
    """One of the buttons at a job: its name says what to do, its value with which."""
    T, db = this.T, this.db
    sent = this.request.post_vars
    name, number = next(((name, Input.sent(sent, name)) for name in ("run", "pause", "resume") if Input.sent(sent, name)),
                        ("", ""))
    job = next((row for row in of_repository(db, repository.id) if str(row.id) == number), None)
    if job is None:
        this.message(T("Nothing was changed: there is no such job. It may have been deleted meanwhile."), WARNING)
    elif name == "run":
        if not repository.url:
            this.message(T("There is no URL for this repository: this site cannot contact it."), WARNING)
        else:
            this.app.queue(repository.id, this.auth.user_id)
            if this.app.worker_alive():
                this.message(T("The synchronization has been queued: the worker starts it within seconds."), SUCCESS)
            this.go(this.url("repository", repository.id, "now"))
    else:
        db(db.scheduler_task.id == job.id).update(enabled=name == "resume")
        this.message(T("The job runs again at its next time.") if name == "resume" else
                     T("The job is paused: it does not run until it is resumed. A run that is going on now is not stopped."),
                     SUCCESS)
    this.go(this.url("repository", repository.id, "job"))


# --- deleting, resetting ------------------------------------------------------------------------------------------


def remove(db: Any, job: Any) -> None:
    """Delete a job: the scheduler's row, and the link to the repository."""
    eden.mark_deleted(db, "sync_job", db.sync_job.scheduler_task_id == job.id)
    db(db.scheduler_task.id == job.id).delete()


def _delete(this: Page, repository: Any, job: Any) -> dict[str, Any]:
    T = this.T
    back = this.url("repository", repository.id, "job")
    form = Form(this, "sync_job_delete", submit=T("Delete this job"), cancel=back, dangerous=True)
    if form.accepts():
        remove(this.db, job)
        this.message(T("The job has been deleted."), SUCCESS)
        this.go(back)
    refuse_other_posts(this, form)
    this.crumb(T("Delete"))
    return this.view("delete", T("Delete Job"), form=form, what=f"{repository.name}: {schedule.words(job, None, T)}",
                     consequences=[T("The repository is no longer synchronized at these times."),
                                   T("A run that is going on now is not stopped.")])


def _reset(this: Page, repository: Any, job: Any) -> dict[str, Any]:
    T, db = this.T, this.db
    back = this.url("repository", repository.id, "job")
    form = Form(this, "sync_job_reset", submit=T("Reset this job"), cancel=back)
    if form.accepts():
        if db((db.scheduler_task.id == job.id) & db.scheduler_task.status.belongs(BROKEN)).update(
                status="QUEUED", times_failed=0):
            this.message(T("The job has been reset: it runs at its next time again."), SUCCESS)
        else:
            this.message(T("Nothing was changed: only a job that failed can be reset."), WARNING)
        this.go(back)
    refuse_other_posts(this, form)
    this.crumb(T("Reset"))
    return this.view("confirm", T("Reset Job"), form=form, consequences=[
        T("The job stopped because a run failed or took too long. After the reset it runs again at its next time."),
        T("The log tells what went wrong.")])
