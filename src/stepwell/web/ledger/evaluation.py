"""When duties are computed for the ledger: after each write for one person, and for everyone to catch up with the store.

The engine runs outside any transaction; only putting its outcome in place holds the database. A write that could not be
followed by an evaluation leaves a `PendingEvaluation`, which is the retry.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction

from stepwell import engine, knowledge
from stepwell.engine.contract import FOR_LEDGER
from stepwell.records.schema import WORKFLOW
from stepwell.records.store import Store
from stepwell.web.agreements import services as agreements
from stepwell.web.core import clock
from stepwell.web.ledger import workflow
from stepwell.web.ledger.adopt import adopt
from stepwell.web.ledger.apply import Applied, Evaluated, apply_batch
from stepwell.web.ledger.models import Evaluation, PendingEvaluation, PersonRecord
from stepwell.web.ledger.people import read_people

if TYPE_CHECKING:
    from stepwell.knowledge import Knowledge

log = logging.getLogger("stepwell.ledger")

BATCH = 400
RETRY_AFTER = timedelta(minutes=1)


def open_store() -> Store:
    """The store of this installation, as it is now."""
    return Store.open(Path(settings.STORE), create=True)


def evaluate_people(store: Store, as_of: date, person_ids: Collection[int] | None) -> tuple[Evaluated, list[int]]:
    """Run the engine for these people, or for all, on the store and what the database holds; writes nothing.

    Gives the evaluation and the people it is about: those of the store and those who have duties.
    """
    # The sequence is read before the extract: a write in between makes this evaluation count as older, never as newer.
    records = PersonRecord.objects.all() if person_ids is None else PersonRecord.objects.filter(person_id__in=person_ids)
    sequences = dict(records.values_list("person_id", "workflow_sequence"))
    extract = workflow.extract(person_ids)
    pack: Knowledge = knowledge.load()
    asked = None if person_ids is None else list(person_ids)
    outcome = engine.evaluate(store, pack, as_of, person_ids=asked, workflow=extract, outputs=FOR_LEDGER)
    people = read_people(store, as_of, person_ids)
    evaluated = Evaluated.of(
        outcome.tables,
        dispositions=extract["dispositions"],
        as_of=as_of,
        store_version=store.version,
        pack=outcome.pack,
        pack_version=outcome.pack_version,
        rules=set(pack.rules),
        substances=set(pack.substances),
        people=people,
        sequences=sequences,
    )
    return evaluated, sorted(people.keys() | sequences.keys())


def request_evaluation(person_id: int) -> None:
    """Inside the transaction of a write: count it, and promise an evaluation that has read it."""
    record = PersonRecord.objects.select_for_update().get(person_id=person_id)
    record.workflow_sequence += 1
    record.save(update_fields=["workflow_sequence"])
    now = clock.now()
    PendingEvaluation.objects.update_or_create(
        person_id=person_id, defaults={"since": now, "next_attempt_at": now, "attempts": 0, "last_error": ""}
    )


# One evaluation of a person at a time in this process (several people may share a turn).
_TURNS = tuple(threading.Lock() for _ in range(64))
_LATER: ContextVar[bool] = ContextVar("evaluated later", default=False)


@contextmanager
def evaluated_later() -> Iterator[None]:
    """Many writes in a row: nobody is evaluated after each of them, and everybody who waits together at the end."""
    token = _LATER.set(True)
    try:
        yield
    finally:
        _LATER.reset(token)
    reevaluate_waiting()


def reevaluate(person_id: int) -> bool:
    """Bring one person's duties up to date, after the write has committed. False when it has to be tried again later.

    Of many writers about one person at once, each waits for its turn and mostly finds that the evaluation before it has read
    its write already.
    """
    if _LATER.get():
        return False
    with _TURNS[person_id % len(_TURNS)]:
        return not is_pending(person_id) or _evaluate(person_id)


def _evaluate(person_id: int) -> bool:
    try:
        # Another process may be faster: then ours is stale, and another reading tells whether theirs had read our write.
        for _ in range(3):
            store = open_store()
            evaluated, _ids = evaluate_people(store, clock.today(), [person_id])
            outcome = apply_batch(evaluated, [person_id], at=clock.now())
            if not outcome.stale:
                publish(store, [person_id])
            if not is_pending(person_id):
                return True
    except Exception as error:  # whatever the engine met: the write stands, the page says "re-evaluating", the row is tried again
        log.exception("evaluation of a person failed; it will be tried again")
        _postpone(person_id, type(error).__name__)
        return False
    _postpone(person_id, "stale")
    return False


def evaluate_again(person_ids: Collection[int]) -> bool:
    """Bring several people up to date together, after a write about them has committed. False when some have to be tried again."""
    ids = sorted(person_ids)
    if not ids:
        return True
    try:
        store = open_store()
        evaluated, _ids = evaluate_people(store, clock.today(), ids)
        for start in range(0, len(ids), BATCH):
            apply_batch(evaluated, ids[start : start + BATCH], at=clock.now())
        publish(store, ids)
    except Exception:  # the write stands; each person's pending row is the retry
        log.exception("evaluation of several people failed; it will be tried again")
        return False
    return not PendingEvaluation.objects.filter(person_id__in=ids).exists()


def _postpone(person_id: int, error: str) -> None:
    with transaction.atomic():
        row = PendingEvaluation.objects.select_for_update().filter(person_id=person_id).first()
        if row is not None:
            row.attempts += 1
            row.last_error = error
            row.next_attempt_at = clock.now() + RETRY_AFTER * 2 ** min(row.attempts - 1, 6)
            row.save()


def reevaluate_waiting() -> int:
    """Bring everyone who waits up to date together, which is much quicker than one by one; gives how many were written."""
    waiting = sorted(PendingEvaluation.objects.values_list("person_id", flat=True))
    if not waiting:
        return 0
    store = open_store()
    evaluated, person_ids = evaluate_people(store, clock.today(), waiting)
    total = Applied()
    for start in range(0, len(person_ids), BATCH):
        total.add(apply_batch(evaluated, person_ids[start : start + BATCH], at=clock.now()))
    publish(store, waiting)
    return total.people


def publish(store: Store, person_ids: Collection[int] | None) -> None:
    """Write the extract beside the snapshots. The database stays the truth: should this fail, the next one repairs it."""
    try:
        store.put_workflow(workflow.extract(person_ids), person_ids=person_ids)
    except Exception:
        log.exception("the workflow extract could not be written to the store; the next evaluation writes it again")


def retry_pending(limit: int = 100) -> int:
    """Try the waiting people whose time has come; gives how many are settled."""
    due = PendingEvaluation.objects.filter(next_attempt_at__lte=clock.now()).order_by("next_attempt_at")
    return sum(reevaluate(person_id) for person_id in list(due.values_list("person_id", flat=True)[:limit]))


def is_pending(person_id: int) -> bool:
    return PendingEvaluation.objects.filter(person_id=person_id).exists()


_clocks: list[Callable[[], object]] = []


def add_clock(let_time_pass: Callable[[], object]) -> None:
    """Another area brings what it asks for in line with the day before everyone is evaluated."""
    if let_time_pass not in _clocks:
        _clocks.append(let_time_pass)


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """`evaluation` is the run's row; None when there was nothing to do."""

    evaluation: Evaluation | None
    applied: Applied


def records_digest(store: Store) -> str:
    """Names the records in the store, whatever the ledger itself has written beside them."""
    digest = hashlib.sha256()
    for part in sorted(store.manifest.parts, key=lambda part: (part.table, part.source, part.bucket)):
        if part.table not in WORKFLOW:
            digest.update(f"{part.table}|{part.source}|{part.bucket}|{part.digest}\n".encode())
    return digest.hexdigest()


def is_behind() -> bool:
    """Whether the store, the day or the knowledge pack has moved since everyone was last evaluated."""
    last = Evaluation.objects.filter(finished_at__isnull=False).order_by("-id").first()
    if last is None:
        return True
    pack = knowledge.load()
    return (last.as_of, last.records_digest, last.pack_version) != (clock.today(), records_digest(open_store()), pack.version)


def catch_up() -> CaughtUp:
    """Evaluate the whole store and reconcile everyone."""
    store = open_store()
    as_of = clock.today()
    started = clock.now()
    adopt(store)
    agreements.let_time_pass()
    for let_time_pass in _clocks:
        let_time_pass()
    evaluated, person_ids = evaluate_people(store, as_of, None)
    run = Evaluation.objects.create(
        started_at=started,
        as_of=as_of,
        store_version=evaluated.store_version,
        records_digest=records_digest(store),
        pack=evaluated.pack,
        pack_version=evaluated.pack_version,
    )
    total = Applied()
    for start in range(0, len(person_ids), BATCH):
        total.add(apply_batch(evaluated, person_ids[start : start + BATCH], at=clock.now()))
    publish(store, None)
    run.finished_at, run.people, run.stale, run.counts = clock.now(), total.people, len(total.stale), dict(total.counts)
    run.save()
    return CaughtUp(run, total)
