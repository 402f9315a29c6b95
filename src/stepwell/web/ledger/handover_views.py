"""Handing over, from both sides: offering, answering, withdrawing, and the list of what waits for an answer."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import clock, gate
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import handovers, known, selectors, services
from stepwell.web.ledger.forms import ACCEPT, AnswerForm, HandOverForm, ReasonForm
from stepwell.web.ledger.handover_pages import HandoversPage, OfferPresenter, shown
from stepwell.web.ledger.models import Duty, Handover, HandoverScope
from stepwell.web.ledger.view_support import FORM_METHODS, act, open_duty

NO_TAKERS = (
    "No other organisation that knows this person has somebody who can answer here. Ask them in writing; "
    "when they agree, record the agreement."
)


@require_safe
def list_handovers(request: HttpRequest) -> HttpResponse:
    """What was offered to us and by us, and what came of it."""
    actor, on = request.actor, clock.today()  # type: ignore[attr-defined]
    gate.require(actor, Permission.VIEW_WORKLIST, OrganisationSubject(actor.organisation))
    page = HandoversPage(
        shown(actor, selectors.offers_for(actor, ours=False)),
        shown(actor, selectors.offers_for(actor, ours=True)),
        shown(actor, selectors.answered_for(actor, on)),
        actor=actor,
        on=on,
        names=accounts.organisation_names(),
    )
    gate.open_list(actor, action=Permission.VIEW_WORKLIST, what="hand-overs", person_ids=page.person_ids)
    return render(request, "ledger/handovers.jinja", {"page": page})


@require_http_methods(FORM_METHODS)
def hand_over_duty(request: HttpRequest, duty_id: int) -> HttpResponse:
    actor, duty = open_duty(request, duty_id, "hand over")
    possible = handovers.possible(actor, duty)
    medicine = known.medicine(duty.subject)
    scopes = []
    if not possible.duty:
        scopes.append((HandoverScope.DUTY.value, "This duty only", "The next time it falls due it is yours again."))
    if not possible.medicine:
        scopes.append((HandoverScope.MEDICINE.value, f"Everything about {medicine}", "All its duties, now and later."))
    form = HandOverForm(request.POST if request.method == "POST" else None, scopes=scopes, takers=possible.takers)

    def do(version: int) -> tuple[str, services.Written]:
        cleaned = form.cleaned_data
        return "offered", handovers.offer(
            actor, duty_id, to_org=cleaned["to"], why=cleaned["why"], scope=cleaned["scope"], revision=version
        )

    day = clinician.date(handovers.answer_by(clock.today()))
    intro = f"Until they accept, nothing moves. They are asked to answer by {day}; silence is not a yes."
    if not scopes:
        intro = possible.duty if possible.duty == possible.medicine else f"{possible.duty} {possible.medicine}"
    elif not possible.takers:
        intro = NO_TAKERS
    button = "Offer it" if scopes and possible.takers else ""
    return act(request, actor, duty, form, do, heading="Hand over", button=button, intro=intro)


def _open_offer(request: HttpRequest, handover_id: int, what: str) -> tuple[Actor, Handover, Duty]:
    """The offer and the open duty that stands for it, once the actor may see the person."""
    offered = selectors.handover_row(handover_id)
    if offered is None:
        raise Http404
    first = selectors.duties_offered(offered).filter(state="open").order_by("due_on", "pk").first() or offered.duty
    actor, duty = open_duty(request, first.pk, what)
    return actor, offered, duty


def _duties(offered: Handover) -> list[Duty]:
    return list(selectors.duties_offered(offered).select_related("offer", "assigned_to").order_by("due_on", "title", "pk"))


def _seen(offered: Handover) -> int:
    return selectors.last_event(selectors.duties_offered(offered))


@require_http_methods(FORM_METHODS)
def answer_handover(request: HttpRequest, handover_id: int) -> HttpResponse:
    actor, offered, duty = _open_offer(request, handover_id, "answer hand-over")
    names, on = accounts.organisation_names(), clock.today()
    presented = OfferPresenter(offered, actor, on, names, _duties(offered))
    posted = request.POST if request.method == "POST" else None
    form = AnswerForm(posted, ours=presented.to, theirs=presented.owner_was)

    def do(version: int) -> tuple[str, services.Written]:
        cleaned = form.cleaned_data
        if cleaned["answer"] == ACCEPT:
            return "offer-accepted", handovers.accept(actor, handover_id, why=cleaned["why"], seen=version)
        return "offer-declined", handovers.decline_offer(actor, handover_id, why=cleaned["why"], seen=version)

    button = "Send answer" if offered.is_open and offered.to_org in actor.organisations else ""
    return act(
        request, actor, duty, form, do, heading=presented.heading, button=button, seen=lambda _: _seen(offered),
        template="ledger/handover.jinja", offer=presented,
    )  # fmt: skip


@require_http_methods(FORM_METHODS)
def withdraw_handover(request: HttpRequest, handover_id: int) -> HttpResponse:
    actor, offered, duty = _open_offer(request, handover_id, "withdraw hand-over")
    presented = OfferPresenter(offered, actor, clock.today(), accounts.organisation_names(), _duties(offered))
    form = ReasonForm(request.POST if request.method == "POST" else None)

    def do(version: int) -> tuple[str, services.Written]:
        return "offer-withdrawn", handovers.withdraw(actor, handover_id, why=form.cleaned_data["why"], seen=version)

    button = "Withdraw it" if offered.is_open and offered.from_org in actor.organisations else ""
    return act(
        request, actor, duty, form, do, heading=f"Withdraw the offer to {presented.to}", button=button,
        seen=lambda _: _seen(offered), template="ledger/handover.jinja", offer=presented,
    )  # fmt: skip
