"""Canonical tables of one practice as GP Connect Access Record Structured 1.x: one STU3 Bundle a patient, one a line.

Shaped as suppliers send it: every plan is a `MedicationStatement`, a `MedicationRequest` with intent `plan` and its issues with
intent `order`; products are `Medication` resources; a problem is a ProblemHeader `Condition` with the observation behind it; and a
top-level `List` for each section says that the section is there, also when it is empty. Doses are text only.
Source: nhsconnect/gpconnect, accessrecord_structured pages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from stepwell.records.synthetic.writers import fhir
from stepwell.records.synthetic.writers.codes import (
    LOCAL,
    MEDICINE_STATUS,
    NHS_NUMBER,
    ODS,
    REQUEST_STATUS,
    SEX,
    SYSTEMS,
    Organisations,
    concept,
    product,
)
from stepwell.records.synthetic.writers.frames import frames, panels, practice_only, with_person
from stepwell.records.synthetic.writers.shapes import Row, encode, iso, known, lines, thousandths

FILE = "bundles.ndjson"
# Suffix of the id of the observation that a ProblemHeader names as its actual problem.
PROBLEM = "-problem"

_GPC = "https://fhir.nhs.uk/STU3/StructureDefinition/"
_HL7UK = "https://fhir.hl7.org.uk/STU3/"
_CODES = "https://fhir.nhs.uk/STU3/CodeSystem/"
_SECTIONS = (
    ("933361000000108", "Medications and medical devices", ("MedicationStatement",)),
    ("717711000000103", "Problems", ("Condition",)),
    ("826501000000100", "Miscellaneous record", ("Observation",)),
    ("1149501000000101", "List of consultations", ("Encounter",)),
    ("792931000000107", "Outbound referral", ("ReferralRequest",)),
)
_KIND = {"acute": "Acute", "repeat": "Repeat", "repeat dispensing": "Repeat Dispensing"}
_STATEMENT = "MedicationStatement/"

Entries = list[tuple[str, str, str, str]]  # local id of the patient, resource type, id, JSON


def write(folder: Path, org_code: str, tables: Mapping[str, pa.Table]) -> dict[str, int]:
    """Write `bundles.ndjson` into `folder` (made when missing). Returns file name → Bundles written.

    Raises Refused when the organisation is no practice: GP Connect serves practices' records only.
    """
    found = frames(tables)
    practice_only("GP Connect", org_code, found)
    text = _Writer(org_code, found).bundles()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / FILE).open("wb") as file:
        file.writelines(line.encode() + b"\n" for line in text)
    return {FILE: len(text)}


def _profile(name: str) -> Row:
    return {"profile": [f"{_GPC}CareConnect-GPC-{name}-1"]}


def _extension(name: str, **value: Any) -> Row:
    return {"url": f"{_GPC}Extension-CareConnect-GPC-{name}-1", **value}


def _coded(system: str, code: str, display: str | None = None) -> Row:
    return {"coding": [known({"system": f"{_CODES}{system}-1", "code": code, "display": display})]}


class _Writer:
    def __init__(self, org_code: str, tables: Mapping[str, pl.DataFrame]) -> None:
        self.org_code, self.tables = org_code, tables
        self.orgs = Organisations(org_code, tables)
        self.practice = {"reference": f"Organization/{self.orgs.ids[org_code]}"}
        self.medications: dict[str, str] = {}

    def bundles(self) -> list[str]:
        entries: dict[str, list[tuple[str, str, str]]] = {local: [] for local in self.tables["patients"]["local_id"].to_list()}
        for local, type_, identity, text in [
            *self._patients(),
            *self._plans(),
            *self._issues(),
            *self._observations(),
            *self._problems(),
            *self._others(),
        ]:
            entries[local].append((type_, identity, text))
        organisations = {
            f"Organization/{identity}": encode(self._organisation(identity, code, name, kind)).decode()
            for identity, code, name, kind in self.orgs.all()
        }
        own = organisations[self.practice["reference"]]
        # References are found by what they look like in the text, which is quicker than to walk every resource again.
        others = {f'"{key}"': text for key, text in organisations.items() if text != own}
        medications = {f'"Medication/{key}"': text for key, text in self.medications.items()}
        return [self._bundle(local, own, found, others, medications) for local, found in entries.items()]

    def _bundle(self, local: str, own: str, found: list[tuple[str, str, str]], others: dict[str, str], medications: dict[str, str]) -> str:
        sections = [encode(self._list(local, *section, found)).decode() for section in _SECTIONS]
        texts = [text for _, _, text in found]
        whole = ",".join(texts)
        named = [text for mark, text in others.items() if mark in whole]
        marks = (_medication_mark(text) for type_, _, text in found if type_ in ("MedicationRequest", "MedicationStatement"))
        used = dict.fromkeys(mark for mark in marks if mark)
        parts = [*sections, *texts, own, *named, *(medications[mark] for mark in used)]
        head = f'{{"resourceType":"Bundle","meta":{{"profile":["{_GPC}GPConnect-StructuredRecord-Bundle-1"]}},"type":"collection","entry":['
        return head + ",".join(f'{{"resource":{part}}}' for part in parts) + "]}"

    def _list(self, local: str, code: str, title: str, types: tuple[str, ...], found: list[tuple[str, str, str]]) -> Row:
        items = [{"item": {"reference": f"{type_}/{identity}"}} for type_, identity, _ in found if type_ in types]
        empty = {"coding": [{"system": "http://hl7.org/fhir/list-empty-reason", "code": "nilknown"}], "text": "No information available"}
        return known(
            {
                "resourceType": "List",
                "meta": _profile("List"),
                "status": "current",
                "mode": "snapshot",
                "title": title,
                "code": {"coding": [{"system": SYSTEMS["snomed"], "code": code, "display": title}]},
                "subject": {"reference": f"Patient/{local}"},
                "entry": items,
                "emptyReason": None if items else empty,
            }
        )

    # Who

    def _organisation(self, identity: str, code: str | None, name: str | None, kind: str) -> Row:
        coded = _coded("GPConnect-OrganisationType", "gp-practice") if kind == "practice" else {}
        return known(
            {
                "resourceType": "Organization",
                "id": identity,
                "meta": _profile("Organization"),
                "identifier": [{"system": ODS, "value": code}] if code else None,
                "type": [coded | {"text": fhir.KIND_WORDS[kind]}],
                "name": name,
            }
        )

    def _patients(self) -> Entries:
        stays = self.tables["registrations"].filter(pl.col("kind") == "registration")
        # The extension has room for one registration: the latest.
        last = stays.sort("started_on", nulls_last=False, maintain_order=True).group_by("subject_id", maintain_order=True).last()
        rows = self.tables["patients"].join(
            last.select("subject_id", "started_on", "ended_on", registered=pl.lit(True)), on="subject_id", how="left", maintain_order="left"
        )
        days = ("birth_date", "death_date", "started_on", "ended_on")
        rows = with_person(rows, self.tables).with_columns(*iso(*days))
        return _entries("Patient", rows, lines(rows, self._patient, days))

    def _patient(self, row: Row) -> Row:
        identifiers = []
        if row["nhs_number_raw"] is not None:
            number: Row = {"system": NHS_NUMBER, "value": row["nhs_number_raw"]}
            if row["nhs_status"] == "valid":
                status = _coded("CareConnect-NHSNumberVerificationStatus", "01", "Number present and verified")
                number = {"extension": [_extension("NHSNumberVerificationStatus", valueCodeableConcept=status)]} | number
            identifiers.append(number)
        extensions = []
        if row["registered"]:
            period = {"url": "registrationPeriod", "valuePeriod": known({"start": row["started_on"], "end": row["ended_on"]})}
            type_ = _coded("CareConnect-RegistrationType", "R", "Regular")
            parts = [*([period] if period["valuePeriod"] else []), {"url": "registrationType", "valueCodeableConcept": type_}]
            extensions.append(_extension("RegistrationDetails", extension=parts))
        spoken: list[Row] = []
        if row["language"] is not None:
            language = _coded("CareConnect-HumanLanguage", row["language"])
            spoken.append({"url": "language", "valueCodeableConcept": language})
        if row["interpreter"] is not None:
            spoken.append({"url": "interpreterRequired", "valueBoolean": row["interpreter"]})
        if spoken:
            extensions.append(_extension("NHSCommunication", extension=spoken))
        name = {
            "use": "official",
            "family": row["family_name"],
            "given": row["given_name"].split() if row["given_name"] else None,
            "prefix": [row["title"]] if row["title"] else None,
        }
        address = {"use": "home", "line": row["address"].split(", ") if row["address"] else None, "postalCode": row["postcode"]}
        return known(
            {
                "resourceType": "Patient",
                "id": row["native_id"],
                "meta": _profile("Patient"),
                "extension": extensions,
                "identifier": identifiers,
                "active": row["death_date"] is None,
                "name": [known(name)],
                "telecom": [{"system": "phone", "value": row["phone"]}] if row["phone"] else None,
                "gender": SEX[row["sex"] or "unknown"],
                "birthDate": row["birth_date"],
                "deceasedDateTime": row["death_date"],
                "address": [known(address)] if row["address"] or row["postcode"] else None,
                "managingOrganization": self.practice,
            }
        )

    # Medicines

    def _plans(self) -> Entries:
        plans = self.tables["medication_plans"]
        alone = pl.col("native_id").str.starts_with(_STATEMENT)
        issued = (
            self.tables["medication_issues"]
            .group_by("subject_id", pl.col("plan_id").alias("native_id"))
            .agg(last_issue=pl.col("issued_on").max(), issues=pl.len())
        )
        rows = plans.join(issued, on=["subject_id", "native_id"], how="left", nulls_equal=True, maintain_order="left")
        days = ("started_on", "ended_on", "review_on", "asserted_on", "last_issue")
        rows = with_person(rows, self.tables).with_columns(
            *iso(*days),
            thousandths("quantity_milli"),
            id=pl.col("native_id").str.strip_prefix(_STATEMENT),
            statement_id=pl.when(alone).then(pl.col("native_id").str.strip_prefix(_STATEMENT)).otherwise(pl.col("native_id") + "-MS"),
            alone=alone,
        )
        rows = rows.drop("dose_status", "dose_low_milli", "dose_high_milli", "dose_unit", "as_required", "intended_end_on")
        rows = rows.drop("native_id", "term_name", "strength_ug", "unit")
        texts = ("id", "statement_id", "local_id", "group_id", *days)
        whole = rows.filter(~pl.col("alone"))
        requests = _entries("MedicationRequest", whole, lines(whole.drop("issues"), self._plan, texts, ("quantity_milli",)), "id")
        said = lines(rows.drop("issues"), self._statement, texts, ("quantity_milli",))
        return [*_entries("MedicationStatement", rows, said, "statement_id"), *requests]

    def _issues(self) -> Entries:
        issues = self.tables["medication_issues"]
        plans = self.tables["medication_plans"].select("subject_id", pl.col("native_id").alias("plan_id"), "group_id", "kind")
        plans = plans.unique(["subject_id", "plan_id"], keep="first", maintain_order=True)
        rows = issues.join(plans, on=["subject_id", "plan_id"], how="left", maintain_order="left")
        until = pl.col("issued_on") + pl.duration(days=pl.col("days_supply"))
        rows = with_person(rows, self.tables).with_columns(
            *iso("issued_on"), thousandths("quantity_milli"), until=until.cast(pl.Date).dt.to_string("%Y-%m-%d"), id=pl.col("native_id")
        )
        rows = rows.drop("dose_status", "dose_low_milli", "dose_high_milli", "dose_unit", "as_required")
        rows = rows.drop("native_id", "term_name", "strength_ug", "unit")
        text = lines(rows, self._issue, ("id", "local_id", "group_id", "plan_id", "issued_on", "until"), ("quantity_milli",))
        return _entries("MedicationRequest", rows, text, "id")

    def _medicine(self, row: Row, type_: str, identity: str) -> Row:
        coded = product(row, SYSTEMS)
        reference = None
        if coded:
            key = "med-" + hashlib.blake2b(encode(coded), digest_size=8).hexdigest()
            if key not in self.medications:
                medication = {"resourceType": "Medication", "id": key, "meta": _profile("Medication"), "code": coded}
                self.medications[key] = encode(medication).decode()
            reference = {"reference": f"Medication/{key}"}
        return {
            "resourceType": type_,
            "id": identity,
            "meta": _profile(type_),
            "identifier": [{"system": f"{LOCAL}/{self.org_code}", "value": identity}],
            "status": MEDICINE_STATUS[row["status"] or "unknown"],
            # First of the references, where `_medication_mark` looks for it.
            "medicationReference": reference,
            "subject": {"reference": f"Patient/{row['local_id']}"},
        }

    def _request(self, row: Row, intent: str, authored: str | None) -> Row:
        kind = _KIND.get(row["kind"] or "")
        extensions = []
        if kind:
            coded = {
                "coding": [{"system": f"{_CODES}CareConnect-PrescriptionType-1", "code": kind.lower().replace(" ", "-"), "display": kind}]
            }
            extensions.append(_extension("PrescriptionType", valueCodeableConcept=coded))
        organisation = None
        if row["org_code"] != self.org_code and not row.get("elsewhere"):
            organisation = {"onBehalfOf": self.orgs.supplier(row["org_code"], row["setting"])}
        return self._medicine(row, "MedicationRequest", row["id"]) | {
            "extension": extensions,
            "intent": intent,
            "authoredOn": authored,
            "requester": organisation,
            "groupIdentifier": {"value": row["group_id"]} if row["group_id"] else None,
            "dosageInstruction": [{"text": row["dose_text"]}] if row["dose_text"] is not None else None,
        }

    def _plan(self, row: Row) -> Row:
        active = row["status"] in ("active", "on hold", "draft", "unknown")
        request = self._request(row, "plan", row["started_on"])
        parts: list[Row] = []
        if row["issues_authorised"] is not None:
            parts.append({"url": "numberOfRepeatPrescriptionsAllowed", "valueUnsignedInt": row["issues_authorised"]})
        if row["review_on"] is not None:
            parts.append({"url": "authorisationExpiryDate", "valueDateTime": row["review_on"]})
        if parts:
            request["extension"].append(_extension("MedicationRepeatInformation", extension=parts))
        if not active and (row["stop_reason"] or row["ended_on"]):
            why = [{"url": "statusReason", "valueCodeableConcept": {"text": row["stop_reason"]}}] if row["stop_reason"] else []
            when = [{"url": "statusChangeDate", "valueDateTime": row["ended_on"]}] if row["ended_on"] else []
            request["extension"].append(_extension("MedicationStatusReason", extension=[*why, *when]))
        period = known({"start": row["started_on"], "end": None if active else row["ended_on"]})
        return known(
            request
            | {
                "reasonCode": _reasons(row),
                "dispenseRequest": known({"validityPeriod": period or None} | fhir.supply(row)),
            }
        )

    def _issue(self, row: Row) -> Row:
        period = known({"start": row["issued_on"], "end": row["until"]})
        basis = [{"reference": f"MedicationRequest/{row['plan_id']}"}] if row["plan_id"] else None
        request = self._request(row, "order", row["issued_on"])
        return known(request | {"basedOn": basis, "dispenseRequest": known({"validityPeriod": period or None} | fhir.supply(row))})

    def _statement(self, row: Row) -> Row:
        agency = "prescribed-by-another-organisation" if row["elsewhere"] else "prescribed-at-gp-practice"
        coded = _coded("CareConnect-PrescribingAgency", agency)
        extensions = [_extension("PrescribingAgency", valueCodeableConcept=coded)]
        if row["last_issue"] is not None:
            extensions.insert(0, _extension("MedicationStatementLastIssueDate", valueDateTime=row["last_issue"]))
        statement = self._medicine(row, "MedicationStatement", row["statement_id"])
        period = known({"start": row["started_on"], "end": row["ended_on"]})
        return known(
            statement
            | {
                "extension": extensions,
                "basedOn": None if row["alone"] else [{"reference": f"MedicationRequest/{row['id']}"}],
                "effectivePeriod": period or None,
                "dateAsserted": row["asserted_on"],
                "reasonCode": _reasons(row) if row["alone"] else None,
                "taken": "unk",
                "dosage": [{"text": row["dose_text"]}] if row["dose_text"] is not None else None,
            }
        )

    # Findings, problems, contacts, referrals, documents

    def _observations(self) -> Entries:
        single, grouped = panels(self.tables["observations"])
        numbers = ("value_milli", "ref_low_milli", "ref_high_milli")
        single = with_person(single, self.tables).with_columns(*map(thousandths, numbers), **fhir.effective())
        text = lines(single.drop("effective_on", "precision"), self._observation, ("native_id", "local_id", "on"), numbers)
        found = _entries("Observation", single, text)
        grouped = with_person(grouped, self.tables).with_columns(**fhir.effective())
        text = lines(grouped.drop("effective_on", "precision"), self._panel, ("native_id", "local_id", "on"))
        return [*found, *_entries("Observation", grouped, text)]

    def _finding(self, row: Row) -> Row:
        performer = self.orgs.reference(row["org_code"]) if row["org_code"] != self.org_code else self.practice
        return {
            "resourceType": "Observation",
            "id": row["native_id"],
            "meta": _profile("Observation"),
            "identifier": [{"system": f"{LOCAL}/{self.org_code}", "value": row["native_id"]}],
            "status": fhir.OBSERVATION_STATUS.get(row["status"] or "", "unknown"),
            "subject": {"reference": f"Patient/{row['local_id']}"},
            "effectiveDateTime": row["on"],
            "performer": [performer] if performer else None,
        }

    def _observation(self, row: Row) -> Row:
        return known(self._finding(row) | {"code": concept(row["code"], row["code_system"], row["term"]) or {}} | fhir.values(row))

    def _panel(self, row: Row) -> Row:
        parts = [
            {"code": concept(part["code"], part["code_system"], part["term"]) or {}} | known(fhir.values(part)) for part in row["parts"]
        ]
        return known(self._finding(row) | {"code": concept(row["panel_code"], "snomed", row["panel_term"]), "component": parts})

    def _problems(self) -> Entries:
        days = ("onset_on", "recorded_on", "ended_on")
        rows = with_person(self.tables["conditions"], self.tables).with_columns(*iso(*days))
        texts = ("native_id", "local_id", *days)
        behind = rows.with_columns(native_id=pl.col("native_id") + PROBLEM)
        return [
            *_entries("Condition", rows, lines(rows, self._problem, texts)),
            *_entries("Observation", behind, lines(behind, self._actual_problem, texts)),
        ]

    def _problem(self, row: Row) -> Row:
        status = row["status"] or "unknown"
        verified = {"refuted": "refuted", "entered in error": "entered-in-error"}.get(status)
        actual = {
            "url": f"{_HL7UK}StructureDefinition/Extension-CareConnect-ActualProblem-1",
            "valueReference": {"reference": f"Observation/{row['native_id']}{PROBLEM}"},
        }
        category = {"system": f"{_HL7UK}CodeSystem/CareConnect-ConditionCategory-1", "code": "problem-list-item"}
        return known(
            {
                "resourceType": "Condition",
                "id": row["native_id"],
                "meta": _profile("ProblemHeader-Condition"),
                "extension": [actual],
                "clinicalStatus": status if status in ("active", "inactive", "resolved") else None,
                "verificationStatus": verified,
                "category": [{"coding": [category | {"display": "Problem List Item"}]}],
                "code": concept(row["code"], row["code_system"], row["term"]),
                "subject": {"reference": f"Patient/{row['local_id']}"},
                "onsetDateTime": row["onset_on"],
                "abatementDateTime": row["ended_on"],
                "assertedDate": row["recorded_on"],
            }
        )

    def _actual_problem(self, row: Row) -> Row:
        wrong = row["status"] in ("refuted", "entered in error")
        return known(
            {
                "resourceType": "Observation",
                "id": row["native_id"],
                "meta": _profile("Observation"),
                "status": "entered-in-error" if wrong else "final",
                "code": concept(row["code"], row["code_system"], row["term"]) or {},
                "subject": {"reference": f"Patient/{row['local_id']}"},
                "effectiveDateTime": row["onset_on"] or row["recorded_on"],
                "performer": [self.practice],
            }
        )

    def _others(self) -> Entries:
        found: Entries = []
        for table, type_, day, build in (
            ("contacts", "Encounter", "on_date", self._encounter),
            ("requests", "ReferralRequest", "asked_on", self._referral),
            ("letters", "DocumentReference", "sent_on", self._document),
        ):
            rows = with_person(self.tables[table], self.tables).with_columns(*iso(day))
            found += _entries(type_, rows, lines(rows, build, ("native_id", "local_id", day)))
        return found

    def _encounter(self, row: Row) -> Row:
        kind = concept(row["code"], "snomed", row["kind"])
        return known(
            {
                "resourceType": "Encounter",
                "id": row["native_id"],
                "meta": _profile("Encounter"),
                "status": "finished",
                "type": [kind] if kind else None,
                "subject": {"reference": f"Patient/{row['local_id']}"},
                "period": known({"start": row["on_date"]}),
                "serviceProvider": self.orgs.reference(row["org_code"]),
            }
        )

    def _referral(self, row: Row) -> Row:
        asker = self.orgs.reference(row["from_org"])
        reason = concept(row["code"], "snomed", row["reason"])
        return known(
            {
                "resourceType": "ReferralRequest",
                "id": row["native_id"],
                "meta": _profile("ReferralRequest"),
                "status": REQUEST_STATUS[row["status"] or "unknown"],
                "intent": "order",
                "subject": {"reference": f"Patient/{row['local_id']}"},
                "authoredOn": row["asked_on"],
                "requester": {"onBehalfOf": asker} if asker else None,
                "recipient": [self.orgs.reference(row["to_org"])] if row["to_org"] else None,
                "reasonCode": [reason] if reason else None,
            }
        )

    def _document(self, row: Row) -> Row:
        return known(
            {
                "resourceType": "DocumentReference",
                "id": row["native_id"],
                "meta": _profile("DocumentReference"),
                "status": "current",
                "type": concept(row["code"], "snomed", None),
                "subject": {"reference": f"Patient/{row['local_id']}"},
                "created": row["sent_on"],
                "author": [self.orgs.reference(row["from_org"])] if row["from_org"] else None,
                "custodian": self.orgs.reference(row["to_org"] or row["from_org"]),
                "description": row["title"],
                "content": [{"attachment": {"contentType": "text/plain"}}],
            }
        )


def _entries(type_: str, rows: pl.DataFrame, texts: list[str], identity: str = "native_id") -> Entries:
    if not texts:
        return []
    return [(local, type_, id_, text) for local, id_, text in zip(rows["local_id"].to_list(), rows[identity].to_list(), texts, strict=True)]


def _reasons(row: Mapping[str, Any]) -> list[Row] | None:
    code, text = row["indication_code"], row["indication_text"]
    found = concept(code, "snomed", None)
    return [found | known({"text": text})] if found else [{"text": text}] if text else None


def _medication_mark(text: str) -> str | None:
    """`"Medication/<key>"` as it stands in the text of a request or statement."""
    start = text.find('"Medication/')
    return text[start : text.index('"', start + 1) + 1] if start >= 0 else None
