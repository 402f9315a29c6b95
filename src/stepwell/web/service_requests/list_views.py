"""Lists of requests, their files, and counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.accounts.services import needs_fresh_sign_in
from stepwell.web.core import audit, clock, exports, gate, layout, limits
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.declare import no_patient_data
from stepwell.web.core.formatting import clinician
from stepwell.web.core.formatting import count as counted
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.forms import refuse
from stepwell.web.ledger.pages import Banner
from stepwell.web.privacy import restrict
from stepwell.web.service_requests import lists, selectors
from stepwell.web.service_requests.forms import ExportForm
from stepwell.web.service_requests.lists import Query, Since
from stepwell.web.service_requests.models import Service, ServiceRequest
from stepwell.web.service_requests.pages import SAID, CountsPage, ListPage, Row

PAGE_SIZE, MOST_ROWS = 25, 5_000
EXPORTS_WITHIN = timedelta(hours=1)
FORM_METHODS = ["GET", "HEAD", "POST"]


def _rows(actor: Actor, found: Sequence[ServiceRequest], on: date) -> list[Row]:
    """Requests as rows. Of people whose record the actor may not open any more, and of requests from a duty that is hidden from the
    actor, only the way is told."""
    names = accounts.organisation_names()
    stops = selectors.stops_of([row.pk for row in found])
    ids = {row.person_id for row in found}
    open_ids = set(ledger.visible_ids(actor, on).filter(person_id__in=ids))
    before = layout.before_contact(sorted(open_ids), on)
    cuts = restrict.cut_for(actor, [row.person for row in found if row.person_id in open_ids])
    rows = []
    for each in found:
        row = Row(each, stops[each.pk], actor, on, names)
        hidden = each.person_id not in open_ids or (each.duty is not None and cuts[each.person_id].hides(each.duty))
        row.person = None if hidden else Banner(each.person, on, before[each.person_id])
        rows.append(row)
    return rows


def _services() -> dict[int, Service]:
    return {row.pk: row for row in (*selectors.services(), *selectors.services(ended=True))}


def _page(actor: Actor, query: Query, found: Sequence[ServiceRequest], number: int, on: date) -> ListPage:
    return ListPage(
        _rows(actor, found, on), query, lists.tab_counts(actor, on), number=number, actor=actor, services=_services(),
        reasons=selectors.reason_labels(), names=accounts.organisation_names(),
    )  # fmt: skip


@require_safe
def list_requests(request: HttpRequest) -> HttpResponse:
    """Our requests, the triage inbox, bounced people, and the lists behind counts."""
    actor, on = request.actor, clock.today()  # type: ignore[attr-defined]
    gate.require(actor, Permission.VIEW_WORKLIST, OrganisationSubject(actor.organisation))
    query = lists.query_of(request.GET)
    rows = lists.rows_for(actor, query, on)
    number = rows.count()
    pages = -(-number // PAGE_SIZE) or 1
    place = min(query.page, pages)
    page = _page(actor, query, list(rows[(place - 1) * PAGE_SIZE : place * PAGE_SIZE]), number, on)
    shown = sorted({row.person.person_id for row in page.rows if row.person is not None})
    gate.open_list(actor, action=Permission.VIEW_WORKLIST, what=f"requests: {query.tab}", person_ids=shown, result_count=number)
    context = {
        "page": page,
        "said": SAID.get(request.GET.get("said", ""), ""),
        "pager": {
            "number": place,
            "count": pages,
            "previous": lists.address(query, page=place - 1) if place > 1 else "",
            "next": lists.address(query, page=place + 1) if place < pages else "",
        },
        "export": f"{reverse('service_requests:export_requests')}{lists.address(query, page=1)}" if number else "",
        "may_export": actor.may(Permission.EXPORT_LISTS),
    }
    return render(request, "service_requests/list.jinja", context)


@no_patient_data  # the form tells a number; the file is recorded with everybody in it
@require_http_methods(FORM_METHODS)
def export_requests(request: HttpRequest) -> HttpResponseBase:
    """A list as a file: for a reason, recorded with whom it is about, not too often, and by somebody who is really there."""
    actor, on = request.actor, clock.today()  # type: ignore[attr-defined]
    gate.require(actor, Permission.EXPORT_LISTS, OrganisationSubject(actor.organisation))
    gate.require(actor, Permission.VIEW_WORKLIST, OrganisationSubject(actor.organisation))
    if again := needs_fresh_sign_in(request):
        return again
    query = lists.query_of(request.GET)
    number = lists.rows_for(actor, query, on).count()
    form = ExportForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            if number > MOST_ROWS:
                raise Refused(f"This list has {number:,} rows; a file holds at most {MOST_ROWS:,}. Choose another list first.")
            limits.limit(actor, Permission.EXPORT_LISTS, most=settings.EXPORTS_MOST, within=EXPORTS_WITHIN)
            kind = form.cleaned_data["kind"]
            return exports.response(_recorded(actor, query, kind, form.cleaned_data["why"], on), kind, name="stepwell-requests")
        except Refused as refusal:
            refuse(form, refusal)
    context = {
        "form": form,
        "rows": number,
        "most": MOST_ROWS,
        "back": f"{reverse('service_requests:list_requests')}{lists.address(query)}",
    }
    return render(request, "service_requests/export.jinja", context, status=422 if form.errors else 200)


_COLUMNS = (
    "Family name", "Given name", "NHS number", "Born", "Before you contact", "Asked for", "How soon", "Asked by", "Asked on", "With",
    "Stands", "Word due", "Redirections", "Way so far", "Ended",
)  # fmt: skip


def _recorded(actor: Actor, query: Query, kind: str, why: str, on: date) -> exports.Sheet:
    """The rows, read and recorded in one transaction: what the file holds is what the trail says."""
    with transaction.atomic():
        found = list(lists.rows_for(actor, query, on))
        page = _page(actor, query, found, len(found), on)
        ids = sorted({row.person.person_id for row in page.rows if row.person is not None})
        audit.record_read(
            actor, Permission.EXPORT_LISTS, person_ids=ids, subject_type="export", subject_id=f"requests as {kind}",
            reason=" ".join(why.split()), evidence=lists.address(query), result_count=len(found),
        )  # fmt: skip
    told = (
        f"{page.heading}, {actor.organisation_name}, {counted(len(found), 'row')}",
        f"Made by {actor.display_name} at {clinician.datetime(clock.now())}. Holds patients' records: keep it as you keep them.",
    )
    return exports.Sheet("Requests", _COLUMNS, [_cells(row) for row in page.rows], told)


def _cells(row: Row) -> list[exports.Cell]:
    person, asked = row.person, row.row
    who: list[Any] = ["not open to you", "", "", None, ""]
    if person is not None:
        who = [person.family, person.given, person.nhs_number, person.birth_date, person.before]
    return [
        *who, row.kind, asked.urgency, row.names.get(asked.asked_org, asked.asked_org), asked.asked_on, row.owner, row.standing,
        asked.due_on, asked.redirects, " → ".join(row.path), asked.ended_on,
    ]  # fmt: skip


@no_patient_data
@require_safe
def show_counts(request: HttpRequest) -> HttpResponse:
    """Counts both ways, of what one's organisations are party to; every number opens its list."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.VIEW_WORKLIST, OrganisationSubject(actor.organisation))
    return _counts(request, actor, region=False)


@no_patient_data
@require_safe
def show_region(request: HttpRequest) -> HttpResponse:
    """The same of the whole region: numbers by organisation, nobody by name."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.VIEW_INTERFACE_NUMBERS, OrganisationSubject(actor.organisation))
    return _counts(request, actor, region=True)


def _counts(request: HttpRequest, actor: Actor, *, region: bool) -> HttpResponse:
    since = Since(request.GET["since"]) if request.GET.get("since", "") in list(Since) else Since.YEAR
    counts = lists.counts_for(actor, since, clock.today(), region=region)
    page = CountsPage(
        counts, since, actor=actor, services=_services(), reasons=selectors.reason_labels(), names=accounts.organisation_names()
    )
    return render(request, "service_requests/counts.jinja", {"page": page})
