"""Offers in words: one on its page, all of an organisation on theirs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import layout
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician, count
from stepwell.web.ledger import known, selectors
from stepwell.web.ledger.models import Duty, Handover, HandoverScope, HandoverState
from stepwell.web.ledger.pages import Banner
from stepwell.web.ledger.presenters import NOBODY, DutyPresenter
from stepwell.web.privacy import restrict

_TONES = {HandoverState.ACCEPTED: "green", HandoverState.DECLINED: "amber", HandoverState.WITHDRAWN: "grey"}


class OfferPresenter:
    """One offer as the actor sees it on day `on`; `duties` are those that it is about now."""

    def __init__(self, offered: Handover, actor: Actor, on: date, names: Mapping[str, str], duties: Iterable[Duty] = ()) -> None:
        self.offer, self.actor, self.on, self.names = offered, actor, on, names
        self.duties = [DutyPresenter(duty, actor, on, names) for duty in duties if duty.is_open]
        self.lead = DutyPresenter(offered.duty, actor, on, names)

    @property
    def id(self) -> int:
        return self.offer.pk

    @property
    def to(self) -> str:
        return self.names.get(self.offer.to_org, self.offer.to_org)

    @property
    def sender(self) -> str:
        return self.names.get(self.offer.from_org, self.offer.from_org)

    @property
    def owner_was(self) -> str:
        """Whose it stays when it is declined."""
        return "nobody" if self.offer.owner_was == NOBODY else self.names.get(self.offer.owner_was, self.offer.owner_was)

    @property
    def of_medicine(self) -> bool:
        return self.offer.scope == HandoverScope.MEDICINE

    @property
    def what(self) -> str:
        return f"everything about {known.medicine(self.offer.substance)}" if self.of_medicine else self.lead.what

    @property
    def heading(self) -> str:
        who = "you" if self.offer.to_org == self.actor.organisation else self.to
        return f"{self.sender} offers {who} {self.what}"

    @property
    def asked(self) -> str:
        """Who offered it, and when."""
        by = self.offer.offered_by.display_name if self.offer.offered_by else "Stepwell"
        return f"{by}, {self.sender}, {clinician.datetime(self.offer.offered_at)}"

    @property
    def is_silent(self) -> bool:
        return self.offer.is_silent(self.on)

    @property
    def status(self) -> tuple[str, str]:
        offer = self.offer
        if self.is_silent:
            return f"no answer by {clinician.date(offer.answer_by)}", "red"
        if offer.is_open:
            return f"answer by {clinician.date(offer.answer_by)}", "amber"
        by = f" by {offer.answered_by.display_name}" if offer.answered_by else ""
        return f"{HandoverState(offer.state).label.lower()}{by}, {clinician.date(offer.answered_at)}", _TONES[HandoverState(offer.state)]

    @property
    def may_answer(self) -> bool:
        return self.offer.is_open and self.offer.to_org in self.actor.organisations

    @property
    def may_withdraw(self) -> bool:
        return self.offer.is_open and self.offer.from_org in self.actor.organisations


def shown(actor: Actor, offers: Sequence[Handover]) -> list[Handover]:
    """Offers without those about what the actor is not shown of a record."""
    cuts = restrict.cut_for(actor, [offer.person for offer in offers])
    return [offer for offer in offers if not cuts[offer.person_id].hides(offer.duty)]


def panel(actor: Actor, person_id: int, on: date) -> layout.Panel | None:
    """The section of the patient page; None when nothing waits."""
    offers = shown(actor, selectors.open_offers_of(person_id, actor.organisations))
    if not offers:
        return None
    names = accounts.organisation_names()
    return layout.Panel("ledger/offers_panel.jinja", {"offers": [OfferPresenter(offer, actor, on, names) for offer in offers]})


class OfferRow(OfferPresenter):
    """An offer with its person, in a list."""

    def __init__(self, offered: Handover, actor: Actor, on: date, names: Mapping[str, str], before: Sequence[str]) -> None:
        super().__init__(offered, actor, on, names)
        self.person = Banner(offered.person, on, before)


class HandoversPage:
    """Offered to us, by us, and lately answered."""

    def __init__(
        self, to_us: Sequence[Handover], by_us: Sequence[Handover], answered: Sequence[Handover], *, actor: Actor, on: date,
        names: Mapping[str, str],
    ) -> None:  # fmt: skip
        self.actor = actor
        self.person_ids = sorted({offer.person_id for offer in (*to_us, *by_us, *answered)})
        before = layout.before_contact(self.person_ids, on)

        def rows(offers: Sequence[Handover]) -> list[OfferRow]:
            return [OfferRow(offer, actor, on, names, before[offer.person_id]) for offer in offers]

        self.to_us, self.by_us, self.answered = rows(to_us), rows(by_us), rows(answered)

    @property
    def silent(self) -> int:
        return sum(row.is_silent for row in self.by_us)

    @property
    def heading(self) -> str:
        waiting = count(len(self.to_us), "offer waits", "offers wait") if self.to_us else "No offer waits"
        silent = f"; {count(self.silent, 'of yours has', 'of yours have')} had no answer in time" if self.silent else ""
        return f"{waiting} for your answer{silent}"
