"""TPP extract → canonical tables."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from csv_builders import Tpp

from stepwell.records.importers.report import ImportReport
from stepwell.records.store import Store

Bring = Callable[..., ImportReport]


@pytest.fixture
def rows(store: Store) -> Callable[[str], list[dict[str, Any]]]:
    return lambda name: sorted(store.refresh().table(name).to_pylist(), key=lambda row: row["native_id"])


@pytest.mark.parametrize("old", [False, True])
def test_a_record_of_one_person(tmp_path: Path, bring: Bring, rows: Callable[[str], list[dict[str, Any]]], *, old: bool) -> None:
    tpp = Tpp(old=old)
    tpp.patient("1", NHSNumber="9990000018")
    tpp.row("SRPatientAddressHistory", "a1", "1", NumberOfBuilding="1", NameOfRoad="Old Road", FullPostCode="LS1 1AA", DateTo="01 Jan 2020")
    tpp.row("SRPatientAddressHistory", "a2", "1", NumberOfBuilding="2", NameOfRoad="Mill Lane", NameOfTown="Leeds", FullPostCode="LS1 4AP")
    tpp.row("SRPatientContactDetails", "c1", "1", ContactType="Home", ContactNumber="0113 496 0000")
    tpp.row("SRPatientContactDetails", "c2", "1", ContactType="Mobile", ContactNumber="07700 900000")
    tpp.template("t1", DateMedicationTemplateReview="01 Sep 2026")
    tpp.medication("m1", IDRepeatTemplate="t1")
    tpp.medication("m2", IsRepeatMedication="0", IDRepeatTemplate="-1", MedicationQuantity="100 ml - 5mg/5ml", DateMedicationEnd="")
    tpp.medication("m3", IsRepeatMedication="0", IsHospitalMedication="1", NameOfMedication="Clozapine 100mg tablets", DateMedicationEnd="")
    tpp.code("s1")
    tpp.code(
        "s2", SNOMEDCode="35489007", SNOMEDText="Depressive disorder", CTV3Code="X00SO", NumericValue="", DateEvent="05 Jan 2020 00:00:00"
    )
    tpp.code("s3", NumericValue="0.4", NumericComparator="<")
    tpp.row("SRProblem", "p1", "1", IDCode="s2", CTV3Code="X00SO", DateEvent="05 Jan 2020", DateEnd="")
    tpp.row("SREvent", "e1", "1", ContactMethod="Face to face")
    tpp.row("SRAppointment", "x1", "1", DateStart="20 Jun 2026 09:00:00", AppointmentStatus="Booked", RotaType="Depot clinic")
    tpp.row("SRAppointment", "x2", "1", DateStart="20 May 2026 09:00:00", AppointmentStatus="Did Not Attend")
    tpp.row("SRReferralOut", "f1", "1", Reason="Review of clozapine", RecipientID="RX1")
    tpp.row("SRLetter", "l1", "1", Direction="In", CommunicationType="Clinic letter", SenderOrganisation="RX1")
    report = bring(tpp.write(tmp_path / "tpp"))
    assert (report.format, report.scope, report.rejected, report.not_used.total()) == ("tpp", "full", 0, 0)
    (patient,) = rows("patients")
    assert (patient["source"], patient["nhs_number"], patient["birth_date"], patient["sex"]) == (
        "A82001",
        "9990000018",
        date(1970, 2, 3),
        "female",
    )
    assert (patient["address"], patient["postcode"], patient["phone"]) == ("2 Mill Lane, Leeds", "LS1 4AP", "07700 900000")
    (registration,) = rows("registrations")
    assert (registration["started_on"], registration["ended_on"], registration["org_code"]) == (date(2015, 4, 1), None, "A82001")
    elsewhere, plan = rows("medication_plans")
    assert (plan["native_id"], plan["kind"], plan["status"], plan["started_on"]) == ("t1", "repeat", "active", date(2026, 3, 1))
    assert (plan["review_on"], plan["issues_authorised"], plan["days_supply"]) == (date(2026, 9, 1), 6, 28)
    assert (plan["quantity_milli"], plan["quantity_unit"], plan["dose_high_milli"]) == (28_000, "tablet", 1000)
    assert (elsewhere["native_id"], elsewhere["elsewhere"], elsewhere["setting"]) == ("SRPrimaryCareMedication/m3", True, "trust")
    assert (elsewhere["started_on"], elsewhere["asserted_on"], elsewhere["org_code"]) == (date(2026, 5, 1), date(2026, 5, 1), None)
    first, second = rows("medication_issues")
    assert (first["plan_id"], first["issued_on"], first["days_supply"], first["setting"]) == ("t1", date(2026, 5, 1), 28, "gp")
    assert (second["plan_id"], second["quantity_milli"], second["quantity_unit"], second["days_supply"]) == (None, 100_000, "ml", None)
    sodium, low_mood, less = rows("observations")
    without = old and "SNOMEDCode" not in tpp.header("SRCode")
    assert (sodium["code"], sodium["code_system"]) == (("X772q", "ctv3") if without else ("1000661000000107", "snomed"))
    assert (sodium["value_milli"], sodium["value_unit"], sodium["effective_on"]) == (139_500, "mmol/L", date(2026, 5, 1))
    assert (low_mood["value_milli"], less["comparator"], less["value_milli"]) == (None, "<", 400)
    (problem,) = rows("conditions")
    assert (problem["code"], problem["status"], problem["onset_on"]) == (low_mood["code"], "active", date(2020, 1, 5))
    (contact,) = rows("contacts")
    assert contact["kind"] == "Face to face"
    assert [(row["status"], row["reason"]) for row in rows("appointments")] == [("booked", "Depot clinic"), ("did not attend", None)]
    (request,) = rows("requests")
    assert (request["from_org"], request["to_org"], request["reason"]) == ("A82001", "RX1", "Review of clozapine")
    (letter,) = rows("letters")
    assert (letter["from_org"], letter["to_org"], letter["title"]) == ("RX1", "A82001", "Clinic letter")


def test_older_codes_are_translated_where_the_extract_can(
    tmp_path: Path, bring: Bring, rows: Callable[[str], list[dict[str, Any]]]
) -> None:
    tpp = Tpp()
    tpp.patient()
    tpp.code("s1", SNOMEDCode="", SNOMEDText="")
    tpp.code("s2", SNOMEDCode="-1", CTV3Code="XXXXX")
    tpp.add("SRCtv3ToSnomed", RowIdentifier="1", IDOrganisationVisibleTo="A82001", Ctv3Code="X772q", SnomedCode="1000661000000107")
    bring(tpp.write(tmp_path / "tpp"))
    assert [(row["code"], row["code_system"]) for row in rows("observations")] == [("1000661000000107", "snomed"), ("XXXXX", "ctv3")]
    # The table of translations is remembered for the next extract.
    delta = Tpp()
    delta.code("s3", SNOMEDCode="")
    bring(delta.write(tmp_path / "delta"), scope="delta")
    assert rows("observations")[2]["code"] == "1000661000000107"


def test_a_delta_with_tombstones(tmp_path: Path, bring: Bring, rows: Callable[[str], list[dict[str, Any]]]) -> None:
    tpp = Tpp()
    tpp.patient("1")
    tpp.row("SRPatientAddressHistory", "a1", "1", NameOfRoad="Mill Lane", FullPostCode="LS1 4AP")
    tpp.template("t1")
    for number in range(3):
        tpp.medication(f"m{number}", IDRepeatTemplate="t1")
    tpp.medication("m7", IsHospitalMedication="1")
    tpp.code("s1")
    bring(tpp.write(tmp_path / "full"))
    delta = Tpp()
    for key in ("m0", "m7"):
        delta.add("SRPrimaryCareMedication", RowIdentifier=key, IDOrganisationVisibleTo="A82001", RemovedData="1")
    delta.medication("m1", IDRepeatTemplate="t1", MedicationQuantity="56 tablets")
    # What was an issue turns out to be the hospital's.
    delta.medication("m2", IsHospitalMedication="1")
    delta.row("SRPatientContactDetails", "c1", "1", ContactType="Mobile", ContactNumber="07700 900000")
    report = bring(delta.write(tmp_path / "delta"))
    assert (report.scope, report.rejected) == ("delta", 0)
    assert {row["native_id"]: row["quantity_milli"] for row in rows("medication_issues")} == {"m1": 56_000}
    assert [row["native_id"] for row in rows("medication_plans")] == ["SRPrimaryCareMedication/m2", "t1"]
    (patient,) = rows("patients")
    assert (patient["phone"], patient["postcode"], patient["family_name"]) == ("07700 900000", "LS1 4AP", "Example")
    assert [row["native_id"] for row in rows("observations")] == ["s1"]


def test_windows_text_is_read(tmp_path: Path, bring: Bring, rows: Callable[[str], list[dict[str, Any]]]) -> None:
    tpp = Tpp()
    tpp.patient("1", Surname="Zoë")
    folder = tpp.write(tmp_path / "tpp")
    file = folder / "SRPatient.csv"
    file.write_bytes(file.read_text(encoding="utf-8").encode("cp1252"))
    report = bring(folder)
    assert report.rejected == 0
    assert rows("patients")[0]["family_name"] == "Zoë"


def test_a_test_patient_is_left_out(tmp_path: Path, bring: Bring, rows: Callable[[str], list[dict[str, Any]]]) -> None:
    tpp = Tpp()
    tpp.patient("1")
    tpp.patient("2", TestPatient="1")
    tpp.code("s1", "1")
    tpp.code("s2", "2")
    report = bring(tpp.write(tmp_path / "tpp"))
    assert report.not_used == {"SRPatient (test patient)": 1, "SRPatientRegistration (test patient)": 1, "SRCode (test patient)": 1}
    assert [row["native_id"] for row in rows("observations")] == ["s1"]
    assert report.rejected == 0


def test_a_medicine_without_a_code_waits_to_be_coded(tmp_path: Path, bring: Bring, rows: Callable[[str], list[dict[str, Any]]]) -> None:
    tpp = Tpp()
    tpp.patient()
    tpp.medication("m1", IDMultiLexDMD="-1", IDMultiLexProduct="77")
    tpp.medication("m2", IDMultiLexDMD="", IDMultiLexProduct="78", NameOfMedication="Special mixture")
    tpp.add("SRMedicationReadCodeDetails", RowIdentifier="1", IDMultiLexProduct="77", DrugReadCode="da4..")
    report = bring(tpp.write(tmp_path / "tpp"))
    coded, bare = rows("medication_issues")
    assert (coded["code"], coded["code_system"], coded["degraded"]) == ("da4..", "ctv3", False)
    assert (bare["code"], bare["code_system"], bare["degraded"], bare["term"]) == (None, None, True, "Special mixture")
    assert report.flag_count("medicine without a usable code") == 1


def test_its_own_list_of_files_says_what_an_extract_is(tmp_path: Path, bring: Bring, rows: Callable[[str], list[dict[str, Any]]]) -> None:
    tpp = Tpp()
    tpp.patient("1")
    tpp.patient("2")
    bring(tpp.write(tmp_path / "full"))
    delta = Tpp()
    delta.patient("1", Surname="Changed")
    folder = delta.write(tmp_path / "delta")
    (folder / "SRManifest.csv").write_text("FileName,IsDelta,IsReference\nSRPatient,Y,N\n")
    report = bring(folder)
    assert report.scope == "delta"
    assert {row["native_id"]: row["family_name"] for row in rows("patients")} == {"1": "Changed", "2": "Example"}
