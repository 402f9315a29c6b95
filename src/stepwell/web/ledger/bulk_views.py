"""Acting on duties chosen from the worklist: say what exactly, see what will happen to whom, confirm, read how it went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import clock, gate, layout
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.forms import Form
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import bulk_acts, handovers, selectors
from stepwell.web.ledger.bulk_acts import Act, Details, Planned
from stepwell.web.ledger.bulk_pages import BulkPage, DonePage
from stepwell.web.ledger.forms import AssignForm, LaterForm, OfferManyForm, refuse

CHOOSE, DETAILS, CONFIRM, CHANGE = "choose", "details", "confirm", "change"
_OURS = {"csrfmiddlewaretoken", "pick", "all", "everyone", "step", "act", "back"}


@require_POST
def act_on_duties(request: HttpRequest) -> HttpResponse:
    """`pick` (several "id.revision", also joined by commas), `act`, `step`, `back` (the list's address) and the act's own fields.

    Steps: choose (from the list) → details → confirm → done. What was typed goes along; nothing is done before the last.
    """
    actor: Actor = request.actor  # type: ignore[attr-defined]
    act = _act(request)
    gate.require(actor, act.permission, OrganisationSubject(actor.organisation))
    chosen = request.POST.getlist("pick") + (request.POST.getlist("all") if request.POST.get("everyone") else [])
    picked, step = bulk_acts.picks(chosen), request.POST.get("step", CHOOSE)
    form = _form(act, request.POST if step != CHOOSE else None, actor, picked)
    known = step in (DETAILS, CONFIRM) or not form.fields
    details = _details(form) if known and (not form.fields or form.is_valid()) else None
    try:
        _check(picked)
        if step == CONFIRM and details is not None:
            done = bulk_acts.perform(actor, act, picked, details)
            return redirect(reverse("ledger:show_bulk_act", args=[done.pk]))
    except Refused as refusal:
        # Choose again, on this page: what the act needs is asked when the choice is right.
        form, details = Form({}), None
        refuse(form, refusal)
    page = _page(actor, act, bulk_acts.plan(actor, act, picked, details))
    kept = [_Kept(name, value) for name in request.POST if name not in _OURS for value in request.POST.getlist(name)]
    context = {"page": page, "form": form, "kept": kept, "back": request.POST.get("back", "")}
    if details is not None:
        page.details, page.said = details, bulk_acts.words(act, details, actor)
        return render(request, "ledger/bulk_confirm.jinja", context | {"form": None})
    context["next_step"] = DETAILS if form.fields else CHOOSE
    return render(request, "ledger/bulk_details.jinja", context, status=422 if form.is_bound and form.errors else 200)


def _act(request: HttpRequest) -> Act:
    asked = request.POST.get("act", "")
    if asked not in set(Act):
        raise Http404
    return Act(asked)


def _check(picked: dict[int, int]) -> None:
    if not picked:
        raise Refused("Choose at least one person from the list.")
    bulk_acts.check_number(len(picked))


def _form(act: Act, posted: Any, actor: Actor, picked: dict[int, int]) -> Form:
    if act is Act.ASSIGN:
        return AssignForm(posted, people=selectors.assignable(actor))
    if act is Act.LATER:
        return LaterForm(posted)
    if act is Act.HAND_OVER:
        people = {duty.person_id for duty in selectors.duties_with_people(picked)}
        codes = set().union(*handovers.takers_of(people).values()) - {actor.organisation}
        return OfferManyForm(posted, takers=handovers.named(codes))
    return Form({})


def _details(form: Form) -> Details:
    form.is_valid()
    cleaned = form.cleaned_data
    if isinstance(form, AssignForm):
        return Details(to_user_id=form.user_id, why=cleaned["why"])
    if isinstance(form, LaterForm):
        return Details(until=cleaned["until"], why=cleaned["why"])
    if isinstance(form, OfferManyForm):
        return Details(to_org=cleaned["to"], why=cleaned["why"])
    return Details()


@dataclass(frozen=True, slots=True)
class _Kept:
    """A field that goes along unseen to the next step."""

    name: str
    value: str


def _page(actor: Actor, act: Act, rows: list[Planned]) -> BulkPage:
    """What will happen to whom; that they were shown is recorded."""
    on, people = clock.today(), sorted({row.duty.person_id for row in rows})
    gate.open_list(actor, action=Permission.VIEW_WORKLIST, what=f"bulk {act.value}", person_ids=people)
    return BulkPage(act, rows, actor=actor, on=on, names=accounts.organisation_names(), before=layout.before_contact(people, on))


@require_safe
def show_bulk_act(request: HttpRequest, bulk_id: int) -> HttpResponse:
    """How it went, for whoever did it: what was not done first, with the reason."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    done = selectors.bulk_act_of(actor, bulk_id)
    if done is None:
        raise Http404
    on = clock.today()
    refused = {row["duty"]: row["refused"] for row in done.outcome}
    visible = set(selectors.visible_to(actor, on).filter(pk__in=[row["person"] for row in done.outcome]).values_list("pk", flat=True))
    duties = [duty for duty in selectors.duties_with_people(refused) if duty.person_id in visible]
    gate.open_list(actor, action=Permission.VIEW_WORKLIST, what=f"bulk {done.act}, done", person_ids=sorted(visible))
    page = DonePage(done, duties, refused, actor=actor, on=on, names=accounts.organisation_names())
    return render(request, "ledger/bulk_done.jinja", {"page": page})
