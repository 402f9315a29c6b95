"""Who is who: the directory of named links, and keeping it."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import clock, gate
from stepwell.web.core.actor import Actor
from stepwell.web.core.declare import no_patient_data
from stepwell.web.core.permissions import Permission
from stepwell.web.whoiswho import selectors, services
from stepwell.web.whoiswho.forms import DetailsForm, EndLinkForm, NewLinkForm
from stepwell.web.whoiswho.models import Link

FORM_METHODS = ["GET", "HEAD", "POST"]
_SAID = {"added": "Added.", "changed": "Changed.", "ended": "Ended."}


@require_safe
@no_patient_data
def list_links(request: HttpRequest) -> HttpResponse:
    """`?practice=` shows one practice; without it, all that concern the actor."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    on = clock.today()
    practices = selectors.practices_for(actor, on)
    wanted = request.GET.get("practice", "")
    shown = [row for row in practices if row.code == wanted] or practices
    links = selectors.links_of_practices([row.code for row in shown], on)
    context = {
        "practices": practices,
        "wanted": wanted,
        "shown": [(row, links[row.code]) for row in shown],
        "may_name": actor.may(Permission.MANAGE_STAFF),
        "may_edit": {line.id for lines in links.values() for line in lines if selectors.may_edit(actor, line.practice, line.organisation)},
        "said": _SAID.get(request.GET.get("said", ""), ""),
    }
    return render(request, "whoiswho/list.jinja", context)


def _done(said: str, practice: str) -> HttpResponse:
    return redirect(f"{reverse('whoiswho:list_links')}?practice={practice}&said={said}")


@require_http_methods(FORM_METHODS)
@no_patient_data
def add_link(request: HttpRequest) -> HttpResponse:
    """A practice names anybody for itself; another organisation names its own people for a practice."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.MANAGE_STAFF)
    all_practices = accounts.organisations_of_kind("practice")
    is_practice = actor.organisation_kind == "practice"
    practices = [row for row in all_practices if row.code == actor.organisation] if is_practice else all_practices
    others = selectors.providers() if is_practice else [row for row in selectors.providers() if row.code == actor.organisation]
    posted = request.POST if request.method == "POST" else None
    initial = {"practice": request.GET.get("practice", actor.organisation if is_practice else "")}
    initial["organisation"] = "" if is_practice else actor.organisation
    choices = ([(row.code, row.name) for row in practices], [(row.code, row.name) for row in others])
    form = NewLinkForm(posted, practices=choices[0], organisations=choices[1], initial=initial)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        practice = next(row for row in practices if row.code == given["practice"])
        organisation = next(row for row in others if row.code == given["organisation"])
        try:
            services.add_link(
                actor,
                practice=practice,
                organisation=organisation,
                kind=given["kind"],
                details=form.details(),
                from_on=given["from_on"],
                to_on=given["to_on"],
            )
            return _done("added", practice.code)
        except Refused as refusal:
            form.add_error(None, str(refusal))
    return render(request, "whoiswho/add.jinja", {"form": form}, status=422 if form.errors else 200)


def _link(request: HttpRequest, link_id: int) -> tuple[Actor, Link]:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.MANAGE_STAFF)
    link = selectors.link_row(link_id)
    if link is None or not selectors.may_edit(actor, link.practice.code, link.organisation.code):
        raise Http404
    return actor, link


def _version(request: HttpRequest, link: Link) -> int:
    """What the form was filled in on top of; a form sent without it counts as the oldest."""
    if request.method != "POST":
        return selectors.version_of(link.pk)
    given = request.POST.get("version", "")
    return int(given) if given.isdigit() and len(given) < 19 else 0


@require_http_methods(FORM_METHODS)
@no_patient_data
def change_link(request: HttpRequest, link_id: int) -> HttpResponse:
    actor, link = _link(request, link_id)
    version = _version(request, link)
    initial = {name: getattr(link, name) for name in ("name", "direct_line", "hours", "bleep")}
    form = DetailsForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            services.change_link(actor, link.pk, details=form.details(), version=version)
            return _done("changed", link.practice.code)
        except Refused as refusal:
            form.add_error(None, str(refusal))
            version = selectors.version_of(link.pk)  # they have now been told; sending it again is meant
    return _form_page(request, "whoiswho/change.jinja", form, link, version)


@require_http_methods(FORM_METHODS)
@no_patient_data
def end_link(request: HttpRequest, link_id: int) -> HttpResponse:
    actor, link = _link(request, link_id)
    version = _version(request, link)
    form = EndLinkForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            services.end_link(actor, link.pk, to_on=form.cleaned_data["to_on"], version=version)
            return _done("ended", link.practice.code)
        except Refused as refusal:
            form.add_error(None, str(refusal))
            version = selectors.version_of(link.pk)
    return _form_page(request, "whoiswho/end.jinja", form, link, version)


def _form_page(request: HttpRequest, template: str, form: Any, link: Link, version: int) -> HttpResponse:
    context = {
        "form": form,
        "link": selectors.line_of(link),
        "practice": link.practice,
        "version": version,
        "history": [services.told(event) for event in selectors.events_of(link.pk)],
    }
    return render(request, template, context, status=422 if form.errors else 200)
