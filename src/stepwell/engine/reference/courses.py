"""Sections 3 and 11: events in date order with a running stock become courses, and courses of a set class courses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from stepwell.engine.reference.supply import Event
from stepwell.engine.reference.world import Known


@dataclass
class Course:
    substance: str
    events: list[Event]
    gap_days: int | None = None

    @property
    def started_on(self) -> date:
        return self.events[0].on

    @property
    def supply_ends_on(self) -> date:
        return self.events[-1].ends_on

    @property
    def latest(self) -> Event:
        """The latest event that is more than a stay: a course never begins with one."""
        return next(event for event in reversed(self.events) if not event.only_stay)

    @property
    def supplies(self) -> list[Event]:
        return [event for event in self.events if not event.only_stay]

    @property
    def issue_dates(self) -> list[date]:
        return [event.on for event in self.events if event.issued]

    @property
    def gaps(self) -> list[tuple[date, Event]]:
        """Gaps between its events: first day without supply, and the event that ended it."""
        return [(before.ends_on, event) for before, event in pairwise(self.events) if event.on > before.ends_on]

    @property
    def covered_days(self) -> int:
        return (self.supply_ends_on - self.started_on).days - sum((event.on - end).days for end, event in self.gaps)


@dataclass
class ClassCourse:
    """A time without a longer break on some medicine of a set."""

    started_on: date
    ends_on: date


def courses_of(substance: str, events: list[Event], known: Known) -> list[Course]:
    courses: list[Course] = []
    before: Event | None = None
    plans_end = date.min
    for event in events:
        left_over = (before.ends_on - event.on).days if before else 0
        carried = max(0, min(known.param["carry_cap_days"], left_over))
        plans_end = max([plans_end, *(plan.plan_ends_on for plan in event.plans if plan.plan_ends_on is not None)])
        event.ends_on = max(event.on + timedelta(days=event.days + carried), plans_end)
        gap = max(0, -left_over) if before else None
        if gap is None or gap > known.param["stop_gap_days"]:
            if courses:
                courses[-1].gap_days = gap
            courses.append(Course(substance, [event]))
        else:
            courses[-1].events.append(event)
        before = event
    return courses


def class_courses_of(substances: Iterable[str], courses: dict[str, list[Course]], known: Known) -> list[ClassCourse]:
    """Courses of a set: events of all its members together, each covering for any other."""
    spans = sorted((event.on, event.ends_on) for name in substances for course in courses.get(name, []) for event in course.events)
    found: list[ClassCourse] = []
    for on, end in spans:
        if not found or (on - found[-1].ends_on).days > known.param["stop_gap_days"]:
            found.append(ClassCourse(on, end))
        else:
            found[-1].ends_on = max(found[-1].ends_on, end)
    return found


def class_course_start(substances: Iterable[str], courses: dict[str, list[Course]], known: Known) -> date:
    """Start of the latest class course of a set that has one."""
    return class_courses_of(substances, courses, known)[-1].started_on
