"""Walks the days of one medicine: what is in the cupboard each day, when it runs dry, and when a course of treatment is over.

A state machine, one step a day: deliveries come in (what was left is kept up to a cap), one day's supply is taken, dry days are counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from stepwell.records.synthetic.truth.diary import ONE_DAY, Delivery


@dataclass
class Course:
    """A course of treatment with one medicine, as walked."""

    started_on: date
    ends_on: date = date.max
    """First dry day after its last delivery."""
    deliveries: list[Delivery] = field(default_factory=list)
    changed_on: date | None = None
    covered: set[date] = field(default_factory=set)
    reach: list[tuple[date, date]] = field(default_factory=list)
    """Each day something came in, and the first day it would not cover."""

    spells: list[tuple[date, date]] = field(default_factory=list)
    """Dry spells within it: first dry day, day on which supply went on."""

    @property
    def issues(self) -> int:
        return sum(1 for each in self.deliveries if each.issued)


@dataclass(frozen=True)
class Habits:
    """Figures the walk needs: `stop` dry days are still the same course, `cap` days of what is left are kept, `grace` after the end."""

    stop: int
    cap: int
    grace: int


def walk(deliveries: Mapping[date, Delivery], stays: Mapping[date, int], as_of: date, habits: Habits) -> list[Course]:
    """Courses of one medicine up to `as_of`, with the end of the last one as it is foreseen."""
    courses: list[Course] = []
    if not deliveries:
        return courses
    today = min(deliveries)
    left = dry = 0
    latest: Delivery | None = None
    promised = date.min  # until when plans "prescribed elsewhere" that have begun supply
    while today <= as_of:
        came = deliveries.get(today)
        ward = stays.get(today, 0)
        if ward and (latest is None or latest.day + timedelta(days=latest.days + habits.cap + habits.grace) < today):
            ward = 0
        if came is not None or ward:
            if came is not None and (not courses or dry > habits.stop):
                courses.append(Course(today))
            elif dry:
                courses[-1].spells.append((today - timedelta(days=dry), today))
            promised = max([promised, *(end for end, _, _ in came.plan_ends)] if came is not None else [promised])
            left = min(left, habits.cap) + max(came.days if came is not None else 0, ward)
            left = max(left, (promised - today).days)
            _note(courses[-1], came, today, left)
            latest = came or latest
        if left > 0:
            courses[-1].covered.add(today)
            left, dry = left - 1, 0
            if left == 0:
                courses[-1].ends_on = today + ONE_DAY
        else:
            dry += 1
        today += ONE_DAY
    if left > 0:
        courses[-1].ends_on = today + timedelta(days=left)
    return courses


def _note(course: Course, came: Delivery | None, today: date, left: int) -> None:
    course.reach.append((today, today + timedelta(days=left)))
    if came is None:
        return
    if course.deliveries:
        before = course.deliveries[-1]
        if before.read and came.read and before.dose_ug != came.dose_ug:
            course.changed_on = today
    course.deliveries.append(came)


def class_starts(courses: list[Course], stop: int) -> list[date]:
    """First days of the courses of a class: its members' deliveries in order of day, apart when all have been dry for long."""
    starts: list[date] = []
    furthest = date.min
    for day, until in sorted(reach for course in courses for reach in course.reach):
        if day not in starts and (not starts or (day - furthest).days > stop):
            starts.append(day)
        furthest = max(furthest, until)
    return starts
