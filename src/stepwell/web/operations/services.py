"""Importing from the page: asked for by a person, carried out by a worker, told of in the row.

The row is the retry: a run that died or met a fault is carried out again from where it stood; reading the same files twice changes
nothing. The records are put in force by the importer's one switch, so a run that fails leaves the old store.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, connection, transaction

from stepwell.errors import Refused
from stepwell.records.importers import run_import
from stepwell.records.importers.report import ImportReport, Unusable
from stepwell.records.importers.run import SCOPES, buckets_for, size
from stepwell.records.store import Store
from stepwell.web.core import audit, clock
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger.evaluation import catch_up
from stepwell.web.operations import selectors, uploads
from stepwell.web.operations.models import ACTIVE, RUNNING, ImportRun, RunState

log = logging.getLogger("stepwell.operations")

ATTEMPTS = 3
AGAIN_AFTER = timedelta(minutes=1)
HEARD_EVERY = 15.0
_MET_A_FAULT = "Stepwell met a fault of its own while {doing}. The log of the worker says where; the records are {records}."


def start_import(actor: Actor, key: str, *, scope: str = "auto") -> ImportRun:
    """Ask for the import of one export of the actor's drop folder. Refused while another of this organisation is under way."""
    _allow(actor)
    if scope not in SCOPES:
        raise Refused("Choose what goes when it is absent.")
    entry = selectors.entry_for(actor, key)
    if entry is None:
        raise Refused("This export is not in the drop folder any more. Look at the list again.")
    if selectors.holds_link(selectors.drop_folder(actor.organisation) / entry.name):
        raise Refused("The export holds a link instead of files. Have the files themselves put into the drop folder.")
    with transaction.atomic():
        if selectors.active_run(actor.organisation) is not None:
            raise Refused(f"An import of {actor.organisation_name} is under way. Wait until it has ended.")
        run = ImportRun.objects.create(
            org_code=actor.organisation,
            name=entry.name,
            scope=scope,
            files=entry.files,
            bytes=entry.bytes,
            asked_at=clock.now(),
            asked_by_id=actor.user_id or 0,
            role=actor.role,
        )
        audit.record_write(actor, "start import", subject_type="import", subject_id=run.pk, reason=f"scope {scope}")
        transaction.on_commit(lambda: _enqueue(run.pk))
    return run


def start_again(actor: Actor, run_id: int) -> ImportRun:
    """Let a run that stopped or failed be carried out again."""
    _allow(actor)
    with transaction.atomic():
        run = ImportRun.objects.select_for_update().filter(pk=run_id, org_code=actor.organisation).first()
        if run is None:
            raise Refused("There is no such import at your organisation.")
        if run.state == RunState.DONE:
            raise Refused("This import has ended. To read the files again, start them from the list.")
        if run.state in ACTIVE and not selectors.has_stopped(run):
            raise Refused("It is under way: nothing was changed.")
        run.state, run.error, run.attempts, run.heard_at, run.finished_at = RunState.WAITING, "", 0, clock.now(), None
        run.save()
        audit.record_write(actor, "start import again", subject_type="import", subject_id=run.pk)
        transaction.on_commit(lambda: _enqueue(run.pk))
    return run


def upload(actor: Actor, uploaded: UploadedFile) -> str:
    """Put a small export into the drop folder; gives its name there."""
    _allow(actor)
    path = uploads.save(uploaded, selectors.drop_folder(actor.organisation), clock.now())
    with transaction.atomic():
        told = f"{uploaded.size} bytes"
        audit.record_write(actor, "upload export", subject_type="organisation", subject_id=actor.organisation, reason=told)
    return path.name


def _allow(actor: Actor) -> None:
    require(actor, Permission.IMPORT_RECORDS, OrganisationSubject(actor.organisation))


def _enqueue(run_id: int, after: timedelta | None = None) -> None:
    from stepwell.web.operations.tasks import carry_out_import

    task = carry_out_import.using(run_after=clock.now() + after) if after else carry_out_import
    task.enqueue(run_id)


# Carrying out


def carry_out(run_id: int) -> None:
    """What the worker does; called twice for the same run it does nothing the second time."""
    run = _claim(run_id)
    if run is None:
        return
    try:
        with _heard(run.pk):
            if run.read_at is None:
                _read(run)
            _evaluate(run)
    except Unusable as refusal:
        _fail(run, _without_paths(refusal))
    except Refused as refusal:
        _postpone(run, _without_paths(refusal))
    except Exception:
        log.exception("import %s met a fault", run.pk)
        doing, records = ("working out duties", "in force") if run.read_at else ("reading", "as they were")
        _postpone(run, _MET_A_FAULT.format(doing=doing, records=records))
    _call_next()


def _claim(run_id: int) -> ImportRun | None:
    """The run, set to work; None when it is not there to be worked on, or another is under way and it has to wait its turn."""
    try:
        with transaction.atomic():
            run = ImportRun.objects.select_for_update().filter(pk=run_id).first()
            if run is None or run.state not in ACTIVE or (run.state in RUNNING and not selectors.has_stopped(run)):
                return None
            _free_the_lane(run)
            now = clock.now()
            run.state = RunState.EVALUATING if run.read_at else RunState.READING
            run.started_at, run.heard_at, run.attempts = run.started_at or now, now, run.attempts + 1
            run.save()
            return run
    except IntegrityError:
        return None


def _free_the_lane(mine: ImportRun) -> None:
    """A run whose process was ended holds nothing up: it waits again."""
    for other in ImportRun.objects.select_for_update().filter(state__in=RUNNING).exclude(pk=mine.pk):
        if selectors.has_stopped(other):
            other.state = RunState.WAITING
            other.save(update_fields=["state"])


def _read(run: ImportRun) -> None:
    path = selectors.drop_folder(run.org_code) / run.name
    if selectors.holds_link(path):
        raise Unusable("The export holds a link instead of files. Have the files themselves put into the drop folder.")
    store = Store.open(Path(settings.STORE), create=True, buckets=buckets_for(size(path)))
    report = run_import(path, store, practice=run.org_code, scope=run.scope, today=clock.today())
    with transaction.atomic():
        run.state, run.read_at, run.import_id, run.report = RunState.EVALUATING, clock.now(), report.import_id, _kept(report)
        run.save(update_fields=["state", "read_at", "import_id", "report"])
        audit.record_write(
            Actor.system("import"), "import records", subject_type="import", subject_id=run.pk, reason=f"{report.accepted} accepted"
        )  # fmt: skip


def _kept(report: ImportReport) -> dict[str, Any]:
    """The report without its examples: they name rows, and the table of rejects has them all."""
    told = report.to_json()
    for name in ("rejected", "flags"):
        told[name] = [{key: value for key, value in group.items() if key != "examples"} for group in told[name]]  # type: ignore[attr-defined]
    return told


def _evaluate(run: ImportRun) -> None:
    done = catch_up()
    with transaction.atomic():
        run.state, run.finished_at, run.error = RunState.DONE, clock.now(), ""
        run.people, run.changes = done.applied.people, dict(Counter(done.applied.counts))
        run.save(update_fields=["state", "finished_at", "error", "people", "changes"])
        audit.record_write(Actor.system("import"), "evaluate after import", subject_type="import", subject_id=run.pk)


def _fail(run: ImportRun, words: str) -> None:
    with transaction.atomic():
        run.state, run.finished_at, run.error = RunState.FAILED, clock.now(), words
        run.save(update_fields=["state", "finished_at", "error"])
        audit.record_write(Actor.system("import"), "import failed", subject_type="import", subject_id=run.pk)


def _postpone(run: ImportRun, words: str) -> None:
    """Try again a little later, some times; then somebody has to look."""
    if run.attempts >= ATTEMPTS:
        _fail(run, words)
        return
    with transaction.atomic():
        run.state, run.error, run.heard_at = RunState.WAITING, words, clock.now() + AGAIN_AFTER * run.attempts
        run.save(update_fields=["state", "error", "heard_at"])
        transaction.on_commit(lambda: _enqueue(run.pk, AGAIN_AFTER * run.attempts))


def _call_next() -> None:
    """One that had to wait its turn."""
    waiting = ImportRun.objects.filter(state=RunState.WAITING, attempts=0).order_by("id").first()
    if waiting is not None:
        _enqueue(waiting.pk)


def _without_paths(refusal: Refused) -> str:
    """A message names files by their place in the drop folder, not by that of the machine."""
    words = str(refusal)
    for folder in (Path(settings.DROP), Path(settings.STORE)):
        words = words.replace(f"{folder.absolute()}/", "").replace(f"{folder}/", "").replace(str(folder), "the store")
    return words.partition(" Choose another folder with --store.")[0]


@contextmanager
def _heard(run_id: int) -> Iterator[None]:
    """Says every few seconds that the run is alive, from a thread and a connection of its own."""
    ended = threading.Event()

    def say() -> None:
        try:
            while not ended.wait(HEARD_EVERY):
                ImportRun.objects.filter(pk=run_id).update(heard_at=clock.now())
        except Exception:
            log.warning("import %s could not say that it is alive", run_id)
        finally:
            connection.close()

    thread = threading.Thread(target=say, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
