"""Reads of transfers: one, those of a person, those of an organisation, and who reaches a person because of one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date

from django.db.models import Q, QuerySet

from stepwell.web.core import traces
from stepwell.web.core.actor import Actor
from stepwell.web.core.once import once
from stepwell.web.ledger import known
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.models import Duty, DutyState, PersonRecord
from stepwell.web.transfers import figures
from stepwell.web.transfers.models import OPEN_STATES, State, Transfer, TransferEvent

SOURCE = "transfer"
RULE = f"asked.{SOURCE}"


def transfer_row(transfer_id: int) -> Transfer | None:
    return Transfer.objects.filter(pk=transfer_id).first()


def transfers_of(person_id: int) -> list[Transfer]:
    """All of a person, the newest first."""
    return list(Transfer.objects.filter(person_id=person_id).order_by("-id"))


@once
def open_for_person(person_id: int) -> list[Transfer]:
    """Proposed, agreed, transferred or with a return asked for, the newest first."""
    if not traces.any_of(Transfer, person_id):
        return []
    return list(Transfer.objects.filter(person_id=person_id, state__in=OPEN_STATES).order_by("-id"))


def open_of_people(person_ids: Collection[int]) -> dict[int, list[Transfer]]:
    """The same for many people at once."""
    found: dict[int, list[Transfer]] = {}
    for row in Transfer.objects.filter(person_id__in=list(person_ids), state__in=OPEN_STATES).order_by("-id"):
        found.setdefault(row.person_id, []).append(row)
    return found


def transfers_for(actor: Actor, on: date) -> list[Transfer]:
    """Open transfers from or to the actor's organisations, of people they may open."""
    return list(_of(actor, on).filter(state__in=OPEN_STATES).order_by("planned_on", "id"))


def ended_for(actor: Actor, on: date, limit: int = 50) -> list[Transfer]:
    """Those that were declined, withdrawn or taken back, the newest first."""
    return list(_of(actor, on).filter(state__in=(State.DECLINED, State.WITHDRAWN, State.TAKEN_BACK)).order_by("-id")[:limit])


def _of(actor: Actor, on: date) -> QuerySet[Transfer]:
    side = Q(from_org=actor.organisation) | Q(to_org__in=actor.organisations)
    alive = ledger.visible_to(actor, on).filter(death_date__isnull=True).values("person_id")
    return Transfer.objects.filter(side, person_id__in=alive)


def late_returns(actor: Actor, on: date) -> int:
    """How many rapid returns from or to the actor's organisations have had no answer by their day."""
    return _of(actor, on).filter(state=State.RETURN_ASKED, return_by__lt=on).count()


def people_of(transfers: Collection[Transfer]) -> dict[int, PersonRecord]:
    return {row.person_id: row for row in PersonRecord.objects.filter(person_id__in={each.person_id for each in transfers})}


def events_of(transfer: Transfer) -> list[TransferEvent]:
    """The newest first."""
    return list(transfer.events.select_related("by").order_by("-id"))


def events_after(transfer: Transfer, revision: int) -> list[TransferEvent]:
    """What a page of this revision has not seen, the oldest first."""
    return list(transfer.events.select_related("by").order_by("id")[max(0, revision) :])


def duties_of(transfers: Collection[Transfer]) -> dict[int, list[Duty]]:
    """The duties that transfers raised, by transfer and due date; of one that fell due again the latest."""
    ids = {str(each.pk): each.pk for each in transfers}
    rows = Duty.objects.filter(rule_id=RULE, subject__in=list(ids), person_id__in={each.person_id for each in transfers})
    latest: dict[tuple[str, str], Duty] = {}
    for row in rows.order_by("instance", "pk"):
        latest[row.subject, row.point] = row
    found: dict[int, list[Duty]] = {each.pk: [] for each in transfers}
    for (subject, _), row in latest.items():
        found[ids[subject]].append(row)
    return {pk: sorted(own, key=lambda duty: (duty.due_on or date.max, duty.pk)) for pk, own in found.items()}


def reviews_left(transfer: Transfer) -> list[str]:
    """Reviews of the plan that are still owed: those whose duty is not closed, also when no evaluation has opened it yet."""
    if transfer.transferred_on is None:
        return []
    closed = {duty.point for duty in duties_of([transfer])[transfer.pk] if duty.state != DutyState.OPEN}
    return [row["review"] for row in transfer.reviews if row["review"] not in closed]


def reach(person_ids: Collection[int]) -> Mapping[int, Sequence[tuple[str, str, date | None, date | None]]]:
    """Both sides of a transfer reach the person while it waits for somebody, and after it until its reviews are over
    (ledger.apply.add_reach)."""
    rows = Transfer.objects.filter(person_id__in=list(person_ids), state__in=OPEN_STATES).order_by("id")
    owed = set(Duty.objects.filter(rule_id=RULE, person_id__in=list(person_ids), state=DutyState.OPEN).values_list("person_id", "subject"))
    found: dict[int, list[tuple[str, str, date | None, date | None]]] = {}
    for row in rows:
        until = None
        if row.state == State.TRANSFERRED and row.transferred_on is not None and (row.person_id, str(row.pk)) not in owed:
            last = max(figures.reviews().values(), key=lambda review: review.months)
            until = known.add(row.transferred_on, last.months, last.escalate_days)
        for code in (row.from_org, row.to_org):
            found.setdefault(row.person_id, []).append((code, f"transfers/{row.pk}", None, until))
    return found
