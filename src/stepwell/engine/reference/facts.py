"""Sections 5 and 14: the facts that rules may ask about, and which conditions of a rule hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from stepwell.engine.reference.courses import Course, class_course_start
from stepwell.engine.reference.dates import add, age_in_years, number_in_words, value_in_words, whole_months
from stepwell.engine.reference.exposure import Medicine
from stepwell.engine.reference.lapses import repeat_plans
from stepwell.engine.reference.loads import Total
from stepwell.engine.reference.people import Person
from stepwell.engine.reference.registers import Register
from stepwell.engine.reference.results import Result, in_words, latest
from stepwell.engine.reference.runs import run_of
from stepwell.engine.reference.world import Case, Known, Row, nulls_last

COMPARISONS = {
    ">=": lambda value, limit: value >= limit,
    ">": lambda value, limit: value > limit,
    "<=": lambda value, limit: value <= limit,
    "<": lambda value, limit: value < limit,
}
FALLING = "egfr"
OF_THE_NEED = "*"
UNITS = {"percent": "%"}


@dataclass
class Fact:
    fact: str
    subject: str
    value: int
    from_on: date | None
    evidence: str


@dataclass
class Found:
    """What earlier stages found out about one person. `medicines` are those on register, without the long lapsed."""

    case: Case
    known: Known
    person: Person
    results: list[Result]
    conditions: dict[str, tuple[date | None, str]]
    courses: dict[str, list[Course]] = field(default_factory=dict)
    medicines: dict[str, Medicine] = field(default_factory=dict)
    registers: list[Register] = field(default_factory=list)
    totals: list[Total] = field(default_factory=list)


def facts_of(found: Found) -> list[Fact]:
    facts = [*_about_the_person(found)]
    facts += [Fact("has", name, 1, since, evidence) for name, (since, evidence) in found.conditions.items()]
    facts += _about_results(found)
    facts += _about_treatment(found)
    facts += [_load(total, found.known) for total in found.totals]
    facts += _about_registers(found)
    facts += _risks(found)
    return facts


def _about_the_person(found: Found) -> Iterator[Fact]:
    known, person, rows = found.known, found.person, found.case.rows
    if person.birth_date is not None and person.birth_date <= known.as_of:
        yield Fact("age", "", age_in_years(person.birth_date, known.as_of), None, f"born {person.birth_date}")
    if person.sex in ("female", "male"):
        yield Fact("sex", person.sex, 1, None, f"recorded as {person.sex}")
    if person.registered_on is not None:
        yield Fact("registered", "", whole_months(person.registered_on, known.as_of), None, f"since {person.registered_on}")
    months = known.param["missed_months"]
    since = add(known.as_of, -months)
    missed = sum(
        row["status"] == "did not attend" and row["on_date"] is not None and since < row["on_date"] <= known.as_of
        for row in rows["appointments"]
    )
    if missed:
        yield Fact("missed", "", missed, None, f"{_counted(missed, 'missed appointment')} in {months} months")
    if any(row["interpreter"] for row in rows["patients"]):
        yield Fact("interpreter", "", 1, None, "interpreter needed")
    repeats = len({row["term"].lower() for row in repeat_plans(found.case, known) if row["term"] is not None})
    if repeats:
        yield Fact("repeats", "", repeats, None, _counted(repeats, "repeat"))


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _about_treatment(found: Found) -> Iterator[Fact]:
    known, medicines = found.known, found.medicines
    if not medicines:
        return
    starts = {name: medicine.started_on for name, medicine in medicines.items()}
    for set_name, substances in known.sets.items():
        members = sorted(substances & medicines.keys())
        if members:
            latest_start = max(medicines[name].started_on for name in members)
            yield Fact("count", set_name, len(members), latest_start, "+".join(members))
            if set_name not in starts:
                starts[set_name] = class_course_start(substances, found.courses, known)
    for subject, since in starts.items():
        yield Fact("takes", subject, 1, since, f"{subject} since {since}")
        yield Fact("months", subject, whole_months(since, known.as_of), since, f"since {since}")
    for name, medicine in medicines.items():
        if medicine.covered_percent is not None:
            words = f"{medicine.covered_percent} % of {known.param['covered_days']} days"
            yield Fact("covered", name, medicine.covered_percent, None, words)
        if medicine.early_issues:
            words = f"{_counted(medicine.early_issues, 'early issue')} in {known.param['early_months']} months"
            yield Fact("early", name, medicine.early_issues, None, words)


def _load(total: Total, known: Known) -> Fact:
    row = known.loads[total.load][0]
    amount = number_in_words(total.value * 1000 // row["scale"])
    unit = "point" if row["unit"] == "points" and amount == "1" else UNITS.get(row["unit"], row["unit"])
    return Fact("load", total.load, total.value, total.from_on, f"{row['label']} {amount} {unit}: {total.parts}")


def _about_registers(found: Found) -> Iterator[Fact]:
    """How many registers of each group the person is on by medicines on register (the long lapsed do not count)."""
    entered = {register.register: register.entered_on for register in found.registers}
    groups: dict[str, dict[str, date]] = {}
    for row in found.known.registers:
        since = entered.get(row["register"])
        if row["kind"] != "condition" and row["grp"] and since is not None and found.known.sets[row["set_name"]] & found.medicines.keys():
            groups.setdefault(row["grp"], {})[row["register"]] = since
    for group, on in groups.items():
        yield Fact("classes", group, len(on), max(on.values()), "+".join(sorted(on)))


def _about_results(found: Found) -> Iterator[Fact]:
    numeric: dict[str, list[Result]] = {}
    for result in found.results:
        if result.value is not None:
            numeric.setdefault(result.test, []).append(result)
    for test, results in numeric.items():
        last = latest(results)
        if last is None or last.value is None:
            continue
        yield Fact("last", test, last.value, last.on, in_words(last, found.known))
        if test == FALLING:
            yield from _falling(last, last.value, results, found.known)


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


def _risks(found: Found) -> Iterator[Fact]:
    """How many parts of each risk are out of range, and since when the latest of them."""
    for risk, rows in found.known.risks.items():
        since: dict[tuple[str, str], date] = {}
        for row in rows:
            began = _out_of_range(found, row)
            if began is not None:
                part = (row["label"], row["part"])
                since[part] = min(began, since.get(part, began))
        if since:
            words = ", ".join(f"{label} since {since[label, part]}" for label, part in sorted(since))
            yield Fact("risk", risk, len(since), max(since.values()), words)


def _out_of_range(found: Found, row: Row) -> date | None:
    """The first day of the present run of a part's rule, when its last result is not too old."""
    known = found.known
    rule = known.rule_rows.get(row["rule_id"])
    if rule is None or rule["kind"] != "result":
        return None
    run = run_of(known, rule, found.medicines, found.results)
    if run is None:
        return None
    oldest = None if row["within_months"] is None else add(known.as_of, -row["within_months"])
    return run.readings[0].on if oldest is None or run.readings[-1].on > oldest else None


class Facts:
    """The facts of one person, ready for asking."""

    def __init__(self, facts: list[Fact]) -> None:
        self.rows = facts
        self._by_key: dict[tuple[str, str], list[Fact]] = {}
        for fact in facts:
            self._by_key.setdefault((fact.fact, fact.subject), []).append(fact)

    def holding(self, whens: list[Row], subject: str | None = None) -> list[tuple[Row, Fact]] | None:
        """The rows of the first group that holds, each with the fact it found; null when no group holds.

        `subject` is that of the need which asks: a row about `*` is about it.
        """
        groups: dict[int, list[tuple[Row, Fact | None]]] = {}
        for row in whens:
            groups.setdefault(row["grp"], []).append((row, self._find(row, subject)))
        for group in sorted(groups):
            if all(fact is not None for _, fact in groups[group]):
                return [(row, fact) for row, fact in groups[group] if fact is not None]
        return None

    def _find(self, row: Row, subject: str | None) -> Fact | None:
        asked = row["subject"] or ""
        if asked == OF_THE_NEED and subject is not None:
            asked = subject
        facts = [fact for fact in self._by_key.get((row["fact"], asked), []) if _compares(fact.value, row["op"], row["value"])]
        return min(facts, key=lambda fact: nulls_last(fact.from_on), default=None)


def _compares(value: int, op: str, limit: int | None) -> bool:
    return op == "is" or (limit is not None and COMPARISONS[op](value, limit))
