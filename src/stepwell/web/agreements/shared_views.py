"""Shared care from request to end, the same pages for both sides; the inbox, gaps and numbers."""

from __future__ import annotations

from datetime import date

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.agreements import inventory, lists, selectors, services
from stepwell.web.agreements.act_forms import NoFields
from stepwell.web.agreements.act_specs import SPECS
from stepwell.web.agreements.inbox_pages import InboxPage
from stepwell.web.agreements.inventory_pages import InventoryPage, query_of
from stepwell.web.agreements.lists import Tab
from stepwell.web.agreements.models import Agreement
from stepwell.web.agreements.next_acts import Do
from stepwell.web.agreements.numbers import NumbersPage
from stepwell.web.agreements.pages import AgreementPage
from stepwell.web.agreements.story import State
from stepwell.web.core import clock, gate
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.declare import no_patient_data
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.forms import refuse
from stepwell.web.ledger.pages import Banner

FORM_METHODS = ["GET", "HEAD", "POST"]
WAITING = "-waiting"
SAID = {do.value: spec.said for do, spec in SPECS.items()} | {
    "sent": "Sent. The practice has it, and the clock runs.",
    "kept": "The draft is kept.",
}
_WORKED_OUT = "Duties are being worked out again; they may not show it yet."


def _said(key: str) -> str:
    words = SAID.get(key.removesuffix(WAITING), "")
    return f"{words} {_WORKED_OUT}" if words and key.endswith(WAITING) else words


def open_agreement(
    request: HttpRequest, agreement_id: int, what: str, action: Permission = Permission.VIEW_PATIENT
) -> tuple[Actor, Agreement]:
    """The agreement, once the actor may see its person and that is recorded. A draft is its writer's alone."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    agreement = selectors.find(agreement_id)
    if agreement is None:
        raise Http404
    gate.open_patient(actor, ledger.subject_of(agreement.person_id), action=action, what=what)
    record = ledger.person(agreement.person_id)
    draft = agreement.requested and selectors.state_on(agreement) is State.DRAFT
    if (draft and agreement.between_org not in actor.organisations) or not lists.shown_of(actor, record, [agreement]):
        raise Http404
    return actor, agreement


def page_of(agreement: Agreement, actor: Actor, on: date) -> AgreementPage:
    return AgreementPage(
        agreement, selectors.events_of(agreement), actor, on, accounts.organisation_names(), lists.baseline_sent(agreement)
    )


def banner_of(agreement: Agreement, on: date) -> Banner:
    return Banner(ledger.person(agreement.person_id), on)


@require_safe
def show_agreement(request: HttpRequest, agreement_id: int) -> HttpResponse:
    actor, agreement = open_agreement(request, agreement_id, "shared care agreement")
    on = clock.today()
    context = {"page": page_of(agreement, actor, on), "banner": banner_of(agreement, on), "said": _said(request.GET.get("said", ""))}
    return render(request, "agreements/agreement.jinja", context)


def seen_in(request: HttpRequest, agreement: Agreement) -> int:
    """The last event that the form knew; one that does not say has seen nothing."""
    if request.method != "POST":
        return selectors.last_event(agreement)
    text = request.POST.get("seen", "")
    return int(text) if text.isdigit() and len(text) < 19 else 0


@require_http_methods(FORM_METHODS)
def act_on_agreement(request: HttpRequest, agreement_id: int, act: str) -> HttpResponse:
    """One act: its form, and doing it."""
    if act not in set(Do):
        raise Http404
    actor, agreement = open_agreement(request, agreement_id, f"shared care: {act}", Permission.AGREE_OWNERS)
    if act == Do.AGAIN:
        return _ask_again(request, actor, agreement)
    do = Do(act)
    if do not in SPECS:
        raise Http404
    spec, on = SPECS[do], clock.today()
    page = page_of(agreement, actor, on)
    form = spec.form(request.POST if request.method == "POST" else None, page, on)
    seen, changes, status = seen_in(request, agreement), [], 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                up_to_date = spec.run(actor, page, form, seen)
                said = act if up_to_date else f"{act}{WAITING}"
                return redirect(f"{reverse('agreements:show_agreement', args=[agreement.pk])}?said={said}")
            except services.Stale as stale:
                refuse(form, stale)
                agreement = selectors.find(agreement_id) or agreement
                page = page_of(agreement, actor, on)
                seen, status = selectors.last_event(agreement), 409
                changes = [page.happened(event) for event in stale.changes]
            except Refused as refusal:
                refuse(form, refusal)
    offered = {each.do for each in (*page.acts, *([page.next_act] if page.next_act else []))}
    context = {
        "page": page,
        "form": form,
        "banner": banner_of(agreement, on),
        "heading": spec.heading(page),
        "told": spec.told(page),
        "button": spec.button,
        "seen": seen,
        "changes": changes,
        "possible": do in offered or request.method == "POST",
        "impossible": f"This cannot be done now by {actor.organisation_name}. {page.next_words}",
    }
    return render(request, "agreements/act.jinja", context, status=status)


def _ask_again(request: HttpRequest, actor: Actor, agreement: Agreement) -> HttpResponse:
    """A new draft with the text of the old one; asked for by a button, since a draft is written."""
    on, status = clock.today(), 200
    form = NoFields(request.POST if request.method == "POST" else None, earliest=on)
    if request.method == "POST" and form.is_valid():
        try:
            draft = services.request_again(actor, agreement.pk)
            return redirect(reverse("agreements:change_draft", args=[draft.pk]))
        except Refused as refusal:
            refuse(form, refusal)
            status = 422
    page = page_of(agreement, actor, on)
    context = {
        "page": page,
        "form": form,
        "banner": banner_of(agreement, on),
        "heading": f"Request shared care of {page.medicine} again",
        "told": ["A new draft begins with what was written before. You can change it before you send it."],
        "button": "Begin the draft",
        "seen": selectors.last_event(agreement),
        "changes": [],
        "possible": True,
        "impossible": "",
    }
    return render(request, "agreements/act.jinja", context, status=status)


# Lists


@require_safe
def list_agreements(request: HttpRequest) -> HttpResponse:
    """What waits for us, for them, what is in force, what is over, and the work of it."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.VIEW_AGREEMENTS, OrganisationSubject(actor.organisation))
    on, asked = clock.today(), request.GET.get("tab", "")
    listed = lists.listed(actor, Tab(asked) if asked in set(Tab) else Tab.OURS, on)
    page = InboxPage(
        listed,
        silent=selectors.silent(actor),
        work=lists.workload(actor, on),
        actor=actor,
        on=on,
        names=accounts.organisation_names(),
    )
    gate.open_list(
        actor,
        action=Permission.VIEW_AGREEMENTS,
        what=f"shared care: {listed.tab}",
        person_ids=page.person_ids,
        result_count=listed.counts[listed.tab],
    )
    return render(request, "agreements/inbox.jinja", {"page": page})


@require_safe
def show_inventory(request: HttpRequest) -> HttpResponse:
    """Gaps by kind, each with why, since when and what to do."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.VIEW_AGREEMENTS, OrganisationSubject(actor.organisation))
    on = clock.today()
    page = InventoryPage(inventory.orphans_for(actor, on), query_of(request.GET), actor, on, accounts.organisation_names())
    gate.open_list(
        actor, action=Permission.VIEW_AGREEMENTS, what="gaps in shared care", person_ids=page.person_ids, result_count=page.total
    )  # fmt: skip
    return render(request, "agreements/inventory.jinja", {"page": page})


@no_patient_data  # numbers by organisation
@require_safe
def show_numbers(request: HttpRequest) -> HttpResponse:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.VIEW_INTERFACE_NUMBERS, OrganisationSubject(actor.organisation))
    return render(request, "agreements/numbers.jinja", {"page": NumbersPage(actor, clock.today())})
