"""Reads of adjustments: what is in force for people, what happened, and the words before a contact."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date

from django.db.models import Q

from stepwell.web.contact import words
from stepwell.web.contact.models import Act, AdjustmentEvent
from stepwell.web.core import traces
from stepwell.web.core.once import once
from stepwell.web.ledger import selectors as ledger


@once
def in_force(person_ids: Collection[int]) -> dict[int, list[AdjustmentEvent]]:
    """Of each person what was recorded and neither ended nor taken back, in the order of the choices."""
    rows = AdjustmentEvent.objects.filter(person_id__in=list(person_ids), act=Act.RECORDED, closed_by__isnull=True)
    return _by_person(rows.select_related("by"))


def in_force_of(person_id: int) -> list[AdjustmentEvent]:
    return in_force([person_id]).get(person_id, []) if traces.any_of(AdjustmentEvent, person_id) else []


def as_seen(person_id: int, last_event: int) -> list[AdjustmentEvent]:
    """What was in force when `last_event` was the newest event of this person."""
    rows = AdjustmentEvent.objects.filter(person_id=person_id, act=Act.RECORDED, pk__lte=last_event)
    return words.in_order(rows.filter(Q(closed_by__isnull=True) | Q(closed_by__gt=last_event)))


def _by_person(rows: Iterable[AdjustmentEvent]) -> dict[int, list[AdjustmentEvent]]:
    found: dict[int, list[AdjustmentEvent]] = {}
    for row in rows:
        found.setdefault(row.person_id, []).append(row)
    return {person_id: words.in_order(own) for person_id, own in found.items()}


def events_of(person_id: int) -> list[AdjustmentEvent]:
    """Everything that was recorded, ended or taken back, the newest first."""
    rows = AdjustmentEvent.objects.filter(person_id=person_id).select_related("by", "about", "closed_by")
    return list(rows.order_by("-id"))


def events_since(person_id: int, last_event: int) -> list[AdjustmentEvent]:
    return list(AdjustmentEvent.objects.filter(person_id=person_id, pk__gt=last_event).select_related("by").order_by("id"))


def last_event(person_id: int) -> int:
    """The newest event of a person, 0 when there is none: what a form has seen."""
    return AdjustmentEvent.objects.filter(person_id=person_id).order_by("-id").values_list("pk", flat=True).first() or 0


def recorded(event_id: int) -> AdjustmentEvent | None:
    """Something that was recorded, whether or not it still holds."""
    return AdjustmentEvent.objects.filter(pk=event_id, act=Act.RECORDED).select_related("by", "closed_by").first()


def before_contact(person_ids: Collection[int], on: date) -> dict[int, list[str]]:
    """What to know before any contact with each of these people, the rules of safe contact first (core/layout.py)."""
    spoken = ledger.spoken_by(person_ids)
    own = {one: in_force_of(one) for one in person_ids} if len(person_ids) == 1 else in_force(person_ids)
    found = {person_id: words.strip(own.get(person_id, []), spoken.get(person_id), on) for person_id in person_ids}
    return {person_id: lines for person_id, lines in found.items() if lines}
