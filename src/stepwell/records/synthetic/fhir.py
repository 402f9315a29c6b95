"""A chart as FHIR R4 resources in the shape of UK Core (STU 2), as plain dictionaries ready to encode."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import Any

from stepwell.records.synthetic.catalogue import Catalogue, Condition
from stepwell.records.synthetic.chart import Chart, Letter, Measurement, Plan, Problem, Stay

Resource = dict[str, Any]

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
SNOMED = "http://snomed.info/sct"
DMD = "https://dmd.nhs.uk"
LOCAL = "https://stepwell.example/Id/local-patient"
_HL7 = "http://terminology.hl7.org/CodeSystem/"
_UK = "https://fhir.hl7.org.uk/StructureDefinition/"
_VERIFICATION = "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland"
_COURSE_TYPE = "https://fhir.nhs.uk/CodeSystem/medicationrequest-course-of-therapy"
_DEGRADED = {"system": SNOMED, "code": "196421000000109", "display": "Transfer-degraded medication entry"}
_COURSE = {
    "acute": ("acute", "Short course (acute) therapy"),
    "repeat": ("continuous", "Continuous long term therapy"),
    "repeat dispensing": ("continuous-repeat-dispensing", "Continuous long term (repeat dispensing)"),
}


@lru_cache(maxsize=65536)
def _day(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()


def _profile(name: str) -> dict[str, list[str]]:
    return {"profile": [f"{_UK}UKCore-{name}"]}


def _organisation_reference(code: str) -> Resource:
    return {"reference": f"Organization/{code}", "identifier": {"system": ODS, "value": code}}


def organisation(code: str, name: str, kind: str, phone: str | None = None) -> Resource:
    """`kind` is practice, trust or network, told in the words an ODS export uses."""
    words = {"practice": "GP practice", "trust": "NHS trust", "network": "Primary care network"}[kind]
    row: Resource = {
        "resourceType": "Organization",
        "id": code,
        "meta": _profile("Organization"),
        "identifier": [{"system": ODS, "value": code}],
        "active": True,
        "type": [{"coding": [{"system": f"{_HL7}organization-type", "code": "prov", "display": "Healthcare Provider"}], "text": words}],
        "name": name,
    }
    if phone:
        row["telecom"] = [{"system": "phone", "value": phone}]
    return row


def resources(catalogue: Catalogue, chart: Chart) -> Iterator[Resource]:
    """Every resource of one chart; ids are unique at the organisation and stable from run to run."""
    subject = {"reference": f"Patient/{chart.local}"}
    yield _patient(chart)
    for number, stay in enumerate(chart.stays):
        yield _episode(catalogue, chart, number, stay, subject)
    for number, plan in enumerate(chart.plans):
        yield from _medicine(catalogue, chart, number, plan, subject)
    for number, row in enumerate(chart.measurements):
        yield _observation(catalogue, chart, number, row, subject)
    for number, problem in enumerate(chart.problems):
        yield _condition(chart, number, problem, subject)
    for number, (on, kind) in enumerate(chart.contacts):
        yield _encounter(chart, number, on, kind, subject)
    for number, letter in enumerate(chart.letters):
        yield _letter(chart, number, letter, subject)


def _patient(chart: Chart) -> Resource:
    person = chart.person
    identifiers: list[Resource] = [{"use": "usual", "system": LOCAL, "value": chart.local}]
    if person.nhs_number is not None:
        status = {"coding": [{"system": _VERIFICATION, "code": "01", "display": "Number present and verified"}]}
        verification = {"url": f"{_UK}Extension-UKCore-NHSNumberVerificationStatus", "valueCodeableConcept": status}
        identifiers.insert(0, {"extension": [verification], "system": NHS_NUMBER, "value": person.nhs_number})
    row: Resource = {
        "resourceType": "Patient",
        "id": chart.local,
        "meta": _profile("Patient"),
        "identifier": identifiers,
        "active": person.died is None,
        "name": [{"use": "official", "family": person.family, "given": [person.given], "prefix": [person.title]}],
        "telecom": [{"system": "phone", "value": person.phone, "use": "mobile"}],
        "gender": "female" if person.female else "male",
        "birthDate": _day(chart.born),
        "address": [
            {"use": "home", "line": [person.address.split(", ")[0]], "city": person.address.split(", ")[1], "postalCode": person.postcode}
        ],
        "generalPractitioner": [_organisation_reference(chart.practice)],
        "managingOrganization": _organisation_reference(chart.org),
    }
    if person.died is not None:
        row["deceasedDateTime"] = _day(person.died)
    if person.language is not None:
        coding = {"system": "urn:ietf:bcp:47", "code": person.language}
        row["communication"] = [{"language": {"coding": [coding]}, "preferred": True}]
        if person.interpreter:
            row["extension"] = [{"url": f"{_UK}Extension-UKCore-PatientInterpreterRequired", "valueBoolean": True}]
    return row


def _episode(catalogue: Catalogue, chart: Chart, number: int, stay: Stay, subject: Resource) -> Resource:
    at_trust = chart.org == catalogue.network.trust.code
    period = {"start": _day(stay.started)} | ({"end": _day(stay.ended)} if stay.ended is not None else {})
    return {
        "resourceType": "EpisodeOfCare",
        "id": f"{chart.local}-e{number}",
        "meta": _profile("EpisodeOfCare"),
        "status": "active" if stay.ended is None else "finished",
        "type": [{"text": f"Caseload: {catalogue.network.trust.team}" if at_trust else "GP registration"}],
        "patient": subject,
        "managingOrganization": _organisation_reference(chart.org),
        "period": period,
    }


def _medication(plan: Plan) -> Resource:
    if plan.degraded:
        return {"coding": [_DEGRADED], "text": plan.product.term}
    # Both systems are met in real records; every seventh product comes under SNOMED CT, as GP Connect sends it.
    system = SNOMED if int(plan.product.code) % 7 == 0 else DMD
    return {"coding": [{"system": system, "code": plan.product.code, "display": plan.product.term}], "text": plan.product.term}


def _dosage(plan: Plan) -> list[Resource]:
    row: Resource = {"text": plan.text}
    pattern = plan.pattern
    if plan.structured:
        dose: Resource = {"doseQuantity": {"value": pattern.units, "unit": plan.product.unit}}
        if pattern.low is not None:
            high = {"value": pattern.units, "unit": plan.product.unit}
            dose = {"doseRange": {"low": {"value": pattern.low, "unit": plan.product.unit}, "high": high}}
        repeat: Resource = {"frequency": pattern.times, "period": 1, "periodUnit": "d"}
        if pattern.when:
            repeat["when"] = [pattern.when]
        row |= {"timing": {"repeat": repeat}, "doseAndRate": [dose]}
        if plan.as_required:
            row["asNeededBoolean"] = True
    if plan.intended_end is not None:
        row.setdefault("timing", {"repeat": {}})["repeat"]["boundsPeriod"] = {"start": _day(plan.started), "end": _day(plan.intended_end)}
    return [row]


def _supply(plan: Plan, quantity: int | None) -> Resource:
    row: Resource = {}
    if quantity is not None:
        row["quantity"] = {"value": quantity, "unit": plan.product.unit}
    if plan.states_days:
        row["expectedSupplyDuration"] = {"value": plan.days, "unit": "day", "system": "http://unitsofmeasure.org", "code": "d"}
    return row


def _request(chart: Chart, plan: Plan, identity: str, *, intent: str, on: int, subject: Resource) -> Resource:
    code, display = _COURSE[plan.kind]
    setting = "community" if plan.supplier == chart.practice else "outpatient"
    return {
        "resourceType": "MedicationRequest",
        "id": identity,
        "meta": _profile("MedicationRequest"),
        "identifier": [{"system": "https://stepwell.example/Id/medication-request", "value": identity}],
        "status": "active",
        "intent": intent,
        "category": [{"coding": [{"system": f"{_HL7}medicationrequest-category", "code": setting}]}],
        "medicationCodeableConcept": _medication(plan),
        "subject": subject,
        "authoredOn": _day(on),
        "requester": _organisation_reference(plan.supplier),
        "courseOfTherapyType": {"coding": [{"system": _COURSE_TYPE, "code": code, "display": display}]},
        "dosageInstruction": _dosage(plan),
        "substitution": {"allowedBoolean": False},
    }


def _medicine(catalogue: Catalogue, chart: Chart, number: int, plan: Plan, subject: Resource) -> Iterator[Resource]:
    identity = f"{chart.local}-m{number}"
    at_trust = chart.org == catalogue.network.trust.code
    if not at_trust:
        yield _plan(chart, plan, identity, subject)
    if plan.elsewhere:
        yield _statement(chart, plan, identity, subject)
    for count, issue in enumerate(plan.issues):
        row = _request(chart, plan, f"{identity}-{count}", intent="order", on=issue.on, subject=subject)
        row["status"] = "completed"
        row["dispenseRequest"] = _supply(plan, issue.quantity)
        if not at_trust:
            row["basedOn"] = [{"reference": f"MedicationRequest/{identity}"}]
            row["groupIdentifier"] = {"system": "https://stepwell.example/Id/medication-group", "value": identity}
        yield row


def _plan(chart: Chart, plan: Plan, identity: str, subject: Resource) -> Resource:
    row = _request(chart, plan, identity, intent="plan", on=plan.started, subject=subject)
    period = {"start": _day(plan.started)}
    if plan.ended is not None:
        row["status"] = "completed" if plan.kind == "acute" else "stopped"
        row["statusReason"] = {"text": plan.stop_reason or "Course complete"}
        period["end"] = _day(plan.ended)
    row["dispenseRequest"] = {"validityPeriod": period, **_supply(plan, plan.quantity)}
    row["groupIdentifier"] = {"system": "https://stepwell.example/Id/medication-group", "value": identity}
    if plan.elsewhere:
        row["reportedBoolean"] = True
    if plan.kind != "acute":
        parts: list[Resource] = [{"url": "numberOfPrescriptionsIssued", "valueUnsignedInt": len(plan.issues)}]
        if plan.review_on is not None:
            parts.append({"url": "authorisationExpiryDate", "valueDateTime": _day(plan.review_on)})
        row["extension"] = [{"url": f"{_UK}Extension-UKCore-MedicationRepeatInformation", "extension": parts}]
    if plan.reason is not None:
        row["reasonCode"] = [{"coding": [_coded(plan.reason)], "text": plan.reason_text}]
    elif plan.reason_text is not None:
        row["reasonCode"] = [{"text": plan.reason_text}]
    return row


def _coded(condition: Condition) -> Resource:
    return {"system": SNOMED, "code": condition.code, "display": condition.term}


def _statement(chart: Chart, plan: Plan, identity: str, subject: Resource) -> Resource:
    row: Resource = {
        "resourceType": "MedicationStatement",
        "id": f"{identity}-s",
        "meta": _profile("MedicationStatement"),
        "basedOn": [{"reference": f"MedicationRequest/{identity}"}],
        "status": "active" if plan.ended is None else "stopped",
        "category": {"coding": [{"system": f"{_HL7}medication-statement-category", "code": "outpatient"}], "text": "Prescribed elsewhere"},
        "medicationCodeableConcept": _medication(plan),
        "subject": subject,
        "effectivePeriod": {"start": _day(plan.started)} | ({"end": _day(plan.ended)} if plan.ended is not None else {}),
        "informationSource": _organisation_reference(plan.supplier),
        "dosage": [{"text": plan.text}],
    }
    if plan.asserted_on is not None:
        row["dateAsserted"] = _day(plan.asserted_on)
    return row


def _observation(catalogue: Catalogue, chart: Chart, number: int, row: Measurement, subject: Resource) -> Resource:
    test = catalogue.results.tests[row.test]
    resource: Resource = {
        "resourceType": "Observation",
        "id": f"{chart.local}-o{number}",
        "meta": _profile("Observation"),
        "status": "final",
        "code": {"coding": [{"system": SNOMED, "code": test.code, "display": test.term}]},
        "subject": subject,
        "effectiveDateTime": _day(row.on),
        "performer": [_organisation_reference(chart.org)],
    }
    value = {"value": row.value, "unit": row.unit} if row.value is not None else None
    if row.second is not None:
        lower = catalogue.results.tests["diastolic"]
        resource["code"] = {"coding": [{"system": SNOMED, "code": "75367002", "display": "Blood pressure"}]}
        resource["component"] = [
            {"code": {"coding": [{"system": SNOMED, "code": test.code, "display": test.term}]}, "valueQuantity": value},
            {
                "code": {"coding": [{"system": SNOMED, "code": lower.code, "display": lower.term}]},
                "valueQuantity": {"value": row.second, "unit": row.unit},
            },
        ]
    elif value is not None:
        resource["valueQuantity"] = value
    return resource


def _condition(chart: Chart, number: int, problem: Problem, subject: Resource) -> Resource:
    status = "active" if problem.ended is None else "resolved"
    row: Resource = {
        "resourceType": "Condition",
        "id": f"{chart.local}-c{number}",
        "meta": _profile("Condition"),
        "clinicalStatus": {"coding": [{"system": f"{_HL7}condition-clinical", "code": status}]},
        "category": [{"coding": [{"system": f"{_HL7}condition-category", "code": "problem-list-item"}]}],
        "code": {"coding": [_coded(problem.condition)]},
        "subject": subject,
        "onsetDateTime": _day(problem.since),
        "recordedDate": _day(problem.since),
    }
    if problem.ended is not None:
        row["abatementDateTime"] = _day(problem.ended)
    return row


def _encounter(chart: Chart, number: int, on: int, kind: str, subject: Resource) -> Resource:
    return {
        "resourceType": "Encounter",
        "id": f"{chart.local}-n{number}",
        "meta": _profile("Encounter"),
        "status": "finished",
        "class": {"system": f"{_HL7}v3-ActCode", "code": "AMB", "display": "ambulatory"},
        "type": [{"text": kind}],
        "subject": subject,
        "period": {"start": _day(on), "end": _day(on)},
        "serviceProvider": _organisation_reference(chart.org),
    }


def _letter(chart: Chart, number: int, letter: Letter, subject: Resource) -> Resource:
    return {
        "resourceType": "DocumentReference",
        "id": f"{chart.local}-l{number}",
        "meta": _profile("DocumentReference"),
        "status": "current",
        "type": {"coding": [{"system": SNOMED, "code": "823681000000100", "display": "Outpatient letter"}], "text": letter.title},
        "subject": subject,
        "date": f"{_day(letter.on)}T09:00:00Z",
        "author": [_organisation_reference(letter.sender)],
        "custodian": _organisation_reference(letter.receiver),
        "description": letter.title,
        "content": [{"attachment": {"contentType": "text/plain", "title": letter.title}}],
    }
