"""Verbs of requests for service: ask, triage, redirect, advise, withdraw, close.

A request has one owner at every moment: the service asked first, until another has accepted it. Who cannot take somebody on names the
service that is asked next; if that one declines, the request is back with whoever named it, never with the person. Each verb writes its
event, the state, the way so far, duties and audit in one transaction; then the person is evaluated outside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction

from stepwell.errors import Refused
from stepwell.web.core import audit, clock
from stepwell.web.core.access import PatientSubject, RelationshipKind
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.acts import lock_person, needs_words
from stepwell.web.ledger.evaluation import reevaluate, request_evaluation
from stepwell.web.ledger.models import Relationship
from stepwell.web.privacy import restrict
from stepwell.web.service_requests import choices, clocks, duties, facts, selectors
from stepwell.web.service_requests.choices import CRISIS
from stepwell.web.service_requests.models import ENDED, OPEN, EventKind, RequestEvent, Service, ServiceRequest, State, Stop


@dataclass(frozen=True, slots=True)
class Done:
    """`up_to_date` is False when the duties could not be evaluated at once: a retry is waiting."""

    request_id: int
    person_id: int
    up_to_date: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked. `service_id` None: triage decides. `phoned`: whom the asker spoke to, for a crisis. `duty_id`: the duty that it was
    asked from."""

    kind: str
    urgency: str
    need: str
    why_now: str
    wish: str
    agreement: str
    service_id: int | None = None
    tried: str = ""
    phoned: str = ""
    duty_id: int | None = None


class Changed(Refused):
    """Somebody was faster. `events` are those since the page was opened, the oldest first."""

    def __init__(self, events: Sequence[RequestEvent]) -> None:
        self.events = list(events)
        super().__init__(f"Nothing was saved: this changed after you opened it ({'; '.join(told(event) for event in self.events[-3:])}).")


def told(event: RequestEvent) -> str:
    """`redirected to Northside therapy, Marcus Bell, 21-Nov-2026 06:10`"""
    to = f" to {event.offered_service.name}" if event.kind == EventKind.REDIRECTED and event.offered_service else ""
    who = event.by.display_name if event.by is not None else "Stepwell"
    return f"{EventKind(event.kind).label.lower()}{to}, {who}, {clinician.datetime(event.at)}"


# Asking


def ask(actor: Actor, person_id: int, asked: Asked, *, on: date | None = None) -> Done:
    """Ask for something for a person. It is owned, by the service that is asked or by the one that triages, before this returns.

    `on`: the day it was asked, for what is entered later.
    """
    subject = ledger.subject_of(person_id)
    require(actor, Permission.ASK_SERVICE, subject)
    words = _checked(asked)
    day = _day(on)
    person = ledger.person(person_id)
    if person.death_date is not None:
        raise Refused("This person has died: nothing can be asked for.")
    service = _chosen(asked, person.gp_org, day)
    duty = _duty(person_id, asked.duty_id)
    cut = restrict.cut_for(actor, [person])[person_id]
    if duty is not None and cut.hides(duty):
        raise Refused("There is no such duty of this person.")
    known = facts.gather(person, cut, ledger.open_duties_of(person_id), day)
    with transaction.atomic():
        lock_person(person_id)
        _not_twice(actor, person_id, asked.kind, words["need"])
        # The entry is read again inside: it may have ended since the form was opened.
        service = _open_service(service.pk)
        ticking = clocks.first_word(service, asked.urgency, clocks.moment_of(on))
        made = ServiceRequest.objects.create(
            person_id=person_id,
            kind=asked.kind,
            urgency=asked.urgency,
            agreement=asked.agreement,
            facts=known,
            duty=duty,
            undecided=asked.service_id is None,
            asked_org=actor.organisation,
            asked_by_id=actor.user_id,
            asked_on=day,
            owner_service=service,
            owner_org=service.organisation.code,
            clock_from=ticking.day0,
            due_on=ticking.due_on,
            step=1,
            **words,
        )
        _come(made, service, day, came_from=None)
        _tell(made, EventKind.ASKED, actor, day, undecided=made.undecided)
        _settle(actor, subject, made, {})
    return _done(made)


def _checked(asked: Asked) -> dict[str, str]:
    """The words of a request on their lines; Refused when something is missing."""
    if asked.kind not in choices.kinds():
        raise Refused("Choose what is asked for.")
    if asked.urgency not in choices.urgencies():
        raise Refused("Choose how soon.")
    if asked.agreement not in choices.agreements():
        raise Refused("Say whether the person agreed.")
    words = {
        "need": _text(asked.need, "Say what is needed."),
        "why_now": _text(asked.why_now, "Say why now."),
        "wish": _text(asked.wish, "Say what the person wants, in their words where you can."),
        "tried": asked.tried.strip(),
        "phoned": " ".join(asked.phoned.split()),
    }
    if CRISIS in (asked.urgency, asked.kind) and not words["phoned"]:
        raise Refused("Phone first: in a crisis a form is too slow. Then say whom you spoke to and what was agreed.")
    return words


def _not_twice(actor: Actor, person_id: int, kind: str, need: str) -> None:
    """The same words sent again (a second click, a form kept open) are the same request."""
    same = ServiceRequest.objects.filter(person_id=person_id, asked_org=actor.organisation, kind=kind, need=need, state__in=OPEN)
    if (found := same.select_related("owner_service").first()) is not None:
        raise Refused(f"This is asked already, of {found.owner_service.name} on {clinician.date(found.asked_on)}, and still open.")


def _text(text: str, ask_for: str) -> str:
    if not text.strip():
        raise Refused(ask_for)
    return text.strip()


def _day(on: date | None) -> date:
    if on is not None and on > clock.today():
        raise Refused("The day cannot be in the future.")
    return on or clock.today()


def _chosen(asked: Asked, gp_org: str, on: date) -> Service:
    if asked.service_id is None:
        found = selectors.first_door(asked.kind, gp_org, on)
        if found is None:
            raise Refused("No service here takes requests where triage decides: choose a service.")
        return found
    service = _open_service(asked.service_id)
    if asked.kind not in selectors.unbarred(service.kinds) and not service.any_kind:
        takes = ", ".join(choices.kind_label(key).lower() for key in selectors.unbarred(service.kinds))
        raise Refused(f"{service.name} takes on {takes}. Choose another service, or let triage decide.")
    return service


def _open_service(service_id: int) -> Service:
    """The service, taking requests, with somebody there to answer."""
    service = selectors.service_row(service_id)
    if service is None or service.ended_on is not None:
        raise Refused("This service takes no requests any more: choose another.")
    if service.organisation.code not in selectors.answering(clock.today()):
        raise Refused(f"Nobody at {service.organisation.name} can answer here: choose another service.")
    return service


def _duty(person_id: int, duty_id: int | None) -> Any:
    if duty_id is None:
        return None
    duty = ledger.duty_row(duty_id)
    if duty is None or duty.person_id != person_id:
        raise Refused("There is no such duty of this person.")
    return duty


# What every answer goes through


@contextmanager
def _acting(
    actor: Actor, request_id: int, permission: Permission, *, version: int | None, states: Sequence[State], by: str
) -> Iterator[ServiceRequest]:  # fmt: skip
    """The request, locked, in one of these states and the actor's side to act; what the body does is one transaction. `by`: `owner`,
    `with it` (the owner, or who is offered it) or `asker`. `version`: how many events the form had seen; None: no form."""
    person_id = selectors.person_of(request_id)
    if person_id is None:
        raise Refused("There is no such request.")
    subject = ledger.subject_of(person_id)
    require(actor, permission, subject)
    with transaction.atomic():
        lock_person(person_id)
        found = selectors.request_row(request_id)
        assert found is not None
        if version is not None and version != found.version:
            raise Changed(selectors.events_after(request_id, version) or selectors.events_of(request_id)[-1:])
        if found.state not in states:
            raise Refused(f"This request is {State(found.state).label.lower()}. Nothing was changed.")
        _check_side(actor, found, by)
        before = duties.wanted(found)
        yield found
        _settle(actor, subject, found, before)


def _check_side(actor: Actor, found: ServiceRequest, by: str) -> None:
    if by == "asker":
        if found.asked_org not in actor.organisations:
            raise Refused(f"{ledger.organisation_name(found.asked_org)} asked for this; they decide about it.")
        return
    sides = {found.owner_org} if by == "owner" else {found.owner_org, found.offered_org}
    if not sides & set(actor.organisations):
        raise Refused(f"This is with {found.owner_service.name}, {found.owner_service.organisation.name}: they answer it.")


def _settle(actor: Actor, subject: PatientSubject, found: ServiceRequest, before: duties.Wanted) -> None:
    """State, access and duties follow the event. `subject` is the person as the actor reached them when they acted: whoever sends a
    request back may not reach them any more after it."""
    found.save()
    _reach(found)
    duties.follow(actor, subject, found, before)
    request_evaluation(found.person_id)


def _reach(found: ServiceRequest) -> None:
    """Who was asked can open the record at once, and nobody because of a request that is over. The next evaluation says the same."""
    named = selectors.reach([found.person_id]).get(found.person_id, [])
    kind = RelationshipKind.REQUEST.value
    ours = Relationship.objects.filter(person_id=found.person_id, kind=kind, evidence__startswith=selectors.evidence(0)[:-1])
    ours.exclude(org_code__in=[code for code, *_ in named]).delete()
    for code, evidence, from_on, to_on in named:
        if code != found.person.gp_org:
            values = {"evidence": evidence, "from_on": from_on, "to_on": to_on}
            Relationship.objects.get_or_create(person_id=found.person_id, org_code=code, kind=kind, defaults=values)


def _done(found: ServiceRequest) -> Done:
    return Done(found.pk, found.person_id, reevaluate(found.person_id))


def _tell(
    found: ServiceRequest, kind: EventKind, actor: Actor, day: date, *, why: str = "", reason: str = "", outcome: str = "", **detail: Any
) -> RequestEvent:  # fmt: skip
    """Append the event, with whose the request is from now on, and its audit entry."""
    event = RequestEvent.objects.create(
        request=found, kind=kind, at=clock.now(), on=day, by_id=actor.user_id, role=actor.role, org_code=actor.organisation, why=why,
        reason=reason, outcome=outcome, owner_service=found.owner_service, owner_org=found.owner_org,
        offered_service=found.offered_service, due_on=found.due_on, detail=detail,
    )  # fmt: skip
    found.version += 1
    audit.record_write(
        actor, f"service request {kind.value}", person_id=found.person_id, subject_type="service request", subject_id=found.pk, reason=why
    )  # fmt: skip
    return event


def _move(found: ServiceRequest, state: State, *, clock_from: date | None = None, due_on: date | None = None) -> None:
    """The request is in this state from the event that is told next."""
    found.state, found.step = state, found.version + 1
    found.clock_from, found.due_on = clock_from, due_on
    if state != State.OFFERED:
        found.offered_service, found.offered_org = None, ""


def _own(found: ServiceRequest, service: Service) -> None:
    found.owner_service, found.owner_org = service, service.organisation.code


# The way so far


def _come(found: ServiceRequest, service: Service, day: date, *, came_from: Service | None) -> None:
    number = Stop.objects.filter(request=found).count() + 1
    Stop.objects.create(request=found, number=number, service=service, came_from=came_from, came_on=day)


def _stop(found: ServiceRequest, service: Service) -> Stop:
    """The latest stop at this service."""
    return Stop.objects.filter(request=found, service=service).order_by("-number")[0]


def _answer(found: ServiceRequest, service: Service, day: date, answer: str, **values: Any) -> None:
    """What the service said. Its first word stops the clock of the first answer; what it decides later stands in its place."""
    stop = _stop(found, service)
    stop.answer = answer
    stop.answered_on = stop.answered_on or day
    for name, value in values.items():
        setattr(stop, name, value)
    stop.save()


# Triage


def _with_us(actor: Actor, found: ServiceRequest, day: date) -> None:
    """Whoever was offered it and decides about it has accepted it: from here on it is theirs."""
    if found.offered_service is None or found.offered_org not in actor.organisations:
        if found.state == State.OFFERED:
            raise Refused(f"It is offered to {_named(found.offered_service)}: they answer, or you take it back first.")
        return
    taker = found.offered_service
    _own(found, taker)
    _move(found, State.TRIAGE, clock_from=found.clock_from, due_on=found.due_on)
    _answer(found, taker, day, EventKind.TAKEN_OVER.value)
    _tell(found, EventKind.TAKEN_OVER, actor, day)


def _named(service: Service | None) -> str:
    return f"{service.name}, {service.organisation.name}" if service is not None else "nobody"


_TRIAGED = (State.TRIAGE, State.OFFERED, State.TAKEN_ON)


def take_over(actor: Actor, request_id: int, *, version: int | None = None, on: date | None = None) -> Done:
    """Whoever was offered the request accepts it and decides later: it is theirs from now on, with the clock of the offer."""
    day = _day(on)
    with _acting(actor, request_id, Permission.TRIAGE_REQUESTS, version=version, states=(State.OFFERED,), by="with it") as found:
        if found.offered_org not in actor.organisations:
            raise Refused(f"It is offered to {_named(found.offered_service)}: they answer.")
        _with_us(actor, found, day)
    return _done(found)


def take_on(
    actor: Actor, request_id: int, *, outcome: str, why: str, seen_by: date, version: int | None = None, on: date | None = None
) -> Done:  # fmt: skip
    """Accept, see once, visit together or look after together (`outcome`, a key of `data/requests.yaml`); seen by a day."""
    if outcome not in choices.outcomes():
        raise Refused("Choose how it is taken on.")
    words = needs_words(why, "Say what happens next: the asker and the person want to know.")
    day = _day(on)
    if seen_by < day:
        raise Refused("Give the day by which they will be seen: today or later.")
    with _acting(actor, request_id, Permission.TRIAGE_REQUESTS, version=version, states=_TRIAGED, by="with it") as found:
        _with_us(actor, found, day)
        found.outcome, found.seen_by = outcome, seen_by
        _move(found, State.TAKEN_ON, clock_from=day, due_on=seen_by)
        stop = _stop(found, found.owner_service)
        _answer(found, found.owner_service, day, outcome, taken_on=stop.taken_on or day, why=words)
        _tell(found, EventKind.TAKEN_ON, actor, day, why=words, outcome=outcome, seen_by=seen_by.isoformat())
    return _done(found)


def advise(actor: Actor, request_id: int, *, advice: str, version: int | None = None, on: date | None = None) -> Done:
    """Answer with advice. It closes when the asker has confirmed reading it; until then the service has it."""
    words = _text(advice, "Write the advice.")
    day = _day(on)
    with _acting(actor, request_id, Permission.TRIAGE_REQUESTS, version=version, states=_TRIAGED, by="with it") as found:
        _with_us(actor, found, day)
        ticking = clocks.reading(found.asked_org, clocks.moment_of(on))
        _move(found, State.ADVISED, clock_from=ticking.day0, due_on=ticking.due_on)
        _answer(found, found.owner_service, day, EventKind.ADVISED.value, why=words)
        _tell(found, EventKind.ADVISED, actor, day, why=words)
    return _done(found)


def redirect(
    actor: Actor, request_id: int, *, to_service_id: int, reason: str, why: str, version: int | None = None, on: date | None = None
) -> Done:  # fmt: skip
    """Name the service that is right. The request stays with whoever redirects it until that service has accepted."""
    words = needs_words(why, "Say why, for the asker and for the service you name.")
    day = _day(on)
    with _acting(actor, request_id, Permission.TRIAGE_REQUESTS, version=version, states=_TRIAGED, by="with it") as found:
        _with_us(actor, found, day)
        if reason not in selectors.reasons_of(found.owner_org):
            raise Refused("Choose the reason.")
        if to_service_id == found.owner_service_id:
            raise Refused("Name another service: this one is redirecting it.")
        target = _open_service(to_service_id)
        owner = found.owner_service
        ticking = clocks.first_word(target, found.urgency, clocks.moment_of(on))
        _move(found, State.OFFERED, clock_from=ticking.day0, due_on=ticking.due_on)
        found.offered_service, found.offered_org = target, target.organisation.code
        found.outcome, found.seen_by = "", None
        found.redirects += 1
        _answer(found, owner, day, EventKind.REDIRECTED.value, reason=reason, why=words, went_to=target)
        _come(found, target, day, came_from=owner)
        _tell(found, EventKind.REDIRECTED, actor, day, why=words, reason=reason)
    return _done(found)


def not_for_us(actor: Actor, request_id: int, *, reason: str, why: str, version: int | None = None, on: date | None = None) -> Done:
    """Whoever was offered the request declines the redirection: it is back in the triage of the service that named them."""
    words = needs_words(why, "Say why, and whom you would ask: the service that named you reads it.")
    day = _day(on)
    with _acting(actor, request_id, Permission.TRIAGE_REQUESTS, version=version, states=(State.OFFERED,), by="with it") as found:
        declined = found.offered_service
        if declined is None or found.offered_org not in actor.organisations:
            raise Refused(f"It is offered to {_named(found.offered_service)}: they answer.")
        if reason not in selectors.reasons_of(found.offered_org):
            raise Refused("Choose the reason.")
        _answer(found, declined, day, EventKind.NOT_FOR_US.value, reason=reason, why=words)
        _back_to_triage(found, on)
        _tell(found, EventKind.NOT_FOR_US, actor, day, why=words, reason=reason, service=declined.pk)
    return _done(found)


def take_back(actor: Actor, request_id: int, *, why: str, version: int | None = None, on: date | None = None) -> Done:
    """The service that redirected it decides again, because the new one is silent or was named by mistake."""
    words = needs_words(why, "Say why it is taken back.")
    day = _day(on)
    with _acting(actor, request_id, Permission.TRIAGE_REQUESTS, version=version, states=(State.OFFERED,), by="owner") as found:
        offered = found.offered_service
        assert offered is not None
        _answer(found, offered, day, EventKind.TAKEN_BACK.value, why=words, answered_on=None)
        _back_to_triage(found, on)
        _tell(found, EventKind.TAKEN_BACK, actor, day, why=words, service=offered.pk)
    return _done(found)


def _back_to_triage(found: ServiceRequest, on: date | None) -> None:
    ticking = clocks.first_word(found.owner_service, found.urgency, clocks.moment_of(on))
    found.outcome, found.seen_by = "", None
    _move(found, State.TRIAGE, clock_from=ticking.day0, due_on=ticking.due_on)


def close(actor: Actor, request_id: int, *, why: str, version: int | None = None, on: date | None = None) -> Done:
    """What came of it, when the person has been seen or is in care: the request is over."""
    words = _text(why, "Say what came of it: seen when, by whom, and what follows.")
    day = _day(on)
    with _acting(actor, request_id, Permission.TRIAGE_REQUESTS, version=version, states=(State.TAKEN_ON,), by="owner") as found:
        _end(found, State.CLOSED, day)
        _tell(found, EventKind.CLOSED, actor, day, why=words)
    return _done(found)


def _end(found: ServiceRequest, state: State, day: date) -> None:
    assert state in ENDED
    _move(found, state)
    found.ended_on = day


# The asker


def read_advice(actor: Actor, request_id: int, *, why: str = "", version: int | None = None, on: date | None = None) -> Done:
    """ "I have read it and act on it": with that the request is closed."""
    day = _day(on)
    with _acting(actor, request_id, Permission.ASK_SERVICE, version=version, states=(State.ADVISED,), by="asker") as found:
        _end(found, State.CLOSED, day)
        _tell(found, EventKind.READ, actor, day, why=" ".join(why.split()))
    return _done(found)


def return_advice(actor: Actor, request_id: int, *, why: str, version: int | None = None, on: date | None = None) -> Done:
    """The advice does not answer what was asked: the service that advised has it in triage again."""
    words = needs_words(why, "Say what is still missing.")
    day = _day(on)
    with _acting(actor, request_id, Permission.ASK_SERVICE, version=version, states=(State.ADVISED,), by="asker") as found:
        _back_to_triage(found, on)
        _tell(found, EventKind.RETURNED, actor, day, why=words)
    return _done(found)


_BEFORE_THE_END = (State.TRIAGE, State.OFFERED, State.ADVISED, State.TAKEN_ON)


def withdraw(actor: Actor, request_id: int, *, why: str, version: int | None = None, on: date | None = None) -> Done:
    """The asker no longer asks for it."""
    words = needs_words(why, "Say why it is withdrawn: the service reads it.")
    day = _day(on)
    with _acting(actor, request_id, Permission.ASK_SERVICE, version=version, states=_BEFORE_THE_END, by="asker") as found:
        _end(found, State.WITHDRAWN, day)
        _tell(found, EventKind.WITHDRAWN, actor, day, why=words)
    return _done(found)
