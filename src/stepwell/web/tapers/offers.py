"""What a plan answers on the ledger: an agreed plan answers the duty to offer one, a plan that ended as stopped answers who supplies.

The duties stay the ledger's; here they are only answered, with the plan as evidence, and asked again when the plan takes it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

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
    """Open duties to offer a reduction of this medicine; one about another class is another offer, and stays."""
    subjects = {substance, *known.subjects_of(substance)}
    return [duty for duty in ledger.open_duties_of(person_id) if duty.test == OFFER and duty.subject in subjects]


def close_offers(actor: Actor, row: TaperPlan, *, why: str) -> list[int]:
    """Answer them, within the caller's transaction; gives the keys of the events, so that undoing takes them back."""
    return _answered(actor, offers_about(row.person_id, row.substance), why)


def _answered(actor: Actor, duties: Iterable[Duty], why: str) -> list[int]:
    """What this actor may answer of these; the rest stays owed."""
    found = []
    for duty in duties:
        try:
            found.append(ledger_services.done_alone(actor, duty.pk, on=clock.today(), why=why))
        except (Refused, AccessRefused):
            continue
    return found


def reopen(actor: Actor, events: Sequence[int], *, why: str) -> None:
    """What these events answered is owed again."""
    for event in events:
        ledger_services.take_back_answer(actor, event, why=why)


def _who_supplies(row: TaperPlan) -> list[Duty]:
    """Open duties that ask who supplies the medicine of a plan that has stopped it."""
    return [duty for duty in ledger.open_duties_of(row.person_id) if duty.kind == SUPPLY and duty.subject == row.substance]


def answer_supply(actor: Actor, row: TaperPlan, on: date) -> list[int]:
    """As the plan ends on a day: whoever ends it answers what is theirs to answer. Gives the keys of the events."""
    return _answered(actor, _who_supplies(row), _stopped(row, on))


def answer_supply_later(actor: Actor, row: TaperPlan) -> None:
    """A gap is noticed weeks after the last step: it is answered by the plan, once, by the software itself."""
    if row.ended_on is None:
        return
    for duty in _who_supplies(row):
        ledger_services.done_by_work(actor, duty.pk, on=clock.today(), why=_stopped(row, row.ended_on))


def ask_supply_again(actor: Actor, row: TaperPlan, events: Sequence[int], *, why: str) -> None:
    """The end of a plan is taken back: who supplies is asked again, also where the software itself answered it later."""
    later = ledger.answers_with(row.person_id, SUPPLY, row.substance, _stopped(row, row.ended_on)) if row.ended_on else []
    reopen(actor, [*events, *later], why=why)


def _stopped(row: TaperPlan, on: date) -> str:
    who = f", {row.clinician.display_name} named for it" if row.clinician is not None else ""
    return f"stopped on {clinician.date(on)} at the end of an agreed reduction{who}"
