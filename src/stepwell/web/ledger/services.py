"""The verbs of the ledger: what people do with duties. Handing over is in `handovers.py`, acts on many in `bulk_acts.py`.

Each decides access, writes the event, what the engine has to know, and the audit in one transaction (`acts.py`); then the
person is evaluated outside it. The answer says whether the duties on the next page have already read the write. `revision`
is how much of the duty's history the actor had seen: `Stale` when there is more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.db import transaction

from stepwell.engine.reconcile import ASKED
from stepwell.errors import Refused
from stepwell.web.agreements import services as agreements
from stepwell.web.core import audit, clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import handovers, known, selectors
from stepwell.web.ledger.acts import (
    NOBODY,
    Stale,
    Written,
    acting_on,
    acting_organisation,
    check_revision,
    evaluated,
    lock_person,
    needs_words,
    not_in_future,
    signed,
    tell,
)
from stepwell.web.ledger.arrangement import derive
from stepwell.web.ledger.evaluation import request_evaluation
from stepwell.web.ledger.models import (
    HANDOVER_ANSWERS,
    Disposition,
    Duty,
    DutyEvent,
    DutyState,
    EventKind,
    OwnerAssertion,
    RecordedResult,
)
from stepwell.web.ledger.options import chosen, options_of
from stepwell.web.ledger.raised import move_raised, raise_duty, settle_raised, take_raised
from stepwell.web.ledger.results import ResultEntry, check_result
from stepwell.web.ledger.workplaces import workplace_of

__all__ = [
    "UNDOABLE", "Stale", "Written", "acknowledge", "assert_owner", "assign", "decline", "defer", "done_alone", "done_by_work",
    "done_with_options", "done_with_review", "end_agreement", "move_raised", "not_applicable", "raise_duty", "record_agreement",
    "record_results", "settle_raised", "take", "take_back_answer", "undo",
]  # fmt: skip

# Arrangements: nothing the engine has to know


def acknowledge(actor: Actor, duty_id: int, *, revision: int | None = None) -> Written:
    """ "I have seen it": also the second look that a new version of a rule asks for."""
    with acting_on(actor, duty_id, Permission.ACT_ON_DUTY, revision=revision) as duty:
        event = tell(duty, EventKind.ACKNOWLEDGED, actor, rule_version=duty.rule_version)
        duty.acknowledged_by_id, duty.acknowledged_at, duty.second_look = actor.user_id, event.at, False
        duty.save(update_fields=["acknowledged_by", "acknowledged_at", "second_look"])
        return Written(duty.person_id)


def assign(actor: Actor, duty_id: int, *, to_user_id: int | None, why: str = "", revision: int | None = None) -> Written:
    """Name the colleague who will do it; None takes the name off again."""
    colleagues = {user_id: name for user_id, name in selectors.assignable(actor)}
    if to_user_id is not None and to_user_id not in colleagues:
        raise Refused(f"Choose somebody who works at {actor.organisation_name} today.")
    with acting_on(actor, duty_id, Permission.ACT_ON_DUTY, revision=revision) as duty:
        name = colleagues.get(to_user_id, "") if to_user_id is not None else ""
        tell(duty, EventKind.ASSIGNED, actor, why=why, to=to_user_id, name=name)
        duty.assigned_to_id = to_user_id
        duty.save(update_fields=["assigned_to"])
        return Written(duty.person_id)


def take(actor: Actor, duty_id: int, *, revision: int | None = None) -> Written:
    """Assign it to oneself."""
    return assign(actor, duty_id, to_user_id=actor.user_id, revision=revision)


def defer(actor: Actor, duty_id: int, *, until: date, why: str, revision: int | None = None) -> Written:
    """Show it again from `until`; the due date does not move (ruling 20)."""
    words = needs_words(why, "Say why it waits.")
    if until <= clock.today():
        raise Refused("Choose a day after today to see it again.")
    with acting_on(actor, duty_id, Permission.ACT_ON_DUTY, revision=revision) as duty:
        tell(duty, EventKind.DEFERRED, actor, why=words, until=until.isoformat())
        duty.shown_from, duty.deferred_why = until, words
        duty.save(update_fields=["shown_from", "deferred_why"])
        return Written(duty.person_id)


# Answers and results: the engine reads them


def decline(actor: Actor, duty_id: int, *, on: date, why: str, revision: int | None = None) -> Written:
    """The patient said no, for this cycle; the next is due one interval later (ruling 20)."""
    words = needs_words(why, "Say what the patient said.")
    return _answer(actor, duty_id, "declined", on=on, why=words, revision=revision)


def not_applicable(
    actor: Actor, duty_id: int, *, why: str, until: date | None = None, ends_when: str = "", revision: int | None = None
) -> Written:  # fmt: skip
    """It does not apply to this person, until a day or until the fact that would end it (ruling 20)."""
    words = needs_words(why, "Say why it does not apply.")
    fact = " ".join(ends_when.split())
    if until is None and not fact:
        raise Refused("Say until when it does not apply, or what would make it apply again.")
    if until is not None and until <= clock.today():
        raise Refused("Choose a day after today from which it applies again.")
    return _answer(actor, duty_id, "not applicable", on=clock.today(), why=words, until=until, ends_when=fact, revision=revision)


def done_with_review(
    actor: Actor, duty_id: int, *, on: date, why: str, revision: int | None = None, evaluate: bool = True
) -> Written:  # fmt: skip
    """Done without a figure: a review, a process, or something only an answer can close. `why` says what came of it.

    `evaluate` False: it is part of a larger write, whose transaction is still open; whoever commits that evaluates the person after it.
    """
    words = needs_words(why, "Say what was done and what came of it.")
    not_in_future(on)
    duty = selectors.duty_row(duty_id)
    if duty is not None and options_of(duty.rule_id):
        raise Refused("Choose what was done: the knowledge base lists options for this duty.")
    test = known.test(duty.test) if duty is not None and duty.test else None
    if test is None:
        return _answer(actor, duty_id, "done", on=on, why=words, revision=revision, evaluate=evaluate)
    if test.unit is not None:
        raise Refused(f"{test.label} needs its value: use Record result.")
    with acting_on(actor, duty_id, Permission.RECORD_RESULT, revision=revision, own_only=False) as locked:
        _put_result(actor, locked.person_id, ResultEntry(test.test, None, on), why=words)
    return evaluated(locked.person_id) if evaluate else Written(locked.person_id, up_to_date=False)


def done_alone(actor: Actor, duty_id: int, *, on: date, why: str) -> int:
    """Done for this duty and no other: an offer about one class of medicines serves none about another, though one test stands for both.
    Part of a larger write, whose transaction is open; whoever commits that evaluates the person. Gives the key of the event."""
    words = needs_words(why, "Say what was done and what came of it.")
    not_in_future(on)
    row = selectors.duty_row(duty_id)
    if row is not None and options_of(row.rule_id):
        raise Refused("Choose what was done: the knowledge base lists options for this duty.")
    # As everywhere: what is served by a recorded answer is recorded by whoever has it, what needs a decision is its owner's.
    served = row is not None and bool(row.test)
    needs = Permission.RECORD_RESULT if served else Permission.ACT_ON_DUTY
    with acting_on(actor, duty_id, needs, own_only=not served) as duty:
        return _say_done(actor, duty, on=on, words=words).pk


def _say_done(actor: Actor, duty: Duty, *, on: date, words: str) -> DutyEvent:
    event = tell(duty, EventKind.ANSWERED, actor, why=words, answer="done", on=on.isoformat(), until=None, ends_when="")
    Disposition.objects.create(
        person_id=duty.person_id, recorded_at=event.at, recorded_by_id=actor.user_id, org_code=actor.organisation, label=words[:300],
        event=event, rule_id=duty.rule_id, subject=duty.subject, point=duty.point, kind="done", on_date=on,
    )  # fmt: skip
    request_evaluation(duty.person_id)
    return event


def done_with_options(
    actor: Actor, duty_id: int, *, on: date, options: Sequence[str], reasons: Sequence[str] = (), why: str = "",
    revision: int | None = None,
) -> Written:  # fmt: skip
    """Done by what was chosen of the options that the rule lists (keys), with words; "no change" needs clinical reasons."""
    duty = selectors.duty_row(duty_id)
    if duty is None:
        raise Refused("There is no such duty.")
    done = chosen(duty.rule_id, options, reasons, why)
    return _answer(actor, duty_id, "done", on=on, why=done.words, extra=done.detail, revision=revision)


def _answer(
    actor: Actor, duty_id: int, kind: str, *, on: date, why: str, until: date | None = None, ends_when: str = "",
    extra: Mapping[str, Any] | None = None, revision: int | None = None, evaluate: bool = True,
) -> Written:  # fmt: skip
    not_in_future(on)
    with acting_on(actor, duty_id, Permission.ACT_ON_DUTY, revision=revision) as duty:
        if duty.kind == "agree" and kind == "done":
            raise Refused("This closes by itself when somebody takes it on or an agreement is recorded.")
        if place := workplace_of(duty):
            raise Refused(place.refusal)
        detail: dict[str, Any] = {
            "answer": kind,
            "on": on.isoformat(),
            "until": until.isoformat() if until else None,
            "ends_when": ends_when,
            **(extra or {}),
        }
        event = tell(duty, EventKind.ANSWERED, actor, why=why, **detail)
        Disposition.objects.create(
            person_id=duty.person_id,
            recorded_at=event.at,
            recorded_by_id=actor.user_id,
            org_code=actor.organisation,
            label=signed(why if not ends_when else f"{why} (until {ends_when})", actor, on),
            event=event,
            rule_id=duty.rule_id,
            subject=duty.subject,
            point=duty.point,
            kind=kind,
            on_date=on,
            until=until,
            ends_when=ends_when,
        )
        request_evaluation(duty.person_id)
    return evaluated(duty.person_id) if evaluate else Written(duty.person_id, up_to_date=False)


def done_by_work(actor: Actor, duty_id: int, *, on: date, why: str) -> bool:
    """What somebody decided elsewhere (a reduction that ended) answers a duty that opened after it. `actor` is the software itself;
    whose decision it was stands in `why`. The caller evaluates the person. False when the duty is not open any more."""
    words = needs_words(why, "Say what answers it.")
    person_id = selectors.person_of_duty(duty_id)
    if person_id is None:
        return False
    with transaction.atomic():
        lock_person(person_id)
        duty = Duty.objects.get(pk=duty_id)
        if not duty.is_open:
            return False
        _say_done(actor, duty, on=on, words=words)
    return True


def take_back_answer(actor: Actor, event_id: int, *, why: str) -> bool:
    """What a decision made elsewhere has answered is owed again, because that decision was taken back. Whoever calls has decided that the
    actor may take it back, and evaluates the person. False when it does not stand any more."""
    words = needs_words(why, "Say why it is undone.")
    found = DutyEvent.objects.select_related("duty").filter(pk=event_id, kind__in=(EventKind.ANSWERED, EventKind.RESULT)).first()
    if found is None:
        return False
    with transaction.atomic():
        lock_person(found.duty.person_id)
        if DutyEvent.objects.filter(supersedes=found).exists():
            return False
        _take_back(actor, found, Duty.objects.get(pk=found.duty_id), words)
        request_evaluation(found.duty.person_id)
    return True


def _take_back(actor: Actor, event: DutyEvent, duty: Duty, words: str) -> None:
    _undo_rows(event)
    for each in _same_act(event):
        tell(each.duty, EventKind.UNDONE, actor, why=words, supersedes=each, undone=each.kind)
    derive(duty)


def record_results(
    actor: Actor, person_id: int, entries: Sequence[ResultEntry], *, confirmed: bool = False, seen: int | None = None
) -> Written:  # fmt: skip
    """Results typed in; each closes whatever it satisfies. Values that may be a slip are refused until `confirmed`.

    `seen` is the last event that the form knew of the duties about these tests; `Stale` when there is a later one.
    """
    if not entries:
        raise Refused("Enter at least one result.")
    require(actor, Permission.RECORD_RESULT, selectors.subject_of(person_id))
    record = selectors.person(person_id)
    for entry in entries:
        check_result(entry, record, confirmed=confirmed)
    with transaction.atomic():
        lock_person(person_id)
        if later := selectors.later_events(selectors.duties_about(person_id, {entry.test for entry in entries}), seen):
            raise Stale(later)
        for entry in entries:
            _put_result(actor, person_id, entry)
    return evaluated(person_id)


def _put_result(actor: Actor, person_id: int, entry: ResultEntry, *, why: str = "") -> None:
    """One fact however often it is sent: the same test, day and value is not stored twice."""
    same = RecordedResult.objects.filter(
        person_id=person_id, test=entry.test, effective_on=entry.on, value_milli=entry.value_milli, undone_at__isnull=True
    )
    if same.exists():
        raise Refused(f"This result of {clinician.date(entry.on)} is already recorded.")
    words = why or f"typed by {actor.display_name}"
    typed: dict[str, Any] = {"typed": entry.typed} if entry.typed else {}
    result = RecordedResult(
        person_id=person_id,
        recorded_at=clock.now(),
        recorded_by_id=actor.user_id,
        org_code=actor.organisation,
        label=signed(words, actor, entry.on),
        test=entry.test,
        effective_on=entry.on,
        value_milli=entry.value_milli,
    )
    result.save()
    for duty in Duty.objects.filter(person_id=person_id, state=DutyState.OPEN, test=entry.test):
        tell(
            duty,
            EventKind.RESULT,
            actor,
            why=why,
            recorded_result=result.pk,
            test=entry.test,
            on=entry.on.isoformat(),
            value_milli=entry.value_milli,
            **typed,
        )
    audit.record_write(
        actor, "record result", person_id=person_id, subject_type="recorded result", subject_id=result.pk, reason=entry.test
    )  # fmt: skip
    request_evaluation(person_id)


# Owners


def assert_owner(actor: Actor, duty_id: int, *, why: str, revision: int | None = None) -> Written:
    """ "We take it on": from today this medicine is looked after by the actor's organisation, or by the practice it covers; what
    somebody asked of nobody is answered by it."""
    words = needs_words(why, "Say why you take it on.")
    with acting_on(actor, duty_id, Permission.AGREE_OWNERS, revision=revision, own_only=False) as duty:
        if duty.owner_org != NOBODY and duty.kind != "agree":
            raise Refused("This duty has an owner. To move it, they hand it over, or you record an agreement.")
        owner = acting_organisation(actor, duty.person_id)
        if duty.kind == ASKED:
            take_raised(actor, duty, owner, words)
        else:
            _take_medicine(actor, duty, owner, words)
        request_evaluation(duty.person_id)
    return evaluated(duty.person_id)


def _take_medicine(actor: Actor, duty: Duty, owner: str, why: str) -> None:
    if duty.subject not in known.substances():
        raise Refused("Take on each medicine by itself: this duty is about several.")
    today = clock.today()
    event = tell(duty, EventKind.TAKEN_ON, actor, why=why, substance=duty.subject, owner=owner)
    OwnerAssertion.objects.create(
        person_id=duty.person_id,
        recorded_at=event.at,
        recorded_by_id=actor.user_id,
        org_code=actor.organisation,
        label=f"{selectors.organisation_name(owner)} took it on, {clinician.date(today)} ({actor.display_name})",
        event=event,
        substance=duty.subject,
        owner_org=owner,
        owner_role="",
        from_on=today,
    )


def record_agreement(actor: Actor, person_id: int, **values: Any) -> Written:
    """`agreements.services.record_agreement`, then the person's duties."""
    subject = selectors.subject_of(person_id)
    require(actor, Permission.AGREE_OWNERS, subject)
    with transaction.atomic():
        agreements.record_agreement(actor, subject, **values)
        request_evaluation(person_id)
    return evaluated(person_id)


def end_agreement(actor: Actor, person_id: int, agreement_id: int, *, to_on: date, why: str) -> Written:
    subject = selectors.subject_of(person_id)
    require(actor, Permission.AGREE_OWNERS, subject)
    with transaction.atomic():
        agreements.end_agreement(actor, subject, agreement_id, to_on=to_on, why=why)
        request_evaluation(person_id)
    return evaluated(person_id)


# Undo: another event


UNDOABLE = (
    EventKind.ACKNOWLEDGED, EventKind.ASSIGNED, EventKind.DEFERRED, EventKind.ANSWERED, EventKind.RESULT, EventKind.TAKEN_ON,
    *HANDOVER_ANSWERS,
)  # fmt: skip


def undo(actor: Actor, event_id: int, *, why: str, revision: int | None = None, evaluate: bool = True) -> Written:
    """Take back what one's own organisation did. The event stays; another says that it was undone, and why. `evaluate`: as of
    `done_with_review`."""
    words = needs_words(why, "Say why it is undone.")
    found = DutyEvent.objects.select_related("duty").filter(pk=event_id, kind__in=UNDOABLE).first()
    if found is None:
        raise Refused("There is nothing here that can be undone.")
    subject = selectors.subject_of(found.duty.person_id)
    for permission in _undo_needs(found):
        require(actor, permission, subject)
    if found.org_code not in actor.organisations:
        raise Refused(f"{selectors.organisation_name(found.org_code)} did this; they can undo it.")
    with transaction.atomic():
        lock_person(found.duty.person_id)
        duty = Duty.objects.get(pk=found.duty_id)
        check_revision(duty, revision)
        if DutyEvent.objects.filter(supersedes=found).exists():
            raise Refused("This was already undone.")
        if found.kind in HANDOVER_ANSWERS:
            engine_reads = handovers.undo_answer(actor, found, why=words)
        else:
            engine_reads = found.kind in (EventKind.ANSWERED, EventKind.RESULT, EventKind.TAKEN_ON)
            _take_back(actor, found, duty, words)
        if engine_reads:
            request_evaluation(duty.person_id)
    return evaluated(duty.person_id) if engine_reads and evaluate else Written(duty.person_id, up_to_date=not engine_reads)


def _undo_needs(event: DutyEvent) -> tuple[Permission, ...]:
    if event.kind in HANDOVER_ANSWERS:
        return handovers.permissions(event.detail["scope"])
    return (Permission.RECORD_RESULT if event.kind == EventKind.RESULT else Permission.ACT_ON_DUTY,)


def _same_act(event: DutyEvent) -> list[DutyEvent]:
    """A typed result is told on every duty it bears on; undoing it is told on all of them."""
    if event.kind != EventKind.RESULT:
        return [event]
    result = event.detail["recorded_result"]
    rows = DutyEvent.objects.filter(kind=EventKind.RESULT, duty__person_id=event.duty.person_id).select_related("duty")
    return [row for row in rows if row.detail.get("recorded_result") == result]


def _undo_rows(event: DutyEvent) -> None:
    now = clock.now()
    if event.kind == EventKind.RESULT:
        RecordedResult.objects.filter(pk=event.detail["recorded_result"]).update(undone_at=now)
    Disposition.objects.filter(event=event).update(undone_at=now)
    OwnerAssertion.objects.filter(event=event).update(undone_at=now)
