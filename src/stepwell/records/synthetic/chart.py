"""What one organisation holds about one person, before it is written as FHIR. Dates are proleptic ordinals (`date.toordinal`)."""

from __future__ import annotations

from dataclasses import dataclass, field

from stepwell.records.synthetic.catalogue import Condition, Pattern, Product
from stepwell.records.synthetic.people import Person


@dataclass(slots=True)
class Issue:
    on: int
    quantity: int | None


@dataclass(slots=True)
class Plan:
    """An authorisation and the issues under it. `supplier` is the organisation that prescribes."""

    product: Product
    pattern: Pattern
    text: str
    kind: str
    supplier: str
    started: int
    ended: int | None = None
    stop_reason: str | None = None
    days: int = 28
    quantity: int | None = None
    issues: list[Issue] = field(default_factory=list)
    reason: Condition | None = None
    reason_text: str | None = None
    review_on: int | None = None
    intended_end: int | None = None
    asserted_on: int | None = None
    elsewhere: bool = False
    degraded: bool = False
    structured: bool = False
    as_required: bool = False
    states_days: bool = False


@dataclass(slots=True)
class Measurement:
    test: str
    on: int
    value: float | None
    unit: str | None
    second: float | None = None


@dataclass(slots=True)
class Problem:
    condition: Condition
    since: int
    ended: int | None = None


@dataclass(slots=True)
class Letter:
    sender: str
    receiver: str
    on: int
    title: str


@dataclass(slots=True)
class Stay:
    """A registration at a practice or time on a caseload."""

    started: int
    ended: int | None = None


@dataclass(slots=True)
class Chart:
    """One person at one organisation."""

    person: Person
    org: str
    local: str
    born: int
    practice: str
    stays: list[Stay] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    contacts: list[tuple[int, str]] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)

    def clip(self, last: int) -> None:
        """Nothing happens after this day: the date of the extract, a death or a move."""
        self.plans = [plan for plan in self.plans if plan.started <= last]
        for plan in self.plans:
            plan.issues = [issue for issue in plan.issues if issue.on <= last]
            if plan.ended is not None and plan.ended > last:
                plan.ended = plan.stop_reason = None
            if plan.asserted_on is not None:
                plan.asserted_on = min(plan.asserted_on, last)
        self.measurements = [row for row in self.measurements if row.on <= last]
        self.problems = [row for row in self.problems if row.since <= last]
        for problem in self.problems:
            if problem.ended is not None and problem.ended > last:
                problem.ended = None
        self.contacts = [row for row in self.contacts if row[0] <= last]
        self.letters = [row for row in self.letters if row.on <= last]
        self.stays = [stay for stay in self.stays if stay.started <= last]
        for stay in self.stays:
            if stay.ended is not None and stay.ended > last:
                stay.ended = None
