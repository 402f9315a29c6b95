"""MedicationRequest and MedicationStatement → medication_plans and medication_issues.

Mapping, where the formats leave a choice (GP Connect: nhsconnect/gpconnect, accessrecord_structured medication pages):

- intent `plan` is a plan; `order` (and its R4 kinds) an issue; `proposal` and `option` are no supply and are not used, nor is
  R4 `doNotPerform`.
- Day of an issue: GP Connect `dispenseRequest.validityPeriod.start` (`authoredOn` is the audit trail's time there, and issues
  are post-dated); R4 `authoredOn`, otherwise that start.
- A MedicationStatement that is based on a plan says more about it (`stepwell.records.importers.merge` lays it over the plan);
  one that stands alone is a plan of its own, native id `MedicationStatement/<id>`.
- Prescribed elsewhere: GP Connect extension PrescribingAgency = prescribed-by-another-organisation; R4 `reportedBoolean` or
  `reportedReference`; MedicationStatement.category inpatient or outpatient; `informationSource` an organisation other than the
  one that holds the record. The last two only at a practice.
- `review_on`: RepeatInformation.authorisationExpiryDate, otherwise the end of the validity of an active plan.
- `ended_on` of a plan that is not active: statusReason's date, otherwise the end of its validity (or of the statement).
- `asserted_on`: the later of MedicationStatement.dateAsserted and its last issue date.
- Several dosage instructions without order, or of one sequence number, are taken together and add up; in sequence they are
  steps, which no single daily dose describes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import lru_cache
from typing import Any

import msgspec

from stepwell.records.dose import parse_dose
from stepwell.records.importers.context import Context, NotUsed, Rows
from stepwell.records.importers.fhir import (
    CodeableConcept,
    Dosage,
    MedicationRequest,
    MedicationRequestSTU3,
    MedicationStatement,
    Quantity,
    Reference,
    Requester,
)
from stepwell.records.importers.references import Org
from stepwell.records.importers.values import (
    Fault,
    clean,
    code_of,
    codes_in,
    day,
    days_of,
    extension,
    first_day,
    last_day,
    milli,
    milli_of,
    not_after,
    snomed_of,
    unit_of,
    vocabulary,
    words_of,
)
from stepwell.records.product import parse_product

AnyRequest = MedicationRequest | MedicationRequestSTU3


def request(resource: AnyRequest, context: Context) -> Rows:
    target = vocabulary()["intent"].get(resource.intent)
    if target is None:
        raise NotUsed(f"MedicationRequest ({resource.intent})")
    r4 = isinstance(resource, MedicationRequest)
    if isinstance(resource, MedicationRequest) and resource.doNotPerform:
        raise NotUsed("MedicationRequest (do not perform)")
    subject = context.subject(resource.subject, "$.subject")
    dispense = resource.dispenseRequest
    period = dispense.validityPeriod if dispense else None
    org = _requester(resource.requester, context)
    row = context.base(resource, subject)
    based_on = _plan_reference(resource.basedOn, context)
    if based_on is not None and resource.medicationCodeableConcept is None and resource.medicationReference is None:
        # An issue under a plan may leave the product to it (merge takes it from there).
        row |= _product(CodeableConcept(), None, context) | {"degraded": False}
    else:
        row |= _product(resource.medicationCodeableConcept, resource.medicationReference, context)
    row |= _dose(resource.dosageInstruction, "$.dosageInstruction")
    row |= _supply(dispense.quantity if dispense else None, "$.dispenseRequest.quantity")
    status = vocabulary()["medicine_status"].get(resource.status, "unknown")
    row["status"] = status
    row["days_supply"] = days_of(dispense.expectedSupplyDuration if dispense else None, "$.dispenseRequest.expectedSupplyDuration")
    row["org_code"], row["setting"] = _supplier(org, context)
    started = first_day(period.start if period else None, "$.dispenseRequest.validityPeriod.start")
    authored = first_day(resource.authoredOn, "$.authoredOn")
    if target == "issue":
        issued = (authored or started) if r4 else (started or authored)
        row["plan_id"] = based_on
        row["issued_on"] = not_after(
            issued, context.today, "$.authoredOn" if issued is authored else "$.dispenseRequest.validityPeriod.start"
        )
        return [("medication_issues", row)]
    ended = last_day(period.end if period else None, "$.dispenseRequest.validityPeriod.end")
    repeat = extension(resource.extension, "MedicationRepeatInformation")
    parts = repeat.extension if repeat else ()
    expiry = extension(parts, "authorisationExpiryDate")
    allowed = extension(parts, "numberOfRepeatPrescriptionsAllowed") or extension(parts, "numberOfPrescriptionsAllowed")
    issues = (allowed.valuePositiveInt or allowed.valueUnsignedInt or allowed.valueInteger) if allowed else None
    stopped_on, stop_reason = _stop(resource)
    active = status in ("active", "on hold", "draft", "unknown")
    reported = isinstance(resource, MedicationRequest) and bool(resource.reportedBoolean or resource.reportedReference)
    if isinstance(resource, MedicationRequest) and reported and org is None:
        row["org_code"], row["setting"] = _supplier(context.unit.org(resource.reportedReference), context, own=False)
    row |= _reason(resource.reasonCode, resource.reasonReference, context)
    row |= {
        "kind": _kind(resource),
        "elsewhere": reported,
        "started_on": started or authored,
        "ended_on": None if active else (stopped_on or ended),
        "review_on": last_day(expiry.valueDateTime, "$.extension") if expiry else (ended if active else None),
        "asserted_on": None,
        "intended_end_on": _bounds(resource.dosageInstruction),
        "stop_reason": stop_reason,
        "group_id": clean(resource.groupIdentifier.value) if resource.groupIdentifier else None,
        "issues_authorised": issues if issues is not None else (dispense.numberOfRepeatsAllowed if dispense else None),
    }
    if issues is not None and not 0 <= issues < 2**31:
        raise Fault("not a number of issues", f"{issues} issues cannot be authorised. Correct it at the source.", "$.extension")
    return [("medication_plans", row)]


def statement(resource: MedicationStatement, context: Context) -> Rows:
    subject = context.subject(resource.subject, "$.subject")
    row = context.base(resource, subject)
    status = vocabulary()["medicine_status"].get(resource.status, "unknown")
    period = resource.effectivePeriod
    last_issue = extension(resource.extension, "MedicationStatementLastIssueDate") or extension(
        resource.extension, "medicationStatementLastIssueDate"
    )
    asserted = [
        first_day(resource.dateAsserted, "$.dateAsserted"),
        first_day(last_issue.valueDateTime, "$.extension") if last_issue else None,
    ]
    source_org = context.unit.org(resource.informationSource)
    elsewhere = _elsewhere(resource, source_org, context)
    started = first_day(resource.effectiveDateTime, "$.effectiveDateTime") or first_day(
        period.start if period else None, "$.effectivePeriod.start"
    )
    active = status in ("active", "on hold", "draft", "unknown")
    row |= _dose(resource.dosage, "$.dosage")
    row |= _reason(resource.reasonCode, resource.reasonReference, context)
    row |= {
        "status": status,
        "elsewhere": elsewhere,
        "asserted_on": max((found for found in asserted if found), default=None),
        "started_on": started,
        "ended_on": None if active else last_day(period.end if period else None, "$.effectivePeriod.end"),
    }
    row["org_code"], row["setting"] = _supplier(source_org, context, own=not elsewhere)
    plan = _plan_reference(resource.basedOn, context)
    if plan is not None:
        # The plan itself says what the medicine is; a reference that leads nowhere here is not a second fault.
        return [("_statements", row | {"plan_id": plan})]
    row["native_id"] = f"MedicationStatement/{row['native_id']}"
    row["elsewhere"] = bool(elsewhere)
    row |= _product(resource.medicationCodeableConcept, resource.medicationReference, context)
    row |= {"quantity_milli": None, "quantity_unit": None, "days_supply": None, "kind": "unknown", "review_on": None, "group_id": None}
    row |= {"intended_end_on": _bounds(resource.dosage), "stop_reason": None, "issues_authorised": None}
    return [("medication_plans", row)]


def _plan_reference(references: tuple[Reference, ...], context: Context) -> str | None:
    return next((found for each in references if (found := context.unit.id_of(each, "MedicationRequest"))), None)


def _requester(requester: Reference | Requester | None, context: Context) -> Org | None:
    if isinstance(requester, Requester):
        return context.unit.org(requester.onBehalfOf) or context.unit.org(requester.agent)
    return context.unit.org(requester)


def _supplier(org: Org | None, context: Context, *, own: bool = True) -> tuple[str | None, str]:
    """Code and setting; without a named organisation the holder of the record, unless it is said to be somebody else."""
    if org is None:
        org = context.holder_org() if own else Org(None)
    elif context.holder is not None and org.code is not None and org.code == context.holder.org_code:
        org = context.holder_org()
    return org.code, org.setting


def _elsewhere(resource: MedicationStatement, source_org: Org | None, context: Context) -> bool | None:
    """Whether somebody else prescribes it; None when the statement does not say."""
    agency = extension(resource.extension, "PrescribingAgency")
    if agency is not None:
        known = vocabulary()["agency"]
        return any(known.get(code, False) for code in codes_in(agency.valueCodeableConcept))
    if context.holder_org().kind != "practice":
        return None
    if source_org is not None and source_org.code and source_org.code != context.holder_org().code:
        return True
    known = vocabulary()["statement_category"]
    return any(known.get(code, False) for code in codes_in(resource.category)) or None


def _kind(resource: AnyRequest) -> str:
    concept = resource.courseOfTherapyType if isinstance(resource, MedicationRequest) else None
    found = extension(resource.extension, "PrescriptionType")
    codes = codes_in(concept) + (codes_in(found.valueCodeableConcept) if found else ())
    known = vocabulary()["plan_kind"]
    return next((known[code] for code in codes if code in known), "unknown")


def _stop(resource: AnyRequest) -> tuple[date | None, str | None]:
    if isinstance(resource, MedicationRequest) and resource.statusReason:
        return None, words_of(resource.statusReason)
    found = extension(resource.extension, "StatusReason")
    if found is None:
        return None, None
    changed = extension(found.extension, "statusChangeDate")
    reason = extension(found.extension, "statusReason")
    return last_day(changed.valueDateTime, "$.extension") if changed else None, words_of(reason.valueCodeableConcept) if reason else None


def _reason(codes: tuple[CodeableConcept, ...], references: tuple[Reference, ...], context: Context) -> dict[str, Any]:
    code = next((found for concept in codes if (found := snomed_of(concept))), None)
    text = next((found for concept in codes if (found := words_of(concept))), None)
    condition = next((found for each in references if (found := context.unit.id_of(each, "Condition"))), None)
    return {"indication_code": code, "indication_text": text, "_condition": condition}


# Product


@lru_cache(maxsize=100_000)
def _product_words(term: str) -> tuple[str | None, int | None, str | None]:
    product = parse_product(term)
    return product.term_name, product.strength_ug, product.unit


def _product(concept: CodeableConcept | None, reference: Reference | None, context: Context) -> dict[str, Any]:
    if concept is None:
        concept = context.medication(reference)
    found = code_of(concept, "medicine")
    name, strength, unit = _product_words(found.term) if found.term else (None, None, None)
    return {
        "code": found.code,
        "code_system": found.system,
        "term": found.term,
        "degraded": found.degraded,
        "term_name": name,
        "strength_ug": strength,
        "unit": unit,
    }


def _supply(quantity: Quantity | None, path: str) -> dict[str, Any]:
    if quantity is None:
        return {"quantity_milli": None, "quantity_unit": None}
    value, unit = milli(quantity.value, f"{path}.value"), unit_of(quantity)
    if unit is None:
        words = extension(quantity.extension, "MedicationQuantityText")
        # "28 tablet": the count stands in value, only the word is in the text.
        text = words.valueString if words else None
        unit = _unit_in(text) if text else None
    return {"quantity_milli": value, "quantity_unit": unit if value is not None else None}


@lru_cache(maxsize=10_000)
def _unit_in(text: str) -> str | None:
    word = text.strip().lstrip("0123456789.,/x ").lower()
    known = {each: unit for unit, words in vocabulary()["unit"].items() for each in words}
    return known.get(word)


# Dose


@dataclass(frozen=True, slots=True)
class _Daily:
    low: Fraction
    high: Fraction
    unit: str


_encode = msgspec.json.Encoder().encode
_dosages = msgspec.json.Decoder(tuple[Dosage, ...]).decode


def _dose(dosages: tuple[Dosage, ...], path: str) -> dict[str, Any]:
    """Dose columns; remembered, because the same instructions come again and again. Not to be changed by the caller."""
    return _dose_of(_encode(dosages), path)


@lru_cache(maxsize=100_000)
def _dose_of(encoded: bytes, path: str) -> dict[str, Any]:
    """Structured dose when every instruction has one, otherwise what the text says."""
    dosages = _dosages(encoded)
    texts = [text for dosage in dosages if (text := clean(dosage.text))]
    text = "; ".join(dict.fromkeys(texts)) or None
    sequences = {dosage.sequence for dosage in dosages}
    steps = len(dosages) > 1 and len(sequences) > 1
    needed = any(dosage.asNeededBoolean or dosage.asNeededCodeableConcept for dosage in dosages)
    structured = [_daily(dosage) for dosage in dosages]
    row: dict[str, Any] = {"dose_text": text, "dose_low_milli": None, "dose_high_milli": None, "dose_unit": None, "as_required": needed}
    parts = [part for part in structured if part]
    if parts and len(parts) == len(structured) and not steps and len({part.unit for part in parts}) == 1:
        low, high = sum((part.low for part in parts), Fraction(0)), sum((part.high for part in parts), Fraction(0))
        return row | {
            "dose_status": "structured",
            "dose_low_milli": 0 if needed else milli_of(low, path),
            "dose_high_milli": milli_of(high, path),
            "dose_unit": parts[0].unit,
        }
    if text is None:
        return row | {"dose_status": "not understood" if steps else "none"}
    if steps:
        return row | {"dose_status": "not understood"}
    # Two instructions written side by side add up only when each is understood by itself.
    found = parse_dose(text if len(texts) < 2 else " and ".join(dict.fromkeys(texts)))
    return row | {
        "dose_status": found.status,
        "dose_low_milli": 0 if needed and found.low_milli is not None else found.low_milli,
        "dose_high_milli": found.high_milli,
        "dose_unit": found.unit,
        "as_required": needed or found.as_required,
    }


def _daily(dosage: Dosage) -> _Daily | None:
    """What one instruction gives a day, when its structure says it entirely."""
    repeat = dosage.timing.repeat if dosage.timing else None
    dose = dosage.doseAndRate[0] if dosage.doseAndRate else None
    quantity = (dose.doseQuantity if dose else None) or dosage.doseQuantity
    spread = (dose.doseRange if dose else None) or dosage.doseRange
    low, high = (quantity, quantity) if quantity else (spread.low, spread.high) if spread else (None, None)
    high = high or low
    if repeat is None or high is None or high.value is None or len(dosage.doseAndRate) > 1:
        return None
    if low is None or low.value is None:
        low = Quantity(value=high.value * 0, unit=high.unit, code=high.code)
    unit = unit_of(high)
    per_day = _times_a_day(repeat)
    if unit is None or per_day is None or low.value is None or not (high.value.is_finite() and low.value.is_finite()):
        return None
    if high.value <= 0 or low.value < 0 or unit not in vocabulary()["unit"]:
        return None
    return _Daily(Fraction(low.value) * per_day[0], Fraction(high.value) * per_day[1], unit)


def _times_a_day(repeat: Any) -> tuple[Fraction, Fraction] | None:
    when = (repeat.when,) if isinstance(repeat.when, str) else repeat.when or ()
    # "three times a day with food": `when` beside a frequency only says at what time.
    often = repeat.frequency or max(len(when), 1)
    most = repeat.frequencyMax or often
    if repeat.dayOfWeek:
        count = Fraction(len(set(repeat.dayOfWeek)), 7)
        return often * count, most * count
    if repeat.period is None and repeat.frequency is None and when:
        return Fraction(often), Fraction(most)
    factor = vocabulary()["days_in"].get(repeat.periodUnit or "")
    if factor is None or repeat.period is None or not repeat.period.is_finite() or repeat.period <= 0:
        return None
    days = Fraction(repeat.period) * Fraction(factor)
    longest = Fraction(repeat.periodMax) * Fraction(factor) if repeat.periodMax and repeat.periodMax.is_finite() else days
    return often / max(days, longest), most / min(days, longest) if longest > 0 else most / days


def _bounds(dosages: tuple[Dosage, ...]) -> date | None:
    ends = []
    for dosage in dosages:
        repeat = dosage.timing.repeat if dosage.timing else None
        if repeat and repeat.boundsPeriod:
            ends.append(day(repeat.boundsPeriod.end, "$.dosageInstruction.timing.repeat.boundsPeriod.end"))
    found = [end for end in ends if end]
    return max(found) if found and len(found) == len(ends) else None
