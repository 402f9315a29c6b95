"""Section 3, first half: events in date order with a running stock become courses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from stepwell.engine.reference.supply import Event
from stepwell.engine.reference.world import Known


@dataclass
class Course:
    events: list[Event]
    supply_ends_on: date
    gap_days: int | None = None

    @property
    def started_on(self) -> date:
        return self.events[0].on

    @property
    def issue_dates(self) -> list[date]:
        return [event.on for event in self.events if event.issued]


def covered_until(events: list[Event], known: Known) -> list[date]:
    """For each event the first day its supply, with what was left over before it, no longer covers."""
    ends: list[date] = []
    plans_end = date.min
    for event in events:
        left_over = (ends[-1] - event.on).days if ends else 0
        carried = max(0, min(known.param["carry_cap_days"], left_over))
        plans_end = max([plans_end, *(plan.plan_ends_on for plan in event.plans if plan.plan_ends_on is not None)])
        ends.append(max(event.on + timedelta(days=event.days + carried), plans_end))
    return ends


def courses_of(events: list[Event], known: Known) -> list[Course]:
    courses: list[Course] = []
    for event, end in zip(events, covered_until(events, known), strict=True):
        gap = max(0, (event.on - courses[-1].supply_ends_on).days) if courses else None
        if gap is None or gap > known.param["stop_gap_days"]:
            if courses:
                courses[-1].gap_days = gap
            courses.append(Course([event], end))
        else:
            courses[-1].events.append(event)
            courses[-1].supply_ends_on = end
    return courses


def class_course_start(substances: Iterable[str], events: dict[str, list[Event]], known: Known) -> date:
    """Start of the latest class course: events of all members together, each covering for any other."""
    spans = sorted(
        (event.on, end)
        for substance in substances
        for event, end in zip(events.get(substance, []), covered_until(events.get(substance, []), known), strict=True)
    )
    start, covered = spans[0]
    for on, end in spans[1:]:
        if (on - covered).days > known.param["stop_gap_days"]:
            start = on
        covered = max(covered, end)
    return start
