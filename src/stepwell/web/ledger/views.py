"""Pages of the ledger: the worklist, one duty, and its forms. Every form posts and redirects; none needs JavaScript."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import clock, gate
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.forms import Form
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import approvals, known, selectors, services, worklist
from stepwell.web.ledger.evaluation import reevaluate
from stepwell.web.ledger.forms import (
    DECLINED,
    LATER,
    AssignForm,
    DoneForm,
    NotThisTimeForm,
    ReasonForm,
    ResultsForm,
    refuse,
)
from stepwell.web.ledger.models import Duty, DutyEvent
from stepwell.web.ledger.pages import ActBar, Banner, DutyPage, WorklistPage, last_values, query_of
from stepwell.web.ledger.presenters import DutyPresenter
from stepwell.web.ledger.results import Implausible

FORM_METHODS = ["GET", "HEAD", "POST"]


@require_safe
def list_duties(request: HttpRequest) -> HttpResponse:
    actor, on = request.actor, clock.today()  # type: ignore[attr-defined]
    gate.require(actor, Permission.VIEW_WORKLIST, OrganisationSubject(actor.organisation))
    page = worklist.page_for(actor, query_of(request.GET), on)
    ids = [row.person.person_id for row in page.rows]
    gate.open_list(
        actor, action=Permission.VIEW_WORKLIST, what=f"worklist: {page.query.tab}", person_ids=ids, result_count=page.total
    )  # fmt: skip
    presented = WorklistPage(page, actor, on, accounts.organisation_names())
    return render(request, "ledger/worklist.jinja", {"page": presented, "registers": known.registers()})


def _open_duty(request: HttpRequest, duty_id: int, what: str) -> tuple[Actor, Duty]:
    """The duty, once the actor may see its person and that is recorded."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    duty = selectors.duty_row(duty_id)
    if duty is None:
        raise Http404
    gate.open_patient(actor, selectors.subject_of(duty.person_id), what=what)
    return actor, duty


def _duty_context(actor: Actor, duty: Duty) -> dict[str, Any]:
    on = clock.today()
    presenter = DutyPresenter(duty, actor, on, accounts.organisation_names())
    return {"duty": presenter, "banner": Banner(duty.person, on), "acts": ActBar(presenter)}


def _back(person_id: int, said: str, written: services.Written) -> HttpResponse:
    said = said if written.up_to_date else f"{said}-waiting"
    return redirect(f"{reverse('patients:show_person', args=[person_id])}?said={said}")


@require_safe
def show_duty(request: HttpRequest, duty_id: int) -> HttpResponse:
    actor, duty = _open_duty(request, duty_id, "duty page")
    instances = selectors.instances_of(duty)
    events = selectors.events_of(instances)
    page = _history(actor, duty, instances, events)
    context = _duty_context(actor, duty) | {"page": page, "pending": selectors.pending_since(duty.person_id)}
    return render(request, "ledger/duty.jinja", context)


def _history(actor: Actor, duty: Duty, instances: list[Duty], events: list[DutyEvent]) -> DutyPage:
    undone = selectors.undone_events(events)
    return DutyPage(duty, instances=instances, events=events, undone=undone, actor=actor, names=accounts.organisation_names())


@require_POST
def acknowledge_duty(request: HttpRequest, duty_id: int) -> HttpResponse:
    actor, duty = _open_duty(request, duty_id, "acknowledge")
    try:
        written = services.acknowledge(actor, duty_id)
    except Refused as refusal:
        return _refused(request, actor, duty, refusal)
    return _back(duty.person_id, "seen", written)


@require_http_methods(FORM_METHODS)
def assign_duty(request: HttpRequest, duty_id: int) -> HttpResponse:
    actor, duty = _open_duty(request, duty_id, "assign duty")
    form = AssignForm(request.POST if request.method == "POST" else None, people=selectors.assignable(actor))
    if request.method == "POST" and form.is_valid():
        try:
            written = services.assign(actor, duty_id, to_user_id=form.user_id, why=form.cleaned_data["why"])
            return _back(duty.person_id, "assigned", written)
        except Refused as refusal:
            refuse(form, refusal)
    return _form_page(request, actor, duty, form, heading="Assign", button="Assign")


@require_http_methods(FORM_METHODS)
def put_off_duty(request: HttpRequest, duty_id: int) -> HttpResponse:
    actor, duty = _open_duty(request, duty_id, "not this time")
    form = NotThisTimeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            return _put_off(actor, duty, form.cleaned_data)
        except Refused as refusal:
            refuse(form, refusal)
    return _form_page(request, actor, duty, form, heading="Not this time", button="Save")


def _put_off(actor: Actor, duty: Duty, cleaned: dict[str, Any]) -> HttpResponse:
    choice, day, why = cleaned["choice"], cleaned["day"], cleaned["why"]
    if choice == LATER:
        return _back(duty.person_id, "put-off", services.defer(actor, duty.pk, until=day, why=why))
    if choice == DECLINED:
        return _back(duty.person_id, "declined", services.decline(actor, duty.pk, on=day or clock.today(), why=why))
    written = services.not_applicable(actor, duty.pk, why=why, until=day, ends_when=cleaned["ends_when"])
    return _back(duty.person_id, "not-applicable", written)


@require_http_methods(FORM_METHODS)
def close_duty(request: HttpRequest, duty_id: int) -> HttpResponse:
    actor, duty = _open_duty(request, duty_id, "close duty")
    form = DoneForm(request.POST if request.method == "POST" else None, initial={"on": clock.today()})
    if request.method == "POST" and form.is_valid():
        try:
            written = services.done_with_review(actor, duty_id, on=form.cleaned_data["on"], why=form.cleaned_data["why"])
            return _back(duty.person_id, "done", written)
        except Refused as refusal:
            refuse(form, refusal)
    return _form_page(request, actor, duty, form, heading="Done", button="Save and close")


@require_http_methods(FORM_METHODS)
def take_on_duty(request: HttpRequest, duty_id: int) -> HttpResponse:
    actor, duty = _open_duty(request, duty_id, "take on")
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            return _back(duty.person_id, "taken-on", services.assert_owner(actor, duty_id, why=form.cleaned_data["why"]))
        except Refused as refusal:
            refuse(form, refusal)
    medicine = known.medicine(duty.subject)
    intro = f"From today {actor.organisation_name} looks after {medicine} and answers for its duties, until an agreement says otherwise."
    return _form_page(request, actor, duty, form, heading=f"Take on {medicine}", button="Take it on", intro=intro)


def _form_page(
    request: HttpRequest, actor: Actor, duty: Duty, form: Form, *, heading: str, button: str, intro: str = ""
) -> HttpResponse:  # fmt: skip
    context = _duty_context(actor, duty) | {"form": form, "heading": heading, "button": button, "intro": intro}
    return render(request, "ledger/duty_form.jinja", context, status=422 if form.errors else 200)


def _refused(request: HttpRequest, actor: Actor, duty: Duty, refusal: Refused) -> HttpResponse:
    """A button without fields was refused: say why, on a page of its own."""
    form = Form(data={})
    form.is_valid()
    refuse(form, refusal)
    context = _duty_context(actor, duty) | {"form": form, "heading": "Nothing was changed", "button": "", "intro": ""}
    return render(request, "ledger/duty_form.jinja", context, status=409)


@require_http_methods(FORM_METHODS)
def undo_event(request: HttpRequest, event_id: int) -> HttpResponse:
    event = selectors.event_row(event_id)
    if event is None:
        raise Http404
    actor, duty = _open_duty(request, event.duty_id, "undo")
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            return _back(duty.person_id, "undone", services.undo(actor, event_id, why=form.cleaned_data["why"]))
        except Refused as refusal:
            refuse(form, refusal)
    line = _history(actor, duty, [duty], [event]).history[0]
    intro = f"{line.title}. {line.who}. It stays in the history, marked as undone."
    return _form_page(request, actor, duty, form, heading="Undo", button="Undo it", intro=intro)


@require_http_methods(FORM_METHODS)
def record_results(request: HttpRequest, person_id: int) -> HttpResponse:
    """`?test=` (several) chooses what to ask for; without it, everything that one visit could settle now."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    person = selectors.find_person(person_id)
    if person is None:
        raise Http404
    gate.open_patient(actor, selectors.subject_of(person_id), what="record results")
    on = clock.today()
    tests = selectors.tests_to_record(person_id, request.GET.getlist("test"), by=on + worklist.SOON)
    ask_to_confirm = "ask" in request.POST
    last = last_values(person)
    posted = request.POST if request.method == "POST" else None
    form = ResultsForm(posted, tests=tests, last=last, ask_to_confirm=ask_to_confirm, initial={"on": on})
    if request.method == "POST" and form.is_valid():
        try:
            written = services.record_results(actor, person_id, form.entries(), confirmed=form.confirmed)
            return _back(person_id, "recorded", written)
        except Implausible as question:
            form = ResultsForm(request.POST, tests=tests, last=last, ask_to_confirm=True)
            form.is_valid()
            form.add_error("confirm", f"{question} Correct it, or tick that you have checked")
            ask_to_confirm = True
        except Refused as refusal:
            refuse(form, refusal)
    context = {"form": form, "banner": Banner(person, on), "tests": tests, "ask": ask_to_confirm}
    return render(request, "ledger/results.jinja", context, status=422 if form.errors else 200)


@require_POST
def evaluate_person(request: HttpRequest, person_id: int) -> HttpResponse:
    """Try again now, when an evaluation is waiting."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    if selectors.find_person(person_id) is None:
        raise Http404
    gate.open_patient(actor, selectors.subject_of(person_id), what="evaluate again")
    return _back(person_id, "evaluated", services.Written(person_id, reevaluate(person_id)))


@require_http_methods(FORM_METHODS)
def approve_pack(request: HttpRequest) -> HttpResponse:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.APPROVE_KNOWLEDGE, OrganisationSubject(actor.organisation))
    form = Form(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            approvals.approve_pack(actor, version=request.POST.get("version", ""))
            return redirect(f"{reverse('ledger:approve_pack')}?said=approved")
        except Refused as refusal:
            refuse(form, refusal)
    context = {
        "form": form,
        "pack": known.pack_words(),
        "approval": selectors.approval_for([actor.organisation]),
        "earlier": selectors.approvals_of(actor.organisation),
    }
    return render(request, "ledger/approve.jinja", context, status=422 if form.errors else 200)


approve_pack.no_patient_data = True  # type: ignore[attr-defined]
