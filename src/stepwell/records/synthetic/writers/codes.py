"""Codes and references that both FHIR dialects are written with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from stepwell.records.importers.references import kind_of
from stepwell.records.importers.values import vocabulary
from stepwell.records.synthetic.writers.shapes import Row, known

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
UCUM = "http://unitsofmeasure.org"
LANGUAGE = "urn:ietf:bcp:47"
LOCAL = "https://stepwell.example/Id"
DMD = "https://dmd.nhs.uk"

# Canonical code system → address. What the canonical tables call `other` has no address; a local one keeps it apart.
SYSTEMS = {
    "snomed": "http://snomed.info/sct",
    "bnf": "https://fhir.hl7.org.uk/Id/bnf-code",
    "emis": "https://fhir.hl7.org.uk/Id/emis-drug-codes",
    "read2": "http://read.info/readv2",
    "ctv3": "http://read.info/ctv3",
    "loinc": "http://loinc.org",
    "icd10": "http://hl7.org/fhir/sid/icd-10-uk",
    "other": f"{LOCAL}/local-code",
}
# The word an export uses for a kind of organisation; `private` has a word of its own though the organisations table has none.
KIND_WORDS = {
    "practice": "GP practice",
    "trust": "NHS trust",
    "pharmacy": "Pharmacy",
    "private": "Independent provider",
    "other": "Organisation",
}
_KIND_OF_SETTING = {"gp": "practice", "trust": "trust", "private": "private", "pharmacy": "pharmacy", "unknown": "other"}
DEGRADED_MEDICINE = "196421000000109"

MEDICINE_STATUS = {
    "active": "active",
    "completed": "completed",
    "stopped": "stopped",
    "on hold": "on-hold",
    "cancelled": "cancelled",
    "draft": "draft",
    "entered in error": "entered-in-error",
    "unknown": "unknown",
}
REQUEST_STATUS = {"active": "active", "completed": "completed", "rejected": "revoked", "cancelled": "revoked", "unknown": "unknown"}
SEX = {"female": "female", "male": "male", "other": "other", "unknown": "unknown"}


def coding(code: str | None, system: str | None, term: str | None) -> Row:
    return known({"system": SYSTEMS.get(system or ""), "code": code, "display": term})


def concept(code: str | None, system: str | None, term: str | None) -> Row | None:
    """A coded concept; its words are also its text. None when there is neither code nor words."""
    if code is None:
        return {"text": term} if term is not None else None
    return known({"coding": [coding(code, system, term)], "text": term})


def product(row: Mapping[str, Any], systems: Mapping[str, str]) -> Row:
    """The medicine of a plan or issue. A degraded one says so by its code and keeps its words as text."""
    code, system, term = row["code"], row["code_system"], row["term"]
    degraded_codes = vocabulary()["degraded"]["codes"]
    codings = []
    if code is not None:
        codings.append(known({"system": systems.get(system or ""), "code": code, "display": term}))
    if row["degraded"] and code not in degraded_codes and code is not None:
        codings.append({"system": SYSTEMS["snomed"], "code": DEGRADED_MEDICINE, "display": "Transfer-degraded medication entry"})
    return known({"coding": codings, "text": term})


class Organisations:
    """Who is named in the tables of one organisation, and how a resource refers to them.

    The kind of an organisation is that of the organisations table, otherwise what its code looks like; an organisation whose
    supply has the setting `private` is written as an independent provider, which the table has no word for.
    """

    def __init__(self, holder: str, tables: Mapping[str, pl.DataFrame]) -> None:
        self.holder = holder
        self.ids: dict[str, str] = {}
        self.names: dict[str, str | None] = {}
        self.kinds: dict[str, str] = {}
        if "organisations" in tables:
            for row in tables["organisations"].iter_rows(named=True):
                code = row["org_code"] or row["native_id"]
                self.ids[code], self.names[code], self.kinds[code] = row["native_id"], row["name"], row["kind"]
        self.ids.setdefault(holder, holder)
        self.without_code = {row["native_id"] for row in _rows(tables, "organisations") if row["org_code"] is None}
        self.unnamed: set[str] = set()
        for table in ("medication_plans", "medication_issues"):
            if table in tables:
                for code, setting in tables[table].select("org_code", "setting").unique().sort("org_code", "setting").iter_rows():
                    self._supplier(code, setting)

    def _supplier(self, code: str | None, setting: str | None) -> None:
        kind = _KIND_OF_SETTING.get(setting or "unknown", "other")
        if code is None:
            self.unnamed.add(kind)
        elif kind == "private" or (code not in self.kinds and kind_of(code) != kind):
            self.kinds[code] = kind
            self.ids.setdefault(code, code)

    def kind(self, code: str) -> str:
        return self.kinds.get(code) or kind_of(code)

    def reference(self, code: str | None) -> Row | None:
        if code is None:
            return None
        found: Row = {"reference": f"Organization/{self.ids[code]}"} if code in self.ids else {}
        return found | {"identifier": {"system": ODS, "value": code}}

    def supplier(self, code: str | None, setting: str | None) -> Row | None:
        """Who prescribes: also an organisation of which only the kind is known."""
        if code is None:
            return {"reference": f"Organization/unnamed-{_KIND_OF_SETTING.get(setting or 'unknown', 'other')}"}
        return self.reference(code)

    def all(self) -> list[tuple[str, str | None, str | None, str]]:
        """(id, ODS code, name, kind) of every organisation to write."""
        found: list[tuple[str, str | None, str | None, str]] = [
            (identity, None if identity in self.without_code else code, self.names.get(code), self.kind(code))
            for code, identity in self.ids.items()
        ]
        return found + [(f"unnamed-{kind}", None, None, kind) for kind in sorted(self.unnamed)]


def _rows(tables: Mapping[str, pl.DataFrame], name: str) -> list[Row]:
    return list(tables[name].iter_rows(named=True)) if name in tables else []
