"""The clock of an advice service: by when a question is to be answered, in its own hours and days."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.web.advice.hours import DAYS, HOURS, Clock, NeverOpen, days_words, holidays_of
from stepwell.web.core.formatting import UK

ENGLAND = holidays_of("ENG")


def clock(unit: str = HOURS, amount: int = 4, weekdays: str = "01234", opens: int = 9, closes: int = 17, **more) -> Clock:
    holiday = {"on_holidays": False, "is_holiday": ENGLAND} | more
    return Clock(unit, amount, frozenset(int(day) for day in weekdays), time(opens), time(closes), **holiday)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UK)


@pytest.mark.parametrize(
    ("asked", "due"),
    [
        ("2026-06-01 10:00", "2026-06-01 14:00"),  # Monday morning: the same day
        ("2026-06-01 15:30", "2026-06-02 11:30"),  # an hour and a half today, the rest tomorrow
        ("2026-06-01 07:00", "2026-06-01 13:00"),  # before it opens: from the opening
        ("2026-06-01 17:00", "2026-06-02 13:00"),  # at closing time it is received tomorrow
        ("2026-06-05 16:00", "2026-06-08 12:00"),  # Friday afternoon: Monday
        ("2026-06-06 12:00", "2026-06-08 13:00"),  # Saturday
        ("2026-04-02 16:00", "2026-04-07 12:00"),  # Maundy Thursday: Good Friday and Easter Monday are no working days
    ],
)
def test_four_working_hours(asked, due):
    assert clock().due(at(asked)) == at(due)


@pytest.mark.parametrize(
    ("asked", "due"),
    [
        ("2026-06-01 10:00", "2026-06-02 17:00"),
        ("2026-06-01 18:00", "2026-06-03 17:00"),  # after closing: Tuesday is day 0
        ("2026-12-24 11:00", "2026-12-29 17:00"),  # Christmas, and Boxing Day's substitute on the Monday
        ("2026-12-25 11:00", "2026-12-30 17:00"),  # received on the 29th
    ],
)
def test_one_working_day(asked, due):
    assert clock(DAYS, 1).due(at(asked)) == at(due)


def test_the_nation_decides_the_holidays():
    asked = at("2026-08-03 10:00")  # the Scottish summer bank holiday
    assert clock(DAYS, 1).due(asked).date() == date(2026, 8, 4)
    assert clock(DAYS, 1, is_holiday=holidays_of("SCT")).due(asked).date() == date(2026, 8, 5)


def test_a_service_may_work_at_weekends_and_on_bank_holidays():
    every = clock(weekdays="0123456", on_holidays=True)
    assert every.due(at("2026-12-25 10:00")) == at("2026-12-25 14:00")
    assert every.due(at("2026-06-06 16:00")) == at("2026-06-07 12:00")


def test_a_service_of_two_days_a_week():
    part = clock(DAYS, 1, weekdays="13")
    assert part.due(at("2026-06-01 10:00")) == at("2026-06-04 17:00")
    assert part.is_open_at(at("2026-06-02 09:00")) and not part.is_open_at(at("2026-06-02 17:00"))
    assert not part.is_open_at(at("2026-06-01 10:00"))


def test_a_clock_that_never_opens_is_told():
    with pytest.raises(NeverOpen):
        clock(is_holiday=lambda day: True).due(at("2026-06-01 10:00"))


def test_the_promise_in_words():
    assert clock().promise == "4 working hours" and clock(DAYS, 1).promise == "1 working day"
    assert clock().words == "Mon to Fri 09:00 to 17:00, not on bank holidays"
    assert days_words([0, 2, 3]) == "Mon, Wed, Thu" and days_words([5, 6]) == "Sat, Sun"


@given(
    asked=st.lists(st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)), min_size=2, max_size=6),
    unit=st.sampled_from([HOURS, DAYS]),
    amount=st.integers(1, 12),
    weekdays=st.sets(st.integers(0, 6), min_size=1),
)
@settings(max_examples=30, deadline=None)
def test_a_later_question_is_never_due_earlier_and_always_in_hours(asked, unit, amount, weekdays):
    each = clock(unit, amount, "".join(map(str, weekdays)))
    moments = sorted(moment.replace(tzinfo=UK) for moment in asked)
    dues = [each.due(moment) for moment in moments]
    assert all(first <= second for first, second in pairwise(dues))
    for moment, due in zip(moments, dues, strict=True):
        assert due > moment - timedelta(hours=1) and each.is_open_on(due.date()) and each.opens <= due.time() <= each.closes
