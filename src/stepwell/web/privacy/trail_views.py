"""The audit trail for a privacy officer, and the report for the person themselves. Looking at either is recorded too."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import clock, gate
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger.pages import Banner
from stepwell.web.ledger.view_support import open_person
from stepwell.web.privacy import report, selectors, trail
from stepwell.web.privacy.forms import WEEK, AuditForm, ReportForm
from stepwell.web.privacy.pages import AuditPage

FORM_METHODS = ["GET", "HEAD", "POST"]


@require_http_methods(FORM_METHODS)
def show_audit(request: HttpRequest) -> HttpResponse:
    """Asked by POST, because it may name a patient; a page opened without asking shows the last week."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.VIEW_AUDIT, OrganisationSubject(actor.organisation))
    on, today = clock.today(), timezone.localdate()
    staff = [(str(row.user_id), row.user.display_name) for row in accounts.staff_ever(actor.organisation)]
    initial = {"from_on": today - WEEK, "to_on": today, "kind": "all"}
    form = AuditForm(request.POST if request.method == "POST" else None, staff=list(dict(staff).items()), initial=initial)
    search = trail.Search(today - WEEK, today)
    if request.method == "POST":
        search = _search(actor, form, request.POST.get("page", ""), on)
    entries, total = ([], 0) if form.errors else trail.entries_for(actor, search, on)
    shown = {person for entry in entries for person in [entry.person_id, *entry.person_ids] if person is not None}
    named = trail.own_patients(actor, {entry.person_id for entry in entries if entry.person_id is not None}, on)
    gate.open_list(actor, action=Permission.VIEW_AUDIT, what="audit trail", person_ids=sorted(shown), result_count=total)
    page = AuditPage(entries, total, search, named=named, names=accounts.organisation_names(), place=actor.organisation_name)
    context = {"form": form, "page": page}
    return render(request, "privacy/audit.jinja", context, status=422 if form.errors else 200)


def _search(actor: Actor, form: AuditForm, page: str, on: date) -> trail.Search:
    today = timezone.localdate()
    if not form.is_valid():
        return trail.Search(today, today)
    cleaned = form.cleaned_data
    number = int(page) if page.isdigit() and 0 < len(page) < 6 else 1
    search = trail.Search(
        cleaned["from_on"], cleaned["to_on"], int(cleaned["user"]) if cleaned["user"] else None, cleaned["kind"], page=max(number, 1)
    )  # fmt: skip
    if not cleaned["nhs_number"]:
        return search
    person = trail.own_patient(actor, cleaned["nhs_number"], on)
    if person is None:
        form.add_error("nhs_number", f"Nobody who is a patient of {actor.organisation_name} has this NHS number")
        return search
    return replace(search, person_id=person.person_id)


# The person's own report


@require_http_methods(FORM_METHODS)
def find_report(request: HttpRequest) -> HttpResponse:
    """For whom the report is."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.REPORT_ACCESS, OrganisationSubject(actor.organisation))
    form = ReportForm(request.POST if request.method == "POST" else None)
    found = None
    if request.method == "POST" and form.is_valid():
        found = trail.own_patient(actor, form.cleaned_data["nhs_number"], clock.today())
        if found is None:
            form.add_error("nhs_number", f"Nobody who is a patient of {actor.organisation_name} has this NHS number")
    ids = [found.person_id] if found else []
    gate.open_list(actor, action=Permission.REPORT_ACCESS, what="search for the report", person_ids=ids, result_count=len(ids))
    if found:
        return redirect("privacy:show_report", found.person_id)
    return render(request, "privacy/find_report.jinja", {"form": form}, status=422 if form.errors else 200)


@require_safe
def show_report(request: HttpRequest, person_id: int) -> HttpResponse:
    """To print, or with `?file=1` as a file to hand over."""
    actor, person = open_person(request, person_id, "access report", Permission.REPORT_ACCESS)
    with_names = bool(selectors.setting(actor.organisation, "report_names"))
    # The report tells of itself too: that it was made is the newest thing in it.
    entries = trail.about(person_id).order_by("id").iterator(chunk_size=2000)
    context = {
        "banner": Banner(person, clock.today(), ()),
        "days": report.days(entries, accounts.organisation_names(), with_names=with_names),
        "made_at": clock.now(),
        "maker": actor,
        "with_names": with_names,
    }
    if request.GET.get("file") != "1":
        return render(request, "privacy/report.jinja", context)
    response = render(request, "privacy/report_file.jinja", context)
    # No name of the person: file names end up in lists of downloads.
    response["Content-Disposition"] = 'attachment; filename="who-looked-at-my-record.html"'
    return response
