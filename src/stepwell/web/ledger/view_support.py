"""What pages about one person or one duty do: open it with its access entry, post, say what changed meanwhile, go back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import clock, gate
from stepwell.web.core.actor import Actor
from stepwell.web.core.forms import Form
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors
from stepwell.web.ledger.acts import Stale, Written
from stepwell.web.ledger.forms import refuse
from stepwell.web.ledger.models import Duty, DutyEvent, PersonRecord
from stepwell.web.ledger.pages import ActBar, Banner
from stepwell.web.ledger.presenters import DutyPresenter, EventPresenter
from stepwell.web.privacy import restrict

FORM_METHODS = ["GET", "HEAD", "POST"]
UNSEEN = -1


def open_duty(request: HttpRequest, duty_id: int, what: str) -> tuple[Actor, Duty]:
    """The duty, once the actor may see its person and that is recorded."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    duty = selectors.duty_row(duty_id)
    if duty is None:
        raise Http404
    gate.open_patient(actor, selectors.subject_of(duty.person_id), what=what)
    if not restrict.cut_for(actor, [duty.person])[duty.person_id].shown([duty]):
        raise Http404
    return actor, duty


def open_person(
    request: HttpRequest, person_id: int, what: str, permission: Permission = Permission.VIEW_PATIENT
) -> tuple[Actor, PersonRecord]:
    """The person, once the actor may do this about them; that they did is recorded."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    person = selectors.find_person(person_id)
    if person is None:
        raise Http404
    gate.open_patient(actor, selectors.subject_of(person_id), action=permission, what=what)
    return actor, person


def duty_context(actor: Actor, duty: Duty) -> dict[str, Any]:
    on = clock.today()
    presenter = DutyPresenter(duty, actor, on, accounts.organisation_names())
    return {"duty": presenter, "banner": Banner(duty.person, on), "acts": ActBar(presenter)}


def back(person_id: int, said: str, written: Written) -> HttpResponse:
    said = said if written.up_to_date else f"{said}-waiting"
    return redirect(f"{reverse('patients:show_person', args=[person_id])}?said={said}")


def version_sent(request: HttpRequest) -> int:
    """How much the form had seen; a form that does not say has seen nothing."""
    text = request.POST.get("version", "")
    return int(text) if text.isdigit() and len(text) < 19 else UNSEEN


def told(changes: Sequence[DutyEvent], actor: Actor) -> list[EventPresenter]:
    names = accounts.organisation_names()
    return [EventPresenter(event, actor, names, (), undoable=False) for event in changes]


Do = Callable[[int], tuple[str, Written]]


def act(
    request: HttpRequest,
    actor: Actor,
    duty: Duty,
    form: Form,
    do: Do,
    *,
    heading: str,
    button: str,
    intro: str = "",
    seen: Callable[[Duty], int] | None = None,
    template: str = "ledger/duty_form.jinja",
    **more: Any,
) -> HttpResponse:
    """One form about one duty. `do` gets the version that the form had seen and gives what to say and what was written.

    A form that had not seen the latest is shown again with what changed, what was typed, and the version of now: sending it
    a second time is a decision. Any other error keeps the version of the first time.
    """
    version_of = seen or (lambda row: row.revision)
    version, changes, status = version_of(duty), [], 200
    if request.method == "POST":
        sent, status = version_sent(request), 422
        if form.is_valid():
            try:
                said, written = do(sent)
                return back(duty.person_id, said, written)
            except Stale as stale:
                refuse(form, stale)
                duty = selectors.duty_row(duty.pk) or duty
                version, changes, status = version_of(duty), told(stale.changes, actor), 409
            except Refused as refusal:
                refuse(form, refusal)
                version, status = sent, 422 if form.fields else 409
        else:
            version = sent
    context = duty_context(actor, duty) | {"form": form, "heading": heading, "button": button, "intro": intro, "changes": changes}
    return render(request, template, context | {"version": max(version, 0)} | more, status=status)
