"""Tablets before liquids, and doses on alternate days: worked plans, and that the search over pairs of days equals trying them all."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import product as every
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell import knowledge
from stepwell.clinical.tapering import words
from stepwell.clinical.tapering.alternate import alternate, largest_day, may_alternate, other_day_first
from stepwell.clinical.tapering.model import Change, ChangeKind, History, Mode, NotPlanned, Plan, Request, Standing
from stepwell.clinical.tapering.propose import propose
from stepwell.clinical.tapering.replan import lived, replan
from stepwell.clinical.tapering.supply import orders, supply
from stepwell.clinical.tapering.words import day_doses, figure
from stepwell.knowledge.tapering import products_of

START = date(2026, 6, 1)
KNOWN = History(conditions_known=True)
TWENTY, FORTY = "fluoxetine capsule 20", "fluoxetine capsule 40"


def planned(medicine: str, mg: float, **asked: Any) -> Plan:
    return propose(Request(medicine=medicine, dose_ug=round(mg * 1000), start_on=START, history=KNOWN, **asked), knowledge.load())


def built(plan: Plan) -> list[float]:
    return [figure(step.built.dose_ug, plan.unit) for step in plan.steps]


def measured(plan: Plan) -> list[float]:
    """Doses of which a liquid is part."""
    return [figure(step.built.dose_ug) for step in plan.steps if any(item.microlitres for item in step.built.items)]


# Tablets before liquids


def test_tablets_half_a_step_away_are_taken_before_a_liquid() -> None:
    plan = planned("diazepam", 20, mode=Mode.PROPORTIONAL)
    assert built(plan)[:13] == [20, 18, 16, 14.5, 13, 11.5, 10.5, 9.5, 8.5, 7.5, 7, 6.5, 6]
    assert measured(plan) == [1.52]
    step = plan.steps[10]
    assert step.requested_ug == 6_750 and step.built.dose_ug == 7_000
    assert words.items(step.built) == "1 × 5 mg tablet + 1 × 2 mg tablet"


@pytest.mark.parametrize(
    ("medicine", "mg", "liquids"),
    [("codeine", 240, []), ("amitriptyline", 50, [7.6, 5.8, 4.4]), ("citalopram", 20, []), ("sertraline", 100, [])],
)  # fmt: skip
def test_a_liquid_only_where_tablets_no_longer_make_the_step(medicine: str, mg: float, liquids: list[float]) -> None:
    assert measured(planned(medicine, mg)) == liquids


def test_who_measures_a_liquid_is_not_sent_to_and_fro() -> None:
    """Tablets again only for a dose that is as good as the one asked for."""
    known = knowledge.load()
    alike = known.parameters["taper_alike_percent"].value
    for medicine, mg in (("mirtazapine", 30), ("venlafaxine", 150), ("lorazepam", 3), ("gabapentin", 900)):
        plan = planned(medicine, mg, mode=Mode.PROPORTIONAL)
        for before, step in zip(plan.steps, plan.steps[1:], strict=False):
            liquid = any(item.microlitres for item in before.built.items)
            if liquid and step.built.items and not any(item.microlitres for item in step.built.items):
                assert abs(step.error_ug) * 100 <= alike * (before.built.dose_ug - step.requested_ug), (medicine, step)


def test_a_dose_that_a_person_typed_is_not_rounded_to_tablets() -> None:
    plan = planned("diazepam", 7.5, mode=Mode.PROPORTIONAL, overrides={1: 6_760})
    assert built(plan)[1] == 6.76
    assert built(planned("diazepam", 7.5, mode=Mode.PROPORTIONAL))[1] == 7


def test_tablets_only_is_a_choice_of_products() -> None:
    tablets = frozenset(each.product for each in products_of(knowledge.load().taper_products, "paroxetine") if each.form == "tablet")
    assert measured(planned("paroxetine", 20)) and not measured(planned("paroxetine", 20, products=tablets))


# Alternate days


def test_alternate_days_where_no_product_makes_the_dose_every_day() -> None:
    plan = planned("fluoxetine", 20, products=frozenset({TWENTY}))
    assert built(plan) == [20, 10, 0]
    step = plan.steps[1]
    assert words.items(step.built) == "1 × 20 mg capsule one day, none the next"
    assert words.plain_items(step.built) == "one 20 mg capsule one day, none the next"
    assert day_doses(step.built) == (20_000, 0) and largest_day(step.built) == 20_000
    told = [each for each in plan.warnings if "alternate days" in each.words]
    assert told[0].rule.source == ("NG222", "RDAD") and told[0].rule.mark == "V"
    # With every product there is no need of them.
    assert not any(each.built.alternates for each in planned("fluoxetine", 40).steps)


def test_alternate_days_where_a_person_chooses_them() -> None:
    plan = planned("fluoxetine", 40, mode=Mode.PRODUCT_STEPS, alternate=True)
    assert [day_doses(step.built) for step in plan.steps] == [(), (40_000, 20_000), (), (20_000, 0), ()]
    assert not measured(planned("fluoxetine", 60, alternate=True))
    with pytest.raises(NotPlanned, match="Citalopram is not taken on alternate days") as refusal:
        planned("citalopram", 20, alternate=True)
    assert refusal.value.rule is not None and refusal.value.rule.source == ("MDG",)
    assert refusal.value.instead and not any(each.request.alternate for each in refusal.value.instead)


def test_supply_of_alternate_days() -> None:
    plan, known = planned("fluoxetine", 40, mode=Mode.PRODUCT_STEPS, alternate=True, interval_days=7), knowledge.load()
    lines = [line for line in supply(plan, known, when="in the morning") if line.step == 1]
    assert [line.quantity for line in lines] == ["4 capsules", "3 capsules"]
    every_other = "take 1 capsule in the morning every other day, beginning on the"
    assert lines[0].text == f"fluoxetine 40 mg capsules: {every_other} first day, for 7 days. Supply 4 capsules."
    assert lines[1].text == f"fluoxetine 20 mg capsules: {every_other} second day, for 7 days. Supply 3 capsules."
    # 20 mg capsules: 3 of the first such step, 7 of the second, 4 of the third.
    assert {order.label: order.units for order in orders(supply(plan, known), known)} == {"40 mg capsules": 11, "20 mg capsules": 14}


def test_a_plan_made_anew_on_a_second_day_begins_with_that_day() -> None:
    known = knowledge.load()
    plan = planned("fluoxetine", 20, products=frozenset({TWENTY}))
    step = plan.steps[1]
    for days, first in ((6, (20_000, 0)), (7, (0, 20_000))):
        on = step.on + timedelta(days)
        standing = Standing(on=on, dose_ug=10_000, since=step.on, before_ug=20_000)
        held = replan(plan, standing, Change(kind=ChangeKind.HOLD, days=28), known)
        assert day_doses(held.steps[0].built) == first
        again = replan(held, Standing(on=on + timedelta(3), dose_ug=10_000, since=step.on), Change(kind=ChangeKind.RESUME), known)
        assert day_doses(again.steps[0].built) == first[::-1]
        assert [each.built.dose_ug for each in lived((plan, held, again), again.ends_on)][:3] == [20_000, 10_000, 10_000]
    up = replan(plan, Standing(on=step.on + timedelta(5), dose_ug=10_000, since=step.on), Change(kind=ChangeKind.STEP_BACK), known)
    assert up.steps[0].built.dose_ug == 20_000 and not up.steps[0].built.alternates


def test_what_is_no_solid_is_not_taken_by_turns() -> None:
    known = knowledge.load()
    solids = may_alternate(products_of(known.taper_products, "fluoxetine"))
    assert solids and all(product.form == "capsule" for product in solids)
    assert not may_alternate(products_of(known.taper_products, "fentanyl patch"))
    made = alternate(15_000, solids, most_a_day_ug=20_000)
    assert made is not None and day_doses(made) == (20_000, 10_000)
    assert day_doses(other_day_first(made)) == (10_000, 20_000)
    assert alternate(15_000, solids, most_a_day_ug=10_000, permitted_ug=0) is None


@settings(max_examples=40, deadline=None)
@given(
    st.sets(st.sampled_from([10, 20, 30, 40, 60]), min_size=1, max_size=3),
    st.integers(1, 60), st.integers(10, 80), st.integers(0, 20), st.sampled_from([0, 2, 5]),
)  # fmt: skip
def test_the_search_over_pairs_of_days_is_exact(strengths: set[int], dose: int, most: int, low: int, alike: int) -> None:
    products = [knowledge.load().taper_products[f"fluoxetine capsule {mg}"] for mg in sorted(strengths)]
    found = alternate(dose * 1000, products, most_a_day_ug=most * 1000, at_least_ug=low * 1000, alike_ug=alike * 1000)
    best = None
    # How many capsules each day needs at least, by trying every number of each.
    fewest: dict[int, int] = {}
    for counts in every(range(9), repeat=len(strengths)):
        sum_ = sum(count * mg for count, mg in zip(counts, sorted(strengths), strict=True))
        if sum_ <= most:
            fewest[sum_] = min(fewest.get(sum_, 99), sum(counts))
    for one, other in every(fewest, repeat=2):
        if one > other and (one + other) / 2 >= max(low, 0.001):
            error = abs((one + other) / 2 - dose)
            rank = (0 if error <= alike else error, one - other, fewest[one] + fewest[other], error, -(one + other))
            best = min(best, rank) if best is not None else rank
    if found is None or best is None:
        assert found is None and best is None
        return
    one, other = (ug / 1000 for ug in day_doses(found))
    error = abs((one + other) / 2 - dose)
    items = sum(item.quarters // 4 for item in found.items)
    assert (0 if error <= alike else error, one - other, items, error, -(one + other)) == best
    assert found.dose_ug * 2 == sum(day_doses(found))
