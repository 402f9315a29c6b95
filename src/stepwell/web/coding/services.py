"""Deciding what a product is, and taking that back. The database is the truth; the store's `codings` is its copy for the engine."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import pyarrow as pa
from django.db import transaction

from stepwell import knowledge
from stepwell.errors import Refused
from stepwell.records import coding
from stepwell.records.schema import WORKFLOW
from stepwell.records.store import Store
from stepwell.web.coding import selectors
from stepwell.web.coding.models import CodingEvent
from stepwell.web.core import audit, clock
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger.evaluation import evaluate_again, open_store, request_evaluation
from stepwell.web.ledger.models import PersonRecord

log = logging.getLogger("stepwell.coding")


@dataclass(frozen=True, slots=True)
class Decided:
    """`up_to_date` False: the decision stands, some people's duties are still being worked out."""

    event: CodingEvent
    people: int
    up_to_date: bool


def decide(
    actor: Actor, key: str, *, substance: str | None, strength_ug: int | None = None, unit: str | None = None, why: str
) -> Decided:  # fmt: skip
    """Settle a product of the queue; `substance` None: not a medicine of interest. Refused when it cannot stand or is gone."""
    require(actor, Permission.DECIDE_CODING, OrganisationSubject(actor.organisation))
    product = selectors.product_for(actor, key)
    if product is None:
        raise Refused("This product no longer waits: somebody has decided it, or the records have changed.")
    if not why.strip():
        raise Refused("Give the reason.")
    by_code = product["by"] == "code"
    decision = coding.Decision(
        label=f"{actor.display_name}, {clinician.date(clock.today())}",
        substance=substance,
        code_system=product["code_system"] if by_code else None,
        code=product["code"] if by_code else None,
        term=None if by_code else product["term"],
        strength_ug=strength_ug,
        unit=unit or None,
    )
    coding.decide(decision, knowledge.load())  # refuses what cannot stand
    event = CodingEvent(
        code_system=decision.code_system or "",
        code=decision.code or "",
        term=product["term"] or "",
        substance=substance or "",
        strength_ug=strength_ug,
        unit=unit or "",
    )
    return _write(actor, event, why, "decide coding")


def undo(actor: Actor, event_id: int, *, why: str) -> Decided:
    """Take a decision of the actor's organisation back: another row; the product waits again."""
    require(actor, Permission.DECIDE_CODING, OrganisationSubject(actor.organisation))
    decision = selectors.event_for(actor, event_id)
    if decision is None or hasattr(decision, "undone_by"):
        raise Refused("This decision is not in force any more.")
    if not why.strip():
        raise Refused("Give the reason.")
    event = CodingEvent(code_system=decision.code_system, code=decision.code, term=decision.term, undoes=decision)
    return _write(actor, event, why, "undo coding")


def _write(actor: Actor, event: CodingEvent, why: str, action: str) -> Decided:
    store = open_store()
    found = selectors.people_with(store, code_system=event.code_system, code=event.code, term=event.term)
    with transaction.atomic():
        known = list(PersonRecord.objects.filter(person_id__in=found).order_by("person_id").values_list("person_id", flat=True))
        event.why, event.at, event.people = why.strip(), clock.now(), len(known)
        event.by_id, event.role, event.org_code = actor.user_id or 0, actor.role, actor.organisation
        event.save()
        for person_id in known:
            request_evaluation(person_id)
        audit.record_write(actor, action, person_ids=known, subject_type="coding event", subject_id=event.pk, reason=event.why)
    return Decided(event, len(known), _publish(store) and evaluate_again(known))


def _publish(store: Store) -> bool:
    """The decisions in force into the store, beside those that came with it. Should it fail, the next decision repairs it."""
    try:
        told = selectors.ever_decided()
        kept = [row for row in store.refresh().table("codings").to_pylist() if _place(row) not in told]
        rows = [
            {
                "code_system": row.code_system or None,
                "code": row.code or None,
                "term": None if row.code else row.term.lower(),
                "substance": row.substance or None,
                "strength_ug": row.strength_ug,
                "unit": row.unit or None,
                "label": f"{row.by.display_name}, {clinician.date(row.at)}",
            }
            for row in selectors.in_force()
        ]
        store.put_workflow({"codings": pa.Table.from_pylist(kept + rows, schema=WORKFLOW["codings"].arrow_schema())}, person_ids=None)
    except Exception:
        log.exception("the coding decisions could not be written to the store; the next decision writes them again")
        return False
    return True


def _place(row: dict[str, str | None]) -> tuple[str, str]:
    return (row["code_system"] or "", row["code"]) if row["code"] else ("", (row["term"] or "").lower())
