"""The team around one person: who it is, adding somebody, ending."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.accounts.roles import roles
from stepwell.web.core import clock, gate
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.forms import refuse
from stepwell.web.ledger.pages import Banner
from stepwell.web.ledger.view_support import open_person
from stepwell.web.team import choices, selectors, services
from stepwell.web.team.forms import IN_ERROR, AddForm, EndForm
from stepwell.web.team.models import Act

FORM_METHODS = ["GET", "HEAD", "POST"]
SAID = {"added": "Recorded.", "ended": "Ended. It stays in the history."}


def _role(key: str) -> str:
    return roles()[key].label if key in roles() else key


def _back(person_id: int, said: str) -> HttpResponse:
    return redirect(f"{reverse('team:show_team', args=[person_id])}?said={said}")


@require_safe
def show_team(request: HttpRequest, person_id: int) -> HttpResponse:
    actor, person = open_person(request, person_id, "team")
    on, names = clock.today(), accounts.organisation_names()
    history = [
        {
            "at": row.at,
            "what": f"{Act(row.act).label}: {row.name}",
            "who": ", ".join((row.by.display_name, _role(row.role), names.get(row.org_code, row.org_code))),
            "why": row.why,
        }
        for row in selectors.events_of(person_id)
        if not selectors.is_hidden(row, actor)
    ]
    context: dict[str, Any] = {
        "team": selectors.team_of(actor, person_id, on),
        "history": history,
        "kinds": choices.kinds(),
        "may_record": actor.may(Permission.RECORD_ADJUSTMENTS),
        "banner": Banner(person, on),
        "said": SAID.get(request.GET.get("said", ""), ""),
    }
    return render(request, "team/team.jinja", context)


@require_http_methods(FORM_METHODS)
def add_member(request: HttpRequest, person_id: int, kind: str) -> HttpResponse:
    actor, person = open_person(request, person_id, "add to the team")
    gate.require(actor, Permission.RECORD_ADJUSTMENTS, ledger.subject_of(person_id))
    if kind not in choices.kinds():
        raise Http404
    on = clock.today()
    links = [
        (str(line.id), f"{line.name}, {line.what.lower()}, {line.organisation_name}") for line in selectors.callable_for(person_id, on)
    ]
    form, seen, status = AddForm(request.POST if request.method == "POST" else None, kind=kind, links=links), None, 200
    if request.method == "POST":
        sent = request.POST.get("seen", "")
        seen, status = int(sent) if sent.isdigit() and len(sent) < 19 else 0, 422
        if form.is_valid():
            try:
                services.record(actor, person_id, form.entry(), seen=seen)
                return _back(person_id, "added")
            except services.Changed as changed:
                refuse(form, changed)
                seen, status = None, 409
            except Refused as refusal:
                refuse(form, refusal)
                status = 409
    context = {
        "form": form,
        "seen": selectors.last_event(person_id) if seen is None else seen,
        "heading": choices.kinds()[kind].button,
        "team": selectors.team_of(actor, person_id, on),
        "banner": Banner(person, on),
    }
    return render(request, "team/add.jinja", context, status=status)


@require_http_methods(FORM_METHODS)
def end_member(request: HttpRequest, member_id: int) -> HttpResponse:
    found = selectors.recorded(member_id)
    if found is None:
        raise Http404
    actor, person = open_person(request, found.person_id, "end in the team")
    gate.require(actor, Permission.RECORD_ADJUSTMENTS, ledger.subject_of(found.person_id))
    if selectors.is_hidden(found, actor):
        raise Http404
    form, status = EndForm(request.POST if request.method == "POST" else None), 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                services.end(actor, member_id, in_error=form.cleaned_data["how"] == IN_ERROR, why=form.cleaned_data["why"])
                return _back(found.person_id, "ended")
            except Refused as refusal:
                refuse(form, refusal)
                status = 409
    context = {"form": form, "name": found.name, "is_closed": hasattr(found, "closed_by"), "banner": Banner(person, clock.today())}
    return render(request, "team/end.jinja", context, status=status)
