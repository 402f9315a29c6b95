"""Recording and ending an agreement, from the patient's page."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.agreements import selectors
from stepwell.web.agreements.forms import AgreementForm, EndForm
from stepwell.web.core import clock
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known
from stepwell.web.ledger import services as ledger_services
from stepwell.web.ledger.pages import Banner
from stepwell.web.ledger.view_support import open_person

FORM_METHODS = ["GET", "HEAD", "POST"]


def _back(person_id: int, said: str, written: ledger_services.Written) -> HttpResponse:
    said = said if written.up_to_date else f"{said}-waiting"
    return redirect(f"{reverse('patients:show_person', args=[person_id])}?said={said}")


@require_http_methods(FORM_METHODS)
def record_agreement(request: HttpRequest, person_id: int) -> HttpResponse:
    actor, person = open_person(request, person_id, "record agreement", Permission.AGREE_OWNERS)
    own = person.gp_org if person.gp_org in actor.covered else actor.organisation
    names = accounts.organisation_names()
    medicines = [(row["substance"], known.medicine(row["substance"])) for row in person.medicines]
    others = selectors.possible_parties(person.gp_org, [row["supplier_orgs"] for row in person.medicines], names, without=own)
    today = clock.today()
    initial = {"substance": request.GET.get("medicine", ""), "agreed_on": today, "from_on": today}
    ours = (own, names.get(own, own))
    posted = request.POST if request.method == "POST" else None
    form = AgreementForm(posted, medicines=medicines, organisations=others, ours=ours, initial=initial)
    if request.method == "POST" and form.is_valid():
        cleaned = form.cleaned_data
        try:
            written = ledger_services.record_agreement(
                actor,
                person_id,
                substance=cleaned["substance"],
                between_org=own,
                and_org=cleaned["other"],
                lines=form.lines(),
                agreed_on=cleaned["agreed_on"],
                from_on=cleaned["from_on"],
                to_on=cleaned["to_on"],
                label=cleaned["label"],
            )
            return _back(person_id, "agreed", written)
        except Refused as refusal:
            form.add_error(None, str(refusal))
    context = {"form": form, "banner": Banner(person, today)}
    return render(request, "agreements/record.jinja", context, status=422 if form.errors else 200)


@require_http_methods(FORM_METHODS)
def end_agreement(request: HttpRequest, person_id: int, agreement_id: int) -> HttpResponse:
    actor, person = open_person(request, person_id, "end agreement", Permission.AGREE_OWNERS)
    agreement = selectors.agreement_of(person_id, agreement_id)
    if agreement is None:
        raise Http404
    today = clock.today()
    form = EndForm(request.POST if request.method == "POST" else None, earliest=today, initial={"to_on": today})
    if request.method == "POST" and form.is_valid():
        try:
            written = ledger_services.end_agreement(
                actor, person_id, agreement_id, to_on=form.cleaned_data["to_on"], why=form.cleaned_data["why"]
            )  # fmt: skip
            return _back(person_id, "agreement-ended", written)
        except Refused as refusal:
            form.add_error(None, str(refusal))
    context = {"form": form, "banner": Banner(person, today), "agreement": agreement, "medicine": known.medicine(agreement.substance)}
    return render(request, "agreements/end.jinja", context, status=422 if form.errors else 200)
