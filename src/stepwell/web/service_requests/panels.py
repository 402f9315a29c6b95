"""On the patient page: where each request stands, in one line, and the way to ask for something."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from django.urls import reverse

from stepwell.web.accounts import selectors as accounts
from stepwell.web.core.actor import Actor
from stepwell.web.core.layout import ListTool, Panel
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.privacy import restrict
from stepwell.web.service_requests import selectors
from stepwell.web.service_requests.models import ServiceRequest
from stepwell.web.service_requests.pages import Line

_REVIEW, _TO_A_SPECIALIST = "medication-review", ("medication-review", "step-up")


def shown(actor: Actor, person_id: int, rows: Sequence[ServiceRequest]) -> list[ServiceRequest]:
    """Requests without those that were asked from a duty which the actor is not shown."""
    person = ledger.find_person(person_id)
    if person is None:
        return []
    cut = restrict.cut_for(actor, [person])[person_id]
    return [row for row in rows if row.duty is None or not cut.hides(row.duty)]


def panel(actor: Actor, person_id: int, on: date) -> Panel | None:
    """None for somebody who cannot ask, of a person for whom nothing was asked."""
    names = accounts.organisation_names()
    open_rows = shown(actor, person_id, selectors.open_for_person(person_id))
    ended = shown(actor, person_id, selectors.ended_for_person(person_id, limit=3))
    may_ask = actor.may(Permission.ASK_SERVICE)
    if not (open_rows or ended or may_ask):
        return None
    stops = selectors.stops_of([row.pk for row in (*open_rows, *ended)])
    values = {
        "open": [Line(row, stops[row.pk], actor, on, names) for row in open_rows],
        "ended": [Line(row, stops[row.pk], actor, on, names) for row in ended],
        "may_ask": may_ask,
        "person_id": person_id,
    }
    return Panel("service_requests/panel.jinja", values)


def ask_for_review(actor: Actor, person_ids: Collection[int]) -> dict[int, ListTool]:
    """Of people who lack a specialist: ask a service to review them, or what was asked already and is still open."""
    if not actor.may(Permission.ASK_SERVICE):
        return {}
    found = {
        each: ListTool("Ask for a review", f"{reverse('service_requests:ask_service', args=[each])}?kind={_REVIEW}") for each in person_ids
    }
    for person_id, rows in selectors.open_asked_of_people(actor, person_ids).items():
        for row in [each for each in shown(actor, person_id, rows) if each.kind in _TO_A_SPECIALIST][:1]:
            found[person_id] = ListTool("Review asked", reverse("service_requests:show_request", args=[row.pk]), current=True)
    return found


def duty_links(actor: Actor, duty_id: int, person_id: int) -> list[ListTool]:
    """Beside the acts of a duty: ask a service about what it asks for."""
    if not actor.may(Permission.ASK_SERVICE):
        return []
    return [ListTool("Ask a service", f"{reverse('service_requests:ask_service', args=[person_id])}?duty={duty_id}")]
