"""By when a service owes its next word: its own days for routine and urgent requests, counted as ruling 3 says; a crisis on the day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time

from stepwell.web.core import clock
from stepwell.web.core.formatting import UK, clinician, count
from stepwell.web.core.nations import calendar_of
from stepwell.web.service_requests.choices import CRISIS, URGENT, figure
from stepwell.web.service_requests.models import Service

_OPENING = time(9)


@dataclass(frozen=True, slots=True)
class Clock:
    """Day 0 and the last day on which the word is in time."""

    day0: date
    due_on: date


def moment_of(on: date | None) -> datetime:
    """When it happened: now, or the morning of a day for what is entered later."""
    return clock.moment() if on is None else datetime.combine(on, _OPENING, UK)


def first_word(service: Service, urgency: str, moment: datetime) -> Clock:
    """The clock of a request that reaches this service at this moment."""
    if urgency == CRISIS:
        day = moment.astimezone(UK).date()
        return Clock(day, day)
    calendar = calendar_of(service.organisation.code)
    day0 = calendar.received_on(moment)
    return Clock(day0, calendar.add(day0, service.urgent_days if urgency == URGENT else service.routine_days))


def reading(org_code: str, moment: datetime) -> Clock:
    """The clock of an advice that waits to be read by whoever asked."""
    calendar = calendar_of(org_code)
    day0 = calendar.received_on(moment)
    return Clock(day0, calendar.add(day0, figure("read_advice_days")))


def words(due_on: date | None, org_code: str, on: date) -> tuple[str, str]:
    """`answer due 05-Jun-2026, 4 working days left`, with its tone; overdue in working days gone since."""
    if due_on is None:
        return "", "grey"
    if on > due_on:
        late = calendar_of(org_code).between(due_on, on)
        return f"{count(late, 'working day')} overdue" if late else "overdue", "red"
    if on == due_on:
        return "due today", "red"
    left = calendar_of(org_code).between(on, due_on)
    return f"due {clinician.date(due_on)}, {count(left, 'working day')} left", "amber" if left <= 1 else "blue"
