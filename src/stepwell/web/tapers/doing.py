"""What every act on a reduction goes through: access decided, the person locked, the plan in a state that allows it, nobody faster, the
event, its duties and the audit in one transaction; then the person is evaluated outside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction

from stepwell.clinical.tapering.model import Plan, Request
from stepwell.errors import Refused
from stepwell.web.core import audit, clock
from stepwell.web.core.access import PatientSubject
from stepwell.web.core.actor import PERSON, Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.acts import lock_person, needs_words
from stepwell.web.ledger.evaluation import reevaluate, request_evaluation
from stepwell.web.privacy import restrict
from stepwell.web.tapers import said, selectors
from stepwell.web.tapers.models import ACTIVE_STATES, OPEN_STATES, Act, PlanState, PlanVersion, TaperEvent, TaperPlan
from stepwell.web.tapers.said import PlanWords
from stepwell.web.tapers.story import MAY_IN, Story

LONGEST_WORDS = 2000
_STATE_NOW = {
    PlanState.PROPOSED: "it is proposed and not agreed yet",
    PlanState.AGREED: "it is agreed and has not begun",
    PlanState.REDUCING: "the reduction is going on",
    PlanState.HOLDING: "the person is holding",
    PlanState.STEPPED_UP: "the person went back to the dose before",
    PlanState.PAUSED: "it is paused",
}


@dataclass(frozen=True, slots=True)
class Done:
    """`up_to_date` is False when the duties could not be evaluated at once: a retry is waiting."""

    plan_id: int
    person_id: int
    up_to_date: bool = True


class Changed(Refused):
    """Somebody was faster. `changes` are the events since the page was opened, the oldest first."""

    def __init__(self, changes: Sequence[TaperEvent]) -> None:
        self.changes = list(changes)
        told = "; ".join(told_in_line(event) for event in self.changes[-3:])
        super().__init__(f"Nothing was saved: this changed after you opened it ({told}).")


def told_in_line(event: TaperEvent) -> str:
    """`Holding, Dr Amara Osei, 01-Jun-2026`"""
    return f"{Act(event.act).label}, {who_did(event)}, {clinician.date(event.at)}"


def who_did(event: TaperEvent) -> str:
    """Who did it: a colleague, the person themselves on their own page, or the software."""
    if event.by is not None:
        return event.by.display_name
    return "the person themselves" if event.role_of_by == PERSON or event.detail.get("by_person") else "Stepwell"


@dataclass
class Doing:
    """An act while it is being done: the plan as it was found, and what may be written about it."""

    actor: Actor
    row: TaperPlan
    story: Story
    today: date
    subject: PatientSubject

    @property
    def medicine(self) -> str:
        return known.medicine(self.row.substance)

    def version(self) -> PlanVersion:
        """The version in force."""
        return selectors.version_row(self.row)

    def plan(self) -> Plan:
        return said.plan_of(self.version().plan)

    def standing(self, on: date | None = None) -> selectors.Standing:
        plans = selectors.plans_in(self.story, selectors.versions_of(self.row.pk))
        return selectors.standing_of(self.story, plans, on or self.today)

    def add_version(self, plan: Plan, request: Request, *, words: PlanWords | None = None, why: str = "", on: date | None = None) -> int:
        """Append a version of the plan; its number. It is in force once an event says so."""
        last = PlanVersion.objects.filter(taper=self.row).order_by("-number").first()
        earlier = PlanWords.of(last.words) if last is not None else PlanWords()
        return PlanVersion.objects.create(
            taper=self.row, number=last.number + 1 if last is not None else 1, plan=said.encode(plan), request=said.encode(request),
            words=(words or PlanWords()).filled_from(earlier).as_json(), why=why, pack=plan.pack, at=clock.moment(), on=on or self.today,
            by_id=self.actor.user_id, role_of_by=self.actor.role, org_code=self.actor.organisation,
        ).number  # fmt: skip

    def tell(
        self, act: Act, why: str = "", *, on: date | None = None, version: int | None = None, undoes: TaperEvent | None = None,
        **detail: Any,
    ) -> TaperEvent:  # fmt: skip
        """Append the event and its audit entry, and bring what queries read in line with all events."""
        event = TaperEvent.objects.create(
            taper=self.row, act=act, why=why, detail=detail, version=version, undoes=undoes, at=clock.moment(), on=on or self.today,
            by_id=self.actor.user_id, role_of_by=self.actor.role, org_code=self.actor.organisation,
        )  # fmt: skip
        audit.record_write(
            self.actor, f"reduction {act.value}", person_id=self.row.person_id, subject_type="reduction", subject_id=self.row.pk
        )  # fmt: skip
        self.keep()
        return event

    def keep(self) -> None:
        """The plan's columns as its events tell them."""
        self.story = told = selectors.story_of(self.row.pk)
        row = self.row
        row.state, row.state_from, row.version, row.until = told.state, told.since, told.version, told.until
        row.agreed_on, row.started_on, row.ended_on, row.outcome = told.agreed_on, told.started_on, told.ended_on, told.outcome
        row.check_by, row.check_role, row.clinician_id = told.check_by, told.check_role, told.clinician
        row.org_code = told.org_code or row.org_code
        plan = self.plan()
        row.to_ug, row.unit = plan.to_ug, plan.unit
        if told.started_on is None:
            row.from_ug = plan.from_ug
        row.revision = TaperEvent.objects.filter(taper=row).count()
        row.save()


@contextmanager
def doing(
    actor: Actor, plan_id: int, act: Act | None, permission: Permission, *, revision: int | None = None, evaluate: bool = True
) -> Iterator[Doing]:
    """One act, in one transaction. `revision`: how many events the form had seen; `Changed` when there are more.

    Refused: no such plan, a plan that this actor is not shown, not in this state (`act` None: in any). Access is decided before
    anything else.
    """
    found = selectors.plan_row(plan_id)
    if found is None:
        raise Refused("There is no such plan.")
    subject = ledger.subject_of(found.person_id)
    require(actor, permission, subject)
    if not selectors.shown([found], restrict.cut_for(actor, [found.person])[found.person_id]):
        raise Refused("There is no such plan.")
    with transaction.atomic():
        lock_person(found.person_id)
        row = TaperPlan.objects.select_for_update().get(pk=plan_id)
        if revision is not None and revision != row.revision:
            raise Changed(selectors.events_after(plan_id, revision))
        now = Doing(actor, row, selectors.story_of(plan_id), clock.today(), subject)
        if act is not None:
            check_state(row, act)
        yield now
        if evaluate:
            request_evaluation(row.person_id)


@contextmanager
def by_themselves(actor: Actor, plan_id: int, act: Act, permission: Permission) -> Iterator[Doing]:
    """The same for what the person themselves does about their own plan, on their own page. Nothing of it is hidden from them."""
    found = selectors.plan_row(plan_id)
    if found is None:
        raise Refused("There is no such plan.")
    subject = ledger.subject_of(found.person_id)
    require(actor, permission, subject)
    with transaction.atomic():
        lock_person(found.person_id)
        row = TaperPlan.objects.select_for_update().get(pk=plan_id)
        check_state(row, act)
        yield Doing(actor, row, selectors.story_of(plan_id), clock.today(), subject)
        request_evaluation(row.person_id)


def finished(now: Doing) -> Done:
    """After the commit: the person's duties brought up to date."""
    return Done(now.row.pk, now.row.person_id, reevaluate(now.row.person_id))


def check_state(row: TaperPlan, act: Act) -> None:
    if row.state in MAY_IN[act]:
        return
    state = PlanState(row.state)
    words = _STATE_NOW.get(state, f"the plan has ended ({state.label.lower()})")
    raise Refused(f"That cannot be done now: {words}. Nothing was changed.")


def check_alone(row: TaperPlan) -> None:
    """One medicine at a time: another plan of the person that is agreed or on its way comes first."""
    others = TaperPlan.objects.filter(person_id=row.person_id, state__in=ACTIVE_STATES).exclude(pk=row.pk)
    other = others.order_by("pk").first()
    if other is not None:
        raise Refused(
            "One medicine is reduced at a time, and another plan of this person is already "
            f"{PlanState(other.state).label.lower()}. Keep this one proposed, or pause or end the other first."
        )


def words_of(text: str, ask: str) -> str:
    """What somebody wrote; refused when it is nothing or endless."""
    words = needs_words(text, ask)
    if len(words) > LONGEST_WORDS:
        raise Refused(f"Use at most {LONGEST_WORDS:,} characters.")
    return words


def latest_act(now: Doing) -> TaperEvent | None:
    """The act that can be undone: the last that counts and changed anything, but for the first of all."""
    if now.story.last == now.story.counted[0]:
        return None
    return TaperEvent.objects.filter(pk=now.story.last).first()


__all__ = [
    "LONGEST_WORDS", "OPEN_STATES", "Changed", "Doing", "Done", "by_themselves", "check_alone", "check_state", "doing", "finished",
    "latest_act", "told_in_line", "who_did", "words_of",
]  # fmt: skip
