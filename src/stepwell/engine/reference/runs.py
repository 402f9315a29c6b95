"""Sections 6 and 15: results in the band of a rule without a break up to the last, by their value or by how much they moved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from stepwell.engine.reference.dates import add
from stepwell.engine.reference.exposure import Medicine
from stepwell.engine.reference.results import Result
from stepwell.engine.reference.world import Known, Row

FROM_BASELINE = ("rise", "rise percent")
FALL = "fall within"


@dataclass(frozen=True)
class Reading:
    """The value of a day, and the result that gave it."""

    on: date
    value: int
    result: Result


@dataclass(frozen=True)
class Run:
    """Readings in the band, oldest first, none outside it after them."""

    readings: list[Reading]
    baseline: Reading | None


def run_of(known: Known, rule: Row, medicines: Mapping[str, Medicine], results: Iterable[Result]) -> Run | None:
    """The present run of a result rule; null when its last result lies outside the band or nobody of its set is taken."""
    band = known.bands.get(rule["rule_id"])
    starts = [medicines[name].started_on for name in known.sets[rule["set_name"]] & medicines.keys()]
    if band is None or not starts:
        return None
    readings = _readings(results, band)
    baseline: Reading | None = None
    start = max(starts)
    if band["measure"] in FROM_BASELINE:
        start = min(starts)
        baseline = _baseline(known, readings, start)
        if baseline is None:
            return None
    floor = add(start, -(rule["lookback_months"] or 0))
    measured = _measure(band, readings, baseline)
    run: list[Reading] = []
    for reading in readings:
        if reading.on < floor or (baseline is not None and reading.on <= baseline.on):
            continue
        value = measured(reading)
        if value is None or not in_band(value, band):
            run = []
        else:
            run.append(reading)
    return Run(run, baseline) if run else None


def _readings(results: Iterable[Result], band: Row) -> list[Reading]:
    """One value a day, in order: the largest, or for a fall the smallest."""
    sign = 1 if band["measure"] == FALL else -1
    days: dict[date, Result] = {}
    for result in results:
        if result.test != band["test"] or result.value is None:
            continue
        known = days.get(result.on)
        if known is None or _rank(result, sign) < _rank(known, sign):
            days[result.on] = result
    return [Reading(on, result.value, result) for on, result in sorted(days.items()) if result.value is not None]


def _rank(result: Result, sign: int) -> tuple[int, bool, str]:
    return sign * (result.value or 0), result.comparator is not None, result.comparator or ""


def _baseline(known: Known, readings: list[Reading], start: date) -> Reading | None:
    earliest = add(start, -known.param["baseline_months"])
    before = [reading for reading in readings if earliest <= reading.on <= start]
    if before:
        return before[-1]
    latest = start + timedelta(days=known.param["baseline_days"])
    return next((reading for reading in readings if start < reading.on <= latest), None)


def _measure(band: Row, readings: list[Reading], baseline: Reading | None) -> Callable[[Reading], int | None]:
    """What of a reading is compared with the band; null when it cannot be known."""
    kind = band["measure"]
    if baseline is not None:
        base = baseline.value
        if kind == "rise":
            return lambda reading: reading.value - base
        return lambda reading: (reading.value - base) * 10_000 // base if base > 0 else None
    if kind not in ("rise within", FALL):
        return lambda reading: reading.value
    window = timedelta(days=band["within_days"] or 0)

    def moved(reading: Reading) -> int | None:
        earlier = [other.value for other in readings if reading.on - window <= other.on < reading.on]
        if not earlier:
            return None
        return max(earlier) - reading.value if kind == FALL else reading.value - min(earlier)

    return moved


def in_band(value: int, band: Row) -> bool:
    low, high = band["low_milli"], band["high_milli"]
    above = low is None or value > low or (bool(band["low_closed"]) and value == low)
    below = high is None or value < high or (bool(band["high_closed"]) and value == high)
    return above and below
