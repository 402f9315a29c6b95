"""Reductions in words, on good days, with what is asked and supplied: small worked cases. Whole plans are in `tests/acceptance`."""

from __future__ import annotations

from datetime import date

import pytest

from stepwell import knowledge
from stepwell.clinical.tapering import guards, words
from stepwell.clinical.tapering.choices import choices, in_words
from stepwell.clinical.tapering.dates import days_of_steps, good_day, is_good
from stepwell.clinical.tapering.model import Built, History, Instead, Item, Mode, NotPlanned, Plan, Request
from stepwell.clinical.tapering.propose import propose
from stepwell.clinical.tapering.supply import orders, supply

START = date(2026, 6, 1)
KNOWN = History(conditions_known=True)


def solid(quarters: int, label: str = "2 mg tablets") -> Item:
    return Item(product="x", label=label, form="tablet", strength_ug=2000, quarters=quarters)


LIQUID = Item(product="y", label="oral solution 2 mg in 5 ml", form="oral liquid", strength_ug=400, microlitres=3750)
PATCHES = Item(product="z", label="25 micrograms/hour patches", form="patch", strength_ug=25, patches=2)


def built(*items: Item) -> Built:
    return Built(items=items, dose_ug=1)


@pytest.mark.parametrize(
    ("what", "clinician", "plain"),
    [
        (built(), "nothing", "nothing"),
        (built(solid(4)), "1 × 2 mg tablet", "one 2 mg tablet"),
        (built(solid(2)), "½ × 2 mg tablet", "half of a 2 mg tablet"),
        (built(solid(1)), "¼ × 2 mg tablet", "a quarter of a 2 mg tablet"),
        (built(solid(3)), "¾ × 2 mg tablet", "three quarters of a 2 mg tablet"),
        (built(solid(6)), "1½ × 2 mg tablet", "one and a half 2 mg tablets"),
        (built(solid(52, "300 mg capsules")), "13 × 300 mg capsule", "13 300 mg capsules"),
        (
            built(solid(6), LIQUID),
            "1½ × 2 mg tablet + 3.75 ml oral solution 2 mg in 5 ml",
            "one and a half 2 mg tablets and 3.75 ml of oral solution 2 mg in 5 ml",
        ),
        (built(PATCHES), "2 × 25 micrograms/hour patch", "two 25 micrograms/hour patches"),
    ],
)
def test_items_in_words(what: Built, clinician: str, plain: str) -> None:
    assert words.items(what) == clinician
    assert words.plain_items(what) == plain


@pytest.mark.parametrize(
    ("ug", "unit", "said", "number"),
    [
        (0, words.MG, "nothing", 0),
        (1, words.MG, "1 microgram", 0.001),
        (500, words.MG, "500 micrograms", 0.5),
        (1_000, words.MG, "1 mg", 1),
        (14_500, words.MG, "14.5 mg", 14.5),
        (300_000, words.MG, "300 mg", 300),
        (1_800_000, words.MG, "1800 mg", 1800),
        (12, words.PATCHES, "12 micrograms an hour", 12),
    ],
)
def test_doses_by_one_formatter(ug: int, unit: str, said: str, number: float) -> None:
    assert words.dose(ug, unit) == said
    assert words.figure(ug, unit) == number


def test_numbers_have_no_trailing_zeros() -> None:
    assert [words.number(value) for value in (10, 12.5, 100, 0.25, 1e3)] == ["10", "12.5", "100", "0.25", "1000"]
    assert words.listed(["a"]) == "a" and words.listed(["a", "b", "c"], "or") == "a, b or c" and words.listed([]) == ""


@pytest.mark.parametrize(
    ("day", "nation", "good"),
    [
        (date(2026, 6, 1), "ENG", True),
        (date(2026, 6, 5), "ENG", False),  # Friday
        (date(2026, 6, 6), "ENG", False),
        (date(2026, 4, 2), "ENG", False),  # the day before Good Friday
        (date(2026, 5, 4), "ENG", False),  # bank holiday
        (date(2026, 12, 24), "ENG", False),
        (date(2027, 1, 4), "ENG", True),
        (date(2027, 1, 4), "SCT", False),  # the second of January, put off to the Monday
        (date(2026, 7, 13), "NIR", False),
        (date(2026, 7, 13), "SCT", True),
    ],
)
def test_days_on_which_a_step_may_fall(day: date, nation: str, good: bool) -> None:
    assert is_good(day, nation) is good
    assert (good_day(day, nation) == day) is good


def test_days_of_steps_keep_to_the_calendar_of_the_start() -> None:
    on = days_of_steps(date(2026, 12, 7), [14, 14, 14], 7, "ENG")
    # 21-Dec, then 04-Jan and 18-Jan as they were meant: a day that moved does not move those after it.
    assert on == [date(2026, 12, 7), date(2026, 12, 21), date(2027, 1, 4), date(2027, 1, 18)]
    weekly = days_of_steps(date(2026, 12, 17), [7, 7, 7], 7, "ENG")
    assert weekly == [date(2026, 12, 17), date(2026, 12, 29), date(2027, 1, 5), date(2027, 1, 12)]


def plan(medicine: str, dose_ug: int, **asked: object) -> Plan:
    return propose(Request(medicine=medicine, dose_ug=dose_ug, start_on=START, history=KNOWN, **asked), knowledge.load())  # type: ignore[arg-type]


def test_prescriptions() -> None:
    known = knowledge.load()
    lines = supply(plan("diazepam", 3_000, products=frozenset({"diazepam tablet 2"})), known, when="at night")
    assert lines[0].text == "diazepam 2 mg tablets: take 1½ tablets at night for 14 days. Supply 21 tablets."
    assert lines[0].pick_up_days == 14 and lines[0].rule.source == ("S252",)
    monthly = supply(plan("diazepam", 3_000, interval_days=56), known)
    # A controlled drug is not supplied for longer than good practice allows: two supplies make the step.
    assert (monthly[0].pick_ups, monthly[0].pick_up_days, monthly[0].days) == (2, 28, 56)
    patches = supply(plan("buprenorphine patch", 20), known)
    assert (
        patches[0].text
        == "buprenorphine 20 micrograms/hour patch, 7 days: apply 1 patch and change every 7 days for 28 days. Supply 4 patches."
    )
    liquid = supply(plan("paroxetine", 4_000, products=frozenset({"paroxetine oral solution 2"})), known)
    assert liquid[0].text.endswith("take 2 ml (4 mg) a day for 28 days. Supply 56 ml.")


def test_what_the_pharmacy_needs() -> None:
    known = knowledge.load()
    lines = supply(plan("pregabalin", 150_000), known)
    assert [(order.label, order.quantity, order.first_on) for order in orders(lines, known)] == [
        ("150 mg capsules", "7 capsules", START),
        ("75 mg capsules", "7 capsules", date(2026, 6, 8)),
    ]


def test_a_lower_end_point_is_supplied_from_then_on() -> None:
    known = knowledge.load()
    lines = supply(plan("pregabalin", 150_000, to_ug=75_000), known)
    assert lines[-1].ongoing and lines[-1].days == 7 and not lines[0].ongoing


def test_choices() -> None:
    known = knowledge.load()
    offered = choices("diazepam", known, 20_000)
    assert offered.default_mode == Mode.PRODUCT_STEPS and offered.unit == "mg" and not offered.occupancy
    assert offered.ends_ug == (0, 5_000, 10_000) and in_words(offered, 5_000) == "stay at 5 mg" and in_words(offered, 0) == "stop"
    assert {flag.flag for flag in offered.asks} >= {"suicidal thoughts", "previous withdrawal seizure"}
    assert choices("sertraline", known).occupancy and choices("sertraline", known).ends_ug == (0,)
    assert choices("fentanyl patch", known).unit == "micrograms/hour"
    codeine = choices("codeine", known)
    assert all(not known.taper_products[key].by_choice for key in codeine.usual) and len(codeine.products) > len(codeine.usual)
    lorazepam = choices("lorazepam", known)
    assert lorazepam.switch_to is not None and lorazepam.switch_to.medicine == "diazepam"
    with pytest.raises(NotPlanned):
        choices("clozapine", known)


def test_what_nobody_knows_is_asked_and_what_was_answered_is_not() -> None:
    known = knowledge.load()
    nothing = guards.check("diazepam", 20_000, History(), known, patches=False)
    asked = {each.asks for each in nothing}
    assert any("epilepsy" in ask for ask in asked) and any("seizure when" in ask for ask in asked)
    flags = frozenset(guard.flag.flag for guard in known.taper_guards.values() if guard.flag)
    loads = dict.fromkeys(known.loads, 0)
    answered = guards.check("diazepam", 20_000, History(conditions_known=True, answered=flags, loads=loads), known, patches=False)
    assert not [each for each in answered if each.asks]


def test_a_refusal_may_be_lifted_by_an_answer_where_the_knowledge_says_so() -> None:
    known = knowledge.load()
    lifted = [guard for guard in known.taper_guards.values() if guard.lifted_by and guard.action == "refuse" and guard.conditions]
    assert lifted
    guard = lifted[0]
    assert guard.lifted_by is not None
    medicine = next(
        product.medicine for product in known.taper_products.values()
        if guard.about(product.medicine, rule.taper_rule if (rule := known.taper_rule_of(product.medicine)) else None)
    )  # fmt: skip
    held = frozenset({guard.conditions[0]})
    with pytest.raises(NotPlanned) as refusal:
        guards.check(medicine, 1_000, History(conditions=held), known, patches=False)
    assert refusal.value.route
    warned = guards.check(medicine, 1_000, History(conditions=held | {guard.lifted_by.flag}), known, patches=False)
    assert guard.words in {each.words for each in warned}


def test_loads_count_this_medicine_at_least() -> None:
    known = knowledge.load()
    assert guards.own_load("diazepam-equivalent", "lorazepam", 1_000, known) == 10
    assert guards.own_load("oral-morphine", "fentanyl patch", 25, known, patches=True) == 60
    assert guards.own_load("oral-morphine", "fentanyl patch", 12, known, patches=True) == 30
    assert guards.own_load("oral-morphine", "sertraline", 50_000, known) == 0
    assert guards.own_load("no such load", "sertraline", 50_000, known) == 0


def test_an_unbuildable_step_offers_what_can_be_built() -> None:
    with pytest.raises(NotPlanned) as refusal:
        plan("amitriptyline", 100_000, mode=Mode.PROPORTIONAL, products=frozenset({"amitriptyline tablet 50"}))
    offered: tuple[Instead, ...] = refusal.value.instead
    assert offered and any("oral solution" in each.words for each in offered)
    for each in offered:
        assert propose(each.request, knowledge.load()).steps[-1].built.dose_ug == 0


def test_one_liquid_of_several_and_one_release_of_several() -> None:
    known = knowledge.load()
    steps = plan("lorazepam", 2_000, mode=Mode.PROPORTIONAL).steps
    liquids = {item.product for step in steps for item in step.built.items if item.microlitres}
    assert len(liquids) == 1
    slow = plan("venlafaxine", 225_000)
    assert slow.steps[0].built.items[0].form.startswith("modified-release")
    assert any("release differently" in each.words for each in slow.warnings)
    named = frozenset(
        key for key, product in known.taper_products.items() if product.medicine == "venlafaxine" and product.form == "tablet"
    )
    assert {item.form for step in plan("venlafaxine", 150_000, products=named).steps for item in step.built.items} == {"tablet"}


def test_a_paracetamol_limit_is_kept() -> None:
    """Eight a day of what else is inside: a dose that needs more of them is not made of them."""
    key = "codeine tablet 8 with paracetamol"
    with pytest.raises(NotPlanned, match="cannot be made"):
        plan("codeine", 120_000, products=frozenset({key}), interval_days=28)
    eight = plan("codeine", 64_000, products=frozenset({key}), mode=Mode.PRODUCT_STEPS, interval_days=28)
    assert max(item.quarters for step in eight.steps for item in step.built.items) <= 32
