"""Changing to a long-acting relative: the published range, the guard of the liver, and the change in products that exist."""

from __future__ import annotations

import csv
from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from stepwell import knowledge
from stepwell.clinical.tapering import words
from stepwell.clinical.tapering.model import History, NotPlanned
from stepwell.clinical.tapering.switch import Switch, Switched, equivalents, guarded, switch_of, switched
from stepwell.knowledge import DATA

START = date(2026, 6, 8)
KNOWN = History(conditions_known=True, answered=frozenset({"liver failure"}))


def changed(medicine: str, mg: float, target: float, doses: int, **more: Any) -> Switched:
    asked = Switch(medicine=medicine, dose_ug=round(mg * 1000), target_ug=round(target * 1000), doses=doses, start_on=START, history=KNOWN)
    return switched(replace(asked, **more), knowledge.load())


@pytest.mark.parametrize(
    ("medicine", "mg", "low", "high"),
    [
        ("lorazepam", 3, 15, 30),
        ("clonazepam", 2, 20, 40),
        ("alprazolam", 1, 10, 20),
        ("oxazepam", 30, 10, 15),
        ("temazepam", 20, 10, 13.333),
        ("nitrazepam", 10, 10, 10),
        ("zopiclone", 7.5, 5, 5),
        ("loprazolam", 1, 5, 10),
    ],
)
def test_the_range_of_the_published_tables(medicine: str, mg: float, low: float, high: float) -> None:
    found = equivalents(medicine, round(mg * 1000), knowledge.load())
    assert found is not None and found.to == "diazepam"
    assert (found.low_ug, found.high_ug) == (round(low * 1000), round(high * 1000))
    assert found.differ == (low != high) and found.low_ug <= found.counted_ug <= found.high_ug
    assert all(each.rule.source and each.rule.mark in "VK" for each in found.tables)


def test_the_tables_are_those_of_the_evidence() -> None:
    """Each figure of a set stands in the evidence table, row by row as it was collected."""
    columns = {
        "Right Decisions, Scotland": "scot_right_decisions_mg_eq_diazepam5", "BNF": "bnf_mg_eq_diazepam5",
        "Ashton": "ashton_mg_eq_diazepam5", "VA/DoD": "va_dod_mg_eq_diazepam5",
    }  # fmt: skip
    with (DATA / "evidence" / "benzodiazepine_equivalents.csv").open(encoding="utf-8") as file:
        rows = {row["substance"]: row for row in csv.DictReader(file)}
    seen = 0
    for part in knowledge.load().loads["diazepam-equivalent"].parts:
        for told in part.published:
            printed = f"{told.equals:g}-{told.to:g}" if told.to is not None else f"{told.equals:g}"
            if told.table in columns:
                assert rows[part.medicine][columns[told.table]] == printed
                seen += 1
            else:
                # SPS and WHO stand in the note of the row.
                assert f"{told.equals:g}" in (rows[part.medicine]["note"] + rows[part.medicine]["recommended_default_mg"])
    assert seen == 42


def test_nothing_equals_where_no_relative_is_named() -> None:
    known = knowledge.load()
    assert equivalents("diazepam", 5_000, known) is None and switch_of("diazepam", known) is None
    assert equivalents("sertraline", 50_000, known) is None
    with pytest.raises(NotPlanned, match="No long-acting relative of sertraline"):
        guarded("sertraline", 50_000, KNOWN, known)


def test_one_dose_of_the_day_at_a_time() -> None:
    made = changed("lorazepam", 3, 20, 3)
    assert [(step.old.dose_ug, step.new.dose_ug) for step in made.steps] == [(3000, 0), (2000, 7000), (1000, 12000), (0, 20000)]
    assert [step.on for step in made.steps] == [date(2026, 6, 8), date(2026, 6, 8), date(2026, 6, 15), date(2026, 6, 22)]
    assert words.items(made.steps[1].old) == "2 × 1 mg tablet" and words.items(made.steps[1].new) == "1 × 5 mg tablet + 1 × 2 mg tablet"
    assert made.steps[1].texts[0] == "lorazepam 1 mg tablets: take 2 tablets a day for 7 days. Supply 14 tablets."
    assert made.days_rule.mark == "P" and made.rule.source == ("PQBZ", "SCOTBZ")
    assert made.review_on == (date(2026, 6, 27), date(2026, 6, 29))
    night = changed("zopiclone", 7.5, 5, 1)
    assert [(step.old.dose_ug, step.new.dose_ug) for step in night.steps] == [(7500, 0), (0, 5000)]


@pytest.mark.parametrize(
    ("medicine", "mg", "target", "doses", "told"),
    [
        ("lorazepam", 3, 14, 3, r"14 mg of diazepam is outside what the published tables say \(15 mg to 30 mg\)"),
        ("lorazepam", 3, 31, 3, "outside"),
        ("nitrazepam", 10, 11, 1, r"\(10 mg\)"),
        ("alprazolam", 1.5, 20, 3, "no product of alprazolam is held"),
        ("zopiclone", 7.5, 5, 3, "do not make 3 equal doses"),
        ("temazepam", 20, 10.2, 1, "cannot be made from its tablets and capsules. The nearest is"),
        ("lorazepam", 5, 45, 1, "more than 40 mg of diazepam"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(medicine: str, mg: float, target: float, doses: int, told: str) -> None:
    with pytest.raises(NotPlanned, match=told):
        changed(medicine, mg, target, doses)


def test_never_with_liver_failure() -> None:
    ill = History(conditions_known=True, conditions=frozenset({"liver failure"}), answered=frozenset({"liver failure"}))
    with pytest.raises(NotPlanned, match="no change to diazepam") as refusal:
        changed("lorazepam", 3, 20, 3, history=ill)
    assert refusal.value.route == "Specialist advice." and refusal.value.rule is not None and refusal.value.rule.source == ("PQBZ",)
    asked = changed("lorazepam", 3, 20, 3, history=History(conditions_known=True)).warnings
    assert any("liver failure" in each.asks for each in asked)


def test_more_than_the_usual_maximum_is_told() -> None:
    assert any("usual maximum" in each.words for each in changed("clonazepam", 2, 35, 2).warnings)
