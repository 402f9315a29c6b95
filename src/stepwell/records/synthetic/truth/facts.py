"""What is known of a person on a day: results, conditions, medicines, and whether the conditions of a rule hold."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from fractions import Fraction
from math import floor

from stepwell.records.synthetic.truth.book import Book, Row
from stepwell.records.synthetic.truth.calendar import birthdays, later
from stepwell.records.synthetic.truth.diary import Diary, personal
from stepwell.records.synthetic.truth.duties import compares
from stepwell.records.synthetic.truth.shelf import Medicine


class Facts:
    """Facts about one person; `on` are the medicines that count for rules other than those of supply."""

    def __init__(self, diary: Diary, book: Book, as_of: date, on: dict[str, Medicine]) -> None:
        self.diary, self.book, self.as_of, self.on = diary, book, as_of, on
        self.values: dict[str, dict[date, list[int | None]]] = defaultdict(lambda: defaultdict(list))
        for row in diary.of("observations"):
            self._observe(row)
        self.lasting: set[str] = set()
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

    def _conditions(self) -> set[str]:
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
                    self.lasting.add(each["condition"])
        for row in self.diary.of("observations"):
            if row["status"] != "cancelled" and row["effective_on"] is not None and row["effective_on"] <= self.as_of:
                for each in self.book.condition_codes.get((row["code_system"], row["code"]), []):
                    events[each["condition"]].append(row["effective_on"])
        found = {name for name in self.lasting if not self._is_event(name)}
        for name, days in events.items():
            if self._is_event(name):
                known = self.book.conditions[name]
                over = any(day >= max(days) for day in events.get(known["ended_by"], []))
                if not over and later(max(days), known["lasts_months"], known["lasts_days"]) > self.as_of:
                    found.add(name)
        return found

    def _is_event(self, condition: str) -> bool:
        known = self.book.conditions.get(condition)
        return known is not None and (known["lasts_months"] is not None or known["lasts_days"] is not None)

    def holds(self, rule: Row, part: str, without: bool, subject: str) -> bool:
        rows = self.book.conditions_of.get((rule["rule_id"], part), [])
        groups: dict[int, list[Row]] = defaultdict(list)
        for row in rows:
            groups[row["grp"]].append(row)
        return any(all(self._is(row, subject) for row in group) for group in groups.values()) if rows else without

    def _is(self, row: Row, own: str) -> bool:
        subject = own if row["subject"] == "*" else row["subject"] or ""
        value = self._fact(row["fact"], subject)
        return value is not None if row["op"] == "is" else compares(value, row["op"], row["value"])

    def _fact(self, fact: str, subject: str) -> int | None:
        if fact == "age":
            born = personal(self.diary, "birth_date")
            return birthdays(born, self.as_of) if born is not None else None
        if fact == "sex":
            return 1 if personal(self.diary, "sex") == subject else None
        if fact == "has":
            return 1 if subject in self.conditions else None
        if fact == "takes":
            return 1 if set(self.on) & (self.book.members.get(subject, set()) | {subject}) else None
        if fact == "covered":
            return self.on[subject].covered_percent if subject in self.on else None
        if fact == "last":
            return self._last(subject)
        if fact == "falling":
            return self._falling(subject)
        if fact == "load":
            return self._load(subject)
        raise KeyError(f"the truth knows no fact {fact}")

    def _numbers(self, test: str) -> dict[date, int]:
        """Largest number of each day that has one."""
        days = self.values.get(test, {})
        return {
            day: max(each for each in found if each is not None) for day, found in days.items() if any(each is not None for each in found)
        }

    def _last(self, test: str) -> int | None:
        numbers = self._numbers(test)
        return numbers[max(numbers)] if numbers else None

    def _falling(self, test: str) -> int | None:
        numbers = self._numbers(test)
        if not numbers:
            return None
        figure, last = self.book.figure, max(numbers)
        first = later(last, -figure["egfr_fall_months"])
        highest = max(value for day, value in numbers.items() if first <= day <= last)
        drop = highest - numbers[last]
        edges = self.book.categories.get(test, [])
        band = [sum(1 for edge in edges if value >= edge) for value in (highest, numbers[last])]
        much = Fraction(100 * drop) >= figure["egfr_fall_percent"] * highest and band[0] != band[1]
        return drop if drop >= figure["egfr_fall_milli"] or much else None

    def _load(self, load: str) -> int | None:
        parts = [row for row in self.book.loads.get(load, []) if row["substance"] in self.on]
        total = 0
        for row in parts:
            counted = self.on[row["substance"]].counted_ug
            total += row["flat"] if row["flat"] is not None else (counted or 0) * row["numerator"] // row["denominator"]
        return total if parts else None
