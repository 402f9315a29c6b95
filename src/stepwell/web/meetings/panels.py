"""Meetings on the patient page."""

from __future__ import annotations

from datetime import date

from stepwell.web.accounts import selectors as accounts
from stepwell.web.core.actor import Actor
from stepwell.web.core.layout import Panel
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.meetings import selectors
from stepwell.web.meetings.pages import OnAgenda
from stepwell.web.privacy import restrict

DECISIONS_SHOWN = 5


def meetings(actor: Actor, person_id: int, on: date) -> Panel | None:
    """Agendas of the actor's meetings that the person is on, and what meetings decided lately, whoever held them."""
    if not actor.may(Permission.HOLD_MEETINGS):
        return None
    items = [item for item in selectors.items_of_person(person_id) if selectors.comes(actor, item.meeting)]
    decisions = selectors.decisions_about(person_id)[:DECISIONS_SHOWN]
    cut = restrict.cut_for(actor, [ledger.person(person_id)])[person_id]
    return Panel("meetings/panel.jinja", {"told": OnAgenda(items, decisions, cut, accounts.organisation_names()), "person_id": person_id})
