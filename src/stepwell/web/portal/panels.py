"""What stands beside a plan: whether its person has a page of their own."""

from __future__ import annotations

from datetime import date

from stepwell.web.core.actor import Actor
from stepwell.web.core.layout import Panel
from stepwell.web.portal import selectors, services
from stepwell.web.tapers.models import TaperPlan


def of_plan(actor: Actor, row: TaperPlan, on: date) -> Panel | None:
    if not services.gives_codes(actor):
        return None
    code = selectors.code_of(row.person_id)
    values = {"person_id": row.person_id, "code": code, "opens": code is not None and selectors.opens(code, on)}
    return Panel("portal/beside.jinja", values)
