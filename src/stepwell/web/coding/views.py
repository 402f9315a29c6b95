"""What the records do not settle by themselves: medicines they do not identify, and people who may be one. A decision is remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.coding import match_selectors, match_services, selectors, services
from stepwell.web.coding.forms import DecisionForm, MatchForm
from stepwell.web.coding.match_pages import MatchLine, PairLine, PairsPage
from stepwell.web.coding.pages import QueuePage, event_words
from stepwell.web.core import gate
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger.forms import ReasonForm, refuse

FORM_METHODS = ["GET", "HEAD", "POST"]


def _actor(request: HttpRequest) -> Actor:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.DECIDE_CODING, OrganisationSubject(actor.organisation))
    # No person is named, but what was written about a few may tell of them: each look is recorded.
    gate.open_list(actor, action=Permission.DECIDE_CODING, what="coding queue", person_ids=[])
    return actor


@require_safe
def list_products(request: HttpRequest) -> HttpResponse:
    """`?reason=` and `?page=`; products and numbers only, no person."""
    actor = _actor(request)
    page = QueuePage(selectors.products_for(actor), selectors.decisions_of(actor), request.GET)
    return render(request, "coding/queue.jinja", {"page": page})


@require_http_methods(FORM_METHODS)
def decide_product(request: HttpRequest, key: str) -> HttpResponse:
    actor = _actor(request)
    product = selectors.product_for(actor, key)
    if product is None:
        raise Http404
    form = DecisionForm(request.POST if request.method == "POST" else None, product=dict(product))
    if request.method == "POST" and form.is_valid():
        try:
            done = services.decide(
                actor, key, substance=form.substance, strength_ug=form.strength_ug, unit=form.unit, why=form.cleaned_data["why"]
            )
            return _back("decided", done)
        except Refused as refusal:
            refuse(form, refusal)
    others = len(set(product["sources"]) - set(actor.organisations))
    context = {"form": form, "product": product, "others": others}
    return render(request, "coding/decide.jinja", context, status=422 if form.errors else 200)


@require_http_methods(FORM_METHODS)
def undo_decision(request: HttpRequest, event_id: int) -> HttpResponse:
    actor = _actor(request)
    event = selectors.event_for(actor, event_id)
    if event is None or hasattr(event, "undone_by"):
        raise Http404
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            return _back("undone", services.undo(actor, event_id, why=form.cleaned_data["why"]))
        except Refused as refusal:
            refuse(form, refusal)
    return render(request, "coding/undo.jinja", {"form": form, "told": event_words(event)}, status=422 if form.errors else 200)


def _pairs_actor(request: HttpRequest, pairs: Sequence[Mapping[str, Any]], what: str) -> Actor:
    """Who asks; both people of every pair that is shown are recorded as seen."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    ids = sorted({pair[name] for pair in pairs for name in ("person_a", "person_b")})
    gate.open_list(actor, action=Permission.DECIDE_CODING, what=what, person_ids=ids)
    return actor


@require_safe
def list_pairs(request: HttpRequest) -> HttpResponse:
    """People who may be one: `?page=`."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.DECIDE_CODING, OrganisationSubject(actor.organisation))
    page = PairsPage(match_selectors.pairs_for(actor), match_selectors.decisions_of(actor), request.GET, accounts.organisation_names())
    _pairs_actor(request, page.shown, "people who may be one")
    page.read(match_selectors.records_of(page.shown))
    return render(request, "coding/people.jinja", {"page": page})


@require_http_methods(FORM_METHODS)
def decide_pair(request: HttpRequest, key: str) -> HttpResponse:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.DECIDE_CODING, OrganisationSubject(actor.organisation))
    pair = match_selectors.pair_for(actor, key)
    if pair is None:
        raise Http404
    _pairs_actor(request, [pair], "two people who may be one")
    form = MatchForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            same = form.cleaned_data["answer"] == "same"
            return _to_pairs(match_services.decide(actor, key, same=same, why=form.cleaned_data["why"]))
        except Refused as refusal:
            refuse(form, refusal)
    shown = PairLine(pair, match_selectors.records_of([pair]), accounts.organisation_names())
    return render(request, "coding/decide_pair.jinja", {"form": form, "pair": shown}, status=422 if form.errors else 200)


@require_http_methods(FORM_METHODS)
def part_people(request: HttpRequest, event_id: int) -> HttpResponse:
    actor = _actor(request)
    event = match_selectors.event_for(actor, event_id)
    if event is None or event.answer != match_services.SAME or hasattr(event, "undone_by"):
        raise Http404
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            return _to_pairs(match_services.part(actor, event_id, why=form.cleaned_data["why"]))
        except Refused as refusal:
            refuse(form, refusal)
    return render(request, "coding/part.jinja", {"form": form, "line": MatchLine(event)}, status=422 if form.errors else 200)


def _to_pairs(done: match_services.Matched) -> HttpResponse:
    waiting = "" if done.up_to_date else "-waiting"
    return redirect(f"{reverse('coding:list_pairs')}?said={done.event.answer}{waiting}")


def _back(said: str, done: services.Decided) -> HttpResponse:
    waiting = "" if done.up_to_date else "-waiting"
    return redirect(f"{reverse('coding:list_products')}?said={said}{waiting}&people={done.people}")
