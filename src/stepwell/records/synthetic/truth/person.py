"""One person, as the truth sees them on a day: courses walked, medicines on register, owners, and what is really due."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

from stepwell.records.synthetic.truth.book import Book, Row
from stepwell.records.synthetic.truth.calendar import later
from stepwell.records.synthetic.truth.cupboard import Course, Habits, class_starts, walk
from stepwell.records.synthetic.truth.diary import Diary, admissions, practice_of, supplies
from stepwell.records.synthetic.truth.duties import Clock, Due, Schedule
from stepwell.records.synthetic.truth.facts import Facts
from stepwell.records.synthetic.truth.owners import Owners
from stepwell.records.synthetic.truth.shelf import Medicine, Shelf


@dataclass
class PersonTruth:
    """What is true of one person on `as_of`, by the stated definitions."""

    person: int
    courses: list[tuple[str, Course]] = field(default_factory=list)
    medicines: dict[str, Medicine] = field(default_factory=dict)
    due: list[Due] = field(default_factory=list)


def tell(diary: Diary, book: Book, as_of: date) -> PersonTruth:
    """Walk the person's days and say what is so on the last one."""
    truth = PersonTruth(diary.person)
    practice, counted = practice_of(diary, as_of)
    supplied = supplies(diary, book, as_of, practice)
    stays = admissions(diary, as_of)
    habits = Habits(book.figure["stop_gap_days"], book.figure["carry_cap_days"], book.figure["grace_days"])
    walked = {substance: walk(each.deliveries, stays, as_of, habits) for substance, each in sorted(supplied.items())}
    truth.courses = [(substance, course) for substance, courses in walked.items() for course in courses]
    if not counted:
        return truth
    truth.medicines = Shelf(diary, book, as_of, walked, supplied).medicines()
    owners = Owners(diary, book, as_of, practice)
    for medicine in truth.medicines.values():
        medicine.owner = owners.of_medicine(medicine)
    on = {name: each for name, each in truth.medicines.items() if not each.long_lapsed}
    truth.due = _Duties(Facts(diary, book, as_of, on), truth.medicines, walked, owners).all()
    return truth


class _Duties:
    """The rules that hold for one person, and what each has waiting."""

    def __init__(self, facts: Facts, medicines: dict[str, Medicine], walked: dict[str, list[Course]], owners: Owners) -> None:
        self.facts, self.medicines, self.walked, self.owners = facts, medicines, walked, owners
        self.book, self.as_of, self.on = facts.book, facts.as_of, facts.on

    def all(self) -> list[Due]:
        found: list[Due] = []
        for rule in self.book.rules:
            of_set = self.book.members.get(rule["set_name"], set())
            members = [each for name, each in sorted(self.on.items()) if name in of_set]
            if rule["kind"] == "supply":
                for each in (self.medicines[name] for name in sorted(self.medicines) if name in of_set):
                    found += self._two_suppliers(rule, each) if rule["about"] == "both" else self._nobody(rule, each)
            elif rule["kind"] == "licence":
                for each in members:
                    if each.meant_to_end_on is None and not self._licensed(each):
                        found += self._waiting(rule, each.substance, _own_clock(each), [each])
            elif rule["kind"] in ("monitor", "review") and members:
                if rule["per"] == "class":
                    found += self._waiting(rule, rule["set_name"], self._class_clock(rule["set_name"], members), members)
                else:
                    for each in members:
                        found += self._waiting(rule, each.substance, _own_clock(each), [each])
        return found

    def _class_clock(self, name: str, members: list[Medicine]) -> Clock:
        courses = [course for each in self.book.members[name] for course in self.walked.get(each, [])]
        starts = class_starts(courses, self.book.figure["stop_gap_days"])
        return Clock(starts[-1], max(_own_clock(each).change for each in members))

    def _waiting(self, rule: Row, subject: str, clock: Clock, members: list[Medicine]) -> list[Due]:
        if self.as_of < later(clock.start, rule["after_months"], rule["after_days"]) or not self._concerns(rule, subject):
            return []
        done = set(self.facts.values.get(rule["test"], {}))
        schedule = Schedule(rule, self.book, clock, done, as_of=self.as_of, sooner=lambda: self.facts.holds(rule, "sooner", False, subject))
        owner = self.owners.of_class(rule, members) if rule["per"] == "class" else self.owners.of_duty(rule, members[0])
        return [Due(rule["rule_id"], subject, point, state, day, owner) for point, state, day in schedule.waiting()]

    def _concerns(self, rule: Row, subject: str) -> bool:
        return self.facts.holds(rule, "applies", True, subject) and not self.facts.holds(rule, "unless", False, subject)

    def _nobody(self, rule: Row, medicine: Medicine) -> list[Due]:
        """Supply that was to go on has run out; or had run out and went on again lately."""
        course, owner = medicine.course, self.owners.of_duty(rule, medicine)
        expected = medicine.expected or rule["about"] == "nobody always"
        if not expected or not self._concerns(rule, medicine.substance):
            return []
        known = medicine.meant_to_end_on is not None and medicine.meant_to_end_on <= course.ends_on
        patience = 0 if known else (rule["after_days"] or 0) + (self.book.substances[medicine.substance]["late_days"] or 0)
        due = course.ends_on + timedelta(days=patience)
        if self.as_of >= due and not medicine.replaced:
            return [Due(rule["rule_id"], medicine.substance, course.ends_on.isoformat(), "open", due, owner)]
        lately = self.book.figure["supplier_days"]
        for dry_on, again_on in reversed(course.spells):
            if (again_on - dry_on).days >= patience and (self.as_of - again_on).days < lately:
                return [Due(rule["rule_id"], medicine.substance, dry_on.isoformat(), "met", dry_on + timedelta(days=patience), owner)]
        return []

    def _two_suppliers(self, rule: Row, medicine: Medicine) -> list[Due]:
        if medicine.long_lapsed or len(medicine.kinds) < 2 or not self._concerns(rule, medicine.substance):
            return []
        first = [min(each.day for each in medicine.course.deliveries if kind in each.kinds) for kind in medicine.kinds]
        owner = self.owners.of_duty(rule, medicine)
        return [Due(rule["rule_id"], medicine.substance, "ongoing", "open", max(first), owner)]

    def _licensed(self, medicine: Medicine) -> bool:
        """By the reason that a plan states, else by the problem list."""
        uses = self.book.uses.get(medicine.substance, {})
        codes = [("snomed", row["indication_code"]) for row in medicine.plans if row["indication_code"] is not None]
        stated = {each["condition"] for code in codes for each in self.book.condition_codes.get(code, [])}
        in_words = any((row["indication_text"] or "").strip() for row in medicine.plans)
        known = stated if stated or in_words else self.facts.lasting
        return any(uses.get(condition) == "licensed" for condition in known)


def _own_clock(medicine: Medicine) -> Clock:
    return Clock(medicine.course.started_on, medicine.course.changed_on or medicine.course.started_on)
