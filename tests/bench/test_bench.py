"""`stepwell bench`: both ways give the same rows, and the report says what was measured. No time is judged here."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from stepwell import knowledge
from stepwell.bench import cold, hand, population, tasks
from stepwell.cli import main
from stepwell.errors import Refused

AS_OF = date(2026, 6, 1)
FIGURES = {"patients", "seconds", "sql_seconds", "ratio_to_sql", "peak_mb"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


def told(capsys: pytest.CaptureFixture[str], data: Path, *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["bench", *words, "--data", str(data), "--json"]) == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert set(report) >= FIGURES and report["seconds"] > 0 and report["sql_seconds"] > 0 and report["peak_mb"] > 0
    assert report["ratio_to_sql"] == pytest.approx(report["seconds"] / report["sql_seconds"], abs=0.02)
    return report


@pytest.mark.slow
@pytest.mark.parametrize(("options", "task"), [((), "AP"), (("--all",), "ALL")])
def test_register_agrees_with_the_query_by_hand(
    options: tuple[str, ...], task: str, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = told(capsys, data, "register", "--patients", "3000", *options)
    assert (found["patients"], found["task"], found["equal"]) == (3000, task, True)
    assert found["rows_read"] == {"medication_issues": 60_000, "observations": 30_000}
    assert 10 < found["rows"] < 100 if task == "AP" else 2000 < found["rows"] < 3000


@pytest.mark.slow
def test_courses_agree_with_the_query_by_hand(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, data, "courses", "--patients", "400")
    assert (found["patients"], found["rows_read"], found["equal"]) == (400, 10_400, True)
    assert found["rows"] > 400 and found["rows_per_second"] > 0


@pytest.mark.slow
def test_the_engine_agrees_with_the_query_by_hand(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, data, "engine", "--patients", "3000")
    assert found["differing"] == {"courses": 0, "results": 0, "registers": 0, "needs": 0} and found["equal"]
    assert found["rows"]["needs"] > 0 and found["stages"]["courses"] >= 0 and found["sql_steps"]["courses"] >= 0


@pytest.mark.slow
def test_growth_is_told_net_of_start_up(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, data, "engine", "--patients", "3000", "--growth")
    assert found["start_up_seconds"] > 0 and found["tenth_seconds"] > 0 and "growth" in found


@pytest.mark.slow
def test_import_counts_what_it_read(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, data, "import", "--patients", "100", "--format", "fhir")
    fhir = found["formats"]["fhir"]
    assert fhir["records"] > 100 and fhir["per_second"] > 0 and fhir["per_core_second"] > 0 and fhir["rejected"] == 0


def test_one_patient_after_another(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, data, "patient", "--patients", "200", "--people", "5")
    assert found["timed"] == 5 and 0 < found["p50_ms"] <= found["p95_ms"] and found["sql_p95_ms"] > 0
    assert main(["bench", "patient", "--patients", "200", "--people", "5", "--data", str(data)]) == 0
    assert "p95_ms" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("engine", "--patients", "0"), "at least 1"),
        (("engine", "--patients", "500", "--growth"), "at least 1000"),
        (("courses", "--store", "x"), "makes its own files"),
        (("register", "--store", "nowhere-at-all"), "no store at nowhere-at-all"),
    ],
)
def test_a_refusal_says_what_to_do(words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *words]) == 2
    out, err = capsys.readouterr()
    assert said in err and out == ""


def test_the_same_seed_makes_the_same_people(tmp_path: Path) -> None:
    pack = knowledge.load()
    one, two, other = (
        population.make(tmp_path / name, 300, pack, AS_OF, seed=seed, list_size=120) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert one.content_hash() == two.content_hash() != other.content_hash()
    assert [one.table(name).num_rows for name in ("patients", "medication_issues", "observations", "links")] == [300, 6000, 3000, 300]
    assert one.sources() == ["B00000", "B00001", "B00002"]
    assert one.table("medication_issues", [5, 7]).num_rows == 40
    assert max(one.table("medication_issues")["issued_on"].to_pylist()) <= AS_OF


def test_what_differs_is_seen(tmp_path: Path) -> None:
    for name, text in (("a", "x,y\n1,2\n3,4\n"), ("b", "p,q\n3,4\n1,2\n"), ("c", "x,y\n1,2\n3,5\n"), ("d", "x\n1\n")):
        (tmp_path / f"{name}.csv").write_text(text)
    same = {name: tasks.same(str(tmp_path / "a.csv"), str(tmp_path / f"{name}.csv"))["equal"] for name in "abcd"}
    assert same == {"a": True, "b": True, "c": False, "d": False}


def test_every_query_by_hand_says_what_it_leaves_out() -> None:
    for name in ("engine", "register", "courses", "import_fhir", "import_csv"):
        head = [line for line in hand.sql(name).splitlines() if line.startswith("--")]
        assert any("leaves out" in line for line in head), name


def test_a_process_that_fails_says_why() -> None:
    with pytest.raises(Refused, match=r"tasks census failed: .*no store at"):
        cold.task("census", store="nowhere-at-all")
