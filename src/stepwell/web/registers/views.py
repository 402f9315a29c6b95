"""The registers: how many on each, and who."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import clock, gate
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known
from stepwell.web.registers import selectors
from stepwell.web.registers.pages import OverviewPage, RegisterPage, query_of
from stepwell.web.registers.selectors import Seen


@require_safe
def list_registers(request: HttpRequest) -> HttpResponse:
    """Numbers only; each is a link to the people behind it. `?practice=` shows one of the practices a network covers."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    practice = request.GET.get("practice", "")
    practice = practice if practice in actor.covered else ""
    gate.require(actor, Permission.VIEW_REGISTERS, OrganisationSubject(practice or actor.organisation))
    gate.open_list(actor, action=Permission.VIEW_REGISTERS, what=f"numbers of the registers {practice}".strip(), person_ids=[])
    found = selectors.overview(Seen(actor, clock.today()), practice)
    paths = {row["register"]: reverse("registers:show_register", args=[row["register"]]) for row in known.register_rows()}
    page = OverviewPage(found, actor, accounts.organisation_names(), practice=practice, path=paths)
    return render(request, "registers/overview.jinja", {"page": page})


@require_safe
def show_register(request: HttpRequest, register: str) -> HttpResponse:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.VIEW_REGISTERS, OrganisationSubject(actor.organisation))
    if known.register_row(register) is None:
        raise Http404
    seen = Seen(actor, clock.today())
    page = selectors.page_for(seen, register, query_of(request.GET, register))
    ids = [row.person_id for row in page.rows] + [row.person_id for row in page.left]
    gate.open_list(
        actor, action=Permission.VIEW_REGISTERS, what=f"register {register}: {page.query.who}", person_ids=ids, result_count=page.total
    )
    medicines, findings = selectors.options(seen, register)
    presented = RegisterPage(page, seen, accounts.organisation_names(), medicines=medicines, findings=findings)
    return render(request, "registers/register.jinja", {"page": presented, "now": clock.now()})
