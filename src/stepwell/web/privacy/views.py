"""Opening a record without a relationship: the form on the refusal's page and on its own, ending it; its reviews; house rules."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings as django_settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.accounts import services as sign_in
from stepwell.web.core import audit, clock, gate, limits
from stepwell.web.core.access import OrganisationSubject, PatientSubject, decide
from stepwell.web.core.actor import Actor
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.forms import refuse
from stepwell.web.ledger.pages import Banner
from stepwell.web.privacy import house, selectors, services, trail
from stepwell.web.privacy.forms import FindAndOpenForm, OpenForm, OutcomeForm, SettingsForm
from stepwell.web.privacy.pages import ReviewPage, ReviewsPage

FORM_METHODS = ["GET", "HEAD", "POST"]
_DRAFT = "privacy_break_glass"
FINDS_WITHIN = timedelta(minutes=10)


# Break-glass


def offer(request: HttpRequest, person_id: int) -> tuple[str, Mapping[str, Any]]:
    """For the page that refuses a record for want of a relationship: the form, or the way to it when they have to show first that
    it is still them."""
    form = OpenForm() if sign_in.signed_in_recently(request) else None
    return "privacy/offer.jinja", {
        "open_form": form,
        "address": reverse("privacy:open_record", args=[person_id]),
        "minutes": house.minutes(),
    }


def _may_break_glass(request: HttpRequest, what: str, person_id: int | None = None) -> Actor:
    """The role alone decides here, so that the answer tells nothing about any person. That they came so far is recorded."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.BREAK_GLASS)
    audit.record_read(actor, Permission.BREAK_GLASS, person_id=person_id, subject_type="page", subject_id=what)
    return actor


def _show_again_first(request: HttpRequest, address: str) -> HttpResponse | None:
    """What was typed is kept on the server while they show that it is them, and stands in the form when they come back."""
    if sign_in.signed_in_recently(request):
        return None
    if request.method == "POST":
        request.session[_DRAFT] = {"address": address, **{name: request.POST.get(name, "") for name in ("reason", "why")}}
    return redirect(f"{reverse('accounts:sign_in_again')}?next={address}")


def _draft(request: HttpRequest, address: str) -> dict[str, str]:
    kept = request.session.get(_DRAFT) or {}
    if kept.get("address") != address:
        return {}
    del request.session[_DRAFT]
    return {name: kept[name] for name in ("reason", "why")}


@require_http_methods(FORM_METHODS)
def open_record(request: HttpRequest, person_id: int) -> HttpResponse:
    """One record, by its number: where a link was followed. Nothing of the person is shown before."""
    actor = _may_break_glass(request, "break glass form", person_id)
    address = reverse("privacy:open_record", args=[person_id])
    if again := _show_again_first(request, address):
        return again
    if ledger.find_person(person_id) is None:
        raise Http404
    subject = ledger.subject_of(person_id)
    form = OpenForm(request.POST if request.method == "POST" else None, initial=_draft(request, address))
    if decide(actor, Permission.VIEW_PATIENT, subject).allow:
        return redirect("patients:show_person", person_id)
    if request.method == "POST" and form.is_valid() and (opened := _opened(actor, subject, form)):
        return opened
    context = {"form": form, "minutes": house.minutes()}
    return render(request, "privacy/break_glass.jinja", context, status=422 if form.errors else 200)


def _opened(actor: Actor, subject: PatientSubject, form: OpenForm) -> HttpResponse | None:
    try:
        services.open_record(actor, subject, reason=form.cleaned_data["reason"], why=form.cleaned_data["why"])
    except Refused as refusal:
        refuse(form, refusal)
        return None
    return redirect("patients:show_person", subject.person_id)


@require_http_methods(FORM_METHODS)
def find_record(request: HttpRequest) -> HttpResponse:
    """Somebody who is here and whom search does not show: NHS number and date of birth, both right, and the reason."""
    actor = _may_break_glass(request, "find and break glass form")
    address = reverse("privacy:find_record")
    if again := _show_again_first(request, address):
        return again
    form = FindAndOpenForm(request.POST if request.method == "POST" else None, initial=_draft(request, address))
    if request.method == "POST" and form.is_valid():
        limits.limit(actor, "search", most=django_settings.SEARCHES_MOST, within=FINDS_WITHIN)
        found = trail.person_with(form.cleaned_data["nhs_number"], form.cleaned_data["birth_date"])
        if found is None:
            audit.record_refusal(actor, Permission.BREAK_GLASS, reason="no such NHS number and date of birth")
            form.add_error(None, "Nobody here has this NHS number and this date of birth. Check both with the person.")
        else:
            subject = ledger.subject_of(found)
            if decide(actor, Permission.VIEW_PATIENT, subject).allow:
                return redirect("patients:show_person", found)
            if opened := _opened(actor, subject, form):
                return opened
    context = {"form": form, "minutes": house.minutes(), "finding": True}
    return render(request, "privacy/break_glass.jinja", context, status=422 if form.errors else 200)


@require_POST
def end_opening(request: HttpRequest, opening_id: int) -> HttpResponse:
    actor = _may_break_glass(request, "end break glass")
    try:
        services.end_opening(actor, opening_id)
    except Refused as refusal:
        raise Http404 from refusal
    return redirect("core:home")


# Reviews


def _reviewer(request: HttpRequest) -> Actor:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.REVIEW_ACCESS, OrganisationSubject(actor.organisation))
    return actor


@require_safe
def list_reviews(request: HttpRequest) -> HttpResponse:
    """What waits for review here, the first due first; what was reviewed. Names stand on a review's own page."""
    actor = _reviewer(request)
    waiting = list(selectors.waiting(actor.organisation))
    done = list(selectors.reviewed(actor.organisation)[: ReviewsPage.KEPT])
    people = [row.opening.person_id for row in (*waiting, *done)]
    gate.open_list(actor, action=Permission.REVIEW_ACCESS, what="reviews of openings", person_ids=people)
    page = ReviewsPage(waiting, done, actor, clock.today(), accounts.organisation_names(), said=request.GET.get("said", ""))
    return render(request, "privacy/reviews.jinja", {"page": page})


@require_http_methods(FORM_METHODS)
def show_review(request: HttpRequest, review_id: int) -> HttpResponse:
    """Who opened, why, what was read meanwhile; what the review finds."""
    actor = _reviewer(request)
    review = selectors.review_of(actor.organisation, review_id)
    if review is None:
        raise Http404
    opening = review.opening
    audit.record_read(
        actor, Permission.REVIEW_ACCESS, person_id=opening.person_id, subject_type="page", subject_id="review of an opening",
        reason=f"review {review.pk} of {actor.organisation_name}", evidence=f"reviews/{review.pk}",
    )  # fmt: skip
    form = OutcomeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            services.record_outcome(actor, review_id, outcome=form.cleaned_data["outcome"], words=form.cleaned_data["words"])
            return redirect(f"{reverse('privacy:list_reviews')}?said=reviewed")
        except Refused as refusal:
            refuse(form, refusal)
    person = ledger.find_person(opening.person_id)
    context = {
        "form": form,
        "banner": Banner(person, clock.today(), ()) if person else None,
        "page": ReviewPage(review, trail.during(opening), clock.today(), accounts.organisation_names()),
    }
    return render(request, "privacy/review.jinja", context, status=422 if form.errors else 200)


# House rules


@require_http_methods(FORM_METHODS)
def change_settings(request: HttpRequest) -> HttpResponse:
    actor = _reviewer(request)
    before = {name: selectors.setting(actor.organisation, name) for name in house.settings()}
    form = SettingsForm(request.POST if request.method == "POST" else None, initial=before)
    audit.record_read(actor, Permission.REVIEW_ACCESS, subject_type="page", subject_id="privacy settings")
    if request.method == "POST" and form.is_valid():
        for name in house.settings():
            services.change_setting(actor, name=name, value=form.cleaned_data[name])
        return redirect(f"{reverse('privacy:list_reviews')}?said=set")
    context = {"form": form, "history": selectors.settings_history(actor.organisation), "labels": house.settings()}
    return render(request, "privacy/settings.jinja", context, status=422 if form.errors else 200)
