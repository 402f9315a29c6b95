"""A letter as a FHIR R4 document: a Bundle that begins with its Composition, every section with its words as narrative and, where
the words stand as they were drawn, the medicines, results and diagnoses they were drawn from as entries.

Sections carry the SNOMED CT code of their heading and the UK Core code where there is one. No profile is claimed.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

import yaml
from markupsafe import escape

from stepwell.clinical.letter_completeness import Section, State
from stepwell.web.core.exports import clean
from stepwell.web.core.formatting import clinician, patient
from stepwell.web.letters.documents.paper import Paper, missing

CONTENT_TYPE = "application/fhir+json"

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
SNOMED = "http://snomed.info/sct"
HEADINGS = "https://fhir.hl7.org.uk/CodeSystem/UKCore-RecordStandardHeadings"
EMPTY = "http://terminology.hl7.org/CodeSystem/list-empty-reason"
XHTML = "http://www.w3.org/1999/xhtml"

_ACTIONS, _RECEIVERS = "plan-and-requested-actions", "distribution-list"
_GENDERS = {"female": "female", "male": "male", "other": "other"}
_OURS = uuid.UUID("0f5b7d0e-6c1f-5b8e-9a43-5b1c6b1f3a52")  # any constant: the same letter gives the same keys

Resource = dict[str, Any]


@cache
def _headings() -> dict[str, str]:
    found = resources.files("stepwell.web.letters.documents").joinpath("fhir_headings.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(found)["headings"])


def document(paper: Paper) -> Resource:
    """The Bundle as plain values, ready for JSON."""
    return _Document(paper).bundle()


class _Document:
    def __init__(self, paper: Paper) -> None:
        self.paper = paper
        self._entries: list[Resource] = []
        self._stated: dict[str, Resource] = {}
        self._on = paper.sent_on.isoformat()
        self._patient = self._add("patient", _patient(paper))
        self._sender = self._add("sender", _organisation(paper.sender.code, paper.sender.name))
        self._receiver = self._add("receiver", _organisation(paper.receiver.code, paper.receiver.name))
        self._author = self._practitioner()

    def bundle(self) -> Resource:
        composition = self._composition()
        key = self._key("composition")
        return {
            "resourceType": "Bundle",
            "id": self._key("bundle"),
            "identifier": _identifier(self._key("bundle")),
            "type": "document",
            "timestamp": self.paper.sent_at.isoformat(timespec="seconds"),
            "entry": [{"fullUrl": f"urn:uuid:{key}", "resource": {"resourceType": "Composition", "id": key} | composition}, *self._entries],
        }

    # Keys and references

    def _key(self, what: str) -> str:
        return _key(self.paper.sender.code, self.paper.number, self.paper.sent_at, what)

    def _add(self, what: str, resource: Resource) -> Resource:
        """Put a resource into the document; gives the reference to it."""
        key = self._key(what)
        kind = {"resourceType": resource["resourceType"], "id": key}
        self._entries.append({"fullUrl": f"urn:uuid:{key}", "resource": kind | resource})
        return {"reference": f"urn:uuid:{key}"}

    def _practitioner(self) -> Resource:
        name = clean(self.paper.sender.person)
        if not name:
            return self._sender
        practitioner = self._add("practitioner", {"resourceType": "Practitioner", "name": [{"text": name}]})
        role = {"resourceType": "PractitionerRole", "practitioner": practitioner, "organization": self._sender}
        return self._add("role", role | ({"code": [{"text": clean(self.paper.sender.role)}]} if self.paper.sender.role else {}))

    # The composition

    def _composition(self) -> Resource:
        paper = self.paper
        kind: Resource = {"text": clean(paper.kind)}
        if paper.code:
            kind["coding"] = [{"system": SNOMED, "code": paper.code}]
        authors = [self._author] if self._author == self._sender else [self._author, self._sender]
        composition: Resource = {
            "identifier": _identifier(self._key("composition")),
            "status": "final",
            "type": kind,
            "subject": self._patient,
            "date": self._on,
            "author": authors,
            "title": clean(paper.kind),
            "custodian": self._sender,
            "section": self._sections(),
        }
        if paper.replaces:
            before = _key(paper.sender.code, *paper.replaces, "composition")
            composition["relatesTo"] = [{"code": "replaces", "targetIdentifier": _identifier(before)}]
        return composition

    def _sections(self) -> list[Resource]:
        shown = self.paper.shown
        known = {part.key: part for part in self.paper.sections if not part.under}
        wanted = {part.key for part in shown} | {part.under for part in shown} | ({_ACTIONS} if self.paper.actions else set())
        tops = [part for part in known.values() if part.key in wanted]
        # The receiver stands in the distribution list, also where the letter has no other.
        found = [self._section(part, [child for child in shown if child.under == part.key]) for part in tops]
        found += [self._section(part, []) for part in shown if part.under and part.under not in known]
        if not any(part.key == _RECEIVERS for part in tops):
            words = f"To {self.paper.receiver.name}"
            found.append({"title": "Distribution list", "text": _narrative([words], ""), "entry": [self._receiver]})
        return found

    def _section(self, part: Section, children: Sequence[Section]) -> Resource:
        section: Resource = {"title": clean(part.heading)}
        if coding := _coding(part):
            section["code"] = {"coding": coding, "text": clean(part.heading)}
        if part.words or part.says or not children:
            section["text"] = _narrative(part.words, missing(part))
        if entries := self._entries_of(part):
            section["entry"] = entries
        elif part.state in (State.NOT_KNOWN, State.MISSING) and "text" in section and not part.words:
            section["emptyReason"] = {"coding": [{"system": EMPTY, "code": "unavailable", "display": "Unavailable"}]}
        if children:
            section["section"] = [self._section(child, []) for child in children]
        return section

    def _entries_of(self, part: Section) -> list[Resource]:
        match part.key:
            case "patient-demographics":
                return [self._patient]
            case "person-completing-record":
                return [self._author]
            case "distribution-list":
                return [self._receiver]
        found = [self._fact(fact) for fact in part.facts if fact["kind"] in ("medicine", "result", "diagnosis")]
        if part.key == _ACTIONS:
            found += [self._task(number) for number in range(len(self.paper.actions))]
        return found

    # What the words were drawn from

    def _fact(self, fact: Mapping[str, Any]) -> Resource:
        """The reference to it; a medicine that two sections state is one entry."""
        made = {"medicine": self._medicine, "result": self._result, "diagnosis": self._condition}[fact["kind"]](fact)
        key = json.dumps(made, sort_keys=True)
        if key not in self._stated:
            self._stated[key] = self._add(key, made)
        return self._stated[key]

    def _condition(self, fact: Mapping[str, Any]) -> Resource:
        condition: Resource = {
            "resourceType": "Condition",
            "code": {"text": clean(fact["term"])},
            "subject": self._patient,
            "asserter": self._author,
        }
        if fact["code"] and fact["code_system"] == "snomed":
            condition["code"]["coding"] = [{"system": SNOMED, "code": fact["code"]}]
        if fact["since"]:
            condition["onsetDateTime"] = fact["since"]
        return condition

    def _medicine(self, fact: Mapping[str, Any]) -> Resource:
        statement: Resource = {
            "resourceType": "MedicationStatement",
            "status": "active",
            "medicationCodeableConcept": {"text": clean(fact["term"] or fact["label"])},
            "subject": self._patient,
            "dateAsserted": self._on,
            "informationSource": self._author,
        }
        if fact["started_on"]:
            statement["effectivePeriod"] = {"start": fact["started_on"]}
        if fact["indication"]:
            statement["reasonCode"] = [{"text": clean(str(fact["indication"]).replace("-", " "))}]
        if dose := clean(_dose(fact)):
            statement["dosage"] = [{"text": dose}]
        return statement

    def _result(self, fact: Mapping[str, Any]) -> Resource:
        quantity: Resource = {"value": fact["value_milli"] / 1000}
        quantity |= {name: fact[name] for name in ("unit", "comparator") if fact[name]}
        return {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": clean(fact["label"])},
            "subject": self._patient,
            "effectiveDateTime": fact["on"],
            "valueQuantity": quantity,
        }

    def _task(self, number: int) -> Resource:
        action = self.paper.actions[number]
        task: Resource = {
            "resourceType": "Task",
            "status": "requested",
            "intent": "proposal",
            "description": clean(action.text),
            "for": self._patient,
            "authoredOn": self._on,
            "requester": self._author,
            "owner": self._receiver,
            "restriction": {"period": {"end": action.due_on.isoformat()}},
        }
        if action.role:
            task["performerType"] = [{"text": clean(action.role)}]
        return self._add(f"action {number}", task)


def _key(sender: str, number: int, at: datetime, what: str) -> str:
    """The same for the same part of the same letter, however often it is made."""
    return str(uuid.uuid5(_OURS, f"{sender}/{number}/{at.isoformat(timespec='seconds')}/{what}"))


def _identifier(key: str) -> Resource:
    return {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{key}"}


def _dose(fact: Mapping[str, Any]) -> str:
    """As it was prescribed; what it comes to a day only where the record holds no words."""
    return fact["dose_text"] or (f"{clinician.mass(fact['daily_ug'])} a day" if fact["daily_ug"] else "")


def _coding(part: Section) -> list[Resource]:
    heading = clean(part.heading)
    found = [{"system": SNOMED, "code": part.code, "display": heading}] if part.code else []
    if code := _headings().get(part.key):
        found.append({"system": HEADINGS, "code": code})
    return found


def _narrative(words: Sequence[str], lacks: str) -> Resource:
    """XHTML of paragraphs and one list: nothing that was typed can become markup."""
    lines = [escape(clean(line)) for line in words]
    told = f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>" if len(lines) > 1 else "".join(f"<p>{line}</p>" for line in lines)
    told += f"<p>{escape(clean(lacks))}</p>" if lacks else ""
    return {"status": "additional", "div": f'<div xmlns="{XHTML}">{told or "<p>Nothing is written here.</p>"}</div>'}


def _patient(paper: Paper) -> Resource:
    about = paper.about
    name: Resource = {"text": clean(patient.name(about.family, about.given, about.title))}
    for field, value in (("family", about.family), ("given", [about.given]), ("prefix", [about.title])):
        if value and value != [""]:
            name[field] = clean(value) if isinstance(value, str) else [clean(part) for part in value]
    found: Resource = {"resourceType": "Patient", "name": [name], "gender": _GENDERS.get(about.sex.lower(), "unknown")}
    # Whether the number was traced is not known here, so no verification status is stated.
    if about.nhs_number:
        found["identifier"] = [{"system": NHS_NUMBER, "value": about.nhs_number}]
    if about.birth_date:
        found["birthDate"] = about.birth_date.isoformat()
    if about.death_date:
        found["deceasedDateTime"] = about.death_date.isoformat()
    if about.address:
        found["address"] = [{"text": clean(about.address)}]
    if about.phone:
        found["telecom"] = [{"system": "phone", "value": clean(about.phone)}]
    return found


def _organisation(code: str, name: str) -> Resource:
    found: Resource = {"resourceType": "Organization", "name": clean(name)}
    return found | ({"identifier": [{"system": ODS, "value": code}]} if code else {})
