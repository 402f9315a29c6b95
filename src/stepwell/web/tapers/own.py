"""What the person does about their plan on their own page, and how it is answered: they ask to slow down, or say that something is wrong.

What they write decides nothing, but for one thing that is always safe: asked to slow down, the calendar stands still at the dose of
today until staff go on with it. No dose is ever lowered here, and nothing is read out of what they wrote: a person rings.

    slow_down(Actor.themselves(person_id), plan_id, words="My mother is in hospital")
    written(selectors.events_of(plan_id))        # what they wrote, the newest first, with its answer
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from stepwell.clinical.tapering.model import Change, ChangeKind
from stepwell.errors import Refused
from stepwell.web.core.actor import PERSON, Actor
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger.evaluation import reevaluate
from stepwell.web.tapers import duties, planning, selectors
from stepwell.web.tapers.doing import LONGEST_WORDS, Doing, Done, by_themselves, doing, finished, words_of
from stepwell.web.tapers.models import ACTIVE_STATES, Act, PlanState, TaperEvent

SLOWER, WRONG, RING = "slower", "wrong", "ring"
LONGEST_NUMBER = 40
# Acts of staff that answer somebody who asked to slow down, and those that answer whatever was written.
_ANSWERS = (Act.ANSWERED, Act.CHECKED)
_MOVES = (
    Act.RESUMED, Act.STEPPED_BACK, Act.HELD, Act.CHANGED, Act.PAUSED, Act.PLATEAU, Act.STABLE, Act.STOPPED, Act.DECLINED, Act.LEFT,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Written:
    """What the person wrote. `kind`: `slower`, `wrong` or `ring` (they only want to be rung); `number`: where they are reached, if they
    said; `by_day`: until when it is to be answered. `answered`: the event by which it was, None while nobody has."""

    event: TaperEvent
    kind: str
    words: str
    number: str
    by_day: date | None
    answered: TaperEvent | None

    @property
    def at(self) -> datetime:
        return self.event.at

    @property
    def answer(self) -> str:
        """The words of the answer; empty where somebody talked with them and wrote none."""
        return self.answered.why if self.answered is not None and self.answered.act == Act.ANSWERED else ""

    @property
    def answered_by(self) -> str:
        by = self.answered.by if self.answered is not None else None
        return by.display_name if by is not None else ""


def written(events: Sequence[TaperEvent]) -> list[Written]:
    """What the person wrote about a plan, the newest first. `events`: all of the plan, the oldest first. Pure."""
    undone = {event.undoes_id for event in events if event.undoes_id is not None}
    counted = [event for event in events if event.pk not in undone]
    found = []
    for place, event in enumerate(counted):
        if event.act != Act.WROTE:
            continue
        kind = event.detail.get("kind", WRONG)
        answers = _ANSWERS if kind != SLOWER else (*_ANSWERS, *_MOVES)
        answered = next((later for later in counted[place + 1 :] if later.by_id is not None and later.act in answers), None)
        by_day = event.detail.get("by_day")
        found.append(
            Written(event, kind, event.why, event.detail.get("number", ""), date.fromisoformat(by_day) if by_day else None, answered)
        )
    return list(reversed(found))


def asked_to_stand(events: Sequence[TaperEvent]) -> bool:
    """Whether the plan stands still because the person asked for it, and staff have done nothing about its pace since."""
    undone = {event.undoes_id for event in events if event.undoes_id is not None}
    moved = [event for event in events if event.pk not in undone and event.act in (*_MOVES, Act.STARTED)]
    return bool(moved) and moved[-1].act == Act.HELD and moved[-1].role_of_by == PERSON


def slow_down(actor: Actor, plan_id: int, words: str = "") -> Done:
    """The person wants to slow down: from today the dose stays as it is until somebody has talked with them. Where it does not change
    anyway (it has not begun, stands still already) only the talk is owed."""
    said = _said(words)
    with by_themselves(actor, plan_id, Act.WROTE, Permission.SLOW_OWN) as now:
        if now.row.state not in (*ACTIVE_STATES, PlanState.PAUSED):
            raise Refused("This plan has ended: no dose changes by it any more.")
        due = duties.owe_pace(actor, now.subject, now.row)
        now.tell(Act.WROTE, said, kind=SLOWER, by_day=due.isoformat(), by_person=True)
        if now.row.state == PlanState.REDUCING:
            _stand_still(now)
        duties.follow(actor, now.subject, now.row)
    return Done(plan_id, now.row.person_id, reevaluate(now.row.person_id))


def _stand_still(now: Doing) -> None:
    """Holding without a day on which it goes on. The next steps are laid anew behind it; where they cannot be, today's plan stands."""
    before, standing = now.plan(), now.standing()
    number = None
    try:
        plan = planning.replanned(before, standing.told, Change(kind=ChangeKind.HOLD, days=before.interval_days))
    except Refused:
        plan = before
    if plan is not before and plan.steps[0].built.dose_ug == standing.dose_ug:
        number = now.add_version(plan, plan.request or selectors.request_of(now.row), why="the person asked to slow down")
    now.tell(Act.HELD, "asked for on their own page", version=number, by_person=True)


def ring_me(actor: Actor, plan_id: int, words: str = "", *, number: str = "", wrong: bool = True) -> Done:
    """The person says that something is wrong, or only that somebody should ring: a colleague rings. Without any words too. `number`:
    under which they are reached, where it is not the one on record."""
    said = _said(words)
    if len(number) > LONGEST_NUMBER:
        raise Refused(f"Use at most {LONGEST_NUMBER} characters for the phone number.")
    with by_themselves(actor, plan_id, Act.WROTE, Permission.TELL_OWN) as now:
        due = duties.owe_ring(actor, now.subject, now.row, wrong=wrong)
        now.tell(Act.WROTE, said, kind=WRONG if wrong else RING, number=" ".join(number.split()), by_day=due.isoformat(), by_person=True)
    return Done(plan_id, now.row.person_id, reevaluate(now.row.person_id))


def _said(words: str) -> str:
    said = words.strip()
    if len(said) > LONGEST_WORDS:
        raise Refused(f"Use at most {LONGEST_WORDS:,} characters.")
    return said


def answer(actor: Actor, plan_id: int, *, why: str, revision: int | None = None) -> Done:
    """Staff have talked with the person: `why` is what they read of it on their own page. What was asked of staff is done by it; the
    calendar goes on only by an act of its own."""
    words = words_of(why, "Write what you agreed with them, in words that they can read.")
    with doing(actor, plan_id, Act.ANSWERED, Permission.SUPPORT_REDUCTION, revision=revision) as now:
        if not any(each.answered is None for each in written(selectors.events_of(plan_id))):
            raise Refused("Nothing that the person wrote waits for an answer.")
        now.tell(Act.ANSWERED, words)
        for point in (duties.SLOWER, duties.RING):
            duties.answered(actor, now.subject, now.row, point, "answered")
        duties.follow(actor, now.subject, now.row)
    return finished(now)
