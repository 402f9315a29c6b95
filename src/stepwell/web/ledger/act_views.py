"""Acts on one duty: each a form of its own, or a button."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from stepwell.engine.reconcile import ASKED
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.forms import Form
from stepwell.web.ledger import known, selectors, services
from stepwell.web.ledger.forms import DECLINED, LATER, AssignForm, DoneForm, NotThisTimeForm, OptionsForm, ReasonForm
from stepwell.web.ledger.models import Duty
from stepwell.web.ledger.options import CAUTION, options_of
from stepwell.web.ledger.presenters import EventPresenter
from stepwell.web.ledger.view_support import FORM_METHODS, act, open_duty
from stepwell.web.ledger.workplaces import workplace_of


def _posted(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else None


@require_POST
def acknowledge_duty(request: HttpRequest, duty_id: int) -> HttpResponse:
    """A button; when it was refused, a page that says why and has the button again if it may be pressed."""
    actor, duty = open_duty(request, duty_id, "acknowledge")

    def do(version: int) -> tuple[str, services.Written]:
        return "seen", services.acknowledge(actor, duty_id, revision=version)

    return act(request, actor, duty, Form({}), do, heading="Nothing was changed", button="Seen" if duty.is_open else "")


@require_http_methods(FORM_METHODS)
def assign_duty(request: HttpRequest, duty_id: int) -> HttpResponse:
    actor, duty = open_duty(request, duty_id, "assign duty")
    form = AssignForm(_posted(request), people=selectors.assignable(actor))

    def do(version: int) -> tuple[str, services.Written]:
        written = services.assign(actor, duty_id, to_user_id=form.user_id, why=form.cleaned_data["why"], revision=version)
        return "assigned", written

    return act(request, actor, duty, form, do, heading="Assign", button="Assign")


@require_POST
def take_duty(request: HttpRequest, duty_id: int) -> HttpResponse:
    """Assign it to oneself: a button."""
    actor, duty = open_duty(request, duty_id, "take duty")

    def do(version: int) -> tuple[str, services.Written]:
        return "taken", services.take(actor, duty_id, revision=version)

    return act(request, actor, duty, Form({}), do, heading="Nothing was changed", button="Take it" if duty.is_open else "")


@require_http_methods(FORM_METHODS)
def put_off_duty(request: HttpRequest, duty_id: int) -> HttpResponse:
    actor, duty = open_duty(request, duty_id, "not this time")
    form = NotThisTimeForm(_posted(request), only_later=workplace_of(duty) is not None)

    def do(version: int) -> tuple[str, services.Written]:
        return _put_off(actor, duty, form.cleaned_data, version)

    return act(request, actor, duty, form, do, heading="Not this time", button="Save")


def _put_off(actor: Actor, duty: Duty, cleaned: dict[str, Any], version: int) -> tuple[str, services.Written]:
    choice, day, why = cleaned["choice"], cleaned["day"], cleaned["why"]
    if choice == LATER:
        return "put-off", services.defer(actor, duty.pk, until=day, why=why, revision=version)
    if choice == DECLINED:
        return "declined", services.decline(actor, duty.pk, on=day or clock.today(), why=why, revision=version)
    ends_when = cleaned.get("ends_when", "")
    return "not-applicable", services.not_applicable(actor, duty.pk, why=why, until=day, ends_when=ends_when, revision=version)


@require_http_methods(FORM_METHODS)
def close_duty(request: HttpRequest, duty_id: int) -> HttpResponse:
    actor, duty = open_duty(request, duty_id, "close duty")
    place = workplace_of(duty)
    if place and duty.is_open and request.method != "POST":
        return redirect(place.href)  # an old link, or one typed: the work is done there
    posted, initial, listed = _posted(request), {"on": clock.today()}, options_of(duty.rule_id)
    form = OptionsForm(posted, rule_id=duty.rule_id, initial=initial) if listed else DoneForm(posted, initial=initial)

    def do(version: int) -> tuple[str, services.Written]:
        return "done", _close(actor, duty_id, form, version)

    intro = CAUTION if listed else ""
    return act(request, actor, duty, form, do, heading="Done", button="Save and close", intro=intro)


def _close(actor: Actor, duty_id: int, form: DoneForm, version: int) -> services.Written:
    cleaned = form.cleaned_data
    on, why = cleaned["on"], cleaned["why"]
    if not isinstance(form, OptionsForm):
        return services.done_with_review(actor, duty_id, on=on, why=why, revision=version)
    reasons = cleaned.get("reasons", [])
    return services.done_with_options(actor, duty_id, on=on, options=cleaned["options"], reasons=reasons, why=why, revision=version)


@require_http_methods(FORM_METHODS)
def take_on_duty(request: HttpRequest, duty_id: int) -> HttpResponse:
    actor, duty = open_duty(request, duty_id, "take on")
    form = ReasonForm(_posted(request))

    def do(version: int) -> tuple[str, services.Written]:
        return "taken-on", services.assert_owner(actor, duty_id, why=form.cleaned_data["why"], revision=version)

    if duty.kind == ASKED:
        intro = f"From today {actor.organisation_name} answers for this: {duty.title}."
        return act(request, actor, duty, form, do, heading="Take it on", button="Take it on", intro=intro)
    medicine = known.medicine(duty.subject)
    intro = f"From today {actor.organisation_name} looks after {medicine} and answers for its duties, until an agreement says otherwise."
    return act(request, actor, duty, form, do, heading=f"Take on {medicine}", button="Take it on", intro=intro)


@require_http_methods(FORM_METHODS)
def undo_event(request: HttpRequest, event_id: int) -> HttpResponse:
    event = selectors.event_row(event_id)
    if event is None:
        raise Http404
    actor, duty = open_duty(request, event.duty_id, "undo")
    form = ReasonForm(_posted(request))

    def do(version: int) -> tuple[str, services.Written]:
        return "undone", services.undo(actor, event_id, why=form.cleaned_data["why"], revision=version)

    line = EventPresenter(event, actor, accounts.organisation_names(), (), undoable=False)
    intro = f"{line.title}. {line.who}. It stays in the history, marked as undone."
    return act(request, actor, duty, form, do, heading="Undo", button="Undo it", intro=intro)
