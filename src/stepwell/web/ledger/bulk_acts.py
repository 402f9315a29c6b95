"""One act on many duties: what would happen to each, and doing it. Each is an act of its own, with its own event and audit
entry; what cannot be done is left out and named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from django.db import transaction

from stepwell.errors import Refused
from stepwell.web.core import audit, clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician, count
from stepwell.web.core.gate import AccessRefused
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import handovers, selectors, services
from stepwell.web.ledger.acts import Stale, check_revision, closed_words, others_words
from stepwell.web.ledger.models import BulkAct, Duty
from stepwell.web.privacy import restrict

LIMIT = 200


class Act(StrEnum):
    SEEN = "seen"
    ASSIGN = "assign"
    LATER = "later"
    HAND_OVER = "hand over"

    @property
    def permission(self) -> Permission:
        return Permission.HAND_OVER if self is Act.HAND_OVER else Permission.ACT_ON_DUTY


@dataclass(frozen=True, slots=True)
class Details:
    """What the act needs: to whom (a user's key for assigning, None nobody; an organisation's code for handing over), until when,
    why."""

    to_user_id: int | None = None
    to_org: str = ""
    until: date | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """A duty, how much of it had been seen when it was chosen, and why it cannot be done (empty: it can)."""

    duty: Duty
    revision: int
    refused: str

    @property
    def pick(self) -> str:
        return f"{self.duty.pk}.{self.revision}"


def plan(actor: Actor, act: Act, picked: Mapping[int, int], details: Details | None = None) -> list[Planned]:
    """What would happen to each duty (key → revision seen), of people the actor may open; the others are in no list."""
    duties = selectors.duties_with_people(picked)
    mine = set(selectors.visible_to(actor, clock.today()).filter(pk__in={d.person_id for d in duties}).values_list("pk", flat=True))
    cuts = restrict.cut_for(actor, [duty.person for duty in duties])
    duties = [duty for duty in duties if duty.person_id in mine and not cuts[duty.person_id].hides(duty)]
    near = handovers.takers_of(mine) if act is Act.HAND_OVER else {}
    judge = _Judge(actor, act, details, near)
    return [Planned(duty, picked[duty.pk], judge.refused(duty, picked[duty.pk])) for duty in duties]


@dataclass(frozen=True, slots=True)
class _Judge:
    """Says why an act cannot be done to a duty; `near` are the organisations that each person's duties can be offered to."""

    actor: Actor
    act: Act
    details: Details | None
    near: Mapping[int, set[str]]

    def refused(self, duty: Duty, revision: int) -> str:
        try:
            check_revision(duty, revision)
        except Stale as stale:
            return closed_words(duty) or str(stale)
        return closed_words(duty) or others_words(self.actor, duty) or self._of_act(duty)

    def _of_act(self, duty: Duty) -> str:
        if self.act is Act.SEEN and duty.acknowledged_at is not None and not duty.second_look:
            by = f" by {duty.acknowledged_by.display_name}" if duty.acknowledged_by else ""
            return f"It was seen{by}, {clinician.datetime(duty.acknowledged_at)}."
        if self.act is Act.ASSIGN and self.details is not None and duty.assigned_to_id == self.details.to_user_id:
            return "It is so already."
        if self.act is Act.HAND_OVER:
            return handovers.duty_words(self.actor, duty) or self._not_to_them(duty)
        return ""

    def _not_to_them(self, duty: Duty) -> str:
        to = self.details.to_org if self.details is not None else ""
        if not to or (to in self.near.get(duty.person_id, ()) and to != duty.owner_org):
            return ""
        name = selectors.organisation_name(to)
        return f"It is {name}’s already." if to == duty.owner_org else f"{name} has no reason to know this person."


def check_number(number: int) -> None:
    if number > LIMIT:
        raise Refused(f"At most {LIMIT} duties at a time: {number:,} are chosen. Choose fewer people, or filter the list.")


def words(act: Act, details: Details, actor: Actor) -> str:
    """What is done, to follow a number of duties: `assigned to Priya Nair`."""
    if act is Act.ASSIGN:
        name = dict(selectors.assignable(actor)).get(details.to_user_id or 0, "")
        return f"assigned to {name}" if name else "no longer assigned to anybody"
    if act is Act.LATER:
        return f"put off until {clinician.date(details.until)}"
    if act is Act.HAND_OVER:
        return f"offered to {selectors.organisation_name(details.to_org)}"
    return "marked as seen"


def perform(actor: Actor, act: Act, picked: Mapping[int, int], details: Details) -> BulkAct:
    """Do it to each that still allows it. One that fails stops no other; the row says how each went."""
    check_number(len(picked))
    outcome = [_do(actor, act, row, details) for row in plan(actor, act, picked, details)]
    said = words(act, details, actor)
    with transaction.atomic():
        done = BulkAct.objects.create(
            at=clock.now(),
            by_id=actor.user_id,
            role=actor.role,
            org_code=actor.organisation,
            act=act.value,
            words=said,
            outcome=outcome,
        )
        number = sum(not row["refused"] for row in outcome)
        audit.record_write(
            actor,
            f"bulk {act.value}",
            person_ids=sorted({row["person"] for row in outcome}),
            subject_type="bulk act",
            subject_id=done.pk,
            reason=f"{count(number, 'duty', 'duties')} {said}",
        )
    return done


def _do(actor: Actor, act: Act, row: Planned, details: Details) -> dict[str, Any]:
    refused = row.refused
    if not refused:
        try:
            _verb(actor, act, row, details)
        except AccessRefused as denied:
            refused = denied.decision.reason
        except Refused as refusal:
            refused = str(refusal)
    return {"duty": row.duty.pk, "person": row.duty.person_id, "refused": refused}


def _verb(actor: Actor, act: Act, row: Planned, details: Details) -> None:
    duty, seen = row.duty.pk, row.revision
    match act:
        case Act.SEEN:
            services.acknowledge(actor, duty, revision=seen)
        case Act.ASSIGN:
            services.assign(actor, duty, to_user_id=details.to_user_id, why=details.why, revision=seen)
        case Act.LATER:
            if details.until is None:
                raise Refused("Give the day to show it again.")
            services.defer(actor, duty, until=details.until, why=details.why, revision=seen)
        case Act.HAND_OVER:
            handovers.offer(actor, duty, to_org=details.to_org, why=details.why, revision=seen)


def picks(texts: Sequence[str]) -> dict[int, int]:
    """Chosen duties as a form sends them ("12.3,14.1"): key → revision seen. What cannot be read is nothing."""
    found: dict[int, int] = {}
    for part in ",".join(texts).split(","):
        key, _, revision = part.partition(".")
        if key.isdigit() and revision.isdigit() and len(part) < 30:
            found[int(key)] = int(revision)
    return found
