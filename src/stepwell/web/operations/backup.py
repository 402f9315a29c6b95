"""A backup: the database and the record store of one moment, in a folder of their own, whole or not there.

`FOLDER/stepwell-20261122T031500Z/` holds `backup.json` (what is inside, with a SHA-256 of every file), the database
(`database.sqlite3`, or `database.dump` by pg_dump) and `store/`. It is written beside its final name and renamed at the end.

The database is taken first: it knows no person and no decision that the store, taken after it, would lack; the other way round the
next evaluation would take people for gone. The secret key is not in it: who holds a backup cannot sign anything with it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.db import connection

from stepwell.errors import Refused
from stepwell.records import manifest as manifests
from stepwell.records.manifest import Manifest
from stepwell.web.core.formatting import file_stamp

FORMAT = 1
KEY = "secret-key"
DESCRIPTION, SQLITE, DUMP, STORE = "backup.json", "database.sqlite3", "database.dump", "store"
_NAME = re.compile(r"stepwell-\d{8}T\d{6}Z")
_TRIES = 3


class Backup(msgspec.Struct, frozen=True):
    """`files`: path inside the backup → SHA-256. `tables`: rows of each table; `audit_head`: the newest seal (empty: none)."""

    format: int
    made_at: str
    version: str
    vendor: str
    tables: dict[str, int]
    migrations: list[str]
    audit_sealed: int
    audit_head: str
    store_version: int | None
    files: dict[str, str]
    bytes: int


def make(to: Path, *, keep: int | None = None) -> tuple[Path, Backup]:
    """Write a backup into a new folder of `to`; with `keep` only the newest so many of ours stay. Gives where it is and what it holds."""
    if keep is not None and keep < 1:
        raise Refused("--keep: at least 1")
    moment = datetime.now(UTC)
    place = to.absolute() / f"stepwell-{file_stamp(moment)}"
    part = place.with_name(f".{place.name}.part")
    try:
        to.mkdir(parents=True, exist_ok=True)
        if place.exists():
            raise Refused(f"{place} is there already: one backup a second is enough")
        part.mkdir(mode=0o700)
    except OSError as error:
        raise Refused(f"Cannot write to {to}: {error.strerror}. Choose another folder with --to.") from error
    try:
        told = _write(part, moment)
        os.replace(part, place)
        manifests.sync_folder(to)
    except OSError as error:
        raise Refused(f"The backup was not made: {error.strerror}. Make room or choose another folder with --to.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    if keep is not None:
        for old in made_in(to)[:-keep]:
            shutil.rmtree(old)
    return place, told


def made_in(folder: Path) -> list[Path]:
    """Finished backups, the oldest first."""
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name) and (path / DESCRIPTION).is_file())


def _write(part: Path, moment: datetime) -> Backup:
    facts = _sqlite(part) if connection.vendor == "sqlite" else _postgres(part)
    version = _store(part)
    files = {str(path.relative_to(part)): sha256(path) for path in sorted(part.rglob("*")) if path.is_file()}
    size = sum((part / name).stat().st_size for name in files)
    told = Backup(
        format=FORMAT,
        made_at=moment.isoformat(timespec="seconds"),
        version=metadata.version("stepwell"),
        vendor=connection.vendor,
        store_version=version,
        files=files,
        bytes=size,
        **facts,
    )
    manifests.write_durably(part / DESCRIPTION, msgspec.json.format(msgspec.json.encode(told), indent=1))
    for path in (part, *part.rglob("*")):
        if path.is_dir():
            manifests.sync_folder(path)
    return told


def sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# The database


def _sqlite(part: Path) -> dict[str, Any]:
    """SQLite's online backup: one snapshot, whoever writes meanwhile."""
    source, target = Path(connection.settings_dict["NAME"]), part / SQLITE
    if not source.exists():
        raise Refused(f"There is no database at {source}. Set STEPWELL_DATABASE_URL, or run `stepwell manage migrate` first.")
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=30)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        # The indexes are checked against the rows: what is damaged now would be found only when it is needed.
        answer = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if answer != "ok":
            raise Refused("The database is damaged: SQLite's integrity check fails. Keep a copy of its files, and restore the last backup.")

        def rows(query: str) -> list[Any]:
            return copy.execute(query).fetchall()

        facts = _facts(rows, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    with open(target, "rb") as file:
        os.fsync(file.fileno())
    return facts


def _postgres(part: Path) -> dict[str, Any]:
    """pg_dump on an exported snapshot, so that the counts in the description are those of the same moment."""
    import psycopg

    dump = program("pg_dump")
    with psycopg.connect(**_parameters(), autocommit=False) as session:
        session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        row = session.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None

        def rows(query: str) -> list[Any]:
            return session.execute(query).fetchall()  # type: ignore[call-overload,no-any-return]

        facts = _facts(rows, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        words = [dump, "--format=custom", "--no-owner", "--no-privileges", f"--snapshot={row[0]}", f"--file={part / DUMP}"]
        run_tool(words, "The database was not backed up")
    return facts


def _facts(rows: Any, tables: str) -> dict[str, Any]:
    names = sorted(row[0] for row in rows(tables))
    counts = {name: rows(f'SELECT count(*) FROM "{name}"')[0][0] for name in names}
    if "core_auditseal" not in counts:
        raise Refused("The database holds no tables of Stepwell yet: run `stepwell manage migrate` first.")
    newest = rows("SELECT position, hash FROM core_auditseal ORDER BY position DESC LIMIT 1")
    migrations = [f"{app}.{name}" for app, name in rows("SELECT app, name FROM django_migrations ORDER BY app, name")]
    return {
        "tables": counts,
        "migrations": migrations,
        "audit_sealed": newest[0][0] if newest else 0,
        "audit_head": newest[0][1] if newest else "",
    }


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Refused(
            f"{name} is not on this machine's path. Install PostgreSQL's client of the server's version (Debian: postgresql-client)."
        )
    return found


def _parameters() -> dict[str, Any]:
    """The connection's parameters as libpq names them."""
    described = connection.settings_dict
    named = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "NAME"}
    given = {name: str(described[key]) for name, key in named.items() if described[key]}
    return {**given, **{name: str(value) for name, value in described["OPTIONS"].items() if isinstance(value, str)}}


_LIBPQ = {"dbname": "PGDATABASE", "options": "PGOPTIONS", "passfile": "PGPASSFILE", "service": "PGSERVICE"}


def run_tool(words: list[str], failed: str) -> None:
    """Run a tool of PostgreSQL on the connection of the settings. The password goes by environment: arguments can be seen by others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    given = {_LIBPQ.get(name, f"PG{name.upper()}"): value for name, value in _parameters().items()}
    done = subprocess.run(words, env={**kept, **given}, capture_output=True, text=True, check=False)  # noqa: S603 - a tool found on the path
    if done.returncode:
        # The first line names the cause; a later one could quote a row.
        why = next(iter(done.stderr.strip().splitlines()), "no reason was given")[:300]
        do = " Put the tools of the server's own version first on the path." if "version mismatch" in why else ""
        raise Refused(f"{failed}: {why}.{do}")


# The store


def _store(part: Path) -> int | None:
    """The files of one manifest; None when there is no store yet. Parts are immutable, and a replaced one stays for a quarter of an
    hour, but an import may be quicker than a slow disk: then the newer manifest is taken."""
    source = Path(settings.STORE)
    if not (source / manifests.MANIFEST).exists():
        return None
    for _ in range(_TRIES):
        manifest = manifests.read(source)
        try:
            _copy_parts(manifest, source, part / STORE)
        except FileNotFoundError:
            shutil.rmtree(part / STORE, ignore_errors=True)
            time.sleep(1)
            continue
        kept = msgspec.structs.replace(manifest, retired=())
        manifests.write_durably(part / STORE / manifests.MANIFEST, msgspec.json.encode(kept))
        return manifest.version
    raise Refused("Files of the store are missing: run `stepwell doctor`. If an import is running, try again when it has ended.")


def _copy_parts(manifest: Manifest, source: Path, target: Path) -> None:
    for folder in (manifests.RECORDS, manifests.WORKFLOWS):
        (target / folder).mkdir(parents=True, exist_ok=True)
    for entry in manifest.parts:
        _link_or_copy(source / entry.file, target / entry.file)
        if sha256(target / entry.file) != entry.digest:
            do = "Restore the store from the last backup, or import that organisation again."
            raise Refused(f"The store is damaged: {entry.file} is not what was written. {do}")


def _link_or_copy(source: Path, target: Path) -> None:
    """Where source and backup share a disk a part costs nothing: no part is ever written to again."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(source, target)
        with open(target, "rb") as file:
            os.fsync(file.fileno())


# Reading one


def read(place: Path) -> Backup:
    """The description of a finished backup whose every file is as it was written. Refused otherwise."""
    path = place / DESCRIPTION
    try:
        told = msgspec.json.decode(path.read_bytes(), type=Backup)
    except FileNotFoundError:
        found = made_in(place) if place.is_dir() else []
        hint = f" The newest in it is {found[-1].name}." if found else ""
        raise Refused(f"{place} holds no backup ({DESCRIPTION} is missing).{hint}") from None
    except msgspec.MsgspecError as error:
        raise Refused(f"{path} cannot be read ({error}). Take another backup.") from error
    if told.format != FORMAT:
        raise Refused(f"{place} has format {told.format}; this version restores format {FORMAT}.")
    for name, digest in told.files.items():
        if not (place / name).is_file():
            raise Refused(f"{place}: {name} is missing. Take another backup.")
        if sha256(place / name) != digest:
            raise Refused(f"{place}: {name} is not what was written. Take another backup.")
    return told


@contextmanager
def new_folder(into: Path) -> Iterator[Path]:
    """A folder that gets its name only when the body has ended well. Refused when something is there; a key that was put there
    first, or made because the settings name this folder already, stays."""
    into = into.absolute()
    if into.exists() and (not into.is_dir() or {path.name for path in into.iterdir()} - {KEY}):
        raise Refused(f"{into} is not empty: nothing is overwritten. Name a new folder with --into.")
    part = into.with_name(f".{into.name}.part")
    try:
        into.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(mode=0o700)
    except OSError as error:
        raise Refused(f"Cannot write to {into}: {error.strerror}. Name another folder with --into.") from error
    try:
        yield part
        if (into / KEY).exists():
            os.replace(into / KEY, part / KEY)
        if into.exists():
            into.rmdir()
        os.replace(part, into)
        manifests.sync_folder(into.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def differing(told: Mapping[str, int], counts: Mapping[str, int]) -> list[str]:
    """Tables that do not hold as many rows as the backup says."""
    return sorted(name for name, number in told.items() if counts.get(name) != number)
