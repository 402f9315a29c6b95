"""The medicines on a person's shelf today: what goes on, what has lapsed, who supplies it, and how much is taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from stepwell.records.synthetic.truth.book import Book, Row
from stepwell.records.synthetic.truth.calendar import later
from stepwell.records.synthetic.truth.cupboard import Course
from stepwell.records.synthetic.truth.diary import Diary, Supply


@dataclass
class Medicine:
    """A medicine on register today."""

    substance: str
    course: Course
    status: str
    long_lapsed: bool
    kinds: set[str]
    orgs: set[str]
    as_required: bool
    counted_ug: int | None
    covered_percent: int | None
    expected: bool
    replaced: bool
    plans: list[Row]
    """Active plans of it."""
    owner: str = ""

    @property
    def changed_on(self) -> date:
        return self.course.changed_on or self.course.started_on

    @property
    def meant_to_end_on(self) -> date | None:
        return max((row["intended_end_on"] for row in self.plans if row["intended_end_on"]), default=None)


class Shelf:
    """Looks at the walked courses of one person as they stand on `as_of`."""

    def __init__(self, diary: Diary, book: Book, as_of: date, walked: Mapping[str, list[Course]], supplied: Mapping[str, Supply]) -> None:
        self.book, self.as_of, self.walked, self.supplied = book, as_of, walked, supplied
        self.dry = {substance: (as_of - courses[-1].ends_on).days for substance, courses in walked.items() if courses}
        self.plans: dict[str, list[Row]] = {}
        for row in diary.of("medication_plans"):
            if row["status"] == "active" and (row["started_on"] or date.min) <= as_of:
                for substance in {substance for substance, _, _ in book.recognise(row)}:
                    self.plans.setdefault(substance, []).append(row)

    def medicines(self) -> dict[str, Medicine]:
        """On register: supply lasts, ended not long ago, or ended long ago and somebody must still say why."""
        found = {}
        for substance, days in self.dry.items():
            course = self.walked[substance][-1]
            long_lapsed = days > self.book.figure["stop_gap_days"]
            expected, replaced = self._expected(substance, course), self._replaced(substance, course)
            forgotten = later(course.ends_on, self.book.figure["lapsed_months"]) <= self.as_of
            if long_lapsed and (replaced or forgotten or not (expected or substance in self.book.must_not_lapse)):
                continue
            status = "current" if days <= self.book.figure["grace_days"] else "lapsed"
            kinds, orgs = self._suppliers(course)
            latest = course.deliveries[-1]
            found[substance] = Medicine(
                substance,
                course,
                status,
                long_lapsed,
                kinds,
                orgs,
                as_required=latest.as_required,
                counted_ug=self._rate(substance) if latest.as_required else latest.dose_ug,
                covered_percent=None if latest.as_required else self._covered(course),
                expected=expected,
                replaced=replaced,
                plans=self.plans.get(substance, []),
            )
        return found

    def _expected(self, substance: str, course: Course) -> bool:
        """On repeat, or supplied for so long that more was to come."""
        for row in self.plans.get(substance, []):
            if row["kind"] in ("repeat", "repeat dispensing") and (row["ended_on"] is None or row["ended_on"] > self.as_of):
                return True
        ahead = max(0, (course.ends_on - self.as_of).days - 1)
        return len(course.covered) + ahead >= self.book.figure["expected_days"]

    def _replaced(self, substance: str, course: Course) -> bool:
        """Another medicine of the same register was begun around the end and goes on."""
        gap = self.book.figure["stop_gap_days"]
        sets = [name for name in self.book.register_sets if substance in self.book.members.get(name, ())]
        family: set[str] = set().union(*(self.book.members[name] for name in sets))
        for other in family & set(self.dry) - {substance}:
            begun = self.walked[other][-1].started_on
            if self.dry[other] <= gap and course.ends_on - timedelta(days=gap) <= begun <= self.as_of:
                return True
        return False

    def _suppliers(self, course: Course) -> tuple[set[str], set[str]]:
        recent = [each for each in course.deliveries if (self.as_of - each.day).days < self.book.figure["supplier_days"]]
        kinds: set[str] = set().union(*(each.kinds for each in recent))
        orgs: set[str] = set().union(*(each.orgs for each in recent))
        for each in course.deliveries:
            for end, kind, org in each.plan_ends:
                if self.as_of < end:
                    kinds, orgs = kinds | {kind}, orgs | ({org} if org else set())
        latest = course.deliveries[-1]
        return (kinds, orgs) if kinds else (latest.kinds, latest.orgs)

    def _rate(self, substance: str) -> int | None:
        """Micrograms a day really issued "when required"."""
        days = self.book.figure["rate_days"]
        packs = [amount for day, amount in self.supplied[substance].when_required if 0 <= (self.as_of - day).days < days]
        return sum(packs) // days if packs else None

    def _covered(self, course: Course) -> int | None:
        span = self.book.figure["covered_days"]
        if (self.as_of - course.started_on).days < span:
            return None
        return 100 * sum(1 for day in course.covered if 0 < (self.as_of - day).days <= span) // span
