"""The language of worked patients: each form writes what an importer would write, and each line of `owed` is really compared."""

from __future__ import annotations

from datetime import date

import pytest
from builders import small_knowledge, table

from stepwell.engine import expectations, specs
from stepwell.engine.worked import WorkedPatient, worked
from stepwell.errors import Refused

AS_OF = date(2026, 6, 1)


def knowledge():
    base = small_knowledge()
    names = [
        {"term_name": "alpha", "substance": "alpha"},
        {"term_name": "alphadepot", "unit": "injection", "substance": "alpha depot"},
        {"term_name": "patchy", "unit": "patch", "substance": "beta"},
        {"term_name": "beta", "substance": "beta"},
    ]
    return {**base, "k_name": table("k_name", names)}


def rows(name, *happened):
    inputs, _ = worked([WorkedPatient("Ada", list(happened))], knowledge(), AS_OF)
    return inputs.table(name).to_pylist()


def issue(*happened):
    found = rows("medication_issues", *happened)
    assert len(found) == 1, found
    return found[0]


def test_a_name_may_hold_spaces_and_a_depot_is_a_dose_over_days():
    first, second = rows("medication_issues", "alpha depot 400 mg injection every 28 days from 2026-04-01 to 2026-05-10 by trust")
    assert (first["issued_on"], second["issued_on"]) == (date(2026, 4, 1), date(2026, 4, 29))
    assert (first["term_name"], first["unit"], first["code"], first["setting"]) == ("alphadepot", "injection", None, "trust")
    assert (first["days_supply"], first["dose_unit"], first["dose_high_milli"]) == (28, "mg", 14_286)


def test_patches():
    row = issue("beta 2 x 52.5 microgram/hour patches every 72 hours on 2026-05-01 for 30 days of 20 patches")
    assert (row["term_name"], row["unit"], row["strength_ug"]) == ("patchy", "patch", 1_260)
    assert (row["dose_unit"], row["dose_high_milli"], row["quantity_milli"], row["quantity_unit"]) == ("patch", 667, 20_000, "patch")
    assert issue("beta 25 microgram/hour patch on 2026-05-01")["dose_status"] == "none"


def test_when_required_with_a_quantity_and_a_strength():
    row = issue("alpha 40 mg when required on 2026-05-01 of 100 tablets of 5 mg")
    assert (row["code"], row["as_required"], row["dose_low_milli"], row["dose_high_milli"]) == ("alpha-5000", True, 0, 40_000)
    assert (row["quantity_milli"], row["quantity_unit"], row["days_supply"]) == (100_000, "tablet", 28)
    assert issue("alpha when required on 2026-05-01")["dose_high_milli"] is None


def test_a_strength_that_no_list_has_is_known_by_its_name():
    row = issue("alpha on 2026-05-01 of 28 tablets of 7 mg")
    assert (row["code"], row["term_name"], row["strength_ug"], row["unit"]) == (None, "alpha", 7_000, "tablet")


def test_plans():
    (plan,) = rows("medication_plans", "alpha repeat plan from 2025-01-01 to 2026-01-01")
    assert (plan["kind"], plan["status"], plan["ended_on"], plan["elsewhere"]) == ("repeat", "active", date(2026, 1, 1), False)
    assert rows("medication_plans", "alpha plan from 2025-01-01 for sleep")[0]["kind"] == "unknown"
    assert rows("medication_plans", "alpha 10 mg daily acute plan from 2025-01-01")[0]["dose_high_milli"] == 10_000


def test_what_else_happens_to_people():
    happened = ["aged 70", "interpreter needed", "in hospital from 2026-01-02 to 2026-02-03", "missed appointment on 2026-03-01"]
    assert rows("patients", *happened)[0]["interpreter"] is True
    assert rows("patients", *happened)[0]["birth_date"] == date(1956, 6, 1)
    assert [(row["started_on"], row["ended_on"]) for row in rows("stays", *happened)] == [(date(2026, 1, 2), date(2026, 2, 3))]
    assert [(row["on_date"], row["status"]) for row in rows("appointments", *happened)] == [(date(2026, 3, 1), "did not attend")]
    assert [row["code"] for row in rows("observations", "frail on 2026-02-01")] == ["frail"]
    assert [row["org_code"] for row in rows("approvals", "pack approved on 2026-01-01 by A81009")] == ["A81009"]


@pytest.mark.parametrize("sentence", ["gold on 2026-05-01", "alpha 3 spoons on 2026-05-01", "alpha depot on 2026-05-01 of 5 patches"])
def test_what_cannot_be_written_is_refused(sentence):
    with pytest.raises(Refused, match="'"):
        rows("medication_issues", sentence)


def faults(*owed):
    person = specs.Person("Ada", ["alpha 10 mg daily from 2026-01-10 every 28 days", "born 1940-01-01"], list(owed))
    spec = specs.Spec("title", [], AS_OF, "why", [person], path="alpha/x.yaml")
    return specs.check([spec], knowledge(), "reference")


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("alpha: current, since 2026-01-10, dose 10 mg, supplied by gp, licence unknown", "alpha: dose 11 mg"),
        ("register greek: current, new starter, since 2026-01-10, by alpha", "register greek: not new starter"),
        ("no register late", "no register greek"),
        ("fact age: 86, because born 1940-01-01", "fact age: 85"),
        ("fact takes early: since 2026-01-10, because early since 2026-01-10", "fact takes early: because early"),
        ("reason old: 3 points", "reason old: 2 points"),
        ("no fact has frail", "no fact takes alpha"),
    ],
)
def test_a_line_of_owed_is_really_compared(right, wrong):
    assert faults(right) == []
    assert len(faults(wrong)) == 1


def test_every_form_of_a_line_is_read():
    reader = expectations.Reader({**knowledge(), "k_load": table("k_load", [{"load": "ome", "label": "Opioid", "scale": 1000}])})
    total = reader.read("total ome: 13.5 mg, prescribed 20 mg, 1 unknown, since 2026-01-05, of alpha+beta")
    assert total.says == {"value": 13_500, "prescribed": 20_000, "unknown": 1, "from_on": date(2026, 1, 5), "parts": "alpha+beta"}
    spell = reader.read("spell greek: since 2024-01-05, left 2025-03-01, supply ended")
    assert spell.says == {"entered_on": date(2024, 1, 5), "left_on": date(2025, 3, 1), "reason": "supply ended"}
    assert reader.read("interaction IX5: critical, of alpha+beta").says == {"severity": "critical", "substances": "alpha+beta"}
    with pytest.raises(Refused, match="no load 'gold'"):
        reader.read("total gold: 5 mg")
    with pytest.raises(Refused, match="says nothing"):
        reader.read("alpha: 13.5 mg")
