"""Canonical tables of one practice as an EMIS Web bulk extract: CSV, dates YYYY-MM-DD, codes through coding tables.

A problem is an `Observation` and a `Problem` of the same id; a referral an `Observation` and an `ObservationReferral`. A plan that
somebody else prescribes is a `DrugRecord` of the type "Hospital", "Private" or "Prescribed Elsewhere", as practices enter it.
Ids of the source stand where EMIS has GUIDs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pyarrow as pa

from stepwell.records.synthetic.writers.extracts import (
    ERROR,
    NOT_COUNTED,
    NOT_TRUE,
    Extract,
    Version,
    asked,
    difference,
    numbered,
    true_conditions,
)
from stepwell.records.synthetic.writers.frames import frames, practice_only, with_person
from stepwell.records.synthetic.writers.shapes import iso, thousandths

_SEX = {"female": "F", "male": "M", "other": "I"}
_ORGANISATION = {"practice": "GP Practice", "trust": "NHS Trust", "pharmacy": "Pharmacy", "other": "Other"}
_TYPE = {"acute": "Acute", "repeat": "Repeat", "repeat dispensing": "Repeat Dispensing"}
_ELSEWHERE = {"trust": "Hospital", "private": "Private"}
_PRECISION = {"day": "YMD", "month": "YM", "year": "Y"}
_PROBLEM = {"active": "Active Problem", "inactive": "Past Problem", "resolved": "Past Problem"}
PRODUCT = ("code", "code_system", "term", "degraded")
CODE = ("code", "code_system", "term")
_CODE_IDS = ("CodeId", "ReferralReasonCodeId", "ConsultationSourceCodeId")
_NO, _YES = pl.lit("false"), pl.lit("true")


def write(folder: Path, org_code: str, tables: Mapping[str, pa.Table], version: Version = "current") -> dict[str, int]:
    """Write one CSV file a table into `folder` (made when missing). Returns file name → rows written.

    `version`: headers as they are sent now, or an older header of each table that has one. Raises Refused when the organisation is
    no practice.
    """
    return _Writer(folder, org_code, frames(tables), version).whole()


def write_delta(
    folder: Path, org_code: str, before: Mapping[str, pa.Table], after: Mapping[str, pa.Table], version: Version = "current"
) -> dict[str, int]:
    """Write what leads from `before` to `after`: new and changed rows, and tombstones (`Deleted`) of rows that are gone.

    Both are whole states of the practice. Tables with nothing to tell are left out, but for the organisations; the coding tables have
    the codes that these rows name. Returns file name → rows written.
    """
    old = _Writer(folder, org_code, frames(before), version).rows()
    writer = _Writer(folder, org_code, frames(after), version)
    return writer.delta(old)


class _Writer:
    def __init__(self, folder: Path, org_code: str, tables: Mapping[str, pl.DataFrame], version: Version) -> None:
        practice_only("EMIS", org_code, tables)
        self.org_code, self.tables = org_code, tables
        self.extract = Extract("emis", folder, version)
        self.guids = dict(tables["organisations"].filter(pl.col("org_code").is_not_null()).select("org_code", "native_id").iter_rows())
        self.guids.setdefault(org_code, org_code)

    def whole(self) -> dict[str, int]:
        for table, rows in self.rows().items():
            self.extract.save(table, rows)
        return self.extract.written

    def delta(self, old: Mapping[str, pl.DataFrame]) -> dict[str, int]:
        new = self.rows()
        told = {
            table: difference(old[table], rows, rows.columns[0], _YES.alias("Deleted") if "Deleted" in rows.columns else None)
            for table, rows in new.items()
        }
        told["Admin_Organisation"] = new["Admin_Organisation"]
        for table in ("Coding_DrugCode", "Coding_ClinicalCode"):
            named = [rows[name] for other, rows in told.items() for name in rows.columns if name in _CODE_IDS and other != table]
            told[table] = new[table].filter(pl.col("CodeId").is_in(pl.concat(named).drop_nulls().unique().implode()))
        for table, rows in told.items():
            if rows.height:
                self.extract.save(table, rows)
        return self.extract.written

    # Who and what is named

    def _organisations(self) -> pl.DataFrame:
        tables = self.tables
        named = self.tables["organisations"].select("native_id", "org_code", "name", "kind")
        codes = [tables["requests"]["from_org"], tables["requests"]["to_org"], tables["observations"]["org_code"]]
        seen = {code for column in codes for code in column.drop_nulls().unique().to_list()} | {self.org_code}
        more = sorted(seen - set(named["org_code"].drop_nulls().to_list()))
        self.guids |= {code: code for code in more}
        rows = pl.concat(
            [named, pl.DataFrame({"native_id": more, "org_code": more}, schema={"native_id": pl.String, "org_code": pl.String})],
            how="diagonal",
        )
        return rows.select(
            OrganisationGuid="native_id",
            OrganisationName="name",
            ODSCode="org_code",
            OrganisationType=pl.col("kind").replace_strict(_ORGANISATION, default=None),
        )

    def _guid(self, column: str) -> pl.Expr:
        return pl.col(column).replace_strict(self.guids, default=None, return_dtype=pl.String)

    def _holder(self) -> pl.Expr:
        return pl.lit(self.guids[self.org_code])

    def rows(self) -> dict[str, pl.DataFrame]:
        """Rows of every table of the extract, by table; the key of a row stands first."""
        tables = self.tables
        organisations = self._organisations()
        coded = numbered(_coded(tables), CODE, "CodeId", "code")
        clinical = coded.unique("CodeId", maintain_order=True).filter(pl.col("CodeId").is_not_null())
        drugs = pl.concat([tables[name].select(PRODUCT) for name in ("medication_plans", "medication_issues")])
        products = numbered(drugs.unique(maintain_order=True), PRODUCT, "CodeId", "drug").filter(pl.col("CodeId").is_not_null())
        sessions = _sessions(tables["appointments"])
        snomed = pl.col("code_system") == "snomed"
        return {
            "Admin_Organisation": organisations,
            "Admin_Patient": self._patients(tables["patients"]),
            "Coding_DrugCode": products.select(
                "CodeId",
                Term="term",
                DmdProductCodeId=pl.when(snomed & ~pl.col("degraded").fill_null(False)).then("code"),
            ),
            "Coding_ClinicalCode": clinical.select(
                "CodeId",
                Term="term",
                ReadTermId=pl.when(pl.col("code_system") == "read2").then("code"),
                SnomedCTConceptId=pl.when(snomed).then("code"),
            ),
            "Prescribing_DrugRecord": self._plans(tables["medication_plans"]),
            "Prescribing_IssueRecord": self._issues(tables["medication_issues"]),
            "CareRecord_Observation": pl.concat(
                [self._observations(tables["observations"]), self._problems(tables["conditions"]), self._referred(tables["requests"])],
                how="diagonal_relaxed",
            ),
            "CareRecord_Problem": self._problem_headers(tables["conditions"]),
            "CareRecord_ObservationReferral": self._referrals(tables["requests"]),
            "CareRecord_Consultation": self._consultations(tables["contacts"]),
            "Appointment_Session": sessions.select(
                "AppointmentSessionGuid", Description="reason", StartDate="AppointmentDate", EndDate="AppointmentDate", Deleted=_NO
            ).unique(maintain_order=True),
            "Appointment_Slot": self._slots(sessions),
        }

    def _patients(self, patients: pl.DataFrame) -> pl.DataFrame:
        stays = self.tables["registrations"].filter(pl.col("kind") == "registration")
        # The row has room for one registration: the latest.
        last = stays.sort("started_on", nulls_last=False, maintain_order=True).group_by("subject_id", maintain_order=True).last()
        rows = patients.join(last.select("subject_id", "started_on", "ended_on"), on="subject_id", how="left", maintain_order="left")
        given, parts = pl.col("given_name").str.split(" "), pl.col("address").str.splitn(", ", 5).struct.rename_fields(list("abcde"))
        rows = rows.with_columns(*iso("birth_date", "death_date", "started_on", "ended_on"), parts=parts)
        return rows.select(
            PatientGuid="local_id",
            OrganisationGuid=self._holder(),
            Sex=pl.col("sex").replace_strict(_SEX, default="U"),
            DateOfBirth="birth_date",
            DateOfDeath="death_date",
            Title="title",
            GivenName=given.list.first(),
            MiddleNames=pl.when(given.list.len() > 1).then(given.list.slice(1).list.join(" ")),
            Surname="family_name",
            DateOfRegistration="started_on",
            NhsNumber="nhs_number_raw",
            PatientTypeDescription=pl.lit("Regular"),
            DummyType=_NO,
            **_lines_of_address(),
            Postcode="postcode",
            DateOfDeactivation="ended_on",
            Deleted=_NO,
            SpineSensitive=_NO,
            IsConfidential=_NO,
            HomePhone=pl.when(~_mobile()).then("phone"),
            MobilePhone=pl.when(_mobile()).then("phone"),
        )

    # Medicines

    def _plans(self, plans: pl.DataFrame) -> pl.DataFrame:
        plans = plans.filter(pl.col("status").ne_missing(ERROR))
        issued = self.tables["medication_issues"].group_by("subject_id", pl.col("plan_id").alias("native_id")).agg(issues=pl.len())
        problems = self.tables["conditions"].filter(pl.col("code_system") == "snomed", ~pl.col("status").is_in(NOT_TRUE).fill_null(False))
        problems = problems.group_by("subject_id", pl.col("code").alias("indication_code")).agg(problem=pl.col("native_id").min())
        rows = plans.join(issued, on=["subject_id", "native_id"], how="left", maintain_order="left")
        rows = rows.join(problems, on=["subject_id", "indication_code"], how="left", maintain_order="left")
        rows = numbered(with_person(rows, self.tables), PRODUCT, "CodeId", "drug").with_columns(
            *iso("started_on", "ended_on"), thousandths("quantity_milli")
        )
        type_ = pl.col("kind").replace_strict(_TYPE, default=None)
        elsewhere = pl.col("setting").replace_strict(_ELSEWHERE, default="Prescribed Elsewhere")
        return rows.select(
            DrugRecordGuid="native_id",
            PatientGuid="local_id",
            OrganisationGuid=self._holder(),
            EffectiveDate="started_on",
            EffectiveDatePrecision=_day_or_unknown("started_on"),
            CodeId="CodeId",
            Dosage="dose_text",
            Quantity="quantity_milli",
            QuantityUnit="quantity_unit",
            ProblemObservationGuid="problem",
            PrescriptionType=pl.when(pl.col("elsewhere").fill_null(False)).then(elsewhere).otherwise(type_),
            IsActive=pl.when(pl.col("status") == "active").then(_YES).otherwise(_NO),
            CancellationDate="ended_on",
            NumberOfIssues=pl.col("issues").fill_null(0),
            NumberOfIssuesAuthorised="issues_authorised",
            IsConfidential=_NO,
            Deleted=_NO,
        )

    def _issues(self, issues: pl.DataFrame) -> pl.DataFrame:
        # The table holds what the practice issued; a supply by somebody else would be taken for the practice's.
        own = issues.filter(~pl.col("status").is_in(NOT_COUNTED).fill_null(False), pl.col("setting").fill_null("gp") == "gp")
        rows = numbered(with_person(own, self.tables), PRODUCT, "CodeId", "drug")
        rows = rows.with_columns(*iso("issued_on"), thousandths("quantity_milli"))
        return rows.select(
            IssueRecordGuid="native_id",
            PatientGuid="local_id",
            OrganisationGuid=self._holder(),
            DrugRecordGuid="plan_id",
            EffectiveDate="issued_on",
            EffectiveDatePrecision=_day_or_unknown("issued_on"),
            CodeId="CodeId",
            Dosage="dose_text",
            Quantity="quantity_milli",
            QuantityUnit="quantity_unit",
            CourseDurationInDays="days_supply",
            IsConfidential=_NO,
            Deleted=_NO,
        )

    # Findings, problems, referrals

    def _observations(self, observations: pl.DataFrame) -> pl.DataFrame:
        rows = observations.filter(~pl.col("status").is_in(NOT_COUNTED).fill_null(False))
        rows = numbered(with_person(rows, self.tables), CODE, "CodeId", "code")
        numbers = ("value_milli", "ref_low_milli", "ref_high_milli")
        rows = rows.with_columns(*iso("effective_on"), *map(thousandths, numbers))
        precision = pl.col("precision").replace_strict(_PRECISION, default="YMD")
        return rows.select(
            ObservationGuid="native_id",
            PatientGuid="local_id",
            OrganisationGuid=self._guid("org_code").fill_null(self._holder()),
            EffectiveDate="effective_on",
            EffectiveDatePrecision=pl.when(pl.col("effective_on").is_null()).then(pl.lit("U")).otherwise(precision),
            CodeId="CodeId",
            AssociatedText="value_text",
            Value=pl.concat_str(pl.col("comparator").fill_null(""), "value_milli"),
            NumericUnit="value_unit",
            ObservationType=pl.when(pl.coalesce("value_milli", "value_text").is_not_null())
            .then(pl.lit("Value"))
            .otherwise(pl.lit("Observation")),
            NumericRangeLow="ref_low_milli",
            NumericRangeHigh="ref_high_milli",
            Deleted=_NO,
            IsConfidential=_NO,
        )

    def _problems(self, conditions: pl.DataFrame) -> pl.DataFrame:
        rows = numbered(with_person(true_conditions(conditions), self.tables), CODE, "CodeId", "code").with_columns(
            *iso("onset_on", "recorded_on")
        )
        return rows.select(
            ObservationGuid="native_id",
            PatientGuid="local_id",
            OrganisationGuid=self._holder(),
            EffectiveDate="onset_on",
            EffectiveDatePrecision=_day_or_unknown("onset_on"),
            EnteredDate="recorded_on",
            CodeId="CodeId",
            ProblemGuid="native_id",
            ObservationType=pl.lit("Observation"),
            Deleted=_NO,
            IsConfidential=_NO,
        )

    def _problem_headers(self, conditions: pl.DataFrame) -> pl.DataFrame:
        rows = with_person(true_conditions(conditions), self.tables).with_columns(*iso("ended_on"))
        return rows.select(
            ObservationGuid="native_id",
            PatientGuid="local_id",
            OrganisationGuid=self._holder(),
            Deleted=_NO,
            EndDate="ended_on",
            EndDatePrecision=pl.when(pl.col("ended_on").is_not_null()).then(pl.lit("YMD")),
            ProblemStatusDescription=pl.col("status").replace_strict(_PROBLEM, default=None),
            SignificanceDescription=pl.lit("Significant Problem"),
        )

    def _referred(self, requests: pl.DataFrame) -> pl.DataFrame:
        rows = numbered(with_person(asked(requests), self.tables), CODE, "CodeId", "code").with_columns(*iso("asked_on"))
        return rows.select(
            ObservationGuid="native_id",
            PatientGuid="local_id",
            OrganisationGuid=self._holder(),
            EffectiveDate="asked_on",
            EffectiveDatePrecision=_day_or_unknown("asked_on"),
            CodeId="CodeId",
            ObservationType=pl.lit("Referral"),
            Deleted=_NO,
            IsConfidential=_NO,
        )

    def _referrals(self, requests: pl.DataFrame) -> pl.DataFrame:
        rows = numbered(with_person(asked(requests), self.tables), CODE, "CodeId", "code").with_columns(*iso("asked_on"))
        return rows.select(
            ObservationGuid="native_id",
            PatientGuid="local_id",
            OrganisationGuid=self._holder(),
            # That it ended is told by a day; which day it was is not known.
            ReferralEndDate=pl.when(pl.col("status") == "completed").then("asked_on"),
            ReferralTargetOrganisationGuid=self._guid("to_org"),
            ReferralSourceOrganisationGuid=self._guid("from_org"),
            ReferralServiceType="reason",
            ReferralReasonCodeId="CodeId",
        )

    # Contacts and appointments

    def _consultations(self, contacts: pl.DataFrame) -> pl.DataFrame:
        rows = contacts.with_columns(code_system=pl.lit("snomed"), term=pl.col("kind"))
        rows = numbered(with_person(rows, self.tables), CODE, "CodeId", "code").with_columns(*iso("on_date"))
        return rows.select(
            ConsultationGuid="native_id",
            PatientGuid="local_id",
            OrganisationGuid=self._holder(),
            EffectiveDate="on_date",
            EffectiveDatePrecision=_day_or_unknown("on_date"),
            ConsultationSourceTerm="kind",
            ConsultationSourceCodeId=pl.when(pl.col("code").is_not_null()).then("CodeId"),
            Complete=_YES,
            Deleted=_NO,
            IsConfidential=_NO,
        )

    def _slots(self, sessions: pl.DataFrame) -> pl.DataFrame:
        seen = pl.col("status") == "attended"
        rows = with_person(sessions, self.tables)
        return rows.select(
            SlotGuid="native_id",
            AppointmentDate="AppointmentDate",
            PatientGuid="local_id",
            # That the patient came is told by a time; the hour means nothing.
            SendInTime=pl.when(seen).then(pl.lit("09:00:00")),
            LeftTime=pl.when(seen).then(pl.lit("09:10:00")),
            DidNotAttend=pl.when(pl.col("status") == "did not attend").then(_YES).otherwise(_NO),
            OrganisationGuid=self._holder(),
            SessionGuid="AppointmentSessionGuid",
            Deleted=_NO,
        )


def _coded(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Every clinical code the rows name."""
    contacts = tables["contacts"].filter(pl.col("code").is_not_null()).select("code", code_system=pl.lit("snomed"), term="kind")
    found = [
        tables["observations"].select(CODE),
        true_conditions(tables["conditions"]).select(CODE),
        asked(tables["requests"]).select(CODE),
        contacts,
    ]
    return pl.concat(found).unique(maintain_order=True)


def _sessions(appointments: pl.DataFrame) -> pl.DataFrame:
    """Appointments with the session they were booked in: one for each day and reason."""
    rows = appointments.filter(~(pl.col("status") == "cancelled").fill_null(False)).with_columns(*iso("on_date"))
    rows = rows.rename({"on_date": "AppointmentDate"})
    return numbered(rows, ("AppointmentDate", "reason"), "AppointmentSessionGuid", "session")


def _day_or_unknown(name: str) -> pl.Expr:
    return pl.when(pl.col(name).is_null()).then(pl.lit("U")).otherwise(pl.lit("YMD"))


def _mobile() -> pl.Expr:
    return pl.col("phone").str.starts_with("07")


def _lines_of_address() -> dict[str, pl.Expr]:
    """The one line in the columns there are: a last part is the town, a first one the street."""
    part = {name: pl.col("parts").struct.field(name) for name in "abcde"}
    count = sum((value.is_not_null().cast(pl.Int8) for value in part.values()), pl.lit(0, pl.Int8))
    return {
        "HouseNameFlatNumber": pl.when(count >= 4).then(part["a"]),
        "NumberAndStreet": pl.when(count >= 4).then(part["b"]).otherwise(part["a"]),
        "Village": pl.when(count >= 4).then(part["c"]).when(count == 3).then(part["b"]),
        "Town": pl.when(count >= 4).then(part["d"]).when(count == 3).then(part["c"]).when(count == 2).then(part["b"]),
        "County": pl.when(count == 5).then(part["e"]),
    }
