"""The duties of a reduction: agree what was proposed, check in at each step and after stopping, order strengths and quantities, review a
hold that goes on. They follow the plan: every act moves, settles or raises what the plan as it now stands asks for.

Their titles name no medicine: a duty is shown to whoever may open the person, also where the medicine was marked sensitive.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.urls import reverse

from stepwell.errors import Refused
from stepwell.web.core import clock
from stepwell.web.core.access import PatientSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician, count
from stepwell.web.core.nations import calendar_of
from stepwell.web.ledger import services as ledger_services
from stepwell.web.ledger.models import Asked, AskedKind
from stepwell.web.ledger.raised import stated_points
from stepwell.web.tapers import selectors, support
from stepwell.web.tapers.choices import choices
from stepwell.web.tapers.models import RUNNING_STATES, PlanState, TaperPlan
from stepwell.web.tapers.story import Story

SOURCE = "reduction"
ANSWER, BEGIN, CHECK_IN, AFTERWARDS, SUPPLY, REVIEW = "answer", "begin", "check in", "afterwards", "supply", "review"
CALL, READ, SLOWER, RING = "call", "read", "slower", "ring"
# What somebody who checks in with the person answers by it: what they wrote, said and asked for.
ASKED = (CALL, READ, SLOWER, RING)
# Those that follow the plan; the others are owed because of what the person said or did.
POINTS = (ANSWER, BEGIN, CHECK_IN, AFTERWARDS, SUPPLY, REVIEW)


# Name on the ledger → the latest statement, and whether it is open.
Rounds = Mapping[str, tuple[Asked, bool]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A duty that the plan asks for now. `to_check_in`: it is done on the check-in page, else on the plan's."""

    point: str
    title: str
    due_on: date
    why: str
    opens_on: date | None = None
    escalates: bool = False
    to_check_in: bool = False


def follow(actor: Actor, subject: PatientSubject, row: TaperPlan, why: str = "", *, how: str = "done", today: date | None = None) -> None:
    """Bring the duties of a plan in line with it, inside the caller's transaction. `why` closes what is asked no longer."""
    on = today or clock.today()
    wanted = {each.point: each for each in _wanted(row, on)}
    for point in POINTS:
        rounds = _rounds(row, point)
        if point in wanted:
            _raise(actor, subject, row, wanted[point], rounds)
        else:
            _settle(actor, subject, row, rounds, how=how, why=why or "the plan does not ask for it any more")


def answered(actor: Actor, subject: PatientSubject, row: TaperPlan, point: str, why: str) -> None:
    """What was asked under a point was done today; `follow` then raises the next."""
    _settle(actor, subject, row, _rounds(row, point), how="done", why=why)


def _settle(actor: Actor, subject: PatientSubject, row: TaperPlan, rounds: Rounds, *, how: str, why: str) -> None:
    for name, (_, is_open) in rounds.items():
        if is_open:
            ledger_services.settle_raised(
                actor, subject, source=SOURCE, source_id=str(row.pk), point=name, on=clock.today(), how=how, why=why
            )  # fmt: skip


def _rounds(row: TaperPlan, point: str) -> Rounds:
    """What was stated of a kind of duty, by its name on the ledger: the first has the point's own, the next a number behind it, so that
    each check-in is a duty of its own that ends by what was done."""
    stated = stated_points(row.person_id, SOURCE, str(row.pk))
    return {name: found for name, found in stated.items() if name == point or name.rpartition(" ")[0] == point}


def _place_for(point: str, rounds: Rounds, due_on: date | None) -> str:
    """The name under which it is asked now; empty where somebody has closed it on the ledger for this very day."""
    for name, (_, is_open) in rounds.items():
        if is_open:
            return name
    if due_on is not None and any(stated.kind == AskedKind.ASKED and stated.due_on == due_on for stated, _ in rounds.values()):
        return ""
    return f"{point} {len(rounds) + 1}" if rounds else point


def owe_call(actor: Actor, subject: PatientSubject, row: TaperPlan, why: str) -> None:
    """Somebody who knows the plan rings the person today."""
    _owe_today(actor, subject, row, point=CALL, title="Ring a person whose reduction is hard to bear, today", why=why)


def owe_reading(actor: Actor, subject: PatientSubject, row: TaperPlan, why: str) -> None:
    """What the person wrote is read today, and answered by a check-in with them."""
    _owe_today(actor, subject, row, point=READ, title="Read a person's own check-in and speak with them", why=why)


def _owe_today(actor: Actor, subject: PatientSubject, row: TaperPlan, *, point: str, title: str, why: str) -> None:
    # What a person writes in the night or on a Sunday is read on the next working day; their page says so.
    due = clock.today() if actor.person_id is None else calendar_of(row.org_code).received_on(clock.moment())
    _owe(actor, subject, row, point=point, title=title, why=why, due_on=due, page="tapers:check_in")


def owe_pace(actor: Actor, subject: PatientSubject, row: TaperPlan) -> date:
    """Somebody talks with a person who asked to slow down; gives the day until when."""
    why = f"on their own page they asked to slow down; {_named(row)}"
    return _owe_answer(actor, subject, row, point=SLOWER, title="Talk with a person who asked to slow down", why=why)


def owe_ring(actor: Actor, subject: PatientSubject, row: TaperPlan, *, wrong: bool) -> date:
    """Somebody rings a person who says that something is wrong, or asked to be rung; gives the day until when."""
    said = "wrote that something is wrong" if wrong else "asked to be rung"
    title = "Ring a person who says that something is wrong" if wrong else "Ring a person who asked to be rung"
    return _owe_answer(actor, subject, row, point=RING, title=title, why=f"on their own page they {said}; {_named(row)}")


def _named(row: TaperPlan) -> str:
    return f"{row.clinician.display_name} is named for it" if row.clinician is not None else "nobody is named for it"


def _owe_answer(actor: Actor, subject: PatientSubject, row: TaperPlan, *, point: str, title: str, why: str) -> date:
    """What was written in working hours is answered the same day; what came later, or on another day, on the next working day."""
    due = calendar_of(row.org_code).received_on(clock.moment())
    _owe(actor, subject, row, point=point, title=title, why=why, due_on=due, page="tapers:show_plan")
    return due


def _owe(actor: Actor, subject: PatientSubject, row: TaperPlan, *, point: str, title: str, why: str, due_on: date, page: str) -> None:
    ledger_services.raise_duty(
        actor, subject, source=SOURCE, source_id=str(row.pk), point=_place_for(point, _rounds(row, point), None),
        points=choices().points[point], title=title,
        owner_org=row.org_code, owner_role=row.check_role, due_on=due_on, escalates_on=due_on + timedelta(days=1), why=why,
        source_label="plan to reduce a medicine", action_url=reverse(page, args=[row.pk]),
    )  # fmt: skip


def _raise(actor: Actor, subject: PatientSubject, row: TaperPlan, wanted: Wanted, rounds: Rounds) -> None:
    name = _place_for(wanted.point, rounds, wanted.due_on)
    if not name:
        return
    page = "tapers:check_in" if wanted.to_check_in else "tapers:show_plan"
    ledger_services.raise_duty(
        actor,
        subject,
        source=SOURCE,
        source_id=str(row.pk),
        point=name,
        points=choices().points[wanted.point],
        title=wanted.title,
        owner_org=row.org_code,
        owner_role=row.check_role,
        due_on=wanted.due_on,
        opens_on=wanted.opens_on,
        escalates_on=wanted.due_on + timedelta(days=1) if wanted.escalates else None,
        why=wanted.why,
        source_label="plan to reduce a medicine",
        action_url=reverse(page, args=[row.pk]),
    )


def _wanted(row: TaperPlan, on: date) -> Iterator[Wanted]:
    told = selectors.story_of(row.pk)
    plans = selectors.plans_in(told, selectors.versions_of(row.pk))
    standing = selectors.standing_of(told, plans, on)
    match told.state:
        case PlanState.PROPOSED:
            first = standing.plan.steps[0].on
            yield Wanted(ANSWER, "Agree a reduction that was proposed, or say no", first, f"it would begin on {clinician.date(first)}")
        case PlanState.AGREED:
            first = standing.plan.steps[0].on
            yield Wanted(BEGIN, "Say that a reduction has begun, or when", first, f"it was agreed to begin on {clinician.date(first)}")
            yield from _supply(row, standing, told)
        case state if state in RUNNING_STATES:
            yield _check_in(row, told, standing)
            yield from _supply(row, standing, told)
            yield from _review(row, told)
        case PlanState.PAUSED:
            yield from _review(row, told)
        case PlanState.STOPPED:
            yield from _afterwards(row, told)


def next_check_in(row: TaperPlan, on: date) -> date | None:
    """The day on which the next check-in is due, or the reduction begins; None where none is asked for."""
    points = (CHECK_IN, AFTERWARDS, BEGIN)
    try:
        return min((each.due_on for each in _wanted(row, on) if each.point in points), default=None)
    except Refused:
        return None


# Check-ins


def check_in_days(row: TaperPlan, told: Story, standing: selectors.Standing) -> list[tuple[date, str]]:
    """Days on which the plan as it stands asks for a check-in, with why, the first first: the days of contact after each change of dose,
    the day of each step, the end of a hold."""
    contact = support.contact(row.substance, "step")
    days: dict[date, str] = {}
    if told.until is not None and told.is_still:
        days[told.until] = "the hold that was agreed ends"
    for number, step in enumerate(standing.plan.steps):
        following = standing.plan.steps[number + 1] if number + 1 < len(standing.plan.steps) else None
        if number > 0 or step.kind == "up":
            for after in contact.days:
                day = step.on + timedelta(days=after)
                if following is None or day < following.on:
                    days.setdefault(day, f"{count(after, 'day')} after a change of dose")
        if following is not None:
            down = following.built.dose_ug < step.built.dose_ug
            days.setdefault(following.on, "the next step down: only if this dose is all right" if down else "the dose changes")
    return sorted(days.items())


def _check_in(row: TaperPlan, told: Story, standing: selectors.Standing) -> Wanted:
    last = last_check_in(row)
    begun = told.started_on or told.since
    since = told.stretches[-1].on if told.stretches else begun
    days = check_in_days(row, told, standing)
    done_until = _served([since, *(day for day, _ in days)], last) if last is not None and last > since else since
    due, why = next(((day, why) for day, why in days if day > done_until), (None, ""))
    if due is None:
        # The calendar has come to its end and nobody has said so yet: asked at every interval until somebody does.
        due, why = standing.plan.ends_on, "the last step of the plan: how is it, and is this the end?"
        if done_until >= due:
            due = done_until + timedelta(days=standing.plan.interval_days)
    return Wanted(CHECK_IN, "Check in with a person who is reducing", due, why, escalates=True, to_check_in=True)


def _served(days: list[date], last: date) -> date:
    """Until which day a check-in serves: one a little before the day it was due is not asked again."""
    return max(last, min(days, key=lambda day: (abs(day - last), day)))


def last_check_in(row: TaperPlan) -> date | None:
    found = selectors.check_ins_of(row.pk)
    return found[-1].on if found else None


def _afterwards(row: TaperPlan, told: Story) -> Iterator[Wanted]:
    """After stopping, contact goes on: symptoms may come late."""
    if told.ended_on is None or told.started_on is None:
        return
    last = last_check_in(row)
    done_until = max(last, told.ended_on) if last is not None else told.ended_on
    for after in support.contact(row.substance, "stop").days:
        day = told.ended_on + timedelta(days=after)
        if day > done_until:
            why = f"{count(after, 'day')} after stopping"
            yield Wanted(AFTERWARDS, "Check in with a person who has stopped a medicine", day, why, opens_on=day, to_check_in=True)
            return


# Supply and review


def _supply(row: TaperPlan, standing: selectors.Standing, told: Story) -> Iterator[Wanted]:
    """The next change of dose has its strengths and quantities ordered in time; what is taken now too, while it has not begun."""
    step = standing.next if standing.begun else standing.step
    open_ended = told.is_still and (told.state == PlanState.PAUSED or (told.state == PlanState.HOLDING and told.until is None))
    if step is None or open_ended:
        return
    if not step.built.items:
        return
    due = calendar_of(row.org_code).add(step.on, -choices().order_working_days)
    yield Wanted(SUPPLY, "Order strengths and quantities for the next step", due, f"the dose changes on {clinician.date(step.on)}")


def _review(row: TaperPlan, told: Story) -> Iterator[Wanted]:
    """Somebody who holds or pauses is looked at again by the knowledge base's number of days."""
    longest = support.longest_hold(row.substance)
    if longest is None or longest.figure is None or told.state not in (PlanState.HOLDING, PlanState.PAUSED):
        return
    last = last_check_in(row)
    since = max(still_since(told), last) if last is not None else still_since(told)
    due = since + timedelta(days=longest.figure.whole)
    if told.state == PlanState.HOLDING and told.until is not None and told.until <= due:
        return
    words = f"holding since {clinician.date(still_since(told))}" if told.state == PlanState.HOLDING else (
        f"paused since {clinician.date(still_since(told))}"
    )  # fmt: skip
    yield Wanted(REVIEW, "Review a reduction that stands still", due, words, opens_on=due)


def still_since(told: Story) -> date:
    """Since when the calendar stands still without a break."""
    since = told.since
    for stretch in reversed(told.stretches):
        if not stretch.still:
            break
        since = stretch.on
    return since
