"""Cron expressions, by the library cronsim: the next time of one, as the scheduler's rows have times (naive, one clock)."""
from __future__ import annotations

from datetime import datetime

from cronsim import CronSim, CronSimError

#: what stands for five fields
NICKNAMES = {"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
             "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *"}


def five_fields(line: str) -> str:
    """The expression in five fields, capitals for names. Raises ValueError if there are more or fewer."""
    text = line.strip()
    fields = NICKNAMES.get(text.lower(), text).upper().split()
    if len(fields) != 5:
        raise ValueError(f"Invalid cron line (too {'short' if len(fields) < 5 else 'long'}): {line}")
    return " ".join(fields)


class CronParser:
    """Times of a cron expression, one after the other, strictly after `base` (whole minutes).

    The interface of web2py's class of this name. Where both day of month and day of week are restricted, either will do,
    unless one of them begins with ``*`` (Debian's rule).
    """

    def __init__(self, cronline: str, base: datetime | None = None) -> None:
        self.cronline = cronline
        self.sched = base or datetime.now()
        self._times: CronSim | None = None

    def next(self) -> datetime:
        """The next time. Raises ValueError if the expression is none, or has no further time."""
        try:
            if self._times is None:
                self._times = CronSim(five_fields(self.cronline), self.sched)
            self.sched = next(self._times)
        except (CronSimError, AssertionError, StopIteration) as error:      # its parser asserts what it takes for impossible
            raise ValueError(f"Invalid cron expression ({error or self.cronline})") from error
        return self.sched

    def __iter__(self) -> CronParser:
        return self

    __next__ = next
