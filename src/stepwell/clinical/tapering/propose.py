"""`propose`: a whole reduction, or a refusal with what can be built instead.

    plan = propose(Request(medicine="diazepam", dose_ug=20_000, start_on=date(2026, 6, 1)), knowledge.load())

Raises `NotPlanned`: `words` say why not, `route` whom to go to where it is not reduced here, `instead` holds requests that do give a plan.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace as changed

from stepwell.clinical.tapering import words
from stepwell.clinical.tapering.build import build, is_liquid
from stepwell.clinical.tapering.model import Instead, Mode, NotPlanned, Plan, Request
from stepwell.clinical.tapering.plan import BeyondBound, known, plan_of, unit_of, usable
from stepwell.knowledge.compile import Knowledge
from stepwell.knowledge.tapering import TaperProduct, TaperRule

MOST_PROPOSALS = 4
MOST_TRIED = 16


def propose(request: Request, knowledge: Knowledge) -> Plan:
    """The plan for a request. The same request and knowledge give the same plan."""
    try:
        return plan_of(request, knowledge)
    except NotPlanned as refusal:
        refusal.instead = instead(request, refusal, knowledge)
        raise


def instead(request: Request, refusal: NotPlanned, knowledge: Knowledge) -> tuple[Instead, ...]:
    """Requests near to this one that do give a plan, the nearest first."""
    try:
        rule, products = known(request, knowledge)
    except NotPlanned:
        return ()
    found: list[Instead] = []
    for tried, each in enumerate(_near(request, refusal, rule, products)):
        if len(found) == MOST_PROPOSALS or tried == MOST_TRIED:
            break
        if each.request == request or any(each.request == other.request for other in found):
            continue
        try:
            plan_of(each.request, knowledge)
        except (NotPlanned, ValueError):
            continue
        found.append(each)
    return tuple(found)


def _near(request: Request, refusal: NotPlanned, rule: TaperRule, products: tuple[TaperProduct, ...]) -> Iterator[Instead]:
    unit = unit_of(products)
    if request.alternate:
        yield Instead(words="every day the same, with other strengths or a liquid", request=changed(request, alternate=False))
    yield from _doses(request, products, unit)
    yield from _own_doses(request, refusal, unit)
    yield from _products(request, products)
    if isinstance(refusal, BeyondBound):
        yield from _slower(request, rule)
    yield from _sizes(request, rule)
    plain = _in(request, None)
    yield Instead(words="as the knowledge base proposes it", request=changed(plain, interval_days=None))
    shortest = rule.interval.shortest.whole
    if request.interval_days is not None and request.interval_days < shortest:
        yield Instead(words=f"steps every {shortest} days", request=changed(request, interval_days=shortest))
    for mode in rule.modes:
        if request.mode is not None and mode.mode != request.mode:
            yield Instead(words=f"in {mode.mode}" if mode.mode.endswith("steps") else f"{mode.mode}", request=_in(request, Mode(mode.mode)))
    yield from _slower(request, rule)


def _slower(request: Request, rule: TaperRule) -> Iterator[Instead]:
    """The same with more days between steps."""
    usual = request.interval_days or rule.interval.default.whole
    for option in sorted(rule.interval.options, key=lambda option: option.whole):
        if option.whole > usual:
            yield Instead(words=f"slower: steps every {option.whole} days", request=changed(request, interval_days=option.whole))


def _doses(request: Request, products: tuple[TaperProduct, ...], unit: str) -> Iterator[Instead]:
    """The nearest present dose and end point that can be built."""
    if request.to_ug >= request.dose_ug:
        yield Instead(words="down to nothing", request=changed(request, to_ug=0))
        return
    free = usable(request, products) if request.products is None or usable(request, products) else products
    start = build(request.dose_ug, products, at_least_ug=request.to_ug + 1)
    if start is not None and start.dose_ug != request.dose_ug:
        yield Instead(words=f"from {words.dose(start.dose_ug, unit)}", request=changed(request, dose_ug=start.dose_ug))
    if request.to_ug:
        below = build(request.to_ug, free, at_most_ug=request.to_ug)
        above = build(request.to_ug, free, at_least_ug=request.to_ug, at_most_ug=request.dose_ug - 1)
        for end in (above, below):
            if end is not None and end.dose_ug != request.to_ug:
                yield Instead(words=f"down to {words.dose(end.dose_ug, unit)}", request=changed(request, to_ug=end.dose_ug))


def _own_doses(request: Request, refusal: NotPlanned, unit: str) -> Iterator[Instead]:
    """The lowest dose that a step may have, and the step as it would be by itself."""
    if not request.overrides:
        return
    if isinstance(refusal, BeyondBound) and refusal.number in request.overrides:
        lowest = {**request.overrides, refusal.number: refusal.lowest_ug}
        yield Instead(
            words=f"step {refusal.number} down to {words.dose(refusal.lowest_ug, unit)}", request=changed(request, overrides=lowest)
        )
    for number in sorted(request.overrides):
        rest = {other: dose for other, dose in request.overrides.items() if other != number}
        yield Instead(words=f"step {number} as the plan has it", request=changed(request, overrides=rest))


def _products(request: Request, products: tuple[TaperProduct, ...]) -> Iterator[Instead]:
    """With the liquid, with other strengths, with what is used only when somebody names it."""
    chosen = frozenset(product.product for product in usable(request, products))
    others = [product for product in products if product.product not in chosen]
    for product in sorted(others, key=lambda each: (each.by_choice, not is_liquid(each))):
        if is_liquid(product) or product.by_choice:
            yield Instead(words=f"also with {product.label}", request=changed(request, products=chosen | {product.product}))
    if request.products is not None:
        yield Instead(words="with every product that there is", request=changed(request, products=None))
        for product in others:
            if not is_liquid(product) and not product.by_choice:
                yield Instead(words=f"also with {product.label}", request=changed(request, products=chosen | {product.product}))


def _sizes(request: Request, rule: TaperRule) -> Iterator[Instead]:
    """Other sizes of a step: as the knowledge base proposes it, smaller ones, larger ones that exist."""
    plain = changed(request, rate_percent=None, step_ug=None, points=None)
    for rate in rule.rates:
        smaller = request.rate_percent is not None and rate.percent < request.rate_percent
        mode = Mode.PROPORTIONAL if rate.of == "present" else Mode.LINEAR
        if smaller and mode in {each.mode for each in rule.modes}:
            of = f"{words.percent(rate.percent)} of the {rate.of} dose at each step"
            yield Instead(words=of, request=changed(plain, mode=mode, rate_percent=rate.percent))
    if request.step_ug is not None:
        for figure in rule.steps:
            if figure.ug < request.step_ug:
                yield Instead(words=f"{words.figure_of(figure)} at each step", request=changed(plain, step_ug=figure.ug))
    if plain != request:
        yield Instead(words="steps as the knowledge base proposes them", request=plain)
    elif request.mode is not None:
        for figure in rule.steps:
            yield Instead(words=f"{words.figure_of(figure)} at each step", request=changed(request, step_ug=figure.ug))


def _in(request: Request, mode: Mode | None) -> Request:
    return changed(request, mode=mode, rate_percent=None, step_ug=None, points=None)
