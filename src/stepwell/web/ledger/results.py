"""Typed results: read from a form, brought to the test's unit, checked against the person and what is plausible."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from stepwell.errors import Refused
from stepwell.web.core import clock
from stepwell.web.core.formatting import clinician
from stepwell.web.ledger import known
from stepwell.web.ledger.models import PersonRecord

# A slipped decimal point is a factor of ten; a wrong unit often more. Half of the way catches both.
SLIP = 5


class Implausible(Refused):
    """The value may be a slip of the pen: show it again and ask."""


@dataclass(frozen=True, slots=True)
class ResultEntry:
    """`value_milli`: thousandths of the test's unit, None for a review or a process. `typed` is what was typed where it was
    converted from another unit, empty otherwise."""

    test: str
    value_milli: int | None
    on: date
    typed: str = ""


_VALUE = re.compile(r"^(?P<number>[+-]?\d+(?:\.(?P<decimals>\d+))?)\s*(?P<unit>[a-zA-Z%\u00b5\u03bc].*)?$")
_MOST_DIGITS = 9
_MOST_DECIMALS = 3


def read_value(text: str, test: known.Test) -> tuple[int, str]:
    """A value as typed, with or without a unit ("0.7", "0.7 mmol/L", "700 umol/L"), in thousandths of the test's unit, and what
    was typed where it was converted. Refused for what is no number, for a unit that knowledge has no factor for, below zero."""
    unit = test.unit or ""
    found = _VALUE.match(" ".join(text.split()))
    if found is None:
        raise Refused(f"{test.label} must be a number in {unit}, decimals after a point")
    if found["number"].startswith("-"):
        raise Refused(f"{test.label} cannot be below zero")
    if len(found["decimals"] or "") > _MOST_DECIMALS:
        raise Refused(f"{test.label}: give at most three decimals")
    if len(found["number"].partition(".")[0].lstrip("+0")) > _MOST_DIGITS:
        raise Refused(f"{test.label} is too large to be a result")
    value, given = Decimal(found["number"]), (found["unit"] or "").strip()
    if not given or known.plain_unit(given) == known.plain_unit(unit):
        return int(value * 1000), ""
    factor = known.unit_factors(test.test).get(known.plain_unit(given))
    if factor is None:
        raise Refused(f"{test.label} is recorded in {unit}; “{given}” cannot be converted here. Convert it and enter it in {unit}")
    numerator, denominator = factor
    milli = (value * 1000 * numerator / denominator).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    return int(milli), f"{found['number']} {given}"


def check_result(entry: ResultEntry, person: PersonRecord, *, confirmed: bool) -> None:
    """Refused for a test that is not known, a day in the future, before birth or after death, a missing or negative value;
    Implausible, unless `confirmed`, when it may be a slip."""
    test = known.test(entry.test)
    if test is None:
        raise Refused("This test is not in the knowledge base.")
    if entry.on > clock.today():
        raise Refused(f"{test.label}: the day cannot be in the future.")
    if person.birth_date is not None and entry.on < person.birth_date:
        raise Refused(f"{test.label}: the day is before the person was born.")
    if person.death_date is not None and entry.on > person.death_date:
        raise Refused(f"{test.label}: the day is after the person died.")
    if test.unit is None:
        return
    if entry.value_milli is None:
        raise Refused(f"{test.label}: enter the value in {test.unit}.")
    if entry.value_milli < 0:
        raise Refused(f"{test.label}: the value cannot be below zero.")
    if confirmed:
        return
    if entry.typed:
        raise Implausible(f"{test.label}: {entry.typed} is {clinician.milli(entry.value_milli, test.unit)}. Is it right?")
    last = next((row for row in person.last_results if row["test"] == entry.test and row["value_milli"]), None)
    if question := _doubt(test, entry, last):
        raise Implausible(f"{test.label} of {clinician.milli(entry.value_milli, test.unit)}: {question}")


def _doubt(test: known.Test, entry: ResultEntry, last: dict[str, Any] | None) -> str | None:
    """A question about the value, or None: zero, or so far from the person's own last value that a decimal point or a unit
    may have slipped. Nothing here says what is normal; that is for rules, with their sources."""
    value, unit = entry.value_milli or 0, test.unit or ""
    if value == 0:
        return "a value of zero is unusual. Is it right?"
    if last is not None and (value >= SLIP * last["value_milli"] or SLIP * value <= last["value_milli"]):
        on = date.fromisoformat(last["effective_on"])
        return f"the last one was {clinician.milli(last['value_milli'], unit)} on {clinician.date(on)}. Is it right?"
    return None
