"""The schedule: when a repository is synchronized by itself.

A job is a row of web2py's ``scheduler_task``, linked to its repository by ``sync_job``. The scheduler's times are
those of the server's clock, not UTC.
"""
from __future__ import annotations

import datetime
import json
import uuid
from typing import Any

from ..tables import eden
from .fields import Checkbox, Duration, Input, Moment, Number
from .form import Form, refuse_other_posts
from .page import SUCCESS, WARNING, Page
from .tabs import tabs

FUNCTION = "sync_synchronize"

#: the worker will not take the job up again by itself, because something went wrong
BROKEN = ("FAILED", "TIMEOUT")
#: the job has come to its end
ENDED = ("COMPLETED", "EXPIRED", "STOPPED")
#: a worker has it
TAKEN = ("ASSIGNED", "RUNNING")


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
        return _edit(this, repository, None)
    job = next((row for row in of_repository(this.db, repository.id) if str(row.id) == this.args[2]), None)
    if job is None:
        this.not_found(this.T("There is no such record. It may have been deleted meanwhile."))
    rest = this.args[3:]
    if rest in ([], ["update"]):
        return _edit(this, repository, job)
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


def period_text(this: Page, seconds: int | None) -> str:
    """A period in words."""
    T = this.T
    amount, unit = Duration("", "", seconds).parts()
    if amount == "1":
        return str({"days": T("every day"), "hours": T("every hour"), "minutes": T("every minute"),
                    "seconds": T("every second")}[unit])
    words = {"days": T("every %(n)s days"), "hours": T("every %(n)s hours"), "minutes": T("every %(n)s minutes"),
             "seconds": T("every %(n)s seconds")}
    return str(words[unit]) % {"n": amount}


def _last_run(db: Any, job_id: int) -> Any:
    table = db.scheduler_run
    return db(table.task_id == job_id).select(table.status, table.start_time, table.stop_time,
                                              orderby=~table.id, limitby=(0, 1)).first()


def _list(this: Page, repository: Any) -> dict[str, Any]:
    rows = of_repository(this.db, repository.id)
    return this.view("jobs", repository.name, repository=repository, tabs=tabs(this, repository, "job"), jobs=rows,
                     last_runs={row.id: _last_run(this.db, row.id) for row in rows}, states=states(this),
                     period_text=lambda seconds: period_text(this, seconds), broken=BROKEN, ended=ENDED, taken=TAKEN,
                     worker_alive=this.app.worker_alive())


def _fields(this: Page, job: Any) -> list[Input]:
    T, settings = this.T, this.app.settings
    now = datetime.datetime.now().replace(second=0, microsecond=0)
    units = [("seconds", T("seconds")), ("minutes", T("minutes")), ("hours", T("hours")), ("days", T("days"))]
    clock = T("Time of this server, where it is now %(now)s.", {"now": now.strftime("%Y-%m-%d %H:%M")})
    return [
        Checkbox("enabled", T("Enabled"), job.enabled if job else True,
                 help=T("Without this the job stays, but does not run.")),
        Moment("start_time", T("Start"), job.start_time if job else now, required=True, help=clock),
        Moment("stop_time", T("Stop"), job and job.stop_time,
               help=T("Nothing is started after this time. Empty: no end.")),
        Number("repeats", T("Repeat"), job.repeats if job else 0, most=1_000_000,
               help=T("How often it runs altogether; 0 = without limit.")),
        Duration("period", T("Period"), job.period if job else settings.job_period, least=10, units=units,
                 help=T("The time from one start to the next.")),
        Duration("timeout", T("Timeout"), job.timeout if job else settings.job_timeout, least=10, units=units,
                 help=T("A run that takes longer is stopped. The next one goes on where it was.")),
        Number("retry_failed", T("Retry after failure"), job.retry_failed if job else -1, least=-1, most=1_000_000,
               help=T("How often a run that failed or took too long may be followed by another one; -1 = always. After "
                      "that the job stops until it is reset.")),
    ]


def _edit(this: Page, repository: Any, job: Any) -> dict[str, Any]:
    T = this.T
    back = this.url("repository", repository.id, "job")
    form = Form(this, "sync_job", _fields(this, job), cancel=back)
    if form.accepts() and _save(this, repository, job, form):
        this.message(T("The job has been saved."), SUCCESS)
        this.go(back)
    refuse_other_posts(this, form)
    title = T("Edit Job") if job else T("Add Job")
    this.crumb(title)
    return this.view("job", title, repository=repository, job=job, form=form,
                     delete_url=this.url("repository", repository.id, "job", job.id, "delete") if job else "")


def _save(this: Page, repository: Any, job: Any, form: Form) -> bool:
    T, db = this.T, this.db
    values = dict(form.values)
    now = datetime.datetime.now().replace(microsecond=0)
    if values["stop_time"] and values["stop_time"] <= values["start_time"]:
        form.reject("stop_time", T("It must stop after it starts."))
    elif values["stop_time"] and values["stop_time"] <= now and values["enabled"]:
        form.reject("stop_time", T("This time is over: the job would not run any more."))
    if form.errors:
        return False
    due = max(values["start_time"], now)
    if job is None:
        user_id = this.auth.user_id or 0
        job_id = db.scheduler_task.insert(
            application_name=f"{this.request.application}/default", task_name=str(uuid.uuid4()),
            function_name=FUNCTION, args=json.dumps([int(repository.id)]), vars=json.dumps({"user_id": int(user_id)}),
            next_run_time=due, **values)
        db.sync_job.insert(repository_id=repository.id, scheduler_task_id=job_id)
        return True
    # a worker may have taken the job meanwhile: only what the form shows is written, and the plan only if it changes
    planned = values["start_time"] != job.start_time.replace(second=0) or values["period"] != job.period
    if not planned:
        del values["start_time"]
    if job.status in ENDED and values["enabled"] and (not values["repeats"] or values["repeats"] > (job.times_run or 0)
                                                      or planned):
        values.update(status="QUEUED", next_run_time=due, times_run=0)
    elif planned and job.status not in TAKEN:
        values.update(next_run_time=due)
    db(db.scheduler_task.id == job.id).update(**values)
    return True


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
    return this.view("delete", T("Delete Job"), form=form, what=f"{repository.name}: {period_text(this, job.period)}",
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
