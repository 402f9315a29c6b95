"""Whom to call about a person: beside the patient."""

from __future__ import annotations

from datetime import date

from stepwell.web.accounts import selectors as accounts
from stepwell.web.core.actor import Actor
from stepwell.web.core.layout import Panel
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.whoiswho import selectors


def who_to_call(actor: Actor, person_id: int, on: date) -> Panel | None:
    """The links of the person's practice: those of organisations that have this person first, not those of the actor's own desk."""
    person = ledger.find_person(person_id)
    if person is None or not person.gp_org:
        return None
    lines = selectors.links_for(person.gp_org, on=on)
    having = accounts.with_parts([each.organisation for each in ledger.subject_of(person_id).relationships if each.in_force(on)], on)
    lines.sort(key=lambda line: line.organisation not in having)
    near = [line for line in lines if line.organisation in having]
    may_name = actor.may(Permission.MANAGE_STAFF)
    if not lines and not may_name:
        return None
    practice = ledger.organisation_name(person.gp_org)
    values = {"near": near, "others": [line for line in lines if line not in near], "practice": practice}
    return Panel("whoiswho/panel.jinja", values)
