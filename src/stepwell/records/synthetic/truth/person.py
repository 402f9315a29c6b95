"""One person, as the truth sees them on a day: courses walked, medicines on register, owners, and what is really due."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import product

from stepwell.records.synthetic.truth.book import Book, Row
from stepwell.records.synthetic.truth.calendar import later
from stepwell.records.synthetic.truth.cupboard import Course, Habits, walk
from stepwell.records.synthetic.truth.diary import Diary, admissions, practice_of, supplies
from stepwell.records.synthetic.truth.duties import Clock, Due, Schedule
from stepwell.records.synthetic.truth.facts import Facts
from stepwell.records.synthetic.truth.owners import NOBODY, Owners
from stepwell.records.synthetic.truth.results import first_of_run
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
    shelf = Shelf(diary, book, as_of, walked, supplied)
    truth.medicines = shelf.medicines()
    owners = Owners(diary, book, as_of, practice)
    for medicine in truth.medicines.values():
        medicine.owner = owners.of_medicine(medicine)
    on = {name: each for name, each in truth.medicines.items() if not each.long_lapsed}
    truth.due = _Duties(Facts(diary, shelf, on), truth.medicines, owners).all()
    return truth


class _Duties:
    """The rules that hold for one person, and what each has waiting."""

    def __init__(self, facts: Facts, medicines: dict[str, Medicine], owners: Owners) -> None:
        self.facts, self.medicines, self.owners = facts, medicines, owners
        self.book, self.as_of, self.on = facts.book, facts.as_of, facts.on

    def all(self) -> list[Due]:
        """Duties of every rule; who must agree is asked last, when it is known what nobody owns."""
        found: list[Due] = []
        for rule in self.book.rules:
            members = self._among(rule["set_name"])
            if rule["kind"] == "supply":
                of_set = self.book.members.get(rule["set_name"], set())
                for each in (self.medicines[name] for name in sorted(self.medicines) if name in of_set):
                    found += self._two_suppliers(rule, each) if rule["about"] == "both" else self._nobody(rule, each)
            elif rule["kind"] == "combination":
                found += self._together(rule)
            elif members and rule["kind"] == "result":
                found += self._after_result(rule, members)
            elif members and rule["per"] == "class" and rule["kind"] != "agree":
                clock = Clock(self.facts.class_start(rule["set_name"]), max(each.changed_on for each in members))
                found += self._waiting(rule, rule["set_name"], clock, members)
            elif rule["kind"] in ("monitor", "review", "licence", "finding"):
                for each in members:
                    if rule["kind"] != "licence" or (each.meant_to_end_on is None and not self._licensed(each)):
                        found += self._waiting(rule, each.substance, Clock(each.course.started_on, each.changed_on), [each])
        ownerless = {due.subject for due in found if due.state == "open" and due.owner_org == NOBODY}
        for rule in (rule for rule in self.book.rules if rule["kind"] == "agree"):
            for each in self._among(rule["set_name"]):
                if each.substance in ownerless or each.owner == NOBODY:
                    found += self._agree(rule, each)
        return found

    def _among(self, name: str) -> list[Medicine]:
        return [each for substance, each in sorted(self.on.items()) if substance in self.book.members.get(name, set())]

    def _waiting(self, rule: Row, subject: str, clock: Clock, members: list[Medicine]) -> list[Due]:
        if rule["kind"] == "finding":
            since = self.facts.met(rule, "applies", subject)
            if since is None:
                return []
            clock.trigger = max([clock.start, *since])
        if self.as_of < later(clock.anchor, rule["after_months"], rule["after_days"]) or not self._concerns(rule, subject):
            return []
        done = set(self.facts.values.get(rule["test"], {}))
        schedule = Schedule(rule, self.book, clock, done, as_of=self.as_of, sooner=lambda: self.facts.holds(rule, "sooner", False, subject))
        owner = self._owner(rule, members)
        return [Due(rule["rule_id"], subject, point, state, day, owner) for point, state, day in schedule.waiting()]

    def _owner(self, rule: Row, members: list[Medicine]) -> str:
        one = rule["kind"] != "combination" and rule["per"] != "class"
        return self.owners.of_duty(rule, members[0]) if one else self.owners.of_class(rule, members)

    def _together(self, rule: Row) -> list[Due]:
        """Medicines of each set at once, no medicine standing for two."""
        names = [rule[name] for name in ("set_name", "set_b", "set_c") if rule[name] is not None]
        sides = [self._among(name) for name in names]
        if not any(len({each.substance for each in chosen}) == len(chosen) for chosen in product(*sides)):
            return []
        members = list({each.substance: each for side in sides for each in side}.values())
        start = max(min(each.course.started_on for each in side) for side in sides)
        return self._waiting(rule, "+".join(names), Clock(start, max(each.changed_on for each in members)), members)

    def _after_result(self, rule: Row, members: list[Medicine]) -> list[Due]:
        """The last result lies in the band: the duty counts from the first of the unbroken run of such results."""
        band = self.book.bands[rule["rule_id"]][0]
        first = first_of_run(band, rule, self.facts.values.get(band["test"], {}), [each.course.started_on for each in members], self.book)
        if first is None:
            return []
        subject, about = rule["set_name"], members
        if rule["per"] != "class":
            about = [min(members, key=lambda each: (each.course.started_on, each.substance))]
            subject = about[0].substance
        if self.as_of < later(first, rule["after_months"], rule["after_days"]) or not self._concerns(rule, subject):
            return []
        done = set(self.facts.values.get(rule["test"], {})) if rule["test"] != band["test"] else set()
        schedule = Schedule(rule, self.book, Clock(first, first, first), done, as_of=self.as_of, sooner=lambda: False)
        schedule.points = schedule.points[:1]
        owner = self._owner(rule, about)
        return [Due(rule["rule_id"], subject, first.isoformat(), state, day, owner) for _, state, day in schedule.waiting()]

    def _agree(self, rule: Row, medicine: Medicine) -> list[Due]:
        clock = medicine.course.started_on
        if self.as_of < later(clock, rule["after_months"], rule["after_days"]) or not self._concerns(rule, medicine.substance):
            return []
        since = max([clock, *self.owners.ended(medicine.substance)])
        return [Due(rule["rule_id"], medicine.substance, "ongoing", "open", since, self.owners.practice or NOBODY)]

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
