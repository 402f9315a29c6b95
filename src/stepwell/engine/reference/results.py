"""Section 5: results joined from every road."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from stepwell.engine.reference.conditions import NOT_RESULTS
from stepwell.engine.reference.dates import value_in_words
from stepwell.engine.reference.world import Case, Known, Row


@dataclass(frozen=True)
class Result:
    test: str
    on: date
    value: int | None
    comparator: str | None


def results_of(case: Case, known: Known) -> dict[Result, int]:
    """Each result once, with the number of roads it came by."""
    roads: dict[Result, set[str | None]] = {}
    for row in case.rows["observations"]:
        if row["status"] in NOT_RESULTS or row["effective_on"] is None or row["effective_on"] > known.as_of:
            continue
        codes = known.test_codes.get((row["code_system"], row["code"]), [])
        for test in {code["test"] for code in codes}:
            value = _converted(row, [code for code in codes if code["test"] == test])
            roads.setdefault(Result(test, row["effective_on"], value, row["comparator"]), set()).add(row["source"])
    for row in case.rows["recorded_results"]:
        if row["effective_on"] is not None and row["effective_on"] <= known.as_of:
            roads.setdefault(Result(row["test"], row["effective_on"], row["value_milli"], None), set()).add("\0ledger")
    return {result: len(sources) for result, sources in roads.items()}


def _converted(row: Row, codes: list[Row]) -> int | None:
    unit = row["value_unit"].lower() if row["value_unit"] is not None else None
    stated = [code for code in codes if code["unit"] is not None and code["unit"] == unit]
    chosen = (stated or [code for code in codes if code["unit"] is None])[:1]
    if not chosen or row["value_milli"] is None:
        return None
    numerator, denominator = chosen[0]["numerator"], chosen[0]["denominator"]
    return (2 * row["value_milli"] * numerator + denominator) // (2 * denominator)


def latest(results: list[Result]) -> Result | None:
    """The result of the latest day; of several the largest, then the one without comparator."""
    if not results:
        return None
    day = max(result.on for result in results)
    return min(
        (result for result in results if result.on == day),
        key=lambda result: (result.value is None, -(result.value or 0), result.comparator is not None, result.comparator or ""),
    )


def in_words(result: Result, known: Known) -> str:
    """ "0.71 mmol/L on 2026-01-15", or "recorded on 2026-01-15"."""
    unit = known.tests[result.test]["unit"] if result.test in known.tests else None
    value = "recorded" if result.value is None else value_in_words(result.value, unit, result.comparator)
    return f"{value} on {result.on}"
