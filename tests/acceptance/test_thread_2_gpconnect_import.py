"""Line 2, import: the GP Connect sample records come in with `--source auto`; sums agree, every refusal is explained."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from stepwell.cli import main
from stepwell.records.importers import run_import
from stepwell.records.store import Store

FIXTURE = Path(__file__).parents[1] / "fixtures" / "gpconnect"
BUNDLES = FIXTURE / "gp-connect-stu3-bundles.ndjson.gz"


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Store]:
    """The report as `--json` prints it, and the store."""
    path = tmp_path_factory.mktemp("gpconnect") / "store"
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(["import", str(BUNDLES), "--source", "auto", "--store", str(path), "--json"]) == 0
    return json.loads(out.getvalue()), Store.open(path)


def test_the_sums_agree_with_the_index(imported: tuple[dict[str, Any], Store]) -> None:
    report, _ = imported
    with open(FIXTURE / "index.csv") as file:
        entries = sum(int(row["entries"]) for row in csv.DictReader(file))
    rejected = sum(group["count"] for group in report["rejected"])
    assert report["read"] == entries == 17_164
    assert report["read"] == sum(report["accepted"].values()) + sum(report["not_used"].values()) + rejected
    assert report["format"] == "gpconnect"
    assert report["scope"] == "patients"


def test_every_refusal_is_explained_and_kept(imported: tuple[dict[str, Any], Store]) -> None:
    report, store = imported
    rejects = store.table("rejects").to_pylist()
    assert len(rejects) == report["totals"]["rejected"]
    for row in rejects:
        assert row["line"] >= 1
        assert row["path"].startswith("$.entry[")
        assert len(row["raw_sha256"]) == 64
        # What is wrong, then what to do.
        assert len(row["message"].split(". ")) >= 2, row["message"]
    # Bundle 45 has no Patient: not one of its resources that is about somebody, or about an organisation, is taken.
    without_patient = [row for row in rejects if row["line"] == 45 and "`subject`" not in row["message"]]
    assert len(without_patient) == next(group["count"] for group in report["rejected"] if group["reason"] == "Bundle without a Patient")
    assert {row["message"].split(" and ")[0] for row in without_patient} == {"This Bundle holds no Patient"}
    assert {row["source"] for row in store.table("originals").to_pylist()} == set(store.sources())
    # A reference into another Bundle's person of the same practice is followed; one that leads nowhere is refused.
    assert Counter(row["line"] for row in rejects if "neither in this input nor in the store" in row["message"])[68] == 4


def test_each_bundle_is_under_its_own_organisation(imported: tuple[dict[str, Any], Store]) -> None:
    report, store = imported
    known = {"A82038", "A86005", "B2617", "B82617", "F85003", "O001", "P83007"}
    assert {source for source in store.sources() if not source.startswith("unknown-")} == known
    assert {source for source in store.sources() if source.startswith("unknown-")} == {"unknown-887dc6fc", "unknown-e3b0c442"}
    assert sum(counts["accepted"] for counts in report["by_source"].values()) == report["totals"]["accepted"]


def test_people_without_a_valid_number_are_kept_and_flagged(imported: tuple[dict[str, Any], Store]) -> None:
    report, store = imported
    patients = store.table("patients").to_pylist()
    assert len(patients) == 38
    invalid = [row for row in patients if row["nhs_status"] != "valid"]
    assert all(row["nhs_number"] is None and row["nhs_number_raw"] for row in invalid)
    flags = {flag["flag"]: flag["count"] for flag in report["flags"]}
    assert flags["NHS number not valid"] == len(invalid) == 25
    assert flags["organisation unknown"] > 0
    assert flags["confidential items were withheld by the sending system"] > 0
    # The number alone joins nobody: each of these 38 records is a person of its own.
    links = store.table("links").to_pylist()
    assert len({row["person_id"] for row in links}) == len(links) == 38
    # Variants of one patient in several Bundles of one practice are one record: the last one says who it is.
    daniels = next(row for row in patients if row["local_id"] == "2FE2854D-CF58-4AEE-8F71-257ADF74FE21")
    assert (daniels["nhs_number"], daniels["birth_date"]) == ("9465698490", date(2015, 4, 16))


def test_plan_and_issue_are_kept_apart(imported: tuple[dict[str, Any], Store]) -> None:
    _, store = imported
    plans = {(row["subject_id"], row["native_id"]): row for row in store.table("medication_plans").to_pylist()}
    issues = store.table("medication_issues").to_pylist()
    assert len(plans) > 500
    assert len(issues) > 900
    assert all((row["subject_id"], row["plan_id"]) in plans for row in issues if row["plan_id"])
    assert sum(row["plan_id"] is not None for row in issues) > 0.95 * len(issues)
    assert {row["kind"] for row in plans.values()} == {"acute", "repeat", "repeat dispensing"}
    elsewhere = [row for row in plans.values() if row["elsewhere"]]
    assert elsewhere
    assert all(row["setting"] != "gp" for row in elsewhere)
    degraded = [row for row in plans.values() if row["degraded"]]
    assert any("Madopar" in row["term"] for row in degraded)
    assert {row["dose_status"] for row in issues} <= {"structured", "text", "not understood", "none"}


def test_the_same_file_again_changes_nothing(tmp_path: Path) -> None:
    # A few Bundles are enough: variants of one patient, one without a Patient, one of an unknown organisation.
    with gzip.open(BUNDLES) as file:
        lines = file.read().splitlines()
    small = tmp_path / "small.ndjson"
    small.write_bytes(b"\n".join(lines[number - 1] for number in (2, 14, 24, 45, 57, 65, 74)))
    store = Store.open(tmp_path / "store", create=True)
    today = date(2026, 1, 1)
    first = run_import(small, store, today=today)
    before = store.content_hash()
    again = run_import(small, store, today=today)
    assert store.content_hash() == before
    assert again.new == 0
    assert again.read == first.read
    assert again.rejected == first.rejected
    assert again.removed == 0
