"""The pages of the defensible record: writing and signing it, reading a signed version, the PDF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.pages import Banner
from stepwell.web.ledger.presenters import DutyPresenter
from stepwell.web.privacy.restrict import Cut
from stepwell.web.reviews import asks, facts, record, record_pdf, record_services, selectors
from stepwell.web.reviews.choices import choices
from stepwell.web.reviews.closing import Problem
from stepwell.web.reviews.models import Decided, RecordEvent, Review, ReviewState
from stepwell.web.reviews.pages import SAID
from stepwell.web.reviews.record import Context, Part
from stepwell.web.reviews.views import FORM_METHODS, open_review, seen_of

SIGN = "sign"


def _opened(request: HttpRequest, review_id: int, what: str) -> tuple[Actor, Context, Banner, list[Decided]]:
    """The decision that the record is about (`?medicine=`, else the first), once its person may be seen."""
    actor, review, person, cut = open_review(request, review_id, what, Permission.VIEW_PATIENT)
    rows = selectors.shown(selectors.decisions_of(review), cut)
    wanted = request.GET.get("medicine", "")
    row = next((each for each in rows if each.substance == wanted), None) or (rows[0] if rows and not wanted else None)
    event = selectors.version_event(review, review.version)
    if row is None or event is None or review.state != ReviewState.CLOSED:
        raise Http404
    context = record.context_of(review, event, row, person, facts=_facts(actor, review, row, person, cut), on=clock.today())
    return actor, context, Banner(person, clock.today()), rows


def _facts(actor: Actor, review: Review, row: Decided, person: Any, cut: Cut) -> facts.MedicineFacts | None:
    duties = cut.shown(ledger.open_duties_of(review.person_id))
    names = accounts.organisation_names()
    titles = {duty.pk: DutyPresenter(duty, actor, clock.today(), names).what for duty in duties}
    found = facts.of_record(person, {row.substance: row}, duties, titles)
    return next((each for each in found if each.substance == row.substance), None)


@require_http_methods(FORM_METHODS)
def edit_record(request: HttpRequest, review_id: int) -> HttpResponse:
    """What the record says, part by part, to complete and sign; a signed version to read (`?version=`)."""
    actor, context, banner, rows = _opened(request, review_id, "decision record")
    signed = selectors.records_of(context.review, context.row.substance)
    version = request.GET.get("version", "")
    if version:
        found = next((each for each in signed if str(each.number) == version), None)
        if found is None:
            raise Http404
        return _read(request, context, banner, found, signed)
    may = actor.may(Permission.REVIEW_MEDICINES) and context.review.org_code in actor.organisations
    if not may:
        if not signed:
            raise Http404
        return _read(request, context, banner, signed[0], signed)
    before = selectors.record_draft(context.review, context.row.substance)
    if request.method != "POST":
        fields = before.fields if before is not None else None
        return _form(request, actor, context, banner, record.parts(context, fields), rows=rows, seen=before.pk if before else 0)
    fields = record.typed(context, request.POST)
    parts = record.parts(context, fields)
    try:
        if request.POST.get("do") == SIGN:
            record_services.sign(actor, context, fields, banner=banner, seen=seen_of(request))
            return redirect(f"{_address(context)}&version={len(signed) + 1}&said=signed")
        written = record_services.save(actor, context, fields, seen=seen_of(request))
        faults = [each for each in record_services.problems(parts) if "too long" in each.text]
        if faults:
            return _form(request, actor, context, banner, parts, rows=rows, seen=written.event.pk, errors=faults, status=422)
        return redirect(f"{_address(context)}&said=record-saved")
    except record_services.Unfit as unfit:
        # Nothing typed is lost: it is kept, and said what is wrong with it.
        try:
            seen = record_services.save(actor, context, fields, seen=seen_of(request)).event.pk
        except record_services.Changed as changed:
            return _form(
                request, actor, context, banner, parts, rows=rows, seen=changed.theirs.pk, errors=[Problem(str(changed))],
                theirs=changed.theirs, status=409,
            )  # fmt: skip
        return _form(request, actor, context, banner, parts, rows=rows, seen=seen, errors=unfit.problems, status=422)
    except record_services.Changed as changed:
        return _form(
            request, actor, context, banner, parts, rows=rows, seen=changed.theirs.pk, errors=[Problem(str(changed))],
            theirs=changed.theirs, status=409,
        )  # fmt: skip
    except Refused as refusal:
        return _form(request, actor, context, banner, parts, rows=rows, seen=seen_of(request), errors=[Problem(str(refusal))], status=409)


def _address(context: Context) -> str:
    return f"{reverse('reviews:edit_record', args=[context.review.pk])}?medicine={context.row.substance}"


def _form(
    request: HttpRequest, actor: Actor, context: Context, banner: Banner, parts: Sequence[Part], *, rows: Sequence[Decided], seen: int,
    errors: Sequence[Problem] = (), theirs: RecordEvent | None = None, status: int = 200,
) -> HttpResponse:  # fmt: skip
    wrong = {each.name: each.text for each in errors if each.name}
    values = {
        "banner": banner,
        "context": context,
        "medicine": known.medicine(context.row.substance),
        "parts": parts,
        "percent": record.percent(parts),
        "missing": record.missing(parts),
        "others": [(row.substance, known.medicine(row.substance)) for row in rows if row.substance != context.row.substance],
        "signed": selectors.records_of(context.review, context.row.substance),
        "seen": seen,
        "errors": [{"text": each.text, **({"href": each.href} if each.href else {})} for each in errors],
        "wrong": wrong,
        "theirs": theirs,
        "longest": choices().record.words,
        "bases": list(dict.fromkeys(part.basis for part in parts)),
        "legend": asks.legend(ledger.is_pending(actor.organisations)),
        "said": SAID.get(request.GET.get("said", ""), "") if request.method != "POST" else "",
        "author": f"{actor.display_name}, {actor.organisation_name}",
    }
    return render(request, "reviews/record_form.jinja", values, status=status)


def _read(request: HttpRequest, context: Context, banner: Banner, event: RecordEvent, signed: Sequence[RecordEvent]) -> HttpResponse:
    values = {
        "banner": banner,
        "context": context,
        "event": event,
        "sheet": event.sheet,
        "signed": signed,
        "legend": asks.legend(event.sheet.get("pending", True)),
        "said": SAID.get(request.GET.get("said", ""), ""),
    }
    return render(request, "reviews/record.jinja", values)


@require_safe
def print_record(request: HttpRequest, review_id: int) -> HttpResponse:
    """The record on one page: a signed version (`?version=`, else the newest), or the draft, which says that it is one."""
    actor, context, banner, _rows = _opened(request, review_id, "decision record as PDF")
    signed = selectors.records_of(context.review, context.row.substance)
    version = request.GET.get("version", "")
    event = next((each for each in signed if str(each.number) == version or not version), None)
    if event is not None:
        sheet = event.sheet
    elif not version and actor.may(Permission.REVIEW_MEDICINES) and context.review.org_code in actor.organisations:
        before = selectors.record_draft(context.review, context.row.substance)
        parts = record.parts(context, before.fields if before is not None else None)
        sheet = record_services.page_of(actor, context, parts, number=0)
    else:
        raise Http404
    try:
        content = record_pdf.printed(sheet, banner).content
    except Refused as refusal:
        return render(request, "core/error.jinja", {"heading": "No PDF can be made here", "paragraphs": [str(refusal)]}, status=503)
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="decision-record-{review_id}.pdf"'
    return response
