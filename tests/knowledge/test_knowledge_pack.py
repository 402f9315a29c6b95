"""What the pack that ships says: codes of the right kind, products read rightly, complete entries, a source beside every figure."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from stepwell import knowledge
from stepwell.knowledge import build, model, remake
from stepwell.knowledge.compile import NO_VALUE
from stepwell.records.product import parse_product

MARKS = {"V", "S", "K", "C", "D", "P"}
EIGHT = ("olanzapine", "risperidone", "lithium", "sertraline", "diazepam", "zopiclone", "codeine", "pregabalin")


@pytest.fixture(scope="module")
def pack() -> knowledge.Knowledge:
    return knowledge.load()


@pytest.fixture(scope="module")
def rows(pack: knowledge.Knowledge) -> dict[str, list[dict]]:
    return {name: table.to_pylist() for name, table in pack.tables().items()}


def list_codes(name: str) -> set[str]:
    with (knowledge.DATA / "codelists" / name).open(newline="", encoding="utf-8-sig") as file:
        return {row.get("code") or row.get("id") or row["dmd_id"] for row in csv.DictReader(file)}


# a published port of the PINCER indicators looks for lithium levels among prescriptions, so everybody was "not monitored"


def test_lithium_levels_are_tests_and_lithium_is_a_medicine(rows: dict[str, list[dict]]) -> None:
    level, medicine = list_codes("pincer-lith_lev.csv"), list_codes("pincer-lith.csv")
    products = {row["code"] for row in rows["k_product"]}
    tests = {row["code"] for row in rows["k_test_code"]}
    assert level and medicine and not level & medicine
    assert medicine <= {row["code"] for row in rows["k_product"] if row["substance"] == "lithium"}
    assert not level & products
    assert not medicine & tests
    assert {row["code"] for row in rows["k_test_code"] if row["test"] == "lithium-level"} == level - {"275917000", "756471000000108"}


@pytest.mark.parametrize(
    ("swap", "kind", "wanted"),
    [
        (("tests.yaml", "pincer-lith_lev.csv", "pincer-lith.csv"), "medicine", "test or review"),
        (("tests.yaml", "stepwell-ecg.csv", "nhsd-primary-care-domain-refsets-mh_cod.csv"), "diagnosis", "test or review"),
        (("conditions.yaml", "stepwell-epilepsy.csv", "opensafely-addictive-medicines.csv"), "medicine", "diagnosis"),
        (("conditions.yaml", "stepwell-insomnia.csv", "pincer-tft.csv"), "test", "diagnosis"),
    ],
)
def test_a_list_of_another_kind_does_not_load(tmp_path: Path, swap: tuple[str, str, str], kind: str, wanted: str) -> None:
    file, entry, wrong = swap
    copy = Path(shutil.copytree(knowledge.DATA, tmp_path / "pack"))
    path = copy / file
    path.write_text(path.read_text(encoding="utf-8").replace(entry, wrong, 1), encoding="utf-8")
    found = knowledge.findings(copy)
    assert any(f"'{wrong}' is a list of kind '{kind}'" in finding.message and wanted in finding.message for finding in found)


def test_a_list_of_tests_never_becomes_products(tmp_path: Path) -> None:
    """Naming a list of tests as medicines gives no product: no name or prefix of a medicine is in it."""
    copy = Path(shutil.copytree(knowledge.DATA, tmp_path / "pack"))
    path = copy / "codelists.yaml"
    text = path.read_text(encoding="utf-8")
    assert "- file: pincer-lith_lev.csv\n  kind: test\n" in text
    path.write_text(
        text.replace("- file: pincer-lith_lev.csv\n  kind: test\n", "- file: pincer-lith_lev.csv\n  kind: medicine\n"), encoding="utf-8"
    )
    products, _ = remake.make(copy)
    assert not list_codes("pincer-lith_lev.csv") & {product.code for product in products}
    assert any("pincer-lith_lev.csv' is a list of kind 'medicine'" in finding.message for finding in knowledge.findings(copy))


def test_kinds_of_lists_do_not_share_codes(rows: dict[str, list[dict]]) -> None:
    events = {row["condition"] for row in rows["k_condition"] if row["lasts_months"] is not None}  # events are read from observations too
    tests = {row["code"] for row in rows["k_test_code"]}
    conditions = {row["code"] for row in rows["k_condition_code"] if row["condition"] not in events}
    products = {row["code"] for row in rows["k_product"]}
    assert not products & tests and not products & conditions and not tests & conditions


def test_the_product_file_is_what_the_lists_give() -> None:
    products, names = remake.make(knowledge.DATA)
    for file, header, made in (("products.csv", build.PRODUCT_COLUMNS, products), ("names.csv", build.NAME_COLUMNS, names)):
        with (knowledge.DATA / file).open(newline="", encoding="utf-8") as stored:
            rows = list(csv.reader(stored))
        assert tuple(rows[0]) == header
        assert rows[1:] == [["" if value is None else str(value) for value in row] for row in made], (
            f"run stepwell knowledge products ({file})"
        )


@pytest.mark.parametrize(
    ("term", "strength", "unit", "form"),
    [
        ("Olanzapine 2.5mg tablets", 2_500, "tablet", "oral"),
        ("Risperidone 1mg/ml oral solution sugar free", 1_000, "ml", "oral"),
        ("Diazepam 2mg/5ml oral solution", 400, "ml", "oral"),
        ("Diazepam 2.5mg/1.25ml rectal solution tube", 2_000, "ml", "rectal"),
        ("Lithium citrate 1.018g/5ml oral solution", 203_600, "ml", "oral"),
        ("Flupentixol 500microgram tablets", 500, "tablet", "oral"),
        ("Co-codamol 30mg/500mg tablets", 30_000, "tablet", "oral"),
        ("Fentanyl 25micrograms/hour transdermal patches", 600, "patch", "patch"),
        ("Fentanyl 37.5microgram/hour transdermal patches", 900, "patch", "patch"),
        ("Fentanyl 12micrograms/hour transdermal patches", 288, "patch", "patch"),
        ("Buprenorphine 52.5micrograms/hour transdermal patches", 1_260, "patch", "patch"),
        ("Rivastigmine 9.5mg/24hours transdermal patches", 9_500, "patch", "patch"),
        ("Durogesic 25micrograms transdermal patches", None, "patch", "patch"),
        ("Somatropin 5mg/24hours powder", None, "other", "oral"),
        ("Co-codamol 8mg/500mg/5ml oral solution", 1_600, "ml", "oral"),
        ("Oramorph 10mg/5ml oral solution unit dose vials", 10_000, "dose", "oral"),
        ("Paliperidone 50mg/0.5ml suspension for injection pre-filled syringes", 50_000, "injection", "injection"),
        ("Zyprexa 5mg Velotabs", 5_000, "tablet", "oral"),
        ("Zileze 7.5 tablets", None, "tablet", "oral"),
        ("Olanzapine 10mg powder for solution for injection vials", 10_000, "injection", "injection"),
    ],
)
def test_a_product_name_is_read(term: str, strength: int | None, unit: str, form: str) -> None:
    assert (build.strength_of(term), build.unit_of(term), build.form_of(term)) == (strength, unit, form)


@pytest.mark.parametrize(
    ("term", "ingredients", "strength"),
    [
        ("Paracetamol 500mg / Codeine 8mg capsules", ("codeine", "co-codamol"), 8_000),
        ("Paracetamol 500mg / Dihydrocodeine 20mg tablets", ("dihydrocodeine",), 20_000),
        ("Oxycodone 10mg / Naloxone 5mg modified-release tablets", ("oxycodone",), 10_000),
        ("Aspirin 400mg / Caffeine 30mg tablets", ("codeine",), None),
    ],
)
def test_of_a_combination_the_medicine_s_own_strength_is_read(term: str, ingredients: tuple[str, ...], strength: int | None) -> None:
    assert build.strength_of(term, ingredients) == strength


def test_the_readers_of_product_names_agree() -> None:
    """The importers read products that no list knows with their own reader; on 8,500 listed names both say the same."""
    with (knowledge.DATA / "products.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["term"]: row for row in csv.DictReader(file) if not row["term"].startswith("VMP ")}
    different = set()
    for term, row in rows.items():
        read = parse_product(term)
        if str(read.strength_ug or "") != row["strength_ug"] or (row["unit"] != "other" and read.unit != row["unit"]):
            different.add(term)
    assert len(rows) > 1_000
    assert different <= {
        "Gabapentin 600mg tablets and Gabapentin 300mg capsules",
        "Lithium carbonate 150 mg/1 each oral capsule",
        "Lithium carbonate 300 mg/1 each oral capsule",
        "Lithium carbonate 600 mg/1 each oral capsule",
        "Morphine sulfate 100mg/100ml infusion bags",
    }


@pytest.mark.parametrize(
    ("code", "substance", "strength", "unit"),
    [
        ("321987003", "citalopram", 20_000, "tablet"),
        ("321197008", "diazepam", 5_000, "tablet"),
        ("321177003", "zopiclone", 3_750, "tablet"),
        ("322366004", "codeine", 30_000, "capsule"),
        ("321589009", "risperidone", 1_000, "tablet"),
        ("936411000001108", "sertraline", 50_000, "tablet"),
        ("321730000", "lithium", 250_000, "tablet"),
        ("321741003", "lithium", 101_800, "ml"),
        ("322623000", "tramadol", 50_000, "capsule"),
    ],
)
def test_known_products(rows: dict[str, list[dict]], code: str, substance: str, strength: int, unit: str) -> None:
    found = [row for row in rows["k_product"] if row["code_system"] == "snomed" and row["code"] == code]
    assert [(row["substance"], row["strength_ug"], row["unit"]) for row in found] == [(substance, strength, unit)]


def test_long_acting_injections_are_not_the_oral_medicine(pack: knowledge.Knowledge, rows: dict[str, list[dict]]) -> None:
    substance = {row["code"]: row["substance"] for row in rows["k_product"]}
    with (knowledge.DATA / "codelists/opensafely-long-acting-injectable-and-depot-antipsychotics-dmd.csv").open(
        newline="", encoding="utf-8"
    ) as file:
        depots = {row["dmd_id"]: row["dmd_name"] for row in csv.DictReader(file)}
    assert depots and all(substance[code] in pack.members["antipsychotic-depot"] for code in depots)
    assert not pack.members["antipsychotic-depot"] & pack.members["antipsychotic"]
    for name in ("olanzapine", "risperidone", "diazepam", "haloperidol"):
        for row in rows["k_product"]:
            if row["substance"] == name:
                assert row["unit"] in ("tablet", "capsule", "ml", "sachet", "dose", "other")
    assert "diazepam (rectal)" in pack.substances and "diazepam (rectal)" not in pack.members["benzodiazepine"]


def test_names_do_not_take_another_ingredient_for_the_medicine(rows: dict[str, list[dict]]) -> None:
    names = {row["term_name"]: row["substance"] for row in rows["k_name"] if row["unit"] is None}
    assert not {"paracetamol", "naloxone", "cyclizine", "kaolin"} & set(names)
    assert names["lustral"] == "sertraline" and names["risperdal consta"] == "risperidone long-acting injection"
    assert names["co-codamol"] == "codeine" and names["priadel"] == "lithium" and names["zyprexa"] == "olanzapine"
    assert all(name == name.lower().strip() for name in names)


def test_a_name_may_mean_another_medicine_when_counted_otherwise(rows: dict[str, list[dict]]) -> None:
    names = {(row["term_name"], row["unit"]): row["substance"] for row in rows["k_name"]}
    assert names["flupentixol", None] == "flupentixol" and names["flupentixol", "injection"] == "flupentixol decanoate"
    assert names["buprenorphine", None] == "buprenorphine" and names["buprenorphine", "patch"] == "buprenorphine patch"
    assert names["ibuprofen", None] == "ibuprofen" and names["ibuprofen", "other"] is None  # a gel


def test_patches_are_told_by_what_the_label_says_for_a_day(rows: dict[str, list[dict]]) -> None:
    patches = {(row["substance"], row["strength_ug"]): (row["wear_hours"], row["daily_ug"]) for row in rows["k_patch"]}
    assert patches["fentanyl patch", 288] == (72, 300)  # 30 mg of oral morphine a day, by convention
    assert patches["fentanyl patch", 900] == (72, 900) and patches["buprenorphine patch", 1_260] == (96, 1_260)
    labelled = {
        (row["substance"], row["strength_ug"]) for row in rows["k_product"] if row["unit"] == "patch" and row["strength_ug"] is not None
    }
    assert {key for key in labelled if key[0] in ("fentanyl patch", "buprenorphine patch")} <= set(patches)


@pytest.mark.parametrize("name", EIGHT)
def test_the_eight_are_complete(pack: knowledge.Knowledge, rows: dict[str, list[dict]], name: str) -> None:
    medicine = pack.substances[name]
    assert medicine.complete and medicine.max_daily and medicine.specialist_initiated
    assert medicine.max_daily.mg or medicine.max_daily.none_because
    assert medicine.licences or (medicine.no_licences and medicine.no_licences.none_because)
    products = [row for row in rows["k_product"] if row["substance"] == name]
    assert len(products) >= 30 and sum(row["strength_ug"] is not None for row in products) / len(products) > 0.8
    sets = {key for key, members in pack.members.items() if name in members}
    assert any(register.set in sets for register in pack.registers.values())
    kinds = {rule.kind for rule in pack.rules.values() if rule.set in sets}
    assert "agree" in kinds and kinds & {"monitor", "review"}


def test_maxima_and_starts(rows: dict[str, list[dict]]) -> None:
    by = {row["substance"]: row for row in rows["k_substance"]}
    assert {name: by[name]["max_daily_ug"] for name in EIGHT} == {
        "olanzapine": 20_000,
        "risperidone": 16_000,
        "lithium": None,
        "sertraline": 200_000,
        "diazepam": 30_000,
        "zopiclone": 7_500,
        "codeine": 240_000,
        "pregabalin": 600_000,
    }
    assert by["codeine"]["ome_milli"] == 100
    assert {name for name in by if by[name]["specialist_initiated"]} >= {"olanzapine", "risperidone", "lithium", "quetiapine", "clozapine"}
    assert not any(
        by[name]["specialist_initiated"] for name in ("sertraline", "diazepam", "zopiclone", "codeine", "pregabalin", "ramipril")
    )


def parts(value: object) -> list[model.Sourced]:
    """Every part of an entry that carries a source and a mark."""
    own = [value] if isinstance(value, model.Sourced | model.Medicine) else []
    if hasattr(value, "__struct_fields__"):
        return own + [part for name in value.__struct_fields__ for part in parts(getattr(value, name))]
    if isinstance(value, list | tuple):
        return [part for item in value for part in parts(item)]
    return own


def test_every_figure_has_a_source_and_one_mark(pack: knowledge.Knowledge) -> None:
    count = 0
    for entries in (pack.parameters, pack.sets, pack.registers, pack.tests, pack.conditions, pack.substances, pack.rules, pack.priority):
        for entry in entries.values():
            for part in parts(entry):
                count += 1
                assert part.mark in MARKS
                assert part.source and all(source in pack.sources or source in MARKS for source in part.source)
    assert count > 450


def test_rules_carry_their_source_and_mark_to_the_engine(rows: dict[str, list[dict]]) -> None:
    for rule in rows["k_rule"]:
        assert rule["mark"] in MARKS and rule["source"] and rule["because"] and rule["title"]


def test_a_point_may_rest_on_another_source_than_its_rule(pack: knowledge.Knowledge) -> None:
    assert pack.basis("antipsychotic.waist", "baseline") == (["S04"], "V")
    assert pack.basis("antipsychotic.waist", "ongoing") == (["K"], "K")
    assert pack.basis("dependence.op", "month 3") == (["S281"], "V")
    assert pack.basis("lithium.level-high", "2026-05-01") == (["K"], "K")


def test_lists_that_stepwell_selected_say_where_from_and_wait_for_review(pack: knowledge.Knowledge) -> None:
    own = [entry for entry in pack.codelists.values() if entry.file.startswith("stepwell-")]
    assert own
    for entry in own:
        assert entry.reviewed == "needs clinical review"
        assert "seen" in entry.origin or "selected by term from" in entry.origin
    assert all(entry.reviewed == "as published" and "MIT" in entry.licence for entry in pack.codelists.values() if entry not in own)


def test_source_ids_are_whole(pack: knowledge.Knowledge) -> None:
    assert pack.sources["S02"].title != pack.sources["S2"].title
    assert pack.sources["S10"].title.startswith("NHSGGC lithium")
    assert pack.sources["S100"].title.startswith("Risperidone oral")
    assert pack.sources["S58"].same_as == "S0"


def test_only_codes_whose_value_is_the_quantity_give_a_value(rows: dict[str, list[dict]]) -> None:
    def units(test: str, code: str) -> set[str | None]:
        return {row["unit"] for row in rows["k_test_code"] if row["test"] == test and row["code"] == code}

    assert units("lithium-level", "166957006") == {NO_VALUE}  # "level high - toxic" is a finding
    assert units("lithium-level", "1006681000000100") == {"mmol/l", "millimole per liter", "umol/l", None}
    assert "%" not in units("hba1c", "999791000000106") and None not in units("hba1c", "999791000000106")
    assert units("hba1c", "313835008") == {NO_VALUE}  # aligned to DCCT: a percentage
    assert units("calcium", "1000691000000101") == {NO_VALUE}  # not adjusted
    assert units("egfr", "996231000000108") == {NO_VALUE}
    assert units("qrisk3", "1085871000000105") == {None}
    assert not units("qrisk3", "718087004")  # QRISK2 is another score


def test_first_year_points_are_ruling_4(rows: dict[str, list[dict]]) -> None:
    points = {row["point"]: row for row in rows["k_point"] if row["rule_id"] == "antipsychotic.hba1c"}
    assert list(points) == ["baseline", "week 12", "month 12", "ongoing"]
    baseline, week, month, ongoing = points.values()
    assert (baseline["kind"], baseline["from_months"], baseline["to_days"], baseline["due_days"], baseline["lapse_months"]) == (
        "window",
        -3,
        14,
        14,
        12,
    )
    assert (week["kind"], week["from_days"], week["due_days"], week["lapse_months"]) == ("chain", 56, 84, 12)
    assert (month["kind"], month["from_months"], month["due_months"], month["lapse_months"], month["lapse_days"]) == (
        "chain",
        9,
        12,
        None,
        None,
    )
    assert (ongoing["kind"], ongoing["every_months"]) == ("ongoing", 12)


def test_lithium_level_intervals(rows: dict[str, list[dict]]) -> None:
    points = [row for row in rows["k_point"] if row["rule_id"] == "lithium.level"]
    assert [(row["point"], row["every_months"], row["sooner_months"], row["until_months"]) for row in points] == [
        ("ongoing", 3, None, 12),
        ("ongoing", 6, 3, None),
    ]
    change = next(row for row in rows["k_point"] if row["rule_id"] == "lithium.level-after-change")
    assert (change["anchor"], change["from_days"], change["due_days"], change["lapse_days"]) == ("change", 5, 7, 84)
    sooner = [(row["fact"], row["subject"], row["op"], row["value"]) for row in rows["k_when"] if row["rule_id"] == "lithium.level"]
    assert ("last", "lithium-level", ">=", 800) in sooner and ("age", "", ">=", 65) in sooner and ("falling", "egfr", "is", None) in sooner
    assert not [row for row in rows["k_when"] if row["rule_id"] in ("lithium.calcium", "lithium.tft")]


def test_bands_of_the_lithium_level_meet_and_do_not_overlap(rows: dict[str, list[dict]]) -> None:
    bands = {row["rule_id"]: row for row in rows["k_band"] if row["test"] == "lithium-level"}
    raised = {
        value: [rule for rule, band in bands.items() if holds(band, value)]
        for value in (390, 400, 590, 600, 799, 800, 999, 1000, 1499, 1500, 3000)
    }
    assert raised == {
        390: ["lithium.level-low"],
        400: ["lithium.level-below-optimum"],  # only in bipolar disorder
        590: ["lithium.level-below-optimum"],
        600: [],
        799: [],
        800: ["lithium.level-amber"],
        999: ["lithium.level-amber"],
        1000: ["lithium.level-high"],
        1499: ["lithium.level-high"],
        1500: ["lithium.level-toxic"],
        3000: ["lithium.level-toxic"],
    }


def holds(band: dict, value: int) -> bool:
    low, high = band["low_milli"], band["high_milli"]
    return (low is None or value > low or (value == low and band["low_closed"])) and (
        high is None or value < high or (value == high and band["high_closed"])
    )


def test_clozapine_is_on_the_register_but_not_in_the_monitoring_set(pack: knowledge.Knowledge) -> None:
    assert "clozapine" in pack.members["antipsychotic"] and "clozapine" not in pack.members["antipsychotic-not-clozapine"]
    assert pack.members["antipsychotic"] - pack.members["antipsychotic-not-clozapine"] == {"clozapine"}
    assert {"clonazepam", "clobazam"} <= pack.members["benzodiazepine"]
    assert "flupentixol low dose" in pack.members["antipsychotic"] and "flupentixol low dose" not in pack.members["antidepressant"]


def test_a_pack_counts_only_once_it_is_approved(pack: knowledge.Knowledge) -> None:
    assert pack.needs_approval([], "A81001")
    assert pack.needs_approval([("A81001", pack.pack, "2026.10"), ("A81002", pack.pack, pack.version)], "A81001")
    assert not pack.needs_approval([("A81001", pack.pack, pack.version)], "A81001")
    assert pack.info.reviewed == "not reviewed"


def test_a_pack_that_was_edited_is_read_again(tmp_path: Path) -> None:
    pack = Path(shutil.copytree(knowledge.DATA, tmp_path / "pack"))
    assert knowledge.load(pack) is knowledge.load(pack) and knowledge.load(knowledge.DATA) is knowledge.load()
    path, was = pack / "loads.yaml", "medicine: paroxetine, points: 3"
    path.write_text(path.read_text(encoding="utf-8").replace(was, "medicine: paroxetine, points: 1"), encoding="utf-8")
    assert knowledge.load(pack).loads != knowledge.load().loads
