"""Line 8: a planted patient for each finding is found with the right owner and reason, and its near-miss twin is not.

Each twin is the planted patient with one fact changed, by as little as turns the finding off (a day, a step of dose, one code).
Found means: an open duty that has fallen due. Both engines are asked, and the people also travel as FHIR through the importer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from spark_machine import QUICK

from stepwell import knowledge
from stepwell.engine import evaluate, run
from stepwell.engine.worked import ORGANISATIONS, WorkedPatient, worked
from stepwell.records.importers import run_import
from stepwell.records.store import Store
from stepwell.records.synthetic.writers import fhir

AS_OF = date(2026, 6, 1)
KNOWLEDGE = knowledge.load()
PRACTICE, TRUST, NOBODY = ORGANISATIONS["practice"], ORGANISATIONS["trust"], "nobody"
PATCH = "fentanyl patch 25 microgram/hour patch every 72 hours from 2026-03-01 every 30 days of 10 patches"


@dataclass(frozen=True)
class Plant:
    """A planted patient: what happened, the duty that must be found, and twins who must not have it."""

    finding: str
    happened: list[str]
    rule: str
    subject: str
    due: date
    owner: str
    because: str
    twins: dict[str, list[str]] = field(default_factory=dict)


def due(month: int, day: int, year: int = 2026) -> date:
    return date(year, month, day)


PLANTS = [
    Plant(
        "nobody prescribing",
        ["olanzapine 10 mg daily from 2026-01-05 to 2026-04-27 every 28 days"],
        "supply.antipsychotic",
        "olanzapine",
        due(6, 1),
        PRACTICE,
        "supplied until 2026-05-25 by gp, last issue 2026-04-27",
        {
            "issued a day later": ["olanzapine 10 mg daily from 2026-01-06 to 2026-04-28 every 28 days"],
            "in hospital": ["olanzapine 10 mg daily from 2026-01-05 to 2026-04-27 every 28 days", "in hospital from 2026-05-20"],
            "another antipsychotic took its place": [
                "olanzapine 10 mg daily from 2026-01-05 to 2026-04-27 every 28 days",
                "aripiprazole 10 mg daily on 2026-05-20",
            ],
        },
    ),
    Plant(
        "nobody prescribing after the trust's last supply",
        ["olanzapine 10 mg daily from 2026-01-05 to 2026-04-27 every 28 days by trust"],
        "supply.antipsychotic",
        "olanzapine",
        due(6, 1),
        NOBODY,
        "supplied until 2026-05-25 by trust, last issue 2026-04-27",
        {
            "the practice took it over": [
                "olanzapine 10 mg daily from 2026-01-05 to 2026-04-27 every 28 days by trust",
                "olanzapine 10 mg daily on 2026-05-25",
            ],
            "the practice knows that it is prescribed elsewhere": [
                "olanzapine 10 mg daily from 2026-01-05 to 2026-04-27 every 28 days by trust",
                "olanzapine 10 mg daily prescribed elsewhere from 2026-01-05 confirmed 2026-01-05 by trust",
            ],
        },
    ),
    Plant(
        "both prescribing",
        ["olanzapine 10 mg daily from 2025-01-06 every 28 days", "olanzapine 10 mg daily on 2026-05-11 by trust"],
        "supply.both",
        "olanzapine",
        due(5, 11),
        NOBODY,
        "supplied by gp+trust since 2026-05-11",
        {
            "the trust's supply is 84 days old": [
                "olanzapine 10 mg daily from 2025-01-06 every 28 days",
                "olanzapine 10 mg daily on 2026-03-09 by trust",
            ],
            "the trust gave another medicine": [
                "olanzapine 10 mg daily from 2025-01-06 every 28 days",
                "aripiprazole 10 mg daily on 2026-05-11 by trust",
            ],
        },
    ),
    Plant(
        "both prescribing, with an agreement",
        [
            "lithium 800 mg daily from 2025-01-06 every 28 days",
            "lithium 800 mg daily on 2026-03-10 by trust",
            "agreement lithium all: trust from 2025-06-01",
        ],
        "supply.both",
        "lithium",
        due(3, 10),
        TRUST,
        "supplied by gp+trust since 2026-03-10",
        {
            "the trust's supply is a day older": [
                "lithium 800 mg daily from 2025-01-06 every 28 days",
                "lithium 800 mg daily on 2026-03-09 by trust",
                "agreement lithium all: trust from 2025-06-01",
            ],
        },
    ),
    Plant(
        "off-licence without end date",
        ["quetiapine 50 mg daily from 2026-04-01 every 28 days", "quetiapine plan from 2026-04-01 for insomnia"],
        "antipsychotic.licence",
        "quetiapine",
        due(4, 29),
        PRACTICE,
        "quetiapine since 2026-04-01",
        {
            "with an end date": [
                "quetiapine 50 mg daily from 2026-04-01 every 28 days",
                "quetiapine plan from 2026-04-01 for insomnia intended to end 2026-08-01",
            ],
            "licensed": [
                "quetiapine 50 mg daily from 2026-04-01 every 28 days",
                "quetiapine plan from 2026-04-01 for schizophrenia",
            ],
        },
    ),
    Plant(
        "high dose by combination",
        ["olanzapine 15 mg daily from 2026-05-04 every 28 days", "aripiprazole 10 mg daily from 2026-05-04 every 28 days"],
        "hdat.review",
        "antipsychotic-any",
        due(6, 1),
        PRACTICE,
        "more than 100 % of the maximum dose: antipsychotics, percent of the maximum dose 108.33 %: aripiprazole+olanzapine",
        {
            "at the maximum": [
                "olanzapine 15 mg daily from 2026-05-04 every 28 days",
                "aripiprazole 7.5 mg daily from 2026-05-04 every 28 days",
            ],
            "one after the other": [
                "olanzapine 15 mg daily from 2025-05-05 to 2025-12-01 every 28 days",
                "aripiprazole 10 mg daily from 2026-02-02 every 28 days",
            ],
        },
    ),
    Plant(
        "OME >= 120 by patch and tablets",
        [PATCH, "morphine 60 mg daily from 2026-03-01 every 28 days"],
        "dose.oral-morphine-120",
        "opioid",
        due(6, 1),
        PRACTICE,
        "oral morphine equivalent 120 mg a day or more: oral morphine 120 mg: fentanyl patch+morphine",
        {
            "the tablets a little less": [PATCH, "morphine 59 mg daily from 2026-03-01 every 28 days"],
            "patches alone": [PATCH],
            "tablets alone": ["morphine 60 mg daily from 2026-03-01 every 28 days"],
        },
    ),
    Plant(
        "five-yearly review",
        ["quetiapine 50 mg daily from 2018-01-01 every 28 days", "typed specialist-review on 2021-06-01"],
        "antipsychotic.specialist-five-yearly",
        "antipsychotic-not-clozapine",
        due(6, 1),
        PRACTICE,
        "Specialist review recorded on 2021-06-01",
        {
            "reviewed a day later": ["quetiapine 50 mg daily from 2018-01-01 every 28 days", "typed specialist-review on 2021-06-02"],
            "severe mental illness is reviewed yearly": [
                "quetiapine 50 mg daily from 2018-01-01 every 28 days",
                "typed specialist-review on 2021-06-01",
                "diagnosis schizophrenia on 2018-01-01",
            ],
        },
    ),
    Plant(
        "dementia beyond six weeks",
        ["risperidone 1 mg daily from 2026-04-20 every 28 days", "diagnosis dementia on 2025-01-01"],
        "antipsychotic.dementia-review",
        "risperidone",
        due(6, 1),
        PRACTICE,
        "dementia: on the problem list since 2025-01-01",
        {
            "six weeks less a day": ["risperidone 1 mg daily from 2026-04-21 every 28 days", "diagnosis dementia on 2025-01-01"],
            "reviewed within six weeks": [
                "risperidone 1 mg daily from 2026-02-20 every 28 days",
                "diagnosis dementia on 2025-01-01",
                "typed dementia-review on 2026-04-21",
            ],
            "without dementia": ["risperidone 1 mg daily from 2026-04-20 every 28 days"],
        },
    ),
    Plant(
        "lapsed depot",
        [
            "flupentixol decanoate 40 mg injection every 14 days from 2026-01-12 to 2026-05-04",
            "agreement flupentixol decanoate all: trust from 2026-01-12",
        ],
        "supply.depot",
        "flupentixol decanoate",
        due(6, 1),
        TRUST,
        "supplied until 2026-05-18 by gp, last issue 2026-05-04",
        {
            "given a day later": [
                "flupentixol decanoate 40 mg injection every 14 days from 2026-01-13 to 2026-05-05",
                "agreement flupentixol decanoate all: trust from 2026-01-12",
            ],
            "answered": [
                "flupentixol decanoate 40 mg injection every 14 days from 2026-01-12 to 2026-05-04",
                "agreement flupentixol decanoate all: trust from 2026-01-12",
                "done supply.depot of flupentixol decanoate, 2026-05-18 on 2026-05-28",
            ],
        },
    ),
]
PEOPLE = {
    name: happened
    for plant in PLANTS
    for name, happened in ((plant.finding, plant.happened), *((f"{plant.finding}: {twin}", each) for twin, each in plant.twins.items()))
}
TWINS = [(plant, twin) for plant in PLANTS for twin in plant.twins]

Answers = dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]]


def answers(tables: Mapping[str, pa.Table], names: Mapping[int, str]) -> Answers:
    """Name of each person → needs that are open and due, and the reasons of all their needs."""
    found: Answers = {name: ([], []) for name in names.values()}
    for row in tables["needs"].to_pylist():
        if row["state"] == "open" and row["due_on"] <= AS_OF:
            found[names[row["person_id"]]][0].append(row)
    for row in tables["because"].to_pylist():
        found[names[row["person_id"]]][1].append(row)
    return found


@pytest.fixture(scope="module")
def told():
    return worked([WorkedPatient(name, happened) for name, happened in PEOPLE.items()], KNOWLEDGE.tables(), AS_OF)


def through_fhir(told, folder: Path) -> Answers:
    """The practice's records written as FHIR, imported and evaluated. What was done in the ledger stays with the person."""
    inputs, ids = told
    records = {name: rows for name, rows in inputs.records.items() if name != "links"}
    patients = records["patients"]
    # Of a worked patient the row's id and the patient's are two things; in FHIR they are one.
    records["patients"] = patients.set_column(patients.column_names.index("native_id"), "native_id", patients["local_id"])
    fhir.write(folder / "fhir", PRACTICE, records)
    store = Store.open(folder / "store", create=True)
    report = run_import(folder / "fhir", store, source=PRACTICE, today=AS_OF).to_json()
    assert report["rejected"] == []
    now = {int(link["local_id"]): link["person_id"] for link in store.table("links").to_pylist()}
    workflow = {name: moved(rows, now) for name, rows in inputs.workflow.items()}
    tables = evaluate(store, KNOWLEDGE, AS_OF, workflow=workflow, engine="duckdb").tables
    return answers(tables, {now[person_id]: name for name, person_id in ids.items()})


def moved(rows: pa.Table, people: Mapping[int, int]) -> pa.Table:
    if "person_id" not in rows.column_names:
        return rows
    persons = pa.array([people[person] for person in rows["person_id"].to_pylist()], pa.int64())
    return rows.set_column(rows.column_names.index("person_id"), "person_id", persons)


@pytest.fixture(scope="module", params=[*QUICK, "through FHIR"])
def found(request, told, tmp_path_factory) -> Answers:
    if request.param == "through FHIR":
        return through_fhir(told, tmp_path_factory.mktemp("planted"))
    inputs, ids = told
    return answers(run(inputs, AS_OF, request.param), {person_id: name for name, person_id in ids.items()})


def duties(found: Answers, name: str, plant: Plant) -> list[dict[str, Any]]:
    return [row for row in found[name][0] if row["rule_id"] == plant.rule and row["subject"] == plant.subject]


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.finding)
def test_the_planted_patient_is_found(found, plant):
    (duty,) = duties(found, plant.finding, plant)
    assert (duty["due_on"], duty["owner_org"]) == (plant.due, plant.owner)
    key = ("rule_id", "subject", "point")
    reasons = [row["label"] for row in found[plant.finding][1] if all(row[name] == duty[name] for name in key)]
    assert plant.because in reasons


@pytest.mark.parametrize(("plant", "twin"), TWINS, ids=[f"{plant.finding}: {twin}" for plant, twin in TWINS])
def test_the_near_miss_twin_is_not(found, plant, twin):
    assert duties(found, f"{plant.finding}: {twin}", plant) == []


def test_every_finding_of_the_line_is_planted_with_a_twin():
    line = (
        "nobody prescribing, both prescribing, off-licence without end date, high dose by combination, OME >= 120 by patch and tablets, "
        "five-yearly review, dementia beyond six weeks, lapsed depot"
    )
    assert set(line.split(", ")) <= {plant.finding for plant in PLANTS if plant.twins}
