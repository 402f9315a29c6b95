"""The knowledge browser: what the pack says, where each figure comes from, and what became of the evidence. No page shows a patient."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from stepwell.knowledge import evidence
from stepwell.web.core.actor import Actor
from stepwell.web.core.declare import no_patient_data
from stepwell.web.ledger import selectors as ledger
from stepwell.web.library.catalogue import catalogue
from stepwell.web.library.pages import EvidencePage, ListPage, Shown, query_of
from stepwell.web.library.worked import worked_for


def _pending(request: HttpRequest) -> bool:
    """Whether the reader's organisation still has to approve the pack in use."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return ledger.is_pending(actor.organisations)


@require_safe
@no_patient_data
def list_entries(request: HttpRequest) -> HttpResponse:
    """`?q=` words, `?kind=`, `?class=` a set of medicines, `?mark=` a verification mark or `approval`."""
    found = catalogue()
    page = ListPage(found, query_of(request.GET), _pending(request))
    return render(request, "library/list.jinja", {"page": page, "tables": evidence.packaged(), "info": found.known.info})


@require_safe
@no_patient_data
def show_entry(request: HttpRequest, kind: str, key: str) -> HttpResponse:
    found = catalogue()
    entry = found.entry(kind, key)
    if entry is None:
        raise Http404
    page = Shown(found, _pending(request)).page(kind, key, entry)
    if kind == "rule":
        page.worked = worked_for(key)
    return render(request, "library/entry.jinja", {"page": page})


@require_safe
@no_patient_data
def show_evidence(request: HttpRequest, table: str) -> HttpResponse:
    tables = evidence.packaged()
    if table not in tables:
        raise Http404
    page = EvidencePage(Shown(catalogue(), _pending(request)), tables[table])
    return render(request, "library/evidence.jinja", {"page": page})
