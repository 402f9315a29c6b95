"""The synthetic network: the same seed gives the same files however the work is cut, and the files are consistent in themselves."""

from __future__ import annotations

import filecmp
import json
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path

import nhs_number
import pytest

from stepwell.cli import main
from stepwell.errors import Refused
from stepwell.records.synthetic.catalogue import catalogue
from stepwell.records.synthetic.network import generate
from stepwell.records.synthetic.people import ADULT, NHS_NUMBERS, nhs_numbers, people

AS_OF = date(2026, 6, 1)
DATE_KEYS = {
    "authoredOn", "effectiveDateTime", "onsetDateTime", "recordedDate", "abatementDateTime", "dateAsserted",
    "deceasedDateTime", "date", "start", "end",
    "birthDate",
}  # fmt: skip


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("network") / "net"
    generate(700, 7, AS_OF, out)
    return out


def rows(network: Path, pattern: str) -> list[dict]:
    return [json.loads(line) for file in sorted(network.glob(pattern)) for line in file.open(encoding="utf-8")]


def same_files(left: Path, right: Path) -> bool:
    names = sorted(str(file.relative_to(left)) for file in left.rglob("*") if file.is_file())
    assert names == sorted(str(file.relative_to(right)) for file in right.rglob("*") if file.is_file())
    return not any(filecmp.cmpfiles(left, right, names, shallow=False)[1:])


def test_same_seed_gives_the_same_files_in_any_chunks(network: Path, tmp_path: Path) -> None:
    generate(700, 7, AS_OF, tmp_path / "again", chunk=97)
    assert same_files(network, tmp_path / "again")


def test_another_seed_gives_other_people(network: Path, tmp_path: Path) -> None:
    generate(700, 8, AS_OF, tmp_path / "other")
    numbers = {row["identifier"][0]["value"] for row in rows(network, "Z*/Patient.ndjson")}
    others = {row["identifier"][0]["value"] for row in rows(tmp_path / "other", "Z*/Patient.ndjson")}
    assert len(numbers & others) < 20


def test_asking_for_more_people_leaves_the_first_as_they_were(network: Path, tmp_path: Path) -> None:
    generate(900, 7, AS_OF, tmp_path / "more")
    for folder in ("Z99001", "Z99002"):
        for kind in ("Patient", "MedicationRequest", "Observation"):
            few = (network / folder / f"{kind}.ndjson").read_bytes()
            assert (tmp_path / "more" / folder / f"{kind}.ndjson").read_bytes().startswith(few)


def test_nhs_numbers_are_valid_unique_and_never_issued(network: Path) -> None:
    everyone = nhs_numbers(7)
    assert len(everyone) == NHS_NUMBERS == len(set(everyone.tolist()))
    by_person: dict[str, set[str]] = defaultdict(set)
    invalid = 0
    for row in rows(network, "*/Patient.ndjson"):
        value = next((i["value"] for i in row["identifier"] if i["system"].endswith("nhs-number")), None)
        if value is None:
            continue
        assert value.startswith("999")
        if nhs_number.is_valid(value):
            by_person[value].add(
                row["generalPractitioner"][0]["identifier"]["value"] + row["name"][0]["family"] + row["name"][0]["given"][0]
            )
        else:
            invalid += 1
    assert all(len(names) == 1 for names in by_person.values())
    assert invalid <= 10


def test_no_identity_can_be_a_real_one(network: Path) -> None:
    for row in rows(network, "*/Patient.ndjson"):
        assert row["address"][0]["postalCode"].startswith("ZZ99 ")
        assert row["telecom"][0]["value"].startswith("07700 900")


def test_nothing_is_dated_after_the_day_or_before_birth(network: Path) -> None:
    def dates(node: object, inside: str = "") -> list[str]:
        if isinstance(node, dict):  # the bounds of a dose state an intended end, which may lie ahead
            return [day for key, value in node.items() if key != "boundsPeriod" for day in dates(value, key)]
        if isinstance(node, list):
            return [day for value in node for day in dates(value, inside)]
        return [str(node)[:10]] if inside in DATE_KEYS and isinstance(node, str) else []

    seen = 0
    for file in network.glob("*/*.ndjson"):
        for row in rows(network, str(file.relative_to(network))):
            for day in dates(row):
                assert "1900-01-01" < day <= AS_OF.isoformat(), row
                seen += 1
    assert seen > 10_000


def test_records_end_with_death_and_with_leaving(network: Path) -> None:
    ends = {f"Patient/{row['id']}": row["deceasedDateTime"] for row in rows(network, "*/Patient.ndjson") if "deceasedDateTime" in row} | {
        row["patient"]["reference"]: row["period"]["end"] for row in rows(network, "Z*/EpisodeOfCare.ndjson") if "end" in row["period"]
    }
    assert len(ends) > 5
    for row in rows(network, "Z*/MedicationRequest.ndjson"):
        if row["subject"]["reference"] in ends:
            assert row["authoredOn"] <= ends[row["subject"]["reference"]]


def test_issues_belong_to_plans_and_people_are_there(network: Path) -> None:
    for folder in ("Z99001", "Z99002", "RZ9"):
        patients = {f"Patient/{row['id']}" for row in rows(network, f"{folder}/Patient.ndjson")}
        medicines = rows(network, f"{folder}/MedicationRequest.ndjson")
        plans = {f"MedicationRequest/{row['id']}" for row in medicines if row["intent"] == "plan"}
        assert len({row["id"] for row in medicines}) == len(medicines)
        for row in medicines:
            assert row["subject"]["reference"] in patients
            assert all(reference["reference"] in plans for reference in row.get("basedOn", []))


def test_the_mess_of_real_life_is_there(network: Path) -> None:
    medicines = rows(network, "Z*/MedicationRequest.ndjson")
    plans = [row for row in medicines if row["intent"] == "plan"]
    issues = [row for row in medicines if row["intent"] == "order"]
    doubles = Counter((row["basedOn"][0]["reference"], row["authoredOn"]) for row in issues)
    assert any(count == 2 for count in doubles.values()), "holiday issues"
    assert any("reasonCode" not in plan for plan in plans)
    assert any("quantity" not in plan["dispenseRequest"] for plan in plans)
    assert any(plan.get("reportedBoolean") for plan in plans)
    assert {plan["status"] for plan in plans} == {"active", "stopped", "completed"}
    assert len({plan["dosageInstruction"][0]["text"] for plan in plans}) > 80
    without = {reference for reference in (f"MedicationRequest/{plan['id']}" for plan in plans)} - {
        row["basedOn"][0]["reference"] for row in issues
    }
    assert without, "plans without an issue"
    trust = {row["identifier"][0]["value"]: row["birthDate"] for row in rows(network, "RZ9/Patient.ndjson")}
    practice = {row["identifier"][0]["value"]: row["birthDate"] for row in rows(network, "Z*/Patient.ndjson")}
    both = trust.keys() & practice.keys()
    assert any(trust[number] == practice[number] for number in both)
    assert any(trust[number] != practice[number] for number in both)


def test_rates_come_out_as_aimed_at() -> None:
    world = catalogue()
    adults = [
        person
        for place, count in ((0, 18_000), (1, 12_000))
        for person in people(world, 3, place, range(count), as_of=AS_OF.toordinal())
        if person.age_on(AS_OF.toordinal()) >= ADULT
    ]
    for name, rate in world.population.classes.items():
        share = sum(name in person.classes for person in adults) / len(adults)
        noise = 4 * (rate.aim * (1 - rate.aim) / len(adults)) ** 0.5
        assert share == pytest.approx(rate.aim, abs=noise), name
    any_of_five = sum(any(group in person.classes for group in world.population.five) for person in adults) / len(adults)
    assert any_of_five == pytest.approx(world.population.any_of_five_target, abs=0.01)


def test_the_manifest_tells_what_was_made(network: Path) -> None:
    manifest = json.loads((network / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["seed"], manifest["as_of"], manifest["patients"]) == (7, "2026-06-01", 700)
    for org, counts in manifest["counts"].items():
        for kind, count in counts.items():
            assert sum(1 for _ in (network / org / f"{kind}.ndjson").open("rb")) == count
    assert manifest["counts"]["Z99001"]["Patient"] + manifest["counts"]["Z99002"]["Patient"] == 700
    assert manifest["rates"]["lithium"]["oversampled"] > 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--patients", "3"], "ask for 20 to"),
        (["--patients", "5000000"], "ask for 20 to"),
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


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(Refused, match="other files"):
        generate(20, 1, AS_OF, tmp_path)
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
    for name, medicine in world.medicines.medicines.items():
        substance = "codeine" if name == "co-codamol" else name
        known = substance in classes[medicine.group]
        for step in medicine.steps:
            for key in step:
                found = products.get(("snomed", world.medicines.products[key].code))
                assert found in ({substance} if known else {substance, None}), key
    for name in ("olanzapine", "risperidone", "lithium", "sertraline", "diazepam", "zopiclone", "codeine", "pregabalin"):
        assert name in world.medicines.medicines
    codes = {row["code"]: row["test"] for row in tables["k_test_code"] if row["code_system"] == "snomed"}
    for key in ("weight", "hba1c", "cholesterol", "lithium", "egfr", "tsh", "calcium", "systolic", "review"):
        assert world.results.tests[key].code in codes, key
    conditions = {row["code"]: row["condition"] for row in tables["k_condition_code"] if row["code_system"] == "snomed"}
    for key in ("schizophrenia", "bipolar", "depression", "dementia"):
        assert world.medicines.conditions[key].code in conditions, key
