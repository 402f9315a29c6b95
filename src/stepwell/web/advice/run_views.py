"""Pages of services: which there are and who is on duty, how they work, their rota, their themes."""

from __future__ import annotations

from datetime import date, timedelta

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.advice import rota, running, selectors, themes
from stepwell.web.advice.forms import BecameForm, RotaForm, SortingForm, TermsForm, initial_of
from stepwell.web.advice.pages import lines
from stepwell.web.advice.rota import Desk
from stepwell.web.advice.theme_pages import ThemePage, ThemesPage
from stepwell.web.core import clock, gate
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.declare import no_patient_data
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.forms import refuse
from stepwell.web.privacy import restrict

FORM_METHODS = ["GET", "HEAD", "POST"]
ROTA_DAYS = 28
AHEAD_DAYS = 7
SAID = {"saved": "Saved.", "opened": "The service is open. Now name who is on duty.", "noted": "Noted.", "removed": "Removed."}


def _actor(request: HttpRequest) -> Actor:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor


def _desk(service_id: int) -> Desk:
    found = rota.desk(service_id)
    if found is None:
        raise Http404
    return found


def _seen(request: HttpRequest) -> int:
    text = request.POST.get("seen", "")
    return int(text) if text.isdigit() and len(text) < 19 else 0


def _said(request: HttpRequest) -> str:
    return SAID.get(request.GET.get("said", ""), "") if request.method != "POST" else ""


def _runs(actor: Actor, desk: Desk) -> bool:
    return actor.may(Permission.RUN_ADVICE) and desk.org_code == actor.organisation


def _keeps(actor: Actor, desk: Desk) -> bool:
    may = actor.may(Permission.RUN_ADVICE) or actor.may(Permission.ANSWER_ADVICE)
    return may and desk.org_code == actor.organisation


@no_patient_data
@require_safe
def list_services(request: HttpRequest) -> HttpResponse:
    """Every service: its clock, who is on duty in the next days, and what to do when nobody is."""
    actor, today = _actor(request), clock.today()
    every = rota.desks()
    open_desks = [desk for desk in every.values() if not desk.closed or desk.org_code == actor.organisation]
    covers = rota.cover_of(open_desks, clock.moment(), every)
    rows = [
        {
            "cover": cover,
            "days": [day for day in rota.days_ahead(cover.desk, today, AHEAD_DAYS) if day.is_open],
            "runs": _runs(actor, cover.desk),
            "keeps": _keeps(actor, cover.desk),
        }
        for cover in covers
    ]
    gaps = sum(day.is_gap for row in rows for day in row["days"])  # type: ignore[attr-defined]
    context = {"rows": rows, "gaps": gaps, "may_open": actor.may(Permission.RUN_ADVICE), "said": _said(request)}
    return render(request, "advice/services.jinja", context)


@no_patient_data
@require_http_methods(FORM_METHODS)
def add_service(request: HttpRequest) -> HttpResponse:
    actor = _actor(request)
    gate.require(actor, Permission.RUN_ADVICE, OrganisationSubject(actor.organisation))
    others = [desk for desk in rota.desks().values() if not desk.closed]
    initial = {"unit": "hours", "weekdays": list("01234"), "opens": "09:00", "closes": "17:00"}
    form = TermsForm(request.POST if request.method == "POST" else None, others=others, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            made = running.open_service(actor, form.terms())
            return redirect(f"{reverse('advice:plan_days', args=[made.id])}?said=opened")
        except Refused as refusal:
            refuse(form, refusal)
    context = {"form": form, "desk": None, "seen": 0, "place": actor.organisation_name}
    return render(request, "advice/terms.jinja", context, status=422 if form.errors else 200)


@no_patient_data
@require_http_methods(FORM_METHODS)
def change_service(request: HttpRequest, service_id: int) -> HttpResponse:
    actor, desk = _actor(request), _desk(service_id)
    gate.require(actor, Permission.RUN_ADVICE, OrganisationSubject(desk.org_code))
    others = [each for each in rota.desks().values() if not each.closed and each.id != desk.id]
    form = TermsForm(request.POST if request.method == "POST" else None, others=others, initial=initial_of(desk))
    seen, status = desk.version, 200
    if request.method == "POST":
        seen, status = _seen(request), 422
        if form.is_valid():
            try:
                running.change_service(actor, service_id, form.terms(), seen=seen)
                return redirect(f"{reverse('advice:list_services')}?said=saved")
            except running.Stale as stale:
                refuse(form, stale)
                desk = _desk(service_id)
                seen, status = desk.version, 409
            except Refused as refusal:
                refuse(form, refusal)
    return render(request, "advice/terms.jinja", {"form": form, "desk": desk, "seen": seen, "place": desk.organisation}, status=status)


@no_patient_data
@require_http_methods(FORM_METHODS)
def plan_days(request: HttpRequest, service_id: int) -> HttpResponse:
    """Who is on duty in four weeks from the Monday of `?from=`; whoever runs the service names them."""
    actor, desk = _actor(request), _desk(service_id)
    may_run = _runs(actor, desk)
    if request.method == "POST":
        gate.require(actor, Permission.RUN_ADVICE, OrganisationSubject(desk.org_code))
    today = clock.today()
    monday = _monday(request.GET.get("from", ""), today)
    last = monday + timedelta(days=ROTA_DAYS - 1)
    days = rota.days_ahead(desk, monday, ROTA_DAYS)
    open_days = [day.day for day in days if day.is_open and day.day >= today]
    form = RotaForm(
        request.POST if request.method == "POST" else None,
        days=open_days,
        people=rota.people_of(desk, today),
        held=rota.named_ids(service_id, monday, last),
    )
    seen, status = rota.last_change(service_id, monday, last), 200
    if request.method == "POST":
        current, seen, status = seen, _seen(request), 422
        if form.is_valid():
            try:
                running.set_duty_days(actor, service_id, form.wanted(), seen=seen)
                return redirect(f"{reverse('advice:plan_days', args=[service_id])}?from={monday.isoformat()}&said=saved")
            except running.Stale as stale:
                refuse(form, stale)
                seen, status = current, 409
            except Refused as refusal:
                refuse(form, refusal)
    context = {
        "form": form,
        "desk": desk,
        "weeks": [days[start : start + 7] for start in range(0, ROTA_DAYS, 7)],
        "fields": {day: form.field_of(day) for day in open_days} if may_run else {},
        "gaps": sum(day.is_gap and day.day >= today for day in days),
        "total": len(open_days),
        "may_run": may_run,
        "monday": monday,
        "before": monday - timedelta(days=ROTA_DAYS),
        "after": monday + timedelta(days=ROTA_DAYS),
        "seen": seen,
        "said": _said(request),
        "today": today,
    }
    return render(request, "advice/rota.jinja", context, status=status)


def _monday(text: str, today: date) -> date:
    """The Monday of a day in an address; of today when it cannot be read or is years away."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = today
    day = day if abs((day - today).days) <= 2 * 366 else today
    return day - timedelta(days=day.weekday())


# Themes


def _keeper(request: HttpRequest, service_id: int) -> tuple[Actor, Desk]:
    actor, desk = _actor(request), _desk(service_id)
    permission = Permission.RUN_ADVICE if actor.may(Permission.RUN_ADVICE) else Permission.ANSWER_ADVICE
    gate.require(actor, permission, OrganisationSubject(desk.org_code))
    return actor, desk


@no_patient_data
@require_http_methods(FORM_METHODS)
def list_themes(request: HttpRequest, service_id: int) -> HttpResponse:
    """What a service was asked about, by theme: numbers and who asked, and what became of it."""
    actor, desk = _keeper(request, service_id)
    form = SortingForm(request.POST if request.method == "POST" else None, sets=themes.sets_to_choose())
    if request.method == "POST" and form.is_valid():
        try:
            made = running.add_theme(actor, service_id, form.sorting())
            return redirect(f"{reverse('advice:show_theme', args=[made])}?said=saved")
        except Refused as refusal:
            refuse(form, refusal)
    since = themes.since(clock.today())
    page = ThemesPage(desk, *themes.counts_of(service_id, since), since=since, names=accounts.organisation_names())
    return render(request, "advice/themes.jinja", {"page": page, "form": form, "said": _said(request)}, status=422 if form.errors else 200)


@require_http_methods(FORM_METHODS)
def show_theme(request: HttpRequest, theme_id: int) -> HttpResponse:
    """The questions of a theme, with the names of those whom the actor may open anyway; what it became; changing it."""
    theme = themes.theme(theme_id)
    if theme is None:
        raise Http404
    actor, desk = _keeper(request, theme.service_id)
    act = request.POST.get("act", "")
    became = BecameForm(request.POST if act == "became" else None)
    sorting = SortingForm(
        request.POST if act == "change" else None,
        sets=themes.sets_to_choose(),
        initial={"name": theme.name, "kinds": list(theme.kinds), "sets": list(theme.sets), "rule": next(iter(theme.rules), "")},
    )
    form: BecameForm | SortingForm = sorting
    seen, status = theme.version, 200
    if request.method == "POST":
        seen, status = _seen(request), 422
        form = became if act == "became" else sorting
        try:
            if act == "became" and became.is_valid():
                running.note_became(actor, theme_id, became=became.cleaned_data["became"], words=became.cleaned_data["words"])
                return _to_theme(theme_id, "noted")
            if act == "change" and sorting.is_valid():
                running.change_theme(actor, theme_id, sorting.sorting(), seen=seen)
                return _to_theme(theme_id, "saved")
            if act == "remove":
                running.remove_theme(actor, theme_id, seen=seen)
                return redirect(f"{reverse('advice:list_themes', args=[theme.service_id])}?said=removed")
        except Refused as refusal:
            form.cleaned_data = getattr(form, "cleaned_data", {})  # a button has no form to add an error to
            refuse(form, refusal)
            theme = themes.theme(theme_id) or theme
            seen, status = theme.version, 409
    since = themes.since(clock.today())
    rows = themes.questions_of(theme_id, theme.service_id, since)
    known_to_me = set(ledger.visible_ids(actor, clock.today()).filter(person_id__in={row.person_id for row in rows}))
    cuts = restrict.cut_for(actor, [row.person for row in rows])
    named = [row for row in rows if row.person_id in known_to_me and selectors.shown([row], actor, cuts[row.person_id])]
    gate.open_list(
        actor, action=_permission(actor), what="questions of an advice theme",
        person_ids=list(dict.fromkeys(row.person_id for row in named)), result_count=len(rows),
    )  # fmt: skip
    presented = lines(rows, actor, clock.moment(), rota.desks(selectors.services_of(rows)), accounts.organisation_names())
    page = ThemePage(theme, desk, presented, {row.pk for row in named}, since=since, names=accounts.organisation_names())
    context = {"page": page, "form": form if form.errors else None, "became": became, "sorting": sorting, "seen": seen}
    return render(request, "advice/theme.jinja", context | {"said": _said(request)}, status=status)


def _permission(actor: Actor) -> Permission:
    return Permission.RUN_ADVICE if actor.may(Permission.RUN_ADVICE) else Permission.ANSWER_ADVICE


def _to_theme(theme_id: int, said: str) -> HttpResponse:
    return redirect(f"{reverse('advice:show_theme', args=[theme_id])}?said={said}")
