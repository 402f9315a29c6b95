"""The synthetic network: the same seed gives the same records in whatever order they are made, and they are consistent in themselves."""

from __future__ import annotations

import filecmp
import json
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path

import nhs_number
import polars as pl
import pyarrow as pa
import pytest

from stepwell.cli import main
from stepwell.errors import Refused
from stepwell.records.schema import TABLES
from stepwell.records.synthetic.catalogue import catalogue
from stepwell.records.synthetic.network import generate, organisations
from stepwell.records.synthetic.population import Made, make_practice
from stepwell.records.synthetic.world import NHS_NUMBERS, NUMBERED, make_world, nhs_numbers

AS_OF = date(2026, 6, 1)
# Days that may lie ahead of the day of the records: what is planned.
AHEAD = {"review_on", "intended_end_on"}


@pytest.fixture(scope="module")
def made() -> dict[str, Made]:
    world = make_world(3000, 7)
    return {place.code: make_practice(world, 7, place, AS_OF) for place in world.places}


@pytest.fixture(scope="module")
def records() -> dict[str, dict[str, pa.Table]]:
    return dict(organisations(make_world(3000, 7), 7, AS_OF))


def frame(records: dict[str, dict[str, pa.Table]], org: str, table: str) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(records[org][table]))


def everywhere(records: dict[str, dict[str, pa.Table]], table: str) -> pl.DataFrame:
    return pl.concat([frame(records, org, table) for org in records if table in records[org]])


def test_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        generate(300, 7, AS_OF, tmp_path / name)
    names = sorted(str(file.relative_to(tmp_path / "one")) for file in (tmp_path / "one").rglob("*") if file.is_file())
    assert names == sorted(str(file.relative_to(tmp_path / "two")) for file in (tmp_path / "two").rglob("*") if file.is_file())
    assert not any(filecmp.cmpfiles(tmp_path / "one", tmp_path / "two", names, shallow=False)[1:])


@pytest.mark.parametrize("patients", [20, 37, 60, 120])
def test_the_smallest_networks_can_be_made(patients: int, tmp_path: Path) -> None:
    for seed in range(4):
        manifest = generate(patients, seed, AS_OF, tmp_path / f"{patients}-{seed}")
        assert sum(counts["Patient.ndjson"] for org, counts in manifest["counts"].items() if org != "RZ9") == patients


def test_a_practice_is_the_same_whenever_it_is_made(made: dict[str, Made]) -> None:
    world = make_world(3000, 7)
    for place in reversed(world.places):
        again = make_practice(world, 7, place, AS_OF)
        for org, tables in made[place.code].records.items():
            for name, rows in tables.items():
                assert again.records[org][name].equals(rows), (org, name)
        for name, rows in made[place.code].life.items():
            assert again.life[name].equals(rows), name


def test_another_seed_gives_other_people(made: dict[str, Made]) -> None:
    other = make_practice(make_world(3000, 8), 8, 0, AS_OF)
    numbers = set(made["Z99001"].records["Z99001"]["patients"]["nhs_number"].to_pylist())
    others = set(other.records["Z99001"]["patients"]["nhs_number"].to_pylist())
    assert len(numbers & others) < 40


def test_records_are_canonical_tables(records: dict[str, dict[str, pa.Table]]) -> None:
    for org, tables in records.items():
        subjects = set(tables["patients"]["subject_id"].to_pylist())
        assert subjects == set(range(1, len(subjects) + 1))
        for name, rows in tables.items():
            assert rows.schema.equals(TABLES[name].arrow_schema()), (org, name)
            ids = rows["native_id"].to_pylist()
            assert len(set(ids)) == len(ids), (org, name)
            assert set(rows["source"].to_pylist()) <= {org}
            if "subject_id" in rows.column_names:
                assert set(rows["subject_id"].to_pylist()) <= subjects, (org, name)


def test_nhs_numbers_are_valid_unique_and_never_issued(records: dict[str, dict[str, pa.Table]]) -> None:
    everyone = nhs_numbers(7)
    assert len(everyone) == NHS_NUMBERS == len(set(everyone.tolist()))
    patients = everywhere(records, "patients")
    for row in patients.iter_rows(named=True):
        assert (row["nhs_status"] == "valid") == (row["nhs_number"] is not None)
        if row["nhs_number"] is not None:
            assert row["nhs_number"].startswith("999")
            assert nhs_number.is_valid(row["nhs_number"])
        elif row["nhs_number_raw"] is not None:
            assert not nhs_number.is_valid(row["nhs_number_raw"])
    names = patients.drop_nulls("nhs_number").group_by("nhs_number").agg(pl.struct("given_name", "family_name", "gp_org_code").n_unique())
    assert set(names["given_name"].to_list()) == {1}


def test_beyond_the_numbers_people_are_pseudonyms() -> None:
    world = make_world(1_000_000, 7)
    last = world.practices[-1]
    assert last.first > NUMBERED
    people = make_practice(world, 7, last, AS_OF).records[last.code]["patients"]
    assert people["nhs_number"].null_count == people.num_rows == last.size
    assert len(set(people["local_id"].to_pylist())) == last.size


def test_no_identity_can_be_a_real_one(records: dict[str, dict[str, pa.Table]]) -> None:
    patients = everywhere(records, "patients")
    assert patients["postcode"].str.starts_with("ZZ99 ").all()
    assert patients["phone"].str.starts_with("07700 900").all()


def test_nothing_is_dated_after_the_day_or_before_birth(records: dict[str, dict[str, pa.Table]]) -> None:
    for org, tables in records.items():
        born = frame(records, org, "patients").select("subject_id", "birth_date")
        for name in tables:
            rows = frame(records, org, name)
            days = [column for column, kind in rows.schema.items() if kind == pl.Date and column not in AHEAD | {"birth_date"}]
            if name == "appointments":
                continue
            for column in days:
                dated = rows.drop_nulls(column)
                assert dated.filter(pl.col(column) > AS_OF).height == 0, (org, name, column)
                if "subject_id" in rows.columns and name != "patients":
                    assert dated.join(born, on="subject_id").filter(pl.col(column) < pl.col("birth_date")).height <= dated.height // 1000


def test_records_of_a_practice_end_with_death_and_with_leaving(records: dict[str, dict[str, pa.Table]]) -> None:
    seen = 0
    for org in ("Z99001", "Z99002"):
        left = frame(records, org, "registrations").select("subject_id", pl.col("ended_on").alias("left"))
        ends = frame(records, org, "patients").join(left, on="subject_id").with_columns(last=pl.coalesce("death_date", "left"))
        ends = ends.select("subject_id", "last").drop_nulls()
        seen += ends.height
        for name, column in (("medication_issues", "issued_on"), ("observations", "effective_on"), ("contacts", "on_date")):
            assert frame(records, org, name).join(ends, on="subject_id").filter(pl.col(column) > pl.col("last")).height == 0
    assert seen > 20


def test_issues_belong_to_plans_of_the_same_person(records: dict[str, dict[str, pa.Table]]) -> None:
    for org in ("Z99001", "Z99002"):
        plans = frame(records, org, "medication_plans").select("native_id", "subject_id", pl.col("started_on").alias("from"))
        issues = frame(records, org, "medication_issues")
        both = issues.join(plans, left_on="plan_id", right_on="native_id", suffix="_plan")
        assert both.height == issues.height
        assert (both["subject_id"] == both["subject_id_plan"]).all()
        assert (both.filter(pl.col("setting") == "gp")["issued_on"] >= both.filter(pl.col("setting") == "gp")["from"]).all()
    assert frame(records, "RZ9", "medication_issues")["plan_id"].null_count() == records["RZ9"]["medication_issues"].num_rows


def test_the_mess_of_real_life_is_there(records: dict[str, dict[str, pa.Table]]) -> None:
    plans, issues = everywhere(records, "medication_plans"), everywhere(records, "medication_issues")
    doubles = issues.drop_nulls("plan_id").group_by("source", "plan_id", "issued_on").len()
    assert (doubles["len"] == 2).any(), "holiday issues"
    assert plans["indication_text"].null_count() and plans["indication_text"].drop_nulls().len()
    assert plans.filter(pl.col("quantity_milli").is_null() & ~pl.col("elsewhere")).height
    assert plans.filter("elsewhere")["setting"].is_in(["trust", "private"]).all()
    assert {"trust", "private"} <= set(plans.filter("elsewhere")["setting"])
    assert set(plans["status"]) == {"active", "stopped", "completed"}
    assert set(plans["kind"]) == {"acute", "repeat", "repeat dispensing"}
    assert plans["dose_text"].n_unique() > 150
    assert set(plans["dose_status"]) == {"text", "not understood"}
    assert plans.filter("degraded").height
    assert plans.filter("degraded")["code"].null_count() == plans.filter("degraded").height
    assert plans.filter(pl.col("code_system") == "other").height
    assert plans.join(issues, left_on=["source", "native_id"], right_on=["source", "plan_id"], how="anti").height, "plans without an issue"
    noted = plans.filter("elsewhere").join(issues, left_on=["source", "native_id"], right_on=["source", "plan_id"], suffix="_issue")
    assert set(noted["setting_issue"]) == {"private"}, "private supply the practice writes down"
    steps = plans.filter(~pl.col("elsewhere")).group_by("source", "subject_id", "term_name", "started_on").len()
    assert (steps["len"] == 2).any(), "two strengths making one dose"
    trust = frame(records, "RZ9", "patients").select("nhs_number", "birth_date").drop_nulls()
    both = everywhere(records, "patients").filter(pl.col("source") != "RZ9").join(trust, on="nhs_number", suffix="_trust")
    assert (both["birth_date"] == both["birth_date_trust"]).any()
    assert (both["birth_date"] != both["birth_date_trust"]).any()
    assert "did not attend" in set(everywhere(records, "appointments")["status"])


def test_nobody_prescribes_for_some_and_two_do_for_others(made: dict[str, Made]) -> None:
    one = made["Z99001"]
    plans = pl.DataFrame(pl.from_arrow(one.records["Z99001"]["medication_plans"]))
    issues = pl.DataFrame(pl.from_arrow(one.records["Z99001"]["medication_issues"]))
    last = issues.group_by("plan_id").agg(pl.col("issued_on").max())
    silent = plans.filter(pl.col("status") == "active", pl.col("kind") != "acute", ~pl.col("elsewhere"))
    silent = silent.join(last, left_on="native_id", right_on="plan_id")
    assert silent.filter((AS_OF - pl.col("issued_on")).dt.total_days() > 120).height
    supplied = pl.concat([pl.DataFrame(pl.from_arrow(each.life["supplied_by"])) for each in made.values()])
    two = supplied.filter(pl.col("to_on").is_null()).group_by("person", "course").agg(pl.col("org_code").n_unique())
    assert (two["org_code"] == 2).any()


def test_depots_and_clozapine_of_the_trust_are_missing_from_the_practice() -> None:
    world = make_world(11_000, 3)
    tables = dict(organisations(world, 3, AS_OF))
    trust = frame(tables, "RZ9", "medication_issues").filter(pl.col("term").str.contains("Clozapine|injection"))
    issued = pl.concat([frame(tables, place.code, "medication_issues") for place in world.practices])
    assert trust.height > 200
    assert issued.filter(pl.col("term").str.contains("Clozapine")).height == 0


def test_life_says_what_was_so_and_is_no_record(made: dict[str, Made]) -> None:
    for each in made.values():
        taken = pl.DataFrame(pl.from_arrow(each.life["taken"]))
        assert {"person", "substance", "from_on", "to_on", "ug_per_day"} <= set(taken.columns)
        ended = taken.drop_nulls("to_on")
        assert (ended["to_on"] > ended["from_on"]).all()
        assert (taken["ug_per_day"].drop_nulls() > 0).all()
        people = pl.DataFrame(pl.from_arrow(each.life["people"]))
        for org, tables in each.records.items():
            ours = set(people.filter(pl.col("org_code") == org)["local_id"])
            assert ours == set(tables["patients"]["local_id"].to_pylist())
        agreed = pl.DataFrame(pl.from_arrow(each.life["agreements"]))
        assert set(agreed["line"]) <= {"all", "prescribe"}
        assert set(agreed["owner_org"]) <= {each.people.place.code, "RZ9"}
        assert not set(each.life) & set(TABLES) - {"stays"}


def test_forty_thousand_people_have_six_practices_and_few_have_two() -> None:
    for patients, practices in ((20, 2), (2000, 2), (40_000, 6), (100_000, 12), (1_000_000, 118)):
        world = make_world(patients, 7)
        assert len(world.practices) == practices
        assert sum(place.size for place in world.practices) == patients
        assert len({place.code for place in world.places}) == practices + 1
    assert [place.code for place in make_world(40_000, 7).practices] == [f"Z9900{number}" for number in range(1, 7)]
    assert len(make_world(3000, 7, practices=4).practices) == 4


def test_the_manifest_tells_what_was_made(tmp_path: Path) -> None:
    manifest = generate(400, 7, AS_OF, tmp_path / "net")
    assert manifest == json.loads((tmp_path / "net" / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["seed"], manifest["as_of"], manifest["patients"]) == (7, "2026-06-01", 400)
    for org, counts in manifest["counts"].items():
        for name, count in counts.items():
            assert sum(1 for _ in (tmp_path / "net" / org / name).open("rb")) == count
    assert sum(manifest["counts"][org]["Patient.ndjson"] for org in ("Z99001", "Z99002")) == 400
    assert manifest["enriched"] > 1
    assert {"what", "achieved", "target", "source"} <= set(manifest["targets"][0])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--patients", "3"], "ask for 20 to"),
        (["--patients", "50000000"], "ask for 20 to"),
        (["--practices", "0"], "give 1 to 900 practices"),
        (["--patients", "40", "--practices", "20"], "at least five people"),
        (["--seed", "-1"], "whole number from 0 up"),
        (["--as-of", "1 June"], "YYYY-MM-DD"),
    ],
)
def test_bad_arguments_are_refused_with_what_to_do(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["generate", "--as-of", "2026-06-01", "--out", str(tmp_path / "net"), *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "net").exists()


@pytest.mark.parametrize("format_", ["fhir", "store"])
def test_a_folder_with_other_files_is_left_alone(tmp_path: Path, format_: str) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(Refused, match="other files"):
        generate(20, 1, AS_OF, tmp_path, format=format_)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_products_conditions_and_tests_are_what_the_knowledge_calls_them() -> None:
    """A catalogue entry under a code that the knowledge knows for something else would make people nobody meant to make."""
    from stepwell.knowledge import load

    tables = {name: table.to_pylist() for name, table in load().tables().items()}
    world = catalogue()
    products = {(row["code_system"], row["code"]): row["substance"] for row in tables["k_product"]}
    classes = defaultdict(set)
    for row in tables["k_set"]:
        classes[row["set_name"]].add(row["substance"])
    unknown = Counter()
    for name, medicine in world.formulary.medicines.items():
        substance = medicine.substance or name
        for step in medicine.steps:
            for key in step:
                found = products.get(("snomed", world.products[key].code))
                assert found in (substance, None), key
                unknown[medicine.group] += found is None
    for group in (
        "antipsychotic",
        "clozapine",
        "depot",
        "lithium",
        "antidepressant",
        "benzodiazepine",
        "z-drug",
        "opioid",
        "gabapentinoid",
    ):
        assert unknown[group] == 0, group
        members = {m.substance or name for name, m in world.formulary.medicines.items() if m.group == group}
        known = classes[{"clozapine": "antipsychotic", "depot": "antipsychotic-depot"}.get(group, group)]
        assert members <= known, group
    codes = {row["code"]: row["test"] for row in tables["k_test_code"] if row["code_system"] == "snomed"}
    for key in ("weight", "hba1c", "cholesterol", "lithium", "egfr", "tsh", "calcium", "systolic", "review", "neutrophils"):
        assert world.results.tests[key].code in codes, key
    conditions = {row["code"]: row["condition"] for row in tables["k_condition_code"] if row["code_system"] == "snomed"}
    for key in ("schizophrenia", "bipolar", "depression", "dementia", "alzheimer", "learning-disability", "autism"):
        assert world.formulary.conditions[key].code in conditions, key
