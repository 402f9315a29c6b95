"""The verbs of a reduction: propose, agree, start; hold, step back, go on, slower, smaller, another end, a moved step; pause, stay at a
dose, reach the end, decline, leave, name another clinician, enter in error, undo.

Each decides access and writes the event, a new version where the plan changes, the duties that follow and the audit in one
transaction, with the person locked; then the person is evaluated. `revision` is how many events the page had seen: `Changed` when
there are more. Holding, stepping up and going on again are steps of the plan like every other.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec
from django.db import IntegrityError, transaction

from stepwell import knowledge
from stepwell.clinical.tapering.model import Change, ChangeKind, Plan, Request
from stepwell.errors import Refused
from stepwell.web.core import clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.acts import acting_organisation, lock_person, not_in_future
from stepwell.web.ledger.evaluation import reevaluate, request_evaluation
from stepwell.web.privacy import restrict
from stepwell.web.reviews import services as reviews
from stepwell.web.tapers import duties, offers, planning, selectors
from stepwell.web.tapers.doing import Changed, Doing, Done, check_alone, check_state, doing, finished, latest_act, words_of
from stepwell.web.tapers.models import OPEN_STATES, Act, PlanState, TaperEvent, TaperPlan
from stepwell.web.tapers.said import PlanWords
from stepwell.web.tapers.story import Story

__all__ = [
    "Changed", "Done", "PlanWords", "act", "agree", "decline", "enter_in_error", "hold", "leave", "may_do", "name_clinician", "pause",
    "plateau", "propose", "reach_end", "require_act", "resume", "start", "step_back", "undo",
]  # fmt: skip

STAFF, PERSON = "staff", "person"
ACT_OF = {ChangeKind.HOLD: Act.HELD, ChangeKind.STEP_BACK: Act.STEPPED_BACK, ChangeKind.RESUME: Act.RESUMED}
# Downwards, and what shapes the way down, is planned; whoever supports the person may hold, step back and pause at once.
_SUPPORTS = (Act.HELD, Act.STEPPED_BACK, Act.PAUSED, Act.STARTED, Act.CHECKED, Act.ANSWERED)
_PLAN, _SUPPORT = Permission.PLAN_REDUCTION, Permission.SUPPORT_REDUCTION


def permission_of(act_: Act, state: str) -> Permission:
    """Going on after a hold that was agreed is part of the plan; going on after stepping back or a pause is planned anew."""
    if act_ in _SUPPORTS or (act_ == Act.RESUMED and state == PlanState.HOLDING):
        return _SUPPORT
    return _PLAN


def may_do(actor: Actor, row: TaperPlan, act_: Act) -> bool:
    """Whether a page offers this act: by permission and state. The verb decides again."""
    try:
        check_state(row, act_)
    except Refused:
        return False
    return actor.may(permission_of(act_, row.state))


def require_act(now: Doing, act_: Act) -> None:
    """An act as part of another: the plan's state and the actor allow it."""
    check_state(now.row, act_)
    require(now.actor, permission_of(act_, now.row.state), now.subject)


# A new plan


def propose(
    actor: Actor, person_id: int, request: Request, plan: Plan, *, words: PlanWords, review_id: int | None = None, why: str = ""
) -> int:  # fmt: skip
    """A plan that was thought out with the person, not agreed yet; gives its key. Where one of this medicine is proposed or agreed and
    has not begun, this is its new version, which is agreed anew.

    Refused: a medicine that is not on the record, a plan of it on its way (that one is changed instead).
    """
    subject = ledger.subject_of(person_id)
    require(actor, _PLAN, subject)
    if plan.medicine != request.medicine:
        raise ValueError(f"a plan of {plan.medicine} for a request about {request.medicine}")
    record = ledger.person(person_id)
    restrict.cut_for(actor, [record])
    if plan.medicine not in {row["substance"] for row in record.medicines}:
        raise Refused("Choose a medicine that is on this person's record.")
    with transaction.atomic():
        lock_person(person_id)
        found = TaperPlan.objects.select_for_update().filter(person_id=person_id, substance=plan.medicine, state__in=OPEN_STATES).first()
        if found is None:
            now = _new(actor, person_id, plan, review_id)
            version = now.add_version(plan, request, words=words, why=why)
            now.tell(Act.PROPOSED, why, version=version, org=now.row.org_code)
        else:
            check_state(found, Act.REVISED)
            now = Doing(actor, found, selectors.story_of(found.pk), clock.today(), subject)
            version = now.add_version(plan, request, words=words, why=why)
            if review_id is not None:
                found.review_id = review_id
            now.tell(Act.REVISED, why, version=version)
        if words.first.strip():
            now.row.first_note = " ".join(words.first.split())
            now.row.save(update_fields=["first_note"])
        duties.follow(actor, subject, now.row, "the plan was changed")
        if review_id is not None:
            reviews.reduction_planned(actor, review_id, person_id, plan.medicine)
        request_evaluation(person_id)
    reevaluate(person_id)
    return now.row.pk


def _new(actor: Actor, person_id: int, plan: Plan, review_id: int | None) -> Doing:
    today = clock.today()
    row = TaperPlan.objects.create(
        person_id=person_id, substance=plan.medicine, state_from=today, from_ug=plan.from_ug, to_ug=plan.to_ug, unit=plan.unit,
        org_code=acting_organisation(actor, person_id), review_id=review_id, proposed_on=today,
    )  # fmt: skip
    return Doing(actor, row, Story(PlanState.PROPOSED, today, 1), today, ledger.subject_of(person_id))


def agree(
    actor: Actor, plan_id: int, *, clinician_id: int, decided_with: str, matters: str = "", own_words: str = "", check_by: str = STAFF,
    check_role: str = "", why: str = "", revision: int | None = None,
) -> Done:  # fmt: skip
    """The person agrees: decided with whom, who is named for it, who checks in. Offers to reduce this medicine are answered by it.

    Refused: another plan of the person is agreed or on its way (one medicine at a time); a clinician who does not work here.
    """
    with_whom = words_of(decided_with, "Say with whom it was decided.")
    if check_by not in (STAFF, PERSON):
        raise Refused("Choose who does the check-ins.")
    words = PlanWords(matters=matters, own_words=own_words, decided_with=with_whom)
    with doing(actor, plan_id, Act.AGREED, _PLAN, revision=revision) as now:
        named = _named(actor, clinician_id)
        check_alone(now.row)
        evidence = f"reduction agreed with {with_whom}, {named} is named for it"
        answered = offers.close_offers(actor, now.row, why=evidence)
        now.tell(
            Act.AGREED, why, clinician=clinician_id, name=named, org=acting_organisation(actor, now.row.person_id),
            check_by=check_by, check_role=check_role, words=words.as_json(), answered=answered,
        )  # fmt: skip
        duties.answered(actor, now.subject, now.row, duties.ANSWER, "it was agreed")
        duties.follow(actor, now.subject, now.row)
    return finished(now)


def _named(actor: Actor, clinician_id: int) -> str:
    """The name of a colleague. Refused: nobody who works there today."""
    found = dict(ledger.assignable(actor)).get(clinician_id)
    if found is None:
        raise Refused(f"Choose somebody who works at {actor.organisation_name} today.")
    return found


def start(actor: Actor, plan_id: int, *, on: date | None = None, why: str = "", revision: int | None = None) -> Done:
    """It has begun, on `on` (today). Begun on another day than was planned, the same plan is laid on that day."""
    begun = on or clock.today()
    not_in_future(begun)
    with doing(actor, plan_id, Act.STARTED, permission_of(Act.STARTED, ""), revision=revision) as now:
        if now.story.agreed_on is not None and begun < now.story.agreed_on:
            raise Refused(f"It cannot begin before it was agreed on {clinician.date(now.story.agreed_on)}.")
        check_alone(now.row)
        version = None
        if begun != now.plan().steps[0].on:
            asked = selectors.request_of(now.row)
            again = msgspec.structs.replace(now.plan().request or asked, start_on=begun)
            version = now.add_version(planning.planned(again), again, why=f"begins on {clinician.date(begun)}", on=begun)
        now.tell(Act.STARTED, why, on=begun, version=version)
        duties.answered(actor, now.subject, now.row, duties.BEGIN, "it has begun")
        duties.follow(actor, now.subject, now.row)
    return finished(now)


# On the way


def act(
    actor: Actor, plan_id: int, change: Change, *, why: str, revision: int | None = None, check_in: int | None = None
) -> Done:  # fmt: skip
    """Hold, step back, go on, slower, smaller, another end, a moved step: the plan is made anew from where the person is today.

    `check_in`: the check-in that it was decided in.
    """
    words = words_of(why, "Say why, in a few words.")
    found = selectors.plan_row(plan_id)
    kind = ACT_OF.get(change.kind, Act.CHANGED)
    with doing(actor, plan_id, kind, permission_of(kind, found.state if found else ""), revision=revision) as now:
        change_in(now, change, words, check_in=check_in)
    return finished(now)


def change_in(now: Doing, change: Change, why: str, *, check_in: int | None = None) -> None:
    """A change as part of a larger act, in the caller's transaction."""
    kind = ACT_OF.get(change.kind, Act.CHANGED)
    if now.row.state == PlanState.PAUSED:
        check_alone(now.row)
    before = now.plan()
    if change.kind == ChangeKind.HOLD and change.days is None:
        change = msgspec.structs.replace(change, days=before.interval_days)
    plan = planning.replanned(before, now.standing().told, change)
    number = now.add_version(plan, plan.request or selectors.request_of(now.row), why=why)
    detail: dict[str, Any] = {"change": msgspec.to_builtins(change)}
    if change.kind == ChangeKind.HOLD:
        detail["until"] = _hold_ends(plan, now.today, change.days or before.interval_days).isoformat()
    if check_in is not None:
        detail["check_in"] = check_in
    now.tell(kind, why, version=number, **detail)
    if now.actor.person_id is None:
        duties.answered(now.actor, now.subject, now.row, duties.SLOWER, "the plan was changed")
    duties.follow(now.actor, now.subject, now.row, f"the plan was changed: {why}", how="superseded")


def _hold_ends(plan: Plan, today: date, days: int) -> date:
    """A hold ends when the next step comes, which is never on a bad day to begin."""
    return plan.steps[1].on if len(plan.steps) > 1 else today + timedelta(days=days)


def hold(actor: Actor, plan_id: int, *, why: str, days: int | None = None, revision: int | None = None) -> Done:
    """Stay at today's dose for so many days (None: one step's), then go on if it is all right."""
    return act(actor, plan_id, Change(kind=ChangeKind.HOLD, days=days), why=why, revision=revision)


def step_back(actor: Actor, plan_id: int, *, why: str, revision: int | None = None) -> Done:
    """Back to the dose before; what follows is smaller and slower."""
    return act(actor, plan_id, Change(kind=ChangeKind.STEP_BACK), why=why, revision=revision)


def resume(actor: Actor, plan_id: int, *, why: str, revision: int | None = None) -> Done:
    """Go on from where the person is."""
    return act(actor, plan_id, Change(kind=ChangeKind.RESUME), why=why, revision=revision)


def pause(actor: Actor, plan_id: int, *, why: str, revision: int | None = None) -> Done:
    """For a clinical reason the plan stands still, with no day on which it goes on."""
    words = words_of(why, "Say for which reason it pauses.")
    with doing(actor, plan_id, Act.PAUSED, _SUPPORT, revision=revision) as now:
        now.tell(Act.PAUSED, words)
        duties.answered(actor, now.subject, now.row, duties.SLOWER, "the plan is paused")
        duties.follow(actor, now.subject, now.row, f"paused: {words}", how="superseded")
    return finished(now)


def name_clinician(
    actor: Actor, plan_id: int, *, clinician_id: int, check_by: str, check_role: str = "", why: str = "", revision: int | None = None
) -> Done:  # fmt: skip
    """Another clinician is named, or somebody else checks in."""
    with doing(actor, plan_id, Act.NAMED, _PLAN, revision=revision) as now:
        named = _named(actor, clinician_id)
        now.tell(
            Act.NAMED, why, clinician=clinician_id, name=named, org=acting_organisation(actor, now.row.person_id),
            check_by=check_by, check_role=check_role,
        )  # fmt: skip
        duties.follow(actor, now.subject, now.row)
    return finished(now)


# Ends: none is a failure


def plateau(actor: Actor, plan_id: int, *, why: str, revision: int | None = None) -> Done:
    """The person stays at the dose of today, agreed and reviewed: a good end of its own."""
    words = words_of(why, "Say why this dose is the one to stay at.")
    with doing(actor, plan_id, Act.PLATEAU, _PLAN, revision=revision) as now:
        _end(now, Act.PLATEAU, words, now.today, outcome=_by_dose(now, same="stabilised"))
    return finished(now)


def reach_end(actor: Actor, plan_id: int, *, on: date | None = None, why: str = "", revision: int | None = None) -> Done:
    """The end point is reached: stopped, or reduced and stable at the dose that was meant. A person who stopped before the last step
    has stopped all the same; `on` is the first day without."""
    day = on or clock.today()
    not_in_future(day)
    found = selectors.plan_row(plan_id)
    kind = Act.STOPPED if found is not None and found.to_ug == 0 else Act.STABLE
    with doing(actor, plan_id, kind, _PLAN, revision=revision) as now:
        if day < now.story.stretches[-1].on:
            raise Refused(f"It cannot have ended before {clinician.date(now.story.stretches[-1].on)}, when the plan was last changed.")
        standing = now.standing(day)
        if kind == Act.STABLE and standing.dose_ug != now.row.to_ug:
            raise Refused("The dose that was meant is not reached yet. If this dose is the one to stay at, agree to stay at it.")
        if kind == Act.STOPPED:
            answered = offers.answer_supply(actor, now.row, day)
            _end(now, kind, why, day, dose_ug=0, outcome="stopped", answered=answered)
        else:
            _end(now, kind, why, day, outcome="reduced")
    return finished(now)


def decline(actor: Actor, plan_id: int, *, why: str, revision: int | None = None) -> Done:
    """The person does not want it, or not any more. What was reached stays reached."""
    words = words_of(why, "Say what the person said.")
    with doing(actor, plan_id, Act.DECLINED, _PLAN, revision=revision) as now:
        _end(now, Act.DECLINED, words, now.today, outcome=_by_dose(now, same="no change"))
    return finished(now)


def leave(actor: Actor, plan_id: int, *, why: str, outcome: str = "not known", revision: int | None = None) -> Done:
    """The plan is not followed here any longer: the person moved, the medicine was switched, somebody else took over. `outcome`: a key
    of the knowledge base; not known is said as it is."""
    words = words_of(why, "Say why it is not followed here any longer.")
    if outcome not in knowledge.load().taper_outcomes:
        raise Refused("Choose how it ended.")
    with doing(actor, plan_id, Act.LEFT, _PLAN, revision=revision) as now:
        _end(now, Act.LEFT, words, now.today, outcome=outcome)
    return finished(now)


def enter_in_error(actor: Actor, plan_id: int, *, why: str, revision: int | None = None) -> Done:
    """It should never have been written: it stays, is shown nowhere as a plan, and counts nowhere."""
    words = words_of(why, "Say what was wrong.")
    with doing(actor, plan_id, Act.IN_ERROR, _PLAN, revision=revision) as now:
        now.tell(Act.IN_ERROR, words)
        duties.answered(actor, now.subject, now.row, duties.SLOWER, "the plan was entered in error")
        duties.follow(actor, now.subject, now.row, f"entered in error: {words}", how="superseded")
    return finished(now)


def _end(now: Doing, kind: Act, why: str, on: date, *, outcome: str, dose_ug: int | None = None, **detail: Any) -> None:
    now.tell(kind, why, on=on, outcome=outcome, dose_ug=now.standing(on).dose_ug if dose_ug is None else dose_ug, **detail)
    duties.answered(now.actor, now.subject, now.row, duties.SLOWER, "the plan has ended")
    duties.follow(now.actor, now.subject, now.row, f"the plan has ended: {PlanState(now.row.state).label.lower()}", how="superseded")


def _by_dose(now: Doing, *, same: str) -> str:
    """How a plan ended by its dose: what is lower than at the start is reduced."""
    standing = now.standing()
    return "reduced" if standing.begun and standing.dose_ug < now.row.from_ug else same


# Undo: another event


def undo(actor: Actor, plan_id: int, *, why: str, revision: int | None = None) -> Done:
    """Take back the last thing that was done about the plan. It stays in the history and counts no longer."""
    words = words_of(why, "Say why it is undone.")
    try:
        with doing(actor, plan_id, None, _PLAN, revision=revision) as now:
            last = latest_act(now)
            if last is None:
                raise Refused("There is nothing to undo. If the plan should never have been written, enter it as in error.")
            if last.org_code not in actor.organisations and now.row.org_code not in actor.organisations:
                raise Refused(f"{ledger.organisation_name(last.org_code)} did this; they can undo it.")
            if last.act == Act.AGREED:
                offers.reopen(actor, last.detail.get("answered", []), why=words)
            if last.act == Act.STOPPED:
                offers.ask_supply_again(actor, now.row, last.detail.get("answered", []), why=words)
            now.tell(Act.UNDONE, words, undoes=last, undone=last.act)
            if now.row.is_open and last.act in (Act.DECLINED, Act.LEFT, Act.PLATEAU, Act.STABLE, Act.STOPPED, Act.PAUSED):
                check_alone(now.row)
            duties.follow(actor, now.subject, now.row, f"undone: {words}", how="superseded")
    except IntegrityError as error:
        raise Refused("Another plan of this medicine is open now: this one stays ended.") from error
    return finished(now)


def events_undone(plan_id: int) -> set[int]:
    """Keys of events that were taken back."""
    return set(TaperEvent.objects.filter(taper_id=plan_id, undoes__isnull=False).values_list("undoes_id", flat=True))
