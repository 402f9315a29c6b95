"""`propose`: a whole reduction from a request, step by step in products that exist, or a refusal that says what can be done instead.

Each step: the mode says which dose is wanted (`shape`), the bound how far it may go from the built dose before (`bounds`), the search
what can be made of it (`build`), the calendar when (`dates`). What a person asked for and the bound forbids is refused; what the
knowledge base proposes and the bound forbids is made smaller, and the step says so. The same request gives the same plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import msgspec

from stepwell.clinical.tapering import bounds, guards, shape, words
from stepwell.clinical.tapering.alternate import alternate, largest_day, may_alternate
from stepwell.clinical.tapering.build import PATCH, build, by_release, is_liquid, release
from stepwell.clinical.tapering.dates import days_of_steps, good_day
from stepwell.clinical.tapering.model import QUARTERS, Built, Mode, NotPlanned, Plan, Request, Rule, Step, Warned
from stepwell.clinical.tapering.ways import Way, blocks, smallest, unnamed, usable, ways
from stepwell.clinical.working_days import nation as checked_nation
from stepwell.knowledge.compile import Knowledge
from stepwell.knowledge.tapering import TaperProduct, TaperRule, products_of

MOST_STEPS = 200
_RELEASES = {"immediate": "products of immediate release"}
HALF = 2


class NotBuilt(NotPlanned):
    """A dose that these products do not make, or not near enough."""


class BeyondBound(NotPlanned):
    """A step that was asked for and goes further than the bound. lowest_ug: the lowest dose that it may go to; number: which step."""

    def __init__(self, text: str, *, rule: Rule, lowest_ug: int, number: int) -> None:
        super().__init__(text, rule=rule)
        self.lowest_ug, self.number = lowest_ug, number


@dataclass(frozen=True, slots=True)
class _Draft:
    """meant_ug: what the mode goes on from, where the bound made the dose that was asked for a little smaller; None: that dose."""

    kind: str
    asked_ug: int
    built: Built
    rule: Rule
    meant_ug: int | None = None


def plan_of(request: Request, knowledge: Knowledge) -> Plan:
    """The plan, without proposals for what cannot be planned."""
    rule, products = known(request, knowledge)
    unit = unit_of(products)
    check_plausible(request, knowledge, unit)
    warnings = guards.check(
        request.medicine,
        request.dose_ug,
        request.history,
        knowledge,
        patches=unit == words.PATCHES,
        abrupt=is_abrupt(request, rule),
    )
    check_request(request, rule, products, knowledge, unit)
    refusal: NotPlanned | None = None
    for way in ways(request, rule, products):
        try:
            maker = _Maker(request, knowledge, rule, way, unit)
            return maker.plan((*warnings, *_worth_knowing(request, rule, way, products, refusal)))
        except (NotBuilt, BeyondBound) as found:
            refusal = refusal or found
    assert refusal is not None
    if not refusal.route and isinstance(refusal, NotBuilt):
        refusal.route = other_ways(rule)
    raise refusal


def other_ways(rule: TaperRule) -> str:
    """Who to go to when products do not make a step."""
    if rule.switch_to is None or rule.switch_to.medicine == rule.medicine:
        return "The pharmacist: another strength or preparation. Or the prescriber: larger steps further apart, or another medicine."
    switch = rule.switch_to
    return f"The prescriber, about a change to {switch.medicine}: {switch.when}; {switch.method}."


def known(request: Request, knowledge: Knowledge) -> tuple[TaperRule, tuple[TaperProduct, ...]]:
    """The rule of the medicine and its products. NotPlanned when there is neither, after what forbids it was told."""
    medicine = request.medicine
    if medicine not in knowledge.substances:
        raise NotPlanned(f"No medicine {medicine!r} is known here: write its name as in the British National Formulary.")
    rule = knowledge.taper_rule_of(medicine)
    products = tuple(products_of(knowledge.taper_products, medicine))
    if rule is None or not products:
        guards.check(medicine, request.dose_ug, request.history, knowledge, patches=False)
        label = knowledge.substances[medicine].label
        why = next((each.because for each in rule.no_products if medicine in each.medicines), "") if rule else ""
        said = f": {why}" if why else ". Ask the specialist who began it, or the pharmacist."
        raise NotPlanned(
            f"Stepwell does not plan the reduction of {label}{said}", route=why or "the specialist who began it, or the pharmacist"
        )
    return rule, products


def unit_of(products: Sequence[TaperProduct]) -> str:
    """What doses of these products are counted in."""
    return words.PATCHES if products and all(product.form == PATCH for product in products) else words.MG


def is_abrupt(request: Request, rule: TaperRule) -> bool:
    """Whether it asks for nothing at once, from more than may be stopped at once."""
    whole = bounds.WHOLE
    at_once = (request.step_ug or 0) >= request.dose_ug or (request.rate_percent or 0) >= whole or request.overrides.get(1) == 0
    allowed = rule.stop_directly.ug if rule.stop_directly else 0
    end = rule.bound.end.ug if rule.bound.end else 0
    return request.to_ug == 0 and at_once and request.dose_ug > max(allowed, end)


def check_plausible(request: Request, knowledge: Knowledge, unit: str) -> None:
    """A present dose far above the maximum is taken for a slip: NotPlanned."""
    medicine = knowledge.substances[request.medicine]
    most, times = medicine.max_daily, knowledge.parameters["taper_implausible_times"].value
    if most is not None and most.mg is not None and most.days == 1 and unit == words.MG:
        top = words.dose(int(most.mg * words.UG_PER_MG), unit)
        if request.dose_ug > times * most.mg * words.UG_PER_MG:
            raise NotPlanned(
                f"{words.dose(request.dose_ug, unit)} a day of {medicine.label} is more than {times} times the maximum ({top}): "
                "check the dose and its unit.",
                rule=bounds.cited(f"maximum {top} a day", most, f"medicine: {medicine.medicine}"),
            )


def check_request(request: Request, rule: TaperRule, products: Sequence[TaperProduct], knowledge: Knowledge, unit: str) -> None:
    """What nobody can plan: NotPlanned with what to write instead."""
    checked_nation(request.nation)
    label = knowledge.substances[request.medicine].label
    if request.to_ug >= request.dose_ug:
        raise NotPlanned(
            f"The end point ({words.dose(request.to_ug, unit)}) is not below the present dose ({words.dose(request.dose_ug, unit)}): "
            "give a lower one, or 0 to stop."
        )
    if request.interval_days is not None and request.interval_days < rule.interval.shortest.whole:
        shortest = rule.interval.shortest
        raise NotPlanned(
            f"Steps every {request.interval_days} days are too fast: at least {shortest.whole} days lie between two steps.",
            rule=bounds.cited(f"at least {shortest.whole} days", shortest, f"{rule.taper_rule}: interval"),
        )
    for name, value in (("rate", request.rate_percent), ("step", request.step_ug), ("number of points", request.points)):
        if value is not None and value <= 0:
            raise NotPlanned(f"The {name} is {value}: give one above 0.")
    if request.alternate and not rule.alternate_days.value:
        raise NotPlanned(
            f"{label} is not taken on alternate days: a dose every day, of other strengths or a liquid.",
            rule=bounds.cited("not on alternate days", rule.alternate_days, f"{rule.taper_rule}: alternate days"),
        )
    if request.mode is not None and request.mode not in {mode.mode for mode in rule.modes}:
        offered = words.listed((mode.mode for mode in rule.modes), "or")
        raise NotPlanned(f"{label} is not reduced in the mode {request.mode.value!r}: use {offered}.")
    unknown = sorted((request.products or frozenset()) - {product.product for product in products})
    if unknown or request.products == frozenset():
        names = words.listed(product.product for product in products)
        raise NotPlanned(f"No product {words.listed(unknown) or 'named'} of {label}: there are {names}.")


def _worth_knowing(
    request: Request, rule: TaperRule, way: Way, products: Sequence[TaperProduct], refusal: NotPlanned | None
) -> Iterator[Warned]:
    if rule.stop_directly is not None and request.dose_ug <= rule.stop_directly.ug:
        text = f"From {words.figure_of(rule.stop_directly)} or less it may be stopped at once; this plan goes down in steps"
        yield Warned(words=text, rule=bounds.cited(text, rule.stop_directly, f"{rule.taper_rule}: stop directly"))
    if request.products is None and len(by_release(usable(request, products))) > 1:
        kind = _RELEASES.get(release(way.products[0]), f"{release(way.products[0])}s")
        text = f"Its products release differently: this plan begins with {kind}"
        yield Warned(words=text, rule=Rule(words=text, source=("P",), mark="P", entry="products"), asks=f"Does the person take {kind} now?")
    if refusal is None:
        return
    basis = Rule(words="how the plan was found", source=("P",), mark="P", entry=f"{rule.taper_rule}: modes")
    if way.also:
        text = "Products that release differently follow one another in this plan"
        yield Warned(words=f"{text}, because otherwise: {refusal.words}", rule=basis)
    usual = next(ways(request, rule, products))
    if (way.mode, way.interval_days) != (usual.mode, usual.interval_days):
        text = f"Planned as {way.mode.value} every {way.interval_days} days, because the usual way cannot be built: {refusal.words}"
        yield Warned(words=text, rule=basis)


@dataclass
class _Maker:
    """Makes one plan in one way."""

    request: Request
    knowledge: Knowledge
    rule: TaperRule
    way: Way
    unit: str
    first_ug: int = 0
    smallest_ug: int = 0
    asked_first: int = 0
    drafts: list[_Draft] = field(default_factory=list)

    def __post_init__(self) -> None:
        request, parameters = self.request, self.knowledge.parameters
        self.first_ug = request.first_ug or request.dose_ug
        everything = tuple(products_of(self.knowledge.taper_products, request.medicine))
        self.everything = everything
        # The smallest dose that can be built does not grow because somebody leaves the liquid out.
        named = {product.product for product in (*unnamed(everything), *self.way.products, *self.way.also)}
        self.smallest_ug = min(smallest(product) for product in everything if product.product in named)
        self.smallest_used_ug = min(smallest(product) for product in (*self.way.products, *self.way.also))
        names = ("taper_alike_percent", "taper_solid_percent", "taper_error_percent")
        self.alike_percent, self.solid_percent, self.error_percent = (parameters[name].value for name in names)
        self.turned = may_alternate(self.way.products) if self.rule.alternate_days.value else ()
        self.named_turned = tuple(product for product in self.turned if product.product in self.rule.alternate_days.products)
        if self.turned:
            # One of the smallest every other day.
            self.smallest_used_ug = min(self.smallest_used_ug, -(-min(smallest(product) for product in self.turned) // HALF))
        self.curve = self.knowledge.occupancies.get(request.medicine)
        self.shape = shape.Shape(self.way.mode, self.rule, request, self.curve, self.first_ug, self.unit)
        self.blocks = blocks(self.way)
        self.tiers = [tier for tiers in self.blocks for tier in tiers]

    def plan(self, warnings: Sequence[Warned]) -> Plan:
        self.drafts = [_Draft(self.request.first_kind, self.request.dose_ug, self._start(), self._first_rule())]
        while self.present > self.request.to_ug:
            number = len(self.drafts)
            if number > MOST_STEPS:
                raise NotBuilt(f"This takes more than {MOST_STEPS} steps: choose larger steps.", rule=bounds.stated(self.rule))
            self.drafts.append(self._overridden(number) if number in self.request.overrides else self._step(number))
        steps = self._dated()
        if any(step.built.alternates for step in steps):
            warnings = (*warnings, self._told_of_alternate_days())
        request = msgspec.structs.replace(
            self.request,
            mode=self.way.mode,
            interval_days=self.way.interval_days,
            start_on=steps[0].on,
            first_ug=self.first_ug,
        )
        return Plan(
            medicine=request.medicine,
            mode=self.way.mode,
            unit=self.unit,
            from_ug=request.dose_ug,
            to_ug=request.to_ug,
            interval_days=self.way.interval_days,
            steps=steps,
            bound=bounds.stated(self.rule),
            warnings=tuple(warnings),
            pack=f"{self.knowledge.pack} {self.knowledge.version}",
            request=request,
        )

    @property
    def present(self) -> int:
        return self.drafts[-1].built.dose_ug

    # The first step

    def _start(self) -> Built:
        """The present dose as it is taken, if need be in products that the plan does not use further on."""
        dose = self.request.dose_ug
        for found in self._exactly(dose, most_a_day_ug=HALF * dose):
            if found is not None:
                return found
        elsewhere = self._allowed(build(dose, self.everything, permitted_ug=0, mixed=self.request.mixed))
        if elsewhere is not None:
            return elsewhere
        near = build(dose, self.everything)
        hint = f" The nearest dose that can be is {words.dose(near.dose_ug, self.unit)}." if near else ""
        raise NotBuilt(f"{self._dose(dose)} cannot be made from products that exist: check the dose.{hint}")

    def _exactly(self, ug: int, *, most_a_day_ug: int) -> Iterator[Built | None]:
        """Ways to make exactly this dose, the plainest first; on alternate days where nothing else makes it, or a person chose them."""
        if self.request.alternate:
            yield build(ug, self.named_turned, permitted_ug=0)
            yield alternate(ug, self.named_turned, permitted_ug=0, most_a_day_ug=most_a_day_ug)
        for products in self.tiers:
            yield self._allowed(build(ug, products, permitted_ug=0, mixed=self.request.mixed))
        if self.turned:
            yield alternate(ug, self.turned, permitted_ug=0, most_a_day_ug=most_a_day_ug)

    def _told_of_alternate_days(self) -> Warned:
        """Why a dose may stand on alternate days at all."""
        label = self.knowledge.substances[self.request.medicine].label
        text = f"Some doses are taken on alternate days: {label.lower()} may be taken so"
        return Warned(words=text, rule=bounds.cited(text, self.rule.alternate_days, f"{self.rule.taper_rule}: alternate days"))

    def _first_rule(self) -> Rule:
        told = {"start": "the present dose", "hold": "holding at this dose", "up": "back to the dose before"}
        stated = bounds.stated(self.rule)
        told_first = told.get(self.request.first_kind, told["start"])
        return msgspec.structs.replace(stated, words=f"{told_first}; every step after it: {stated.words}")

    # Every other step

    def _limit(self, exempt_to: int | None = None) -> bounds.Limit:
        limit = bounds.largest_step(
            self.rule, self.present, self.first_ug, interval_days=self.way.interval_days, history=self.request.history
        )
        if exempt_to is not None and self.present - exempt_to > limit.ug:
            return bounds.Limit(self.present - exempt_to, limit.rule)
        return limit

    def _end(self, limit: bounds.Limit) -> bounds.Limit:
        """The largest dose from which the next step may go to nothing."""
        return bounds.last_step_from(self.rule, self.first_ug, self.smallest_ug, self.unit) or limit

    def _step(self, number: int) -> _Draft:
        present, to = self.present, self.request.to_ug
        last = self.drafts[-1]
        want = self.shape.wanted(number, present, last.asked_ug if last.meant_ug is None else last.meant_ug)
        if number == 1:
            self.asked_first = self.shape.first_step(present - want.ug)
        limit = self._limit(want.ug if want.exempt else None)
        if limit.ug == 0:
            raise NotBuilt(f"Every {self.way.interval_days} days: {limit.rule.words}.", rule=limit.rule)
        end = self._end(limit)
        may_end = to == 0 and (present <= end.ug or (want.exempt and want.ug == 0))
        if may_end and (want.ug == 0 or self._is_last(want)):
            return _Draft("end", 0, Built(items=(), dose_ug=0), want.rule if want.ug == 0 else end.rule)
        low = max(to, present - limit.ug, 1)
        self._check_chosen(number, want, limit, low)
        target = self._target(want, low, limit)
        rule, meant = want.rule, None
        if rule.entry.endswith(shape.CHOSEN):
            rule = msgspec.structs.replace(rule, source=limit.rule.source, mark=limit.rule.mark)
        if 0 < want.ug < target and target - want.ug <= (present - want.ug) * self.alike_percent // bounds.WHOLE:
            meant = want.ug
        if target > want.ug and target == low:
            rule = _bounded(want.rule, limit.rule)
        elif target > want.ug and target == self.smallest_used_ug:
            rule = msgspec.structs.replace(rule, words=f"{rule.words}: the smallest dose that these products make")
        built = self._built(target, low, present, solid=want.solid)
        if built is None and may_end and present > max(self.asked_first, self.smallest_used_ug):
            # It could stop here, but the last step would be larger than the first: any dose between does better.
            built = self._built(target, low, present, solid=want.solid, free=True)
        if built is None:
            if may_end:
                return _Draft("end", 0, Built(items=(), dose_ug=0), end.rule)
            raise self._not_built(target)
        if abs(built.dose_ug - target) > self._permitted(present - target):
            rule = msgspec.structs.replace(rule, words=f"{rule.words}: the nearest dose that these products make inside the bound")
        return _Draft("end" if built.dose_ug == to else "down", target, built, rule, meant)

    def _permitted(self, step_ug: int) -> int:
        """How far a build may be from the dose asked for, of a step of this size."""
        return step_ug * self.error_percent // bounds.WHOLE

    def _is_last(self, want: shape.Wanted) -> bool:
        """Whether nothing follows, though a smaller dose is wanted: none so small can be built, or a proportion would go on for ever and
        the last step is no larger than the first."""
        if want.ug < self.smallest_used_ug:
            return True
        return want.endless and self.present <= max(self.asked_first, self.smallest_used_ug)

    def _check_chosen(self, number: int, want: shape.Wanted, limit: bounds.Limit, low: int) -> None:
        """A rate or a step that a person chose is not quietly made smaller at the first step: it is refused, with what may be."""
        if number == 1 and self._chosen and want.ug < low and want.ug >= self.request.to_ug and self.present - max(want.ug, 1) > limit.ug:
            raise self._beyond(number, want.ug, limit)

    def _beyond(self, number: int, wanted: int, limit: bounds.Limit) -> BeyondBound:
        present = self.present
        lowest = present - limit.ug
        return BeyondBound(
            f"From {self._dose(present)} to {self._dose(wanted)} is too much in one step: {limit.rule.words}, "
            f"so not below {self._dose(lowest)}.",
            rule=limit.rule,
            lowest_ug=lowest,
            number=number,
        )

    def _target(self, want: shape.Wanted, low: int, limit: bounds.Limit) -> int:
        present, to = self.present, self.request.to_ug
        if not want.ug and not to:
            # It may not end yet: half way, so that what is left is no larger than this step.
            return max(low, present // HALF)
        target = max(want.ug, low)
        if to and present - to <= limit.ug and target > to and HALF * (target - to) <= present - target:
            return to
        if not to and target < self.smallest_used_ug < present:
            return max(low, self.smallest_used_ug)
        return target

    def _built(self, target: int, low: int, present: int, *, solid: bool = False, free: bool = False, own: bool = False) -> Built | None:
        """The plainest build that is near enough, within the bound and below what is taken now (ADR 12 has the order). solid: nothing but
        solids is meant; free: any dose inside the bound will do; own: a person chose this dose, which is not rounded to tablets."""
        most = largest_day(self.drafts[-1].built)
        if target == self.request.to_ug:
            exact = next((found for found in self._exactly(target, most_a_day_ug=most) if found is not None), None)
            if exact is None:
                raise self._no_end()
            return exact
        step = present - target
        smallest_step = self.rule.smallest_step.ug if self.rule.smallest_step else 1
        alike, permitted = step * self.alike_percent // bounds.WHOLE, self._permitted(step)
        # Who measures a liquid already is not sent to and fro between forms for a dose that is only near.
        exact_only = own or any(item.microlitres for item in self.drafts[-1].built.items)
        near = alike if exact_only else max(alike, step * self.solid_percent // bounds.WHOLE)
        high = max(target, present - smallest_step + alike) if present - smallest_step >= low else present - 1
        high = min(high, present - 1)
        # Going down what products make, or a curve that is met again wherever it is left, any dose inside the bound will do.
        curved = self.way.mode == Mode.HYPERBOLIC and self.curve is not None
        loose = None if self.way.mode == Mode.PRODUCT_STEPS or curved or free else permitted

        def made(products: tuple[TaperProduct, ...], error: int | None) -> Built | None:
            return self._allowed(
                build(target, products, at_least_ug=low, at_most_ug=high, permitted_ug=error, alike_ug=alike, mixed=self.request.mixed)
            )

        def turned(products: tuple[TaperProduct, ...], error: int | None) -> Built | None:
            if not products:
                return None
            return alternate(
                target, products, most_a_day_ug=most, at_least_ug=low, at_most_ug=high, permitted_ug=error, alike_ug=alike
            )  # fmt: skip

        def tried(tiers: list[tuple[TaperProduct, ...]]) -> Iterator[Built | None]:
            solids = [tier for tier in tiers if not any(is_liquid(product) for product in tier)]
            if self.request.alternate:
                yield from (way(self.named_turned, alike) for way in (made, turned))
            yield from (made(tier, alike) for tier in solids)
            if self.request.alternate:
                yield turned(self.turned, alike)
            yield from (made(tier, near) for tier in solids[-1:])
            if self.request.alternate:
                yield turned(self.turned, near)
            yield from (made(tier, alike) for tier in tiers if tier not in solids)
            yield turned(self.turned, alike)
            if solid:
                yield from (made(tier, loose) for tier in solids)
            yield made(tiers[-1], loose)
            yield turned(self.turned, loose)

        for tiers in self.blocks:
            found = next((found for found in tried(tiers) if found is not None), None)
            if found is not None:
                return found
        # What is left. Where nobody chose how large a step is, any dose inside the bound; otherwise as far as the class's absolute step, or
        # one smallest measure of a liquid where the step is hardly more.
        if self._chosen:
            grain = min((smallest(product) for product in self.tiers[-1] if is_liquid(product)), default=0)
            named = self.rule.bound.step.ug if self.rule.bound.step else 0
            low = max(low, present - max(named, grain if step < HALF * grain else 0))
        high = present - 1
        return next((found for tier in self.tiers if (found := made(tier, None)) is not None), None) if low <= high else None

    @property
    def _chosen(self) -> bool:
        """Whether a person chose how large the steps are."""
        return self.request.rate_percent is not None or self.request.step_ug is not None

    def _allowed(self, built: Built | None) -> Built | None:
        """The build unless it takes more of one product than is allowed for what else is in it."""
        if built is None:
            return None
        most = {product.product: product.most_a_day for product in self.everything if product.most_a_day is not None}
        for item in built.items:
            figure = most.get(item.product)
            if figure is not None and item.quarters > figure.value * QUARTERS:
                return None
        return built

    def _overridden(self, number: int) -> _Draft:
        """A step with a dose that a person chose: inside the bound, as near to it as can be built."""
        present, to = self.present, self.request.to_ug
        wanted = max(self.request.overrides[number], to)
        if wanted > present:
            raise NotPlanned(
                f"Step {number} would go up, from {self._dose(present)} to {self._dose(wanted)}: hold at this dose, or go back a step.",
                rule=bounds.stated(self.rule),
            )
        limit = self._limit()
        rule = bounds.cited("chosen here, inside the bound", self.rule.bound.of_present, f"{self.rule.taper_rule}: bound; own dose")
        if wanted == present:
            return _Draft("hold", present, self.drafts[-1].built, msgspec.structs.replace(rule, words="holding at this dose: chosen here"))
        if wanted == 0:
            end = self._end(limit)
            if present > end.ug:
                raise self._beyond(number, 0, bounds.Limit(min(limit.ug, present - 1), end.rule))
            return _Draft("end", 0, Built(items=(), dose_ug=0), rule)
        if present - wanted > limit.ug:
            raise self._beyond(number, wanted, limit)
        low = max(present - limit.ug, to, 1)
        built = self._built(wanted, low, present, own=True)
        if built is None:
            near = [build(wanted, tier, at_least_ug=low, at_most_ug=present - 1, mixed=self.request.mixed) for tier in self.tiers]
            found = [each for each in near if self._allowed(each) is not None]
            built = min((each for each in found if each is not None), key=lambda each: abs(each.dose_ug - wanted), default=None)
        if built is None:
            raise self._not_built(wanted)
        return _Draft("end" if built.dose_ug == to else "down", wanted, built, rule)

    # Refusals

    def _not_built(self, target: int) -> NotBuilt:
        present = self.present
        return NotBuilt(
            f"The step from {self._dose(present)} to {self._dose(target)} cannot be made from {_labels(self.way)} near enough.",
            rule=bounds.stated(self.rule),
        )

    def _no_end(self) -> NotBuilt:
        to = self.request.to_ug
        products = (*self.way.products, *self.way.also)
        near = build(to, products, at_most_ug=self.request.dose_ug - 1)
        hint = f" The nearest that can be is {self._dose(near.dose_ug)}." if near else ""
        return NotBuilt(f"The end point {self._dose(to)} cannot be made from {_labels(self.way)}.{hint}")

    def _dose(self, ug: int) -> str:
        return words.dose(ug, self.unit)

    # Dates

    def _dated(self) -> tuple[Step, ...]:
        request, drafts = self.request, self.drafts
        resumed = request.first_days is not None
        start = request.start_on if resumed else good_day(request.start_on, request.nation)
        spans = [self.way.interval_days + request.holds.get(number, 0) for number in range(len(drafts) - 1)]
        if spans and request.first_days is not None:
            spans[0] = request.first_days
        floor = self.rule.minimum_days
        if floor is not None and not resumed and spans and sum(spans) < floor.whole:
            spans[-1] += floor.whole - sum(spans)
        on = days_of_steps(start, spans, self.rule.interval.shortest.whole, request.nation)
        found = []
        for number, (draft, day) in enumerate(zip(drafts, on, strict=True)):
            before = drafts[number - 1].built.dose_ug if number else draft.built.dose_ug
            then = on[number + 1] if number + 1 < len(on) else day
            found.append(
                Step(
                    number=number,
                    on=day,
                    days=(then - day) // timedelta(days=1),
                    kind=draft.kind,
                    requested_ug=draft.asked_ug,
                    built=draft.built,
                    rule=draft.rule,
                    percent_down=round(bounds.WHOLE * (before - draft.built.dose_ug) / before) if before else 0,
                    occupancy_permille=self._occupancy(draft.built.dose_ug),
                )
            )
        return tuple(found)

    def _occupancy(self, ug: int) -> int | None:
        if self.curve is None or not shape.studied(self.curve, self.request.dose_ug):
            return None
        return shape.permille(self.curve, ug)


def _bounded(rule: Rule, bound: Rule) -> Rule:
    """The rule of a step that the bound made smaller."""
    return msgspec.structs.replace(bound, words=f"{bound.words}; asked for: {rule.words}")


def _labels(way: Way) -> str:
    return words.listed((product.label for product in (*way.products, *way.also)), "or")
