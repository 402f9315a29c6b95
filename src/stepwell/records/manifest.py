"""The manifest: the one file that says which Parquet parts are the store, and how it is switched.

A store is a folder: `manifest.json`, `records/` (imported), `workflow/` (what people did), `staging/` (a run at work) and two
lock files. Parts are never changed; a writer puts new ones beside the old and replaces the manifest, atomically, so that a
reader or a crash sees the old store or the new, never a mixture. Records and workflow live in separate folders because they
have separate writers: each clears only what a killed run left in its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from stepwell.errors import Refused

FORMAT = 1
MANIFEST = "manifest.json"
RECORDS, WORKFLOWS, STAGING = "records", "workflow", "staging"
LOCK_IMPORT, LOCK_SWITCH = "import.lock", "switch.lock"
DEFAULT_BUCKETS = 16
# A replaced part stays for this long, so that a reader that holds an older manifest can finish. Seconds.
GRACE_SECONDS = 900


class Part(msgspec.Struct, frozen=True):
    """One Parquet file: the rows of a table from one source (empty for tables that belong to none) in one bucket."""

    table: str
    source: str
    bucket: int
    file: str
    rows: int
    digest: str

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.table, self.source, self.bucket)


class Retired(msgspec.Struct, frozen=True):
    """A part no longer in force: the version that replaced it and when (seconds since 1970)."""

    file: str
    version: int
    at: float


class Manifest(msgspec.Struct, frozen=True):
    """What the store is. `version` counts switches; the next keys only ever grow, so that no key is given twice."""

    format: int = FORMAT
    version: int = 0
    buckets: int = DEFAULT_BUCKETS
    next_subject: int = 1
    next_person: int = 1
    parts: tuple[Part, ...] = ()
    retired: tuple[Retired, ...] = ()


def read(path: Path) -> Manifest:
    """The manifest in force. Refused when there is none, or when it is not ours."""
    try:
        raw = (path / MANIFEST).read_bytes()
    except FileNotFoundError:
        raise Refused(f"There is no store at {path}. Import records first: stepwell import PATH --store {path}") from None
    try:
        manifest = msgspec.json.decode(raw, type=Manifest)
    except msgspec.MsgspecError as error:
        raise Refused(f"{path / MANIFEST} is not a Stepwell manifest ({error}). Restore it from a backup or import again.") from error
    if manifest.format != FORMAT:
        raise Refused(f"The store at {path} has format {manifest.format}; this version reads format {FORMAT}. Import the records again.")
    return manifest


def create(path: Path, buckets: int) -> Manifest:
    for folder in (RECORDS, WORKFLOWS):
        (path / folder).mkdir(parents=True, exist_ok=True)
    manifest = Manifest(buckets=buckets)
    _replace(path, manifest)
    return manifest


def write_durably(path: Path, data: bytes) -> None:
    with open(path, "wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())


def sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace(path: Path, manifest: Manifest) -> None:
    temporary = path / f"{MANIFEST}.{secrets.token_hex(4)}.tmp"
    write_durably(temporary, msgspec.json.encode(manifest))
    os.replace(temporary, path / MANIFEST)
    sync_folder(path)


Changes = dict[tuple[str, str, int], Part | None]


def switch(path: Path, current: Manifest, changes: Changes, next_subject: int, next_person: int) -> Manifest:
    """Put `changes` (key → new part, None = no rows any more) in force. Call it holding the switch lock.

    Returns the manifest now in force: `current` itself when nothing changed. Parts replaced more than GRACE_SECONDS and
    one version ago are deleted, after the switch.
    """
    kept = [part for part in current.parts if part.key not in changes]
    added = [part for part in changes.values() if part is not None]
    parts = tuple(sorted((*kept, *added), key=lambda part: part.key))
    if parts == current.parts and (next_subject, next_person) == (current.next_subject, current.next_person):
        return current
    now, version = time.time(), current.version + 1
    files = {part.file for part in parts}
    expired = {old.file for old in current.retired if old.version <= current.version and old.at < now - GRACE_SECONDS}
    dropped = [Retired(part.file, version, now) for part in current.parts if part.file not in files]
    manifest = Manifest(
        version=version,
        buckets=current.buckets,
        next_subject=next_subject,
        next_person=next_person,
        parts=parts,
        retired=(*(old for old in current.retired if old.file not in expired), *dropped),
    )
    for folder in (RECORDS, WORKFLOWS):
        sync_folder(path / folder)
    _replace(path, manifest)
    for file in expired:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path / file)
    return manifest


def sweep(path: Path, manifest: Manifest, folder: str) -> None:
    """Delete what a killed writer of `folder` left behind. Call it holding that writer's lock."""
    known = {part.file for part in manifest.parts} | {old.file for old in manifest.retired}
    for entry in os.scandir(path / folder):
        if f"{folder}/{entry.name}" not in known:
            os.unlink(entry.path)
    if folder == RECORDS:
        for entry in os.scandir(path):
            if entry.name.startswith(MANIFEST) and entry.name.endswith(".tmp") and entry.stat().st_mtime < time.time() - GRACE_SECONDS:
                os.unlink(entry.path)


@contextlib.contextmanager
def lock(path: Path, name: str, seconds: float, busy: str) -> Iterator[None]:
    """Hold a lock file of the store; the kernel frees it when the process ends, however it ends."""
    deadline = time.monotonic() + seconds
    with open(path / name, "ab") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Refused(busy) from None
                time.sleep(0.01)
        yield
