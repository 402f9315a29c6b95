"""One import of FHIR, from files to parts beside the store; `run` puts them in force.

Two readings of the input: the first learns what references mean and who the people are, the second makes rows. Then each
(source, bucket) is merged by itself.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pyarrow as pa

from stepwell.records.importers import bulk, clinical, documents, fhir, medicines, merge, patients
from stepwell.records.importers.context import Context, NotUsed, Rows, Subject, refuse_modifiers
from stepwell.records.importers.documents import Document
from stepwell.records.importers.fhir import CodeableConcept
from stepwell.records.importers.options import Options
from stepwell.records.importers.people import People
from stepwell.records.importers.references import Holder, Unit
from stepwell.records.importers.report import ImportReport, Place, Unusable
from stepwell.records.importers.scope import DELTA, FULL, PATIENTS, RECORD_TABLES, WRITES, Scope
from stepwell.records.importers.staging import Staging
from stepwell.records.importers.values import Fault, codes_in, ref_key, vocabulary
from stepwell.records.people import Linker
from stepwell.records.store import RecordWriter

_PATH = re.compile(r"^(.*?)(?: - at `(.*)`)?$", re.S)

Mapper = Callable[[Any, Context], Rows]
_MAPPERS: dict[type, Mapper] = {
    fhir.MedicationRequest: medicines.request,
    fhir.MedicationRequestSTU3: medicines.request,
    fhir.MedicationStatement: medicines.statement,
    fhir.Observation: clinical.observation,
    fhir.Condition: clinical.condition,
    fhir.ConditionSTU3: clinical.condition,
    fhir.Encounter: clinical.encounter,
    fhir.Appointment: clinical.appointment,
    fhir.ServiceRequest: clinical.service_request,
    fhir.ReferralRequest: clinical.referral_request,
    fhir.EpisodeOfCare: clinical.episode,
    fhir.DocumentReference: clinical.document,
    fhir.Composition: clinical.composition,
}


_STORED = (*RECORD_TABLES, "organisations", "originals")
# Parts that may wait to be written while the next bucket is merged.
_UNDER_WAY = 24


@dataclass
class _Tally:
    """Over all buckets, by source: deletions that met something, resources that went, resources there were."""

    deleted: dict[str, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))
    gone: Counter[str] = field(default_factory=Counter)
    before: Counter[str] = field(default_factory=Counter)


class FhirRun:
    def __init__(self, people: People, writer: RecordWriter, options: Options) -> None:
        self.files, self.people, self.writer, self.options = people.files, people, writer, options
        self.store = writer.store
        self.buckets = self.store.manifest.buckets
        self.folder = writer.staging
        self.staging = Staging(self.folder)
        self.scope = Scope(self._scope_kind())
        self.report = ImportReport(scope=self.scope.kind, format=people.format_found)
        self.context = Context(options.today, self._find_subject, self._find_medication)
        # All sources when the input names no patient of its own: then it adds to what is here.
        sources = people.sources or set(self.store.sources())
        self.sources = sources | ({options.practice} if options.practice else set())
        self.linker = Linker(writer, options.now, self.sources)
        self._seq = 0
        self._accepted: Counter[str] = Counter()
        self.refused: list[dict[str, Any]] = []
        self._medications: dict[str, dict[str, CodeableConcept]] = {}
        digest = hashlib.sha256(people.digest.digest())
        digest.update(repr((options.practice, options.source, options.format, self.scope.kind)).encode())
        self.report.import_id = digest.hexdigest()[:16]

    def _scope_kind(self) -> str:
        if self.options.scope != "auto":
            return self.options.scope
        people = self.people
        if people.deletions:
            return DELTA
        told = bulk.scope(people.exports)
        if told is not None:
            return told
        if people.loose_patients:
            return FULL if people.folder else PATIENTS
        return PATIENTS if people.bundle_patients else DELTA

    # Reading

    def close(self) -> None:
        """Nothing to let go of but the folder."""

    def finish(self) -> None:
        self.linker.assign(self.people.identities())
        for document in documents.read(self.files):
            self._document(document)
        for source, count in self._accepted.items():
            self.report.count(source, "accepted", count)
        self._check_usable()
        self._replaced_people()
        self._merge()
        self._tell_people()
        self.linker.save()
        self._check_usable()

    def _document(self, document: Document) -> None:
        unit = self.people.unit(document.unit)
        if document.sha256 is not None:
            size = documents.MAX_LINE // 1024 // 1024
            fault = Fault("line too long", f"The line is longer than {size} MB. Write one resource a line.")
            self._unreadable(document, "$", unit, fault, sha256=document.sha256)
            return
        stu3 = self.people.is_stu3(document)
        self.context.gp_connect = stu3
        decode = fhir.decode_stu3 if stu3 else fhir.decode_r4
        try:
            resource = decode(document.raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
        else:
            self._resource(resource, document.raw, document, path="$", unit=unit)
            return
        head = documents.head(document.raw)
        if head is not None and head.resourceType == "Bundle":
            self._bundle(document, unit, decode)
        elif head is not None and head.resourceType is None and head.request is not None:
            self._deletion(head.request, document, "$", unit)
        else:
            self._undecoded(document.raw, document, "$", unit, decode)

    def _bundle(self, document: Document, folder: Unit, decode: Callable[[bytes], Any]) -> None:
        try:
            entries = fhir.decode_bundle(document.raw).entry
        except (msgspec.MsgspecError, RecursionError) as error:
            self._unreadable(document, "$", folder, _fault_of(error, "Bundle"))
            return
        if not entries:
            self.report.read += 1
            self.report.not_used["Bundle (without entries)"] += 1
            return
        unit, _ = self.people.bundle_unit(document, entries, folder)
        for number, raw in enumerate(entries):
            path = f"$.entry[{number}]"
            place = document if not document.whole else Document(document.unit, document.file, number + 1, raw)
            try:
                entry = fhir.decode_entry(raw)
            except msgspec.MsgspecError as error:
                self._unreadable(place, path, unit, _fault_of(error, "Bundle entry"), raw=bytes(raw))
                continue
            text = bytes(entry.resource)
            if text and text != b"null":
                path += ".resource"
                try:
                    resource = decode(text)
                except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                    self._undecoded(text, place, path, unit, decode)
                else:
                    self._resource(resource, text, place, path=path, unit=unit, full_url=entry.fullUrl)
            elif entry.request is not None and entry.request.method == "DELETE":
                self._deletion(entry.request, place, path, unit)
            else:
                fault = Fault("empty Bundle entry", "The entry holds neither a resource nor a deletion. Export the Bundle again.")
                self._unreadable(place, path, unit, fault, raw=bytes(raw))

    def _undecoded(self, raw: bytes, document: Document, path: str, unit: Unit, decode: Callable[[bytes], Any]) -> None:
        """A text the union did not take: another type, which is not used, or a fault, told precisely."""
        head = documents.head(raw)
        known = vocabulary()["resource"]["types"].split()
        if head is None:
            self._unreadable(document, path, unit, _not_json(raw), raw=raw)
            return
        type_ = head.resourceType
        if type_ is None or type_ not in known:
            message = f"resourceType is {type_!r}. A FHIR resource names its type. Export as FHIR R4 or GP Connect Structured JSON."
            self._unreadable(document, path, unit, Fault("not a FHIR resource", message, "$.resourceType"), raw=raw)
            return
        if type_ not in WRITES and type_ not in ("PractitionerRole", "List"):
            self.report.read += 1
            self.report.not_used[type_] += 1
            return
        try:
            decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            if isinstance(error, msgspec.ValidationError) and str(error).startswith("Invalid value") and "resourceType" in str(error):
                # A type of the other release (ReferralRequest in R4, ServiceRequest in STU3).
                self.report.read += 1
                self.report.not_used[type_] += 1
                return
            self.report.read += 1
            self._reject(_fault_of(error, type_), Place(document.file, document.line, type_, head.id, path), unit, raw)

    # One resource

    def _resource(
        self, resource: fhir.Resource, raw: bytes, document: Document, *, path: str, unit: Unit, full_url: str | None = None
    ) -> None:
        report = self.report
        report.read += 1
        type_ = type(resource).__struct_config__.tag
        assert isinstance(type_, str)
        if type_ == "List":
            self._section(resource, unit, document)
            report.not_used["List"] += 1
            return
        if type_ == "PractitionerRole":
            report.not_used[type_] += 1
            return
        context = self.context
        try:
            text = _text(raw)
            refuse_modifiers(resource, raw)
            digest = hashlib.blake2b(raw, digest_size=12).hexdigest()
            context.unit, context.resource, context.holder = unit, resource, None
            context.native_id = resource.id or _urn_id(full_url) or f"no-id-{digest}"
            context.version = (resource.meta.versionId if resource.meta else None) or digest
            mapper = _MAPPERS.get(type(resource))
            if mapper is not None:
                rows = mapper(resource, context)
                assert context.holder is not None
                subject, source = context.holder.subject_id, context.holder.source
            else:
                subject, source, rows = self._own(resource, unit, full_url)
        except NotUsed as kind:
            report.not_used[str(kind)] += 1
            return
        except Fault as fault:
            self._reject(fault, Place(document.file, document.line, type_, resource.id, path), unit, raw)
            return
        self._seq += 1
        bucket = 0 if subject is None else subject % self.buckets
        for table, row in rows:
            row["_seq"] = self._seq
            self.staging.add(source, bucket, table, row)
        found = (subject, source, context.native_id, context.version, type_, text, document.file, document.line, path, self._seq)
        self.staging.add_original(source, bucket, found)
        self._accepted[source] += 1
        if self.scope.kind == DELTA:
            self.scope.touched[source].add((type_, context.native_id))

    def _own(self, resource: fhir.Resource, unit: Unit, full_url: str | None) -> tuple[int | None, str, Rows]:
        """Patient, Organization, Medication: what others refer to. The last two belong to no person."""
        context = self.context
        if isinstance(resource, fhir.Patient):
            patients.claim(resource, context.today)
            key = f"Patient/{resource.id}" if resource.id else ref_key(full_url or "")
            found = self._find_subject(unit, key)
            if isinstance(found, Holder):
                raise Fault("held by another organisation", found.refused or "", "$.managingOrganization")
            if found is None:
                raise Fault("Patient without an id", "The Patient has no id, so nothing can refer to it. Add one at the source.", "$.id")
            context.holder = found
            context.native_id = self._local_id(unit, key)
            return found.subject_id, found.source, patients.patient(resource, context)
        source = self._source_of(unit)
        if isinstance(resource, fhir.Organization):
            return None, source, patients.organisation(resource, context, source)
        return None, source, []

    def _local_id(self, unit: Unit, key: str) -> str:
        holder = unit.patient(key)
        return holder.local_id if holder else key.removeprefix("Patient/")

    def _source_of(self, unit: Unit) -> str:
        """The source of what belongs to no person: that of the people it came with, by name the first."""
        found = self._sources_of(unit)
        if unit.bundle and not unit.patients:
            raise self.context.unknown_patient("$")
        if not found:
            message = "It cannot be told whose record this is. Name the organisation with --practice, or import it with its Patients."
            raise Fault("source unknown", message)
        return min(found)

    def _sources_of(self, unit: Unit) -> set[str]:
        if self.options.source or self.options.practice:
            return {self.options.source or self.options.practice or ""}
        found = unit.known_sources()
        if not found and unit.parent is not None:
            found = unit.parent.known_sources()
        if not found and unit.bundle and any(holder.refused for holder in unit.patients.values()):
            return set()
        return found or (self.sources if len(self.sources) == 1 else set())

    def _find_subject(self, unit: Unit, key: str) -> Subject | Holder | None:
        known = unit.subjects.get(key)
        if known is not None:
            return known
        holder = unit.patient(key)
        if holder is not None:
            if holder.refused:
                return holder
            found = Subject(self.linker.subjects[(holder.source, holder.local_id)], holder.source, holder.org_code)
            unit.subjects[key] = found
            return found
        local = key.removeprefix("Patient/").removeprefix("urn:uuid:")
        where = self._sources_of(unit) or self.sources
        named = [(self.linker.subjects[(source, local)], source) for source in sorted(where) if (source, local) in self.linker.subjects]
        if len(named) != 1:
            return None
        subject, source = named[0]
        return Subject(subject, source, None if source.startswith("unknown-") else source)

    def _find_medication(self, source: str, key: str) -> CodeableConcept | None:
        """A Medication that an earlier import brought from the same source."""
        if source not in self._medications:
            part = self.store.part("originals", source, 0)
            rows = self.store.read_part(part, "originals", ["resource_type", "native_id", "raw"])
            found: dict[str, CodeableConcept] = {}
            for type_, native_id, raw in zip(*(rows[name].to_pylist() for name in rows.column_names), strict=True):
                if type_ == "Medication":
                    medication = fhir.decode_r4(raw.encode())
                    if isinstance(medication, fhir.Medication) and medication.code:
                        found[f"Medication/{native_id}"] = medication.code
            self._medications[source] = found
        return self._medications[source].get(key)

    def _section(self, resource: fhir.Resource, unit: Unit, document: Document) -> None:
        """GP Connect: a top-level List says which section this Bundle holds, and what was withheld."""
        assert isinstance(resource, fhir.List)
        words = vocabulary()
        for code in codes_in(resource.code):
            unit.sections.update(words["section"].get(code, ()))
        for found in resource.extension:
            warning = words["section_warning"].get(found.valueCode) if "WarningCode" in found.url else None
            if warning:
                self.report.flag(
                    warning, "Duties may rest on an incomplete record.", Place(document.file, document.line, "List", resource.id)
                )
        if unit.sections:
            self.people.remember_sections(unit)

    def _deletion(self, request: fhir.Request, document: Document, path: str, unit: Unit) -> None:
        self.report.read += 1
        type_, _, native_id = ref_key(request.url or "").partition("/")
        place = Place(document.file, document.line, type_ or None, native_id or None, path)
        found = self._sources_of(unit)
        if type_ not in WRITES or not native_id or "?" in native_id or request.method != "DELETE":
            if type_ in vocabulary()["resource"]["types"].split() and native_id:
                self.report.not_used[type_] += 1
                return
            message = "Give a deletion as method DELETE with the address Type/id."
            self._reject(Fault("deletion not understood", message, "$.request"), place, unit, document.raw)
        elif len(found) != 1:
            message = "It cannot be told whose record this is. Name the organisation with --practice."
            self._reject(Fault("source unknown", message, "$.request.url"), place, unit, document.raw)
        elif self.scope.kind != DELTA:
            message = "A deletion belongs to a delta. Import it with --scope delta."
            self._reject(Fault("deletion outside a delta", message, "$.request"), place, unit, document.raw)
        else:
            source = next(iter(found))
            named = (type_, native_id)
            if named in self.scope.deleted[source]:
                self.report.unchanged += 1
                return
            self.scope.deleted[source].add(named)
            subject = self.linker.subjects.get((source, native_id)) if type_ == "Patient" else None
            if subject is not None:
                self.scope.erased.add(subject)

    # Refusing

    def _unreadable(
        self, document: Document, path: str, unit: Unit, fault: Fault, *, sha256: str | None = None, raw: bytes | None = None
    ) -> None:
        self.report.read += 1
        head = documents.head(document.raw if raw is None else raw)
        place = Place(document.file, document.line, head.resourceType if head else None, None, path)
        self._reject(fault, place, unit, document.raw if raw is None else raw, sha256)

    def _reject(self, fault: Fault, place: Place, unit: Unit, raw: bytes, sha256: str | None = None) -> None:
        path = place.path + fault.path.removeprefix("$")
        self.report.reject(fault.reason, fault.message, place, path)
        self.refused.append(
            {
                "file": place.file,
                "line": place.line,
                "resource_type": place.resource_type,
                "native_id": place.native_id,
                "path": path,
                "message": fault.message,
                "raw_sha256": sha256 or hashlib.sha256(raw).hexdigest(),
            }
        )
        sources = self._sources_of(unit) or self.sources
        for source in sources:
            if place.resource_type and place.native_id:
                self.scope.refused[source].add((place.resource_type, place.native_id))
            else:
                self.scope.withheld.add(source)

    def _check_usable(self) -> None:
        report = self.report
        if report.read == 0:
            raise Unusable("The input holds no resource. Export it again and check that the transfer was complete.", report)
        if report.rejected == report.read:
            first = report.to_json()["rejected"][0]  # type: ignore[index]
            example = first["examples"][0]
            where = f"{example['file']} line {example['line']}, {example['path']}"
            raise Unusable(f"Nothing in the input can be used; the store is unchanged. {first['message']} (first at {where})", report)

    # Merging

    def _replaced_people(self) -> None:
        if self.scope.kind != PATIENTS:
            return
        for (source, local_id), sections in self.people.replaced().items():
            subject = self.linker.subjects.get((source, local_id))
            if subject is not None:
                whole = sections is None or self.options.scope == PATIENTS
                self.scope.replaced[subject] |= set(RECORD_TABLES) if whole else {"patients", "registrations", *(sections or ())}

    def _merge(self) -> None:
        keys = set(self.staging.keys())
        if self.scope.kind == FULL:
            keys |= {(part.source, part.bucket) for part in self.store.manifest.parts if part.source in self.people.sources}
        if self.scope.kind == DELTA:
            named = {source for source, found in (*self.scope.deleted.items(), *self.scope.touched.items()) if found}
            keys |= {(part.source, part.bucket) for part in self.store.manifest.parts if part.source in named}
        keys |= {
            (source, subject % self.buckets) for (source, _), subject in self.linker.subjects.items() if subject in self.scope.replaced
        }
        tally = _Tally()
        writing: deque[Future[None]] = deque()
        with ThreadPoolExecutor(2) as pool:
            for source, bucket in sorted(keys):
                self._merge_part(source, bucket, tally, lambda *part: writing.append(pool.submit(self.writer.put, *part)))
                while len(writing) > _UNDER_WAY:
                    writing.popleft().result()
            for each in writing:
                each.result()
        for source, markers in self.scope.deleted.items():
            self.report.superseded += len(tally.deleted[source])
            self.report.unchanged += len(markers - tally.deleted[source])
        self.report.removed = tally.gone.total()
        self._check_loss(tally.gone, tally.before)

    def _merge_part(self, source: str, bucket: int, tally: _Tally, put: Callable[[str, str, int, pa.Table], object]) -> None:
        staged = self.staging.tables((source, bucket))
        old = {name: self.store.read_part(part, name) for name in _STORED if (part := self.store.part(name, source, bucket))}
        if not staged and not old:
            return
        merged = merge.merge(source, staged, old, self.scope)
        self._take_late(source, staged, merged)
        self.report.new += merged.new
        self.report.unchanged += merged.unchanged
        self.report.superseded += merged.superseded
        for what in ("new", "unchanged", "superseded"):
            self.report.count(source, what, getattr(merged, what))
        tally.deleted[source] |= merged.present & self.scope.deleted[source]
        tally.gone[source] += merged.removed
        tally.before[source] += old["originals"].num_rows if "originals" in old else 0
        for type_, native_id in merged.conflicts:
            message = "The later content was taken. A source should change the version when it changes the content."
            self.report.flag("same id and version, different content", message, Place("", 0, type_, native_id))
        if merged.degraded:
            self.report.count(source, "degraded medicines", merged.degraded)
        for name, rows in merged.tables.items():
            put(name, source, bucket, rows)
            if name != "originals":
                self.report.rows[name] = self.report.rows.get(name, 0) + rows.num_rows

    def _take_late(self, source: str, staged: dict[str, pa.Table], merged: merge.Merged) -> None:
        if not merged.late:
            return
        wanted = {late.seq: late for late in merged.late}
        columns = ("_seq", "_file", "_line", "_path", "resource_type", "native_id", "raw")
        for seq, file, line, path, type_, native_id, raw in zip(*(staged["originals"][name].to_pylist() for name in columns), strict=True):
            if seq in wanted:
                late = wanted[seq]
                fault = Fault(late.reason, late.message, late.path)
                self._reject(fault, Place(file, line, type_, native_id, path), Unit(""), raw.encode())
                self.report.count(source, "accepted", -1)

    def _check_loss(self, gone: Counter[str], before: Counter[str]) -> None:
        """An export of part of a record looks like a full one; whoever means it can say so."""
        if self.options.scope != "auto" or self.scope.kind != FULL:
            return
        for source, count in gone.items():
            if count > 20 and count * 2 > before[source]:
                raise Unusable(
                    f"This input lacks {count} of the {before[source]} resources held from {source}, which looks like part of a record. "
                    "Nothing was imported. Say --scope delta to add what is here, or --scope full if the rest is to go.",
                    self.report,
                )

    # Telling

    def _tell_people(self) -> None:
        places = self.people.places
        for place, status in self.people.without_number():
            what = "NHS number missing" if status == "missing" else "NHS number not valid"
            self.report.flag(what, "Kept under the id of the source and joined with no other record. Trace the NHS number.", place)
        for place in self.people.unknown_holders:
            message = "Kept under a source of its own. Add the Organization with its ODS code at the source."
            self.report.flag("organisation unknown", message, place)
        for notice in self.linker.notices:
            self.report.flag(
                notice.what, notice.message, places.get((notice.source, notice.local_id), Place("", 0, "Patient", notice.local_id))
            )
        errors = sum(len(export.error) for export in self.people.exports)
        if errors:
            message = "The exporting system could not give all it was asked for (see its files of errors): the record may be incomplete."
            self.report.flag("the export reports errors", message, Place("", 0), errors)
        degraded = sum(counts["degraded medicines"] for counts in self.report.by_source.values())
        if degraded:
            message = "Plans and issues of which only text is left. They wait to be coded by hand."
            self.report.flag("medicine without a usable code", message, Place("", 0), degraded)


def _urn_id(full_url: str | None) -> str | None:
    return full_url.removeprefix("urn:uuid:") if full_url and full_url.startswith("urn:uuid:") else None


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise _not_utf8(error) from None


def _not_utf8(error: UnicodeDecodeError) -> Fault:
    return Fault("not UTF-8", f"Byte {error.start + 1} is not UTF-8. Write the file again as UTF-8.")


def _not_json(raw: bytes) -> Fault:
    try:
        raw.decode()
        msgspec.json.decode(raw)
    except UnicodeDecodeError as error:
        return _not_utf8(error)
    except (msgspec.MsgspecError, RecursionError) as error:
        return Fault("not JSON", f"The text is not JSON ({error}). It may be cut short: export or transfer it again.")
    return Fault("not a FHIR resource", "The text is JSON, but not an object with a resourceType. Export as FHIR JSON.")


def _fault_of(error: Exception, type_: str) -> Fault:
    """A decoding error as a fault with its path."""
    if isinstance(error, UnicodeDecodeError):
        return _not_utf8(error)
    match = _PATH.match(str(error))
    text, path = (match.group(1), match.group(2)) if match else (str(error), None)
    return Fault(f"{type_}: {text}", f"{text}. Correct the element at the source; FHIR says what it may hold.", path or "$")
