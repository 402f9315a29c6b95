"""Line 1 of review and reduce: over generated people, medicines, products and rules no plan drops more than its bound, goes up, ends
anywhere but at the agreed end point, or uses a product that does not exist or a fraction that cannot be measured.

That a build equals trying everything is in `tests/clinical/test_tapering_build.py`. The bound is computed here by itself, from the figures
of the knowledge base, not by the code under test. Time is told by `stepwell bench taper`, not asserted.
"""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from math import ceil

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepwell import knowledge
from stepwell.clinical.tapering.model import History, Mode, NotPlanned, Plan, Request
from stepwell.clinical.tapering.propose import propose
from stepwell.clinical.tapering.supply import supply
from stepwell.clinical.working_days import Calendar
from stepwell.knowledge.compile import Knowledge
from stepwell.knowledge.tapering import TaperProduct, TaperRule, products_of

MEDICINES = sorted({product.medicine for product in knowledge.load().taper_products.values()})
# The one medicine that may be taken on alternate days.
ALTERNATES = "fluoxetine"
# Whole, halves and quarters, in quarter tablets: what forms may be divided into.
UNDIVIDED = 4
EXAMPLES = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
NOTHING_AGAINST = History(conditions_known=True)


@st.composite
def histories(draw: st.DrawFn) -> History:
    known = knowledge.load()
    flags = sorted({guard.flag.flag for guard in known.taper_guards.values() if guard.flag})
    held = draw(st.frozensets(st.sampled_from([*sorted(known.conditions)[:12], "pregnancy", "epilepsy", *flags]), max_size=1))
    return History(
        age=draw(st.one_of(st.none(), st.integers(18, 95))),
        months=draw(st.one_of(st.none(), st.integers(0, 240))),
        conditions=held if draw(st.integers(0, 4)) == 0 else frozenset(),
        conditions_known=draw(st.booleans()),
        loads={"oral-morphine": draw(st.sampled_from([0, 90_000, 400_000]))} if draw(st.integers(0, 6)) == 0 else {},
    )


@st.composite
def requests(draw: st.DrawFn) -> Request:
    known = knowledge.load()
    medicine = draw(st.sampled_from(MEDICINES))
    products = products_of(known.taper_products, medicine)
    rule = known.taper_rule_of(medicine)
    assert rule is not None
    # A present dose as people take it: some whole ones of one or two products, now and then half of that.
    taken = draw(st.lists(st.sampled_from(products), min_size=1, max_size=2))
    dose = sum(product.strength_ug * draw(st.integers(1, 2)) for product in taken) // draw(st.sampled_from([1, 1, 1, 2]))
    if odd(draw):
        dose = draw(st.integers(1, 10_000_000))
    offered = [option.whole for option in rule.interval.options]
    # Mostly what a form offers; now and then what nobody should ask for.
    return Request(
        medicine=medicine,
        dose_ug=max(1, dose),
        to_ug=draw(st.sampled_from([0, 0, 0, 0, dose // 2, dose // 3])),
        mode=draw(st.sampled_from([None, None, *(Mode(each.mode) for each in rule.modes)]))
        if not odd(draw)
        else draw(st.sampled_from(Mode)),
        start_on=date(2026, 1, 1) + timedelta(days=draw(st.integers(0, 700))),
        interval_days=draw(st.sampled_from([None, *offered])) if not odd(draw) else draw(st.integers(1, 90)),
        rate_percent=draw(st.sampled_from([None, None, *(rate.percent for rate in rule.rates)])) if not odd(draw) else 150.0,
        step_ug=draw(st.sampled_from([500, 1_000, 2_500, 25_000])) if odd(draw) else None,
        points=draw(st.integers(1, 20)) if odd(draw) else None,
        products=draw(st.frozensets(st.sampled_from([each.product for each in products]), min_size=1)) if odd(draw) else None,
        nation=draw(st.sampled_from(["ENG", "WLS", "SCT", "NIR"])),
        history=draw(histories()) if odd(draw) else NOTHING_AGAINST,
        overrides=draw(st.dictionaries(st.integers(1, 6), st.integers(0, max(1, dose)), max_size=2)) if odd(draw) else {},
        holds=draw(st.dictionaries(st.integers(0, 6), st.integers(1, 60), max_size=2)) if odd(draw) else {},
        mixed=odd(draw),
        alternate=odd(draw) and (medicine == ALTERNATES or odd(draw)),
    )


def odd(draw: st.DrawFn) -> bool:
    return draw(st.integers(0, 5)) == 5


def planned(request: Request) -> Plan | None:
    """The plan, or None when it was refused in words."""
    try:
        return propose(request, knowledge.load())
    except NotPlanned as refusal:
        assert refusal.words
        return None


@EXAMPLES
@given(requests())
def test_a_plan_is_within_its_bound_ends_where_agreed_and_can_be_taken(request: Request) -> None:
    known = knowledge.load()
    try:
        plan = propose(request, known)
    except NotPlanned as refusal:
        assert refusal.words
        for each in refusal.instead[:1]:
            goes_down_as_agreed(propose(each.request, known), each.request, known)
        return
    goes_down_as_agreed(plan, request, known)
    is_as_chosen(plan, request)
    is_supplied_for_its_days(plan, known)


def goes_down_as_agreed(plan: Plan, request: Request, known: Knowledge) -> None:
    rule = known.taper_rule_of(request.medicine)
    assert rule is not None
    doses = [step.built.dose_ug for step in plan.steps]
    assert doses[0] == request.dose_ug and doses[-1] == request.to_ug
    assert plan.steps[0].kind == "start" and plan.steps[-1].kind == "end" and len(plan.steps) > 1
    for before, step in zip(plan.steps, plan.steps[1:], strict=False):
        then, now = step.built.dose_ug, before.built.dose_ug
        assert now >= then >= request.to_ug and (then < now or step.kind == "hold")
        within_bound(now, then, request, plan, known)
        assert step.rule.words and step.rule.source and step.rule.mark in "VSKCDP"
        assert all(source in known.sources or source in ("P", "K", "C", "D") for source in step.rule.source), step.rule
    for step in plan.steps:
        can_be_taken(step.built, request, known)
    falls_on_good_days(plan, request, rule)


def smallest_of(request: Request, known: Knowledge) -> int:
    """The smallest dose that can be built from products that nobody has to name, or that were named, in whole micrograms upwards."""
    named = request.products or frozenset()
    products = products_of(known.taper_products, request.medicine)
    free = [product for product in products if not product.by_choice or product.product in named] or products
    return ceil(min(smallest_piece(product) for product in free))


def smallest_piece(product: TaperProduct) -> Fraction:
    if product.measure_ul:
        return Fraction(product.strength_ug * product.measure_ul, 1000)
    return Fraction(product.strength_ug, parts_of(product.form, product.parts))


def parts_of(form: str, parts: int) -> int:
    return parts if form in ("tablet", "soluble tablet") else 1


def within_bound(now: int, then: int, request: Request, plan: Plan, known: Knowledge) -> None:
    """Ruling 24: not more than the larger of the percentages and the absolute step; the last step to nothing by its own figures."""
    rule = known.taper_rule_of(request.medicine)
    assert rule is not None
    bound = rule.bound
    if then == 0 and (bound.end or bound.end_of_first or (bound.end_smallest and bound.end_smallest.value)):
        ends = [
            bound.end.ug if bound.end else 0,
            Fraction(str(bound.end_of_first.value)) * request.dose_ug / 100 if bound.end_of_first else 0,
        ]
        # Whoever began with the smallest dose would stop at once: for them it is no last step.
        if bound.end_smallest and bound.end_smallest.value and smallest_of(request, known) < request.dose_ug:
            ends.append(smallest_of(request, known))
        assert now <= max(ends), (plan.medicine, now, ends)
        return
    percents = [(bound.of_present, now), (bound.of_first, request.dose_ug)]
    sizes = [Fraction(str(figure.value)) * of / 100 for figure, of in percents if figure is not None]
    sizes += [Fraction(bound.step.ug)] if bound.step else []
    assert now - then <= max(sizes), (plan.medicine, now, then, sizes)
    for pace in bound.paces:
        short = pace.months_under is not None and request.history.months is not None and request.history.months < pace.months_under
        if plan.interval_days < pace.days and not short and request.history.conditions.isdisjoint(pace.conditions):
            slow = [Fraction(str(pace.percent)) * of / 100 for figure, of in percents if figure is not None]
            assert now - then <= max([*slow, Fraction(bound.step.ug if bound.step else 0)]), (plan.medicine, now, then)


def can_be_taken(built, request: Request, known: Knowledge) -> None:  # type: ignore[no-untyped-def]
    held = Fraction(0)
    kinds = set()
    days = {item.day for item in built.items}
    assert days <= {0} or (days <= {0, 1, 2} and request.medicine == ALTERNATES)
    for item in built.items:
        product = known.taper_products[item.product]
        assert product.medicine == request.medicine and product.strength_ug == item.strength_ug
        if item.microlitres:
            assert product.measure_ul and item.microlitres % product.measure_ul == 0 and not item.quarters
            held += Fraction(item.microlitres * product.strength_ug, 1000)
        elif item.patches:
            assert product.form == "patch" and not item.quarters
            held += item.patches * product.strength_ug
        else:
            assert item.quarters and item.quarters % (UNDIVIDED // parts_of(product.form, product.parts)) == 0
            # Of a dose on alternate days the mean counts.
            held += Fraction(item.quarters * product.strength_ug, UNDIVIDED * (2 if item.day else 1))
            if product.most_a_day:
                assert item.quarters <= product.most_a_day.value * UNDIVIDED
        slow = product.form.startswith(("modified", "gastro")) or product.form == "patch"
        kinds.add((product.form, product.wear_days) if slow else "immediate")
    assert held == built.dose_ug
    assert len(kinds) <= 1 or (request.mixed and not any("patch" in kind for kind in kinds))


def falls_on_good_days(plan: Plan, request: Request, rule: TaperRule) -> None:
    """Never a Friday, a weekend, a bank holiday or the day before one; never nearer than the shortest interval."""
    calendar = Calendar(request.nation)
    for step in plan.steps:
        assert step.on.weekday() < 4 and calendar.is_working(step.on) and calendar.is_working(step.on + timedelta(days=1))
    for step, following in zip(plan.steps, plan.steps[1:], strict=False):
        assert (following.on - step.on).days == step.days >= rule.interval.shortest.whole
    if rule.minimum_days:
        assert (plan.ends_on - plan.steps[0].on).days >= rule.minimum_days.whole
    assert plan.steps[-1].days == 0 and plan.steps[0].on >= request.start_on


def is_as_chosen(plan: Plan, request: Request) -> None:
    """Only products that were named, and what else was chosen."""
    if request.products is not None:
        # What is taken now may be another product; everything after it is of those named.
        assert all(item.product in request.products for step in plan.steps[1:] if step.kind != "hold" for item in step.built.items)
    assert request.mode in (None, plan.mode) and request.interval_days in (None, plan.interval_days)
    for number, own in request.overrides.items():
        if number < len(plan.steps):
            assert plan.steps[number].requested_ug == max(own, request.to_ug)


def is_supplied_for_its_days(plan: Plan, known: Knowledge) -> None:
    """Sums of supply are exactly the days of their steps, in supplies no longer than a controlled drug may be."""
    lines = supply(plan, known, when="at night")
    longest = known.taper_rule_of(plan.medicine).supply.longest  # type: ignore[union-attr]
    for step in plan.steps:
        own = [line for line in lines if line.step == step.number]
        last = step.number == len(plan.steps) - 1
        days = plan.interval_days if last and plan.to_ug else step.days
        assert [line.product for line in own] == ([item.product for item in step.built.items] if days else [])
        for line, item in zip(own, step.built.items, strict=False):
            product = known.taper_products[item.product]
            assert line.days == days and line.ongoing == (last and bool(plan.to_ug))
            assert line.pick_up_days * line.pick_ups >= days and (longest is None or line.pick_up_days <= longest.whole)
            if item.microlitres:
                assert line.microlitres == item.microlitres * days and line.units == 0
            elif item.patches:
                assert line.units == item.patches * -(-days // product.wear_days)
            else:
                on_days = {0: days, 1: ceil(days / 2), 2: days // 2}[item.day]
                assert 0 <= line.units * UNDIVIDED - item.quarters * on_days < UNDIVIDED
            assert f"for {days} day" in line.text and f"Supply {line.quantity}." in line.text


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 8), st.frozensets(st.sampled_from([10, 20, 30, 40, 60]), min_size=1), st.sampled_from([None, *Mode]), st.booleans())
def test_only_fluoxetine_is_taken_on_alternate_days(tens: int, strengths: frozenset[int], mode: Mode | None, chosen: bool) -> None:
    """Its plans hold on alternate days too, whichever capsules there are; who asks for them with another medicine is refused."""
    known = knowledge.load()
    capsules = frozenset(f"{ALTERNATES} capsule {mg}" for mg in strengths)
    request = Request(
        medicine=ALTERNATES, dose_ug=tens * 10_000, start_on=date(2026, 6, 1), history=NOTHING_AGAINST, mode=mode, products=capsules,
        alternate=chosen,
    )  # fmt: skip
    plan = planned(request)
    if plan is not None:
        goes_down_as_agreed(plan, request, known)
        is_supplied_for_its_days(plan, known)
        largest = [max((sum(i.quarters * i.strength_ug for i in s.built.on_day(day)) for day in (1, 2)), default=0) for s in plan.steps]
        assert largest == sorted(largest, reverse=True)
    allowed = {medicine for medicine in MEDICINES if known.taper_rule_of(medicine).alternate_days.value}  # type: ignore[union-attr]
    assert allowed == {ALTERNATES}


@EXAMPLES
@given(requests())
def test_a_plan_is_deterministic_and_kept_as_it_is(request: Request) -> None:
    plan = planned(request)
    if plan is None:
        assert planned(request) is None
        return
    assert propose(request, knowledge.load()) == plan
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan
    # What the knowledge base proposed is filled in: asked for again it gives the same doses on the same days.
    assert plan.request is not None
    again = propose(plan.request, knowledge.load())
    assert [(step.on, step.built) for step in again.steps] == [(step.on, step.built) for step in plan.steps]
