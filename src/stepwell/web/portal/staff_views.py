"""Staff give a person the code to their own page, print it once, and withdraw it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template import engines
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import clock, pdf
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import file_stamp
from stepwell.web.ledger.forms import refuse
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.ledger.pages import Banner
from stepwell.web.ledger.view_support import open_person
from stepwell.web.portal import codes, selectors, services
from stepwell.web.portal.forms import WithdrawForm

LARGE = "large"


def _opened(request: HttpRequest, person_id: int, what: str) -> tuple[Actor, PersonRecord]:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return open_person(request, person_id, what, services.permission_of(actor))


def _page(request: HttpRequest, person: PersonRecord, form: WithdrawForm | None = None, problem: str = "") -> HttpResponse:
    today = clock.today()
    code = selectors.code_of(person.person_id)
    context = {
        "banner": Banner(person, today),
        "code": code,
        "opens": code is not None and selectors.opens(code, today),
        "events": selectors.events_of(person.person_id),
        "form": form or WithdrawForm(),
        "problem": problem,
        "can_give": person.birth_date is not None and person.death_date is None,
    }
    return render(request, "portal/staff.jinja", context, status=409 if problem else 422 if form is not None else 200)


@require_safe
def show_own_page(request: HttpRequest, person_id: int) -> HttpResponse:
    _, person = _opened(request, person_id, "own page")
    return _page(request, person)


@require_POST
def give_code(request: HttpRequest, person_id: int) -> HttpResponse:
    """The page with the code is the answer itself: it is shown this once, and kept nowhere."""
    actor, person = _opened(request, person_id, "own page code")
    try:
        given = services.give(actor, person_id)
    except Refused as refusal:
        return _page(request, person, problem=str(refusal))
    context = _slip(request, actor, person, given.code) | {"banner": Banner(person, clock.today()), "code": given.code, "row": given.row}
    return render(request, "portal/slip.jinja", context)


def _slip(request: HttpRequest, actor: Actor, person: PersonRecord, code: str) -> dict[str, Any]:
    row = services.slip_of(actor, person.person_id, code)
    return {
        "given_name": person.given_name,
        "written": codes.written(code),
        "until": row.until,
        "address": request.build_absolute_uri(reverse("portal:show_plan")),
        "place": accounts.organisation_names().get(row.org_code, row.org_code),
        "phone": accounts.phone_of_organisation(row.org_code),
        "now": clock.today(),
    }


@require_POST
def print_slip(request: HttpRequest, person_id: int) -> HttpResponse:
    """The slip as a PDF. The code comes with the form of the page that showed it; `print=large` in large letters."""
    actor, person = _opened(request, person_id, "own page code as PDF")
    code = codes.read(request.POST.get("code", ""))
    try:
        context = _slip(request, actor, person, code) | {"large": request.POST.get("print") == LARGE}
        made = pdf.make(engines["jinja2"].get_template("portal/slip_pdf.jinja").render(context))
    except Refused as refusal:
        return _page(request, person, problem=str(refusal))
    headers = {"Content-Disposition": f'inline; filename="own-page-{file_stamp(clock.now())}.pdf"'}
    return HttpResponse(made, content_type="application/pdf", headers=headers)


@require_POST
def withdraw_code(request: HttpRequest, person_id: int) -> HttpResponse:
    actor, person = _opened(request, person_id, "own page code withdrawn")
    form = WithdrawForm(request.POST)
    if not form.is_valid():
        return _page(request, person, form)
    try:
        services.withdraw(actor, person_id, why=form.cleaned_data["why"])
    except Refused as refusal:
        refuse(form, refusal)
        return _page(request, person, form)
    return redirect("portal:show_own_page", person_id)
