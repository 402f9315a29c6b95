"""Who does a duty, when it is shown and to whom it was handed, told by its events: the cached columns can be made again from
them at any time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from stepwell.web.ledger.holding import HELD_FIELDS, hold, pass_to, release
from stepwell.web.ledger.models import HANDOVER_ANSWERS, Duty, DutyEvent, EventKind, HandoverScope

_FIELDS = (
    "assigned_to", "acknowledged_by", "acknowledged_at", "shown_from", "deferred_why", "offer", "offered_to", *HELD_FIELDS,
)  # fmt: skip


def arrangement_of(row: Duty) -> dict[str, Any]:
    """The arrangement as JSON, kept in an event that carried it over."""
    return {
        "assigned_to": row.assigned_to_id,
        "shown_from": row.shown_from.isoformat() if row.shown_from else None,
        "deferred_why": row.deferred_why,
        "acknowledged_by": row.acknowledged_by_id,
        "acknowledged_at": row.acknowledged_at.isoformat() if row.acknowledged_at else None,
        **handed(row),
    }


def handed(row: Duty) -> dict[str, Any]:
    """Its part about hand-overs: the offer that waits, and who holds it."""
    held = row.owner_label if row.handed_to else ""
    return {"offer": row.offer_id, "offered_to": row.offered_to, "handed_to": row.handed_to, "handed_label": held}


def carry(row: Duty, earlier: Duty) -> None:
    """What was arranged on an earlier instance goes on with this one."""
    for name in ("assigned_to_id", "shown_from", "deferred_why", "acknowledged_by_id", "acknowledged_at", "second_look"):
        setattr(row, name, getattr(earlier, name))
    # It may have been answered while there was no duty to tell.
    if earlier.offer is not None and earlier.offer.is_open:
        row.offer_id, row.offered_to = earlier.offer_id, earlier.offered_to
    if earlier.handed_to:
        hold(row, earlier.handed_to, earlier.owner_label)


def is_arranged(row: Duty) -> bool:
    names = ("assigned_to_id", "shown_from", "deferred_why", "acknowledged_by_id", "acknowledged_at", "offer_id", "handed_to")
    return any(getattr(row, name) for name in names)


def derive(duty: Duty) -> None:
    """Write the arrangement that the duty's events, less those undone, add up to."""
    events = list(duty.events.order_by("id"))
    undone = {event.supersedes_id for event in events if event.kind == EventKind.UNDONE}
    duty.assigned_to_id = duty.acknowledged_by_id = duty.acknowledged_at = duty.shown_from = duty.offer_id = None
    duty.deferred_why = duty.offered_to = ""
    release(duty)
    for event in events:
        if event.pk not in undone:
            _again(duty, event)
    duty.save(update_fields=list(_FIELDS))


def _again(duty: Duty, event: DutyEvent) -> None:
    detail = event.detail
    if carried := detail.get("arrangement"):
        _restore(duty, carried)
    elif carried := detail.get("hand_over"):
        _restore_handover(duty, carried)
    elif event.kind == EventKind.ACKNOWLEDGED:
        duty.acknowledged_by_id, duty.acknowledged_at = event.by_id, event.at
    elif event.kind == EventKind.ASSIGNED:
        duty.assigned_to_id = detail["to"]
    elif event.kind == EventKind.DEFERRED:
        duty.shown_from, duty.deferred_why = date.fromisoformat(detail["until"]), event.why
    elif event.kind == EventKind.MOVED and detail["afresh"]:
        duty.assigned_to_id = duty.acknowledged_by_id = duty.acknowledged_at = duty.shown_from = None
        duty.deferred_why = ""
    elif event.kind == EventKind.OFFERED:
        duty.offer_id, duty.offered_to = detail["handover"], detail["to"]
    elif event.kind in HANDOVER_ANSWERS:
        duty.offer_id, duty.offered_to = None, ""
        if event.kind == EventKind.ACCEPTED and detail["scope"] == HandoverScope.DUTY:
            pass_to(duty, detail["to"], detail["label"])


def _restore(duty: Duty, carried: Mapping[str, Any]) -> None:
    duty.assigned_to_id, duty.acknowledged_by_id = carried["assigned_to"], carried["acknowledged_by"]
    duty.acknowledged_at = datetime.fromisoformat(carried["acknowledged_at"]) if carried["acknowledged_at"] else None
    duty.shown_from = date.fromisoformat(carried["shown_from"]) if carried["shown_from"] else None
    duty.deferred_why = carried["deferred_why"]
    _restore_handover(duty, carried)


def _restore_handover(duty: Duty, carried: Mapping[str, Any]) -> None:
    # Events of before there were hand-overs say nothing of them.
    duty.offer_id, duty.offered_to = carried.get("offer"), carried.get("offered_to", "")
    release(duty)
    if carried.get("handed_to"):
        hold(duty, carried["handed_to"], carried["handed_label"])
