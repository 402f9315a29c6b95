"""The section of the patient page: the way to the prepared page, and what was answered beforehand."""

from __future__ import annotations

from datetime import date

from stepwell.web.core.actor import Actor
from stepwell.web.core.layout import Panel
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.preparation import bench, selectors


def prepared(actor: Actor, person_id: int, on: date) -> Panel | None:
    if not actor.may(Permission.REVIEW_MEDICINES) or ledger.find_person(person_id) is None:
        return None
    sheets = selectors.answers_of(person_id)
    listed = bench.list_of(actor, on)
    values = {
        "person_id": person_id,
        "sheet": sheets[0] if sheets else None,
        "place": listed.place_of(person_id),
        "number": len(listed.entries),
    }
    return Panel("preparation/panel.jinja", values)
