"""The patient page, search, and who looked."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from stepwell.web.accounts import selectors as accounts
from stepwell.web.accounts.roles import roles
from stepwell.web.agreements import selectors as agreements
from stepwell.web.core import clock, gate, layout, limits
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.pages import Banner, banners
from stepwell.web.ledger.presenters import DutyPresenter
from stepwell.web.ledger.view_support import open_person
from stepwell.web.patients import selectors
from stepwell.web.patients.forms import SearchForm
from stepwell.web.patients.pages import SAID, PatientPage
from stepwell.web.patients.together import Together
from stepwell.web.patients.trends import TrendsPage, history_of, years_of
from stepwell.web.privacy import restrict
from stepwell.web.registers import selectors as registers

SEARCHES_WITHIN = timedelta(minutes=10)


@require_safe
def show_person(request: HttpRequest, person_id: int) -> HttpResponse:
    """Mine, theirs, nobody's."""
    actor, person = open_person(request, person_id, "patient page")
    on = clock.today()
    cut = restrict.cut_for(actor, [person])[person_id]
    page = PatientPage(
        person,
        duties=cut.shown(ledger.open_duties_of(person_id)),
        closed=cut.shown(ledger.closed_duties_of(person_id, on)),
        agreements=cut.shown_agreements(agreements.agreements_of(person_id).filter(requested=False)),
        together=Together(
            person.medicines,
            loads=cut.shown_loads(registers.loads_of(person_id)),
            interactions=cut.shown_interactions(registers.interactions_of(person_id)),
            registers=cut.shown_registers(registers.registers_of(person_id)),
        ),
        actor=actor,
        on=on,
        names=accounts.organisation_names(),
    )
    context = {
        "page": page,
        "banner": page.banner,
        "panels": layout.patient_panels(actor, person_id, on),
        "medicine_lines": layout.medicine_lines(actor, person_id, on),
        "pending": ledger.pending_since(person_id),
        "practice": (accounts.organisation_names().get(person.gp_org, ""), accounts.phone_of_organisation(person.gp_org)),
        "said": SAID.get(request.GET.get("said", ""), ""),
    }
    return render(request, "patients/patient.jinja", context)


@require_safe
def show_trends(request: HttpRequest, person_id: int) -> HttpResponse:
    """Results over time, with the bands of this person's medicines; `?years=` says how far back."""
    actor, person = open_person(request, person_id, "trends")
    on, names = clock.today(), accounts.organisation_names()
    cut = restrict.cut_for(actor, [person])[person_id]
    page = TrendsPage(
        history_of(person_id, on).without(cut.hides_test, cut.hides_medicine),
        sex=person.sex,
        taken=[row["substance"] for row in person.medicines],
        duties=[DutyPresenter(duty, actor, on, names) for duty in cut.shown(ledger.open_duties_of(person_id))],
        on=on,
        years=years_of(request.GET.get("years", "")),
    )
    return render(request, "patients/trends.jinja", {"page": page, "banner": Banner(person, on)})


@require_http_methods(["GET", "HEAD", "POST"])
def search_people(request: HttpRequest) -> HttpResponse:
    """Searched by POST: what was typed names a patient, so it stays out of addresses and logs."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.SEARCH_PATIENTS, OrganisationSubject(actor.organisation))
    form = SearchForm(request.POST if request.method == "POST" else None)
    found = None
    if request.method == "POST" and form.is_valid():
        limits.limit(actor, "search for patients", most=settings.SEARCHES_MOST, within=SEARCHES_WITHIN)
        found = ledger.search_people(actor, form.search())
    shown = (found or [])[: ledger.SEARCH_LIMIT]
    gate.open_list(actor, action=Permission.SEARCH_PATIENTS, what="search", person_ids=[person.person_id for person in shown])
    on = clock.today()
    context = {
        "form": form,
        "found": None if found is None else banners(shown, on),
        "more": found is not None and len(found) > ledger.SEARCH_LIMIT,
        "same_number": len(shown) > 1 and bool(form.cleaned_data["nhs_number"]),
        "limit": ledger.SEARCH_LIMIT,
        "may_break_glass": actor.may(Permission.BREAK_GLASS),
    }
    return render(request, "patients/search.jinja", context, status=422 if form.errors else 200)


@require_safe
def show_reads(request: HttpRequest, person_id: int) -> HttpResponse:
    """Who opened this person's record, and why they could."""
    _, person = open_person(request, person_id, "who looked")
    context = {
        "banner": Banner(person, clock.today()),
        "entries": selectors.reads_of(person_id),
        "names": accounts.organisation_names(),
        "roles": {key: role.label for key, role in roles().items()},
        "shown": selectors.READS_SHOWN,
    }
    return render(request, "patients/who_looked.jinja", context)
