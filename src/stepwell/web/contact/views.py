"""Adjustments of one person: what is in force, the form that records them, and ending one."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.contact import selectors, services, words
from stepwell.web.contact.choices import CARER
from stepwell.web.contact.forms import IN_ERROR, AdjustmentsForm, EndForm, initial_of, posted_with
from stepwell.web.contact.pages import AdjustmentsPage, Line
from stepwell.web.core import clock, gate
from stepwell.web.core.actor import Actor
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.pages import Banner
from stepwell.web.ledger.view_support import open_person

FORM_METHODS = ["GET", "HEAD", "POST"]
SAID = {"saved": "Saved: it stands before every contact from now on.", "ended": "Ended. It stays in the history."}


def _back(person_id: int, said: str) -> HttpResponse:
    return redirect(f"{reverse('contact:show_adjustments', args=[person_id])}?said={said}")


@require_http_methods(FORM_METHODS)
def show_adjustments(request: HttpRequest, person_id: int) -> HttpResponse:
    """What is in force, and for those who may record: the form. A form that is behind shows what changed, merged."""
    actor, person = open_person(request, person_id, "adjustments")
    today = clock.today()
    form, seen = _form(request, actor, person_id)
    if request.method == "POST" and form.is_valid():
        try:
            services.save_adjustments(
                actor,
                person_id,
                form.items(carers=any(row.kind == CARER for row in selectors.in_force_of(person_id))),
                seen=seen,
                carer=form.carer(),
                safe_why=form.cleaned_data["why_safe"],
            )
            return _back(person_id, "saved")
        except services.Changed as changed:
            data = posted_with(request.POST, changed.merged, services.next_review(today))
            form = _bound(actor, data)
            form.is_valid()
            form.add_error(None, str(changed))
            seen = selectors.last_event(person_id)
        except Refused as refusal:
            form.add_error(None, str(refusal))
    page = AdjustmentsPage(
        selectors.in_force_of(person_id),
        selectors.events_of(person_id),
        record=ledger.spoken_by([person_id]).get(person_id),
        actor=actor,
        on=today,
        names=accounts.organisation_names(),
    )
    said = SAID.get(request.GET.get("said", ""), "") if request.method != "POST" else ""
    context = {"form": form, "seen": seen, "page": page, "banner": Banner(person, today), "said": said}
    return render(request, "contact/adjustments.jinja", context, status=422 if form.errors else 200)


def _form(request: HttpRequest, actor: Actor, person_id: int) -> tuple[AdjustmentsForm, int]:
    if request.method == "POST":
        seen = request.POST.get("seen", "")
        return _bound(actor, request.POST), int(seen) if seen.isdigit() and len(seen) < 18 else 0
    items = [services.item_of(row) for row in selectors.in_force_of(person_id)]
    initial = initial_of(items, services.next_review(clock.today()))
    if initial["review_on"] <= clock.today():  # it was due: looking at it now is the review
        initial["review_on"] = services.next_review(clock.today())
    return _bound(actor, None, initial=initial), selectors.last_event(person_id)


def _bound(actor: Actor, data: Any, **kwargs: Any) -> AdjustmentsForm:
    return AdjustmentsForm(data, today=clock.today(), sees_reasons=actor.may(Permission.SEE_SENSITIVE), **kwargs)


@require_http_methods(FORM_METHODS)
def end_adjustment(request: HttpRequest, event_id: int) -> HttpResponse:
    found = selectors.recorded(event_id)
    if found is None:
        raise Http404
    actor, person = open_person(request, found.person_id, "end adjustment")
    gate.require(actor, Permission.RECORD_ADJUSTMENTS, ledger.subject_of(found.person_id))
    form = EndForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            services.end_adjustment(actor, event_id, in_error=form.cleaned_data["how"] == IN_ERROR, why=form.cleaned_data["why"])
            return _back(found.person_id, "ended")
        except Refused as refusal:
            form.add_error(None, str(refusal))
    today = clock.today()
    context = {
        "form": form,
        "banner": Banner(person, today),
        "line": Line(found, actor, today, accounts.organisation_names()),
        "told": words.phrase(found),
        "is_closed": hasattr(found, "closed_by"),
    }
    return render(request, "contact/end.jinja", context, status=422 if form.errors else 200)
