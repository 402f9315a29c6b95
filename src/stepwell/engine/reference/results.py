"""Section 5: results joined from every road, and the facts that rules may ask about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from stepwell.engine.reference.courses import class_course_start
from stepwell.engine.reference.dates import add, age_in_years, value_in_words
from stepwell.engine.reference.exposure import Medicine, conditions_of
from stepwell.engine.reference.people import Person
from stepwell.engine.reference.supply import Event
from stepwell.engine.reference.world import Case, Known, Row

COMPARISONS = {
    ">=": lambda value, limit: value >= limit,
    ">": lambda value, limit: value > limit,
    "<=": lambda value, limit: value <= limit,
    "<": lambda value, limit: value < limit,
}
FALLING = "egfr"


@dataclass(frozen=True)
class Result:
    test: str
    on: date
    value: int | None
    comparator: str | None


@dataclass
class Fact:
    fact: str
    subject: str
    value: int
    from_on: date | None
    evidence: str


def results_of(case: Case, known: Known) -> dict[Result, int]:
    """Each result once, with the number of roads it came by."""
    roads: dict[Result, set[str | None]] = {}
    for row in case.rows["observations"]:
        if row["status"] in ("cancelled", "entered in error") or row["effective_on"] is None or row["effective_on"] > known.as_of:
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


def facts_of(
    case: Case, known: Known, person: Person, results: list[Result], *, medicines: dict[str, Medicine], events: dict[str, list[Event]]
) -> list[Fact]:
    facts = []
    if person.birth_date is not None and person.birth_date <= known.as_of:
        facts.append(Fact("age", "", age_in_years(person.birth_date, known.as_of), None, f"born {person.birth_date}"))
    if person.sex in ("female", "male"):
        facts.append(Fact("sex", person.sex, 1, None, f"recorded as {person.sex}"))
    for condition, since in conditions_of(case, known).items():
        evidence = f"on the problem list since {since}" if since else "on the problem list"
        facts.append(Fact("has", condition, 1, since, evidence))
    for subject, since in _takes(known, medicines, events).items():
        facts.append(Fact("takes", subject, 1, since, f"{subject} since {since}"))
    for test in {result.test for result in results}:
        numeric = [result for result in results if result.test == test and result.value is not None]
        last = latest(numeric)
        if last is None or last.value is None:
            continue
        facts.append(Fact("last", test, last.value, last.on, in_words(last, known)))
        if test == FALLING:
            facts.extend(_falling(last, last.value, numeric, known))
    return facts


def _takes(known: Known, medicines: dict[str, Medicine], events: dict[str, list[Event]]) -> dict[str, date]:
    takes = {name: class_course_start(members, events, known) for name, members in known.sets.items() if members & set(medicines)}
    takes.update({name: medicine.started_on for name, medicine in medicines.items()})
    return takes


def _falling(last: Result, value: int, numeric: list[Result], known: Known) -> list[Fact]:
    since = add(last.on, -known.param["egfr_fall_months"])
    highest = max(result.value for result in numeric if result.value is not None and since <= result.on <= last.on)
    drop = highest - value
    edges = known.categories[FALLING]
    bands = [max((edge for edge in edges if edge <= amount), default=None) for amount in (highest, value)]
    by_percent = drop * 100 >= known.param["egfr_fall_percent"] * highest and bands[0] != bands[1]
    if drop < known.param["egfr_fall_milli"] and not by_percent:
        return []
    unit = known.tests[FALLING]["unit"] if FALLING in known.tests else None
    words = f"fell by {value_in_words(drop, unit)} to {value_in_words(value, None)} on {last.on}"
    return [Fact("falling", FALLING, drop, last.on, words)]


def holding(whens: list[Row], facts: list[Fact]) -> list[tuple[Row, Fact]] | None:
    """The rows of the first group that holds, each with the fact it found; null when no group holds."""
    for group in sorted({row["grp"] for row in whens}):
        found = [(row, _find(row, facts)) for row in whens if row["grp"] == group]
        if all(fact is not None for _, fact in found):
            return [(row, fact) for row, fact in found if fact is not None]
    return None


def _find(row: Row, facts: list[Fact]) -> Fact | None:
    for fact in facts:
        if fact.fact == row["fact"] and fact.subject == (row["subject"] or "") and _compares(fact.value, row["op"], row["value"]):
            return fact
    return None


def _compares(value: int, op: str, limit: int | None) -> bool:
    return op == "is" or (limit is not None and COMPARISONS[op](value, limit))
