"""Canonical tables of one organisation as FHIR R4 in the shape of UK Core STU 2: NDJSON, one file per resource type (Bulk Data).

Plan → `MedicationRequest` with intent `plan`, issue → intent `order` with `basedOn` and the plan's `groupIdentifier`; who confirmed a
plan and when → `MedicationStatement`. Rows of `observations` whose ids differ only after `#` are components of one `Observation`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from stepwell.records.synthetic.writers.codes import (
    DMD,
    KIND_WORDS,
    LANGUAGE,
    LOCAL,
    MEDICINE_STATUS,
    NHS_NUMBER,
    ODS,
    REQUEST_STATUS,
    SEX,
    SYSTEMS,
    UCUM,
    Organisations,
    coding,
    concept,
    product,
)
from stepwell.records.synthetic.writers.frames import frames, panels, with_person
from stepwell.records.synthetic.writers.shapes import Row, encode, iso, known, lines, thousandths

_HL7 = "http://terminology.hl7.org/CodeSystem/"
_UK = "https://fhir.hl7.org.uk/StructureDefinition/"
_VERIFICATION = "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland"
_COURSE_TYPE = "https://fhir.nhs.uk/CodeSystem/medicationrequest-course-of-therapy"
_COURSE = {
    "acute": ("acute", "Short course (acute) therapy"),
    "repeat": ("continuous", "Continuous long term therapy"),
    "repeat dispensing": ("continuous-repeat-dispensing", "Continuous long term (repeat dispensing)"),
}
OBSERVATION_STATUS = {
    "final": "final",
    "amended": "amended",
    "preliminary": "preliminary",
    "cancelled": "cancelled",
    "entered in error": "entered-in-error",
}
_APPOINTMENT_STATUS = {"booked": "booked", "attended": "fulfilled", "did not attend": "noshow", "cancelled": "cancelled"}
_COMPOSITION, _STATEMENT = "Composition/", "MedicationStatement/"
# dm+d products come under its own address; every other system under the usual one.
_PRODUCT_SYSTEMS = SYSTEMS | {"snomed": DMD}


def write(folder: Path, org_code: str, tables: Mapping[str, pa.Table]) -> dict[str, int]:
    """Write `<type>.ndjson` files into `folder` (made when missing). Returns file name → resources written."""
    found = frames(tables)
    writer = _Writer(org_code, found)
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[str, int] = {}
    for type_, text in writer.resources():
        if text:
            with (folder / f"{type_}.ndjson").open("wb") as file:
                file.write("\n".join(text).encode() + b"\n")
            written[f"{type_}.ndjson"] = len(text)
    return written


def profile(name: str) -> Row:
    return {"profile": [f"{_UK}UKCore-{name}"]}


class _Writer:
    def __init__(self, org_code: str, tables: Mapping[str, pl.DataFrame]) -> None:
        self.org_code, self.tables = org_code, tables
        self.orgs = Organisations(org_code, tables)

    def resources(self) -> Iterable[tuple[str, list[str]]]:
        yield "Organization", [encode(self._organisation(*each)).decode() for each in self.orgs.all()]
        yield "Patient", self._lines("patients", self._patient, days=("birth_date", "death_date"))
        yield "EpisodeOfCare", self._lines("registrations", self._episode, days=("started_on", "ended_on"))
        yield "MedicationRequest", [*self._plans(), *self._issues()]
        yield "MedicationStatement", self._statements()
        yield "Observation", self._observations()
        yield "Condition", self._lines("conditions", self._condition, days=("onset_on", "recorded_on", "ended_on"))
        contacts = self._lines("contacts", self._encounter, days=("on_date",))
        yield "Encounter", [*contacts, *self._lines("stays", self._stay, days=("started_on", "ended_on"))]
        yield "Appointment", self._lines("appointments", self._appointment, days=("on_date",))
        yield "ServiceRequest", self._lines("requests", self._request, days=("asked_on",))
        letters = self.tables["letters"]
        own = pl.col("native_id").str.starts_with(_COMPOSITION)
        yield "DocumentReference", self._lines("letters", self._document, days=("sent_on",), frame=letters.filter(~own))
        yield "Composition", self._lines("letters", self._composition, days=("sent_on",), frame=letters.filter(own))

    def _lines(self, table: str, build: Any, days: tuple[str, ...], frame: pl.DataFrame | None = None) -> list[str]:
        found = with_person(self.tables[table] if frame is None else frame, self.tables).with_columns(iso(*days))
        return lines(found, build, holes=("native_id", "local_id", *days))

    # Who

    def _organisation(self, identity: str, code: str | None, name: str | None, kind: str) -> Row:
        return known(
            {
                "resourceType": "Organization",
                "id": identity,
                "meta": profile("Organization"),
                "identifier": [{"system": ODS, "value": code}] if code else None,
                "active": True,
                "type": [
                    {
                        "coding": [{"system": f"{_HL7}organization-type", "code": "prov", "display": "Healthcare Provider"}],
                        "text": KIND_WORDS[kind],
                    }
                ],
                "name": name,
            }
        )

    def _patient(self, row: Row) -> Row:
        identifiers: list[Row] = [{"use": "usual", "system": f"{LOCAL}/local-patient", "value": row["local_id"]}]
        if row["nhs_number_raw"] is not None:
            number: Row = {"system": NHS_NUMBER, "value": row["nhs_number_raw"]}
            if row["nhs_status"] == "valid":
                status = {"coding": [{"system": _VERIFICATION, "code": "01", "display": "Number present and verified"}]}
                extension = {"url": f"{_UK}Extension-UKCore-NHSNumberVerificationStatus", "valueCodeableConcept": status}
                number = {"extension": [extension]} | number
            identifiers.insert(0, number)
        name = {
            "use": "official",
            "family": row["family_name"],
            "given": row["given_name"].split() if row["given_name"] else None,
            "prefix": [row["title"]] if row["title"] else None,
        }
        address = {"use": "home", "line": row["address"].split(", ") if row["address"] else None, "postalCode": row["postcode"]}
        extensions = []
        if row["interpreter"] is not None:
            extensions = [{"url": f"{_UK}Extension-UKCore-PatientInterpreterRequired", "valueBoolean": row["interpreter"]}]
        language = {"coding": [{"system": LANGUAGE, "code": row["language"]}]}
        practice = self.orgs.reference(row["gp_org_code"])
        return known(
            {
                "resourceType": "Patient",
                "id": row["native_id"],
                "meta": profile("Patient"),
                "extension": extensions,
                "identifier": identifiers,
                "active": row["death_date"] is None,
                "name": [known(name)],
                "telecom": [{"system": "phone", "value": row["phone"]}] if row["phone"] else None,
                "gender": SEX[row["sex"] or "unknown"],
                "birthDate": row["birth_date"],
                "deceasedDateTime": row["death_date"],
                "address": [known(address)] if row["address"] or row["postcode"] else None,
                "communication": [{"language": language, "preferred": True}] if row["language"] else None,
                "generalPractitioner": [practice] if practice else None,
                "managingOrganization": self.orgs.reference(self.org_code),
            }
        )

    def _episode(self, row: Row) -> Row:
        return known(
            {
                "resourceType": "EpisodeOfCare",
                "id": row["native_id"],
                "meta": profile("EpisodeOfCare"),
                "status": "active" if row["ended_on"] is None else "finished",
                "type": [{"text": "GP registration" if row["kind"] == "registration" else "Caseload"}],
                "patient": _subject(row),
                "managingOrganization": self.orgs.reference(row["org_code"]),
                "period": known({"start": row["started_on"], "end": row["ended_on"]}),
            }
        )

    # Medicines

    def _plans(self) -> list[str]:
        plans = self.tables["medication_plans"].filter(~pl.col("native_id").str.starts_with(_STATEMENT))
        days = ("started_on", "ended_on", "review_on", "intended_end_on")
        found = with_person(plans, self.tables).with_columns(*iso(*days), thousandths("quantity_milli"))
        found = found.drop("asserted_on", "group_id").with_columns(group_id=plans["group_id"])
        return lines(found, self._plan, ("native_id", "local_id", "group_id", *days), ("quantity_milli",))

    def _issues(self) -> list[str]:
        issues = self.tables["medication_issues"]
        groups = self.tables["medication_plans"].select("subject_id", pl.col("native_id").alias("plan_id"), "group_id")
        groups = groups.unique(["subject_id", "plan_id"], keep="first", maintain_order=True)
        found = issues.join(groups, on=["subject_id", "plan_id"], how="left", maintain_order="left")
        found = with_person(found, self.tables).with_columns(*iso("issued_on"), thousandths("quantity_milli"))
        return lines(found, self._issue, ("native_id", "local_id", "group_id", "plan_id", "issued_on"), ("quantity_milli",))

    def _medicine(self, row: Row, intent: str, authored: str | None) -> Row:
        course = _COURSE.get(row.get("kind") or "")
        coded = product(row, _PRODUCT_SYSTEMS)
        return {
            "resourceType": "MedicationRequest",
            "id": row["native_id"],
            "meta": profile("MedicationRequest"),
            "identifier": [{"system": f"{LOCAL}/medication-request", "value": row["native_id"]}],
            "status": MEDICINE_STATUS[row["status"] or "unknown"],
            "intent": intent,
            "medicationCodeableConcept": coded or None,
            "subject": _subject(row),
            "authoredOn": authored,
            "requester": self.orgs.supplier(row["org_code"], row["setting"]),
            "courseOfTherapyType": {"coding": [{"system": _COURSE_TYPE, "code": course[0], "display": course[1]}]} if course else None,
            "groupIdentifier": {"system": f"{LOCAL}/medication-group", "value": row["group_id"]} if row["group_id"] else None,
            "dosageInstruction": dosage(row),
            "substitution": {"allowedBoolean": False},
        }

    def _plan(self, row: Row) -> Row:
        period = known({"start": row["started_on"], "end": row["ended_on"]})
        dispense = {"validityPeriod": period or None, "numberOfRepeatsAllowed": row["issues_authorised"]} | supply(row)
        extensions = []
        if row["review_on"] is not None:
            part = {"url": "authorisationExpiryDate", "valueDateTime": row["review_on"]}
            extensions = [{"url": f"{_UK}Extension-UKCore-MedicationRepeatInformation", "extension": [part]}]
        return known(
            self._medicine(row, "plan", row["started_on"])
            | {
                "extension": extensions,
                "statusReason": {"text": row["stop_reason"]} if row["stop_reason"] else None,
                "reasonCode": _reasons(row),
                "reportedBoolean": True if row["elsewhere"] else None,
                "dispenseRequest": known(dispense),
            }
        )

    def _issue(self, row: Row) -> Row:
        plan = [{"reference": f"MedicationRequest/{row['plan_id']}"}] if row["plan_id"] else None
        return known(self._medicine(row, "order", row["issued_on"]) | {"basedOn": plan, "dispenseRequest": known(supply(row))})

    def _statements(self) -> list[str]:
        """One for each plan that was confirmed on a day, and the statements that stand alone."""
        plans = self.tables["medication_plans"]
        alone = pl.col("native_id").str.starts_with(_STATEMENT)
        found = plans.filter(alone | pl.col("asserted_on").is_not_null()).with_columns(alone=alone)
        days = ("started_on", "ended_on", "asserted_on", "intended_end_on")
        found = with_person(found, self.tables).with_columns(
            *iso(*days),
            id=pl.when(alone).then(pl.col("native_id").str.strip_prefix(_STATEMENT)).otherwise(pl.col("native_id") + "-s"),
        )
        names = ("alone", "elsewhere", "status", "org_code", "setting", "code", "code_system", "term", "degraded", *_DOSE, *_REASON)
        return lines(found.select(*names, "id", "native_id", "local_id", *days), self._statement, ("id", "native_id", "local_id", *days))

    def _statement(self, row: Row) -> Row:
        elsewhere = "outpatient" if row["elsewhere"] else "community"
        return known(
            {
                "resourceType": "MedicationStatement",
                "id": row["id"],
                "meta": profile("MedicationStatement"),
                "basedOn": None if row["alone"] else [{"reference": f"MedicationRequest/{row['native_id']}"}],
                "status": MEDICINE_STATUS[row["status"] or "unknown"],
                "category": {"coding": [{"system": f"{_HL7}medication-statement-category", "code": elsewhere}]},
                "medicationCodeableConcept": product(row, _PRODUCT_SYSTEMS) or None,
                "subject": _subject(row),
                "effectivePeriod": known({"start": row["started_on"], "end": row["ended_on"]}),
                "dateAsserted": row["asserted_on"],
                "informationSource": self.orgs.supplier(row["org_code"], row["setting"]),
                "reasonCode": _reasons(row) if row["alone"] else None,
                "dosage": dosage(row),
            }
        )

    # Findings

    def _observations(self) -> list[str]:
        single, grouped = panels(self.tables["observations"])
        numbers = ("value_milli", "ref_low_milli", "ref_high_milli")
        single = with_person(single, self.tables).with_columns(*map(thousandths, numbers), **effective())
        text = lines(single.drop("effective_on", "precision"), self._observation, ("native_id", "local_id", "on"), numbers)
        grouped = with_person(grouped, self.tables).with_columns(**effective())
        return [*text, *lines(grouped.drop("effective_on", "precision"), self._panel, ("native_id", "local_id", "on"))]

    def _finding(self, row: Row) -> Row:
        return {
            "resourceType": "Observation",
            "id": row["native_id"],
            "meta": profile("Observation"),
            "status": OBSERVATION_STATUS.get(row["status"] or "", "unknown"),
            "subject": _subject(row),
            "effectiveDateTime": row["on"],
            "performer": [self.orgs.reference(row["org_code"])] if row["org_code"] else None,
        }

    def _observation(self, row: Row) -> Row:
        return known(self._finding(row) | {"code": concept(row["code"], row["code_system"], row["term"]) or {}} | values(row))

    def _panel(self, row: Row) -> Row:
        components = [
            {"code": concept(part["code"], part["code_system"], part["term"]) or {}} | known(values(part)) for part in row["parts"]
        ]
        head = concept(row["panel_code"], "snomed", row["panel_term"])
        return known(self._finding(row) | {"code": head, "component": components})

    def _condition(self, row: Row) -> Row:
        status = row["status"] or "unknown"
        verified = {"refuted": "refuted", "entered in error": "entered-in-error"}.get(status)
        clinical = status if status in ("active", "inactive", "resolved") else None
        return known(
            {
                "resourceType": "Condition",
                "id": row["native_id"],
                "meta": profile("Condition"),
                "clinicalStatus": {"coding": [{"system": f"{_HL7}condition-clinical", "code": clinical}]} if clinical else None,
                "verificationStatus": {"coding": [{"system": f"{_HL7}condition-ver-status", "code": verified}]} if verified else None,
                "category": [{"coding": [{"system": f"{_HL7}condition-category", "code": "problem-list-item"}]}],
                "code": concept(row["code"], row["code_system"], row["term"]),
                "subject": _subject(row),
                "onsetDateTime": row["onset_on"],
                "abatementDateTime": row["ended_on"],
                "recordedDate": row["recorded_on"],
            }
        )

    # Contacts and letters

    def _encounter(self, row: Row) -> Row:
        kind = concept(row["code"], "snomed", row["kind"])
        return known(
            {
                "resourceType": "Encounter",
                "id": row["native_id"],
                "meta": profile("Encounter"),
                "status": "finished",
                "class": {"system": f"{_HL7}v3-ActCode", "code": "AMB", "display": "ambulatory"},
                "type": [kind] if kind else None,
                "subject": _subject(row),
                "period": known({"start": row["on_date"], "end": row["on_date"]}),
                "serviceProvider": self.orgs.reference(row["org_code"]),
            }
        )

    def _stay(self, row: Row) -> Row:
        return known(
            {
                "resourceType": "Encounter",
                "id": row["native_id"],
                "meta": profile("Encounter"),
                "status": "in-progress" if row["ended_on"] is None else "finished",
                "class": {"system": f"{_HL7}v3-ActCode", "code": "IMP", "display": "inpatient encounter"},
                "subject": _subject(row),
                "period": known({"start": row["started_on"], "end": row["ended_on"]}),
                "serviceProvider": self.orgs.reference(row["org_code"]),
            }
        )

    def _appointment(self, row: Row) -> Row:
        actors = [{"actor": _subject(row), "status": "accepted"}]
        if row["org_code"]:
            actors.append({"actor": self.orgs.reference(row["org_code"]) or {}, "status": "accepted"})
        return known(
            {
                "resourceType": "Appointment",
                "id": row["native_id"],
                "meta": profile("Appointment"),
                "status": _APPOINTMENT_STATUS.get(row["status"] or ""),
                "start": row["on_date"],
                "description": row["reason"],
                "participant": actors,
            }
        )

    def _request(self, row: Row) -> Row:
        return known(
            {
                "resourceType": "ServiceRequest",
                "id": row["native_id"],
                "meta": profile("ServiceRequest"),
                "status": REQUEST_STATUS[row["status"] or "unknown"],
                "intent": "order",
                "code": {"coding": [coding(row["code"], "snomed", None)]} if row["code"] else None,
                "subject": _subject(row),
                "authoredOn": row["asked_on"],
                "requester": self.orgs.reference(row["from_org"]),
                "performer": [self.orgs.reference(row["to_org"])] if row["to_org"] else None,
                "reasonCode": [{"text": row["reason"]}] if row["reason"] else None,
            }
        )

    def _document(self, row: Row) -> Row:
        return known(
            {
                "resourceType": "DocumentReference",
                "id": row["native_id"],
                "meta": profile("DocumentReference"),
                "status": "current",
                "type": concept(row["code"], "snomed", None),
                "subject": _subject(row),
                "date": row["sent_on"],
                "author": [self.orgs.reference(row["from_org"])] if row["from_org"] else None,
                "custodian": self.orgs.reference(row["to_org"] or row["from_org"]),
                "description": row["title"],
                "content": [{"attachment": known({"contentType": "text/plain", "title": row["title"]})}],
            }
        )

    def _composition(self, row: Row) -> Row:
        return known(
            {
                "resourceType": "Composition",
                "id": row["native_id"],
                "meta": profile("Composition"),
                "status": "final",
                "type": concept(row["code"], "snomed", None) or {"text": "Letter"},
                "subject": _subject(row),
                "date": row["sent_on"],
                "author": [self.orgs.reference(row["from_org"])] if row["from_org"] else None,
                "title": row["title"],
            }
        )


_DOSE = ("dose_text", "dose_status", "dose_low_milli", "dose_high_milli", "dose_unit", "as_required")
_REASON = ("indication_code", "indication_text")


def _subject(row: Mapping[str, Any]) -> Row:
    return {"reference": f"Patient/{row['local_id']}"}


def effective() -> dict[str, pl.Expr]:
    """The day of a finding, only as far as it is known."""
    formats = {"month": "%Y-%m", "year": "%Y"}
    day = pl.col("effective_on")
    when = pl.when(pl.col("precision") == "month").then(day.dt.to_string(formats["month"]))
    return {"on": when.when(pl.col("precision") == "year").then(day.dt.to_string(formats["year"])).otherwise(day.dt.to_string("%Y-%m-%d"))}


def _reasons(row: Mapping[str, Any]) -> list[Row] | None:
    code, text = row["indication_code"], row["indication_text"]
    if code is None:
        return [{"text": text}] if text else None
    return [known({"coding": [coding(code, "snomed", None)], "text": text})]


def _decimal(milli: int) -> float | int:
    return milli // 1000 if milli % 1000 == 0 else milli / 1000


def dosage(row: Mapping[str, Any]) -> list[Row] | None:
    """The instruction as written; a structured dose as what it comes to in a day."""
    found: Row = known({"text": row["dose_text"]})
    low, high = row["dose_low_milli"], row["dose_high_milli"]
    repeat: Row = {}
    if row["dose_status"] == "structured" and high is not None:
        quantity = {"value": _decimal(high), "unit": row["dose_unit"]}
        amount: Row = {"doseQuantity": quantity}
        if not row["as_required"] and low is not None and low != high:
            amount = {"doseRange": {"low": {"value": _decimal(low), "unit": row["dose_unit"]}, "high": quantity}}
        found["doseAndRate"] = [amount]
        repeat = {"frequency": 1, "period": 1, "periodUnit": "d"}
        if row["as_required"]:
            found["asNeededBoolean"] = True
    if row.get("intended_end_on") is not None:
        repeat["boundsPeriod"] = {"end": row["intended_end_on"]}
    if repeat:
        found["timing"] = {"repeat": repeat}
    return [found] if found else None


def supply(row: Mapping[str, Any]) -> Row:
    """Quantity and days of a `dispenseRequest`; the quantity is a mark of `shapes.lines`."""
    found: Row = {}
    if row["quantity_milli"] is not None:
        found["quantity"] = known({"value": row["quantity_milli"], "unit": row["quantity_unit"]})
    if row["days_supply"] is not None:
        found["expectedSupplyDuration"] = {"value": row["days_supply"], "unit": "day", "system": UCUM, "code": "d"}
    return found


def values(row: Mapping[str, Any]) -> Row:
    """The value of a finding: number, words, or neither; thousandths stand as marks or numbers."""
    found: Row = {}
    if row["value_milli"] is not None:
        found["valueQuantity"] = known({"value": row["value_milli"], "comparator": row["comparator"], "unit": row["value_unit"]})
    if row["value_text"] is not None:
        found["valueString"] = row["value_text"]
    ends = {name: {"value": row[f"ref_{name}_milli"]} for name in ("low", "high") if row[f"ref_{name}_milli"] is not None}
    if ends:
        found["referenceRange"] = [ends]
    return found
