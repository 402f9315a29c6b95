"""Putting a backup back: beside what is there, never over it, and looked at before anybody may rely on it.

The store and a SQLite database come into a new folder; a PostgreSQL backup goes into the empty database that the settings name, in
one transaction. Counts of rows and the newest seal of the audit trail must be those of the backup.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection

from stepwell.errors import Refused
from stepwell.web.operations import backup
from stepwell.web.operations.backup import Backup

# What a restored installation must show; the rest of `stepwell doctor` is about the machine it will be served from.
EXAMINED = ("database", "tables", "append only", "audit trail", "record store", "knowledge pack")


@dataclass(frozen=True, slots=True)
class Restored:
    """`environment` are the settings under which it can be used; `said` what the checks answered."""

    told: Backup
    environment: dict[str, str]
    said: str
    ok: bool


def restore(source: Path, into: Path) -> Restored:
    told = backup.read(source)
    if told.vendor == "postgresql" and connection.vendor != "postgresql":
        raise Refused("This is a backup of PostgreSQL: name an empty database with STEPWELL_DATABASE_URL=postgresql://…")
    if told.vendor == "postgresql":
        _check_empty()
    with backup.new_folder(into) as part:
        for name in told.files:
            if name != backup.DUMP:
                _copy(source / name, part / _place(name))
        if told.vendor == "postgresql":
            _restore_dump(source)
            counts, head = _look(_postgres_rows, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        else:
            counts, head = _look_sqlite(part / _place(backup.SQLITE))
        if wrong := backup.differing(told.tables, counts):
            raise Refused(f"{wrong[0]} does not hold what the backup held; nothing was kept. Take another backup.")
        if head != told.audit_head:
            raise Refused("The audit trail does not end where the backup says; nothing was kept. Take another backup.")
    environment = _environment(told, into.absolute())
    ok, said = _examine(environment)
    return Restored(told, environment, said, ok)


def _place(name: str) -> str:
    """Where a file of a backup belongs in STEPWELL_VAR."""
    return "stepwell.sqlite3" if name == backup.SQLITE else name


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o600)
    with open(target, "rb") as file:
        os.fsync(file.fileno())


def _check_empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()")
        number = cursor.fetchone()[0]
    if number:
        raise Refused(f"The database of STEPWELL_DATABASE_URL holds {number} tables: nothing is overwritten. Make an empty one (createdb).")


def _restore_dump(source: Path) -> None:
    name = connection.settings_dict["NAME"]
    words = [
        backup.program("pg_restore"), "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction",
        f"--dbname={name}", str(source / backup.DUMP),
    ]  # fmt: skip
    backup.run_tool(words, "The database was not restored; it is still empty")


def _postgres_rows(query: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def _look(rows: Any, tables: str) -> tuple[dict[str, int], str]:
    counts = {row[0]: rows(f'SELECT count(*) FROM "{row[0]}"')[0][0] for row in rows(tables)}
    newest = rows("SELECT hash FROM core_auditseal ORDER BY position DESC LIMIT 1")
    return counts, newest[0][0] if newest else ""


def _look_sqlite(path: Path) -> tuple[dict[str, int], str]:
    with closing(sqlite3.connect(path)) as copy:
        return _look(
            lambda query: copy.execute(query).fetchall(),
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        )


def _environment(told: Backup, into: Path) -> dict[str, str]:
    found = {"STEPWELL_VAR": str(into), "STEPWELL_STORE": str(into / "store")}
    if told.vendor == "sqlite":
        found["STEPWELL_DATABASE_URL"] = f"sqlite:///{into / _place(backup.SQLITE)}"
    return found


def _examine(environment: dict[str, str]) -> tuple[bool, str]:
    """The whole audit chain and the checks of what was restored, in processes that know nothing else."""
    said, ok = [], True
    only = [word for name in EXAMINED for word in ("--only", name)]
    for words in (["audit", "verify"], ["doctor", *only]):
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-m", "stepwell.cli", *words], env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )
        said.append(done.stdout.strip() or done.stderr.strip())
        ok = ok and done.returncode == 0
    return ok, "\n".join(said)
