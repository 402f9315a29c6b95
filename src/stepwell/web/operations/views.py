"""Bringing records in: the drop folder, one import from asking to its end, sending a small file."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from stepwell.errors import Refused
from stepwell.web.core import gate
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.forms import Form
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger.forms import refuse
from stepwell.web.operations import selectors, services
from stepwell.web.operations.forms import StartForm, UploadForm
from stepwell.web.operations.models import ImportRun
from stepwell.web.operations.pages import FOLLOW_SECONDS, SIZE, ListPage, RunPage, page_of


def _actor(request: HttpRequest) -> Actor:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.IMPORT_RECORDS, OrganisationSubject(actor.organisation))
    return actor


def _run(actor: Actor, run_id: int) -> ImportRun:
    run = selectors.run_for(actor, run_id)
    if run is None:
        raise Http404
    return run


@require_safe
def list_imports(request: HttpRequest) -> HttpResponse:
    """What lies in the drop folder, and what was imported."""
    actor = _actor(request)
    return _list(request, actor, UploadForm(), None)


def _list(request: HttpRequest, actor: Actor, upload: UploadForm, start: StartForm | None) -> HttpResponse:
    entries = selectors.entries_for(actor)
    # Names of files can tell of people: each look is recorded.
    gate.open_list(actor, action=Permission.IMPORT_RECORDS, what="imports", person_ids=[], result_count=len(entries))
    chosen = request.GET.get("export", "")
    start = start or StartForm(entries=entries, initial={"scope": "auto", "export": chosen})
    wrong = next((form for form in (upload, start) if form.errors), None)
    context = {
        "page": ListPage(entries, selectors.runs_for(actor), str(selectors.drop_folder(actor.organisation))),
        "form": wrong,
        "start": start,
        "upload": upload,
        "sent": request.GET.get("said") == "sent",
        "active": selectors.active_run(actor.organisation),
    }
    return render(request, "operations/imports.jinja", context, status=422 if wrong else 200)


@require_POST
def start_import(request: HttpRequest) -> HttpResponse:
    actor = _actor(request)
    form = StartForm(request.POST, entries=selectors.entries_for(actor))
    if form.is_valid():
        try:
            run = services.start_import(actor, form.cleaned_data["export"], scope=form.cleaned_data["scope"])
            return _follow(run)
        except Refused as refusal:
            refuse(form, refusal)
    return _list(request, actor, UploadForm(), form)


@require_POST
def upload_export(request: HttpRequest) -> HttpResponse:
    actor = _actor(request)
    form = UploadForm(request.POST, request.FILES)
    if int(request.META.get("CONTENT_LENGTH") or 0) > settings.UPLOAD_BYTES and not request.FILES:
        form.is_valid()
        form.errors.pop("export", None)
        form.add_error("export", f"The file is larger than {settings.UPLOAD_BYTES // 1_000_000} MB. Have it put into the drop folder")
    elif form.is_valid():
        try:
            name = services.upload(actor, form.cleaned_data["export"])
            return redirect(f"{reverse('operations:list_imports')}?said=sent&export={selectors.key_of(name)}#start")
        except Refused as refusal:
            form.add_error("export", str(refusal).rstrip("."))
    return _list(request, actor, form, None)


def _follow(run: ImportRun) -> HttpResponse:
    return redirect(f"{reverse('operations:show_import', args=[run.pk])}?follow=1")


@require_safe
def show_import(request: HttpRequest, run_id: int) -> HttpResponse:
    """How far it is, then what came of it. `?follow=1` lets the page open itself again every few seconds until the end."""
    actor = _actor(request)
    run = _run(actor, run_id)
    number, rows = selectors.rejects_of(run, (page_of(request.GET) - 1) * SIZE, SIZE)
    gate.open_list(actor, action=Permission.IMPORT_RECORDS, what=f"import {run.pk}", person_ids=[], result_count=number)
    page = RunPage(run, (number, rows), request.GET, may_code=actor.may(Permission.DECIDE_CODING))
    response = render(request, "operations/import.jinja", {"page": page, "form": None})
    if page.follow:
        response["Refresh"] = str(FOLLOW_SECONDS)
    return response


@require_POST
def start_again(request: HttpRequest, run_id: int) -> HttpResponse:
    actor = _actor(request)
    run = _run(actor, run_id)
    try:
        return _follow(services.start_again(actor, run_id))
    except Refused as refusal:
        form = Form(data={})
        form.is_valid()
        refuse(form, refusal)
        gate.open_list(actor, action=Permission.IMPORT_RECORDS, what=f"import {run.pk}", person_ids=[])
        page = RunPage(run, (0, []), {}, may_code=False)
        return render(request, "operations/import.jinja", {"page": page, "form": form}, status=409)
