"""The verbs of reviews: save a draft, close it, amend it, take it back.

A draft belongs to whoever writes it. Every save is an event with what changed; `seen` is how much of the review's history the form
knew: `Changed` when there is more. Closing writes the version, what it decided, the duties it answers and those it opens, and the audit
in one transaction; then the person is evaluated. Nothing is deleted: an amendment is a new version, taking back is an event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction
from django.urls import reverse

from stepwell.errors import Refused
from stepwell.web.core import audit, clock
from stepwell.web.core.access import PatientSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger import services as ledger_services
from stepwell.web.ledger.acts import acting_organisation, lock_person, needs_words
from stepwell.web.ledger.evaluation import reevaluate
from stepwell.web.ledger.models import EventKind
from stepwell.web.privacy import restrict
from stepwell.web.reviews import asks, closing, facts, selectors
from stepwell.web.reviews.asks import Value, Values
from stepwell.web.reviews.choices import choices
from stepwell.web.reviews.closing import Answer, Chosen
from stepwell.web.reviews.models import Decided, Review, ReviewAct, ReviewEvent, ReviewState
from stepwell.web.reviews.selectors import SOURCE


@dataclass(frozen=True, slots=True)
class Saved:
    """`seen`: the revision that a form has seen after this."""

    review_id: int
    person_id: int
    seen: int


@dataclass(frozen=True, slots=True)
class Closed:
    """`up_to_date` is False when the duties could not be evaluated at once: a retry is waiting."""

    review_id: int
    person_id: int
    up_to_date: bool


class Changed(Refused):
    """The draft was changed after the page was opened. `changes`: what, in words; `seen`: the revision that has them."""

    def __init__(self, changes: Sequence[str], seen: int) -> None:
        self.changes, self.seen = list(changes), seen
        super().__init__("Nothing was saved: this review was changed after you opened this page. What you typed is kept below.")


class Missing(Refused):
    """It cannot be closed yet; `problems` say what to do."""

    def __init__(self, problems: Sequence[closing.Problem]) -> None:
        self.problems = list(problems)
        super().__init__(problems[0].text)


# Drafts


def begin(actor: Actor, person_id: int, *, kind: str, values: Values) -> Saved:
    """A new draft. Refused: a kind that the knowledge base does not have; a draft of the actor about this person that is open."""
    require(actor, Permission.REVIEW_MEDICINES, ledger.subject_of(person_id))
    if kind not in facts.kinds():
        raise Refused("Choose the kind of review.")
    today, now = clock.today(), clock.moment()
    with transaction.atomic():
        person = lock_person(person_id)
        if (before := selectors.draft_of(actor, person_id)) is not None:
            raise Refused(
                f"You have a draft about this person already, of {clinician.datetime(before.begun_at)}. Go on with it, or discard it."
            )
        review = Review.objects.create(
            person=person, kind=kind, held_on=asks.kept_day(values, asks.HELD_ON) or today, author_id=user_of(actor),
            author_name=actor.display_name, author_role=actor.role, org_code=actor.organisation, begun_at=now, draft=dict(values),
            draft_by_id=actor.user_id,
        )  # fmt: skip
        _tell(review, ReviewAct.BEGUN, actor, changes=dict(values), kind=kind)
        return Saved(review.pk, person_id, review.revision)


def save(actor: Actor, review_id: int, values: Values, *, carried: Sequence[str], seen: int, kind: str = "") -> Saved:
    """Keep what the form holds. `carried`: the names of the fields that it had; others stay as they are. A save that changes nothing
    writes nothing. A draft may be moved to another kind."""
    with _writing(actor, review_id, seen) as review:
        before: dict[str, Value] = dict(review.draft or {})
        kept = {name: value for name, value in before.items() if name not in set(carried)}
        changes = asks.changed(before, {**kept, **values})
        moved = bool(kind) and kind != review.kind and review.version == 0 and kind in facts.kinds()
        if changes or moved:
            review.draft = asks.merged(before, changes)
            if moved:
                review.kind = kind
            _tell(review, ReviewAct.SAVED, actor, changes=changes, **({"kind": kind} if moved else {}))
        return Saved(review.pk, review.person_id, review.revision)


def discard(actor: Actor, review_id: int, *, seen: int) -> Saved:
    """Nobody closed it and nobody will; of an amendment the version in force stays."""
    with _writing(actor, review_id, seen) as review:
        review.draft, review.draft_by = None, None
        if review.version == 0:
            review.state = ReviewState.DISCARDED
        _tell(review, ReviewAct.DISCARDED, actor)
        return Saved(review.pk, review.person_id, review.revision)


def amend(actor: Actor, review_id: int) -> Saved:
    """Begin another version of a closed review, from the one in force; it stands until the new one is closed."""
    with _locked(actor, review_id) as review:
        _must_stand(actor, review)
        if review.draft is not None:
            if review.draft_by_id == actor.user_id:
                return Saved(review.pk, review.person_id, review.revision)
            raise Refused("A colleague is amending this review. Wait until they have closed or discarded it.")
        review.draft, review.draft_by_id = dict(review.content), actor.user_id
        _tell(review, ReviewAct.AMENDING, actor)
        return Saved(review.pk, review.person_id, review.revision)


# Closing


def close(
    actor: Actor, review_id: int, *, seen: int, done: Sequence[str], left: Mapping[str, str], shown: Sequence[int] | None = None
) -> Closed:  # fmt: skip
    """The draft becomes the version in force. `done`: keys of `closing.Answer` that are closed by it; `left`: of those proposed and not
    closed, the reason; `shown`: the duties that the page had shown, refused when there are others by now.

    Raises Missing (what has to be put right), Changed, Refused.
    """
    with _writing(actor, review_id, seen) as review:
        values: dict[str, Value] = dict(review.draft or {})
        view = view_of(actor, review, values)
        if found := closing.problems(view.sheet, values, view.medicines, clock.today()):
            raise Missing(found)
        if shown is not None and {duty.pk for each in view.answers for duty in each.duties} != set(shown):
            raise Refused("The duties about these medicines changed while this page was open: look at them again.")
        held = asks.kept_day(values, asks.HELD_ON) or clock.today()
        kept = _left(view.answers, done, left)
        amended = review.version > 0
        raised_before = _raised(review)
        review.version += 1
        review.content, review.draft, review.draft_by, review.held_on = values, None, None, held
        review.closed_at, review.state = clock.moment(), ReviewState.CLOSED
        subject = ledger.subject_of(review.person_id)
        why = closing.summary(view.made, facts.kind_label(review.kind))
        settled = [_close_duties(actor, subject, each, held=held, why=why) for each in view.answers if each.key in done]
        raised = _open_duties(actor, subject, review, view.made, held=held, before=raised_before)
        act = ReviewAct.AMENDED if amended else ReviewAct.CLOSED
        event = _tell(
            review, act, actor, version=review.version, held_on=held.isoformat(), kind=review.kind, content=values,
            closed=_carried(review) + settled, left=kept, raised=raised,
        )  # fmt: skip
        _decide(review, event, view.made, held)
    return Closed(review.pk, review.person_id, reevaluate(review.person_id))


@dataclass(frozen=True, slots=True)
class View:
    """A draft as its writer sees it: fields, the record's facts, what it decides, which duties that answers."""

    sheet: asks.Sheet
    medicines: Sequence[facts.MedicineFacts]
    made: Sequence[Chosen]
    answers: Sequence[Answer]


def view_of(actor: Actor, review: Review, values: Values) -> View:
    """What the page of a draft, and closing it, work with: cut for its writer."""
    person = ledger.person(review.person_id)
    cut = restrict.cut_for(actor, [person])[person.person_id]
    duties = cut.shown(ledger.open_duties_of(person.person_id))
    last = {row.substance: row for row in selectors.shown(selectors.last_reviews_of(person.person_id).values(), cut)}
    medicines = facts.of_record(person, last, duties, {})
    listed = [each.substance for each in medicines if facts.covered(each.substance)]
    listed += [name for name in asks.substances_in(values) if name not in listed and not cut.hides_medicine(name)]
    sheet = asks.sheet(listed)
    made = closing.decided(sheet, values)
    held = asks.kept_day(values, asks.HELD_ON) or clock.today()
    taken = frozenset(row["substance"] for row in person.medicines)
    standing = closing.Open(duties, selectors.follow_ups(review, duties), taken)
    found = closing.answers(actor, review.kind, made, standing, held)
    return View(sheet, medicines, made, found)


def _left(answers: Sequence[Answer], done: Sequence[str], left: Mapping[str, str]) -> list[dict[str, Any]]:
    """The duties that this kind of review would answer and that stay open, each with the reason."""
    can = {each.key for each in answers if not each.elsewhere}
    if set(done) - can:
        raise Refused("The duties about these medicines changed while this page was open: look at them again.")
    found = []
    for each in answers:
        if each.proposed and each.key not in done:
            reason = " ".join(left.get(each.key, "").split())
            if not reason:
                raise Refused(f"Say why this stays open: {each.duties[0].title}")
            found.append({"key": each.key, "duties": [duty.pk for duty in each.duties], "why": reason})
    return found


def _close_duties(actor: Actor, subject: PatientSubject, answer: Answer, *, held: date, why: str) -> dict[str, Any]:
    """One statement for all that wait for the same thing; what was done is kept, so that it can be undone with the review."""
    first = answer.duties[0]
    told: dict[str, Any] = {"key": answer.key, "duties": [duty.pk for duty in answer.duties]}
    if answer.key.startswith(closing.FOLLOWING):
        ledger_services.settle_raised(
            actor, subject, source=SOURCE, source_id=first.subject, point=first.point, on=held, how="done", why=why
        )  # fmt: skip
        return told | {"followed": [int(first.subject), first.point]}
    ledger_services.done_with_review(actor, first.pk, on=held, why=why, evaluate=False)
    events = [event for event in ledger.events_of([first]) if event.kind in (EventKind.ANSWERED, EventKind.RESULT)]
    return told | {"event": events[0].pk}


def _open_duties(
    actor: Actor, subject: PatientSubject, review: Review, made: Sequence[Chosen], *, held: date, before: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:  # fmt: skip
    owner = acting_organisation(actor, review.person_id)
    when = f"medicine review of {clinician.date(held)}"
    found = []
    for each, point in closing.points(closing.openings(made, held, clock.today()), before):
        _raise(actor, subject, review, point, what=each.what, owner=owner, due_on=each.due_on, why=when)
        found.append(
            {"key": each.key, "point": point, "what": each.what, "due_on": each.due_on.isoformat(), "about": list(each.about)}
        )  # fmt: skip
    for row in before:
        if row["point"] not in {one["point"] for one in found}:
            _settle(actor, subject, review, row["point"], how="superseded", why="the review was amended")
    return found


def _raise(
    actor: Actor, subject: PatientSubject, review: Review, point: str, *, what: str, owner: str, due_on: date, why: str
) -> None:  # fmt: skip
    ledger_services.raise_duty(
        actor, subject, source=SOURCE, source_id=str(review.pk), point=point, points=choices().points[what], title=closing.TITLES[what],
        owner_org=owner, due_on=due_on, why=why, source_label="medicine review", action_url=_address(review),
    )  # fmt: skip


def _ask_again(actor: Actor, subject: PatientSubject, review_id: int, point: str) -> None:
    """The follow-up of an earlier review, which the one entered in error had settled."""
    earlier = selectors.review_row(review_id)
    row = next((row for row in _raised(earlier) if row["point"] == point), None) if earlier is not None else None
    if earlier is None or row is None or earlier.state != ReviewState.CLOSED:
        return
    owner, due = acting_organisation(actor, earlier.person_id), date.fromisoformat(row["due_on"])
    why = f"medicine review of {clinician.date(earlier.held_on)}; the review that followed it was entered in error"
    _raise(actor, subject, earlier, point, what=row["what"], owner=owner, due_on=due, why=why)


def _raised(review: Review) -> list[dict[str, Any]]:
    """What the version in force asks for."""
    event = selectors.version_event(review, review.version) if review.version else None
    return list(event.detail["raised"]) if event is not None else []


def _carried(review: Review) -> list[dict[str, Any]]:
    """What earlier versions closed: it stays closed by this one."""
    event = selectors.version_event(review, review.version - 1) if review.version > 1 else None
    return list(event.detail["closed"]) if event is not None else []


def _decide(review: Review, event: ReviewEvent, made: Sequence[Chosen], held: date) -> None:
    for one in made:
        Decided.objects.create(
            event=event, review=review, person_id=review.person_id, version=review.version, held_on=held, substance=one.substance,
            decision=one.decision, label=one.option.label, reason=one.reason, follow_up_on=one.follow_up, answers=dict(one.answers),
        )  # fmt: skip


def reduction_planned(actor: Actor, review_id: int, person_id: int, substance: str, *, why: str = "the reduction plan was made") -> bool:
    """The plan that a review of this person decided was made: its duty is settled. Called within the transaction that makes the plan.
    False when there is no such duty."""
    review = selectors.review_row(review_id)
    if review is None or review.state != ReviewState.CLOSED or review.person_id != person_id:
        return False
    subject = ledger.subject_of(review.person_id)
    require(actor, Permission.VIEW_PATIENT, subject)
    row = next((row for row in _raised(review) if row["key"] == f"{closing.REDUCTION}.{substance}"), None)
    return row is not None and _settle(actor, subject, review, row["point"], how="done", why=why)


# Taking back


def enter_in_error(actor: Actor, review_id: int, *, why: str, seen: int) -> Closed:
    """It was not so: what it closed is open again, what it asked for is asked no longer. The review stays readable as what it was."""
    words = needs_words(why, "Say what was wrong with it.")
    with _locked(actor, review_id) as review:
        _must_stand(actor, review)
        _check_seen(review, seen)
        subject = ledger.subject_of(review.person_id)
        event = selectors.version_event(review, review.version)
        undone = []
        for row in event.detail["closed"] if event is not None else []:
            if "followed" in row:
                _ask_again(actor, subject, *row["followed"])
                undone.append(row["key"])
                continue
            try:
                ledger_services.undo(actor, row["event"], why=f"the medicine review was entered in error: {words}", evaluate=False)
                undone.append(row["key"])
            except Refused:
                continue  # somebody undid it before
        for row in _raised(review):
            _settle(actor, subject, review, row["point"], how="superseded", why="the medicine review was entered in error")
        review.state, review.draft, review.draft_by = ReviewState.IN_ERROR, None, None
        _tell(review, ReviewAct.IN_ERROR, actor, words, undone=undone)
    return Closed(review.pk, review.person_id, reevaluate(review.person_id))


# What every verb goes through


@contextmanager
def _locked(actor: Actor, review_id: int) -> Iterator[Review]:
    found = selectors.review_row(review_id)
    if found is None:
        raise Refused("There is no such review.")
    require(actor, Permission.REVIEW_MEDICINES, ledger.subject_of(found.person_id))
    with transaction.atomic():
        lock_person(found.person_id)
        review = Review.objects.get(pk=review_id)
        yield review
        review.save()


@contextmanager
def _writing(actor: Actor, review_id: int, seen: int) -> Iterator[Review]:
    """The draft of the one who writes it, as they had seen it."""
    with _locked(actor, review_id) as review:
        if review.draft is None:
            raise Refused(f"This review is no draft any more: {ReviewState(review.state).label.lower()}. Nothing was changed.")
        if review.draft_by_id != actor.user_id or review.org_code not in actor.organisations:
            raise Refused("This draft is a colleague’s: a draft belongs to whoever writes it.")
        _check_seen(review, seen)
        yield review


def _check_seen(review: Review, seen: int) -> None:
    if seen == review.revision:
        return
    later = list(ReviewEvent.objects.filter(review=review).order_by("pk"))[max(seen, 0) :]
    told = []
    for event in later or list(ReviewEvent.objects.filter(review=review).order_by("-pk")[:1]):
        names = ", ".join(asks.label_of(name) for name in event.detail.get("changes", {}))
        told.append(f"{ReviewAct(event.act).label} by {event.by_name}, {clinician.datetime(event.at)}{f': {names}' if names else ''}")
    raise Changed(told, review.revision)


def _must_stand(actor: Actor, review: Review) -> None:
    if review.state != ReviewState.CLOSED:
        raise Refused(f"This review is {ReviewState(review.state).label.lower()}: nothing was changed.")
    if review.org_code not in actor.organisations:
        raise Refused(f"{ledger.organisation_name(review.org_code)} held this review; they can change it.")


def _tell(review: Review, act: ReviewAct, actor: Actor, why: str = "", **detail: Any) -> ReviewEvent:
    event = ReviewEvent.objects.create(
        review=review, act=act, why=why, detail=detail, at=clock.moment(), by_id=user_of(actor), by_name=actor.display_name,
        role=actor.role, org_code=actor.organisation,
    )  # fmt: skip
    review.revision += 1
    Review.objects.filter(pk=review.pk).update(revision=review.revision)
    audit.record_write(actor, f"review {act.value}", person_id=review.person_id, subject_type="medicine review", subject_id=review.pk)
    return event


def _settle(actor: Actor, subject: PatientSubject, review: Review, point: str, *, how: str, why: str) -> bool:
    return ledger_services.settle_raised(
        actor, subject, source=SOURCE, source_id=str(review.pk), point=point, on=clock.today(), how=how, why=why
    )  # fmt: skip


def _address(review: Review) -> str:
    return reverse("reviews:show_review", args=[review.pk])


def user_of(actor: Actor) -> int:
    """The one who writes: reviews are the work of people."""
    if actor.user_id is None:
        raise Refused("A review is written by somebody who is signed in.")
    return actor.user_id
