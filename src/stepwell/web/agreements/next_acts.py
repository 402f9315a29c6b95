"""What may be done next with an agreement, by whom: the one act that moves it on first. The services decide again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from django.urls import reverse

from stepwell.errors import Refused
from stepwell.web.agreements.models import Agreement
from stepwell.web.agreements.steps import sides
from stepwell.web.agreements.story import PENDING, State, Story
from stepwell.web.core.actor import Actor
from stepwell.web.core.permissions import Permission


class Side(StrEnum):
    """On which side of an agreement somebody stands."""

    SPECIALIST = "specialist"
    PRACTICE = "practice"
    NEITHER = "neither"


class Do(StrEnum):
    """Acts by the word in their address."""

    COMPLETE = "complete"
    ACCEPT = "accept"
    ASK = "ask"
    DECLINE = "decline"
    ANSWER = "answer"
    CHANGE = "change"
    CONFIRM = "confirm"
    PROPOSE = "dose-change"
    SUSPEND = "suspend"
    RESUME = "resume"
    RENEW = "renew"
    HAND_BACK = "hand-back"
    KEEP = "keep"
    TAKE_BACK = "take-back"
    END = "end"
    AGAIN = "request-again"


_TEXTS = {
    Do.COMPLETE: "Complete and send",
    Do.ACCEPT: "Accept",
    Do.ASK: "Ask a question",
    Do.DECLINE: "Decline with a reason",
    Do.ANSWER: "Answer the question",
    Do.CHANGE: "Change the request with the answer",
    Do.CONFIRM: "Confirm or refuse",
    Do.PROPOSE: "Propose a dose change",
    Do.SUSPEND: "Suspend",
    Do.RESUME: "Propose to go on",
    Do.RENEW: "Renew",
    Do.HAND_BACK: "Hand back",
    Do.KEEP: "Withdraw the hand-back",
    Do.TAKE_BACK: "Take back",
    Do.END: "End",
    Do.AGAIN: "Request again",
}


@dataclass(frozen=True, slots=True)
class Act:
    do: Do
    text: str
    href: str
    is_next: bool = False


def side_of(agreement: Agreement, actor: Actor) -> Side:
    """Of somebody who works for both (never in practice) the specialist's."""
    try:
        specialist, practice = sides(agreement)
    except Refused:
        return Side.NEITHER
    if specialist in actor.organisations:
        return Side.SPECIALIST
    return Side.PRACTICE if practice in actor.organisations else Side.NEITHER


def acts_of(agreement: Agreement, story: Story, actor: Actor, on: date) -> list[Act]:
    """Those that this actor may do today, the next one first when it is theirs."""
    if not actor.may(Permission.AGREE_OWNERS):
        return []
    side = side_of(agreement, actor)
    first, others = _possible(agreement, story, side, on) if side is not Side.NEITHER else (None, [])
    listed = [_act(do, agreement) for do in others]
    return [_act(first, agreement, is_next=True), *listed] if first is not None else listed


def _act(do: Do, agreement: Agreement, *, is_next: bool = False) -> Act:
    if do in (Do.COMPLETE, Do.CHANGE):
        href = reverse("agreements:change_draft", args=[agreement.pk])
    elif do is Do.END and not agreement.requested:
        href = reverse("agreements:end_agreement", args=[agreement.person_id, agreement.pk])
    else:
        href = reverse("agreements:act_on_agreement", args=[agreement.pk, do.value])
    return Act(do, _TEXTS[do], href, is_next)


def _possible(agreement: Agreement, story: Story, side: Side, on: date) -> tuple[Do | None, list[Do]]:
    """The next act of this side (None when it waits for the other or for nothing), and what else it may do."""
    state, specialist = story.state_on(on), side is Side.SPECIALIST
    if state in (State.ACTIVE, State.SUSPENDED):
        return _in_force(agreement, story, specialist, on)
    if not specialist:
        return (Do.ACCEPT, [Do.ASK, Do.DECLINE] if story.question is None else [Do.DECLINE]) if state in PENDING else (None, [])
    match state:
        case State.DRAFT:
            return Do.COMPLETE, [Do.END]
        case State.REQUESTED | State.ACCEPTED:
            return None, [Do.END]
        case State.INFORMATION_REQUESTED:
            return Do.ANSWER, [Do.CHANGE, Do.END]
        case State.RETURNED:
            return Do.AGAIN, [Do.END]
        case _:
            return Do.AGAIN, []


def _in_force(agreement: Agreement, story: Story, specialist: bool, on: date) -> tuple[Do | None, list[Do]]:
    suspended = story.state_on(on) is State.SUSPENDED
    busy = story.proposal is not None or story.hand_back is not None
    others = [] if busy or suspended else [Do.PROPOSE, Do.RENEW]
    # The practice hands back and does not end: nobody would be left with it. What was recorded from paper either side ends.
    if specialist:
        others += [Do.TAKE_BACK, Do.END] if suspended else [Do.SUSPEND, Do.TAKE_BACK, Do.END]
    else:
        others += [Do.HAND_BACK] if story.hand_back is None and not suspended else []
        others += [Do.END] if not agreement.requested else []
    first: Do | None = None
    if story.hand_back is not None:
        first = Do.TAKE_BACK if specialist else Do.KEEP
    elif story.proposal is not None:
        first = Do.CONFIRM if agreement.waits_on == sides(agreement)[0 if specialist else 1] else None
    elif suspended:
        first = Do.RESUME
    elif agreement.review_on is None or agreement.review_on <= on:
        first = Do.RENEW
    return first, [do for do in others if do is not first]
