"""What reductions add to the patient page: a section with today's dose and what can be done, and a line beside the medicine."""

from __future__ import annotations

from datetime import date

from django.urls import NoReverseMatch, reverse

from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.layout import MedicineLine, Panel
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.privacy import restrict
from stepwell.web.tapers import duties, lines, selectors, services
from stepwell.web.tapers.models import Act, PlanState, TaperPlan
from stepwell.web.tapers.pages import PlanLine


def _shown(actor: Actor, person_id: int) -> tuple[list[TaperPlan], int]:
    """The plans this actor is shown, and how many they are not."""
    person = ledger.find_person(person_id)
    rows = selectors.plans_of(person_id)
    if person is None or not rows:
        return [], 0
    shown = selectors.shown(rows, restrict.cut_for(actor, [person])[person_id])
    return shown, len(rows) - len(shown)


def of_person(actor: Actor, person_id: int, on: date) -> Panel | None:
    rows, hidden = _shown(actor, person_id)
    may_plan = actor.may(Permission.PLAN_REDUCTION)
    if not rows and not hidden and not may_plan:
        return None
    found = [(lines.plan_line(row, on), row) for row in rows]
    shown = [(line, services.may_do(actor, row, Act.CHECKED), _due(line, on)) for line, row in found if row.is_open]
    values = {
        "rows": shown,
        "ended": [line for line, row in found if not row.is_open],
        "hidden": hidden,
        "plan_href": studio_of(person_id) if may_plan else "",
    }
    return Panel("tapers/panel.jinja", values)


def _due(line: PlanLine, on: date) -> str:
    """When the next check-in is due; of a plan that has not begun, that its start is late."""
    if line.state == PlanState.AGREED:
        return line.late_start
    due = duties.next_check_in(line.row, on)
    return f"Check-in {clinician.lateness(due, on)}" if due is not None else ""


def studio_of(person_id: int) -> str:
    """Where a reduction is planned; empty while nothing is there."""
    try:
        return reverse("tapers:choose_medicine", args=[person_id])
    except NoReverseMatch:
        return ""


def medicine_lines(actor: Actor, person_id: int, on: date) -> dict[str, list[MedicineLine]]:
    found: dict[str, list[MedicineLine]] = {}
    for row in _shown(actor, person_id)[0]:
        if not row.is_open:
            continue
        line = lines.plan_line(row, on)
        words = f"{line.state.label}: {line.dose_a_day} by the plan" if line.standing.begun else f"Reduction {line.state.label.lower()}"
        found.setdefault(row.substance, []).append(MedicineLine(words, line.tag[1], reverse("tapers:show_plan", args=[row.pk])))
    return found
