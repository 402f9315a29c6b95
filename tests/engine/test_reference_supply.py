"""Supply, courses and registers of the plain-Python engine, by hand."""

from __future__ import annotations

from datetime import date

import pytest
from builders import evaluate

ISSUE = {"subject_id": 10, "source": "A81001", "version": "1", "setting": "gp", "org_code": "A81001", "status": "completed"}
PRODUCT = {"code": "alpha-5000", "code_system": "snomed", "term": "alpha 5mg tablets", "term_name": "alpha"}


def issue(on: str, **values):
    return {**ISSUE, **PRODUCT, "native_id": f"x-{on}-{len(values)}", "issued_on": date.fromisoformat(on), **values}


def issued(as_of: str, *issues, plans=()):
    return evaluate(["born 1970-01-01"], as_of, extra={"medication_issues": list(issues), "medication_plans": list(plans)})


@pytest.mark.parametrize(("second", "courses"), [("2025-03-30", 1), ("2025-03-31", 2)])
def test_more_than_sixty_days_without_supply_end_a_course(second, courses):
    # 28 days from 1 January last until 29 January: 30 March is 60 days later, 31 March 61
    outcome = evaluate(["alpha on 2025-01-01 for 28 days", f"alpha on {second} for 28 days"], "2025-04-01")
    rows = outcome.rows("courses")
    assert len(rows) == courses
    assert rows[0]["gap_days"] == (61 if courses == 2 else None)


def test_early_issues_carry_over_but_no_more_than_the_cap():
    outcome = evaluate(["alpha on 2025-01-01 for 84 days", "alpha on 2025-01-08 for 28 days"], "2025-02-01")
    # 77 days are left on 8 January; 28 of them are carried: 8 January + 28 + 28
    assert outcome.one("courses")["supply_ends_on"] == date(2025, 3, 5)


@pytest.mark.parametrize(
    ("as_of", "status"), [("2025-01-29", "current"), ("2025-02-26", "current"), ("2025-02-27", "lapsed"), ("2025-03-30", "lapsed")]
)
def test_current_then_lapsed(as_of, status):
    assert evaluate(["alpha on 2025-01-01 for 28 days"], as_of).one("medicines")["status"] == status


def test_sixty_one_days_after_the_supply_a_medicine_is_off_the_register():
    outcome = evaluate(["alpha on 2025-01-01 for 28 days"], "2025-03-31")
    assert outcome.rows("medicines") == [] == outcome.rows("registers") == outcome.rows("needs")
    assert len(outcome.rows("courses")) == 1


def test_two_strengths_on_a_day_add_their_doses_and_the_longer_supply_counts():
    structured = {"dose_status": "structured", "dose_high_milli": 1000, "dose_unit": "tablet"}
    outcome = issued(
        "2025-01-05",
        issue("2025-01-01", days_supply=28, **structured),
        issue("2025-01-01", days_supply=14, **structured, code="alpha-10000", term="alpha 10mg tablets"),
    )
    medicine = outcome.one("medicines")
    assert (medicine["daily_ug"], medicine["supply_ends_on"]) == (15_000, date(2025, 1, 29))
    assert medicine["term"] == "alpha 10mg tablets; alpha 5mg tablets"


def test_the_same_issue_twice_on_a_day_is_a_holiday_supply():
    same = {"days_supply": 28, "dose_status": "structured", "dose_high_milli": 1000, "dose_unit": "tablet"}
    medicine = issued("2025-01-05", issue("2025-01-01", **same), issue("2025-01-01", **same, native_id="again")).one("medicines")
    assert (medicine["daily_ug"], medicine["supply_ends_on"]) == (5_000, date(2025, 2, 26))


@pytest.mark.parametrize(
    ("columns", "daily_ug", "provenance", "days"),
    [
        ({"dose_status": "structured", "dose_high_milli": 2000, "dose_unit": "tablet", "days_supply": 7}, 10_000, "structured", 7),
        ({"dose_status": "text", "dose_high_milli": 2000, "dose_unit": "capsule", "days_supply": 7}, 10_000, "text", 7),
        (
            {"dose_status": "text", "dose_high_milli": 7500, "dose_unit": "mg", "quantity_milli": 42_000, "quantity_unit": "tablet"},
            7_500,
            "text",
            28,
        ),
        (
            {"dose_status": "text", "dose_high_milli": 2000, "dose_unit": "tablet", "quantity_milli": 56_000, "quantity_unit": "tablet"},
            10_000,
            "text",
            28,
        ),
        (
            {"dose_status": "text", "dose_high_milli": 2000, "dose_unit": "ml", "quantity_milli": 56_000, "quantity_unit": "tablet"},
            10_000,
            "estimated",
            28,
        ),
        ({"dose_status": "none", "quantity_milli": 56_000, "quantity_unit": "tablet"}, 10_000, "estimated", 28),
        ({"dose_status": "text", "dose_high_milli": 2000, "dose_unit": "dose", "days_supply": 7}, 10_000, "text", 7),
        ({"dose_status": "none", "quantity_milli": 56_000, "quantity_unit": "ml"}, None, "unknown", 28),
        ({"dose_status": "not understood"}, None, "unknown", 28),
        ({"dose_status": "text", "as_required": True, "dose_high_milli": 4000, "dose_unit": "tablet"}, None, "unknown", 28),
        (
            {"dose_status": "text", "dose_high_milli": 1000, "dose_unit": "tablet", "quantity_milli": 999_000, "quantity_unit": "tablet"},
            5_000,
            "text",
            112,
        ),
    ],
)
def test_dose_and_days(columns, daily_ug, provenance, days):
    medicine = issued("2025-01-02", issue("2025-01-01", **columns)).one("medicines")
    assert (medicine["daily_ug"], medicine["dose_provenance"]) == (daily_ug, provenance)
    assert (medicine["supply_ends_on"] - date(2025, 1, 1)).days == days


def test_without_any_figure_the_persons_own_interval_counts():
    outcome = issued("2025-05-01", *(issue(on) for on in ("2025-01-01", "2025-02-10", "2025-03-15", "2025-04-24")))
    # intervals 40, 33, 40: the lower median is 40; the issue of 15 March came 7 days early, and those carry over
    assert outcome.one("courses")["supply_ends_on"] == date(2025, 6, 10)


@pytest.mark.parametrize("status", ["cancelled", "draft", "entered in error"])
def test_what_was_never_issued_is_no_supply(status):
    assert issued("2025-01-02", issue("2025-01-01", status=status)).rows("courses") == []


def test_a_name_serves_where_no_list_knows_the_code():
    outcome = issued("2025-01-02", issue("2025-01-01", code="local", code_system="emis"))
    assert outcome.one("medicines")["substance"] == "alpha"


def test_a_decision_about_a_code_wins_over_every_list():
    codings = [{"code_system": "snomed", "code": "alpha-5000", "substance": None}]
    outcome = evaluate([], "2025-01-02", extra={"medication_issues": [issue("2025-01-01")], "codings": codings})
    assert outcome.rows("courses") == []


def test_a_combination_product_is_two_medicines():
    outcome = issued("2025-01-02", issue("2025-01-01", code="beta-gamma", term="beta-gamma"))
    assert [row["substance"] for row in outcome.rows("medicines")] == ["beta", "gamma"]


@pytest.mark.parametrize(
    ("sentence", "ends"),
    [
        ("alpha prescribed elsewhere from 2025-01-31", date(2026, 1, 31)),
        ("alpha prescribed elsewhere from 2023-01-31 confirmed 2025-02-28", date(2026, 2, 28)),
        ("alpha prescribed elsewhere from 2025-01-31 review 2025-07-01", date(2025, 7, 1)),
    ],
)
def test_prescribed_elsewhere_is_supply_until_review_or_a_year_after_it_was_confirmed(sentence, ends):
    medicine = evaluate([sentence], "2025-06-01").one("medicines")
    assert (medicine["supplied_by"], medicine["supply_ends_on"], medicine["last_issued_on"]) == ("trust", ends, None)


def test_an_issue_does_not_shorten_what_is_prescribed_elsewhere():
    outcome = evaluate(["alpha prescribed elsewhere from 2025-01-31 by trust", "alpha on 2025-03-01 for 7 days"], "2025-12-01")
    medicine = outcome.one("medicines")
    assert (medicine["status"], medicine["supply_ends_on"], medicine["supplied_by"]) == ("current", date(2026, 1, 31), "trust")


def test_a_switch_does_not_restart_the_class():
    outcome = evaluate(["beta from 2024-01-01 to 2024-06-01 every 28 days", "gamma from 2024-07-01 every 28 days"], "2025-01-01")
    register = outcome.one("registers", register="greek")
    assert (register["entered_on"], register["substances"], register["new_starter"]) == (date(2024, 1, 1), "gamma", False)
    assert outcome.one("medicines")["started_on"] == date(2024, 7, 1)


def test_a_change_of_dose_is_dated():
    sentences = ["alpha 10 mg daily from 2025-01-01 to 2025-03-01 every 28 days", "alpha 15 mg daily from 2025-03-26 every 28 days"]
    assert evaluate(sentences, "2025-06-01").one("medicines")["last_change_on"] == date(2025, 3, 26)


def test_an_estimate_shows_no_change_of_dose():
    quantities = [("2025-01-01", 28_000), ("2025-01-29", 56_000), ("2025-02-26", 28_000)]
    issues = [issue(on, quantity_milli=quantity, quantity_unit="tablet", days_supply=28) for on, quantity in quantities]
    medicine = issued("2025-03-01", *issues).one("medicines")
    assert (medicine["dose_provenance"], medicine["last_change_on"]) == ("estimated", date(2025, 1, 1))


def test_one_dose_of_a_liquid_is_no_amount():
    liquid = {"code": "delta-liquid", "term": "delta liquid", "days_supply": 28, "dose_status": "text", "dose_high_milli": 1000}
    said = issued("2025-01-02", issue("2025-01-01", **liquid, dose_unit="dose")).one("medicines")
    measured = issued("2025-01-02", issue("2025-01-01", **liquid, dose_unit="ml")).one("medicines")
    assert (said["daily_ug"], measured["daily_ug"]) == (None, 104_000)


@pytest.mark.parametrize("end", ["died 2025-01-20", "registered with practice from 2020-01-01 to 2025-01-20"])
def test_who_has_died_or_left_keeps_courses_and_results_but_owes_nothing(end):
    outcome = evaluate(["alpha on 2025-01-01 for 28 days", "level 0.6 on 2025-01-02", end], "2025-01-20")
    assert outcome.rows("courses") and outcome.rows("results") and outcome.rows("facts", fact="last")
    assert not any(outcome.rows(name) for name in ("medicines", "registers", "needs", "because", "priority"))
    assert outcome.rows("facts", fact="takes") == []


def test_licence_from_the_plan_before_the_problem_list():
    taking = ["alpha from 2025-01-01 every 28 days", "diagnosis psychosis on 2020-01-01"]
    listed = evaluate(taking, "2025-02-01").one("medicines")
    assert (listed["licence"], listed["indication"], listed["indication_from"]) == ("licensed", "psychosis", "problem list")
    stated = evaluate([*taking, 'alpha plan from 2025-01-01 because "to sleep"'], "2025-02-01").one("medicines")
    assert (stated["licence"], stated["indication"], stated["indication_from"]) == ("off-licence", "to sleep", "plan")
    coded = evaluate([*taking, "alpha plan from 2025-01-01 for psychosis"], "2025-02-01").one("medicines")
    assert (coded["licence"], coded["indication_from"]) == ("licensed", "plan")
