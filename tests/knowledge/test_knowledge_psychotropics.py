"""The psychotropic half of the pack: maxima, forms that share a code, injections, loads, and who owns clozapine."""

from __future__ import annotations

import csv
from fractions import Fraction

import pytest

from stepwell import knowledge
from stepwell.knowledge.loads import PER_UNIT


@pytest.fixture(scope="module")
def pack() -> knowledge.Knowledge:
    return knowledge.load()


@pytest.fixture(scope="module")
def rows(pack: knowledge.Knowledge) -> dict[str, list[dict]]:
    return {name: table.to_pylist() for name, table in pack.tables().items()}


def evidence(table: str) -> list[dict[str, str]]:
    with (knowledge.DATA / "evidence" / f"{table}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


OTHER_NAME = {
    "quetiapine immediate release": "quetiapine",
    "zuclopenthixol (dihydrochloride)": "zuclopenthixol",
}
INJECTION = {
    "flupentixol_dec": "flupentixol decanoate",
    "zuclopenthixol_dec": "zuclopenthixol decanoate",
    "haloperidol_dec": "haloperidol decanoate",
    "fluphenazine_dec": "fluphenazine decanoate",
    "pipotiazine_palm": "pipotiazine palmitate",
    "risperidone_microspheres": "risperidone long-acting injection",
    "risperidone_ism": "risperidone monthly injection",
    "paliperidone_1m": "paliperidone long-acting injection",
    "paliperidone_3m": "paliperidone 3-monthly injection",
    "paliperidone_6m": "paliperidone 6-monthly injection",
    "aripiprazole_400": "aripiprazole long-acting injection",
    "aripiprazole_960": "aripiprazole 2-monthly injection",
    "olanzapine_pamoate": "olanzapine embonate",
}


def test_every_antipsychotic_of_the_table_is_there_with_its_maximum_and_ratings(pack: knowledge.Knowledge) -> None:
    for row in evidence("antipsychotics"):
        medicine = pack.substances[OTHER_NAME.get(row["substance"], row["substance"])]
        assert row["bnf_prefix"] == "" or row["bnf_prefix"].split(";")[0] in medicine.bnf
        if row["max_mg_day"]:
            assert medicine.max_daily and medicine.max_daily.mg == float(row["max_mg_day"])
        assert medicine.ratings and medicine.ratings.weight == int(row["weight_0_3"]) and medicine.ratings.mark == "K"


def test_every_injection_of_the_table_is_there_with_its_interval_window_and_maximum(
    pack: knowledge.Knowledge, rows: dict[str, list[dict]]
) -> None:
    substance = {row["substance"]: row for row in rows["k_substance"]}
    for row in evidence("long_acting_injections"):
        name = INJECTION[row["product_key"]]
        medicine = pack.substances[name]
        assert medicine.injection and medicine.injection.every == f"{row['interval_days_usual']} days"
        assert substance[name]["late_days"] == (int(row["window_late_days"]) if row["window_late_days"] else None)
        assert substance[name]["max_daily_ug"] == pytest.approx(float(row["hdat_mg_per_day_denominator"]) * 1000, abs=6)
        assert name in pack.members["antipsychotic-depot"]


def test_the_two_limits_of_olanzapine_embonate_are_not_mixed(pack: knowledge.Knowledge) -> None:
    maximum = pack.substances["olanzapine embonate"].max_daily
    assert maximum and (maximum.mg, maximum.days) == (300, 14)  # 405 mg is for 28 days


def test_forms_that_share_a_code_are_told_by_name(rows: dict[str, list[dict]]) -> None:
    product = {row["code"]: row for row in rows["k_product"]}
    assert product["321625005"]["substance"] == "quetiapine"  # 100mg tablets
    assert product["27842611000001104"]["substance"] == "quetiapine modified release"  # Atrolak XL 300mg
    assert product["19223611000001105"]["substance"] == "paliperidone long-acting injection"  # 150mg
    assert product["32878911000001109"]["substance"] == "paliperidone 3-monthly injection"  # 175mg
    names = {(row["term_name"], row["unit"]): row["substance"] for row in rows["k_name"]}
    assert names["trevicta", None] == "paliperidone 3-monthly injection" and names["okedi", None] == "risperidone monthly injection"
    assert names["clopixol", "injection"] == "zuclopenthixol decanoate"
    assert names["haloperidol", None] == "haloperidol" and names["haloperidol decanoate", None] == "haloperidol decanoate"


@pytest.mark.parametrize(
    ("substance", "daily_ug", "percent"),
    [
        ("olanzapine", 20_000, 100),
        ("quetiapine", 750_000, 100),
        ("quetiapine modified release", 800_000, 100),
        ("flupentixol decanoate", 400_000 // 7, 99.99),
        ("paliperidone 3-monthly injection", 525_000 // 91, 99.99),
        ("flupentixol low dose", 3_000, 100),
    ],
)
def test_percent_of_the_maximum(rows: dict[str, list[dict]], substance: str, daily_ug: int, percent: float) -> None:
    row = next(row for row in rows["k_load"] if row["load"] == "antipsychotic-maximum" and row["substance"] == substance)
    assert row["scale"] == PER_UNIT["percent"] and row["flat"] is None
    assert daily_ug * row["numerator"] // row["denominator"] == round(percent * 100)


def test_oral_morphine_of_patches(rows: dict[str, list[dict]]) -> None:
    """The doses of the patch table, through the rows the engine reads."""
    load = {row["substance"]: Fraction(row["numerator"], row["denominator"]) for row in rows["k_load"] if row["load"] == "oral-morphine"}
    patches = {(row["substance"], row["strength_ug"]): row["daily_ug"] for row in rows["k_patch"]}
    for row in evidence("ome_patches"):
        medicine = f"{row['substance']} patch"
        labelled = round(float(row["microgram_per_h"]) * 24)
        assert patches[medicine, labelled] * load[medicine] / 1000 == Fraction(row["ome_mg_day"])


def test_clozapine_is_the_specialists_but_for_what_the_practice_asks(pack: knowledge.Knowledge) -> None:
    own = {key: rule.owner for key, rule in pack.rules.items() if key.startswith("clozapine.")}
    assert len(own) > 20
    assert {key for key, owner in own.items() if owner != "specialist"} == {"clozapine.gp-questions"}


def test_blood_counts_step_down_after_18_and_52_weeks(rows: dict[str, list[dict]]) -> None:
    points = [row for row in rows["k_point"] if row["rule_id"] == "clozapine.fbc" and row["kind"] == "ongoing"]
    assert [(row["every_days"], row["until_days"]) for row in points] == [(7, 18 * 7), (14, 52 * 7), (28, None)]


def test_supply_clocks_are_ruling_13(rows: dict[str, list[dict]]) -> None:
    rules = {row["rule_id"]: row for row in rows["k_rule"] if row["kind"] == "supply"}
    assert {key: (row["about"], row["after_days"]) for key, row in rules.items()} == {
        "supply.antipsychotic": ("nobody always", 7),
        "supply.depot": ("nobody always", 7),
        "supply.clozapine": ("nobody always", 2),
        "supply.lithium": ("nobody always", 7),
        "supply.valproate": ("nobody always", 7),
        "supply.other": ("nobody", 28),
        "supply.both": ("both", None),
    }


def test_each_medicine_on_a_register_has_one_rule_about_nobody(pack: knowledge.Knowledge) -> None:
    asked: dict[str, int] = {}
    for rule in pack.rules.values():
        if rule.kind == "supply" and rule.about != "both":
            for name in pack.members[rule.set]:
                asked[name] = asked.get(name, 0) + 1
    assert {name: asked.get(name, 0) for name in pack.members["monitored"]} == dict.fromkeys(pack.members["monitored"], 1)


def test_values_are_stored_in_the_unit_of_the_fact(rows: dict[str, list[dict]]) -> None:
    when = {(row["rule_id"], row["fact"], row["op"]): row["value"] for row in rows["k_when"]}
    assert when["hdat.review", "load", ">"] == 10_000  # hundredths of a percent
    assert when["supply.covered", "covered", "<"] == 80
    band = {row["rule_id"]: row for row in rows["k_band"]}
    assert (band["antipsychotic.weight-5"]["measure"], band["antipsychotic.weight-5"]["low_milli"]) == ("rise percent", 500)
    five = band["antipsychotic.weight-5kg"]
    assert (five["measure"], five["within_days"], five["low_milli"], five["low_closed"]) == ("rise within", 91, 5_000, False)
    assert band["antipsychotic.hba1c-rise"]["low_milli"] == 6_000


def test_people_under_18_have_rules_of_their_own(rows: dict[str, list[dict]]) -> None:
    child = {row["rule_id"] for row in rows["k_rule"] if row["rule_id"].startswith("antipsychotic-child.")}
    assert len(child) == 8
    ages = {(row["rule_id"], row["part"]) for row in rows["k_when"] if row["fact"] == "age" and row["value"] == 18 and row["op"] == "<"}
    assert {(rule, "applies") for rule in child} <= ages
    twins = {"weight", "waist", "pulse", "bp", "hba1c", "lipids"}
    assert {(f"antipsychotic.{name}", "unless") for name in twins} <= ages
