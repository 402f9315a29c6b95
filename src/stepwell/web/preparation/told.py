"""A history in words and as a picture: lanes of medicines, what happened besides, and one list of it all. No database is read here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import pairwise

from markupsafe import Markup

from stepwell import knowledge
from stepwell.engine.history import ClinicalHistory, CourseOf, Dose, Value
from stepwell.web.core.formatting import clinician, count
from stepwell.web.ledger import known
from stepwell.web.ledger.presenters import capital, daily_dose
from stepwell.web.preparation import past
from stepwell.web.preparation.drawing import Bar, Break, Line, Mark, Picture, Row, Shape, draw
from stepwell.web.preparation.past import TOLD, Lane, Reduction

# The picture begins a little before the first course, and at the earliest so long ago: a habit of pages.
YEARS_BACK = 15
MARGIN = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Note:
    """A result that asks for an action by the medicines taken then: in words, and by which rule."""

    on: date
    words: str
    asks: str
    basis: str


@dataclass(frozen=True, slots=True)
class Came:
    """A letter, a review, a plan: something on a day that other areas tell. `href`: where it stands."""

    on: date
    words: str
    href: str = ""
    to_on: date | None = None


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the list: `kind` in a word, `words` with medicines as drugs are written."""

    on: date
    kind: str
    words: Markup
    href: str = ""


def dose_of(dose: Dose | None) -> str:
    """`10 mg a day`, `about 24 mg a day, when required`, `dose not known`."""
    if dose is None or dose.daily_ug is None:
        return "dose not known" + (", when required" if dose is not None and dose.as_required else "")
    told = daily_dose({"daily_ug": dose.daily_ug, "dose_provenance": dose.provenance})
    return f"{told} a day{', when required' if dose.as_required else ''}"


def course_span(course: CourseOf, on: date) -> str:
    """`3 years 2 months`, of one that is over its whole length."""
    return clinician.span(course.started_on, on if course.status != "ended" else course.supply_ends_on)


class Told:
    """One history for one page. `note`: what a result asks for by the medicines taken then; `sides`: what other areas tell, by lane."""

    def __init__(
        self,
        history: ClinicalHistory,
        *,
        notes: Sequence[Note] = (),
        sides: Mapping[str, Sequence[Came]] | None = None,
        names: Mapping[str, str] | None = None,
    ) -> None:
        self.history, self.on = history, history.on
        self.notes, self.sides, self._names = list(notes), dict(sides or {}), names or {}
        self.lanes = past.lanes(history, known.members("monitored"))

    @cached_property
    def taken(self) -> list[Lane]:
        return [lane for lane in self.lanes if lane.is_taken]

    @cached_property
    def earlier(self) -> list[Lane]:
        return [lane for lane in self.lanes if not lane.is_taken]

    @cached_property
    def switches(self) -> list[past.Switch]:
        return past.switches(self.lanes, alike, known.parameter("stop_gap_days"))

    @cached_property
    def reductions(self) -> list[Reduction]:
        return sorted((each for lane in self.lanes for each in past.reductions(lane)), key=lambda each: each.from_on)

    def began_elsewhere(self, lane: Lane) -> bool:
        return past.began_elsewhere(lane.courses[0], self.history, known.parameter("stop_gap_days"))

    @property
    def gap_days(self) -> int:
        """From how many days without supply on a gap is drawn."""
        return known.parameter("grace_days")

    # The picture

    @cached_property
    def start(self) -> date:
        first = min((lane.courses[0].started_on for lane in self.lanes), default=self.on - timedelta(days=365))
        earliest = date(self.on.year - YEARS_BACK, 1, 1)
        return max(first - MARGIN, earliest)

    @property
    def is_cut(self) -> bool:
        """Whether something happened before the picture begins."""
        return any(lane.courses[0].started_on < self.start for lane in self.lanes)

    @cached_property
    def picture(self) -> Picture:
        rows = tuple(self._row(lane) for lane in self.lanes)
        return Picture(self.start, self.on + MARGIN, rows, tuple(line for line in self._lines() if line.marks))

    @property
    def drawing(self) -> Markup:
        return draw(self.picture)

    def _row(self, lane: Lane) -> Row:
        highest = lane.highest_ug or 0
        bars = []
        for course in lane.courses:
            for dose in course.doses:
                level = None if dose.daily_ug is None or not highest else dose.daily_ug / highest
                shown = "" if dose.daily_ug is None else daily_dose({"daily_ug": dose.daily_ug, "dose_provenance": dose.provenance})
                told = f"{dose_of(dose)}, {clinician.date(dose.from_on)} to {clinician.date(min(dose.to_on, self.on))}"
                soft = dose.as_required or dose.provenance not in TOLD
                bars.append(Bar(dose.from_on, min(dose.to_on, self.on), level, shown, told, soft))
        breaks = [
            Break(gap.from_on, gap.to_on, f"no supply, {clinician.date(gap.from_on)} to {clinician.date(gap.to_on)}")
            for gap in past.gaps(lane, self.gap_days)
            if not gap.restart
        ]
        if lane.is_taken:
            words = f"{dose_of(lane.dose)} · {course_span(lane.last, self.on)}{self._instead(lane)}"
        else:
            words = f"ended {clinician.month(lane.last.supply_ends_on)}"
        return Row(known.medicine(lane.substance), words, tuple(bars), tuple(breaks), lane.is_taken)

    def _instead(self, lane: Lane) -> str:
        """Which medicine the present course took over from, and when."""
        last = next((each for each in reversed(self.switches) if each.after == lane.substance and each.on == lane.last.started_on), None)
        return f" · after {known.medicine(last.before)}" if last else ""

    def _lines(self) -> list[Line]:
        found = [Line("In hospital", Shape.SQUARE, tuple(self._stays()))]
        by_condition: dict[str, list[Mark]] = {}
        for event in self.history.happened:
            by_condition.setdefault(event.condition, []).append(
                Mark(event.on, f"{condition_label(event.condition)}, {clinician.date(event.on)}")
            )
        found += [Line(capital(condition_label(key)), Shape.TRIANGLE, tuple(marks)) for key, marks in sorted(by_condition.items())]
        noted = tuple(Mark(note.on, f"{note.words}: {note.asks}") for note in self.notes)
        found.append(Line("Results that ask for an action", Shape.DIAMOND, noted))
        for label, shape in SIDES:
            came = self.sides.get(label, ())
            found.append(Line(label, shape, tuple(Mark(each.on, f"{each.words}, {clinician.date(each.on)}", each.to_on) for each in came)))
        missed = tuple(Mark(day, f"did not attend, {clinician.date(day)}") for day in self.history.missed)
        found.append(Line("Missed appointments", Shape.CROSS, missed))
        return [Line(line.label, line.shape, tuple(mark for mark in line.marks if mark.on >= self.start)) for line in found]

    def _stays(self) -> list[Mark]:
        return [
            Mark(stay.from_on, f"in hospital, {self._stay_words(stay.from_on, stay.to_on, stay.org_code)}", stay.to_on or self.on)
            for stay in self.history.stays
        ]

    def _stay_words(self, from_on: date, to_on: date | None, org: str) -> str:
        where = f" at {self._names.get(org, org)}" if org else ""
        return f"{clinician.date(from_on)} to {clinician.date(to_on) if to_on else 'now'}{where}"

    @property
    def sentence(self) -> str:
        """What the picture shows, for those who do not see it."""
        told = [count(len(self.taken), "medicine taken now", "medicines taken now")]
        if self.earlier:
            told.append(f"{len(self.earlier)} earlier")
        breaks = sum(len(row.breaks) for row in self.picture.rows)
        restarts = sum(len(lane.courses) - 1 for lane in self.lanes)
        for number, one, many in (
            (len(self.switches), "change of medicine", "changes of medicine"),
            (restarts, "restart", "restarts"),
            (breaks, "gap in supply", "gaps in supply"),
            (len(self.history.stays), "stay in hospital", "stays in hospital"),
        ):
            if number:
                told.append(count(number, one, many))
        return f"{', '.join(told)}, from {clinician.month(self.start)} to {clinician.month(self.on)}"

    # The same as a list

    @cached_property
    def happenings(self) -> list[Happening]:
        """Everything that the picture shows, the newest first."""
        found = [each for lane in self.lanes for each in self._of_lane(lane)]
        found += [
            Happening(switch.on, "changed", _drugs(f"{known.medicine(switch.after)} began as {known.medicine(switch.before)} ended"))
            for switch in self.switches
        ]
        found += [
            Happening(stay.from_on, "in hospital", Markup.escape(capital(self._stay_words(stay.from_on, stay.to_on, stay.org_code))))
            for stay in self.history.stays
        ]
        found += [
            Happening(event.on, "recorded", Markup.escape(capital(condition_label(event.condition)))) for event in self.history.happened
        ]
        found += [Happening(note.on, "result", known.marked(f"{note.words}. {note.asks} ({note.basis})")) for note in self.notes]
        found += [
            Happening(each.on, label.lower(), known.marked(each.words), each.href) for label, came in self.sides.items() for each in came
        ]
        found += [Happening(day, "missed", Markup("Did not attend an appointment")) for day in self.history.missed]
        return sorted(found, key=lambda each: (each.on, each.kind), reverse=True)

    def _of_lane(self, lane: Lane) -> list[Happening]:
        name = clinician.drug(known.medicine(lane.substance))
        found = []
        for number, course in enumerate(lane.courses):
            kind = "restarted" if number else "started"
            found.append(Happening(course.started_on, kind, _join(name, dose_of(course.doses[0] if course.doses else None))))
            if course.status == "ended":
                found.append(Happening(course.supply_ends_on, "supply ended", _join(name, f"after {course_span(course, self.on)}")))
        for change in past.changes(lane):
            up = (change.after_ug or 0) > (change.before_ug or 0)
            words = f"{clinician.mass(change.before_ug)} to {clinician.mass(change.after_ug)} a day"
            found.append(Happening(change.on, "dose up" if up else "dose down", _join(name, words)))
        for gap in past.gaps(lane, self.gap_days):
            words = f"no supply until {clinician.date(gap.to_on)} ({clinician.duration(gap.days)})"
            found.append(Happening(gap.from_on, "gap", _join(name, words)))
        return found

    # What was tried

    @cached_property
    def tried(self) -> list[Markup]:
        """Earlier courses, restarts, switches and reductions of the medicines taken now and of others, in sentences."""
        found = reductions_words(self.reductions)
        for lane in self.taken:
            for one, other in pairwise(lane.courses):
                gap = clinician.duration((other.started_on - one.supply_ends_on).days)
                text = f"supply ended {clinician.date(one.supply_ends_on)}, taken again {clinician.date(other.started_on)} (after {gap})"
                found.append(_join(clinician.drug(known.medicine(lane.substance)), text))
        for lane in self.earlier:
            spans = "; ".join(
                f"{clinician.month(course.started_on)} to {clinician.month(course.supply_ends_on)} ({course_span(course, self.on)}"
                f"{f', up to {clinician.mass(course.highest_ug)} a day' if course.highest_ug and _is_told(course) else ''})"
                for course in lane.courses
            )
            found.append(_join(clinician.drug(known.medicine(lane.substance)), f"taken {spans}"))
        return found


# Of one medicine so many reductions are told each for itself.
EACH_TOLD = 3
SIDES = (("Reviews", Shape.CIRCLE), ("Reductions", Shape.SQUARE), ("Letters", Shape.SQUARE))


def _is_told(course: CourseOf) -> bool:
    return any(dose.provenance in TOLD and not dose.as_required for dose in course.doses)


def _join(name: Markup, words: str) -> Markup:
    return Markup("{} {}").format(name, words)


def _drugs(text: str) -> Markup:
    return known.marked(text)


def reductions_words(reductions: Sequence[Reduction]) -> list[Markup]:
    """Each reduction in a sentence; of a medicine that went down and up again many times, as collecting when required does, one
    sentence for all, and the last."""
    by_medicine: dict[str, list[Reduction]] = {}
    for each in reductions:
        by_medicine.setdefault(each.substance, []).append(each)
    found = []
    for substance, rows in by_medicine.items():
        shown = rows
        if len(rows) > EACH_TOLD:
            least, most = (clinician.mass(ug) for ug in (min(row.to_ug for row in rows), max(row.from_ug for row in rows)))
            days = f"{clinician.date(rows[0].from_on)} to {clinician.date(rows[-1].to_on)}"
            words = f"went down and up again {len(rows):,} times between {most} and {least} a day, {days}; the last time:"
            found.append(_join(clinician.drug(known.medicine(substance)), words))
            shown = rows[-1:]
        found += [_reduction_words(row) for row in shown]
    return found


def _reduction_words(each: Reduction) -> Markup:
    steps = f" in {count(each.steps, 'step')}" if each.steps > 1 else ""
    days = clinician.date(each.from_on) if each.from_on == each.to_on else f"{clinician.date(each.from_on)} to {clinician.date(each.to_on)}"
    then = {
        "up": f"then {clinician.mass(each.then_ug)} from {clinician.date(each.then_on)}",
        "stopped": f"supply ended {clinician.date(each.then_on)}",
        "kept": "and stayed there",
    }[each.then]
    words = f"down from {clinician.mass(each.from_ug)} to {clinician.mass(each.to_ug)} a day{steps}, {days}; {then}"
    return _join(clinician.drug(known.medicine(each.substance)), words)


def condition_label(condition: str) -> str:
    row = knowledge.load().conditions.get(condition)
    return row.label if row else condition


def alike(one: str, other: str) -> bool:
    """Whether two medicines are of the same class: on the same register, so that one of them may stand for the other."""
    return any({one, other} <= known.register_members(register) for register, _ in known.registers())


def notes_of(history: ClinicalHistory, asks: Callable[[Value, Callable[[], set[str]]], list[tuple[str, str]]]) -> list[Note]:
    """Results that asked for an action when they came, by what was supplied that day. `asks`: what a value asks for."""
    found = []
    for value in history.results:
        if value.value_milli is None:
            continue

        def taken(on: date = value.on) -> set[str]:
            return {course.substance for course in history.courses if course.started_on <= on <= course.supply_ends_on}

        test = known.test(value.test)
        for title, source in asks(value, taken)[:1]:
            label, unit = (test.label, test.unit or "") if test else (value.test, "")
            words = f"{label} {value.comparator}{clinician.milli(value.value_milli, unit)}"
            found.append(Note(value.on, words, title, source))
    return found
