"""The audit trail's verbs: record what was read and written, seal it into a hash chain, verify the chain.

A page that shows patients records a read; a service that changes something records a write inside its transaction.
`AuditedMiddleware` refuses to send a page for which nothing was recorded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from stepwell.web.core import clock, once, request_context
from stepwell.web.core.actor import Actor
from stepwell.web.core.models import AuditEntry, AuditSeal

GENESIS = "0" * 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SEALER_LOCK = 5_737_937  # any number of ours: PostgreSQL's advisory lock that lets one sealer work at a time
_LATE_COMMITS = 10_000  # how far behind the newest sealed entry the quick sealer looks for transactions that ended late


class NotInTransaction(Exception):
    """A write was recorded outside the transaction that makes it."""


def record_read(
    actor: Actor,
    action: str,
    *,
    person_id: int | None = None,
    person_ids: Sequence[int] = (),
    subject_type: str = "",
    subject_id: object = "",
    reason: str = "",
    evidence: str = "",
    result_count: int | None = None,
) -> AuditEntry:
    """Record that `actor` was shown something: one patient (`person_id`), or a list (`person_ids` shown on this page,
    `result_count` found in all)."""
    return _write(
        actor, "read", action, person_id, person_ids, subject_type, subject_id, reason, evidence,
        len(person_ids) if result_count is None and person_ids else result_count,
    )  # fmt: skip


def record_write(
    actor: Actor,
    action: str,
    *,
    person_id: int | None = None,
    person_ids: Sequence[int] = (),
    subject_type: str = "",
    subject_id: object = "",
    reason: str = "",
    evidence: str = "",
) -> AuditEntry:
    """Record that `actor` changed something. Must run inside `transaction.atomic()` with the change, so that one never
    commits without the other."""
    if not connection.in_atomic_block:
        raise NotInTransaction(f"Record {action!r} inside the transaction that makes the change.")
    once.keep_no_more()
    return _write(actor, "write", action, person_id, person_ids, subject_type, subject_id, reason, evidence, None)


def record_refusal(actor: Actor, action: str, *, person_id: int | None = None, reason: str = "") -> AuditEntry:
    """Record that `actor` asked and was refused. Call it outside a transaction that will be rolled back."""
    return _write(actor, "refused", action, person_id, (), "", "", reason, "", None)


def _write(  # noqa: PLR0917
    actor: Actor, kind: str, action: str, person_id: int | None, person_ids: Sequence[int], subject_type: str, subject_id: object,
    reason: str, evidence: str, result_count: int | None,
) -> AuditEntry:  # fmt: skip
    context = request_context.current()
    entry = AuditEntry(
        at=clock.now(),
        kind=kind,
        action=str(action),
        user_id=actor.user_id,
        user_name=actor.display_name,
        membership_id=actor.membership_id,
        organisation=actor.organisation,
        role=actor.role,
        person_id=person_id,
        person_ids=[int(person) for person in person_ids],
        subject_type=subject_type,
        subject_id=str(subject_id),
        reason=reason,
        evidence=evidence,
        result_count=result_count,
        request_id=context.request_id if context else "",
    )
    entry.save()
    if context:
        context.entries.append(entry.pk)
    return entry


def content(entry: AuditEntry) -> bytes:
    """The entry as the bytes that are hashed: every column, in a fixed order, the moment in UTC."""
    row: dict[str, Any] = {field.attname: getattr(entry, field.attname) for field in AuditEntry._meta.concrete_fields}
    row["at"] = (entry.at - _EPOCH) // timedelta(microseconds=1)
    return json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def link(previous: str, entry: AuditEntry) -> str:
    return hashlib.sha256(previous.encode() + content(entry)).hexdigest()


def seal(limit: int | None = None, *, quick: bool = False) -> int:
    """Chain the entries that have committed and are not sealed yet; gives how many.

    An entry that commits late is sealed late: the chain's order is the order in which the sealer saw them committed.
    `quick` looks only near the end of the trail, for use after a request.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_SEALER_LOCK])
        last = AuditSeal.objects.order_by("-position").first()
        unsealed = AuditEntry.objects.filter(~Exists(AuditSeal.objects.filter(entry_id=OuterRef("pk")))).order_by("pk")
        if quick and last is not None:
            unsealed = unsealed.filter(pk__gt=last.entry_id - _LATE_COMMITS)
        position, previous = (last.position, last.hash) if last else (0, GENESIS)
        now, seals = clock.now(), []
        for entry in unsealed[:limit] if limit else unsealed.iterator(chunk_size=1000):
            position += 1
            digest = link(previous, entry)
            seals.append(AuditSeal(position=position, entry_id=entry.pk, previous=previous, hash=digest, sealed_at=now))
            previous = digest
        AuditSeal.objects.bulk_create(seals, batch_size=1000)
        return len(seals)


@dataclass(frozen=True, slots=True)
class Broken:
    """The first link that does not hold."""

    position: int
    entry_id: int | None
    why: str


@dataclass(frozen=True, slots=True)
class Verification:
    """`head` is the newest hash: kept elsewhere, it proves later that nothing was cut off the end."""

    entries: int
    sealed: int
    unsealed: int
    first_unsealed: int | None
    head: str
    broken: Broken | None

    @property
    def ok(self) -> bool:
        return self.broken is None

    def as_json(self) -> dict[str, Any]:
        return {"ok": self.ok, **asdict(self)}


def verify(expect_head: str = "") -> Verification:
    """Walk the chain from the beginning; stop at the first link that does not hold. With `expect_head`, a head that was noted
    earlier, the chain must pass through it: what was cut off its end, or sealed anew from some point on, no longer does."""
    broken, head, sealed = None, GENESIS, 0
    met = expect_head in ("", GENESIS)
    for seals in _batches():
        entries = AuditEntry.objects.in_bulk([seal.entry_id for seal in seals])
        for current in seals:
            broken = _fault(current, entries.get(current.entry_id), head, sealed + 1)
            if broken:
                break
            head, sealed = current.hash, sealed + 1
            met = met or head == expect_head
        if broken:
            break
    if broken is None and not met:
        broken = Broken(sealed + 1, None, "the chain does not pass through the head that was noted: its end was cut off or sealed anew")
    unsealed = AuditEntry.objects.filter(~Exists(AuditSeal.objects.filter(entry_id=OuterRef("pk")))).order_by("pk")
    first = unsealed.values_list("pk", flat=True).first()
    return Verification(AuditEntry.objects.count(), sealed, unsealed.count(), first, head, broken)


def _batches(size: int = 1000) -> Any:
    after = None
    while True:
        query = AuditSeal.objects.order_by("position")
        seals = list((query if after is None else query.filter(position__gt=after))[:size])
        if not seals:
            return
        yield seals
        after = seals[-1].position


def _fault(current: AuditSeal, entry: AuditEntry | None, head: str, expected: int) -> Broken | None:
    if current.position != expected:
        return Broken(expected, None, f"seal {expected} is missing; the next is {current.position}")
    if current.previous != head:
        return Broken(current.position, current.entry_id, "the seal does not follow from the one before it")
    if entry is None:
        return Broken(current.position, current.entry_id, "the entry was removed")
    if current.hash != link(head, entry):
        return Broken(current.position, current.entry_id, "the entry was altered after it was sealed")
    return None
