"""Calendar arithmetic and numbers in words, as `docs/engine.md` defines them."""

from __future__ import annotations

import calendar
from datetime import date, timedelta


def add(day: date, months: int | None, days: int | None = 0) -> date:
    """`day` plus calendar months (a day beyond the end of the month becomes its last), then plus days."""
    index = day.year * 12 + day.month - 1 + (months or 0)
    year, month = divmod(index, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last)) + timedelta(days=days or 0)


def age_in_years(birth_date: date, as_of: date) -> int:
    years = as_of.year - birth_date.year
    return years if add(birth_date, 12 * years) <= as_of else years - 1


def whole_months(start: date, as_of: date) -> int:
    """Whole calendar months since `start`, none before the first has passed."""
    months = (as_of.year - start.year) * 12 + as_of.month - start.month
    return max(0, months if add(start, months) <= as_of else months - 1)


def number_in_words(milli: int) -> str:
    """Thousandths as a decimal without trailing zeros: 710 is "0.71"."""
    sign = "-" if milli < 0 else ""
    whole, thousandths = divmod(abs(milli), 1000)
    return sign + (f"{whole}.{thousandths:03d}".rstrip("0") if thousandths else str(whole))


def value_in_words(milli: int, unit: str | None, comparator: str | None = None) -> str:
    return (comparator or "") + number_in_words(milli) + (f" {unit}" if unit is not None else "")
