"""A request for shared care: written by the specialist, sent when nothing is missing, asked about, accepted or declined.

Until the practice has accepted, and also after it declined, the specialist prescribes and monitors. Silence is never consent: on the
last day it becomes a duty of either side (`running.let_time_pass`), and nothing moves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from django.db import transaction

from stepwell import knowledge
from stepwell.errors import Refused
from stepwell.knowledge.shared_care import Protocol, protocol_of
from stepwell.web.accounts import selectors as accounts
from stepwell.web.agreements import clocks, protocol_use, selectors, steps
from stepwell.web.agreements.models import Agreement
from stepwell.web.agreements.recording import check_alone, keep_event
from stepwell.web.agreements.steps import Doing, Step, doing, evaluated, needs_words, not_before_today
from stepwell.web.agreements.story import PENDING, Kind, State
from stepwell.web.agreements.terms import Share, Terms, checked_shares, lines_of, missing, proposed_shares
from stepwell.web.core import audit, clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known

_PRACTICES = ("practice", "pcn")
_FIVE_YEARLY = "five-yearly-review"
_AGAIN = frozenset({State.DECLINED, State.RETURNED, State.ENDED})


# Writing it


def draft_request(
    actor: Actor, person_id: int, *, substance: str, terms: Terms | None = None, shares: Sequence[Share] | None = None
) -> Agreement:  # fmt: skip
    """Begin a request to the person's practice; only the asking side sees it. What the record and the library tell is filled in.

    Refused: asked by a practice, nobody's practice, a medicine that is never shared.
    """
    subject = steps.subject_of(person_id)
    require(actor, Permission.AGREE_OWNERS, subject)
    from stepwell.web.ledger import selectors as ledger

    if actor.organisation_kind in _PRACTICES:
        raise Refused("A specialist asks a practice to share care: as a practice you accept, ask or decline.")
    record = ledger.person(person_id)
    if not record.gp_org:
        raise Refused("No practice is on record for this person: there is nobody to ask.")
    _check_medicine(substance)
    written = terms if terms is not None else _first_terms(record, substance)
    return _draft(actor, person_id, substance, practice=record.gp_org, terms=written, shares=shares)


def _check_medicine(substance: str) -> Protocol | None:
    if substance not in known.substances():
        raise Refused("Choose a medicine of the knowledge base.")
    found = protocol_of(knowledge.load(), substance)
    if found is not None and not found.requestable.value:
        raise Refused(found.refused_because)
    return found


def _first_terms(record: Any, substance: str) -> Terms:
    row = next((each for each in record.medicines if each["substance"] == substance), None)
    started_on = date.fromisoformat(row["started_on"]) if row and row["started_on"] else None
    return Terms(started_on=started_on)


def _draft(
    actor: Actor, person_id: int, substance: str, *, practice: str, terms: Terms, shares: Sequence[Share] | None,
    earlier: Agreement | None = None,
) -> Agreement:  # fmt: skip
    specialist = actor.organisation
    chosen = checked_shares(shares or proposed_shares(specialist, practice), specialist=specialist, practice=practice)
    names = accounts.organisation_names()
    about = protocol_of(knowledge.load(), substance)
    used = protocol_use.one_in_use(practice, about.protocol, clock.today()) if about is not None else None
    with transaction.atomic():
        agreement = Agreement.objects.create(
            person_id=person_id,
            substance=substance,
            between_org=specialist,
            and_org=practice,
            label=f"shared care between {names.get(specialist, specialist)} and {names.get(practice, practice)}"[:200],
            requested=True,
            state=State.DRAFT.value,
            protocol=about.protocol if about is not None else "",
            protocol_version=used.version if used is not None else None,
            earlier=earlier,
        )
        keep_event(agreement, Kind.DRAFTED, actor, "", {"terms": terms.as_json(), "shares": chosen})
        audit.record_write(
            actor, "draft request", person_id=person_id, subject_type="agreement", subject_id=agreement.pk, reason=agreement.label
        )  # fmt: skip
        steps.keep_told(agreement)
    return agreement


def change_draft(
    actor: Actor, agreement_id: int, *, terms: Terms, shares: Sequence[Share] | None = None, seen: int | None = None
) -> Step:  # fmt: skip
    """Keep what was typed, complete or not."""
    with doing(actor, agreement_id, side="specialist", states={State.DRAFT}, seen=seen) as step:
        given = shares if shares is not None else _shares(step)
        chosen = checked_shares(given, specialist=step.specialist, practice=step.practice)
        step.tell(Kind.DRAFTED, terms=terms.as_json(), shares=chosen)
    return Step(step.agreement)


def _shares(step: Doing) -> list[Share]:
    if step.story.draft is None:
        return proposed_shares(step.specialist, step.practice)
    return [Share(key, owner) for key, owner in step.story.draft.detail["shares"].items()]


def _terms(step: Doing) -> Terms:
    return Terms.of(step.story.draft.detail["terms"]) if step.story.draft is not None else Terms()


# Sending it


def send_request(actor: Actor, agreement_id: int, *, seen: int | None = None) -> Step:
    """Ask the practice. The clock of working days begins, by the practice's nation.

    Refused with everything that is missing (`selectors.gate_of`), and where there is an agreement or a request about the medicine
    already; the one that this request follows (declined, taken back) is closed by it.
    """
    with doing(actor, agreement_id, side="specialist", states={State.DRAFT}, seen=seen) as step:
        about = _check_medicine(step.agreement.substance)
        terms = _terms(step)
        baseline = selectors.baseline_of(step.agreement.person_id, step.agreement.substance, terms.baseline_without)
        if lacks := missing(terms, baseline, about, step.today):
            raise Refused("It cannot be sent yet. " + " ".join(each.words for each in lacks))
        earlier = step.agreement.earlier
        check_alone(
            step.agreement.person_id, step.agreement.substance, step.today, None, but=(step.agreement.pk, earlier.pk if earlier else None)
        )  # fmt: skip
        if earlier is not None:
            _close(step, earlier)
        chosen = checked_shares(_shares(step), specialist=step.specialist, practice=step.practice)
        results = [{**asdict(line), "on": line.on.isoformat() if line.on else None} for line in baseline]
        event = step.tell(
            Kind.REQUESTED, owner=step.specialist, terms=terms.as_json(), shares=chosen, baseline=results,
            protocol=step.agreement.protocol, protocol_version=step.agreement.protocol_version,
        )  # fmt: skip
        due = clocks.due_on(clocks.REQUEST, event.moment or event.at, step.practice)
        step.ask(
            steps.ANSWER, step.practice, f"Answer the request to share care of {step.medicine}", due,
            f"{step.name(step.specialist)} asks you to accept, ask, or decline with a reason; they prescribe and monitor until you accept.",
            escalates=True,
        )  # fmt: skip
    return evaluated(step.agreement)


def _close(step: Doing, earlier: Agreement) -> None:
    """The request before this one is over from today on, and so is what it still asks of anybody."""
    tale = selectors.story_of(earlier)
    if tale.state_on(step.today) is not State.ENDED:
        before = Doing(step.actor, earlier, tale, step.today, step.specialist, step.practice)
        if not earlier.requested:
            earlier.to_on = step.today
            earlier.save(update_fields=["to_on"])
        before.tell(Kind.ENDED, "asked anew", to_on=step.today.isoformat(), followed_by=step.agreement.pk)
        before.settle(steps.POINTS, "asked anew", "superseded")


# The practice's answer


def ask_question(actor: Actor, agreement_id: int, *, words: str, seen: int | None = None) -> Step:
    """The practice needs to know something first. The clock goes on: nothing says that a question stops it."""
    said = needs_words(words, "Write your question.")
    with doing(actor, agreement_id, side="practice", states=PENDING, seen=seen) as step:
        if step.story.question is not None:
            raise Refused("A question is open already: wait for its answer, or accept or decline.")
        step.tell(Kind.ASKED, said)
        due = clocks.request_clock(step.story, step.practice, clock.moment())
        step.ask(
            steps.QUESTION, step.specialist, f"Answer the practice’s question about sharing {step.medicine}",
            max(due.due_on, step.today) if due is not None else step.today, said, escalates=True,
        )  # fmt: skip
    return evaluated(step.agreement)


def answer_question(
    actor: Actor, agreement_id: int, *, words: str, terms: Terms | None = None, shares: Sequence[Share] | None = None,
    seen: int | None = None,
) -> Step:  # fmt: skip
    """The specialist answers; the answer may carry a changed request, which is then the text to accept."""
    said = needs_words(words, "Write your answer.")
    with doing(actor, agreement_id, side="specialist", states={State.INFORMATION_REQUESTED}, seen=seen) as step:
        changed: dict[str, Any] = {}
        if terms is not None or shares is not None:
            written = terms if terms is not None else _terms(step)
            _check_terms(step, written)
            chosen = checked_shares(shares or _shares(step), specialist=step.specialist, practice=step.practice)
            changed = {"terms": written.as_json(), "shares": chosen}
        step.tell(Kind.ANSWERED, said, **changed)
        step.settle([steps.QUESTION], said)
    return evaluated(step.agreement)


def _check_terms(step: Doing, terms: Terms) -> None:
    """What F4 asks for, before anything comes into force."""
    if lacks := missing(terms, [], protocol_of(knowledge.load(), step.agreement.substance), step.today):
        raise Refused("It cannot be agreed yet. " + " ".join(each.words for each in lacks))


def accept(actor: Actor, agreement_id: int, *, from_on: date | None = None, why: str = "", seen: int | None = None) -> Step:
    """The practice takes on what it is asked for: from `from_on` (today) those duties are its own, until then the specialist's."""
    with doing(actor, agreement_id, side="practice", states=PENDING, seen=seen) as step:
        first = from_on or step.today
        not_before_today(first, "An agreement begins")
        terms = _terms(step)
        _check_terms(step, terms)
        shares = checked_shares(_shares(step), specialist=step.specialist, practice=step.practice)
        lines = lines_of(step.agreement.substance, shares)
        step.agreement.label = f"{step.agreement.label}, agreed {clinician.date(step.today)}"[:200]
        step.agreement.review_on, step.agreement.specialist_review_on = terms.review_on, terms.specialist_review_on
        step.tell(Kind.ACCEPTED, why, from_on=first.isoformat(), terms=terms.as_json(), shares=shares, lines=lines)
        step.keep_lines(lines)
        step.settle([steps.ANSWER, steps.SILENCE], "accepted")
        step.settle([steps.QUESTION], "accepted without an answer", "superseded")
        step.ask(
            steps.TELL_PATIENT, step.specialist, f"Tell the patient to book the first prescription of {step.medicine} with the practice",
            first, f"{step.name(step.practice)} takes over on {clinician.date(first)}.",
        )  # fmt: skip
        plan_reviews(step, terms)
    return evaluated(step.agreement)


def plan_reviews(step: Doing, terms: Terms) -> None:
    """The days ahead that the agreed text names, as duties of the specialist."""
    agreed = f"Agreed with {step.name(step.practice)}."
    if terms.review_on is not None:
        step.ask(steps.REVIEW, step.specialist, f"Review the shared care agreement about {step.medicine}", terms.review_on, agreed)
    rules = selectors.rule_lines(step.agreement.substance)
    if terms.specialist_review_on is not None and _FIVE_YEARLY not in rules:
        step.ask(steps.SPECIALIST_REVIEW, step.specialist, f"Specialist review of {step.medicine}", terms.specialist_review_on, agreed)
    if terms.ends_on is not None:
        step.ask(
            steps.END, step.specialist, f"{step.medicine.capitalize()} was to end: stop it, or renew the agreement", terms.ends_on,
            f"Intended duration: {terms.duration}.",
        )  # fmt: skip


def decline(actor: Actor, agreement_id: int, *, reason: str, why: str, seen: int | None = None) -> Step:
    """The practice does not take it on, for a reason of the list and in words; the specialist keeps everything."""
    known_reasons: Mapping[str, Any] = knowledge.load().decline_reasons
    if reason not in known_reasons:
        raise Refused("Choose why you decline.")
    words = needs_words(why, "Say why you decline, so that the specialist can answer it.")
    with doing(actor, agreement_id, side="practice", states=PENDING, seen=seen) as step:
        step.tell(Kind.DECLINED, words, reason=reason)
        step.settle([steps.ANSWER, steps.SILENCE], "declined")
        step.settle([steps.QUESTION], "declined without an answer", "superseded")
        step.ask(
            steps.DECLINED, step.specialist, f"Shared care of {step.medicine} was declined: decide what follows", step.today,
            f"{known_reasons[reason].label}: {words}",
        )  # fmt: skip
    return evaluated(step.agreement)


def request_again(actor: Actor, agreement_id: int) -> Agreement:
    """A new draft with the text of one that was declined, taken back or ended, to the person's present practice. What was stays as it
    is until the new one is sent."""
    found = selectors.find(agreement_id)
    if found is None:
        raise Refused("There is no such agreement.")
    require(actor, Permission.AGREE_OWNERS, steps.subject_of(found.person_id))
    specialist, _practice = steps.sides(found)
    if specialist != actor.organisation:
        raise Refused("The specialist’s side asks again.")
    state = selectors.state_on(found)
    if state not in _AGAIN:
        raise Refused(f"It can be asked for again when it was declined, taken back or has ended: it is {state.words.lower()}.")
    if found.later.filter(state=State.DRAFT.value, to_on=None).exists():
        raise Refused("A new request was begun already: go on with that one.")
    _check_medicine(found.substance)
    from stepwell.web.ledger import selectors as ledger

    practice = ledger.person(found.person_id).gp_org
    if not practice:
        raise Refused("No practice is on record for this person: there is nobody to ask.")
    before = selectors.shares_of(found)
    moved = {found.and_org: practice}
    shares = [Share(key, moved.get(owner, owner)) for key, owner in before.items()] or None
    return _draft(
        actor, found.person_id, found.substance, practice=practice, terms=selectors.terms_of(found), shares=shares, earlier=found
    )  # fmt: skip
