"""What every act on a duty goes through: the person locked, the duty open and the actor's to act on, nobody faster, the event
and the audit in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import F

from stepwell.errors import Refused
from stepwell.web.core import audit, clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors
from stepwell.web.ledger.evaluation import reevaluate
from stepwell.web.ledger.models import Duty, DutyEvent, DutyState, EventKind, PersonRecord

NOBODY = "nobody"
PCN_KIND = "pcn"


@dataclass(frozen=True, slots=True)
class Written:
    """`up_to_date` is False when the duties could not be evaluated at once: a retry is waiting."""

    person_id: int
    up_to_date: bool = True


class Stale(Refused):
    """Somebody was faster. `changes` are the events since the page was opened, the oldest first."""

    def __init__(self, changes: Sequence[DutyEvent]) -> None:
        self.changes = list(changes)
        told = "; ".join(_told(event) for event in self.changes[-3:])
        super().__init__(f"Nothing was saved: this changed after you opened it ({told}).")


def _told(event: DutyEvent) -> str:
    who = event.by.display_name if event.by is not None else "Stepwell, from the records"
    return f"{EventKind(event.kind).label.lower()}, {who}, {clinician.datetime(event.at)}"


def lock_person(person_id: int) -> PersonRecord:
    """Inside a transaction: whatever is written of this person waits until it ends, evaluations included. Taken before any
    duty of theirs, by everybody, so that an evaluation never writes over an act that it has not read."""
    return PersonRecord.objects.select_for_update().get(person_id=person_id)


@contextmanager
def acting_on(
    actor: Actor, duty_id: int, permission: Permission, *, revision: int | None = None, own_only: bool = True
) -> Iterator[Duty]:  # fmt: skip
    """The duty, locked, open and the actor's to act on; what the body does is one transaction.

    `revision` is what the form has seen; None where no page was seen (a command, the demo).
    """
    person_id = selectors.person_of_duty(duty_id)
    if person_id is None:
        raise Refused("There is no such duty.")
    require(actor, permission, selectors.subject_of(person_id))
    with transaction.atomic():
        lock_person(person_id)
        duty = Duty.objects.get(pk=duty_id)
        if problem := closed_words(duty):
            raise Refused(f"{problem} Nothing was changed.")
        check_revision(duty, revision)
        if own_only and (problem := others_words(actor, duty)):
            raise Refused(problem)
        yield duty


def closed_words(duty: Duty) -> str:
    """That a duty is closed; empty while it is open."""
    if duty.is_open:
        return ""
    closed = f" on {clinician.date(duty.closed_as_of)}" if duty.closed_as_of else ""
    return f"This duty was closed{closed} ({DutyState(duty.state).label.lower()})."


def others_words(actor: Actor, duty: Duty) -> str:
    """That a duty is another organisation's; empty when the actor may decide about it."""
    if duty.owner_org == NOBODY or duty.owner_org in actor.organisations:
        return ""
    name = selectors.organisation_name(duty.owner_org)
    return f"This duty belongs to {name}: they decide about it. A result can be recorded by anybody who has it."


def check_revision(duty: Duty, revision: int | None) -> None:
    if revision is not None and revision != duty.revision:
        raise Stale(selectors.events_after(duty, revision))


def needs_words(why: str, ask: str) -> str:
    words = " ".join(why.split())
    if not words:
        raise Refused(ask)
    return words


def not_in_future(on: date) -> None:
    if on > clock.today():
        raise Refused("The day cannot be in the future.")


def signed(words: str, actor: Actor, on: date) -> str:
    """A label that the engine keeps: what was said, by whom, when."""
    return f"{words} ({actor.display_name}, {actor.organisation_name}, {clinician.date(on)})"[:300]


def tell(
    duty: Duty, kind: EventKind, actor: Actor, *, why: str = "", supersedes: DutyEvent | None = None, **detail: Any
) -> DutyEvent:  # fmt: skip
    """Append the event and its audit entry; the caller has locked the person."""
    event = DutyEvent.objects.create(
        duty=duty,
        kind=kind,
        at=clock.now(),
        by_id=actor.user_id,
        role=actor.role,
        org_code=actor.organisation,
        why=why,
        detail=detail,
        supersedes=supersedes,
        as_of=clock.today(),
    )
    Duty.objects.filter(pk=duty.pk).update(revision=F("revision") + 1)
    duty.revision += 1
    audit.record_write(
        actor, f"duty {kind.value}", person_id=duty.person_id, subject_type="duty", subject_id=duty.pk, reason=why
    )  # fmt: skip
    return event


def acting_organisation(actor: Actor, person_id: int) -> str:
    """For whom the actor takes on or gives away: their own organisation, for a network the practice it covers."""
    if actor.organisation_kind != PCN_KIND:
        return actor.organisation
    record = selectors.person(person_id)
    if record.gp_org not in actor.covered:
        raise Refused("A network takes a medicine on for the practice it covers; this person is registered elsewhere.")
    return record.gp_org


def evaluated(person_id: int) -> Written:
    return Written(person_id, reevaluate(person_id))
