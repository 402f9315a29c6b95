"""Who does a duty and when it is shown, told by its events: the cached columns can be made again from them at any time."""

from __future__ import annotations

from datetime import date, datetime

from stepwell.web.ledger.models import Duty, EventKind


def derive(duty: Duty) -> None:
    """Write the arrangement that the duty's events, less those undone, add up to."""
    events = list(duty.events.order_by("id"))
    undone = {event.supersedes_id for event in events if event.kind == EventKind.UNDONE}
    duty.assigned_to_id = duty.acknowledged_by_id = duty.acknowledged_at = duty.shown_from = None
    duty.deferred_why = ""
    for event in events:
        if event.pk in undone:
            continue
        if carried := event.detail.get("arrangement"):
            duty.assigned_to_id, duty.acknowledged_by_id = carried["assigned_to"], carried["acknowledged_by"]
            duty.acknowledged_at = datetime.fromisoformat(carried["acknowledged_at"]) if carried["acknowledged_at"] else None
            duty.shown_from = date.fromisoformat(carried["shown_from"]) if carried["shown_from"] else None
            duty.deferred_why = carried["deferred_why"]
        elif event.kind == EventKind.ACKNOWLEDGED:
            duty.acknowledged_by_id, duty.acknowledged_at = event.by_id, event.at
        elif event.kind == EventKind.ASSIGNED:
            duty.assigned_to_id = event.detail["to"]
        elif event.kind == EventKind.DEFERRED:
            duty.shown_from, duty.deferred_why = date.fromisoformat(event.detail["until"]), event.why
    duty.save(update_fields=["assigned_to", "acknowledged_by", "acknowledged_at", "shown_from", "deferred_why"])
