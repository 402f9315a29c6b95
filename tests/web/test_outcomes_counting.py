"""How outcomes are found and counted: unknown stays not known, small numbers stay hidden, released items follow the doses."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from stepwell import knowledge
from stepwell.web.outcomes import counting
from stepwell.web.outcomes.choices import choices, prices
from stepwell.web.outcomes.counting import (
    Case,
    PlanFacts,
    Recorded,
    Rounding,
    by_dose,
    cell,
    freed_days,
    items_of,
    of_plan,
    of_review,
    pounds,
    published_words,
)
from stepwell.web.outcomes.pages import decimal

DAY = date(2026, 3, 1)


def after(days: int) -> date:
    return DAY + timedelta(days)


def told(**more) -> Recorded:
    fields = {"current": True, "started_on": after(-900), "last_change_on": after(-400), "last_issued_on": after(20), "daily_ug": 10_000}
    return Recorded(**(fields | more))


def never() -> int | None:
    raise AssertionError("the dose of the day was not needed")


@pytest.mark.parametrize(
    ("before", "now", "outcome"),
    [
        (20_000, 0, "stopped"),
        (20_000, 5_000, "reduced"),
        (20_000, 20_000, "no change"),
        (20_000, 25_000, "increased or switched"),
        (None, 5_000, "not known"),
        (20_000, None, "not known"),
    ],
)
def test_a_dose_now_against_a_dose_before(before, now, outcome):
    assert by_dose(before, now) == outcome


def test_every_outcome_is_one_of_the_knowledge_base():
    assert set(knowledge.load().taper_outcomes) == {
        counting.STOPPED, counting.REDUCED, counting.STABILISED, counting.SAME, counting.UP, counting.UNKNOWN,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        (PlanFacts("stabilised", True, 20_000, 20_000), "stabilised"),
        (PlanFacts("something new", True, 20_000, 5_000), "not known"),
        (PlanFacts("", True, 20_000, 15_000), "reduced"),
        (PlanFacts("", True, 20_000, 20_000), "no change"),
        (PlanFacts("", True, 20_000, 0), "reduced"),
        (PlanFacts("", False, 20_000, 20_000), "not known"),
    ],
)
def test_a_plan_counts_as_it_ended_or_by_its_dose_and_before_it_begins_tells_nothing(facts, outcome):
    assert of_plan(facts, knowledge.load().taper_outcomes) == outcome


@pytest.mark.parametrize(
    ("decision", "record", "outcome"),
    [
        ("stop", None, "stopped"),
        ("stop", told(current=False), "stopped"),
        ("switch", None, "increased or switched"),
        ("continue", None, "not known"),
        ("taper", told(current=False), "not known"),
        ("continue", told(), "no change"),
        ("continue", told(last_issued_on=after(-3)), "not known"),
        ("continue", told(last_issued_on=None), "not known"),
        ("taper", told(daily_ug=None), "not known"),
        ("stop", told(), "no change"),
    ],
)
def test_a_review_without_a_plan_by_its_decision_and_the_record(decision, record, outcome):
    assert of_review(decision, DAY, record, never) == outcome


def test_a_dose_that_changed_since_a_review_is_compared_with_that_of_the_day():
    changed = told(last_change_on=after(10))
    assert of_review("taper", DAY, changed, lambda: 20_000) == "reduced"
    assert of_review("taper", DAY, changed, lambda: 5_000) == "increased or switched"
    assert of_review("taper", DAY, changed, lambda: None) == "not known"


def test_supply_after_the_end():
    assert counting.supplied_again(None, DAY, 90) is None
    assert counting.supplied_again(told(last_issued_on=DAY), DAY, 90) is None
    assert counting.supplied_again(told(last_issued_on=after(1)), DAY, 90) == 0  # the course went on
    assert counting.supplied_again(told(started_on=after(30), last_issued_on=after(60)), DAY, 90) == 30
    assert counting.supplied_again(told(started_on=after(91), last_issued_on=after(95)), DAY, 90) is None


def case(person: int, **more) -> Case:
    fields = {"substance": "diazepam", "kind": "benzodiazepine", "org": "A", "on": DAY, "outcome": "reduced", "by": "plan", "key": person}
    return Case(person_id=person, **(fields | more))


def test_one_case_of_a_medicine_of_a_person_the_plan_before_the_review():
    rows = [case(1), case(1, by="review", on=after(9), outcome="no change"), case(1, on=after(2), outcome="stopped"), case(2)]
    assert [(each.person_id, each.outcome) for each in counting.one_each(rows)] == [(2, "reduced"), (1, "stopped")]


def test_times_are_of_plans_that_ended():
    rows = [case(number, weeks=weeks, outcome="stopped") for number, weeks in enumerate((4, 10, 31, None))]
    time = counting.times(rows)["stopped"]
    assert (time.number, time.median, time.low, time.high) == (3, 10, 4, 31)
    assert counting.weeks_between(DAY, after(17)) == 2
    assert counting.weeks_between(None, DAY) is None


@pytest.mark.parametrize("number", range(60))
def test_no_count_below_the_smallest_is_ever_shown(number):
    shown = cell(number, Rounding(5, 5), "query")
    assert shown.query == ""
    assert (shown.number is None) == (0 < number < 5)
    assert shown.number is None or (shown.number % 5 == 0 and abs(shown.number - number) <= 2)
    assert shown.words == ("fewer than 5" if 0 < number < 5 else str(shown.number))


def test_items_follow_the_doses():
    lines = {20_000: 2, 15_000: 1, 0: 0}
    changes = ((DAY, 20_000), (after(10), 15_000), (after(20), 0))
    assert freed_days(changes, lines, DAY, after(29)) == (2, 0, 10 * 1 + 10 * 2)
    assert freed_days(changes, lines, after(15), after(29)) == (2, 0, 5 * 1 + 10 * 2)
    assert freed_days(changes, lines, DAY, after(14)) == (2, 1, 5)
    assert freed_days((), lines, DAY, after(14)) == (0, 0, 0)
    more = ((DAY, 20_000), (after(10), 7_500))
    assert freed_days(more, {20_000: 1, 7_500: 2}, DAY, after(19)) == (1, 2, -10)
    assert round(items_of(365), 1) == 12.0


def test_prices_cover_medicines_that_may_be_reduced():
    known = knowledge.load()
    members = {name for rule in known.taper_rules.values() for name in known.members[rule.set]}
    found = prices()
    assert set(found) <= members
    assert {"diazepam", "zopiclone", "sertraline", "olanzapine", "pregabalin", "codeine"} <= set(found)
    assert all(price.items > 0 and price.pence > 0 and price.drugs and price.months <= 12 for price in found.values())
    assert pounds(found["diazepam"].average_pence) == "£1.30"
    assert found["citalopram"].drugs == ("Citalopram hydrobromide", "Citalopram hydrochloride")
    assert choices().prices.year == 2024


def test_amounts_and_published_results_in_words():
    assert (pounds(123_456), pounds(-50), pounds(0)) == ("£1,234.56", "−£0.50", "£0.00")
    assert (decimal(12.04), decimal(-3.26), decimal(0)) == ("12", "−3.3", "0")
    services = knowledge.load().taper_services
    assert [published_words(each) for each in services["rotherham"].results] == [
        "252 of 657 eligible to be reviewed (38 %)", "405 of 657 eligible to be reviewed (62 %)", "8 of 657 stopped or reduced",
    ]  # fmt: skip
    assert published_words(services["rest"].results[0]) == "3 % (denominator not printed)"
    assert published_words(services["pmss"].results[0]) == "62 % of 329 people who used the service in six months"
