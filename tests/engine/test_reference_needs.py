"""Results, facts, needs, reasons and priority of the plain-Python engine, by hand. The rules are those of `builders.py`."""

from __future__ import annotations

from datetime import date

import pytest
from builders import evaluate, point, rule, small_knowledge

ALPHA = "alpha 10 mg daily from 2025-01-01 every 28 days"


def need(happened, as_of, **having):
    return evaluate(happened, as_of).one("needs", **having)


def level(as_of, *happened, point_name):
    return need([ALPHA, *happened], as_of, rule_id="alpha.level", point=point_name)


@pytest.mark.parametrize(
    ("result", "state"), [("2024-09-30", "open"), ("2024-10-01", "met"), ("2025-01-15", "met"), ("2025-01-16", "open")]
)
def test_a_window_is_served_from_its_first_to_its_last_day(result, state):
    assert level("2025-02-01", f"level 0.6 on {result}", point_name="baseline")["state"] == state


@pytest.mark.parametrize(("as_of", "state"), [("2025-12-31", "open"), ("2026-01-01", "lapsed")])
def test_a_missing_baseline_lapses(as_of, state):
    found = level(as_of, point_name="baseline")
    assert (found["state"], found["due_on"], found["escalate_on"]) == (state, date(2025, 1, 1), date(2025, 1, 15))


@pytest.mark.parametrize(("result", "state"), [("2025-02-25", "open"), ("2025-02-26", "met")])
def test_week_twelve_is_served_from_day_56(result, state):
    found = level("2025-03-30", f"level 0.6 on {result}", point_name="week 12")
    assert (found["state"], found["due_on"]) == (state, date(2025, 3, 26))


def test_one_day_serves_one_chain_point_the_earliest_it_fits():
    # 1 October is month 9: it fits week 12 (until month 9)? no: that lapsed the same day; 30 September fits week 12 only
    assert level("2025-10-01", "level 0.6 on 2025-09-30", point_name="week 12")["state"] == "met"
    assert level("2025-10-01", "level 0.6 on 2025-10-01", point_name="week 12")["state"] == "lapsed"
    assert level("2025-10-01", "level 0.6 on 2025-10-01", point_name="month 12")["state"] == "met"


def test_ahead_only_the_first_chain_point_shows():
    points = {row["point"] for row in evaluate([ALPHA], "2025-01-10").rows("needs", rule_id="alpha.level")}
    assert points == {"baseline", "week 12"}


def test_a_chain_point_takes_its_own_answer_before_results():
    happened = ["declined alpha.level week 12 on 2025-03-01", "level 0.6 on 2025-02-27"]
    found = level("2025-04-01", *happened, point_name="week 12")
    assert (found["state"], found["served_by"], found["served_on"]) == ("declined", "declined", date(2025, 3, 1))


SERVED = ["level 0.6 on 2025-01-01", "level 0.6 on 2025-03-20", "level 0.6 on 2025-12-01"]


def test_ongoing_counts_from_the_last_evidence_once_the_chain_is_answered():
    assert evaluate([ALPHA, *SERVED[:2]], "2025-11-01").rows("needs", rule_id="alpha.level", point="ongoing") == []
    found = level("2026-03-01", *SERVED, point_name="ongoing")
    # the last evidence lies in the first year: every 3 months
    assert (found["state"], found["opens_on"], found["due_on"], found["served_by"]) == (
        "open",
        date(2025, 12, 2),
        date(2026, 3, 1),
        "result",
    )


@pytest.mark.parametrize(("last", "due"), [("level 0.6 on 2026-02-28", "2026-08-28"), ("level 0.9 on 2026-02-28", "2026-05-28")])
def test_sooner_while_its_condition_holds(last, due):
    outcome = evaluate([ALPHA, *SERVED, last], "2026-05-01")
    found = outcome.one("needs", rule_id="alpha.level", point="ongoing")
    assert found["due_on"] == date.fromisoformat(due)
    reasons = outcome.rows("because", rule_id="alpha.level", point="ongoing", kind="condition")
    assert [row["label"] for row in reasons] == (["high: 0.9 mmol/L on 2026-02-28"] if "0.9" in last else [])


def test_month_ends():
    found = level("2025-12-31", *SERVED[:2], "level 0.6 on 2025-11-30", point_name="ongoing")
    assert found["due_on"] == date(2026, 2, 28)


def test_an_answer_serves_the_cycle_of_its_own_point_only():
    declined = level("2026-03-01", *SERVED, "declined alpha.level ongoing on 2026-02-10", point_name="ongoing")
    assert (declined["due_on"], declined["served_by"], declined["state"]) == (date(2026, 8, 10), "declined", "open")
    other = level("2026-03-01", *SERVED, "declined alpha.level month 12 on 2026-02-10", point_name="ongoing")
    assert other["served_on"] == date(2025, 12, 1)


@pytest.mark.parametrize(("as_of", "state"), [("2026-03-01", "not applicable"), ("2026-03-31", "not applicable"), ("2026-04-01", "open")])
def test_not_applicable_until_its_end(as_of, state):
    answer = "not applicable alpha.level ongoing on 2026-02-10 until 2026-04-01"
    assert level(as_of, *SERVED, answer, point_name="ongoing")["state"] == state


def test_after_a_change_of_dose():
    happened = ["alpha 10 mg daily from 2025-01-01 to 2025-05-01 every 28 days", "alpha 15 mg daily from 2025-05-21 every 28 days"]
    found = need([*happened], "2025-06-01", rule_id="greek.weight", point="after change")
    assert (found["anchor_on"], found["due_on"], found["state"]) == (date(2025, 5, 21), date(2025, 5, 28), "open")


def test_a_rule_waits_until_its_course_has_lasted():
    taking = ["delta 400 mg daily from 2025-01-01 every 28 days", "beta from 2025-01-01 every 28 days", "female"]
    assert evaluate(taking, "2025-06-30").rows("needs", rule_id="greek.review") == []
    assert evaluate(taking, "2025-07-01").rows("needs", rule_id="greek.review", subject="greek")
    assert evaluate(taking[:2], "2025-07-01").rows("needs", rule_id="greek.review") == []
    assert evaluate([*taking[:2], "diagnosis psychosis on 2020-01-01"], "2025-07-01").rows("needs", rule_id="greek.review")


def test_unless_ends_a_need():
    assert evaluate([ALPHA, "diagnosis frail on 2020-01-01"], "2025-03-01").rows("needs", rule_id="greek.weight") == []


def test_a_result_in_the_band_raises_one_need_named_after_the_first_day_of_its_run():
    happened = [ALPHA, "level 1.2 on 2025-02-01", "level 0.9 on 2025-03-01", "level 1 on 2025-04-01", "level 1.999 on 2025-05-01"]
    outcome = evaluate(happened, "2025-05-02")
    found = outcome.one("needs", rule_id="level.high")
    assert (found["point"], found["anchor_on"], found["due_on"]) == ("2025-04-01", date(2025, 4, 1), date(2025, 4, 8))
    assert outcome.one("because", rule_id="level.high", kind="trigger")["label"] == "Level 1 mmol/L on 2025-04-01"
    for ended in ("level 2 on 2025-06-01", "level 0.999 on 2025-06-01"):
        assert evaluate([*happened, ended], "2025-06-02").rows("needs", rule_id="level.high") == []
    repeated = evaluate([*happened, "repeat on 2025-04-20"], "2025-05-02").one("needs", rule_id="level.high")
    assert (repeated["state"], repeated["served_on"]) == ("met", date(2025, 4, 20))


def test_a_combination_needs_a_medicine_for_each_of_its_sets():
    both = ["alpha from 2025-01-01 every 28 days", "gamma from 2025-02-15 every 28 days"]
    outcome = evaluate(both, "2025-03-01")
    found = outcome.one("needs", rule_id="mixed")
    assert (found["subject"], found["anchor_on"]) == ("early+late", date(2025, 2, 15))
    courses = [row["label"] for row in outcome.rows("because", rule_id="mixed", kind="course")]
    assert courses == ["early since 2025-01-01", "late since 2025-02-15"]
    assert evaluate(both[:1], "2025-03-01").rows("needs", rule_id="mixed") == []


def test_one_medicine_does_not_serve_two_sets():
    knowledge = small_knowledge(
        rules=[rule("pair", kind="combination", set_name="greek", set_b="early")],
        points=[point("pair", "ongoing", 1, "ongoing", every_days=1)],
    )
    assert evaluate([ALPHA], "2025-02-01", knowledge=knowledge).rows("needs") == []
    both = [ALPHA, "beta from 2025-01-01 every 28 days"]
    assert evaluate(both, "2025-02-01", knowledge=knowledge).one("needs")["subject"] == "greek+early"


@pytest.mark.parametrize(
    ("said", "rows"),
    [
        ([], 1),
        (["diagnosis psychosis on 2020-01-01"], 0),
        (["diagnosis sleep on 2020-01-01"], 1),
        (["alpha plan from 2025-01-01 intended to end 2025-06-01"], 0),
    ],
)
def test_licence_rules_ask_where_the_use_is_not_known_to_be_licensed(said, rows):
    assert len(evaluate([ALPHA, *said], "2025-02-01").rows("needs", rule_id="greek.licence")) == rows


def test_two_roads_one_fact():
    outcome = evaluate(["level 0.71 on 2025-01-01", "typed level 0.71 on 2025-01-01", "typed level 0.72 on 2025-01-01"], "2025-02-01")
    assert [(row["value_milli"], row["roads"]) for row in outcome.rows("results")] == [(710, 2), (720, 1)]
    assert outcome.one("facts", fact="last")["evidence"] == "0.72 mmol/L on 2025-01-01"


def test_a_unit_is_converted_and_one_that_is_not_known_gives_no_value():
    common = {
        "subject_id": 10,
        "source": "A81001",
        "version": "1",
        "code": "weight",
        "code_system": "snomed",
        "effective_on": date(2025, 1, 1),
    }
    pounds = {**common, "native_id": "1", "value_milli": 176_370, "value_unit": "LB", "status": "final"}
    stones = {**common, "native_id": "2", "value_milli": 12_000, "value_unit": "stone", "status": "final"}
    outcome = evaluate([], "2025-02-01", extra={"observations": [pounds, stones]})
    assert [row["value_milli"] for row in outcome.rows("results")] == [80_000, None]


@pytest.mark.parametrize(
    ("values", "drop"),
    [
        (("60", "45"), 15_000),  # 15 at once
        (("40", "30"), None),  # a quarter, within G3b: 30 is its lower edge
        (("40", "29"), 11_000),  # more than a quarter, from G3b to G4
        (("60", "46"), None),
    ],
)
def test_falling_egfr(values, drop):
    outcome = evaluate([f"egfr {values[0]} on 2025-01-31", f"egfr {values[1]} on 2026-01-31"], "2026-02-01")
    assert [row["value"] for row in outcome.rows("facts", fact="falling")] == ([drop] if drop else [])
    later = evaluate([f"egfr {values[0]} on 2025-01-30", f"egfr {values[1]} on 2026-01-31"], "2026-02-01")
    assert later.rows("facts", fact="falling") == []


@pytest.mark.parametrize(("as_of", "age"), [("2026-02-27", 25), ("2026-02-28", 26), ("2028-02-28", 27), ("2028-02-29", 28)])
def test_age_of_a_leap_day_child(as_of, age):
    assert evaluate(["born 2000-02-29"], as_of).one("facts", fact="age")["value"] == age


def test_nothing_dated_after_as_of_is_read():
    happened = [ALPHA, "level 1.2 on 2025-04-01", "diagnosis frail on 2025-04-01", "declined alpha.level week 12 on 2025-04-01"]
    before, after = evaluate(happened[:1], "2025-03-31"), evaluate(happened, "2025-03-31")
    assert all(before.tables[name].equals(after.tables[name]) for name in before.tables)


def test_priority_of_what_is_due():
    outcome = evaluate(["born 1940-01-01", "delta from 2025-01-01 every 28 days by trust"], "2025-03-02")
    # "agree who" is due since 1 January: 60 days, two full months at 2 points
    assert {row["reason"]: row["points"] for row in outcome.rows("priority")} == {"overdue": 4, "old": 3}
    assert evaluate(["born 1940-01-01"], "2025-03-02").rows("priority") == []


def test_reasons_are_numbered_in_the_order_to_read_them():
    happened = [ALPHA, *SERVED, "level 0.9 on 2026-02-28", "done alpha.level ongoing on 2026-03-01"]
    rows = evaluate(happened, "2026-05-01").rows("because", rule_id="alpha.level", point="ongoing")
    assert [(row["seq"], row["kind"], row["label"]) for row in rows] == [
        (1, "course", "alpha since 2025-01-01"),
        (2, "last result", "Level 0.9 mmol/L on 2026-02-28"),
        (3, "condition", "high: 0.9 mmol/L on 2026-02-28"),
        (4, "answer", "done on 2026-03-01: done as answered"),
        (5, "owner", "supplied by the practice only"),
    ]
