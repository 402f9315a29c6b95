"""Sections 13 to 16 by hand: nobody and both prescribing, facts, loads, interactions, findings, measured results, points."""

from __future__ import annotations

from datetime import date

import pytest
from builders import evaluate, point, rule, table
from wide import when, wide_knowledge

KNOWLEDGE = wide_knowledge()


def wide(*happened, as_of="2026-06-01", knowledge=KNOWLEDGE):
    return evaluate(list(happened), as_of, knowledge=knowledge)


def with_rule(*rules, points=(), whens=(), bands=()):
    return {**wide_knowledge(rules=list(rules), points=list(points), whens=list(whens)), "k_band": table("k_band", list(bands))}


# Supply of beta until the 23rd of April 2026: a gap is nobody's after 14 days.
BETA = "beta 2 mg daily from 2025-12-04 to 2026-04-01 every 28 days"


def nobody(*happened, as_of="2026-06-01", rule_id="greek.nobody"):
    return wide(*happened, as_of=as_of).rows("needs", rule_id=rule_id)


def test_nobody_is_prescribing():
    assert nobody(BETA, as_of="2026-05-06") == []
    outcome = wide(BETA, as_of="2026-05-07")
    need = outcome.one("needs", rule_id="greek.nobody")
    assert (need["state"], need["point"], need["subject"], need["test"]) == ("open", "2026-04-23", "beta", None)
    assert (need["anchor_on"], need["opens_on"], need["due_on"]) == (date(2026, 4, 23), date(2026, 4, 23), date(2026, 5, 7))
    assert need["escalate_on"] == date(2026, 6, 23), "when the course would be over"
    reasons = [(row["kind"], row["label"]) for row in outcome.rows("because", rule_id="greek.nobody")]
    assert reasons == [
        ("course", "beta since 2025-12-04"),
        ("supply", "supplied until 2026-04-23 by gp, last issue 2026-03-26"),
        ("owner", "supplied by the practice"),
    ]


def test_nobody_answered():
    def need(kind, on):
        return nobody(BETA, f"{kind} greek.nobody of beta, 2026-04-23 on {on}")[0]

    assert (need("done", "2026-05-10")["state"], need("declined", "2026-05-10")["state"]) == ("met", "declined")
    assert need("done", "2026-05-10")["served_by"] == "done"
    assert need("not applicable", "2026-05-10")["state"] == "not applicable"


def test_nobody_was_prescribing_and_supply_went_on():
    (need,) = nobody(BETA, "beta 2 mg daily on 2026-05-07")
    assert (need["state"], need["point"], need["served_on"], need["served_by"]) == ("met", "2026-04-23", date(2026, 5, 7), "supply")
    assert nobody(BETA, "beta 2 mg daily on 2026-05-06") == [], "13 days"
    assert nobody(BETA, "beta 2 mg daily from 2026-05-07 to 2026-07-05 every 28 days", as_of="2026-07-29")[0]["state"] == "met"
    assert nobody(BETA, "beta 2 mg daily from 2026-05-07 to 2026-07-05 every 28 days", as_of="2026-07-30") == [], "84 days ago"


def test_nobody_only_where_supply_was_expected_and_is_not_replaced():
    once = "beta 2 mg daily on 2026-04-01"
    assert nobody(once) == []
    assert len(nobody(once, "beta repeat plan from 2026-04-01")) == 1
    assert nobody(BETA, "gamma 1 mg daily from 2026-04-10 every 28 days") == []
    assert [row["subject"] for row in nobody(BETA, "zeta 40 mg injection every 28 days from 2026-05-10")] == ["beta"], "another register"
    assert nobody(BETA, "pregnancy on 2026-05-01") == [], "unless"


def test_nobody_at_once_where_the_end_was_known():
    planned = "beta plan from 2025-12-04 intended to end {}"
    assert nobody(BETA, planned.format("2026-04-23"), as_of="2026-04-23")[0]["due_on"] == date(2026, 4, 23)
    assert nobody(BETA, planned.format("2026-04-24"), as_of="2026-05-06") == []


def test_an_injection_has_its_own_window_and_is_always_expected():
    # 7 days of the rule and 7 of the injection after the 29th of April.
    depot = "zeta 40 mg injection every 28 days from 2026-04-01 to 2026-04-02"
    assert nobody(depot, as_of="2026-05-12", rule_id="outer.nobody") == []
    assert nobody(depot, as_of="2026-05-13", rule_id="outer.nobody")[0]["due_on"] == date(2026, 5, 13)


GAMMA = ["gamma 1 mg daily from 2026-01-01 every 28 days", "gamma 1 mg daily on 2026-04-30 by trust"]


def test_both_are_prescribing():
    outcome = wide(*GAMMA)
    need = outcome.one("needs", rule_id="late.both")
    assert (need["state"], need["point"], need["due_on"], need["escalate_on"]) == (
        "open",
        "ongoing",
        date(2026, 4, 30),
        date(2026, 5, 28),
    )
    reasons = [row["label"] for row in outcome.rows("because", rule_id="late.both") if row["kind"] == "supply"]
    assert reasons == ["supplied by gp+trust since 2026-04-30"]
    assert wide(GAMMA[0]).rows("needs", rule_id="late.both") == []


def test_both_answered_holds_for_a_year():
    happened = [GAMMA[0], "gamma 1 mg daily from 2025-01-30 every 56 days by trust", "done late.both of gamma, ongoing on 2026-02-01"]
    need = wide(*happened, as_of="2027-01-31").one("needs", rule_id="late.both")
    assert (need["state"], need["served_on"], need["served_by"]) == ("met", date(2026, 2, 1), "done")
    again = wide(*happened, as_of="2027-02-01").one("needs", rule_id="late.both")
    assert (again["state"], again["served_on"]) == ("open", date(2026, 2, 1))
    early = [*GAMMA, "done late.both of gamma, ongoing on 2026-04-29"]
    assert wide(*early).one("needs", rule_id="late.both")["state"] == "open", "answered before both did"


def fact(fact, subject, *happened, as_of="2026-06-01"):
    found = wide(*happened, as_of=as_of).rows("facts", fact=fact, subject=subject)
    return (found[0]["value"], found[0]["evidence"]) if found else None


ALPHA = "alpha 10 mg daily from 2026-01-01 every 28 days"


@pytest.mark.parametrize(
    ("name", "subject", "happened", "expected"),
    [
        ("has", "fall", ["fall on 2025-06-02"], (1, "recorded on 2025-06-02")),
        ("has", "fall", ["fall on 2025-06-01"], None),
        ("has", "fall", ["diagnosis fall on 2026-01-01", "fall on 2025-09-01"], (1, "recorded on 2026-01-01")),
        ("has", "pregnancy", ["pregnancy on 2025-08-19"], (1, "recorded on 2025-08-19")),
        ("has", "pregnancy", ["pregnancy on 2025-08-18"], None),
        ("has", "pregnancy", ["pregnancy on 2026-03-01", "birth on 2026-03-01"], None),
        ("has", "pregnancy", ["pregnancy on 2026-03-02", "birth on 2026-03-01"], (1, "recorded on 2026-03-02")),
        ("load", "sum", [ALPHA, "zeta 40 mg injection every 40 days from 2026-05-01"], (10_500, "sum 10.5 mg: alpha+zeta")),
        ("load", "maximum", [ALPHA, "gamma 1 mg daily on 2026-05-20"], (8_333, "percent 83.33 %: alpha+gamma")),
        ("load", "burden", ["beta on 2026-05-20"], (1, "burden 1 point: beta")),
        ("load", "burden", [ALPHA], None),
        ("count", "greek", [ALPHA, "beta on 2026-05-20"], (2, "alpha+beta")),
        ("classes", "one", ["gamma on 2026-05-20"], (2, "greek+late")),
        ("months", "alpha", [ALPHA], (5, "since 2026-01-01")),
        ("covered", "alpha", ["alpha from 2025-10-01 every 56 days for 28 days"], (53, "53 % of 180 days")),
        ("early", "alpha", ["alpha on 2026-05-01", "alpha on 2026-05-10"], (1, "1 early issue in 6 months")),
        ("registered", "", ["registered with practice from 2025-12-02"], (5, "since 2025-12-02")),
        ("registered", "", ["registered with practice from 2025-12-01"], (6, "since 2025-12-01")),
        ("missed", "", ["missed appointment on 2025-06-01", "attended appointment on 2026-01-01"], None),
        ("missed", "", ["missed appointment on 2025-06-02", "missed appointment on 2026-01-01"], (2, "2 missed appointments in 12 months")),
        ("interpreter", "", ["interpreter needed"], (1, "interpreter needed")),
        ("repeats", "", ["alpha repeat plan from 2026-01-01", "alpha acute plan from 2026-01-01"], (1, "1 repeat")),
    ],
)
def test_facts(name, subject, happened, expected):
    assert fact(name, subject, *happened) == expected


def test_totals_name_what_is_not_known():
    total = wide("alpha dose unreadable on 2026-05-20", "beta 3 mg daily on 2026-05-10").one("totals", load="sum")
    assert (total["value"], total["prescribed"], total["unknown"]) == (7_000, 7_000, 1)
    assert (total["parts"], total["from_on"]) == ("alpha+beta", date(2026, 5, 20))


def interactions(*happened, as_of="2026-06-01"):
    return {row["interaction"]: (str(row["from_on"]), row["substances"]) for row in wide(*happened, as_of=as_of).rows("interactions")}


def test_interactions():
    assert interactions(ALPHA) == {}
    assert interactions(ALPHA, "gamma on 2026-05-20") == {"IX1": ("2026-05-20", "alpha+gamma"), "IX2": ("2026-01-01", "alpha+gamma")}
    patch = "epsilon 25 microgram/hour patch on {}"
    assert interactions(ALPHA, patch.format("2026-05-20"))["IX4"] == ("2026-05-20", "alpha+epsilon")
    # Supply until the 1st of February: 120 days later is the 1st of June.
    assert "IX4" in interactions(ALPHA, patch.format("2026-01-04"))
    assert "IX4" not in interactions(ALPHA, patch.format("2026-01-03"))
    assert "IX4" not in interactions(patch.format("2026-05-20"), "alpha on 2025-09-01"), "too long ago"


FINDING = rule("much", kind="finding", set_name="greek", per="class", test="review", lookback_months=0)
MUCH = when("much", [("load", "sum", ">=", 12_000)])


def findings(*happened, points, as_of="2026-06-01"):
    return wide(*happened, as_of=as_of, knowledge=with_rule(FINDING, points=points, whens=MUCH)).rows("needs")


def test_a_finding_counts_from_the_day_it_began():
    window = point("much", "trigger", 1, "window", anchor="trigger", due_days=30)
    more = "alpha 12 mg daily from 2026-04-23 every 28 days"
    happened = ["alpha 10 mg daily from 2026-01-01 to 2026-03-28 every 28 days", more]
    (need,) = findings(*happened, points=[window])
    assert (need["anchor_on"], need["due_on"], need["state"], need["subject"]) == (date(2026, 4, 23), date(2026, 5, 23), "open", "greek")
    assert findings(*happened, "review on 2026-04-22", points=[window])[0]["state"] == "open"
    assert findings(*happened, "review on 2026-04-23", points=[window])[0]["state"] == "met"
    from_start = point("much", "trigger", 1, "window", anchor="start", due_days=30)
    assert findings(*happened, points=[from_start])[0]["due_on"] == date(2026, 1, 31)
    assert findings(happened[0], points=[window]) == []


def test_the_first_due_day_may_differ_from_the_interval():
    ongoing = point("much", "ongoing", 1, "ongoing", anchor="trigger", every_months=12, due_days=28)
    start = "alpha 12 mg daily from 2026-01-01 every 28 days"
    assert findings(start, points=[ongoing])[0]["due_on"] == date(2026, 1, 29)
    assert findings(start, "review on 2026-01-10", points=[ongoing])[0]["due_on"] == date(2027, 1, 10)


def test_an_interval_may_hold_for_days():
    points = [
        point("much", "ongoing", 1, "ongoing", anchor="start", every_days=7, until_days=30),
        point("much", "ongoing", 2, "ongoing", anchor="start", every_months=3),
    ]
    start = "alpha 12 mg daily from 2026-01-01 every 28 days"
    assert findings(start, "review on 2026-01-30", points=points)[0]["due_on"] == date(2026, 2, 6)
    assert findings(start, "review on 2026-01-31", points=points)[0]["due_on"] == date(2026, 4, 30)


def test_what_was_overdue_when_the_practice_began_is_spread_over_a_year():
    ongoing = point("much", "ongoing", 1, "ongoing", anchor="start", every_months=6, spread=True)
    old, begun = "alpha 12 mg daily from 2025-01-01 every 28 days", "pack approved on 2026-03-01"
    assert findings(old, points=[ongoing])[0]["due_on"] == date(2025, 7, 1)
    # Person 1: 7919 mod 365 = 254 days.
    assert findings(old, begun, points=[ongoing])[0]["due_on"] == date(2026, 11, 10)
    assert findings(old, begun, "review on 2025-02-01", points=[ongoing])[0]["due_on"] == date(2025, 8, 1), "with evidence as ever"
    assert findings(old, "pack approved on 2025-07-01", points=[ongoing])[0]["due_on"] == date(2025, 7, 1), "not overdue then"


def triggers(measure, *happened, within=None, low=None, high=None, test="weight", as_of="2026-06-01"):
    band = {
        "rule_id": "r",
        "test": test,
        "measure": measure,
        "within_days": within,
        "low_milli": low,
        "low_closed": True,
        "high_milli": high,
    }
    points = [point("r", "trigger", 1, "window", anchor="trigger", due_days=7)]
    knowledge = with_rule(rule("r", kind="result", set_name="alpha", lookback_months=0), points=points, bands=[band])
    outcome = wide("alpha 10 mg daily from 2026-01-01 every 28 days", *happened, as_of=as_of, knowledge=knowledge)
    baselines = [row["label"] for row in outcome.rows("because") if row["kind"] == "baseline"]
    return [row["point"] for row in outcome.rows("needs")], baselines


def test_a_rise_since_the_start():
    before, after = "weight 70 on 2025-12-01", "weight 73.5 on 2026-04-01"
    assert triggers("rise percent", before, after, low=500) == (["2026-04-01"], ["baseline 70 kg on 2025-12-01"])
    assert triggers("rise percent", before, "weight 73.4 on 2026-04-01", low=500) == ([], [])
    assert triggers("rise", before, after, low=3_500)[0] == ["2026-04-01"]
    assert triggers("rise", "weight 70 on 2025-09-30", after, low=0)[0] == [], "no baseline so long before"
    first = "weight 70 on 2026-01-15"
    assert triggers("rise", first, after, low=0) == (["2026-04-01"], ["baseline 70 kg on 2026-01-15"])
    assert triggers("rise", "weight 70 on 2026-01-16", after, low=0)[0] == [], "nor so long after"
    assert triggers("rise", before, "weight 75 on 2026-02-01", after, "weight 69 on 2026-05-01", low=0)[0] == [], "the last is what counts"


def test_a_rise_or_fall_within_days():
    assert triggers("rise within", "weight 70 on 2025-12-31", "weight 75 on 2026-03-31", within=90, low=5_000)[0] == ["2026-03-31"]
    assert triggers("rise within", "weight 70 on 2025-12-30", "weight 75 on 2026-03-31", within=90, low=5_000)[0] == []
    happened = ["weight 80 on 2026-03-01", "weight 74 on 2026-04-01", "weight 76 on 2026-04-01"]
    assert triggers("fall within", *happened, within=90, low=6_000)[0] == ["2026-04-01"], "the smallest of the day"
    assert triggers("fall within", *happened, within=90, low=6_001)[0] == []


def test_points_for_each_need_of_a_kind():
    assert wide(BETA).one("priority", reason="supply")["points"] == 3
    two = [BETA, "gamma 1 mg daily from 2025-12-04 to 2026-04-01 every 28 days"]
    assert wide(*two).one("priority", reason="supply")["points"] == 5, "two of 3 points, at most 5"
