"""EMIS extract → canonical tables."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from csv_builders import Emis, Tpp

from stepwell.records.importers import run_import
from stepwell.records.importers.report import ImportReport
from stepwell.records.store import Store

Bring = Callable[..., ImportReport]


@pytest.fixture
def rows(store: Store) -> Callable[[str], list[dict[str, Any]]]:
    return lambda name: store.refresh().table(name).to_pylist()


@pytest.mark.parametrize("old", [False, True])
def test_a_record_of_one_person(tmp_path: Path, bring: Bring, store: Store, *, old: bool) -> None:
    emis = Emis(old=old)
    emis.patient(
        "p1", NhsNumber="999 000 0018", HomePhone="0113 496 0000", HouseNameFlatNumber="1", NumberAndStreet="Mill Lane", Town="Leeds"
    )
    emis.plan("d-1", ProblemObservationGuid="o-2")
    emis.issue("i-1", plan="d-1")
    emis.observation("o-1", NumericRangeLow="133", NumericRangeHigh="146")
    emis.observation("o-2", CodeId="c2", Value="", NumericUnit="", EffectiveDate="2019-03-01", EffectiveDatePrecision="YM")
    emis.problem("o-2")
    emis.row("CareRecord_Consultation", "k-1", "p1", ConsultationSourceTerm="GP Surgery")
    emis.row("CareRecord_ObservationReferral", "o-2", "p1", ReferralServiceType="Mental health")
    emis.add("Appointment_Session", AppointmentSessionGuid="s-1", Description="Depot clinic", Deleted="false")
    emis.row("Appointment_Slot", "a-1", "p1", AppointmentDate="2026-06-20", SessionGuid="s-1", DidNotAttend="false")
    emis.row("Appointment_Slot", "a-2", "", AppointmentDate="2026-06-20", SessionGuid="s-1", DidNotAttend="false")
    report = bring(emis.write(tmp_path / "emis"))
    assert (report.format, report.scope, report.rejected) == ("emis", "full", 0)
    assert report.not_used == {"Appointment_Slot (free slot)": 1}
    store.refresh()
    (patient,) = store.table("patients").to_pylist()
    assert patient["source"] == patient["org_code"] == patient["gp_org_code"] == "A82001"
    assert (patient["nhs_number"], patient["nhs_status"], patient["birth_date"]) == ("9990000018", "valid", date(1970, 2, 3))
    assert (patient["family_name"], patient["sex"], patient["phone"]) == ("Example", "female", "0113 496 0000")
    assert (patient["address"], patient["postcode"]) == ("1, Mill Lane, Leeds", "LS1 4AP")
    (registration,) = store.table("registrations").to_pylist()
    assert (registration["org_code"], registration["started_on"], registration["ended_on"]) == ("A82001", date(2015, 4, 1), None)
    (plan,) = store.table("medication_plans").to_pylist()
    assert (plan["code"], plan["code_system"], plan["term"], plan["term_name"]) == (
        "321987003",
        "snomed",
        "Sertraline 50mg tablets",
        "sertraline",
    )
    assert (plan["strength_ug"], plan["unit"], plan["status"], plan["kind"], plan["elsewhere"]) == (
        50_000,
        "tablet",
        "active",
        "repeat",
        False,
    )
    assert (plan["dose_status"], plan["dose_low_milli"], plan["dose_high_milli"], plan["dose_unit"]) == ("text", 1000, 1000, "dose")
    assert (plan["started_on"], plan["issues_authorised"], plan["setting"], plan["org_code"]) == (date(2026, 5, 1), 6, "gp", "A82001")
    assert (plan["indication_code"], plan["indication_text"]) == ("35489007", "Depressive disorder")
    (issue,) = store.table("medication_issues").to_pylist()
    assert (issue["plan_id"], issue["issued_on"], issue["quantity_milli"], issue["quantity_unit"]) == (
        "d-1",
        date(2026, 5, 1),
        28_000,
        "tablet",
    )
    assert (issue["days_supply"], issue["degraded"], issue["status"]) == (28, False, "completed")
    sodium, low_mood = sorted(store.table("observations").to_pylist(), key=lambda row: row["native_id"])
    assert (sodium["code"], sodium["value_milli"], sodium["value_unit"], sodium["precision"]) == (
        "1000661000000107",
        139_500,
        "mmol/L",
        "day",
    )
    assert (sodium["ref_low_milli"], sodium["ref_high_milli"], sodium["effective_on"]) == (133_000, 146_000, date(2026, 5, 1))
    assert (low_mood["precision"], low_mood["effective_on"], low_mood["value_milli"]) == ("month", date(2019, 3, 1), None)
    (problem,) = store.table("conditions").to_pylist()
    assert (problem["code"], problem["status"], problem["onset_on"], problem["recorded_on"]) == (
        "35489007", "active", date(2019, 3, 1), date(2026, 5, 2),
    )  # fmt: skip
    (contact,) = store.table("contacts").to_pylist()
    assert (contact["kind"], contact["on_date"]) == ("GP Surgery", date(2026, 5, 1))
    (request,) = store.table("requests").to_pylist()
    assert (request["reason"], request["asked_on"], request["from_org"]) == ("Mental health", date(2019, 3, 1), "A82001")
    (appointment,) = store.table("appointments").to_pylist()
    assert (appointment["reason"], appointment["status"], appointment["on_date"]) == ("Depot clinic", "booked", date(2026, 6, 20))


def test_the_same_again_changes_nothing(tmp_path: Path, bring: Bring, store: Store) -> None:
    emis = Emis()
    emis.patient()
    emis.plan("d-1")
    emis.issue("i-1", plan="d-1")
    folder = emis.write(tmp_path / "emis")
    first = bring(folder)
    before = store.refresh().content_hash()
    second = bring(folder)
    assert (second.new, second.superseded, second.removed) == (0, 0, 0)
    assert second.unchanged == first.new == first.read
    assert store.refresh().content_hash() == before
    assert store.version == first.store_version


def test_a_delta_with_tombstones(tmp_path: Path, bring: Bring, rows: Callable[[str], list[dict[str, Any]]]) -> None:
    emis = Emis()
    emis.patient("p1")
    emis.patient("p2")
    emis.plan("d-1")
    for number in range(3):
        emis.issue(f"i-{number}", plan="d-1")
        emis.observation(f"o-{number}")
    emis.observation("o-9", CodeId="c2", Value="")
    emis.problem("o-9")
    bring(emis.write(tmp_path / "full"))
    # No patients, no coding tables: codes and people are those of the store.
    delta = Emis(coding=False)
    delta.issue("i-0", plan="d-1", Quantity="56.000")
    delta.issue("i-1", plan="", Deleted="true", CodeId="", EffectiveDate="")
    delta.issue("i-7", plan="d-1", Deleted="true")
    delta.observation("o-9", Deleted="true")
    delta.observation("o-2", Value="141")
    report = bring(delta.write(tmp_path / "delta"))
    assert (report.scope, report.rejected, report.new) == ("delta", 0, 0)
    assert report.superseded == 4
    assert report.unchanged == 2  # the organisation, and a tombstone of what was never here
    issues = {row["native_id"]: row["quantity_milli"] for row in rows("medication_issues")}
    assert issues == {"i-0": 56_000, "i-2": 28_000}
    assert {row["native_id"]: row["value_milli"] for row in rows("observations")} == {"o-0": 139_500, "o-1": 139_500, "o-2": 141_000}
    assert rows("conditions") == []  # a problem goes with its entry
    assert len(rows("patients")) == 2


def test_a_tombstone_of_a_patient_takes_the_whole_record(tmp_path: Path, bring: Bring, rows: Callable[[str], list[dict[str, Any]]]) -> None:
    emis = Emis()
    for person in ("p1", "p2"):
        emis.patient(person)
        emis.issue(f"i-{person}", person)
        emis.observation(f"o-{person}", person)
    bring(emis.write(tmp_path / "full"))
    delta = Emis(coding=False)
    delta.patient("p1", Deleted="true", DateOfBirth="")
    report = bring(delta.write(tmp_path / "delta"))
    assert report.scope == "delta"
    for table in ("patients", "registrations", "medication_issues", "observations"):
        assert {row["native_id"].removeprefix("Patient/").removeprefix("i-").removeprefix("o-") for row in rows(table)} == {"p2"}


def test_a_full_extract_replaces_what_its_files_tell(tmp_path: Path, bring: Bring, rows: Callable[[str], list[dict[str, Any]]]) -> None:
    emis = Emis()
    emis.patient()
    emis.issue("i-1")
    emis.issue("i-2")
    emis.observation("o-1")
    bring(emis.write(tmp_path / "one"))
    again = Emis()
    again.patient()
    again.issue("i-2")
    report = bring(again.write(tmp_path / "two"))
    assert (report.scope, report.removed) == ("full", 1)
    assert [row["native_id"] for row in rows("medication_issues")] == ["i-2"]
    # There was no file of observations: absence proves nothing.
    assert [row["native_id"] for row in rows("observations")] == ["o-1"]


def test_a_problem_follows_its_entry(tmp_path: Path, bring: Bring, rows: Callable[[str], list[dict[str, Any]]]) -> None:
    emis = Emis()
    emis.patient()
    emis.observation("o-1", CodeId="c2", Value="")
    emis.problem("o-1")
    bring(emis.write(tmp_path / "full"))
    delta = Emis(coding=False)
    delta.observation("o-1", CodeId="c2", Value="", EffectiveDate="2020-01-05")
    bring(delta.write(tmp_path / "entry"), scope="delta")
    assert [(row["onset_on"], row["status"]) for row in rows("conditions")] == [(date(2020, 1, 5), "active")]
    delta = Emis(coding=False)
    delta.problem("o-1", ProblemStatusDescription="Past Problem", EndDate="2026-02-01", EndDatePrecision="YM")
    bring(delta.write(tmp_path / "problem"), scope="delta")
    assert [(row["onset_on"], row["status"], row["ended_on"]) for row in rows("conditions")] == [
        (date(2020, 1, 5), "resolved", date(2026, 2, 28))
    ]


def test_confidential_rows_are_left_out_and_told(tmp_path: Path, bring: Bring, rows: Callable[[str], list[dict[str, Any]]]) -> None:
    emis = Emis()
    emis.patient("p1")
    emis.patient("p2", IsConfidential="true")
    emis.observation("o-1")
    emis.observation("o-2", IsConfidential="true")
    emis.observation("o-3", "p2")
    report = bring(emis.write(tmp_path / "emis"))
    assert report.rejected == 0
    assert report.not_used == {"Admin_Patient (confidential)": 1, "CareRecord_Observation (confidential)": 2}
    assert report.flag_count("confidential items were left out") == 3
    assert [row["native_id"] for row in rows("observations")] == ["o-1"]
    # Made confidential later: it goes.
    delta = Emis(coding=False)
    delta.observation("o-1", IsConfidential="true")
    bring(delta.write(tmp_path / "delta"), scope="delta")
    assert rows("observations") == []


def test_a_record_of_what_another_prescribes(tmp_path: Path, bring: Bring, rows: Callable[[str], list[dict[str, Any]]]) -> None:
    emis = Emis()
    emis.patient()
    emis.plan("d-1", PrescriptionType="Hospital")
    emis.plan("d-2", CodeId="d2", IsActive="false", CancellationDate="2026-05-20")
    emis.plan("d-3", IsActive="true", CancellationDate="2026-05-20")
    bring(emis.write(tmp_path / "emis"))
    elsewhere, stopped, believed = sorted(rows("medication_plans"), key=lambda row: row["native_id"])
    assert (elsewhere["elsewhere"], elsewhere["setting"], elsewhere["org_code"]) == (True, "trust", None)
    assert (stopped["status"], stopped["ended_on"], stopped["code_system"], stopped["code"]) == ("stopped", date(2026, 5, 20), "emis", "d2")
    assert (believed["status"], believed["ended_on"]) == ("active", None)


def test_an_issue_takes_from_its_plan_what_it_leaves_unsaid(
    tmp_path: Path, bring: Bring, rows: Callable[[str], list[dict[str, Any]]]
) -> None:
    emis = Emis()
    emis.patient()
    emis.plan("d-1")
    emis.issue("i-1", plan="d-1", Dosage="", Quantity="", QuantityUnit="", CourseDurationInDays="")
    bring(emis.write(tmp_path / "emis"))
    (issue,) = rows("medication_issues")
    assert (issue["dose_high_milli"], issue["quantity_milli"], issue["quantity_unit"]) == (1000, 28_000, "tablet")
    # And the plan may be one of the store.
    delta = Emis(coding=False)
    delta.issue("i-2", plan="d-1", Dosage="")
    bring(delta.write(tmp_path / "delta"), scope="delta")
    assert {row["native_id"]: row["dose_text"] for row in rows("medication_issues")}["i-2"] == "One To Be Taken Each Day"


def test_several_practices_in_one_folder_and_in_their_own(tmp_path: Path, bring: Bring, store: Store) -> None:
    other = "{6E0D4E52-0002-4A6B-8E0B-000000000002}"
    both = Emis()
    both.add(
        "Admin_Organisation", OrganisationGuid=other, OrganisationName="Hill Surgery", ODSCode="B83002", OrganisationType="GP Practice"
    )
    both.patient("p1")
    both.patient("p2", OrganisationGuid=other)
    both.issue("i-1", "p1")
    both.issue("i-2", "p2", OrganisationGuid=other)
    bring(both.write(tmp_path / "both"))
    assert {(row["source"], row["native_id"]) for row in store.refresh().table("medication_issues").to_pylist()} == {
        ("A82001", "i-1"),
        ("B83002", "i-2"),
    }
    apart = tmp_path / "apart"
    for code, guid, person in (("A82001", "{1}", "p1"), ("B83002", "{2}", "p2")):
        one = Emis()
        one.rows["Admin_Organisation"][0] |= {"ODSCode": code, "OrganisationGuid": guid}
        one.patient(person, OrganisationGuid=guid)
        one.issue(f"i-{person[1]}", person, OrganisationGuid=guid)
        one.write(apart / code)
    again = Store.open(tmp_path / "second", create=True, buckets=2)
    report = run_import(apart, again, today=date(2026, 6, 1))
    assert report.rejected == 0
    assert {(row["source"], row["native_id"]) for row in again.refresh().table("medication_issues").to_pylist()} == {
        ("A82001", "i-1"),
        ("B83002", "i-2"),
    }


def test_the_people_of_an_extract_are_replaced(tmp_path: Path, bring: Bring, rows: Callable[[str], list[dict[str, Any]]]) -> None:
    emis = Emis()
    for person in ("p1", "p2"):
        emis.patient(person)
        emis.issue(f"i-{person}", person)
        emis.issue(f"j-{person}", person)
    bring(emis.write(tmp_path / "one"))
    again = Emis()
    again.patient("p1")
    again.issue("i-p1", "p1")
    report = bring(again.write(tmp_path / "two"), scope="patients")
    assert (report.scope, report.removed) == ("patients", 1)
    assert {row["native_id"] for row in rows("medication_issues")} == {"i-p1", "i-p2", "j-p2"}
    assert len(rows("patients")) == 2


@pytest.mark.parametrize("make", [Emis, Tpp])
def test_a_source_that_the_command_names(tmp_path: Path, bring: Bring, store: Store, make: type[Emis | Tpp]) -> None:
    extract = make()
    extract.patient("1")
    if isinstance(extract, Emis):
        extract.rows.pop("Admin_Organisation")
        extract.observation("o-1", "1")
    else:
        extract.code("o-1", "1")
    folder = extract.write(tmp_path / "in")
    report = bring(folder, source="Y12345")
    assert report.rejected == 0
    assert store.refresh().sources() == ["Y12345"]
    assert store.table("observations")["source"].to_pylist() == ["Y12345"]
    again = bring(folder, source="Y12345")
    assert (again.new, again.superseded, again.removed) == (0, 0, 0)
