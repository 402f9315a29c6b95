"""Files of an extract: what each is, and its rows as something DuckDB reads without a fault.

A file is tried whole first. When DuckDB finds a fault in it, or its text is not UTF-8, it is gone through line by line: rows
that can be read are written to a copy, each of the others is a refusal with its line, column and hash. TPP writes Windows-1252.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import hashlib
import io
import re
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from stepwell.records.importers.extracts.headers import Recognised, Unknown, recognise
from stepwell.records.importers.report import Unusable
from stepwell.records.importers.values import Fault

SUFFIXES = (".csv", ".csv.gz")
# A row longer than this, or of more lines, is refused. Bytes; lines.
MAX_ROW, MAX_LINES = 1024 * 1024, 500
_CHUNK = 4 * 1024 * 1024
_BLANK_AFTER = re.compile(r'"[ \t]+(?=,|$)')
_TPP_MANIFEST = {"FileName", "IsDelta"}


@dataclass
class Broken:
    """A row that could not be read."""

    line: int
    fault: Fault
    sha256: str


class Disagreement(Exception):
    """DuckDB took a file as a whole that does not read the same line by line: it is to be mended first."""

    def __init__(self, source: Source) -> None:
        super().__init__(source.name)
        self.path = source.original


@dataclass
class Source:
    """One file. `unit` is the folder it stands in; `path` is what is read, a copy where the file itself cannot be."""

    unit: str
    name: str
    original: Path
    path: Path
    header: tuple[str, ...]
    found: Recognised
    broken: list[Broken] = field(default_factory=list)
    mended: bool = False
    # Carriage returns that end no line are line ends to DuckDB: such a file is mended before it is read.
    suspect: bool = False

    @property
    def encoding(self) -> str:
        return "cp1252" if self.found.dialect == "tpp" else "utf-8"


def under(path: Path) -> list[Path]:
    """CSV files at or under `path`, by name."""
    if path.is_file():
        return [path] if path.name.lower().endswith(SUFFIXES) else []
    return [each for each in sorted(path.rglob("*")) if each.is_file() and each.name.lower().endswith(SUFFIXES) and each.name[0] != "."]


def find(path: Path, staging: Path, digest: hashlib._Hash) -> tuple[list[Source], bool | None]:
    """Every file of the extract, in name order, and what its own list of files says of it: True for a delta.

    `digest` takes in every byte. Unusable when a file cannot be read to its end, or is no table that is known.
    """
    paths = under(path)
    if not paths:
        raise Unusable(f"No .csv file in {path}. Give the folder the extract was written to.")
    if all(each.stat().st_size == 0 for each in paths):
        raise Unusable(f"{path.name} is empty. Export it again and check that the transfer was complete.")
    sources: list[Source] = []
    delta: bool | None = None
    names = [str(file.relative_to(path)) if file != path else file.name for file in paths]
    with ThreadPoolExecutor(2) as pool:
        readables = list(pool.map(_readable, paths, names, (staging / f"file-{number}.csv" for number in range(len(paths)))))
    for file, name, (readable, suspect, content) in zip(paths, names, readables, strict=True):
        digest.update(name.encode() + content)
        header = _header(readable, name)
        if header is None:
            continue
        if set(header) >= _TPP_MANIFEST:
            # Of several lists the one that says least counts.
            delta = bool(delta) or _says_delta(readable)
            continue
        found = recognise(header)
        if isinstance(found, Unknown):
            raise Unusable(_unknown(name, found))
        unit = str(file.parent.relative_to(path)) if path not in {file, file.parent} else ""
        sources.append(Source(unit, name, file, readable, header, found, suspect=suspect))
    if not sources:
        raise Unusable(f"{path.name} holds no table of an extract. Give the folder the extract was written to.")
    return sources, delta


def _readable(file: Path, name: str, copy: Path) -> tuple[Path, bool, bytes]:
    """A path DuckDB can read (packed files are unpacked, so that a damaged one is noticed); whether returns stand alone in it; its hash."""
    digest = hashlib.sha256()
    returns = ends = 0
    last = b""
    try:
        with open(file, "rb") as handle, contextlib.ExitStack() as also:
            packed = handle.read(2) == b"\x1f\x8b" or file.name.lower().endswith(".gz")
            handle.seek(0)
            reader = also.enter_context(gzip.GzipFile(fileobj=handle)) if packed else handle
            plain = also.enter_context(open(copy, "wb")) if packed else None
            for chunk in iter(lambda: reader.read(_CHUNK), b""):
                digest.update(chunk)
                if found := chunk.count(b"\r"):
                    returns += found
                    ends += chunk.count(b"\r\n")
                ends += last == b"\r" and chunk[:1] == b"\n"
                last = chunk[-1:]
                if plain is not None:
                    plain.write(chunk)
        return (copy if packed else file), returns != ends, digest.digest()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Unusable(f"{name} is cut short or damaged ({error}). Transfer it again; nothing was imported.") from error
    except OSError as error:
        raise Unusable(f"{name} cannot be read ({error.strerror or error}). Nothing was imported.") from error


def _header(path: Path, name: str) -> tuple[str, ...] | None:
    """Names of the columns; None for a file without a line."""
    with open(path, "rb") as handle:
        first = handle.readline(_CHUNK).removeprefix(b"\xef\xbb\xbf")
        while first and not first.strip():
            first = handle.readline(_CHUNK)
    if not first.strip():
        return None
    try:
        columns = next(csv.reader([first.decode("utf-8").strip()], strict=True))
    except (UnicodeDecodeError, csv.Error, StopIteration):
        raise Unusable(f"The first line of {name} is not a header of columns. Export the table again with its header.") from None
    return tuple(column.strip() for column in columns)


def _says_delta(path: Path) -> bool:
    rows = csv.DictReader(io.StringIO(path.read_bytes().decode("cp1252", "replace").removeprefix("\ufeff")))
    return any((row.get("IsDelta") or "").strip().lower() in ("y", "yes", "true", "1") for row in rows)


def _unknown(name: str, found: Unknown) -> str:
    if not found.shared:
        return f"{name} is no table of an EMIS or TPP extract that is known. Take it out of the folder; nothing was imported."
    missing = f"; it lacks {', '.join(found.missing)}" if found.missing else ""
    return (
        f"The header of {name} is not one that is known. The nearest table is {found.nearest}{missing}. "
        "Export the table again, or take the file out of the folder; nothing was imported."
    )


# Line by line


@dataclass
class Record:
    """One row as it stands in the file. `values` is None when it cannot be read; then `fault` says why."""

    line: int
    raw: bytes
    values: list[str] | None
    fault: Fault | None = None


class _Lines:
    """Lines of a file without their ends, with a look ahead."""

    def __init__(self, handle: IO[bytes]) -> None:
        self._handle = handle
        self._ahead: deque[bytes] = deque()

    def next(self) -> bytes | None:
        if self._ahead:
            return self._ahead.popleft()
        line = self._handle.readline()
        return line.removesuffix(b"\n") if line else None

    def ahead(self) -> Iterator[bytes]:
        """The following lines, which stay to be read."""
        for number in range(MAX_LINES):
            if number == len(self._ahead):
                line = self._handle.readline()
                if not line:
                    return
                self._ahead.append(line.removesuffix(b"\n"))
            yield self._ahead[number]

    def skip(self, count: int) -> None:
        for _ in range(count):
            self._ahead.popleft()

    def at_end(self) -> bool:
        return next(self.ahead(), None) is None


def records(source: Source) -> Iterator[Record]:
    """Every row after the header of the file as it came. A quote that is never closed costs its own line, not the rest of the file."""
    with open(source.original, "rb") as plain, _unpacked(plain) as handle:
        lines, number, width, header = _Lines(handle), 0, len(source.header), True
        while (raw := lines.next()) is not None:
            number += 1
            if not raw.removeprefix(b"\xef\xbb\xbf").strip():
                continue
            if header:
                header = False
                continue
            record, more = _one(source, lines, raw, number, width)
            if record.fault is not None and lines.at_end():
                fault = record.fault
                record.fault = Fault(fault.reason, f"{fault.message} It is the last row: the file may be cut short.", fault.path)
            yield record
            lines.skip(more)
            number += more


def _unpacked(plain: IO[bytes]) -> IO[bytes]:
    packed = plain.read(2) == b"\x1f\x8b"
    plain.seek(0)
    return gzip.GzipFile(fileobj=plain) if packed else plain  # type: ignore[return-value]


def _one(source: Source, lines: _Lines, raw: bytes, number: int, width: int) -> tuple[Record, int]:
    """The row that begins with this line, and how many further lines it takes."""
    alone = _read(source, raw, number, width)
    if alone.fault is None or raw.count(b'"') % 2 == 0:
        return alone, 0
    joined, size = [raw], len(raw)
    for extra in lines.ahead():
        joined.append(extra)
        size += len(extra)
        if size > MAX_ROW:
            break
        if extra.count(b'"') % 2:
            found = _read(source, b"\n".join(joined), number, width)
            if found.fault is None:
                return found, len(joined) - 1
            break
    if alone.fault.reason == "not CSV":
        message = "A quotation mark in this row is never closed. Export the table again."
        alone.fault = Fault("quote not closed", message, _column(source, raw))
    return alone, 0


def _column(source: Source, raw: bytes) -> str:
    """Column a row breaks in: the one after the last comma outside quotes."""
    outside = b"".join(raw.split(b'"')[::2])
    place = min(outside.count(b","), len(source.header) - 1)
    return f"$.{source.header[place]}"


def _read(source: Source, raw: bytes, line: int, width: int) -> Record:
    raw_line = raw.removesuffix(b"\r")
    if len(raw_line) > MAX_ROW:
        return Record(line, raw, None, Fault("row too long", f"The row is longer than {MAX_ROW // 1024} KB. Export the table again."))
    try:
        text = raw_line.decode("utf-8")
    except UnicodeDecodeError as error:
        try:
            text = raw_line.decode(source.encoding)
        except UnicodeDecodeError:
            message = f"Byte {error.start + 1} of the row is not UTF-8. Write the file again as UTF-8."
            return Record(line, raw, None, Fault("not UTF-8", message, _column(source, raw_line[: error.start])))
    if "\0" in text:
        return Record(line, raw, None, Fault("not text", "The row holds a character that is no text (NUL). Export the table again."))
    try:
        values = _values(text)
    except csv.Error as error:
        message = f"The row is not CSV ({error}). Export the table again."
        return Record(line, raw, None, Fault("not CSV", message, _column(source, raw_line)))
    if len(values) != width:
        message = f"The row has {len(values)} values, the header {width} columns. Export the table again."
        column = source.header[min(len(values), width) - 1]
        return Record(line, raw, None, Fault("wrong number of columns", message, f"$.{column}"))
    return Record(line, raw, values)


def _values(text: str) -> list[str]:
    """Values of one row. Blanks around a quoted value are no part of it."""
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True))
    except csv.Error:
        rows = list(csv.reader(io.StringIO(_BLANK_AFTER.sub('"', text), newline=""), strict=True, skipinitialspace=True))
    if len(rows) != 1:
        raise csv.Error("a line end inside it")
    return rows[0]


def mend(source: Source, copy: Path) -> None:
    """Make `source.path` a copy with the rows that can be read; the others become `source.broken`."""
    with open(copy, "w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(source.header)
        for record in records(source):
            if record.values is None:
                assert record.fault is not None
                source.broken.append(Broken(record.line, record.fault, hashlib.sha256(record.raw).hexdigest()))
            else:
                writer.writerow(record.values)
    source.path, source.mended = copy, True


def places(source: Source, numbers: list[int]) -> dict[int, tuple[int, str, list[str]]]:
    """Row number (from 0) → (line, hash of the raw text, values), for rows that were read and are refused.

    Raises Disagreement when the file was read as a whole and does not read the same here.
    """
    wanted, found, at = set(numbers), {}, 0
    last = max(wanted, default=-1)
    for record in records(source):
        if record.values is None:
            if not source.mended:
                raise Disagreement(source)
            continue
        if at in wanted:
            found[at] = (record.line, hashlib.sha256(record.raw).hexdigest(), record.values)
        at += 1
        if at > last:
            break
    if len(found) < len(wanted):
        raise Disagreement(source)
    return found
