"""What a plan answers on the ledger: an agreed plan answers the duty to offer one, a plan that ended as stopped answers who supplies.

The duties stay the ledger's; here they are only answered, with the plan as evidence.
"""

from __future__ import annotations

from collections.abc import Sequence

from stepwell.errors import Refused
from stepwell.web.core import clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.gate import AccessRefused
from stepwell.web.ledger import known
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger import services as ledger_services
from stepwell.web.ledger.models import Duty
from stepwell.web.tapers.models import TaperPlan

# The test of the knowledge base that an offer to reduce serves.
OFFER = "taper-offer"
SUPPLY = "supply"


def offers_about(person_id: int, substance: str) -> list[Duty]:
    """Open duties to offer a reduction of this medicine. Empty where the same answer would serve one about another class as well: that
    one must not be closed unasked."""
    subjects = {substance, *known.subjects_of(substance)}
    every = [duty for duty in ledger.open_duties_of(person_id) if duty.test == OFFER]
    return every if all(duty.subject in subjects for duty in every) else []


def close_offers(actor: Actor, row: TaperPlan, *, why: str) -> list[int]:
    """Answer them, within the caller's transaction; gives the keys of the events, so that undoing takes them back."""
    found = []
    for duty in offers_about(row.person_id, row.substance)[:1]:
        try:
            ledger_services.done_with_review(actor, duty.pk, on=clock.today(), why=why, evaluate=False)
        except (Refused, AccessRefused):
            continue
        event = duty.events.order_by("-id").first()
        if event is not None:
            found.append(event.pk)
    return found


def reopen(actor: Actor, events: Sequence[int], *, why: str) -> None:
    for event in events:
        try:
            ledger_services.undo(actor, event, why=why, evaluate=False)
        except Refused:
            continue


def _who_supplies(row: TaperPlan) -> list[Duty]:
    """Open duties that ask who supplies the medicine of a plan that has stopped it."""
    if row.ended_on is None:
        return []
    return [duty for duty in ledger.open_duties_of(row.person_id) if duty.kind == SUPPLY and duty.subject == row.substance]


def answer_supply(actor: Actor, row: TaperPlan) -> None:
    """As the plan ends: whoever ends it answers what is theirs to answer."""
    for duty in _who_supplies(row):
        try:
            ledger_services.done_with_review(actor, duty.pk, on=clock.today(), why=_stopped(row), evaluate=False)
        except (Refused, AccessRefused):
            continue


def answer_supply_later(actor: Actor, row: TaperPlan) -> None:
    """A gap is noticed weeks after the last step: it is answered by the plan, once, by the software itself."""
    for duty in _who_supplies(row):
        ledger_services.done_by_work(actor, duty.pk, on=clock.today(), why=_stopped(row))


def _stopped(row: TaperPlan) -> str:
    who = f", {row.clinician.display_name} named for it" if row.clinician is not None else ""
    return f"stopped on {clinician.date(row.ended_on)} at the end of an agreed reduction{who}"
