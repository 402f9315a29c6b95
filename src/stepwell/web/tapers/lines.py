"""Puts the presenters of `pages.py` together from what the selectors read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from django.urls import reverse

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core.actor import Actor
from stepwell.web.core.permissions import Permission
from stepwell.web.tapers import duties, own, selectors, services, story, support
from stepwell.web.tapers.beside import beside
from stepwell.web.tapers.chart import a_day
from stepwell.web.tapers.choices import choices
from stepwell.web.tapers.models import CheckIn, TaperEvent, TaperPlan
from stepwell.web.tapers.pages import CheckLine, EventLine, PlanLine, PlanPage, rises


def words_of_dose(dose_ug: int, unit: str) -> str:
    return a_day(dose_ug, unit)


def plan_line(row: TaperPlan, today: date) -> PlanLine:
    told = selectors.story_of(row.pk)
    plans = selectors.plans_in(told, selectors.versions_of(row.pk))
    return PlanLine(row, told, selectors.standing_of(told, plans, today), today)


def check_lines(row: TaperPlan, rows: Sequence[CheckIn]) -> list[CheckLine]:
    try:
        symptoms = {each.support: each for each in support.symptoms(row.substance)}
        scales = {each.scale: each for each in support.scales(row.substance)}
    except Refused:  # the pack no longer plans this medicine: what was written stays readable
        return [CheckLine(each, row.unit, {}, {}) for each in rows]
    found = []
    for place, each in enumerate(rows):
        read = support.read_rating(row.substance, each.rating)
        found.append(CheckLine(each, row.unit, symptoms, scales, read.label, rises(each, rows[:place], scales), read))
    return found


def last_check(row: TaperPlan) -> CheckLine | None:
    found = selectors.check_ins_of(row.pk)
    return check_lines(row, found)[-1] if found else None


def undoable(row: TaperPlan) -> TaperEvent | None:
    """The act that `services.undo` would take back."""
    told = selectors.story_of(row.pk)
    if told.last == told.counted[0]:
        return None
    return TaperEvent.objects.filter(pk=told.last).select_related("by").first()


def plan_page(actor: Actor, row: TaperPlan, today: date) -> PlanPage:
    told, versions = selectors.story_of(row.pk), selectors.versions_of(row.pk)
    plans = selectors.plans_in(told, versions)
    undone = services.events_undone(row.pk)
    every = selectors.events_of(row.pk)
    events = [EventLine(event, event.pk in undone) for event in every]
    try:
        wording, safety = support.of_part("wording", row.substance), support.of_part("safety-net", row.substance)
    except Refused:
        wording, safety = [], []
    return PlanPage(
        row=row, told=told, standing=selectors.standing_of(told, plans, today), today=today, actor=actor,
        given_name=row.person.given_name, versions=versions, plans=plans, done=story.doses(told, plans, today),
        checks=check_lines(row, selectors.check_ins_of(row.pk)), events=list(reversed(events)), words=selectors.words_of(row),
        names=accounts.organisation_names(), shown=choices().check_ins_shown, wording=wording, safety=safety, undo=undoable(row),
        due=duties.next_check_in(row, today), change_href=_studio_of(actor, row),
        written=own.written(every), beside=beside(actor, row, today),
    )  # fmt: skip


def _studio_of(actor: Actor, row: TaperPlan) -> str:
    """Where the plan is thought out anew; empty for whoever may not, and once it has ended."""
    if not row.is_open or not actor.may(Permission.PLAN_REDUCTION):
        return ""
    return reverse("tapers:show_studio", args=[row.person_id, row.substance])
