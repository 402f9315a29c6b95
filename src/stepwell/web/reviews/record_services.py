"""The verbs of the defensible record: save what was written, sign it. A signature stands on one A4 page that lacks nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from stepwell.errors import Refused
from stepwell.web.core import audit, clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.acts import lock_person
from stepwell.web.ledger.pages import Banner
from stepwell.web.reviews import record, record_pdf, selectors
from stepwell.web.reviews.closing import Problem
from stepwell.web.reviews.models import RecordAct, RecordEvent, ReviewState
from stepwell.web.reviews.record import Context, Part
from stepwell.web.reviews.services import user_of


@dataclass(frozen=True, slots=True)
class Written:
    """The event that was written; its key is what a form has seen after it."""

    event: RecordEvent


class Unfit(Refused):
    """It cannot be signed as it is: `problems` say what is missing or too long, and by how much."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__(problems[0].text)


class Changed(Refused):
    """Somebody wrote the record after the page was opened; `theirs` is what they wrote."""

    def __init__(self, theirs: RecordEvent) -> None:
        self.theirs = theirs
        what = "signed" if theirs.act == RecordAct.SIGNED else "saved"
        super().__init__(
            f"Nothing was saved: {theirs.by_name} {what} this record at {clinician.datetime(theirs.at)}, after you opened it. "
            "What you typed is kept below."
        )


def save(actor: Actor, context: Context, fields: Mapping[str, Any], *, seen: int) -> Written:
    """Keep what was typed, whatever is still missing."""
    return _write(actor, context, fields, seen=seen, act=RecordAct.SAVED)


def sign(actor: Actor, context: Context, fields: Mapping[str, Any], *, banner: Banner, seen: int) -> Written:
    """The author puts their name to it. Raises Unfit where a part is missing, too long, or all of it does not fit one page; what was
    typed is then for the caller to keep (`save`)."""
    found = record.parts(context, fields)
    if faults := problems(found):
        raise Unfit(faults)
    number = len(selectors.records_of(context.review, context.row.substance)) + 1
    page = page_of(actor, context, found, number=number)
    made = record_pdf.printed(page, banner)
    if made.pages > 1:
        raise Unfit([Problem(f"It does not fit one A4 page: about {made.over} characters too long. Shorten a text or untick a line.")])
    return _write(actor, context, fields, seen=seen, act=RecordAct.SIGNED, sheet=page, number=number)


def page_of(actor: Actor, context: Context, found: Sequence[Part], *, number: int) -> dict[str, Any]:
    """The page as this author would sign it now; number 0 is a draft."""
    versions = selectors.records_of(context.review, context.row.substance)
    return record.sheet(context, found, record.Signature(actor.display_name, actor.role, clock.moment(), number), versions)


def problems(found: Sequence[Part]) -> list[Problem]:
    """What is missing and what is too long, in the order of the page."""
    faults = []
    for part in found:
        if part.is_missing:
            faults.append(Problem(f"{part.label}: this part is missing", part.words_name))
        if part.too_long:
            faults.append(Problem(f"{part.label}: {part.too_long} characters too long", part.words_name))
    return faults


def _write(
    actor: Actor, context: Context, fields: Mapping[str, Any], *, seen: int, act: RecordAct, sheet: Mapping[str, Any] | None = None,
    number: int = 0,
) -> Written:  # fmt: skip
    review, substance = context.review, context.row.substance
    require(actor, Permission.REVIEW_MEDICINES, ledger.subject_of(review.person_id))
    with transaction.atomic():
        lock_person(review.person_id)
        state = selectors.review_row(review.pk)
        if state is None or state.state != ReviewState.CLOSED or state.version != context.row.version:
            raise Refused("This review was changed meanwhile: open its record again.")
        if state.org_code not in actor.organisations:
            raise Refused(f"{ledger.organisation_name(state.org_code)} held this review; they write its record.")
        before = selectors.record_draft(review, substance)
        if before is not None and before.pk != seen:
            raise Changed(before)
        if before is not None and before.act == RecordAct.SAVED and act == RecordAct.SAVED and before.fields == fields:
            return Written(before)
        event = RecordEvent.objects.create(
            review=review, substance=substance, act=act, number=number, fields=dict(fields), sheet=dict(sheet or {}),
            missing=record.missing(record.parts(context, fields)), at=clock.moment(), by_id=user_of(actor), by_name=actor.display_name,
            role=actor.role, org_code=actor.organisation,
        )  # fmt: skip
        audit.record_write(
            actor, f"decision record {act.value}", person_id=review.person_id, subject_type="medicine review", subject_id=review.pk
        )  # fmt: skip
    return Written(event)
