"""Handing over to another organisation: offered, then accepted or declined; until it is accepted it stays with its owner.

One duty, or everything about one medicine of a person. A duty that is handed over alone is held by whoever accepted it until
it ends (holding.py); a medicine moves by what the engine reads, an owner assertion (docs/adr/0006-handing-over.md). Every step
is an event on each duty it touches. Silence is never a yes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import transaction

from stepwell.engine.reconcile import ASKED
from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.accounts.roles import role
from stepwell.web.agreements import selectors as agreements
from stepwell.web.core import clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known, selectors
from stepwell.web.ledger.acts import (
    NOBODY,
    Stale,
    Written,
    acting_on,
    acting_organisation,
    evaluated,
    lock_person,
    needs_words,
    others_words,
    tell,
)
from stepwell.web.ledger.arrangement import derive, handed
from stepwell.web.ledger.evaluation import request_evaluation
from stepwell.web.ledger.holding import HELD_FIELDS, pass_to, release
from stepwell.web.ledger.models import (
    Duty,
    DutyEvent,
    DutyState,
    EventKind,
    Handover,
    HandoverScope,
    HandoverState,
    OwnerAssertion,
    PersonRecord,
)

_ANSWERS = {
    EventKind.ACCEPTED: HandoverState.ACCEPTED,
    EventKind.OFFER_DECLINED: HandoverState.DECLINED,
    EventKind.WITHDRAWN: HandoverState.WITHDRAWN,
}


def permissions(scope: str) -> tuple[Permission, ...]:
    """What either side needs: a medicine is not moved by who may not agree owners."""
    return (Permission.HAND_OVER, Permission.AGREE_OWNERS) if scope == HandoverScope.MEDICINE else (Permission.HAND_OVER,)


def answer_by(on: date) -> date:
    """The day by which an offer made today should be answered: a parameter of the knowledge pack (`handover_days`)."""
    return on + timedelta(days=known.parameter("handover_days"))


# What can be offered, and to whom


@dataclass(frozen=True, slots=True)
class Possible:
    """Why one duty, and why its medicine, cannot be offered now (empty: it can), and the organisations to choose from."""

    duty: str
    medicine: str
    takers: Sequence[tuple[str, str]]


def possible(actor: Actor, duty: Duty) -> Possible:
    record = selectors.person(duty.person_id)
    not_medicine = medicine_words(actor, duty, record)
    if not not_medicine and not all(actor.may(permission) for permission in permissions(HandoverScope.MEDICINE)):
        not_medicine = f"The role {actor.role_label} may not move who looks after a medicine."
    return Possible(duty_words(actor, duty), not_medicine, takers(duty.person_id, without=_away(actor, duty)))


def _away(actor: Actor, duty: Duty) -> set[str]:
    """Organisations that it makes no sense to offer it to: whose it is, and who asks."""
    return {duty.owner_org, actor.organisation}


def takers(person_id: int, *, without: set[str]) -> list[tuple[str, str]]:
    """Organisations with a reason to know this person and somebody who can answer: (code, name), by name."""
    return named(takers_of([person_id])[person_id] - without)


def takers_of(person_ids: Collection[int]) -> dict[int, set[str]]:
    """The codes of the same, for many people at once."""
    on = clock.today()
    near = selectors.organisations_near(person_ids, on)
    able = {code for code in set().union(*near.values()) if _can_answer(code, on)}
    return {person_id: codes & able for person_id, codes in near.items()}


def _can_answer(code: str, on: date) -> bool:
    """Whether somebody who works there today may take a duty over."""
    staff = (row for row in accounts.staff_ever(code) if row.from_on <= on and (row.to_on is None or on < row.to_on))
    return any(row.user.is_active and Permission.HAND_OVER in role(row.role).may for row in staff)


def named(codes: Collection[str]) -> list[tuple[str, str]]:
    names = accounts.organisation_names()
    return sorted(((code, names[code]) for code in codes if code in names), key=lambda pair: pair[1].lower())


def duty_words(actor: Actor, duty: Duty) -> str:
    """Why this duty alone cannot be offered; empty when it can."""
    if problem := others_words(actor, duty):
        return problem
    if duty.kind == "agree":
        return "This asks who looks after the medicine: offer the medicine, not the question."
    if duty.offer_id is not None:
        return f"It is already offered to {selectors.organisation_name(duty.offered_to)}: withdraw that offer first."
    return ""


def medicine_words(actor: Actor, duty: Duty, record: PersonRecord) -> str:
    """Why the medicine that the duty is about cannot be offered; empty when it can."""
    if duty.kind == ASKED:
        return "This duty is about what somebody asked, not about a medicine."
    if duty.subject not in known.substances():
        return "This duty is about several medicines: offer each by itself."
    name, today = known.medicine(duty.subject), clock.today()
    owner = owner_of_medicine(record, duty)
    if owner != NOBODY and owner not in actor.organisations:
        return f"{selectors.organisation_name(owner)} looks after {name}: they can offer it."
    if agreed := agreements.overlapping(record.person_id, duty.subject, today, today + timedelta(days=1)).first():
        return f"Who looks after {name} is agreed ({agreed.label}): end that agreement, or record a new one."
    offered = Handover.objects.filter(
        person_id=record.person_id, substance=duty.subject, scope=HandoverScope.MEDICINE, state=HandoverState.OPEN
    )
    if (other := offered.first()) is not None:
        return f"{name} is already offered to {selectors.organisation_name(other.to_org)}: withdraw that offer first."
    return ""


def owner_of_medicine(record: PersonRecord, duty: Duty) -> str:
    """Who looks after the medicine itself, as last evaluated; the duty's owner when it is no longer on record."""
    return next((row["owner_org"] for row in record.medicines if row["substance"] == duty.subject), duty.owner_org) or NOBODY


# Offering


def offer(
    actor: Actor, duty_id: int, *, to_org: str, why: str, scope: str = HandoverScope.DUTY, revision: int | None = None
) -> Written:  # fmt: skip
    """Ask another organisation to take the duty, or everything about its medicine. Nothing moves until they accept."""
    words = needs_words(why, "Say why you hand it over.")
    person_id = selectors.person_of_duty(duty_id)
    if person_id is not None:
        for permission in permissions(scope):
            require(actor, permission, selectors.subject_of(person_id))
    with acting_on(actor, duty_id, Permission.HAND_OVER, revision=revision, own_only=False) as duty:
        record = selectors.person(duty.person_id)
        of_medicine = scope == HandoverScope.MEDICINE
        if problem := medicine_words(actor, duty, record) if of_medicine else duty_words(actor, duty):
            raise Refused(problem)
        if to_org not in dict(takers(duty.person_id, without=_away(actor, duty))):
            raise Refused("Choose an organisation that knows this person and has somebody who can answer here.")
        owner = owner_of_medicine(record, duty) if of_medicine else duty.owner_org
        made = Handover.objects.create(
            person_id=duty.person_id,
            duty=duty,
            scope=scope,
            substance=duty.subject if of_medicine else "",
            from_org=owner if owner != NOBODY else acting_organisation(actor, duty.person_id),
            to_org=to_org,
            owner_was=owner,
            why=words,
            offered_at=clock.now(),
            offered_by_id=actor.user_id,
            answer_by=answer_by(clock.today()),
        )
        for each in _touched(made) if of_medicine else [duty]:
            _tell_offer(each, made, actor)
        return Written(duty.person_id)


def _touched(offered: Handover, *, also: str = "") -> list[Duty]:
    """The open duties of a medicine that its offer is about: the owner's, nobody's, and the question who takes it."""
    owners = {offered.from_org, offered.owner_was, also} - {""}
    rows = Duty.objects.filter(person_id=offered.person_id, subject=offered.substance, state=DutyState.OPEN, offer__isnull=True)
    return list(rows.filter(owner_org__in=owners, handed_to="").order_by("id"))


def _tell_offer(duty: Duty, offered: Handover, actor: Actor) -> None:
    detail: dict[str, Any] = {"handover": offered.pk, "to": offered.to_org, "from": offered.from_org, "scope": offered.scope}
    tell(duty, EventKind.OFFERED, actor, why=offered.why, answer_by=offered.answer_by.isoformat(), **detail)
    _set_offer(duty, offered)


def _set_offer(duty: Duty, offered: Handover | None) -> None:
    duty.offer, duty.offered_to = offered, offered.to_org if offered is not None else ""
    duty.save(update_fields=["offer", "offered_to", *HELD_FIELDS])


# Answering


@contextmanager
def _answering(actor: Actor, handover_id: int, seen: int | None, *, theirs: bool) -> Iterator[tuple[Handover, list[Duty]]]:
    """The offer, open, and its open duties, locked. `theirs`: the side it was offered to acts, otherwise the side that offered."""
    found = Handover.objects.filter(pk=handover_id).first()
    if found is None:
        raise Refused("There is no such offer.")
    for permission in permissions(found.scope):
        require(actor, permission, selectors.subject_of(found.person_id))
    side, words = (found.to_org, "they answer it") if theirs else (found.from_org, "they can withdraw it")
    if side not in actor.organisations:
        verb = "offered to" if theirs else "offered by"
        raise Refused(f"This was {verb} {selectors.organisation_name(side)}: {words}.")
    with transaction.atomic():
        lock_person(found.person_id)
        offered = Handover.objects.select_related("answered_by").get(pk=handover_id)
        if not offered.is_open:
            by = f" by {offered.answered_by.display_name}" if offered.answered_by else ""
            raise Refused(f"This offer was {offered.state} on {clinician.datetime(offered.answered_at)}{by}. Nothing was changed.")
        duties = list(Duty.objects.filter(offer=offered, state=DutyState.OPEN).order_by("id"))
        if not duties and offered.scope == HandoverScope.DUTY:
            raise Refused("The duty was closed meanwhile: there is nothing left to hand over.")
        if later := selectors.later_events(selectors.duties_offered(offered), seen):
            raise Stale(later)
        yield offered, duties


def accept(actor: Actor, handover_id: int, *, why: str = "", seen: int | None = None) -> Written:
    """From now on it is the accepting organisation's. `seen`: the last event the page knew of, as `selectors.last_event`."""
    with _answering(actor, handover_id, seen, theirs=True) as (offered, duties):
        _check_still_theirs(offered, duties)
        today = clock.today()
        sides = f"{selectors.organisation_name(offered.to_org)} accepted it from {selectors.organisation_name(offered.from_org)}"
        detail: dict[str, Any] = {"label": f"{sides}, {clinician.date(today)} ({actor.display_name})"[:300]}
        if offered.scope == HandoverScope.MEDICINE:
            detail["ended"] = _end_assertions(offered, today)
        else:
            detail["before"] = handed(duties[0])
        events = _tell_answer(offered, duties, EventKind.ACCEPTED, actor, why=" ".join(why.split()), **detail)
        for duty in duties:
            if offered.scope == HandoverScope.DUTY:
                pass_to(duty, offered.to_org, detail["label"])
            _set_offer(duty, None)
        if offered.scope == HandoverScope.MEDICINE:
            _assert(offered, events[0], actor, detail["label"])
            request_evaluation(offered.person_id)
    return evaluated(offered.person_id) if offered.scope == HandoverScope.MEDICINE else Written(offered.person_id)


def decline_offer(actor: Actor, handover_id: int, *, why: str, seen: int | None = None) -> Written:
    """It stays where it is; the other side reads why."""
    words = needs_words(why, "Say why you do not take it: they need to know what to do next.")
    return _end(actor, handover_id, EventKind.OFFER_DECLINED, words, seen, theirs=True)


def withdraw(actor: Actor, handover_id: int, *, why: str, seen: int | None = None) -> Written:
    words = needs_words(why, "Say why the offer is withdrawn.")
    return _end(actor, handover_id, EventKind.WITHDRAWN, words, seen, theirs=False)


def _end(actor: Actor, handover_id: int, kind: EventKind, why: str, seen: int | None, *, theirs: bool) -> Written:
    with _answering(actor, handover_id, seen, theirs=theirs) as (offered, duties):
        _tell_answer(offered, duties, kind, actor, why=why)
        for duty in duties:
            _set_offer(duty, None)
    return Written(offered.person_id)


def _tell_answer(
    offered: Handover, duties: Sequence[Duty], kind: EventKind, actor: Actor, *, why: str, **detail: Any
) -> list[DutyEvent]:  # fmt: skip
    """The event on every duty it is about; on the one it was offered from when none of them is open any more."""
    offered.state = _ANSWERS[kind]
    offered.answered_at, offered.answered_by_id, offered.answer_why = clock.now(), actor.user_id, why
    offered.save(update_fields=["state", "answered_at", "answered_by", "answer_why"])
    common: dict[str, Any] = {"handover": offered.pk, "to": offered.to_org, "from": offered.from_org, "scope": offered.scope}
    return [tell(duty, kind, actor, why=why, **common, **detail) for duty in duties or [offered.duty]]


def _check_still_theirs(offered: Handover, duties: Sequence[Duty]) -> None:
    if offered.scope == HandoverScope.MEDICINE:
        now = owner_of_medicine(selectors.person(offered.person_id), offered.duty)
        today = clock.today()
        if agreements.overlapping(offered.person_id, offered.substance, today, today + timedelta(days=1)).exists():
            raise Refused("An agreement about this medicine has come into force since it was offered: decline it, with that as the reason.")
    else:
        now = duties[0].owner_org
    if now != offered.owner_was:
        name = selectors.organisation_name(now)
        raise Refused(f"The owner has changed since it was offered: it is now {name}. Decline it, with that as the reason.")


def _end_assertions(offered: Handover, today: date) -> list[list[Any]]:
    """Of two assertions of one day none would be the later: those before end where this one begins. Gives (id, end before)."""
    before = OwnerAssertion.objects.filter(person_id=offered.person_id, substance=offered.substance, undone_at__isnull=True)
    ended = []
    for row in before.exclude(to_on__lte=today):
        ended.append([row.pk, row.to_on.isoformat() if row.to_on else None])
        row.to_on = today
        row.save(update_fields=["to_on"])
    return ended


def _assert(offered: Handover, event: DutyEvent, actor: Actor, label: str) -> None:
    OwnerAssertion.objects.create(
        person_id=offered.person_id,
        recorded_at=event.at,
        recorded_by_id=actor.user_id,
        org_code=actor.organisation,
        label=label,
        event=event,
        substance=offered.substance,
        owner_org=offered.to_org,
        owner_role="",
        from_on=clock.today(),
    )


# Undoing an answer: the offer waits again


def undo_answer(actor: Actor, event: DutyEvent, *, why: str) -> bool:
    """Inside `services.undo`, the person locked. True when the engine has to read it."""
    offered = Handover.objects.get(pk=event.detail["handover"])
    if offered.state != _ANSWERS[EventKind(event.kind)]:
        raise Refused("This was already undone.")
    accepted = event.kind == EventKind.ACCEPTED
    duties = _waiting_again(offered, accepted=accepted)
    same = DutyEvent.objects.filter(kind=event.kind, duty__person_id=offered.person_id).select_related("duty")
    told = {row.duty_id: row for row in same if row.detail["handover"] == offered.pk and not row.superseded_by.exists()}
    if accepted and offered.scope == HandoverScope.MEDICINE:
        OwnerAssertion.objects.filter(event__in=told.values()).update(undone_at=clock.now())
        for pk, to_on in event.detail["ended"]:
            OwnerAssertion.objects.filter(pk=pk).update(to_on=date.fromisoformat(to_on) if to_on else None)
    offered.state, offered.answered_at, offered.answered_by, offered.answer_why = HandoverState.OPEN, None, None, ""
    offered.save(update_fields=["state", "answered_at", "answered_by", "answer_why"])
    for duty in duties:
        if (row := told.pop(duty.pk, None)) is not None:
            tell(duty, EventKind.UNDONE, actor, why=why, supersedes=row, undone=event.kind)
            derive(duty)
        elif offered.scope == HandoverScope.MEDICINE:
            _tell_offer(duty, offered, actor)  # it fell due since
        else:
            _undo_carried(duty, offered, event, actor, why)
    for row in told.values():  # what has closed since keeps its history
        tell(row.duty, EventKind.UNDONE, actor, why=why, supersedes=row, undone=event.kind)
    return accepted and offered.scope == HandoverScope.MEDICINE


def _undo_carried(duty: Duty, offered: Handover, event: DutyEvent, actor: Actor, why: str) -> None:
    """The answer was given on an earlier instance, whose arrangement this one carries on."""
    if event.kind == EventKind.ACCEPTED:
        release(duty)
        if before := event.detail["before"]["handed_to"]:
            pass_to(duty, before, event.detail["before"]["handed_label"])
    _set_offer(duty, offered)
    tell(duty, EventKind.UNDONE, actor, why=why, undone=event.kind, hand_over=handed(duty))


def _waiting_again(offered: Handover, *, accepted: bool) -> list[Duty]:
    """The open duties that an offer is about when it waits again. Refused when something else has happened to them."""
    holder = offered.to_org if accepted else offered.owner_was
    if offered.scope == HandoverScope.MEDICINE:
        again = Handover.objects.filter(person_id=offered.person_id, substance=offered.substance, pk__gt=offered.pk)
        if (other := again.exclude(state__in=(HandoverState.WITHDRAWN, HandoverState.DECLINED)).first()) is not None:
            raise Refused(f"Since then it was offered to {selectors.organisation_name(other.to_org)}: that comes first.")
        return _touched(offered, also=holder)
    lead = offered.duty
    duty = Duty.objects.filter(
        person_id=lead.person_id, rule_id=lead.rule_id, subject=lead.subject, point=lead.point, state=DutyState.OPEN
    ).first()
    if duty is None:
        raise Refused("The duty was closed since: there is nothing left to hand over.")
    if duty.offer_id is not None:
        raise Refused(f"Since then it was offered to {selectors.organisation_name(duty.offered_to)}: that comes first.")
    if duty.owner_org != holder:
        raise Refused(f"Since then it has become {selectors.organisation_name(duty.owner_org)}’s.")
    return [duty]
