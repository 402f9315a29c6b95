"""Questions answered before a review: written down by staff, printed for the person, taken back when they were entered in error."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template import engines
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import clock, pdf
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import file_stamp
from stepwell.web.ledger.forms import refuse
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.ledger.pages import Banner
from stepwell.web.preparation import selectors, services
from stepwell.web.preparation.forms import AnswersForm, BackForm
from stepwell.web.preparation.questions import CHOSEN, WORDS, questions, warning
from stepwell.web.preparation.views import opened

FORM_METHODS = ["GET", "HEAD", "POST"]
LARGE = "large"


def _to_prepared(person_id: int, said: str) -> HttpResponse:
    return redirect(f"{reverse('preparation:show_prepared', args=[person_id])}?said={said}")


@require_http_methods(FORM_METHODS)
def record_answers(request: HttpRequest, person_id: int) -> HttpResponse:
    """`?corrects=` a sheet of theirs that this one replaces."""
    actor, person, cut = opened(request, person_id, "questions before a review")
    today, asked = clock.today(), questions()
    sheets = selectors.answers_of(person_id)
    wanted = request.GET.get("corrects", "")
    corrected = next((sheet for sheet in sheets if str(sheet.pk) == wanted), None)
    initial: dict[str, Any] = {}
    if corrected is not None and not any(line.hidden for line in selectors.answer_lines(corrected, cut)):
        for key, answer in corrected.answers.items():
            initial |= {f"{key}__{CHOSEN}": answer[CHOSEN], f"{key}__{WORDS}": answer[WORDS]}
        initial |= {"way": corrected.way, "answered_on": corrected.answered_on, "helped_by": corrected.helped_by}
    form = AnswersForm(request.POST if request.method == "POST" else None, asked=asked, today=today, initial=initial)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            services.record_answers(
                actor, person_id, form.given(), way=given["way"], answered_on=given["answered_on"], by_person=False,
                helped_by=given["helped_by"], corrects=corrected.pk if corrected else None,
            )  # fmt: skip
            return _to_prepared(person_id, "answers-corrected" if corrected else "answers")
        except Refused as refusal:
            refuse(form, refusal)
    context = {
        "form": form,
        "banner": Banner(person, today),
        "asked": asked,
        "corrected": corrected,
        "sheets": sheets,
    }
    return render(request, "preparation/answers.jinja", context, status=422 if form.errors else 200)


def _sheet(actor: Actor, person: PersonRecord) -> dict[str, Any]:
    return {
        "banner": Banner(person, clock.today()),
        "asked": questions(),
        "warning": warning(),
        "from_name": actor.organisation_name,
        "from_phone": accounts.phone_of_organisation(actor.organisation),
        "now": clock.now(),
    }


@require_safe
def show_sheet(request: HttpRequest, person_id: int) -> HttpResponse:
    """The questions in plain words, to print and to be filled in with a pen."""
    actor, person, _ = opened(request, person_id, "printed questions before a review")
    return render(request, "preparation/sheet.jinja", _sheet(actor, person))


@require_safe
def print_sheet(request: HttpRequest, person_id: int) -> HttpResponse:
    """The same as a PDF; `?print=large` in large letters."""
    actor, person, _ = opened(request, person_id, "questions before a review as PDF")
    context = {**_sheet(actor, person), "large": request.GET.get("print") == LARGE}
    try:
        made = pdf.make(engines["jinja2"].get_template("preparation/sheet_pdf.jinja").render(context))
    except Refused as refusal:
        told = {"banner": context["banner"], "problem": str(refusal)}
        return render(request, "preparation/no_pdf.jinja", told, status=503)
    headers = {"Content-Disposition": f'attachment; filename="questions-{file_stamp(clock.now())}.pdf"'}
    return HttpResponse(made, content_type="application/pdf", headers=headers)


@require_http_methods(FORM_METHODS)
def take_back(request: HttpRequest, sheet_id: int) -> HttpResponse:
    row = selectors.sheet_row(sheet_id)
    if row is None:
        raise Http404
    actor, person, cut = opened(request, row.person_id, "take back answers")
    form = BackForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            services.take_back_answers(actor, sheet_id, why=form.cleaned_data["why"])
            return _to_prepared(row.person_id, "answers-back")
        except Refused as refusal:
            refuse(form, refusal)
    context = {"form": form, "banner": Banner(person, clock.today()), "sheet": row, "lines": selectors.answer_lines(row, cut)}
    return render(request, "preparation/take_back.jinja", context, status=422 if form.errors else 200)
