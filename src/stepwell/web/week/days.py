"""Weeks and the days on which nobody is expected to work."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

from stepwell.web.week.plan import DAYS, WEEK, monday_of

# Which bank holidays an organisation keeps when nothing says which nation it works in.
NATION = "ENG"


@lru_cache(maxsize=32)
def _bank_holidays(year: int, nation: str) -> dict[date, str]:
    import holidays

    return {day: str(name) for day, name in holidays.country_holidays("GB", subdiv=nation, years=year).items()}


def bank_holidays(first: date, last: date, nation: str = NATION) -> dict[date, str]:
    """Bank holidays of the nation from `first` to `last`, by name."""
    found = [pair for year in range(first.year, last.year + 1) for pair in _bank_holidays(year, nation).items()]
    return {day: name for day, name in sorted(found) if first <= day <= last}


def days_of(monday: date) -> list[date]:
    return [monday + timedelta(days=number) for number in range(DAYS)]


def sunday_of(monday: date) -> date:
    return monday + WEEK - timedelta(days=1)


def week_ahead(today: date) -> date:
    """The Monday of the week to work on: this one, from Saturday on the next."""
    return monday_of(today) + (WEEK if today.weekday() >= 5 else timedelta())


def week_asked(text: str, today: date, *, weeks: int = 260) -> date:
    """The Monday of the week of a day in an address; what cannot be read, or is years away, is the week ahead."""
    try:
        monday = monday_of(date.fromisoformat(text))
    except ValueError:
        return week_ahead(today)
    return monday if abs((monday - today).days) <= weeks * DAYS else week_ahead(today)
