"""Weeks and the days on which nobody is expected to work."""

from __future__ import annotations

from datetime import date, timedelta

from stepwell.web.core.nations import calendar_of
from stepwell.web.week.plan import DAYS, WEEK, monday_of


def bank_holidays(org_code: str, first: date, last: date) -> dict[date, str]:
    """Bank holidays from `first` to `last` where the organisation works, by name."""
    return calendar_of(org_code).holidays(first, last)


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
