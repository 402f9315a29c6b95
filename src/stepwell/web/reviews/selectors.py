"""Reads of reviews: of a person, of a medicine, one review with what it decided, drafts left open.

for review in reviews_of(person_id): ...            # those that were held, the newest first
for row in decisions_of(review): row.substance, row.decision, row.follow_up_on, row.answers
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from django.db.models import F, Max, Q, QuerySet

from stepwell.web.core import clock, traces
from stepwell.web.core.actor import Actor
from stepwell.web.core.once import once
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.models import Duty
from stepwell.web.ledger.raised import rule_of
from stepwell.web.privacy.restrict import Cut
from stepwell.web.reviews.models import Decided, RecordAct, RecordEvent, Review, ReviewAct, ReviewEvent, ReviewState

VERSIONS = (ReviewAct.CLOSED, ReviewAct.AMENDED)
# The duties that reviews raise, and which of them another review answers.
SOURCE, FOLLOW_UP = "medicine review", "follow-up"
FOLLOWED = rule_of(SOURCE)


def _rows() -> QuerySet[Review]:
    return Review.objects.select_related("person")


def review_row(review_id: int) -> Review | None:
    return _rows().filter(pk=review_id).first()


@once
def reviews_of(person_id: int) -> list[Review]:
    """Reviews that were held, the newest first; drafts and what was entered in error are not among them."""
    if not traces.any_of(Review, person_id):
        return []
    return list(_rows().filter(person_id=person_id, state=ReviewState.CLOSED).order_by("-held_on", "-pk"))


def in_error_of(person_id: int) -> list[Review]:
    """Reviews that were taken back, the newest first."""
    return list(_rows().filter(person_id=person_id, state=ReviewState.IN_ERROR).order_by("-held_on", "-pk"))


def decisions_of(review: Review, version: int | None = None) -> list[Decided]:
    """What a review decided, by medicine: the version in force, or an earlier one. Empty for a draft."""
    return list(Decided.objects.filter(review=review, version=version or review.version).order_by("pk"))


@once
def decisions_in_force(person_id: int) -> list[Decided]:
    """Every decision of every review of a person that stands, the newest first."""
    if not traces.any_of(Decided, person_id):
        return []
    found = Decided.objects.filter(person_id=person_id, review__state=ReviewState.CLOSED).select_related("review")
    return [row for row in found.order_by("-held_on", "-pk") if row.version == row.review.version]


def last_review_of(person_id: int, substance: str) -> Decided | None:
    """What the newest review of this medicine decided (`.review` is the review); None when it was never reviewed here."""
    return next((row for row in decisions_in_force(person_id) if row.substance == substance), None)


def last_reviews_of(person_id: int) -> dict[str, Decided]:
    """The same for every medicine that was reviewed."""
    found: dict[str, Decided] = {}
    for row in decisions_in_force(person_id):
        found.setdefault(row.substance, row)
    return found


def decided_at(org_codes: Iterable[str], since: date, until: date) -> list[Decided]:
    """What reviews of these organisations decided from `since` to `until`, of the versions in force, with the person. Not limited to whom
    anybody may open."""
    found = Decided.objects.filter(review__org_code__in=list(org_codes), review__state=ReviewState.CLOSED, held_on__range=(since, until))
    rows = found.filter(version=F("review__version")).select_related("review", "person")
    return list(rows.order_by("held_on", "pk"))


def shown(rows: Iterable[Decided], cut: Cut) -> list[Decided]:
    """Decisions without those about medicines that this reader is not shown."""
    return [row for row in rows if not cut.hides_medicine(row.substance)]


def events_of(review_id: int) -> list[ReviewEvent]:
    """Everything that was done with a review, the oldest first."""
    return list(ReviewEvent.objects.filter(review_id=review_id).order_by("pk"))


def version_event(review: Review, version: int) -> ReviewEvent | None:
    """The event that made a version."""
    rows = ReviewEvent.objects.filter(review=review, act__in=VERSIONS).order_by("pk")
    return next((row for row in rows if row.detail.get("version") == version), None)


def follow_ups(review: Review, duties: Iterable[Duty]) -> dict[int, tuple[str, ...]]:
    """Of open duties those that earlier reviews of this person raised to be followed up: duty → the medicines they are about."""
    found: dict[int, tuple[str, ...]] = {}
    for duty in duties:
        if duty.rule_id != FOLLOWED or duty.subject == str(review.pk) or not duty.subject.isdigit():
            continue
        earlier = review_row(int(duty.subject))
        event = version_event(earlier, earlier.version) if earlier is not None else None
        for row in event.detail["raised"] if event is not None else []:
            if row["point"] == duty.point and row["what"] == FOLLOW_UP:
                found[duty.pk] = tuple(row["about"])
    return found


# Drafts


def draft_of(actor: Actor, person_id: int) -> Review | None:
    """The review of this person that the actor is writing, if any."""
    if not traces.any_of(Review, person_id):
        return None
    found = _rows().filter(person_id=person_id, draft_by_id=actor.user_id, org_code__in=actor.organisations)
    return found.filter(state=ReviewState.DRAFT).order_by("-pk").first()


def drafts_for(actor: Actor) -> list[Review]:
    """What the actor is writing, amendments too, the oldest first; of people whose record is open to them."""
    if actor.user_id is None:
        return []
    found = _rows().filter(draft_by_id=actor.user_id, org_code__in=actor.organisations)
    found = found.filter(Q(state=ReviewState.DRAFT) | Q(state=ReviewState.CLOSED))
    return list(found.filter(person_id__in=ledger.visible_ids(actor, clock.today())).order_by("begun_at", "pk"))


def others_drafts(actor: Actor, person_id: int) -> list[Review]:
    """Drafts of colleagues about a person: that they exist, and whose they are; what is in them is theirs."""
    if not traces.any_of(Review, person_id):
        return []
    found = _rows().filter(person_id=person_id, state=ReviewState.DRAFT, org_code__in=actor.organisations)
    return list(found.exclude(draft_by_id=actor.user_id).order_by("pk"))


def closings(person_ids: Iterable[int]) -> dict[int, datetime]:
    """Of these people: when their newest closed review was closed."""
    rows = Review.objects.filter(person_id__in=list(person_ids), state=ReviewState.CLOSED, closed_at__isnull=False)
    return dict(rows.values("person_id").annotate(newest=Max("closed_at")).values_list("person_id", "newest"))


# The defensible record


def records_of(review: Review, substance: str) -> list[RecordEvent]:
    """Signed versions of the record of one decision, the newest first."""
    found = RecordEvent.objects.filter(review=review, substance=substance, act=RecordAct.SIGNED)
    return list(found.order_by("-number"))


def record_draft(review: Review, substance: str) -> RecordEvent | None:
    """What was last saved or signed: where writing goes on."""
    return RecordEvent.objects.filter(review=review, substance=substance).order_by("-pk").first()


def signed_of(review: Review) -> dict[str, RecordEvent]:
    """By medicine the newest signed record."""
    rows = RecordEvent.objects.filter(review=review, act=RecordAct.SIGNED).order_by("number")
    return {row.substance: row for row in rows}
