"""Lists as files and under names: the export form, and the lists that people saved."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from stepwell.errors import Refused
from stepwell.web.accounts.services import needs_fresh_sign_in
from stepwell.web.core import audit, exports, gate, limits
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.declare import no_patient_data
from stepwell.web.core.forms import CheckboxesField, Form, RadiosField, TextareaField, TextField
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger.forms import refuse
from stepwell.web.week import saved
from stepwell.web.week.listings import MOST_ROWS, Listing, Place, listing_of, place_of, size_of

FORM_METHODS = ["GET", "HEAD", "POST"]
EXPORTS_WITHIN = timedelta(hours=1)


class ExportForm(Form):
    kind = RadiosField(
        label="As",
        label_size="s",
        choices=[(exports.XLSX, "Excel workbook"), (exports.CSV, "CSV")],
        initial=exports.XLSX,
        error_messages={"required": "Choose the kind of file"},
    )
    why = TextareaField(
        label="What is it for?",
        rows=2,
        help_text="It is kept with the record of who took which patients’ details.",
        error_messages={"required": "Say what the file is for"},
    )


class NameForm(Form):
    name = TextField(label="Name of the list", label_size="s", error_messages={"required": "Give the list a name"})
    shared = CheckboxesField(
        label="Who sees it",
        label_size="s",
        choices=[("yes", "Everybody at my organisation")],
        required=False,
        hints={"yes": "Otherwise only you. Nobody sees people through it whom they may not open."},
    )

    @property
    def is_shared(self) -> bool:
        return "yes" in self.cleaned_data["shared"]


def _place(request: HttpRequest, actor: Actor, place: str) -> Place:
    """The list that the address names, once the actor may see it on its own page."""
    found = place_of(place, request.META.get("QUERY_STRING", ""), actor)
    if found is None:
        raise Http404
    gate.require(actor, found.permission, OrganisationSubject(actor.organisation))
    return found


@no_patient_data  # the form tells a number; the file is recorded with everybody in it
@require_http_methods(FORM_METHODS)
def export_list(request: HttpRequest, place: str) -> HttpResponseBase:
    """A list as a file: asked for a reason, recorded with whom it is about, not too often, and by somebody who is really there."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.EXPORT_LISTS, OrganisationSubject(actor.organisation))
    found = _place(request, actor, place)
    if again := needs_fresh_sign_in(request):
        return again
    form = ExportForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            limits.limit(actor, Permission.EXPORT_LISTS, most=settings.EXPORTS_MOST, within=EXPORTS_WITHIN)
            kind = form.cleaned_data["kind"]
            return exports.response(_recorded(actor, found, kind, form.cleaned_data["why"]).sheet, kind, name=f"stepwell-{found.label}")
        except Refused as refusal:
            refuse(form, refusal)
    number = size_of(found, actor)
    context = {"form": form, "place": found, "rows": number, "most": MOST_ROWS, "too_many": number > MOST_ROWS}
    return render(request, "week/export.jinja", context, status=422 if form.errors else 200)


def _recorded(actor: Actor, place: Place, kind: str, why: str) -> Listing:
    """The rows, read and recorded in one transaction: what the file holds is what the trail says."""
    with transaction.atomic():
        listing = listing_of(place, actor)
        audit.record_read(
            actor,
            Permission.EXPORT_LISTS,
            person_ids=listing.person_ids,
            subject_type="export",
            subject_id=f"{place.key} as {kind}",
            reason=" ".join(why.split()),
            evidence=place.query,
            result_count=listing.rows,
        )
        return listing


# Saved lists


@no_patient_data
@require_safe
def list_views(request: HttpRequest) -> HttpResponse:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.VIEW_WORKLIST, OrganisationSubject(actor.organisation))
    said = {"saved": "The list is saved.", "renamed": "The list has its new name.", "removed": "The list is removed."}
    context = {"views": saved.views_for(actor), "said": said.get(request.GET.get("said", ""), "")}
    return render(request, "week/views.jinja", context)


def _back(said: str) -> HttpResponse:
    return redirect(f"{reverse('week:list_views')}?said={said}")


@no_patient_data
@require_http_methods(FORM_METHODS)
def save_view(request: HttpRequest, place: str) -> HttpResponse:
    """Name the list of `place` with the query of this address."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    found = _place(request, actor, place)
    form = NameForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            view = saved.save(actor, place=found.key, query=found.query, name=form.cleaned_data["name"], shared=form.is_shared)
            return redirect(view.place.href)
        except Refused as refusal:
            refuse(form, refusal)
    context = {"form": form, "heading": "Save this list under a name", "place": found, "button": "Save"}
    return render(request, "week/view_form.jinja", context, status=422 if form.errors else 200)


@no_patient_data
@require_http_methods(FORM_METHODS)
def change_view(request: HttpRequest, view: str) -> HttpResponse:
    """Another name, shared or not; or, by its own button, removed."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.VIEW_WORKLIST, OrganisationSubject(actor.organisation))
    mine = saved.own_view(actor, view)
    if mine is None:
        raise Http404
    removing = request.POST.get("remove") == "yes"
    initial = {"name": mine.name, "shared": ["yes"] if mine.shared else []}
    form = NameForm(request.POST if request.method == "POST" and not removing else None, initial=initial)
    if removing:
        saved.remove(actor, view)
        return _back("removed")
    if request.method == "POST" and form.is_valid():
        try:
            saved.rename(actor, view, name=form.cleaned_data["name"], shared=form.is_shared)
            return _back("renamed")
        except Refused as refusal:
            refuse(form, refusal)
    context = {"form": form, "heading": f"Change “{mine.name}”", "place": mine.place, "button": "Save", "removable": True}
    return render(request, "week/view_form.jinja", context, status=422 if form.errors else 200)
