"""`replan`: a plan that is on its way, made anew from where the person is. Holding, going back a step and going on are ordinary moves.

    hold, resume, slower    the doses that were agreed, on other days
    step back               up to the dose before; what follows is smaller and slower, as the knowledge base says
    smaller, other end, move step    planned anew from the present dose

What was lived through stays in the plans before: `lived` joins the versions to one history. Days and doses only; no database, no clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from msgspec.structs import replace as changed

from stepwell.clinical.tapering import bounds, words
from stepwell.clinical.tapering.alternate import DAYS, other_day_first
from stepwell.clinical.tapering.dates import days_of_steps
from stepwell.clinical.tapering.model import Change, ChangeKind, Mode, NotPlanned, Plan, Request, Rule, Standing, Step, Warned
from stepwell.clinical.tapering.propose import propose
from stepwell.knowledge.compile import Knowledge
from stepwell.knowledge.tapering import TaperRule, TaperSupport, support_of

HALF = 2
_DAY = timedelta(days=1)


def replan(plan: Plan, standing: Standing, change: Change, knowledge: Knowledge) -> Plan:
    """The plan from `standing.on` on. NotPlanned says why a change cannot be made and what can."""
    rule = knowledge.taper_rule_of(plan.medicine)
    if rule is None or plan.request is None:
        raise NotPlanned("This plan cannot be made anew: propose a new one.")
    if standing.dose_ug <= plan.to_ug and change.kind not in (ChangeKind.STEP_BACK, ChangeKind.OTHER_END):
        raise NotPlanned("The end point is reached: there is no further step. Go back a step, or choose another end point.")
    return _Replanner(plan, plan.request, standing, knowledge, rule).changed(change)


def lived(versions: Sequence[Plan], until: date) -> tuple[Step, ...]:
    """One history from the versions of a plan, the oldest first: what each said until the next one began, up to a day. A version made on
    the day of a step begins with that step: then it is told as the step it was, up or down."""
    found: list[Step] = []
    starts = [plan.steps[0].on for plan in versions[1:]] + [until + _DAY]
    for plan, end in zip(versions, starts, strict=True):
        for step in plan.steps:
            if step.on < end:
                change = step.built.dose_ug - found[-1].built.dose_ug if found else 0
                moved = change and step.kind in ("hold", "start")
                found.append(changed(step, kind="up" if change > 0 else "down") if moved else step)
    ends = [*(step.on for step in found[1:]), until]
    return tuple(
        changed(step, number=number, days=(end - step.on).days) for number, (step, end) in enumerate(zip(found, ends, strict=True))
    )


class _Replanner:
    def __init__(self, plan: Plan, request: Request, standing: Standing, knowledge: Knowledge, rule: TaperRule) -> None:
        self.plan, self.request, self.standing, self.knowledge, self.rule = plan, request, standing, knowledge, rule
        self.days_in = (standing.on - standing.since).days
        same = [place for place, step in enumerate(plan.steps) if step.built.dose_ug == standing.dose_ug and step.on <= standing.on]
        later = [place for place, step in enumerate(plan.steps) if step.built.dose_ug == standing.dose_ug]
        self.on_plan = bool(same or later)
        by_day = [place for place, step in enumerate(plan.steps) if step.on <= standing.on]
        self.place = (same or later[:1] or by_day or [0])[-1]

    def changed(self, change: Change) -> Plan:
        return self._in_turn(self._replanned(change))

    def _in_turn(self, plan: Plan) -> Plan:
        """The plan beginning with what is due on this day, where the dose is taken on alternate days: nobody takes the larger twice."""
        before, first = self.plan.steps[self.place], plan.steps[0]
        same = before.built.dose_ug == first.built.dose_ug == self.standing.dose_ug
        if not same or not before.built.alternates or before.on > self.standing.on:
            return plan
        second_day = (self.standing.on - before.on).days % DAYS
        due = other_day_first(before.built) if second_day else before.built
        return changed(plan, steps=(changed(first, built=due), *plan.steps[1:]))

    def _replanned(self, change: Change) -> Plan:
        kind = change.kind
        if kind == ChangeKind.HOLD:
            days = self.plan.interval_days if change.days is None else change.days
            if days < 1:
                raise NotPlanned(f"A hold of {days} days is none: give at least 1.")
            # Never sooner than the step would have come by itself.
            until = max(days, self._left(self.plan.interval_days))
            return self._later("hold", until, self.plan.interval_days, (*self._long_hold(days),))
        if kind == ChangeKind.RESUME:
            return self._later("start", self._left(self.plan.interval_days), self.plan.interval_days, ())
        if kind == ChangeKind.SLOWER:
            days = self._longer() if change.days is None else change.days
            if days <= self.plan.interval_days:
                raise NotPlanned(f"Steps every {days} days are not slower: they are every {self.plan.interval_days} days now.")
            return self._later("start", self._left(days), days, ())
        if kind == ChangeKind.STEP_BACK:
            return self._step_back()
        if kind == ChangeKind.SMALLER:
            return self._smaller(change)
        if kind == ChangeKind.OTHER_END:
            if change.to_ug is None:
                raise NotPlanned("Say down to which dose.")
            return propose(changed(self._from_here(), to_ug=change.to_ug), self.knowledge)
        return self._moved(change)

    # From here

    def _from_here(self, *, dose_ug: int | None = None, place: int | None = None) -> Request:
        """The request of the plan, from the present dose (or another) and day on; own doses and holds of later steps are kept."""
        request, place = self.request, self.place if place is None else place
        dose = self.standing.dose_ug if dose_ug is None else dose_ug
        downs = sum(step.kind in ("down", "end") for step in self.plan.steps[: place + 1])
        return changed(
            request,
            dose_ug=dose,
            start_on=self.standing.on,
            first_ug=request.first_ug or self.plan.from_ug,
            steps_before=request.steps_before + downs,
            first_kind="start",
            first_days=self._left(self.plan.interval_days),
            interval_days=self.plan.interval_days,
            mode=self.plan.mode,
            overrides={number - place: own for number, own in request.overrides.items() if number > place and own < dose},
            holds={number - place: days for number, days in request.holds.items() if number > place},
        )

    def _left(self, days: int) -> int:
        """Days of the present step that are still to come when steps take `days`."""
        return max(0, days - self.days_in)

    def _later(self, kind: str, first_days: int, interval: int, warned: Sequence[Warned]) -> Plan:
        """The doses that were agreed, from the present one on, on other days."""
        request = changed(self._from_here(), first_kind=kind, first_days=first_days, interval_days=interval)
        if not self.on_plan:
            return propose(request, self.knowledge)
        first = self.plan.steps[self.place]
        stated = bounds.stated(self.rule)
        told = {"hold": "holding at this dose", "start": "the present dose"}[kind]
        start = changed(first, kind=kind, requested_ug=first.built.dose_ug, rule=changed(stated, words=told), percent_down=0)
        steps = [start, *self.plan.steps[self.place + 1 :]]
        spans = [first_days, *(interval + request.holds.get(number, 0) for number in range(1, len(steps) - 1))][: len(steps) - 1]
        return changed(
            self.plan,
            from_ug=self.standing.dose_ug,
            interval_days=interval,
            steps=_on_days(steps, days_of_steps(self.standing.on, spans, self.rule.interval.shortest.whole, request.nation)),
            warnings=(*self.plan.warnings, *warned),
            request=request,
        )

    # Changes

    def _step_back(self) -> Plan:
        """Up to the dose before, then as the knowledge base says: steps of half the size at twice the interval."""
        standing, plan = self.standing, self.plan
        before = standing.before_ug
        if before is None:
            before = next(
                (step.built.dose_ug for step in reversed(plan.steps[: self.place]) if step.built.dose_ug > standing.dose_ug), None
            )
        if before is None or before <= standing.dose_ug:
            raise NotPlanned("There is no dose before this one in the plan: hold at this dose, or ask the prescriber.")
        place = max((number for number, step in enumerate(plan.steps) if step.built.dose_ug == before), default=0)
        interval = self._doubled()
        request = changed(
            self._from_here(dose_ug=before, place=place),
            first_kind="up",
            first_days=interval,
            interval_days=interval,
            overrides={},
            holds={},
        )
        return self._first_that_is_planned(self._halved(request, before - standing.dose_ug), request)

    def _smaller(self, change: Change) -> Plan:
        request = changed(self._from_here(), overrides={})
        if change.rate_percent is not None or change.step_ug is not None:
            return propose(changed(request, rate_percent=change.rate_percent, step_ug=change.step_ug), self.knowledge)
        steps = self.plan.steps
        size = next((steps[n].built.dose_ug - steps[n + 1].built.dose_ug for n in range(self.place, len(steps) - 1)), self.standing.dose_ug)
        tried = list(self._halved(request, size))
        return self._first_that_is_planned(tried, tried[0])

    def _halved(self, request: Request, size: int) -> Iterator[Request]:
        """The request with steps of half the size, in the way of its mode; `size`: micrograms of the step that was too large."""
        smallest = self.rule.smallest_step.ug if self.rule.smallest_step else 1
        if request.mode == Mode.HYPERBOLIC and self.knowledge.occupancies.get(request.medicine) and request.step_ug is None:
            points = request.points or (self.rule.points.whole if self.rule.points else 1)
            yield changed(request, points=points * HALF)
        elif request.step_ug is None and request.mode in (Mode.PROPORTIONAL, Mode.HYPERBOLIC):
            default = self.rule.default_rate("present") or self.rule.default_rate("first")
            rate = request.rate_percent or (default.percent if default else float(bounds.WHOLE * size / max(request.dose_ug, 1)))
            yield changed(request, rate_percent=rate / HALF)
        else:
            whole = size if request.step_ug is None else min(size, request.step_ug)
            yield changed(request, step_ug=max(whole // HALF, smallest), rate_percent=None)
        # In products that make no step so small: a proportion of half, in whatever mode it can be planned.
        default = self.rule.default_rate("present") or self.rule.default_rate("first")
        if default is not None and request.mode not in (Mode.PROPORTIONAL, Mode.HYPERBOLIC):
            modes = {each.mode for each in self.rule.modes}
            if Mode.PROPORTIONAL in modes:
                yield changed(request, mode=Mode.PROPORTIONAL, step_ug=None, rate_percent=(request.rate_percent or default.percent) / HALF)

    def _first_that_is_planned(self, tried: Iterator[Request] | Sequence[Request], otherwise: Request) -> Plan:
        """The plan of the first request that gives one; of `otherwise` with a word about it when none of them does."""
        for request in tried:
            try:
                return propose(request, self.knowledge)
            except NotPlanned:
                continue
        plan = propose(otherwise, self.knowledge)
        text = "Steps of half the size cannot be built from these products: the steps are as before, further apart"
        return changed(plan, warnings=(*plan.warnings, Warned(words=text, rule=self._step_back_rule(text))))

    def _moved(self, change: Change) -> Plan:
        """A later step with another dose or on another day."""
        number = (change.number or 0) - self.place
        if number < 1 or (change.number or 0) >= len(self.plan.steps):
            raise NotPlanned("Only a step that is still to come can be moved: choose one.")
        request = self._from_here()
        if change.dose_ug is not None:
            request = changed(request, overrides={**request.overrides, number: change.dose_ug})
        if change.on is None:
            return propose(request, self.knowledge)
        plan = propose(request, self.knowledge)
        if number >= len(plan.steps):
            raise NotPlanned("That step is no longer in the plan: choose another.")
        later = (change.on - plan.steps[number].on).days
        shortest = self.rule.interval.shortest.whole
        # A step's days are those of the interval unless it is the first of this plan, part of which is over.
        span = (request.first_days or 0) + self.days_in if number == 1 else plan.interval_days + request.holds.get(number - 1, 0)
        if span + later < shortest:
            earliest = plan.steps[number].on - timedelta(days=span - shortest)
            raise NotPlanned(
                f"Step {change.number} on {change.on:%d-%b-%Y} would follow too soon: at least {shortest} days lie between steps, "
                f"so not before {earliest:%d-%b-%Y}.",
                rule=bounds.cited(f"at least {shortest} days", self.rule.interval.shortest, f"{self.rule.taper_rule}: interval"),
            )
        if number == 1:
            request = changed(request, first_days=max(0, (request.first_days or 0) + later))
        else:
            request = changed(request, holds={**request.holds, number - 1: request.holds.get(number - 1, 0) + later})
        return propose(request, self.knowledge)

    # Figures

    def _longer(self) -> int:
        """The next longer interval that is offered, twice the present one after the longest."""
        now = self.plan.interval_days
        longer = sorted(option.whole for option in self.rule.interval.options if option.whole > now)
        return longer[0] if longer else now * HALF

    def _doubled(self) -> int:
        """Twice the interval, at most the longest that is offered; never shorter than now."""
        now = self.plan.interval_days
        longest = max(option.whole for option in self.rule.interval.options)
        return max(now, min(now * HALF, longest))

    def _step_back_rule(self, text: str) -> Rule:
        found: list[TaperSupport] = support_of(self.knowledge, "step-back", self.rule.taper_rule)
        entry = next(iter(found), None)
        if entry is None:
            return Rule(words=text, source=("P",), mark="P", entry="step back")
        return bounds.cited(text, entry, f"support: {entry.support}")

    def _long_hold(self, days: int) -> Iterator[Warned]:
        """A hold longer than the knowledge base has without a review."""
        for entry in support_of(self.knowledge, "hold", self.rule.taper_rule):
            if entry.figure is not None and entry.figure.unit == "days" and days > entry.figure.whole:
                text = f"{entry.words} ({words.number(entry.figure.value)} days)"
                yield Warned(words=text, rule=bounds.cited(entry.label, entry.figure, f"support: {entry.support}"))


def _on_days(steps: Sequence[Step], on: Sequence[date]) -> tuple[Step, ...]:
    """The steps on other days, numbered from 0."""
    ends = [*on[1:], on[-1]]
    return tuple(
        changed(step, number=number, on=day, days=(end - day).days)
        for number, (step, day, end) in enumerate(zip(steps, on, ends, strict=True))
    )
