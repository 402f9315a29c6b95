"""Sections 11 and 12 by hand: names with a unit, patches, stays, what counts, early issues, cover, long lapses, registers and spells."""

from __future__ import annotations

from datetime import date

import pytest
from builders import evaluate
from wide import wide_knowledge

KNOWLEDGE = wide_knowledge()


def wide(happened, as_of="2026-06-01", extra=None):
    return evaluate(happened, as_of, knowledge=KNOWLEDGE, extra=extra)


def medicine(substance, *happened, as_of="2026-06-01", extra=None):
    return wide(list(happened), as_of, extra).one("medicines", substance=substance)


def issue(**values):
    row = {
        "subject_id": 10,
        "issued_on": date(2026, 5, 20),
        "status": "completed",
        "setting": "gp",
        "org_code": "A81001",
        "dose_status": "none",
    }
    return {"medication_issues": [{"native_id": "x", "source": "A81001", "degraded": False, "as_required": False, **row, **values}]}


@pytest.mark.parametrize(
    ("term_name", "unit", "substance"),
    [
        ("gamma", "injection", "zeta"),
        ("gamma", "tablet", "gamma"),
        ("gamma", None, "gamma"),
        ("epsilon", "patch", "epsilon"),
        ("epsilon", "tablet", "beta"),
        ("alpha", "ml", None),
    ],
)
def test_a_name_may_mean_another_medicine_by_its_unit(term_name, unit, substance):
    found = wide([], extra=issue(term_name=term_name, unit=unit)).rows("medicines")
    assert [row["substance"] for row in found] == ([substance] if substance else [])


def patch(**values):
    return wide([], extra=issue(code_system="snomed", code="epsilon-600h", **values)).one("medicines")


def test_patches_by_instruction():
    instruction = {"dose_status": "text", "dose_unit": "patch"}
    one = patch(**instruction, dose_high_milli=333, days_supply=30)
    assert (one["daily_ug"], one["dose_provenance"]) == (600, "text")
    assert patch(**instruction, dose_high_milli=667, days_supply=30)["daily_ug"] == 1_200
    assert patch(**instruction, dose_high_milli=10, days_supply=30)["daily_ug"] == 600, "less than half a patch at once is one"


def test_patches_by_quantity():
    ten = {"quantity_milli": 10_000, "quantity_unit": "patch"}
    row = patch(**ten)
    assert (row["supply_ends_on"], row["daily_ug"], row["dose_provenance"]) == (date(2026, 6, 19), 600, "estimated"), "10 × 72 hours"
    two = patch(**ten, dose_status="text", dose_unit="patch", dose_high_milli=667)
    assert (two["supply_ends_on"], two["daily_ug"]) == (date(2026, 6, 4), 1_200)
    assert patch(**ten, days_supply=15)["daily_ug"] == 1_200, "twice as many as one at once needs"
    unknown = patch(days_supply=30)
    assert (unknown["daily_ug"], unknown["dose_provenance"], unknown["as_required"]) == (600, "estimated", False)


def test_patches_are_never_as_required():
    row = patch(days_supply=30, as_required=True, dose_status="text", dose_unit="patch", dose_high_milli=667)
    assert (row["as_required"], row["daily_ug"], row["counted_ug"]) == (False, 600, 600)


def test_a_patch_that_knowledge_does_not_tell_follows_the_general_rules():
    row = wide([], extra=issue(code_system="snomed", code="epsilon-odd", days_supply=28)).one("medicines")
    assert (row["daily_ug"], row["dose_provenance"]) == (None, "unknown")


LONG = ["alpha 10 mg daily from 2025-01-01 to 2025-11-01 every 28 days"]


def test_a_stay_covers_what_the_person_was_taking():
    # The last issue is of 2025-10-08, for 28 days: until 2025-11-05.
    alone = wide(LONG).one("courses")
    assert alone["supply_ends_on"] == date(2025, 11, 5)
    kept = wide([*LONG, "in hospital from 2025-12-31 to 2026-02-01", "alpha 10 mg daily on 2026-02-20"])
    row = kept.one("courses")
    assert (row["issues"], row["last_issued_on"], row["supply_ends_on"]) == (12, date(2026, 2, 20), date(2026, 3, 20))
    assert kept.one("medicines")["last_change_on"] == date(2025, 1, 1), "a stay says nothing about the dose"
    too_late = wide([*LONG, "in hospital from 2026-01-01 to 2026-02-01", "alpha 10 mg daily on 2026-02-20"])
    assert [row["course"] for row in too_late.rows("courses")] == [1, 2]


def test_a_stay_that_lasts_reaches_to_the_day_and_counts_at_least_one():
    lasting = wide([*LONG, "in hospital from 2025-11-20"]).one("medicines")
    assert (lasting["status"], lasting["supply_ends_on"], lasting["supplied_by"]) == ("current", date(2026, 6, 1), "gp")
    short = wide([*LONG, "in hospital from 2025-11-20 to 2025-11-20"], "2025-12-01").one("medicines")
    assert short["supply_ends_on"] == date(2025, 11, 21)


def test_when_required_counts_at_the_rate_issued():
    # 84 days before the 1st of June lies the 9th of March; 200 tablets of 5 mg in them.
    prn = "alpha when required on {} of 100 tablets of 5 mg"
    row = medicine("alpha", *(prn.format(day) for day in ("2026-03-09", "2026-03-10", "2026-05-10")))
    assert (row["as_required"], row["counted_ug"]) == (True, 200 * 5_000 // 84)
    assert medicine("alpha", "alpha 20 mg daily on 2026-05-20")["counted_ug"] == 20_000
    assert medicine("alpha", "alpha when required on 2026-05-10")["counted_ug"] is None


def test_early_issues():
    happened = ["alpha on 2025-11-20", "alpha on 2025-12-10", "alpha on 2026-01-01", "alpha on 2026-02-05"]
    # Supply lasts until 18 December, then (8 days carried over) 15 January, then (14 days) 12 February: early by 8, 14 and 7 days.
    assert medicine("alpha", *happened, as_of="2026-03-01")["early_issues"] == 2
    assert medicine("alpha", "alpha on 2026-01-01", "alpha on 2026-01-22", as_of="2026-03-01")["early_issues"] == 0, "7 days are not early"
    assert medicine("alpha", "alpha on 2026-01-01", "alpha on 2026-01-21", as_of="2026-03-01")["early_issues"] == 1
    assert medicine("alpha", "alpha on 2026-01-01", "alpha on 2026-01-21", as_of="2026-07-21", extra=REPEAT)["early_issues"] == 0


REPEAT = {
    "medication_plans": [
        {
            "subject_id": 10,
            "native_id": "p",
            "source": "A81001",
            "status": "active",
            "kind": "repeat",
            "elsewhere": False,
            "term_name": "alpha",
            "term": "Alpha 5mg",
        }
    ]
}


def test_cover():
    every = "alpha 5 mg daily from 2025-10-01 every {} days for 28 days"
    assert medicine("alpha", every.format(28))["covered_percent"] == 100
    assert medicine("alpha", every.format(56))["covered_percent"] == 100 * 96 // 180
    assert medicine("alpha", "alpha 5 mg daily from 2025-12-04 every 28 days")["covered_percent"] is None, "younger than 180 days"
    assert medicine("alpha", "alpha 5 mg daily from 2025-12-03 every 28 days")["covered_percent"] == 100
    assert medicine("alpha", "alpha when required from 2025-10-01 every 28 days")["covered_percent"] is None


def lapsed(*happened, as_of="2026-06-01"):
    return [(row["substance"], row["status"]) for row in wide([*LONG, *happened], as_of).rows("medicines")]


def test_expected_supply_stays_lapsed_until_answered():
    outcome = wide([*LONG, "alpha 10 mg daily on 2024-01-01"])
    assert outcome.one("registers", register="greek")["status"] == "lapsed"
    assert outcome.rows("facts", fact="takes") == [] and outcome.rows("totals") == []
    assert [row["kind"] for row in outcome.rows("needs")] == ["supply"], "no other duty"
    assert lapsed() == [("alpha", "lapsed")]
    assert lapsed(as_of="2026-11-04") == [("alpha", "lapsed")]
    assert lapsed(as_of="2026-11-05") == [], "12 months later nobody waits any more"
    assert lapsed("done greek.nobody of alpha, 2025-11-05 on 2025-11-05") == []
    assert lapsed("done greek.nobody of alpha, 2025-11-05 on 2025-11-04") == [("alpha", "lapsed")], "an answer from before"
    assert lapsed("not applicable greek.nobody of alpha, 2025-11-05 on 2025-12-01") == []
    assert lapsed("declined greek.nobody of alpha, 2025-11-05 on 2025-12-01") == [("alpha", "lapsed")]


def test_replaced_by_another_of_its_register():
    other = "beta 2 mg daily from {} every 28 days"
    assert ("alpha", "lapsed") not in lapsed(other.format("2025-09-06")), "60 days before supply ended"
    assert ("alpha", "lapsed") in lapsed(other.format("2025-09-05"))
    assert ("alpha", "lapsed") in lapsed("epsilon 25 microgram/hour patch from 2025-10-06 every 28 days"), "of another register"


def test_a_short_course_is_not_expected_to_go_on_unless_on_repeat():
    # 84 days of cover are needed; three issues are just enough.
    assert wide(["beta from 2026-01-01 to 2026-02-26 every 28 days"], "2026-06-01").one("medicines")["status"] == "lapsed"
    assert wide(["beta from 2026-01-01 to 2026-01-30 every 28 days"], "2026-06-01").rows("medicines") == []
    on_repeat = ["beta on 2026-02-01", "beta repeat plan from 2026-01-01"]
    assert wide(on_repeat).one("medicines")["status"] == "lapsed"
    assert wide([on_repeat[0], "beta repeat plan from 2026-01-01 to 2026-06-01"]).rows("medicines") == []
    assert wide(["epsilon 25 microgram/hour patch on 2026-02-01"]).one("medicines")["status"] == "lapsed", "a rule says it always is"


def test_registers_by_medicine_and_by_condition():
    outcome = wide(["alpha from 2025-06-01 every 28 days", "diagnosis psychosis on 2026-01-02", "fall on 2025-06-02"])
    greek = outcome.one("registers", register="greek")
    assert (greek["months"], greek["long_term"], greek["new_starter"], greek["substances"]) == (12, True, False, "alpha")
    psychosis = outcome.one("registers", register="psychosis")
    assert (psychosis["entered_on"], psychosis["months"], psychosis["substances"]) == (date(2026, 1, 2), 4, None)
    assert (psychosis["status"], psychosis["long_term"], psychosis["new_starter"]) == ("current", False, False)
    assert outcome.one("registers", register="fall")["entered_on"] == date(2025, 6, 2), "a fall counts for a year"
    assert wide(["fall on 2025-06-01"]).rows("registers") == []


def spells(*happened, as_of="2026-06-01"):
    found = wide(list(happened), as_of).rows("register_spells", register="greek")
    return [(str(row["entered_on"]), str(row["left_on"]), row["reason"]) for row in found]


def test_spells():
    early = "alpha from 2023-01-01 to 2023-02-20 every 28 days"
    assert spells(early, "beta from 2026-01-01 every 28 days") == [
        ("2023-01-01", "2023-02-26", "supply ended"),
        ("2026-01-01", "None", None),
    ]
    assert spells(*LONG) == [("2025-01-01", "None", None)], "still waited for"
    assert spells(*LONG, "done greek.nobody of alpha, 2025-11-05 on 2025-12-01") == [("2025-01-01", "2025-11-05", "answered")]
    now = "alpha from 2026-01-01 every 28 days"
    assert spells(now, "died 2026-05-20") == [("2026-01-01", "2026-05-20", "died")]
    assert spells(now, "registered with practice from 2020-01-01 to 2026-05-10") == [("2026-01-01", "2026-05-10", "left the practice")]
    both = ["registered with practice from 2020-01-01 to 2026-05-10", "died 2026-05-20"]
    assert spells(now, *both) == [("2026-01-01", "2026-05-20", "died")]
    assert spells(now, "died 2026-07-20") == [("2026-01-01", "None", None)]
