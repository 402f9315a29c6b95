"""Findings, problems, contacts, requests and letters. One function per resource type; see `records.schema` for meanings."""

from __future__ import annotations

from datetime import date
from typing import Any

from stepwell.records.importers.context import Context, NotUsed, Rows
from stepwell.records.importers.fhir import (
    Appointment,
    Component,
    Composition,
    Condition,
    ConditionSTU3,
    DocumentReference,
    Encounter,
    EpisodeOfCare,
    Observation,
    ReferralRequest,
    ServiceRequest,
)
from stepwell.records.importers.values import (
    clean,
    code_of,
    codes_in,
    dated,
    first_day,
    last_day,
    milli,
    not_after,
    snomed_of,
    vocabulary,
    words_of,
)

ERROR = "entered-in-error"


def observation(resource: Observation, context: Context) -> Rows:
    """A row for the value of the observation itself and one for each component that has one (native id `<id>#<n>`)."""
    subject = context.subject(resource.subject, "$.subject")
    row = context.base(resource, subject)
    when = (
        dated(resource.effectiveDateTime, "$.effectiveDateTime")
        or (dated(resource.effectivePeriod.start, "$.effectivePeriod.start") if resource.effectivePeriod else None)
        or dated(resource.effectiveInstant, "$.effectiveInstant")
        or dated(resource.issued, "$.issued")
    )
    not_after(when[0] if when else None, context.today, "$.effectiveDateTime")
    org = context.unit.first_org(resource.performer)
    row |= {
        "org_code": org.code if org and org.code else context.holder_org().code,
        "effective_on": when[0] if when else None,
        "precision": when[1] if when else None,
        "status": vocabulary()["observation_status"].get(resource.status, "unknown"),
    }
    parts = [(number, part) for number, part in enumerate(resource.component, 1) if _has_value(part)]
    rows: Rows = []
    if not parts or _has_value(resource):
        rows.append(("observations", row | _finding(resource, "$")))
    for number, part in parts:
        own = {"native_id": f"{row['native_id']}#{number}"}
        rows.append(("observations", row | own | _finding(part, f"$.component[{number - 1}]")))
    return rows


def _has_value(part: Observation | Component) -> bool:
    values = (part.valueQuantity, part.valueCodeableConcept, part.valueString, part.valueBoolean, part.valueInteger)
    return any(value is not None for value in values)


def _finding(part: Observation | Component, path: str) -> dict[str, Any]:
    code = code_of(part.code, "observation")
    quantity = part.valueQuantity
    value = milli(quantity.value, f"{path}.valueQuantity.value") if quantity else None
    if part.valueInteger is not None:
        value = part.valueInteger * 1000
    text = words_of(part.valueCodeableConcept) or clean(part.valueString)
    if text is None and part.valueBoolean is not None:
        text = "true" if part.valueBoolean else "false"
    ends = next((each for each in part.referenceRange if each.low or each.high), None)
    low, high = (ends.low, ends.high) if ends else (None, None)
    return {
        "code": code.code,
        "code_system": code.system,
        "term": code.term,
        "value_milli": value,
        "value_unit": clean(quantity.unit or quantity.code) if quantity else None,
        "comparator": quantity.comparator if quantity else None,
        "value_text": text,
        "ref_low_milli": milli(low.value, f"{path}.referenceRange.low.value") if low else None,
        "ref_high_milli": milli(high.value, f"{path}.referenceRange.high.value") if high else None,
    }


def condition(resource: Condition | ConditionSTU3, context: Context) -> Rows:
    subject = context.subject(resource.subject, "$.subject")
    code = code_of(resource.code, "condition")
    if isinstance(resource, Condition):
        clinical, verification = codes_in(resource.clinicalStatus), codes_in(resource.verificationStatus)
        recorded, recorded_path = resource.recordedDate, "$.recordedDate"
    else:
        clinical, verification = (resource.clinicalStatus or "",), (resource.verificationStatus or "",)
        recorded, recorded_path = resource.assertedDate, "$.assertedDate"
    known = vocabulary()["condition_status"]
    status = next((known[each] for each in clinical if each in known), "unknown")
    if "refuted" in verification:
        status = "refuted"
    if ERROR in verification or ERROR in clinical:
        status = "entered in error"
    onset = first_day(resource.onsetDateTime, "$.onsetDateTime")
    if onset is None and resource.onsetPeriod:
        onset = first_day(resource.onsetPeriod.start, "$.onsetPeriod.start")
    ended = last_day(resource.abatementDateTime, "$.abatementDateTime")
    if ended is None and resource.abatementPeriod:
        ended = last_day(resource.abatementPeriod.end, "$.abatementPeriod.end")
    if resource.abatementBoolean and status in ("active", "unknown"):
        status = "resolved"
    row = context.base(resource, subject) | {
        "org_code": context.holder_org().code,
        "code": code.code,
        "code_system": code.system,
        "term": code.term,
        "onset_on": not_after(onset, context.today, "$.onsetDateTime"),
        "recorded_on": not_after(first_day(recorded, recorded_path), context.today, recorded_path),
        "ended_on": ended,
        "status": status,
    }
    return [("conditions", row)]


def encounter(resource: Encounter, context: Context) -> Rows:
    """A contact; of the class of an inpatient, a stay in hospital."""
    subject = context.subject(resource.subject, "$.subject")
    if resource.status in ("planned", "cancelled"):
        raise NotUsed(f"Encounter ({resource.status})")
    if resource.status == ERROR:
        return []
    org = context.unit.org(resource.serviceProvider)
    on = first_day(resource.period.start if resource.period else None, "$.period.start")
    if resource.class_ and resource.class_.code in vocabulary()["stay"]["classes"]:
        stay = {
            "org_code": org.code if org and org.code else context.holder_org().code,
            "started_on": not_after(on, context.today, "$.period.start"),
            "ended_on": last_day(resource.period.end if resource.period else None, "$.period.end"),
        }
        return [("stays", context.base(resource, subject) | stay)]
    kinds = [words for concept in resource.type if (words := words_of(concept))]
    if not kinds and resource.class_:
        kinds = [clean(resource.class_.display or resource.class_.code) or ""]
    row = context.base(resource, subject) | {
        "org_code": org.code if org and org.code else context.holder_org().code,
        "kind": (kinds[0] or None) if kinds else None,
        "code": next((code for concept in resource.type if (code := snomed_of(concept))), None),
        "term": (kinds[0] or None) if kinds else None,
        "on_date": not_after(on, context.today, "$.period.start"),
    }
    return [("contacts", row)]


def appointment(resource: Appointment, context: Context) -> Rows:
    actors = [each.actor for each in resource.participant if each.actor]
    patients = [actor for actor in actors if actor.reference and ("Patient/" in actor.reference or context.names_patient(actor.reference))]
    subject = context.subject(patients[0] if patients else None, "$.participant")
    if resource.status == ERROR:
        return []
    org = context.unit.first_org(tuple(actor for actor in actors if actor not in patients))
    reasons = [words for concept in (*resource.reasonCode, *resource.reason) if (words := words_of(concept))]
    row = context.base(resource, subject) | {
        "org_code": org.code if org and org.code else context.holder_org().code,
        "on_date": first_day(resource.start, "$.start"),
        "status": vocabulary()["appointment_status"].get(resource.status, "unknown"),
        "reason": reasons[0] if reasons else clean(resource.description),
    }
    return [("appointments", row)]


def service_request(resource: ServiceRequest, context: Context) -> Rows:
    if resource.doNotPerform:
        raise NotUsed("ServiceRequest (do not perform)")
    subject = context.subject(resource.subject, "$.subject")
    if resource.status == ERROR:
        return []
    asker, asked = context.unit.org(resource.requester), context.unit.first_org(resource.performer)
    reasons = [words for concept in resource.reasonCode if (words := words_of(concept))]
    row = context.base(resource, subject) | {
        "from_org": asker.code if asker and asker.code else context.holder_org().code,
        "to_org": asked.code if asked else None,
        "asked_on": not_after(first_day(resource.authoredOn, "$.authoredOn"), context.today, "$.authoredOn"),
        "status": vocabulary()["request_status"].get(resource.status, "unknown"),
        "reason": reasons[0] if reasons else words_of(resource.code),
        "code": snomed_of(resource.code),
    }
    return [("requests", row)]


def referral_request(resource: ReferralRequest, context: Context) -> Rows:
    subject = context.subject(resource.subject, "$.subject")
    if resource.status == ERROR:
        return []
    requester = resource.requester
    asker = (context.unit.org(requester.onBehalfOf) or context.unit.org(requester.agent)) if requester else None
    asked = context.unit.first_org(resource.recipient)
    reasons = [words for concept in resource.reasonCode if (words := words_of(concept))]
    row = context.base(resource, subject) | {
        "from_org": asker.code if asker and asker.code else context.holder_org().code,
        "to_org": asked.code if asked else None,
        "asked_on": not_after(first_day(resource.authoredOn, "$.authoredOn"), context.today, "$.authoredOn"),
        "status": vocabulary()["request_status"].get(resource.status, "unknown"),
        "reason": reasons[0] if reasons else clean(resource.description),
        "code": next((code for concept in (*resource.serviceRequested, *resource.reasonCode) if (code := snomed_of(concept))), None),
    }
    return [("requests", row)]


def episode(resource: EpisodeOfCare, context: Context) -> Rows:
    """A registration at a practice, time on a caseload anywhere else. Planned, waiting and cancelled ones are neither."""
    subject = context.subject(resource.patient, "$.patient")
    if resource.status in ("planned", "waitlist", "cancelled"):
        raise NotUsed(f"EpisodeOfCare ({resource.status})")
    if resource.status == ERROR:
        return []
    named = context.unit.org(resource.managingOrganization)
    org = named if named and named.code else context.holder_org()
    period = resource.period
    row = context.base(resource, subject) | {
        "org_code": org.code,
        "kind": "registration" if org.kind == "practice" else "caseload",
        "started_on": not_after(first_day(period.start if period else None, "$.period.start"), context.today, "$.period.start"),
        "ended_on": last_day(period.end if period else None, "$.period.end"),
    }
    return [("registrations", row)]


def document(resource: DocumentReference, context: Context) -> Rows:
    subject = context.subject(resource.subject, "$.subject")
    if resource.status == ERROR:
        return []
    sent = first_day(resource.date, "$.date") or first_day(resource.created, "$.created") or first_day(resource.indexed, "$.indexed")
    author = context.unit.first_org(resource.author)
    custodian = context.unit.org(resource.custodian)
    titles = [content.attachment.title for content in resource.content if content.attachment and content.attachment.title]
    title = clean(resource.description) or words_of(resource.type) or (clean(titles[0]) if titles else None)
    to_org = custodian.code if custodian and custodian.code else context.holder_org().code
    row = _letter(resource, context, sent, author.code if author else None, to_org)
    row |= {"code": snomed_of(resource.type), "title": title}
    return [("letters", context.base(resource, subject) | row)]


def composition(resource: Composition, context: Context) -> Rows:
    subject = context.subject(resource.subject, "$.subject")
    if resource.status == ERROR:
        return []
    author = context.unit.first_org(resource.author)
    row = _letter(resource, context, first_day(resource.date, "$.date"), author.code if author else None, context.holder_org().code)
    row |= {"code": snomed_of(resource.type), "title": clean(resource.title) or words_of(resource.type)}
    base = context.base(resource, subject)
    return [("letters", base | {"native_id": f"Composition/{base['native_id']}"} | row)]


def _letter(resource: Any, context: Context, sent: date | None, from_org: str | None, to_org: str | None) -> dict[str, Any]:
    """Author and receiver; a document whose author also keeps it was sent to nobody we know of."""
    return {
        "from_org": from_org,
        "to_org": to_org if from_org != to_org else None,
        "sent_on": not_after(sent, context.today, "$.date"),
    }
