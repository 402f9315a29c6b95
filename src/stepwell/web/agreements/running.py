"""What happens to an agreement in force: a change that both sides confirm, a pause, the way back, the end; and what time alone does.

Nothing moves onto somebody without their word: a change of dose, a renewal and taking up again after a pause need both sides; the
specialist may take everything over by itself, because it takes on; the practice hands back, and keeps it until that was answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django.db import transaction

from stepwell import knowledge
from stepwell.errors import Refused
from stepwell.knowledge.shared_care import protocol_of
from stepwell.web.agreements import clocks, selectors, steps
from stepwell.web.agreements.asking import plan_reviews
from stepwell.web.agreements.clocks import ClockState
from stepwell.web.agreements.models import Agreement
from stepwell.web.agreements.recording import keep_event
from stepwell.web.agreements.steps import Doing, Step, doing, evaluated, needs_words, not_before_today
from stepwell.web.agreements.story import Kind, Proposal, State
from stepwell.web.agreements.terms import Share, Terms, checked_shares, lines_of, missing
from stepwell.web.core import clock
from stepwell.web.core.access import PatientSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission

_RUNNING = frozenset({State.ACTIVE, State.SUSPENDED})
_NOT_OVER = frozenset(State) - {State.ENDED}


# What both sides confirm


def propose_dose_change(
    actor: Actor, agreement_id: int, *, dose: str, why: str, from_on: date | None = None, seen: int | None = None
) -> Step:  # fmt: skip
    """Either side proposes another dose; it is agreed when the other side says so."""
    text = needs_words(dose, "Write the dose that you propose.")
    words = needs_words(why, "Say why the dose should change.")
    with doing(actor, agreement_id, side="either", states={State.ACTIVE}, seen=seen) as step:
        first = from_on or step.today
        not_before_today(first, "A dose changes")
        _propose(step, Proposal.DOSE, f"Confirm the change of dose of {step.medicine}: {text}", words, from_on=first.isoformat(), dose=text)
    return evaluated(step.agreement)


def answer_dose_change(actor: Actor, agreement_id: int, *, agree: bool, why: str = "", seen: int | None = None) -> Step:
    """The other side confirms or refuses; the agreed text names who proposed and who confirmed."""
    return answer_proposal(actor, agreement_id, agree=agree, why=why, seen=seen)


def renew(
    actor: Actor, agreement_id: int, *, review_on: date | None = None, specialist_review_on: date | None = None,
    ends_on: date | None = None, shares: Sequence[Share] | None = None, from_on: date | None = None, why: str = "",
    seen: int | None = None,
) -> Step:  # fmt: skip
    """Either side proposes to go on, with new review days (and another division of the work, if given); where the other side has
    proposed a renewal already, this is its confirmation."""
    with doing(actor, agreement_id, side="either", states={State.ACTIVE}, seen=seen) as step:
        if _is_answer(step, Proposal.RENEW):
            _agree(step, why)
        else:
            first = from_on or step.today
            not_before_today(first, "It is renewed")
            _check_days(step, Terms(review_on=review_on, specialist_review_on=specialist_review_on, ends_on=ends_on))
            chosen = checked_shares(shares, specialist=step.specialist, practice=step.practice) if shares is not None else None
            _propose(
                step, Proposal.RENEW, f"Confirm that shared care of {step.medicine} goes on", why, from_on=first.isoformat(),
                review_on=_iso(review_on), specialist_review_on=_iso(specialist_review_on), ends_on=_iso(ends_on), shares=chosen,
            )  # fmt: skip
    return evaluated(step.agreement)


def _check_days(step: Doing, terms: Terms) -> None:
    """The next reviews, as far ahead as the protocol allows."""
    about = protocol_of(knowledge.load(), step.agreement.substance)
    if lacks := [
        each.words for each in missing(terms, [], about, step.today) if each.key in ("review_on", "specialist_review_on", "ends_on")
    ]:
        raise Refused(" ".join(lacks))


def resume(actor: Actor, agreement_id: int, *, from_on: date | None = None, why: str = "", seen: int | None = None) -> Step:
    """Either side proposes to take shared care up again after a pause; where the other side has proposed it already, this is its
    confirmation, and from its day the matrix holds again."""
    with doing(actor, agreement_id, side="either", states={State.SUSPENDED}, seen=seen) as step:
        if _is_answer(step, Proposal.RESUME):
            _agree(step, why)
        else:
            first = from_on or step.today
            not_before_today(first, "It is taken up again")
            title = f"Confirm that shared care of {step.medicine} is taken up again"
            _propose(step, Proposal.RESUME, title, why, from_on=first.isoformat())
    return evaluated(step.agreement)


def answer_proposal(actor: Actor, agreement_id: int, *, agree: bool, why: str = "", seen: int | None = None) -> Step:
    """The other side's word on whatever is proposed."""
    with doing(actor, agreement_id, side="either", states=_RUNNING, seen=seen) as step:
        proposal = step.story.proposal
        if proposal is None:
            raise Refused("Nothing is proposed now.")
        if proposal.detail["to"] not in actor.organisations:
            raise Refused(f"This is for {step.name(proposal.detail['to'])} to answer.")
        if agree:
            _agree(step, why)
        else:
            words = needs_words(why, "Say why not.")
            step.tell(Kind.REFUSED, words, what=proposal.detail["what"])
            step.settle([steps.PROPOSAL, steps.SILENCE], words)
    return evaluated(step.agreement)


def _is_answer(step: Doing, what: Proposal) -> bool:
    proposal = step.story.proposal
    return proposal is not None and proposal.detail["what"] == what and proposal.detail["to"] in step.actor.organisations


def _propose(step: Doing, what: Proposal, title: str, why: str, **detail: Any) -> None:
    if step.story.proposal is not None:
        raise Refused(f"A {step.story.proposal.detail['what']} is proposed already: that is answered first.")
    if step.story.hand_back is not None:
        raise Refused("It is being handed back: that is answered first.")
    to = step.other()
    words = why or f"{step.name(step.own())} proposes it."
    event = step.tell(Kind.PROPOSED, why, what=what.value, to=to, **detail)
    due = clocks.due_on(what.value, event.moment or event.at, step.practice)
    step.ask(steps.PROPOSAL, to, title[:200], due, words, escalates=True)


def _agree(step: Doing, why: str) -> None:
    """Both have said yes: another text of the agreement, from its day on."""
    proposal = step.story.proposal
    if proposal is None:
        raise Refused("Nothing is proposed now.")
    asked = proposal.detail
    first = max(date.fromisoformat(asked["from_on"]), step.today)
    before = step.story.text
    terms = dict(before.terms) if before is not None else Terms().as_json()
    shares = dict(asked.get("shares") or (before.shares if before is not None else {}))
    if asked["what"] == Proposal.DOSE:
        terms["dose"] = asked["dose"]
    if asked["what"] == Proposal.RENEW:
        terms |= {name: asked[name] for name in ("review_on", "specialist_review_on", "ends_on")}
    lines = lines_of(step.agreement.substance, shares) if shares else _recorded(step)
    if asked["what"] == Proposal.RENEW:
        agreed = Terms.of(terms)
        step.agreement.review_on, step.agreement.specialist_review_on = agreed.review_on, agreed.specialist_review_on
        if not step.agreement.requested:
            step.agreement.to_on = None
            step.agreement.save(update_fields=["to_on"])
    step.tell(Kind.AGREED, why, what=asked["what"], from_on=first.isoformat(), terms=terms, shares=shares, lines=lines)
    step.settle([steps.PROPOSAL, steps.SILENCE], "confirmed")
    match asked["what"]:
        case Proposal.RENEW:
            step.keep_lines(lines)
            step.settle([steps.REVIEW, steps.SPECIALIST_REVIEW, steps.END], "renewed")
            plan_reviews(step, Terms.of(terms))
        case Proposal.RESUME:
            step.settle([steps.SUSPENDED], "taken up again")


def _recorded(step: Doing) -> list[tuple[str, str, str]]:
    """The lines of an agreement that was recorded without a matrix."""
    return [(line.line, line.owner_org, line.owner_role) for line in step.agreement.lines.all()]


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day is not None else None


# The specialist takes everything over


def suspend(
    actor: Actor, agreement_id: int, *, why: str, review_on: date, from_on: date | None = None, seen: int | None = None
) -> Step:  # fmt: skip
    """The specialist has everything for a while (a relapse, a stay in hospital); `review_on` is when it is looked at again."""
    words = needs_words(why, "Say why it is suspended.")
    with doing(actor, agreement_id, side="specialist", states={State.ACTIVE}, seen=seen) as step:
        first = from_on or step.today
        not_before_today(first, "It is suspended")
        if review_on < first:
            raise Refused("Give a day after that on which it is looked at again.")
        step.tell(Kind.SUSPENDED, words, owner=step.specialist, from_on=first.isoformat(), review_on=review_on.isoformat())
        _taken_over(step, words)
        step.ask(
            steps.SUSPENDED, step.specialist, f"Shared care of {step.medicine} is suspended: take it up again, keep it or end it",
            review_on, words,
        )  # fmt: skip
    return evaluated(step.agreement)


def _taken_over(step: Doing, why: str) -> None:
    """What waited for an answer is answered by the specialist having everything."""
    step.settle([steps.HAND_BACK, steps.SILENCE], why)
    step.settle([steps.PROPOSAL], why, "superseded")


def hand_back(actor: Actor, agreement_id: int, *, why: str, contingency: str, seen: int | None = None) -> Step:
    """The practice asks the specialist to take everything back, in one step. It stays the practice's until that is answered, with what
    was agreed for the meantime."""
    words = needs_words(why, "Say why you hand it back.")
    meanwhile = needs_words(contingency, "Say what is done until the specialist has it.")
    with doing(actor, agreement_id, side="practice", states={State.ACTIVE}, seen=seen) as step:
        if step.story.hand_back is not None:
            raise Refused("It is being handed back already.")
        event = step.tell(Kind.HAND_BACK, words, to=step.specialist, contingency=meanwhile)
        due = clocks.due_on(clocks.HAND_BACK, event.moment or event.at, step.practice)
        step.ask(
            steps.HAND_BACK, step.specialist, f"Take {step.medicine} back from the practice", due, f"{words} Until then: {meanwhile}",
            escalates=True,
        )  # fmt: skip
    return evaluated(step.agreement)


def withdraw_hand_back(actor: Actor, agreement_id: int, *, why: str, seen: int | None = None) -> Step:
    """The practice keeps it after all."""
    words = needs_words(why, "Say why you keep it.")
    with doing(actor, agreement_id, side="practice", states=_RUNNING, seen=seen) as step:
        if step.story.hand_back is None:
            raise Refused("It is not being handed back.")
        step.tell(Kind.KEPT, words)
        step.settle([steps.HAND_BACK, steps.SILENCE], words, "superseded")
    return evaluated(step.agreement)


def take_back(actor: Actor, agreement_id: int, *, from_on: date | None = None, why: str = "", seen: int | None = None) -> Step:
    """The specialist has everything again from `from_on` (today): the answer to a hand-back, or by itself."""
    with doing(actor, agreement_id, side="specialist", states=_RUNNING, seen=seen) as step:
        first = from_on or step.today
        not_before_today(first, "It is taken back")
        step.tell(Kind.TAKEN_BACK, why, owner=step.specialist, from_on=first.isoformat())
        _taken_over(step, why or "taken back")
        step.settle([steps.SUSPENDED, steps.REVIEW, steps.END], why or "taken back", "superseded")
    return evaluated(step.agreement)


# The end


def end_agreement(
    actor: Actor, subject: PatientSubject, agreement_id: int, *, to_on: date, why: str, seen: int | None = None
) -> Agreement:  # fmt: skip
    """From `to_on` the agreement is no longer in force; a request or a draft is withdrawn. What it covered falls to the rules on owners
    and is visibly nobody's where they name nobody. Its text and lines stay on record.

    The caller evaluates the person afterwards (`ledger.services.end_agreement`).
    """
    require(actor, Permission.AGREE_OWNERS, subject)
    words = needs_words(why, "Say why the agreement ends.")
    found = selectors.agreement_of(subject.person_id, agreement_id)
    if found is None:
        raise Refused("There is no such agreement for this person.")
    if not found.requested:
        return _end_recorded(actor, subject, found.pk, to_on=to_on, why=words, seen=seen)
    with doing(actor, agreement_id, side="either", states=_NOT_OVER, seen=seen) as step:
        ours = step.own()
        state = step.story.state_on(step.today)
        if ours == step.practice and state is not State.ACTIVE:
            raise Refused(f"It is {state.words.lower()}: {step.name(step.specialist)} can withdraw or end it.")
        if ours == step.practice:
            raise Refused("Hand it back: it stays yours until the specialist has it, so that nobody is left without anybody.")
        last = to_on if state in _RUNNING or state is State.RETURNED else step.today
        not_before_today(last, "It can end")
        step.tell(Kind.ENDED, words, to_on=last.isoformat())
        step.settle(steps.POINTS, words, "superseded")
    return step.agreement


def _end_recorded(
    actor: Actor, subject: PatientSubject, agreement_id: int, *, to_on: date, why: str, seen: int | None
) -> Agreement:  # fmt: skip
    """One that was recorded whole: either party ends it."""
    today = clock.today()
    with transaction.atomic():
        agreement = Agreement.objects.select_for_update().get(pk=agreement_id)
        steps.check_seen(agreement, seen)
        if not {agreement.between_org, agreement.and_org} & set(actor.organisations):
            raise Refused("You can end an agreement that your own organisation is party to.")
        if agreement.to_on is not None and agreement.to_on <= today:
            raise Refused(f"This agreement ended on {clinician.date(agreement.to_on)}.")
        if to_on < max(agreement.from_on or today, today):
            raise Refused("It can end today or later, and not before it began: what was owned until now stays so.")
        agreement.to_on = to_on
        agreement.save(update_fields=["to_on"])
        step = Doing(actor, agreement, selectors.story_of(agreement), today, agreement.between_org, agreement.and_org)
        step.tell(Kind.ENDED, why, to_on=to_on.isoformat())
        step.settle(steps.POINTS, why, "superseded")
    return agreement


# What time does


def let_time_pass(on: date | None = None) -> int:
    """Raise what an unanswered request, hand-back or proposal asks of whoever waits, once for each; gives how many were found.

    That an answer is late is seen without this (`selectors.clock_of`); this makes it a duty of the waiting side as well. The side that
    owes the answer has had its duty since it was asked, now overdue and escalated. Silence moves nothing.
    """
    actor, today = Actor.system("clock"), on or clock.today()
    found = 0
    for waiting in Agreement.objects.exclude(waits_on="").order_by("id").values_list("pk", flat=True):
        agreement = selectors.find(waiting)
        if agreement is None:
            continue
        tale = selectors.story_of(agreement)
        ran = clocks.running(tale, agreement.and_org, clock.moment())
        asked = tale.hand_back or tale.proposal or tale.sent
        if ran is None or asked is None or ran.state is not ClockState.SILENT:
            continue
        if agreement.events.filter(kind=Kind.SILENT, id__gt=asked.id).exists():
            continue
        _say_silent(actor, agreement, ran, today)
        found += 1
    return found


def _say_silent(actor: Actor, agreement: Agreement, ran: clocks.Clock, today: date) -> None:
    specialist, practice = steps.sides(agreement)
    owing = agreement.waits_on
    waiting = practice if owing == specialist else specialist
    if ran.what == clocks.REQUEST:
        waiting = specialist
    with transaction.atomic():
        step = Doing(actor, agreement, selectors.story_of(agreement), today, specialist, practice)
        keep_event(agreement, Kind.SILENT, actor, f"no answer by {clinician.date(ran.due_on)}", {"what": ran.what})
        keeps = {
            clocks.REQUEST: "It stays with you: silence is no consent. Speak to the practice.",
            clocks.HAND_BACK: "It stays with you: do what was agreed for the meantime, and speak to the specialist.",
        }.get(ran.what, "Nothing changes until it is answered. Speak to the other side.")
        step.ask(
            steps.SILENCE, waiting, f"No answer about sharing {step.medicine} ({ran.what})", ran.due_on + timedelta(days=1),
            f"{ran.days} working days have passed without an answer from {step.name(owing)}. {keeps}",
        )  # fmt: skip
