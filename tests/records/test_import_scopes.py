"""Full, patients and delta: what is taken away, what is kept, what is counted."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fhir_builders import NOW, TODAY, Fhir

from stepwell.records.importers import run_import, staging
from stepwell.records.importers.report import ImportReport, Unusable
from stepwell.records.store import Store

Bring = Callable[..., ImportReport]
NUMBER = "9434765919"


def ids(store: Store, table: str) -> list[str]:
    return sorted(store.table(table)["native_id"].to_pylist())


def record(fhir: Fhir) -> list[dict]:
    return [
        fhir.organisation("A82001"),
        fhir.patient("p"),
        fhir.patient("q"),
        fhir.plan("plan", "p"),
        fhir.issue("i1", "p", "plan"),
        fhir.issue("i2", "p", "plan", authoredOn="2026-05-28"),
        fhir.observation("o1", "p"),
        fhir.observation("o2", "q"),
    ]


def counts(report: ImportReport) -> tuple[int, int, int]:
    return report.new, report.unchanged, report.superseded


@pytest.mark.parametrize("scope", ["full", "patients", "delta"])
def test_the_same_input_again_changes_nothing(bring: Bring, fhir: Fhir, store: Store, scope: str) -> None:
    assert counts(bring(record(fhir), scope=scope)) == (8, 0, 0)
    before, version = store.content_hash(), store.version
    report = bring(record(fhir), scope=scope)
    assert counts(report) == (0, 8, 0)
    assert (store.content_hash(), store.version, report.store_version) == (before, version, version)


def test_full_takes_away_what_is_absent_at_that_source_only(bring: Bring, fhir: Fhir, store: Store) -> None:
    bring(record(fhir))
    bring([fhir.organisation("A82002"), fhir.patient("p", "A82002"), fhir.observation("other", "p")])
    report = bring([fhir.organisation("A82001"), fhir.patient("p"), fhir.observation("o1", "p", value=6)], scope="full")
    assert counts(report) == (0, 2, 1)
    assert report.removed == 5
    assert ids(store, "observations") == ["o1", "other"]
    assert ids(store, "medication_issues") == []
    assert [row["local_id"] for row in store.table("patients").to_pylist() if row["source"] == "A82001"] == ["p"]
    # The link stays: keys are never given twice.
    assert store.table("links").num_rows == 3


def test_patients_takes_away_only_of_the_people_in_it(bring: Bring, fhir: Fhir, store: Store) -> None:
    bring(record(fhir))
    bring([fhir.organisation("A82001"), fhir.patient("p"), fhir.observation("o3", "p")], scope="patients")
    assert ids(store, "observations") == ["o2", "o3"]
    assert ids(store, "medication_plans") == []
    assert ids(store, "patients") == ["p", "q"]


def test_delta_adds_replaces_and_deletes_what_is_named(bring: Bring, fhir: Fhir, store: Store) -> None:
    bring(record(fhir))
    entries = [
        {"resource": fhir.observation("o1", "p", value=7)},
        {"resource": fhir.issue("i3", "p", "plan", authoredOn="2026-05-30")},
        {"resource": fhir.observation("o2", "q", status="entered-in-error")},
        {"request": {"method": "DELETE", "url": "MedicationRequest/i1"}},
        {"request": {"method": "DELETE", "url": "MedicationRequest/never"}},
    ]
    report = bring([{"resourceType": "Bundle", "type": "transaction", "entry": entries}])
    assert report.scope == "delta"
    assert counts(report) == (1, 1, 3)
    assert ids(store, "medication_issues") == ["i2", "i3"]
    found = {row["native_id"]: row for row in store.table("observations").to_pylist()}
    assert found["o1"]["value_milli"] == 7000
    assert found["o2"]["status"] == "entered in error"
    assert ids(store, "medication_plans") == ["plan"]
    assert len(ids(store, "originals")) == 8


def test_delta_moves_a_resource_to_another_person(bring: Bring, fhir: Fhir, store: Store) -> None:
    bring(record(fhir))
    bring([fhir.observation("o1", "q")], scope="delta")
    people = {row["local_id"]: row["subject_id"] for row in store.table("patients").to_pylist()}
    assert {row["native_id"]: row["subject_id"] for row in store.table("observations").to_pylist()} == {
        "o1": people["q"],
        "o2": people["q"],
    }


def test_a_deleted_patient_is_gone_with_every_row(bring: Bring, fhir: Fhir, store: Store) -> None:
    bring(record(fhir))
    bring([{"request": {"method": "DELETE", "url": "Patient/p"}}])
    assert ids(store, "patients") == ["q"]
    assert ids(store, "medication_issues") == ids(store, "medication_plans") == []
    assert ids(store, "observations") == ["o2"]


def test_fewer_components_leave_no_row_behind(bring: Bring, fhir: Fhir, store: Store) -> None:
    def part(code: str, value: int) -> dict:
        return {"code": {"coding": [{"code": code}]}, "valueQuantity": {"value": value, "unit": "mmHg"}}

    both = fhir.observation("bp", "p", value=None, component=[part("271649006", 120), part("271650006", 80)])
    bring([fhir.organisation("A82001"), fhir.patient("p"), both])
    assert ids(store, "observations") == ["bp#1", "bp#2"]
    bring([fhir.observation("bp", "p", value=None, component=[part("271649006", 130)])], scope="delta")
    assert [(row["native_id"], row["value_milli"]) for row in store.table("observations").to_pylist()] == [("bp#1", 130_000)]


def test_a_refused_row_keeps_the_one_we_have(bring: Bring, fhir: Fhir, store: Store) -> None:
    bring(record(fhir))
    broken = [fhir.observation("o1", "p", effectiveDateTime="2026-13-01") if each.get("id") == "o1" else each for each in record(fhir)]
    report = bring(broken, scope="full")
    assert report.rejected == 1
    assert ids(store, "observations") == ["o1", "o2"]
    assert counts(bring(record(fhir), scope="full")) == (0, 8, 0)


def test_an_unreadable_line_takes_nothing_away(bring: Bring, fhir: Fhir, store: Store) -> None:
    bring(record(fhir))
    lines: list = [json.dumps(each).encode() for each in record(fhir)]
    lines[6] = lines[6][:40]
    report = bring(lines, scope="full")
    assert report.rejected == 1
    assert ids(store, "observations") == ["o1", "o2"]


def test_part_of_a_record_is_not_taken_for_all_of_it(bring: Bring, fhir: Fhir, store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()

    def export(observations: int) -> Path:
        (folder / "Patient.ndjson").write_text(json.dumps(fhir.patient("p")))
        lines = [json.dumps(fhir.observation(f"o{number}", "p")) for number in range(observations)]
        (folder / "Observation.ndjson").write_text("\n".join(lines))
        (folder / "manifest.json").write_text('{"transactionTime": "2026-06-01"}')
        return folder

    assert bring(export(60)).scope == "full"
    before = store.content_hash()
    with pytest.raises(Unusable, match="looks like part of a record"):
        bring(export(5))
    assert store.content_hash() == before
    bring(export(5), scope="full")
    assert store.table("observations").num_rows == 5


def test_a_medicine_and_a_patient_of_an_earlier_import_are_found(bring: Bring, fhir: Fhir, store: Store) -> None:
    medication = {"resourceType": "Medication", "id": "m", "code": {"text": "Lithium carbonate 400mg tablets"}}
    bring([*record(fhir), medication])
    row = fhir.issue("i9", "p", "plan", medicationCodeableConcept=None, medicationReference={"reference": "Medication/m"})
    assert bring([row], scope="delta").accepted == 1
    found = next(each for each in store.table("medication_issues").to_pylist() if each["native_id"] == "i9")
    assert found["term"] == "Lithium carbonate 400mg tablets"


def test_a_delta_of_the_plan_alone_keeps_what_its_statement_said(bring: Bring, fhir: Fhir, store: Store) -> None:
    statement = fhir.resource("MedicationStatement", "s", "p", status="active", dateAsserted="2026-05-05",
                              basedOn=[{"reference": "MedicationRequest/plan"}], category={"coding": [{"code": "outpatient"}]})  # fmt: skip
    bring([*record(fhir), statement])
    before = store.table("medication_plans").to_pylist()[0]
    assert (before["elsewhere"], str(before["asserted_on"]), before["org_code"], before["setting"]) == (True, "2026-05-05", None, "unknown")
    bring([fhir.plan("plan", "p", dosageInstruction=[{"text": "Two to be taken each day"}])], scope="delta")
    after = store.table("medication_plans").to_pylist()[0]
    assert after["dose_text"] == "Two to be taken each day"
    assert {name: after[name] for name in ("elsewhere", "asserted_on", "org_code", "setting")} == {
        name: before[name] for name in ("elsewhere", "asserted_on", "org_code", "setting")
    }


def test_folders_are_organisations_of_their_own(bring: Bring, fhir: Fhir, store: Store, tmp_path: Path) -> None:
    for org, words in (("A82001", "GP practice"), ("RX1", "NHS trust")):
        folder = tmp_path / "network" / org
        folder.mkdir(parents=True)
        (folder / "Organization.ndjson").write_text(json.dumps(fhir.organisation(org, words)))
        # The same local ids in both: only the folder tells them apart.
        (folder / "Patient.ndjson").write_text(json.dumps(fhir.patient("p", org, NUMBER)))
        with gzip.open(folder / "Observation.ndjson.gz", "wt") as file:
            file.write(json.dumps(fhir.observation("o", "p")))
    report = bring(tmp_path / "network")
    assert {source: counted["accepted"] for source, counted in report.by_source.items()} == {"A82001": 3, "RX1": 3}
    assert sorted(store.table("observations")["source"].to_pylist()) == ["A82001", "RX1"]
    assert len(set(store.table("links")["person_id"].to_pylist())) == 1


def test_bundles_of_one_patient_replace_that_patient(bring: Bring, fhir: Fhir, store: Store, tmp_path: Path) -> None:
    def bundle(*resources: dict) -> Path:
        path = tmp_path / "one.json"
        path.write_text(json.dumps(fhir.bundle([fhir.organisation("A82001"), *resources]), indent=1))
        return path

    bring(record(fhir))
    report = bring(bundle(fhir.patient("p"), fhir.observation("new", "p")))
    assert report.scope == "patients"
    assert ids(store, "observations") == ["new", "o2"]


def test_urn_references_and_contained_medicines(bring: Bring, fhir: Fhir, store: Store) -> None:
    patient = fhir.patient("p")
    patient["managingOrganization"] = {"reference": "urn:uuid:11111111-1111-1111-1111-111111111111"}
    issue = fhir.issue("i", "p", medicationCodeableConcept=None, medicationReference={"reference": "#m"})
    issue["subject"] = {"reference": "urn:uuid:22222222-2222-2222-2222-222222222222"}
    issue["contained"] = [{"resourceType": "Medication", "id": "m", "code": {"text": "Zopiclone 7.5mg tablets"}}]
    entries = [
        {"fullUrl": "urn:uuid:11111111-1111-1111-1111-111111111111", "resource": fhir.organisation("A82001")},
        {"fullUrl": "urn:uuid:22222222-2222-2222-2222-222222222222", "resource": patient},
        {"fullUrl": "urn:uuid:33333333-3333-3333-3333-333333333333", "resource": issue},
    ]
    bring([{"resourceType": "Bundle", "type": "collection", "entry": entries}])
    found = store.table("medication_issues").to_pylist()[0]
    assert (found["source"], found["org_code"], found["setting"], found["term"]) == ("A82001", "A82001", "gp", "Zopiclone 7.5mg tablets")


def test_what_goes_through_the_disk_is_the_same(
    bring: Bring, fhir: Fhir, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bring(record(fhir))
    other = Store.open(tmp_path / "other", create=True, buckets=2)
    monkeypatch.setattr(staging, "_SPILL", 500)
    report = run_import(tmp_path / "input" / "in.ndjson", other, today=TODAY, now=NOW)
    assert report.new == 8
    assert other.content_hash() == store.content_hash()
    assert list((other.path / "staging").iterdir()) == []


def test_a_named_source_takes_the_whole_input(bring: Bring, fhir: Fhir, store: Store) -> None:
    bring(record(fhir), source="Y99999")
    assert store.sources() == ["Y99999"]
    # Who supplies is still what the record says.
    assert set(store.table("medication_issues")["org_code"].to_pylist()) == {"A82001"}


def test_a_bundle_taken_apart_into_lines_keeps_its_references(bring: Bring, fhir: Fhir, store: Store) -> None:
    uuid = "22222222-2222-2222-2222-222222222222"
    plan = fhir.plan("33333333-3333-3333-3333-333333333333", uuid)
    issue = fhir.issue("i", uuid, basedOn=[{"reference": f"urn:uuid:{plan['id']}"}], subject={"reference": f"urn:uuid:{uuid}"})
    report = bring([fhir.organisation("A82001"), fhir.patient(uuid), plan, issue])
    assert report.rejected == 0
    assert store.table("medication_issues")["plan_id"].to_pylist() == [plan["id"]]


def test_references_by_the_address_of_the_entry(bring: Bring, fhir: Fhir, store: Store) -> None:
    """A transaction Bundle: resources have other ids than their entries' addresses, or none."""

    def urn(number: int) -> str:
        return f"urn:uuid:{str(number) * 8}-{str(number) * 4}-{str(number) * 4}-{str(number) * 4}-{str(number) * 12}"

    subject = {"reference": urn(1)}
    rows = {
        1: fhir.patient("p"),
        2: fhir.issue("i", "p", basedOn=[{"reference": urn(3)}], subject=subject),
        3: fhir.plan("plan", "p", subject=subject, reasonReference=[{"reference": urn(5)}]),
        4: fhir.issue("j", "p", basedOn=[{"reference": urn(6)}], subject=subject),
        5: fhir.resource("Condition", "c", "p", subject=subject, code={"text": "Depression"}),
        6: {name: value for name, value in fhir.plan("x", "p", subject=subject).items() if name != "id"},
    }
    entries = [{"resource": fhir.organisation("A82001")}, *({"fullUrl": urn(number), "resource": row} for number, row in rows.items())]
    report = bring([{"resourceType": "Bundle", "type": "transaction", "entry": entries}])
    assert report.rejected == 0
    plans = {row["native_id"]: row["indication_text"] for row in store.table("medication_plans").to_pylist()}
    without_id = urn(6).removeprefix("urn:uuid:")
    assert plans == {"plan": "Depression", without_id: None}
    assert {row["native_id"]: row["plan_id"] for row in store.table("medication_issues").to_pylist()} == {"i": "plan", "j": without_id}
