"""What a mapping function is given beside the resource: the holder of the record, what references mean, the day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec

from stepwell.records.importers.fhir import CodeableConcept, Medication, Reference, Resource
from stepwell.records.importers.references import Holder, Org, Subject, Unit, kind_of
from stepwell.records.importers.values import Fault, ref_key

Rows = list[tuple[str, dict[str, Any]]]

_contained = msgspec.json.Decoder(Medication).decode


class NotUsed(Exception):
    """This resource is well formed and gives no row; the argument is what to count it under."""


class Context:
    """One resource at a time; the importer sets `version`, `resource` before it calls a mapping function."""

    def __init__(
        self,
        today: date,
        find_subject: Callable[[Unit, str], Subject | Holder | None],
        find_medication: Callable[[str, str], CodeableConcept | None],
    ) -> None:
        self.today = today
        self._find_subject, self._find_medication = find_subject, find_medication
        self.unit = Unit("")
        self.resource: Resource = Resource()
        self.native_id = ""
        self.version = ""
        self.holder: Subject | None = None
        # GP Connect serves practices' records only, whatever the shape of the organisation's code.
        self.gp_connect = False

    def subject(self, reference: Reference | None, path: str) -> Subject:
        """The record a resource belongs to. Fault when it names none, or one that is not here."""
        text = reference.reference if reference else None
        if not text:
            raise Fault("names no patient", "The resource names no patient. Add the reference to the Patient at the source.", path)
        found = self._find_subject(self.unit, ref_key(text))
        if isinstance(found, Holder):
            raise Fault("its patient was refused", found.refused or "", f"{path}.reference")
        if found is None:
            raise self.unknown_patient(path)
        self.holder = found
        return found

    def names_patient(self, reference: str) -> bool:
        """Whether a reference without its type (urn:uuid) leads to a Patient of this input."""
        return self.unit.patient(ref_key(reference)) is not None

    def unknown_patient(self, path: str) -> Fault:
        if self.unit.bundle and not self.unit.patients:
            return Fault(
                "Bundle without a Patient",
                "This Bundle holds no Patient and its patient is not in the store. Ask the sender for the Bundle with its Patient.",
                f"{path}.reference" if path != "$" else path,
            )
        return Fault(
            "unknown patient",
            "The patient it refers to is neither in this input nor in the store. Import the Patient too, or correct the reference.",
            f"{path}.reference",
        )

    def holder_org(self) -> Org:
        """The organisation that holds the record; its code may not be known."""
        if self.holder is None:
            return Org(None)
        code = self.holder.org_code
        return Org(code, None, "practice" if self.gp_connect else kind_of(code))

    def base(self, resource: Resource, subject: Subject) -> dict[str, Any]:
        return {"subject_id": subject.subject_id, "source": subject.source, "native_id": self.native_id, "version": self.version}

    def medication(self, reference: Reference | None) -> CodeableConcept:
        """The coded medicine a reference names: contained, in this input, or in the store. Fault otherwise."""
        text = reference.reference if reference else None
        if not text:
            raise Fault(
                "names no medicine",
                "Neither medicationReference nor medicationCodeableConcept is given. Add the medicine at the source.",
                "$",
            )
        key = ref_key(text)
        found = self._inside(key) if key.startswith("#") else self.unit.medication(key)
        if found is None and not key.startswith("#") and self.holder is not None:
            found = self._find_medication(self.holder.source, key)
        if found is None:
            raise Fault(
                "unknown medicine",
                "The Medication it refers to is neither in this input nor in the store. Import the Medication too.",
                "$.medicationReference.reference",
            )
        return found

    def _inside(self, key: str) -> CodeableConcept | None:
        for raw in self.resource.contained:
            try:
                inner = _contained(raw)
            except msgspec.MsgspecError:
                continue
            if inner.id and f"#{inner.id.removeprefix('#')}" == key:
                return inner.code
        return None


def refuse_modifiers(resource: Resource, raw: bytes) -> None:
    """FHIR: who does not understand implicitRules or a modifierExtension must not use the resource."""
    if resource.implicitRules is not None:
        message = "The resource follows rules this importer does not know. Export it without implicitRules."
        raise Fault("unknown implicitRules", message, "$.implicitRules")
    if b'"modifierExtension"' in raw:
        path = _modifier(msgspec.json.decode(raw), "$")
        if path:
            message = "A modifierExtension can turn the meaning round and this one is not known. Export the resource without it."
            raise Fault("unknown modifierExtension", message, path)


def _modifier(value: Any, path: str) -> str | None:
    stack = [(value, path)]
    while stack:
        each, where = stack.pop()
        if isinstance(each, dict):
            if each.get("modifierExtension"):
                return f"{where}.modifierExtension"
            stack += [(inner, f"{where}.{name}") for name, inner in each.items()]
        elif isinstance(each, list):
            stack += [(inner, f"{where}[{number}]") for number, inner in enumerate(each)]
    return None
