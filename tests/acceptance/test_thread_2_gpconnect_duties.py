"""Line 2: what ten GP Connect patients were owed on 30 June 2019, worked out by hand, is what the product says."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from pathlib import Path

import pytest

from stepwell.cli import main

HERE = Path(__file__).parent
BUNDLES = HERE.parent / "fixtures" / "gpconnect" / "gp-connect-stu3-bundles.ndjson.gz"
AS_OF = "2019-06-30"


def stepwell(*arguments: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(arguments) == 0
    return out.getvalue()


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("gpconnect") / "store"
    stepwell("import", str(BUNDLES), "--source", "auto", "--store", str(path), "--json")
    return path


def by_hand() -> dict[tuple[str, str], set[tuple[str, ...]]]:
    table: dict[tuple[str, str], set[tuple[str, ...]]] = {}
    with (HERE / "data" / "gpconnect_duties_2019-06-30.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            duties = table.setdefault((row["practice"], row["local_id"]), set())
            if row["rule"]:
                duties.add((row["rule"], row["subject"], row["point"], row["due"], row["owner"], row["state"]))
    return table


def test_ten_patients_are_worked_out_by_hand():
    assert len(by_hand()) == 10


@pytest.mark.parametrize(("practice", "local_id"), sorted(by_hand()))
def test_duties_equal_the_hand_worked_table(store, practice, local_id):
    told = json.loads(stepwell("explain", "--store", str(store), "--patient", f"{practice}/{local_id}", "--as-of", AS_OF, "--json"))
    found = set()
    for duty in told["duties"]:
        state = "open" if duty["state"] in {"overdue", "due", "upcoming"} else duty["state"]
        found.add((duty["rule"], duty["subject"], duty["point"], duty["due"], duty["owner"]["org"], state))
    assert found == by_hand()[practice, local_id]


def test_registers_of_the_three_who_take_something(store):
    def registers(patient: str) -> set[str]:
        told = json.loads(stepwell("explain", "--store", str(store), "--patient", patient, "--as-of", AS_OF, "--json"))
        return {register["register"] for register in told["registers"]}

    assert registers("B82617/2") == {"antidepressant", "depression", "anxiety"}  # mixed anxiety and depressive disorder
    assert registers("O001/04603d77-1a4e-4d63-b246-d7504f8bd833") == {"antidepressant"}
    assert registers("A82038/9340157B-6973-4209-9B57-BF6C64F29E46") == {
        "opioid",
        "antipsychotic-depot",
    }  # the injection has lapsed and nobody answered
