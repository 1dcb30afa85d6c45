"""Times of cron expressions."""
from __future__ import annotations

from datetime import datetime
from itertools import islice

import pytest

from s3sync.scheduler.cron import CronParser


def times(line: str, base: datetime, count: int) -> list[str]:
    return [found.strftime("%Y-%m-%d %H:%M") for found in islice(CronParser(line, base), count)]


@pytest.mark.parametrize("line, base, expected", [
    ("*/20 * * * *", datetime(2026, 11, 23, 23, 41), ["2026-11-24 00:00", "2026-11-24 00:20"]),          # into the next day
    ("0 0 * * *", datetime(2026, 12, 31, 0, 0), ["2027-01-01 00:00", "2027-01-02 00:00"]),               # into the next year
    ("30 4 L * *", datetime(2027, 2, 1), ["2027-02-28 04:30", "2027-03-31 04:30"]),
    ("0 12 29 2 *", datetime(2026, 1, 1), ["2028-02-29 12:00"]),
    ("15 8 * * mon-fri", datetime(2026, 11, 27, 9), ["2026-11-30 08:15", "2026-12-01 08:15"]),
    ("0 0 1 * sun", datetime(2026, 11, 23), ["2026-11-29 00:00", "2026-12-01 00:00", "2026-12-06 00:00"]),   # either will do
    ("4/34 7 * * *", datetime(2026, 11, 23), ["2026-11-23 07:04", "2026-11-23 07:38", "2026-11-24 07:04"]),
    ("@weekly", datetime(2026, 11, 23), ["2026-11-29 00:00", "2026-12-06 00:00"]),
    ("@hourly", datetime(2026, 11, 23, 23, 59, 59), ["2026-11-24 00:00", "2026-11-24 01:00"]),
])
def test_times(line: str, base: datetime, expected: list[str]) -> None:
    assert times(line, base, len(expected)) == expected


def test_the_base_itself_is_not_among_them() -> None:
    assert times("0 3 * * *", datetime(2026, 11, 23, 3), 1) == ["2026-11-24 03:00"]


@pytest.mark.parametrize("line", ["", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "x * * * *", "1- * * * *",
                                  "-1 * * * *", "* * 5-1 * *", "0 0 31 2 *", "* * * janu *", "*/0 * * * *", "@never",
                                  "/2 * * * *"])
def test_what_is_none(line: str) -> None:
    with pytest.raises(ValueError, match="Invalid cron"):
        CronParser(line, datetime(2026, 11, 23)).next()
