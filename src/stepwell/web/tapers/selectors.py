"""Reads of reductions: of a person, of one plan, of an organisation. Everything here is uncut; pages cut it for their reader."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import msgspec
from django.db.models import Count, Q, QuerySet

from stepwell.clinical.tapering import model
from stepwell.clinical.tapering.model import Plan, Request, Step
from stepwell.web.core import clock, traces
from stepwell.web.core.actor import Actor
from stepwell.web.core.once import once
from stepwell.web.ledger import selectors as ledger
from stepwell.web.privacy import restrict
from stepwell.web.privacy.restrict import Cut
from stepwell.web.tapers import said, story
from stepwell.web.tapers.models import OPEN_STATES, RUNNING_STATES, Act, CheckIn, PlanState, PlanVersion, TaperEvent, TaperPlan
from stepwell.web.tapers.story import Story

LISTED = (PlanState.AGREED, *RUNNING_STATES, PlanState.PAUSED)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody is on a day. `step`: of the version in force, on which its calendar stands; `dose_ug`: what is taken by the plan;
    `since`: from when; `still`: the calendar stands still until somebody goes on; `next`: the change that comes next, None when there
    is none or the plan is over; `begun`: it has started; `before_ug`: the higher dose that was taken before this one."""

    plan: Plan
    step: Step
    dose_ug: int
    since: date
    days: int
    still: bool
    begun: bool
    next: Step | None
    before_ug: int | None
    on: date

    @property
    def told(self) -> model.Standing:
        """The same for the arithmetic that plans on from here."""
        return model.Standing(on=self.on, dose_ug=self.dose_ug, since=self.since, before_ug=self.before_ug)


# One plan


def plan_row(plan_id: int) -> TaperPlan | None:
    return TaperPlan.objects.select_related("person", "clinician").filter(pk=plan_id).first()


@once
def plans_of(person_id: int) -> list[TaperPlan]:
    """Every plan of a person but those entered in error: open ones first, then the newest. Cut for its reader with `shown`."""
    if not traces.any_of(TaperPlan, person_id):
        return []
    rows = TaperPlan.objects.select_related("person", "clinician").filter(person_id=person_id).exclude(state=PlanState.IN_ERROR)
    return sorted(rows, key=lambda row: (not row.is_open, -row.proposed_on.toordinal(), -row.pk))


def open_plan(person_id: int, substance: str) -> TaperPlan | None:
    found = TaperPlan.objects.select_related("person", "clinician").filter(person_id=person_id, substance=substance)
    return found.filter(state__in=OPEN_STATES).first()


def shown(rows: Iterable[TaperPlan], cut: Cut) -> list[TaperPlan]:
    """Without plans about a medicine that is hidden from the reader of the cut, as agreements are."""
    return [row for row in rows if not cut.hides_medicine(row.substance)]


def versions_of(plan_id: int) -> list[PlanVersion]:
    """Every version, the oldest first, undone ones too."""
    return list(PlanVersion.objects.filter(taper_id=plan_id).select_related("by").order_by("number"))


def version_row(row: TaperPlan) -> PlanVersion:
    """The version in force."""
    return PlanVersion.objects.select_related("by").get(taper_id=row.pk, number=row.version)


def version_of(row: TaperPlan) -> Plan:
    """The plan in force."""
    return said.plan_of(version_row(row).plan)


def request_of(row: TaperPlan) -> Request:
    """What was asked for when the plan in force was first made."""
    return said.request_of(version_row(row).request)


def words_of(row: TaperPlan) -> said.PlanWords:
    """What was said, the latest of each: when the version in force was made, and when it was agreed."""
    made = said.PlanWords.of(version_row(row).words)
    agreed = TaperEvent.objects.filter(taper_id=row.pk, act=Act.AGREED, undone_by__isnull=True).order_by("-id").first()
    return said.PlanWords.of(agreed.detail.get("words", {})).filled_from(made) if agreed is not None else made


def events_of(plan_id: int) -> list[TaperEvent]:
    """Everything that was done, the oldest first."""
    return list(TaperEvent.objects.filter(taper_id=plan_id).select_related("by", "undoes").order_by("id"))


def events_after(plan_id: int, revision: int) -> list[TaperEvent]:
    """What was written since a page had seen so many events."""
    return list(TaperEvent.objects.filter(taper_id=plan_id).select_related("by").order_by("id")[revision:])


def check_ins_of(plan_id: int) -> list[CheckIn]:
    """Check-ins that count, the oldest first."""
    undone = TaperEvent.objects.filter(taper_id=plan_id, undoes__isnull=False, undoes__act=Act.CHECKED).select_related("undoes")
    gone = {event.undoes.detail["check_in"] for event in undone if event.undoes is not None}
    rows = CheckIn.objects.filter(taper_id=plan_id).select_related("by").order_by("on", "id")
    return [row for row in rows if row.pk not in gone]


def story_of(plan_id: int) -> Story:
    return story.tell(TaperEvent.objects.filter(taper_id=plan_id).order_by("id"))


def plans_in(told: Story, versions: Sequence[PlanVersion]) -> dict[int, Plan]:
    """Of these versions the plans that the story speaks of, by number."""
    wanted = {told.version, *(stretch.version for stretch in told.stretches)}
    return {version.number: said.plan_of(version.plan) for version in versions if version.number in wanted}


def doses_of(row: TaperPlan, on: date | None = None) -> tuple[tuple[date, int], ...]:
    """What was to be taken from which day on, until `on` (today)."""
    told = story_of(row.pk)
    return story.doses(told, plans_in(told, versions_of(row.pk)), on or clock.today())


def way_of(row: TaperPlan, on: date) -> tuple[tuple[tuple[date, int], ...], dict[int, int]]:
    """(what was to be taken from which day on, of each dose how many products it is built from) until `on`."""
    told = story_of(row.pk)
    plans = plans_in(told, versions_of(row.pk))
    lines = {step.built.dose_ug: len(step.built.items) for number in sorted(plans) for step in plans[number].steps}
    return story.doses(told, plans, on), lines


def standing(row: TaperPlan, on: date | None = None) -> Standing:
    """Where the person is on a day (today)."""
    told = story_of(row.pk)
    return standing_of(told, plans_in(told, versions_of(row.pk)), on or clock.today())


def standing_of(told: Story, plans: dict[int, Plan], on: date) -> Standing:
    plan = plans[told.version]
    changes = story.doses(told, plans, on)
    begun = bool(changes)
    still = told.is_still or not begun
    stands_on = told.stretches[-1].on if begun and still else on
    step = story.step_on(plan, stands_on) if begun else plan.steps[0]
    dose = changes[-1][1] if begun else plan.steps[0].built.dose_ug
    since = changes[-1][0] if begun else plan.steps[0].on
    over = told.ended_on is not None
    following = None if over else next((each for each in plan.steps if each.number > step.number), None)
    before = next((each for _, each in reversed(changes) if each > dose), None)
    return Standing(plan, step, dose, since, max((on - since).days, 0), still, begun, following, before, on)


def as_it_stands(now: Standing) -> Plan:
    """The plan as it would go on: while the calendar stands still, steps whose day went by are laid behind today, so that nothing is told
    as taken that was not."""
    if not (now.still and now.begun) or now.next is None or now.next.on > now.on:
        return now.plan
    delay, at = now.on - now.next.on + timedelta(days=1), now.step.number
    steps = tuple(step if step.number <= at else msgspec.structs.replace(step, on=step.on + delay) for step in now.plan.steps)
    return msgspec.structs.replace(now.plan, steps=steps)


# People who are reducing


def reducing(actor: Actor) -> QuerySet[TaperPlan]:
    """Plans that run, wait to start or are paused at the actor's organisations, of people they may open."""
    found = TaperPlan.objects.select_related("person", "clinician").filter(org_code__in=actor.organisations, state__in=LISTED)
    return found.filter(person_id__in=ledger.visible_ids(actor, clock.today())).order_by("person__search_name", "person_id", "pk")


# Over many plans


def ended_and_going(actor: Actor, substances: Sequence[str], since: date, until: date) -> tuple[dict[str, int], int]:
    """(how many plans of these medicines ended in the period, by outcome; how many are on their way), of people this actor may open and
    of whom nothing is hidden from them. One query over the plans."""
    rows = TaperPlan.objects.filter(org_code__in=actor.organisations, substance__in=list(substances)).filter(
        Q(ended_on__range=(since, until)) | Q(state__in=(*RUNNING_STATES, PlanState.PAUSED))
    )
    rows = restrict.unmarked(actor, rows.exclude(state=PlanState.IN_ERROR))
    rows = rows.filter(person_id__in=ledger.visible_ids(actor, clock.today()))
    found = rows.order_by().values_list("outcome").annotate(number=Count("pk"))
    numbers = {outcome: number for outcome, number in found}
    return numbers, numbers.pop("", 0)


def plans_at(org_codes: Iterable[str]) -> QuerySet[TaperPlan]:
    """Every plan led at these organisations but those entered in error. Not limited to whom anybody may open."""
    rows = TaperPlan.objects.select_related("person", "clinician").filter(org_code__in=list(org_codes))
    return rows.exclude(state=PlanState.IN_ERROR).order_by("pk")


def written_in(plan_ids: Iterable[int]) -> dict[int, list[TaperEvent]]:
    """All events of those of these plans about which their person wrote something, the oldest first."""
    wrote = TaperEvent.objects.filter(taper_id__in=list(plan_ids), act=Act.WROTE).values("taper_id")
    found: dict[int, list[TaperEvent]] = {}
    for event in TaperEvent.objects.filter(taper_id__in=wrote).select_related("by").order_by("id"):
        found.setdefault(event.taper_id, []).append(event)
    return found


def check_ins_in(plan_ids: Iterable[int]) -> dict[int, list[CheckIn]]:
    """Check-ins that count, by plan, the oldest first."""
    keys = list(plan_ids)
    undone = TaperEvent.objects.filter(taper_id__in=keys, undoes__act=Act.CHECKED).select_related("undoes")
    gone = {event.undoes.detail["check_in"] for event in undone if event.undoes is not None}
    found: dict[int, list[CheckIn]] = {}
    for row in CheckIn.objects.filter(taper_id__in=keys).order_by("on", "id"):
        if row.pk not in gone:
            found.setdefault(row.taper_id, []).append(row)
    return found


def steps_back_in(plan_ids: Iterable[int]) -> dict[int, int]:
    """By plan how many times somebody went back to the dose before."""
    found: dict[int, int] = {}
    rows = TaperEvent.objects.filter(taper_id__in=list(plan_ids), act=Act.STEPPED_BACK, undone_by__isnull=True)
    for plan_id in rows.values_list("taper_id", flat=True):
        found[plan_id] = found.get(plan_id, 0) + 1
    return found
