"""The list of files a FHIR Bulk Data export puts beside them (HL7 FHIR Bulk Data Access IG: export manifest).

Each type comes in several numbered files (`Observation_1.ndjson`, `Observation_2.ndjson`); nothing in a file says that another one is
missing. The list does, and it also says whether the export is of everything or of a part.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from stepwell.records.importers.report import Unusable
from stepwell.records.importers.scope import DELTA, PATIENTS


class Output(msgspec.Struct):
    """One file. `count`: resources in it, when stated."""

    url: str
    type: str | None = None
    count: int | None = None


class Export(msgspec.Struct):
    """`deleted` files hold Bundles of deletions, `error` files OperationOutcomes."""

    transactionTime: str
    request: str = ""
    output: tuple[Output, ...] = ()
    deleted: tuple[Output, ...] = ()
    error: tuple[Output, ...] = ()

    @property
    def scope(self) -> str | None:
        """What the request asked for: changes since a time or chosen types only (delta), a group of patients (patients), else None."""
        address = urlsplit(self.request)
        asked = {name.lstrip("_") for name in parse_qs(address.query, keep_blank_values=True)}
        if self.deleted or asked & {"since", "type", "typeFilter", "elements"}:
            return DELTA
        return PATIENTS if "/Group/" in address.path or "patient" in asked else None


_decode = msgspec.json.Decoder(Export).decode


def read(path: Path) -> Export | None:
    """The list in a JSON file; None when the file is something else."""
    try:
        raw = path.read_bytes()
        return _decode(raw) if b'"transactionTime"' in raw else None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def find(folder: Path) -> dict[Path, Export]:
    """Every list of files at or under a folder."""
    return {file: export for file in sorted(folder.rglob("*.json")) if file.is_file() and (export := read(file)) is not None}


def scope(exports: Iterable[Export]) -> str | None:
    """What these exports may replace together: the least of them; None when every one is of everything."""
    found = {export.scope for export in exports}
    return DELTA if DELTA in found else PATIENTS if PATIENTS in found else None


def check(export: Export, folder: Path, names: set[str]) -> None:
    """Refuse an export of which a file is missing or cut short. `names`: files of the folder, as they are called there."""
    missing, short = [], []
    for output in (*export.output, *export.deleted):
        name = unquote(urlsplit(output.url).path.rpartition("/")[2])
        found = next((each for each in (name, f"{name}.ndjson", f"{name}.gz", f"{name}.ndjson.gz") if each in names), None)
        if found is None:
            missing.append(name)
        elif output.count is not None and not found.endswith(".gz") and _lines(folder / found) < output.count:
            short.append(name)
    if missing or short:
        faults = [f"{', '.join(missing)} missing" if missing else "", f"{', '.join(short)} cut short" if short else ""]
        raise Unusable(
            f"The export's own list of files does not agree with what is here: {'; '.join(each for each in faults if each)}. "
            "Transfer the export again; nothing was imported."
        )


def _lines(path: Path) -> int:
    with open(path, "rb") as handle:
        return sum(1 for line in handle if line.strip())
