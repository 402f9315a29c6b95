"""`stepwell evaluate`, `explain` and `bench` on a small synthetic network, as a user runs them."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from stepwell.cli import main
from stepwell.engine.contract import TABLES
from stepwell.records.importers import run_import
from stepwell.records.store import Store
from stepwell.records.synthetic.network import generate

AS_OF = date(2026, 6, 1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("network")
    generate(60, 3, AS_OF, folder / "records")
    run_import(folder / "records", Store.open(folder / "store", create=True))
    return folder / "store"


@pytest.fixture(scope="module")
def first(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "first"
    assert main(["evaluate", "--store", str(store), "--as-of", "2026-06-01", "--out", str(out)]) == 0
    return out


@pytest.fixture
def paths(store: Path, first: Path, tmp_path: Path) -> dict[str, str]:
    return {"STORE": str(store), "OUT": str(tmp_path / "out"), "FIRST": str(first)}


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def busiest(first: Path) -> int:
    """The person with most open needs: there is something to explain."""
    needs = pq.read_table(first / "needs.parquet")
    counts = needs.filter(pc.equal(needs["state"], "open"))["person_id"].value_counts().to_pylist()
    return int(max(counts, key=lambda each: (each["counts"], -each["values"]))["values"])


def test_evaluate_writes_every_table_and_the_run(first: Path, store: Path) -> None:
    run = json.loads((first / "run.json").read_text())
    assert {path.stem for path in first.glob("*.parquet")} == {*TABLES, "duties", "changes"}
    assert (run["as_of"], run["store_version"], run["engine"]) == ("2026-06-01", Store.open(store).version, "duckdb")
    assert run["pack"] and run["pack_version"] and run["seconds"]["stages"]["courses"] >= 0
    for name, definition in TABLES.items():
        table = pq.read_table(first / f"{name}.parquet")
        assert table.schema.names == list(definition.names) and table.num_rows == run["rows"][name]
    needs = pq.read_table(first / "needs.parquet")
    assert run["rows"]["duties"] == needs.filter(pc.equal(needs["state"], "open")).num_rows > 0


def test_the_reference_engine_writes_the_same(first: Path, store: Path, tmp_path: Path) -> None:
    assert main(["evaluate", "--store", str(store), "--as-of", "2026-06-01", "--out", str(tmp_path), "--engine", "reference"]) == 0
    for name in (*TABLES, "duties", "changes"):
        assert pq.read_table(tmp_path / f"{name}.parquet").equals(pq.read_table(first / f"{name}.parquet")), name


def test_a_second_run_goes_on_from_the_first(first: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["evaluate", "--store", str(store), "--previous", str(first), "--out", str(tmp_path / "again")]
    same = told(capsys, *common, "--as-of", "2026-06-01")
    assert same["rows"]["changes"] == 0 and same["rows"]["duties"] == pq.read_table(first / "duties.parquet").num_rows
    later = told(capsys, *common, "--as-of", "2026-09-01")
    changes = pq.read_table(tmp_path / "again" / "changes.parquet")
    assert later["rows"]["changes"] == changes.num_rows > 0
    assert set(changes["change"].to_pylist()) <= {"opened", "changed", "met", "declined", "not applicable", "superseded"}


def test_progress_goes_to_the_error_stream(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--store", str(store), "--as-of", "2026-06-01", "--out", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert "because" in err and out.startswith("evaluated as of 2026-06-01")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["evaluate", "--store", "STORE", "--as-of", "June", "--out", "OUT"], "write the date as YYYY-MM-DD"),
        (["evaluate", "--store", "STORE", "--as-of", "2026-06-01", "--out", "OUT", "--previous", "OUT"], "no evaluation there"),
        (["evaluate", "--store", "STORE", "--as-of", "2026-05-01", "--out", "OUT", "--previous", "FIRST"], "older than the previous run"),
        (["explain", "--store", "STORE", "--as-of", "2026-06-01", "--patient", "99999999"], "import their records first"),
        (["explain", "--store", "STORE", "--as-of", "2026-06-01", "--patient", "9990000000"], "NHS number"),
        (["explain", "--store", "STORE", "--as-of", "2026-06-01", "--patient", "somebody"], "ORGANISATION/LOCAL-ID"),
        (["explain", "--store", "STORE", "--as-of", "2026-06-01", "--patient", "X1/1"], "known organisations: "),
        (["bench", "patient", "--people", "0"], "at least 1"),
    ],
)
def test_a_refusal_says_what_to_do(arguments: list[str], words: str, paths: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([paths.get(each, each) for each in arguments]) == 2
    out, err = capsys.readouterr()
    assert words in err and "Traceback" not in err and out == ""


def test_explain_tells_the_whole_person(first: Path, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    person = busiest(first)
    found = told(capsys, "explain", "--store", str(store), "--patient", str(person), "--as-of", "2026-06-01")
    needs = [row for row in pq.read_table(first / "needs.parquet").to_pylist() if row["person_id"] == person]
    assert (found["patient"], found["as_of"]) == (person, "2026-06-01")
    assert {(d["rule"], d["subject"], d["point"]) for d in found["duties"]} == {(n["rule_id"], n["subject"], n["point"]) for n in needs}
    for duty in found["duties"]:
        assert duty["what"] and duty["why"] and duty["owner"]["org"] and duty["owner"]["why"] and duty["mark"]
        assert duty["source"] and all(source["id"] and source["title"] for source in duty["source"])
        assert duty["state"] in ("overdue", "due", "upcoming", "met", "declined", "lapsed", "not applicable")
        if duty["state"] in ("overdue", "due", "upcoming"):
            assert (duty["state"] == "overdue") == (duty["due"] < "2026-06-01")
    for medicine in found["medicines"]:
        assert medicine["label"] and medicine["duration"] and medicine["owner"]["label"] and medicine["licence"]
        assert (medicine["dose"] is None) == (medicine["daily_ug"] is None)


def test_explain_finds_a_person_by_each_of_their_names(first: Path, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    opened = Store.open(store)
    patients = {row["subject_id"]: row for row in opened.table("patients").to_pylist()}
    link = next(row for row in opened.table("links").to_pylist() if patients[row["subject_id"]]["nhs_number"] and not row["undone_at"])
    number = patients[link["subject_id"]]["nhs_number"]
    names = [str(link["person_id"]), number, f"{number[:3]} {number[3:6]} {number[6:]}", f"{link['source']}/{link['local_id']}"]
    people = [told(capsys, "explain", "--store", str(store), "--patient", name, "--as-of", "2026-06-01")["patient"] for name in names]
    assert people == [link["person_id"]] * 4


def test_explain_in_words_names_what_matters(first: Path, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    person = busiest(first)
    found = told(capsys, "explain", "--store", str(store), "--patient", str(person), "--as-of", "2026-06-01")
    assert main(["explain", "--store", str(store), "--patient", str(person), "--as-of", "2026-06-01"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert all(medicine["label"] in words for medicine in found["medicines"])
    assert all(duty["what"] in words and duty["rule"] in words for duty in found["duties"])
    assert words.count("OVERDUE") == sum(duty["state"] == "overdue" for duty in found["duties"])


def test_bench_measures_a_store_that_is_there(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "bench", "patient", "--store", str(store), "--people", "3")
    assert found["patients"] > 0 and found["seconds"] > 0 and found["peak_mb"] > 0 and found["rows"] and "p95_ms" in found
