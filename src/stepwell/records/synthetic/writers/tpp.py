"""Canonical tables of one practice as a TPP SystmOne strategic reporting extract: CSV in Windows-1252, dates "01 Jun 2026 00:00:00".

A repeat is an `SRRepeatTemplate` with its issues in `SRPrimaryCareMedication`; an acute medicine is a row of the latter alone, plan and
issue in one; so is a medicine the hospital (`IsHospitalMedication`) or somebody else (`IsOtherMedication`) prescribes. A problem is an
`SRCode` and the `SRProblem` that names it. Ids of the source stand where SystmOne has numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pyarrow as pa

from stepwell.records.synthetic.writers.extracts import (
    ERROR,
    NOT_COUNTED,
    Extract,
    Version,
    asked,
    difference,
    number_of,
    true_conditions,
)
from stepwell.records.synthetic.writers.frames import frames, practice_only, with_person
from stepwell.records.synthetic.writers.shapes import thousandths

# Stands before the id of a plan that the importer reads from a row of SRPrimaryCareMedication.
SUPPLIED = "SRPrimaryCareMedication/"
MANIFEST = "SRManifest.csv"
# Suffix of the id of the SRCode row that an SRProblem names.
CODE = "-code"

_DATE = "%d %b %Y 00:00:00"
_SEX = {"female": "F", "male": "M", "other": "I"}
DRUG_STATUS = {
    "active": "Current",
    "on hold": "Suspended",
    "stopped": "Stopped",
    "completed": "Ended",
    "cancelled": "Cancelled",
}
_APPOINTMENT = {"booked": "Booked", "attended": "Finished", "did not attend": "Did Not Attend", "cancelled": "Cancelled by Unit"}
_TRUE, _FALSE = pl.lit("TRUE"), pl.lit("FALSE")


def write(folder: Path, org_code: str, tables: Mapping[str, pa.Table], version: Version = "current") -> dict[str, int]:
    """Write one CSV file a table and their manifest into `folder` (made when missing). Returns file name → rows written.

    `version`: headers as they are sent now, or older ones without `RemovedData`. Raises Refused when the organisation is no practice.
    """
    return _Writer(folder, org_code, frames(tables), version).whole()


def write_delta(folder: Path, org_code: str, before: Mapping[str, pa.Table], after: Mapping[str, pa.Table]) -> dict[str, int]:
    """Write what leads from `before` to `after`: new and changed rows, and tombstones (`RemovedData`) of rows that are gone.

    Both are whole states of the practice. Tables with nothing to tell are left out, but for organisations and mappings. Returns file
    name → rows written.
    """
    old = _Writer(folder, org_code, frames(before), "current").rows()
    return _Writer(folder, org_code, frames(after), "current").delta(old)


class _Writer:
    def __init__(self, folder: Path, org_code: str, tables: Mapping[str, pl.DataFrame], version: Version) -> None:
        practice_only("TPP", org_code, tables)
        self.org_code, self.tables = org_code, tables
        self.extract = Extract("tpp", folder, version, "cp1252")
        self.mappings: dict[str, str] = {}

    def whole(self) -> dict[str, int]:
        for table, rows in self.rows().items():
            self.extract.save(table, rows)
        return self._manifest(delta=False)

    def delta(self, old: Mapping[str, pl.DataFrame]) -> dict[str, int]:
        for table, rows in self.rows().items():
            always = table in ("SROrganisation", "SRMapping")
            told = rows if always else difference(old[table], rows, "RowIdentifier", pl.lit("1").alias("RemovedData"))
            if told.height:
                self.extract.save(table, told)
        return self._manifest(delta=True)

    def _manifest(self, *, delta: bool) -> dict[str, int]:
        names = [name.removesuffix(".csv") for name in self.extract.written]
        rows = pl.DataFrame({"FileName": names, "IsDelta": ["Y" if delta else "N"] * len(names)})
        rows.write_csv(self.extract.folder / MANIFEST)
        return self.extract.written | {MANIFEST: rows.height}

    def _mapping(self, group: str, text: str) -> str:
        identity = number_of(group, text)
        self.mappings[identity] = text
        return identity

    def _mapped(self, column: str, group: str, rows: pl.DataFrame) -> pl.Expr:
        """A word as the number under which SRMapping has it."""
        words = rows[column].drop_nulls().unique().sort().to_list()
        return pl.col(column).replace_strict({word: self._mapping(group, word) for word in words}, default=None, return_dtype=pl.String)

    def rows(self) -> dict[str, pl.DataFrame]:
        """Rows of every table of the extract, by table."""
        tables = self.tables
        found = {
            "SROrganisation": self._organisations(),
            "SRPatient": self._patients(tables["patients"]),
            "SRPatientRegistration": self._registrations(tables["registrations"]),
            "SRPatientAddressHistory": self._addresses(tables["patients"]),
            "SRPatientContactDetails": self._phones(tables["patients"]),
            "SRRepeatTemplate": self._templates(tables["medication_plans"]),
            "SRPrimaryCareMedication": self._medicines(tables["medication_plans"], tables["medication_issues"]),
            "SRCode": self._codes(tables["observations"], tables["conditions"]),
            "SRProblem": self._problems(tables["conditions"]),
            "SREvent": self._events(tables["contacts"]),
            "SRAppointment": self._appointments(tables["appointments"]),
            "SRReferralOut": self._referrals(tables["requests"]),
            "SRLetter": self._letters(tables["letters"]),
        }
        mapped = pl.DataFrame(
            {"RowIdentifier": list(self.mappings), "Mapping": list(self.mappings.values())},
            schema={"RowIdentifier": pl.String, "Mapping": pl.String},
        )
        return found | {"SRMapping": mapped.with_columns(IdMappingGroup=pl.lit("1"))}

    def _own(self, rows: pl.DataFrame, *days: str) -> pl.DataFrame:
        return with_person(rows, self.tables).with_columns(pl.col(name).dt.to_string(_DATE) for name in days)

    def _row(self, identity: str = "native_id") -> dict[str, str | pl.Expr]:
        """Columns that every row about a patient has."""
        return {
            "RowIdentifier": identity,
            "IDOrganisationVisibleTo": pl.lit(self.org_code),
            "IDPatient": "local_id",
            "IDOrganisation": pl.lit(self.org_code),
            "RemovedData": pl.lit("0"),
        }

    # Who

    def _organisations(self) -> pl.DataFrame:
        """Those of the organisations table, and every other code that the rows name."""
        named = self.tables["organisations"].select(RowIdentifier="native_id", ID="org_code", Name="name")
        codes = [self.tables["requests"]["to_org"], self.tables["letters"]["from_org"], self.tables["letters"]["to_org"]]
        seen = {code for column in codes for code in column.drop_nulls().unique().to_list()} | {self.org_code}
        more = sorted(seen - set(named["ID"].drop_nulls().to_list()))
        extra = pl.DataFrame({"RowIdentifier": more, "ID": more}, schema={"RowIdentifier": pl.String, "ID": pl.String})
        return pl.concat([named, extra], how="diagonal").with_columns(RemovedData=pl.lit("0"))

    def _patients(self, patients: pl.DataFrame) -> pl.DataFrame:
        given = pl.col("given_name").str.split(" ")
        rows = patients.with_columns(pl.col(name).dt.to_string(_DATE) for name in ("birth_date", "death_date"))
        return rows.select(
            RowIdentifier="local_id",
            IDOrganisationVisibleTo=pl.lit(self.org_code),
            Title="title",
            FirstName=given.list.first(),
            MiddleNames=pl.when(given.list.len() > 1).then(given.list.slice(1).list.join(" ")),
            Surname="family_name",
            NHSNumber="nhs_number_raw",
            DateBirth="birth_date",
            DateDeath="death_date",
            Gender=pl.col("sex").replace_strict(_SEX, default="U"),
            TestPatient=_FALSE,
            SpineMatched=pl.when(pl.col("nhs_status") == "valid").then(_TRUE).otherwise(_FALSE),
            RemovedData=pl.lit("0"),
        )

    def _registrations(self, registrations: pl.DataFrame) -> pl.DataFrame:
        rows = self._own(registrations.filter(pl.col("kind") == "registration"), "started_on", "ended_on")
        return rows.select(
            **self._row(),
            DateEventRecorded="started_on",
            DateRegistration="started_on",
            DateDeRegistration="ended_on",
            RegistrationStatus=pl.lit("Registered"),
            IDOrganisationRegisteredAt=pl.lit(self.org_code),
        )

    def _addresses(self, patients: pl.DataFrame) -> pl.DataFrame:
        rows = patients.filter(pl.col("address").is_not_null() | pl.col("postcode").is_not_null())
        part = pl.col("parts").struct
        rows = rows.with_columns(
            id=pl.col("local_id") + "-address", parts=pl.col("address").str.splitn(", ", 4).struct.rename_fields(list("abcd"))
        )
        count = sum((part.field(name).is_not_null().cast(pl.Int8) for name in "abcd"), pl.lit(0, pl.Int8))
        columns = {name: value for name, value in self._row("id").items() if name != "IDOrganisation"}
        return rows.select(
            **columns,
            NameOfRoad=part.field("a"),
            NameOfLocality=pl.when(count > 2).then(part.field("b")),
            NameOfTown=pl.when(count == 2).then(part.field("b")).when(count > 2).then(part.field("c")),
            NameOfCounty=part.field("d"),
            FullPostCode="postcode",
        )

    def _phones(self, patients: pl.DataFrame) -> pl.DataFrame:
        rows = patients.filter(pl.col("phone").is_not_null()).with_columns(id=pl.col("local_id") + "-phone")
        rows = rows.with_columns(kind=pl.when(pl.col("phone").str.starts_with("07")).then(pl.lit("Mobile")).otherwise(pl.lit("Home")))
        return rows.select(**self._row("id"), ContactType=self._mapped("kind", "contact", rows), ContactNumber="phone")

    # Medicines

    def _product(self) -> dict[str, pl.Expr | str]:
        coded = (pl.col("code_system") == "snomed") & ~pl.col("degraded").fill_null(False)
        amount = pl.col("quantity_milli") + pl.coalesce(pl.lit(" ") + pl.col("quantity_unit"), pl.lit(""))
        return {
            "IDMultiLexDMD": pl.when(coded).then("code"),
            "NameOfMedication": "term",
            "MedicationDosage": "dose_text",
            "MedicationQuantity": amount,
        }

    def _templates(self, plans: pl.DataFrame) -> pl.DataFrame:
        rows = plans.filter(_is_template(), pl.col("status").ne_missing(ERROR))
        rows = self._own(rows, "started_on", "ended_on", "review_on", "intended_end_on").with_columns(
            thousandths("quantity_milli"), word=pl.col("status").replace_strict(DRUG_STATUS, default=None, return_dtype=pl.String)
        )
        return rows.select(
            **self._row(),
            DateEvent="started_on",
            IDOrganisationDoneAt=pl.lit(self.org_code),
            **self._product(),
            DateMedicationTemplateStart="started_on",
            # The end may lie ahead: then it is what is intended.
            DateMedicationTemplateEnd=pl.coalesce("ended_on", "intended_end_on"),
            DateMedicationTemplateReview="review_on",
            MaxIssues="issues_authorised",
            CourseLengthPerIssue="days_supply",
            DrugStatus=self._mapped("word", "drug status", rows),
        )

    def _medicines(self, plans: pl.DataFrame, issues: pl.DataFrame) -> pl.DataFrame:
        # The table holds what the practice issued; a supply by somebody else would be taken for the practice's.
        own = issues.filter(~pl.col("status").is_in(NOT_COUNTED).fill_null(False), pl.col("setting").fill_null("gp") == "gp")
        template = plans.filter(_is_template()).select("subject_id", pl.col("native_id").alias("plan_id"))
        template = template.unique().with_columns(template=pl.lit(True))
        rows = own.join(template, on=["subject_id", "plan_id"], how="left", maintain_order="left")
        ends = (pl.col("issued_on") + pl.duration(days=pl.col("days_supply"))).cast(pl.Date)
        rows = self._own(rows.with_columns(ends=ends), "issued_on", "ends").with_columns(thousandths("quantity_milli"))
        repeat = pl.col("template").fill_null(False)
        issued = rows.select(
            **self._row(),
            DateEvent="issued_on",
            IDOrganisationDoneAt=pl.lit(self.org_code),
            **self._product(),
            DateMedicationStart="issued_on",
            DateMedicationEnd="ends",
            IsRepeatMedication=pl.when(repeat).then(_TRUE).otherwise(_FALSE),
            IsOtherMedication=_FALSE,
            IsDentalMedication=_FALSE,
            IsHospitalMedication=_FALSE,
            IDRepeatTemplate=pl.when(repeat).then("plan_id"),
        )
        # Only the end says that it is no longer supplied: one that ended on a day nobody knows would be taken for current.
        elsewhere = plans.filter(
            pl.col("elsewhere").fill_null(False),
            pl.col("status").ne_missing(ERROR),
            pl.col("status").is_in(["active", "unknown"]).fill_null(True) | pl.col("ended_on").is_not_null(),
        ).with_columns(pl.col("native_id").str.strip_prefix(SUPPLIED))
        elsewhere = self._own(elsewhere, "started_on", "ended_on", "asserted_on").with_columns(thousandths("quantity_milli"))
        hospital = pl.col("setting") == "trust"
        told = elsewhere.select(
            **self._row(),
            # The day it was recorded is the last on which it was confirmed.
            DateEvent="asserted_on",
            **self._product(),
            DateMedicationStart="started_on",
            # Only what has ended: an end that was intended and has passed would be taken for one.
            DateMedicationEnd="ended_on",
            IsRepeatMedication=_FALSE,
            IsOtherMedication=pl.when(hospital).then(_FALSE).otherwise(_TRUE),
            IsDentalMedication=_FALSE,
            IsHospitalMedication=pl.when(hospital).then(_TRUE).otherwise(_FALSE),
        )
        return pl.concat([issued, told], how="diagonal_relaxed")

    # Findings and problems

    def _codes(self, observations: pl.DataFrame, conditions: pl.DataFrame) -> pl.DataFrame:
        observed = observations.filter(~pl.col("status").is_in(NOT_COUNTED).fill_null(False), _has_code())
        observed = self._own(observed, "effective_on").with_columns(thousandths("value_milli"))
        findings = observed.select(
            **self._row(),
            DateEvent="effective_on",
            IDOrganisationDoneAt=pl.col("org_code").fill_null(self.org_code),
            **_coded(),
            NumericComparator="comparator",
            IsNumeric=pl.when(pl.col("value_milli").is_not_null()).then(_TRUE).otherwise(_FALSE),
            NumericValue=pl.coalesce("value_milli", "value_text"),
            NumericUnit="value_unit",
        )
        named = self._own(_stated(conditions), "onset_on", "recorded_on")
        problems = named.with_columns(code_id=pl.col("native_id") + CODE).select(
            **self._row("code_id"),
            DateEvent="onset_on",
            DateEventRecorded="recorded_on",
            IDOrganisationDoneAt=pl.lit(self.org_code),
            **_coded(),
            IsNumeric=_FALSE,
        )
        return pl.concat([findings, problems], how="diagonal_relaxed")

    def _problems(self, conditions: pl.DataFrame) -> pl.DataFrame:
        rows = self._own(_stated(conditions), "onset_on", "recorded_on", "ended_on")
        return rows.select(
            **self._row(),
            DateEvent="onset_on",
            DateEventRecorded="recorded_on",
            IDOrganisationDoneAt=pl.lit(self.org_code),
            CTV3Code=pl.when(pl.col("code_system") == "ctv3").then("code"),
            DateEnd="ended_on",
            IDCode=pl.col("native_id") + CODE,
        )

    # Contacts, appointments, referrals, letters

    def _events(self, contacts: pl.DataFrame) -> pl.DataFrame:
        rows = self._own(contacts, "on_date")
        return rows.select(
            **self._row(),
            DateEvent="on_date",
            IDOrganisationDoneAt=pl.col("org_code").fill_null(self.org_code),
            ContactMethod=self._mapped("kind", "contact method", rows),
            EventIncomplete=_FALSE,
            ClinicalEvent=_TRUE,
        )

    def _appointments(self, appointments: pl.DataFrame) -> pl.DataFrame:
        rows = self._own(appointments, "on_date").with_columns(
            word=pl.col("status").replace_strict(_APPOINTMENT, default=None, return_dtype=pl.String)
        )
        return rows.select(
            **self._row(),
            DateStart="on_date",
            DateEnd="on_date",
            AppointmentStatus=self._mapped("word", "appointment status", rows),
            RotaType="reason",
        )

    def _referrals(self, requests: pl.DataFrame) -> pl.DataFrame:
        rows = self._own(asked(requests), "asked_on")
        return rows.select(
            **self._row(),
            DateEvent="asked_on",
            IDOrganisationDoneAt=pl.col("from_org").fill_null(self.org_code),
            Reason="reason",
            SNOMEDPrimaryDiagnosis="code",
            RecipientID="to_org",
            RecipientIDType=pl.when(pl.col("to_org").is_not_null()).then(pl.lit("Organisation")),
        )

    def _letters(self, letters: pl.DataFrame) -> pl.DataFrame:
        rows = self._own(letters, "sent_on")
        return rows.select(
            **self._row(),
            DateEvent="sent_on",
            SenderOrganisation="from_org",
            RecipientOrganisation="to_org",
            Direction=pl.when(pl.col("from_org") == self.org_code).then(pl.lit("Outgoing")).otherwise(pl.lit("Incoming")),
            CommunicationType="title",
        )


def _is_template() -> pl.Expr:
    return ~pl.col("elsewhere").fill_null(False) & pl.col("kind").ne_missing("acute") & ~pl.col("native_id").str.starts_with(SUPPLIED)


def _has_code() -> pl.Expr:
    """The extract has columns for two systems; a row in another would be no row to its reader."""
    return pl.col("code_system").is_in(["snomed", "ctv3"]).fill_null(False) & pl.col("code").is_not_null()


def _stated(conditions: pl.DataFrame) -> pl.DataFrame:
    """Problems whose state the extract can tell: only the end says that one is over."""
    over = pl.col("status").is_in(["inactive", "resolved"]).fill_null(False)
    return true_conditions(conditions).filter(_has_code(), ~over | pl.col("ended_on").is_not_null())


def _coded() -> dict[str, pl.Expr]:
    system = pl.col("code_system")
    return {
        "CTV3Code": pl.when(system == "ctv3").then("code"),
        "CTV3Text": pl.when(system == "ctv3").then("term"),
        "SNOMEDCode": pl.when(system == "snomed").then("code"),
        "SNOMEDText": pl.when(system.ne_missing("ctv3")).then("term"),
    }
