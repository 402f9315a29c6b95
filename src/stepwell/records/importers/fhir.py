"""FHIR resources as typed structs: R4 and GP Connect STU3, only the elements this product reads.

Two tagged unions on `resourceType`, because a few elements change type between the releases. Unknown keys are skipped;
`modifierExtension` and `implicitRules` must not be and are checked on the raw text (`stepwell.records.importers.context`).
Source: hl7.org/fhir/R4, hl7.org/fhir/STU3, GP Connect Access Record Structured profiles.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec


class Element(msgspec.Struct, gc=False):
    pass


class Resource(msgspec.Struct, gc=False, tag_field="resourceType", kw_only=True):
    id: str | None = None
    meta: Meta | None = None
    implicitRules: str | None = None
    contained: tuple[msgspec.Raw, ...] = ()


class Coding(Element):
    system: str | None = None
    code: str | None = None
    display: str | None = None


class CodeableConcept(Element):
    coding: tuple[Coding, ...] = ()
    text: str | None = None


class Identifier(Element):
    system: str | None = None
    value: str | None = None


class Reference(Element):
    reference: str | None = None
    identifier: Identifier | None = None
    display: str | None = None


class Period(Element):
    start: str | None = None
    end: str | None = None


class Quantity(Element):
    value: Decimal | None = None
    comparator: str | None = None
    unit: str | None = None
    code: str | None = None
    extension: tuple[Extension, ...] = ()


class Range(Element):
    low: Quantity | None = None
    high: Quantity | None = None


class Extension(Element):
    url: str = ""
    extension: tuple[Extension, ...] = ()
    valueCode: str | None = None
    valueString: str | None = None
    valueBoolean: bool | None = None
    valueDateTime: str | None = None
    valueInteger: int | None = None
    valuePositiveInt: int | None = None
    valueUnsignedInt: int | None = None
    valueCodeableConcept: CodeableConcept | None = None
    valueReference: Reference | None = None
    valuePeriod: Period | None = None


class Meta(Element):
    versionId: str | None = None
    lastUpdated: str | None = None


class HumanName(Element):
    use: str | None = None
    text: str | None = None
    family: str | None = None
    given: tuple[str | None, ...] = ()
    prefix: tuple[str | None, ...] = ()


class Address(Element):
    use: str | None = None
    text: str | None = None
    line: tuple[str | None, ...] = ()
    city: str | None = None
    district: str | None = None
    postalCode: str | None = None


class ContactPoint(Element):
    system: str | None = None
    value: str | None = None
    use: str | None = None
    rank: int | None = None


class Communication(Element):
    language: CodeableConcept | None = None
    preferred: bool | None = None


class Patient(Resource, tag="Patient"):
    identifier: tuple[Identifier, ...] = ()
    name: tuple[HumanName, ...] = ()
    telecom: tuple[ContactPoint, ...] = ()
    gender: str | None = None
    birthDate: str | None = None
    deceasedBoolean: bool | None = None
    deceasedDateTime: str | None = None
    address: tuple[Address, ...] = ()
    communication: tuple[Communication, ...] = ()
    generalPractitioner: tuple[Reference, ...] = ()
    managingOrganization: Reference | None = None
    extension: tuple[Extension, ...] = ()


class Organization(Resource, tag="Organization"):
    identifier: tuple[Identifier, ...] = ()
    type: tuple[CodeableConcept, ...] = ()
    name: str | None = None


class PractitionerRole(Resource, tag="PractitionerRole"):
    practitioner: Reference | None = None
    organization: Reference | None = None


class Medication(Resource, tag="Medication"):
    code: CodeableConcept | None = None


# Medicines


class TimingRepeat(Element):
    frequency: int | None = None
    frequencyMax: int | None = None
    period: Decimal | None = None
    periodMax: Decimal | None = None
    periodUnit: str | None = None
    when: tuple[str, ...] | str | None = None
    boundsPeriod: Period | None = None
    dayOfWeek: tuple[str, ...] = ()


class Timing(Element):
    repeat: TimingRepeat | None = None


class DoseAndRate(Element):
    doseQuantity: Quantity | None = None
    doseRange: Range | None = None


class Dosage(Element):
    sequence: int | None = None
    text: str | None = None
    timing: Timing | None = None
    asNeededBoolean: bool | None = None
    asNeededCodeableConcept: CodeableConcept | None = None
    doseAndRate: tuple[DoseAndRate, ...] = ()
    doseQuantity: Quantity | None = None
    doseRange: Range | None = None


class DispenseRequest(Element):
    validityPeriod: Period | None = None
    numberOfRepeatsAllowed: int | None = None
    quantity: Quantity | None = None
    expectedSupplyDuration: Quantity | None = None


class Requester(Element):
    """STU3: who asked, on whose behalf."""

    agent: Reference | None = None
    onBehalfOf: Reference | None = None


class _MedicationRequest(Resource):
    subject: Reference
    intent: str
    status: str | None = None
    medicationCodeableConcept: CodeableConcept | None = None
    medicationReference: Reference | None = None
    authoredOn: str | None = None
    basedOn: tuple[Reference, ...] = ()
    groupIdentifier: Identifier | None = None
    dosageInstruction: tuple[Dosage, ...] = ()
    dispenseRequest: DispenseRequest | None = None
    reasonCode: tuple[CodeableConcept, ...] = ()
    reasonReference: tuple[Reference, ...] = ()
    extension: tuple[Extension, ...] = ()


class MedicationRequest(_MedicationRequest, tag="MedicationRequest"):
    requester: Reference | None = None
    reportedBoolean: bool | None = None
    reportedReference: Reference | None = None
    doNotPerform: bool | None = None
    statusReason: CodeableConcept | None = None
    courseOfTherapyType: CodeableConcept | None = None


class MedicationRequestSTU3(_MedicationRequest, tag="MedicationRequest"):
    requester: Requester | None = None


class MedicationStatement(Resource, tag="MedicationStatement"):
    subject: Reference
    status: str | None = None
    category: CodeableConcept | None = None
    medicationCodeableConcept: CodeableConcept | None = None
    medicationReference: Reference | None = None
    basedOn: tuple[Reference, ...] = ()
    effectiveDateTime: str | None = None
    effectivePeriod: Period | None = None
    dateAsserted: str | None = None
    informationSource: Reference | None = None
    dosage: tuple[Dosage, ...] = ()
    reasonCode: tuple[CodeableConcept, ...] = ()
    reasonReference: tuple[Reference, ...] = ()
    extension: tuple[Extension, ...] = ()


# Findings and contacts


class ReferenceRange(Element):
    low: Quantity | None = None
    high: Quantity | None = None


class Component(Element):
    code: CodeableConcept
    valueQuantity: Quantity | None = None
    valueCodeableConcept: CodeableConcept | None = None
    valueString: str | None = None
    valueBoolean: bool | None = None
    valueInteger: int | None = None
    referenceRange: tuple[ReferenceRange, ...] = ()


class Observation(Resource, tag="Observation"):
    subject: Reference
    code: CodeableConcept
    status: str | None = None
    effectiveDateTime: str | None = None
    effectivePeriod: Period | None = None
    effectiveInstant: str | None = None
    issued: str | None = None
    performer: tuple[Reference, ...] = ()
    valueQuantity: Quantity | None = None
    valueCodeableConcept: CodeableConcept | None = None
    valueString: str | None = None
    valueBoolean: bool | None = None
    valueInteger: int | None = None
    referenceRange: tuple[ReferenceRange, ...] = ()
    component: tuple[Component, ...] = ()


class _Condition(Resource):
    subject: Reference
    code: CodeableConcept | None = None
    onsetDateTime: str | None = None
    onsetPeriod: Period | None = None
    abatementDateTime: str | None = None
    abatementPeriod: Period | None = None
    abatementBoolean: bool | None = None


class Condition(_Condition, tag="Condition"):
    clinicalStatus: CodeableConcept | None = None
    verificationStatus: CodeableConcept | None = None
    recordedDate: str | None = None


class ConditionSTU3(_Condition, tag="Condition"):
    clinicalStatus: str | None = None
    verificationStatus: str | None = None
    assertedDate: str | None = None


class Encounter(Resource, tag="Encounter"):
    subject: Reference
    status: str | None = None
    class_: Coding | None = msgspec.field(default=None, name="class")
    type: tuple[CodeableConcept, ...] = ()
    period: Period | None = None
    serviceProvider: Reference | None = None


class Participant(Element):
    actor: Reference | None = None


class Appointment(Resource, tag="Appointment"):
    status: str | None = None
    start: str | None = None
    description: str | None = None
    reasonCode: tuple[CodeableConcept, ...] = ()
    reason: tuple[CodeableConcept, ...] = ()
    participant: tuple[Participant, ...] = ()


class ServiceRequest(Resource, tag="ServiceRequest"):
    subject: Reference
    status: str | None = None
    intent: str | None = None
    code: CodeableConcept | None = None
    authoredOn: str | None = None
    requester: Reference | None = None
    performer: tuple[Reference, ...] = ()
    reasonCode: tuple[CodeableConcept, ...] = ()
    doNotPerform: bool | None = None


class ReferralRequest(Resource, tag="ReferralRequest"):
    subject: Reference
    status: str | None = None
    authoredOn: str | None = None
    requester: Requester | None = None
    recipient: tuple[Reference, ...] = ()
    serviceRequested: tuple[CodeableConcept, ...] = ()
    reasonCode: tuple[CodeableConcept, ...] = ()
    description: str | None = None


class EpisodeOfCare(Resource, tag="EpisodeOfCare"):
    patient: Reference
    status: str | None = None
    managingOrganization: Reference | None = None
    period: Period | None = None


class Attachment(Element):
    title: str | None = None


class Content(Element):
    attachment: Attachment | None = None


class DocumentReference(Resource, tag="DocumentReference"):
    subject: Reference | None = None
    status: str | None = None
    type: CodeableConcept | None = None
    author: tuple[Reference, ...] = ()
    date: str | None = None
    custodian: Reference | None = None
    created: str | None = None
    indexed: str | None = None
    description: str | None = None
    content: tuple[Content, ...] = ()


class Composition(Resource, tag="Composition"):
    subject: Reference | None = None
    status: str | None = None
    type: CodeableConcept | None = None
    author: tuple[Reference, ...] = ()
    date: str | None = None
    title: str | None = None


class List(Resource, tag="List"):
    """GP Connect: a section of the record; only its code and its warnings are read."""

    code: CodeableConcept | None = None
    extension: tuple[Extension, ...] = ()


_COMMON = (
    Patient
    | Organization
    | PractitionerRole
    | Medication
    | MedicationStatement
    | Observation
    | Encounter
    | Appointment
    | EpisodeOfCare
    | DocumentReference
    | Composition
    | List
)
R4 = _COMMON | MedicationRequest | Condition | ServiceRequest
STU3 = _COMMON | MedicationRequestSTU3 | ConditionSTU3 | ReferralRequest

decode_r4 = msgspec.json.Decoder(R4).decode
decode_stu3 = msgspec.json.Decoder(STU3).decode


# Envelopes


class Request(Element):
    method: str | None = None
    url: str | None = None


class Entry(msgspec.Struct):
    fullUrl: str | None = None
    resource: msgspec.Raw = msgspec.Raw(b"")
    request: Request | None = None


class Bundle(msgspec.Struct):
    entry: tuple[msgspec.Raw, ...] = ()
    type: str | None = None


class Head(msgspec.Struct):
    """The least a line must say to be told apart."""

    resourceType: str | None = None
    id: str | None = None
    request: Request | None = None


decode_bundle = msgspec.json.Decoder(Bundle).decode
decode_entry = msgspec.json.Decoder(Entry).decode
decode_head = msgspec.json.Decoder(Head).decode
