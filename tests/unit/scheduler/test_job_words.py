"""Jobs in words."""
from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from s3sync.hours import parse
from s3sync.scheduler.schedule import cron_error, cron_words, period_words, words


@pytest.mark.parametrize("seconds, expected", [
    (600, "every 10 minutes"), (60, "every minute"), (3600, "every hour"), (90, "every 90 seconds"), (86400, "every day"),
    (172800, "every 2 days"), (5400, "every 90 minutes"), (1, "every second"), (0, "again and again"), (None, "again and again")])
def test_periods(seconds: int | None, expected: str) -> None:
    assert period_words(seconds) == expected


@pytest.mark.parametrize("line, expected", [
    ("*/10 * * * *", "every 10 minutes"), ("* * * * *", "every minute"), ("0 3 * * *", "every day at 03:00"),
    ("15 * * * *", "every hour at minute 15"), ("0 */6 * * *", "every 6 hours"), ("5 */2 * * *", "every 2 hours at minute 5"),
    ("*/15 * * * 1-5", "Monday to Friday every 15 minutes"), ("30 22 * * sat,sun", "Saturday, Sunday at 22:30"),
    ("0 6,18 * * *", "every day at 06:00, 18:00"), ("0 0 * * 7", "Sunday at 00:00"), ("@daily", "every day at 00:00"),
    ("0 4 1 * *", "on day 1 of each month at 04:00"), ("30 4 L * *", "on the last day of each month at 04:30"),
    ("*/7 * * * *", "by the cron expression */7 * * * *"), ("0 4 1,15 * *", "by the cron expression 0 4 1,15 * *"),
    ("0 4 1 1 *", "by the cron expression 0 4 1 1 *"), ("0 4 1 * mon", "by the cron expression 0 4 1 * mon"),
    ("0 4 * * mon#2", "by the cron expression 0 4 * * mon#2"), ("nonsense", "nonsense")])
def test_cron_lines(line: str, expected: str) -> None:
    assert cron_words(line) == expected


@pytest.mark.parametrize("changes, hours, expected", [
    ({}, "mon-fri 20:00-06:00", "every 10 minutes, Monday to Friday 20:00 to 06:00"),
    ({"cronline": "0 3 * * *"}, "", "every day at 03:00"),
    ({"repeats": 1}, "", "once"),
    ({"repeats": 12, "stop_time": datetime(2026, 12, 31, 18)}, "", "every 10 minutes, 12 times, until 2026-12-31 18:00")])
def test_jobs(make_job: Any, changes: dict[str, Any], hours: str, expected: str) -> None:
    assert words(make_job(**changes), parse(hours)) == expected


def test_everything_is_translated(make_job: Any) -> None:
    """No word is left that the translator has not seen."""
    def T(text: str) -> str:
        return {"every %(n)s minutes": "alle %(n)s Minuten", "%(first)s to %(last)s": "%(first)s bis %(last)s",
                "Monday": "Montag", "Friday": "Freitag", "%(start)s to %(end)s": "%(start)s bis %(end)s"}[text]

    assert words(make_job(), parse("mon-fri 20:00-06:00"), T) == "alle 10 Minuten, Montag bis Freitag 20:00 bis 06:00"


def test_wrong_cron_lines_are_explained() -> None:
    assert cron_error("0 3 * * *") == ""
    assert "minute" in cron_error("61 3 * * *") and "too short" in cron_error("0 3")
