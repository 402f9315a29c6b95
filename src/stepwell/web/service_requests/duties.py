"""What a request owes, and who: raised in the ledger beside every other duty, moved and settled as the request moves.

The owner owes an answer, or word from the service it named; the service named owes its answer; whoever asked owes having read an
advice; who took the person on owes seeing them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.urls import reverse

from stepwell.web.core import clock
from stepwell.web.core.access import PatientSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger import services as ledger_services
from stepwell.web.service_requests import choices
from stepwell.web.service_requests.models import ENDED, EventKind, ServiceRequest, State

SOURCE = "service request"


@dataclass(frozen=True, slots=True)
class Owed:
    """One duty: whose, by when, from when it is shown, and where it is done."""

    owner_org: str
    due_on: date
    title: str
    why: str
    page: str
    opens_on: date | None = None


Wanted = Mapping[str, Owed]


def wanted(found: ServiceRequest) -> dict[str, Owed]:
    """The duties of a request as it is now, by point. A point names the event from which it is owed, so that the same question asked
    again is a duty again."""
    if found.due_on is None or found.state in ENDED:
        return {}
    kind, owner = choices.kind_label(found.kind).lower(), found.owner_service.name
    asker = ledger.organisation_name(found.asked_org)
    asked = f"{asker} asked on {clinician.date(found.asked_on)}"
    if found.state == State.TRIAGE:
        return {f"answer {found.step}": Owed(found.owner_org, found.due_on, f"Answer the request: {kind}", asked, "triage_request")}
    if found.state == State.OFFERED and found.offered_service is not None:
        named = found.offered_service.name
        return {
            f"offer {found.step}": Owed(
                found.offered_org,
                found.due_on,
                f"Answer the redirected request: {kind}",
                f"{asked}; {owner} redirected it to {named}",
                "triage_request",
            ),
            # Silence is no acceptance: from the day the answer is due it is the owner's to ask, or to take it back.
            f"chase {found.step}": Owed(
                found.owner_org,
                found.due_on,
                f"Hear from {named} or take it back: {kind}",
                f"{asked}; redirected, and still with {owner}",
                "show_request",
                found.due_on,
            ),
        }
    if found.state == State.ADVISED:
        why = f"{owner} advised; {asked}"
        return {f"advice {found.step}": Owed(found.asked_org, found.due_on, f"Read the advice: {kind}", why, "answer_advice")}
    how = choices.outcomes()[found.outcome].in_line if found.outcome in choices.outcomes() else "taken on"
    return {f"see {found.step}": Owed(found.owner_org, found.due_on, f"See and report back: {kind}", f"{asked}; {how}", "close_request")}


def follow(actor: Actor, subject: PatientSubject, found: ServiceRequest, before: Wanted) -> None:
    """Settle what is no longer owed, raise what is owed now. Inside the transaction of the event."""
    now = wanted(found)
    source_id = str(found.pk)
    told = found.events.order_by("-id").first()
    how = "superseded" if told is not None and told.kind in (EventKind.WITHDRAWN, EventKind.TAKEN_BACK) else "done"
    for point in before.keys() - now.keys():
        why = EventKind(told.kind).label if told is not None else ""
        ledger_services.settle_raised(actor, subject, source=SOURCE, source_id=source_id, point=point, on=clock.today(), how=how, why=why)
    for point, owed in now.items():
        if point in before:
            continue
        ledger_services.raise_duty(
            actor,
            subject,
            source=SOURCE,
            source_id=source_id,
            point=point,
            title=owed.title,
            owner_org=owed.owner_org,
            due_on=owed.due_on,
            opens_on=owed.opens_on,
            why=owed.why,
            source_label=f"Request of {clinician.date(found.asked_on)}",
            action_url=reverse(f"service_requests:{owed.page}", args=[found.pk]),
            points=choices.urgencies()[found.urgency].points,
        )
