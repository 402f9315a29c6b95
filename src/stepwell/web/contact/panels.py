"""The section of the patient page."""

from __future__ import annotations

from datetime import date

from stepwell.web.accounts import selectors as accounts
from stepwell.web.contact import selectors
from stepwell.web.contact.pages import AdjustmentsPage
from stepwell.web.core.actor import Actor
from stepwell.web.core.layout import Panel
from stepwell.web.ledger import selectors as ledger


def adjustments(actor: Actor, person_id: int, on: date) -> Panel:
    rows = selectors.in_force_of(person_id)
    record = ledger.spoken_by([person_id]).get(person_id)
    page = AdjustmentsPage(rows, [], record=record, actor=actor, on=on, names=accounts.organisation_names())
    return Panel("contact/panel.jinja", {"page": page, "person_id": person_id})
