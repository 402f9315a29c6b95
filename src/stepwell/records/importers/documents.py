"""The input: files and folders as a stream of documents, each one line of NDJSON or one JSON file.

Folders are read in name order. Everything directly in one folder (or a single file) is one *unit*: references are
resolved inside it. Bulk Data writes one folder of NDJSON; an export of several organisations has one folder each.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from stepwell.records.importers import bulk
from stepwell.records.importers.fhir import Head, decode_head
from stepwell.records.importers.report import Unusable

# A line longer than this is refused without being held in memory. Bytes.
MAX_LINE = 64 * 1024 * 1024
_BLOCK = 1024 * 1024
_LINES = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")
_WHOLE = (".json", ".json.gz")


@dataclass(slots=True)
class Document:
    """`raw` is the text, b"" for a line that is too long. `whole`: a JSON file of its own, not a line."""

    unit: str
    file: str
    line: int
    raw: bytes
    whole: bool = False
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class File:
    unit: str
    name: str
    path: Path

    @property
    def by_line(self) -> bool:
        return self.name.endswith(_LINES)


def holds_records(folder: Path) -> bool:
    """Whether a folder holds NDJSON or JSON that is more than a list of the files beside it."""
    return any(
        file.is_file() and file.name.lower().endswith((*_LINES, *_WHOLE)) and file.name != "manifest.json" and not file.name.startswith(".")
        for file in folder.rglob("*")
    )


def find(path: Path) -> list[File]:
    """Files to read, in order. Unusable when there is nothing there to read."""
    if not path.exists():
        raise Unusable(f"There is nothing at {path}. Give a file (.json, .ndjson, either may be .gz) or a folder of them.")
    if path.is_file():
        if not path.name.lower().endswith((*_LINES, *_WHOLE)):
            raise Unusable(f"{path.name} is not a .json or .ndjson file (either may be .gz). Export it as FHIR JSON.")
        found = [File("", path.name, path)]
    else:
        found = [
            File(str(file.parent.relative_to(path)) if file.parent != path else "", str(file.relative_to(path)), file)
            for file in sorted(path.rglob("*"))
            if file.is_file() and file.name.lower().endswith((*_LINES, *_WHOLE)) and not file.name.startswith(".")
        ]
        if any(file.by_line for file in found):
            # Bulk Data and our own generator put a list of the files beside them; it holds no record.
            exports = bulk.find(path)
            for listed, export in exports.items():
                bulk.check(export, listed.parent, {file.path.name for file in found if file.path.parent == listed.parent})
            found = [file for file in found if file.path.name != "manifest.json" and file.path not in exports]
        if not found:
            raise Unusable(f"No .json or .ndjson file in {path}. Give the folder the export was written to.")
    if all(file.path.stat().st_size == 0 for file in found):
        raise Unusable(f"{path.name} is empty. Export it again and check that the transfer was complete.")
    return found


def read(files: list[File], digest: hashlib._Hash | None = None, *only: re.Pattern[bytes]) -> Iterator[Document]:
    """Every document. Unusable when a file cannot be read to its end. `digest` takes in every byte.

    With patterns, lines that match none of them may be passed over: what is wanted is looked for in many lines at once.
    """
    for file in files:
        try:
            with _open(file.path) as handle:
                yield from _lines(file, handle, digest, only) if file.by_line else _whole(file, handle, digest)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise Unusable(f"{file.name} is cut short or damaged ({error}). Transfer it again; nothing was imported.") from error
        except OSError as error:
            raise Unusable(f"{file.name} cannot be read ({error.strerror or error}). Nothing was imported.") from error


def _open(path: Path) -> IO[bytes]:
    handle = open(path, "rb")  # noqa: SIM115 - closed by whoever reads it
    # By content, not by name: a file named .gz may have been unpacked on its way, and the other way round.
    packed = handle.read(2) == b"\x1f\x8b"
    handle.seek(0)
    return gzip.GzipFile(fileobj=handle) if packed or (path.name.endswith(".gz") and path.stat().st_size) else handle  # type: ignore[return-value]


def _lines(file: File, handle: IO[bytes], digest: hashlib._Hash | None, only: tuple[re.Pattern[bytes], ...]) -> Iterator[Document]:
    unit, name, number, first = file.unit, file.name, 0, True
    while True:
        # Whole lines, many at once; a line that does not end in a block is read to its end.
        block = handle.read(_BLOCK)
        if not block:
            return
        if block[-1:] != b"\n":
            block += handle.readline(MAX_LINE)
            if len(block) > MAX_LINE and block[-1:] != b"\n" and block.rfind(b"\n") < len(block) - MAX_LINE:
                yield from _too_long(file, handle, digest, block, number)
                number += block.count(b"\n") + 1
                continue
        if digest:
            digest.update(block)
        if first:
            block, first = block.removeprefix(b"\xef\xbb\xbf"), False
        if only and not any(pattern.search(block) for pattern in only):
            number += block.count(b"\n")
            continue
        lines = block.split(b"\n")
        if not lines[-1]:
            lines.pop()
        for raw in lines:
            number += 1
            if text := raw.strip():
                yield Document(unit, name, number, text)


def _too_long(file: File, handle: IO[bytes], digest: hashlib._Hash | None, block: bytes, number: int) -> Iterator[Document]:
    """The lines of a block whose last is too long to be held: that one only by its hash."""
    head, _, raw = block.rpartition(b"\n")
    if head:
        if digest:
            digest.update(head + b"\n")
        for line in head.split(b"\n"):
            number += 1
            if text := line.strip():
                yield Document(file.unit, file.name, number, text)
    whole = hashlib.sha256(raw)
    while raw and not raw.endswith(b"\n"):
        raw = handle.readline(MAX_LINE)
        whole.update(raw)
    if digest:
        digest.update(whole.digest())
    yield Document(file.unit, file.name, number + 1, b"", sha256=whole.hexdigest())


def _whole(file: File, handle: IO[bytes], digest: hashlib._Hash | None) -> Iterator[Document]:
    raw = handle.read()
    if digest:
        digest.update(raw)
    raw = raw.removeprefix(b"\xef\xbb\xbf").strip()
    if not raw:
        return
    first, _, rest = raw.partition(b"\n")
    if rest.strip() and _is_object(first.strip()):
        # NDJSON under the name of JSON.
        for number, line in enumerate(raw.split(b"\n"), 1):
            if line.strip():
                yield Document(file.unit, file.name, number, line.strip())
        return
    yield Document(file.unit, file.name, 1, raw, whole=True)


def _is_object(raw: bytes) -> bool:
    try:
        decode_head(raw)
    except msgspec.MsgspecError:
        return False
    return True


def head(raw: bytes) -> Head | None:
    """resourceType and id of a text, None when it is not a JSON object."""
    try:
        return decode_head(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
