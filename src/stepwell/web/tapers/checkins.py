"""Check-ins: how somebody is on a dose, and what was decided with them. The person may say it themselves; what follows from it is always
decided with a member of staff, and a check-in that is hard to bear always ends at a person who calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stepwell.clinical.tapering.model import Change, ChangeKind
from stepwell.errors import Refused
from stepwell.web.core import clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.evaluation import reevaluate
from stepwell.web.tapers import duties, services, support
from stepwell.web.tapers.doing import LONGEST_WORDS, Doing, Done, by_themselves, doing, finished, words_of
from stepwell.web.tapers.models import RUNNING_STATES, Act, CheckIn, PlanState, TaperEvent

GO_ON, HOLD, STEP_BACK = "go on", "hold", "step back"
DECISIONS = {GO_ON: "Go on as planned", HOLD: "Hold at this dose", STEP_BACK: "Back to the dose before"}
_STILL = (PlanState.HOLDING, PlanState.STEPPED_UP, PlanState.PAUSED)
_ACT_OF = {HOLD: Act.HELD, STEP_BACK: Act.STEPPED_BACK}


@dataclass(frozen=True, slots=True)
class Given:
    """What was said. `symptoms`: keys of `support.symptoms`; `began`: days after the last change of dose; `scores`: totals by scale;
    `decided`: one of `DECISIONS`; `hold_days`: None one step's; `call`: a clinician is to call today; `why`: asked when it goes against
    what the rating means."""

    rating: int
    symptoms: tuple[str, ...] = ()
    began: int | None = None
    scores: Mapping[str, int] = field(default_factory=dict)
    sleep: str = ""
    mood: str = ""
    words: str = ""
    decided: str = GO_ON
    hold_days: int | None = None
    call: bool = False
    why: str = ""


def choices_for(state: str) -> tuple[str, ...]:
    """What may be decided: after the end a check-in decides nothing about doses."""
    return tuple(DECISIONS) if state in (*RUNNING_STATES, PlanState.PAUSED) else (GO_ON,)


def record(actor: Actor, plan_id: int, given: Given, *, revision: int | None = None) -> Done:
    """A check-in by staff and what was decided in it: nothing (as planned), a hold, a step back, or going on after one.

    Refused: a rating or score outside its scale; going on, or holding, against what the rating means without a reason. Where the
    rating means a step back, or `call` is set, a call is owed today.
    """
    with doing(actor, plan_id, Act.CHECKED, Permission.SUPPORT_REDUCTION, revision=revision) as now:
        advice = _check(now, given)
        row = _keep(now, given, by_person=False)
        now.tell(Act.CHECKED, given.why, check_in=row.pk, decided=given.decided)
        for point in (duties.CHECK_IN, duties.AFTERWARDS, *duties.ASKED):
            duties.answered(actor, now.subject, now.row, point, "checked in")
        if given.call or advice == STEP_BACK:
            duties.owe_call(actor, now.subject, now.row, "a check-in that was hard to bear")
        if not _decide(now, given, row):
            duties.follow(actor, now.subject, now.row)
    return finished(now)


def _decide(now: Doing, given: Given, row: CheckIn) -> bool:
    """Change the plan as was decided; False where it goes on as it is."""
    why = given.why or _words(given)
    if given.decided == GO_ON:
        if now.row.state not in _STILL:
            return False
        services.require_act(now, Act.RESUMED)
        services.change_in(now, Change(kind=ChangeKind.RESUME), why, check_in=row.pk)
        return True
    if now.row.state == PlanState.PAUSED and given.decided == HOLD:
        return False
    kind = ChangeKind.HOLD if given.decided == HOLD else ChangeKind.STEP_BACK
    services.require_act(now, _ACT_OF[given.decided])
    services.change_in(now, Change(kind=kind, days=given.hold_days if kind == ChangeKind.HOLD else None), why, check_in=row.pk)
    return True


def _words(given: Given) -> str:
    return f"decided at the check-in (rating {given.rating} of 10)"


def _check(now: Doing, given: Given) -> str:
    """What the rating means by its scale; refused where what was said does not fit."""
    substance = now.row.substance
    _check_figures(substance, given)
    if given.decided not in choices_for(now.row.state):
        raise Refused("Choose what comes next.")
    advice = support.read_rating(substance, given.rating).advice
    bolder = (GO_ON, HOLD, STEP_BACK)
    running = now.row.state in (*RUNNING_STATES, PlanState.PAUSED)
    if running and advice and bolder.index(given.decided) < bolder.index(advice):
        words_of(given.why, f"A rating of {given.rating} means: {DECISIONS[advice].lower()}. Say why something else was decided.")
    return advice


def _check_figures(substance: str, given: Given) -> None:
    rating = support.rating_scale(substance)
    if not rating.low <= given.rating <= rating.high:
        raise Refused(f"Give a rating from {rating.low} to {rating.high}.")
    unknown = set(given.symptoms) - {each.support for each in support.symptoms(substance)}
    if unknown:
        raise Refused("Choose symptoms from the list, and write others in your own words.")
    scales = {scale.scale: scale for scale in support.scales(substance) if scale.enter != support.RATING}
    for key, score in given.scores.items():
        scale = scales.get(key)
        if scale is None:
            raise Refused("This scale does not fit the medicine.")
        if not scale.low <= score <= scale.high:
            raise Refused(f"{scale.label}: enter a total from {scale.low} to {scale.high}.")
    if given.began is not None and given.began < 0:
        raise Refused("Symptoms begin on the day of the change or after it.")
    if max(len(given.words), len(given.why)) > LONGEST_WORDS:
        raise Refused(f"Use at most {LONGEST_WORDS:,} characters.")


def _keep(now: Doing, given: Given, *, by_person: bool) -> CheckIn:
    standing = now.standing()
    return CheckIn.objects.create(
        taper=now.row, step_number=standing.step.number, dose_ug=standing.dose_ug, step_on=standing.since, by_person=by_person,
        rating=given.rating, symptoms=list(given.symptoms), began=given.began, scores=dict(given.scores),
        sleep=" ".join(given.sleep.split())[:200], mood=" ".join(given.mood.split())[:200], words=given.words.strip(),
        decided=given.decided, at=clock.moment(), on=now.today, by_id=now.actor.user_id, role_of_by=now.actor.role,
        org_code=now.actor.organisation,
    )  # fmt: skip


# By the person themselves


def record_own(actor: Actor, plan_id: int, given: Given) -> Done:
    """What the person wrote themselves, on their own page (`Actor.themselves`). Nothing is decided by it: `decided` is what they would
    like. Staff read it today where the rating is above what goes on as planned, or where the person
    wants something else than to go on; else it serves as the check-in that was due."""
    with by_themselves(actor, plan_id, Act.CHECKED, Permission.TELL_OWN) as now:
        _check_figures(now.row.substance, given)
        if given.decided not in DECISIONS:
            raise Refused("Choose what you would like.")
        advice = support.read_rating(now.row.substance, given.rating).advice
        row = _keep(now, given, by_person=True)
        now.tell(Act.CHECKED, check_in=row.pk, decided=given.decided, by_person=True)
        if given.decided != GO_ON or advice in (HOLD, STEP_BACK) or given.call:
            duties.owe_reading(now.actor, now.subject, now.row, "they wrote that it is hard, or want another pace")
        else:
            duties.answered(now.actor, now.subject, now.row, duties.CHECK_IN, "the person checked in: it is all right")
            duties.answered(now.actor, now.subject, now.row, duties.AFTERWARDS, "the person checked in: it is all right")
        if advice == STEP_BACK or given.call:
            duties.owe_call(now.actor, now.subject, now.row, "the person's own check-in was hard to bear")
        duties.follow(now.actor, now.subject, now.row)
    reevaluate(now.row.person_id)
    return Done(plan_id, now.row.person_id)


def enter_in_error(actor: Actor, plan_id: int, check_in_id: int, *, why: str, revision: int | None = None) -> Done:
    """A check-in that was written by mistake: it stays, and counts no longer. What was decided in it is undone by itself."""
    words = words_of(why, "Say what was wrong.")
    with doing(actor, plan_id, None, Permission.SUPPORT_REDUCTION, revision=revision) as now:
        events = TaperEvent.objects.filter(taper=now.row, act=Act.CHECKED, undone_by__isnull=True)
        event = next((each for each in events if each.detail.get("check_in") == check_in_id), None)
        if event is None:
            raise Refused("There is no such check-in that counts.")
        if event.org_code not in actor.organisations and now.row.org_code not in actor.organisations:
            raise Refused(f"{ledger.organisation_name(event.org_code)} wrote it; they can enter it in error.")
        now.tell(Act.UNDONE, words, undoes=event, undone=event.act)
        duties.follow(actor, now.subject, now.row)
    return finished(now)
