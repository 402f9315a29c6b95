"""The way in: one import, from files to the switched store.

What the files are is told from them: FHIR and GP Connect as JSON (`fhir_run`), EMIS and TPP extracts as CSV (`extracts`). A folder
may hold both: a network whose practices send extracts and whose trust sends FHIR. Nothing is in force before the one commit at the
end; when anything fails the store is as it was.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from stepwell.errors import Refused
from stepwell.records.importers import bulk, documents
from stepwell.records.importers.extracts import files as extract_files
from stepwell.records.importers.extracts.run import ExtractRun
from stepwell.records.importers.fhir_run import FhirRun
from stepwell.records.importers.options import Options
from stepwell.records.importers.people import People
from stepwell.records.importers.report import ImportReport, Unusable
from stepwell.records.importers.scope import DELTA, FULL, PATIENTS
from stepwell.records.schema import TABLES
from stepwell.records.store import RecordWriter, Store, clear_folder

_EXTRACTS = ("emis", "tpp")
FORMATS = ("auto", "fhir", "gpconnect", *_EXTRACTS)
SCOPES = ("auto", FULL, PATIENTS, DELTA)


def run_import(
    path: str | Path,
    store: Store,
    *,
    practice: str | None = None,
    source: str | None = None,
    format: str = "auto",
    scope: str = "auto",
    today: date | None = None,
    now: datetime | None = None,
) -> ImportReport:
    """Bring a file or folder of FHIR R4 or GP Connect Structured records, or of EMIS or TPP extracts, into `store`, atomically.

    `today` is the day against which dates count as future; `now` (UTC, without offset) the time of link events.
    `format` auto takes whatever is there; another one takes the files of that kind only. Raises Unusable, a Refused, when the input as a
    whole cannot be used: then the store is unchanged.
    """
    if format not in FORMATS or scope not in SCOPES:
        raise Refused(f"Unknown format {format!r} or scope {scope!r}. Formats: {', '.join(FORMATS)}; scopes: {', '.join(SCOPES)}.")
    given = {"today": today, "now": now}
    chosen = {name: value for name, value in given.items() if value is not None}
    options = Options(practice, None if source == "auto" else source, format, scope, **chosen)  # type: ignore[arg-type]
    suspect: set[Path] = set()
    while True:
        try:
            with _without_collecting():
                return _import(Path(path), store, options, suspect)
        except extract_files.Disagreement as found:
            suspect.add(found.path)


def size(path: str | Path, format: str = "auto") -> int:
    """Bytes of the files an import would read. Unusable when there is nothing to read, so that no store is made for it."""
    path = Path(path)
    fhir, extract = _holds(path, format)
    files = [file.path for file in documents.find(path)] if fhir else []
    return sum(file.stat().st_size for file in [*files, *(extract_files.under(path) if extract else ())])


# A new store: (bytes to import from which on, parts that every table of an organisation is kept in). Small parts are quick to rewrite,
# many small files are slow to write.
_BUCKETS = ((1_000_000_000, 16), (200_000_000, 8), (0, 4))


def buckets_for(size: int) -> int:
    """How many buckets to make a new store with (`Store.open`), when this many bytes are to be imported into it."""
    return next(buckets for least, buckets in _BUCKETS if size >= least)


def _holds(path: Path, format: str) -> tuple[bool, bool]:
    """Whether FHIR files, and whether CSV files are to be read at `path`."""
    if format in _EXTRACTS:
        if not path.exists():
            raise Unusable(f"There is nothing at {path}. Give the folder the extract was written to.")
        return False, True
    extract = format == "auto" and path.exists() and bool(extract_files.under(path))
    return not extract or (path.is_dir() and documents.holds_records(path)), extract


def _import(path: Path, store: Store, options: Options, suspect: set[Path]) -> ImportReport:
    fhir, extract = _holds(path, options.format)
    people = _fhir_people(path, options) if fhir else None
    with store.importing() as writer:
        runs: list[FhirRun | ExtractRun] = []
        if people is not None:
            runs.append(_finished(FhirRun(people, writer, options)))
        if extract:
            # Who is who is settled over both: the second reading sees what the first will have put in force.
            writer.settle()
            runs.append(_finished(ExtractRun(path, writer, options, suspect)))
        report = runs[0].report
        for run in runs[1:]:
            report.join(run.report)
        _save_refused(writer, report.import_id, [row for run in runs for row in run.refused])
        report.store_version = writer.commit()
    return report


def _fhir_people(path: Path, options: Options) -> People:
    people = People(documents.find(path), options.practice, options.source, options.format, options.today)
    people.exports = list(bulk.find(path).values()) if path.is_dir() else []
    people.read()
    if people.held_elsewhere and not people.sources:
        raise Unusable(
            f"Every record in this input is held by {', '.join(sorted(people.held_elsewhere))}; the import is for {options.practice}. "
            "Give the right --practice, or --source auto."
        )
    return people


def _finished(run: FhirRun | ExtractRun) -> FhirRun | ExtractRun:
    try:
        run.finish()
    finally:
        run.close()
        clear_folder(run.folder)
    return run


def _save_refused(writer: RecordWriter, import_id: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        schema = TABLES["rejects"].arrow_schema()
        writer.put("rejects", import_id, 0, pa.Table.from_pylist([row | {"import_id": import_id} for row in rows], schema=schema))


@contextlib.contextmanager
def _without_collecting() -> Iterator[None]:
    """An import makes rows by the hundred thousand and no cycles: looking for those among them is work for nothing."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
