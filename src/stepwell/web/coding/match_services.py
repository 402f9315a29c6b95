"""Deciding whether two records are of one person, and taking that back. The links are the store's; the event says who and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import transaction

from stepwell.errors import Refused
from stepwell.records import people
from stepwell.web.coding import match_selectors
from stepwell.web.coding.models import MatchEvent
from stepwell.web.core import audit, clock
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import workflow
from stepwell.web.ledger.evaluation import evaluate_again, open_store

SAME, APART, PARTED = "same", "apart", "parted"


@dataclass(frozen=True, slots=True)
class Matched:
    """`up_to_date` False: the decision stands, duties of the people are still being worked out."""

    event: MatchEvent
    up_to_date: bool


def decide(actor: Actor, key: str, *, same: bool, why: str) -> Matched:
    """Settle a pair of the queue. Refused when it is gone, or when what people recorded stands on both sides."""
    require(actor, Permission.DECIDE_CODING, OrganisationSubject(actor.organisation))
    pair = match_selectors.pair_for(actor, key)
    if pair is None:
        raise Refused("These two no longer wait: somebody has decided, or the records have changed.")
    words = _reason(why)
    store = open_store()
    kept, other = (pair["person_a"], pair["person_b"])
    if same:
        kept, other = _survivor(kept, other)
    event = MatchEvent(
        answer=SAME if same else APART,
        ground=pair["reason"],
        subject_a=pair["subject_a"],
        subject_b=pair["subject_b"],
        person_id=kept,
        other_id=other,
        moved=store.person_subjects([other]).get(other, []) if same else [],
    )
    with transaction.atomic():
        _record(actor, event, words)
        # Last, so that a store that cannot be written takes the event back with it.
        if same:
            for subject in event.moved:
                people.link_subject(store, subject, kept, why=words, by=_who(actor), at=_moment())
        else:
            people.keep_apart(store, event.subject_a, event.subject_b, why=words, by=_who(actor), at=_moment())
    return Matched(event, evaluate_again([kept, other]) if same else True)


def part(actor: Actor, event_id: int, *, why: str) -> Matched:
    """Undo a joining: the records that were moved are a person of their own again. Refused once somebody has undone it."""
    require(actor, Permission.DECIDE_CODING, OrganisationSubject(actor.organisation))
    found = match_selectors.event_for(actor, event_id)
    if found is None or found.answer != SAME or hasattr(found, "undone_by"):
        raise Refused("This decision is not in force any more.")
    words = _reason(why)
    store = open_store()
    here = set(store.person_subjects([found.person_id]).get(found.person_id, []))
    moved = [subject for subject in found.moved if subject in here]
    if not moved or not here - set(moved):
        raise Refused("The records have moved since: there is nothing here to part. Look at the person’s records first.")
    with transaction.atomic():
        first = people.undo_link(store, moved[0], why=words, by=_who(actor), at=_moment())
        for subject in moved[1:]:
            people.link_subject(store, subject, first, why=words, by=_who(actor), at=_moment())
        event = MatchEvent(
            answer=PARTED,
            ground=found.ground,
            subject_a=found.subject_a,
            subject_b=found.subject_b,
            person_id=found.person_id,
            other_id=first,
            moved=moved,
            undoes=found,
        )
        _record(actor, event, words)
    return Matched(event, evaluate_again([found.person_id, first]))


def _survivor(one: int, other: int) -> tuple[int, int]:
    """(kept, given up): agreements, answers and typed results hang on a person, so the one who has them stays."""
    held = {
        person
        for name, table in workflow.extract([one, other]).items()
        if name in workflow.PERSONAL
        for person in table["person_id"].to_pylist()
    }
    if {one, other} <= held:
        raise Refused(
            "Both have agreements, answers or results recorded in Stepwell, and these cannot be moved. "
            "Undo or end those of one of them first; then join."
        )
    return (other, one) if other in held else (one, other)


def _record(actor: Actor, event: MatchEvent, why: str) -> None:
    event.why, event.at = why, clock.now()
    event.by_id, event.role, event.org_code = actor.user_id or 0, actor.role, actor.organisation
    event.save()
    ids = [event.person_id, event.other_id]
    audit.record_write(actor, f"match {event.answer}", person_ids=ids, subject_type="match event", subject_id=event.pk, reason=why)


def _reason(why: str) -> str:
    words = " ".join(why.split())
    if not words:
        raise Refused("Give the reason.")
    return words


def _who(actor: Actor) -> str:
    return f"{actor.display_name}, {actor.organisation}"


def _moment() -> datetime:
    """Now, as the store keeps moments: UTC without a zone."""
    return clock.now().astimezone(UTC).replace(tzinfo=None)
