"""On which days a step may fall: never a Friday, a weekend, a bank holiday or the day before one, so that somebody can be reached in the
first days of a new dose. A product rule (mark P) told by the knowledge base among its general rules."""

from __future__ import annotations

from datetime import date, timedelta

from stepwell.clinical.working_days import Calendar

_DAY = timedelta(days=1)
_FRIDAY = 4


def is_good(day: date, nation: str) -> bool:
    """Whether a step may fall on `day` in this nation (a key of `working_days.NATIONS`)."""
    calendar = Calendar(nation)
    tomorrow = day + _DAY
    # From Monday to Thursday the next day is no weekend: not working, it is a bank holiday.
    return day.weekday() < _FRIDAY and calendar.is_working(day) and calendar.is_working(tomorrow)


def good_day(day: date, nation: str) -> date:
    """The day itself when a step may fall on it, otherwise the next one that may."""
    while not is_good(day, nation):
        day += _DAY
    return day


def days_of_steps(start: date, spans: list[int], shortest: int, nation: str) -> list[date]:
    """The day of every step: the first on `start` as it is, each next one `spans` days on by the calendar of the start, moved to a good
    day; never fewer than `shortest` days after the one before, unless its own span is shorter."""
    found, meant = [start], start
    for span in spans:
        meant += timedelta(days=span)
        earliest = found[-1] + timedelta(days=min(span, shortest))
        found.append(good_day(max(meant, earliest), nation))
    return found
