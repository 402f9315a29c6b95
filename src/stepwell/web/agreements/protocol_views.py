"""The protocol library of an area: what each asks for, which version is in use, and adopting another."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from stepwell import knowledge
from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.agreements import protocol_use, selectors, services
from stepwell.web.agreements.forms import AdoptForm, VersionForm
from stepwell.web.agreements.protocol_pages import AdoptPage, AdoptPlan, LibraryPage, ProtocolPage, uses_of
from stepwell.web.core import clock, gate
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.declare import no_patient_data
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger.forms import refuse

ADOPTED = "adopted"
_KEPT = "Kept, and in the list of versions below. Agreements made under another version stand as they are until they are renewed."


@no_patient_data
@require_safe
def list_protocols(request: HttpRequest) -> HttpResponse:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    on = clock.today()
    page = LibraryPage(selectors.protocols_for(actor.organisation, on), knowledge.load(), uses_of(actor, on), accounts.organisation_names())
    return render(request, "agreements/protocols.jinja", {"page": page})


def _used(actor: Actor, protocol: str) -> protocol_use.InUse:
    used = protocol_use.one_in_use(actor.organisation, protocol, clock.today())
    if used is None:
        raise Http404
    return used


@no_patient_data
@require_safe
def show_protocol(request: HttpRequest, protocol: str) -> HttpResponse:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    on, used = clock.today(), _used(actor, protocol)
    rows = protocol_use.adoptions(actor.organisation, protocol, on)
    uses = uses_of(actor, on).get(protocol, ())
    page = ProtocolPage(used, knowledge.load(), uses, accounts.organisation_names(), rows=rows, actor=actor, on=on)
    said = _KEPT if request.GET.get("said") == ADOPTED else ""
    return render(request, "agreements/protocol.jinja", {"page": page, "said": said})


@no_patient_data
@require_http_methods(["GET", "HEAD", "POST"])
def adopt_protocol(request: HttpRequest, protocol: str) -> HttpResponse:
    """Choose a version and a day; see what it changes; say why. The choice travels in the address, so that looking changes nothing."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.APPROVE_KNOWLEDGE, OrganisationSubject(actor.organisation))
    today, used = clock.today(), _used(actor, protocol)
    page = AdoptPage(used, protocol_use.versions(actor.organisation, protocol, today), accounts.organisation_names(), actor)
    given = request.POST if request.method == "POST" else request.GET
    choice = VersionForm(given or None, choices=page.choices, initial={"from_on": today, "version": page.choices[0][0]}, earliest=today)
    if not given or not choice.is_valid():
        return render(request, "agreements/adopt.jinja", {"page": page, "form": choice}, status=422 if given else 200)
    from_on, number = choice.cleaned_data["from_on"], int(choice.cleaned_data["version"])
    chosen = next(each for each in page.versions if each.version == number)
    seen = max((row.pk for row in protocol_use.adoptions(actor.organisation, protocol, today)), default=0)
    form = AdoptForm(request.POST if request.method == "POST" else None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            sent = request.POST.get("seen", "")
            try:
                services.use_protocol(
                    actor, protocol, from_on=from_on, version=number, why=form.cleaned_data["why"],
                    seen=int(sent) if sent.isdigit() and len(sent) < 19 else -1,
                )  # fmt: skip
                return redirect(f"{reverse('agreements:show_protocol', args=[protocol])}?said={ADOPTED}")
            except Refused as refusal:
                refuse(form, refusal)
                status = 409
    plan = AdoptPlan(page, chosen, from_on, protocol_use.touched(actor.organisation, protocol, from_on))
    return render(request, "agreements/adopt.jinja", {"page": page, "plan": plan, "form": form, "seen": seen}, status=status)
