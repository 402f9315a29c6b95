"""Small extracts of EMIS and TPP for tests of the importers: rows by table, written under a header of a given version."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path
from typing import Any

from stepwell.records.importers.extracts import headers

ORG = "{6E0D4E52-0001-4A6B-8E0B-000000000001}"
PRACTICE = "A82001"


class Extract:
    """`old`: write every table under another version of its header than the current one, where there is one."""

    def __init__(self, *, old: bool = False) -> None:
        self.old = old
        self.rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.count = 0

    def add(self, table: str, **values: Any) -> None:
        self.rows[table].append(values)

    def header(self, table: str) -> tuple[str, ...]:
        versions = headers.versions(table)
        newest = max(range(len(versions)), key=lambda at: (len(versions[at]), at))
        return versions[newest] if not self.old or len(versions) == 1 else next(each for each in versions if each != versions[newest])

    def write(self, folder: Path) -> Path:
        """One file a table; columns a version does not have are left out."""
        folder.mkdir(parents=True, exist_ok=True)
        for table, rows in self.rows.items():
            header = self.header(table)
            with open(folder / f"{table}.csv", "w", encoding="utf-8", newline="") as handle:
                writer = csv.DictWriter(handle, header, restval="", extrasaction="ignore", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
                writer.writeheader()
                writer.writerows(rows)
        return folder


class Emis(Extract):
    """A practice with coding tables; every method adds one row."""

    drugs = (("d1", "Sertraline 50mg tablets", "321987003"), ("d2", "Unknownium 5mg tablets", ""))
    codes = (
        ("c1", "Serum sodium level", "1000661000000107", ""),
        ("c2", "Depressive disorder", "35489007", ""),
        ("c3", "Local thing", "", "9XX."),
    )

    def __init__(self, *, old: bool = False, coding: bool = True) -> None:
        super().__init__(old=old)
        self.add(
            "Admin_Organisation",
            OrganisationGuid=ORG,
            OrganisationName="Mill Lane Surgery",
            ODSCode=PRACTICE,
            OrganisationType="GP Practice",
        )
        if coding:
            for id_, term, dmd in self.drugs:
                self.add("Coding_DrugCode", CodeId=id_, Term=term, DmdProductCodeId=dmd)
            for id_, term, snomed, read in self.codes:
                self.add("Coding_ClinicalCode", CodeId=id_, Term=term, SnomedCTConceptId=snomed, ReadTermId=read)

    def row(self, table: str, key: str, patient: str, **more: Any) -> None:
        base = {"PatientGuid": patient, "OrganisationGuid": ORG, "Deleted": "false", "IsConfidential": "false"}
        base |= {
            headers.tables()[table].key: key,
            "EffectiveDate": "2026-05-01",
            "EffectiveDatePrecision": "YMD",
            "EnteredDate": "2026-05-02",
        }
        self.add(table, **base | more)

    def patient(self, id_: str = "p1", **more: Any) -> None:
        base = {"NhsNumber": "", "DateOfBirth": "1970-02-03", "Sex": "F", "GivenName": "Ann", "Surname": "Example"}
        self.row("Admin_Patient", id_, id_, **base | {"DateOfRegistration": "2015-04-01", "Postcode": "LS1 4AP"} | more)

    def plan(self, id_: str, patient: str = "p1", **more: Any) -> None:
        base = {
            "CodeId": "d1",
            "Dosage": "One To Be Taken Each Day",
            "Quantity": "28.000",
            "QuantityUnit": "tablet",
            "PrescriptionType": "Repeat",
        }
        self.row("Prescribing_DrugRecord", id_, patient, **base | {"IsActive": "true", "NumberOfIssuesAuthorised": "6"} | more)

    def issue(self, id_: str, patient: str = "p1", plan: str = "", **more: Any) -> None:
        base = {
            "CodeId": "d1",
            "Dosage": "One To Be Taken Each Day",
            "Quantity": "28.000",
            "QuantityUnit": "tablet",
            "DrugRecordGuid": plan,
        }
        self.row("Prescribing_IssueRecord", id_, patient, **base | {"CourseDurationInDays": "28"} | more)

    def observation(self, id_: str, patient: str = "p1", **more: Any) -> None:
        base = {"CodeId": "c1", "Value": "139.500", "NumericUnit": "mmol/L", "ObservationType": "Investigation"}
        self.row("CareRecord_Observation", id_, patient, **base | more)

    def problem(self, id_: str, patient: str = "p1", **more: Any) -> None:
        self.row("CareRecord_Problem", id_, patient, **{"ProblemStatusDescription": "Active Problem"} | more)


class Tpp(Extract):
    def __init__(self, *, old: bool = False) -> None:
        super().__init__(old=old)
        self.add("SROrganisation", RowIdentifier="1", Name="Mill Lane Surgery", ID=PRACTICE)

    def row(self, table: str, key: str, patient: str, **more: Any) -> None:
        base = {"RowIdentifier": key, "IDOrganisationVisibleTo": PRACTICE, "IDPatient": patient, "IDOrganisationDoneAt": PRACTICE}
        base |= {"DateEvent": "01 May 2026 09:30:00", "DateEventRecorded": "02 May 2026 10:00:00", "RemovedData": "0"}
        self.add(table, **base | more)

    def patient(self, id_: str = "1", **more: Any) -> None:
        base = {
            "NHSNumber": "",
            "DateBirth": "03 Feb 1970 00:00",
            "Gender": "Female",
            "FirstName": "Ann",
            "Surname": "Example",
            "TestPatient": "0",
        }
        self.row("SRPatient", id_, id_, **base | more)
        more = {"DateRegistration": "01 Apr 2015", "RegistrationStatus": "GMS", "IDOrganisation": PRACTICE} | more
        self.row("SRPatientRegistration", f"r{id_}", id_, **more)

    def template(self, id_: str, patient: str = "1", **more: Any) -> None:
        base = {"NameOfMedication": "Sertraline 50mg tablets", "IDMultiLexDMD": "321987003", "MedicationDosage": "take one daily"}
        base |= {
            "MedicationQuantity": "28 tablet",
            "DateMedicationTemplateStart": "01 Mar 2026",
            "MaxIssues": "6",
            "CourseLengthPerIssue": "28",
        }
        self.row("SRRepeatTemplate", id_, patient, **base | more)

    def medication(self, id_: str, patient: str = "1", **more: Any) -> None:
        base = {"NameOfMedication": "Sertraline 50mg tablets", "IDMultiLexDMD": "321987003", "MedicationDosage": "take one daily"}
        base |= {"MedicationQuantity": "28 tablet", "DateMedicationStart": "01 May 2026", "DateMedicationEnd": "29 May 2026"}
        flags = {"IsRepeatMedication": "1", "IsOtherMedication": "0", "IsDentalMedication": "0", "IsHospitalMedication": "0"}
        self.row("SRPrimaryCareMedication", id_, patient, **base | flags | more)

    def code(self, id_: str, patient: str = "1", **more: Any) -> None:
        base = {"CTV3Code": "X772q", "CTV3Text": "Sodium level", "SNOMEDCode": "1000661000000107", "SNOMEDText": "Serum sodium level"}
        self.row("SRCode", id_, patient, **base | {"NumericValue": "139.5", "NumericUnit": "mmol/L", "IsNumeric": "1"} | more)
