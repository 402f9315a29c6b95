"""Reads about imports: what lies in the drop folder, what was imported, what was rejected."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings

from stepwell.errors import Refused
from stepwell.records.store import Store
from stepwell.web.core import clock
from stepwell.web.core.actor import Actor
from stepwell.web.operations.models import ACTIVE, RUNNING, ImportRun, RunState
from stepwell.web.operations.uploads import TAKEN

SHOWN = 20
# Files that changed since may still be on their way.
SETTLED = timedelta(minutes=1)
# A run that has not been heard of for so long has died; a waiting one for which nobody came for so long has no worker.
SILENT = timedelta(minutes=2)
UNCLAIMED = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Entry:
    """One export in the drop folder: a file, or a folder of them. `key` names it in a form."""

    key: str
    name: str
    files: int
    bytes: int
    changed_at: datetime
    settled: bool
    last: ImportRun | None


def drop_folder(org_code: str) -> Path:
    """Where this organisation's exports are put."""
    return Path(settings.DROP) / org_code


def entries_for(actor: Actor) -> list[Entry]:
    """Exports of the actor's organisation, the newest first. Refused when the folder cannot be read."""
    folder = drop_folder(actor.organisation)
    if not folder.is_dir():
        return []
    runs = {run.name: run for run in ImportRun.objects.filter(org_code=actor.organisation).order_by("id")}
    try:
        found = [entry for path in folder.iterdir() if (entry := _entry(path, runs.get(path.name)))]
    except OSError as error:
        raise Refused(f"The drop folder cannot be read: {error.strerror}. Ask whoever runs Stepwell.") from error
    return sorted(found, key=lambda entry: (entry.changed_at, entry.name), reverse=True)


def _entry(path: Path, last: ImportRun | None) -> Entry | None:
    """None for what is hidden, a link, or holds nothing that an import reads."""
    if path.name.startswith(".") or path.is_symlink():
        return None
    facts = [file.lstat() for file in files_of(path)]
    if not facts:
        return None
    changed = datetime.fromtimestamp(max(each.st_mtime for each in facts), UTC)
    size = sum(each.st_size for each in facts)
    return Entry(key_of(path.name), path.name, len(facts), size, changed, clock.now() - changed > SETTLED, last)


def files_of(path: Path) -> Iterator[Path]:
    """Files an import would read, links not followed."""
    if path.is_file():
        yield from [path] if path.name.lower().endswith(TAKEN) and not path.is_symlink() else []
        return
    for folder, names, files in os.walk(path, followlinks=False):
        names[:] = [name for name in names if not name.startswith(".")]
        for name in files:
            file = Path(folder) / name
            if name.lower().endswith(TAKEN) and not name.startswith(".") and not file.is_symlink():
                yield file


def holds_link(path: Path) -> bool:
    return path.is_symlink() or any(
        (Path(folder) / name).is_symlink() for folder, names, files in os.walk(path, followlinks=False) for name in (*names, *files)
    )


def key_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def entry_for(actor: Actor, key: str) -> Entry | None:
    return next((entry for entry in entries_for(actor) if entry.key == key), None)


def runs_for(actor: Actor) -> list[ImportRun]:
    return list(ImportRun.objects.filter(org_code__in=actor.organisations).select_related("asked_by").order_by("-id")[:SHOWN])


def run_for(actor: Actor, run_id: int) -> ImportRun | None:
    return ImportRun.objects.filter(pk=run_id, org_code__in=actor.organisations).select_related("asked_by").first()


def active_run(org_code: str) -> ImportRun | None:
    return ImportRun.objects.filter(org_code=org_code, state__in=ACTIVE).order_by("id").first()


def running_elsewhere(run: ImportRun) -> bool:
    """Whether another import is at work, so that this one has to wait."""
    return ImportRun.objects.filter(state__in=RUNNING).exclude(pk=run.pk).exists()


def has_stopped(run: ImportRun) -> bool:
    """It should be at work, and nothing has been heard of it: the process was ended, or none took it."""
    now = clock.now()
    if run.state == RunState.WAITING:
        return now - (run.heard_at or run.asked_at) > UNCLAIMED and not running_elsewhere(run)
    return run.state in RUNNING and (run.heard_at is None or now - run.heard_at > SILENT)


def earlier_run(run: ImportRun) -> ImportRun | None:
    """The last import of this organisation that went through, to tell how long one takes."""
    return ImportRun.objects.filter(org_code=run.org_code, state=RunState.DONE, pk__lt=run.pk).order_by("-id").first()


def rejects_of(run: ImportRun, start: int, size: int) -> tuple[int, list[dict[str, Any]]]:
    """How many rows the import refused, and some of them: file, line, path, what is wrong and what to do."""
    if not run.import_id:
        return 0, []
    store = Store.open(Path(settings.STORE))
    part = store.part("rejects", run.import_id, 0)
    columns = ["file", "line", "resource_type", "native_id", "path", "message"]
    rows = store.read_part(part, "rejects", columns)
    rows = rows.sort_by([("file", "ascending"), ("line", "ascending")])
    return rows.num_rows, rows.slice(start, size).to_pylist()
