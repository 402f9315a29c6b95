"""Sections 6 and 15: results in the band of a rule, by their value or by how much they rose or fell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from stepwell.engine.reference.dates import add
from stepwell.engine.reference.patient import Application, Patient
from stepwell.engine.reference.results import Result
from stepwell.engine.reference.world import Row

FROM_BASELINE = ("rise", "rise percent")
FALL = "fall within"


@dataclass(frozen=True)
class Reading:
    """The value of a day, and the result that gave it."""

    on: date
    value: int
    result: Result


def triggered(patient: Patient, rule: Row, members: list[str]) -> Iterator[Application]:
    """The rule, when the last value lies in its band: from the first day of the present run on."""
    band = patient.known.bands.get(rule["rule_id"])
    if band is None:
        return
    readings = _readings(patient, band)
    baseline: Reading | None = None
    if band["measure"] in FROM_BASELINE:
        start = min(patient.medicines[name].started_on for name in members)
        baseline = _baseline(patient, readings, start)
        if baseline is None:
            return
    else:
        start = max(patient.medicines[name].started_on for name in members)
    floor = add(start, -(rule["lookback_months"] or 0))
    measured = _measure(band, readings, baseline)
    trigger: Reading | None = None
    for reading in readings:
        if reading.on < floor or (baseline is not None and reading.on <= baseline.on):
            continue
        value = measured(reading)
        if value is None or not in_band(value, band):
            trigger = None
        elif trigger is None:
            trigger = reading
    if trigger is None:
        return
    if rule["per"] == "substance":
        name = min(members, key=lambda member: (patient.medicines[member].started_on, member))
        course = (name, patient.medicines[name].started_on)
        change, concerned = patient.medicines[name].last_change_on, [name]
    else:
        course = (rule["set_name"], patient.class_start(rule["set_name"]))
        change, concerned = patient.latest_change(members), members
    yield Application(
        rule,
        course[0],
        trigger.on,
        change,
        concerned,
        [course],
        trigger=trigger.result,
        baseline=baseline.result if baseline else None,
    )


def _readings(patient: Patient, band: Row) -> list[Reading]:
    """One value a day, in order: the largest, or for a fall the smallest."""
    sign = 1 if band["measure"] == FALL else -1
    days: dict[date, Result] = {}
    for result in patient.results_of(band["test"]):
        if result.value is None:
            continue
        known = days.get(result.on)
        if known is None or _rank(result, sign) < _rank(known, sign):
            days[result.on] = result
    return [Reading(on, result.value, result) for on, result in sorted(days.items()) if result.value is not None]


def _rank(result: Result, sign: int) -> tuple[int, bool, str]:
    return sign * (result.value or 0), result.comparator is not None, result.comparator or ""


def _baseline(patient: Patient, readings: list[Reading], start: date) -> Reading | None:
    earliest = add(start, -patient.known.param["baseline_months"])
    before = [reading for reading in readings if earliest <= reading.on <= start]
    if before:
        return before[-1]
    latest = start + timedelta(days=patient.known.param["baseline_days"])
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
