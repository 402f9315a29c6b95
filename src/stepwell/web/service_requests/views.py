"""Asking for something, one request's page, triage, advice, withdrawing and reporting back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import clock, gate
from stepwell.web.core.access import decide
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.forms import Form
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.forms import refuse
from stepwell.web.ledger.pages import Banner
from stepwell.web.ledger.presenters import DutyPresenter
from stepwell.web.ledger.view_support import open_person
from stepwell.web.privacy import restrict
from stepwell.web.service_requests import choices, facts, selectors, services
from stepwell.web.service_requests.forms import (
    ADVISE,
    NOT_FOR_US,
    READ,
    REDIRECT,
    TAKE_OVER,
    AdviceForm,
    AskForm,
    TriageForm,
    WordsForm,
)
from stepwell.web.service_requests.models import ServiceRequest, State
from stepwell.web.service_requests.pages import CRISIS_WORDS, SAID, EventLine, Line, RequestPage, service_words

FORM_METHODS = ["GET", "HEAD", "POST"]


@require_http_methods(FORM_METHODS)
def ask_service(request: HttpRequest, person_id: int) -> HttpResponse:
    """One form for whatever is needed; `?duty=` names the duty it is asked from."""
    actor, person = open_person(request, person_id, "ask a service", Permission.ASK_SERVICE)
    on = clock.today()
    cut = restrict.cut_for(actor, [person])[person_id]
    duty = _duty(request.GET.get("duty", ""), person_id)
    duty = None if duty is None or cut.hides(duty) else duty
    open_duties = ledger.open_duties_of(person_id)
    listed = selectors.askable(on)
    form = AskForm(
        request.POST if request.method == "POST" else None,
        services=listed,
        triage=any(row.any_kind for row in listed),
        initial=_initial(request, duty, actor, on),
    )
    if request.method == "POST" and form.is_valid():
        try:
            done = services.ask(actor, person_id, form.asked(duty.pk if duty is not None else None))
            return _shown(actor, done, "asked")
        except Refused as refusal:
            refuse(form, refusal)
    names = accounts.organisation_names()
    told = [DutyPresenter(each, actor, on, names) for each in cut.shown(open_duties)]
    context = {
        "form": form,
        "banner": Banner(person, on),
        "facts": facts.shown(facts.gather(person, cut, open_duties, on), cut, told),
        "duty": DutyPresenter(duty, actor, on, names) if duty is not None else None,
        "open": [Line(row, (), actor, on, names) for row in selectors.open_for_person(person_id)],
        "crisis": selectors.crisis_lines(on),
        "crisis_words": CRISIS_WORDS,
        "any": bool(listed),
    }
    return render(request, "service_requests/ask.jinja", context, status=422 if form.errors else 200)


def _duty(text: str, person_id: int) -> Any:
    duty = ledger.duty_row(int(text)) if text.isdigit() and len(text) < 19 else None
    return duty if duty is not None and duty.person_id == person_id else None


def _initial(request: HttpRequest, duty: Any, actor: Actor, on: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if (kind := request.GET.get("kind", "")) in choices.kinds():
        found["kind"] = kind
    if duty is not None:
        found["why_now"] = f"{DutyPresenter(duty, actor, on, {}).heading}."
    return found


def _shown(actor: Actor, done: services.Done, said: str) -> HttpResponse:
    """The request; the lists for whoever could open the record only because of it, and has answered it."""
    if not decide(actor, Permission.VIEW_PATIENT, ledger.subject_of(done.person_id)).allow:
        return redirect(f"{reverse('service_requests:list_requests')}?said={said}")
    return redirect(f"{reverse('service_requests:show_request', args=[done.request_id])}?said={said}")


def _open(request: HttpRequest, request_id: int, what: str) -> tuple[Actor, ServiceRequest, restrict.Cut]:
    """The request, once the actor may see the person and that is recorded."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    found = selectors.request_row(request_id)
    if found is None:
        raise Http404
    gate.open_patient(actor, ledger.subject_of(found.person_id), what=what)
    cut = restrict.cut_for(actor, [found.person])[found.person_id]
    if found.duty is not None and cut.hides(found.duty):
        raise Http404
    return actor, found, cut


def _context(actor: Actor, found: ServiceRequest, cut: restrict.Cut) -> dict[str, Any]:
    on, names = clock.today(), accounts.organisation_names()
    line = Line(found, selectors.stops_of([found.pk])[found.pk], actor, on, names)
    told = [DutyPresenter(duty, actor, on, names) for duty in cut.shown(ledger.open_duties_of(found.person_id))]
    labels = selectors.reason_labels()
    events = [EventLine(event, names, labels) for event in selectors.events_of(found.pk)]
    page = RequestPage(line, events, facts.shown(found.facts, cut, told))
    return {"page": page, "line": line, "banner": Banner(found.person, on)}


@require_safe
def show_request(request: HttpRequest, request_id: int) -> HttpResponse:
    actor, found, cut = _open(request, request_id, "service request")
    said = SAID.get(request.GET.get("said", ""), "")
    pending = ledger.pending_since(found.person_id)
    context = _context(actor, found, cut) | {"said": said, "pending": pending}
    return render(request, "service_requests/request.jinja", context)


Do = Callable[[int], tuple[str, services.Done]]


def _act(  # noqa: PLR0917
    request: HttpRequest, actor: Actor, found: ServiceRequest, cut: restrict.Cut, form: Form, do: Do, *, heading: str, button: str,
    template: str = "service_requests/act.jinja", intro: str = "",
) -> HttpResponse:  # fmt: skip
    """One form about one request. Whoever had not seen the latest sees it, keeps what was typed, and sends again if they still mean it."""
    version, changes, status = found.version, [], 200
    if request.method == "POST":
        given = request.POST.get("version", "")
        sent = int(given) if given.isdigit() and len(given) < 10 else 0
        version, status = sent, 422
        if form.is_valid():
            try:
                said, done = do(sent)
                return _shown(actor, done, said)
            except services.Changed as changed:
                refuse(form, changed)
                found = selectors.request_row(found.pk) or found
                names, labels = accounts.organisation_names(), selectors.reason_labels()
                changes = [EventLine(event, names, labels) for event in changed.events]
                version, status = found.version, 409
            except Refused as refusal:
                refuse(form, refusal)
    context = _context(actor, found, cut) | {"form": form, "heading": heading, "button": button, "intro": intro}
    return render(request, template, context | {"changes": changes, "version": version}, status=status)


@require_http_methods(FORM_METHODS)
def triage_request(request: HttpRequest, request_id: int) -> HttpResponse:
    """The answer of the service that has it, or that it was redirected to."""
    actor, found, cut = _open(request, request_id, "triage request")
    offered = found.state == State.OFFERED and found.offered_org in actor.organisations
    ours = found.offered_service if offered and found.offered_service is not None else found.owner_service
    seen = {stop.service_id: stop.answer or "waiting" for stop in selectors.stops_of([found.pk])[found.pk]}
    form = TriageForm(
        request.POST if request.method == "POST" else None,
        services=selectors.askable(clock.today(), without=ours.pk),
        seen=seen,
        reasons=selectors.reasons_of(ours.organisation.code),
        owner=found.owner_service.name,
        offered=offered,
    )
    with_us = ours.organisation.code in actor.organisations and found.state in (State.TRIAGE, State.OFFERED, State.TAKEN_ON)
    may = actor.may(Permission.TRIAGE_REQUESTS)

    def do(version: int) -> tuple[str, services.Done]:
        return _triaged(actor, request_id, form.cleaned_data, version)

    intro = "" if with_us else f"This is with {service_words(ours)}: they answer it."
    if with_us and not may:
        intro = f"The role {actor.role_label} reads this and does not answer it."
    return _act(
        request, actor, found, cut, form, do, heading=f"Answer: {choices.kind_label(found.kind).lower()}",
        button="Send answer" if with_us and may else "", template="service_requests/triage.jinja", intro=intro,
    )  # fmt: skip


def _triaged(actor: Actor, request_id: int, given: dict[str, Any], version: int) -> tuple[str, services.Done]:
    answer, words = given["answer"], given["words"]
    if answer == ADVISE:
        return "advised", services.advise(actor, request_id, advice=words, version=version)
    if answer == REDIRECT:
        return "redirected", services.redirect(
            actor, request_id, to_service_id=int(given["to"]), reason=given["reason"], why=words, version=version
        )
    if answer == NOT_FOR_US:
        return "sent-back", services.not_for_us(actor, request_id, reason=given["reason"], why=words, version=version)
    if answer == TAKE_OVER:
        return "taken-over", services.take_over(actor, request_id, version=version)
    return "taken-on", services.take_on(actor, request_id, outcome=answer, why=words, seen_by=given["seen_by"], version=version)


@require_http_methods(FORM_METHODS)
def answer_advice(request: HttpRequest, request_id: int) -> HttpResponse:
    """Whoever asked has read the advice, or says what it does not answer."""
    actor, found, cut = _open(request, request_id, "read advice")
    form = AdviceForm(request.POST if request.method == "POST" else None)

    def do(version: int) -> tuple[str, services.Done]:
        given = form.cleaned_data
        if given["answer"] == READ:
            return "read", services.read_advice(actor, request_id, why=given["why"], version=version)
        return "returned", services.return_advice(actor, request_id, why=given["why"], version=version)

    mine = found.asked_org in actor.organisations and actor.may(Permission.ASK_SERVICE) and found.state == State.ADVISED
    return _act(
        request, actor, found, cut, form, do, heading=f"Advice of {found.owner_service.name}", button="Send" if mine else "",
        template="service_requests/advice.jinja",
    )  # fmt: skip


def _worded(label: str, hint: str, posted: Any) -> WordsForm:
    return WordsForm(posted, label=label, hint=hint)


@require_http_methods(FORM_METHODS)
def withdraw_request(request: HttpRequest, request_id: int) -> HttpResponse:
    actor, found, cut = _open(request, request_id, "withdraw request")
    form = _worded("Why it is withdrawn", "The service that has it reads this.", request.POST if request.method == "POST" else None)

    def do(version: int) -> tuple[str, services.Done]:
        return "withdrawn", services.withdraw(actor, request_id, why=form.cleaned_data["why"], version=version)

    mine = found.asked_org in actor.organisations and actor.may(Permission.ASK_SERVICE) and found.is_open
    intro = (
        "" if found.asked_org in actor.organisations else f"{ledger.organisation_name(found.asked_org)} asked for this: they withdraw it."
    )
    return _act(
        request, actor, found, cut, form, do, heading="Withdraw the request", button="Withdraw it" if mine else "", intro=intro
    )  # fmt: skip


@require_http_methods(FORM_METHODS)
def take_request_back(request: HttpRequest, request_id: int) -> HttpResponse:
    """The service that redirected it decides again."""
    actor, found, cut = _open(request, request_id, "take request back")
    form = _worded("Why it is taken back", "The service you named reads this.", request.POST if request.method == "POST" else None)

    def do(version: int) -> tuple[str, services.Done]:
        return "taken-back", services.take_back(actor, request_id, why=form.cleaned_data["why"], version=version)

    mine = found.owner_org in actor.organisations and actor.may(Permission.TRIAGE_REQUESTS) and found.state == State.OFFERED
    to = found.offered_service.name if found.offered_service is not None else "the other service"
    heading = f"Take it back from {to}"
    return _act(request, actor, found, cut, form, do, heading=heading, button="Take it back" if mine else "")


@require_http_methods(FORM_METHODS)
def close_request(request: HttpRequest, request_id: int) -> HttpResponse:
    """What came of it."""
    actor, found, cut = _open(request, request_id, "close request")
    hint = "Seen when, by whom, what was decided, and what whoever asked should do now. They read it."
    form = _worded("What came of it", hint, request.POST if request.method == "POST" else None)

    def do(version: int) -> tuple[str, services.Done]:
        return "closed", services.close(actor, request_id, why=form.cleaned_data["why"], version=version)

    mine = found.owner_org in actor.organisations and actor.may(Permission.TRIAGE_REQUESTS) and found.state == State.TAKEN_ON
    intro = f"To be seen by {clinician.date(found.seen_by)}." if found.seen_by else ""
    return _act(request, actor, found, cut, form, do, heading="Report back and close", button="Close" if mine else "", intro=intro)
