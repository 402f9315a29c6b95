"""Rows that are refused: each with its file, line, column, what is wrong and the hash of its text."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa

from stepwell.records.importers.extracts import faults, files, people
from stepwell.records.importers.extracts.files import Source
from stepwell.records.importers.extracts.headers import Table
from stepwell.records.importers.extracts.people import People
from stepwell.records.importers.extracts.session import Session, name
from stepwell.records.importers.report import ImportReport, Place
from stepwell.records.importers.values import Fault

# Refusals of a patient that are no fault of the row: counted as not used, with all that belongs to the person.
_LEFT_OUT = {people.WITHHELD: "confidential", people.TEST_PATIENT: "test patient"}


class Refusals:
    """`withheld`: sources where a row of unknown id was refused, so that absence proves nothing there."""

    def __init__(self, session: Session, report: ImportReport, found: People, known: set[str], today: date) -> None:
        self._session, self._report, self._people, self._known, self._today = session, report, found, known, today
        self.rows: list[dict[str, Any]] = []
        self.withheld: set[str] = set()

    def judge(self, kind: Table, rows: list[tuple[int, str | None, str, str | None]]) -> None:
        """Refuse rows of `raw_<kind>`, or count them as not used: (row, key, fault, source)."""
        refused: dict[int, tuple[str | None, str, str | None]] = {}
        patients = self._patients_of(kind, [row for row, _, _, _ in rows])
        for row, key, code, source in rows:
            reason, _, what = code.partition("|")
            left_out = _LEFT_OUT.get(self._people.refused.get((source or "", patients.get(row) or ""), ""))
            if reason == "not used" or left_out:
                self._report.not_used[f"{kind.name} ({left_out or what})"] += 1
            else:
                refused[row] = (key, code, source)
        for loaded in self._session.loaded[kind.name]:
            wanted = [row - loaded.start for row in refused if loaded.start <= row < loaded.end]
            places = files.places(loaded.source, wanted) if wanted else {}
            for number in wanted:
                row = number + loaded.start
                key, code, source = refused[row]
                line, digest, values = places[number]
                column = code.partition("|")[2]
                said = values[loaded.source.header.index(column)] if column in loaded.source.header else None
                why = self._people.refused.get((source or "", patients.get(row) or ""))
                if kind.kind == "patient" and why and code.startswith("its patient"):
                    code = f"{people.reason(why)}|{column}"
                self.refuse(
                    faults.fault(code, said, kind.dialect, self._today, why), loaded.source, line, table=kind.name, key=key, digest=digest
                )
                if key is None:
                    self.withheld |= {source} if source else self._known

    def _patients_of(self, kind: Table, rows: list[int]) -> dict[int, str | None]:
        if kind.patient is None or not rows:
            return {}
        self._session.put("_wanted", pa.table({"row": pa.array(rows, pa.int64())}))
        return dict(self._session.rows(f"SELECT rowid, {name(kind.patient)} FROM {name('raw_' + kind.name)} WHERE rowid IN (FROM _wanted)"))

    def broken(self, source: Source) -> int:
        """Refuse the rows of a file that could not be read. Returns how many."""
        for each in source.broken:
            self.refuse(each.fault, source, each.line, table=source.found.name, key=None, digest=each.sha256)
        if source.broken:
            self.withheld |= self._people.units.get(source.unit) or self._known
        count, source.broken = len(source.broken), []
        return count

    def refuse(self, fault: Fault, source: Source, line: int, *, table: str, key: str | None, digest: str) -> None:
        self._report.reject(fault.reason, fault.message, Place(source.name, line, table, key), fault.path)
        place = {"file": source.name, "line": line, "resource_type": table, "native_id": key}
        self.rows.append(place | {"path": fault.path, "message": fault.message, "raw_sha256": digest})
