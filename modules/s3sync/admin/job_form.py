"""The form of a job, and what saving it means for the scheduler's row."""
from __future__ import annotations

import datetime
import json
import uuid
from typing import Any

from gluon.scheduler import CronParser as TheirParser

from ..scheduler.cron import CronParser
from ..scheduler.jobs import TASK
from ..scheduler.schedule import cron_error
from .fields import Checkbox, Duration, Input, Moment, Number
from .form import Form, refuse_other_posts
from .page import SUCCESS, Page

#: the job has come to its end
ENDED = ("COMPLETED", "EXPIRED", "STOPPED")
#: a worker has it
TAKEN = ("ASSIGNED", "RUNNING")


def page(this: Page, repository: Any, job: Any) -> dict[str, Any]:
    """Answer ``repository/<id>/job/create`` (job None) and ``repository/<id>/job/<id>``."""
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


def units(this: Page) -> list[tuple[str, Any]]:
    """Units of time."""
    T = this.T
    return [("seconds", T("seconds")), ("minutes", T("minutes")), ("hours", T("hours")), ("days", T("days"))]


def duration_text(this: Page, seconds: int | None) -> str:
    """A length of time in its largest unit."""
    T = this.T
    amount, unit = Duration("", "", seconds).parts()
    if amount == "1":
        return str({"days": T("1 day"), "hours": T("1 hour"), "minutes": T("1 minute"), "seconds": T("1 second")}[unit])
    return f"{amount} {dict(units(this))[unit]}"


def _fields(this: Page, job: Any) -> list[Input]:
    T, settings = this.T, this.app.settings
    now = datetime.datetime.now().replace(second=0, microsecond=0)
    clock = T("Time of this server, where it is now %(now)s.", {"now": now.strftime("%Y-%m-%d %H:%M")})
    return [
        Checkbox("enabled", T("Enabled"), job.enabled if job else True,
                 help=T("Without this the job stays, but does not run.")),
        Moment("start_time", T("Start"), job.start_time if job else now, required=True, help=clock),
        Moment("stop_time", T("Stop"), job and job.stop_time,
               help=T("Nothing is started after this time. Empty: no end.")),
        Number("repeats", T("Repeat"), (job.repeats or 0) if job else 0, most=1_000_000,
               help=T("How often it runs altogether; 0 = without limit.")),
        Duration("period", T("Period"), job and job.period or settings.job_period, least=10, units=units(this),
                 help=T("The time from one start to the next.")),
        Input("cronline", T("Cron line"), job and job.cronline, length=100, check=lambda text: _cron_line(text, T),
              help=T("Instead of a period: minute, hour, day, month and day of the week, as in a crontab. 30 2 * * * is every "
                     "night at 02:30; */15 8-17 * * mon-fri is every 15 minutes in office hours. Empty: the period counts.")),
        Duration("timeout", T("Timeout"), job and job.timeout or settings.job_timeout, least=10, units=units(this),
                 help=T("A run comes to its end before this time is over. The next one goes on where it was.")),
        Number("retry_failed", T("Retry after failure"), (job.retry_failed or 0) if job else -1, least=-1, most=1_000_000,
               help=T("How often a run that failed or took too long may be followed by another one; -1 = always. After "
                      "that the job stops until it is reset.")),
    ]


def _cron_line(text: str, T: Any) -> str:
    """A cron expression that both kinds of workers understand; raises ValueError."""
    trouble = cron_error(text)
    if trouble:
        raise ValueError(str(T("This is no cron line like 30 2 * * mon-fri: %(error)s", {"error": trouble})))
    try:
        TheirParser(text).next()
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(str(T("web2py's worker does not understand this cron line: %(error)s", {"error": error}))) from error
    return " ".join(text.split())


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
    if values["cronline"]:
        # the start itself counts if it is one of the expression's times
        before = due - datetime.timedelta(minutes=1) if due == values["start_time"] else due
        due = CronParser(values["cronline"], before.replace(second=0)).next()
    if job is None:
        user_id = this.auth.user_id or 0
        job_id = db.scheduler_task.insert(
            application_name=f"{this.request.application}/default", task_name=str(uuid.uuid4()),
            function_name=TASK, args=json.dumps([int(repository.id)]), vars=json.dumps({"user_id": int(user_id)}),
            next_run_time=due, **values)
        db.sync_job.insert(repository_id=repository.id, scheduler_task_id=job_id)
        return True
    # a worker may have taken the job meanwhile: only what the form shows is written, and the plan only if it changes
    start = job.start_time.replace(second=0, microsecond=0) if job.start_time else None
    planned = (values["start_time"], values["period"], values["cronline"] or "") != (start, job.period, job.cronline or "")
    if not planned:
        del values["start_time"]
    if job.status in ENDED and values["enabled"] and (not values["repeats"] or values["repeats"] > (job.times_run or 0)
                                                      or planned):
        values.update(status="QUEUED", next_run_time=due, times_run=0)
    elif planned and job.status not in TAKEN:
        values.update(next_run_time=due)
    db(db.scheduler_task.id == job.id).update(**values)
    return True
