"""Who looks after a medicine or a duty: what is agreed and in force, else who supplies it and who started it."""

from __future__ import annotations

from datetime import date
from typing import Any

from stepwell.records.synthetic.truth.book import Book, Row
from stepwell.records.synthetic.truth.calendar import later
from stepwell.records.synthetic.truth.cupboard import Course
from stepwell.records.synthetic.truth.diary import Diary, signs
from stepwell.records.synthetic.truth.shelf import Medicine

NOBODY = "nobody"


class Owners:
    """Answers who owns what for one person on one day."""

    def __init__(self, diary: Diary, book: Book, as_of: date, practice: str | None) -> None:
        self.book, self.as_of, self.practice = book, as_of, practice
        self.letters = signs(diary, practice, as_of)
        self.lines = diary.agreements
        self.agreed = [row for row in diary.agreements if row["from_on"] <= as_of and (row["to_on"] is None or row["to_on"] > as_of)]
        self.specialist = self._specialist(diary)

    def _specialist(self, diary: Diary) -> str:
        named = [row["owner_org"] for row in self.agreed if row["owner_org"] not in (None, self.practice)]
        if named:
            return str(min(named))
        rows = [row for row in diary.of("registrations") if row["kind"] == "caseload" and row["org_code"]]
        seen = [row for row in rows if (row["started_on"] or date.min) <= self.as_of and (row["ended_on"] or date.max) > self.as_of]
        if seen:
            newest = max(row["started_on"] or date.min for row in seen)
            return str(min(row["org_code"] for row in seen if (row["started_on"] or date.min) == newest))
        issued: list[tuple[date, str]] = []
        for row in diary.rows["medication_issues"]:
            if row["status"] in ("cancelled", "draft", "entered in error") or not row["issued_on"] or row["issued_on"] > self.as_of:
                continue
            by_trust = row["setting"] == "trust" or (row["setting"] not in ("gp", "private") and row["org_code"] != self.practice)
            if by_trust and row["org_code"] and any(each in self.book.registered for each, _, _ in self.book.recognise(row)):
                issued.append((row["issued_on"], row["org_code"]))
        if not issued:
            return NOBODY
        last = max(day for day, _ in issued)
        return min(org for day, org in issued if day == last)

    def ended(self, substance: str) -> list[date]:
        """Days from which lines about that medicine were no longer in force."""
        return [row["to_on"] for row in self.lines if row["substance"] == substance and row["to_on"] and row["to_on"] <= self.as_of]

    def of_medicine(self, medicine: Medicine) -> str:
        return self._agreed(medicine.substance, ("prescribe", "all")) or self._by_ruling(medicine)

    def of_duty(self, rule: Row, medicine: Medicine) -> str:
        agreed = self._agreed(medicine.substance, (rule["rule_id"], rule["test"], "all"))
        if agreed is not None:
            return agreed
        if rule["owner"] == "practice":
            return self.practice or NOBODY
        if rule["owner"] == "specialist":
            return self.specialist
        return self._by_ruling(medicine)

    def of_class(self, rule: Row, members: list[Medicine]) -> str:
        """One owner when all members have the same, else the practice that brings them together."""
        each = {self.of_duty(rule, medicine) for medicine in members}
        return each.pop() if len(each) == 1 else self.practice or NOBODY

    def _agreed(self, substance: str, lines: tuple[Any, ...]) -> str | None:
        ours = [row for row in self.agreed if row["substance"] == substance]
        for line in lines:
            rows = [row for row in ours if line is not None and row["line"] == line]
            if rows:
                newest = max(row["from_on"] for row in rows)
                first = min((row for row in rows if row["from_on"] == newest), key=lambda row: (row["agreement_id"], row["owner_org"]))
                return str(first["owner_org"] or NOBODY)
        return None

    def _by_ruling(self, medicine: Medicine) -> str:
        practice = self.practice or NOBODY
        if not self.book.substances[medicine.substance]["specialist_initiated"]:
            return practice if "gp" in medicine.kinds else min(medicine.orgs, default=NOBODY)
        if medicine.kinds != {"gp"}:
            return NOBODY
        young = self.as_of < later(medicine.course.started_on, self.book.figure["specialist_months"])
        return NOBODY if young and self._specialist_start(medicine.course) else practice

    def _specialist_start(self, course: Course) -> bool:
        around = self.book.figure["letter_months"]
        by_letter = any(later(course.started_on, -around) <= day <= later(course.started_on, around) for day in self.letters)
        elsewhere = any(each.plan_ends for each in course.deliveries)
        return by_letter or elsewhere or bool(course.deliveries[0].kinds & {"trust", "private"})
