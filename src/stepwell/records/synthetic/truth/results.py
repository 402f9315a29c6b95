"""Results that raise a duty: the unbroken run of results in a band up to the last one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from stepwell.records.synthetic.truth.book import Book, Row
from stepwell.records.synthetic.truth.calendar import later


def inside(band: Row, value: float | None) -> bool:
    """Whether a value lies in the band, ends counted as the band says."""
    if value is None:
        return False
    low, high = band["low_milli"], band["high_milli"]
    above = low is None or value > low or (value == low and bool(band["low_closed"]))
    below = high is None or value < high or (value == high and bool(band["high_closed"]))
    return above and below


def first_of_run(band: Row, rule: Row, values: Mapping[date, list[int | None]], starts: list[date], book: Book) -> date | None:
    """Day of the first result of the present run; None when the last result that is looked at lies outside the band.

    `starts`: course starts of the medicines the rule is about. Looked at are results from the latest start, less the lookback, on; for
    a rise since the start, from the earliest start on and after the day of the baseline.
    """
    measure = band["measure"]
    pick = min if measure == "fall within" else max
    days = {
        day: pick(each for each in found if each is not None) for day, found in values.items() if any(each is not None for each in found)
    }
    base: int | None = None
    if measure in ("rise", "rise percent"):
        start, base_on = min(starts), _baseline_day(sorted(days), min(starts), book)
        if base_on is None:
            return None
        base = days[base_on]
    else:
        start, base_on = max(starts), date.min
    since = later(start, -(rule["lookback_months"] or 0))
    first: date | None = None
    for day in sorted(days):
        if day >= since and day > base_on:
            held = inside(band, _measured(band, day, days, base))
            first = (first or day) if held else None
    return first


def _baseline_day(days: list[date], start: date, book: Book) -> date | None:
    """The latest day up to the start, not too long ago, else the first day soon after it."""
    before = [day for day in days if later(start, -book.figure["baseline_months"]) <= day <= start]
    after = [day for day in days if start < day <= start + timedelta(days=book.figure["baseline_days"])]
    return before[-1] if before else after[0] if after else None


def _measured(band: Row, day: date, days: Mapping[date, int], base: int | None) -> int | None:
    """What the band looks at of the result of a day; None when it cannot be told."""
    value, measure = days[day], band["measure"]
    if measure in (None, "value"):
        return value
    if measure == "rise":
        return None if base is None else value - base
    if measure == "rise percent":
        return None if base is None or base <= 0 else (value - base) * 10000 // base
    window = [other for on, other in days.items() if day - timedelta(days=band["within_days"]) <= on < day]
    if not window:
        return None
    return value - min(window) if measure == "rise within" else max(window) - value
