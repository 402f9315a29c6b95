"""Files that somebody sends through the page: a small export of one organisation, put into its drop folder.

A name from outside never becomes a path; what an archive would unpack to is counted while it is unpacked, not believed.
"""

from __future__ import annotations

import gzip
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import SkipFile, TemporaryFileUploadHandler

from stepwell.errors import Refused
from stepwell.web.core.formatting import file_stamp

SUFFIXES = (".json", ".ndjson", ".jsonl", ".csv")
TAKEN = (*SUFFIXES, *(f"{suffix}.gz" for suffix in SUFFIXES))
ARCHIVE = ".zip"
# An archive may unpack to so many times the size that may be sent, in so many files.
EXPANDS, MOST_FILES = 20, 2_000
_CHUNK = 1 << 20
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 80


class LimitedUploadHandler(TemporaryFileUploadHandler):
    """Writes what is sent to a temporary file, and nothing of what is larger than may be sent: the view says so then."""

    def handle_raw_input(self, input_data: Any, META: Any, content_length: int, boundary: bytes, encoding: str | None = None) -> None:  # type: ignore[override]
        self.too_large = content_length > settings.UPLOAD_BYTES

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        if getattr(self, "too_large", False):
            raise SkipFile
        super().new_file(*args, **kwargs)


def save(uploaded: UploadedFile, folder: Path, moment: datetime) -> Path:
    """Put the file, or what the archive holds, under a new name into the drop folder; gives its path. Refused otherwise."""
    name = plain_name(uploaded.name or "")
    if (uploaded.size or 0) > settings.UPLOAD_BYTES:
        raise Refused(f"The file is larger than {settings.UPLOAD_BYTES // 1_000_000} MB. Have it put into the drop folder.")
    if not name.lower().endswith((*TAKEN, ARCHIVE)):
        raise Refused(f"Choose a file that ends in {', '.join(SUFFIXES)} (also with .gz) or {ARCHIVE}.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    stem = f"{file_stamp(moment)}-{name}"
    is_archive = name.lower().endswith(ARCHIVE)
    target = folder / (stem[: -len(ARCHIVE)] if is_archive else stem)
    part = folder / f".{stem}.part"
    if target.exists() or part.exists():
        raise Refused("A file of this name was sent a moment ago. Look below before sending it again.")
    try:
        if is_archive:
            part.mkdir()
            _unpack(uploaded, part)
        else:
            _copy(uploaded.chunks(_CHUNK), part, settings.UPLOAD_BYTES)
            _check_packed(part, name, settings.UPLOAD_BYTES * EXPANDS)
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True) if part.is_dir() else part.unlink(missing_ok=True)
    return target


def plain_name(name: str) -> str:
    """Letters, digits, dots and dashes of the last part of a name; never hidden, never a path."""
    last = re.split(r"[\\/]", name)[-1]
    plain = _NOT_PLAIN.sub("-", last).lstrip(".-")
    return plain[-_LONGEST:].lstrip(".-") or "export"


def _copy(chunks: Iterator[bytes], target: Path, most: int) -> int:
    """Refused when more than `most` bytes come; gives how many came."""
    written = 0
    with open(target, "xb") as file:
        for chunk in chunks:
            written += len(chunk)
            if written > most:
                raise Refused(_TOO_MUCH)
            file.write(chunk)
    return written


_TOO_MUCH = "It unpacks to more than may be sent through this page. Have the files put into the drop folder."


def _unpack(uploaded: UploadedFile, folder: Path) -> None:
    most = settings.UPLOAD_BYTES * EXPANDS
    try:
        with zipfile.ZipFile(uploaded.file) as archive:  # type: ignore[arg-type]
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > MOST_FILES:
                raise Refused(f"The archive holds more than {MOST_FILES:,} files. Have them put into the drop folder.")
            wanted = [(entry, place) for entry in entries if (place := _inside(entry)) is not None]
            if not wanted:
                raise Refused(f"The archive holds no file that ends in {', '.join(SUFFIXES)}.")
            for entry, place in wanted:
                target = folder / place
                target.parent.mkdir(parents=True, exist_ok=True)
                if target.exists():
                    raise Refused("The archive names a file twice. Pack it anew.")
                with archive.open(entry) as stream:
                    most -= _copy(_read(stream), target, most)
                most -= _check_packed(target, target.name, most)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
        raise Refused("The archive cannot be read to its end. Pack it anew, without a password, and send it again.") from error


def _inside(entry: zipfile.ZipInfo) -> PurePosixPath | None:
    """Where an entry belongs inside the folder; None when an import would not read it. Refused when it would lie elsewhere."""
    if entry.flag_bits & 1:
        raise Refused("The archive is locked with a password. Pack it without one: the connection is encrypted.")
    path = PurePosixPath(entry.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in entry.filename or ":" in entry.filename or "\0" in entry.filename:
        raise Refused("The archive names a file outside itself. Pack it anew.")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise Refused("The archive holds a link instead of a file. Pack it anew.")
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return None if hidden or not path.name.lower().endswith(TAKEN) else path


def _check_packed(path: Path, name: str, most: int) -> int:
    """A gzip file, unpacked and counted, not kept; gives the bytes it adds."""
    if not name.lower().endswith(".gz"):
        return 0
    found = 0
    try:
        with gzip.open(path) as stream:
            for chunk in _read(stream):
                found += len(chunk)
                if found > most:
                    raise Refused(_TOO_MUCH)
    except (OSError, EOFError, zlib.error) as error:
        raise Refused("A packed file cannot be read to its end. Pack it anew and send it again.") from error
    return found


def _read(stream: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK):
        yield chunk
