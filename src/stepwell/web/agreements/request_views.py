"""Asking for shared care: the form filled from the record, the draft that is kept, and sending it."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from stepwell import knowledge
from stepwell.errors import Refused
from stepwell.knowledge.shared_care import Protocol, protocol_of
from stepwell.web.accounts import selectors as accounts
from stepwell.web.agreements import selectors, services
from stepwell.web.agreements.models import Agreement
from stepwell.web.agreements.pages import baseline_value
from stepwell.web.agreements.prefill import first_terms
from stepwell.web.agreements.request_form import RequestForm, initial_of
from stepwell.web.agreements.shared_views import FORM_METHODS, open_agreement, page_of, seen_in
from stepwell.web.agreements.story import State
from stepwell.web.agreements.terms import Baseline, Missing, Terms, proposed_shares, responsibilities
from stepwell.web.core import clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.forms import refuse
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.ledger.pages import Banner
from stepwell.web.ledger.view_support import open_person
from stepwell.web.privacy import restrict

SEND = "send"
TRIED = "tried"


class RequestPage:
    """What stands around the form."""

    def __init__(self, actor: Actor, record: PersonRecord, substance: str, agreement: Agreement | None = None) -> None:
        names = accounts.organisation_names()
        practice = agreement.and_org if agreement is not None else record.gp_org
        self.actor, self.agreement, self.id = actor, agreement, agreement.pk if agreement is not None else None
        self.medicine = known.medicine(substance)
        self.practice = names.get(practice, practice)
        self.sides = [(actor.organisation, actor.organisation_name), (practice, self.practice)]
        self.protocol: Protocol | None = protocol_of(knowledge.load(), substance)
        self.missing: list[Missing] = []
        self.is_answer = agreement is not None and selectors.state_on(agreement) is State.INFORMATION_REQUESTED
        self.may_record = actor.may(Permission.RECORD_RESULT)

    @property
    def heading(self) -> str:
        if self.is_answer:
            return f"Answer {self.practice} with a changed request about {self.medicine}"
        return f"Ask {self.practice} to share the care of {self.medicine}"

    @property
    def lede(self) -> str:
        return "Filled from the record: change what is not right. You supply and monitor until the practice has accepted."

    @property
    def refused(self) -> str:
        """Why shared care of it cannot be asked for; empty when it can."""
        return self.protocol.refused_because if self.protocol is not None and not self.protocol.requestable.value else ""

    @property
    def button(self) -> str:
        return "Send answer" if self.is_answer else "Send request"

    @property
    def keeps_draft(self) -> bool:
        return not self.is_answer

    @staticmethod
    def value(line: Baseline) -> str:
        return baseline_value(line)


def _form(page: RequestPage, lines: list[Baseline], data: Any = None, initial: dict[str, Any] | None = None) -> RequestForm:
    return RequestForm(
        data, lines=lines, responsibilities=responsibilities(), sides=page.sides, answers=page.is_answer, initial=initial
    )  # fmt: skip


def _shown(request: HttpRequest, page: RequestPage, form: RequestForm, record: PersonRecord, **more: Any) -> HttpResponse:
    context = {"page": page, "form": form, "banner": Banner(record, clock.today()), "seen": 0, "changes": [], "said": ""} | more
    return render(request, "agreements/request.jinja", context, status=more.pop("status", 200))


@require_http_methods(FORM_METHODS)
def request_care(request: HttpRequest, person_id: int) -> HttpResponse:
    """A new request, filled from the record. Nothing is kept before it is sent or saved for the first time."""
    actor, record = open_person(request, person_id, "request shared care", Permission.AGREE_OWNERS)
    restrict.cut_for(actor, [record])  # what is hidden from the actor cannot be asked about
    substance = request.GET.get("medicine", "")
    if substance not in {row["substance"] for row in record.medicines}:
        raise Http404
    begun = next((draft for draft in selectors.drafts_of(actor, person_id) if draft.substance == substance), None)
    if begun is not None and request.method != "POST":
        return redirect(reverse("agreements:change_draft", args=[begun.pk]))
    on = clock.today()
    page = RequestPage(actor, record, substance)
    shares = {share.responsibility: share.owner_org for share in proposed_shares(page.sides[0][0], page.sides[1][0])}
    lines = selectors.baseline_of(person_id, substance)
    if request.method != "POST":
        initial = initial_of(first_terms(record, substance, page.protocol, on), shares)
        return _shown(request, page, _form(page, lines, initial=initial), record)
    form = _form(page, lines, request.POST)
    if form.is_valid():
        try:
            draft = services.draft_request(actor, person_id, substance=substance, terms=form.terms(), shares=form.shares())
            if request.POST.get("do") != SEND:
                return redirect(f"{reverse('agreements:show_agreement', args=[draft.pk])}?said=kept")
            return _send(actor, draft)
        except Refused as refusal:
            refuse(form, refusal)
    return _shown(request, page, form, record, status=422)


def _send(actor: Actor, draft: Agreement) -> HttpResponse:
    """Send it, or back to the draft that says what is missing."""
    whole = selectors.find(draft.pk) or draft
    if selectors.gate_of(whole):
        return redirect(f"{reverse('agreements:change_draft', args=[draft.pk])}?{TRIED}=1")
    step = services.send_request(actor, draft.pk)
    said = "sent" if step.up_to_date else "sent-waiting"
    return redirect(f"{reverse('agreements:show_agreement', args=[draft.pk])}?said={said}")


@require_http_methods(FORM_METHODS)
def change_draft(request: HttpRequest, agreement_id: int) -> HttpResponse:
    """The draft again, with what is missing; or, while a question waits, an answer that changes the request."""
    actor, agreement = open_agreement(request, agreement_id, "request shared care", Permission.AGREE_OWNERS)
    if agreement.between_org not in actor.organisations or not _open(agreement):
        return redirect(reverse("agreements:show_agreement", args=[agreement.pk]))
    record, on = ledger.person(agreement.person_id), clock.today()
    page = RequestPage(actor, record, agreement.substance, agreement)
    terms = selectors.terms_of(agreement)
    lines = selectors.baseline_of(agreement.person_id, agreement.substance, terms.baseline_without)
    seen, changes, status = seen_in(request, agreement), [], 200
    if request.method != "POST":
        initial = initial_of(terms, selectors.shares_of(agreement))
        tried = request.GET.get(TRIED) == "1"
        form = _form(page, lines, _bound(initial) if tried else None, initial)
        if tried and form.is_valid():
            page.missing = selectors.gate_of(agreement)
            form.refuse(page.missing)
        return _shown(request, page, form, record, seen=seen)
    form = _form(page, lines, request.POST)
    status = 422
    if form.is_valid():
        try:
            if page.is_answer:
                return _answer(actor, agreement, form, seen)
            services.change_draft(actor, agreement.pk, terms=form.terms(), shares=form.shares(), seen=seen)
            agreement = selectors.find(agreement_id) or agreement
            if request.POST.get("do") != SEND:
                return redirect(f"{reverse('agreements:show_agreement', args=[agreement.pk])}?said=kept")
            page.missing = selectors.gate_of(agreement)
            if not page.missing:
                return _send(actor, agreement)
            form.refuse(page.missing)
            seen = selectors.last_event(agreement)
        except services.Stale as stale:
            refuse(form, stale)
            agreement = selectors.find(agreement_id) or agreement
            told = page_of(agreement, actor, on)
            seen, status = selectors.last_event(agreement), 409
            changes = [told.happened(event) for event in stale.changes]
        except Refused as refusal:
            refuse(form, refusal)
    return _shown(request, page, form, record, seen=seen, changes=changes, status=status)


def _open(agreement: Agreement) -> bool:
    return selectors.state_on(agreement) in (State.DRAFT, State.INFORMATION_REQUESTED)


def _bound(initial: dict[str, Any]) -> dict[str, Any]:
    """What the form shows first, as if it had been sent: so that what is missing stands at its field."""
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in initial.items() if value not in (None, "")}


def _answer(actor: Actor, agreement: Agreement, form: RequestForm, seen: int) -> HttpResponse:
    terms: Terms = form.terms()
    step = services.answer_question(
        actor, agreement.pk, words=form.cleaned_data["answer"], terms=terms, shares=form.shares(), seen=seen
    )  # fmt: skip
    said = "answer" if step.up_to_date else "answer-waiting"
    return redirect(f"{reverse('agreements:show_agreement', args=[agreement.pk])}?said={said}")
