"""A folder that a FHIR Bulk Data export wrote: several numbered files of a type, and a list of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fhir_builders import Fhir, Resource

from stepwell.records.importers.report import ImportReport, Unusable
from stepwell.records.store import Store

Bring = Callable[..., ImportReport]
SERVER = "https://ehr.example/fhir"


def export(folder: Path, files: dict[str, list[Resource]], request: str = "$export", **more: Any) -> Path:
    """Write files and their list; `deleted` and `error` are file names of the list only."""
    folder.mkdir()
    output = []
    for name, resources in files.items():
        (folder / name).write_text("".join(json.dumps(each) + "\n" for each in resources))
        if not name.startswith(("deleted", "error")):
            output.append({"type": name.partition("_")[0], "url": f"{SERVER}/files/{name}", "count": len(resources)})
    listed = {"transactionTime": "2026-05-31T00:00:00Z", "request": f"{SERVER}/{request}", "requiresAccessToken": True, "output": output}
    listed |= {name: [{"url": f"{SERVER}/files/{each}"} for each in names] for name, names in more.items()}
    (folder / "export-status.json").write_text(json.dumps(listed))
    return folder


@pytest.fixture
def files(fhir: Fhir) -> dict[str, list[Resource]]:
    return {
        "Organization_1.ndjson": [fhir.organisation("A82001")],
        "Patient_1.ndjson": [fhir.patient("p")],
        "Patient_2.ndjson": [fhir.patient("q")],
        "Observation_1.ndjson": [fhir.observation("o1", "p"), fhir.observation("o2", "q")],
        "Observation_2.ndjson": [fhir.observation("o3", "p")],
    }


def test_every_numbered_file_is_read_and_the_list_is_no_record(tmp_path: Path, bring: Bring, store: Store, files: dict) -> None:
    report = bring(export(tmp_path / "export", files))
    assert (report.scope, report.read, report.new, report.rejected) == ("full", 6, 6, 0)
    assert store.refresh().table("observations").num_rows == 3


def test_an_export_with_a_file_missing_is_refused(tmp_path: Path, bring: Bring, store: Store, files: dict) -> None:
    folder = export(tmp_path / "export", files)
    (folder / "Observation_2.ndjson").unlink()
    with pytest.raises(Unusable, match=r"Observation_2\.ndjson missing"):
        bring(folder)
    assert store.refresh().version == 0


def test_an_export_with_a_file_cut_short_is_refused(tmp_path: Path, bring: Bring, files: dict) -> None:
    folder = export(tmp_path / "export", files)
    file = folder / "Observation_1.ndjson"
    file.write_text(file.read_text().splitlines()[0] + "\n")
    with pytest.raises(Unusable, match=r"Observation_1\.ndjson cut short"):
        bring(folder)


REQUESTS = {
    "$export?_since=2026-05-01T00:00:00Z": "delta",
    "$export?_type=Patient": "delta",
    "Group/7/$export": "patients",
    "Patient/$export": "full",
}


@pytest.mark.parametrize("asked", REQUESTS)
def test_the_request_says_what_an_export_may_replace(tmp_path: Path, bring: Bring, store: Store, files: dict, asked: str) -> None:
    scope = REQUESTS[asked]
    bring(export(tmp_path / "whole", files))
    some = {name: files[name] for name in ("Organization_1.ndjson", "Patient_1.ndjson")}
    report = bring(export(tmp_path / "part", some, asked))
    assert report.scope == scope
    left = {"delta": {"o1", "o2", "o3"}, "patients": {"o2"}, "full": set()}[scope]
    assert {row["native_id"] for row in store.refresh().table("observations").to_pylist()} == left


def test_deleted_files_and_errors(tmp_path: Path, bring: Bring, store: Store, fhir: Fhir, files: dict) -> None:
    bring(export(tmp_path / "whole", files))
    gone = {"resourceType": "Bundle", "type": "transaction", "entry": [{"request": {"method": "DELETE", "url": "Observation/o1"}}]}
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}
    later = {
        "Organization_1.ndjson": files["Organization_1.ndjson"],
        "Observation_1.ndjson": [fhir.observation("o2", "q", value=6.1)],
        "deleted_1.ndjson": [gone],
        "error_1.ndjson": [outcome],
    }
    folder = export(tmp_path / "later", later, "$export?_since=2026-05-01", deleted=["deleted_1.ndjson"], error=["error_1.ndjson"])
    report = bring(folder, practice="A82001")
    assert (report.scope, report.not_used, report.superseded) == ("delta", {"OperationOutcome": 1}, 2)
    assert report.flag_count("the export reports errors") == 1
    assert {row["native_id"]: row["value_milli"] for row in store.refresh().table("observations").to_pylist()} == {"o2": 6100, "o3": 5200}
