"""What a history tells of each medicine, worked out: its lane over time, switches, what was tried before, how long it has gone on.

Pure: a `ClinicalHistory` in, plain values out. What counts as a gap, a switch or a reduction here is a way of reading the record,
never advice; each is told with the days it was read from.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from stepwell.engine.history import ClinicalHistory, CourseOf, Dose

# Doses that were worked out from quantities go up and down with the day of collection: they are drawn, and never called a change.
TOLD = ("structured", "text")


@dataclass(frozen=True, slots=True)
class Lane:
    """One medicine over time: its courses in order, the present one last when there is one."""

    substance: str
    courses: tuple[CourseOf, ...]

    @property
    def last(self) -> CourseOf:
        return self.courses[-1]

    @property
    def is_taken(self) -> bool:
        return self.last.status != "ended"

    @property
    def dose(self) -> Dose | None:
        return self.last.doses[-1] if self.last.doses else None

    @property
    def highest_ug(self) -> int | None:
        return max((course.highest_ug for course in self.courses if course.highest_ug is not None), default=None)


@dataclass(frozen=True, slots=True)
class Gap:
    """Days without supply: inside a course, or between two courses of the same medicine (`restart`)."""

    substance: str
    from_on: date
    to_on: date
    restart: bool

    @property
    def days(self) -> int:
        return (self.to_on - self.from_on).days


@dataclass(frozen=True, slots=True)
class Switch:
    """A course that began as one of another medicine of the same class ended."""

    before: str
    after: str
    on: date


@dataclass(frozen=True, slots=True)
class Reduction:
    """Doses that went down one after another, and what came next: `up` to more again (`then_ug`), `stopped`, or `kept`."""

    substance: str
    from_ug: int
    to_ug: int
    from_on: date
    to_on: date
    steps: int
    then: str
    then_ug: int | None
    then_on: date | None


@dataclass(frozen=True, slots=True)
class Change:
    """A dose that is not the one before it. None: not known."""

    substance: str
    on: date
    before_ug: int | None
    after_ug: int | None


def lanes(history: ClinicalHistory, among: Collection[str]) -> list[Lane]:
    """Medicines of `among` that were ever supplied: those taken now by how long, then the others, the latest first."""
    found = [
        Lane(substance, tuple(history.courses_of(substance)))
        for substance in {course.substance for course in history.courses}
        if substance in among
    ]
    taken = sorted((lane for lane in found if lane.is_taken), key=lambda lane: (lane.last.started_on, lane.substance))
    past = sorted((lane for lane in found if not lane.is_taken), key=lambda lane: (lane.last.supply_ends_on, lane.substance), reverse=True)
    return [*taken, *past]


def gaps(lane: Lane, least_days: int) -> list[Gap]:
    """Times without supply of at least so many days, in order."""
    found = [
        Gap(lane.substance, start, end, False)
        for course in lane.courses
        for start, end in course.breaks
        if (end - start).days >= least_days
    ]
    found += [Gap(lane.substance, one.supply_ends_on, other.started_on, True) for one, other in pairwise(lane.courses)]
    return sorted(found, key=lambda gap: gap.from_on)


def switches(found: Sequence[Lane], alike: Callable[[str, str], bool], within_days: int) -> list[Switch]:
    """From one medicine to another of the same class: the other's first issue came within so many days of the end of the one, and the
    one was not taken up again at once."""
    near = timedelta(days=within_days)
    told = []
    for one in found:
        for ended in one.courses:
            if ended.status != "ended":
                continue
            for other in found:
                if other.substance == one.substance or not alike(one.substance, other.substance):
                    continue
                for begun in other.courses:
                    began_then = begun.started_on - near <= ended.supply_ends_on <= begun.started_on + near
                    if began_then and begun.started_on > ended.started_on and begun.supply_ends_on > ended.supply_ends_on:
                        told.append(Switch(one.substance, other.substance, begun.started_on))
    return sorted(set(told), key=lambda switch: (switch.on, switch.before, switch.after))


def _told(course: CourseOf) -> list[Dose]:
    """Regular doses that an instruction tells, in order; the same one after another once."""
    found: list[Dose] = []
    for dose in course.doses:
        if dose.daily_ug is None or dose.as_required or dose.provenance not in TOLD:
            continue
        if not found or found[-1].daily_ug != dose.daily_ug:
            found.append(dose)
    return found


def changes(lane: Lane) -> list[Change]:
    """Changes of a regular dose that an instruction tells, in order."""
    return [
        Change(lane.substance, after.from_on, before.daily_ug, after.daily_ug)
        for course in lane.courses
        for before, after in pairwise(_told(course))
    ]


def reductions(lane: Lane) -> list[Reduction]:
    """Every run of doses that went down, in order."""
    found = []
    for course in lane.courses:
        doses = _told(course)
        start = 0
        while start < len(doses) - 1:
            end = start
            while end + 1 < len(doses) and _ug(doses[end + 1]) < _ug(doses[end]):
                end += 1
            if end > start:
                found.append(_reduction(course, doses, start, end))
            start = max(end, start + 1)
    return found


def _reduction(course: CourseOf, doses: list[Dose], start: int, end: int) -> Reduction:
    then, then_ug, then_on = "kept", None, None
    if end + 1 < len(doses):
        then, then_ug, then_on = "up", doses[end + 1].daily_ug, doses[end + 1].from_on
    elif course.status == "ended":
        then, then_on = "stopped", course.supply_ends_on
    return Reduction(
        course.substance,
        _ug(doses[start]),
        _ug(doses[end]),
        doses[start + 1].from_on,
        doses[end].from_on,
        end - start,
        then,
        then_ug,
        then_on,
    )


def _ug(dose: Dose) -> int:
    return dose.daily_ug or 0


def began_elsewhere(course: CourseOf, history: ClinicalHistory, within_days: int) -> bool:
    """Whether a first course began as the person joined the practice, so that its real start may be earlier than the record has it."""
    joined = history.registered_on
    return joined is not None and course.number == 1 and abs((course.started_on - joined).days) <= within_days
