"""Calendar steps of the truth: whole months first, then days; the 31st becomes the last day of a shorter month."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta


def later(day: date, months: int | None = 0, days: int | None = 0) -> date:
    """`day` plus calendar months, then days; null counts as none, negative goes back."""
    year, month = divmod(day.year * 12 + day.month - 1 + (months or 0), 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1])) + timedelta(days=days or 0)


def birthdays(born: date, today: date) -> int | None:
    """Birthdays passed, someone born on a 29 February having theirs on the 28th; None before the day of birth."""
    if born > today:
        return None
    years = today.year - born.year
    return years if later(born, 12 * years) <= today else years - 1
