"""Hours of the week in which a repository's jobs may use its link: ``mon-fri 20:00-06:00; sat,sun 00:00-24:00``.

Times are those of the server's clock. A window that ends before it begins goes on to the next morning, and belongs to the
day on which it begins. No text means at any time.
"""
from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Callable

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

DAY = timedelta(days=1)

_WINDOW = re.compile(r"(?:(?P<days>[a-z, -]+?)\s+)?(?P<start>\d{1,2}:\d\d)\s*-\s*(?P<end>\d{1,2}:\d\d)")


@dataclass(frozen=True)
class Window:
    """Some days (0 = Monday), from `start` to `end`, both minutes after midnight; up to 1440."""

    days: tuple[int, ...]
    start: int
    end: int

    @property
    def length(self) -> timedelta:
        """From `start` to `end`; a whole day where they are the same."""
        minutes = self.end - self.start
        return timedelta(minutes=minutes if minutes > 0 else minutes + 1440)

    def __str__(self) -> str:
        days = "" if len(self.days) == 7 else ",".join(_runs(self.days, lambda day: DAYS[day], "{}-{}")) + " "
        return f"{days}{clock(self.start)}-{clock(self.end)}"


@dataclass(frozen=True)
class Hours:
    """The allowed windows; none means at any time."""

    windows: tuple[Window, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.windows)

    def __str__(self) -> str:
        """As `parse` reads it."""
        return "; ".join(map(str, self.windows))

    def _spans(self, moment: datetime) -> list[tuple[datetime, datetime]]:
        """The times around `moment`: from the day before it until nine days after it, in order, those that meet as one."""
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        found = sorted((day + timedelta(minutes=window.start), day + timedelta(minutes=window.start) + window.length)
                       for day in (midnight + number * DAY for number in range(-1, 10))
                       for window in self.windows if day.weekday() in window.days)
        merged: list[tuple[datetime, datetime]] = []
        for begin, end in found:
            if merged and begin <= merged[-1][1]:
                begin, end = merged[-1][0], max(end, merged.pop()[1])
            merged.append((begin, end))
        return merged

    def allow(self, moment: datetime) -> bool:
        """May a job run at this time?"""
        return not self.windows or any(begin <= moment < end for begin, end in self._spans(moment))

    def next(self, moment: datetime) -> datetime:
        """The first time from `moment` on that is allowed."""
        if self.allow(moment):
            return moment
        return next(begin for begin, _ in self._spans(moment) if begin > moment)

    def end(self, moment: datetime) -> datetime | None:
        """When the allowed time ends that `moment` is in (`moment` itself if it is in none); None if it does not in a week."""
        for begin, end in self._spans(moment):
            if begin <= moment < end:
                return end if end - moment < 8 * DAY else None
        return None if not self.windows else moment

    def words(self, T: Callable[[str], Any] = str) -> str:
        """For people, e.g. "Monday to Friday 20:00 to 06:00"; empty if at any time."""
        texts = []
        for window in self.windows:
            times = str(T("%(start)s to %(end)s")) % {"start": clock(window.start), "end": clock(window.end)}
            days = day_words(window.days, T)
            texts.append(f"{days} {times}" if days else times)
        return "; ".join(texts)


def parse(text: str | None) -> Hours:
    """Read the text of a repository's allowed hours. Raises ValueError that says which part is not understood."""
    windows = []
    for part in filter(None, (piece.strip() for piece in re.split(r"[;\n]", (text or "").lower()))):
        match = _WINDOW.fullmatch(part)
        if not match:
            raise ValueError(f"{part!r} is no time like mon-fri 20:00-06:00")
        days = _days(match["days"] or "mon-sun")
        start, end = _minutes(match["start"]), _minutes(match["end"])
        windows.append(Window(days, start % 1440, end))
    return Hours(tuple(windows))


def clock(minutes: int) -> str:
    """Minutes after midnight as hh:mm."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def day_words(days: tuple[int, ...], T: Callable[[str], Any] = str) -> str:
    """Days (0 = Monday) for people, e.g. "Monday to Friday, Sunday"; empty for all of them."""
    if len(set(days)) == 7:
        return ""
    return ", ".join(_runs(days, lambda day: str(T(DAY_NAMES[day])), str(T("%(first)s to %(last)s")).replace(
        "%(first)s", "{}").replace("%(last)s", "{}")))


def _runs(days: tuple[int, ...], name: Callable[[int], str], template: str) -> list[str]:
    """Three or more days in a row as one text."""
    texts: list[str] = []
    left = sorted(set(days))
    while left:
        run = 1
        while run < len(left) and left[run] == left[0] + run:
            run += 1
        if run >= 3:
            texts.append(template.format(name(left[0]), name(left[run - 1])))
        else:
            run = 1
            texts.append(name(left[0]))
        left = left[run:]
    return texts


def _days(text: str) -> tuple[int, ...]:
    found: set[int] = set()
    for part in text.split(","):
        ends = [name.strip()[:3] for name in part.split("-")]
        if len(ends) > 2 or any(end not in DAYS for end in ends):
            raise ValueError(f"{part.strip()!r} is no day like mon or mon-fri")
        first, last = DAYS.index(ends[0]), DAYS.index(ends[-1])
        found.update(day % 7 for day in range(first, (last if last >= first else last + 7) + 1))
    return tuple(sorted(found))


def _minutes(text: str) -> int:
    hour, minute = map(int, text.split(":"))
    if hour > 24 or minute > 59 or (hour == 24 and minute):
        raise ValueError(f"{text} is no time of day")
    return hour * 60 + minute
