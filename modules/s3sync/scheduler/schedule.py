"""A job for people: in words, and the next times it will run. Pure functions over rows of scheduler_task.

All times are naive, of the server's clock, as in the rows.
"""
from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Callable

from ..hours import Hours, clock, day_words
from . import plan
from .cron import CronParser, five_fields
from .tables import ASSIGNED, QUEUED, RUNNING

Translate = Callable[[str], Any]

UNITS = ((86400, "every day", "every %(n)s days"), (3600, "every hour", "every %(n)s hours"),
         (60, "every minute", "every %(n)s minutes"), (1, "every second", "every %(n)s seconds"))

_DAYS = {"SUN": 0, "MON": 1, "TUE": 2, "WED": 3, "THU": 4, "FRI": 5, "SAT": 6}

#: times looked at before giving up: nobody waits for the page any longer
LONGEST = 500


# --- next times -------------------------------------------------------------------------------------------------

def next_times(job: Any, count: int = 5, now: datetime | None = None, hours: Hours | None = None) -> list[datetime]:
    """When a worker that is there will start a job: the next `count` times, fewer if the job ends before.

    Parameters
    ----------
    job : row of scheduler_task
    now : an overdue job starts now
    hours : allowed hours of its repository; outside of them a start does nothing and is left out
    """
    moment = (now or datetime.now()).replace(microsecond=0)
    if not job.enabled or job.status not in (QUEUED, ASSIGNED, RUNNING):
        return []
    due = job.next_run_time or job.start_time or moment
    if job.status == RUNNING:
        due = plan.next_time(job, job.last_run_time or moment)
    due = max(due, moment)
    done = (job.times_run or 0) + (job.status == RUNNING)
    found: list[datetime] = []
    for _ in range(LONGEST):
        due = existing(due)
        if len(found) >= count or (done and not plan.runs_again(job, done)) or (job.stop_time and due > job.stop_time):
            break
        if hours is None or hours.allow(due):
            found.append(due)
            done += 1
            due = plan.next_time(job, due)
        else:
            skipped, due = _skip(job, due, hours.next(due))
            done += skipped
        if not job.cronline and not job.period:
            break                                               # again and again at once: no times to tell
    return found


def _skip(job: Any, due: datetime, allowed: datetime) -> tuple[int, datetime]:
    """(starts that do nothing from `due` on, first start that is not before `allowed`)."""
    if job.cronline:
        # how many are left out only matters to a job with a limited number of repeats
        steps = 0
        while job.repeats and due < allowed and steps < 10 * LONGEST:
            due, steps = plan.next_time(job, due), steps + 1
        return steps, max(due, CronParser(job.cronline, allowed - timedelta(minutes=1)).next())
    period = timedelta(seconds=job.period or 1)
    steps = -((due - allowed) // period)
    return steps, due + steps * period


def existing(moment: datetime) -> datetime:
    """The same, or the end of the hour that is left out when clocks are put forward: what is due in it starts then."""
    while moment.astimezone().replace(tzinfo=None) != moment:
        moment = moment.replace(second=0) + timedelta(minutes=1)
    return moment


def cron_error(line: str) -> str:
    """Why a cron expression cannot be used, empty if it can."""
    try:
        CronParser(line).next()
    except ValueError as error:
        return str(error)
    return ""


# --- words ------------------------------------------------------------------------------------------------------

def words(job: Any, hours: Hours | None = None, T: Translate = str) -> str:
    """A job in words, e.g. "every 10 minutes, Monday to Friday 20:00 to 06:00"."""
    if job.repeats == 1:
        parts = [str(T("once"))]
    else:
        parts = [cron_words(job.cronline, T) if job.cronline else period_words(job.period, T)]
        if job.repeats:
            parts.append(str(T("%(n)s times")) % {"n": job.repeats})
    if hours:
        parts.append(hours.words(T))
    if job.stop_time:
        parts.append(str(T("until %(time)s")) % {"time": job.stop_time.strftime("%Y-%m-%d %H:%M")})
    return ", ".join(parts)


def period_words(seconds: int | None, T: Translate = str) -> str:
    """A period in its largest unit, e.g. "every 10 minutes"."""
    seconds = int(seconds or 0)
    for size, single, several in UNITS:
        if seconds and seconds % size == 0:
            number = seconds // size
            return str(T(single)) if number == 1 else str(T(several)) % {"n": number}
    return str(T("again and again"))


def cron_words(line: str, T: Translate = str) -> str:
    """A cron expression of the usual kinds in words; any other as it is."""
    try:
        minute, hour, day, month, weekday = five_fields(line).split()
        days = _weekdays(weekday)
    except ValueError:
        return line
    text = _cron_times(minute, hour, T)
    if month != "*" or days is None or not text or (day != "*" and weekday != "*"):
        return str(T("by the cron expression %(line)s")) % {"line": line}
    if day == "L":
        return str(T("on the last day of each month %(times)s")) % {"times": text}
    if day.isdigit():
        return str(T("on day %(day)s of each month %(times)s")) % {"day": int(day), "times": text}
    if day != "*":
        return str(T("by the cron expression %(line)s")) % {"line": line}
    named = day_words(days, T)
    if not named:
        return str(T("every day %(times)s")) % {"times": text} if ":" in text else text
    return f"{named} {text}"


def _cron_times(minute: str, hour: str, T: Translate) -> str:
    """Times of day of a cron expression: "at 03:00", "every 10 minutes"; empty if that is not simple."""
    minutes, hours = minute.split(","), hour.split(",")
    if all(text.isdigit() for text in (*minutes, *hours)):
        times = sorted(int(h) * 60 + int(m) for h in hours for m in minutes)
        return str(T("at %(times)s")) % {"times": ", ".join(map(clock, times))} if len(times) <= 6 else ""
    step = _step(minute, 60)
    if step and hour == "*":
        return period_words(step * 60, T)
    step = _step(hour, 24)
    if minute.isdigit() and step:
        every = period_words(step * 3600, T)
        return every if int(minute) == 0 else str(T("%(every)s at minute %(minute)s")) % {"every": every, "minute": int(minute)}
    return ""


def _step(text: str, size: int) -> int:
    """The n of ``*`` (1) or ``*/n`` where it divides the hour or day evenly, else 0."""
    number = "1" if text == "*" else text[2:] if text.startswith("*/") else ""
    return int(number) if number.isdigit() and int(number) and size % int(number) == 0 else 0


def _weekdays(text: str) -> tuple[int, ...] | None:
    """Days of the week (0 = Monday) of a cron expression, None if that is not simple."""
    if text == "*":
        return tuple(range(7))
    found: set[int] = set()
    for part in text.split(","):
        ends = [_DAYS.get(end, int(end) if end.isdigit() else -1) for end in part.split("-")]
        if len(ends) > 2 or not all(0 <= end <= 7 for end in ends):
            return None
        found.update(range(ends[0], ends[-1] + 1))
    return tuple(sorted({(day - 1) % 7 for day in found}))
