"""Line 5: working-day clocks keep the bank holidays published for 2019 to 2028 in England, Wales, Scotland and Northern Ireland."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from govuk_bank_holidays.bank_holidays import BankHolidays
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell import knowledge
from stepwell.clinical.working_days import NATIONS, Calendar

DATA = Path(__file__).parent / "data" / "bank_holidays_2019-2028.csv"
FIRST, LAST = date(2019, 1, 1), date(2028, 12, 31)
LONDON = ZoneInfo("Europe/London")
WORLD_CUP = date(2026, 6, 15)  # Scotland alone, proclaimed after the list was taken
DIVISIONS = {"ENG": "england-and-wales", "WLS": "england-and-wales", "SCT": "scotland", "NIR": "northern-ireland"}
DAYS = st.dates(FIRST + timedelta(60), LAST - timedelta(60))
CALENDARS = st.sampled_from([Calendar(nation) for nation in NATIONS])
FEW = settings(max_examples=30, deadline=None)


def published() -> dict[str, set[date]]:
    lines = [line for line in DATA.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    found: dict[str, set[date]] = {nation: set() for nation in NATIONS}
    for row in csv.DictReader(lines):
        found[row["nation"]].add(date.fromisoformat(row["day"]))
    found["SCT"].add(WORLD_CUP)
    return found


PUBLISHED = published()


def by_hand(nation: str, day: date) -> bool:
    return day.weekday() < 5 and day not in PUBLISHED[nation]


@pytest.mark.parametrize("nation", NATIONS)
def test_every_day_of_ten_years_is_as_published(nation):
    calendar = Calendar(nation)
    assert set(calendar.holidays(FIRST, LAST)) == PUBLISHED[nation]
    days = [FIRST + timedelta(number) for number in range((LAST - FIRST).days + 1)]
    assert [calendar.is_working(day) for day in days] == [by_hand(nation, day) for day in days]
    assert len(PUBLISHED[nation]) == {"ENG": 83, "WLS": 83, "SCT": 94, "NIR": 103}[nation]


@pytest.mark.parametrize("nation", NATIONS)
def test_the_published_list_is_the_one_that_is_kept_beside_the_library(nation):
    kept = {row["date"] for row in BankHolidays(use_cached_holidays=True).get_holidays(division=DIVISIONS[nation])}
    assert {day for day in kept if FIRST <= day <= LAST} | ({WORLD_CUP} & PUBLISHED[nation]) == PUBLISHED[nation]


def test_one_off_days_of_the_knowledge_base_go_before_the_library():
    entry = knowledge.load().one_off_days["2026-06-15"]
    assert entry.nations == ["SCT"] and entry.source == ["GBH"] and entry.mark == "K"
    assert Calendar("SCT").holidays(WORLD_CUP, WORLD_CUP) == {WORLD_CUP: entry.name}
    assert not Calendar("SCT").is_working(WORLD_CUP)
    assert all(Calendar(nation).is_working(WORLD_CUP) for nation in ("ENG", "WLS", "NIR"))


@pytest.mark.parametrize(
    ("nation", "day0", "days", "expected"),
    [
        # Easter 2026: Good Friday 3 April everywhere; Easter Monday 6 April is a working day in Scotland.
        ("ENG", date(2026, 4, 1), 14, date(2026, 4, 23)),
        ("WLS", date(2026, 4, 1), 14, date(2026, 4, 23)),
        ("NIR", date(2026, 4, 1), 14, date(2026, 4, 23)),
        ("SCT", date(2026, 4, 1), 14, date(2026, 4, 22)),
        # Christmas 2026: 25 December is a Friday, so Monday 28 stands in for Boxing Day; Scotland keeps 2 January, moved to Monday 4.
        ("ENG", date(2026, 12, 14), 14, date(2027, 1, 6)),
        ("NIR", date(2026, 12, 14), 14, date(2027, 1, 6)),
        ("SCT", date(2026, 12, 14), 14, date(2027, 1, 7)),
        # Christmas 2021: both days fell on a weekend, Monday and Tuesday stood in, as did Monday 3 January.
        ("ENG", date(2021, 12, 24), 1, date(2021, 12, 29)),
        ("ENG", date(2021, 12, 24), 4, date(2022, 1, 4)),
        ("SCT", date(2021, 12, 24), 4, date(2022, 1, 5)),
        # Days kept once: VE Day 2020 took the place of May Day, the Jubilee of 2022, the funeral, the coronation.
        ("ENG", date(2020, 5, 1), 1, date(2020, 5, 4)),
        ("ENG", date(2020, 5, 7), 1, date(2020, 5, 11)),
        ("ENG", date(2022, 6, 1), 1, date(2022, 6, 6)),
        ("SCT", date(2022, 9, 16), 1, date(2022, 9, 20)),
        ("WLS", date(2023, 5, 5), 1, date(2023, 5, 9)),
        # Days of one nation: the Twelfth, St Patrick's and St Andrew's Day, the Scottish August holiday.
        ("NIR", date(2026, 7, 10), 1, date(2026, 7, 14)),
        ("ENG", date(2026, 7, 10), 1, date(2026, 7, 13)),
        ("NIR", date(2026, 3, 16), 1, date(2026, 3, 18)),
        ("SCT", date(2026, 11, 27), 1, date(2026, 12, 1)),
        ("SCT", date(2026, 7, 31), 1, date(2026, 8, 4)),
    ],
)
def test_worked_by_hand(nation, day0, days, expected):
    calendar = Calendar(nation)
    assert calendar.add(day0, days) == expected
    assert calendar.between(day0, expected) == days
    assert calendar.add(expected, -days) == day0


@pytest.mark.parametrize(
    ("arrived", "day0"),
    [
        # Five in the afternoon by the clock on the wall: in winter that of Greenwich, in summer an hour before it.
        (datetime(2026, 1, 14, 17, 0, tzinfo=UTC), date(2026, 1, 14)),
        (datetime(2026, 1, 14, 17, 0, 1, tzinfo=UTC), date(2026, 1, 15)),
        (datetime(2026, 7, 14, 16, 0, tzinfo=UTC), date(2026, 7, 14)),
        (datetime(2026, 7, 14, 16, 0, 1, tzinfo=UTC), date(2026, 7, 15)),
        # A Friday evening, a Saturday, the eve of Good Friday, the days the clocks change.
        (datetime(2026, 1, 16, 17, 30, tzinfo=LONDON), date(2026, 1, 19)),
        (datetime(2026, 1, 17, 9, 0, tzinfo=LONDON), date(2026, 1, 19)),
        (datetime(2026, 4, 2, 16, 59, tzinfo=LONDON), date(2026, 4, 2)),
        (datetime(2026, 4, 2, 17, 1, tzinfo=LONDON), date(2026, 4, 7)),
        (datetime(2026, 3, 27, 17, 30, tzinfo=LONDON), date(2026, 3, 30)),
        (datetime(2026, 3, 29, 23, 30, tzinfo=UTC), date(2026, 3, 30)),  # half past midnight of Monday in summer time
        (datetime(2026, 10, 25, 23, 30, tzinfo=UTC), date(2026, 10, 26)),
        (datetime(2026, 12, 24, 18, 0, tzinfo=LONDON), date(2026, 12, 29)),
    ],
)
def test_when_something_counts_as_received(arrived, day0):
    calendar = Calendar("ENG")
    assert calendar.received_on(arrived) == day0
    assert calendar.due(arrived, 14) == calendar.add(day0, 14)


def test_a_request_that_arrives_before_easter_is_due_fourteen_working_days_later():
    arrived = datetime(2026, 4, 2, 17, 30, tzinfo=LONDON)
    assert Calendar("ENG").due(arrived, 14) == date(2026, 4, 27)  # day 0 is Tuesday 7 April
    assert Calendar("SCT").due(arrived, 14) == date(2026, 4, 24)  # day 0 is Easter Monday, a working day there


def test_what_cannot_be_told_is_refused():
    with pytest.raises(ValueError, match="no nation"):
        Calendar("FRA")
    with pytest.raises(ValueError, match="time zone"):
        Calendar("ENG").received_on(datetime(2026, 1, 14, 9, 0))


@FEW
@given(CALENDARS, DAYS, st.integers(0, 30))
def test_counting_on_and_counting_are_inverse(calendar, day0, days):
    due = calendar.add(day0, days)
    assert calendar.between(day0, due) == days
    if days:
        assert calendar.is_working(due)
        assert days == sum(by_hand(calendar.nation, day0 + timedelta(number)) for number in range(1, (due - day0).days + 1))
    back = calendar.add(day0, -days)
    assert calendar.between(day0, back) == -days
    if calendar.is_working(day0):
        assert calendar.add(due, -days) == day0


@FEW
@given(CALENDARS, DAYS, DAYS)
def test_counting_between_working_days_leads_back(calendar, one, other):
    one, other = calendar.next_working(one), calendar.next_working(min(other, one + timedelta(60)))
    assert calendar.add(one, calendar.between(one, other)) == other
    assert calendar.between(one, other) == -calendar.between(other, one)


@FEW
@given(CALENDARS, DAYS, st.integers(0, 20), st.integers(0, 10), st.integers(0, 10))
def test_later_is_never_sooner(calendar, day0, days, more, later):
    assert calendar.add(day0, days) <= calendar.add(day0, days + more)
    assert calendar.add(day0, days) <= calendar.add(day0 + timedelta(later), days)
    on = day0 + timedelta(days)
    assert calendar.between(day0, on) <= calendar.between(day0, on + timedelta(more))


@FEW
@given(CALENDARS, st.datetimes(datetime(2019, 2, 1), datetime(2028, 11, 30), timezones=st.just(UTC)))
def test_day_0_is_a_working_day_and_the_first_that_can_be(calendar, arrived):
    here = arrived.astimezone(LONDON)
    day0 = calendar.received_on(arrived)
    assert calendar.is_working(day0)
    in_time = (here.hour, here.minute, here.second, here.microsecond) <= (17, 0, 0, 0)
    first = here.date() if in_time else here.date() + timedelta(1)
    assert day0 >= first
    assert not any(by_hand(calendar.nation, first + timedelta(number)) for number in range((day0 - first).days))
