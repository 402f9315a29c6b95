"""The week ahead, its rota, the minutes of its tasks, and where a piece of work goes. Every form posts and redirects."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import clock, gate
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.declare import no_patient_data
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.forms import ReasonForm, refuse
from stepwell.web.ledger.pages import Banner
from stepwell.web.ledger.view_support import open_person
from stepwell.web.week import rota, selectors, services
from stepwell.web.week.board import Board
from stepwell.web.week.days import bank_holidays, sunday_of, week_asked
from stepwell.web.week.forms import ArrangeForm, Line, MinutesForm, RotaForm
from stepwell.web.week.models import ArrangementKind, RotaEntry
from stepwell.web.week.pages import LATER_WEEKS, SAID, ArrangePage, MinutesPage, RotaPage, WeekPage, query_of
from stepwell.web.week.plan import WEEK
from stepwell.web.week.selectors import Asked, Key
from stepwell.web.week.tasks import pack_tasks, rota_roles

FORM_METHODS = ["GET", "HEAD", "POST"]


def _actor(request: HttpRequest, permission: Permission) -> Actor:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, permission, OrganisationSubject(actor.organisation))
    return actor


def _monday(request: HttpRequest) -> date:
    return week_asked(request.GET.get("from", ""), clock.today())


def week_page(request: HttpRequest, actor: Actor) -> WeekPage:
    """The page that an address of the week asks for, its rows not yet filled."""
    query = query_of(request.GET, _monday(request), actor)
    # Hours of a network serve all its practices: the plan is made for all of them, and a list may show one.
    week = selectors.week_for(Asked(actor, query.monday, clock.today(), actor.organisations))
    return WeekPage(week, query, accounts.organisation_names())


@require_safe
def show_week(request: HttpRequest) -> HttpResponse:
    """`?from=` any day of the week; `&list=` fits, rest or put-off."""
    actor = _actor(request, Permission.VIEW_WEEK)
    page = week_page(request, actor)
    shown = page.shown
    ids = [each.work.person_id for each in shown]
    gate.open_list(
        actor, action=Permission.VIEW_WEEK, what=f"week {page.monday}: {page.query.listed}", person_ids=ids, result_count=page.total
    )  # fmt: skip
    page.fill(selectors.people_of(actor, shown), selectors.duties_of(page.asked, [each.work.key for each in shown]))
    return render(request, "week/week.jinja", {"page": page, "now": clock.now(), "said": SAID.get(request.GET.get("said", ""), "")})


@require_safe
def show_board(request: HttpRequest) -> HttpResponse:
    """What is due, by organisation, role and colleague: numbers only, each opens its list."""
    actor = _actor(request, Permission.VIEW_WORKLIST)
    gate.open_list(actor, action=Permission.VIEW_WORKLIST, what="numbers of the team board", person_ids=[])
    return render(request, "week/board.jinja", {"board": Board(actor, clock.today())})


# The rota


def _lines(actor: Actor, monday: date, also: str) -> list[Line]:
    """A line for each role, then for each colleague of whom hours were entered for this week or the one before, or who is asked for."""
    roles = rota_roles(actor.organisation_kind)
    held = rota.entries(actor.organisation, monday - WEEK, sunday_of(monday))
    named = {(cell.role, cell.user_id) for cell in held if cell.user_id is not None}
    colleagues = [row for row in accounts.colleagues(actor, clock.today()) if row.role in roles]
    found = []
    for role in roles:
        found.append(Line(role))
        for row in colleagues:
            if row.role == role and ((role, row.user_id) in named or str(row.user_id) == also):
                found.append(Line(role, row.user_id, row.user.display_name))
    return found


@no_patient_data
@require_http_methods(FORM_METHODS)
def plan_rota(request: HttpRequest) -> HttpResponse:
    """Hours of a week: `?from=` any day of it, `&with=` a colleague to add a line for."""
    actor = _actor(request, Permission.VIEW_WEEK)
    monday = _monday(request)
    if request.method == "POST":
        gate.require(actor, Permission.PLAN_WEEK, OrganisationSubject(actor.organisation))
    lines = _lines(actor, monday, request.GET.get("with", ""))
    held = rota.entries(actor.organisation, monday, sunday_of(monday))
    seen = rota.last_entry(actor.organisation, monday)
    copying = request.POST.get("copy") == "yes"
    form = RotaForm(request.POST if request.method == "POST" and not copying else None, monday=monday, lines=lines, held=held)
    changed: list[RotaEntry] = []
    if request.method == "POST" and (copying or form.is_valid()):
        try:
            read = _seen(request.POST.get("seen", ""))
            if copying:
                services.copy_week(actor, monday, seen=read)
            else:
                services.set_hours(actor, monday, form.cells(), seen=read)
            return redirect(f"{reverse('week:plan_rota')}?from={monday.isoformat()}&said={'copied' if copying else 'saved'}")
        except Refused as refusal:
            changed = refusal.rows if isinstance(refusal, services.Stale) else []
            form.cleaned_data = getattr(form, "cleaned_data", {})  # a form that was not sent has none to add an error to
            refuse(form, refusal)
    closed = bank_holidays(actor.organisation, monday, sunday_of(monday))
    page = RotaPage(actor, monday, form, closed=closed, seen=seen, said=request.GET.get("said", ""))
    page.colleagues, page.changed = _to_add(actor, lines), changed
    return render(request, "week/rota.jinja", {"page": page, "form": form}, status=422 if form.errors else 200)


def _seen(text: str) -> int:
    return int(text) if text.isdigit() and len(text) < 19 else 0


def _to_add(actor: Actor, lines: list[Line]) -> list[tuple[int, str]]:
    """Colleagues without a line."""
    there = {line.user_id for line in lines}
    roles = rota_roles(actor.organisation_kind)
    rows = [row for row in accounts.colleagues(actor, clock.today()) if row.role in roles and row.user_id not in there]
    return [(row.user_id, row.user.display_name) for row in rows]


# Minutes


@no_patient_data
@require_safe
def list_minutes(request: HttpRequest) -> HttpResponse:
    actor = _actor(request, Permission.VIEW_WEEK)
    page = MinutesPage(actor, rota.tasks_at([actor.organisation]), rota.settings_of([actor.organisation]))
    return render(request, "week/minutes.jinja", {"page": page, "said": request.GET.get("said", "")})


@no_patient_data
@require_http_methods(FORM_METHODS)
def set_minutes(request: HttpRequest, task: str) -> HttpResponse:
    actor = _actor(request, Permission.PLAN_WEEK)
    if task not in pack_tasks():
        raise Http404
    here, setting = rota.task_here(actor.organisation, task), rota.settings_of([actor.organisation]).get((actor.organisation, task))
    initial = {"minutes": setting.minutes, "role": setting.role} if setting else {}
    posted = request.POST if request.method == "POST" else None
    form = MinutesForm(posted, task=pack_tasks()[task], roles=rota_roles(actor.organisation_kind), initial=initial)
    if request.method == "POST" and form.is_valid():
        cleaned = form.cleaned_data
        try:
            services.set_minutes(actor, task, minutes=cleaned["minutes"], role=cleaned["role"], why=cleaned["why"])
            return redirect(f"{reverse('week:list_minutes')}?said=saved")
        except Refused as refusal:
            refuse(form, refusal)
    context = {"form": form, "task": pack_tasks()[task], "here": here, "history": rota.settings_history(actor.organisation, task)}
    return render(request, "week/minutes_form.jinja", context, status=422 if form.errors else 200)


# A piece of work


@require_http_methods(FORM_METHODS)
def arrange_work(request: HttpRequest, person_id: int) -> HttpResponse:
    """`?from=&org=&task=&share=` name the piece: taken into the week, or put after it."""
    _actor(request, Permission.VIEW_WEEK)
    actor, person = open_person(request, person_id, "arrange work of the week")
    monday = _monday(request)
    org = request.GET.get("org", "")
    if org not in actor.organisations:
        raise Http404
    asked = Asked(actor, monday, clock.today(), (org,))
    key: Key = (person_id, org, request.GET.get("task", ""), request.GET.get("share", ""))
    duties = selectors.duties_of(asked, [key]).get(key, [])
    if not duties:
        raise Http404
    form = ArrangeForm(
        request.POST if request.method == "POST" else None,
        monday=monday,
        later=[monday + number * WEEK for number in range(1, LATER_WEEKS + 1)],
    )
    if request.method == "POST" and form.is_valid():
        cleaned = form.cleaned_data
        try:
            if cleaned["choice"] == ArrangementKind.TAKE:
                services.take_into_week(actor, asked, key, why=cleaned["why"])
            else:
                services.put_after(actor, asked, key, until=date.fromisoformat(cleaned["week"]), why=cleaned["why"])
            return _back_to_week(monday, "arranged")
        except Refused as refusal:
            refuse(form, refusal)
    page = ArrangePage(actor, asked, key, duties, Banner(person, clock.today()), accounts.organisation_names())
    context = {"page": page, "form": form, "banner": page.banner}
    return render(request, "week/arrange.jinja", context, status=422 if form.errors else 200)


@require_http_methods(FORM_METHODS)
def undo_arrangement(request: HttpRequest, arrangement_id: int) -> HttpResponse:
    actor = _actor(request, Permission.VIEW_WEEK)
    row = selectors.arrangement_in_force(arrangement_id)
    if row is None:
        raise Http404
    gate.require(actor, Permission.VIEW_WEEK, OrganisationSubject(row.org_code))
    gate.open_patient(actor, ledger.subject_of(row.person_id), what="undo arrangement of the week")
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            services.undo_arrangement(actor, arrangement_id, why=form.cleaned_data["why"])
            return _back_to_week(row.week, "undone")
        except Refused as refusal:
            refuse(form, refusal)
    context: dict[str, Any] = {"row": row, "form": form, "banner": Banner(row.person, clock.today()), "week": row.week}
    return render(request, "week/undo.jinja", context, status=422 if form.errors else 200)


def _back_to_week(monday: date, said: str) -> HttpResponse:
    return redirect(f"{reverse('week:show_week')}?from={monday.isoformat()}&said={said}")
