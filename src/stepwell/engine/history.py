"""What happened to one person over time, as the record has it: courses with their doses and breaks, conditions, results, stays, letters.

Read on the one-person path: the same plain-Python stages that compute what is owed (docs/engine.md 2, 3, 5, 11, 14), without their rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa

from stepwell.engine.inputs import Inputs
from stepwell.engine.reference.conditions import NOT_EVENTS, conditions_of
from stepwell.engine.reference.courses import Course, courses_of
from stepwell.engine.reference.dates import age_in_years, whole_months
from stepwell.engine.reference.exposure import Medicine, medicines_of, status_of
from stepwell.engine.reference.loads import totals_of
from stepwell.engine.reference.people import identify
from stepwell.engine.reference.results import results_of
from stepwell.engine.reference.stays import with_stays
from stepwell.engine.reference.supply import Event, events_of, read_elsewhere, read_issues
from stepwell.engine.reference.world import CLINICAL, Case, Known, cases

if TYPE_CHECKING:
    from stepwell.knowledge import Knowledge
    from stepwell.records.store import Store

# The tables this reads; what people were asked, agreed or assert says nothing of the past.
READ = (*CLINICAL, "organisations", "links", "codings", "recorded_results")
NOT_SEEN = "did not attend"


@dataclass(frozen=True, slots=True)
class Dose:
    """The same dose from `from_on` until before `to_on`. `daily_ug`: micrograms a day, None when the record does not tell it;
    `provenance`: structured | text | estimated | unknown; of what is taken when required the figure is a ceiling or an estimate."""

    from_on: date
    to_on: date
    daily_ug: int | None
    provenance: str
    as_required: bool
    text: str
    term: str


@dataclass(frozen=True, slots=True)
class CourseOf:
    """One course: supply of a substance without a gap longer than the stop gap. `status`: current | lapsed | ended. `breaks`: days
    without supply inside it, [first, first day supplied again). `suppliers`: gp | trust | private."""

    substance: str
    number: int
    status: str
    started_on: date
    supply_ends_on: date
    last_issued_on: date | None
    issues: int
    months: int
    doses: tuple[Dose, ...]
    breaks: tuple[tuple[date, date], ...]
    suppliers: tuple[str, ...]

    @property
    def highest_ug(self) -> int | None:
        return max((dose.daily_ug for dose in self.doses if dose.daily_ug is not None), default=None)


@dataclass(frozen=True, slots=True)
class Held:
    """A condition of the knowledge base that holds on the day: since when (None when not dated), and where that was read."""

    condition: str
    since: date | None
    evidence: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem as written. `conditions`: keys of the knowledge base its code stands for, none when it has no entry there."""

    term: str
    conditions: tuple[str, ...]
    from_on: date | None
    ended_on: date | None
    status: str


@dataclass(frozen=True, slots=True)
class Happened:
    """A record of a condition that is an event (a fall, a pregnancy, its end), each time it was recorded."""

    condition: str
    on: date


@dataclass(frozen=True, slots=True)
class Value:
    """A result; `value_milli` in thousandths of the test's unit, None when it has no number."""

    test: str
    on: date
    value_milli: int | None
    comparator: str


@dataclass(frozen=True, slots=True)
class Stay:
    """A stay in hospital; `to_on` None while it lasts."""

    from_on: date
    to_on: date | None
    org_code: str


@dataclass(frozen=True, slots=True)
class Paper:
    """A letter as the record lists it."""

    on: date
    from_org: str
    to_org: str
    title: str


@dataclass(frozen=True, slots=True)
class Load:
    """What adds up over the medicines on register, in stored units (k_load.scale). `unknown`: medicines that count in it and whose dose
    is not known, so that it is at least this; `prescribed`: with what is taken when required at its most."""

    load: str
    value: int
    prescribed: int
    unknown: int
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Now:
    """A medicine on register as it is: months and start of the present course, dose, indication and licence."""

    substance: str
    started_on: date
    months: int
    daily_ug: int | None
    indication: str
    licence: str


@dataclass(frozen=True, slots=True)
class ClinicalHistory:
    """One person on a day, as the record has it; everything in order of date. `problems_kept`: a practice keeps a problem list, so that a
    condition that is not on it is known not to be recorded; without one nothing is known. `registered_on`: start of the registration at
    their practice, where it is known."""

    person_id: int
    on: date
    birth_date: date | None = None
    sex: str = "unknown"
    followed: bool = False
    registered_on: date | None = None
    problems_kept: bool = False
    courses: tuple[CourseOf, ...] = ()
    medicines: tuple[Now, ...] = ()
    loads: tuple[Load, ...] = ()
    held: tuple[Held, ...] = ()
    problems: tuple[Problem, ...] = ()
    happened: tuple[Happened, ...] = ()
    results: tuple[Value, ...] = ()
    stays: tuple[Stay, ...] = ()
    letters: tuple[Paper, ...] = ()
    missed: tuple[date, ...] = ()

    @property
    def age(self) -> int | None:
        """Whole years on the day; None when the birth date is not known to the day."""
        return None if self.birth_date is None else age_in_years(self.birth_date, self.on)

    def courses_of(self, substance: str) -> list[CourseOf]:
        return [course for course in self.courses if course.substance == substance]

    def without(
        self,
        hides_medicine: Callable[[str], bool],
        hides_condition: Callable[[str], bool],
        hides_test: Callable[[str], bool],
        tells: Callable[[str], bool],
    ) -> ClinicalHistory:
        """The same without what is not shown to whoever asks; `tells`: whether words as written would give it away."""
        return replace(
            self,
            courses=tuple(row for row in self.courses if not hides_medicine(row.substance)),
            medicines=tuple(
                replace(row, indication="") if hides_condition(row.indication) or tells(row.indication) else row
                for row in self.medicines
                if not hides_medicine(row.substance)
            ),
            loads=tuple(row for row in self.loads if not any(map(hides_medicine, row.parts))),
            held=tuple(row for row in self.held if not hides_condition(row.condition)),
            problems=tuple(row for row in self.problems if not any(map(hides_condition, row.conditions)) and not tells(row.term)),
            happened=tuple(row for row in self.happened if not hides_condition(row.condition)),
            results=tuple(row for row in self.results if not hides_test(row.test)),
            letters=tuple(row for row in self.letters if not tells(row.title)),
        )


def history(
    store: Store, knowledge: Knowledge, as_of: date, person_id: int, *, workflow: Mapping[str, pa.Table] | None = None
) -> ClinicalHistory:
    """What the record knows of one person up to `as_of`; empty of somebody whom no record is about.

    `workflow` holds workflow tables (`recorded_results`) that stand in for the store's.
    """
    stand_ins = dict(workflow or {})
    rows = {name: stand_ins[name] if name in stand_ins else store.table(name, [person_id]) for name in READ}
    return history_in(Inputs(rows, {}, knowledge.tables()), as_of, person_id)


def history_in(inputs: Inputs, as_of: date, person_id: int) -> ClinicalHistory:
    """The same of tables in memory."""
    case = next((case for case in cases(inputs) if case.person_id == person_id), None)
    if case is None:
        return ClinicalHistory(person_id, as_of)
    return _told(case, Known(inputs, as_of))


def _told(case: Case, known: Known) -> ClinicalHistory:
    person = identify(case, known)
    issues = read_issues(case, known, person.gp_org)
    events = with_stays(events_of(issues + read_elsewhere(case, known, person.gp_org)), case, known)
    courses = {substance: courses_of(substance, found, known) for substance, found in events.items()}
    medicines = medicines_of(case, known, courses, issues, set()) if person.followed else {}
    told = [_course(course, number, known) for found in courses.values() for number, course in enumerate(found, start=1)]
    return ClinicalHistory(
        person_id=case.person_id,
        on=known.as_of,
        birth_date=person.birth_date,
        sex=person.sex or "unknown",
        followed=person.followed,
        registered_on=person.registered_on,
        problems_kept=any(known.is_practice(row["source"]) for row in case.rows["conditions"]),
        courses=tuple(sorted(told, key=lambda course: (course.started_on, course.substance))),
        medicines=tuple(_now(medicine) for medicine in medicines.values()),
        loads=tuple(
            Load(total.load, total.value, total.prescribed, total.unknown, tuple(total.parts.split("+")))
            for total in totals_of(known, medicines)
        ),
        held=tuple(Held(name, *found) for name, found in sorted(conditions_of(case, known).items())),
        problems=_problems(case, known),
        happened=_happened(case, known),
        results=_results(case, known),
        stays=_stays(case, known),
        letters=_letters(case, known),
        missed=_missed(case, known),
    )


def _now(medicine: Medicine) -> Now:
    return Now(
        medicine.substance, medicine.started_on, medicine.months, medicine.latest.daily_ug, medicine.indication or "", medicine.licence
    )


def _course(course: Course, number: int, known: Known) -> CourseOf:
    status = status_of(course, known) if course.gap_days is None else None
    return CourseOf(
        substance=course.substance,
        number=number,
        status=status or "ended",
        started_on=course.started_on,
        supply_ends_on=course.supply_ends_on,
        last_issued_on=max(course.issue_dates, default=None),
        issues=len(course.issue_dates),
        months=whole_months(course.started_on, min(course.supply_ends_on, known.as_of)),
        doses=doses_of(course),
        breaks=tuple((end, event.on) for end, event in course.gaps),
        suppliers=tuple(sorted({kind for event in course.supplies for kind in event.kinds})),
    )


def doses_of(course: Course) -> tuple[Dose, ...]:
    """Issues of the same dose, one after another, as one. Stays in hospital say nothing of a dose."""
    found: list[Dose] = []
    for event in course.supplies:
        if found and (found[-1].daily_ug, found[-1].as_required) == (event.daily_ug, event.as_required):
            found[-1] = replace(found[-1], to_on=event.ends_on, text=event.dose_text or "", term=event.term or "")
            continue
        if found:
            found[-1] = replace(found[-1], to_on=event.on)
        found.append(_dose(event))
    if found:
        found[-1] = replace(found[-1], to_on=course.supply_ends_on)
    return tuple(found)


def _dose(event: Event) -> Dose:
    return Dose(event.on, event.ends_on, event.daily_ug, event.provenance, event.as_required, event.dose_text or "", event.term or "")


def _problems(case: Case, known: Known) -> tuple[Problem, ...]:
    found = []
    for row in case.rows["conditions"]:
        dates = [day for day in (row["onset_on"], row["recorded_on"]) if day is not None]
        if row["status"] in NOT_EVENTS or any(day > known.as_of for day in dates):
            continue
        keys = tuple(sorted({code["condition"] for code in known.condition_codes.get((row["code_system"], row["code"]), [])}))
        found.append(Problem(row["term"] or "", keys, min(dates, default=None), row["ended_on"], row["status"] or "unknown"))
    return tuple(sorted(found, key=lambda problem: (problem.from_on or date.min, problem.term)))


def _happened(case: Case, known: Known) -> tuple[Happened, ...]:
    """Every record of a condition that is an event, and of what ends one."""
    events = known.events.keys() | {row["ended_by"] for row in known.events.values() if row["ended_by"] is not None}
    coded = [
        (row["code_system"], row["code"], row["onset_on"] or row["recorded_on"])
        for row in case.rows["conditions"]
        if row["status"] not in NOT_EVENTS
    ]
    coded += [
        (row["code_system"], row["code"], row["effective_on"])
        for row in case.rows["observations"]
        if row["status"] not in ("cancelled", "entered in error")
    ]
    found = {
        Happened(code["condition"], day)
        for system, value, day in coded
        if day is not None and day <= known.as_of
        for code in known.condition_codes.get((system, value), [])
        if code["condition"] in events
    }
    return tuple(sorted(found, key=lambda event: (event.on, event.condition)))


def _results(case: Case, known: Known) -> tuple[Value, ...]:
    found = [Value(result.test, result.on, result.value, result.comparator or "") for result in results_of(case, known)]
    return tuple(sorted(found, key=lambda value: (value.on, value.test, value.value_milli or 0)))


def _stays(case: Case, known: Known) -> tuple[Stay, ...]:
    rows = [row for row in case.rows["stays"] if row["started_on"] is not None and row["started_on"] <= known.as_of]
    found = {Stay(row["started_on"], row["ended_on"], row["org_code"] or "") for row in rows}
    return tuple(sorted(found, key=lambda stay: (stay.from_on, stay.to_on or date.max, stay.org_code)))


def _letters(case: Case, known: Known) -> tuple[Paper, ...]:
    rows = [row for row in case.rows["letters"] if row["sent_on"] is not None and row["sent_on"] <= known.as_of]
    found = {Paper(row["sent_on"], row["from_org"] or "", row["to_org"] or "", row["title"] or "") for row in rows}
    return tuple(sorted(found, key=lambda paper: (paper.on, paper.from_org, paper.title)))


def _missed(case: Case, known: Known) -> tuple[date, ...]:
    rows = case.rows["appointments"]
    return tuple(sorted({row["on_date"] for row in rows if row["status"] == NOT_SEEN and row["on_date"] and row["on_date"] <= known.as_of}))
