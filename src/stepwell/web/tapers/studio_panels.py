"""What the studio adds to the patient page: beside each medicine that can be reduced, where to plan it."""

from __future__ import annotations

from datetime import date

from django.urls import reverse

from stepwell import knowledge
from stepwell.knowledge.tapering import guards_of, rule_of
from stepwell.web.core.actor import Actor
from stepwell.web.core.layout import MedicineLine
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.privacy import restrict
from stepwell.web.tapers import selectors


def medicine_lines(actor: Actor, person_id: int, on: date) -> dict[str, list[MedicineLine]]:
    """`Plan a reduction` beside what has a rule, no plan, and no guard that never lets it be planned here."""
    person = ledger.find_person(person_id)
    if person is None or not actor.may(Permission.PLAN_REDUCTION):
        return {}
    restrict.cut_for(actor, [person])
    planned = {row.substance for row in selectors.plans_of(person_id) if row.is_open}
    found = {}
    for row in person.medicines:
        substance = str(row["substance"])
        if substance not in planned and may_be_planned(substance):
            found[substance] = [MedicineLine("Plan a reduction", "grey", reverse("tapers:show_studio", args=[person_id, substance]))]
    return found


def may_be_planned(substance: str) -> bool:
    known = knowledge.load()
    never = (guard.always and guard.action == "refuse" and guard.lifted_by is None for guard in guards_of(known, substance))
    return rule_of(known, substance) is not None and not any(never)
