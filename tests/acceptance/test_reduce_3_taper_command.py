"""Line 3 of review and reduce: `stepwell taper` gives a plan as JSON and as a table, and refuses bad or unsafe input with what to do."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from stepwell.cli import main

DIAZEPAM = ("--medicine", "diazepam", "--dose", "20 mg/day", "--to", "0", "--mode", "proportional")


def taper(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(["taper", *words])
    out, err = capsys.readouterr()
    return code, out, err


def told(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    code, out, err = taper(capsys, *words, "--json")
    assert code == 0, err
    report: dict[str, Any] = json.loads(out)
    return report


def test_the_line_as_it_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    report = told(capsys, *DIAZEPAM)
    steps = report["steps"]
    assert report["medicine"] == "diazepam" and report["mode"] == "proportional" and report["unit"] == "mg"
    for step in steps:
        assert {"date", "requested_dose", "built_dose", "items", "error", "rule"} <= set(step)
        date.fromisoformat(step["date"])
        assert step["error"] == pytest.approx(step["built_dose"] - step["requested_dose"])
        assert step["rule"]["words"] and step["rule"]["source"] and step["rule"]["mark"]
    assert steps[0]["built_dose"] == steps[0]["requested_dose"] == 20 and steps[0]["date"] >= date.today().isoformat()
    assert steps[-1]["built_dose"] == 0 and steps[-1]["items"] == []
    doses = [step["built_dose"] for step in steps]
    assert doses == sorted(doses, reverse=True) and len(set(doses)) == len(doses)
    assert all(step["items"] for step in steps[:-1])


def test_its_friends(capsys: pytest.CaptureFixture[str]) -> None:
    tablets = "2 mg tablets, Diazepam tablet 5, 10 mg tablets"
    known = "age=70, months=30, no suicidal thoughts, no previous withdrawal seizure"
    report = told(
        capsys, *DIAZEPAM, "--start", "2026-06-05", "--interval", "4 weeks", "--rate", "5%", "--products", tablets, "--history", known
    )  # fmt: skip
    # 05-Jun-2026 is a Friday.
    assert report["start"] == "2026-06-08" and report["steps"][1]["date"] == "2026-07-06" and report["interval_days"] == 28
    assert report["steps"][1]["requested_dose"] == 19
    assert {item["product"] for step in report["steps"] for item in step["items"]} <= {f"diazepam tablet {mg}" for mg in (2, 5, 10)}
    asks = " ".join(each["asks"] for each in report["warnings"])
    assert "seizure" not in asks and "ending their life" not in asks and "unstable" in asks
    lower = told(capsys, "--medicine", "Diazepam", "--dose", "0.02 g", "--to", "5 mg", "--step", "1 mg", "--interval", "14")
    assert [step["built_dose"] for step in lower["steps"]] == list(range(20, 4, -1)) and lower["to"] == 5
    assert all(item["amount"] and item["words"] for step in lower["steps"] for item in step["items"])
    points = told(capsys, "--medicine", "sertraline", "--dose", "50 mg", "--mode", "hyperbolic", "--points", "5", "--supply")
    assert points["steps"][0]["occupancy_percent"] == pytest.approx(79.7)
    assert points["supply"][0]["prescription"].startswith("sertraline 50 mg tablets: take 1 tablet a day for ") and points["order"]
    forms = told(capsys, "--medicine", "diazepam", "--dose", "10 mg daily", "--products", "tablets, liquid", "--interval", "2 w")
    assert {item["form"] for step in forms["steps"] for item in step["items"]} == {"tablet", "oral liquid"}
    slow = told(capsys, "--medicine", "tramadol", "--dose", "200 mg", "--products", "modified-release tablets", "--mode", "tablet-steps")
    assert [step["built_dose"] for step in slow["steps"]] == [200, 150, 100, 50, 0] and slow["interval_days"] == 28
    patch = told(capsys, "--medicine", "fentanyl", "--dose", "50 micrograms/hour")
    assert patch["unit"] == "micrograms/hour" and patch["from"] == 50 and patch["steps"][-1]["built_dose"] == 0


def test_alternate_days(capsys: pytest.CaptureFixture[str]) -> None:
    fluoxetine = ("--medicine", "fluoxetine", "--dose", "40 mg", "--mode", "steps", "--start", "2026-06-01", "--alternate-days")
    step = told(capsys, *fluoxetine)["steps"][1]
    assert step["built_dose"] == 30 and step["take"] == "1 × 40 mg capsule one day, 1 × 20 mg capsule the next"
    assert [(item["label"], item["on"]) for item in step["items"]] == [
        ("40 mg capsules", "the first of two days"), ("20 mg capsules", "the second of two days"),
    ]  # fmt: skip
    code, _, err = taper(capsys, "--medicine", "citalopram", "--dose", "20 mg", "--alternate-days")
    assert code == 2 and "Citalopram is not taken on alternate days" in err and "instead: every day the same" in err


def test_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = taper(capsys, *DIAZEPAM, "--start", "2026-06-01", "--supply")
    assert code == 0 and not err
    assert "Diazepam: from 20 mg to nothing, proportional, a step every 14 days" in out
    assert "15-Jun-2026  18 mg       1 × 10 mg tablet + 4 × 2 mg tablet" in out
    assert "[CKSBZ; V]" in out and "needs local approval" in out and "not shown to lower relapse" in out
    assert "diazepam 2 mg tablets: take 4 tablets a day for 14 days. Supply 56 tablets." in out
    assert max(len(line) for line in out.splitlines()) <= 120


UNSAFE = [
    (("clozapine", "300 mg"), "Clozapine is never reduced", "clozapine clinic"),
    (("lithium", "800 mg"), "Lithium is not reduced here", "mental health team"),
    (("diazepam", "20 mg", "--history", "pregnancy"), "pregnancy", "perinatal"),
    (("diazepam", "20 mg", "--history", "epilepsy"), "epilepsy", "specialist"),
    (("pregabalin", "300 mg", "--history", "previous withdrawal seizure"), "seizure", "pecialist"),
    (("sertraline", "100 mg", "--history", "suicidal thoughts"), "", "risis"),
    (("morphine", "60 mg", "--history", "oral-morphine=350"), "more than 300 mg of oral morphine", "Pain service"),
    (("morphine", "400 mg"), "more than 300 mg of oral morphine", "Pain service"),
    (("diazepam", "60 mg"), "more than 40 mg of diazepam", "pecialist"),
    (("methadone", "40 mg"), "not reduced here", "drug service"),
    (("diazepam", "20 mg", "--step", "20 mg"), "not stopped at once", "steps"),
]


@pytest.mark.parametrize(("words", "said", "route"), UNSAFE, ids=[" ".join(row[0]) for row in UNSAFE])
def test_unsafe_input_goes_somewhere_else(words: tuple[str, ...], said: str, route: str, capsys: pytest.CaptureFixture[str]) -> None:
    medicine, dose, *rest = words
    code, out, err = taper(capsys, "--medicine", medicine, "--dose", dose, *rest, "--json")
    report = json.loads(out)
    assert code == 2 and said in err and report["error"] in err
    assert route in report["route"] and report["rule"]["source"] and report["rule"]["mark"]
    code, out, err = taper(capsys, "--medicine", medicine, "--dose", dose, *rest)
    assert code == 2 and out == "" and f"go to: {report['route']}" in err


NONSENSE = [
    (("diazepma", "20 mg"), "did you mean diazepam"),
    (("gravel", "20 mg"), "British National Formulary"),
    (("diazepam", "lots"), "write a number and its unit"),
    (("diazepam", "-5 mg"), "write a number and its unit"),
    (("diazepam", "0 mg"), "nothing is taken"),
    (("diazepam", "1e400 mg"), "write a number and its unit"),
    (("diazepam", "20000 mg"), "more than 3 times the maximum"),
    (("diazepam", "0.0001 mg"), "whole micrograms"),
    (("diazepam", "25 micrograms/hour"), "a day"),
    (("fentanyl patch", "5 mg/day"), "micrograms/hour"),
    (("pregabalin", "311.5 mg"), "cannot be made"),
    (("diazepam", "20 mg", "--to", "20 mg"), "not below the present dose"),
    (("diazepam", "20 mg", "--to", "30 mg"), "not below the present dose"),
    (("diazepam", "20 mg", "--mode", "fast"), "use one of product steps"),
    (("diazepam", "20 mg", "--mode", "hyperbolic"), "use product steps, proportional or linear"),
    (("diazepam", "20 mg", "--start", "soon"), "YYYY-MM-DD"),
    (("diazepam", "20 mg", "--interval", "often"), "write days"),
    (("diazepam", "20 mg", "--interval", "1"), "at least 7 days"),
    (("diazepam", "20 mg", "--rate", "half"), "per cent"),
    (("diazepam", "20 mg", "--rate", "0"), "above 0"),
    (("diazepam", "20 mg", "--rate", "50"), "at most 25 %"),
    (("diazepam", "20 mg", "--points", "-1", "--mode", "linear"), "above 0"),
    (("diazepam", "20 mg", "--products", "7 mg tablets"), "There are: 2 mg tablets"),
    (("diazepam", "20 mg", "--products", ""), "There are: 2 mg tablets"),
    (("diazepam", "20 mg", "--history", "pregnent"), "did you mean pregnancy"),
    (("diazepam", "20 mg", "--history", "age=old"), "not known here"),
    (("diazepam", "20 mg", "--nation", "FRA"), "ENG, WLS, SCT, NIR"),
    (("diazepam", "20 mg", "--products", "10 mg tablets"), "cannot be made from 10 mg tablets"),
]


@pytest.mark.parametrize(("words", "said"), NONSENSE, ids=[" ".join(row[0]) for row in NONSENSE])
def test_nonsense_is_refused_with_what_to_write(words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    medicine, dose, *rest = words
    code, out, err = taper(capsys, "--medicine", medicine, f"--dose={dose}", *rest)
    assert code == 2 and out == "" and err.startswith("stepwell taper: ") and said in err
    assert "Traceback" not in err


def test_what_is_offered_instead_can_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """Each proposal is a list of options that this command takes, and gives a plan."""
    import shlex

    for words in (("--rate", "50"), ("--products", "10 mg tablets"), ("--to", "20 mg"), ("--interval", "2")):
        code, out, _ = taper(capsys, "--medicine", "diazepam", "--dose", "20 mg", "--start", "2026-06-01", *words, "--json")
        offered = json.loads(out)["instead"]
        assert code == 2 and offered
        for each in offered:
            report = told(capsys, *shlex.split(" ".join(each["options"])))
            assert each["words"] and report["steps"][-1]["built_dose"] == report["to"]
