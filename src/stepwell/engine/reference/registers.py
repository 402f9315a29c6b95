"""Sections 4 and 12: registers by medicine and by condition, and every time a person was on one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from stepwell.engine.reference.courses import Course, class_courses_of
from stepwell.engine.reference.dates import add, whole_months
from stepwell.engine.reference.exposure import Medicine
from stepwell.engine.reference.people import Person
from stepwell.engine.reference.world import Known, Row


@dataclass
class Register:
    register: str
    entered_on: date | None
    status: str
    new_starter: bool
    months: int | None
    long_term: bool
    substances: str | None


@dataclass
class Spell:
    register: str
    entered_on: date
    left_on: date | None
    reason: str | None


def by_medicine(known: Known) -> list[Row]:
    return [row for row in known.registers if row["kind"] != "condition"]


def registers_of(
    known: Known, medicines: dict[str, Medicine], courses: dict[str, list[Course]], conditions: dict[str, tuple[date | None, str]]
) -> list[Register]:
    registers = []
    for row in by_medicine(known):
        members = sorted(known.sets[row["set_name"]] & set(medicines))
        if members:
            entered_on = class_courses_of(known.sets[row["set_name"]], courses, known)[-1].started_on
            registers.append(
                Register(
                    register=row["register"],
                    entered_on=entered_on,
                    status="current" if any(medicines[name].status == "current" for name in members) else "lapsed",
                    new_starter=known.as_of < add(entered_on, known.param["new_starter_months"]),
                    months=whole_months(entered_on, known.as_of),
                    long_term=known.as_of >= add(entered_on, known.param["long_term_months"]),
                    substances="+".join(members),
                )
            )
    for row in known.registers:
        if row["kind"] == "condition" and row["condition"] in conditions:
            since, _ = conditions[row["condition"]]
            months = None if since is None else whole_months(since, known.as_of)
            registers.append(Register(row["register"], since, "current", False, months, False, None))
    return registers


def spells_of(known: Known, person: Person, registers: list[Register], courses: dict[str, list[Course]], answered: set[str]) -> list[Spell]:
    """Every class course of a register's medicines, with the day and the reason that it ended."""
    on_now = {register.register for register in registers}
    spells = []
    for row in by_medicine(known):
        members = known.sets[row["set_name"]]
        found = class_courses_of(members, courses, known)
        for number, course in enumerate(found, start=1):
            if number == len(found) and row["register"] in on_now:
                spells.append(Spell(row["register"], course.started_on, None, None))
                continue
            left_on, reason = course.ends_on, "supply ended"
            if person.died_on is not None and person.died_on < course.ends_on:
                left_on, reason = person.died_on, "died"
            elif person.left_on is not None and person.left_on < course.ends_on:
                left_on, reason = person.left_on, "left the practice"
            elif any(course.started_on <= courses[name][-1].started_on <= course.ends_on for name in answered & members):
                reason = "answered"
            spells.append(Spell(row["register"], course.started_on, max(left_on, course.started_on), reason))
    return spells
