"""What is known of a person on a day: results, conditions, medicines, and whether the conditions of a rule hold."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from fractions import Fraction
from itertools import pairwise
from math import floor

from stepwell.records.synthetic.truth.book import Row
from stepwell.records.synthetic.truth.calendar import birthdays, later
from stepwell.records.synthetic.truth.cupboard import class_starts
from stepwell.records.synthetic.truth.diary import Diary, personal
from stepwell.records.synthetic.truth.duties import compares
from stepwell.records.synthetic.truth.results import first_of_run
from stepwell.records.synthetic.truth.shelf import Medicine, Shelf

Fact = tuple[int, date | None]
FACTS = ("age", "sex", "has", "takes", "last", "falling", "load", "count", "classes", "months", "covered", "early", "repeats", "risk")


class Facts:
    """Facts about one person; `on` are the medicines that count for rules other than those of supply."""

    def __init__(self, diary: Diary, shelf: Shelf, on: dict[str, Medicine]) -> None:
        self.diary, self.book, self.as_of, self.walked, self.on = diary, shelf.book, shelf.as_of, shelf.walked, on
        self.values: dict[str, dict[date, list[int | None]]] = defaultdict(lambda: defaultdict(list))
        for row in diary.of("observations"):
            self._observe(row)
        self.lasting: dict[str, date | None] = {}
        """Conditions on the problem list, also those that rules read as events."""
        self.conditions = self._conditions()

    def _observe(self, row: Row) -> None:
        day = row["effective_on"]
        if row["status"] == "cancelled" or day is None or day > self.as_of:
            return
        by_test: dict[str, list[Row]] = defaultdict(list)
        for each in self.book.tests.get((row["code_system"], row["code"]), []):
            by_test[each["test"]].append(each)
        for test, units in by_test.items():
            unit = (row["value_unit"] or "").lower()
            fitting = [each for each in units if each["unit"] == unit] or [each for each in units if each["unit"] is None]
            value = None
            if row["value_milli"] is not None and fitting:
                value = floor(Fraction(row["value_milli"] * fitting[0]["numerator"], fitting[0]["denominator"]) + Fraction(1, 2))
            self.values[test][day].append(value)

    def _conditions(self) -> dict[str, date | None]:
        events: dict[str, list[date]] = defaultdict(list)
        for row in self.diary.of("conditions"):
            told = [day for day in (row["onset_on"], row["recorded_on"]) if day is not None]
            if any(day > self.as_of for day in told):
                continue
            for each in self.book.condition_codes.get((row["code_system"], row["code"]), []):
                if row["status"] != "refuted" and told:
                    events[each["condition"]].append(told[0])
                lasting = row["status"] in ("active", "unknown", None) and (row["ended_on"] is None or row["ended_on"] > self.as_of)
                if lasting:
                    known = [day for day in (self.lasting.get(each["condition"]), *told[:1]) if day is not None]
                    self.lasting[each["condition"]] = min(known, default=None)
        for row in self.diary.of("observations"):
            if row["status"] != "cancelled" and row["effective_on"] is not None and row["effective_on"] <= self.as_of:
                for each in self.book.condition_codes.get((row["code_system"], row["code"]), []):
                    events[each["condition"]].append(row["effective_on"])
        found = {name: since for name, since in self.lasting.items() if not self._is_event(name)}
        for name, days in events.items():
            if self._is_event(name):
                known = self.book.conditions[name]
                over = any(day >= max(days) for day in events.get(known["ended_by"], []))
                if not over and later(max(days), known["lasts_months"], known["lasts_days"]) > self.as_of:
                    found[name] = max(days)
        return found

    def _is_event(self, condition: str) -> bool:
        known = self.book.conditions.get(condition)
        return known is not None and (known["lasts_months"] is not None or known["lasts_days"] is not None)

    def holds(self, rule: Row, part: str, without: bool, subject: str) -> bool:
        """Whether that part of the rule's conditions holds; `without`: what a rule without such conditions says."""
        rows = self.book.conditions_of.get((rule["rule_id"], part), [])
        return self.met(rule, part, subject) is not None if rows else without

    def met(self, rule: Row, part: str, subject: str) -> list[date] | None:
        """Since when each fact of the first group of conditions that holds has been so; None when no group holds."""
        groups: dict[int, list[Row]] = defaultdict(list)
        for row in self.book.conditions_of.get((rule["rule_id"], part), []):
            groups[row["grp"]].append(row)
        for _, group in sorted(groups.items()):
            facts = [self._is(row, subject) for row in group]
            if None not in facts:
                return [fact[1] for fact in facts if fact is not None and fact[1] is not None]
        return None

    def _is(self, row: Row, own: str) -> Fact | None:
        fact = self._fact(row["fact"], own if row["subject"] == "*" else row["subject"] or "")
        if fact is None or row["op"] == "is":
            return fact
        return fact if compares(fact[0], row["op"], row["value"]) else None

    def _fact(self, fact: str, subject: str) -> Fact | None:
        """Value and since when; None when there is no such fact."""
        if fact not in FACTS:
            raise KeyError(f"the truth knows no fact {fact}")
        found: Fact | None = getattr(self, f"_{fact}")(subject)
        return found

    def _age(self, subject: str) -> Fact | None:
        born = personal(self.diary, "birth_date")
        years = birthdays(born, self.as_of) if born is not None else None
        return None if years is None else (years, None)

    def _sex(self, subject: str) -> Fact | None:
        return (1, None) if personal(self.diary, "sex") == subject else None

    def _has(self, subject: str) -> Fact | None:
        return (1, self.conditions[subject]) if subject in self.conditions else None

    def _takes(self, subject: str) -> Fact | None:
        since = self._since(subject)
        return None if since is None else (1, since)

    def _months(self, subject: str) -> Fact | None:
        since = self._since(subject)
        if since is None:
            return None
        whole = 0
        while later(since, whole + 1) <= self.as_of:
            whole += 1
        return whole, since

    def _since(self, subject: str) -> date | None:
        """Start of the course of a medicine, or of the class course of a set."""
        if subject in self.on:
            return self.on[subject].course.started_on
        return self.class_start(subject) if set(self.on) & self.book.members.get(subject, set()) else None

    def class_start(self, name: str) -> date:
        courses = [course for each in self.book.members[name] for course in self.walked.get(each, [])]
        return class_starts(courses, self.book.figure["stop_gap_days"])[-1]

    def _count(self, subject: str) -> Fact | None:
        members = [self.on[each] for each in set(self.on) & self.book.members.get(subject, set())]
        return (len(members), max(each.course.started_on for each in members)) if members else None

    def _classes(self, subject: str) -> Fact | None:
        entered = [
            self.class_start(row["set_name"])
            for row in self.book.medicine_registers
            if subject and row["grp"] == subject and set(self.on) & self.book.members.get(row["set_name"], set())
        ]
        return (len(entered), max(entered)) if entered else None

    def _covered(self, subject: str) -> Fact | None:
        percent = self.on[subject].covered_percent if subject in self.on else None
        return None if percent is None else (percent, None)

    def _early(self, subject: str) -> Fact | None:
        """Issues long before the last one had run out."""
        if subject not in self.on:
            return None
        course, figure = self.on[subject].course, self.book.figure
        issued = {each.day for each in course.deliveries if each.issued and later(self.as_of, -figure["early_months"]) < each.day}
        early = sum((until - day).days > figure["early_days"] for (_, until), (day, _) in pairwise(course.reach) if day in issued)
        return (early, None) if early else None

    def _repeats(self, subject: str) -> Fact | None:
        terms = {
            row["term"].lower()
            for row in self.diary.of("medication_plans")
            if row["kind"] in ("repeat", "repeat dispensing") and row["status"] == "active" and row["term"] is not None
            if (row["started_on"] or date.min) <= self.as_of and (row["ended_on"] is None or row["ended_on"] > self.as_of)
        }
        return (len(terms), None) if terms else None

    def numbers(self, test: str) -> dict[date, int]:
        """Largest number of each day that has one."""
        days = self.values.get(test, {})
        return {
            day: max(each for each in found if each is not None) for day, found in days.items() if any(each is not None for each in found)
        }

    def _last(self, test: str) -> Fact | None:
        numbers = self.numbers(test)
        return (numbers[max(numbers)], max(numbers)) if numbers else None

    def _falling(self, test: str) -> Fact | None:
        numbers = self.numbers(test)
        if not numbers:
            return None
        figure, last = self.book.figure, max(numbers)
        first = later(last, -figure["egfr_fall_months"])
        highest = max(value for day, value in numbers.items() if first <= day <= last)
        drop = highest - numbers[last]
        edges = self.book.categories.get(test, [])
        band = [sum(1 for edge in edges if value >= edge) for value in (highest, numbers[last])]
        much = Fraction(100 * drop) >= figure["egfr_fall_percent"] * highest and band[0] != band[1]
        return (drop, last) if drop >= figure["egfr_fall_milli"] or much else None

    def _load(self, load: str) -> Fact | None:
        parts = [row for row in self.book.loads.get(load, []) if row["substance"] in self.on]
        total = 0
        for row in parts:
            counted = self.on[row["substance"]].counted_ug
            total += row["flat"] if row["flat"] is not None else (counted or 0) * row["numerator"] // row["denominator"]
        return (total, max(self.on[row["substance"]].changed_on for row in parts)) if parts else None

    def _risk(self, risk: str) -> Fact | None:
        """How many parts are out of range by a result that is not too old, and when the latest of them began to be."""
        began: dict[str, date] = {}
        for row in self.book.risks.get(risk, []):
            rule, band = self.book.rule_of[row["rule_id"]], self.book.bands[row["rule_id"]][0]
            starts = [self.on[each].course.started_on for each in self.on if each in self.book.members.get(rule["set_name"], set())]
            numbers = self.numbers(band["test"])
            if not starts or not numbers:
                continue
            if row["within_months"] is not None and max(numbers) <= later(self.as_of, -row["within_months"]):
                continue
            first = first_of_run(band, rule, self.values[band["test"]], starts, self.book)
            if first is not None:
                began[row["part"]] = min(first, began.get(row["part"], first))
        return (len(began), max(began.values())) if began else None
