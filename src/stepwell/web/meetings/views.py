"""Meetings: the list, the agenda, one page for each person, the minutes."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.accounts.models import OrganisationKind
from stepwell.web.accounts.roles import roles
from stepwell.web.core import clock, gate
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.declare import no_patient_data
from stepwell.web.core.forms import Form
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.forms import refuse
from stepwell.web.ledger.models import Duty
from stepwell.web.ledger.pages import Banner, banners
from stepwell.web.ledger.view_support import open_person
from stepwell.web.meetings import forms, selectors, services
from stepwell.web.meetings.discussion import discussion_of
from stepwell.web.meetings.models import AgendaItem, Meeting
from stepwell.web.meetings.pages import ActionLine, ItemLine, MeetingLine, MeetingPage, MinutesPage
from stepwell.web.privacy import restrict

FORM_METHODS = ["GET", "HEAD", "POST"]
SAID = {
    "arranged": "The meeting is arranged and its agenda drawn up.",
    "drawn-up": "The agenda is up to date.",
    "attendance": "Saved.",
    "off": "Taken off this agenda.",
    "added": "On the agenda.",
    "cancelled": "Cancelled. Whoever was on its agenda waits for the next meeting.",
    "decided": "Recorded.",
    "taken-back": "Taken back. Both stay on record.",
    "signed": "Signed off. The minutes do not change any more.",
}


def _holds(request: HttpRequest) -> Actor:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.HOLD_MEETINGS, OrganisationSubject(actor.organisation))
    return actor


def _meeting(request: HttpRequest, meeting_id: int) -> tuple[Actor, Meeting]:
    actor = _holds(request)
    row = selectors.meeting_row(meeting_id)
    if row is None or not selectors.comes(actor, row):
        raise Http404
    return actor, row


def _to(meeting_id: int, said: str) -> HttpResponse:
    return redirect(f"{reverse('meetings:show_meeting', args=[meeting_id])}?said={said}")


@no_patient_data
@require_safe
def list_meetings(request: HttpRequest) -> HttpResponse:
    actor, names = _holds(request), accounts.organisation_names()
    rows = selectors.meetings_for(actor)
    planned = [MeetingLine(row, names, clock.today()) for row in reversed(rows) if row.is_planned]
    over = [MeetingLine(row, names, clock.today()) for row in rows if not row.is_planned]
    return render(request, "meetings/list.jinja", {"planned": planned, "over": over})


@no_patient_data
@require_http_methods(FORM_METHODS)
def arrange(request: HttpRequest) -> HttpResponse:
    """Who comes decides who is on the agenda: people whom both sides know."""
    actor, on = _holds(request), clock.today()
    near = accounts.network_of(actor.organisations, on)
    kinds = [kind for kind in OrganisationKind.values if kind not in (OrganisationKind.ICB, OrganisationKind.PHARMACY)]
    rows = accounts.organisations_of_kind(*kinds)
    organisations = [(row.code, row.name) for row in rows if row.code != actor.organisation]
    organisations.sort(key=lambda pair: (pair[0] not in near, pair[1].lower()))
    last = next((row for row in selectors.meetings_for(actor) if row.org_code == actor.organisation), None)
    initial: dict[str, Any] = {"chair": str(actor.user_id), "minutes": "60"}
    if last is not None:
        initial |= {"with_orgs": last.with_orgs, "chair": str(last.chair_id), "minutes": str(last.minutes), "place": last.place}
    chairs = services.chairs(actor, [code for code, _ in organisations])
    form = forms.ArrangeForm(
        request.POST if request.method == "POST" else None, organisations=organisations, chairs=chairs, initial=initial
    )  # fmt: skip
    if request.method == "POST" and form.is_valid():
        try:
            cleaned = form.cleaned_data
            row = services.arrange(
                actor,
                on=cleaned["on"],
                minutes=int(cleaned["minutes"]),
                chair_id=int(cleaned["chair"]),
                starts=cleaned["starts"],
                place=cleaned["place"],
                with_orgs=cleaned["with_orgs"],
            )
            return _to(row.pk, "arranged")
        except Refused as refusal:
            refuse(form, refusal)
    return render(request, "meetings/arrange.jinja", {"form": form}, status=422 if form.errors else 200)


# The agenda


@require_safe
def show_meeting(request: HttpRequest, meeting_id: int) -> HttpResponse:
    actor, row = _meeting(request, meeting_id)
    page = _page(actor, row)
    gate.open_list(actor, action=Permission.HOLD_MEETINGS, what=f"meeting {meeting_id}", person_ids=page.person_ids)
    return render(request, "meetings/meeting.jinja", {"page": page, "said": SAID.get(request.GET.get("said", ""), "")})


def _page(actor: Actor, row: Meeting) -> MeetingPage:
    on, names = clock.today(), accounts.organisation_names()
    lines = selectors.lines_of(row)
    duties = selectors.actions_of(selectors.earlier(row))
    wanted = {line.item.person_id for line in lines} | {duty.person_id for duty in duties}
    people = list(ledger.visible_to(actor, on).filter(person_id__in=wanted))
    known = {person.person_id: banner for person, banner in zip(people, banners(people, on), strict=True)}
    cuts = restrict.cut_for(actor, people)
    shown = [
        ItemLine(number, line, known[line.item.person_id], cuts[line.item.person_id], names)
        for number, line in enumerate(lines, 1)
        if line.item.person_id in known
    ]
    open_duties = [duty for duty in duties if duty.person_id in known and not cuts[duty.person_id].hides(duty)]
    actions = [ActionLine(duty, known[duty.person_id], actor, on, names) for duty in open_duties]
    hidden = len(lines) - len(shown)
    return MeetingPage(row, shown, hidden, actions, actor=actor, on=on, names=names)


@require_POST
def draw_up(request: HttpRequest, meeting_id: int) -> HttpResponse:
    actor, _ = _meeting(request, meeting_id)
    try:
        services.draw_up(actor, meeting_id)
    except Refused:
        return _to(meeting_id, "")
    return _to(meeting_id, "drawn-up")


def _meeting_form(
    request: HttpRequest, row: Meeting, form: Form, *, heading: str, button: str, status: int, intro: str = ""
) -> HttpResponse:
    line = MeetingLine(row, accounts.organisation_names(), clock.today())
    context = {"form": form, "line": line, "heading": heading, "button": button, "version": row.revision, "intro": intro}
    return render(request, "meetings/form.jinja", context, status=status)


@no_patient_data
@require_http_methods(FORM_METHODS)
def record_attendance(request: HttpRequest, meeting_id: int) -> HttpResponse:
    actor, row = _meeting(request, meeting_id)
    text, status = row.attendance, 200
    if not text and (last := selectors.last_before(row)) is not None:
        text = last.attendance
    form = forms.AttendanceForm(request.POST if request.method == "POST" else None, initial={"names": text})
    if request.method == "POST":
        status = 422
        if form.is_valid():
            version = request.POST.get("version", "")
            try:
                services.record_attendance(
                    actor, meeting_id, form.cleaned_data["names"], version=int(version) if version.isdigit() and len(version) < 9 else -1
                )
                return _to(meeting_id, "attendance")
            except Refused as refusal:
                refuse(form, refusal)
                status, row = 409, selectors.meeting_row(meeting_id) or row
    return _meeting_form(request, row, form, heading="Who is here", button="Save", status=status)


@no_patient_data
@require_http_methods(FORM_METHODS)
def cancel(request: HttpRequest, meeting_id: int) -> HttpResponse:
    actor, row = _meeting(request, meeting_id)
    form, status = forms.ReasonForm(request.POST if request.method == "POST" else None), 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                services.cancel(actor, meeting_id, why=form.cleaned_data["why"])
                return _to(meeting_id, "cancelled")
            except Refused as refusal:
                refuse(form, refusal)
                status = 409
    intro = "Whoever is on its agenda waits for the next meeting."
    return _meeting_form(request, row, form, heading="Cancel this meeting", button="Cancel it", status=status, intro=intro)


@require_http_methods(FORM_METHODS)
def add_person(request: HttpRequest, person_id: int) -> HttpResponse:
    """From the patient page: on the agenda of a meeting to come, with the reason."""
    actor, person = open_person(request, person_id, "put on the agenda")
    gate.require(actor, Permission.HOLD_MEETINGS, ledger.subject_of(person_id))
    names = accounts.organisation_names()
    meetings = [MeetingLine(row, names, clock.today()) for row in selectors.planned_for(actor)]
    choices = [(str(line.id), f"{line.title}, {line.host}") for line in meetings]
    initial = {"meeting": choices[0][0]} if choices else {}
    form, status = forms.AddForm(request.POST if request.method == "POST" else None, meetings=choices, initial=initial), 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                meeting_id = int(form.cleaned_data["meeting"])
                services.add_person(actor, meeting_id, person_id, why=form.cleaned_data["why"])
                return _to(meeting_id, "added")
            except Refused as refusal:
                refuse(form, refusal)
                status = 409
    context = {"form": form, "meetings": meetings, "banner": Banner(person, clock.today())}
    return render(request, "meetings/add.jinja", context, status=status)


# One person


def _item(request: HttpRequest, item_id: int, what: str) -> tuple[Actor, AgendaItem]:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    item = selectors.item_row(item_id)
    if item is None:
        raise Http404
    gate.open_patient(actor, ledger.subject_of(item.person_id), what=what)
    gate.require(actor, Permission.HOLD_MEETINGS, ledger.subject_of(item.person_id))
    if not selectors.comes(actor, item.meeting):
        raise Http404
    return actor, item


def _seen(request: HttpRequest) -> int:
    text = request.POST.get("seen", "")
    return int(text) if text.isdigit() and len(text) < 19 else 0


@require_http_methods(FORM_METHODS)
def discuss(request: HttpRequest, item_id: int) -> HttpResponse:
    """What is needed about one person, and the decision, typed once."""
    actor, item = _item(request, item_id, "meeting")
    owners = services.owners_of(item.person_id, item.meeting)
    role_choices = [(key, role.label) for key, role in roles().items() if Permission.VIEW_WORKLIST in role.may]
    form = forms.DecideForm(request.POST if request.method == "POST" else None, owners=owners, roles=role_choices)
    status, seen = 200, None
    if request.method == "POST":
        status = 422
        if form.is_valid():
            cleaned = form.cleaned_data
            try:
                if cleaned["kind"] == forms.ACTION:
                    services.decide(
                        actor,
                        item_id,
                        what=cleaned["words"],
                        owner_org=cleaned["owner"],
                        owner_role=cleaned["role"],
                        due_on=cleaned["due_on"],
                        seen=_seen(request),
                    )
                else:
                    services.no_action(actor, item_id, because=cleaned["words"], seen=_seen(request))
                return redirect(f"{reverse('meetings:discuss', args=[item_id])}?said=decided")
            except services.Changed as changed:
                refuse(form, changed)
                status = 409
            except Refused as refusal:
                refuse(form, refusal)
                status, seen = 409, _seen(request)
        else:
            seen = _seen(request)
    page = discussion_of(item, _page(actor, item.meeting), actor, clock.today())
    context = {
        "form": form,
        "page": page,
        "banner": page.banner,
        "seen": page.seen if seen is None else seen,
        "said": SAID.get(request.GET.get("said", ""), "") if request.method != "POST" else "",
    }
    return render(request, "meetings/discuss.jinja", context, status=status)


@require_http_methods(FORM_METHODS)
def take_off(request: HttpRequest, item_id: int) -> HttpResponse:
    actor, item = _item(request, item_id, "take off the agenda")
    form, status = forms.ReasonForm(request.POST if request.method == "POST" else None), 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                services.take_off(actor, item_id, why=form.cleaned_data["why"])
                return _to(item.meeting_id, "off")
            except Refused as refusal:
                refuse(form, refusal)
                status = 409
    return _person_form(request, item, form, heading="Take off the agenda", button="Take off", status=status)


@require_http_methods(FORM_METHODS)
def take_back(request: HttpRequest, decision_id: int) -> HttpResponse:
    """A decision typed in error."""
    found = selectors.event_row(decision_id)
    if found is None or found.kind not in selectors.DECIDED:
        raise Http404
    actor, item = _item(request, found.item_id, "take back a decision")
    gate.require(actor, Permission.ACT_ON_DUTY, ledger.subject_of(item.person_id))
    form, status = forms.ReasonForm(request.POST if request.method == "POST" else None), 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                services.take_back(actor, decision_id, why=form.cleaned_data["why"])
                return redirect(f"{reverse('meetings:discuss', args=[item.pk])}?said=taken-back")
            except Refused as refusal:
                refuse(form, refusal)
                status = 409
    return _person_form(request, item, form, heading=f"Take back “{found.why}”", button="Take it back", status=status)


def _person_form(request: HttpRequest, item: AgendaItem, form: Form, *, heading: str, button: str, status: int) -> HttpResponse:
    banner = Banner(ledger.person(item.person_id), clock.today())
    context = {"form": form, "heading": heading, "button": button, "item": item, "banner": banner}
    return render(request, "meetings/person_form.jinja", context, status=status)


# The minutes


@require_safe
def show_minutes(request: HttpRequest, meeting_id: int) -> HttpResponse:
    """As signed, or as they stand now; made to be printed."""
    actor, row = _meeting(request, meeting_id)
    page = _minutes(actor, row)
    gate.open_list(actor, action=Permission.HOLD_MEETINGS, what=f"minutes of meeting {meeting_id}", person_ids=page.person_ids)
    context = {"page": page, "said": SAID.get(request.GET.get("said", ""), ""), "now": clock.now()}
    return render(request, "meetings/minutes.jinja", context)


def _minutes(actor: Actor, row: Meeting) -> MinutesPage:
    on, names = clock.today(), accounts.organisation_names()
    signed = selectors.minutes_of(row)
    content = signed.content if signed is not None else services.content_of(row, selectors.lines_of(row))
    wanted = [each["person_id"] for each in content["people"]]
    people = list(ledger.visible_to(actor, on).filter(person_id__in=wanted))
    known = {person.person_id: banner for person, banner in zip(people, banners(people, on), strict=True)}
    duties: dict[tuple[int, str], Duty] = {(duty.person_id, duty.point): duty for duty in selectors.actions_of([row])}
    by = (signed.by.display_name if signed.by else "", signed.at) if signed is not None else None
    return MinutesPage(row, content, known, restrict.cut_for(actor, people), duties, names=names, signed=by, on=on)


@require_http_methods(FORM_METHODS)
def sign_off(request: HttpRequest, meeting_id: int) -> HttpResponse:
    """The chair reads the minutes and signs."""
    actor, row = _meeting(request, meeting_id)
    form, status = forms.SignForm(request.POST if request.method == "POST" else None), 200
    if request.method == "POST" and form.is_valid():
        try:
            services.sign_off(actor, meeting_id)
            return redirect(f"{reverse('meetings:show_minutes', args=[meeting_id])}?said=signed")
        except Refused as refusal:
            refuse(form, refusal)
            status = 409
    page = _minutes(actor, row)
    gate.open_list(actor, action=Permission.HOLD_MEETINGS, what=f"sign off meeting {meeting_id}", person_ids=page.person_ids)
    context = {"form": form, "page": page, "may_sign": row.is_planned and actor.user_id == row.chair_id, "chair": row.chair.display_name}
    return render(request, "meetings/sign.jinja", context, status=status)
