"""One import of an extract, from files to parts beside the store; `importers.run` puts them in force."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from stepwell.records.importers.extracts import codes, details, files, merge, people
from stepwell.records.importers.extracts.files import Source
from stepwell.records.importers.extracts.headers import Table, tables
from stepwell.records.importers.extracts.joins import Joins
from stepwell.records.importers.extracts.merge import Merger, Reach
from stepwell.records.importers.extracts.refusals import Refusals
from stepwell.records.importers.extracts.session import Session, quoted, sql
from stepwell.records.importers.options import Options
from stepwell.records.importers.report import ImportReport, Place, Unusable
from stepwell.records.importers.scope import DELTA, FULL, PATIENTS
from stepwell.records.people import Linker
from stepwell.records.schema import TABLES
from stepwell.records.store import RecordWriter

# Canonical table → the tables of each dialect that tell it, in the order in which later ones need earlier ones.
_PERSONS: dict[str, dict[str, tuple[str, ...]]] = {
    "organisations": {"emis": ("Admin_Organisation",), "tpp": ("SROrganisation",)},
    "patients": {"emis": ("Admin_Patient",), "tpp": ("SRPatient",)},
    "registrations": {"emis": ("Admin_Patient",), "tpp": ("SRPatientRegistration",)},
}
_RECORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "observations": {"emis": ("CareRecord_Observation",), "tpp": ("SRCode",)},
    "conditions": {"emis": ("CareRecord_Problem",), "tpp": ("SRProblem",)},
    "requests": {"emis": ("CareRecord_ObservationReferral",), "tpp": ("SRReferralOut",)},
    "contacts": {"emis": ("CareRecord_Consultation",), "tpp": ("SREvent",)},
    "appointments": {"emis": ("Appointment_Slot",), "tpp": ("SRAppointment",)},
    "letters": {"tpp": ("SRLetter",)},
    "medication_plans": {"emis": ("Prescribing_DrugRecord",), "tpp": ("SRRepeatTemplate", "SRPrimaryCareMedication")},
    "medication_issues": {"emis": ("Prescribing_IssueRecord",), "tpp": ("SRPrimaryCareMedication",)},
}
# They speak of entries, which must be kept for them while the observations are at hand: loaded before.
_SPEAKING = ("CareRecord_Problem", "CareRecord_ObservationReferral", "SRProblem")
# Its rows also say which problems and referrals are gone with their entry.
_ENTRY = "CareRecord_Observation"
# The last canonical table that reads a table; then its rows are let go.
_LAST = {_ENTRY: "requests", "SRPrimaryCareMedication": "medication_issues"}
_STATE = "_kind VARCHAR, _row BIGINT, _key VARCHAR, _gone BOOLEAN, _withheld BOOLEAN, _fault VARCHAR, _recorded_on DATE"


class ExtractRun:
    """One import of an extract, from files to parts beside the store. `suspect`: files to be gone through line by line."""

    def __init__(self, path: Path, writer: RecordWriter, options: Options, suspect: set[Path]) -> None:
        self._path, self._suspect = path, suspect
        self.writer, self.options, self.store = writer, options, writer.store
        self.folder = writer.staging
        self.session = Session(self.folder, options.today, options.source)
        self.report = ImportReport()
        self.refused: list[dict[str, Any]] = []

    def close(self) -> None:
        self.session.close()

    def _begin(self) -> None:
        """Learn what the files are and who the people in them are."""
        session, options, path = self.session, self.options, self._path
        digest = hashlib.sha256()
        self.sources, said_delta = files.find(path, self.folder, digest)
        for source in self.sources:
            source.suspect |= source.original in self._suspect
        dialects = sorted({each.found.dialect for each in self.sources})
        if options.format not in ("auto", *dialects) or (options.format != "auto" and len(dialects) > 1):
            raise Unusable(f"The input is an extract of {' and '.join(dialects)}, not of {options.format}. Leave --format out.")
        self.report.format = " and ".join(dialects)
        self.people = people.read(session, self.sources, self.store, options.practice, options.today)
        if self.people.elsewhere and not self.people.sources:
            raise Unusable(
                f"Every record in this input is held by {', '.join(sorted(self.people.elsewhere))}; the import is for {options.practice}. "
                "Give the right --practice, or --source auto."
            )
        self.known = self.people.sources or set(self.store.sources())
        self.known |= {each for each in (options.practice, options.source) if each}
        if not any(session.count(each) or each.broken for each in self.sources):
            raise Unusable("The input holds no row. Export it again and check that the transfer was complete.")
        if not self.known:
            raise Unusable(
                "It cannot be told whose record this is: the organisation of no patient is known. Import the tables of patients and "
                "organisations too, or say --source."
            )
        self.linker = Linker(self.writer, options.now, self.known)
        self.linker.assign(self.people.identities())
        people.tell(session, self.people, self.linker.subjects)
        self.reach = self._reach(said_delta)
        self.report.scope = self.reach.kind
        digest.update(repr((options.practice, options.source, options.format, self.reach.kind)).encode())
        self.report.import_id = digest.hexdigest()[:16]
        self.refusals = Refusals(session, self.report, self.people, self.known, options.today)
        self.merger = Merger(session, self.writer, self.report, self.reach, self.refusals.withheld)

    def finish(self) -> None:
        self._begin()
        codes.remember(self.session, self.store)
        try:
            self._not_used()
            self._persons()
            for units in self._batches():
                self._batch(units)
            self._check_usable()
            self.merger.finish()
        finally:
            self.merger.stop()
        self._check_loss()
        self._tell()
        self.linker.save()
        self.refused = self.refusals.rows

    # What the input is

    def _reach(self, said_delta: bool | None) -> Reach:
        kind, subjects = self.options.scope, self.linker.subjects
        if kind == "auto":
            delta = said_delta
            if delta is None:
                held = any(part.table == "patients" and part.source in self.known for part in self.store.manifest.parts)
                # Into a store that holds nothing of these sources a tombstone takes nothing away.
                delta = not self.people.claims or (held and self._any_tombstone())
            kind = DELTA if delta else FULL
        reach = Reach(kind, self.known)
        reach.erased = {subjects[where] for where in self.people.gone if where in subjects}
        if kind == PATIENTS:
            reach.replaced = {subjects[where] for where in self.people.claims}
        return reach

    def _any_tombstone(self) -> bool:
        return any(each.found.table and self.session.any_tombstone(each.found.table, each) for each in self.sources)

    def _batches(self) -> list[list[str]]:
        """Folders that share a source are read together, the others one after another."""
        batches: list[tuple[set[str], list[str]]] = []
        for unit in dict.fromkeys(each.unit for each in self.sources):
            found, units = set(self.people.units.get(unit, ())), [unit]
            for batch in [batch for batch in batches if batch[0] & found]:
                batches.remove(batch)
                found, units = found | batch[0], batch[1] + units
            batches.append((found, units))
        return [units for _, units in batches]

    def _of(self, table: str, units: list[str] | None = None) -> list[Source]:
        return [each for each in self.sources if each.found.name == table and (units is None or each.unit in units)]

    def _not_used(self) -> None:
        for source in self.sources:
            if not source.found.known:
                message = "Its columns differ from every version that is known; those that are known were read."
                self.report.flag("header not seen before", message, Place(source.name, 1, source.found.name))
            if source.found.table is None:
                count = self.session.count(source)
                self.report.not_used[source.found.name] += count
                self.report.read += count + self.refusals.broken(source)

    # Reading and mapping

    def _kinds(self, spec: dict[str, tuple[str, ...]], units: list[str] | None) -> list[Table]:
        """Tables of the input that tell a canonical table."""
        return [tables()[each] for names in spec.values() for each in names if self._of(each, units)]

    def _load(self, kind: Table, units: list[str] | None) -> None:
        found = self._of(kind.name, units)
        self.report.read += self.session.load(kind, found) + sum(self.refusals.broken(each) for each in found)

    def _map(self, table: str, kinds: list[Table]) -> None:
        """`m_<table>` from the tables that are loaded; refuses the rows that cannot be taken."""
        parts = [f"({sql(f'{dialect}_{table}')})" for dialect in dict.fromkeys(kind.dialect for kind in kinds)]
        if parts:
            # A row that goes, or is left out, needs to be right in nothing but its id.
            fault = "CASE WHEN _key IS NOT NULL AND (_gone OR _withheld) THEN NULL ELSE _fault END AS _fault"
            self.session.db.execute(
                f"CREATE OR REPLACE TABLE m_{table} AS SELECT * REPLACE ({fault}) FROM ({' UNION ALL BY NAME '.join(parts)})"
            )
        else:
            columns = ", ".join(f"{column.name} {column.type}" for column in TABLES[table].columns)
            self.session.db.execute(f"CREATE OR REPLACE TABLE m_{table} ({_STATE}, {columns})")
        for kind in kinds:
            if (kind.name, table) not in merge.SECONDARY:
                refused = f"_fault IS NOT NULL AND _kind = {quoted(kind.name)}"
                self.refusals.judge(
                    kind, self.session.rows(f"SELECT _row, _key, _fault, source FROM m_{table} WHERE {refused} ORDER BY _row")
                )

    # Persons and organisations

    def _persons(self) -> None:
        session, joins = self.session, Joins(self.session, self.store, self.known)
        for each in people.FIRST:
            self.report.read += sum(loaded.end - loaded.start for loaded in session.loaded[each])
            self.report.read += sum(self.refusals.broken(source) for source in self._of(each))
        told = {each.found.name for each in self.sources}
        for table, spec in _PERSONS.items():
            kinds = self._kinds(spec, None)
            self._map(table, kinds)
            if table == "organisations" and self.known:
                session.db.execute(
                    f"UPDATE m_organisations SET source = {quoted(min(self.people.sources or self.known))} WHERE source IS NULL"
                )
            if table == "patients":
                details.carry_over(session, joins, told, delta=self.reach.kind != FULL)
            if table == "registrations":
                session.db.execute("DELETE FROM m_registrations WHERE _kind = 'Admin_Patient' AND _fault IS NOT NULL")
            self.merger.merge(table, kinds, self.known)
            if table == "patients":
                # Most inputs have none of these tables; to ask them costs as much as a small table of theirs.
                for each in [each for each in details.TABLES if each in told]:
                    rows = session.rows(f"SELECT _row, _key, _fault, source FROM v_{each} WHERE _fault IS NOT NULL ORDER BY _row")
                    self.refusals.judge(tables()[each], rows)
                details.count(session, self.report, told)
        for table in _PERSONS:
            session.db.execute(f"DROP TABLE m_{table}")
        for each in people.FIRST:
            session.drop(tables()[each])

    # Records

    def _batch(self, units: list[str]) -> None:
        session = self.session
        held = set[str]().union(*(self.people.units.get(unit, set()) for unit in units)) or self.known
        joins = Joins(session, self.store, held)
        self._codes(units, held)
        for each in _SPEAKING:
            self._load(tables()[each], units)
        for table, spec in _RECORDS.items():
            kinds = self._kinds(spec, units)
            takers = [tables()[_ENTRY]] if table in ("conditions", "requests") and self._of(_ENTRY, units) else []
            asked_for = table == "observations" and any(self._of(each, units) for each in _SPEAKING)
            if not (kinds or takers or asked_for or self.reach.erased):
                continue
            for kind in kinds:
                if kind.name not in _SPEAKING and not (table == "medication_issues" and kind.name == "SRPrimaryCareMedication"):
                    self._load(kind, units)
            self._prepare(table, kinds, joins)
            self._map(table, kinds)
            if table == "conditions" and takers and self.reach.kind != FULL:
                joins.renewed()
            if table == "medication_issues":
                joins.from_plan()
            self.merger.merge(table, kinds, held, takers)
            if table == "observations":
                joins.entries()
            elif table == "conditions":
                joins.tell_conditions()
            elif table == "medication_plans":
                joins.tell_plans()
            session.db.execute(f"DROP TABLE m_{table}")
            for kind in [*kinds, *takers]:
                if _LAST.get(kind.name, table) == table:
                    session.drop(kind)

    def _codes(self, units: list[str], held: set[str]) -> None:
        mine = {kind.name: self._of(kind.name, units) for kind in codes.KINDS}
        rest = {kind.name: [each for each in self._of(kind.name) if each.unit not in units] for kind in codes.KINDS}
        codes.read(self.session, mine, rest, held)
        for kind in codes.KINDS:
            self.report.read += sum(loaded.end - loaded.start for loaded in self.session.loaded[kind.name])
            self.report.read += sum(self.refusals.broken(each) for each in mine[kind.name])
        if not held:
            return
        for each, rows in codes.keep(self.session, self.writer, self.report, min(held)).items():
            self.refusals.judge(tables()[each], rows)
        for kind in codes.KINDS:
            self.session.drop(kind)

    def _prepare(self, table: str, kinds: list[Table], joins: Joins) -> None:
        """Fill what the mapping of a table joins with."""
        session = self.session
        if table == "medication_plans":
            joins.reasons()
        if table in ("medication_plans", "medication_issues"):
            for dialect in dict.fromkeys(kind.dialect for kind in kinds):
                session.read_words(dialect)
            written = [(kind.name, "IDOrganisationDoneAt") for kind in kinds if "IDOrganisationDoneAt" in kind.columns]
            named = session.distinct(*written) if written else []
            known = [code for (code,) in session.rows("SELECT DISTINCT org_code FROM orgs WHERE org_code IS NOT NULL")]
            session.settings({*self.known, *known, *named}, self.people.kinds | dict.fromkeys(self.known, "practice"))
        if table == "appointments":
            labels = [label for (label,) in session.rows("SELECT DISTINCT label FROM labels WHERE label IS NOT NULL")]
            session.words_in("appointment", [*session.distinct(("SRAppointment", "AppointmentStatus")), *labels])

    # Telling

    def _check_usable(self) -> None:
        report = self.report
        if report.rejected == report.read:
            first = report.to_json()["rejected"][0]  # type: ignore[index]
            example = first["examples"][0]
            where = f"{example['file']} line {example['line']}, {example['path']}"
            raise Unusable(f"Nothing in the input can be used; the store is unchanged. {first['message']} (first at {where})", report)

    def _check_loss(self) -> None:
        """An extract of part of a record looks like a full one; whoever means it can say so."""
        if self.options.scope != "auto" or self.reach.kind != FULL:
            return
        for source, count in self.merger.gone.items():
            if count > 20 and count * 2 > self.merger.before[source]:
                raise Unusable(
                    f"This input lacks {count} of the {self.merger.before[source]} rows held from {source}, "
                    "which looks like part of a record. Nothing was imported. "
                    "Say --scope delta to add what is here, or --scope full if the rest is to go.",
                    self.report,
                )

    def _tell(self) -> None:
        report, found = self.report, self.people
        for status in ("missing", "invalid"):
            rows = [where for where, said in found.status.items() if said == status and where in found.claims]
            if rows:
                what = "NHS number missing" if status == "missing" else "NHS number not valid"
                message = "Kept under the id of the source and joined with no other record. Trace the NHS number."
                report.flag(what, message, self._place(rows[0]), len(rows))
        for notice in self.linker.notices:
            report.flag(notice.what, notice.message, self._place((notice.source, notice.local_id)))
        hidden = sum(count for what, count in report.not_used.items() if what.endswith("(confidential)"))
        if hidden:
            message = "Rows marked confidential at the source. Duties may rest on an incomplete record."
            report.flag("confidential items were left out", message, Place("", 0), hidden)
        degraded = sum(counts["degraded medicines"] for counts in report.by_source.values())
        if degraded:
            message = "Plans and issues of which only text is left. They wait to be coded by hand."
            report.flag("medicine without a usable code", message, Place("", 0), degraded)

    def _place(self, where: people.Where) -> Place:
        """Where the row of a person stands, as near as is known without reading the file again."""
        table, row = self.people.rows.get(where, ("", 0))
        for loaded in self.session.loaded.get(table, ()):
            if loaded.start <= row < loaded.end:
                return Place(loaded.source.name, row - loaded.start + 2, table, where[1])
        return Place("", 0, None, where[1])
