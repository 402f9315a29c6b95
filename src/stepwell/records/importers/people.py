"""The first reading: who the people in the input are, who holds their records, and what references mean."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import msgspec

from stepwell.records.importers import bulk, documents, fhir, patients
from stepwell.records.importers.context import refuse_modifiers
from stepwell.records.importers.documents import Document
from stepwell.records.importers.references import Holder, Unit, kind_of
from stepwell.records.importers.report import Place
from stepwell.records.importers.values import Fault, ref_key
from stepwell.records.people import Identity

_INDEXED = re.compile(rb'"resourceType"\s*:\s*"(?:Bundle|Patient|Organization|PractitionerRole|Medication)"')
_DELETE = re.compile(rb'"method"\s*:\s*"DELETE"')

Where = tuple[str, str]  # source, local id


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A patient whose organisation is known only when the whole folder was read."""

    unit: Unit
    keys: tuple[str, ...]
    local_id: str
    managed_by: fhir.Reference | None
    claim: patients.Claim | Fault
    place: Place


class People:
    def __init__(self, files: list[documents.File], practice: str | None, source: str | None, format_: str, today: date) -> None:
        self.files, self._practice, self._source, self._format, self._today = files, practice, source, format_, today
        self._units: dict[str, Unit] = {}
        self._claims: dict[Where, patients.Claim] = {}
        self._bundled: dict[Where, set[str] | None] = {}
        self._formats: set[str] = set()
        self.places: dict[Where, Place] = {}
        self.unknown_holders: list[Place] = []
        self.held_elsewhere: set[str] = set()
        self.digest = hashlib.sha256()
        self.folder = any(file.by_line for file in files) and len({file.unit for file in files} | {file.name for file in files}) > 2
        # Lists of files that Bulk Data exports of the input brought.
        self.exports: list[bulk.Export] = []
        self.deletions = self.loose_patients = self.bundle_patients = False

    @property
    def sources(self) -> set[str]:
        """Organisations that hold records in this input."""
        return {source for source, _ in self._claims}

    @property
    def format_found(self) -> str:
        return " and ".join(sorted(self._formats)) or "fhir"

    def unit(self, name: str) -> Unit:
        return self._units.setdefault(name, Unit(name))

    def is_stu3(self, document: Document) -> bool:
        if self._format != "auto":
            return self._format == "gpconnect"
        return b"fhir.nhs.uk/STU3" in document.raw or b"CareConnect-" in document.raw

    def identities(self) -> Iterator[Identity]:
        for (source, local_id), claim in self._claims.items():
            yield Identity(source, local_id, claim.nhs_number, claim.birth_date)

    def without_number(self) -> Iterator[tuple[Place, str]]:
        for where, claim in self._claims.items():
            if claim.nhs_status != "valid":
                yield self.places[where], claim.nhs_status

    def replaced(self) -> dict[Where, set[str] | None]:
        """People of the input and which tables it replaces: None for all of them."""
        return {where: self._bundled.get(where) for where in self._claims}

    def remember_sections(self, unit: Unit) -> None:
        for holder in unit.patients.values():
            found = self._bundled.get((holder.source, holder.local_id))
            if found is not None:
                found |= unit.sections

    def read(self) -> None:
        """Go through the input once. Raises Unusable when a file cannot be read to its end."""
        waiting: list[_Waiting] = []
        for document in documents.read(self.files, self.digest, _INDEXED, _DELETE):
            if _DELETE.search(document.raw):
                self.deletions = True
            if not _INDEXED.search(document.raw):
                continue
            unit = self.unit(document.unit)
            head = documents.head(document.raw)
            if head is None:
                continue
            if head.resourceType == "Bundle":
                try:
                    entries = fhir.decode_bundle(document.raw).entry
                except (msgspec.MsgspecError, RecursionError):
                    continue
                for found in self.bundle_unit(document, entries, unit)[1]:
                    self.bundle_patients = True
                    self._formats.add("gpconnect" if self.is_stu3(document) else "fhir")
                    self._take(found, document)
            elif head.resourceType in ("Patient", "Organization", "PractitionerRole", "Medication"):
                found_here = self._index(document.raw, unit, None, Place(document.file, document.line, head.resourceType, head.id))
                if found_here is not None:
                    self.loose_patients = True
                    self._formats.add("gpconnect" if self.is_stu3(document) else "fhir")
                    waiting.append(found_here)
        for found in waiting:
            self._take(found, None)

    def bundle_unit(self, document: Document, entries: tuple[msgspec.Raw, ...], folder: Unit) -> tuple[Unit, list[_Waiting]]:
        """What references in one Bundle mean, and the Patients it holds."""
        unit = Unit(folder.name, folder, bundle=True)
        waiting = []
        for number, raw in enumerate(entries):
            indexed = _INDEXED.search(raw)
            if not indexed and b'"urn:uuid:' not in bytes(raw):
                continue
            try:
                entry = fhir.decode_entry(raw)
            except msgspec.MsgspecError:
                continue
            head = documents.head(entry.resource)
            if head is None:
                continue
            if entry.fullUrl and head.id and entry.fullUrl.startswith("urn:uuid:") and not entry.fullUrl.endswith(head.id):
                unit.aliases[entry.fullUrl] = head.id
            if not indexed:
                continue
            line = number + 1 if document.whole else document.line
            found = self._index(entry.resource, unit, entry.fullUrl, Place(document.file, line, head.resourceType, head.id))
            if found is not None:
                waiting.append(found)
        for each in waiting:
            self._hold(each)
        return unit, waiting

    def _index(self, raw: bytes | msgspec.Raw, unit: Unit, full_url: str | None, place: Place) -> _Waiting | None:
        try:
            resource = fhir.decode_r4(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        key = f"{place.resource_type}/{resource.id}" if resource.id else None
        if not isinstance(resource, fhir.Patient):
            unit.index(resource, key, full_url)
            return None
        keys = tuple(each for each in (key, ref_key(full_url) if full_url else None, full_url) if each)
        if not keys:
            return None
        claim: patients.Claim | Fault
        try:
            refuse_modifiers(resource, bytes(raw))
            claim = patients.claim(resource, self._today)
        except Fault as fault:
            claim = fault
        local_id = resource.id or keys[0].rpartition("/")[2].rpartition(":")[2]
        return _Waiting(unit, keys, local_id, resource.managingOrganization, claim, place)

    def _hold(self, found: _Waiting) -> Holder:
        holder = self._holder(found)
        found.unit.patients.update(dict.fromkeys(found.keys, holder))
        return holder

    def _take(self, found: _Waiting, bundle: Document | None) -> None:
        holder = self._hold(found)
        if holder.refused and holder.source:
            self.held_elsewhere.add(holder.source)
        if holder.refused or isinstance(found.claim, Fault):
            return
        where = (holder.source, holder.local_id)
        self._claims[where] = found.claim
        self.places[where] = found.place
        if bundle is None:
            self._bundled[where] = None
        elif self.is_stu3(bundle):
            self._bundled.setdefault(where, set())
        else:
            self._bundled[where] = None
        if holder.org_code is None:
            self.unknown_holders.append(found.place)

    def _holder(self, found: _Waiting) -> Holder:
        """Whose record it is. The organisation the Patient names, else what the command says, else what is near it."""
        if isinstance(found.claim, Fault):
            return Holder("", None, found.local_id, f"Its Patient was refused: {found.claim.message}")
        named = found.unit.org(found.managed_by)
        code = named.code if named else None
        if self._practice:
            if code and code != self._practice:
                message = f"This record is held by {code}; the import is for {self._practice}. Give the right --practice, or --source auto."
                return Holder(code, code, found.local_id, message)
            return Holder(self._practice, self._practice, found.local_id)
        if self._source:
            return Holder(self._source, code or self._source, found.local_id)
        if code is None:
            code = self._near(found.unit)
        if code is not None:
            return Holder(code, code, found.local_id)
        reference = (found.managed_by.reference if found.managed_by else None) or ""
        return Holder(f"unknown-{hashlib.sha256(reference.encode()).hexdigest()[:8]}", None, found.local_id)

    def _near(self, unit: Unit) -> str | None:
        """R4 without managingOrganization: the folder's name, or the only organisation it holds. Bundles say it themselves."""
        if unit.bundle:
            return None
        name = unit.name.rpartition("/")[2]
        if kind_of(name) != "other":
            return name
        codes = {org.code for org in unit.orgs.values() if org.code}
        return codes.pop() if len(codes) == 1 else None
