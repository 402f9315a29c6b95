"""The directory of services and the list of reasons: seen by everybody, kept by the manager of each organisation."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from stepwell.errors import Refused
from stepwell.web.core import clock, gate
from stepwell.web.core.actor import Actor
from stepwell.web.core.declare import no_patient_data
from stepwell.web.core.forms import Form
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger.forms import refuse
from stepwell.web.service_requests import directory, selectors
from stepwell.web.service_requests.forms import ReasonForm, ServiceForm, WordsForm
from stepwell.web.service_requests.models import Service
from stepwell.web.service_requests.pages import ServiceLine

FORM_METHODS = ["GET", "HEAD", "POST"]
_SAID = {
    "added": "In the directory now.",
    "changed": "Changed.",
    "ended": "Ended: it takes nothing more.",
    "reason": "The list of reasons is changed.",
}


@no_patient_data
@require_safe
def list_services(request: HttpRequest) -> HttpResponse:
    """What there is, whom it serves, how soon it answers, what it asks for."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    able = selectors.answering(clock.today())
    groups: dict[str, list[ServiceLine]] = {}
    for row in selectors.services():
        line = ServiceLine(row, may_keep=selectors.may_keep(actor, row), answered=row.organisation.code in able)
        groups.setdefault(row.organisation.name, []).append(line)
    context = {
        "groups": groups,
        "may_add": actor.may(Permission.MANAGE_STAFF),
        "may_list": actor.may(Permission.VIEW_WORKLIST),
        "said": _SAID.get(request.GET.get("said", ""), ""),
    }
    return render(request, "service_requests/services.jinja", context)


def _back(said: str) -> HttpResponse:
    return redirect(f"{reverse('service_requests:list_services')}?said={said}")


@no_patient_data
@require_http_methods(FORM_METHODS)
def add_service(request: HttpRequest) -> HttpResponse:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.MANAGE_STAFF)
    form = ServiceForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            directory.add_service(actor, organisation=actor.organisation, details=form.details())
            return _back("added")
        except Refused as refusal:
            refuse(form, refusal)
    context = {"form": form, "heading": f"A service of {actor.organisation_name}", "button": "Put it into the directory"}
    return render(request, "service_requests/service_form.jinja", context, status=422 if form.errors else 200)


def _service(request: HttpRequest, service_id: int) -> tuple[Actor, Service]:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.MANAGE_STAFF)
    service = selectors.service_row(service_id)
    if service is None or not selectors.may_keep(actor, service):
        raise Http404
    return actor, service


def _version(request: HttpRequest, service: Service) -> int:
    if request.method != "POST":
        return selectors.version_of_service(service.pk)
    given = request.POST.get("version", "")
    return int(given) if given.isdigit() and len(given) < 19 else 0


@no_patient_data
@require_http_methods(FORM_METHODS)
def change_service(request: HttpRequest, service_id: int) -> HttpResponse:
    actor, service = _service(request, service_id)
    version = _version(request, service)
    form = ServiceForm(request.POST if request.method == "POST" else None, initial=ServiceForm.initial_of(service))
    if request.method == "POST" and form.is_valid():
        try:
            directory.change_service(actor, service_id, details=form.details(), version=version)
            return _back("changed")
        except Refused as refusal:
            refuse(form, refusal)
            version = selectors.version_of_service(service_id)  # they have now been told; sending it again is meant
    return _form(request, form, service, version, heading=service.name, button="Save", ends=True)


@no_patient_data
@require_http_methods(FORM_METHODS)
def end_service(request: HttpRequest, service_id: int) -> HttpResponse:
    actor, service = _service(request, service_id)
    version = _version(request, service)
    posted = request.POST if request.method == "POST" else None
    form = WordsForm(posted, label="Why it ends, and who does this instead", hint="Askers read it in the history.")
    if request.method == "POST" and form.is_valid():
        try:
            directory.end_service(actor, service_id, why=form.cleaned_data["why"], version=version)
            return _back("ended")
        except Refused as refusal:
            refuse(form, refusal)
            version = selectors.version_of_service(service_id)
    return _form(request, form, service, version, heading=f"{service.name} takes nothing more", button="End it", ends=False)


def _form(
    request: HttpRequest, form: Form, service: Service, version: int, *, heading: str, button: str, ends: bool
) -> HttpResponse:  # fmt: skip
    context = {
        "form": form,
        "service": service,
        "heading": heading,
        "button": button,
        "ends": ends,
        "version": version,
        "history": [directory.told(event) for event in selectors.events_of_service(service.pk)],
    }
    return render(request, "service_requests/service_form.jinja", context, status=422 if form.errors else 200)


@no_patient_data
@require_http_methods(FORM_METHODS)
def list_reasons(request: HttpRequest) -> HttpResponse:
    """The reasons for redirecting that services of this organisation choose from."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.MANAGE_STAFF)
    taking_off, problem = request.POST.get("off", ""), ""
    form = ReasonForm(request.POST if request.method == "POST" and not taking_off else None)
    done = redirect(f"{reverse('service_requests:list_reasons')}?said=reason")
    if taking_off:
        try:
            directory.take_reason_off(actor, taking_off)
            return done
        except Refused as refusal:
            problem = str(refusal)
    elif request.method == "POST" and form.is_valid():
        try:
            directory.add_reason(actor, form.cleaned_data["label"])
            return done
        except Refused as refusal:
            refuse(form, refusal)
    context = {
        "form": form,
        "reasons": selectors.reasons_of(actor.organisation),
        "history": selectors.reason_events(actor.organisation),
        "problem": problem,
        "said": _SAID.get(request.GET.get("said", ""), ""),
    }
    return render(request, "service_requests/reasons.jinja", context, status=422 if form.errors or problem else 200)
