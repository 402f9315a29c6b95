"""Pages of outcomes: how reviews and reductions came out, what is issued no longer, and what that was put into."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from stepwell import knowledge
from stepwell.errors import Refused
from stepwell.web.core import audit, clock, exports, gate
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.declare import no_patient_data
from stepwell.web.core.formatting import clinician
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known
from stepwell.web.ledger.forms import refuse
from stepwell.web.ledger.pages import banners
from stepwell.web.outcomes import selectors, services
from stepwell.web.outcomes.choices import choices, prices
from stepwell.web.outcomes.counting import REDUCED, Case, Rounding, pounds, published_words
from stepwell.web.outcomes.forms import ReinvestmentForm, TakeBackForm
from stepwell.web.outcomes.pages import OutcomesPage, ReleasedPage, figures, select
from stepwell.web.tapers.chart import amount

FORM_METHODS = ["GET", "HEAD", "POST"]
SAID = {"kept": "It is written down.", "error": "It is entered in error, and counts no longer."}
LISTED = 200  # people behind a figure on one page: a habit of pages


def _actor(request: HttpRequest) -> Actor:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.VIEW_OUTCOMES, OrganisationSubject(actor.organisation))
    return actor


def _months(request: HttpRequest) -> int:
    asked = request.GET.get("months", "")
    months = int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= 3 else 0
    return months if months in choices().periods else choices().months


def _page(actor: Actor, months: int, rounding: Rounding | None) -> OutcomesPage:
    span = selectors.span_of(months, clock.today())
    found = selectors.cases_for(actor, span)
    names = selectors.names_of({case.org for case in found.cases})
    outcomes = knowledge.load().taper_outcomes
    return OutcomesPage(
        found, span, months, outcomes=outcomes, labels=selectors.class_labels(), names=names, services=selectors.services_of(),
        rounding=rounding,
    )  # fmt: skip


@no_patient_data
@require_safe
def show_outcomes(request: HttpRequest) -> HttpResponse:
    actor = _actor(request)
    page = _page(actor, _months(request), selectors.rounding_for(actor))
    return render(request, "outcomes/outcomes.jinja", {"page": page, "published": published_words, "figures": choices()})


@no_patient_data
@require_safe
def export_figures(request: HttpRequest) -> HttpResponseBase:
    """The figures as CSV: without a person, and rounded for everybody, because a file leaves the house."""
    actor = _actor(request)
    page = _page(actor, _months(request), selectors.file_rounding())
    rows = figures(page)
    audit.record_read(
        actor, Permission.VIEW_OUTCOMES, subject_type="export", subject_id="outcomes as csv", evidence=f"months={page.months}",
        result_count=len(rows),
    )  # fmt: skip
    told = [
        f"Outcomes of reviews and reductions, {page.period}, {actor.organisation_name}",
        f"As at {clinician.date(clock.today())}; counts below {choices().smallest} are not shown, others rounded to {choices().rounded}",
    ]
    return exports.response(
        exports.Sheet("Outcomes", ("Group", "Name", "What", "Figure"), rows, told), exports.CSV, name="stepwell-outcomes"
    )


@require_safe
def list_people(request: HttpRequest) -> HttpResponse:
    """The people behind a figure, for whoever may open them."""
    actor = _actor(request)
    gate.require(actor, Permission.VIEW_PATIENT, OrganisationSubject(actor.organisation))
    months = _months(request)
    span = selectors.span_of(months, clock.today())
    found = selectors.cases_for(actor, span)
    substance = request.GET.get("released", "")
    released = None
    if substance:
        released = [key for each in selectors.released_for(actor, span) if each.substance == substance for key in each.plans]
    cases = select(found, request.GET, released)
    shown = cases[:LISTED]
    ids = list(dict.fromkeys(case.person_id for case in shown))
    gate.open_list(actor, action=Permission.VIEW_OUTCOMES, what="people behind an outcome", person_ids=ids, result_count=len(cases))
    named = {each.person_id: each for each in banners([found.people[key] for key in ids], clock.today())}
    context = {
        "rows": [_line(case, named[case.person_id]) for case in shown],
        "total": len(cases),
        "months": months,
        "span": span,
        "back": "outcomes:show_released" if substance else "outcomes:show_outcomes",
        "names": selectors.names_of({case.org for case in shown}),
    }
    return render(request, "outcomes/people.jinja", context)


def _line(case: Case, person: object) -> dict[str, object]:
    label = knowledge.load().taper_outcomes
    doses = " to ".join(amount(dose, case.unit) for dose in (case.from_ug, case.now_ug) if dose is not None)
    plan = case.by == "plan"
    return {
        "case": case,
        "person": person,
        "medicine": known.medicine(case.substance),
        "outcome": label[case.outcome].label,
        "doses": doses,
        "run_out": plan and case.now_ug == 0 and case.outcome == REDUCED,
        "href": reverse("tapers:show_plan", args=[case.key]) if plan else reverse("reviews:show_review", args=[case.key]),
        "what": "Reduction" if plan else "Review",
    }


# What was released


@no_patient_data
@require_safe
def show_released(request: HttpRequest) -> HttpResponse:
    actor = _actor(request)
    return render(request, "outcomes/released.jinja", _released(actor, _months(request), SAID.get(request.GET.get("said", ""), "")))


def _released(actor: Actor, months: int, said: str = "", form: ReinvestmentForm | None = None) -> dict[str, object]:
    span = selectors.span_of(months, clock.today())
    released = selectors.released_for(actor, span)
    names = {each.substance: known.medicine(each.substance) for each in released}
    page = ReleasedPage(
        released, prices(), names=names, spent=selectors.reinvested(actor, span), months=months, span=span,
        rounding=selectors.rounding_for(actor),
    )  # fmt: skip
    form = form or ReinvestmentForm(initial={"on": clock.today()})
    return {"page": page, "form": form, "pounds": pounds, "said": said, "figures": choices()}


@no_patient_data
@require_http_methods(FORM_METHODS)
def record_reinvestment(request: HttpRequest) -> HttpResponse:
    """What released money was put into; the form stands on the page of what was released too."""
    actor = _actor(request)
    form = ReinvestmentForm(request.POST if request.method == "POST" else None, initial={"on": clock.today()})
    if request.method == "POST" and form.is_valid():
        try:
            services.record_reinvestment(actor, on=form.cleaned_data["on"], pence=form.pence, what=form.cleaned_data["what"])
            return redirect(f"{reverse('outcomes:show_released')}?said=kept")
        except Refused as refusal:
            refuse(form, refusal)
    status = 422 if form.errors else 200
    return render(request, "outcomes/released.jinja", _released(actor, _months(request), form=form), status=status)


@no_patient_data
@require_http_methods(FORM_METHODS)
def take_back(request: HttpRequest, key: int) -> HttpResponse:
    actor = _actor(request)
    row = selectors.reinvestment_row(actor, key)
    if row is None:
        raise Http404
    form = TakeBackForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            services.take_back(actor, key, why=form.cleaned_data["why"])
            return redirect(f"{reverse('outcomes:show_released')}?said=error")
        except Refused as refusal:
            refuse(form, refusal)
    return render(request, "outcomes/take_back.jinja", {"row": row, "form": form, "pounds": pounds}, status=422 if form.errors else 200)
