"""Hours in which jobs may use the link."""
from __future__ import annotations

from datetime import datetime

import pytest

from s3sync.hours import parse


#: Monday 2026-11-23 is the first day of these tests' week
def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 22 + day, hour, minute)


@pytest.mark.parametrize("text, again, words", [
    ("mon-fri 20:00-06:00", "mon-fri 20:00-06:00", "Monday to Friday 20:00 to 06:00"),
    ("Sat, Sunday 0:00-24:00 ; 1:30 - 2:30", "sat,sun 00:00-24:00; 01:30-02:30",
     "Saturday, Sunday 00:00 to 24:00; 01:30 to 02:30"),
    ("fri-mon 22:00-23:00", "mon,fri-sun 22:00-23:00", "Monday, Friday to Sunday 22:00 to 23:00"),
    ("20:00-20:00", "20:00-20:00", "20:00 to 20:00"), ("", "", ""), (None, "", ""), (" ; ", "", "")])
def test_text(text: str, again: str, words: str) -> None:
    hours = parse(text)
    assert (str(hours), hours.words()) == (again, words)
    assert parse(again) == hours


@pytest.mark.parametrize("text", ["at night", "20:00", "mon 25:00-26:00", "mon 20:61-21:00", "moon 20:00-21:00",
                                  "mon-tue-wed 1:00-2:00", "24:01-1:00"])
def test_what_is_not_understood(text: str) -> None:
    with pytest.raises(ValueError, match=" is no "):
        parse(text)


@pytest.mark.parametrize("moment, allowed, following, end", [
    (at(1, 19, 59), False, at(1, 20), None), (at(1, 20), True, None, at(2, 6)), (at(2, 5, 59), True, None, at(2, 6)),
    (at(2, 6), False, at(2, 20), None), (at(1, 5), False, at(1, 20), None),             # Sunday's night is not allowed
    (at(6, 5), True, None, at(6, 6)), (at(6, 6), False, at(8, 20), None)])              # Friday's goes on to Saturday
def test_nights_of_weekdays(moment: datetime, allowed: bool, following: datetime | None, end: datetime | None) -> None:
    hours = parse("mon-fri 20:00-06:00")
    assert hours.allow(moment) == allowed
    assert hours.next(moment) == (following or moment)
    if end:
        assert hours.end(moment) == end


def test_windows_that_meet_are_one() -> None:
    hours = parse("fri 20:00-24:00; sat,sun 00:00-24:00; mon 00:00-06:00")
    assert hours.end(at(5, 21)) == at(8, 6) and not hours.allow(at(8, 6))


def test_always() -> None:
    for hours in (parse(""), parse("00:00-24:00"), parse("12:00-12:00")):
        assert hours.allow(at(1, 3)) and hours.next(at(1, 3)) == at(1, 3) and hours.end(at(1, 3)) is None
