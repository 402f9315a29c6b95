"""Sections 11 and 13: supply that was expected and stopped, until somebody says what became of it."""

from __future__ import annotations

from datetime import date, timedelta

from stepwell.engine.reference.courses import Course
from stepwell.engine.reference.dates import add
from stepwell.engine.reference.exposure import status_of
from stepwell.engine.reference.supply import products_of
from stepwell.engine.reference.world import Case, Known, Row

ALWAYS = "nobody always"
ABOUT_NOBODY = ("nobody", ALWAYS)


def repeat_plans(case: Case, known: Known) -> list[Row]:
    """Repeat templates in force."""
    return [
        row
        for row in case.rows["medication_plans"]
        if row["kind"] in ("repeat", "repeat dispensing")
        and row["status"] == "active"
        and (row["ended_on"] is None or row["ended_on"] > known.as_of)
        and (row["started_on"] is None or row["started_on"] <= known.as_of)
    ]


class Lapses:
    """Which supply of one person was expected, replaced or answered."""

    def __init__(self, case: Case, known: Known, courses: dict[str, list[Course]]) -> None:
        self.known = known
        self.last = {substance: found[-1] for substance, found in courses.items()}
        self._on_repeat = {product[0] for row in repeat_plans(case, known) for product in products_of(row, known)}
        self._answers: dict[str, list[date]] = {}
        about = {rule["rule_id"] for rule in known.rules if rule["kind"] == "supply" and rule["about"] in ABOUT_NOBODY}
        for row in case.rows["dispositions"]:
            on = row["on_date"]
            if row["rule_id"] in about and row["kind"] in ("done", "not applicable") and on is not None and on <= known.as_of:
                self._answers.setdefault(row["subject"], []).append(on)

    def expected(self, substance: str) -> bool:
        """By a repeat template, or by how long it was supplied."""
        return substance in self._on_repeat or self.last[substance].covered_days >= self.known.param["expected_days"]

    def replaced(self, substance: str) -> bool:
        """Another medicine of the same register began about when this one ended, and goes on."""
        earliest = self.last[substance].supply_ends_on - timedelta(days=self.known.param["stop_gap_days"])
        return any(
            other != substance and course.started_on >= earliest and status_of(course, self.known) is not None
            for register in self.known.registers
            if register["kind"] != "condition" and substance in self.known.sets[register["set_name"]]
            for other, course in self.last.items()
            if other in self.known.sets[register["set_name"]]
        )

    def answered(self, substance: str) -> bool:
        return any(day >= self.last[substance].supply_ends_on for day in self._answers.get(substance, []))

    def unanswered(self) -> tuple[set[str], set[str]]:
        """Medicines that are long lapsed, and those that would be but for an answer."""
        always = {
            substance
            for rule in self.known.rules
            if rule["kind"] == "supply" and rule["about"] == ALWAYS
            for substance in self.known.sets[rule["set_name"]]
        }
        waiting = {
            substance
            for substance, course in self.last.items()
            if status_of(course, self.known) is None
            and add(course.supply_ends_on, self.known.param["lapsed_months"]) > self.known.as_of
            and (substance in always or self.expected(substance))
            and not self.replaced(substance)
        }
        answered = {substance for substance in waiting if self.answered(substance)}
        return waiting - answered, answered
