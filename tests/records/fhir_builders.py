"""Small FHIR R4 resources for tests of the importers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

Resource = dict[str, Any]
TODAY = date(2026, 6, 1)
NOW = datetime(2026, 6, 1, 12)
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
NHS = "https://fhir.nhs.uk/Id/nhs-number"
SNOMED = "http://snomed.info/sct"


class Fhir:
    """Builders; keyword arguments replace or add elements, None takes one away."""

    def organisation(self, code: str, words: str = "GP practice") -> Resource:
        row = {"resourceType": "Organization", "id": code, "identifier": [{"system": ODS, "value": code}], "type": [{"text": words}]}
        return row | {"name": f"Organisation {code}"}

    def patient(self, local: str, org: str = "A82001", nhs: str | None = None, born: str | None = "1970-02-03", **more: Any) -> Resource:
        row: Resource = {"resourceType": "Patient", "id": local, "managingOrganization": {"reference": f"Organization/{org}"}}
        row |= {"name": [{"family": "Example", "given": ["Ann"]}], "gender": "female", "birthDate": born}
        if nhs is not None:
            row["identifier"] = [{"system": NHS, "value": nhs}]
        return self._with(row, more)

    def plan(self, id_: str, local: str, **more: Any) -> Resource:
        return self.issue(id_, local, None, **{"intent": "plan", "status": "active"} | more)

    def issue(self, id_: str, local: str, plan: str | None = None, **more: Any) -> Resource:
        row: Resource = {"resourceType": "MedicationRequest", "id": id_, "status": "completed", "intent": "order"}
        row |= {"subject": {"reference": f"Patient/{local}"}, "authoredOn": "2026-05-01"}
        row["medicationCodeableConcept"] = {"coding": [{"system": SNOMED, "code": "321987003", "display": "Sertraline 50mg tablets"}]}
        row["dosageInstruction"] = [{"text": "One to be taken each day"}]
        row["dispenseRequest"] = {"quantity": {"value": 28, "unit": "tablet"}}
        if plan is not None:
            row["basedOn"] = [{"reference": f"MedicationRequest/{plan}"}]
        return self._with(row, more)

    def observation(self, id_: str, local: str, value: float | None = 5.2, **more: Any) -> Resource:
        row: Resource = {"resourceType": "Observation", "id": id_, "status": "final", "subject": {"reference": f"Patient/{local}"}}
        row["code"] = {"coding": [{"system": SNOMED, "code": "1000661000000107", "display": "Serum sodium level"}]}
        row["effectiveDateTime"] = "2026-04-02"
        if value is not None:
            row["valueQuantity"] = {"value": value, "unit": "mmol/L"}
        return self._with(row, more)

    def resource(self, type_: str, id_: str, local: str, **more: Any) -> Resource:
        return self._with({"resourceType": type_, "id": id_, "subject": {"reference": f"Patient/{local}"}}, more)

    def bundle(self, resources: Iterable[Resource]) -> Resource:
        return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in resources]}

    @staticmethod
    def _with(row: Resource, more: Resource) -> Resource:
        return {name: value for name, value in (row | more).items() if value is not None}
