"""The verbs: open a record without a relationship and end it, review it, mark an entry sensitive, set a house rule.

Each decides, writes its event and the audit in one transaction.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from django.db import transaction

from stepwell.errors import Refused
from stepwell.web.core import audit, clock
from stepwell.web.core.access import OrganisationSubject, PatientSubject, RelationshipKind, decide
from stepwell.web.core.actor import Actor
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission
from stepwell.web.privacy import house, selectors
from stepwell.web.privacy.keep import recompute
from stepwell.web.privacy.models import Closing, EntryKind, HouseSetting, Opening, Outcome, Review, SensitiveMark


def _words(text: str, ask: str) -> str:
    words = " ".join(text.split())
    if not words:
        raise Refused(ask)
    return words


# Break-glass


def open_record(actor: Actor, subject: PatientSubject, *, reason: str, why: str) -> Opening:
    """Open one record without a relationship, for an hour. The person's practice and the actor's organisation get a review.

    The caller has asked the member of staff again who they are. Refused where the record may be opened anyway.
    """
    require(actor, Permission.BREAK_GLASS)
    require(actor, Permission.VIEW_PATIENT)
    if reason not in house.reasons():
        raise Refused("Choose the reason.")
    words = _words(why, "Say in a sentence why you need this record now.")
    if decide(actor, Permission.VIEW_PATIENT, subject).allow:
        raise Refused("You may open this record already.")
    now = clock.now()
    with transaction.atomic():
        opening = Opening.objects.create(
            person_id=subject.person_id,
            by_id=actor.user_id or 0,
            role=actor.role,
            org_code=actor.organisation,
            reason=reason,
            why=words,
            at=now,
            until=now + timedelta(minutes=house.minutes()),
        )
        for org_code in sorted({actor.organisation} | _practices(subject)):
            due_on = clock.today() + timedelta(days=selectors.setting(org_code, "review_days"))
            Review.objects.create(opening=opening, org_code=org_code, due_on=due_on)
        audit.record_write(
            actor,
            Permission.BREAK_GLASS,
            person_id=subject.person_id,
            subject_type="opening",
            subject_id=opening.pk,
            reason=f"{house.reason_words(reason)}: {words}",
            evidence=selectors.evidence_of(opening.pk),
        )
    return opening


def _practices(subject: PatientSubject) -> set[str]:
    held = (each for each in subject.relationships if each.kind is RelationshipKind.REGISTRATION and each.in_force(subject.on))
    return {each.organisation for each in held}


def end_opening(actor: Actor, opening_id: int) -> None:
    """End what one opened, before its time; ending it twice changes nothing."""
    require(actor, Permission.BREAK_GLASS)
    with transaction.atomic():
        opening = Opening.objects.filter(pk=opening_id, by_id=actor.user_id, org_code=actor.organisation).first()
        if opening is None:
            raise Refused("You have no such record open.")
        now = clock.now()
        created = opening.until > now and Closing.objects.get_or_create(opening=opening, defaults={"at": now})[1]
        if not created:
            audit.record_write(actor, "end break glass again", subject_type="opening", subject_id=opening.pk)
            return
        audit.record_write(
            actor,
            "end break glass",
            person_id=opening.person_id,
            subject_type="opening",
            subject_id=opening.pk,
            evidence=selectors.evidence_of(opening.pk),
        )


def record_outcome(actor: Actor, review_id: int, *, outcome: str, words: str) -> Outcome:
    """What the review found. A later outcome holds instead of an earlier one, which stays on record."""
    require(actor, Permission.REVIEW_ACCESS, OrganisationSubject(actor.organisation))
    if outcome not in house.outcomes():
        raise Refused("Choose what you found.")
    told = _words(words, "Say what you found and what follows from it.")
    with transaction.atomic():
        review = Review.objects.filter(pk=review_id, org_code=actor.organisation).first()
        if review is None:
            raise Refused("There is no such review at your organisation.")
        if review.opening.by_id == actor.user_id:
            raise Refused("You opened this record yourself: somebody else has to review it.")
        found = Outcome.objects.create(
            review=review, outcome=outcome, words=told, at=clock.now(), by_id=actor.user_id or 0, role=actor.role
        )  # fmt: skip
        audit.record_write(
            actor,
            "review break glass",
            person_id=review.opening.person_id,
            subject_type="review",
            subject_id=review.pk,
            reason=f"{outcome}: {told}",
            evidence=selectors.evidence_of(review.opening_id),
        )
    return found


# Sensitive entries


def mark_sensitive(
    actor: Actor, subject: PatientSubject, *, kind: str, key: str, organisations: Collection[str], why: str
) -> SensitiveMark:  # fmt: skip
    """Only these organisations see the entry from now on, and in them the roles that may see such entries.

    The caller has checked that the entry is one of this person's. The practice and the marking organisation are not added here:
    the form proposes them; leaving the own organisation out is refused, because nobody could undo it there.
    """
    require(actor, Permission.SEE_SENSITIVE, subject)
    words = _words(why, "Say why it is sensitive.")
    if kind not in EntryKind.values or not key:
        raise Refused("Choose the entry.")
    named = frozenset(organisations)
    if actor.organisation not in named:
        raise Refused("Your own organisation must keep seeing it.")
    with transaction.atomic():
        if any(mark.kind == kind and mark.key == key for mark in selectors.marks_of([subject.person_id])):
            raise Refused("This entry is marked sensitive already. To change who sees it, take the mark off first.")
        return _append_mark(actor, subject.person_id, kind, key, named, words, None)


def take_mark_off(actor: Actor, subject: PatientSubject, mark_id: int, *, why: str) -> SensitiveMark:
    """Everybody who may open the record sees the entry again. The mark stays in the history."""
    require(actor, Permission.SEE_SENSITIVE, subject)
    words = _words(why, "Say why it is no longer sensitive.")
    with transaction.atomic():
        row = selectors.mark_row(subject.person_id, mark_id)
        named = frozenset(part for part in row.organisations.split("|") if part) if row else frozenset()
        if row is None or actor.organisation not in named:
            raise Refused("There is no such mark that you may take off.")
        return _append_mark(actor, subject.person_id, row.kind, row.key, named, words, row)


def _append_mark(  # noqa: PLR0917
    actor: Actor, person_id: int, kind: str, key: str, organisations: frozenset[str], why: str, undoes: SensitiveMark | None
) -> SensitiveMark:  # fmt: skip
    mark = SensitiveMark.objects.create(
        person_id=person_id,
        kind=kind,
        key=key,
        organisations="|" + "".join(f"{code}|" for code in sorted(organisations)),
        why=why,
        at=clock.now(),
        by_id=actor.user_id or 0,
        role=actor.role,
        org_code=actor.organisation,
        undoes=undoes,
    )
    # The trail is read by more people than may see the entry: it names the kind and the row, not the entry.
    action = "mark sensitive" if undoes is None else "take sensitive mark off"
    audit.record_write(
        actor, action, person_id=person_id, subject_type=f"sensitive {kind}", subject_id=mark.pk, reason="reason on the mark"
    )
    # Lists follow at once.
    recompute([person_id])
    return mark


# House rules


def change_setting(actor: Actor, *, name: str, value: int) -> None:
    """Set one house rule of the actor's organisation."""
    require(actor, Permission.REVIEW_ACCESS, OrganisationSubject(actor.organisation))
    kind = house.settings().get(name)
    if kind is None:
        raise Refused("There is no such setting.")
    if not kind.least <= value <= kind.most:
        raise Refused(f"{kind.label}: enter a number from {kind.least} to {kind.most}.")
    with transaction.atomic():
        before = selectors.setting(actor.organisation, name)
        if before == value:
            return
        HouseSetting.objects.create(org_code=actor.organisation, name=name, value=value, at=clock.now(), by_id=actor.user_id)
        audit.record_write(actor, "change privacy setting", subject_type="setting", subject_id=name, reason=f"{before} → {value}")
