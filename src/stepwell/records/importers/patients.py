"""Patient and Organization → patients, registrations, organisations; and what a Patient claims about identity."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from stepwell.records.importers.context import Context, Rows, Subject
from stepwell.records.importers.fhir import HumanName, Organization, Patient
from stepwell.records.importers.references import organisation as read_organisation
from stepwell.records.importers.values import Fault, clean, codes_in, day, extension, first_day, last_day, not_after, vocabulary
from stepwell.records.people import check_nhs_number


@dataclass(frozen=True, slots=True)
class Claim:
    """Who a Patient says it is: `nhs_number` only when valid; `birth_date` only when it is a day."""

    nhs_number: str | None
    nhs_status: str
    nhs_number_raw: str | None
    birth_date: date | None
    death_date: date | None
    death_assumed: bool = False


def claim(resource: Patient, today: date) -> Claim:
    """Identity of a Patient. Fault when a date is wrong: the person could be somebody else."""
    systems = vocabulary()["nhs_number"]
    raw = next((text for each in resource.identifier if each.system in systems and (text := clean(each.value))), None)
    number, status = check_nhs_number(raw)
    born = not_after(day(resource.birthDate, "$.birthDate"), today, "$.birthDate")
    died = last_day(resource.deceasedDateTime, "$.deceasedDateTime")
    if died is not None:
        # A death known to the month is not put after the import.
        not_after(first_day(resource.deceasedDateTime, "$.deceasedDateTime"), today, "$.deceasedDateTime")
        died = min(died, today)
    elif resource.deceasedBoolean:
        recorded = resource.meta.lastUpdated if resource.meta else None
        died = first_day(recorded, "$.meta.lastUpdated") or today
        return Claim(number, status, raw, born, died, recorded is None)
    return Claim(number, status, raw, born, died)


def patient(resource: Patient, context: Context) -> Rows:
    holder = context.holder
    assert isinstance(holder, Subject)
    identity = claim(resource, context.today)
    name = _name(resource.name)
    home = next((each for each in resource.address if each.use == "home"), resource.address[0] if resource.address else None)
    lines = [*(home.line or ()), home.city, home.district] if home else []
    phones = sorted((each for each in resource.telecom if each.system == "phone" and clean(each.value)), key=lambda each: each.rank or 99)
    general_practice = context.unit.first_org(resource.generalPractitioner)
    own = context.holder_org()
    gp_code = general_practice.code if general_practice else None
    if gp_code is None and own.kind == "practice":
        gp_code = own.code
    language, interpreter = _language(resource)
    base = {"subject_id": holder.subject_id, "source": holder.source, "native_id": context.native_id, "version": context.version}
    row = base | {
        "local_id": context.native_id,
        "nhs_number": identity.nhs_number,
        "nhs_number_raw": identity.nhs_number_raw,
        "nhs_status": identity.nhs_status,
        "birth_date": identity.birth_date,
        "death_date": identity.death_date,
        "_death_assumed": identity.death_assumed,
        "sex": vocabulary()["sex"].get(resource.gender, "unknown"),
        "family_name": clean(name.family) if name else None,
        "given_name": clean(" ".join(part for part in name.given if part)) if name else None,
        "title": clean(name.prefix[0]) if name and name.prefix else None,
        "address": ", ".join(text for part in lines if (text := clean(part))) or (clean(home.text) if home else None),
        "postcode": clean(home.postalCode) if home else None,
        "phone": clean(phones[0].value) if phones else None,
        "language": language,
        "interpreter": interpreter,
        "org_code": own.code,
        "gp_org_code": gp_code,
    }
    return [("patients", row), *_registration(resource, base, own.code)]


def _registration(resource: Patient, base: dict[str, object], org_code: str | None) -> Rows:
    """GP Connect carries the registration as an extension of the Patient; R4 as an EpisodeOfCare."""
    details = extension(resource.extension, "RegistrationDetails")
    period = extension(details.extension, "registrationPeriod") if details else None
    if details is None or org_code is None:
        return []
    started, ended = None, None
    if period and period.valuePeriod:
        try:
            started = first_day(period.valuePeriod.start, "$.extension")
            ended = last_day(period.valuePeriod.end, "$.extension")
        except Fault:
            # The person matters more than the day they registered; without a day the registration still stands.
            started, ended = None, None
    row = base | {"native_id": f"Patient/{base['native_id']}", "org_code": org_code, "kind": "registration"}
    return [("registrations", row | {"started_on": started, "ended_on": ended})]


def _name(names: tuple[HumanName, ...]) -> HumanName | None:
    for use in ("official", "usual"):
        found = next((each for each in names if each.use == use), None)
        if found:
            return found
    return next((each for each in names if each.use not in ("old", "maiden")), names[0] if names else None)


def _language(resource: Patient) -> tuple[str | None, bool | None]:
    """Preferred language and whether an interpreter is needed; null when nothing is said."""
    code: str | None = None
    needed: bool | None = None
    spoken = sorted((each for each in resource.communication if each.language), key=lambda each: not each.preferred)
    if spoken:
        code = next(iter(codes_in(spoken[0].language)), None)
    required = extension(resource.extension, "InterpreterRequired")
    if required is not None:
        needed = required.valueBoolean
    communication = extension(resource.extension, "NHSCommunication")
    if communication is not None:
        language = extension(communication.extension, "language")
        code = code or (next(iter(codes_in(language.valueCodeableConcept)), None) if language else None)
        required = extension(communication.extension, "interpreterRequired")
        needed = required.valueBoolean if required else needed
    return code, needed


def organisation(resource: Organization, context: Context, source: str) -> Rows:
    found = read_organisation(resource)
    kind = found.kind if found.kind in ("practice", "trust", "pharmacy") else "other"
    row = {"source": source, "native_id": context.native_id, "version": context.version, "org_code": found.code, "name": found.name}
    return [("organisations", row | {"kind": kind})]
