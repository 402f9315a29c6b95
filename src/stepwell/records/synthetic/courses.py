"""Courses of treatment as prescribing systems record them: plans, and issues by a renewal process with its untidiness."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from stepwell.records.synthetic.catalogue import Catalogue, Condition, Pattern
from stepwell.records.synthetic.chart import Issue, Plan
from stepwell.records.synthetic.draws import Draws

STOP_REASONS = (
    "Patient no longer requires medication",
    "Dose changed",
    "Switched to alternative",
    "Side effects",
    "No information available",
)


@dataclass(frozen=True, slots=True)
class Span:
    """When a course runs: `ended` is the last day it may be issued on, null while it goes on."""

    started: int
    ended: int | None


@dataclass(frozen=True, slots=True)
class _Manner:
    """What stays the same over one course."""

    medicine: str
    days: int
    as_required: bool
    reason: Condition | None


def span(draws: Draws, duration: list[float], longest: int, as_of: int) -> Span:
    """A course that touched the last year. `duration` weighs under 3 months, to a year, to three years, and longer."""
    length = draws.weighted(dict(enumerate(duration)))
    if length == 0:
        started = as_of - draws.integer(3, 350)
        return Span(started, started + draws.integer(5, 80))
    low, high = ((90, 365), (366, 1094), (1095, longest * 365))[length - 1]
    days = draws.integer(low, high)
    if length == 1 or draws.chance(0.8):
        return Span(as_of - days, None)
    ended = as_of - draws.integer(15, 330)
    return Span(ended - days, ended)


def renewals(draws: Draws, first: int, last: int, *, days: int, late: float = 0.5, as_required: bool = False) -> list[int]:
    """Issue days from `first` to `last`. `late` is how many days after the supply ran out the next one is usually asked for."""
    issued: list[int] = []
    day = first
    while day <= last:
        issued.append(day)
        if as_required:
            day += max(7, round(draws.normal(days * 1.5, days * 0.7)))
            continue
        wait = days
        if date.fromordinal(day).month in (6, 7, 12) and draws.chance(0.05):
            issued.append(day)
            wait += days
        if draws.chance(0.007):
            wait += draws.integer(40, 130)
        day += max(4, wait + round(min(21.0, max(-9.0, draws.normal(late, 3.0)))))
    return issued


class Prescriber:
    """Writes plans for one person in the manner of one organisation."""

    def __init__(self, catalogue: Catalogue, draws: Draws, as_of: int, org: str) -> None:
        self.catalogue, self.draws, self.as_of, self.org = catalogue, draws, as_of, org
        self.late = draws.normal(9, 3) if draws.chance(0.06) else draws.normal(0.5, 0.8)
        self.days = int(draws.weighted({"28": 0.66, "56": 0.27, "7": 0.03, "84": 0.04}))

    def reason(self, medicine: str) -> Condition | None:
        name = self.draws.weighted(self.catalogue.medicines.medicines[medicine].reasons)
        return None if name == "none" else self.catalogue.medicines.conditions[name]

    def course(
        self, medicine: str, when: Span, *, days: int | None = None, step: int | None = None, reason: Condition | None = None
    ) -> list[Plan]:
        """Plans and issues of one medicine over a span, with dose changes, a missed end and a restart now and then."""
        entry = self.catalogue.medicines.medicines[medicine]
        draws = self.draws
        last = when.ended if when.ended is not None else self.as_of
        if last - when.started <= 90 and when.ended is not None and entry.short:
            return self._short(medicine, when, reason)
        step = draws.integer(0, len(entry.steps) - 1) if step is None else step
        supply = days or (28 if entry.group in ("benzodiazepine", "z-drug", "opioid", "gabapentinoid") else self.days)
        ends = self._dose_changes(when.started, last, len(entry.steps) > 1)
        plans: list[Plan] = []
        manner = _Manner(medicine, supply, draws.chance(entry.as_required), reason)
        for number, (first, until) in enumerate(ends):
            final = number == len(ends) - 1
            stopped = when.ended if final else until + 1
            plans += self._step(manner, step, Span(first, until), stopped)
            # Doses mostly climb at first; later they move either way.
            move = 1 if number == 0 or draws.chance(0.5) else -1
            step = min(max(step + move, 0), len(entry.steps) - 1)
        if when.ended is not None and self.as_of - when.ended > 120 and draws.chance(0.2):
            again = when.ended + draws.integer(95, max(96, self.as_of - when.ended - 10))
            plans += self._step(manner, step, Span(again, self.as_of), None)
        return plans

    def _dose_changes(self, first: int, last: int, can_change: bool) -> list[tuple[int, int]]:
        """Spans of unchanged dose: one early change for some, later ones now and then."""
        draws = self.draws
        cuts: list[int] = []
        if can_change and last - first > 60 and draws.chance(0.45):
            cuts.append(first + draws.integer(14, 56))
        if can_change and last - first > 400:
            cuts += [first + draws.integer(120, last - first) for _ in range(draws.weighted({0: 0.55, 1: 0.3, 2: 0.15}))]
        starts = sorted({first, *(cut for cut in cuts if cut < last)})
        return [(start, (starts[number + 1] - 1 if number + 1 < len(starts) else last)) for number, start in enumerate(starts)]

    def _step(self, manner: _Manner, step: int, when: Span, stopped: int | None) -> list[Plan]:
        """One dose: its plans, with issues over `when`; `stopped` is the day the plans were stopped."""
        draws, first, days = self.draws, when.started, manner.days
        until = when.ended if when.ended is not None else self.as_of
        items = self.catalogue.medicines.medicines[manner.medicine].steps[step]
        fading = stopped is None and draws.chance(0.05)
        last = until - draws.integer(35, 150) if fading else until
        issued = renewals(draws, first, last, days=days, late=self.late, as_required=manner.as_required)
        plans = []
        for key, pattern_name in items.items():
            pattern = self.catalogue.doses.patterns[pattern_name]
            plan = self._plan(key, pattern, first, days=days, reason=manner.reason)
            plan.kind = "repeat dispensing" if draws.chance(0.06) else "repeat"
            if manner.as_required and not pattern.as_required:
                plan.text = f"{plan.text} when required" if draws.chance(0.6) else f"{plan.text} prn"
                plan.as_required = True
            # Now and then nobody ends the plan of a medicine that is no longer issued.
            if stopped is not None and stopped <= self.as_of and not draws.chance(0.04):
                plan.ended, plan.stop_reason = stopped, draws.one_of(STOP_REASONS)
            elif draws.chance(0.6):
                plan.review_on = self.as_of + draws.integer(-200, 300)
                if draws.chance(0.12):
                    plan.intended_end = self.as_of + draws.integer(-60, 240)
            plan.issues = [Issue(day, None if draws.chance(0.01) else plan.quantity) for day in issued]
            plans.append(plan)
        return plans

    def _short(self, medicine: str, when: Span, reason: Condition | None) -> list[Plan]:
        entry = self.catalogue.medicines.medicines[medicine]
        draws = self.draws
        key = draws.one_of(entry.short)
        pattern = self.catalogue.doses.patterns[entry.short_pattern]
        plan = self._plan(key, pattern, when.started, days=7, reason=reason)
        plan.kind, plan.quantity, plan.states_days = "acute", draws.one_of(entry.short_quantity), False
        count = draws.weighted({1: 0.6, 2: 0.25, 3: 0.15})
        day = when.started
        for _ in range(count):
            if day <= min(self.as_of, when.ended or self.as_of):
                plan.issues.append(Issue(day, plan.quantity))
            day += draws.integer(7, 30)
        plan.ended = min(plan.issues[-1].on + 28, self.as_of)
        return [plan]

    def _plan(self, key: str, pattern: Pattern, first: int, *, days: int, reason: Condition | None) -> Plan:
        draws = self.draws
        product = self.catalogue.medicines.products[key]
        text = draws.one_of(pattern.texts).replace("{u}", product.unit)
        unclear = draws.chance(self.catalogue.doses.unclear_share)
        if unclear:
            text = draws.one_of(self.catalogue.doses.unclear)
        plan = Plan(product, pattern, text, "repeat", self.org, first, days=days, as_required=pattern.as_required)
        plan.quantity = None if draws.chance(0.02) else (product.pack or pattern.per_day * days)
        plan.structured = draws.chance(0.25) and not unclear
        plan.states_days = draws.chance(0.3)
        plan.degraded = draws.chance(0.004)
        if reason is not None and draws.chance(0.3):
            plan.reason = reason if draws.chance(0.8) else None
            plan.reason_text = reason.term
        return plan
