"""The review bench, the list of a day, and the prepared page of one person."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import clock, gate, layout
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.nations import calendar_of
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.forms import refuse
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.ledger.pages import Banner
from stepwell.web.ledger.presenters import DutyPresenter
from stepwell.web.preparation import bench, gathered, selectors, services
from stepwell.web.preparation.basis import legend
from stepwell.web.preparation.forms import OffForm
from stepwell.web.preparation.pages import SAID, BenchPage, BenchRow, ListRow, day_of, query_of
from stepwell.web.preparation.prepared import Prepared
from stepwell.web.preparation.slots import seen_on
from stepwell.web.privacy import restrict
from stepwell.web.privacy.restrict import Cut
from stepwell.web.registers import selectors as registers
from stepwell.web.tapers import selectors as tapers

FORM_METHODS = ["GET", "HEAD", "POST"]
# Sections of the patient page that belong to a preparation, in their order there.
PANELS = ("contact/panel.jinja", "letters/panel.jinja", "incoming/panel.jinja", "advice/panel.jinja")


def _actor(request: HttpRequest) -> Actor:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor


def opened(request: HttpRequest, person_id: int, what: str) -> tuple[Actor, PersonRecord, Cut]:
    """The person as the actor is shown them, once the actor may prepare a review of theirs and that is recorded."""
    actor, person = _actor(request), ledger.find_person(person_id)
    if person is None:
        raise Http404
    gate.open_patient(actor, ledger.subject_of(person_id), action=Permission.REVIEW_MEDICINES, what=what)
    return actor, person, restrict.cut_for(actor, [person])[person_id]


# The bench


@require_safe
def show_bench(request: HttpRequest) -> HttpResponse:
    """`?slots=` or `&minutes=` what today holds, `&review=` a kind, `&register=`, `&show=rest` those who do not fit."""
    return _bench(request)


def _bench(request: HttpRequest, refused: str = "") -> HttpResponse:
    actor, on = _actor(request), clock.today()
    gate.require(actor, Permission.REVIEW_MEDICINES, OrganisationSubject(actor.organisation))
    query = query_of(request.GET)
    day, told = day_of(query, bench.rota_minutes(actor, on))
    found = bench.candidates(bench.Asked(actor, on, query.test, query.register))
    listed = bench.list_of(actor, on)
    calendar = calendar_of(actor.organisation)
    seen = seen_on(
        [one.minutes for one in found], day, on, lambda after: calendar.add(after, 1), used=[entry.minutes for entry in listed.done]
    )  # fmt: skip
    page = BenchPage(
        actor, query, on=on, day=day, told=told, listed=listed, total=len(found), fits=sum(each == on for each in seen),
        kinds=bench.waiting_by_kind(actor, on),
    )  # fmt: skip
    if found:
        page.last_seen = seen[-1]
    shown = list(zip(found, seen, strict=True))[page.part]
    _fill(page, shown, on)
    ids = [row.person_id for row in page.rows] + [row.person_id for row in page.list_rows]
    gate.open_list(actor, action=Permission.REVIEW_MEDICINES, what="review bench", person_ids=ids, result_count=page.total)
    context = {
        "page": page, "said": SAID.get(request.GET.get("said", ""), ""), "refused": refused, "now": clock.now(), "marks": _marks(actor),
    }  # fmt: skip
    return render(request, "preparation/bench.jinja", context, status=409 if refused else 200)


def _marks(actor: Actor) -> list[tuple[str, str]]:
    return legend(ledger.is_pending(actor.organisations))


def _fill(page: BenchPage, shown: list[tuple[bench.Candidate, date | None]], on: date) -> None:
    ids = [one.person_id for one, _ in shown]
    entries = page.listed.entries
    everybody = list(dict.fromkeys([*ids, *(entry.person_id for entry in entries)]))
    people, cuts = bench.people(page.actor, everybody)
    before = layout.before_contact(everybody, on)
    others = bench.on_lists(page.actor, on, ids)
    page.rows = [
        BenchRow(
            one, people[one.person_id], on=on, seen_on=day, before=before[one.person_id],
            plans=tapers.shown(tapers.plans_of(one.person_id), cuts[one.person_id]),
            mine=page.listed.place_of(one.person_id) is not None, other=others.get(one.person_id),
        )
        for one, day in shown
        if one.person_id in people
    ]  # fmt: skip
    page.list_rows = [
        ListRow(number, entry, people[entry.person_id], on, before[entry.person_id])
        for number, entry in enumerate(entries, start=1)
        if entry.person_id in people
    ]


def _seen(request: HttpRequest) -> int | None:
    """How many events of the list the form had seen; one that does not say has seen none."""
    text = request.POST.get("seen", "")
    return int(text) if text.isdigit() and len(text) < 10 else 0


def _back(request: HttpRequest, said: str) -> HttpResponse:
    """To the bench as it was asked for."""
    query = query_of(request.GET).to()
    return redirect(f"{reverse('preparation:show_bench')}{query}{'&' if len(query) > 1 else ''}said={said}")


@require_POST
def put_on_list(request: HttpRequest) -> HttpResponse:
    actor = _actor(request)
    gate.require(actor, Permission.REVIEW_MEDICINES, OrganisationSubject(actor.organisation))
    chosen = [int(text) for text in request.POST.getlist("person") if text.isdigit() and len(text) < 19]
    try:
        services.put_on_list(actor, clock.today(), chosen, seen=_seen(request))
    except Refused as refusal:
        return _bench(request, str(refusal))
    if request.POST.get("stay") == "yes":
        return redirect(f"{reverse('preparation:show_prepared', args=chosen[:1])}?said=listed")
    return _back(request, "listed")


@require_http_methods(FORM_METHODS)
def take_off_list(request: HttpRequest, person_id: int) -> HttpResponse:
    actor, person, _ = opened(request, person_id, "take off the review list")
    listed = bench.list_of(actor, clock.today())
    form = OffForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            services.take_off_list(actor, clock.today(), person_id, why=form.cleaned_data["why"], seen=_seen(request))
            return _back(request, "off")
        except Refused as refusal:
            refuse(form, refusal)
    context = {"form": form, "banner": Banner(person, clock.today()), "listed": listed, "place": listed.place_of(person_id)}
    return render(request, "preparation/off.jinja", context, status=422 if form.errors else 200)


@require_POST
def move_on_list(request: HttpRequest, person_id: int) -> HttpResponse:
    actor = _actor(request)
    gate.require(actor, Permission.REVIEW_MEDICINES, ledger.subject_of(person_id))
    try:
        services.move_on_list(actor, clock.today(), person_id, up=request.POST.get("to") == "up", seen=_seen(request))
    except Refused as refusal:
        return _bench(request, str(refusal))
    return _back(request, "moved")


# The prepared page


@require_safe
def show_prepared(request: HttpRequest, person_id: int) -> HttpResponse:
    """Everything before a review on one page; with who comes before and after on today's list."""
    actor, person, cut = opened(request, person_id, "prepared review page")
    on, names = clock.today(), accounts.organisation_names()
    history = selectors.shown_history(person_id, on, cut)
    plans = tapers.shown(tapers.plans_of(person_id), cut)
    page = Prepared(
        person,
        told=gathered.told(actor, history, person, cut, names),
        actor=actor,
        duties=[DutyPresenter(duty, actor, on, names) for duty in cut.shown(ledger.open_duties_of(person_id))],
        loads=cut.shown_loads(registers.loads_of(person_id)),
        interactions=cut.shown_interactions(registers.interactions_of(person_id)),
        decided=gathered.decided(person_id, cut),
        plans=plans,
        answers=[(sheet, selectors.answer_lines(sheet, cut)) for sheet in selectors.answers_of(person_id)],
        restricted=cut.words,
    )
    context: dict[str, Any] = {
        "page": page,
        "banner": page.banner,
        "panels": [panel for panel in layout.patient_panels(actor, person_id, on) if panel.template in PANELS],
        "working": gathered.working(actor, person_id, on),
        "links": gathered.links(actor, person_id),
        "goals": gathered.goals(person_id, plans, cut),
        "said": SAID.get(request.GET.get("said", ""), ""),
        "now": clock.now(),
        "marks": _marks(actor),
    }
    return render(request, "preparation/prepared.jinja", context)
