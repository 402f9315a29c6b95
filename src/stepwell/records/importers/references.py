"""What references mean: organisations, roles, medicines and patients named in one folder or one Bundle."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from stepwell.records.importers.fhir import CodeableConcept, Identifier, Medication, Organization, PractitionerRole, Reference, Resource
from stepwell.records.importers.values import clean, ref_key, vocabulary


@dataclass(frozen=True, slots=True)
class Org:
    """`kind`: practice | trust | pharmacy | private | other."""

    code: str | None
    name: str | None = None
    kind: str = "other"

    @property
    def setting(self) -> str:
        return vocabulary()["setting"].get(self.kind, "unknown")


def ods_code(identifiers: tuple[Identifier, ...]) -> str | None:
    systems = vocabulary()["ods"]
    return next((code for each in identifiers if each.system in systems and (code := clean(each.value))), None)


@lru_cache(maxsize=50_000)
def kind_of(code: str | None, words: str = "") -> str:
    """Kind of an organisation, from its type in words, otherwise from the shape of its ODS code."""
    known = vocabulary()["organisation_kind"]
    for word, kind in known["words"]:
        if word in words:
            return kind
    return next((kind for shape, kind in known["shapes"] if code and re.fullmatch(shape, code)), "other")


def organisation(resource: Organization) -> Org:
    code = ods_code(resource.identifier)
    said = [part for concept in resource.type for part in (concept.text, *(w for c in concept.coding for w in (c.code, c.display))) if part]
    return Org(code, clean(resource.name), kind_of(code, " | ".join(said).lower()))


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a patient's record. `refused` tells why this import may not take it."""

    source: str
    org_code: str | None
    local_id: str = ""
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    subject_id: int
    source: str
    org_code: str | None


_URN = "urn:uuid:"


def _also(key: str, *types: str) -> tuple[str, ...]:
    """The key, and what it means where a Bundle was taken apart into lines: `urn:uuid:x` is the resource with id x."""
    return (key, *(f"{type_}/{key[len(_URN) :]}" for type_ in types)) if key.startswith(_URN) else (key,)


@dataclass
class Unit:
    """One folder or Bundle. What it does not name is looked for in `parent`."""

    name: str
    parent: Unit | None = None
    orgs: dict[str, Org] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    medications: dict[str, CodeableConcept] = field(default_factory=dict)
    patients: dict[str, Holder] = field(default_factory=dict)
    bundle: bool = False
    # fullUrl of a Bundle entry (`urn:uuid:...`) → id of its resource, where they differ.
    aliases: dict[str, str] = field(default_factory=dict)
    # GP Connect: tables whose section this Bundle holds.
    sections: set[str] = field(default_factory=set)
    # References that were followed before: to patients, and to organisations.
    subjects: dict[str, Subject] = field(default_factory=dict)
    followed: dict[str, Org] = field(default_factory=dict)

    def index(self, resource: Resource, key: str | None, full_url: str | None = None) -> None:
        """Remember what other resources may refer to."""
        keys = [each for each in (key, full_url and ref_key(full_url), full_url) if each]
        if isinstance(resource, Organization):
            found = organisation(resource)
            self.orgs.update(dict.fromkeys(keys, found))
        elif isinstance(resource, PractitionerRole) and resource.organization:
            target = resource.organization.reference
            if target:
                self.roles.update(dict.fromkeys(keys, target))
                person = resource.practitioner.reference if resource.practitioner else None
                if person:
                    self.roles.setdefault(ref_key(person), target)
        elif isinstance(resource, Medication) and resource.code:
            self.medications.update(dict.fromkeys(keys, resource.code))

    def org(self, reference: Reference | None) -> Org | None:
        """The organisation a reference names, directly or through a role; None when it names none we know."""
        if reference is None:
            return None
        text = reference.reference
        if text in self.followed:
            return self.followed[text]
        named = self._org_by_key(text, 0) if text else None
        if named is not None and named.code and text:
            self.followed[text] = named
            return named
        code = ods_code((reference.identifier,)) if reference.identifier else None
        return Org(code, clean(reference.display), kind_of(code)) if code else named

    def _org_by_key(self, reference: str, depth: int) -> Org | None:
        unit: Unit | None = self
        while unit is not None:
            for key in _also(ref_key(reference), "Organization", "PractitionerRole", "Practitioner"):
                if key in unit.orgs:
                    return unit.orgs[key]
                if key in unit.roles and depth < 2:
                    return self._org_by_key(unit.roles[key], depth + 1)
            unit = unit.parent
        return None

    def first_org(self, references: tuple[Reference, ...]) -> Org | None:
        return next((found for reference in references if (found := self.org(reference)) is not None), None)

    def medication(self, key: str) -> CodeableConcept | None:
        found = next((self.medications[each] for each in _also(key, "Medication") if each in self.medications), None)
        return found or (self.parent.medication(key) if self.parent else None)

    def patient(self, key: str) -> Holder | None:
        found = self.patients.get(key)
        if found is None and key.startswith(_URN):
            found = self.patients.get(f"Patient/{key[len(_URN) :]}")
        return found or (self.parent.patient(key) if self.parent else None)

    def id_of(self, reference: Reference, type_: str) -> str | None:
        """Id of the resource of this type that a reference names; None when it names one of another type."""
        key = ref_key(reference.reference or "")
        if key.startswith(_URN):
            return self.aliases.get(key, key[len(_URN) :])
        return key.removeprefix(f"{type_}/") if key.startswith(f"{type_}/") else None

    def known_sources(self) -> set[str]:
        """Organisations whose patients are named here and not refused."""
        return {holder.source for holder in self.patients.values() if holder.refused is None}
